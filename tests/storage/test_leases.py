"""Several daemons on one PostgreSQL: each mailbox and each message is one daemon's at a time, and nobody's for ever."""

import threading
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from domain.message import Disposition
from storage import database, leases, messages, schema
from storage.leases import Lease
from tests.building import NOW

pytestmark = pytest.mark.postgresql

BOXES = ["alpha", "beta", "gamma", "delta"]


@pytest.fixture
def store(postgresql_ledger):
    postgresql_ledger.run(f"TRUNCATE {', '.join(schema.metadata.tables)} RESTART IDENTITY", database="ledger")
    opened = database.open_store(postgresql_ledger.url("ledger"))
    yield opened
    opened.close()


class Daemons:
    """Daemons that say what they have to, one after the other."""

    def __init__(self, store):
        self.store = store

    def round(self, name, mailboxes=BOXES, seconds=20):
        """Return what a daemon holds after it has said that it lives."""
        with self.store.writing() as conn:
            leases.beat(conn, name, mailboxes, seconds=seconds)
            return leases.hold(conn, name, mailboxes, seconds=seconds)

    def rounds(self, count, *names, mailboxes=BOXES):
        """Return what each holds after so many rounds, each in its turn."""
        for _ in range(count):
            held = {name: self.round(name, mailboxes) for name in names}
        return held

    def pass_away(self, name):
        """Let the lease of a daemon end now, as if it had said nothing for long."""
        with self.store.writing() as conn:
            past = sa.func.now() - sa.text("interval '1 second'")
            conn.execute(sa.update(schema.daemons).where(schema.daemons.c.name == name).values(alive_until=past))
            mine = schema.mailbox_leases.c.daemon == name
            conn.execute(sa.update(schema.mailbox_leases).where(mine).values(held_until=past))

    def who(self):
        with self.store.reading() as conn:
            return {lease.mailbox: lease.daemon for lease in leases.leases(conn)}

    def known(self):
        with self.store.reading() as conn:
            return sorted(conn.scalars(sa.select(schema.daemons.c.name)))


@pytest.fixture
def daemons(store):
    return Daemons(store)


@pytest.fixture
def recorded(record, arrival):
    """Let so many mails come in, and return the numbers of their messages."""
    return lambda count: sorted(record(*(arrival(str(n), imap_uid=n) for n in range(1, count + 1))))


def claim(store, daemon, *, limit=10, seconds=20, exclude=()):
    with store.writing() as conn:
        return [one.id for one in messages.claim(conn, daemon, limit=limit, seconds=seconds, exclude=exclude)]


# --- mailboxes


def test_the_first_daemon_holds_every_mailbox_and_goes_on_to(daemons):
    assert daemons.round("a") == set(BOXES)
    assert daemons.round("a") == set(BOXES)
    assert daemons.who() == dict.fromkeys(BOXES, "a")


def test_what_another_one_holds_is_not_taken(daemons):
    daemons.round("a")
    assert daemons.round("b") == set()
    assert daemons.who() == dict.fromkeys(BOXES, "a")


def test_what_nobody_has_renewed_is_taken_over(daemons):
    daemons.round("a")
    daemons.pass_away("a")
    assert daemons.round("b") == set(BOXES)
    # It comes back late, and finds that they are another's.
    assert daemons.round("a") == set()


def test_who_ends_lets_go_of_all_at_once(daemons, store):
    daemons.round("a")
    for _ in range(2):
        with store.writing() as conn:
            leases.leave(conn, "a")
    assert (daemons.who(), daemons.known()) == ({}, [])
    assert daemons.round("b") == set(BOXES)


def test_one_mailbox_a_round_is_given_to_who_holds_two_fewer_until_all_have_their_share(daemons):
    daemons.round("a")
    daemons.round("b")
    assert daemons.round("a") == {"beta", "delta", "gamma"}
    assert daemons.who() == {"alpha": "b", "beta": "a", "delta": "a", "gamma": "a"}
    assert daemons.round("b") == {"alpha"}
    shares = daemons.rounds(5, "a", "b")
    assert shares == {"a": {"delta", "gamma"}, "b": {"alpha", "beta"}}
    assert daemons.rounds(5, "a", "b") == shares


def test_a_difference_of_one_is_left_alone(daemons):
    assert daemons.rounds(6, "a", "b", mailboxes=["x", "y", "z"]) == {"a": {"y", "z"}, "b": {"x"}}


def test_nothing_is_given_to_who_is_gone_or_is_not_configured_for_it(daemons):
    daemons.round("a")
    daemons.round("b")
    daemons.pass_away("b")
    daemons.round("c", ["another"])
    assert daemons.rounds(3, "a") == {"a": set(BOXES)}
    daemons.round("c", ["another", "gamma"])
    assert daemons.round("a") == set(BOXES) - {"gamma"}


def test_daemons_that_begin_at_one_moment_share_without_a_mailbox_that_two_hold(store):
    held, errors = {}, []

    def live(name):
        daemons = Daemons(store)
        try:
            for _ in range(12):
                held[name] = daemons.round(name)
        except Exception as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=live, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    final = Daemons(store).rounds(4, *"abcd")
    assert Counter(box for boxes in final.values() for box in boxes) == dict.fromkeys(BOXES, 1)
    assert [len(boxes) for boxes in final.values()] == [1, 1, 1, 1]


def test_a_daemon_that_is_gone_for_an_hour_is_forgotten(daemons, store):
    for name in ("old", "late"):
        daemons.round(name, [])
    with store.writing() as conn:
        long_ago = sa.func.now() - sa.text("interval '61 minutes'")
        conn.execute(sa.update(schema.daemons).where(schema.daemons.c.name == "old").values(alive_until=long_ago))
    daemons.round("a", [])
    assert daemons.known() == ["a", "late"]


def test_a_name_that_is_long_is_held_by_its_name(daemons):
    name = "n" * 500
    assert daemons.round("a", [name, "short"]) == {name, "short"}
    daemons.round("b", [name, "short"])
    daemons.round("c", [name, "short"])
    assert len(daemons.round("a", [name, "short"])) == 1


def test_leases_are_listed_with_who_holds_them(daemons, store):
    daemons.round("a", ["y", "x"])
    with store.reading() as conn:
        assert leases.leases(conn) == [Lease(mailbox="x", daemon="a"), Lease(mailbox="y", daemon="a")]


def test_the_time_is_that_of_the_database_whatever_the_machine_says(store):
    hour = timedelta(hours=1)
    assert store.by_its_clock(NOW) == NOW
    for wrong in (hour, -hour):
        store.follow(datetime.now(UTC) + wrong)
        assert abs(store.by_its_clock(datetime.now(UTC) + wrong) - datetime.now(UTC)) < hour / 10


# --- messages


def test_a_claimed_message_is_nobody_elses(store, recorded):
    numbers = recorded(5)
    assert claim(store, "a", limit=2) == numbers[:2]
    assert claim(store, "b", limit=2) == numbers[2:4]
    assert claim(store, "a") == [*numbers[:2], numbers[4]]
    assert claim(store, "b", exclude=numbers[2:4]) == []


def test_a_claim_that_has_run_out_is_anybodys(store, recorded):
    numbers = recorded(1)
    assert claim(store, "a", seconds=-1) == numbers
    assert claim(store, "b") == numbers
    assert claim(store, "a") == []


def test_a_renewed_claim_is_kept_and_no_other(store, recorded):
    numbers = recorded(2)
    assert claim(store, "a", limit=1, seconds=-1) == numbers[:1]
    assert claim(store, "b", limit=1, seconds=-1, exclude=numbers[:1]) == numbers[1:]
    with store.writing() as conn:
        messages.renew_claims(conn, "a", seconds=20)
    assert claim(store, "c") == numbers[1:]


def test_who_ends_lets_go_of_its_messages(store, recorded):
    numbers = recorded(1)
    claim(store, "a")
    with store.writing() as conn:
        messages.let_go(conn, "b")
    assert claim(store, "b") == []
    with store.writing() as conn:
        messages.let_go(conn, "a")
    assert claim(store, "b") == numbers


def test_what_is_settled_is_claimed_no_more_and_can_be_claimed_anew_by_anybody(store, recorded, reading):
    (number,) = recorded(1)
    claim(store, "a")
    with store.writing() as conn:
        assert messages.settle(conn, number, reading(), now=NOW)
    assert claim(store, "b") == []
    with store.writing() as conn:
        messages.set_disposition(conn, [number], Disposition.RECEIVED, expected=list(Disposition), now=NOW)
    assert claim(store, "b") == [number]


def test_a_message_that_is_being_settled_is_passed_over_and_waited_for_by_nobody(store, recorded, reading):
    first, second = recorded(2)
    claim(store, "a", limit=1, seconds=-1)
    with store.writing() as settling:
        messages.settle(settling, first, reading(), now=NOW)
        assert claim(store, "b") == [second]
        with store.writing() as conn:
            conn.execute(sa.text("SET LOCAL lock_timeout = '5s'"))
            messages.renew_claims(conn, "a", seconds=20)


def test_those_that_were_tried_least_come_first_then_the_oldest(store, recorded):
    numbers = recorded(3)
    with store.writing() as conn:
        messages.add_attempt(conn, numbers[0])
    assert claim(store, "a", limit=2) == numbers[1:]
    assert claim(store, "b", limit=2) == numbers[:1]


def test_a_claim_gives_what_waiting_gives_in_two_statements(store, recorded, statements):
    recorded(3)
    with store.reading() as conn:
        waiting = messages.waiting(conn, limit=10)
    with store.writing() as conn, statements(conn) as few:
        assert messages.claim(conn, "a", limit=10, seconds=20) == waiting
    assert len(few) == 2


def test_many_claim_at_once_and_each_message_is_one_claimants(store, recorded):
    numbers = recorded(60)
    found, errors = [], []

    def work(name):
        try:
            mine: list[int] = []
            while more := claim(store, name, limit=3, exclude=mine):
                mine += more
            found.extend(mine)
        except Exception as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (errors, sorted(found)) == ([], numbers)
