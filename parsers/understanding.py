"""What the readers make of one notice, and whose it is among the providers that may have written it."""

from collections.abc import Sequence
from dataclasses import dataclass

from domain.errors import MaintdError
from domain.message import Decision, Terms, Trial
from parsers.authenticity import Untrusted, claimed, trusts
from parsers.forms import BCOP
from parsers.matched import matches_of
from parsers.mime import Notification
from parsers.outage import general
from parsers.outage.readers import EVERYBODYS
from parsers.outage.sorting import Sort, is_letter, sort_of
from parsers.own.bcop import calendars_of
from parsers.providers import Directory, Provider, forms_of
from parsers.readers import reader_of
from parsers.sources import Source
from parsers.statements import Findings, NotUnderstood, Reader
from parsers.template import PatternStopped
from parsers.template import reader_of as template_reader_of

_CURE = "maintd quarantine accept MESSAGE --reader general --because WHY"


class Ambiguous(MaintdError):
    """Say that a notice can be of several providers, in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a notice says, read as one provider's: its findings by the first reader that finds something."""

    provider: Provider
    reader: Reader
    findings: Findings


def understand(source: Source, directory: Directory, terms: Terms, trials: list[Trial]) -> Said:
    """Return what a notice says, and whose it is; what each reader made of it is added to ``trials``.

    Where no reader finds anything, but one says that there is nothing for us, that is what is said. Raises
    ``NotUnderstood``, ``Ambiguous``, and ``Untrusted`` where the notice names a provider that its sender is not.
    """
    found: list[Said] = []
    silent: list[Said] = []
    failures: list[str] = []
    for provider in source.providers:
        try:
            said = _read_as(provider, source.notification, terms.decision, trials)
        except NotUnderstood as problem:
            failures.append(str(problem))
            continue
        (found if said.findings.results else silent).append(said)
    if found:
        return _whose(found, source, directory, terms, trials)
    if failures or not silent:
        raise NotUnderstood("; ".join(failures) or "it is of no provider")
    return silent[0]


def _whose(found: Sequence[Said], source: Source, directory: Directory, terms: Terms, trials: list[Trial]) -> Said:
    """Return the one whose notice it is: whom it names itself, else the only one whose readers find something."""
    decision = terms.decision
    if decision.provider:
        return found[0]
    named = {said.provider.name: claimed(said.findings.stated_provider or "", directory) for said in found}
    right = [said for said in found if not named[said.provider.name] or said.provider in named[said.provider.name]]
    if not right:
        return _of_another(found[0], named[found[0].provider.name], source, terms, trials)
    certain = [said for said in right if said.provider in named[said.provider.name]] or right
    if decision.reader:
        form = _form(decision.reader)
        certain = [said for said in certain if form in forms_of(said.provider)] or certain
    if len(certain) > 1 and not decision.accepted:
        raise Ambiguous(_both(certain))
    return certain[0]


def _of_another(said: Said, named: Sequence[Provider], source: Source, terms: Terms, trials: list[Trial]) -> Said:
    """Return what is said as that of the provider it names, where a person let it in; raise ``Untrusted`` otherwise.

    A trusted forwarder hands on calendars of others.
    """
    if terms.decision.released or trusts(source.notification.sender, terms):
        return _read_as(named[0], source.notification, terms.decision, trials)
    whose = " or ".join(provider.name for provider in named)
    raise Untrusted(
        f"it names {whose} as its provider, but comes as a mail of {said.provider.name}; if it is right: "
        f"maintd quarantine release MESSAGE, or maintd quarantine assign MESSAGE {named[0].name} for all that this "
        "sender writes"
    )


def _both(certain: Sequence[Said]) -> str:
    told = [
        f"{said.provider.name} by the reader {said.reader.form}: {said.findings.results[0].event_id}"
        for said in certain
    ]
    return f"several providers share this address, and each can have written it: {'; '.join(told)}"


def _read_as(provider: Provider, notification: Notification, decision: Decision, trials: list[Trial]) -> Said:
    """Return what the readers of one provider find: what the first of them finds that finds something of use."""
    failures: list[str] = []
    unusable = silent = None
    for form in _forms(provider, notification, decision):
        try:
            reader = _reader(form, provider, decision)
            findings = reader.read(notification, provider)
        except PatternStopped as problem:
            trials.append(Trial(provider=provider.name, reader=form, outcome=str(problem)))
            raise
        except NotUnderstood as problem:
            matched = matches_of(problem.matched)
            trials.append(Trial(provider=provider.name, reader=form, outcome=str(problem), matched=matched))
            # Who found something tells more than who found nothing, and who reads all forms more than who knows one.
            telling = problem.matched or form == general.READER.form
            failures.insert(0 if telling else len(failures), str(problem))
            continue
        matched = matches_of(findings.matched, findings)
        trials.append(Trial(provider=provider.name, reader=form, outcome=_outcome(findings), matched=matched))
        said = Said(provider=provider, reader=reader, findings=findings)
        if any(not result.fault for result in findings.results):
            return said
        if findings.results:
            unusable = unusable or said
        else:
            silent = silent or said
    if unusable:
        return unusable
    if not (failures or decision.reader) and silent and (outage := _outage_in(notification, provider, trials)):
        failures.append(outage)
    if failures:
        raise NotUnderstood(f"provider {provider.name}: {'; '.join(failures)}")
    if silent is None:
        raise NotUnderstood(f"provider {provider.name} has no reader: set one in the configuration")
    return silent


def _outage_in(notification: Notification, provider: Provider, trials: list[Trial]) -> str:
    """Return what the general reader says of a mail without a maintenance that names a ticket and a fact of an outage.

    Nobody has sorted it as one, so that a person has to look. Empty where there is nothing to see: in a letter, an
    invitation, a mail about planned work, and where the ticket or any fact is missing.
    """
    if is_letter(notification) or notification.of_type("text/calendar") or sort_of(notification) is Sort.MAINTENANCE:
        return ""
    try:
        (found,) = general.LAX.read(notification, provider).results
    except NotUnderstood:
        return ""
    try:
        findings = general.READER.read(notification, provider)
        outcome, matched = f"reader general: an outage, {found.event_id}, if a person says so", findings.matched
    except NotUnderstood as problem:
        outcome, matched = str(problem), problem.matched
    trial = Trial(provider=provider.name, reader=general.READER.form, outcome=outcome, matched=matches_of(matched))
    trials.append(trial)
    return outcome if _CURE in outcome else f"{outcome}; if it is one: {_CURE}"


def _outcome(findings: Findings) -> str:
    faults = [result.fault for result in findings.results if result.fault]
    if not findings.results:
        return "says that it is nothing for us"
    found = f"found {len(findings.results)}"
    return f"{found}, of which {len(faults)} cannot be used: {faults[0]}" if faults else found


def _forms(provider: Provider, notification: Notification, decision: Decision) -> tuple[str, ...]:
    """Return the forms in which a provider may have written a notification, the likeliest first.

    Templates come first, whatever the notice is about: they are the word of who runs this. Calendars come before every
    form: they are the carrier's own word for what the text beside them says too.
    """
    if decision.reader:
        return (_form(decision.reader),)
    templates = tuple(template.name for template in provider.templates)
    return (*templates, *_built_in_forms(provider, notification))


def _built_in_forms(provider: Provider, notification: Notification) -> tuple[str, ...]:
    others = tuple(form for form in provider.readers if form != BCOP)
    if calendars_of(notification):
        return (BCOP, *others)
    if sort_of(notification) is not Sort.OUTAGE:
        return others
    # What is taken for an outage can be planned work all the same: its own form is asked last.
    return (*dict.fromkeys((*provider.outage_readers, *(reader.form for reader in EVERYBODYS))), *others)


def _reader(form: str, provider: Provider, decision: Decision) -> Reader:
    """Return the reader of a form, a provider's template before all. Raises ``NotUnderstood`` where nobody reads it.

    Of what a person had it read, the general reader asks less than of what nobody has seen.
    """
    template = next((template for template in provider.templates if template.name == form), None)
    if template:
        return template_reader_of(template)
    return general.LAX if decision.reader and form == general.LAX.form else reader_of(form)


def _form(reader: str) -> str:
    """Return the form that a reader reads, which a person may name by the reader's whole label."""
    return reader.rpartition("/")[2]
