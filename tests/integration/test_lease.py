"""Events that were claimed stay claimed while they are worked on, all of them, and what was not tried is let go."""

import shutil
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest

from domain.events import EventKey
from domain.vocabulary import Kind
from ingestor import lease
from ingestor.lease import Lease, LeaseLost
from ingestor.pipeline import utc_now
from storage import database, outbox
from storage.database import Store

NAMES = [(EventKey(kind=Kind.MAINTENANCE, provider="zayo", id_key=each), 1) for each in "abc"]
LONG = 3600


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    path = tmp_path_factory.mktemp("template") / "maintd.db"
    database.upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def store(template, tmp_path) -> Iterator[Store]:
    opened = database.open_store(f"sqlite:///{shutil.copy(template, tmp_path)}", outbox_clock=utc_now)
    yield opened
    opened.close()


def claimed(store: Store, *, seconds: float = LONG) -> list[outbox.Due]:
    with store.writing() as connection:
        return outbox.claim(connection, now=utc_now(), limit=9, lease_seconds=seconds)


@pytest.fixture
def dues(store) -> list[outbox.Due]:
    with store.writing() as connection:
        outbox.enqueue(connection, NAMES, now=utc_now())
    return claimed(store)


def test_all_claims_are_renewed_while_the_work_lasts(store, dues, monkeypatch) -> None:
    monkeypatch.setattr(lease, "LEASE_SECONDS", 0.01)
    renewed, renew = [], outbox.renew
    enough = threading.Event()

    def counted(connection, due, **facts):
        renewed.append(due.key.id_key)
        if len(renewed) >= 9:
            enough.set()
        return renew(connection, due, **{**facts, "lease_seconds": LONG})

    monkeypatch.setattr(outbox, "renew", counted)
    with Lease(store, dues, utc_now) as held:
        assert enough.wait(60)
        held.check(NAMES)
        taken = held.taken(dues[1])
        assert taken.claimed_until > dues[1].claimed_until
        assert [due.key.id_key for due in held.held] == ["a", "c"]
    assert renewed[:3] == ["a", "b", "c"]


def test_what_was_not_settled_is_let_go_as_it_was(store, dues) -> None:
    with Lease(store, dues, utc_now) as held:
        held.taken(dues[0])
    assert [(due.key.id_key, due.attempts, due.version) for due in claimed(store)] == [("b", 0, 1), ("c", 0, 1)]


def test_after_an_error_it_stays_claimed_until_the_lease_has_run_out(store, dues) -> None:
    with pytest.raises(KeyError), Lease(store, dues, utc_now):
        raise KeyError
    assert claimed(store) == []


def test_who_lost_one_of_them_is_told(store, dues, monkeypatch) -> None:
    late = [utc_now()]
    with Lease(store, dues, lambda: late[0]) as held:
        held.check(NAMES)
        late[0] += timedelta(seconds=LONG + 1)
        with pytest.raises(LeaseLost):
            held.check(NAMES[2:])
        held.taken(dues[2])
    # Somebody else has it by then: only what is still ours is let go.
    assert len(claimed(store)) == 2


def test_what_somebody_else_took_over_is_not_let_go(store, dues) -> None:
    with Lease(store, dues, utc_now):
        with store.writing() as connection:
            others = outbox.claim(connection, now=utc_now() + timedelta(hours=2), limit=9, lease_seconds=LONG)
        assert len(others) == 3
    assert claimed(store) == []
