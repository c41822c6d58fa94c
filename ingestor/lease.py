"""A claim on events of the outbox, which is renewed for as long as the work on them lasts."""

import threading
from collections.abc import Callable, Iterable
from datetime import datetime
from types import TracebackType
from typing import Self

import structlog

from domain.errors import MaintdError
from storage import outbox
from storage.database import Store
from storage.outbox import Due, Name

# Who claimed an event and says nothing for so long has lost it. It is said three times as often.
LEASE_SECONDS = 30.0

log = structlog.get_logger()


class LeaseLost(Exception):
    """Say that somebody else delivers an event."""


class Lease:
    """Events that were claimed and are not settled yet; a thread renews the claims.

    What is still held at the end was not tried: it is let go, as it was. Where the work is broken off by an error, it
    is nobody's when the lease has run out.
    """

    def __init__(self, store: Store, claimed: Iterable[Due], clock: Callable[[], datetime]) -> None:
        self._store, self._clock = store, clock
        self._held: dict[Name, Due] = {(due.key, due.generation): due for due in claimed}
        self._lost: set[Name] = set()
        self._lock = threading.Lock()
        self._ended = threading.Event()

    def __enter__(self) -> Self:
        threading.Thread(target=self._renew, name="lease", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._ended.set()
            if kind is None and self._held:
                with self._store.writing() as connection:
                    outbox.let_go(connection, self._held.values())

    @property
    def held(self) -> list[Due]:
        """Return what is not settled yet, in the order in which it was claimed."""
        with self._lock:
            return list(self._held.values())

    def check(self, some: Iterable[Name]) -> None:
        """Raise LeaseLost where somebody else may have claimed one of these, which are held."""
        with self._lock:
            now = self._clock()
            if any(name in self._lost or now >= self._held[name].claimed_until for name in some):
                raise LeaseLost

    def taken(self, due: Due) -> Due:
        """Hold an event no longer, and return it as it is to be settled."""
        with self._lock:
            return self._held.pop((due.key, due.generation))

    def _renew(self) -> None:
        while not self._ended.wait(LEASE_SECONDS / 3):
            with self._lock:
                if self._ended.is_set():
                    return
                self._renew_once()

    def _renew_once(self) -> None:
        now = self._clock()
        try:
            with self._store.writing() as connection:
                renewed = {
                    (due.key, due.generation): outbox.renew(connection, due, now=now, lease_seconds=LEASE_SECONDS)
                    for due in outbox.in_order(self._held.values())
                }
        except MaintdError as error:
            log.warning("lease_not_renewed", problem=str(error))
            return
        self._lost |= {name for name, due in renewed.items() if due is None}
        self._held |= {name: due for name, due in renewed.items() if due is not None}
