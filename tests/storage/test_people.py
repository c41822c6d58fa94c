"""What people say of messages and events is kept apart, counts at once, and outlives every reading of the mails."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from domain.edits import Asked, edit_of
from domain.errors import NotFound
from domain.events import EventKey, StatedWindow
from domain.message import Copy, Decision, Reason
from domain.vocabulary import Impact, Kind, MaintenanceStatus
from ingestor import curation
from storage import database, events, messages, queries
from storage.migrations import HOME

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
KEY = EventKey(kind=Kind.MAINTENANCE, provider="zayo", id_key="ttn-1")


def held(store, key=KEY):
    with store.reading() as conn:
        assert list(queries.check_laws(conn)) == []
        return queries.events_of_key(conn, key)


def correct(store, *, hours=1, **asked):
    """Let a person correct the event some hours later; return it as it is then."""
    (seen,) = held(store)
    edit = edit_of(seen, Asked(**asked), author="alice", reason="they called", now=seen.stamp + timedelta(hours=hours))
    with store.writing() as conn:
        events.add_edit(conn, edit)
        events.refold(conn, [KEY])
    with store.reading() as conn:
        assert edit in events.edits_of_key(conn, KEY)
    (event,) = held(store)
    return event


def test_an_edit_of_every_field_is_read_as_it_was_written(store, applied, update):
    applied("a", update(1, nights=2))
    first, second = held(store)[0].windows

    event = correct(
        store,
        status=MaintenanceStatus.TENTATIVE,
        window=None,
        withdraw_windows=(2,),
        add_windows=((second.start + timedelta(days=9), second.end + timedelta(days=9)),),
        circuits=(("C-9", Impact.DEGRADED),),
        withdraw_circuits=("C-2",),
        summary="what it really is",
    )

    live = [window for window in event.windows if not window.withdrawn]
    assert [window.start for window in live] == [first.start, second.start + timedelta(days=9)]
    assert {c.circuit_id: c.impact.value for c in event.circuits if not c.withdrawn} == {
        "C-1": "OUTAGE",
        "C-9": "DEGRADED",
    }
    assert (event.status.value, event.summary) == ("TENTATIVE", "what it really is")
    assert (event.history[-1].source, event.history[-1].changes["reason"]) == ("person:alice", (None, "they called"))


def test_an_edit_outlives_another_reading_of_the_mail(store, applied, update):
    number = applied("a", update(1))
    correct(store, status=MaintenanceStatus.CANCELLED)
    for updates in ([], [update(1)]):
        with store.writing() as conn:
            events.refold(conn, events.replace_updates(conn, number, updates))

    (event,) = held(store)
    assert event.status is MaintenanceStatus.CANCELLED


def test_what_a_retracted_message_says_does_not_count_until_it_is_restored(store, applied, update):
    applied("a", update(1))
    wrong = applied("b", update(2, status=MaintenanceStatus.CANCELLED))
    with store.writing() as conn:
        messages.retract(conn, wrong, author="alice", reason="a test", now=NOW)
        assert events.refold_message(conn, wrong) == [("maintenance", "zayo", "TTN-1")]
    assert [event.status.value for event in held(store)] == ["CONFIRMED"]
    with store.reading() as conn:
        assert queries.message(conn, wrong)["retracted"] == {
            "author": "alice",
            "reason": "a test",
            "at": "2026-11-20T12:00:00Z",
        }

    with store.writing() as conn:
        assert messages.restore(conn, wrong)
        assert not messages.restore(conn, wrong)
        events.refold_message(conn, wrong)
    assert [event.status.value for event in held(store)] == ["CANCELLED"]


def test_an_event_of_which_nobody_speaks_any_more_is_gone_and_comes_back(store, applied, update):
    number = applied("a", update(1))
    with store.writing() as conn:
        messages.retract(conn, number, author="alice", reason="a test", now=NOW)
        events.refold_message(conn, number)
    assert held(store) == ()

    with store.writing() as conn:
        messages.restore(conn, number)
        events.refold_message(conn, number)
    assert len(held(store)) == 1


def test_a_hidden_event_is_not_listed_but_shown_with_the_word_of_who_hid_it(store, applied, update):
    applied("a", update(1))
    with store.writing() as conn:
        for author in ("alice", "bob"):
            events.hide(conn, KEY, 1, author=author, reason="not ours", now=NOW)
    applied("b", update(2, summary="again"))

    with store.reading() as conn:
        assert queries.events(conn, now=NOW) == []
        assert [one["id"] for one in queries.events(conn, now=NOW, hidden=True)] == ["TTN-1"]
        (shown,) = queries.event(conn, "TTN-1", now=NOW)
    assert shown["hidden"] == {"author": "alice", "reason": "not ours", "at": "2026-11-20T12:00:00Z"}
    with store.writing() as conn:
        assert events.show_again(conn, KEY, 1)
        assert not events.show_again(conn, KEY, 1)
        assert [one["id"] for one in queries.events(conn, now=NOW)] == ["TTN-1"]


def test_the_newest_decision_of_a_message_is_loaded_with_it(store, record, arrival):
    (number,) = record(arrival("a", mailbox="noc"))
    released = Decision(provider="zayo", released=True)
    with store.writing() as conn:
        (plain,) = messages.waiting(conn, limit=9)
        messages.decide(conn, number, Decision(accepted=True), author="bob", reason="well", now=NOW)
        messages.decide(conn, number, released, author="alice", reason="it is theirs", now=NOW)
        (waiting,) = messages.waiting(conn, limit=9)
        (loaded,) = messages.load(conn, [number])
        said = queries.message(conn, number)["decision"]
    assert (plain.decision, plain.mailbox) == (Decision(), "noc")
    assert (waiting.decision, loaded.decision) == (released, released)
    assert (said["author"], said["reason"], said["provider"], said["released"]) == (
        "alice",
        "it is theirs",
        "zayo",
        True,
    )


def test_a_message_is_of_the_mailbox_that_saw_it_first(store, record, arrival):
    record(arrival("a", mailbox="second"))
    with store.writing() as conn:
        messages.record(conn, [arrival("a", mailbox="first")], now=NOW + timedelta(hours=1))
        (waiting,) = messages.waiting(conn, limit=9)
    assert waiting.mailbox == "second"


def test_an_event_is_found_by_its_other_ids_but_its_own_id_wins(store, applied, update):
    applied("a", update(1, references=("12345678-1", "CHG-7")))
    applied("b", update(2, event_id="CHG-7"))

    with store.reading() as conn:
        assert [one["id"] for one in queries.event(conn, "12345678-1", now=NOW)] == ["TTN-1"]
        assert [one["id"] for one in queries.event(conn, "chg-7", now=NOW)] == ["CHG-7"]
        with pytest.raises(NotFound):
            queries.event(conn, "CHG-8", now=NOW)
    (event,) = held(store)
    assert event.references == ("12345678-1", "CHG-7")


def test_work_that_goes_on_under_another_id_is_linked_both_ways(store, applied, update):
    old = replace(update(2, event_id="TTN-1"), windows=None, replaced_by="TTN-2", status=MaintenanceStatus.RE_SCHEDULED)
    applied("new", update(2, event_id="TTN-2", replaces="TTN-1"), old)
    assert held(store) == ()

    applied("old, late", update(1))
    with store.reading() as conn:
        shapes = {one["id"]: one for one in queries.events(conn, now=NOW)}
    assert (shapes["TTN-1"]["status"], shapes["TTN-1"]["phase"]) == ("RE-SCHEDULED", "past")
    assert (shapes["TTN-1"]["replaced_by"], shapes["TTN-2"]["replaces"]) == ("TTN-2", "TTN-1")


def test_the_number_of_a_window_is_read_as_it_was_written(store, applied, update):
    stated = update(1, windows=(StatedWindow(start=NOW, end=NOW + timedelta(hours=1), number=2),))
    number = applied("a", stated)
    with store.reading() as conn:
        assert events.updates_of_message(conn, number) == [stated]


def test_a_database_of_the_revision_before_is_upgraded_with_what_it_holds(database_url):
    config = Config()
    config.set_main_option("script_location", str(HOME))
    engine = sa.create_engine(database_url)
    with engine.begin() as conn:
        config.attributes["connection"] = conn
        command.upgrade(config, "0001")
        conn.execute(
            sa.text(
                "INSERT INTO events (id, kind, provider, id_key, generation, event_id, status, summary, organizer,"
                " accounts, stamp, stamp_inferred, unverified, update_count, material_digest, windows_digest,"
                " history_digest) VALUES (1, 'maintenance', 'zayo', 'ttn-1', 1, 'TTN-1', 'CONFIRMED', '', '', '[]',"
                " '2026-11-20T12:00:00.000000Z', :no, :no, 1, '', '', '')"
            ),
            {"no": False},
        )
    engine.dispose()

    database.upgrade(database_url)

    store = database.open_store(database_url)
    try:
        with store.reading() as conn:
            (event,) = queries.event(conn, "TTN-1", now=NOW)
    finally:
        store.close()
    assert (event["status"], event["replaces"], event["references"], event["hidden"]) == ("CONFIRMED", None, [], None)


@pytest.mark.postgresql
def test_a_person_corrects_what_the_mail_says_that_is_folded_at_the_same_moment(postgresql_url, arrival, update):
    database.upgrade(postgresql_url)
    store = database.open_store(postgresql_url)
    with store.writing() as conn:
        first, second = (
            one.message for one in messages.record(conn, [arrival("a"), arrival("b", imap_uid=2)], now=NOW)
        )
        events.refold(conn, events.replace_updates(conn, first, [update(1)]))
    corrected = []

    def later():
        asked = Asked(status=MaintenanceStatus.CANCELLED)
        corrected.extend(curation.correct(store, KEY, 1, asked, author="alice", reason="they called"))

    thread = threading.Thread(target=later)
    with store.writing() as conn:
        tentative = update(2, status=MaintenanceStatus.TENTATIVE)
        events.refold(conn, events.replace_updates(conn, second, [tentative]))
        thread.start()
        thread.join(0.3)
        assert corrected == []
    thread.join(10)
    with store.reading() as conn:
        (edit,) = events.edits_of_key(conn, KEY)
    assert edit.status == (MaintenanceStatus.TENTATIVE, MaintenanceStatus.CANCELLED)
    store.close()


def test_an_event_that_is_gone_when_it_is_corrected_is_named(store):
    with pytest.raises(NotFound, match="ttn-1 of zayo is gone"):
        curation.correct(store, KEY, 1, Asked(summary="x"), author="alice", reason="they called")


def test_a_copy_with_other_evidence_has_a_message_in_quarantine_read_again(store, arrival, reading):
    def come(name: str, evidence: str, mailbox: str = "noc") -> list[int]:
        raw = f"From: {evidence}\r\n\r\nbody".encode()
        one = arrival(name, raw=raw, mailbox=mailbox, evidence=evidence, header_size=raw.index(b"body"))
        with store.writing() as conn:
            return [recorded.message for recorded in messages.record(conn, [one], now=NOW)]

    (number,) = come("a", "first")
    with store.writing() as conn:
        messages.settle(conn, number, reading(reason=Reason.UNTRUSTED), now=NOW)
    assert come("a", "first", mailbox="again") == [number]
    with store.reading() as conn:
        assert messages.waiting(conn, limit=9) == []

    assert come("a", "second", mailbox="peering") == come("a", "second", mailbox="peering") == [number]
    with store.reading() as conn:
        (waiting,) = messages.waiting(conn, limit=9)
    assert waiting.copies == (Copy(mailbox="peering", headers=b"From: second\r\n\r\n"),)

    with store.writing() as conn:
        messages.settle(conn, number, reading(), now=NOW)
    come("a", "third")
    with store.reading() as conn:
        (held,) = messages.load(conn, [number])
    assert (held.disposition.value, len(held.copies)) == ("applied", 1)


def test_no_mail_fills_the_ledger_with_its_copies(store, arrival, reading):
    for count in range(20):
        with store.writing() as conn:
            messages.record(conn, [arrival("a", evidence=f"evidence {count}", header_size=1)], now=NOW)
    with store.reading() as conn:
        (waiting,) = messages.waiting(conn, limit=9)
    assert len(waiting.copies) == messages.MOST_COPIES
