"""``db check`` is silent where the laws hold, and names each fault where one is broken."""

import sqlite3
from contextlib import closing

import pytest
import sqlalchemy as sa

from domain.vocabulary import MaintenanceStatus
from storage import queries, schema

TTN_1 = "maintenance ttn-1 of zayo"


@pytest.fixture
def sound(applied, update, record, arrival):
    """A ledger with a bit of everything; its messages 1 to 3 are applied, 4 waits."""
    numbers = [
        applied("a", update(1, nights=2), update(1, event_id="TTN-2")),
        applied("b", update(2, status=MaintenanceStatus.RE_SCHEDULED)),
        applied("c", update(1, provider="gtt")),
        *record(arrival("d", imap_uid=2)),
    ]
    assert numbers == [1, 2, 3, 4]


def faults(store):
    with store.reading() as conn:
        return list(queries.check_laws(conn))


def break_it(store, statement):
    """Change the database behind the back of the program."""
    with store.writing() as conn:
        conn.execute(sa.text(statement))


def test_an_empty_database_is_sound(store):
    assert faults(store) == []


def test_what_the_program_writes_is_sound(store, sound):
    assert faults(store) == []


@pytest.mark.parametrize(
    ("broken", "expected"),
    [
        ("UPDATE messages SET disposition = 'lost' WHERE id = 2", ["message 2 has no disposition that is known"]),
        (
            "UPDATE messages SET settled_at = NULL WHERE id = 2",
            ["message 2 is settled and has no time of it, or the reverse"],
        ),
        (
            "UPDATE messages SET reason = 'unparsed' WHERE id = 2",
            ["message 2 is in quarantine without a reason, or the reverse"],
        ),
        ("DELETE FROM sightings WHERE message = 4", ["message 4 was never seen anywhere"]),
        ("DELETE FROM raw_messages WHERE message = 4", ["message 4 has no bytes"]),
        (
            "UPDATE messages SET raw_pruned_at = stored_at WHERE id = 2",
            ["message 2 has bytes that were pruned"],
        ),
        (
            "UPDATE messages SET raw_pruned_at = stored_at WHERE id = 4",
            ["message 4 has bytes that were pruned", "message 4 was pruned and waits"],
        ),
        (
            "DELETE FROM events WHERE provider = 'gtt'",
            ["maintenance ttn-1 of gtt has 0 generations, its updates make 1"],
        ),
        (
            "UPDATE events SET status = 'COMPLETED' WHERE provider = 'gtt'",
            ["maintenance ttn-1 of gtt is not what its updates make of it"],
        ),
        (
            "UPDATE circuits SET impact = 'NO-IMPACT' WHERE event = 1 AND window_number = 2",
            [f"{TTN_1} is not what its updates make of it"],
        ),
        (
            "DELETE FROM circuits WHERE event = 1 AND window_number = 0",
            [f"{TTN_1} is not what its updates make of it"],
        ),
        (
            "DELETE FROM windows WHERE event = 1 AND number = 2",
            [f"{TTN_1} is not what its updates make of it"],
        ),
        (
            "UPDATE history SET superseded = NOT superseded WHERE event = 1 AND ordinal = 1",
            [f"{TTN_1} is not what its updates make of it"],
        ),
        (
            "DELETE FROM updates WHERE message = 3",
            ["message 3 is applied and states nothing", "maintenance ttn-1 of gtt is stored and nobody tells of it"],
        ),
    ],
)
def test_a_broken_law_is_named(store, sound, broken, expected):
    break_it(store, broken)
    assert faults(store) == expected


def test_bytes_that_cannot_be_unpacked_are_named(store, sound):
    with store.writing() as conn:
        row = schema.raw_messages.c.message == 2
        conn.execute(sa.update(schema.raw_messages).where(row).values(compressed=b"not zlib"))
    (fault,) = faults(store)
    assert fault.startswith("message 2 cannot be unpacked: Error -3")


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_what_refers_to_nothing_is_named(store, sound):
    with closing(sqlite3.connect(store.place)) as conn, conn:
        conn.execute("DELETE FROM messages WHERE id = 3")
    found = faults(store)
    assert "sightings has rows of message 3, which does not exist" in found
    assert "updates has rows of message 3, which does not exist" in found
    assert any(fault.startswith("row ") and "of updates refers to a row of messages" in fault for fault in found)


def test_many_events_are_checked_in_parts(store, applied, update, monkeypatch):
    monkeypatch.setattr(queries, "_AT_ONCE", 3)
    # Ids that sort otherwise in a language than by their bytes.
    names = ["a", "B", "ä", "Z", "_", "-", "a-b", "ab", "10", "9", "日本"]
    applied("a", *(update(1, event_id=name) for name in names))
    assert faults(store) == []
    break_it(store, "UPDATE events SET summary = 'other' WHERE event_id = '日本'")
    assert len(faults(store)) == 1
