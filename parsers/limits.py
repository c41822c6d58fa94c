"""A limit of CPU time for a part of reading, that ends that part alone and not the worker."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class TooSlow(Exception):
    """Say that what is limited took too long."""


class _Alarm:
    """Raise ``TooSlow`` at the signal, while it is set: also in the middle of ``re``, which looks for signals."""

    def __init__(self) -> None:
        self.set = False

    def ring(self, number: int, frame: FrameType | None) -> None:
        if self.set:
            raise TooSlow


_ALARM = _Alarm()


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise ``TooSlow`` where what is within takes more CPU time. Not in each other.

    Only the main thread hears signals, and a worker reads in it; in any other thread nothing is limited.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # It stays: a signal that comes late finds nothing set.
    signal.signal(signal.SIGVTALRM, _ALARM.ring)
    try:
        _ALARM.set = True
        signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
        yield
    finally:
        _ALARM.set = False
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
