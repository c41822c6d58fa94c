"""Updates as messages state them, the events that they fold to, and who has acknowledged these.

An event is written by ``refold`` alone, from all of its updates, under a lock on its key: the writers of one event
follow one another, and the last one has seen the updates of all before it.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Row, bindparam, select
from sqlalchemy.dialects import postgresql

from domain.errors import NotFound
from domain.events import (
    CircuitCorrection,
    CircuitImpact,
    Edit,
    Event,
    EventKey,
    Span,
    StatedCircuit,
    StatedWindow,
    Update,
    WindowCorrection,
    circuit_key_of,
    id_key_of,
)
from domain.fold import fold
from domain.vocabulary import Impact, Kind, MaintenanceStatus
from storage.schema import (
    acknowledgements,
    circuits,
    edits,
    event_keys,
    event_references,
    events,
    hidden_events,
    history,
    insert_ignoring,
    retractions,
    stored_key,
    updates,
    windows,
)

_Row = dict[str, Any]


def _of_key(table: sa.Table) -> sa.ColumnElement[bool]:
    """Return the condition that a row belongs to one key, whose parts are given when the statement runs."""
    return sa.and_(
        table.c.kind == bindparam("of_kind"),
        table.c.provider == bindparam("of_provider"),
        table.c.id_key == bindparam("of_id_key"),
    )


_INSERT_UPDATES = sa.insert(updates)
_DELETE_UPDATES = (
    sa.delete(updates)
    .where(updates.c.message == bindparam("of_message"))
    .returning(updates.c.kind, updates.c.provider, updates.c.id_key)
)
_UPDATES = select(updates).where(_of_key(updates))
# The updates of a retracted message do not count.
COUNTS = ~sa.exists().where(retractions.c.message == updates.c.message)
_COUNTING = _UPDATES.where(COUNTS)
_EDITS = select(edits).where(_of_key(edits)).order_by(edits.c.id)

_LOCK = select(event_keys.c.id_key).where(_of_key(event_keys)).with_for_update()
_INSERT_KEY = postgresql.insert(event_keys).on_conflict_do_nothing()

_EVENTS = select(events).where(_of_key(events))
_INSERT_EVENT = sa.insert(events).returning(events.c.id)
_CHANGE_EVENT = sa.update(events).where(events.c.id == bindparam("of_event"))
_DELETE_EVENT = sa.delete(events).where(events.c.id == bindparam("of_event"))
_PARTS = {
    table: (sa.delete(table).where(table.c.event == bindparam("of_event")), sa.insert(table))
    for table in (windows, circuits, history, event_references)
}


# --- updates ----------------------------------------------------------------------------------------------------


def replace_updates(conn: Connection, message: int, stated: Sequence[Update]) -> set[EventKey]:
    """Let a message state these updates and no others; return the keys of those that it states or stated before.

    The events of the keys are to be folded again in the same transaction (``refold``).
    """
    rows = [_update_row(message, ordinal, update) for ordinal, update in enumerate(stated)]
    keys = {_key(*row) for row in conn.execute(_DELETE_UPDATES, {"of_message": message})}
    if rows:
        conn.execute(_INSERT_UPDATES, rows)
    return keys.union(_key(row["kind"], row["provider"], row["id_key"]) for row in rows)


def updates_of_message(conn: Connection, message: int) -> list[Update]:
    """Return what a message states, in its own order."""
    statement = select(updates).where(updates.c.message == message).order_by(updates.c.ordinal)
    return [update_of(row) for row in conn.execute(statement)]


def proposal_row(proposal: Sequence[Update]) -> list[_Row] | None:
    """Return updates that are proposed, and not stated, as a JSON value; None where there are none."""
    rows = [_update_row(0, ordinal, update) for ordinal, update in enumerate(proposal)]
    return [{**row, "stamp": row["stamp"].isoformat()} for row in rows] or None


def proposal_of(rows: Sequence[_Row] | None) -> tuple[Update, ...]:
    """Return the updates of a proposal as they were."""
    return tuple(
        update_of(SimpleNamespace(**{**row, "stamp": datetime.fromisoformat(row["stamp"])})) for row in rows or ()
    )


def updates_of_key(conn: Connection, key: EventKey) -> list[tuple[int, Update]]:
    """Return all that is stated of a key and counts, each with the number of its message, in no order."""
    of_key = {"of_kind": key.kind, "of_provider": key.provider, "of_id_key": key.id_key}
    return [(row.message, update_of(row)) for row in conn.execute(_COUNTING, of_key)]


def retracted(conn: Connection) -> set[int]:
    """Return the numbers of the messages whose updates do not count."""
    return set(conn.scalars(select(retractions.c.message)))


def _key(kind: str, provider: str, id_key: str) -> EventKey:
    return EventKey(kind=Kind(kind), provider=provider, id_key=id_key)


def _update_row(message: int, ordinal: int, update: Update) -> _Row:
    # Only what is stated is kept, so that a row tells what its message said.
    statement = {
        "source": update.source,
        "body_digest": update.body_digest,
        "stamp_inferred": update.stamp_inferred,
        "unverified": update.unverified,
        "sequence": update.sequence,
        "ical_uid": update.ical_uid,
        "account": update.account,
        "status": update.status,
        "windows": None if update.windows is None else [_window_statement(window) for window in update.windows],
        "circuits": _circuits_statement(update.circuits),
        "summary": update.summary,
        "organizer": update.organizer,
        "references": list(update.references) or None,
        "replaces": update.replaces,
        "replaced_by": update.replaced_by,
    }
    key = update.key
    return {
        "message": message,
        "ordinal": ordinal,
        "kind": key.kind,
        "provider": stored_key(key.provider),
        "id_key": stored_key(key.id_key),
        "event_id": update.event_id,
        "stamp": update.stamp,
        "reader": update.reader,
        "reader_version": update.reader_version,
        "statement": {name: value for name, value in statement.items() if value is not None},
    }


def _window_statement(window: StatedWindow) -> _Row:
    statement = {
        "start": window.start.isoformat(),
        "end": window.end.isoformat(),
        "status": window.status,
        "circuits": _circuits_statement(window.circuits),
        "ical_uid": window.ical_uid,
        "number": window.number,
    }
    return {name: value for name, value in statement.items() if value is not None}


def _circuits_statement(stated: Iterable[StatedCircuit] | None) -> list[list[str | None]] | None:
    return None if stated is None else [[circuit.circuit_id, circuit.impact] for circuit in stated]


def update_of(row: Row[Any] | SimpleNamespace) -> Update:
    """Return the update that a row of the table holds."""
    said: Mapping[str, Any] = row.statement
    stated_windows = said.get("windows")
    return Update(
        kind=Kind(row.kind),
        provider=row.provider,
        event_id=row.event_id,
        stamp=row.stamp,
        stamp_inferred=said["stamp_inferred"],
        source=said["source"],
        body_digest=said["body_digest"],
        reader=row.reader,
        reader_version=row.reader_version,
        sequence=said.get("sequence"),
        ical_uid=said.get("ical_uid"),
        account=said.get("account"),
        status=_status(said.get("status")),
        windows=None if stated_windows is None else tuple(_stated_window(window) for window in stated_windows),
        circuits=_stated_circuits(said.get("circuits")),
        summary=said.get("summary"),
        organizer=said.get("organizer"),
        references=tuple(said.get("references", ())),
        replaces=said.get("replaces"),
        replaced_by=said.get("replaced_by"),
        unverified=said["unverified"],
    )


def _stated_window(said: Mapping[str, Any]) -> StatedWindow:
    return StatedWindow(
        start=datetime.fromisoformat(said["start"]),
        end=datetime.fromisoformat(said["end"]),
        status=_status(said.get("status")),
        circuits=_stated_circuits(said.get("circuits")),
        ical_uid=said.get("ical_uid"),
        number=said.get("number"),
    )


def _stated_circuits(said: Sequence[Sequence[str]] | None) -> tuple[StatedCircuit, ...] | None:
    if said is None:
        return None
    return tuple(StatedCircuit(circuit_id=circuit_id, impact=_impact(impact)) for circuit_id, impact in said)


def _status(said: str | None) -> MaintenanceStatus | None:
    return None if said is None else MaintenanceStatus(said)


# --- edits ------------------------------------------------------------------------------------------------------


def add_edit(conn: Connection, edit: Edit) -> None:
    """Keep what a person says of an event; the event is to be folded again in the same transaction (``refold``)."""
    statement = {
        "status": list(edit.status) if edit.status else None,
        "windows": [[_span_row(one.was), _span_row(one.now), one.status] for one in edit.windows] or None,
        "held": [_span_row(span) for span in edit.held] or None,
        "circuits": [[one.circuit_id, one.was, one.now] for one in edit.circuits] or None,
        "summary": list(edit.summary) if edit.summary else None,
        "seen_start": edit.seen_start.isoformat() if edit.seen_start else None,
    }
    row = {
        "kind": edit.kind,
        "provider": edit.provider,
        "id_key": edit.id_key,
        "generation": edit.generation,
        "stamp": edit.stamp,
        "author": edit.author,
        "why": edit.reason,
        "statement": {name: value for name, value in statement.items() if value is not None},
    }
    conn.execute(sa.insert(edits), row)


def edits_of_key(conn: Connection, key: EventKey) -> list[Edit]:
    """Return what people say of the events of a key."""
    of_key = {"of_kind": key.kind, "of_provider": key.provider, "of_id_key": key.id_key}
    return [edit_of(row) for row in conn.execute(_EDITS, of_key)]


def edit_of(row: Row[Any]) -> Edit:
    """Return the edit that a row of the table holds."""
    said: Mapping[str, Any] = row.statement
    status, summary = said.get("status"), said.get("summary")
    return Edit(
        kind=Kind(row.kind),
        provider=row.provider,
        id_key=row.id_key,
        generation=row.generation,
        stamp=row.stamp,
        author=row.author,
        reason=row.why,
        status=(MaintenanceStatus(status[0]), MaintenanceStatus(status[1])) if status else None,
        windows=tuple(
            WindowCorrection(was=_span(was), now=_span(now), status=_status(of_window))
            for was, now, of_window in said.get("windows", ())
        ),
        held=tuple(span for span in map(_span, said.get("held", ())) if span),
        circuits=tuple(
            CircuitCorrection(circuit_id=circuit_id, was=_impact(was), now=_impact(now))
            for circuit_id, was, now in said.get("circuits", ())
        ),
        summary=(summary[0], summary[1]) if summary else None,
        seen_start=datetime.fromisoformat(said["seen_start"]) if "seen_start" in said else None,
    )


def _span_row(span: Span | None) -> list[str] | None:
    return None if span is None else [instant.isoformat() for instant in span]


def _span(said: Sequence[str] | None) -> Span | None:
    return None if said is None else (datetime.fromisoformat(said[0]), datetime.fromisoformat(said[1]))


def _impact(said: str | None) -> Impact | None:
    return None if said is None else Impact(said)


# --- events -----------------------------------------------------------------------------------------------------


def lock(conn: Connection, key: EventKey) -> None:
    """Let nobody else write the events of a key until the transaction ends: what is read after it stays so."""
    _lock(conn, key, {"of_kind": key.kind, "of_provider": key.provider, "of_id_key": key.id_key})


def refold(conn: Connection, keys: Collection[EventKey]) -> list[Event]:
    """Fold the updates of each key again and write what comes out; return the events, by key and generation.

    To be called once in a transaction, with all keys: they are locked in one order, so that no two processes wait for
    each other. Events of a key that has no update left are deleted. What has not changed is not written.
    """
    return [event for key in sorted(keys) for event in _refold(conn, key)]


def refold_message(conn: Connection, message: int) -> list[tuple[str, str, str]]:
    """Fold the events again that a message speaks of; return kind, provider and id of each."""
    stated = updates_of_message(conn, message)
    refold(conn, {update.key for update in stated})
    return list(dict.fromkeys((update.kind.value, update.provider, update.event_id) for update in stated))


def _refold(conn: Connection, key: EventKey) -> tuple[Event, ...]:
    of_key = {"of_kind": key.kind, "of_provider": key.provider, "of_id_key": key.id_key}
    _lock(conn, key, of_key)
    folded = fold(
        [update_of(row) for row in conn.execute(_COUNTING, of_key)],
        [edit_of(row) for row in conn.execute(_EDITS, of_key)],
    )
    held = {row.generation: row for row in conn.execute(_EVENTS, of_key)}
    for event in folded:
        _write(conn, key, event, held.pop(event.generation, None))
    if held:
        conn.execute(_DELETE_EVENT, [{"of_event": row.id} for row in held.values()])
    return folded


def _lock(conn: Connection, key: EventKey, of_key: _Row) -> None:
    """Make all others who write the events of this key wait until this transaction ends."""
    if conn.dialect.name == "sqlite":
        # A writer there holds the whole database.
        return
    if conn.execute(_LOCK, of_key).first() is not None:
        return
    row = {"kind": key.kind, "provider": key.provider, "id_key": key.id_key}
    conn.execute(_INSERT_KEY, row)
    # Another process may have inserted it, and hold it.
    conn.execute(_LOCK, of_key)


def _write(conn: Connection, key: EventKey, event: Event, held: Row[Any] | None) -> None:
    """Write an event with its parts, or what of it differs from the row that is held."""
    window_rows, circuit_rows, history_rows = _window_rows(event), _circuit_rows(event), _history_rows(event)
    reference_rows = _reference_rows(event)
    facts = {
        "event_id": event.event_id,
        "status": event.status,
        "start_at": event.start,
        "end_at": event.end,
        "summary": event.summary,
        "organizer": event.organizer,
        "accounts": list(event.accounts),
        "stamp": event.stamp,
        "stamp_inferred": event.stamp_inferred,
        "unverified": event.unverified,
        "update_count": event.updates,
        "material_digest": event.material_digest,
        "replaces": event.replaces,
        "replaced_by": event.replaced_by,
        "windows_digest": _digest(window_rows, circuit_rows),
        "history_digest": _digest(history_rows),
        "references_digest": _digest(reference_rows),
    }
    if held is not None and all(getattr(held, name) == value for name, value in facts.items()):
        return
    if held is None:
        names = {"kind": key.kind, "provider": key.provider, "id_key": key.id_key, "generation": event.generation}
        number: int = conn.execute(_INSERT_EVENT, {**names, **facts}).scalar_one()
    else:
        number = held.id
        conn.execute(_CHANGE_EVENT, {"of_event": number, **facts})
    if held is None or held.windows_digest != facts["windows_digest"]:
        _write_part(conn, windows, number, window_rows, is_new=held is None)
        _write_part(conn, circuits, number, circuit_rows, is_new=held is None)
    if held is None or held.history_digest != facts["history_digest"]:
        _write_part(conn, history, number, history_rows, is_new=held is None)
    if held is None or held.references_digest != facts["references_digest"]:
        _write_part(conn, event_references, number, reference_rows, is_new=held is None)


def _write_part(conn: Connection, table: sa.Table, event: int, rows: Sequence[_Row], *, is_new: bool) -> None:
    delete, insert = _PARTS[table]
    if not is_new:
        conn.execute(delete, {"of_event": event})
    if rows:
        conn.execute(insert, [{"event": event, **row} for row in rows])


def _window_rows(event: Event) -> list[_Row]:
    return [
        {
            "number": number,
            "start_at": window.start,
            "end_at": window.end,
            "status": window.status,
            "withdrawn": window.withdrawn,
        }
        for number, window in enumerate(event.windows, start=1)
    ]


def _circuit_rows(event: Event) -> list[_Row]:
    """Return the circuits of the event as a whole, then those of each window under its number."""
    lists: list[tuple[CircuitImpact, ...]] = [event.circuits, *(window.circuits for window in event.windows)]
    return [
        {
            "window_number": number,
            "ordinal": ordinal,
            "circuit_id": circuit.circuit_id,
            "circuit_key": stored_key(circuit_key_of(circuit.circuit_id)),
            "impact": circuit.impact,
            "withdrawn": circuit.withdrawn,
        }
        for number, listed in enumerate(lists)
        for ordinal, circuit in enumerate(listed)
    ]


def _history_rows(event: Event) -> list[_Row]:
    return [
        {
            "ordinal": ordinal,
            "stamp": entry.stamp,
            "move": entry.move,
            "source": entry.source,
            "superseded": entry.superseded,
            "changes": {name: list(change) for name, change in entry.changes.items()},
        }
        for ordinal, entry in enumerate(event.history)
    ]


def _reference_rows(event: Event) -> list[_Row]:
    return [
        {"ordinal": ordinal, "reference": reference, "reference_key": stored_key(id_key_of(reference))}
        for ordinal, reference in enumerate(event.references)
    ]


def _digest(*rows: Sequence[_Row]) -> str:
    return hashlib.sha256(json.dumps(rows, default=str).encode()).hexdigest()


# --- acknowledgements -------------------------------------------------------------------------------------------


def acknowledge(
    conn: Connection, key: EventKey, generation: int, *, author: str, ticket: str, comment: str, now: datetime
) -> None:
    """Note that a person has seen an event as it is now; NotFound where there is no such event.

    ``ticket`` is our own, empty where none was named; the newest that was named stays with the event.
    """
    names = {"kind": key.kind, "provider": key.provider, "id_key": key.id_key, "generation": generation}
    same = (events.c[name] == value for name, value in names.items())
    seen: str | None = conn.scalar(select(events.c.material_digest).where(*same))
    if seen is None:
        raise NotFound(f"there is no {key.kind} {key.id_key} of {key.provider}: `maintd events` lists them")
    said = {"author": author, "ticket": ticket, "comment": comment, "acknowledged_at": now}
    conn.execute(sa.insert(acknowledgements), {**names, "material_digest": seen, **said})


# --- hiding -----------------------------------------------------------------------------------------------------


def hide(conn: Connection, key: EventKey, generation: int, *, author: str, reason: str, now: datetime) -> None:
    """Show an event no more, whatever is heard of it. May be called twice: the first word stays."""
    names = {"kind": key.kind, "provider": key.provider, "id_key": key.id_key, "generation": generation}
    conn.execute(insert_ignoring(conn, hidden_events), {**names, "author": author, "why": reason, "hidden_at": now})


def show_again(conn: Connection, key: EventKey, generation: int) -> bool:
    """Show a hidden event again; False where it was not hidden."""
    names = {"kind": key.kind, "provider": key.provider, "id_key": key.id_key, "generation": generation}
    same = (hidden_events.c[name] == value for name, value in names.items())
    return conn.execute(sa.delete(hidden_events).where(*same)).rowcount == 1
