"""A daemon among others on one database: it says that it lives, holds its mailboxes, and keeps what it has claimed.

On SQLite there is one daemon, which holds everything, and none of this is done. Nothing is right or wrong by a lease:
see ``storage.leases``.
"""

import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Collection
from types import TracebackType
from typing import Self

import structlog

from domain.errors import StorageError
from ingestor.patience import Patience
from ingestor.pipeline import utc_now
from storage import leases, messages
from storage.database import Store

# Who says nothing for so long has lost what it held. It is said four times as often.
LEASE_SECONDS = 20.0
BEAT_SECONDS = 5.0

# A lease is believed for so much less, so that a connection has ended before another daemon makes its own.
_MARGIN_SECONDS = 2.0
# How often it is looked whether one has run out.
_LOOK_SECONDS = 0.5
# How long the end of the program waits for a database that is to be told of it.
_LAST_WORD_SECONDS = 1.0

log = structlog.get_logger()


def new_name() -> str:
    """Return a name for this process that no other has, or had."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


def boot_clock() -> float:
    """Return seconds since the machine began, with those in which it was asleep."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Sharing:
    """What this process holds, and the threads that see to it. Without mailboxes it claims messages and no more.

    ``changed`` is called with the name of a mailbox that is held from now on, or no more.
    """

    def __init__(
        self,
        store: Store,
        mailboxes: Collection[str] = (),
        *,
        patience: Patience | None = None,
        name: str | None = None,
        clock: Callable[[], float] = boot_clock,
    ) -> None:
        self.name = name or new_name()
        self.changed: Callable[[str], None] = lambda _: None
        self._store, self._mailboxes, self._clock = store, list(mailboxes), clock
        self.patience = patience or Patience(store)
        self._lock = threading.Lock()
        # Until when each mailbox is held, on the clock of this machine.
        self._until: dict[str, float] = {}
        self._ended = threading.Event()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        if self._store.shared:
            self._threads = [
                threading.Thread(target=work, name="lease", daemon=True)
                for work in (self._beat_often, self._look_often)
            ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(_LAST_WORD_SECONDS)

    @property
    def claimant(self) -> str | None:
        """The name by which messages are claimed; None where nobody else could read them."""
        return self.name if self._store.shared else None

    def holds(self, mailbox: str) -> bool:
        """Say whether a mailbox is this daemon's to watch."""
        return not self._store.shared or self._clock() < self._until.get(mailbox, 0.0)

    def beat(self) -> None:
        """Say that this daemon lives, and renew what it holds. Raises StorageError."""
        # The lease is reckoned from before it was asked for: it ends here before it does in the database.
        until = self._clock() + LEASE_SECONDS - _MARGIN_SECONDS
        if self._mailboxes:
            with self._store.writing() as connection:
                leases.beat(connection, self.name, self._mailboxes, seconds=LEASE_SECONDS)
                held = leases.hold(connection, self.name, self._mailboxes, seconds=LEASE_SECONDS)
            self._hold(held, until)
        with self._store.writing() as connection:
            messages.renew_claims(connection, self.name, seconds=LEASE_SECONDS)
        self._store.follow(utc_now())
        self.patience.works()

    def look(self) -> None:
        """Give up what could not be renewed in time: the database was away, or this machine slept."""
        now = self._clock()
        with self._lock:
            lost = [mailbox for mailbox, until in self._until.items() if until <= now]
            for mailbox in lost:
                del self._until[mailbox]
        for mailbox in lost:
            log.warning("mailbox_lease_lost", mailbox=mailbox)
            self.changed(mailbox)

    def leave(self) -> None:
        """Let go of everything: others need not wait until it runs out. Raises StorageError."""
        with self._store.writing() as connection:
            leases.leave(connection, self.name)
        with self._store.writing() as connection:
            messages.let_go(connection, self.name)

    def _hold(self, held: Collection[str], until: float) -> None:
        with self._lock:
            before = set(self._until)
            self._until = dict.fromkeys(held, until)
        for mailbox in sorted(before.symmetric_difference(held)):
            if mailbox in held:
                log.info("mailbox_taken", mailbox=mailbox, daemon=self.name)
            else:
                log.info("mailbox_passed_on", mailbox=mailbox, daemon=self.name)
            self.changed(mailbox)

    def _beat_often(self) -> None:
        while not self._ended.is_set():
            self._try(self.beat)
            self._ended.wait(BEAT_SECONDS)
        self._try(self.leave)

    def _look_often(self) -> None:
        while not self._ended.wait(_LOOK_SECONDS):
            self.look()

    def _try(self, work: Callable[[], None]) -> None:
        try:
            work()
        except StorageError as error:
            self.patience.failed(error)
        except Exception:  # the boundary of a job: who is not renewed is taken for dead, and others go on
            log.exception("lease_not_renewed")
