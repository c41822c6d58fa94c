"""Several daemons on one PostgreSQL: which of them live, and which of them watches a mailbox.

All by the clock of the database: those of the machines differ. Nothing is right or wrong by a lease: two daemons that
read one folder for a moment store each mail once. It only keeps them from doing all things twice.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy import Connection, Interval, bindparam, func, literal, select
from sqlalchemy.dialects import postgresql

from storage.schema import daemons, mailbox_leases, stored_key

# The row of a daemon that is gone is kept for so long, for people to see.
KEPT = timedelta(hours=1)

# A daemon that is stopped in the middle of this must not keep the others from their leases for longer.
_LONGEST_HOLD = sa.text("SET LOCAL idle_in_transaction_session_timeout = '5s'")

_NOW = func.now()
_LIVE = daemons.c.alive_until > _NOW


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A mailbox that is held, and the daemon that holds it."""

    mailbox: str
    daemon: str


def beat(conn: Connection, daemon: str, mailboxes: Collection[str], *, seconds: float) -> None:
    """Say that a daemon lives for so many seconds more, and which mailboxes its configuration has.

    Those that have been gone for long are forgotten.
    """
    conn.execute(_LONGEST_HOLD)
    inserting = postgresql.insert(daemons).values(
        name=daemon, mailboxes=sorted(mailboxes), started_at=_NOW, alive_until=_from_now(seconds)
    )
    again = {"mailboxes": inserting.excluded.mailboxes, "alive_until": inserting.excluded.alive_until}
    conn.execute(inserting.on_conflict_do_update(index_elements=["name"], set_=again))
    # Another one that forgets the same rows is not waited for.
    gone = select(daemons.c.name).where(daemons.c.alive_until < _NOW - literal(KEPT, Interval))
    conn.execute(sa.delete(daemons).where(daemons.c.name.in_(gone.with_for_update(skip_locked=True))))


def hold(conn: Connection, daemon: str, mailboxes: Collection[str], *, seconds: float) -> set[str]:
    """Hold for so many seconds more what is held already, and what nobody else holds; return all that is held.

    One mailbox may be given away meanwhile, to a daemon that is configured for it and holds at least two fewer: it is
    its own from then on, and at no moment nobody's.
    """
    conn.execute(_LONGEST_HOLD)
    held = _taken(conn, daemon, mailboxes, seconds) if mailboxes else set()
    gift = _gift(daemon, held, _others(conn, daemon), Counter(lease.daemon for lease in leases(conn)))
    if gift is None:
        return held
    mine = mailbox_leases.c.mailbox == gift.mailbox, mailbox_leases.c.daemon == daemon
    conn.execute(sa.update(mailbox_leases).where(*mine).values(daemon=gift.daemon, held_until=_from_now(seconds)))
    return held - {gift.mailbox}


def leave(conn: Connection, daemon: str) -> None:
    """Let go of everything at once: this daemon ends. May be called twice."""
    conn.execute(sa.delete(mailbox_leases).where(mailbox_leases.c.daemon == daemon))
    conn.execute(sa.delete(daemons).where(daemons.c.name == daemon))


def leases(conn: Connection) -> list[Lease]:
    """Return which mailboxes are held, and by whom, in the order of their names."""
    rows = conn.execute(select(mailbox_leases).where(mailbox_leases.c.held_until > _NOW))
    return sorted((Lease(mailbox=row.mailbox, daemon=row.daemon) for row in rows), key=lambda lease: lease.mailbox)


_INSERT = postgresql.insert(mailbox_leases).values(
    mailbox=bindparam("mailbox"), daemon=bindparam("daemon"), held_until=_NOW + bindparam("lease", type_=Interval)
)
_TAKE = _INSERT.on_conflict_do_update(
    index_elements=["mailbox"],
    set_={"daemon": _INSERT.excluded.daemon, "held_until": _INSERT.excluded.held_until},
    where=sa.or_(mailbox_leases.c.daemon == _INSERT.excluded.daemon, mailbox_leases.c.held_until <= _NOW),
).returning(mailbox_leases.c.mailbox)


def _taken(conn: Connection, daemon: str, mailboxes: Collection[str], seconds: float) -> set[str]:
    """Renew the own leases and take those that are free."""
    names = {stored_key(name): name for name in mailboxes}
    # One order for all daemons, so that no two of them wait for each other.
    rows = [{"mailbox": key, "daemon": daemon, "lease": timedelta(seconds=seconds)} for key in sorted(names)]
    return {names[key] for key in conn.scalars(_TAKE, rows)}


def _others(conn: Connection, daemon: str) -> dict[str, frozenset[str]]:
    """Return the other daemons that live, and the mailboxes of the configuration of each."""
    rows = conn.execute(select(daemons).where(_LIVE, daemons.c.name != daemon))
    return {row.name: frozenset(row.mailboxes) for row in rows}


def _gift(
    daemon: str, held: Collection[str], others: Mapping[str, frozenset[str]], counts: Counter[str]
) -> Lease | None:
    """Return which mailbox is given to whom; None where all hold their share."""
    # As the names stand in the table.
    poorer = sorted((counts[stored_key(other)], other) for other in others)
    for count, other in poorer:
        shared = sorted(others[other].intersection(held))
        if shared and count + 2 <= len(held):
            return Lease(mailbox=shared[0], daemon=other)
    return None


def _from_now(seconds: float) -> sa.ColumnElement[datetime]:
    return _NOW + literal(timedelta(seconds=seconds), Interval)
