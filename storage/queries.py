"""What is asked of the database: events, messages and figures as plain dicts, and whether the laws hold.

The dicts are those that ``--json`` prints. Instants are texts in UTC.
"""

import zlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection, Row, func, select

from domain.errors import NotFound
from domain.etr import figures_of, missed
from domain.events import (
    CircuitImpact,
    Edit,
    EtrRevision,
    Event,
    EventKey,
    HistoryEntry,
    Update,
    Window,
    circuit_key_of,
    id_key_of,
    iso_utc,
)
from domain.fold import fold
from domain.lifecycle import OVERDUE_FOR, phase_of
from domain.message import Disposition, Reason
from domain.vocabulary import EtrMove, Impact, Kind, MaintenanceStatus, Move, OutageStatus, Phase
from storage import outbox
from storage.events import COUNTS, edits_where, said_in
from storage.links import Name, is_hidden, linked, of_the_event, offered
from storage.retention import PRUNABLE
from storage.schema import (
    UtcDateTime,
    acknowledgements,
    adoptions,
    circuits,
    copies,
    cursors,
    decisions,
    edits,
    etr_revisions,
    event_references,
    hidden_events,
    history,
    message_texts,
    raw_messages,
    retractions,
    sender_assignments,
    sightings,
    stored_key,
    updates,
    windows,
)
from storage.schema import events as event_rows
from storage.schema import messages as message_rows
from storage.statements import update_of

Shape = dict[str, Any]

# How many rows or keys are checked at once: few enough for the memory, many enough to ask seldom.
_AT_ONCE = 500


# --- events -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Stored:
    """An event as it is stored, with its key as it is stored, and the names of those that are linked to it."""

    key: EventKey
    event: Event
    linked: Sequence[Name] = ()


def events(
    conn: Connection,
    *,
    now: datetime,
    phases: Collection[Phase] | None = None,
    kind: Kind | None = None,
    provider: str | None = None,
    circuit: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    completions: Collection[str] = (),
    hidden: bool = False,
) -> list[Shape]:
    """Return the events that match all that is asked, by start, provider and id; those without a start come last.

    ``since`` and ``until`` keep the events with a moment between them; one without windows counts from its stamp, an
    outage whose start nobody knows from when it was reported, and one that is open lasts until now.
    Those that people have hidden are not among them, unless ``hidden`` asks for these and no others. ``completions``
    names the providers that are known to send completions. No phases: any phase.
    """
    wanted: list[ColumnElement[bool]] = [is_hidden(event_rows) if hidden else sa.not_(is_hidden(event_rows))]
    if kind is not None:
        wanted.append(event_rows.c.kind == kind)
    if provider is not None:
        wanted.append(event_rows.c.provider == provider)
    if circuit is not None:
        named = select(circuits.c.event).where(circuits.c.circuit_key == circuit_key_of(circuit))
        wanted.append(event_rows.c.id.in_(named))
    if since is not None:
        until_now = sa.case((event_rows.c.kind == Kind.OUTAGE, sa.literal(now, UtcDateTime)))
        wanted.append(func.coalesce(event_rows.c.end_at, until_now, event_rows.c.stamp) >= since)
    if until is not None:
        wanted.append(func.coalesce(event_rows.c.start_at, event_rows.c.reported_at, event_rows.c.stamp) < until)
    if phases and Phase.PAST not in phases:
        # What ended so long ago cannot be but past: it is not even read.
        wanted.append(sa.or_(event_rows.c.end_at.is_(None), event_rows.c.end_at > now - OVERDUE_FOR))
    condition = sa.and_(sa.true(), *wanted)
    stored = _stored(conn, condition, with_links=True)
    seen = _acknowledgements(conn, condition)
    shapes = [_event_shape(one, seen, _phase(one.event, now, completions)) for one in stored]
    return sorted((shape for shape in shapes if not phases or shape["phase"] in phases), key=_by_start)


def count_not_past(
    conn: Connection, *, now: datetime, completions: Collection[str] = ()
) -> Mapping[tuple[Kind, str, Phase], int]:
    """Return how many events there are of each kind, status and phase, but for what is past, and what is hidden."""
    may_last = sa.or_(event_rows.c.end_at.is_(None), event_rows.c.end_at > now - OVERDUE_FOR)
    stored = _stored(conn, sa.and_(sa.not_(is_hidden(event_rows)), may_last))
    phases = ((one.event, _phase(one.event, now, completions)) for one in stored)
    return Counter((one.kind, one.status.value, phase) for one, phase in phases if phase is not Phase.PAST)


def event(
    conn: Connection,
    event_id: str,
    *,
    now: datetime,
    kind: Kind | None = None,
    provider: str | None = None,
    completions: Collection[str] = (),
) -> list[Shape]:
    """Return all events with an id, by kind, provider and generation, each with its history and its messages.

    ``etr_missed`` says that an ETR passed while the outage was open; ``offered`` names outages that may be the same.

    There are several where carriers use the same id, or one carrier used it again. Where no event has the id, those
    that refer to it are meant. ``hidden`` says who has hidden one, and why; None for the others. ``netbox`` is what
    NetBox holds of it, None as long as NetBox neither knows nor is to be told of it. NotFound where there is none.
    """
    has_id = event_rows.c.id_key == id_key_of(event_id)
    if conn.scalar(select(func.count()).select_from(event_rows).where(has_id)) == 0:
        named = select(event_references.c.event).where(event_references.c.reference_key == id_key_of(event_id))
        has_id = event_rows.c.id.in_(named)
    wanted: list[ColumnElement[bool]] = [has_id]
    if kind is not None:
        wanted.append(event_rows.c.kind == kind)
    if provider is not None:
        wanted.append(event_rows.c.provider == provider)
    condition = sa.and_(*wanted)
    stored = _stored(conn, condition, with_history=True, with_links=True)
    if not stored:
        of_provider = f" of {provider}" if provider else ""
        raise NotFound(f"there is no event {event_id}{of_provider}: `maintd events` lists them")
    seen = _acknowledgements(conn, condition)
    stated_in = {one.key: _messages_of(conn, one.key) for one in stored}
    hidden = _hidden(conn, condition)
    shapes = [
        {
            **_event_shape(one, seen, _phase(one.event, now, completions)),
            "history": [_history_shape(entry) for entry in one.event.history],
            "etr_revisions": [_revision_shape(revision) for revision in one.event.etr_revisions],
            "etr_missed": missed(one.event, now),
            "offered": offered(conn, one.key, one.event),
            "messages": stated_in[one.key],
            "netbox": _netbox_shape(conn, one.key, one.event.generation),
            "references": list(one.event.references),
            "hidden": hidden.get((one.key, one.event.generation)),
        }
        for one in stored
    ]
    return sorted(shapes, key=lambda shape: (shape["kind"], shape["provider"], shape["generation"]))


def _netbox_shape(conn: Connection, key: EventKey, generation: int) -> Shape | None:
    remote, owed = outbox.remote(conn, key, generation), outbox.owed(conn, key, generation)
    if remote is None and owed is None:
        return None
    return {
        "records": [] if remote is None else [{"slot": slot, "id": number} for slot, number in remote.records],
        "pushed_at": _iso(remote.pushed_at) if remote else None,
        "waiting_since": _iso(owed.waiting_since) if owed else None,
        "problem": owed.problem if owed else None,
        "parked": owed is not None and owed.parked,
        "dirty": remote is not None and remote.dirty,
    }


def events_of_key(conn: Connection, key: EventKey) -> tuple[Event, ...]:
    """Return the events of a key as they are stored, one for each generation, the oldest first."""
    condition = sa.and_(
        event_rows.c.kind == key.kind, event_rows.c.provider == key.provider, event_rows.c.id_key == key.id_key
    )
    found = (stored.event for stored in _stored(conn, condition, with_history=True))
    return tuple(sorted(found, key=lambda one: one.generation))


@dataclass(frozen=True, slots=True, kw_only=True)
class Hidden:
    """Who has hidden an event, why and when."""

    author: str
    reason: str
    hidden_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What people said of an event: whether it is acknowledged as it is now, under which ticket, empty for none."""

    acknowledged: bool = False
    internal_ticket: str = ""
    hidden: Hidden | None = None


def said_of(conn: Connection, key: EventKey, generation: int) -> Said:
    """Return what people said of an event; nothing where there is no such event."""
    named = {"kind": key.kind, "provider": key.provider, "id_key": key.id_key, "generation": generation}
    condition = sa.and_(*(event_rows.c[name] == value for name, value in named.items()))
    digest = conn.scalar(select(event_rows.c.material_digest).where(condition))
    if digest is None:
        return Said()
    seen = next(iter(_acknowledgements(conn, condition).values()), _Seen())
    row = conn.execute(_hidden_where(condition)).one_or_none()
    hidden = None if row is None else Hidden(author=row.author, reason=row.why, hidden_at=row.hidden_at)
    return Said(acknowledged=seen.digest == digest, internal_ticket=seen.ticket, hidden=hidden)


def _hidden_where(condition: ColumnElement[bool]) -> sa.Select[Any]:
    return select(hidden_events).join(event_rows, of_the_event(hidden_events, event_rows)).where(condition)


def _key_of(row: Row[Any]) -> EventKey:
    return EventKey(kind=Kind(row.kind), provider=row.provider, id_key=row.id_key)


def _hidden(conn: Connection, condition: ColumnElement[bool]) -> Mapping[tuple[EventKey, int], Shape]:
    return {
        (_key_of(row), row.generation): {
            "author": row.author,
            "reason": row.why,
            "at": _iso(row.hidden_at),
        }
        for row in conn.execute(_hidden_where(condition))
    }


def _phase(one: Event, now: datetime, completions: Collection[str]) -> Phase:
    return phase_of(one, now, sends_completions=one.provider in completions)


def _by_start(shape: Shape) -> tuple[bool, str, str, str, int]:
    start = shape["start"]
    return start is None, start or "", shape["provider"], shape["id"], shape["generation"]


def _stored(
    conn: Connection, condition: ColumnElement[bool], *, with_history: bool = False, with_links: bool = False
) -> list[_Stored]:
    """Return the events that meet a condition on their rows, in at most seven statements however many they are."""
    chosen = select(event_rows.c.id).where(condition)
    of_window: defaultdict[tuple[int, int], list[CircuitImpact]] = defaultdict(list)
    for row in conn.execute(select(circuits).where(circuits.c.event.in_(chosen)).order_by(circuits.c.ordinal)):
        of_window[row.event, row.window_number].append(_circuit(row))
    of_event: defaultdict[int, list[Window]] = defaultdict(list)
    for row in conn.execute(select(windows).where(windows.c.event.in_(chosen)).order_by(windows.c.number)):
        of_event[row.event].append(_window(row, of_window[row.event, row.number]))
    pasts = _pasts(conn, chosen) if with_history else {}
    links = linked(conn, chosen) if with_links else {}
    return [
        _Stored(
            key=_key_of(row),
            event=_event(row, of_event[row.id], of_window[row.id, 0], pasts.get(row.id, _Past())),
            linked=links.get(row.id, ()),
        )
        for row in conn.execute(select(event_rows).where(condition))
    ]


@dataclass(slots=True)
class _Past:
    """How an event came to be what it is, and its other ids."""

    history: list[HistoryEntry] = field(default_factory=list)
    revisions: list[EtrRevision] = field(default_factory=list)
    references: list[str] = field(default_factory=list)


def _pasts(conn: Connection, chosen: sa.Select[tuple[int]]) -> Mapping[int, _Past]:
    pasts: defaultdict[int, _Past] = defaultdict(_Past)
    for row in _in_order(conn, history, chosen):
        pasts[row.event].history.append(_history_entry(row))
    for row in _in_order(conn, etr_revisions, chosen):
        pasts[row.event].revisions.append(_etr_revision(row))
    for row in _in_order(conn, event_references, chosen):
        pasts[row.event].references.append(row.reference)
    return pasts


def _in_order(conn: Connection, table: sa.Table, chosen: sa.Select[tuple[int]]) -> Iterable[Row[Any]]:
    """Return the rows of some events in a table, each event's in their order."""
    return conn.execute(select(table).where(table.c.event.in_(chosen)).order_by(table.c.event, table.c.ordinal))


def _event(
    row: Row[Any],
    its_windows: Sequence[Window],
    its_circuits: Sequence[CircuitImpact],
    past: _Past,
) -> Event:
    kind = Kind(row.kind)
    return Event(
        kind=kind,
        provider=row.provider,
        event_id=row.event_id,
        generation=row.generation,
        status=OutageStatus(row.status) if kind is Kind.OUTAGE else MaintenanceStatus(row.status),
        start=row.start_at,
        end=row.end_at,
        windows=tuple(its_windows),
        circuits=tuple(its_circuits),
        accounts=tuple(row.accounts),
        summary=row.summary,
        organizer=row.organizer,
        stamp=row.stamp,
        stamp_inferred=row.stamp_inferred,
        unverified=row.unverified,
        updates=row.update_count,
        material_digest=row.material_digest,
        replaces=row.replaces,
        replaced_by=row.replaced_by,
        references=tuple(past.references),
        end_inferred=row.end_inferred,
        reported_at=row.reported_at,
        etr=row.etr_at,
        cause=row.cause,
        original_timezone=row.original_timezone,
        etr_revisions=tuple(past.revisions),
        history=tuple(past.history),
    )


def _window(row: Row[Any], its_circuits: Sequence[CircuitImpact]) -> Window:
    return Window(
        start=row.start_at,
        end=row.end_at,
        status=MaintenanceStatus(row.status),
        withdrawn=row.withdrawn,
        circuits=tuple(its_circuits),
    )


def _circuit(row: Row[Any]) -> CircuitImpact:
    return CircuitImpact(circuit_id=row.circuit_id, impact=Impact(row.impact), withdrawn=row.withdrawn)


def _history_entry(row: Row[Any]) -> HistoryEntry:
    return HistoryEntry(
        stamp=row.stamp,
        move=Move(row.move),
        source=row.source,
        superseded=row.superseded,
        changes={name: (old, new) for name, (old, new) in row.changes.items()},
    )


def _etr_revision(row: Row[Any]) -> EtrRevision:
    return EtrRevision(
        stamp=row.stamp,
        etr=row.etr_at,
        previous=row.previous_at,
        move=EtrMove(row.move),
        slip_seconds=row.slip_seconds,
        source=row.source,
        words=row.words,
    )


@dataclass(slots=True)
class _Seen:
    """What people said of an event: the digest that the last one saw, and the newest ticket that was named."""

    digest: str = ""
    ticket: str = ""


def _acknowledgements(conn: Connection, condition: ColumnElement[bool]) -> Mapping[tuple[EventKey, int], _Seen]:
    statement = (
        select(acknowledgements)
        .join(event_rows, of_the_event(acknowledgements, event_rows))
        .where(condition)
        .order_by(acknowledgements.c.acknowledged_at, acknowledgements.c.id)
    )
    found: defaultdict[tuple[EventKey, int], _Seen] = defaultdict(_Seen)
    for row in conn.execute(statement):
        seen = found[_key_of(row), row.generation]
        seen.digest = row.material_digest
        seen.ticket = seen.ticket if row.ticket is None else row.ticket
    return found


def facts(one: Event) -> Shape:
    """Return what an event is, as if nobody had seen it: without what people said of it, its history and its phase."""
    return {
        "kind": one.kind.value,
        "provider": one.provider,
        "id": one.event_id,
        "generation": one.generation,
        "accounts": list(one.accounts),
        "status": one.status.value,
        "start": _iso(one.start),
        "end": _iso(one.end),
        "windows": [_window_shape(window) for window in one.windows],
        "circuits": [{**_circuit_shape(circuit), "withdrawn": circuit.withdrawn} for circuit in one.circuits],
        "etr": _iso(one.etr),
        "end_inferred": one.end_inferred,
        "reported_at": _iso(one.reported_at),
        "cause": one.cause,
        "original_timezone": one.original_timezone,
        "summary": one.summary,
        "organizer": one.organizer,
        "acknowledged": False,
        "internal_ticket": "",
        "stamp": _iso(one.stamp),
        "stamp_inferred": one.stamp_inferred,
        "unverified": one.unverified,
        "replaces": one.replaces,
        "replaced_by": one.replaced_by,
        "linked": [],
        "updates": one.updates,
        "phase": None,
    }


def _event_shape(stored: _Stored, seen: Mapping[tuple[EventKey, int], _Seen], phase: Phase) -> Shape:
    one = stored.event
    said = seen.get((stored.key, one.generation), _Seen())
    return {
        **facts(one),
        "acknowledged": said.digest == one.material_digest,
        "internal_ticket": said.ticket,
        "linked": [list(name) for name in stored.linked],
        "phase": phase.value,
    }


def _window_shape(window: Window) -> Shape:
    return {
        "start": _iso(window.start),
        "end": _iso(window.end),
        "status": window.status.value,
        "withdrawn": window.withdrawn,
        # A circuit that this window does not have any more stands, marked, among the circuits of the event.
        "circuits": [_circuit_shape(circuit) for circuit in window.circuits if not circuit.withdrawn],
    }


def _circuit_shape(circuit: CircuitImpact) -> Shape:
    return {"circuit_id": circuit.circuit_id, "impact": circuit.impact.value}


def _history_shape(entry: HistoryEntry) -> Shape:
    return {
        "stamp": _iso(entry.stamp),
        "move": entry.move.value,
        "source": entry.source,
        "superseded": entry.superseded,
        "changes": {name: list(change) for name, change in entry.changes.items()},
    }


def _revision_shape(revision: EtrRevision) -> Shape:
    return {
        "stamp": _iso(revision.stamp),
        "etr": _iso(revision.etr),
        "previous": _iso(revision.previous),
        "move": revision.move.value,
        "slip_seconds": revision.slip_seconds,
        "source": revision.source,
        "words": revision.words,
    }


def _iso(instant: datetime | None) -> str | None:
    return None if instant is None else iso_utc(instant)


# --- messages ---------------------------------------------------------------------------------------------------


def messages(
    conn: Connection,
    *,
    disposition: Disposition | None = None,
    reason: Reason | None = None,
    provider: str | None = None,
    since: datetime | None = None,
    limit: int | None = None,
) -> list[Shape]:
    """Return the ledger, the newest message first, each with the place where it was first seen.

    ``since`` counts from the receipt; ``limit`` keeps the newest.
    """
    wanted: list[ColumnElement[bool]] = []
    if disposition is not None:
        wanted.append(message_rows.c.disposition == disposition)
    if reason is not None:
        wanted.append(message_rows.c.reason == reason)
    if provider is not None:
        wanted.append(message_rows.c.provider == provider)
    if since is not None:
        wanted.append(message_rows.c.received_at >= since)
    return [_message_shape(one) for one in _found_messages(conn, sa.and_(sa.true(), *wanted), limit)]


def outlines(
    conn: Connection,
    *,
    numbers: Sequence[int] | None = None,
    disposition: Disposition | None = None,
    reasons: Collection[Reason] = (),
    provider: str | None = None,
    sender: str | None = None,
    since: datetime | None = None,
) -> list[Shape]:
    """Return what is needed to choose among messages, the newest first, in one statement: no places, no events.

    ``sender`` is an address, or ``@domain`` for all addresses of a domain. ``whole`` says that more than the beginning
    of the message is kept, ``pruned_at`` when its bytes went. ``numbers``: these alone, as far as they
    exist.
    """
    wanted: list[ColumnElement[bool]] = []
    if disposition is not None:
        wanted.append(message_rows.c.disposition == disposition)
    if reasons:
        wanted.append(message_rows.c.reason.in_(sorted(reasons)))
    if provider is not None:
        wanted.append(message_rows.c.provider == provider)
    if sender is not None:
        address = sender.strip().lower()
        of_domain = message_rows.c.sender.endswith(address, autoescape=True)
        wanted.append(of_domain if address.startswith("@") else message_rows.c.sender == address)
    if since is not None:
        wanted.append(message_rows.c.received_at >= since)
    names = ("id", "received_at", "from_header", "sender", "subject", "disposition", "reason", "provider", "detail")
    columns = [message_rows.c[name] for name in (*names, "too_large", "raw_pruned_at")]
    statement = select(*columns).where(sa.and_(sa.true(), *wanted)).order_by(message_rows.c.id.desc())
    if numbers is None:
        return [_outline(row) for row in conn.execute(statement)]
    parts = (sorted(numbers, reverse=True)[begin : begin + _AT_ONCE] for begin in range(0, len(numbers), _AT_ONCE))
    return [_outline(row) for part in parts for row in conn.execute(statement.where(message_rows.c.id.in_(part)))]


def _outline(row: Row[Any]) -> Shape:
    return {
        "id": row.id,
        "received_at": _iso(row.received_at),
        "from": row.from_header,
        "sender": row.sender,
        "subject": row.subject,
        "disposition": row.disposition,
        "reason": row.reason,
        "provider": row.provider,
        "detail": row.detail,
        "whole": not row.too_large,
        "pruned_at": _iso(row.raw_pruned_at),
    }


def message(conn: Connection, number: int) -> Shape:
    """Return all that the ledger holds of one message but its bytes; NotFound where it does not exist."""
    found = _found_messages(conn, message_rows.c.id == number, None)
    if not found:
        raise _no_message(number)
    row = found[0].row
    return {
        **_message_shape(found[0]),
        "detail": row.detail,
        "trials": [
            {"provider": provider, "reader": reader, "outcome": outcome, "matched": _matched(*matched)}
            for provider, reader, outcome, *matched in row.trials or ()
        ],
        "decision": _said_of_message(conn, decisions, number, "decided_at"),
        "retracted": _said_of_message(conn, retractions, number, "retracted_at"),
        "attempts": row.attempts,
        "sender": row.sender,
        "sender_problem": row.sender_problem,
        "reader_version": row.reader_version,
        "stored_at": _iso(row.stored_at),
        "settled_at": _iso(row.settled_at),
        "pruned_at": _iso(row.raw_pruned_at),
        "sightings": [
            {**_place_shape(place), "seen_at": _iso(place.seen_at), "filed_at": _iso(place.filed_at)}
            for place in found[0].places
        ],
    }


def _matched(matched: Sequence[Sequence[str]] = ()) -> list[Shape]:
    """Return what a reader found, field by field; rows of before do not say."""
    return [{"field": field, "words": words, "value": value} for field, words, value in matched]


def assignments(conn: Connection) -> list[Shape]:
    """Return the senders that people have assigned to a provider, by address, each with who did and when."""
    rows = conn.execute(select(sender_assignments).order_by(sender_assignments.c.sender))
    return [
        {"sender": row.sender, "provider": row.provider, "author": row.author, "at": _iso(row.assigned_at)}
        for row in rows
    ]


def _said_of_message(conn: Connection, table: sa.Table, number: int, at: str) -> Shape | None:
    """Return what a person said of a message, None where nobody did."""
    row = conn.execute(select(table).where(table.c.message == number)).mappings().one_or_none()
    if row is None:
        return None
    names = {"why": "reason", at: "at"}
    said = {names.get(name, name): value for name, value in row.items() if name != "message"}
    return {**said, "at": _iso(said["at"])}


def dispositions(conn: Connection, numbers: Sequence[int]) -> dict[str, int]:
    """Return what became of these messages: how many of them have each disposition."""
    counts = dict.fromkeys((disposition.value for disposition in Disposition), 0)
    for begin in range(0, len(numbers), _AT_ONCE):
        part = message_rows.c.id.in_(numbers[begin : begin + _AT_ONCE])
        statement = select(message_rows.c.disposition, func.count()).where(part)
        for disposition, count in conn.execute(statement.group_by(message_rows.c.disposition)):
            counts[disposition] += count
    return counts


def raw(conn: Connection, number: int) -> bytes:
    """Return the bytes of a message as they were received; NotFound where it does not exist, or they went."""
    compressed: bytes | None = conn.scalar(select(raw_messages.c.compressed).where(raw_messages.c.message == number))
    if compressed is None:
        raise _no_bytes(conn, number)
    return zlib.decompress(compressed)


def _no_bytes(conn: Connection, number: int) -> NotFound:
    row = conn.execute(select(message_rows.c.raw_pruned_at).where(message_rows.c.id == number)).one_or_none()
    return _no_message(number) if row is None else NotFound(f"message {number}: {gone(_iso(row.raw_pruned_at))}")


def gone(pruned_at: str | None) -> str:
    """Return what a person is told of bytes that went at an instant; None: they should be there."""
    if pruned_at is None:
        return "its bytes are lost: run `maintd db check`"
    return f"its bytes were pruned at {pruned_at} (raw_days of [retention], or `maintd db prune`): what it said stays"


@dataclass(frozen=True, slots=True)
class _Found:
    """The row of a message, those of the places where it was seen, and which events it speaks of."""

    row: Row[Any]
    places: Sequence[Row[Any]]
    named: Sequence[list[str]]


def _found_messages(conn: Connection, condition: ColumnElement[bool], limit: int | None) -> list[_Found]:
    """Return the messages that meet a condition, the newest first, in three statements however many they are."""
    chosen = select(message_rows.c.id).where(condition).order_by(message_rows.c.id.desc()).limit(limit)
    places: defaultdict[int, list[Row[Any]]] = defaultdict(list)
    in_order = (sightings.c.seen_at, sightings.c.mailbox, sightings.c.folder, sightings.c.imap_uid)
    for row in conn.execute(select(sightings).where(sightings.c.message.in_(chosen)).order_by(*in_order)):
        places[row.message].append(row)
    named: defaultdict[int, list[list[str]]] = defaultdict(list)
    columns = (updates.c.message, updates.c.kind, updates.c.provider, updates.c.event_id)
    in_message = select(*columns).where(updates.c.message.in_(chosen))
    for number, *name in conn.execute(in_message.order_by(updates.c.message, updates.c.ordinal)):
        if name not in named[number]:
            named[number].append(name)
    found = conn.execute(select(message_rows).where(message_rows.c.id.in_(chosen)).order_by(message_rows.c.id.desc()))
    return [_Found(row, places[row.id], named[row.id]) for row in found]


def _messages_of(conn: Connection, key: EventKey) -> list[Shape]:
    """Return the messages that state something of a key, in the order of their stamps, and whether it counts."""
    of_key = sa.and_(updates.c.kind == key.kind, updates.c.provider == key.provider, updates.c.id_key == key.id_key)
    stamps = select(updates.c.message, func.min(updates.c.stamp)).where(of_key).group_by(updates.c.message)
    in_order = [row[0] for row in sorted(conn.execute(stamps), key=lambda row: (row[1], row[0]))]
    condition = message_rows.c.id.in_(select(updates.c.message).where(of_key))
    shapes = {one.row.id: _message_shape(one) for one in _found_messages(conn, condition, None)}
    rows = conn.execute(select(retractions).where(retractions.c.message.in_(in_order)))
    gone = {row.message: {"author": row.author, "reason": row.why, "at": _iso(row.retracted_at)} for row in rows}
    return [{**shapes[number], "retracted": gone.get(number)} for number in in_order]


def _message_shape(found: _Found) -> Shape:
    row = found.row
    return {
        "id": row.id,
        **_place_shape(found.places[0] if found.places else None),
        "message_id": row.message_id,
        "from": row.from_header,
        "subject": row.subject,
        "date": _iso(row.date_at),
        "received_at": _iso(row.received_at),
        "size": row.size,
        "disposition": row.disposition,
        "reason": row.reason,
        "provider": row.provider,
        "reader": row.reader,
        "events": [list(name) for name in found.named],
    }


def _place_shape(place: Row[Any] | None) -> Shape:
    if place is None:
        return {"mailbox": None, "folder": None, "imap_uid": None, "uid_validity": None}
    return {
        "mailbox": place.mailbox,
        "folder": place.folder,
        # 0 stands for what has none: a file that was imported.
        "imap_uid": place.imap_uid or None,
        "uid_validity": place.uid_validity or None,
    }


def _no_message(number: int) -> NotFound:
    return NotFound(f"there is no message {number}: `maintd messages` lists them")


# --- figures ----------------------------------------------------------------------------------------------------


def stats(conn: Connection, *, now: datetime, mailboxes: Collection[str]) -> Shape:
    """Return the figures of `maintd stats` for these mailboxes.

    ``lag_seconds`` is how long the oldest message of a mailbox that is not read yet has been in the ledger; ``error``
    is what is wrong since the last success, of the folder that failed last. Of the events that NetBox has still to
    learn of, ``due`` since ``oldest_at``, some ``failed`` the last time; those that are ``parked`` are not among them,
    nor those that have not changed, and are ``to_compare``. ``problem`` is why NetBox is left alone now.
    """
    behind = outbox.figures(conn)
    by_disposition = _counts(conn, message_rows.c.disposition)
    by_kind = _counts(conn, event_rows.c.kind)
    waiting_since = _waiting_since(conn)
    health: dict[str, Shape] = {name: {"last_success": None, "lag_seconds": 0, "error": None} for name in mailboxes}
    for name, shape in health.items():
        folders = conn.execute(select(cursors).where(cursors.c.mailbox == name)).all()
        successes = [row.last_success_at for row in folders if row.last_success_at is not None]
        failed = [row for row in folders if row.last_error is not None and row.last_failure_at is not None]
        shape["last_success"] = _iso(max(successes, default=None))
        shape["error"] = max(failed, key=lambda row: row.last_failure_at).last_error if failed else None
        since = waiting_since.get(stored_key(name), now)
        shape["lag_seconds"] = max(0, int((now - since).total_seconds()))
    return {
        "messages": {disposition.value: by_disposition.get(disposition, 0) for disposition in Disposition},
        "by_provider": _counts(conn, message_rows.c.provider),
        "events": {kind.value: by_kind.get(kind, 0) for kind in Kind},
        "mailboxes": health,
        "outbox": {
            "due": behind.due,
            "failed": behind.failed,
            "parked": behind.parked,
            "to_compare": behind.to_compare,
            "oldest_at": _iso(behind.oldest_at),
            "problem": outbox.meta(conn, outbox.PROBLEM),
        },
    }


def waiting(conn: Connection) -> int:
    """Return how many messages nobody has read yet."""
    statement = select(func.count()).where(message_rows.c.disposition == Disposition.RECEIVED)
    return conn.scalar(statement) or 0


def _counts(conn: Connection, column: sa.Column[str]) -> dict[str, int]:
    """Return how many rows there are of each value, without those that have none."""
    statement = select(column, func.count()).where(column.is_not(None)).group_by(column).order_by(column)
    return {value: found for value, found in conn.execute(statement)}  # noqa: C416  # a Row is no pair to dict()


def _waiting_since(conn: Connection) -> dict[str, datetime]:
    """Return for each mailbox since when its oldest message waits to be read."""
    oldest = func.min(message_rows.c.stored_at, type_=message_rows.c.stored_at.type)
    statement = (
        select(sightings.c.mailbox, oldest)
        .join(message_rows)
        .where(message_rows.c.disposition == Disposition.RECEIVED)
        .group_by(sightings.c.mailbox)
    )
    return {value: found for value, found in conn.execute(statement)}  # noqa: C416  # a Row is no pair to dict()


def etr_figures(conn: Connection, *, now: datetime) -> list[Shape]:
    """Return for each provider, by name, how its outages went and how good its ETRs were: see ``domain.etr``.

    Outages that people have hidden do not count.
    """
    by_provider: defaultdict[str, list[Event]] = defaultdict(list)
    outages = sa.and_(event_rows.c.kind == Kind.OUTAGE, sa.not_(is_hidden(event_rows)))
    for one in _stored(conn, outages, with_history=True):
        by_provider[one.key.provider].append(one.event)
    return [
        {"provider": provider, **asdict(figures_of(by_provider[provider], now))} for provider in sorted(by_provider)
    ]


# --- the laws ---------------------------------------------------------------------------------------------------


def check_laws(conn: Connection) -> Iterator[str]:
    """Return what is wrong with the database, one line for each fault; nothing where all laws hold.

    Reads everything: every message is unpacked and every event folded again.
    """
    yield from _file_faults(conn)
    yield from _ledger_faults(conn)
    yield from _raw_faults(conn)
    yield from _adoption_faults(conn)
    yield from _event_faults(conn)
    yield from outbox.faults(conn)


def _file_faults(conn: Connection) -> Iterator[str]:
    """Let SQLite look at its own file. PostgreSQL holds its references by itself."""
    if conn.dialect.name != "sqlite":
        return
    for (line,) in conn.execute(sa.text("PRAGMA integrity_check")):
        if line != "ok":
            yield f"the file is damaged: {' '.join(line.split())}"
    for table, row_number, parent, _ in conn.execute(sa.text("PRAGMA foreign_key_check")):
        yield f"row {row_number} of {table} refers to a row of {parent} that does not exist"


def _ledger_faults(conn: Connection) -> Iterator[str]:
    """See that every message has one disposition, and that what belongs to it is there."""
    known = [disposition.value for disposition in Disposition]
    received = message_rows.c.disposition == Disposition.RECEIVED
    quarantined = message_rows.c.disposition == Disposition.QUARANTINED
    pruned = message_rows.c.raw_pruned_at.is_not(None)
    kept = (select(raw_messages.c.message), select(copies.c.message))
    laws = (
        ("has no disposition that is known", message_rows.c.disposition.not_in(known)),
        ("is settled and has no time of it, or the reverse", received == message_rows.c.settled_at.is_not(None)),
        ("is in quarantine without a reason, or the reverse", quarantined == message_rows.c.reason.is_(None)),
        ("was never seen anywhere", message_rows.c.id.not_in(select(sightings.c.message))),
        ("has no bytes", sa.and_(sa.not_(pruned), message_rows.c.id.not_in(select(raw_messages.c.message)))),
        ("has bytes that were pruned", sa.and_(pruned, sa.or_(*map(message_rows.c.id.in_, kept)))),
        ("was pruned and waits", sa.and_(pruned, message_rows.c.disposition.not_in(PRUNABLE))),
        (
            "is applied and states nothing",
            sa.and_(
                message_rows.c.disposition == Disposition.APPLIED, message_rows.c.id.not_in(select(updates.c.message))
            ),
        ),
    )
    for fault, broken in laws:
        found = conn.scalars(select(message_rows.c.id).where(broken).order_by(message_rows.c.id))
        yield from (f"message {number} {fault}" for number in found)
    without = select(message_texts.c.message).where(message_texts.c.message.not_in(select(updates.c.message)))
    for number in conn.scalars(without.order_by(message_texts.c.message)):
        yield f"message {number} has a text for NetBox and states nothing"
    for table in (sightings, raw_messages, copies, updates):
        strays = select(table.c.message).where(table.c.message.not_in(select(message_rows.c.id))).distinct()
        for stray in conn.scalars(strays):
            yield f"{table.name} has rows of message {stray}, which does not exist"


def _raw_faults(conn: Connection) -> Iterator[str]:
    statement = select(raw_messages).order_by(raw_messages.c.message).execution_options(yield_per=_AT_ONCE)
    for row in conn.execute(statement):
        try:
            zlib.decompress(row.compressed)
        except zlib.error as error:
            yield f"message {row.message} cannot be unpacked: {error}"


def _adoption_faults(conn: Connection) -> Iterator[str]:
    """See that what people said of an adopted outage is said of one that was not itself adopted."""
    further = adoptions.alias("further")
    goes_on = sa.and_(
        *(further.c[name] == adoptions.c[name] for name in ("kind", "provider")),
        further.c.id_key == adoptions.c.into_id_key,
    )
    for row in conn.execute(
        select(adoptions).join(further, goes_on).order_by(adoptions.c.provider, adoptions.c.id_key)
    ):
        yield f"{row.kind} {row.id_key} of {row.provider} was adopted into {row.into_id_key}, which was itself adopted"


def _event_faults(conn: Connection) -> Iterator[str]:
    """See that each stored event is what its updates fold to, and that there are no others."""
    keys = _all_keys(conn)
    for begin in range(0, len(keys), _AT_ONCE):
        part = keys[begin : begin + _AT_ONCE]
        folded = _folded(conn, part)
        stored = _stored_by_key(conn, part)
        for key in part:
            yield from _differences(key, folded.get(key, ()), stored.get(key, ()))


def _all_keys(conn: Connection) -> list[EventKey]:
    """Return the keys of all that is said and of all events, as the database sorts them."""
    named = (
        *(select(table.c.kind, table.c.provider, table.c.id_key) for table in (updates, edits, event_rows)),
        select(adoptions.c.kind, adoptions.c.provider, adoptions.c.into_id_key),
    )
    rows = conn.execute(sa.union(*named).order_by("kind", "provider", "id_key"))
    return [EventKey(kind=Kind(row.kind), provider=row.provider, id_key=row.id_key) for row in rows]


def _within(table: sa.Table, part: Sequence[EventKey], id_key: str = "id_key") -> ColumnElement[bool]:
    """Return the condition that a row belongs to a run of keys that the database has sorted."""
    columns = sa.tuple_(table.c.kind, table.c.provider, table.c[id_key])
    first, last = (
        sa.tuple_(
            *(
                sa.literal(value, table.c[name].type)
                for name, value in (("kind", key.kind), ("provider", key.provider), (id_key, key.id_key))
            )
        )
        for key in (part[0], part[-1])
    )
    return sa.and_(columns >= first, columns <= last)


def _folded(conn: Connection, part: Sequence[EventKey]) -> Mapping[EventKey, Sequence[Event]]:
    stated: defaultdict[EventKey, list[Update]] = defaultdict(list)
    for row in conn.execute(select(updates).where(_within(updates, part), COUNTS)):
        stated[_key_of(row)].append(update_of(row))
    said: defaultdict[EventKey, list[Edit]] = defaultdict(list)
    for row in conn.execute(edits_where(lambda table, id_key: _within(table, part, id_key))):
        said[_key_of(row)].append(said_in(row))
    return {key: fold(stated[key], said[key]) for key in {*stated, *said}}


def _stored_by_key(conn: Connection, part: Sequence[EventKey]) -> Mapping[EventKey, Sequence[Event]]:
    by_key: defaultdict[EventKey, list[Event]] = defaultdict(list)
    for one in _stored(conn, _within(event_rows, part), with_history=True):
        by_key[one.key].append(one.event)
    return {key: sorted(of_key, key=lambda one: one.generation) for key, of_key in by_key.items()}


def _differences(key: EventKey, folded: Sequence[Event], stored: Sequence[Event]) -> Iterator[str]:
    name = f"{key.kind} {key.id_key} of {key.provider}"
    if not folded and not stored:
        return
    if not folded:
        yield f"{name} is stored and nobody tells of it"
    elif len(folded) != len(stored):
        yield f"{name} has {len(stored)} generations, its updates make {len(folded)}"
    else:
        for right, held in zip(folded, stored, strict=True):
            if right != held:
                yield f"{name} is not what its updates make of it"
