"""The events of the store are the fold of its updates, however the updates came in."""

import itertools
import random
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from domain.errors import NotFound
from domain.events import EventKey, StatedCircuit, StatedWindow
from domain.fold import fold
from domain.message import Disposition, Reason
from domain.vocabulary import Impact, Kind, MaintenanceStatus
from storage import database, events, messages, queries, schema

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
KEY = EventKey(kind=Kind.MAINTENANCE, provider="zayo", id_key="ttn-1")
# BEGIN and COMMIT apart, and with the attempt that is counted in a transaction of its own.
STATEMENTS_A_MESSAGE = 16


def state(store):
    """Return all that is stored of events, without the numbers of rows."""
    with store.reading() as conn:
        assert list(queries.check_laws(conn)) == []
        listed = {(one["id"], one["provider"], one["kind"]): None for one in queries.events(conn, now=NOW)}
        shown = [queries.event(conn, id_, now=NOW, provider=name, kind=Kind(kind)) for id_, name, kind in listed]
        return [
            {**one, "messages": sorted(mail["subject"] for mail in one["messages"])}
            for one in itertools.chain.from_iterable(shown)
        ]


def story(update):
    """Return the updates of one maintenance: announced, moved, done, with circuits that come and go."""
    return [
        update(1, nights=2, circuits=("C-1", "C-2")),
        update(2, nights=2, circuits=("C-2", "C-3"), status=MaintenanceStatus.RE_SCHEDULED, summary="Moved"),
        update(3, windows=None, summary=None, account=None, status=None, unverified=False),
        update(20_000, nights=2, circuits=("C-2",), status=MaintenanceStatus.COMPLETED),
    ]


# --- updates ---


def test_an_update_is_read_as_it_was_written_with_what_it_does_not_state(store, applied, update):
    some_facts = (
        {},
        {"windows": None, "status": None, "summary": None, "organizer": None, "account": None},
        {"windows": (), "summary": "", "organizer": "", "account": ""},
        {"sequence": 0, "ical_uid": "0", "stamp_inferred": True, "unverified": False},
        {"sequence": 2**70, "event_id": " TTN-1 ", "summary": "a\nb – ü"},
        {"windows": (StatedWindow(start=NOW, end=NOW + timedelta(microseconds=1), circuits=None),)},
        {"windows": (StatedWindow(start=NOW, end=NOW + timedelta(1), circuits=(), ical_uid="x"),)},
    )
    some_circuits = (None, (), (StatedCircuit(circuit_id="C", impact=Impact.DEGRADED), StatedCircuit(circuit_id="D")))
    written = [
        replace(update(1, **facts), circuits=circuits)
        for facts, circuits in itertools.product(some_facts, some_circuits)
    ]
    number = applied("a", *written)
    with store.reading() as conn:
        assert events.updates_of_message(conn, number) == written
        assert sorted(events.updates_of_key(conn, KEY), key=repr) == sorted(
            ((number, one) for one in written), key=repr
        )


def test_replacing_updates_names_the_old_and_the_new_keys(store, applied, update):
    number = applied("a", update(1, event_id="OLD"), update(1, event_id="BOTH"))
    with store.writing() as conn:
        keys = events.replace_updates(conn, number, [update(1, event_id="both"), update(1, event_id="NEW")])
        events.refold(conn, keys)
    assert sorted(key.id_key for key in keys) == ["both", "new", "old"]
    assert [(one["id"], one["updates"]) for one in state(store)] == [("NEW", 1), ("both", 1)]


# --- events ---


def test_a_stored_event_is_the_fold_of_its_updates(store, applied, update):
    updates = story(update)
    for number, one in enumerate(updates):
        applied(str(number), one)
    (folded,) = fold(updates)
    with store.reading() as conn:
        (stored,) = queries._stored(conn, sa.true(), with_history=True)
    assert stored.event == folded


def test_refolding_returns_the_events_by_key(store, update, arrival):
    with store.writing() as conn:
        (one,) = messages.record(conn, [arrival()], now=NOW)
        updates = [update(1, event_id=name) for name in ("B", "A")]
        folded = events.refold(conn, events.replace_updates(conn, one.message, updates))
    assert folded == [*fold(updates[1:]), *fold(updates[:1])]


@pytest.mark.parametrize("seed", range(3))
def test_any_order_and_repetition_of_mails_gives_the_same_events(store, applied, update, seed):
    updates = dict(enumerate([*story(update), update(5, event_id="TTN-2"), update(6, event_id="TTN-2", circuits=())]))
    chance = random.Random(seed)
    order = chance.sample(list(updates), len(updates))
    for number in order:
        applied(str(number), updates[number])
    repeated = chance.choice(order)
    with store.writing() as conn:
        (message,) = queries.messages(conn, limit=1)
        again = events.updates_of_message(conn, message["id"])
        events.refold(conn, events.replace_updates(conn, message["id"], again))
    assert repeated in updates
    found = state(store)
    expected = [one for key in ("TTN-1", "TTN-2") for one in fold([u for u in updates.values() if u.event_id == key])]
    assert [(one["id"], one["status"], one["updates"]) for one in found] == [
        (one.event_id, one.status.value, one.updates) for one in expected
    ]
    assert [one["history"] for one in found] == [
        [queries._history_shape(entry) for entry in one.history] for one in expected
    ]


def test_a_number_that_is_used_again_is_another_event(store, applied, update):
    later = NOW + timedelta(days=400)
    window = StatedWindow(start=later + timedelta(days=5), end=later + timedelta(days=5, hours=1))
    applied("a", update(1))
    number = applied("b", update(2, stamp=later, windows=(window,)))
    assert [(one["generation"], one["updates"]) for one in state(store)] == [(1, 1), (2, 1)]
    with store.writing() as conn:
        events.refold(conn, events.replace_updates(conn, number, []))
        conn.execute(sa.delete(schema.messages).where(schema.messages.c.id == number))
    assert [(one["generation"], one["updates"]) for one in state(store)] == [(1, 1)]


def test_an_event_without_updates_goes_with_all_its_parts(store, applied, update):
    number = applied("a", update(1))
    with store.writing() as conn:
        assert events.refold(conn, events.replace_updates(conn, number, [])) == []
        for table in (schema.events, schema.windows, schema.circuits, schema.history, schema.updates):
            assert conn.scalar(sa.select(sa.func.count()).select_from(table)) == 0


def test_what_is_taken_back_leaves_no_trace_in_windows_circuits_or_history(store, applied, update):
    applied("a", update(1))
    before = state(store)
    number = applied("b", update(2, nights=3, circuits=("C-1", "C-9"), status=MaintenanceStatus.CANCELLED))
    assert state(store) != before
    with store.writing() as conn:
        events.refold(conn, events.replace_updates(conn, number, []))
        messages.set_disposition(
            conn, [number], Disposition.IGNORED, expected=[Disposition.APPLIED], now=NOW, detail="taken back"
        )
    assert state(store) == before


def test_mails_about_different_events_do_not_touch_each_other(store, applied, update):
    applied("a", update(1, event_id="TTN-1", provider="zayo"))
    applied("b", update(2, event_id="ttn-1 ", provider="lumen"))
    applied("c", update(3, event_id="TTN-1", provider="zayo", kind=Kind.OUTAGE))
    assert [(one["kind"], one["provider"], one["updates"]) for one in state(store)] == [
        ("maintenance", "lumen", 1),
        ("maintenance", "zayo", 1),
        ("outage", "zayo", 1),
    ]


# --- statements ---


def counted(store, statements, number, reading, updates):
    """Let a waiting message be claimed, settled and folded; return the statements that this took."""
    with store.writing() as conn, statements(conn) as claim:
        messages.add_attempt(conn, number)
    with store.writing() as conn, statements(conn) as work:
        assert messages.settle(conn, number, reading(*updates), now=NOW)
        events.refold(conn, events.replace_updates(conn, number, updates))
    return [*claim, *work]


def test_a_message_takes_a_constant_number_of_statements(store, record, arrival, update, reading, statements):
    small = record(*(arrival(str(n), imap_uid=n) for n in range(1, 13)))
    counts = [len(counted(store, statements, number, reading, [update(number)])) for number in small]
    large = record(*(arrival(str(n), imap_uid=n) for n in range(13, 17)))
    for number in large:
        names = tuple(f"C-{number}-{circuit}" for circuit in range(20))
        said = counted(store, statements, number, reading, [update(number, nights=6, circuits=names)])
        counts.append(len(said))
    assert max(counts) <= STATEMENTS_A_MESSAGE, said
    # The first mail inserts, each later one changes: no number of updates, windows or circuits makes a difference.
    assert set(counts[2:-4]) == {min(counts[1:])}
    assert len(set(counts[-3:])) == 1


def test_reading_again_what_says_the_same_writes_no_event(store, applied, update, statements):
    number = applied("a", update(1))
    with store.writing() as conn, statements(conn) as said:
        events.refold(conn, events.replace_updates(conn, number, [update(1)]))
    written = [line for line in said if not line.startswith("SELECT")]
    assert [line.split()[2] for line in written] == ["updates", "updates"]


# --- several writers ---


@pytest.mark.postgresql
@pytest.mark.parametrize("seed", range(2))
def test_two_writers_give_the_same_events_as_one(postgresql_url, sqlite_url, update, arrival, reading, seed):
    chance = random.Random(seed)
    statuses = [MaintenanceStatus.CONFIRMED, MaintenanceStatus.RE_SCHEDULED, MaintenanceStatus.COMPLETED]
    mails = [
        [
            update(
                n,
                event_id=f"TTN-{event}",
                nights=chance.randint(1, 3),
                circuits=tuple(f"C-{chance.randint(1, 4)}" for _ in range(2)),
                status=chance.choice(statuses),
            )
            # Keys in any order: it is refold that sorts them.
            for event in chance.sample(range(1, 5), chance.randint(1, 3))
        ]
        for n in range(1, 25)
    ]
    errors = []

    def work(store, numbers):
        try:
            for n in numbers:
                with store.writing() as conn:
                    (one,) = messages.record(conn, [arrival(str(n), imap_uid=n)], now=NOW)
                with store.writing() as conn:
                    if messages.settle(conn, one.message, reading(*mails[n - 1]), now=NOW):
                        events.refold(conn, events.replace_updates(conn, one.message, mails[n - 1]))
        except Exception as error:  # noqa: BLE001
            errors.append(error)

    def apply_all(url, *parts):
        database.upgrade(url)
        store = database.open_store(url)
        threads = [threading.Thread(target=work, args=(store, part)) for part in parts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        found = state(store)
        store.close()
        return found

    order = chance.sample(range(1, 25), 24)
    alone = apply_all(sqlite_url, range(1, 25))
    # The last five mails are handled by both.
    together = apply_all(postgresql_url, order[:12] + order[-5:], order[-5:] + order[12:])
    assert errors == []
    assert together == alone


@pytest.mark.postgresql
def test_a_writer_waits_for_the_one_before_it_and_sees_its_updates(postgresql_url, update, arrival):
    database.upgrade(postgresql_url)
    store = database.open_store(postgresql_url)
    with store.writing() as conn:
        first, second = (
            one.message for one in messages.record(conn, [arrival("a"), arrival("b", imap_uid=2)], now=NOW)
        )
    began, folded = threading.Event(), []

    def later():
        with store.writing() as conn:
            keys = events.replace_updates(conn, second, [update(2)])
            began.set()
            folded.extend(events.refold(conn, keys))

    thread = threading.Thread(target=later)
    with store.writing() as conn:
        events.refold(conn, events.replace_updates(conn, first, [update(1)]))
        thread.start()
        assert began.wait(10)
        thread.join(0.3)
        assert folded == []
    thread.join(10)
    assert [one.updates for one in folded] == [2]
    store.close()


# --- acknowledgements ---


def acknowledge(store, ticket=None, key=KEY, generation=1, minutes=0, digest=None):
    with store.writing() as conn:
        at = NOW + timedelta(minutes=minutes)
        events.acknowledge(conn, key, generation, author="alice", ticket=ticket, comment="", now=at, digest=digest)


def acknowledged(store):
    (found,) = state(store)
    return found["acknowledged"], found["internal_ticket"]


def test_an_acknowledgement_holds_until_something_material_changes(store, applied, update):
    applied("a", update(1))
    assert acknowledged(store) == (False, "")
    acknowledge(store, "NOC-1")
    assert acknowledged(store) == (True, "NOC-1")
    applied("reminder", update(2, summary="Reminder"))
    assert acknowledged(store) == (True, "NOC-1")
    applied("more circuits", update(3, circuits=("C-1", "C-2", "C-3")))
    assert acknowledged(store) == (False, "NOC-1")
    acknowledge(store, minutes=1)
    assert acknowledged(store) == (True, "NOC-1")
    acknowledge(store, "NOC-2", minutes=2)
    assert acknowledged(store) == (True, "NOC-2")


def test_an_acknowledgement_and_a_ticket_can_be_taken_back(store, applied, update):
    applied("a", update(1))
    acknowledge(store, "NOC-1")
    acknowledge(store, minutes=1, digest="")
    assert acknowledged(store) == (False, "NOC-1")
    acknowledge(store, "", minutes=2)
    assert acknowledged(store) == (True, "")


def test_what_was_seen_before_it_changed_is_not_acknowledged(store, applied, update):
    applied("a", update(1))
    with store.reading() as conn:
        (before,) = queries.events_of_key(conn, KEY)
    applied("more circuits", update(2, circuits=("C-1", "C-2", "C-3")))
    acknowledge(store, digest=before.material_digest)
    assert acknowledged(store) == (False, "")


def test_an_acknowledgement_outlives_a_reparse(store, applied, update):
    number = applied("a", update(1))
    acknowledge(store, "NOC-1")
    for updates in ([], [update(1)]):
        with store.writing() as conn:
            events.refold(conn, events.replace_updates(conn, number, updates))
    assert acknowledged(store) == (True, "NOC-1")


@pytest.mark.parametrize("wrong", [{"generation": 2}, {"key": replace(KEY, provider="lumen")}])
def test_only_what_exists_is_acknowledged(store, applied, update, wrong):
    applied("a", update(1))
    with pytest.raises(NotFound, match="maintd events"):
        acknowledge(store, **wrong)


def test_a_message_of_which_a_part_was_applied_has_its_events(store, applied, update):
    number = applied("a", update(1, windows=None, status=MaintenanceStatus.TENTATIVE), reason=Reason.PARTIAL)
    with store.reading() as conn:
        found = queries.message(conn, number)
    assert (found["disposition"], found["events"]) == ("quarantined", [["maintenance", "zayo", "TTN-1"]])
    assert state(store)[0]["circuits"] == []


def test_the_worst_impact_stands_with_the_event(store, applied, update):
    degraded = StatedCircuit(circuit_id="C-1", impact=Impact.DEGRADED)
    night = update(1).windows[0]
    windows = (
        night,
        replace(night, start=night.start + timedelta(1), end=night.end + timedelta(1), circuits=(degraded,)),
    )
    applied("a", update(1, windows=windows))
    (found,) = state(store)
    assert [one["impact"] for one in found["circuits"]] == ["OUTAGE", "OUTAGE"]
    assert found["windows"][1]["circuits"] == [{"circuit_id": "C-1", "impact": "DEGRADED"}]
