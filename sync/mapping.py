"""What NetBox should hold of an event: a pure function of the event, of its notices, and of what people say of it.

One window is one record in NetBox: the first is called ``ID``, others ``ID [2]``, ``ID [3]``; a record that is there is
never renumbered, whatever window comes before it later. Notices, estimates and journal entries are lists that only
grow: after a week without NetBox no chapter of the story is missing.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

from domain.events import EtrRevision, Event, EventKey, HistoryEntry, JsonValue, Span, Window, id_key_of, iso_utc
from domain.vocabulary import Impact, Kind, MaintenanceStatus, Move

# The plugins' limits, in characters. Source: their models (name 100, summary 200, internal_ticket 100).
NAME_CHARACTERS = 100
SUMMARY_CHARACTERS = 200
TICKET_CHARACTERS = 100

# A message in NetBox's own history. Source: ObjectChange.message in NetBox's core/models/change_logging.py.
MESSAGE_CHARACTERS = 200

# What a change must touch for a journal entry: the rest is a carrier's course of work as it was announced.
MATERIAL = frozenset({"start", "end", "circuits", "etr"})

_ENDS = frozenset({"start", "end"})
_LINE_CHARACTERS = 1000
_UNTAKEN = re.compile("[\ud800-\udfff]")


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
    """One change of the ETR, as it is told in NetBox's history. ``etr`` None: withdrawn. ``key`` never changes."""

    key: str
    etr: datetime | None
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """One material change, told in words. ``circuits`` are the provider's ids of those that it concerns.

    ``key`` never changes. ``opening``: the first word of the event, which a record tells by being there.
    """

    key: str
    level: str
    text: str
    circuits: tuple[str, ...]
    opening: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """All that NetBox should hold of an event; no records: it cannot hold it yet, ``waits_for`` says for what.

    ``identity`` names the event among all others. ``material`` changes when people must look at it again; empty where
    nothing counts of it any more.
    """

    identity: str
    kind: Kind
    provider: str
    records: tuple[DesiredRecord, ...]
    material: str = ""
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
    key = EventKey(kind=event.kind, provider=event.provider, id_key=id_key_of(event.event_id))
    return Desired(
        identity=identity_of(key, event.generation),
        kind=event.kind,
        provider=event.provider,
        records=records,
        material=event.material_digest,
        people=people or People(),
        notices=tuple(notices) if records else (),
        revisions=tuple(_revisions(event.etr_revisions)),
        journal=tuple(_journal(event)),
        waits_for="" if records else "a start and an end: no mail has stated any",
    )


def gone(key: EventKey, generation: int, *, called: str, why: str, since: str, circuits: Sequence[str] = ()) -> Desired:
    """Return what NetBox should hold of an event of which nothing counts any more: what it holds is cancelled.

    That it was not the provider who cancelled it the journal says: ``why``, by the name that the event is ``called``.
    ``since`` tells this time from another one. ``circuits`` are the provider's ids of those that it concerned.
    """
    text = clean(f"{key.kind.value} {key.provider} {called}: {why}")
    entry = JournalEntry(
        key=f"gone {since}", level="warning", text=clipped(text, _LINE_CHARACTERS), circuits=tuple(circuits)
    )
    identity = identity_of(key, generation)
    return Desired(identity=identity, kind=key.kind, provider=key.provider, records=(), journal=(entry,))


def identity_of(key: EventKey, generation: int) -> str:
    """Return what names an event among all others, the same for as long as there is one."""
    return f"{key.kind.value}:{key.provider}:{key.id_key}:{generation}"


def slot_names(event: Event, slot: int) -> str:
    """Return the name of a record: the id, the generation of a number that was used again, and the number behind it."""
    again = f" ({event.generation})" if event.generation > 1 else ""
    behind = again + (f" [{slot}]" if slot > 1 else "")
    # NetBox takes no blank name.
    name = " ".join(clean(event.event_id).split()) or "-"
    return shortened(name, NAME_CHARACTERS - len(behind)) + behind


def shortened(name: str, characters: int) -> str:
    """Return a name that fits and is still its own: two long ones may begin alike."""
    if len(name) <= characters:
        return name
    return f"{name[: characters - 9]}~{sha256(name.encode('utf-8', 'replace')).hexdigest()[:8]}"


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


def _summary(event: Event) -> str:
    words = " ".join(clean(event.summary).split())
    instead = " ".join(clean(f"{event.kind.value} {event.event_id} of {event.provider}").split())
    return clipped(words or instead, SUMMARY_CHARACTERS)


def clipped(text: str, characters: int) -> str:
    """Return a text that fits."""
    return text if len(text) <= characters else text[: characters - 1] + "…"


def clean(text: str) -> str:
    """Return a text without what no field takes: NUL, and halves of characters."""
    return _UNTAKEN.sub("\N{REPLACEMENT CHARACTER}", text.replace("\0", ""))


# --- the story ----------------------------------------------------------------------------------------------------


def _revisions(revisions: Iterable[EtrRevision]) -> Iterator[Revision]:
    seen: dict[str, int] = {}
    for one in revisions:
        slip = "" if one.slip_seconds is None else f", {one.slip_seconds / 3600:+.1f} h"
        value = "withdrawn" if one.etr is None else f"{one.move.value} to {iso_utc(one.etr)}{slip}"
        words = f': "{one.words}"' if one.words else ""
        yield Revision(
            key=_own_key(one.stamp, one.source, seen),
            etr=one.etr,
            message=clipped(clean(f"ETR {value} ({one.source}){words}"), MESSAGE_CHARACTERS),
        )


def _journal(event: Event) -> Iterator[JournalEntry]:
    """Yield an entry for each material change, told as it was when it came."""
    circuits = tuple(dict.fromkeys(one.circuit_id for one in event.circuits))
    seen: dict[str, int] = {}
    for index, entry in enumerate(event.history):
        # Counted whether it is material or not, so that one that is keeps its key when another becomes so.
        key = _own_key(entry.stamp, entry.source, seen)
        if index == 0 or _is_material(event, entry):
            yield JournalEntry(
                key=key, level=_level(event, entry), text=_told(event, entry), circuits=circuits, opening=index == 0
            )


def _own_key(stamp: datetime, source: str, seen: dict[str, int]) -> str:
    """Return a key for what a source said; a person may say two things within a second."""
    key = f"{iso_utc(stamp)} {source}"
    seen[key] = seen.get(key, 0) + 1
    return key if seen[key] == 1 else f"{key} #{seen[key]}"


def _is_material(event: Event, entry: HistoryEntry) -> bool:
    if MATERIAL & entry.changes.keys():
        return True
    old, new = entry.changes.get("windows", (None, None))
    if _planned(old) != _planned(new):
        return True
    status = entry.changes.get("status")
    if status is None:
        return False
    return event.kind is Kind.OUTAGE or MaintenanceStatus.CANCELLED.value in status


def _planned(windows: JsonValue) -> list[tuple[JsonValue, JsonValue, bool]]:
    """Return start and end of windows as they stand in the history, and whether they are off; else their status is the
    course of the work.
    """
    stated = windows if isinstance(windows, list) else []
    return [
        (window["start"], window["end"], window["status"] == MaintenanceStatus.CANCELLED.value)
        for window in stated
        if isinstance(window, dict)
    ]


def _level(event: Event, entry: HistoryEntry) -> str:
    """Return the kind of a journal entry. Source: NetBox's journal entries are info, success, warning or danger."""
    _, now = entry.changes.get("status", (None, None))
    if now in ("CANCELLED", "COMPLETED", "RESOLVED"):
        return "success"
    return "danger" if event.kind is Kind.OUTAGE else "info"


def _told(event: Event, entry: HistoryEntry) -> str:
    # The windows say what start and end do.
    untold = _ENDS if "windows" in entry.changes else frozenset()
    said = {name: change for name, change in entry.changes.items() if name not in untold}
    changes = [f"{name}: {_value(old)} → {_value(new)}" for name, (old, new) in sorted(said.items())]
    move = "changed" if entry.move is Move.REPEATED else entry.move.value
    head = f"{event.kind.value} {event.provider} {event.event_id}: {move}, {iso_utc(entry.stamp)}"
    lines = (head, *changes, f"source: {entry.source}")
    return clean("\n\n".join(clipped(" ".join(line.split()), _LINE_CHARACTERS) for line in lines))


def _value(value: object) -> str:
    if value is None or value == "":
        return "—"
    if isinstance(value, list):
        return ", ".join(_value(one) for one in value) or "—"
    if not isinstance(value, dict):
        return str(value)
    if "circuit_id" in value:
        where = f" (window {value['window']})" if "window" in value else ""
        return f"{value['circuit_id']} {value['impact']}{where}"
    return f"{value['start']} to {value['end']} {value['status']}"
