"""When the mailboxes are polled: the only module that knows APScheduler."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

# The part of an interval by which a poll may come later, so that many mailboxes do not ask one server at once.
JITTER = 0.1


class Scheduler:
    """Run each job at once and then at its interval, never twice at a time.

    A job that takes longer than its interval is not run twice afterwards (coalesced), and one that could not begin in
    time is run late, not left out: APScheduler's own default leaves out what is a second late.
    """

    def __init__(self, workers: int) -> None:
        self._scheduler = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(max(1, workers))},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone=UTC,
        )

    def every(self, seconds: int, name: str, job: Callable[[], object]) -> None:
        """Run a job now and every so many seconds. A job must not raise."""
        self._scheduler.add_job(
            job,
            IntervalTrigger(seconds=seconds, jitter=max(1, round(seconds * JITTER)), timezone=UTC),
            id=name,
            next_run_time=datetime.now(UTC),
        )

    def start(self) -> None:
        """Begin."""
        self._scheduler.start()

    @property
    def thread(self) -> threading.Thread:
        """The thread that begins the jobs; there is none before the start."""
        thread: threading.Thread = self._scheduler._thread
        return thread

    def stop(self) -> None:
        """Begin no further job, and wait for those that run: the caller has ended what they wait on."""
        self._scheduler.shutdown(wait=True)
