"""What makes the daemon not alive, and what keeps it from its work."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from domain.errors import MailboxFailure, StorageError
from ingestor import health as healths
from ingestor.config import MailboxTable
from ingestor.health import Backlog, Health, longest_step
from ingestor.watching import Watching
from storage import database, messages
from storage.database import Store
from tests.building import build_arrival

SLICE = 30.0
READ = {"last_success_at": datetime(2027, 2, 9, tzinfo=UTC)}


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Databases:
    """A database that answers, fails or hangs, as it is told."""

    place = "postgresql+psycopg://maintd@db.example/maintd"

    def __init__(self, store: Store) -> None:
        self._store = store
        self.shared = False
        self.problem: str | None = None
        self.flows = threading.Event()
        self.flows.set()
        self.asked = 0

    @contextmanager
    def reading(self) -> Iterator[Any]:
        self.asked += 1
        assert self.flows.wait(60)
        if self.problem:
            raise StorageError(f"{self.place}: {self.problem}")
        with self._store.reading() as connection:
            yield connection


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    url = f"sqlite:///{tmp_path_factory.mktemp('health') / 'maintd.db'}"
    database.upgrade(url)
    opened = database.open_store(url)
    yield opened
    opened.close()


@pytest.fixture
def databases(store: Store) -> Databases:
    return Databases(store)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def table() -> MailboxTable:
    usual = {"name": "noc", "host": "imap.example", "username": "noc", "password": {"env": "NOC"}}
    return MailboxTable.model_validate(usual | {"folders": ["INBOX", "Carriers"]})


@pytest.fixture
def watching(table: MailboxTable, databases: Databases, clock: Clock) -> Iterator[Watching]:
    made = Watching([table], databases, lambda _: pytest.fail("it is not started"), arrived=lambda: None, clock=clock)
    yield made
    for watcher in made.watchers:
        watcher.bell.close()


@pytest.fixture
def health(watching: Watching, databases: Databases, clock: Clock) -> Health:
    return Health(watching, databases, clock=clock)


def test_a_daemon_whose_watchers_move_and_whose_database_answers_is_alive(health, watching, clock):
    for _ in range(10):
        clock.now += SLICE
        health.turned()
        for watcher in watching.watchers:
            watching.registry.note("noc", watcher.folder, progressed_at=clock.now)

        assert health.stuck() == []


@pytest.mark.parametrize("by", [None, "idle", "poll"])
def test_a_watcher_is_stuck_when_it_is_silent_for_longer_than_its_deadlines_allow(health, watching, clock, table, by):
    longest = longest_step(table, SLICE, connected=by is not None)
    clock.now += longest
    health.turned()
    watching.registry.note("noc", "INBOX", by=by)
    watching.registry.note("noc", "Carriers", progressed_at=clock.now)

    assert health.stuck() == []
    clock.now += 1
    assert health.stuck() == [
        f'mailbox "noc", folder "INBOX": its watcher has made no step for {longest + 1:.0f} seconds'
    ]


def test_longer_deadlines_of_a_mailbox_are_waited_for(table):
    patient = table.model_copy(update={"read_seconds": 600, "max_message_bytes": 100 * table.max_message_bytes})

    for connected in (True, False):
        assert longest_step(patient, SLICE, connected=connected) > longest_step(table, SLICE, connected=connected)


def test_a_main_loop_that_does_not_go_round_is_stuck(health, watching, clock):
    clock.now += healths.TURN_SECONDS + 1
    for watcher in watching.watchers:
        watching.registry.note("noc", watcher.folder, progressed_at=clock.now)

    assert health.stuck() == [f"main loop: it has not gone round for {healths.TURN_SECONDS + 1:.0f} seconds"]
    health.turned()
    assert health.stuck() == []


def test_a_thread_that_has_ended_is_told_and_one_that_has_not_begun_is_not(health, watching):
    end = threading.Event()
    lives, later = threading.Thread(target=end.wait, name="web"), threading.Thread(target=end.wait, name="later")
    lives.start()
    health.needs(lives, later)

    assert health.stuck() == []
    end.set()
    lives.join()
    assert health.stuck() == ['thread "web": it has ended']


def test_a_watcher_whose_thread_has_ended_is_told(health, watching):
    # So that each ends at once.
    watching.stopping.set()
    watching.start()
    watching.join(60)

    assert health.stuck() == [f'thread "watch noc {folder}": it has ended' for folder in ("INBOX", "Carriers")]


def test_a_folder_is_ready_once_it_was_read_and_for_as_long_as_it_can_be(health, watching):
    at = datetime(2027, 2, 9, tzinfo=UTC)
    assert health.not_ready() == [f'mailbox "noc", folder "{name}": not read yet' for name in ("INBOX", "Carriers")]

    for folder in ("INBOX", "Carriers"):
        watching.registry.note("noc", folder, **READ)
    assert health.not_ready() == []

    watching.registry.note("noc", "Carriers", failing_since=at, failure=MailboxFailure.REFUSED, problem="login refused")
    assert health.not_ready() == ['mailbox "noc", folder "Carriers": login refused']
    assert health.stuck() == []


def test_a_folder_that_another_daemon_holds_is_its_affair(health, watching):
    watching.registry.note("noc", "INBOX", **READ)
    watching.registry.note("noc", "Carriers", held_elsewhere=True)

    assert (health.not_ready(), health.folders()) == ([], (1, 0))


def test_a_daemon_whose_database_fails_is_not_ready_and_alive_all_the_same(health, watching, databases):
    for folder in ("INBOX", "Carriers"):
        watching.registry.note("noc", folder, **READ)
    databases.problem = "connection refused"

    line = f"database: {databases.place}: connection refused"
    assert (health.stuck(), health.not_ready(), health.database()) == ([], [line], [line])
    databases.problem = None
    assert (health.stuck(), health.not_ready()) == ([], [])


def test_a_database_that_hangs_hangs_nobody_who_asks_and_is_asked_by_one_thread(health, databases, monkeypatch):
    monkeypatch.setattr(healths, "ANSWER_SECONDS", 0.05)
    databases.flows.clear()

    line = f"database: {databases.place}: no answer within 0.05 seconds"
    assert [health.stuck() for _ in range(3)] == [[line]] * 3
    assert databases.asked == 1
    assert health.backlog() is None
    databases.flows.set()
    monkeypatch.setattr(healths, "ANSWER_SECONDS", 60)
    assert health.stuck() == []
    assert health.backlog() == Backlog(messages=0, netbox=0)


def test_a_postgresql_that_hangs_is_given_up_by_whoever_waits_for_it(health, watching, databases, monkeypatch):
    monkeypatch.setattr(healths, "ANSWER_SECONDS", 0.05)
    for folder in ("INBOX", "Carriers"):
        watching.registry.note("noc", folder, **READ)
    databases.shared = True
    databases.flows.clear()

    line = f"database: {databases.place}: no answer within 0.05 seconds"
    assert (health.stuck(), health.not_ready()) == ([], [line])
    monkeypatch.setattr(healths, "GIVEN_UP_SECONDS", 0.05)
    assert health.stuck() == [line]
    databases.flows.set()


def test_what_waits_is_counted(health, store):
    with store.writing() as connection:
        messages.record(
            connection, [build_arrival("one"), build_arrival("another")], now=datetime(2027, 2, 9, tzinfo=UTC)
        )

    assert health.stuck() == []
    assert health.backlog() == Backlog(messages=2, netbox=0)
