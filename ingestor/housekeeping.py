"""What is done now and then so that a database stays as small as its owner wants it."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from domain.errors import MaintdError
from ingestor import pipeline
from storage import retention
from storage.database import Store

# How many mails lose their bytes in one transaction.
BATCH = 200

# How long others have the database for themselves between two transactions.
PAUSE_SECONDS = 0.05

log = structlog.get_logger()


def prune(
    store: Store,
    before: datetime,
    *,
    stopping: threading.Event,
    pruned: Callable[[int], None] = lambda _count: None,
) -> int:
    """Let go the bytes of what is settled, over, and from before an instant; return of how many mails.

    In small transactions, so that nobody beside it waits. Stopped, or failing half-way, it can be called again.
    """
    with store.reading() as connection:
        chosen = retention.numbers(connection, before=before)
    count = 0
    for begin in range(0, len(chosen), BATCH):
        if begin and stopping.wait(PAUSE_SECONDS):
            break
        with store.writing() as connection:
            part = chosen[begin : begin + BATCH]
            went = retention.prune(connection, part, before=before, now=pipeline.utc_now())
        count += went
        pruned(len(part))
    return count


def prune_by_age(store: Store, raw_days: int, stopping: threading.Event) -> None:
    """Do what [retention] asks, as a job of the daemon: it raises nothing, and goes on at its next time."""
    before = pipeline.utc_now() - timedelta(days=raw_days)
    try:
        count = prune(store, before, stopping=stopping)
    except MaintdError as error:
        log.error("pruning_failed", problem=str(error))
        return
    if count:
        log.info("messages_pruned", messages=count, before=before)
