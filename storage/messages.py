"""The ledger: messages as they came in, where they were seen, how far each folder is read, and what became of them."""

import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Row, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite

from domain.errors import NotFound
from domain.message import Arrival, Copy, Decision, Disposition, Envelope, Message, Place, Reading, Reason, Trial
from storage.events import proposal_of, proposal_row
from storage.schema import (
    copies,
    cursors,
    decisions,
    insert_ignoring,
    message_texts,
    messages,
    raw_messages,
    retractions,
    sender_assignments,
    sightings,
    stored_key,
)

# Measured on 75 notices: 37 % of their size is left in 0.20 ms each; level 6 leaves 35 % in 0.34 ms.
_COMPRESSION = 3

# How many copies of one mail are kept that come with other evidence.
MOST_COPIES = 5

# How many values stand in one IN list at most: SQLite takes 32,766 parameters, and short statements stay in its cache.
_MANY = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """The message of an arrival: its number in the ledger, and whether it was not there before."""

    message: int
    new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """How far a folder is read: the highest UID whose message is in the ledger, under one UIDVALIDITY."""

    mailbox: str
    folder: str
    uid_validity: int
    last_uid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Filing:
    """A message in a folder that has still to be filed there, and what became of it."""

    imap_uid: int
    disposition: Disposition


_COPIES = (
    select(sa.func.count())
    .select_from(copies)
    .where(copies.c.message == messages.c.id)
    .scalar_subquery()
    .label("copies")
)
_HELD = select(messages.c.id, messages.c.reason, messages.c.evidence, _COPIES)


# --- in at the door ---------------------------------------------------------------------------------------------


def record(conn: Connection, arrivals: Sequence[Arrival], *, now: datetime) -> list[Recorded]:
    """Keep messages and where they were seen; return the message of each arrival, in the given order.

    A message that is in the ledger already, or twice among the arrivals, gets another sighting. One of which only the
    beginning was fetched is settled at once: nobody can read it. May be called again with the same arrivals.
    """
    # One order for all processes, so that two with the same mail do not wait for each other.
    firsts = {stored_key(arrival.envelope.identity): arrival for arrival in reversed(arrivals)}
    identities = sorted(firsts)
    known = _known(conn, identities)
    missing = [identity for identity in identities if identity not in known]
    new = _insert(conn, [firsts[identity] for identity in missing], now)
    # Another process may have recorded the rest since.
    known |= new | _known(conn, [identity for identity in missing if identity not in new])
    if arrivals:
        rows = {_sighting(known[stored_key(one.envelope.identity)], one.place): None for one in arrivals}
        conn.execute(insert_ignoring(conn, sightings), [{**dict(row), "seen_at": now} for row in rows])
    _keep_copies(conn, arrivals, known, now)
    recorded = []
    for arrival in arrivals:
        identity = stored_key(arrival.envelope.identity)
        recorded.append(Recorded(message=known[identity], new=new.pop(identity, None) is not None))
    return recorded


def _keep_copies(conn: Connection, arrivals: Sequence[Arrival], known: Mapping[str, int], now: datetime) -> None:
    """Keep the headers of what came again with other evidence, as long as the message is not applied.

    What is in quarantine, for want of proof or because it cannot be read, is read again with it.
    """
    numbers = sorted({known[stored_key(arrival.envelope.identity)] for arrival in arrivals})
    held: dict[int, Row[Any]] = {}
    for begin in range(0, len(numbers), _MANY):
        open_ones = messages.c.disposition.in_([Disposition.RECEIVED, Disposition.QUARANTINED])
        part = messages.c.id.in_(numbers[begin : begin + _MANY])
        rows = conn.execute(_HELD.where(part, open_ones, messages.c.too_large.is_(sa.false())))
        held |= {row.id: row for row in rows}
    for arrival in arrivals:
        row = held.get(known[stored_key(arrival.envelope.identity)])
        differs = row is not None and row.evidence not in (None, arrival.envelope.evidence)
        if row is not None and differs and not arrival.too_large and row.copies < MOST_COPIES:
            _keep_copy(conn, row, arrival, now)


def _keep_copy(conn: Connection, held: Row[Any], arrival: Arrival, now: datetime) -> None:
    facts = {
        "message": held.id,
        "evidence": arrival.envelope.evidence,
        "mailbox": arrival.place.mailbox,
        "headers": zlib.compress(arrival.raw[: arrival.envelope.header_size], _COMPRESSION),
        "seen_at": now,
    }
    kept = conn.execute(insert_ignoring(conn, copies).returning(copies.c.evidence), facts).first() is not None
    # Of these two something was understood already, which a person is asked about.
    if kept and held.reason not in (Reason.PARTIAL, Reason.PROPOSAL):
        set_disposition(conn, [held.id], Disposition.RECEIVED, expected=[Disposition.QUARANTINED], now=now)


def _known(conn: Connection, identities: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for begin in range(0, len(identities), _MANY):
        part = identities[begin : begin + _MANY]
        rows = conn.execute(select(messages.c.identity, messages.c.id).where(messages.c.identity.in_(part)))
        found.update((row.identity, row.id) for row in rows)
    return found


def _insert(conn: Connection, arrivals: Sequence[Arrival], now: datetime) -> dict[str, int]:
    """Return the new messages by identity; without those that another process has inserted meanwhile."""
    if not arrivals:
        return {}
    statement = insert_ignoring(conn, messages).returning(messages.c.identity, messages.c.id)
    rows = conn.execute(statement, [_message_row(arrival, now) for arrival in arrivals])
    new = {row.identity: row.id for row in rows}
    bodies = [
        {"message": new[identity], "compressed": zlib.compress(arrival.raw, _COMPRESSION)}
        for arrival in arrivals
        if (identity := stored_key(arrival.envelope.identity)) in new
    ]
    if bodies:
        conn.execute(sa.insert(raw_messages), bodies)
    return new


def _message_row(arrival: Arrival, now: datetime) -> dict[str, Any]:
    envelope = arrival.envelope
    held = len(arrival.raw)
    too_large = {
        "disposition": Disposition.QUARANTINED,
        "reason": Reason.TOO_LARGE,
        "detail": f"{arrival.size} octets, over the limit: only the first {held} are kept",
        "settled_at": now,
    }
    received = {"disposition": Disposition.RECEIVED, "reason": None, "detail": "", "settled_at": None}
    return {
        "identity": envelope.identity,
        "message_id": envelope.message_id,
        "body_digest": envelope.body_digest,
        "from_header": envelope.from_header,
        "sender": envelope.sender,
        "sender_problem": envelope.sender_problem,
        "subject": envelope.subject,
        "date_at": envelope.date,
        "header_received_at": envelope.received_at,
        "evidence": envelope.evidence,
        "received_at": arrival.received_at,
        "size": arrival.size,
        "too_large": arrival.too_large,
        "attempts": 0,
        "reader_version": "",
        "stored_at": now,
        **(too_large if arrival.too_large else received),
    }


def _sighting(message: int, place: Place) -> tuple[tuple[str, str | int], ...]:
    return (
        ("message", message),
        ("mailbox", place.mailbox),
        ("folder", place.folder),
        ("uid_validity", place.uid_validity or 0),
        ("imap_uid", place.imap_uid or 0),
    )


# --- how far a folder is read -----------------------------------------------------------------------------------


def read_cursor(conn: Connection, mailbox: str, folder: str) -> Cursor | None:
    """Return how far a folder is read; None where it was never opened."""
    statement = select(cursors).where(cursors.c.mailbox == mailbox, cursors.c.folder == folder)
    row = conn.execute(statement).one_or_none()
    if row is None or row.uid_validity is None:
        return None
    return Cursor(mailbox=mailbox, folder=folder, uid_validity=row.uid_validity, last_uid=row.last_uid)


def save_cursor(conn: Connection, cursor: Cursor) -> None:
    """Keep how far a folder is read: in the transaction that records what was read.

    Under one UIDVALIDITY it never goes back, where another process has read further meanwhile.
    """
    inserting = _inserting(conn, cursors).values(
        mailbox=cursor.mailbox, folder=cursor.folder, uid_validity=cursor.uid_validity, last_uid=cursor.last_uid
    )
    further = sa.or_(
        cursors.c.uid_validity.is_distinct_from(inserting.excluded.uid_validity),
        cursors.c.last_uid < inserting.excluded.last_uid,
    )
    facts = {"uid_validity": inserting.excluded.uid_validity, "last_uid": inserting.excluded.last_uid}
    conn.execute(inserting.on_conflict_do_update(index_elements=["mailbox", "folder"], set_=facts, where=further))


def note_success(conn: Connection, mailbox: str, folder: str, now: datetime) -> None:
    """Note that a folder was read to its end."""
    _keep(conn, mailbox, folder, {"last_success_at": now, "last_error": None})


def note_failure(conn: Connection, mailbox: str, folder: str, now: datetime, error: str) -> None:
    """Note that a folder could not be read, and why; the error stands until the next success."""
    _keep(conn, mailbox, folder, {"last_failure_at": now, "last_error": error})


def _keep(conn: Connection, mailbox: str, folder: str, facts: Mapping[str, Any]) -> None:
    _upsert(conn, cursors, {"mailbox": mailbox, "folder": folder}, facts)


def _upsert(conn: Connection, table: sa.Table, key: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
    """Insert a row, or change these facts of the one that is there."""
    inserting = _inserting(conn, table).values(**key, **facts)
    conn.execute(inserting.on_conflict_do_update(index_elements=list(key), set_=dict(facts)))


def _inserting(conn: Connection, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    return sqlite.insert(table) if conn.dialect.name == "sqlite" else postgresql.insert(table)


def missed(conn: Connection, mailbox: str, folder: str, uid_validity: int, imap_uids: Collection[int]) -> list[int]:
    """Return those UIDs of a folder under which no message was seen, without those below the first that was.

    What lies below it was left out at the first contact with the folder.
    """
    here = (
        sightings.c.mailbox == mailbox,
        sightings.c.folder == folder,
        sightings.c.uid_validity == uid_validity,
    )
    first = conn.scalar(select(sa.func.min(sightings.c.imap_uid)).where(*here))
    if first is None or not imap_uids:
        return []
    among = sightings.c.imap_uid.between(min(imap_uids), max(imap_uids))
    seen = set(conn.scalars(select(sightings.c.imap_uid).where(*here, among)))
    return sorted(uid for uid in imap_uids if uid > first and uid not in seen)


# --- what becomes of a message ----------------------------------------------------------------------------------

_FIRST_MAILBOX = (
    select(sightings.c.mailbox)
    .where(sightings.c.message == messages.c.id)
    .order_by(sightings.c.seen_at, sightings.c.mailbox)
    .limit(1)
    .scalar_subquery()
    .label("mailbox")
)
_LOADED = (
    select(
        messages,
        raw_messages.c.compressed,
        _FIRST_MAILBOX,
        _COPIES,
        decisions.c.provider.label("decided_provider"),
        decisions.c.reader.label("decided_reader"),
        decisions.c.released,
        decisions.c.accepted,
    )
    .join(raw_messages, raw_messages.c.message == messages.c.id)
    .outerjoin(decisions, decisions.c.message == messages.c.id)
)
_WAITING = _LOADED.where(messages.c.disposition == Disposition.RECEIVED).order_by(messages.c.attempts, messages.c.id)
_ADD_ATTEMPT = (
    sa.update(messages)
    .where(messages.c.id == bindparam("message"))
    .values(attempts=messages.c.attempts + 1)
    .returning(messages.c.attempts)
)
_SETTLE = sa.update(messages).where(
    messages.c.id == bindparam("message"),
    messages.c.disposition == bindparam("expected"),
    # What somebody has read while its bytes went stays as it was: nobody could read it again.
    messages.c.raw_pruned_at.is_(None),
)
_DELETE_TEXT = sa.delete(message_texts).where(message_texts.c.message == bindparam("of_message"))


def waiting(conn: Connection, *, limit: int, exclude: Collection[int] = ()) -> list[Message]:
    """Return messages that are to be read, with their bytes: those that were tried least first, then the oldest.

    ``exclude``: those in work already.
    """
    statement = _WAITING.limit(limit)
    if exclude:
        statement = statement.where(messages.c.id.not_in(sorted(exclude)))
    return _with_copies(conn, conn.execute(statement).all())


_MINE = messages.c.claimed_by == bindparam("me")
_CLAIMABLE = (
    select(messages.c.id)
    .where(
        messages.c.disposition == Disposition.RECEIVED,
        sa.or_(messages.c.claimed_until.is_(None), messages.c.claimed_until < sa.func.now(), _MINE),
    )
    .order_by(messages.c.attempts, messages.c.id)
    # What is locked is being settled, or claimed by somebody else.
    .with_for_update(skip_locked=True)
)
_CLAIMED = {"claimed_by": bindparam("me"), "claimed_until": sa.func.now() + bindparam("lease", type_=sa.Interval)}
_UNCLAIMED: dict[str, Any] = {"claimed_by": None, "claimed_until": None}
_HELD_BY_ME = select(messages.c.id).where(messages.c.disposition == Disposition.RECEIVED, _MINE)
_HELD_BY_ME = _HELD_BY_ME.with_for_update(skip_locked=True)
_RENEW = sa.update(messages).where(messages.c.id.in_(_HELD_BY_ME)).values(_CLAIMED)
_LET_GO = sa.update(messages).where(messages.c.id.in_(_HELD_BY_ME)).values(_UNCLAIMED)


def claim(conn: Connection, daemon: str, *, limit: int, seconds: float, exclude: Collection[int] = ()) -> list[Message]:
    """Return what ``waiting`` does, of that which nobody else has claimed: it is this daemon's for so many seconds.

    On PostgreSQL alone, and by its clock.
    """
    claimable = _CLAIMABLE.limit(limit)
    if exclude:
        claimable = claimable.where(messages.c.id.not_in(sorted(exclude)))
    # PostgreSQL may run a subquery with a limit more than once, but never one of these that locks.
    chosen = claimable.cte("chosen")
    claiming = sa.update(messages).where(messages.c.id == chosen.c.id).values(_CLAIMED).returning(messages.c.id)
    numbers = conn.scalars(claiming, {"me": daemon, "lease": timedelta(seconds=seconds)}).all()
    if not numbers:
        return []
    found = _LOADED.where(messages.c.id.in_(sorted(numbers))).order_by(messages.c.attempts, messages.c.id)
    return _with_copies(conn, conn.execute(found).all())


def renew_claims(conn: Connection, daemon: str, *, seconds: float) -> None:
    """Let what this daemon has claimed, and has not settled yet, be its own for so many seconds from now."""
    conn.execute(_RENEW, {"me": daemon, "lease": timedelta(seconds=seconds)})


def others_claim(conn: Connection, daemon: str) -> bool:
    """Say whether a message that waits is claimed by another daemon, or was by one that is gone."""
    theirs = messages.c.claimed_by.is_not(None), messages.c.claimed_by != daemon
    waits = messages.c.disposition == Disposition.RECEIVED
    return bool(conn.scalar(select(sa.exists().where(waits, *theirs))))


def let_go(conn: Connection, daemon: str) -> None:
    """Let everybody read what this daemon has claimed and not settled. May be called twice."""
    conn.execute(_LET_GO, {"me": daemon})


def add_attempt(conn: Connection, message: int) -> int:
    """Count an attempt at reading a message, and return how many there were with it."""
    attempts: int | None = conn.scalar(_ADD_ATTEMPT, {"message": message})
    if attempts is None:
        raise _no_message(message)
    return attempts


def settle(
    conn: Connection,
    message: int,
    reading: Reading,
    *,
    now: datetime,
    expected: Disposition = Disposition.RECEIVED,
) -> bool:
    """Write what reading a message gave; False where its disposition is not the expected one any more.

    After False nothing of the reading may be stored: somebody else has settled the message. The text of a message is
    kept as long as it states something, the keys of its signers for ever.
    """
    facts: dict[str, Any] = {
        "disposition": reading.disposition,
        "reason": reading.reason,
        "detail": reading.detail,
        "provider": reading.provider,
        "reader": reading.reader,
        "reader_version": reading.reader_version,
        "trials": [_trial_row(trial) for trial in reading.trials],
        "proposal": proposal_row(reading.proposal),
        "settled_at": now,
        **_UNCLAIMED,
    }
    if reading.keys:
        facts["signer_keys"] = dict(reading.keys)
    if conn.execute(_SETTLE, {"message": message, "expected": expected, **facts}).rowcount != 1:
        return False
    if reading.updates and reading.text:
        _upsert(conn, message_texts, {"message": message}, {"text": reading.text})
    else:
        conn.execute(_DELETE_TEXT, {"of_message": message})
    return True


def _trial_row(trial: Trial) -> list[Any]:
    """Return a trial as it is stored. Rows of before have no fourth part."""
    matched = [[match.field, match.words, match.value] for match in trial.matched]
    return [trial.provider, trial.reader, trial.outcome, matched]


def set_disposition(
    conn: Connection,
    numbers: Iterable[int],
    disposition: Disposition,
    *,
    expected: Collection[Disposition],
    now: datetime,
    reason: Reason | None = None,
    detail: str = "",
) -> list[int]:
    """Change what became of messages by a person's word; return those that had one of the expected ones until now.

    RECEIVED has them read again, with all their attempts; not one of which only the beginning is kept, or nothing any
    more. Their updates are the caller's to replace.
    """
    facts: dict[str, Any] = {"disposition": disposition, "reason": reason, "detail": detail, "settled_at": now}
    facts |= _UNCLAIMED
    statement = sa.update(messages).where(messages.c.disposition.in_(list(expected))).returning(messages.c.id)
    if disposition is Disposition.RECEIVED:
        facts |= {"attempts": 0, "settled_at": None}
        statement = statement.where(messages.c.too_large.is_(sa.false()), messages.c.raw_pruned_at.is_(None))
    # One order for all processes, as when they are recorded.
    wanted = sorted(numbers)
    changed: list[int] = []
    for begin in range(0, len(wanted), _MANY):
        part = statement.where(messages.c.id.in_(wanted[begin : begin + _MANY]))
        changed += conn.scalars(part.values(**facts))
    return sorted(changed)


def load(conn: Connection, numbers: Iterable[int]) -> list[Message]:
    """Return messages with their bytes, by number, whatever became of them; NotFound for one that does not exist.

    Without those whose bytes went.
    """
    wanted = list(numbers)
    found: dict[int, Message] = {}
    for begin in range(0, len(wanted), _MANY):
        part = wanted[begin : begin + _MANY]
        rows = conn.execute(_LOADED.where(messages.c.id.in_(part)))
        found |= {one.id: one for one in _with_copies(conn, rows.all())}
    for number in wanted:
        if number not in found and not _is_pruned(conn, number):
            raise _no_message(number)
    return [found[number] for number in wanted if number in found]


def _is_pruned(conn: Connection, number: int) -> bool:
    return conn.scalar(select(messages.c.raw_pruned_at).where(messages.c.id == number)) is not None


def select_numbers(
    conn: Connection,
    *,
    dispositions: Collection[Disposition] = (),
    provider: str | None = None,
    since: datetime | None = None,
    pruned: bool = False,
) -> list[int]:
    """Return the numbers of the messages that `maintd reparse` asks for, in their order; no filter means all.

    Without those of which only the beginning is kept. ``pruned``: those whose bytes went, in place of the others.
    """
    bytes_are_there = messages.c.raw_pruned_at.is_not(None) if pruned else messages.c.raw_pruned_at.is_(None)
    statement = select(messages.c.id).where(messages.c.too_large.is_(sa.false()), bytes_are_there)
    statement = statement.order_by(messages.c.id)
    if dispositions:
        statement = statement.where(messages.c.disposition.in_(list(dispositions)))
    if provider is not None:
        statement = statement.where(messages.c.provider == provider)
    if since is not None:
        statement = statement.where(messages.c.received_at >= since)
    return list(conn.scalars(statement))


def _with_copies(conn: Connection, rows: Sequence[Row[Any]]) -> list[Message]:
    """Return messages with the other copies of those that have any, the oldest first."""
    kept: dict[int, list[Copy]] = {row.id: [] for row in rows if row.copies}
    if kept:
        wanted = select(copies).where(copies.c.message.in_(sorted(kept))).order_by(copies.c.seen_at, copies.c.evidence)
        for row in conn.execute(wanted):
            kept[row.message].append(Copy(mailbox=row.mailbox, headers=zlib.decompress(row.headers)))
    return [_message(row, tuple(kept.get(row.id, ()))) for row in rows]


def _message(row: Row[Any], its_copies: tuple[Copy, ...]) -> Message:
    return Message(
        id=row.id,
        raw=zlib.decompress(row.compressed),
        envelope=Envelope(
            message_id=row.message_id,
            body_digest=row.body_digest,
            identity=row.identity,
            from_header=row.from_header,
            sender=row.sender,
            sender_problem=row.sender_problem,
            subject=row.subject,
            date=row.date_at,
            received_at=row.header_received_at,
        ),
        received_at=row.received_at,
        attempts=row.attempts,
        disposition=Disposition(row.disposition),
        mailbox=row.mailbox or "",
        decision=Decision(
            provider=row.decided_provider,
            reader=row.decided_reader,
            released=bool(row.released),
            accepted=bool(row.accepted),
        ),
        proposal=proposal_of(row.proposal),
        keys=row.signer_keys or {},
        copies=its_copies,
    )


def unanswered(conn: Connection, *, since: datetime) -> dict[int, list[str]]:
    """Return what lacks proof because the DNS did not answer, and for which names, of the messages stored since."""
    keys = messages.c.signer_keys
    statement = select(messages.c.id, keys).where(
        messages.c.disposition == Disposition.QUARANTINED,
        messages.c.reason == Reason.UNTRUSTED,
        messages.c.stored_at >= since,
        sa.type_coerce(keys, sa.Text).like("%:null%"),
    )
    found = {row.id: [name for name, key in row.signer_keys.items() if key is None] for row in conn.execute(statement)}
    return {number: names for number, names in found.items() if names}


# --- what people say of a message -------------------------------------------------------------------------------


def decide(conn: Connection, message: int, decision: Decision, *, author: str, reason: str, now: datetime) -> None:
    """Keep what a person said of a message, for every reading of it from now on; a later word replaces an earlier."""
    facts = {
        "provider": decision.provider,
        "reader": decision.reader,
        "released": decision.released,
        "accepted": decision.accepted,
        "author": author,
        "why": reason,
        "decided_at": now,
    }
    _upsert(conn, decisions, {"message": message}, facts)


def decided(conn: Connection, numbers: Collection[int]) -> dict[int, Decision]:
    """Return what a person said of messages, without those of which nobody said anything."""
    wanted = sorted(numbers)
    found: dict[int, Decision] = {}
    for begin in range(0, len(wanted), _MANY):
        statement = select(decisions).where(decisions.c.message.in_(wanted[begin : begin + _MANY]))
        for row in conn.execute(statement):
            found[row.message] = Decision(
                provider=row.provider, reader=row.reader, released=row.released, accepted=row.accepted
            )
    return found


def undecide(conn: Connection, message: int) -> bool:
    """Forget what a person said of a message; False where nobody did."""
    return conn.execute(sa.delete(decisions).where(decisions.c.message == message)).rowcount == 1


def forget_proposals(conn: Connection, numbers: Iterable[int]) -> None:
    """Forget what a model read in messages, so that it is asked again."""
    wanted = sorted(numbers)
    for begin in range(0, len(wanted), _MANY):
        part = wanted[begin : begin + _MANY]
        conn.execute(sa.update(messages).where(messages.c.id.in_(part)).values(proposal=None))


def retract(conn: Connection, message: int, *, author: str, reason: str, now: datetime) -> None:
    """Let the updates of a message count no more; its events are the caller's to fold again. May be called twice."""
    _upsert(conn, retractions, {"message": message}, {"author": author, "why": reason, "retracted_at": now})


def restore(conn: Connection, message: int) -> bool:
    """Let the updates of a retracted message count again; False where it was not retracted."""
    return conn.execute(sa.delete(retractions).where(retractions.c.message == message)).rowcount == 1


def _no_message(message: int) -> NotFound:
    return NotFound(f"there is no message {message}: `maintd messages` lists them")


# --- filing on the server ---------------------------------------------------------------------------------------


def unfiled(
    conn: Connection, mailbox: str, folder: str, uid_validity: int, *, above: int = 0, limit: int
) -> list[Filing]:
    """Return what has still to be filed in a folder: sightings of settled messages, by UID, those ``above`` one."""
    statement = (
        select(sightings.c.imap_uid, messages.c.disposition)
        .join(messages)
        .where(
            sightings.c.mailbox == mailbox,
            sightings.c.folder == folder,
            sightings.c.uid_validity == uid_validity,
            sightings.c.imap_uid > above,
            sightings.c.filed_at.is_(None),
            messages.c.disposition != Disposition.RECEIVED,
        )
        .order_by(sightings.c.imap_uid)
        .limit(limit)
    )
    return [Filing(imap_uid=row.imap_uid, disposition=Disposition(row.disposition)) for row in conn.execute(statement)]


def mark_filed(
    conn: Connection, mailbox: str, folder: str, uid_validity: int, imap_uids: Collection[int], *, now: datetime
) -> None:
    """Note that messages were filed on the server. May be called twice: the first time stays."""
    wanted = sorted(imap_uids)
    for begin in range(0, len(wanted), _MANY):
        statement = sa.update(sightings).where(
            sightings.c.mailbox == mailbox,
            sightings.c.folder == folder,
            sightings.c.uid_validity == uid_validity,
            sightings.c.imap_uid.in_(wanted[begin : begin + _MANY]),
            sightings.c.filed_at.is_(None),
        )
        conn.execute(statement.values(filed_at=now))


# --- senders that a person has assigned -------------------------------------------------------------------------


def assignments(conn: Connection) -> dict[str, str]:
    """Return the provider of each sender that a person has assigned."""
    rows = conn.execute(select(sender_assignments.c.sender, sender_assignments.c.provider))
    return {row.sender: row.provider for row in rows}


def assign(conn: Connection, sender: str, provider: str, author: str, now: datetime) -> None:
    """Assign a sender to a provider from now on; a later assignment takes the place of an earlier one."""
    facts = {"provider": provider, "author": author, "assigned_at": now}
    _upsert(conn, sender_assignments, {"sender": sender}, facts)


def unassign(conn: Connection, sender: str) -> bool:
    """Let a sender be nobody's that a person has assigned; False where nobody has."""
    return conn.execute(sa.delete(sender_assignments).where(sender_assignments.c.sender == sender)).rowcount == 1
