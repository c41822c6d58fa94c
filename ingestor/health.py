"""How the daemon is: whether it is alive, so that no restart would help, and whether it does all of its work.

It is asked by systemd's watchdog and over HTTP. What hangs cannot hang who asks: the database is asked in a thread of
its own, and everything else is a value that is there.
"""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from domain.errors import MaintdError
from ingestor.config import MailboxTable
from ingestor.mailbox import Deadlines
from ingestor.secrets import COMMAND_SECONDS
from ingestor.watching import FolderHealth, Watching
from storage import outbox, queries
from storage.database import LOCK_SECONDS, Store

# How long the database may take for two counts by an index. What is slower than this delays every mail.
ANSWER_SECONDS = 10.0

# After how long nobody waits for a PostgreSQL any more: whoever does is stuck. Source: storage.database gives up a
# connection, and each answer, sooner.
GIVEN_UP_SECONDS = 300.0

# How long the main loop may take for one turn: it waits for some seconds, and now and then writes to the database.
TURN_SECONDS = 4 * LOCK_SECONDS

# Between two signs of life a watcher logs in: name, connection, TLS, greeting, STARTTLS and login.
_STEPS_OF_LOGIN = 6
# Or it opens a folder, searches it, and asks for sizes, before it fetches.
_STEPS_OF_LOOK = 3
# The least that a connection is trusted to carry a second. Source: ingestor.mailbox, the deadline of a fetch.
_BYTES_PER_SECOND = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What waits: messages that nobody has read yet, and events that NetBox has still to learn of."""

    messages: int
    netbox: int


class Health:
    """The health of a running daemon. May be asked from any thread, and answers within some seconds."""

    def __init__(self, watching: Watching, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._watching = watching
        self._tables = {(one.table.name, one.folder): one.table for one in watching.watchers}
        self._clock = clock
        self._turned_at = clock()
        self._threads: list[threading.Thread] = []
        self._database = _Database(store)

    def turned(self) -> None:
        """Say that the main loop goes round."""
        self._turned_at = self._clock()

    def needs(self, *threads: threading.Thread) -> None:
        """Name threads that are to live as long as the program, from their start on."""
        self._threads += threads

    def stuck(self) -> list[str]:
        """Return what makes the daemon not alive, one line each: a restart might help.

        It helps against no database that fails: that is waited for.
        """
        return [*self._overdue(), *self._dead(), *self._database.hanging()]

    def not_ready(self) -> list[str]:
        """Return what keeps the daemon from its work, one line each: folders that are not read, and the database."""
        folders = self._watching.registry.all()
        return [*filter(None, map(_not_read, folders)), *self.database()]

    def database(self) -> list[str]:
        """Return what is wrong with the database, in one line, or nothing."""
        return self._database.problem()

    def folders(self) -> tuple[int, int]:
        """Return how many folders are watched, and how many of these cannot be read now."""
        watched = [folder for folder in self._watching.registry.all() if not folder.held_elsewhere]
        return len(watched), sum(folder.failing_since is not None for folder in watched)

    def backlog(self) -> Backlog | None:
        """Return what waited when the database was last asked; None where it has never answered."""
        return self._database.backlog

    def _overdue(self) -> Iterator[str]:
        now = self._clock()
        for folder in self._watching.registry.all():
            table = self._tables.get((folder.mailbox, folder.folder))
            seconds = now - folder.progressed_at
            if table and seconds > longest_step(table, self._watching.pace.slice, connected=folder.by is not None):
                yield f"{_name(folder)}: its watcher has made no step for {seconds:.0f} seconds"
        seconds = now - self._turned_at
        if seconds > TURN_SECONDS:
            yield f"main loop: it has not gone round for {seconds:.0f} seconds"

    def _dead(self) -> Iterator[str]:
        for thread in (*self._watching.threads, *self._threads):
            # One without a number has not begun.
            if thread.ident is not None and not thread.is_alive():
                yield f'thread "{thread.name}": it has ended'


def longest_step(table: MailboxTable, slice_seconds: float, *, connected: bool) -> float:
    """Return for how many seconds a watcher may show no sign of life, by the deadlines of what it does at a time.

    Each of them ends by itself what it bounds. So who is late hangs where there is no deadline.
    """
    deadlines = Deadlines()
    # What was read is kept at the end of each, and another program may be writing.
    usual = slice_seconds + LOCK_SECONDS
    if not connected:
        step = max(deadlines.login_seconds, table.connect_seconds, table.read_seconds)
        return usual + COMMAND_SECONDS + _STEPS_OF_LOGIN * step
    fetch = deadlines.body_seconds + table.max_message_bytes / _BYTES_PER_SECOND
    return usual + _STEPS_OF_LOOK * deadlines.metadata_seconds + fetch


def _not_read(folder: FolderHealth) -> str | None:
    # Who holds it answers for it.
    if folder.held_elsewhere:
        return None
    if folder.failing_since is not None:
        return f"{_name(folder)}: {folder.problem}"
    return f"{_name(folder)}: not read yet" if folder.last_success_at is None else None


def _name(folder: FolderHealth) -> str:
    return f'mailbox "{folder.mailbox}", folder "{folder.folder}"'


class _Database:
    """Ask the database how much waits, by one thread at a time, and wait no longer than ANSWER_SECONDS for it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._asking: threading.Thread | None = None
        self._asked_at = 0.0
        self._failed: str | None = None
        self.backlog: Backlog | None = None

    def problem(self) -> list[str]:
        """Return the one line that says why it does not answer, or nothing."""
        with self._lock:
            if self._asking is None or not self._asking.is_alive():
                self._asking = threading.Thread(target=self._ask, name="ask the database", daemon=True)
                self._asked_at = time.monotonic()
                self._asking.start()
            asking, seconds = self._asking, time.monotonic() - self._asked_at
        # One that was asked long ago is not waited for anew.
        asking.join(max(0.0, ANSWER_SECONDS - seconds))
        if asking.is_alive():
            return [f"database: {self._store.place}: no answer within {ANSWER_SECONDS:g} seconds"]
        return [f"database: {self._failed}"] if self._failed else []

    def hanging(self) -> list[str]:
        """Return the one line that says that a question to it does not end by itself, or nothing.

        One to a PostgreSQL does: a server that hangs, or is cut off, is given up.
        """
        problem = self.problem()
        longest = GIVEN_UP_SECONDS if self._store.shared else ANSWER_SECONDS
        with self._lock:
            asking, seconds = self._asking, time.monotonic() - self._asked_at
        return problem if asking is not None and asking.is_alive() and seconds >= longest else []

    def _ask(self) -> None:
        try:
            with self._store.reading() as connection:
                waiting, behind = queries.waiting(connection), outbox.figures(connection).due
            self.backlog, self._failed = Backlog(messages=waiting, netbox=behind), None
        except Exception as error:  # noqa: BLE001, whatever it is, whoever asks is told
            self._failed = str(error) if isinstance(error, MaintdError) else f"{type(error).__name__}: {error}"
