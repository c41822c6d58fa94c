"""The laws of the events, held by the whole way of a message: mailbox, ledger, reading, fold, database.

The mailbox is one in memory that keeps the promises of a real one; the readings are those of our own mails, read once.
A stop is an exception out of nowhere: before any statement, before a commit, or right after it.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.message import Arrival, Place, Reading, Reason, receipt
from ingestor import logs, pipeline
from ingestor.mailbox import Collected, MailboxSettings, Position
from parsers.mime import read_envelope
from parsers.providers import directory
from parsers.reading import read_message
from storage import database, queries
from storage.database import Store

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
TESTS = Path(__file__).parents[1]
MAILS = [*sorted((TESTS / "mail").glob("*/*.eml")), *sorted((TESTS / "stories").glob("*/*/*.eml"))]
NOC = MailboxSettings(name="noc", host="localhost", port=993, username="noc", credential="x")


class Stopped(BaseException):
    """The process ends here."""


@cache
def mail(index: int) -> bytes:
    return MAILS[index].read_bytes()


@cache
def reading(raw: bytes) -> Reading:
    return read_message(raw, received_at=received_at(raw), directory=directory())


def received_at(raw: bytes) -> datetime:
    return receipt(read_envelope(raw), internal_date=None, now=NOW)


@dataclass
class Mailbox:
    """A folder of mails that is handed over in batches, with the position reached."""

    mails: Sequence[int]
    batch: int = 3
    usable: bool = True
    uid_validity: int = 1

    def collect(
        self,
        folder: str,
        cursor: Position | None,
        accept: Callable[..., None],
        *,
        now: datetime,
        stopping: Any,
        tries: Any,
    ) -> Collected:
        position = cursor or Position(uid_validity=self.uid_validity, last_uid=0)
        if cursor is None or cursor.uid_validity != self.uid_validity:
            position = Position(uid_validity=self.uid_validity, last_uid=0)
            accept((), position)
        fetched = 0
        for begin in range(position.last_uid, len(self.mails), self.batch):
            uids = range(begin + 1, min(begin + self.batch, len(self.mails)) + 1)
            arrivals = [self.arrival(folder, uid) for uid in uids]
            position = Position(uid_validity=self.uid_validity, last_uid=uids[-1])
            accept(arrivals, position)
            fetched += len(arrivals)
        return Collected(position=position, fetched=fetched)

    def arrival(self, folder: str, uid: int) -> Arrival:
        raw = mail(self.mails[uid - 1])
        place = Place(mailbox="noc", folder=folder, uid_validity=self.uid_validity, imap_uid=uid)
        return Arrival(raw=raw, place=place, envelope=read_envelope(raw), received_at=received_at(raw), size=len(raw))


class Pool:
    """A pool that answers at once."""

    count = 2

    def submit(self, raw: bytes, received_at: datetime, *terms: object, **how: object) -> Future[Reading]:
        future: Future[Reading] = Future()
        future.set_result(reading(raw))
        return future


class Stops:
    """Ends the process at chosen moments, counted in statements and commits from its start."""

    def __init__(self, store: Store, at: int | None) -> None:
        self.count = 0
        self.at = at
        engine = store._engine
        for moment in ("before_cursor_execute", "commit"):
            sa.event.listen(engine, moment, self.look)

    def look(self, *_: Any) -> None:
        self.count += 1
        if self.count == self.at:
            raise Stopped


def run(url: str, mailbox: Mailbox, stop_at: int | None = None) -> int:
    """Run the program once over a mailbox; return how many moments it had. Stopped ends it before it is done."""
    store = database.open_store(url)
    stops = Stops(store, stop_at)
    try:
        pipeline.collect(store, NOC, mailbox, stopping=lambda: False)
        pipeline.Processor(store=store, pool=Pool()).process(stopping=lambda: False)
    finally:
        store.close()
    return stops.count


def state(url: str) -> dict[str, Any]:
    store = database.open_store(url)
    try:
        with store.reading() as connection:
            events = []
            for listed in queries.events(connection, now=NOW):
                for event in queries.event(connection, listed["id"], now=NOW, provider=listed["provider"]):
                    event["messages"] = sorted(message["message_id"] for message in event["messages"])
                    events.append(event)
            messages = sorted(
                (message["message_id"], message["disposition"]) for message in queries.messages(connection)
            )
            assert list(queries.check_laws(connection)) == []
            counts = queries.stats(connection, now=NOW, mailboxes=())["messages"]
            assert sum(counts.values()) == len(messages)
    finally:
        store.close()
    return {"events": events, "messages": messages}


@pytest.fixture(autouse=True)
def quiet() -> None:
    logs.configure("json", "error", sys.stderr)


@pytest.fixture
def fresh(tmp_path: Path) -> Callable[[], str]:
    """Make an empty database at each call."""
    template = f"sqlite:///{tmp_path / 'template.db'}"
    database.upgrade(template)
    numbers: Iterator[int] = iter(range(1_000_000))

    def make() -> str:
        target = tmp_path / f"{next(numbers)}.db"
        target.write_bytes((tmp_path / "template.db").read_bytes())
        return f"sqlite:///{target}"

    return make


# Any mails, or such as speak of one event: those of one carrier or one story.
one_mail = st.integers(0, len(MAILS) - 1)
of_one_carrier = st.sampled_from(sorted({path.parent for path in MAILS})).flatmap(
    lambda folder: st.lists(st.sampled_from([n for n, path in enumerate(MAILS) if path.parent == folder]), max_size=9)
)
some_mails = st.builds(
    lambda apart, together: [*together, *apart] or [0], st.lists(one_mail, max_size=6), of_one_carrier
)
QUIET = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@given(mails=some_mails, data=st.data())
@QUIET
def test_any_order_and_any_repetition_of_mails_give_the_same_events(fresh, mails, data) -> None:
    shuffled = data.draw(st.permutations(mails)) + data.draw(st.lists(st.sampled_from(mails), max_size=3))
    one, other = fresh(), fresh()

    run(one, Mailbox(mails))
    run(other, Mailbox(shuffled, batch=1))

    assert state(other) == state(one)


@given(mails=some_mails, data=st.data())
@QUIET
def test_a_stop_between_any_two_steps_changes_nothing(fresh, mails, data) -> None:
    undisturbed, stopped = fresh(), fresh()
    moments = run(undisturbed, Mailbox(mails))

    for part in data.draw(st.lists(st.floats(0, 1), min_size=1, max_size=4)):
        try:
            run(stopped, Mailbox(mails), stop_at=1 + int(part * moments))
        except Stopped:
            continue
    run(stopped, Mailbox(mails))

    assert state(stopped) == state(undisturbed)


@given(mails=some_mails)
@QUIET
def test_a_mailbox_that_is_read_again_from_its_beginning_changes_nothing(fresh, mails) -> None:
    url = fresh()
    run(url, Mailbox(mails))
    before = state(url)

    run(url, Mailbox(mails, uid_validity=2))

    assert state(url) == before


class Spoiling(Pool):
    """A pool that answers for one message what cannot be recorded."""

    def __init__(self, spoilt: bytes) -> None:
        self.spoilt = spoilt

    def submit(self, raw: bytes, received_at: datetime, *terms: object, **how: object) -> Future[Reading]:
        if raw != self.spoilt:
            return super().submit(raw, received_at, *terms, **how)
        future: Future[Reading] = Future()
        future.set_result(replace(reading(raw), updates=("no update",)))  # type: ignore[arg-type]
        return future


def test_a_message_that_cannot_be_recorded_keeps_no_other_from_being_read(fresh) -> None:
    url = fresh()
    store = database.open_store(url)
    try:
        pipeline.collect(store, NOC, Mailbox(range(len(MAILS))), stopping=lambda: False)
        pipeline.Processor(store=store, pool=Spoiling(mail(0))).process(stopping=lambda: False)
        with store.reading() as connection:
            counts = queries.stats(connection, now=NOW, mailboxes=())["messages"]
            spoilt = queries.messages(connection, reason=Reason.PARSER_CRASHED)
    finally:
        store.close()

    assert counts["received"] == 0
    assert [one["message_id"] for one in spoilt] == [read_envelope(mail(0)).message_id]
    assert counts["applied"] > 25
