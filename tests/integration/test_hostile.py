"""Hostile mails among good ones, in real workers: they end by the limits, and the others do not wait for them."""

import io
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

import pytest

from domain.message import Arrival, Place
from ingestor import logs
from ingestor.pipeline import Processor
from parsers.mime import read_envelope
from parsers.providers import directory
from parsers.workers import Limits, WorkerPool
from storage import database, messages, queries
from storage.database import Store
from tests.hostile import QUICK, RECEIVED, SLOW, att_window, good

NOW = datetime(2027, 2, 1, 12, 30, tzinfo=UTC)

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def store(sqlite_url: str) -> Iterator[Store]:
    database.upgrade(sqlite_url)
    opened = database.open_store(sqlite_url)
    yield opened
    opened.close()


@pytest.fixture
def log() -> io.StringIO:
    stream = io.StringIO()
    logs.configure("json", "info", stream)
    return stream


@pytest.fixture
def pool_of() -> Iterator[Callable[..., WorkerPool]]:
    pools: list[WorkerPool] = []

    def made(count: int, **limits: int) -> WorkerPool:
        pools.append(WorkerPool(count, Limits(**{"cpu_seconds": 1, "wall_seconds": 120} | limits), directory()))
        return pools[-1]

    yield made
    for pool in pools:
        pool.stop()


def arrive(store: Store, raws: Sequence[bytes]) -> list[int]:
    """Put messages into the ledger, as a mailbox does; return their numbers."""
    place = Place(mailbox="noc", folder="INBOX")
    arrivals = [
        Arrival(raw=raw, place=place, envelope=read_envelope(raw), received_at=RECEIVED, size=len(raw)) for raw in raws
    ]
    with store.writing() as connection:
        return [one.message for one in messages.record(connection, arrivals, now=NOW)]


def endless(number: int) -> bytes:
    """Return a mail that uses up all the time that it is given, another one for each number."""
    return att_window(6000).replace(b"<1@carrier.example>", b"<endless.%d@carrier.example>" % number)


def told(log: io.StringIO) -> list[tuple[str, int, int]]:
    """Return what the log says of messages: the event, the message, and its attempts."""
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    return [
        (line["event"], line["message"], line.get("attempts", 0))
        for line in lines
        if line["event"] in ("attempt_failed", "message_settled")
    ]


def failed_at(log: io.StringIO, message: int, attempts: int) -> int:
    return told(log).index(("attempt_failed", message, attempts))


def settled_at(log: io.StringIO, message: int) -> int:
    return told(log).index(("message_settled", message, 0))


def test_every_hostile_mail_is_settled_by_its_end_and_the_good_ones_are_applied(store, log, pool_of):
    rows = [*SLOW, *QUICK]
    # Each with a Message-ID of its own: some are the same but for a header.
    raws = [row.make().replace(b"<1@", b"<%d@" % number, 1) for number, row in enumerate(rows)]
    hostile = arrive(store, raws)
    others = arrive(store, [good(number) for number in range(10)])

    Processor(store=store, pool=pool_of(2)).process(stopping=lambda: False)

    with store.reading() as connection:
        found = {one["id"]: one["reason"] or one["disposition"] for one in queries.messages(connection)}
        assert list(queries.check_laws(connection)) == []
    assert {row.name: found[number] for row, number in zip(rows, hostile, strict=True)} == {
        row.name: row.end for row in rows
    }
    assert {found[number] for number in others} == {"applied"}


def test_all_others_come_before_the_next_attempt_at_a_hostile_mail(store, log, pool_of):
    hostile = arrive(store, [endless(number) for number in range(2)])
    others = arrive(store, [good(number) for number in range(20)])
    late: list[int] = []

    def stopping() -> bool:
        again = [message for _, message, attempts in told(log) if attempts == 2]
        if again and not late:
            late.extend(arrive(store, [good(number) for number in range(20, 30)]))
        return len(again) == 2

    Processor(store=store, pool=pool_of(1)).process(stopping=stopping)

    again = sorted(failed_at(log, number, 2) for number in hostile)
    assert max(settled_at(log, number) for number in others) < again[0]
    assert again[0] < min(settled_at(log, number) for number in late)
    assert max(settled_at(log, number) for number in late) < again[1]


def test_what_comes_in_while_a_hostile_mail_is_tried_again_is_read_beside_it(store, log, pool_of):
    # Both workers have started before it matters.
    first = arrive(store, [good(number) for number in range(8)])
    (hostile,) = arrive(store, [endless(0)])
    late: list[int] = []
    looks = 0

    def stopping() -> bool:
        nonlocal looks
        looks += ("attempt_failed", hostile, 1) in told(log)
        # At the second look it is with a worker again.
        if looks == 3:
            late.extend(arrive(store, [good(number) for number in range(10, 20)]))
        return ("attempt_failed", hostile, 2) in told(log)

    Processor(store=store, pool=pool_of(2, cpu_seconds=4)).process(stopping=stopping)

    assert max(settled_at(log, number) for number in (*first, *late)) < failed_at(log, hostile, 2)
