"""Make the tables of docs/providers.md out of the code: who writes, in which forms, and who reads them.

Run as ``python -m tests.gate.providers_document`` (``make docs``). What stands outside of the two marks is written by
hand.
"""

import inspect
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from circuit_maintenance_parser import SUPPORTED_PROVIDERS

from parsers import clock, handover
from parsers.corrections.table import CORRECTIONS
from parsers.forms import BCOP, BY_NAME, FORMS, Form, IdRule
from parsers.outage.readers import EVERYBODYS
from parsers.providers import PROVIDERS, Provider
from parsers.readers import OWN_READERS
from tests.readings import MAIL, STORIES

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "providers.md"
BEGIN, END = "<!-- made by `make docs`: -->\n", "<!-- until here -->\n"

_OURS = {reader.form: reader for reader in OWN_READERS}
_COLUMNS = ("provider", "senders", "readers", "outages", "id", "dates and zone", "states", "faults", "a mail of ours")
_IDS = {
    IdRule.STATED: "stated",
    IdRule.NUMBERED_WINDOWS: "`N-k` is window k of `N`",
    IdRule.CIRCUITS: "none: the digest of the circuits",
}
# What is put right by a rule for all forms.
_BY_RULE = {"apple": ["parsers/statements.py"]}
EVERYBODYS_OUTAGES = tuple(reader.form for reader in EVERYBODYS)
ANYBODY = Provider(name="anybody", senders=("an unknown sender makes its provider",), readers=(BCOP,))


def main() -> int:
    """Write the document anew."""
    held = DOCUMENT.read_text(encoding="utf-8")
    made = document(held)
    DOCUMENT.write_text(made, encoding="utf-8")
    print(f"{DOCUMENT.relative_to(ROOT)}: {'nothing changes' if made == held else 'written anew'}")
    return 0


def document(held: str) -> str:
    """Return the document with its tables as the code gives them."""
    before, begin, rest = held.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{DOCUMENT}: no line {BEGIN.strip()}, or no {END.strip()} after it")
    return f"{before}{begin}\n{table()}\n## Known faults of the parser library\n\n{faults()}\n{end}{after}"


def table() -> str:
    """Return a line for each provider, and one for the calendars that anybody may send."""
    rows = [_COLUMNS, tuple("---" for _ in _COLUMNS), *(_row(provider) for provider in (ANYBODY, *PROVIDERS))]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in rows)


def faults() -> str:
    """Return the known faults of each form, and what is done about each."""
    return "\n".join(
        f"### {form.name}\n\n"
        + "".join(f"- {wrong}. *Here:* {done}\n" for wrong, done in map(split_fault, form.faults))
        # Where it is put right.
        + f"\nIn {', '.join(f'[{place}](../{place})' for place in places_of(form))}.\n"
        for form in FORMS
        if form.faults
    )


def split_fault(fault: str) -> tuple[str, str]:
    """Return what is wrong and what is done about it; the latter is empty where it is not said."""
    wrong, _, done = fault.partition(": ")
    return wrong, done


def places_of(form: Form) -> list[str]:
    """Return the files in which faults of the library in a form are put right."""
    files = [inspect.getsourcefile(function) or "" for function in _ours_in(form)]
    if f'"{form.name}"' in inspect.getsource(handover):
        files.append(handover.__file__)
    return [str(Path(file).relative_to(ROOT)) for file in dict.fromkeys(files)] + _BY_RULE.get(form.name, [])


def mail_of(provider: Provider) -> Path | None:
    """Return a mail of ours about an event of a provider: the one that its dates are known from, or the first."""
    known_from = [ROOT / BY_NAME[form].known_from for form in provider.readers]
    mails = [path for path in known_from if MAIL in path.parents] + sorted((MAIL / folder_of(provider)).glob("*.eml"))
    stories = sorted((STORIES / folder_of(provider)).glob("*/*.eml"))
    return next((path for path in mails if _tells_of(provider, path)), stories[0] if stories else None)


def folder_of(provider: Provider) -> str:
    """Return the name of the folders of a provider in tests/mail and tests/stories."""
    return BCOP if provider is ANYBODY else provider.name


def forms_of(provider: Provider) -> list[Form]:
    """Return the forms of a provider; calendars, which anybody may send, where the library knows that it does."""
    forms = []
    for name in provider.readers:
        kinds = _library_kinds(name)
        forms += [BY_NAME[BCOP]] if "ICal" in kinds else []
        forms += [BY_NAME[name]] if kinds != {"ICal"} else []
    return list(dict.fromkeys(forms))


def heeds_settings(form: Form) -> bool:
    """Say whether times in a form are read by ``parsers.clock``, which heeds what the configuration says of them."""
    return any(getattr(inspect.getmodule(one), "clock_of", None) is clock.clock_of for one in _ours_in(form))


def _ours_in(form: Form) -> tuple[Callable[..., Any], ...]:
    """Return what of ours has a part in the reading of a form: its reader, or the corrections of the library's."""
    return (_OURS[form.name].read,) if form.name in _OURS else CORRECTIONS.get(form.name, ())


def _library_kinds(form: str) -> set[str]:
    """Return the names of the library's parsers of a form."""
    found = [one for one in SUPPORTED_PROVIDERS if one.get_provider_type() == form]
    processors = [processor for one in found for processor in one.__private_attributes__["_processors"].default]
    return {parser.__name__ for processor in processors for parser in processor.data_parsers}


def _tells_of(provider: Provider, path: Path) -> bool:
    events = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    return any(provider is ANYBODY or event["provider"] == provider.name for event in events)


def _row(provider: Provider) -> tuple[str, ...]:
    forms = forms_of(provider)
    return (
        f"**{provider.name}**" + "".join(f"<br>= {alias}" for alias in provider.aliases),
        _lines(f"`{sender}`" if "@" in sender else sender for sender in provider.senders),
        _lines(_reader(form) for form in forms),
        _outages(provider),
        _lines("PRIMARY, else the first" if form.name == BCOP else _IDS[form.id_rule] for form in forms),
        _lines(_times(form, provider) for form in forms),
        _stated(forms, provider),
        _lines(f"[{form.name}: {len(form.faults)}](#{form.name})" for form in forms if form.faults) or "-",
        _mails(provider),
    )


def _lines(cells: Iterable[str]) -> str:
    return "<br>".join(dict.fromkeys(cells))


def _reader(form: Form) -> str:
    if form.name in _OURS:
        return f"{form.name} (ours)"
    return f"{form.name} (library{', corrected' if form.name in CORRECTIONS else ''})"


def _outages(provider: Provider) -> str:
    forms = EVERYBODYS_OUTAGES if provider is ANYBODY else provider.outage_readers
    return _lines(f"[{form}](outages.md#readers)" for form in forms) or "-"


def _times(form: Form, provider: Provider) -> str:
    if form.name == BCOP:
        said = [form.date_order.value, "zone stated"]
    else:
        zone = provider.zone or form.zone
        said = [provider.date_order or form.date_order.value, "zone stated" if zone == "stated" else zone]
        said += ["EST is literal"] if provider.literal_zones else []
    source = form.known_from
    link = f"[{Path(source).stem}](../{source})" if (ROOT / source).exists() else source
    return f"{', '.join(said)}{' †' if heeds_settings(form) else ''} ({link})"


def _stated(forms: Sequence[Form], provider: Provider) -> str:
    said = []
    if impacts := [form.name for form in forms if form.states_impact]:
        said.append("impact" if len(impacts) == len(forms) else f"impact in {', '.join(impacts)}")
    said += ["completion"] if provider.sends_completions else []
    said += ["a new UID each time"] if provider.random_uids else []
    return _lines(said) or "-"


def _mails(provider: Provider) -> str:
    mail = mail_of(provider)
    links = [f"[{mail.stem}](../{mail.relative_to(ROOT)})"] if mail else ["none"]
    links += [
        f"[{word}](../{folder.relative_to(ROOT)})"
        for word, folder in (("mails", MAIL / folder_of(provider)), ("stories", STORIES / folder_of(provider)))
        if folder.is_dir()
    ]
    return ", ".join(links)


if __name__ == "__main__":
    sys.exit(main())
