"""Each event in the outbox is delivered by one at a time, in its newest form, and nothing is lost by whoever stops."""

import itertools
import threading
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.events import EventKey
from domain.vocabulary import Kind
from storage import database, outbox, schema
from storage.outbox import Figures, Parked

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LEASE = 300


def name(event_id="a", generation=1, provider="zayo"):
    return EventKey(kind=Kind.MAINTENANCE, provider=provider, id_key=event_id), generation


def put(store, *names, now=NOW):
    with store.writing() as conn:
        outbox.enqueue(conn, names or [name()], now=now)


def claimed(store, *, now=NOW, limit=10):
    with store.writing() as conn:
        return outbox.claim(conn, now=now, limit=limit, lease_seconds=LEASE)


def ids(dues):
    return [due.key.id_key for due in dues]


def settled(store, settle, due, **facts):
    with store.writing() as conn:
        return settle(conn, due, **facts)


def figures(store):
    with store.reading() as conn:
        return outbox.figures(conn)


# --- one after the other ---


def test_what_is_due_longest_is_claimed_first_and_once(store):
    for minute, event_id in enumerate(("b", "a", "d", "c")):
        put(store, name(event_id), now=NOW + minute * MINUTE)
    later = NOW + 10 * MINUTE
    assert ids(claimed(store, now=later, limit=3)) == ["b", "a", "d"]
    assert ids(claimed(store, now=later, limit=3)) == ["c"]
    assert claimed(store, now=later) == []


def test_an_event_is_claimed_with_all_that_tells_it_from_others(store):
    put(store, name(), name(generation=2), name(provider="gtt"))
    found = claimed(store)
    assert {(one.key, one.generation) for one in found} == {name(), name(generation=2), name(provider="gtt")}
    assert {(one.version, one.attempts, one.claimed_until) for one in found} == {(1, 0, NOW + 5 * MINUTE)}


def test_what_is_delivered_is_out(store):
    put(store, name("a"), name("b"))
    first, second = claimed(store)
    assert settled(store, outbox.done, first)
    assert figures(store) == Figures(due=1, failed=0, parked=0, to_compare=0, oldest_at=NOW)
    assert settled(store, outbox.done, second)
    assert figures(store) == Figures(due=0, failed=0, parked=0, to_compare=0, oldest_at=None)


def test_what_changes_while_it_is_delivered_stays_due(store):
    put(store)
    (due,) = claimed(store)
    put(store, now=NOW + MINUTE)
    assert claimed(store, now=NOW + MINUTE) == []
    assert not settled(store, outbox.done, due)
    (again,) = claimed(store, now=NOW + MINUTE)
    assert again.version == 2
    assert settled(store, outbox.done, again)


def test_a_lease_that_ran_out_is_taken_over_and_who_had_it_changes_nothing_any_more(store):
    put(store)
    (late,) = claimed(store)
    over = NOW + timedelta(seconds=LEASE)
    assert claimed(store, now=over - timedelta(microseconds=1)) == []
    (due,) = claimed(store, now=over)
    assert not settled(store, outbox.done, late)
    assert not settled(store, outbox.postpone, late, until=NOW, problem="late", now=over)
    assert not settled(store, outbox.park, late, problem="late", now=over)
    put(store, now=over)
    assert not settled(store, outbox.done, late)
    assert claimed(store, now=over) == []
    assert not settled(store, outbox.done, due)
    (newest,) = claimed(store, now=over)
    assert (newest.version, newest.attempts) == (2, 0)


def test_the_same_event_that_is_put_in_again_is_not_taken_for_the_one_before(store):
    put(store)
    (late,) = claimed(store)
    over = NOW + timedelta(seconds=LEASE)
    (due,) = claimed(store, now=over)
    assert settled(store, outbox.done, due)
    put(store, now=over)
    assert not settled(store, outbox.done, late)
    (fresh,) = claimed(store, now=over)
    assert fresh.version == late.version


# --- what fails ---


def test_a_failure_is_counted_and_waits(store):
    put(store)
    for attempt in range(3):
        now = NOW + attempt * MINUTE
        (due,) = claimed(store, now=now)
        assert due.attempts == attempt
        assert settled(store, outbox.postpone, due, until=now + MINUTE, problem="no connection", now=now)
        assert claimed(store, now=now + MINUTE / 2) == []
    assert figures(store) == Figures(due=1, failed=1, parked=0, to_compare=0, oldest_at=NOW)
    with store.reading() as conn:
        owed = outbox.owed(conn, *name())
    assert (owed.attempts, owed.problem, owed.parked) == (3, "no connection", False)


def test_a_change_is_tried_at_once_whatever_failed_before(store):
    put(store)
    (due,) = claimed(store)
    settled(store, outbox.postpone, due, until=NOW + 60 * MINUTE, problem="no connection", now=NOW)
    put(store, now=NOW + MINUTE)
    assert figures(store) == Figures(due=1, failed=0, parked=0, to_compare=0, oldest_at=NOW)
    (due,) = claimed(store, now=NOW + MINUTE)
    assert (due.attempts, due.version) == (0, 2)
    put(store, now=NOW + 2 * MINUTE)
    # What failed is not what would be tried now.
    assert not settled(store, outbox.postpone, due, until=NOW + 60 * MINUTE, problem="again", now=NOW + 2 * MINUTE)
    assert len(claimed(store, now=NOW + 2 * MINUTE)) == 1


def test_what_is_parked_is_not_tried_until_it_changes_or_a_person_asks(store):
    put(store, name("a"), name("b"), name("c"))
    for due in claimed(store):
        assert settled(store, outbox.park, due, problem=f"end: {due.key.id_key}", now=NOW + MINUTE)
    assert claimed(store, now=NOW + 9 * MINUTE) == []
    assert figures(store) == Figures(due=0, failed=0, parked=3, to_compare=0, oldest_at=None)
    with store.reading() as conn:
        first, *_ = outbox.parked(conn)
    assert first == Parked(key=name("a")[0], generation=1, attempts=1, failed_at=NOW + MINUTE, problem="end: a")

    put(store, name("b"), now=NOW + 2 * MINUTE)
    with store.writing() as conn:
        assert outbox.hurry(conn, [name("c"), name("b"), name("x")], now=NOW + 2 * MINUTE) == 2
    assert ids(claimed(store, now=NOW + 2 * MINUTE)) == ["b", "c"]
    with store.writing() as conn:
        assert outbox.hurry(conn, now=NOW + 3 * MINUTE) == 3
    # The others are claimed.
    (released,) = claimed(store, now=NOW + 3 * MINUTE)
    assert (released.key.id_key, released.attempts) == ("a", 0)


def test_what_is_only_looked_at_comes_after_what_changed_and_keeps_its_turn(store):
    with store.writing() as conn:
        outbox.look_again(conn, [name("a"), name("b")], now=NOW)
    put(store, name("b"), name("c"), now=NOW + MINUTE)
    assert figures(store) == Figures(due=2, failed=0, parked=0, to_compare=1, oldest_at=NOW)
    found = claimed(store, now=NOW + MINUTE)
    assert [(due.key.id_key, due.thorough, due.background) for due in found] == [
        ("b", True, False),
        ("c", False, False),
        ("a", True, True),
    ]
    assert settled(store, outbox.park, found[1], problem="end", now=NOW + MINUTE)
    with store.writing() as conn:
        outbox.look_again(conn, [name("c")], now=NOW + 2 * MINUTE)
    # It was refused as it is, and it is as it was.
    assert figures(store).parked == 1


def test_one_event_can_be_claimed_alone(store):
    put(store, name("a"), name("b"))
    with store.writing() as conn:
        (due,) = outbox.claim(conn, now=NOW, limit=9, lease_seconds=LEASE, only=name("b"))
        assert due.key.id_key == "b"
        assert outbox.claim(conn, now=NOW, limit=9, lease_seconds=LEASE, only=name("b")) == []


def test_a_lease_can_be_renewed_by_who_holds_it_alone(store):
    put(store)
    (due,) = claimed(store)
    with store.writing() as conn:
        renewed = outbox.renew(conn, due, now=NOW + MINUTE, lease_seconds=LEASE)
        assert renewed.claimed_until == NOW + MINUTE + timedelta(seconds=LEASE)
        assert outbox.renew(conn, due, now=NOW + 2 * MINUTE, lease_seconds=LEASE) is None
    assert claimed(store, now=due.claimed_until) == []
    assert not settled(store, outbox.done, due)
    assert settled(store, outbox.done, renewed)


def test_an_event_with_an_id_beyond_all_measure_is_in_the_outbox_like_any_other(store):
    long, other = name("x" * 5000), name("x" * 4999)
    put(store, long, long, other)
    found = claimed(store)
    assert len(found) == 2
    for due in found:
        assert settled(store, outbox.done, due)
    assert figures(store).due == 0


# --- several at once ---


def test_two_who_claim_never_get_the_same(store):
    names = [name(f"e{number}") for number in range(60)]
    put(store, *names)
    got, delivered = [], []
    together = threading.Barrier(4)

    def work():
        together.wait(10)
        while dues := claimed(store, limit=3):
            got.extend(dues)
            delivered.extend(settled(store, outbox.done, due) for due in dues)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    # All may have found nothing at a moment when another had the rest in hand.
    rest = claimed(store, limit=100)
    assert sorted(ids([*got, *rest])) == sorted(key.id_key for key, _ in names)
    assert delivered == [True] * len(got)


@pytest.mark.parametrize("store", [pytest.param("postgresql", marks=pytest.mark.postgresql)], indirect=True)
def test_nobody_waits_for_what_another_is_about_to_claim(store):
    put(store, name("a"), name("b"), name("c"))
    with store.writing() as one, store.writing() as other:
        assert ids(outbox.claim(one, now=NOW, limit=2, lease_seconds=LEASE)) == ["a", "b"]
        assert ids(outbox.claim(other, now=NOW, limit=2, lease_seconds=LEASE)) == ["c"]


def test_who_is_stopped_before_the_commit_has_claimed_and_delivered_nothing(store):
    def be_stopped(work):
        with store.writing() as conn:
            assert work(conn)
            raise RuntimeError("stopped")

    put(store)
    with pytest.raises(RuntimeError):
        be_stopped(lambda conn: outbox.claim(conn, now=NOW, limit=1, lease_seconds=LEASE))
    (due,) = claimed(store)
    with pytest.raises(RuntimeError):
        be_stopped(lambda conn: outbox.done(conn, due))
    assert settled(store, outbox.done, due)


# --- any sequence ---


class Model:
    """The outbox as a dict: what is in it, and who has claimed what."""

    def __init__(self):
        self.rows = {}
        self.now = NOW

    def put(self, event):
        row = self.rows.setdefault(event, {"version": 0, "since": self.now, "claim": None})
        row |= {"version": row["version"] + 1, "due": self.now, "attempts": 0, "parked": False}

    def claimable(self):
        def free(row):
            return row["claim"] is None or row["claim"] <= self.now

        fit = [(row["due"], event) for event, row in self.rows.items() if free(row) and not row["parked"]]
        return [event for due, event in sorted(fit) if due <= self.now]

    def settle(self, due, change):
        """Return whether what was claimed is still the newest, and change it if so."""
        row = self.rows.get(due.key.id_key)
        if row is None or row["claim"] != due.claimed_until:
            return False
        row["claim"] = None
        if row["version"] != due.version:
            return False
        if change is None:
            del self.rows[due.key.id_key]
        else:
            row |= {"attempts": row["attempts"] + 1, **change}
        return True

    def figures(self):
        waits = [row for row in self.rows.values() if not row["parked"]]
        return Figures(
            due=len(waits),
            failed=sum(row["attempts"] > 0 for row in waits),
            parked=len(self.rows) - len(waits),
            to_compare=0,
            oldest_at=min((row["since"] for row in waits), default=None),
        )


STEPS = st.one_of(
    st.tuples(st.just("put"), st.sampled_from("abc")),
    st.tuples(st.just("claim"), st.integers(1, 3)),
    st.tuples(st.sampled_from(("done", "postpone", "park")), st.integers(0, 5)),
    st.tuples(st.just("hurry"), st.sampled_from("abc")),
    st.tuples(st.just("wait"), st.sampled_from((1, 200, 299, 300, 301))),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, min_size=5, max_size=40))
def test_any_sequence_of_changes_claims_and_failures_does_what_a_dict_would(store, steps):
    with store.writing() as conn:
        conn.execute(sa.delete(schema.outbox))
    model, dues = Model(), []
    for step, argument in steps:
        model.now += timedelta(seconds=1)
        if step == "put":
            put(store, name(argument), now=model.now)
            model.put(argument)
        elif step == "claim":
            found = claimed(store, now=model.now, limit=argument)
            assert ids(found) == model.claimable()[:argument]
            for due in found:
                assert due.attempts == model.rows[due.key.id_key]["attempts"]
                model.rows[due.key.id_key]["claim"] = due.claimed_until
            dues += found
        elif step == "hurry":
            row = model.rows.get(argument)
            with store.writing() as conn:
                assert outbox.hurry(conn, [name(argument)], now=model.now) == (row is not None)
            if row:
                row |= {"parked": False, "attempts": 0, "due": model.now}
        elif step == "wait":
            model.now += timedelta(seconds=argument)
        elif argument < len(dues):
            # Also what was settled before, or taken over.
            due, until = dues[-1 - argument], model.now + MINUTE
            facts, change = {
                "done": ({}, None),
                "postpone": ({"until": until, "problem": "x", "now": model.now}, {"due": until}),
                "park": ({"problem": "x", "now": model.now}, {"parked": True}),
            }[step]
            assert settled(store, getattr(outbox, step), due, **facts) == model.settle(due, change)
        assert figures(store) == model.figures()


def test_a_store_without_a_netbox_keeps_no_outbox(store):
    with store.writing() as conn:
        outbox.note(conn, [name()])
    assert figures(store).due == 0
    told = database.Store(store._engine, store.place, outbox_clock=lambda: NOW + MINUTE)
    with told.writing() as conn:
        outbox.note(conn, [name()])
    assert figures(store) == Figures(due=1, failed=0, parked=0, to_compare=0, oldest_at=NOW + MINUTE)


def test_the_laws_name_what_the_outbox_should_not_hold(store):
    held = list(itertools.starmap(name, (("a",), ("b",), ("c", 2))))
    put(store, *held)
    claimed(store, limit=1)
    with store.writing() as conn:
        outbox.save_remote(conn, *name("b"), {"records": {}}, dirty=True, now=NOW)
    with store.reading() as conn:
        assert list(outbox.faults(conn)) == [
            "the outbox names maintenance c of zayo, generation 2, "
            "which is neither an event nor anything that NetBox holds"
        ]
