"""End at SIGTERM and SIGINT within 5 seconds: in order where that can be done, and else as a power cut would.

Signals are taken by a thread of their own, whatever the main thread waits for. What is committed stands, and what is
not is done again at the next start: so a program that is cut short loses nothing.
"""

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

import structlog

# How long the work may take to end in order.
ORDERLY_SECONDS = 4.0

# How long the last line of the log may take: the disk, or who reads the log, may be what hangs.
LAST_WORDS_SECONDS = 0.5

_T = TypeVar("_T")

# Threads that tell nothing of what hangs.
_OWN = frozenset({"MainThread", "signals", "stop"})

_HEEDED = (signal.SIGTERM, signal.SIGINT)

log = structlog.get_logger()


class _Signals:
    """Who takes the signals of this process, and what is to be done when one comes.

    Its threads are there from the start: a new one asks the kernel for memory, and that can hang with the disk.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stops: list[Callable[[], None]] = []
        # The first signal, and what was to be called then.
        self._first: tuple[int, tuple[Callable[[], None], ...]] | None = None
        self._asked, self._ended, self._cut, self._told = (threading.Event() for _ in range(4))
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Take the signals. The interpreter tells of each at once, by its number, also where it runs no handler."""
        descriptor = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        before = {number: signal.signal(number, _noticed) for number in _HEEDED}
        listener = threading.Thread(target=self._listen, name="signals", daemon=True)
        for thread in (listener, *(threading.Thread(target=one, name="stop", daemon=True) for one in self._waiting())):
            thread.start()
        try:
            yield
        finally:
            self._ended.set()
            for event in (self._asked, self._cut):
                event.set()
            for number, handler in before.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(descriptor)
            self._writer.close()
            listener.join()
            self._reader.close()

    @contextmanager
    def calling(self, stop: Callable[[], None]) -> Iterator[None]:
        """Have something called at the first signal; at once if that has come already."""
        with self._lock:
            self._stops.append(stop)
            first = self._first
        if first is not None:
            stop()
        try:
            yield
        finally:
            with self._lock:
                self._stops.remove(stop)

    def _listen(self) -> None:
        while octet := self._reader.recv(1):
            if octet[0] not in _HEEDED:
                continue
            if self._first is not None:
                self._end_now()
            with self._lock:
                self._first = octet[0], tuple(self._stops)
            self._asked.set()

    def _waiting(self) -> Iterable[Callable[[], None]]:
        """Return what waits for a signal.

        Nobody can say what hangs: neither the log nor what is called may hold up the end, or a second signal.
        """
        return self._tell_and_stop, self._cut_if_late, self._tell_what_runs

    def _tell_and_stop(self) -> None:
        self._asked.wait()
        if self._first is None:
            return
        number, stops = self._first
        log.info("daemon_stopping", signal=signal.Signals(number).name)
        for stop in stops:
            stop()

    def _cut_if_late(self) -> None:
        self._asked.wait()
        if not self._ended.wait(ORDERLY_SECONDS):
            self._end_now()

    def _tell_what_runs(self) -> None:
        self._cut.wait()
        if self._ended.is_set():
            return
        threads = sorted(one.name for one in threading.enumerate() if one.name not in _OWN)
        log.warning("daemon_cut_short", threads=threads)
        self._told.set()

    def _end_now(self) -> None:
        """End the process. That was asked for, and so is a success."""
        self._cut.set()
        self._told.wait(LAST_WORDS_SECONDS)
        os._exit(0)


# Signals are the process's, and so is who takes them.
_current: _Signals | None = None


@contextmanager
def stopped_by_signals(stop: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Call ``stop`` at SIGTERM and SIGINT; end the process if it is not done 4 seconds later, or at a second signal.

    Inside of another one both are called, and the time counts until the outer one is done. An outer one does nothing
    in a thread that is not the main one.
    """
    global _current
    if _current is not None:
        with _current.calling(stop):
            yield
        return
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _current = _Signals()
    try:
        with _current.taken(), _current.calling(stop):
            yield
    finally:
        _current = None


def aside(work: Callable[[], _T]) -> _T:
    """Do something in a thread of its own, and return what it returns, or raise what it raises.

    The kernel gives signals to the main thread, also while that waits for a disk and can take none: so it is to wait
    for nothing else than this.
    """
    done: Future[_T] = Future()

    def do() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # noqa: BLE001, it is raised where the work was asked for
            done.set_exception(error)

    threading.Thread(target=do, name="main", daemon=True).start()
    return done.result()


def _noticed(number: int, frame: FrameType | None) -> None:
    """Do nothing: without a handler the interpreter would tell of no signal."""
