"""What a reader found, field by field, as a person sees it: the words, and the value that came of them."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from domain.events import StatedCircuit, StatedEtr, circuit_key_of, iso_utc
from domain.message import Match
from parsers.lines import one_line
from parsers.outage.words import Means, meaning_of
from parsers.statements import Findings, Result

MOST_MATCHES = 100
MOST_CHARACTERS = 200

_Value = str | datetime | StrEnum | StatedEtr | None

# What a field is called, and where its value stands. Circuits are found by their ids.
_VALUES: Mapping[str, Callable[[Result], _Value]] = {
    "ticket": lambda result: result.event_id,
    "maintenance_id": lambda result: result.event_id,
    "status": lambda result: result.outage.status if result.outage else result.status,
    "start": lambda result: result.outage.start if result.outage else result.start,
    "end": lambda result: result.outage.end if result.outage else result.end,
    "reported_at": lambda result: result.outage.reported_at if result.outage else None,
    "etr": lambda result: result.outage.etr if result.outage else None,
    "cause": lambda result: result.outage.cause if result.outage else None,
    "zone": lambda result: result.outage.zone if result.outage else None,
    "account": lambda result: result.account,
    "summary": lambda result: result.summary,
}
_CIRCUITS = "circuit"
_IMPACT = "impact"
# A reader may call a field as the notice labels it.
_FIELDS: Mapping[Means, str] = {
    Means.STATUS: "status",
    Means.START: "start",
    Means.END: "end",
    Means.REPORTED: "reported_at",
    Means.ETR: "etr",
    Means.CAUSE: "cause",
    Means.CIRCUITS: _CIRCUITS,
    Means.IMPACT: _IMPACT,
}


def matches_of(matched: Sequence[tuple[str, str]], findings: Findings | None = None) -> tuple[Match, ...]:
    """Return what a reader found in words, with the values that are among its findings; None: it found not enough."""
    results = findings.results if findings else ()
    circuits = [circuit for result in results for circuit in result.circuits or ()]
    counted: Counter[str] = Counter()
    beside = circuits
    found = []
    for name, words in matched[:MOST_MATCHES]:
        field = _field_of(name)
        if field == _CIRCUITS:
            beside = _named(words, circuits)
            value = ", ".join(dict.fromkeys(map(_told_of_circuit, beside)))
        elif field == _IMPACT:
            value = _impact(beside)
            beside = circuits
        else:
            value = _value(list(_values(field, results)), counted[field])
            beside = circuits
        counted[field] += 1
        found.append(Match(field=name, words=_cut(words), value=_cut(value)))
    return tuple(found)


def _field_of(name: str) -> str:
    """Return the field that a reader means, whether it calls it so or by the label that stands in the notice."""
    plain = name.lower()
    if plain in _VALUES or plain in (_CIRCUITS, _IMPACT):
        return plain
    means = meaning_of(name)
    return _FIELDS.get(means, plain) if means else plain


def _values(field: str, results: Sequence[Result]) -> Iterator[str]:
    read = _VALUES.get(field)
    for result in results if read else ():
        if read and (value := read(result)) is not None:
            yield _told(value)


def _value(values: Sequence[str], number: int) -> str:
    """Return the value of a field's match of this number: each window has its own, what is said once is that."""
    if len(set(values)) == 1:
        return values[0]
    return values[number] if number < len(values) else ""


def _named(words: str, circuits: Sequence[StatedCircuit]) -> list[StatedCircuit]:
    """Return the circuits that words name."""
    said = circuit_key_of(words)
    exact = [circuit for circuit in circuits if circuit_key_of(circuit.circuit_id) == said]
    return exact or [circuit for circuit in circuits if circuit_key_of(circuit.circuit_id) in said]


def _told_of_circuit(circuit: StatedCircuit) -> str:
    return f"{circuit.circuit_id} {circuit.impact}" if circuit.impact else circuit.circuit_id


def _impact(circuits: Sequence[StatedCircuit]) -> str:
    """Return the impact of the circuit that stands before its words, or the one of all circuits."""
    impacts = {circuit.impact for circuit in circuits}
    only = impacts.pop() if len(impacts) == 1 else None
    return only.value if only else ""


def _told(value: str | datetime | StrEnum | StatedEtr) -> str:
    if isinstance(value, StatedEtr):
        return iso_utc(value.at) if value.at else "none now"
    return iso_utc(value) if isinstance(value, datetime) else str(value)


def _cut(text: str) -> str:
    line = one_line(text)
    return line if len(line) <= MOST_CHARACTERS else f"{line[: MOST_CHARACTERS - 1]}…"
