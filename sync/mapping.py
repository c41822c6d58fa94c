"""What NetBox should hold of an event: a pure function of the event, of its notices, and of what people say of it.

One window is one record in NetBox: the first is called ``ID``, others ``ID [2]``, ``ID [3]``; a record that is there is
never renumbered, whatever window comes before it later. Notices, estimates and journal entries are lists that only
grow: after a week without NetBox no chapter of the story is missing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from domain.events import EtrRevision, Event, HistoryEntry, JsonValue, Span, Window, iso_utc
from domain.vocabulary import Impact, Kind, MaintenanceStatus

# The plugins' limits, in characters. Source: their models (name 100, summary 200, internal_ticket 100).
NAME_CHARACTERS = 100
SUMMARY_CHARACTERS = 200
TICKET_CHARACTERS = 100

# What a change must touch for a journal entry: the rest is a carrier's course of work as it was announced.
MATERIAL = frozenset({"start", "end", "circuits", "etr"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A message of an event, as NetBox keeps it. ``key`` is its identity, ``material`` whether it changed anything."""

    key: str
    subject: str
    sender: str
    text: str
    received_at: datetime
    material: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """What people said of an event beside its facts."""

    acknowledged: bool = False
    internal_ticket: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredRecord:
    """One record: a window of a maintenance, or an outage. ``impacts`` are by the provider's circuit id.

    ``span`` is what the slot is found again by; None for an outage. ``end`` None: the outage is open.
    """

    slot: int
    kind: Kind
    name: str
    summary: str
    status: str
    start: datetime
    end: datetime | None
    zone: str | None
    impacts: Mapping[str, Impact]
    span: Span | None = None
    etr: datetime | None = None
    reported_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One change of the ETR, as it is told in NetBox's history. ``etr`` None: withdrawn."""

    key: str
    etr: datetime | None
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """One material change, told in words. ``circuits`` are the provider's ids of those that it concerns."""

    key: str
    level: str
    text: str
    circuits: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """All that NetBox should hold of an event; no records: it cannot hold it yet, ``waits_for`` says for what."""

    provider: str
    records: tuple[DesiredRecord, ...]
    people: People = field(default_factory=People)
    notices: tuple[Notice, ...] = ()
    revisions: tuple[Revision, ...] = ()
    journal: tuple[JournalEntry, ...] = ()
    waits_for: str = ""


def desired(
    event: Event,
    *,
    notices: Sequence[Notice] = (),
    people: People | None = None,
    slots: Mapping[int, Span] | None = None,
) -> Desired:
    """Return what NetBox should hold. ``slots`` are the spans of the windows that it holds already, by their number."""
    if event.kind is Kind.OUTAGE:
        records: tuple[DesiredRecord, ...] = (_outage(event),)
    else:
        records = _windows(event, slots or {})
    return Desired(
        provider=event.provider,
        records=records,
        people=people or People(),
        notices=tuple(notices) if records else (),
        revisions=tuple(_revision(one) for one in event.etr_revisions),
        journal=tuple(_journal(event)),
        waits_for="" if records else "a start and an end: no mail has stated any",
    )


def gone(provider: str, held: Mapping[int, DesiredRecord]) -> Desired:
    """Return what NetBox should hold of an event of which nothing counts any more: its windows are cancelled."""
    records = tuple(_cancelled(record) for record in held.values() if record.kind is Kind.MAINTENANCE)
    return Desired(provider=provider, records=records)


def slot_names(event: Event, slot: int) -> str:
    """Return the name of a record: the id, the generation of a number that was used again, and the number behind it."""
    again = f" ({event.generation})" if event.generation > 1 else ""
    behind = again + (f" [{slot}]" if slot > 1 else "")
    return _clipped(event.event_id, NAME_CHARACTERS - len(behind)) + behind


def assigned(windows: Sequence[Window], held: Mapping[int, Span]) -> list[int]:
    """Return the slot of each window: by equal times, else by those that overlap, else by their order, else a new one.

    Each slot is given once, and none of a window that NetBox holds is given up.
    """
    given: dict[int, int] = {}
    free = dict(held)
    for meets in (_equal, _overlap, _always):
        for index, window in enumerate(windows):
            if index in given:
                continue
            slot = next((slot for slot, span in sorted(free.items()) if meets(window, span)), None)
            if slot is not None:
                given[index] = slot
                del free[slot]
    new = iter(range(max(held, default=0) + 1, max(held, default=0) + len(windows) + 1))
    return [given[index] if index in given else next(new) for index in range(len(windows))]


def _equal(window: Window, span: Span) -> bool:
    return (window.start, window.end) == span


def _overlap(window: Window, span: Span) -> bool:
    return window.start < span[1] and span[0] < window.end


def _always(window: Window, span: Span) -> bool:
    return True


def _windows(event: Event, slots: Mapping[int, Span]) -> tuple[DesiredRecord, ...]:
    numbers = assigned(event.windows, slots)
    records = (_window(event, window, slot) for window, slot in zip(event.windows, numbers, strict=True))
    return tuple(sorted(records, key=lambda record: record.slot))


def _window(event: Event, window: Window, slot: int) -> DesiredRecord:
    status = MaintenanceStatus.CANCELLED if window.withdrawn else window.status
    live = {one.circuit_id: one.impact for one in window.circuits if not one.withdrawn and not window.withdrawn}
    return DesiredRecord(
        slot=slot,
        kind=event.kind,
        name=slot_names(event, slot),
        summary=_summary(event),
        status=status.value,
        start=window.start,
        end=window.end,
        zone=event.original_timezone,
        impacts=live,
        span=(window.start, window.end),
    )


def _outage(event: Event) -> DesiredRecord:
    start = event.start or event.reported_at or event.stamp
    return DesiredRecord(
        slot=1,
        kind=event.kind,
        name=slot_names(event, 1),
        summary=_summary(event),
        status=event.status.value,
        start=start,
        end=event.end,
        zone=event.original_timezone,
        impacts={one.circuit_id: one.impact for one in event.circuits if not one.withdrawn},
        etr=event.etr,
        reported_at=event.reported_at,
    )


def _cancelled(record: DesiredRecord) -> DesiredRecord:
    return DesiredRecord(
        slot=record.slot,
        kind=record.kind,
        name=record.name,
        summary=record.summary,
        status=MaintenanceStatus.CANCELLED.value,
        start=record.start,
        end=record.end,
        zone=record.zone,
        impacts={},
        span=record.span,
    )


def _summary(event: Event) -> str:
    words = " ".join(event.summary.split()) or f"{event.kind.value} {event.event_id} of {event.provider}"
    return _clipped(words, SUMMARY_CHARACTERS)


def _clipped(text: str, characters: int) -> str:
    return text if len(text) <= characters else text[: characters - 1] + "…"


# --- the story ----------------------------------------------------------------------------------------------------


def _revision(one: EtrRevision) -> Revision:
    slip = "" if one.slip_seconds is None else f", {one.slip_seconds / 3600:+.1f} h"
    value = "withdrawn" if one.etr is None else f"{one.move.value} to {iso_utc(one.etr)}{slip}"
    words = f': "{one.words}"' if one.words else ""
    return Revision(
        key=f"{iso_utc(one.stamp)} {one.source}",
        etr=one.etr,
        message=_clipped(f"ETR {value} ({one.source}){words}", 200),
    )


def _journal(event: Event) -> Iterable[JournalEntry]:
    """Yield an entry for each material change, told as it was when it came."""
    circuits = tuple(one.circuit_id for one in event.circuits)
    for entry in event.history:
        if _is_material(event, entry):
            yield JournalEntry(
                key=f"{iso_utc(entry.stamp)} {entry.source}",
                level=_level(event, entry),
                text=_told(event, entry),
                circuits=circuits,
            )


def _is_material(event: Event, entry: HistoryEntry) -> bool:
    if entry.move.value in ("opened", "late") or MATERIAL & entry.changes.keys():
        return True
    old, new = entry.changes.get("windows", (None, None))
    if _spans(old) != _spans(new):
        return True
    status = entry.changes.get("status")
    if status is None:
        return False
    return event.kind is Kind.OUTAGE or MaintenanceStatus.CANCELLED.value in status


def _spans(windows: JsonValue) -> list[tuple[JsonValue, JsonValue]]:
    """Return start and end of the windows as they stand in the history; their status is the course of the work."""
    stated = windows if isinstance(windows, list) else []
    return [(window["start"], window["end"]) for window in stated if isinstance(window, dict)]


def _level(event: Event, entry: HistoryEntry) -> str:
    """Return the kind of a journal entry. Source: NetBox's journal entries are info, success, warning or danger."""
    _, now = entry.changes.get("status", (None, None))
    if now in ("CANCELLED", "COMPLETED", "RESOLVED"):
        return "success"
    return "danger" if event.kind is Kind.OUTAGE else "info"


def _told(event: Event, entry: HistoryEntry) -> str:
    changes = [f"{name}: {_value(old)} → {_value(new)}" for name, (old, new) in sorted(entry.changes.items())]
    head = f"{event.kind.value} {event.provider} {event.event_id}: {entry.move.value}"
    return "\n".join([head, *(_clipped(line, 1000) for line in changes), f"source: {entry.source}"])


def _value(value: object) -> str:
    if value is None or value == "":
        return "—"
    if isinstance(value, list):
        return ", ".join(_value(one) for one in value) or "—"
    if isinstance(value, dict):
        return " ".join(str(one) for one in value.values())
    return str(value)
