"""How one event is joined to another, and to what people said of it.

Events belong together although nobody says so: the same id for both kinds, and the same loss under two ids.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection, select

from domain.events import Event, EventKey
from domain.vocabulary import Kind
from storage.events import COUNTS
from storage.schema import circuits, event_references, events, hidden_events, updates

# Kind, provider and id.
Name = list[str]

# How far apart two outages of one circuit begin at most that may be one and the same.
NEARBY = timedelta(hours=2)


def of_the_event(said: sa.FromClause, row: sa.FromClause) -> ColumnElement[bool]:
    """Return the condition that what people said of an event, by its key and generation, belongs to its row."""
    names = ("kind", "provider", "id_key", "generation")
    return sa.and_(*(said.c[name] == row.c[name] for name in names))


def is_hidden(row: sa.FromClause) -> ColumnElement[bool]:
    """Return the condition that people have hidden an event."""
    return sa.exists().where(of_the_event(hidden_events, row)).correlate(row)


def _is_told(row: sa.FromClause) -> ColumnElement[bool]:
    """Return the condition that a message tells of an event, and not only a person."""
    names = ("kind", "provider", "id_key")
    said = sa.and_(COUNTS, *(updates.c[name] == row.c[name] for name in names))
    return sa.exists().where(said).correlate(row)


def linked(conn: Connection, chosen: sa.Select[tuple[int]]) -> Mapping[int, list[Name]]:
    """Return for the rows of events the events of the other kind with the same id, or one that refers to the other."""
    one, other = events.alias("one"), events.alias("other")
    differ = sa.and_(one.c.provider == other.c.provider, one.c.kind != other.c.kind, one.c.id.in_(chosen))
    of_one, of_other = event_references.alias("of_one"), event_references.alias("of_other")
    found = select(one.c.id.label("event"), other.c.kind, other.c.provider, other.c.event_id).where(
        differ, sa.not_(is_hidden(other))
    )
    pairs = sa.union(
        found.where(one.c.id_key == other.c.id_key),
        found.where(of_one.c.event == one.c.id, of_one.c.reference_key == other.c.id_key),
        found.where(of_other.c.event == other.c.id, of_other.c.reference_key == one.c.id_key),
    )
    names: defaultdict[int, list[Name]] = defaultdict(list)
    for event, *name in conn.execute(pairs):
        names[event].append(name)
    return {event: sorted(of_event) for event, of_event in names.items()}


def offered(conn: Connection, key: EventKey, outage: Event) -> list[Name]:
    """Return the outages that may be the same loss as this one: a live circuit is the same, and about the beginning.

    One of the two is known by a person's word alone, the other by the provider's. Nothing is merged by this.
    """
    begins = outage.start or outage.reported_at
    if key.kind is not Kind.OUTAGE or begins is None:
        return []
    one, other = events.alias("one"), events.alias("other")
    mine, theirs = circuits.alias("mine"), circuits.alias("theirs")
    began = sa.func.coalesce(other.c.start_at, other.c.reported_at)
    statement = (
        select(other.c.kind, other.c.provider, other.c.event_id)
        .distinct()
        .join_from(one, mine, _live_circuits(mine, one))
        .join(theirs, theirs.c.circuit_key == mine.c.circuit_key)
        .join(other, _live_circuits(theirs, other))
        .where(
            *(one.c[name] == getattr(key, name) for name in ("kind", "provider", "id_key")),
            one.c.generation == outage.generation,
            *(other.c[name] == one.c[name] for name in ("kind", "provider")),
            began.between(begins - NEARBY, begins + NEARBY),
            _is_told(one) != _is_told(other),
            sa.not_(is_hidden(other)),
        )
    )
    return sorted([*name] for name in conn.execute(statement))


def _live_circuits(listed: sa.FromClause, event: sa.FromClause) -> ColumnElement[bool]:
    return sa.and_(listed.c.event == event.c.id, listed.c.window_number == 0, sa.not_(listed.c.withdrawn))
