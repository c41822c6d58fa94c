"""Which outage a notice in nobody's form is about, and which circuits: by labels, tables, and the words of a subject.

A number of either has a digit in it.
"""

import re
from collections.abc import Iterator, Sequence

from domain.events import StatedCircuit, circuit_key_of, id_key_of
from domain.vocabulary import Impact
from parsers.lines import one_line
from parsers.outage.labels import Field
from parsers.outage.words import Means, impact_in, meaning_of
from parsers.statements import NotUnderstood, joined

_MOST_CIRCUITS = 500
_MOST_DOUBTS = 10
_SEARCHED_CHARACTERS = 1000
_LONGEST_CIRCUIT = 60
_FEWEST_DIGITS_ALONE = 4

# An id has a digit, and is neither a date, an address nor a time.
_ID = re.compile(r"(?=[^\s]{0,40}\d)[A-Za-z0-9][\w./#-]{2,40}")
_NO_ID = re.compile(
    r"\d{1,4}[-/.]\d{1,2}[-/.]\d{2,4}|\d{1,2}:\d{2}.*|\d{1,3}(?:\.\d{1,3}){3}|\d{1,3}[GMK](?:b/?ps?)?", re.IGNORECASE
)
_IN_SUBJECT = (
    re.compile(
        r"\b(?:(?:trouble |service |repair |noc |fault )?(?:ticket|case|incident|tt|fault|outage|event)|reference"
        r"|ref)\b"
        r"(?: ?(?:number|no|nr|id|ref|reference))?\.?[ :#(\[-]{1,4}(?P<id>(?=[^\s]{0,40}\d)[A-Za-z0-9][\w./-]{2,40})",
        re.IGNORECASE,
    ),
    re.compile(r"(?<![\w/])(?P<id>(?:INC|TTN|TT|CS|TKT|SR|CASE|TICKET|NOC|IM|PM)-?\d[\d-]{3,20})\b", re.IGNORECASE),
    re.compile(
        r"(?P<id>(?<=\[#)\d{4,20}(?=\])|(?<=\[)[A-Z]{1,6}-?\d{4,20}(?=\])|(?<=\s#)\d{4,20}\b|(?<=^#)\d{4,20}\b)"
    ),
)
_RANKS = ("ticket", "tt", "case", "incident", "fault", "outage", "problem", "disturbance", "event")
_NAMES_A_NUMBER = re.compile(r"#|\b(?:number|num|no|nr|id|ref|reference)\b", re.IGNORECASE)

_CIRCUIT_IN_SUBJECT = re.compile(
    r"\b(?:circuit|service)(?: (?:id|no|number))?\.?[ :#(\[]{1,3}(?P<id>(?=[^\s]{0,40}\d)[A-Za-z0-9][\w./:_-]{3,58}\w)",
    re.IGNORECASE,
)
_BETWEEN_CIRCUITS = re.compile(r"[,;\n]|\s+(?:and|&)\s+|\s[|/]\s")
_AFTER_CIRCUIT = re.compile(r"\s+[-–—]\s+.*|\s*[(\[|\t].*|:\s.*|\s{2,}.*")
_CIRCUIT = re.compile(r"(?=[^\n]{0,60}\d)(?:[A-Za-z0-9]|/(?=[A-Za-z0-9]))[A-Za-z0-9 ./:_#&+-]{1,59}")
# An id at the beginning of what describes it: letters and digits, or a long number.
_LEADING_CIRCUIT = re.compile(
    r"(?P<id>(?=[^\s]{0,60}\d)(?=[^\s]{0,60}[A-Z]|\d{5})/?[A-Z0-9][A-Z0-9./:_#&+-]{1,58}[A-Z0-9/])\s+(?P<rest>.+)"
)
# How fast what follows is.
_CAPACITY = re.compile(r"(?:\d{1,3}X\d|(?:OC|STM|STS|DS|ODU|OTU|E|T)-?\d{1,3}[A-Z]?\s)")
_IS = re.compile(r"(?:is|are|was|were|has|have|remains?)\b|=|->")
# A customer's own name for a circuit.
_CUSTOMERS = re.compile(r"\W{0,6}(?:your|customer(?:'?s)?|client(?:'?s)?|end user)\b", re.IGNORECASE)
_READ_CHARACTERS = 200
_LIST_MARK = re.compile(r"^(?:[-*•·▪]|\d{1,2}[.)])\s+")
_NO_CIRCUIT = frozenset({"", "-", "n/a", "na", "none", "tbd", "unknown", "multiple", "various", "see below", "all"})
# What stands where circuits do and counts them, or says how fast one is.
_NO_CIRCUIT_ID = re.compile(
    r"\d{1,3}|\d{1,4}(?:\.\d)?\s?(?:[gmk](?:b/?ps?|ig|be|e)?|x .*|circuits?|services?)", re.IGNORECASE
)
_LOOSE = frozenset(
    {
        *("service", "services", "link", "links", "line", "asset", "assets", "product", "products", "affected"),
        *("impacted", "connection", "path", "access", "affected services", "impacted services"),
    }
)


def ticket_of(
    fields: Sequence[tuple[Means, Field]], subject: str, lines: Sequence[str]
) -> tuple[str, tuple[str, ...], str]:
    """Return the number of the outage, its other numbers, and the words in which the first was found.

    What is labelled counts before what a subject names, and a ticket before a case or a reference. Empty where there is
    none. Raises ``NotUnderstood`` where a notice names two by one label: it is a list of tickets.
    """
    labelled = [
        (name, field) for means, field in fields if means is Means.TICKET and (name := _id_in(field.label, field.value))
    ]
    others = [name for means, field in fields if means is Means.OTHER_TICKET and (name := _id_in("no", field.value))]
    if not labelled:
        name, words = _named(subject, lines)
        return name, _others(name, others), words
    ranked = sorted(labelled, key=lambda one: _rank(one[1].label))
    name, field = ranked[0]
    same = {id_key_of(other) for other, one in labelled if one.label.lower() == field.label.lower()}
    if len(same) > 1:
        raise NotUnderstood(f"it names several tickets as {field.label}: {', '.join(sorted(same)[:4])}")
    return name, _others(name, [*(other for other, _ in ranked), *others]), f"{field.label}: {field.value}"


def _others(name: str, others: Sequence[str]) -> tuple[str, ...]:
    once = {id_key_of(other): other for other in reversed(others) if id_key_of(other) != id_key_of(name)}
    return tuple(reversed(once.values()))


def _rank(label: str) -> int:
    words = label.lower()
    return next((rank for rank, word in enumerate(_RANKS) if word in words), len(_RANKS))


def _id_in(label: str, value: str) -> str:
    """Return the id that a value is, or that stands in it behind a label that announces a number."""
    found = [one[0].rstrip(".#/-") for one in _ID.finditer(value[:100])]
    ids = [one for one in found if not _NO_ID.fullmatch(one) and len(one) >= 3]
    if not ids:
        return ""
    first = value.split("\n")[0].split(" (")[0].strip(" #.;,[]<>")
    # "Incident: 10G link down" is no number.
    return ids[0] if ids[0] == first.rstrip(".#/-") or _NAMES_A_NUMBER.search(label) else _led(first, ids[0])


def _led(value: str, name: str) -> str:
    """Return an id with nothing before it but the word for it, and nothing behind it but more of its own."""
    before, _, behind = value.partition(name)
    alone = before.strip(" #:-").lower() in ("", "ticket", "case", "incident", "no", "no.", "tt", "number")
    return name if alone and not re.match(r"\s+[a-z]{2}", behind) else ""


def _named(subject: str, lines: Sequence[str]) -> tuple[str, str]:
    """Return the id that a subject names, or else the text in words, and those words."""
    for text, patterns in ((subject, _IN_SUBJECT), *((line, _IN_SUBJECT[:2]) for line in lines)):
        for pattern in patterns:
            for found in pattern.finditer(text):
                name = found["id"].rstrip("./-")
                if not _NO_ID.fullmatch(name):
                    return name, found[0]
    return "", ""


def circuits_of(
    fields: Sequence[tuple[Means, Field]],
    tables: Sequence[Sequence[Sequence[Field]]],
    text: tuple[str, Sequence[str]],
    impact: Impact | None,
) -> tuple[StatedCircuit, ...]:
    """Return the circuits of tables, else those behind labels or in the list below one, else those of the subject.

    ``text`` is subject and lines. ``impact`` is that of all circuits of which nothing else is stated. A customer's own
    name of a circuit counts where the carrier's is not stated.
    """
    return _all_circuits(fields, tables, text, impact)[:_MOST_CIRCUITS]


def circuit_doubts_of(
    fields: Sequence[tuple[Means, Field]],
    tables: Sequence[Sequence[Sequence[Field]]],
    text: tuple[str, Sequence[str]],
) -> tuple[str, ...]:
    """Return what a person should know of the circuits: those that cannot be read, and that there are too many."""
    behind_labels = (one_line(part) for field in _of_circuits(fields) for part in _unread(field))
    doubts = [f'a circuit that cannot be read: "{part}"' for part in dict.fromkeys(behind_labels)]
    if len(_all_circuits(fields, tables, text, None)) > _MOST_CIRCUITS:
        doubts.append(f"of its circuits the first {_MOST_CIRCUITS} are kept")
    return (*doubts[:_MOST_DOUBTS], *doubts[_MOST_DOUBTS:][-1:])


def _all_circuits(
    fields: Sequence[tuple[Means, Field]],
    tables: Sequence[Sequence[Sequence[Field]]],
    text: tuple[str, Sequence[str]],
    impact: Impact | None,
) -> tuple[StatedCircuit, ...]:
    subject, lines = text
    listed = [circuit for table in tables for row in table for circuit in _in_row(row, impact)]
    if not listed:
        named = [one for field in _of_circuits(fields) for one in _names(field.value, loose=_is_loose(field))]
        listed = [StatedCircuit(circuit_id=name, impact=own or impact) for name, own in named]
    known = {circuit_key_of(circuit.circuit_id) for circuit in listed}
    carriers = any(not _CUSTOMERS.match(field.label) for field in _of_circuits(fields))
    stated = joined(list(_below_label(lines, impact, known, carriers=carriers)))
    below = {circuit_key_of(circuit.circuit_id): circuit for circuit in stated}
    listed = [below.pop(circuit_key_of(circuit.circuit_id), circuit) for circuit in listed]
    listed.extend(below.values())
    if not listed:
        listed = [StatedCircuit(circuit_id=one["id"], impact=impact) for one in _CIRCUIT_IN_SUBJECT.finditer(subject)]
    return joined(listed)


def _of_circuits(fields: Sequence[tuple[Means, Field]]) -> list[Field]:
    """Return the fields of circuits: the carrier's, else the customer's."""
    found = [field for means, field in fields if means is Means.CIRCUITS and field.value]
    return [field for field in found if not _CUSTOMERS.match(field.label)] or found


def _unread(field: Field) -> Iterator[str]:
    """Yield what has a digit behind a label of circuits, and is none, nor what counts or describes them."""
    if _is_loose(field):
        return
    for part in _BETWEEN_CIRCUITS.split(field.value[:_SEARCHED_CHARACTERS]):
        bare = part.strip(" .;")
        if not any(map(str.isdigit, bare)) or _NO_CIRCUIT_ID.fullmatch(bare) or _NO_ID.fullmatch(bare):
            continue
        if not any(_names(part, loose=False)):
            yield part[:_READ_CHARACTERS]


def _in_row(row: Sequence[Field], impact: Impact | None) -> Iterator[StatedCircuit]:
    """Yield the circuits of a row, with the impact that the row states of them."""
    stated = (
        found
        for means in (Means.IMPACT, Means.STATUS)
        for field in row
        if meaning_of(field.label) is means and (found := impact_in(field.value))
    )
    worst = next(stated, impact)
    for field in _of_circuits([(means, field) for field in row if (means := meaning_of(field.label))]):
        named = list(_names(field.value, loose=_is_loose(field)))
        yield from (StatedCircuit(circuit_id=name, impact=own or worst) for name, own in named)
        if named:
            return


def _below_label(
    lines: Sequence[str], impact: Impact | None, known: set[str], *, carriers: bool
) -> Iterator[StatedCircuit]:
    """Yield the circuits of a list: lines below a label of circuits that begin with an id, each with its impact.

    Of those that are known it yields the ones whose impact stands there. ``carriers``: the customer's do not count.
    """
    inside = False
    for line in lines:
        label, colon, value = line.partition(":")
        if colon and meaning_of(label) is Means.CIRCUITS:
            ours = not (carriers and _CUSTOMERS.match(label))
            inside = ours and (not value.strip() or any(_names(value, loose=True)))
            continue
        if not inside:
            continue
        name, _ = next(_names(_LIST_MARK.sub("", line), loose=True), ("", None))
        if not name or (colon and meaning_of(label)):
            inside = False
            continue
        own = impact_in(line.partition(name)[2])
        if own or circuit_key_of(name) not in known:
            yield StatedCircuit(circuit_id=name, impact=own or impact)


def _is_loose(field: Field) -> bool:
    """Return whether a label announces a service by its name as often as by its id."""
    return " ".join(field.label.lower().split()) in _LOOSE


def _names(value: str, *, loose: bool) -> Iterator[tuple[str, Impact | None]]:
    """Yield the ids in a value, each with the impact that is stated of it there."""
    for part in _BETWEEN_CIRCUITS.split(value):
        whole = _LIST_MARK.sub("", part.strip())
        name = _AFTER_CIRCUIT.sub("", whole).strip(" .;")
        if _is_circuit(name, loose=loose):
            yield name, None
        elif (
            not loose
            and not _CAPACITY.match(whole)
            and (found := _LEADING_CIRCUIT.fullmatch(whole[:_SEARCHED_CHARACTERS]))
        ):
            states = _IS.match(found["rest"])
            impact = impact_in(found["rest"]) if states else None
            if _is_circuit(found["id"], loose=loose) and (impact or not states):
                yield found["id"], impact


def _is_circuit(name: str, *, loose: bool) -> bool:
    if name.lower() in _NO_CIRCUIT or _NO_CIRCUIT_ID.fullmatch(name) or not _CIRCUIT.fullmatch(name):
        return False
    # Prose has small letters between its blanks.
    words = name.split()
    if len(words) > 1 and (loose or any(word.islower() and word.isalpha() for word in words)):
        return False
    return len(name) <= _LONGEST_CIRCUIT and not _NO_ID.fullmatch(name) and not (loose and _short_number(name))


def _short_number(name: str) -> bool:
    return name.isdigit() and len(name) < _FEWEST_DIGITS_ALONE
