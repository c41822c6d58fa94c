"""What the folds of maintenances and of outages have in common: the order of updates, circuits as shown, history."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import NamedTuple

from domain.events import CircuitImpact, Edit, HistoryEntry, JsonValue, Update, id_key_of, iso_utc
from domain.holding import HeldCircuit, severity_of
from domain.vocabulary import Impact, MaintenanceStatus, Move, OutageStatus

# Carriers use a number again: work that begins so long after the end of what bore it before is another event.
GENERATION_GAP = timedelta(days=90)

# The name of a field, and the account of which it is stated, empty for the event as a whole.
Field = tuple[str, str]
OrderKey = tuple[datetime, str, int, str, str, str]


class Step(NamedTuple):
    """What was said of an event, the move that it made, and what it changed."""

    said: Update | Edit
    move: Move
    changes: dict[str, tuple[JsonValue, JsonValue]]


def order_of(update: Update) -> OrderKey:
    """Return the sort key of the one total order: stamp, SEQUENCE within one iCalendar UID, body digest.

    The last two parts tell apart what one text says twice: under another Message-ID, or of another account.
    """
    sequence = -1 if update.sequence is None else update.sequence
    return (
        update.stamp,
        update.ical_uid or "",
        sequence,
        update.body_digest,
        update.source,
        account_key(update.account),
    )


def in_order(updates: Iterable[Update]) -> Iterator[Update]:
    """Yield the updates in the total order, each once."""
    for _, together_there in groupby(sorted(updates, key=order_of), key=order_of):
        first, *others = together_there
        # Two notices of one message may say different things of one event: their words decide, in any process.
        yield from sorted({first, *others}, key=repr) if others else (first,)


def same_id(one: str, other: str | None) -> bool:
    """Tell whether two ids are one; nothing is None."""
    return other is not None and id_key_of(one) == id_key_of(other)


def account_key(account: str | None) -> str:
    """Return an account in the form in which accounts are compared; empty where none is named."""
    return " ".join((account or "").split()).casefold()


def union(lists: Sequence[tuple[Mapping[str, HeldCircuit], bool]]) -> Mapping[str, HeldCircuit]:
    """Return all circuits of several lists, some of which are withdrawn as a whole.

    A circuit is live if it is in any of them, and has the worst impact that is stated of it.
    """
    if len(lists) == 1 and not lists[0][1]:
        return lists[0][0]
    best: dict[str, HeldCircuit] = {}
    for circuits, withdrawn in lists:
        for key, one in circuits.items():
            held = one._replace(withdrawn=True) if withdrawn and not one.withdrawn else one
            known = best.get(key)
            if known is None or (held != known and _weight(held) > _weight(known)):
                best[key] = held
    return best


def _weight(held: HeldCircuit) -> tuple[bool, int, str]:
    return (not held.withdrawn, severity_of(held.impact), held.circuit_id)


def shown(circuits: Mapping[str, HeldCircuit]) -> tuple[CircuitImpact, ...]:
    """Return circuits as they are shown; one whose impact nobody states is an outage. Source: BCOP maintnote 3.6.5."""
    return tuple(
        CircuitImpact(circuit_id=held.circuit_id, impact=held.impact or Impact.OUTAGE, withdrawn=held.withdrawn)
        for held in sorted(circuits.values(), key=lambda held: (held.circuit_id, held.withdrawn))
    )


def live_circuits(circuits: Mapping[str, HeldCircuit]) -> dict[str, Impact]:
    """Return the impact of each circuit that is not withdrawn."""
    return {key: impact for key, held in circuits.items() if (impact := live_impact(held))}


def live_impact(held: HeldCircuit | None) -> Impact | None:
    """Return the impact as it is shown, None for what is withdrawn or not held."""
    return None if held is None or held.withdrawn else held.impact or Impact.OUTAGE


def circuit_changes(
    before: Mapping[str, HeldCircuit], after: Mapping[str, HeldCircuit]
) -> tuple[list[tuple[str, Impact]], list[tuple[str, Impact]]]:
    """Return the live circuits that went, and those that came, by id and impact. None is ever forgotten."""
    gone, come = [], []
    for key, held in after.items():
        known = before.get(key)
        if known is held:
            continue
        old, new = live_impact(known), live_impact(held)
        if known and old and old is not new:
            gone.append((known.circuit_id, old))
        if new and old is not new:
            come.append((held.circuit_id, new))
    return gone, come


def text_of(value: MaintenanceStatus | OutageStatus | None) -> JsonValue:
    """Return a status as it stands in the history."""
    return None if value is None else value.value


def time_of(value: datetime | None) -> JsonValue:
    """Return an instant as it stands in the history."""
    return None if value is None else iso_utc(value)


def circuits_json(circuits: Iterable[tuple[str, Impact]], *, window: datetime | None = None) -> list[JsonValue]:
    """Return circuits with their impacts as they stand in the history; ``window``: of the one that starts then."""
    of_window: dict[str, JsonValue] = {} if window is None else {"window": iso_utc(window)}
    return [{"circuit_id": circuit_id, "impact": impact.value, **of_window} for circuit_id, impact in sorted(circuits)]


def history_of(steps: Sequence[Step], stated_fields: Callable[[Update | Edit], set[Field]]) -> tuple[HistoryEntry, ...]:
    """Return the steps with ``superseded``: every field that the update stated was stated again later."""
    stated_later: set[Field] = set()
    entries = []
    for step in reversed(steps):
        stated = stated_fields(step.said)
        entries.append(
            HistoryEntry(
                stamp=step.said.stamp,
                move=step.move,
                source=step.said.source,
                superseded=stated <= stated_later,
                changes=step.changes,
            )
        )
        stated_later |= stated
    return tuple(reversed(entries))


def digest_of(material: object) -> str:
    """Return the digest of what a person must see again when it changes."""
    return hashlib.sha256(json.dumps(material, sort_keys=True).encode()).hexdigest()


def newest_words(said: Update | Edit, summary: str, organizer: str) -> tuple[str, str]:
    """Return summary and organizer, of which the newest that is not empty counts, whoever says it."""
    if isinstance(said, Edit):
        return (said.summary[1] if said.summary else "") or summary, organizer
    return said.summary or summary, said.organizer or organizer
