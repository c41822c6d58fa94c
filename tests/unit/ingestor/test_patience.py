"""A database that fails for a while is told of once, waited for, and told of once more when it is back."""

import io
import json

import pytest

from domain.errors import StorageError
from ingestor import logs
from ingestor.patience import QUIET_SECONDS, SAY_SECONDS, Patience, waited_for
from storage import database

AWAY = StorageError("postgresql://db.example/maintd: connection refused: check that it runs", permanent=False)


class Clock:
    """A clock that goes where somebody sleeps."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


class Kind:
    """A database of which nothing is asked but whether several daemons may be at it."""

    def __init__(self, shared):
        self.shared = shared


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def said():
    stream = io.StringIO()
    logs.configure("json", "info", stream)

    def lines():
        found = [json.loads(line) for line in stream.getvalue().splitlines()]
        return [(line["event"], line.get("seconds")) for line in found]

    return lines


def test_a_failure_that_many_meet_is_told_once_and_its_end_with_its_seconds(clock, said):
    patience = Patience(Kind(shared=True), clock)
    patience.works()
    assert not patience.failing
    for _ in range(3):
        patience.failed(AWAY)
        clock.sleep(30)
    assert patience.failing
    patience.works()
    patience.works()
    assert (patience.failing, said()) == (False, [("database_failed", None), ("database_back", 90)])


def test_a_full_disk_that_takes_one_change_and_not_the_next_is_not_told_of_again_and_again(clock, said):
    patience = Patience(Kind(shared=False), clock)
    for _ in range(10):
        patience.failed(AWAY)
        patience.works()
        clock.sleep(QUIET_SECONDS / 2)
        patience.works()
    assert said() == [("database_failed", None)]
    clock.sleep(QUIET_SECONDS)
    patience.works()
    assert said() == [("database_failed", None), ("database_back", 9 * QUIET_SECONDS / 2)]


def test_that_it_is_back_is_told_though_nothing_more_comes_to_be_written(clock, said):
    patience = Patience(Kind(shared=False), clock)
    patience.failed(AWAY)
    clock.sleep(QUIET_SECONDS)
    # Nothing was written since.
    patience.look()
    assert said() == [("database_failed", None)]
    patience.failed(AWAY)
    clock.sleep(1)
    patience.works()
    patience.look()
    assert patience.failing
    clock.sleep(QUIET_SECONDS)
    patience.look()
    patience.look()
    assert (patience.failing, said()[1:]) == (False, [("database_back", QUIET_SECONDS + 1)])


def test_what_may_heal_is_left_for_later_and_the_rest_is_raised(clock):
    patience = Patience(Kind(shared=True), clock)
    with patience.waiting():
        raise AWAY
    assert patience.failing
    with pytest.raises(StorageError, match="damaged"), patience.waiting():
        raise StorageError("the file is damaged")


def test_a_database_is_waited_for_and_that_is_said_now_and_then(clock, said):
    back_at = clock.now + 2.5 * SAY_SECONDS

    def opening():
        if clock.now < back_at:
            raise AWAY
        return "opened"

    assert waited_for(opening, clock=clock, sleep=clock.sleep) == "opened"
    assert said() == [*[("database_waited_for", None)] * 3, ("database_back", 2.5 * SAY_SECONDS)]


def test_a_database_that_is_there_is_opened_without_a_word(clock, said):
    assert waited_for(lambda: "opened", clock=clock, sleep=clock.sleep) == "opened"
    assert (said(), clock.now) == ([], 1000.0)


def test_what_only_a_person_can_mend_is_not_waited_for(clock, said, tmp_path):
    with pytest.raises(StorageError, match="there is no database of maintd yet"):
        waited_for(lambda: database.open_store(f"sqlite:///{tmp_path / 'none.db'}"), clock=clock, sleep=clock.sleep)
    assert (said(), clock.now) == ([], 1000.0)
