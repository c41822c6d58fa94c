"""Watch mailboxes: a thread and a connection for each folder, which last as long as the program.

A watcher looks, files what is settled, and waits for the server's word (IDLE) or for the next poll. That word is never
trusted: a look follows every wait, however it ended, and costs the same whatever the folder holds. A connection that
fails is thrown away, and made anew after a pause that its kind of failure decides; what a folder holds is read from
where it stood. The watchers of one mailbox go in by one door, so that a wrong password is tried once and not once for
each folder.

Source: RFC 2177 (IDLE).
"""

import math
import random
import select
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

import structlog

from domain.errors import ConfigurationError, MailboxError, MailboxFailure, MaintdError, StorageError
from ingestor import pipeline
from ingestor.config import MailboxTable
from ingestor.mailbox import MOST_TRIES, Idled, MailboxSession, MailboxSettings, Step
from ingestor.patience import Patience
from storage import messages
from storage.database import Store

# How long a pause is after the first failure of a kind, and at most; each further failure doubles it. A login that is
# refused again and again gets locked.
_SLOW = (60.0, 1800.0)
_PAUSES: Mapping[MailboxFailure, tuple[float, float]] = {
    MailboxFailure.REFUSED: _SLOW,
    MailboxFailure.SETTINGS: _SLOW,
    MailboxFailure.FOLDER: _SLOW,
    MailboxFailure.LIMITED: (30.0, 300.0),
    # What cannot be kept is on the server still, which has done nothing wrong.
    MailboxFailure.DATABASE: (2.0, 15.0),
}
_USUAL_PAUSE = (5.0, 300.0)
# The longest pause after a connection that was of use before it was lost: its server is well.
_PAUSE_AFTER_A_LOOK = 60.0
# By how much pauses and polls differ, so that many watchers do not come back at one moment.
_JITTER = 0.2

# How many looks in a row may find nothing, each because the server had said something, before there is a pause.
_MOST_IN_VAIN = 3

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long a watcher does what, in seconds."""

    # RFC 2177: less than 29 minutes. Some servers and many firewalls forget a connection long before.
    idle: float = 540.0
    # How often a watcher that waits shows that it is alive.
    slice: float = 30.0
    # The pause before a folder is looked at again whose server says much, and nothing of new mail.
    breath: float = 0.5
    # A connection that has lasted so long was a good one: losing it is no failure yet.
    steady: float = 60.0
    # The longest time between two polls for which a connection is kept: servers end idle ones after 30 minutes.
    kept: float = 600.0
    # After so long a connection is made anew, with the password as it is by then.
    renewed: float = 43_200.0
    # How long the folders of a mailbox are visited in turn after its server has refused a further connection.
    in_turn: float = 3600.0


def pause_after(kind: MailboxFailure, failures: int, *, looked: bool = False) -> float:
    """Return how many seconds to wait after so many failures on end, the last one of this kind.

    ``looked``: the connection that failed had seen its folder first.
    """
    first, most = _PAUSES.get(kind, _USUAL_PAUSE)
    if looked and kind not in _PAUSES:
        most = _PAUSE_AFTER_A_LOOK
    return float(min(first * 2 ** min(failures - 1, 20), most))


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderHealth:
    """How the watching of one folder is. ``progressed_at``: when its watcher last moved, on the monotonic clock."""

    mailbox: str
    folder: str
    # How it is watched; None: there is no connection now.
    by: Literal["idle", "poll"] | None = None
    last_success_at: datetime | None = None
    # Another daemon watches it, or nobody knows who does while the database is away.
    held_elsewhere: bool = False
    # None in all three: the last look was a success, or there was none yet.
    failing_since: datetime | None = None
    failure: MailboxFailure | None = None
    problem: str | None = None
    # How often each kind of failure has come since the start.
    failures: Mapping[MailboxFailure, int] = field(default_factory=dict)
    # How many messages cannot be fetched.
    withheld: int = 0
    progressed_at: float = 0.0


class Registry:
    """The health of all folders, to be asked by any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._health: dict[tuple[str, str], FolderHealth] = {}

    def note(self, mailbox: str, folder: str, **facts: Any) -> None:
        """Keep facts of a folder, by the names of FolderHealth; those that are not named stay."""
        with self._lock:
            known = self._health.get((mailbox, folder)) or FolderHealth(mailbox=mailbox, folder=folder)
            self._health[mailbox, folder] = replace(known, **facts)

    def count(self, mailbox: str, folder: str, kind: MailboxFailure) -> None:
        """Count a failure."""
        self.note(mailbox, folder, failures=Counter(self.of(mailbox, folder).failures) + Counter([kind]))

    def of(self, mailbox: str, folder: str) -> FolderHealth:
        """Return the health of one folder."""
        with self._lock:
            return self._health[mailbox, folder]

    def all(self) -> list[FolderHealth]:
        """Return the health of every folder, in the order of the configuration."""
        with self._lock:
            return list(self._health.values())


class Bell:
    """What wakes one thread: it can be waited for together with a connection."""

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)

    def fileno(self) -> int:
        """Return the descriptor that can be read once the bell was rung."""
        return self._reader.fileno()

    def ring(self) -> None:
        """Wake the thread, now or when it waits next."""
        # It is full, and rings; or it is closed, and nobody listens.
        with suppress(OSError):
            self._writer.send(b"\0")

    def clear(self) -> None:
        """Forget that it was rung."""
        with suppress(BlockingIOError):
            while self._reader.recv(4096):
                pass

    def wait(self, seconds: float) -> bool:
        """Wait until the bell is rung, for so many seconds at most; return whether it was."""
        poll = select.poll()
        poll.register(self._reader, select.POLLIN)
        return bool(poll.poll(1000 * max(0.0, seconds)))

    def close(self) -> None:
        """Give its descriptors back."""
        self._reader.close()
        self._writer.close()


@dataclass(slots=True, kw_only=True)
class _Door:
    """The way into one mailbox: one watcher logs in at a time, and none while the door is closed."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    # Who is inside while the folders are visited in turn.
    turn: threading.Lock = field(default_factory=threading.Lock)
    failures: int = 0
    closed_until: float = 0.0
    in_turn_until: float = 0.0


class Watching:
    """The watchers of all folders. ``settings_of`` gives what a session needs, with the secret as it is then.

    ``arrived`` is called, from any thread, when there are new messages. ``holds``: whether a mailbox is this daemon's
    to watch, by its name; what changes in that is told to ``lease_changed``. The rest is for tests.
    """

    def __init__(
        self,
        tables: Sequence[MailboxTable],
        store: Store,
        settings_of: Callable[[MailboxTable], MailboxSettings],
        *,
        arrived: Callable[[], None],
        holds: Callable[[str], bool] = lambda _: True,
        patience: Patience | None = None,
        pace: Pace | None = None,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = lambda: random.uniform(1 - _JITTER, 1 + _JITTER),  # noqa: S311
        bell: Callable[[], Bell] = Bell,
    ) -> None:
        self.store = store
        self.settings_of = settings_of
        self.arrived = arrived
        self.holds = holds
        self.patience = patience or Patience(store)
        self.pace = pace or Pace()
        self.clock = clock
        self.jitter = jitter
        self.registry = Registry()
        self.stopping = threading.Event()
        self.watchers: list[Watcher] = []
        for table in tables:
            door = _Door()
            self.watchers += [Watcher(self, table, folder, door, bell()) for folder in table.folders]
        self._threads = [
            threading.Thread(target=one.run, name=f"watch {one.table.name} {one.folder}", daemon=True)
            for one in self.watchers
        ]

    @property
    def threads(self) -> Sequence[threading.Thread]:
        """The threads of the watchers, which live as long as the program."""
        return self._threads

    def start(self) -> None:
        """Begin to watch."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Begin nothing new, and end every connection. Returns at once; see ``join``."""
        self.stopping.set()
        for watcher in self.watchers:
            watcher.close_now()

    def join(self, seconds: float) -> bool:
        """Wait for the threads to end; False where one has not, which then goes with the process."""
        end = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        ended = not any(thread.is_alive() for thread in self._threads)
        if ended:
            for watcher in self.watchers:
                watcher.bell.close()
        return ended

    def settled(self) -> None:
        """Have filed what is settled, where messages are filed at all."""
        for watcher in self.watchers:
            if watcher.table.after != "keep":
                watcher.bell.ring()

    def compare(self) -> None:
        """Have every folder compared with the ledger, each by its own watcher."""
        for watcher in self.watchers:
            watcher.compare_soon()

    def lease_changed(self, mailbox: str) -> None:
        """Begin to watch a mailbox that is held from now on, or end the connections to one that is held no more."""
        for watcher in self.watchers:
            if watcher.table.name != mailbox:
                continue
            if self.holds(mailbox):
                watcher.bell.ring()
            else:
                watcher.close_now()

    def together(self, table: MailboxTable) -> "list[Watcher]":
        """Return the watchers of one mailbox."""
        return [watcher for watcher in self.watchers if watcher.table is table]


class Watcher:
    """What watches one folder: its thread runs ``run``, and any thread may call what is public."""

    def __init__(self, watching: Watching, table: MailboxTable, folder: str, door: _Door, bell: Bell) -> None:
        self.table = table
        self.folder = folder
        self.bell = bell
        # None: there is no connection now.
        self.by: Literal["idle", "poll"] | None = None
        self._watching = watching
        self._door = door
        self._lock = threading.Lock()
        self._session: MailboxSession | None = None
        # Since when the connection stands; None: it does not.
        self._since: float | None = None
        # Whether it has seen its folder.
        self._looked = False
        self._in_hand: tuple[tuple[int, int], ...] = ()
        self._failures = 0
        # How often fetching a message has failed, by UIDVALIDITY and UID.
        self._tries: dict[tuple[int, int], int] = {}
        self._compare = False
        # How many looks in a row have found nothing though the server had said something.
        self._in_vain = 0
        # An IDLE has ended in silence, and whether one before had done so though there was mail.
        self._silent = self._deaf = False
        self._told: tuple[str, bool] | None = None
        self._filing_failures = 0
        self._filing_problem: str | None = None
        self._file_from = 0.0
        self._filed_up_to = 0
        self._note(progressed_at=watching.clock())

    def close_now(self) -> None:
        """Wake the thread, and end its connection: it waits for no server any more."""
        self.bell.ring()
        with self._lock:
            if self._session is not None:
                self._session.close_now()

    def compare_soon(self) -> None:
        """Have the folder compared with the ledger when it is looked at next, which is now unless it cannot be."""
        self._compare = True
        self.bell.ring()

    def run(self) -> None:
        """Watch until the program stops: whatever fails, a new connection is made after a pause."""
        while not self._stopping():
            try:
                self._visit()
            except MaintdError as error:
                self._sleep(self._failed(_kind(error), error))
            except Exception as error:  # the boundary of a job: a fault in here must not make a mailbox deaf
                if not self._ending():
                    log.exception("watcher_failed", mailbox=self.table.name, folder=self.folder)
                self._sleep(self._failed(MailboxFailure.FAULT, error))

    # One connection

    def _visit(self) -> None:
        """Connect, and watch until the connection is to be made anew."""
        if not self._holds():
            self._stand_by()
            return
        self._note(held_elsewhere=False)
        closed = self._door.closed_until - self._clock()
        if closed > 0:
            self._sleep(closed)
            return
        in_turn = self._in_turn()
        with ExitStack() as stack:
            if in_turn:
                stack.enter_context(self._holding(self._door.turn))
            session = self._enter()
            if session is None:
                return
            stack.callback(self._leave)
            rest = self._watch(session, in_turn=in_turn)
        self._sleep(rest, until_rung=True)

    def _stand_by(self) -> None:
        """Leave the folder to another daemon, until the bell is rung."""
        self._told = None
        self._note(held_elsewhere=True, failing_since=None, failure=None, problem=None)
        self.bell.clear()
        if not self._holds():
            self._sleep(self._watching.pace.slice, until_rung=True)

    def _enter(self) -> MailboxSession | None:
        """Return a session that is logged in; None where somebody else has found the door closed meanwhile."""
        self._since = None
        with self._holding(self._door.lock):
            if self._ending() or self._door.closed_until > self._clock():
                return None
            try:
                session = self._opened(MailboxSession(self._watching.settings_of(self.table)))
            except Exception as error:
                if not self._ending():
                    self._close_door(_kind(error))
                raise
            self._door.failures = 0
            self._since = self._clock()
            return session

    def _opened(self, session: MailboxSession) -> MailboxSession:
        with self._lock:
            self._session = session
        if self._ending():
            session.close_now()
        return session.__enter__()

    def _close_door(self, kind: MailboxFailure) -> None:
        """Keep every watcher of this mailbox from the server for a while."""
        door = self._door
        door.failures += 1
        door.closed_until = self._clock() + pause_after(kind, door.failures) * self._watching.jitter()
        inside = [watcher for watcher in self._watching.together(self.table) if watcher.by]
        if kind is MailboxFailure.LIMITED and inside:
            # Those that are inside leave at once, and all come one after the other from now on.
            door.closed_until = self._clock() + _USUAL_PAUSE[0]
            door.in_turn_until = self._clock() + self._watching.pace.in_turn
            log.warning("connections_limited", mailbox=self.table.name, connections=len(inside))
            for watcher in inside:
                watcher.bell.ring()

    def _leave(self) -> None:
        session = self._session
        if session is not None:
            self._in_hand = session.in_hand
            session.leave()
        with self._lock:
            self._session = None
        self.by = None
        self._note(by=None)

    def _watch(self, session: MailboxSession, *, in_turn: bool) -> float:
        """Look, file and wait, again and again; return after how many seconds the next connection is to be made."""
        idles = self.table.watch == "idle" and session.can_idle and not in_turn
        self._begin("idle" if idles else "poll", in_turn=in_turn)
        pace, begun = self._watching.pace, self._clock()
        while not self._ending():
            self.bell.clear()
            self._look(session)
            if self._file(session) or self._compare_with_ledger(session):
                continue
            if in_turn or (self.by == "poll" and self.table.poll_seconds > pace.kept):
                return self.table.poll_seconds * self._watching.jitter()
            if self._in_turn() or self._clock() - begun > pace.renewed:
                break
            if self._in_vain > _MOST_IN_VAIN:
                self._sleep(pace.breath)
            if not session.announced:
                self._wait(session)
        return 0.0

    def _begin(self, by: Literal["idle", "poll"], *, in_turn: bool) -> None:
        self.by = by
        self._note(by=by)
        if self._told != (by, in_turn):
            self._told = (by, in_turn)
            log.info("mailbox_watched", mailbox=self.table.name, folder=self.folder, by=by, in_turn=in_turn)

    def _look(self, session: MailboxSession) -> None:
        new, collected = pipeline.collect_folder(
            self._watching.store,
            self.table.name,
            self.folder,
            session,
            stopping=self._pausing,
            tries=self._tries,
        )
        if new:
            self._watching.arrived()
        self._in_vain = 0 if collected.fetched else self._in_vain + 1
        if self._ending():
            return
        if self._silent and collected.fetched:
            self._deaf = True
        # The cursor has passed what is left: it was fetched, or given up.
        self._tries = {key: count for key, count in self._tries.items() if count >= MOST_TRIES}
        self._succeeded()

    def _file(self, session: MailboxSession) -> bool:
        """File one batch of what is settled; return whether there may be more."""
        if self.table.after == "keep" or self._clock() < self._file_from:
            return False
        try:
            batch = pipeline.file_batch(
                self._watching.store, session.settings, session, self.folder, above=self._filed_up_to
            )
        except MailboxError as error:
            self._filing_failed(str(error))
            raise
        self._tick()
        self._filed_up_to = batch.last_uid or 0
        if batch.problem:
            self._filing_failed(batch.problem)
        elif batch.last_uid is not None:
            self._filing_failures, self._filing_problem = 0, None
        return batch.last_uid is not None and not batch.problem

    def _filing_failed(self, problem: str) -> None:
        """Leave filing alone for a while: it is a courtesy, and must not keep mail from being read."""
        if self._ending():
            return
        self._filing_failures += 1
        self._file_from = self._clock() + pause_after(MailboxFailure.UNREACHABLE, self._filing_failures)
        if problem != self._filing_problem:
            self._filing_problem = problem
            log.warning("filing_failed", mailbox=self.table.name, folder=self.folder, problem=problem)

    def _compare_with_ledger(self, session: MailboxSession) -> bool:
        """Fetch what was missed, if it is time for that; return whether anything was."""
        if not self._compare:
            return False
        new, compared = pipeline.compare_folder(
            self._watching.store,
            self.table.name,
            self.folder,
            session,
            stopping=self._pausing,
            tries=self._tries,
        )
        # One that was cut short is made anew by the next connection.
        self._compare = self._ending()
        self._tick()
        for key in compared.done:
            self._tries.pop(key, None)
        if new:
            self._watching.arrived()
        return bool(compared.done)

    def _wait(self, session: MailboxSession) -> None:
        """Wait for the server's word, or for the next poll; ends early when the bell is rung."""
        self._silent = False
        filing = self._file_from - self._clock()
        most = filing if filing > 0 else math.inf
        if self.by == "poll":
            self._sleep(min(self.table.poll_seconds * self._watching.jitter(), most), until_rung=True)
            self._in_vain = 0
            return
        pace = self._watching.pace
        # A server that says nothing of mail that is there is asked as often as one that cannot say anything.
        seconds = min(pace.idle, most, self.table.poll_seconds if self._deaf else math.inf)
        idled = session.idle(seconds, self.bell.fileno(), self._tick, slice_seconds=pace.slice)
        if idled is Idled.REFUSED:
            self._begin("poll", in_turn=False)
        self._silent = idled is Idled.SILENT
        if idled is Idled.HEARD:
            self._deaf = False
        else:
            self._in_vain = 0

    # What becomes of a look

    def _succeeded(self) -> None:
        health = self._watching.registry.of(self.table.name, self.folder)
        self._watching.patience.works()
        self._looked = True
        now = pipeline.utc_now()
        withheld = [uid for _, uid in self._tries]
        self._note(
            last_success_at=now,
            failing_since=None,
            failure=None,
            problem=None,
            withheld=len(withheld),
            progressed_at=self._clock(),
        )
        if health.failing_since is not None:
            seconds = round((now - health.failing_since).total_seconds())
            log.info("mailbox_back", mailbox=self.table.name, folder=self.folder, seconds=seconds)
        if withheld:
            problem = f"UID {withheld[0]} could not be fetched in {MOST_TRIES} attempts: look at it on the server"
            self._keep(problem, [self.folder])

    def _failed(self, kind: MailboxFailure, error: Exception) -> float:
        """Tell and keep a failure; return how long to wait before the next connection."""
        self._leave()
        in_hand, self._in_hand = self._in_hand, ()
        since, self._since = self._since, None
        looked, self._looked = self._looked, False
        if self._ending():
            return 0.0
        self._silent = False
        for watcher in self._waiting_at_the_door() if since is None else [self]:
            self._watching.registry.count(watcher.table.name, watcher.folder, kind)
        if in_hand and isinstance(error, MailboxError) and error.step == Step.FETCH:
            self._suspect(in_hand, str(error))
        if since is None:
            falls_back = kind is MailboxFailure.LIMITED and self._in_turn() and self._door.failures == 1
            if not falls_back:
                self._tell(kind, error, self._waiting_at_the_door())
            return max(0.0, self._door.closed_until - self._clock())
        steady = self._clock() - since >= self._watching.pace.steady
        self._failures = 1 if steady else self._failures + 1
        if steady and kind in (MailboxFailure.ENDED, MailboxFailure.UNREACHABLE):
            self._told = None
            log.info("mailbox_disconnected", mailbox=self.table.name, folder=self.folder, problem=str(error))
        else:
            self._tell(kind, error, [self])
        if steady and kind is MailboxFailure.ENDED:
            return 0.0
        return pause_after(kind, self._failures, looked=looked) * self._watching.jitter()

    def _waiting_at_the_door(self) -> "list[Watcher]":
        return [watcher for watcher in self._watching.together(self.table) if watcher.by is None]

    def _tell(self, kind: MailboxFailure, error: Exception, watchers: "Sequence[Watcher]") -> None:
        folders = [watcher.folder for watcher in watchers]
        step = error.step if isinstance(error, MailboxError) else None
        problem = str(error) if isinstance(error, MaintdError) else f"{type(error).__name__}: {error}"
        if isinstance(error, StorageError) and not error.permanent:
            # All watchers meet it, and more than they.
            self._watching.patience.failed(error)
        # A fault has been logged, with its traceback.
        elif kind is not MailboxFailure.FAULT:
            log.error("mailbox_failed", mailbox=self.table.name, folders=folders, step=step, problem=problem)
        for folder in folders:
            since = self._watching.registry.of(self.table.name, folder).failing_since or pipeline.utc_now()
            facts = {"failing_since": since, "failure": kind, "problem": problem}
            self._watching.registry.note(self.table.name, folder, **facts)
        if kind is not MailboxFailure.DATABASE:
            self._keep(problem, folders)

    def _keep(self, problem: str, folders: Sequence[str]) -> None:
        """Keep a problem for ``maintd stats``, if the database takes it."""
        with suppress(MaintdError), self._watching.store.writing() as connection:
            for folder in folders:
                messages.note_failure(connection, self.table.name, folder, pipeline.utc_now(), problem)

    def _suspect(self, in_hand: Sequence[tuple[int, int]], problem: str) -> None:
        """Note what was being fetched when it failed: of several each is fetched alone the next time."""
        for key in in_hand:
            self._tries[key] = self._tries.get(key, 0) + (len(in_hand) == 1)
        count = self._tries[in_hand[0]]
        if count == MOST_TRIES:
            uid = in_hand[0][1]
            log.error("message_withheld", mailbox=self.table.name, folder=self.folder, imap_uid=uid, problem=problem)
        if count > MOST_TRIES:
            # It is tried again with the next comparison.
            self._compare = False

    # Waiting

    def _sleep(self, seconds: float, *, until_rung: bool = False) -> None:
        end, held = self._clock() + seconds, self._holds()
        while not self._stopping() and self._holds() >= held and (left := end - self._clock()) > 0:
            self._tick()
            if self.bell.wait(min(left, self._watching.pace.slice)):
                if until_rung:
                    return
                self.bell.clear()

    @contextmanager
    def _holding(self, lock: threading.Lock) -> Iterator[None]:
        """Hold a lock, showing meanwhile that this thread is alive."""
        while not lock.acquire(timeout=self._watching.pace.slice):
            self._tick()
        try:
            yield
        finally:
            lock.release()

    def _pausing(self) -> bool:
        self._tick()
        return self._ending()

    def _tick(self) -> None:
        self._note(progressed_at=self._clock())

    def _note(self, **facts: Any) -> None:
        self._watching.registry.note(self.table.name, self.folder, **facts)

    def _in_turn(self) -> bool:
        return self._clock() < self._door.in_turn_until

    def _ending(self) -> bool:
        """Say whether the connection is to end: the program stops, or the mailbox is another daemon's."""
        return self._stopping() or not self._holds()

    def _holds(self) -> bool:
        return self._watching.holds(self.table.name)

    def _stopping(self) -> bool:
        return self._watching.stopping.is_set()

    def _clock(self) -> float:
        return self._watching.clock()


def _kind(error: Exception) -> MailboxFailure:
    """Return what kind of failure an error of a watcher is."""
    if isinstance(error, MailboxError):
        return error.kind
    if isinstance(error, ConfigurationError):
        return MailboxFailure.SETTINGS
    return MailboxFailure.DATABASE if isinstance(error, MaintdError) else MailboxFailure.FAULT
