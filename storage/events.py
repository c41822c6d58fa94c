"""Updates as messages state them, what people say, the events that both fold to, and who has acknowledged these.

An event is written by ``refold`` alone, from all of its updates, under a lock on its key: the writers of one event
follow one another, and the last one has seen the updates of all before it. Whatever changes an event here, or what
people said of it, puts it into the outbox as well, where one is kept (``storage.outbox``).
"""

import hashlib
import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Row, bindparam, select
from sqlalchemy.dialects import postgresql

from domain.errors import NotFound
from domain.events import (
    CircuitImpact,
    Edit,
    Event,
    EventKey,
    OutageCorrection,
    Update,
    circuit_key_of,
    id_key_of,
)
from domain.fold import fold
from domain.vocabulary import Kind
from storage import outbox
from storage.schema import (
    Text,
    acknowledgements,
    adoptions,
    circuits,
    edits,
    etr_revisions,
    event_keys,
    event_references,
    events,
    hidden_events,
    history,
    insert_ignoring,
    local_ids,
    retractions,
    stored_key,
    updates,
    windows,
)
from storage.statements import edit_of, statement_of, statement_of_edit, update_of

_Row = dict[str, Any]


def _of_key(table: sa.Table, id_key: str = "id_key") -> sa.ColumnElement[bool]:
    """Return the condition that a row belongs to one key, whose parts are given when the statement runs."""
    return sa.and_(
        table.c.kind == bindparam("of_kind"),
        table.c.provider == bindparam("of_provider"),
        table.c[id_key] == bindparam("of_id_key"),
    )


def edits_where(of_the_key: Callable[[sa.Table, str], sa.ColumnElement[bool]]) -> sa.CompoundSelect[Any]:
    """Return the edits that count for some keys, for ``said_in``: an adopted edit counts for the key it went to.

    ``of_the_key`` gives the condition on the keys for a table, and for its column that holds the id.
    """
    same = sa.and_(*(adoptions.c[name] == edits.c[name] for name in ("kind", "provider", "id_key")))
    rest = [column for column in edits.c if column.name != "id_key"]
    none = sa.null().cast(Text)
    own = select(*rest, edits.c.id_key, none.label("held_id"), none.label("into_event_id"))
    adopted = select(
        *rest,
        adoptions.c.into_id_key.label("id_key"),
        adoptions.c.held_id,
        adoptions.c.event_id.label("into_event_id"),
    )
    return sa.union_all(
        own.where(of_the_key(edits, "id_key"), ~sa.exists().where(same)),
        adopted.join(adoptions, same).where(of_the_key(adoptions, "into_id_key")),
    ).order_by("id")


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
_EDITS = edits_where(_of_key)

_LOCK = select(event_keys.c.id_key).where(_of_key(event_keys)).with_for_update()
_INSERT_KEY = postgresql.insert(event_keys).on_conflict_do_nothing()

_EVENTS = select(events).where(_of_key(events))
_INSERT_EVENT = sa.insert(events).returning(events.c.id)
_CHANGE_EVENT = sa.update(events).where(events.c.id == bindparam("of_event"))
_DELETE_EVENT = sa.delete(events).where(events.c.id == bindparam("of_event"))
_PARTS = {
    table: (sa.delete(table).where(table.c.event == bindparam("of_event")), sa.insert(table))
    for table in (windows, circuits, history, event_references, etr_revisions)
}

_INSERT_LOCAL_ID = sa.insert(local_ids).returning(local_ids.c.id)
_SPOKEN_OF = select(sa.or_(*(sa.exists().where(_of_key(table)) for table in (updates, edits, events))))
_ADOPTED = select(adoptions.c.into_id_key, adoptions.c.event_id).where(_of_key(adoptions))
_HELD_ID = select(events.c.event_id).where(_of_key(events)).order_by(events.c.generation.desc()).limit(1)
_ADOPT_FURTHER = (
    sa.update(adoptions)
    .where(_of_key(adoptions, "into_id_key"))
    .values(into_id_key=bindparam("further_id_key"), event_id=bindparam("further_event_id"))
)
_DISOWN = sa.delete(adoptions).where(_of_key(adoptions))
_SEEN_AS = (
    sa.update(acknowledgements)
    .where(_of_key(acknowledgements))
    .values(id_key=bindparam("other_id_key"), generation=bindparam("other_generation"))
)


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


def keys_of_messages(conn: Connection, numbers: Collection[int]) -> set[EventKey]:
    """Return the keys of all events that messages speak of."""
    statement = select(updates.c.kind, updates.c.provider, updates.c.id_key).where(updates.c.message.in_(numbers))
    return {_key(*row) for row in conn.execute(statement.distinct())}


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
        "statement": statement_of(update),
    }


# --- edits ------------------------------------------------------------------------------------------------------


def add_edit(conn: Connection, edit: Edit) -> None:
    """Keep what a person says of an event; the event is to be folded again in the same transaction (``refold``)."""
    row = {
        "kind": edit.kind,
        "provider": edit.provider,
        "id_key": edit.id_key,
        "generation": edit.generation,
        "stamp": edit.stamp,
        "author": edit.author,
        "why": edit.reason,
        "statement": statement_of_edit(edit),
    }
    conn.execute(sa.insert(edits), row)


def edits_of_key(conn: Connection, key: EventKey) -> list[Edit]:
    """Return what people say of the events of a key, and of those that were adopted into it.

    What was said of an adopted one is said of this key, and names the id that it was said of. Of a key that was adopted
    into another nothing is said any more.
    """
    of_key = {"of_kind": key.kind, "of_provider": key.provider, "of_id_key": key.id_key}
    return [said_in(row) for row in conn.execute(_EDITS, of_key)]


def said_in(row: Row[Any]) -> Edit:
    """Return the edit in a row of ``edits_where``, of the key that it counts for."""
    edit = edit_of(row)
    if row.held_id is None:
        return edit
    correction = edit.outage or OutageCorrection()
    opens = row.into_event_id if correction.opens else None
    return replace(edit, outage=replace(correction, opens=opens, adopted_from=row.held_id))


# --- events -----------------------------------------------------------------------------------------------------


def lock(conn: Connection, key: EventKey) -> None:
    """Let nobody else write the events of a key until the transaction ends: what is read after it stays so."""
    _lock(conn, key, {"of_kind": key.kind, "of_provider": key.provider, "of_id_key": key.id_key})


def refold(conn: Connection, keys: Collection[EventKey]) -> list[Event]:
    """Fold the updates of each key again and write what comes out; return the events, by key and generation.

    To be called once in a transaction, with all keys: they are locked in one order, so that no two processes wait for
    each other. Events of which nobody tells any more are deleted. What has not changed is not written.
    """
    changes = _Changes()
    folded = [event for key in sorted(keys) for event in _refold(conn, key, changes)]
    outbox.note(conn, changes.changed, gone=changes.gone)
    return folded


def refold_message(conn: Connection, message: int) -> list[tuple[str, str, str]]:
    """Fold the events again that a message speaks of; return kind, provider and id of each."""
    stated = updates_of_message(conn, message)
    refold(conn, {update.key for update in stated})
    return list(dict.fromkeys((update.kind.value, update.provider, update.event_id) for update in stated))


@dataclass(slots=True)
class _Changes:
    """The events that were written, and those that were deleted."""

    changed: list[outbox.Name] = field(default_factory=list)
    gone: list[outbox.Name] = field(default_factory=list)


def _refold(conn: Connection, key: EventKey, changes: _Changes) -> tuple[Event, ...]:
    of_key = {"of_kind": key.kind, "of_provider": key.provider, "of_id_key": key.id_key}
    _lock(conn, key, of_key)
    folded = fold(
        [update_of(row) for row in conn.execute(_COUNTING, of_key)],
        [said_in(row) for row in conn.execute(_EDITS, of_key)],
    )
    held = {row.generation: row for row in conn.execute(_EVENTS, of_key)}
    for event in folded:
        if _write(conn, key, event, held.pop(event.generation, None)):
            changes.changed.append((key, event.generation))
    if held:
        changes.gone += ((key, generation) for generation in held)
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


def _write(conn: Connection, key: EventKey, event: Event, held: Row[Any] | None) -> bool:
    """Write an event with its parts, or what of it differs from the row that is held; False where nothing does."""
    window_rows, circuit_rows, history_rows = _window_rows(event), _circuit_rows(event), _history_rows(event)
    reference_rows, revision_rows = _reference_rows(event), _revision_rows(event)
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
        "end_inferred": event.end_inferred,
        "reported_at": event.reported_at,
        "etr_at": event.etr,
        "cause": event.cause,
        "original_timezone": event.original_timezone,
        "windows_digest": _digest(window_rows, circuit_rows),
        "history_digest": _digest(history_rows),
        "references_digest": _digest(reference_rows),
        "etr_digest": _digest(revision_rows),
    }
    if held is not None and all(getattr(held, name) == value for name, value in facts.items()):
        return False
    if held is None:
        names = {"kind": key.kind, "provider": key.provider, "id_key": key.id_key, "generation": event.generation}
        number: int = conn.execute(_INSERT_EVENT, {**names, **facts}).scalar_one()
    else:
        number = held.id
        conn.execute(_CHANGE_EVENT, {"of_event": number, **facts})
    for table, digest, rows in (
        (windows, "windows_digest", window_rows),
        (circuits, "windows_digest", circuit_rows),
        (history, "history_digest", history_rows),
        (event_references, "references_digest", reference_rows),
        (etr_revisions, "etr_digest", revision_rows),
    ):
        if held is None or getattr(held, digest) != facts[digest]:
            _write_part(conn, table, number, rows, is_new=held is None)
    return True


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


def _revision_rows(event: Event) -> list[_Row]:
    return [
        {
            "ordinal": ordinal,
            "stamp": revision.stamp,
            "etr_at": revision.etr,
            "previous_at": revision.previous,
            "move": revision.move,
            "slip_seconds": revision.slip_seconds,
            "source": revision.source,
            "words": revision.words,
        }
        for ordinal, revision in enumerate(event.etr_revisions)
    ]


def _digest(*rows: Sequence[_Row]) -> str:
    return hashlib.sha256(json.dumps(rows, default=str).encode()).hexdigest()


# --- outages that people open -----------------------------------------------------------------------------------

# The ids under which outages are held whose ticket is not known yet.
LOCAL = "local-"


def next_local_id(conn: Connection, provider: str) -> str:
    """Return an id for an outage whose ticket is not known yet. None is given out twice, whoever else asks for one."""
    while True:
        number: int = conn.execute(_INSERT_LOCAL_ID, {"provider": provider}).scalar_one()
        event_id = f"{LOCAL}{number}"
        of_key = {"of_kind": Kind.OUTAGE, "of_provider": provider, "of_id_key": id_key_of(event_id)}
        # Somebody may have called an outage so, without asking for a number.
        if not conn.scalar(_SPOKEN_OF, of_key):
            return event_id


def adopt(
    conn: Connection, held: EventKey, into: EventKey, event_id: str, *, author: str, reason: str, now: datetime
) -> None:
    """Let all that people say of one outage be said of another, from now on, and fold both again.

    ``event_id`` is the id of the other in the provider's spelling. What people have seen of the held one, and our
    ticket, go over with it; its id stays as a reference. What messages say of it does not go over.
    """
    for key in sorted((held, into)):
        lock(conn, key)
    of_held = {"of_kind": held.kind, "of_provider": held.provider, "of_id_key": held.id_key}
    held_id: str = conn.scalar(_HELD_ID, of_held) or held.id_key
    row = {"kind": held.kind, "provider": held.provider, "id_key": held.id_key, "held_id": held_id}
    said = {"author": author, "why": reason, "adopted_at": now}
    conn.execute(sa.insert(adoptions), {**row, "into_id_key": into.id_key, "event_id": event_id, **said})
    # What was adopted into the held one goes on with it.
    conn.execute(_ADOPT_FURTHER, {**of_held, "further_id_key": into.id_key, "further_event_id": event_id})
    changes = _Changes()
    _refold(conn, held, changes)
    folded = _refold(conn, into, changes)
    generation = max((one.generation for one in folded if held_id in one.references), default=1)
    conn.execute(_SEEN_AS, {**of_held, "other_id_key": into.id_key, "other_generation": generation})
    # What was seen goes over also where the mails say already what the person said.
    seen = [(into, one.generation) for one in folded if one.generation == generation]
    outbox.note(conn, [*changes.changed, *seen], gone=changes.gone)


def disown(conn: Connection, held: EventKey) -> None:
    """Let what people say of an adopted outage be said of it alone again, and fold both again.

    What people have seen since, and our ticket, stay with the one that had adopted it.
    """
    went = adopted_into(conn, held)
    if went is None:
        return
    for key in sorted((held, went[0])):
        lock(conn, key)
    conn.execute(_DISOWN, {"of_kind": held.kind, "of_provider": held.provider, "of_id_key": held.id_key})
    changes = _Changes()
    for key in sorted((held, went[0])):
        _refold(conn, key, changes)
    outbox.note(conn, changes.changed, gone=changes.gone)


def adopted_into(conn: Connection, key: EventKey) -> tuple[EventKey, str] | None:
    """Return the key that an outage was adopted into, and its id in the provider's spelling; None where it was not."""
    of_key = {"of_kind": key.kind, "of_provider": key.provider, "of_id_key": key.id_key}
    row = conn.execute(_ADOPTED, of_key).one_or_none()
    return None if row is None else (replace(key, id_key=row.into_id_key), row.event_id)


# --- acknowledgements -------------------------------------------------------------------------------------------


def acknowledge(
    conn: Connection,
    key: EventKey,
    generation: int,
    *,
    author: str,
    ticket: str | None = None,
    comment: str = "",
    now: datetime,
    digest: str | None = None,
) -> None:
    """Note that a person has seen an event; NotFound where there is no such event.

    ``digest`` is that of the event as it was seen, None: as it is now; empty: the acknowledgement is taken back.
    ``ticket`` is our own, None where none was named: the newest that was named stays with the event; empty: it has none
    any more.
    """
    # An outage may be adopted at this moment, with what was seen of it.
    lock(conn, key)
    names = {"kind": key.kind, "provider": key.provider, "id_key": key.id_key, "generation": generation}
    same = (events.c[name] == value for name, value in names.items())
    present: str | None = conn.scalar(select(events.c.material_digest).where(*same))
    if present is None:
        raise NotFound(f"there is no {key.kind} {key.id_key} of {key.provider}: `maintd events` lists them")
    said = {"author": author, "ticket": ticket, "comment": comment, "acknowledged_at": now}
    conn.execute(
        sa.insert(acknowledgements), {**names, "material_digest": present if digest is None else digest, **said}
    )
    outbox.note(conn, [(key, generation)])


# --- hiding -----------------------------------------------------------------------------------------------------


def hide(conn: Connection, key: EventKey, generation: int, *, author: str, reason: str, now: datetime) -> None:
    """Show an event no more, whatever is heard of it. May be called twice: the first word stays."""
    names = {"kind": key.kind, "provider": key.provider, "id_key": key.id_key, "generation": generation}
    inserting = insert_ignoring(conn, hidden_events).returning(hidden_events.c.generation)
    if conn.execute(inserting, {**names, "author": author, "why": reason, "hidden_at": now}).first() is not None:
        _note_seen_otherwise(conn, key, generation)


def show_again(conn: Connection, key: EventKey, generation: int) -> bool:
    """Show a hidden event again; False where it was not hidden."""
    names = {"kind": key.kind, "provider": key.provider, "id_key": key.id_key, "generation": generation}
    same = (hidden_events.c[name] == value for name, value in names.items())
    shown = conn.execute(sa.delete(hidden_events).where(*same)).rowcount == 1
    if shown:
        _note_seen_otherwise(conn, key, generation)
    return shown


def _note_seen_otherwise(conn: Connection, key: EventKey, generation: int) -> None:
    """Put an event into the outbox, if it is there: people also hide what is still to come."""
    names = {"kind": key.kind, "provider": key.provider, "id_key": key.id_key, "generation": generation}
    if conn.scalar(select(sa.exists().where(*(events.c[name] == value for name, value in names.items())))):
        outbox.note(conn, [(key, generation)])
