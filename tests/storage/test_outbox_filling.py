"""Whatever changes an event, or what people said of it, puts it into the outbox, in the same transaction."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from domain.edits import Asked, edit_of
from domain.events import EventKey
from domain.outage_edits import OutageAsked, opening_of
from domain.vocabulary import Impact, Kind, MaintenanceStatus, OutageStatus
from storage import database, events, messages, outbox, queries, schema

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
TTN_1 = EventKey(kind=Kind.MAINTENANCE, provider="zayo", id_key="ttn-1")
TT_1 = EventKey(kind=Kind.OUTAGE, provider="zayo", id_key="tt-1")
LOCAL = EventKey(kind=Kind.OUTAGE, provider="zayo", id_key="local-1")


@pytest.fixture
def store(store):
    """The store of a configuration that names a NetBox."""
    return database.Store(store._engine, store.place, outbox_clock=lambda: NOW)


def due(store):
    """Return what is due, after a look at the laws, and take it out."""
    with store.writing() as conn:
        assert list(queries.check_laws(conn)) == []
        found = outbox.claim(conn, now=NOW, limit=100, lease_seconds=60)
        assert all(outbox.done(conn, one) for one in found)
    return [(one.key.id_key, one.generation) for one in found]


def written(store, change):
    with store.writing() as conn:
        return change(conn)


def retract(store, number):
    with store.writing() as conn:
        messages.retract(conn, number, author="alice", reason="wrong", now=NOW)
        events.refold_message(conn, number)


def restore(store, number):
    with store.writing() as conn:
        assert messages.restore(conn, number)
        events.refold_message(conn, number)


# --- what mails change ---


def test_a_new_event_is_due_at_once(store, applied, update):
    applied("a", update(1), update(1, event_id="TTN-2"))
    with store.reading() as conn:
        assert outbox.owed(conn, TTN_1, 1).due_at == NOW
    assert due(store) == [("ttn-1", 1), ("ttn-2", 1)]


def test_a_reminder_that_changes_nothing_is_another_mail_to_tell_of(store, applied, update):
    applied("a", update(1))
    due(store)
    applied("b", update(2))
    assert due(store) == [("ttn-1", 1)]


def test_what_says_nothing_new_is_not_told(store, applied, update):
    applied("a", update(1))
    number = applied("b", update(2))
    due(store)
    written(store, lambda conn: events.refold(conn, events.replace_updates(conn, number, [update(2)])))
    assert due(store) == []


def test_only_the_generation_that_changed_is_told(store, applied, update):
    applied("a", update(1))
    applied("b", update(400 * 24 * 60, windows=None))
    long_after = [
        replace(one, start=one.start + 500 * 24 * HOUR, end=one.end + 500 * 24 * HOUR) for one in update(1).windows
    ]
    applied("c", update(401 * 24 * 60, windows=tuple(long_after)))
    assert sorted(due(store)) == [("ttn-1", 1), ("ttn-1", 2)]
    applied("d", update(402 * 24 * 60, windows=tuple(long_after), summary="Again"))
    assert due(store) == [("ttn-1", 2)]


def test_a_mail_that_tells_of_another_event_now_tells_of_both(store, applied, update):
    number = applied("a", update(1, event_id="OLD"))
    due(store)
    with store.writing() as conn:
        outbox.save_remote(conn, replace(TTN_1, id_key="old"), 1, {}, dirty=False, now=NOW)
        events.refold(conn, events.replace_updates(conn, number, [update(1, event_id="NEW")]))
    assert due(store) == [("new", 1), ("old", 1)]


def test_an_event_that_is_gone_is_taken_back_only_where_netbox_may_hold_it(store, applied, update):
    number = applied("a", update(1))
    retract(store, number)
    assert due(store) == []

    restore(store, number)
    with store.writing() as conn:
        (claimed,) = outbox.claim(conn, now=NOW, limit=1, lease_seconds=60)
    # Somebody tells NetBox of it at this moment.
    retract(store, number)
    with store.writing() as conn:
        outbox.save_remote(conn, TTN_1, 1, {"records": {"1": {"number": 7}}}, dirty=False, now=NOW)
        assert not outbox.done(conn, claimed)
    assert due(store) == [("ttn-1", 1)]


def test_nothing_of_a_transaction_that_fails_is_due(store, update, arrival, reading):
    (number,) = written(store, lambda conn: [one.message for one in messages.record(conn, [arrival("a")], now=NOW)])

    def be_stopped():
        with store.writing() as conn:
            messages.settle(conn, number, reading(update(1)), now=NOW)
            events.refold(conn, events.replace_updates(conn, number, [update(1)]))
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError):
        be_stopped()
    assert due(store) == []


def test_the_outbox_takes_one_statement_however_many_events_change(store, applied, update, statements):
    def counted(keeping, number, updates):
        with keeping.writing() as conn, statements(conn) as said:
            events.refold(conn, events.replace_updates(conn, number, updates))
        return len(said)

    without = database.Store(store._engine, store.place)
    many = [update(1, event_id=f"E-{number}") for number in range(5)]
    number = applied("a", *many)
    again = [replace(one, summary="Other words") for one in many]
    assert counted(store, number, again) == counted(without, number, many) + 1
    # What is gone takes another one: NetBox may not know it.
    assert counted(store, number, []) <= counted(without, applied("b", *many), []) + 2


# --- what people change ---


def test_a_correction_is_told(store, applied, update):
    applied("a", update(1))
    due(store)

    def correct(conn):
        (seen,) = queries.events_of_key(conn, TTN_1)
        asked = Asked(status=MaintenanceStatus.TENTATIVE)
        events.add_edit(conn, edit_of(seen, asked, author="alice", reason="they called", now=NOW + HOUR))
        events.refold(conn, [TTN_1])

    written(store, correct)
    assert due(store) == [("ttn-1", 1)]


def test_a_mail_that_is_retracted_and_restored_is_told_twice(store, applied, update):
    applied("a", update(1))
    number = applied("b", update(2, summary="Wrong"))
    due(store)

    for change in (retract, restore):
        change(store, number)
        assert due(store) == [("ttn-1", 1)]


def test_an_acknowledgement_is_told(store, applied, update):
    applied("a", update(1))
    due(store)
    said = {"author": "alice", "ticket": "NOC-1", "comment": "", "now": NOW}
    written(store, lambda conn: events.acknowledge(conn, TTN_1, 1, **said))
    assert due(store) == [("ttn-1", 1)]


def test_an_event_that_is_hidden_and_shown_is_told_once_each(store, applied, update):
    applied("a", update(1))
    due(store)
    said = {"author": "alice", "reason": "not ours", "now": NOW}
    for expected in ([("ttn-1", 1)], []):
        written(store, lambda conn: events.hide(conn, TTN_1, 1, **said))
        assert due(store) == expected
    for expected in ([("ttn-1", 1)], []):
        written(store, lambda conn: events.show_again(conn, TTN_1, 1))
        assert due(store) == expected
    # Nobody has heard of this one.
    written(store, lambda conn: events.hide(conn, TTN_1, 9, **said))
    written(store, lambda conn: events.show_again(conn, TTN_1, 9))
    assert due(store) == []


def test_an_outage_that_a_person_opens_and_joins_to_another_is_told(store, applied, outage):
    asked = OutageAsked(circuits=(("C-1", Impact.OUTAGE),), start=NOW)
    edit = opening_of("zayo", "local-1", asked, author="alice", reason="a customer called", now=NOW)

    def open_it(conn):
        events.add_edit(conn, edit)
        events.refold(conn, [LOCAL])

    written(store, open_it)
    assert due(store) == [("local-1", 1)]
    applied("a", outage(30))
    due(store)
    written(store, lambda conn: outbox.save_remote(conn, LOCAL, 1, {}, dirty=False, now=NOW))
    written(
        store, lambda conn: events.adopt(conn, LOCAL, TT_1, "TT-1", author="bob", reason="their ticket", now=NOW + HOUR)
    )
    assert due(store) == [("local-1", 1), ("tt-1", 1)]


# --- everything ---


def test_a_netbox_that_is_new_is_told_of_what_has_not_ended(store, applied, update, outage):
    over = {"status": OutageStatus.RESOLVED, "end": NOW}
    applied("a", update(1), update(1, event_id="no window", windows=None))
    applied("b", outage(1, event_id="open"), outage(1, event_id="over", **over))
    due(store)
    assert written(store, lambda conn: outbox.enqueue_all(conn, since=NOW, now=NOW)) == 3
    assert sorted(due(store)) == [("no window", 1), ("open", 1), ("ttn-1", 1)]
    assert written(store, lambda conn: outbox.enqueue_all(conn, since=NOW - HOUR, now=NOW)) == 4
    assert len(due(store)) == 4


def test_the_events_of_a_circuit_are_told_when_netbox_has_it(store, applied, update):
    applied("a", update(1, event_id="one", circuits=("C-1", "C-2")), update(1, event_id="two", circuits=("C-2",)))
    applied("b", update(1, event_id="other", circuits=("C-1",), provider="gtt"))
    applied("c", update(1, event_id="was", circuits=("C-1", "C-3")))
    applied("d", update(2, event_id="was", circuits=("C-3",)))
    due(store)

    def told(*circuit_ids, since=NOW):
        written(store, lambda conn: outbox.enqueue_circuits(conn, "zayo", circuit_ids, since=since, now=NOW))
        return [event_id for event_id, _ in due(store)]

    assert told(" c-1 ") == ["one"]
    assert told("C-1", "C-2", "C-9") == ["one", "two"]
    assert told("C-1", since=NOW + 1000 * 24 * HOUR) == []
    assert told() == []


@pytest.mark.parametrize("kept", [True, False])
def test_an_outbox_is_kept_where_a_netbox_is_named(store, applied, update, kept):
    applied("a", update(1))
    due(store)
    keeping = store if kept else database.Store(store._engine, store.place)
    said = {"author": "alice", "ticket": "", "comment": "", "now": NOW}
    written(keeping, lambda conn: events.acknowledge(conn, TTN_1, 1, **said))
    with store.reading() as conn:
        assert conn.scalar(sa.select(sa.func.count()).select_from(schema.outbox)) == int(kept)
