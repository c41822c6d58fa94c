"""A database that fails for a while: it is waited for, which is said once, and once more when it is back."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import structlog

from domain.errors import StorageError
from storage.database import Store

# A SQLite file on a full disk takes one change and not the next: it is back when nothing has failed for so long. Who
# failed has tried again by then.
QUIET_SECONDS = 20.0

# How often a database that cannot be reached is tried at the start, and how often that is said.
TRY_SECONDS = 2.0
SAY_SECONDS = 300.0

T = TypeVar("T")

log = structlog.get_logger()


class Patience:
    """What the threads of a daemon know of its database together."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        # None: it works.
        self._since: float | None = None
        self._failed_at = 0.0
        self._back_at: float | None = None

    @property
    def failing(self) -> bool:
        """Say whether the database fails at the moment."""
        with self._lock:
            return self._since is not None

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Let what is done be left where the database fails in a way that may heal: it is done again later."""
        try:
            yield
        except StorageError as error:
            if error.permanent:
                raise
            self.failed(error)

    def failed(self, error: StorageError) -> None:
        """Take note that the database failed, in a way that may heal; the first to say so is heard."""
        with self._lock:
            self._failed_at, self._back_at = self._clock(), None
            if self._since is None:
                self._since = self._failed_at
                log.error("database_failed", problem=str(error))

    def works(self) -> None:
        """Take note that something was written."""
        with self._lock:
            if self._since is not None:
                self._back_at = self._back_at or self._clock()
                self._tell_if_back(self._since, self._back_at)

    def look(self) -> None:
        """Tell that it is back, if nothing has failed since for long enough: nothing more may come to be written."""
        with self._lock:
            if self._since is not None and self._back_at is not None:
                self._tell_if_back(self._since, self._back_at)

    def _tell_if_back(self, since: float, back_at: float) -> None:
        if self._store.shared or self._clock() - self._failed_at >= QUIET_SECONDS:
            log.info("database_back", seconds=round(back_at - since))
            self._since = None


def waited_for(
    opening: Callable[[], T],
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """Return what opening a database gives, as soon as it succeeds. Raises what trying again will not mend."""
    begun = clock()
    say_at = begun
    while True:
        try:
            opened = opening()
        except StorageError as error:
            if error.permanent:
                raise
            if clock() >= say_at:
                say_at = clock() + SAY_SECONDS
                log.warning("database_waited_for", problem=str(error))
        else:
            if say_at > begun:
                log.info("database_back", seconds=round(clock() - begun))
            return opened
        sleep(TRY_SECONDS)
