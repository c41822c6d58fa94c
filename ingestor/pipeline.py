"""The life of a message, on one page.

collect    a mailbox gives bytes; they are committed, together with the cursor, before anything reads them
process    stored bytes are read in a worker process; what they say is recorded and folded in one transaction
file       a message that is settled may be flagged or moved in its folder, as a courtesy to people

Between two of these stands a table, never a call. Each may be stopped at any point and done again.
"""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import structlog

from domain.errors import (
    ConfigurationError,
    CpuTimeExceeded,
    MailboxError,
    MaintdError,
    WallTimeExceeded,
    WorkerCrashed,
    WorkerError,
)
from domain.events import Event, EventKey, id_key_of
from domain.lifecycle import SURPRISING
from domain.message import Arrival, Disposition, Envelope, Message, Reading, Reason, Terms, terms_of
from domain.vocabulary import Kind
from ingestor.mailbox import NONE_FAILED, Collected, Compared, MailboxSession, MailboxSettings, Position, Tries
from parsers.keys import FindKeys
from parsers.mime import read_envelope
from parsers.workers import WorkerPool
from storage import events, messages
from storage.database import Store

# A message that ends its worker so often is not given to another one. Source: Mailman's MAX_BAK_COUNT.
MAX_ATTEMPTS = 3

# How many messages wait in front of each worker: enough that none is idle, few enough that memory stays small.
AHEAD_OF_EACH_WORKER = 4

# How long a message is this daemon's that it has claimed; ``ingestor.sharing`` renews that.
CLAIM_SECONDS = 20.0

# How long a command waits, once it has read what it could, for what others have claimed: they settle it, or are dead.
OTHERS_SECONDS = 30.0

# How long a message that comes in while another is read waits to be seen.
LOOK_SECONDS = 1.0

# For how long a key is asked for that the DNS does not give.
KEYS_ASKED_FOR = timedelta(days=5)

FILING_BATCH = 500

# How far back a folder is compared with the ledger.
COMPARED_DAYS = 7

log = structlog.get_logger()


def utc_now() -> datetime:
    """Return the present instant."""
    return datetime.now(UTC)


# --- collect ----------------------------------------------------------------------------------------------------


def collect(
    store: Store, settings: MailboxSettings, session: MailboxSession, *, stopping: Callable[[], bool]
) -> tuple[int, list[str]]:
    """Store what is new in the folders of a mailbox; return how many messages were not known, and what failed.

    A folder that is at fault by itself does not keep the others from being read. What was stored until a failure stays,
    and the next call goes on from there.
    """
    new = 0
    failures = []
    for folder in settings.folders:
        try:
            new += collect_folder(store, settings.name, folder, session, stopping=stopping)[0]
        except MailboxError as error:
            failures.append(str(error))
            if not stopping():
                note_failure(store, settings.name, [folder], error)
        if not session.usable:
            break
    return new, failures


def note_failure(store: Store, mailbox: str, folders: Sequence[str], error: MaintdError) -> None:
    """Log that folders of a mailbox could not be read, and keep it for ``maintd stats``."""
    step = error.step if isinstance(error, MailboxError) else None
    log.error("mailbox_failed", mailbox=mailbox, folders=list(folders), step=step, problem=str(error))
    with store.writing() as connection:
        for folder in folders:
            messages.note_failure(connection, mailbox, folder, utc_now(), str(error))


def collect_folder(
    store: Store,
    mailbox: str,
    folder: str,
    session: MailboxSession,
    *,
    stopping: Callable[[], bool],
    tries: Tries = NONE_FAILED,
) -> tuple[int, Collected]:
    """Store what is new in one folder; return how many messages were not known, and what the folder gave.

    Raises MailboxError, with everything stored that was read until then.
    """
    keeper = _Keeper(store=store, mailbox=mailbox, folder=folder)
    position = _position(store, mailbox, folder)
    summary = session.collect(folder, position, keeper.accept, now=utc_now(), stopping=stopping, tries=tries)
    with store.writing() as connection:
        messages.note_success(connection, mailbox, folder, utc_now())
    # A look that finds nothing is said to those who debug only: there is one a minute.
    tell = log.info if summary.fetched or summary.vanished else log.debug
    tell(
        "mailbox_polled",
        mailbox=mailbox,
        folder=folder,
        fetched=summary.fetched,
        new=keeper.new,
        vanished=summary.vanished,
    )
    if summary.uid_validity_changed:
        log.warning("uid_validity_changed", mailbox=mailbox, folder=folder, uid_validity=summary.position.uid_validity)
    return keeper.new, summary


def compare_folder(
    store: Store,
    mailbox: str,
    folder: str,
    session: MailboxSession,
    *,
    stopping: Callable[[], bool] = lambda: False,
    tries: Tries = NONE_FAILED,
) -> tuple[int, Compared]:
    """Store what was missed in one folder: mails of the last days that are there and in no ledger.

    So can it be where a server shows UIDs out of their order, or had failed to hand a message out. Return as
    ``collect_folder`` does.
    """
    position = _position(store, mailbox, folder)
    if position is None:
        return 0, Compared()
    keeper = _Keeper(store=store, mailbox=mailbox, folder=folder)

    def missed(uids: Sequence[int]) -> list[int]:
        with store.reading() as connection:
            return messages.missed(connection, mailbox, folder, position.uid_validity, uids)

    now = utc_now()
    compared = session.compare(
        folder,
        position,
        missed,
        keeper.accept,
        since=now - timedelta(days=COMPARED_DAYS),
        now=now,
        stopping=stopping,
        tries=tries,
    )
    if compared.fetched:
        log.warning("mailbox_reconciled", mailbox=mailbox, folder=folder, fetched=compared.fetched, new=keeper.new)
    return keeper.new, compared


def _position(store: Store, mailbox: str, folder: str) -> Position | None:
    with store.reading() as connection:
        cursor = messages.read_cursor(connection, mailbox, folder)
    return Position(uid_validity=cursor.uid_validity, last_uid=cursor.last_uid) if cursor else None


@dataclass(slots=True)
class _Keeper:
    """Commit what a folder gives: the bytes and the cursor in one transaction."""

    store: Store
    mailbox: str
    folder: str
    new: int = 0

    def accept(self, arrivals: Sequence[Arrival], position: Position) -> None:
        cursor = messages.Cursor(
            mailbox=self.mailbox,
            folder=self.folder,
            uid_validity=position.uid_validity,
            last_uid=position.last_uid,
        )
        with self.store.writing() as connection:
            recorded = messages.record(connection, arrivals, now=utc_now())
            messages.save_cursor(connection, cursor)
        self.new += sum(one.new for one in recorded)


# --- process ----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Processor:
    """Read stored messages in worker processes and record what they say."""

    store: Store
    pool: WorkerPool
    # What each mailbox asks of a mail, by its name.
    asked: Mapping[str, Terms] = field(default_factory=dict)
    # Told of each worker that gave no answer.
    failed: Callable[[WorkerError], None] = lambda _: None
    # By which name messages are claimed, where other daemons may read them too; None: nobody else does.
    claimant: str | None = None
    # Too slow on the wall clock, with CPU time to spare: the machine is loaded. They wait for the next pass.
    postponed: set[int] = field(default_factory=set)

    def process(
        self, *, stopping: Callable[[], bool], settled: Callable[[Message, Reading], None] = lambda *_: None
    ) -> int:
        """Settle every message that waits; return how many were settled. Ends early, but cleanly, when ``stopping``."""
        in_hand: dict[Future[Reading], Message] = {}
        count = 0
        self.postponed.clear()
        while True:
            if not stopping() and len(in_hand) <= self.pool.count:
                in_hand |= self._submit(in_hand.values())
            if not in_hand:
                return count
            done, _ = wait(in_hand, timeout=LOOK_SECONDS, return_when=FIRST_COMPLETED)
            for future in done:
                message = in_hand.pop(future)
                reading = self._settle(message, future)
                if reading is not None:
                    settled(message, reading)
                    count += 1
            if stopping():
                in_hand = {future: message for future, message in in_hand.items() if not future.cancel()}

    def process_all(
        self, *, stopping: Callable[[], bool], settled: Callable[[Message, Reading], None] = lambda *_: None
    ) -> int:
        """Do the same until nothing waits any more, also of what others have claimed, unless that takes them long."""
        count = self.process(stopping=stopping, settled=settled)
        end = time.monotonic() + OTHERS_SECONDS
        while not stopping() and self._others_claim() and time.monotonic() < end:
            time.sleep(0.2)
            count += self.process(stopping=stopping, settled=settled)
        return count

    def _others_claim(self) -> bool:
        if self.claimant is None:
            return False
        with self.store.reading() as connection:
            return messages.others_claim(connection, self.claimant)

    def _submit(self, in_hand: Collection[Message]) -> dict[Future[Reading], Message]:
        """Hand out what waits. What has failed before may do so again: one of those at a time, when no other waits.

        The first attempt is a short one, so that no flood of slow mails holds up the others.
        """
        retrying = any(message.attempts for message in in_hand)
        limit = self.pool.count * (1 if retrying else AHEAD_OF_EACH_WORKER)
        busy = {message.id for message in in_hand} | self.postponed
        waiting = self._waiting(limit, busy)
        untried = [message for message in waiting if not message.attempts]
        chosen = untried or ([] if in_hand else waiting[:1])
        return {
            self.pool.submit(
                message.raw,
                message.received_at,
                terms_of(message, self.asked),
                copies=copies_of(message, self.asked),
                hurried=not message.attempts,
            ): message
            for message in chosen
        }

    def _waiting(self, limit: int, busy: Collection[int]) -> list[Message]:
        if self.claimant is None:
            with self.store.reading() as connection:
                return messages.waiting(connection, limit=limit, exclude=busy)
        with self.store.writing() as connection:
            return messages.claim(connection, self.claimant, limit=limit, seconds=CLAIM_SECONDS, exclude=busy)

    def _settle(self, message: Message, future: Future[Reading]) -> Reading | None:
        """Record what a worker says of a message; return None if nothing was recorded."""
        try:
            if isinstance(failure := future.exception(), WorkerError):
                self.failed(failure)
            reading = future.result()
            return reading if record(self.store, message, reading) else None
        except WallTimeExceeded as error:
            self.postponed.add(message.id)
            log.warning("worker_replaced", message=message.id, problem=str(error), attempts=message.attempts)
            return None
        except CpuTimeExceeded as error:
            return self._count_attempt(message, str(error), Reason.PARSER_TIMEOUT)
        except WorkerCrashed as error:
            return self._count_attempt(message, str(error), Reason.PARSER_CRASHED)
        except MaintdError:
            # The database is at fault, not the message.
            raise
        except Exception as error:  # the boundary of an item: no message may keep the others from being read
            log.exception("message_failed", message=message.id)
            problem = f"recording it failed: {type(error).__name__}: {error}"
            return self._count_attempt(message, problem, Reason.PARSER_CRASHED)

    def _count_attempt(self, message: Message, problem: str, reason: Reason) -> Reading | None:
        """Count a failure of a message; after the last attempt it is quarantined, and the reading says so."""
        with self.store.writing() as connection:
            attempts = messages.add_attempt(connection, message.id)
        log.warning("attempt_failed", message=message.id, problem=problem, attempts=attempts)
        if attempts < MAX_ATTEMPTS:
            return None
        reading = Reading(
            provider=None,
            reader=None,
            reader_version="",
            updates=(),
            disposition=Disposition.QUARANTINED,
            reason=reason,
            detail=f"{problem} (attempt {attempts} of {MAX_ATTEMPTS})",
        )
        return reading if record(self.store, message, reading) else None


def copies_of(message: Message, asked: Mapping[str, Terms]) -> list[tuple[bytes, Terms]]:
    """Return the other copies of a message, whole, each on the terms of the mailbox that saw it."""
    if not message.copies:
        return []
    body = message.raw[read_envelope(message.raw).header_size :]
    return [(copy.headers + body, terms_of(replace(message, mailbox=copy.mailbox), asked)) for copy in message.copies]


def record(store: Store, message: Message, reading: Reading) -> bool:
    """Record what a message says, in one transaction; False if somebody else has settled it meanwhile."""
    with store.writing() as connection:
        if not messages.settle(connection, message.id, reading, now=utc_now(), expected=message.disposition):
            return False
        keys = events.replace_updates(connection, message.id, reading.updates)
        folded = events.refold(connection, keys)
    _tell(message.id, message.envelope, reading, folded)
    return True


def _tell(message: int, envelope: Envelope, reading: Reading, folded: Sequence[Event]) -> None:
    """Log the one canonical line of a message, and one for each surprise in it."""
    tell = log.warning if reading.disposition is Disposition.QUARANTINED else log.info
    tell(
        "message_settled",
        message=message,
        message_id=envelope.message_id,
        disposition=reading.disposition.value,
        reason=reading.reason.value if reading.reason else None,
        detail=reading.detail or None,
        provider=reading.provider,
        reader=reading.reader,
        events=[update.event_id for update in reading.updates] or None,
    )
    for warning in reading.warnings:
        log.warning("update_doubtful", message=message, provider=reading.provider, problem=warning)
    for event, entry in _surprises(reading, folded):
        log.warning(
            "event_surprised",
            message=message,
            provider=event.provider,
            move=entry,
            status=event.status.value,
            **{"ticket" if event.kind is Kind.OUTAGE else "maintenance_id": event.event_id},
        )


def _surprises(reading: Reading, folded: Sequence[Event]) -> Iterator[tuple[Event, str]]:
    sources = {(update.key, update.source) for update in reading.updates}
    for event in folded:
        key = EventKey(kind=event.kind, provider=event.provider, id_key=id_key_of(event.event_id))
        for entry in event.history:
            if entry.move in SURPRISING and (key, entry.source) in sources:
                yield event, entry.move.value


def ask_again(store: Store, find: FindKeys, *, stopping: Callable[[], bool]) -> int:
    """Have read again what the DNS gave no key for, and now does; return how many messages that is.

    It is asked for as long as mail servers try to deliver a mail.
    """
    with store.reading() as connection:
        unanswered = messages.unanswered(connection, since=utc_now() - KEYS_ASKED_FOR)
    count = 0
    for number, names in unanswered.items():
        if stopping():
            break
        if None not in find(names).values():
            with store.writing() as connection:
                open_ones = [Disposition.QUARANTINED]
                now = utc_now()
                messages.set_disposition(connection, [number], Disposition.RECEIVED, expected=open_ones, now=now)
            count += 1
    return count


# --- file -------------------------------------------------------------------------------------------------------


def file(store: Store, settings: MailboxSettings, session: MailboxSession) -> list[str]:
    """Flag or move the settled messages of a mailbox, as its configuration asks; return what failed.

    Every wish is from a committed row, so that a repetition after a crash is harmless.
    """
    if settings.after == "keep":
        return []
    failures = []
    for folder in settings.folders:
        try:
            problem = _file_folder(store, settings, session, folder) if session.usable else None
        except MailboxError as error:
            problem = str(error)
            log.warning("filing_failed", mailbox=settings.name, folder=folder, problem=problem)
        if problem:
            failures.append(problem)
    return failures


def _file_folder(store: Store, settings: MailboxSettings, session: MailboxSession, folder: str) -> str | None:
    """File what is settled, batch after batch; return the first problem. What cannot be filed holds up nothing else."""
    problem, above = None, 0
    while True:
        batch = file_batch(store, settings, session, folder, above=above)
        problem = problem or batch.problem
        if batch.last_uid is None:
            if problem:
                log.warning("filing_failed", mailbox=settings.name, folder=folder, problem=problem)
            return problem
        above = batch.last_uid


@dataclass(frozen=True, slots=True, kw_only=True)
class FiledBatch:
    """What became of a batch: the highest UID that was tried, None where there was none, and one line for a problem."""

    last_uid: int | None = None
    problem: str | None = None


def file_batch(
    store: Store, settings: MailboxSettings, session: MailboxSession, folder: str, *, above: int
) -> FiledBatch:
    """File some of what is settled in a folder, those with a UID ``above`` one. Raises MailboxError."""
    with store.reading() as connection:
        cursor = messages.read_cursor(connection, settings.name, folder)
        if cursor is None:
            return FiledBatch()
        place = (settings.name, folder, cursor.uid_validity)
        filings = messages.unfiled(connection, *place, above=above, limit=FILING_BATCH)
    if not filings:
        return FiledBatch()
    wishes = [(filing.imap_uid, _target(settings, filing.disposition)) for filing in filings]
    outcome = session.file(folder, cursor.uid_validity, wishes)
    with store.writing() as connection:
        messages.mark_filed(connection, *place, outcome.uids, now=utc_now())
    return FiledBatch(last_uid=filings[-1].imap_uid, problem=outcome.problem)


def _target(settings: MailboxSettings, disposition: Disposition) -> str:
    """Return the flag to set or the folder to move to."""
    if settings.after == "flag":
        return settings.flag
    folder = settings.quarantine_folder if disposition is Disposition.QUARANTINED else settings.done_folder
    if folder is None:
        raise ConfigurationError([f'mailbox "{settings.name}": after is "move", but a folder to move to is missing'])
    return folder
