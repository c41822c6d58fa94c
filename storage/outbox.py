"""What NetBox has still to learn, what it holds as far as we know, and which circuits it knows by which name.

The outbox has one row for each event that has changed since NetBox was told: written in the transaction of the change,
claimed for a while by whoever delivers it, and deleted if nothing has changed meanwhile. So the newest change wins, and
whoever is stopped half-way loses nothing. What has still to be told is not here: it is asked of the event itself.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection, Row, bindparam, func, select
from sqlalchemy.dialects import postgresql, sqlite

from domain.events import EventKey, circuit_key_of
from domain.vocabulary import Kind
from storage.schema import (
    circuit_aliases,
    circuits,
    events,
    netbox_meta,
    outbox,
    remote_events,
    stored_key,
    unresolved_circuits,
)

# The option of a connection under which ``storage.database.Store`` keeps when its changes are due; without it no
# outbox is kept.
DUE_AT = "outbox_due_at"

# The facts about the NetBox: where it is, since when events count, when all was last compared, what it is, and why it
# is left alone now.
URL, SINCE, COMPARED_AT, DIALECT, PROBLEM = "url", "since", "compared_at", "dialect", "problem"

# How many values stand in one IN list at most.
_MANY = 500

# An event: its key and its generation.
Name = tuple[EventKey, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """An event that is to be delivered by whoever claimed it, until ``claimed_until``; ``attempts`` have failed.

    ``thorough``: all that NetBox holds of it is to be looked at. ``background``: nothing of it has changed.
    """

    key: EventKey
    generation: int
    version: int
    attempts: int
    thorough: bool
    background: bool
    claimed_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Parked:
    """An event that NetBox will not take as it is, and its words."""

    key: EventKey
    generation: int
    attempts: int
    failed_at: datetime
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """That NetBox has still to learn of an event: how often it was tried, and what was wrong; None: nothing yet.

    ``background``: there is nothing to learn, the event is only to be looked at there.
    """

    waiting_since: datetime
    due_at: datetime
    attempts: int
    problem: str | None
    parked: bool
    background: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """How far NetBox is behind: events ``due``, those of them whose last attempt ``failed``, and those ``parked``.

    ``to_compare`` are those that have not changed, and are only to be looked at there. ``oldest_at`` is since when the
    one that waits longest is due; None where none is.
    """

    due: int
    failed: int
    parked: int
    to_compare: int
    oldest_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """What NetBox holds of an event. ``dirty``: requests were under way when the state was saved.

    ``pushed_at`` is when a push last came to its end; None: none did yet.
    """

    state: dict[str, Any]
    dirty: bool
    pushed_at: datetime | None

    @property
    def records(self) -> list[tuple[int, int]]:
        """Return the number of each slot and the id of its record in NetBox, by slot, as far as it is known."""
        held = ((int(slot), record.get("number")) for slot, record in self.state.get("records", {}).items())
        return sorted((slot, number) for slot, number in held if number is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """A name of a circuit, as it was typed, and the id of the circuit in NetBox's spelling."""

    provider: str
    alias: str
    circuit_id: str
    author: str
    added_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Unresolved:
    """A circuit of an event that NetBox does not have; an empty id stands for the provider itself."""

    provider: str
    circuit_id: str
    first_seen_at: datetime
    last_tried_at: datetime


# --- events that are due ----------------------------------------------------------------------------------------

_PARTS = ("kind", "provider", "id_key", "generation")
# As an event is that nobody has tried to deliver.
_FRESH: dict[str, Any] = {"attempts": 0, "parked": False, "failed_at": None, "problem": None}


def _of_name(table: sa.Table) -> ColumnElement[bool]:
    """Return the condition that a row belongs to one event, whose parts are given when the statement runs."""
    return sa.and_(*(table.c[part] == bindparam(f"of_{part}") for part in _PARTS))


_IS_MINE = sa.and_(_of_name(outbox), outbox.c.claimed_until == bindparam("claimed"))
_IS_UNCHANGED = sa.and_(_IS_MINE, outbox.c.version == bindparam("claimed_version"))
_HAS_REMOTE = sa.exists().where(*(remote_events.c[part] == outbox.c[part] for part in _PARTS))
_HAS_EVENT = sa.exists().where(*(events.c[part] == outbox.c[part] for part in _PARTS))

_CLAIMABLE = (
    select(outbox)
    .where(
        outbox.c.parked.is_(sa.false()),
        outbox.c.due_at <= bindparam("now"),
        sa.or_(outbox.c.claimed_until.is_(None), outbox.c.claimed_until <= bindparam("now")),
    )
    .order_by(outbox.c.background, outbox.c.due_at, *(outbox.c[part] for part in _PARTS))
    .limit(bindparam("most"))
    # SQLite does without: a writer there holds the whole database.
    .with_for_update(skip_locked=True)
)
_CLAIM = sa.update(outbox).where(_of_name(outbox))
_DONE = sa.delete(outbox).where(_IS_UNCHANGED)
_FAILED = sa.update(outbox).where(_IS_UNCHANGED).values(attempts=outbox.c.attempts + 1, claimed_until=None)
_RENEW = sa.update(outbox).where(_IS_MINE)
_LET_GO = sa.update(outbox).where(_IS_MINE).values(claimed_until=None)
# Nobody is at it, and NetBox was never told: there is nothing to take back.
_FORGET = sa.delete(outbox).where(_of_name(outbox), outbox.c.claimed_until.is_(None), ~_HAS_REMOTE)
_HURRY = sa.update(outbox).where(_of_name(outbox))


def note(conn: Connection, changed: Iterable[Name], *, gone: Iterable[Name] = ()) -> None:
    """Put events that have changed, and those that are ``gone``, into the outbox, if this connection's store keeps one.

    Called once in a transaction, by whatever writes events, with all of them.
    """
    due_at: datetime | None = conn.get_execution_options().get(DUE_AT)
    if due_at is None:
        return
    no_more = list(gone)
    enqueue(conn, [*changed, *no_more], now=due_at)
    if no_more:
        conn.execute(_FORGET, [_of(*name) for name in _in_order(no_more)])


def enqueue(conn: Connection, names: Collection[Name], *, now: datetime) -> None:
    """Let events be delivered now, whatever became of an earlier attempt; who is at one of them goes on undisturbed."""
    if not names:
        return
    fresh = {"version": 1, **_FRESH, "waiting_since": now, "due_at": now}
    rows = [{**_named(*name), **fresh, "thorough": False, "background": False} for name in _in_order(names)]
    inserting = _insert(conn, outbox)
    again = {**_FRESH, "version": outbox.c.version + 1, "due_at": inserting.excluded.due_at, "background": False}
    conn.execute(inserting.on_conflict_do_update(index_elements=_PARTS, set_=again), rows)


def look_again(conn: Connection, names: Collection[Name], *, now: datetime) -> None:
    """Let all be looked at that NetBox holds of events that have not changed, after those that have.

    When an event is tried next is left as it is, and whether it is parked.
    """
    if not names:
        return
    fresh = {"version": 1, **_FRESH, "waiting_since": now, "due_at": now}
    rows = [{**_named(*name), **fresh, "thorough": True, "background": True} for name in _in_order(names)]
    inserting = _insert(conn, outbox)
    conn.execute(inserting.on_conflict_do_update(index_elements=_PARTS, set_={"thorough": True}), rows)


def look_again_at_all(conn: Connection, *, since: datetime, now: datetime) -> int:
    """Do so with all events that end after ``since``, or whose end nobody knows yet; return how many."""
    names = _names_of(conn, _ends_after(since))
    look_again(conn, names, now=now)
    return len(names)


def hurry(conn: Connection, names: Collection[Name] | None = None, *, now: datetime) -> int:
    """Let events that wait, parked ones too, be tried now, None: all of them; return how many."""
    wanted = {_name(row) for row in conn.execute(select(*(outbox.c[part] for part in _PARTS)))}
    if names is not None:
        asked = {_stored(*name) for name in names}
        wanted = {name for name in wanted if _stored(*name) in asked}
    if wanted:
        conn.execute(_HURRY.values(**_FRESH, due_at=now), [_of(*name) for name in _in_order(wanted)])
    return len(wanted)


def enqueue_all(conn: Connection, *, since: datetime, now: datetime) -> int:
    """Let all events be delivered that end after ``since``, or whose end nobody knows yet; return how many."""
    return _enqueue_chosen(conn, _ends_after(since), now)


def enqueue_provider(conn: Connection, provider: str, *, since: datetime, now: datetime) -> int:
    """Let the events of a provider be delivered, which NetBox knows now; return how many. See ``enqueue_all``."""
    return _enqueue_chosen(conn, sa.and_(events.c.provider == provider, _ends_after(since)), now)


def enqueue_circuits(
    conn: Connection, provider: str, circuit_ids: Collection[str], *, since: datetime, now: datetime
) -> int:
    """Let the events of some circuits be delivered, which NetBox knows now; return how many. See ``enqueue_all``."""
    keys = sorted({stored_key(circuit_key_of(circuit_id)) for circuit_id in circuit_ids})
    found = 0
    for begin in range(0, len(keys), _MANY):
        affected = select(circuits.c.event).where(
            circuits.c.circuit_key.in_(keys[begin : begin + _MANY]), circuits.c.withdrawn.is_(sa.false())
        )
        chosen = sa.and_(events.c.provider == provider, events.c.id.in_(affected), _ends_after(since))
        found += _enqueue_chosen(conn, chosen, now)
    return found


def _ends_after(since: datetime) -> ColumnElement[bool]:
    return sa.or_(events.c.end_at.is_(None), events.c.end_at > since)


def _enqueue_chosen(conn: Connection, chosen: ColumnElement[bool], now: datetime) -> int:
    names = _names_of(conn, chosen)
    enqueue(conn, names, now=now)
    return len(names)


def _names_of(conn: Connection, chosen: ColumnElement[bool]) -> list[Name]:
    return [_name(row) for row in conn.execute(select(*(events.c[part] for part in _PARTS)).where(chosen))]


def names_after(conn: Connection, since: datetime) -> list[Name]:
    """Return all events that end after ``since``, or whose end nobody knows yet."""
    return sorted(_names_of(conn, _ends_after(since)))


def claim(conn: Connection, *, now: datetime, limit: int, lease_seconds: float, only: Name | None = None) -> list[Due]:
    """Return events that are due, those that are due longest first; nobody else gets them while the lease lasts.

    ``only``: this event and no other, if it is due.
    """
    claimed_until = now + timedelta(seconds=lease_seconds)
    claimable, asked = _CLAIMABLE, {"now": now, "most": limit}
    if only is not None:
        claimable, asked = claimable.where(_of_name(outbox)), asked | _of(*only)
    found = [_due(row, claimed_until) for row in conn.execute(claimable, asked).all()]
    if found:
        conn.execute(_CLAIM.values(claimed_until=claimed_until), [_of(one.key, one.generation) for one in found])
    return found


def renew(conn: Connection, due: Due, *, now: datetime, lease_seconds: float) -> Due | None:
    """Return the same with a lease that begins now; None where it ran out before, and somebody else is at it."""
    claimed_until = now + timedelta(seconds=lease_seconds)
    mine = {**_of(due.key, due.generation), "claimed": due.claimed_until}
    if conn.execute(_RENEW.values(claimed_until=claimed_until), mine).rowcount == 1:
        return replace(due, claimed_until=claimed_until)
    return None


def done(conn: Connection, due: Due) -> bool:
    """Take an event out, of which NetBox holds all; False where it has changed meanwhile, and is due again.

    False also where the lease ran out, and somebody else is at it.
    """
    return _settled(conn, _DONE, due)


def postpone(conn: Connection, due: Due, *, until: datetime, problem: str, now: datetime) -> bool:
    """Let an event that failed ``now`` wait, and count the attempt; False as in ``done``: then it is not put off."""
    return _settled(conn, _FAILED.values(due_at=until, failed_at=now, problem=problem), due)


def park(conn: Connection, due: Due, *, problem: str, now: datetime) -> bool:
    """Try an event no more, until it changes or a person releases it; False as in ``done``: then it is not parked."""
    return _settled(conn, _FAILED.values(parked=True, failed_at=now, problem=problem), due)


def _settled(conn: Connection, statement: sa.Delete | sa.Update, due: Due) -> bool:
    """Settle what was claimed, if it is still the newest; else let the newer change be claimed at once."""
    mine = {**_of(due.key, due.generation), "claimed": due.claimed_until}
    if conn.execute(statement, {**mine, "claimed_version": due.version}).rowcount == 1:
        return True
    conn.execute(_LET_GO, mine)
    return False


def let_go(conn: Connection, claimed: Iterable[Due]) -> None:
    """Let events be claimed at once by anybody, as if nobody had claimed them: they were not tried."""
    for due in in_order(claimed):
        conn.execute(_LET_GO, {**_of(due.key, due.generation), "claimed": due.claimed_until})


def in_order(claimed: Iterable[Due]) -> list[Due]:
    """Return events in the order in which one transaction is to write several, so that no two wait for each other."""
    return sorted(claimed, key=place)


def place(due: Due) -> tuple[str, str, str, int]:
    """Return where an event stands in that order."""
    return _stored(due.key, due.generation)


def parked(conn: Connection) -> list[Parked]:
    """Return the events that are tried no more, those that failed first first."""
    statement = select(outbox).where(outbox.c.parked.is_(sa.true()))
    rows = conn.execute(statement.order_by(outbox.c.failed_at, *(outbox.c[part] for part in _PARTS)))
    return [
        Parked(
            key=_key(row),
            generation=row.generation,
            attempts=row.attempts,
            failed_at=row.failed_at,
            problem=row.problem,
        )
        for row in rows
    ]


def owed(conn: Connection, key: EventKey, generation: int) -> Owed | None:
    """Return what NetBox has still to learn of an event; None where it holds all."""
    row = conn.execute(select(outbox).where(_of_name(outbox)), _of(key, generation)).one_or_none()
    if row is None:
        return None
    return Owed(
        waiting_since=row.waiting_since,
        due_at=row.due_at,
        attempts=row.attempts,
        problem=row.problem,
        parked=row.parked,
        background=row.background,
    )


def figures(conn: Connection) -> Figures:
    """Return how far NetBox is behind."""
    tried = outbox.c.parked.is_(sa.false())
    waits = sa.and_(tried, outbox.c.background.is_(sa.false()))
    oldest = func.min(outbox.c.waiting_since, type_=outbox.c.waiting_since.type)
    statement = select(
        func.count().filter(waits).label("due"),
        func.count().filter(tried, outbox.c.attempts > 0).label("failed"),
        func.count().filter(outbox.c.parked.is_(sa.true())).label("parked"),
        func.count().filter(tried, outbox.c.background.is_(sa.true())).label("to_compare"),
        oldest.filter(waits).label("oldest_at"),
    ).select_from(outbox)
    row = conn.execute(statement).one()
    return Figures(
        due=row.due, failed=row.failed, parked=row.parked, to_compare=row.to_compare, oldest_at=row.oldest_at
    )


# --- what NetBox holds ------------------------------------------------------------------------------------------


def remote(conn: Connection, key: EventKey, generation: int) -> Remote | None:
    """Return what NetBox holds of an event, as far as we know; None where it was never told of it."""
    row = conn.execute(select(remote_events).where(_of_name(remote_events)), _of(key, generation)).one_or_none()
    return None if row is None else _remote(row)


def remotes(conn: Connection) -> Iterator[tuple[EventKey, int, Remote]]:
    """Return all that NetBox holds, by key and generation."""
    statement = select(remote_events).order_by(*(remote_events.c[part] for part in _PARTS))
    return ((_key(row), row.generation, _remote(row)) for row in conn.execute(statement))


def save_remote(
    conn: Connection, key: EventKey, generation: int, state: Mapping[str, Any], *, dirty: bool, now: datetime
) -> None:
    """Keep what NetBox holds of an event; not ``dirty``: the push came to its end ``now``.

    ``state`` is whatever JSON object ``sync`` makes of it; ``records`` in it has an object for the number of each slot,
    with its ``number`` in NetBox, where that is known.
    """
    facts: dict[str, Any] = {"state": dict(state), "dirty": dirty}
    if not dirty:
        facts["pushed_at"] = now
    _upsert(conn, remote_events, _named(key, generation), facts)


def forget_remote(conn: Connection, key: EventKey, generation: int) -> None:
    """Forget what NetBox held of an event, none of which is there any more. May be called twice."""
    conn.execute(sa.delete(remote_events).where(_of_name(remote_events)), _of(key, generation))


def _remote(row: Row[Any]) -> Remote:
    return Remote(state=row.state, dirty=row.dirty, pushed_at=row.pushed_at)


# --- circuits ---------------------------------------------------------------------------------------------------


def add_alias(conn: Connection, provider: str, alias: str, circuit_id: str, *, author: str, now: datetime) -> None:
    """Let a name that a provider gives a circuit mean the one with an id in NetBox; a later word replaces an earlier.

    The events of it are the caller's to be delivered again (``enqueue_circuits``).
    """
    facts = {"alias": alias, "circuit_id": circuit_id, "author": author, "added_at": now}
    _upsert(conn, circuit_aliases, {"provider": provider, "alias_key": circuit_key_of(alias)}, facts)


def remove_alias(conn: Connection, provider: str, alias: str) -> bool:
    """Let a name mean no other circuit than its own any more; False where it did not."""
    same = (circuit_aliases.c.provider == provider, circuit_aliases.c.alias_key == circuit_key_of(alias))
    return conn.execute(sa.delete(circuit_aliases).where(*same)).rowcount == 1


def aliases(conn: Connection) -> list[Alias]:
    """Return all aliases, by provider and name."""
    rows = conn.execute(select(circuit_aliases).order_by(circuit_aliases.c.provider, circuit_aliases.c.alias_key))
    return [
        Alias(
            provider=row.provider,
            alias=row.alias,
            circuit_id=row.circuit_id,
            author=row.author,
            added_at=row.added_at,
        )
        for row in rows
    ]


def note_unresolved(conn: Connection, provider: str, circuit_ids: Collection[str], *, now: datetime) -> None:
    """Note that NetBox was asked for circuits ``now`` and does not have them. May be called twice."""
    by_key = {stored_key(circuit_key_of(circuit_id)): circuit_id for circuit_id in circuit_ids}
    if not by_key:
        return
    rows = [
        {
            "provider": provider,
            "circuit_key": key,
            "circuit_id": by_key[key],
            "first_seen_at": now,
            "last_tried_at": now,
        }
        for key in sorted(by_key)
    ]
    inserting = _insert(conn, unresolved_circuits)
    again = {name: inserting.excluded[name] for name in ("circuit_id", "last_tried_at")}
    conn.execute(inserting.on_conflict_do_update(index_elements=["provider", "circuit_key"], set_=again), rows)


def note_resolved(conn: Connection, provider: str, circuit_ids: Collection[str]) -> list[str]:
    """Note that NetBox has circuits, or that no event names them any more; return those that were unresolved."""
    keys = sorted({stored_key(circuit_key_of(circuit_id)) for circuit_id in circuit_ids})
    found: list[str] = []
    for begin in range(0, len(keys), _MANY):
        part = unresolved_circuits.c.circuit_key.in_(keys[begin : begin + _MANY])
        statement = sa.delete(unresolved_circuits).where(unresolved_circuits.c.provider == provider, part)
        found += conn.scalars(statement.returning(unresolved_circuits.c.circuit_id))
    return sorted(found)


def forget_unnamed(conn: Connection, *, since: datetime) -> None:
    """Forget unresolved circuits that no event names any more, and providers that have none, of those that count."""
    counts = sa.and_(events.c.provider == unresolved_circuits.c.provider, _ends_after(since))
    names_it = sa.and_(
        circuits.c.event == events.c.id,
        circuits.c.circuit_key == unresolved_circuits.c.circuit_key,
        circuits.c.withdrawn.is_(sa.false()),
    )
    named = sa.or_(
        sa.and_(unresolved_circuits.c.circuit_id == "", sa.exists().where(counts)),
        sa.exists().where(counts, names_it),
    )
    conn.execute(sa.delete(unresolved_circuits).where(~named))


def unresolved(conn: Connection, *, tried_before: datetime | None = None) -> list[Unresolved]:
    """Return the circuits that NetBox does not have, by provider and id; those not tried since ``tried_before``."""
    statement = select(unresolved_circuits)
    if tried_before is not None:
        statement = statement.where(unresolved_circuits.c.last_tried_at < tried_before)
    rows = conn.execute(statement.order_by(unresolved_circuits.c.provider, unresolved_circuits.c.circuit_key))
    return [
        Unresolved(
            provider=row.provider,
            circuit_id=row.circuit_id,
            first_seen_at=row.first_seen_at,
            last_tried_at=row.last_tried_at,
        )
        for row in rows
    ]


# --- the NetBox itself ------------------------------------------------------------------------------------------


def meta(conn: Connection, name: str) -> str | None:
    """Return a fact about the NetBox; None where it is not known yet."""
    value: str | None = conn.scalar(select(netbox_meta.c.value).where(netbox_meta.c.name == name))
    return value


def save_meta(conn: Connection, name: str, value: str | None) -> None:
    """Keep a fact about the NetBox; None: it holds no more."""
    if value is None:
        conn.execute(sa.delete(netbox_meta).where(netbox_meta.c.name == name))
    else:
        _upsert(conn, netbox_meta, {"name": name}, {"value": value})


# --- the laws ---------------------------------------------------------------------------------------------------


def faults(conn: Connection) -> Iterator[str]:
    """Yield what is wrong with these tables, one line for each fault."""
    strays = select(outbox).where(outbox.c.claimed_until.is_(None), ~_HAS_EVENT, ~_HAS_REMOTE)
    for row in conn.execute(strays.order_by(*(outbox.c[part] for part in _PARTS))):
        yield f"the outbox names {_told(row)}, which is neither an event nor anything that NetBox holds"
    held = select(*(remote_events.c[part] for part in _PARTS), sa.type_coerce(remote_events.c.state, sa.Text))
    for row in conn.execute(held.order_by(*(remote_events.c[part] for part in _PARTS))):
        if not _is_object(row.state):
            yield f"what NetBox holds of {_told(row)} cannot be read: `maintd netbox push` asks NetBox again"


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def _told(row: Row[Any]) -> str:
    again = f", generation {row.generation}" if row.generation > 1 else ""
    return f"{row.kind} {row.id_key} of {row.provider}{again}"


# --- rows -------------------------------------------------------------------------------------------------------


def _due(row: Row[Any], claimed_until: datetime) -> Due:
    return Due(
        key=_key(row),
        generation=row.generation,
        version=row.version,
        attempts=row.attempts,
        thorough=row.thorough,
        background=row.background,
        claimed_until=claimed_until,
    )


def _key(row: Row[Any]) -> EventKey:
    return EventKey(kind=Kind(row.kind), provider=row.provider, id_key=row.id_key)


def _name(row: Row[Any]) -> Name:
    return _key(row), row.generation


def _stored(key: EventKey, generation: int) -> tuple[str, str, str, int]:
    """Return the parts of a name as they are stored."""
    return str(key.kind), stored_key(key.provider), stored_key(key.id_key), generation


def _in_order(names: Iterable[Name]) -> list[Name]:
    """Return each event once, in one order for all processes, so that no two of them wait for each other."""
    by_row = {_stored(*name): name for name in names}
    return [by_row[row] for row in sorted(by_row)]


def _named(key: EventKey, generation: int) -> dict[str, Any]:
    return {"kind": key.kind, "provider": key.provider, "id_key": key.id_key, "generation": generation}


def _of(key: EventKey, generation: int) -> dict[str, Any]:
    return {f"of_{part}": value for part, value in _named(key, generation).items()}


def _insert(conn: Connection, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    return sqlite.insert(table) if conn.dialect.name == "sqlite" else postgresql.insert(table)


def _upsert(conn: Connection, table: sa.Table, key: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
    """Insert a row, or change these facts of the one that is there."""
    statement = _insert(conn, table).values(**key, **facts)
    conn.execute(statement.on_conflict_do_update(index_elements=list(key), set_=dict(facts)))
