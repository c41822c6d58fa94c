"""The figures that metrics and `maintd status` tell, by hand-counted ledgers."""

from datetime import timedelta

import sqlalchemy as sa

from domain.events import EventKey, id_key_of
from domain.message import Disposition, Reason
from domain.vocabulary import Kind
from storage import figures, messages, schema
from storage.figures import FolderFigures, ProviderFigures, QuarantineFigures
from tests.building import NIGHT, NOW, build_arrival, build_reading


def read(store, now=NOW):
    with store.reading() as conn:
        return figures.read(conn, now=now)


def test_an_empty_database_has_nothing_to_tell_but_its_size(store):
    found = read(store)

    assert (found.folders, found.providers, found.quarantine, dict(found.events)) == ([], [], [], {})
    assert (found.waiting_since, found.netbox_problem, found.daemons, dict(found.holders)) == (None, None, [], {})
    assert (found.outbox.due, found.outbox.oldest_at) == (0, None)
    assert found.database_bytes > 10_000


def test_messages_are_counted_by_provider_and_disposition_and_the_last_receipt_is_kept(store, applied, update, record):
    applied("a", update(1, event_id="T-1"))
    applied("b", update(2, event_id="T-2"))
    late = NOW + timedelta(hours=3)
    (kept,) = record(build_arrival("c", imap_uid=3, received_at=late))
    held = build_reading(disposition=Disposition.QUARANTINED, reason=Reason.INVALID, provider="zayo")
    with store.writing() as conn:
        assert messages.settle(conn, kept, held, now=NOW)
    record(build_arrival("d", imap_uid=4))

    found = read(store)

    assert sorted(found.providers, key=lambda one: one.provider or "") == [
        ProviderFigures(provider=None, messages={"received": 1}, last_received_at=NOW),
        ProviderFigures(provider="zayo", messages={"applied": 2, "quarantined": 1}, last_received_at=late),
    ]
    assert [found.messages(one) for one in Disposition] == [1, 2, 0, 0, 1]
    assert found.quarantine == [QuarantineFigures(reason="invalid", messages=1, oldest_at=NOW)]


def test_a_folder_tells_its_last_success_its_error_and_since_when_its_oldest_message_waits(store, record):
    with store.writing() as conn:
        messages.note_success(conn, "noc", "INBOX", NOW)
        messages.note_success(conn, "noc", "Old", NOW)
        messages.note_failure(conn, "noc", "Old", NOW, "no such folder")
    record(build_arrival("a"))

    found = read(store)

    assert found.folders == [
        FolderFigures(mailbox="noc", folder="INBOX", last_success_at=NOW, error=None, waiting_since=NOW),
        FolderFigures(mailbox="noc", folder="Old", last_success_at=NOW, error="no such folder", waiting_since=None),
    ]
    assert found.waiting_since == NOW


def test_events_are_counted_by_phase_whatever_it_is_and_hidden_ones_are_not(store, applied, update):
    for number in range(1, 5):
        applied(str(number), update(number, event_id=f"T-{number}"))
    key = EventKey(kind=Kind.MAINTENANCE, provider="zayo", id_key=id_key_of("T-4"))
    row = {"kind": key.kind, "provider": key.provider, "id_key": key.id_key, "generation": 1}
    with store.writing() as conn:
        conn.execute(sa.insert(schema.hidden_events).values(**row, author="x", why="y", hidden_at=NOW))

    ahead, during, after = (read(store, now).events for now in (NOW, NIGHT, NIGHT + timedelta(days=30)))

    assert [list(one.items()) for one in (ahead, during, after)] == [
        [(("maintenance", "CONFIRMED", phase), 3)] for phase in ("upcoming", "active", "past")
    ]


def test_who_holds_a_mailbox_is_told_for_as_long_as_the_lease_lasts(store):
    row = {"mailbox": "noc", "daemon": "one", "held_until": NOW + timedelta(seconds=30)}
    with store.writing() as conn:
        conn.execute(sa.insert(schema.mailbox_leases).values(**row))

    assert [dict(read(store, NOW + timedelta(seconds=after)).holders) for after in (0, 31)] == [{"noc": "one"}, {}]
