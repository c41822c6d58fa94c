"""The ledger keeps everything once, and says what became of it."""

import threading
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from domain.errors import NotFound
from domain.message import Decision, Disposition, Match, Reason, Trial
from storage import database, messages, queries
from storage.messages import Cursor, Filing, Recorded

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def waiting(store, **options):
    with store.reading() as conn:
        return [message.id for message in messages.waiting(conn, **{"limit": 100, **options})]


def settle(store, number, reading, **options):
    with store.writing() as conn:
        return messages.settle(conn, number, reading, now=NOW, **options)


# --- the keys of signers ---


def unanswered(store, since=NOW):
    with store.reading() as conn:
        return messages.unanswered(conn, since=since)


def keys_of(store, number):
    with store.reading() as conn:
        (message,) = messages.load(conn, [number])
    return message.keys


def test_keys_are_kept_whatever_a_later_reading_is_told(store, record, arrival, reading):
    (number,) = record(arrival("a"))
    assert keys_of(store, number) == {}

    settle(store, number, reading(keys={"a.example": "p=\u00e9", "b.example": ""}))
    assert keys_of(store, number) == {"a.example": "p=\u00e9", "b.example": ""}

    settle(store, number, reading(), expected=Disposition.APPLIED)
    assert keys_of(store, number) == {"a.example": "p=\u00e9", "b.example": ""}


def test_what_the_dns_gave_no_answer_for_is_known_while_it_waits_for_proof(store, record, arrival, reading):
    silent = {"a.example": None, "b.example": "p=:null", "c.example": None}
    a, b, c, d = record(*(arrival(name, imap_uid=uid) for uid, name in enumerate("abcd", start=1)))
    settle(store, a, reading(reason=Reason.UNTRUSTED, keys=silent))
    settle(store, b, reading(reason=Reason.UNTRUSTED, keys={"b.example": "p=:null"}))
    settle(store, c, reading(keys=silent))
    settle(store, d, reading(reason=Reason.UNTRUSTED))

    assert unanswered(store) == {a: ["a.example", "c.example"]}
    assert unanswered(store, NOW + timedelta(days=1)) == {}
    with store.writing() as conn:
        messages.set_disposition(conn, [a], Disposition.RECEIVED, expected=[Disposition.QUARANTINED], now=NOW)
    assert unanswered(store) == {}
    assert keys_of(store, a) == silent


# --- in at the door ---


def test_a_message_comes_out_as_it_went_in(store, record, arrival):
    came_in = arrival("a", raw=b"\0\xff" * 5000, sender=None, sender_problem="two From headers", message_id=None)
    (number,) = record(came_in)
    with store.reading() as conn:
        (message,) = messages.waiting(conn, limit=10)
        assert queries.raw(conn, number) == came_in.raw
        assert messages.load(conn, [number]) == [message]
    assert message.raw == came_in.raw
    assert message.envelope == came_in.envelope
    assert (message.id, message.received_at, message.attempts) == (number, came_in.received_at, 0)
    assert message.disposition is Disposition.RECEIVED


def test_the_same_mail_elsewhere_is_a_sighting_of_the_one_message(store, arrival):
    with store.writing() as conn:
        first = messages.record(conn, [arrival("a"), arrival("b", imap_uid=2)], now=NOW)
    with store.writing() as conn:
        again = messages.record(conn, [arrival("b", mailbox="peering", imap_uid=9), arrival("c", imap_uid=3)], now=NOW)
    a, b, c = first[0].message, first[1].message, again[1].message
    assert first == [Recorded(message=a, new=True), Recorded(message=b, new=True)]
    assert again == [Recorded(message=b, new=False), Recorded(message=c, new=True)]
    assert len({a, b, c}) == 3
    with store.reading() as conn:
        places = [(place["mailbox"], place["imap_uid"]) for place in queries.message(conn, b)["sightings"]]
    assert sorted(places) == [("noc", 2), ("peering", 9)]


def test_a_message_twice_among_the_arrivals_is_new_once(store, arrival):
    with store.writing() as conn:
        recorded = messages.record(conn, [arrival("a"), arrival("b", imap_uid=2), arrival("a", imap_uid=3)], now=NOW)
    assert [one.new for one in recorded] == [True, True, False]
    assert recorded[0].message == recorded[2].message


@pytest.mark.parametrize("place", [{}, {"uid_validity": None, "imap_uid": None}])
def test_the_same_sighting_twice_is_one(store, record, arrival, place):
    numbers = {record(arrival("a", **place))[0] for _ in range(2)}
    with store.reading() as conn:
        (number,) = numbers
        assert len(queries.message(conn, number)["sightings"]) == 1


def test_no_arrivals_are_nothing(store):
    with store.writing() as conn:
        assert messages.record(conn, [], now=NOW) == []


def test_many_arrivals_are_recorded_in_few_statements(store, arrival, statements):
    arrivals = [arrival(str(n), imap_uid=n) for n in range(1, 701)]
    with store.writing() as conn, statements(conn) as few:
        messages.record(conn, arrivals[:100], now=NOW)
    with store.writing() as conn:
        recorded = messages.record(conn, arrivals, now=NOW)
    assert len({one.message for one in recorded}) == 700
    assert [one.new for one in recorded] == [False] * 100 + [True] * 600
    assert len(few) <= 5


def test_a_message_of_which_only_the_beginning_is_kept_is_quarantined_at_once(store, record, arrival):
    (number,) = record(arrival("big", raw=b"x" * 100, size=50_000_000, too_large=True))
    with store.reading() as conn:
        found = queries.message(conn, number)
    assert (found["disposition"], found["reason"], found["size"]) == ("quarantined", "too_large", 50_000_000)
    assert found["detail"] == "50000000 octets, over the limit: only the first 100 are kept"
    assert waiting(store) == []


@pytest.mark.postgresql
def test_two_processes_with_the_same_mail_record_it_once(postgresql_url, arrival):
    database.upgrade(postgresql_url)
    arrivals = [arrival(str(n), imap_uid=n) for n in range(60)]
    found, errors = [], []

    def work(order):
        store = database.open_store(postgresql_url)
        try:
            for begin in range(0, 60, 20):
                with store.writing() as conn:
                    found.extend(messages.record(conn, order[begin : begin + 20], now=NOW))
        except Exception as error:  # noqa: BLE001
            errors.append(error)
        store.close()

    threads = [threading.Thread(target=work, args=(order,)) for order in (arrivals, arrivals[::-1], arrivals)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len({one.message for one in found}) == sum(one.new for one in found) == 60


# --- how far a folder is read ---


def test_a_cursor_is_read_as_it_was_saved(store):
    with store.writing() as conn:
        assert messages.read_cursor(conn, "noc", "INBOX") is None
        for cursor in (
            Cursor(mailbox="noc", folder="INBOX", uid_validity=2**32 - 1, last_uid=2**32 - 1),
            Cursor(mailbox="noc", folder="INBOX", uid_validity=8, last_uid=0),
        ):
            messages.save_cursor(conn, cursor)
            assert messages.read_cursor(conn, "noc", "INBOX") == cursor
        assert messages.read_cursor(conn, "noc", "Other") is None


def test_a_cursor_goes_back_only_where_the_folder_is_numbered_anew(store):
    def saved(uid_validity, last_uid):
        with store.writing() as conn:
            cursor = Cursor(mailbox="noc", folder="INBOX", uid_validity=uid_validity, last_uid=last_uid)
            messages.save_cursor(conn, cursor)
            found = messages.read_cursor(conn, "noc", "INBOX")
            return found.uid_validity, found.last_uid

    assert saved(7, 12) == (7, 12)
    # Another daemon, which began earlier, has still to say how far it came.
    assert saved(7, 10) == (7, 12)
    assert saved(8, 1) == (8, 1)


def test_a_folder_that_failed_before_it_was_opened_has_no_cursor(store):
    with store.writing() as conn:
        messages.note_failure(conn, "noc", "INBOX", NOW, "refused")
        assert messages.read_cursor(conn, "noc", "INBOX") is None
        saved = Cursor(mailbox="noc", folder="INBOX", uid_validity=7, last_uid=3)
        messages.save_cursor(conn, saved)
        messages.note_success(conn, "noc", "INBOX", NOW)
        assert messages.read_cursor(conn, "noc", "INBOX") == saved


# --- what becomes of a message ---


def test_those_tried_least_are_read_first_then_the_oldest(store, record, arrival):
    a, b, c = record(*(arrival(name, imap_uid=n) for n, name in enumerate("abc", start=1)))
    with store.writing() as conn:
        assert [messages.add_attempt(conn, a), messages.add_attempt(conn, a), messages.add_attempt(conn, b)] == [
            1,
            2,
            1,
        ]
    assert waiting(store) == [c, b, a]
    assert waiting(store, limit=1) == [c]
    assert waiting(store, exclude={c, a}) == [b]


def test_an_attempt_at_what_does_not_exist_is_refused(store):
    with store.writing() as conn, pytest.raises(NotFound, match="no message 99"):
        messages.add_attempt(conn, 99)


def test_a_message_is_settled_once(store, record, arrival, reading):
    (number,) = record(arrival())
    irrelevant = reading(disposition=Disposition.IRRELEVANT, detail="a survey")
    assert settle(store, number, irrelevant)
    assert not settle(store, number, reading(reason=Reason.UNPARSED))
    assert waiting(store) == []
    with store.reading() as conn:
        found = queries.message(conn, number)
    assert [found[name] for name in ("disposition", "reason", "detail", "settled_at")] == [
        *("irrelevant", None, "a survey", "2026-11-20T12:00:00Z")
    ]
    assert settle(store, number, reading(reason=Reason.UNPARSED), expected=Disposition.IRRELEVANT)


def test_a_person_has_a_message_read_again_with_all_its_attempts(store, record, arrival, reading):
    (number,) = record(arrival())
    with store.writing() as conn:
        messages.add_attempt(conn, number)
    settle(store, number, reading(reason=Reason.PARSER_CRASHED, detail="died"))

    def change(disposition, *expected, **facts):
        with store.writing() as conn:
            return messages.set_disposition(conn, [number], disposition, expected=expected, now=NOW, **facts) == [
                number
            ]

    assert not change(Disposition.RECEIVED, Disposition.IGNORED, Disposition.IRRELEVANT)
    assert change(Disposition.RECEIVED, Disposition.QUARANTINED)
    with store.reading() as conn:
        (message,) = messages.waiting(conn, limit=1)
        found = queries.message(conn, number)
    assert (message.attempts, found["reason"], found["detail"], found["settled_at"]) == (0, None, "", None)
    assert change(Disposition.IGNORED, Disposition.RECEIVED, detail="alice")
    assert waiting(store) == []


def test_stored_messages_are_chosen_by_what_is_known_of_them(store, record, arrival, reading):
    a, b, c, d = record(
        arrival("a"),
        arrival("b", imap_uid=2, received_at=NOW + timedelta(days=1)),
        arrival("c", imap_uid=3, sender="x@evil.example"),
        arrival("d", imap_uid=4, too_large=True),
    )
    settle(store, a, reading(disposition=Disposition.IRRELEVANT))
    settle(store, b, reading(reason=Reason.UNPARSED))
    settle(store, c, reading(reason=Reason.UNKNOWN_PROVIDER, provider=None))
    with store.reading() as conn:
        assert messages.select_numbers(conn) == [a, b, c]
        assert messages.select_numbers(conn, dispositions=[Disposition.QUARANTINED]) == [b, c]
        assert messages.select_numbers(conn, provider="zayo") == [a, b]
        assert messages.select_numbers(conn, since=NOW + timedelta(hours=1)) == [b]
        assert [message.id for message in messages.load(conn, [d, a])] == [d, a]
        with pytest.raises(NotFound, match="no message 99"):
            messages.load(conn, [a, 99])


def test_a_person_settles_many_at_once_and_those_that_are_elsewhere_stay(store, record, arrival, reading):
    numbers = record(*(arrival(str(n), imap_uid=n) for n in range(1, 1202)), arrival("big", imap_uid=1, too_large=True))
    for number in numbers[:1200]:
        settle(store, number, reading(reason=Reason.UNPARSED))

    def change(disposition, *expected):
        with store.writing() as conn:
            return messages.set_disposition(conn, numbers, disposition, expected=expected, now=NOW)

    # One is not read yet.
    assert change(Disposition.IGNORED, Disposition.QUARANTINED) == sorted([*numbers[:1200], numbers[-1]])
    # Of one only the beginning is kept.
    assert change(Disposition.RECEIVED, Disposition.IGNORED) == sorted(numbers[:1200])
    assert change(Disposition.RECEIVED, Disposition.QUARANTINED) == []


def test_what_a_person_decides_is_held_until_it_is_forgotten(store, record, arrival):
    a, b = record(arrival("a"), arrival("b", imap_uid=2))
    released = Decision(released=True, provider="zayo")
    with store.writing() as conn:
        messages.decide(conn, a, released, author="alice", reason="they called", now=NOW)
    with store.reading() as conn:
        assert messages.decided(conn, [a, b]) == {a: released}
        assert [message.decision for message in messages.load(conn, [a, b])] == [released, Decision()]
    with store.writing() as conn:
        assert [messages.undecide(conn, number) for number in (a, b, a)] == [True, False, False]
        assert messages.decided(conn, [a, b]) == {}


# --- filing on the server ---


def test_what_is_settled_is_filed_once(store, record, arrival, reading):
    a, b, _ = record(arrival("a", imap_uid=5), arrival("b", imap_uid=4), arrival("waits", imap_uid=3))
    record(arrival("a", folder="Other", imap_uid=1))
    record(arrival("a", uid_validity=8, imap_uid=1))
    settle(store, a, reading(disposition=Disposition.IRRELEVANT))
    settle(store, b, reading(reason=Reason.UNPARSED))

    def unfiled(uid_validity=7, limit=10):
        with store.reading() as conn:
            return messages.unfiled(conn, "noc", "INBOX", uid_validity, limit=limit)

    assert unfiled() == [
        Filing(imap_uid=4, disposition=Disposition.QUARANTINED),
        Filing(imap_uid=5, disposition=Disposition.IRRELEVANT),
    ]
    assert unfiled(limit=1) == unfiled()[:1]
    for _ in range(2):
        with store.writing() as conn:
            messages.mark_filed(conn, "noc", "INBOX", 7, [4, 5, 999], now=NOW)
    assert unfiled() == []
    assert unfiled(uid_validity=8) == [Filing(imap_uid=1, disposition=Disposition.IRRELEVANT)]


def test_what_is_imported_from_a_file_is_filed_nowhere(store, record, arrival, reading):
    (number,) = record(arrival("a", mailbox="import", folder="a.eml", uid_validity=None, imap_uid=None))
    settle(store, number, reading(disposition=Disposition.IRRELEVANT))
    with store.reading() as conn:
        assert messages.unfiled(conn, "noc", "INBOX", 7, limit=10) == []


# --- senders ---


def test_the_last_assignment_of_a_sender_holds(store):
    with store.writing() as conn:
        messages.assign(conn, "noc@small.example", "zayo", "alice", NOW)
        messages.assign(conn, "noc@small.example", "lumen", "bob", NOW)
        messages.assign(conn, "noc@other.example", "gtt", "bob", NOW)
        assert messages.assignments(conn) == {"noc@small.example": "lumen", "noc@other.example": "gtt"}
        assert queries.assignments(conn) == [
            {"sender": "noc@other.example", "provider": "gtt", "author": "bob", "at": "2026-11-20T12:00:00Z"},
            {"sender": "noc@small.example", "provider": "lumen", "author": "bob", "at": "2026-11-20T12:00:00Z"},
        ]


def test_an_assignment_is_taken_back_once(store):
    with store.writing() as conn:
        messages.assign(conn, "noc@small.example", "zayo", "alice", NOW)
        assert [messages.unassign(conn, "noc@small.example") for _ in range(2)] == [True, False]
        assert messages.assignments(conn) == {}


# --- what each reader made of it ---


def test_a_trial_comes_out_as_it_went_in(store, record, arrival, reading):
    (number,) = record(arrival("a"))
    matched = (Match(field="etr", words="within 4 hours", value="2026-11-20T16:00:00Z"),)
    trial = Trial(provider="zayo", reader="general", outcome="found 1", matched=matched)

    assert settle(store, number, reading(trials=(trial,)))

    with store.reading() as conn:
        assert queries.message(conn, number)["trials"] == [asdict(trial) | {"matched": [asdict(matched[0])]}]


def test_a_trial_of_before_says_nothing_of_what_matched(store, record, arrival, reading):
    (number,) = record(arrival("a"))
    settle(store, number, reading())
    with store.writing() as conn:
        row = {"trials": '[["zayo", "zayo", "found 1"]]', "id": number}
        conn.execute(sa.text("UPDATE messages SET trials = :trials WHERE id = :id"), row)

    with store.reading() as conn:
        (trial,) = queries.message(conn, number)["trials"]
    assert trial == {"provider": "zayo", "reader": "zayo", "outcome": "found 1", "matched": []}
