"""What is kept for NetBox: the texts of mails, what it holds, which circuits it has, and what people are told of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from domain.events import EventKey
from domain.message import Disposition, Reason
from domain.vocabulary import Kind, MaintenanceStatus
from storage import database, events, messages, outbox, queries, schema
from storage.migrations import HOME
from storage.notices import Notice, notices_of
from storage.outbox import Alias, Remote, Unresolved

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
TTN_1 = EventKey(kind=Kind.MAINTENANCE, provider="zayo", id_key="ttn-1")
STATE = {
    "records": {
        "2": {"number": 18},
        "1": {"number": 17, "fields": {"summary": "Fibre\0 work – ü"}},
        "3": {"number": None},
    }
}


def written(store, change, *args, **facts):
    with store.writing() as conn:
        return change(conn, *args, **facts)


def asked(store, question, *args, **facts):
    with store.reading() as conn:
        return question(conn, *args, **facts)


@pytest.fixture
def settled(store, record, arrival, reading):
    """Let a mail come in and be read with a text: ``settled("name", update, …)`` returns the message's number."""

    def settle(name, *updates, text=None, expected=Disposition.RECEIVED, **facts):
        (number,) = record(arrival(name, imap_uid=int.from_bytes(name.encode()), **facts.pop("arrives", {})))
        with store.writing() as conn:
            read = reading(*updates, text=f"text of {name}" if text is None else text, **facts)
            assert messages.settle(conn, number, read, now=NOW, expected=expected)
            events.refold(conn, events.replace_updates(conn, number, updates))
        return number

    return settle


def texts(store):
    rows = asked(store, lambda conn: conn.execute(sa.select(schema.message_texts)).all())
    return {row.message: row.text for row in rows}


def faults(store):
    return asked(store, lambda conn: list(queries.check_laws(conn)))


# --- texts ---


def test_a_message_has_a_text_as_long_as_it_states_something(store, settled, update):
    number = settled("a", update(1), text="first\0")
    assert texts(store) == {number: "first\ufffd"}
    assert settled("a", update(1), text="again", expected=Disposition.APPLIED) == number
    assert texts(store) == {number: "again"}
    assert faults(store) == []
    settled("a", text="nothing for us", disposition=Disposition.IRRELEVANT, expected=Disposition.APPLIED)
    assert texts(store) == {}


def test_a_message_of_which_a_part_was_applied_has_a_text(store, settled, update):
    number = settled("a", update(1), reason=Reason.PARTIAL)
    assert texts(store) == {number: "text of a"}
    assert settled("b", reason=Reason.UNPARSED) not in texts(store)


def test_what_somebody_else_has_settled_gets_no_other_text(store, settled, update, reading):
    number = settled("a", update(1))
    assert not written(store, messages.settle, number, reading(update(1), text="late"), now=NOW)
    assert texts(store) == {number: "text of a"}


def test_no_listing_reads_texts(store, settled, update, statements):
    number = settled("a", update(1))
    with store.reading() as conn, statements(conn) as said:
        queries.messages(conn)
        queries.outlines(conn)
        queries.events(conn, now=NOW)
        queries.event(conn, "TTN-1", now=NOW)
        queries.message(conn, number)
        messages.load(conn, [number])
    assert not [one for one in said if "message_texts" in one]


# --- notices ---


def test_the_notices_of_an_event_are_in_the_order_of_its_history(store, settled, update, statements):
    second = settled("b", update(2, source="<b@zayo.example>"), text="")
    first = settled(
        "a",
        update(1, source="<a@zayo.example>", event_id="TTN-2"),
        update(1, source="<a@zayo.example>"),
        arrives={"message_id": "<a@zayo.example>", "subject": "Fibre work", "sender": None},
    )
    with store.reading() as conn, statements(conn) as said:
        found = notices_of(conn, TTN_1, 1)
    assert [one.message for one in found] == [first, second]
    assert found[0] == Notice(
        message=first,
        identity=found[0].identity,
        message_id="<a@zayo.example>",
        subject="Fibre work",
        sender=None,
        from_header="Zayo <mr@zayo.example>",
        received_at=NOW,
        text="text of a",
        stamp=NOW + timedelta(minutes=1),
        source="<a@zayo.example>",
    )
    assert len(found[0].identity) == 64
    assert found[1].text == ""
    assert len(said) == 2


def test_a_message_is_of_the_use_of_a_number_in_whose_history_it_stands(store, settled, update):
    def night(days):
        (window,) = update(1).windows
        return (replace(window, start=window.start + timedelta(days=days), end=window.end + timedelta(days=days)),)

    first = settled("a", update(1))
    later = settled("b", update(300 * 24 * 60, windows=night(310)))
    reminder = settled("c", update(301 * 24 * 60, windows=night(310)))
    assert [one.message for one in asked(store, notices_of, TTN_1, 1)] == [first]
    assert [one.message for one in asked(store, notices_of, TTN_1, 2)] == [later, reminder]
    assert asked(store, notices_of, TTN_1, 3) == []


def test_a_message_that_is_retracted_is_no_notice(store, settled, update):
    settled("a", update(1))
    number = settled("b", update(2))
    with store.writing() as conn:
        messages.retract(conn, number, author="alice", reason="wrong", now=NOW)
        events.refold_message(conn, number)
    assert [one.text for one in asked(store, notices_of, TTN_1, 1)] == ["text of a"]
    assert faults(store) == []


def test_of_two_messages_with_one_name_that_which_is_retracted_is_no_notice(store, settled, update):
    twins = {"source": "<1@zayo.example>", "stamp": NOW}
    first = settled("a", update(1, **twins))
    second = settled("b", update(2, **twins))
    assert [one.message for one in asked(store, notices_of, TTN_1, 1)] == [first, second]
    with store.writing() as conn:
        messages.retract(conn, second, author="alice", reason="forged", now=NOW)
        events.refold_message(conn, second)
    assert [one.message for one in asked(store, notices_of, TTN_1, 1)] == [first]


def test_a_message_that_says_several_things_of_one_event_is_one_notice(store, settled, update):
    settled("a", update(1, summary="One"), update(1, summary="Two"), update(1, stamp=NOW, summary="Three"))
    (notice,) = asked(store, notices_of, TTN_1, 1)
    assert notice.stamp == NOW


# --- what netbox holds ---


def test_what_netbox_holds_is_kept_with_when_the_last_push_ended(store):
    assert asked(store, outbox.remote, TTN_1, 1) is None
    written(store, outbox.save_remote, TTN_1, 1, STATE, dirty=True, now=NOW)
    found = asked(store, outbox.remote, TTN_1, 1)
    assert found.records == [(1, 17), (2, 18)]
    assert found.state["records"]["1"]["fields"]["summary"] == "Fibre\ufffd work – ü"
    assert (found.dirty, found.pushed_at) == (True, None)

    written(store, outbox.save_remote, TTN_1, 1, {"records": {}}, dirty=False, now=NOW)
    written(store, outbox.save_remote, TTN_1, 1, {"records": {}}, dirty=True, now=NOW + HOUR)
    assert asked(store, outbox.remote, TTN_1, 1) == Remote(state={"records": {}}, dirty=True, pushed_at=NOW)
    assert asked(store, outbox.remote, TTN_1, 2) is None


def test_what_netbox_holds_no_more_is_forgotten(store):
    for generation in (2, 1):
        written(store, outbox.save_remote, TTN_1, generation, {}, dirty=False, now=NOW)
    assert [one[:2] for one in asked(store, lambda conn: list(outbox.remotes(conn)))] == [(TTN_1, 1), (TTN_1, 2)]
    for _ in range(2):
        written(store, outbox.forget_remote, TTN_1, 1)
    assert [one[:2] for one in asked(store, lambda conn: list(outbox.remotes(conn)))] == [(TTN_1, 2)]


def test_a_fact_about_netbox_is_the_newest(store):
    assert asked(store, outbox.meta, "since") is None
    for value in ("2027-01-01", "2027-01-02"):
        written(store, outbox.save_meta, "since", value)
    assert asked(store, outbox.meta, "since") == "2027-01-02"


# --- circuits ---


def test_an_alias_is_the_newest_word_about_a_name(store):
    for circuit_id in ("ZYO-1", "ZYO-2"):
        written(store, outbox.add_alias, "zayo", " OQYX  1 ", circuit_id, author="alice", now=NOW)
    written(store, outbox.add_alias, "gtt", "oqyx 1", "G-1", author="bob", now=NOW)
    assert asked(store, outbox.aliases) == [
        Alias(provider="gtt", alias="oqyx 1", circuit_id="G-1", author="bob", added_at=NOW),
        Alias(provider="zayo", alias=" OQYX  1 ", circuit_id="ZYO-2", author="alice", added_at=NOW),
    ]
    assert written(store, outbox.remove_alias, "zayo", "oqyx 1")
    assert not written(store, outbox.remove_alias, "zayo", "oqyx 1")
    assert [one.provider for one in asked(store, outbox.aliases)] == ["gtt"]


def test_a_circuit_that_netbox_lacks_is_listed_until_it_has_it(store, statements):
    written(store, outbox.note_unresolved, "zayo", ["C-2", "C-1", "c-2 "], now=NOW)
    written(store, outbox.note_unresolved, "gtt", ["C-1"], now=NOW)
    with store.writing() as conn, statements(conn) as said:
        outbox.note_unresolved(conn, "zayo", [f"C-{number}" for number in range(1, 3)], now=NOW + HOUR)
        outbox.note_unresolved(conn, "zayo", [], now=NOW + HOUR)
    assert len(said) == 1
    found = asked(store, outbox.unresolved)
    assert [(one.provider, one.circuit_id) for one in found] == [("gtt", "C-1"), ("zayo", "C-1"), ("zayo", "C-2")]
    assert found[2] == Unresolved(provider="zayo", circuit_id="C-2", first_seen_at=NOW, last_tried_at=NOW + HOUR)
    assert [one.provider for one in asked(store, outbox.unresolved, tried_before=NOW + HOUR)] == ["gtt"]

    assert written(store, outbox.note_resolved, "zayo", [" c-1", "C-9"]) == ["C-1"]
    assert written(store, outbox.note_resolved, "zayo", ["C-1"]) == []
    assert [(one.provider, one.circuit_id) for one in asked(store, outbox.unresolved)] == [
        ("gtt", "C-1"),
        ("zayo", "C-2"),
    ]


# --- what people are told ---


def netbox_of(store):
    (shown,) = asked(store, queries.event, "TTN-1", now=NOW)
    return shown["netbox"]


def test_an_event_is_shown_with_what_netbox_holds_of_it(store, applied, update):
    applied("a", update(1))
    assert netbox_of(store) is None
    written(store, outbox.enqueue, [(TTN_1, 1)], now=NOW)
    nothing = {"records": [], "pushed_at": None, "waiting_since": None, "problem": None, "parked": False}
    nothing["dirty"] = False
    waits = {**nothing, "waiting_since": "2026-11-20T12:00:00Z"}
    assert netbox_of(store) == waits
    (due,) = written(store, outbox.claim, now=NOW, limit=1, lease_seconds=60)
    written(store, outbox.save_remote, TTN_1, 1, STATE, dirty=True, now=NOW)
    written(store, outbox.park, due, problem="end: must be after start", now=NOW)
    records = [{"slot": 1, "id": 17}, {"slot": 2, "id": 18}]
    refused = {"problem": "end: must be after start", "parked": True}
    assert netbox_of(store) == {**waits, **refused, "records": records, "dirty": True}
    written(store, outbox.hurry, now=NOW)
    (due,) = written(store, outbox.claim, now=NOW, limit=1, lease_seconds=60)
    written(store, outbox.save_remote, TTN_1, 1, STATE, dirty=False, now=NOW)
    assert written(store, outbox.done, due)
    assert netbox_of(store) == {**nothing, "records": records, "pushed_at": "2026-11-20T12:00:00Z"}


def test_figures_say_how_far_netbox_is_behind(store):
    names = [(replace(TTN_1, id_key=id_key), 1) for id_key in "abc"]
    written(store, outbox.enqueue, names, now=NOW)
    first, second, _ = written(store, outbox.claim, now=NOW, limit=3, lease_seconds=60)
    written(store, outbox.park, first, problem="x", now=NOW)
    written(store, outbox.postpone, second, until=NOW + HOUR, problem="x", now=NOW)
    assert asked(store, queries.stats, now=NOW, mailboxes=[])["outbox"] == {
        "due": 2,
        "failed": 1,
        "parked": 1,
        "to_compare": 0,
        "oldest_at": "2026-11-20T12:00:00Z",
        "problem": None,
    }


def test_what_people_said_of_an_event_is_asked_at_once(store, applied, update):
    assert asked(store, queries.said_of, TTN_1, 1) == queries.Said()
    applied("a", update(1))
    assert asked(store, queries.said_of, TTN_1, 1) == queries.Said()
    for ticket in ("NOC-1", None):
        said = {"author": "alice", "ticket": ticket, "comment": "", "now": NOW}
        written(store, events.acknowledge, TTN_1, 1, **said)
    written(store, events.hide, TTN_1, 1, author="alice", reason="a test", now=NOW)
    expected = queries.Said(
        acknowledged=True,
        internal_ticket="NOC-1",
        hidden=queries.Hidden(author="alice", reason="a test", hidden_at=NOW),
    )
    assert asked(store, queries.said_of, TTN_1, 1) == expected
    applied("b", update(2, status=MaintenanceStatus.CANCELLED))
    assert asked(store, queries.said_of, TTN_1, 1) == replace(expected, acknowledged=False)


# --- the laws ---


def test_what_is_kept_for_netbox_and_cannot_be_right_is_named(store, settled, update):
    number = settled("a", update(1))
    other = settled("b", update(2))
    for generation in (1, 2):
        written(store, outbox.save_remote, TTN_1, generation, STATE, dirty=False, now=NOW)
    assert faults(store) == []
    for broken in (
        f"DELETE FROM updates WHERE message = {number}",
        "UPDATE remote_events SET state = '[]' WHERE generation = 1",
        "UPDATE remote_events SET state = '{' WHERE generation = 2",
        f"DELETE FROM message_texts WHERE message = {other}",
    ):
        written(store, lambda conn, text=broken: conn.execute(sa.text(text)))
    found = faults(store)
    assert f"message {number} has a text for NetBox and states nothing" in found
    unreadable = "cannot be read: `maintd netbox push` asks NetBox again"
    assert found[-2:] == [
        f"what NetBox holds of maintenance ttn-1 of zayo {unreadable}",
        f"what NetBox holds of maintenance ttn-1 of zayo, generation 2 {unreadable}",
    ]


# --- the revision before ---


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_a_database_of_the_revision_before_is_upgraded_with_what_it_holds(store, database_url, applied, update, outage):
    applied("a", update(1, nights=2))
    applied("b", outage(1, etr=60))
    written(store, events.acknowledge, TTN_1, 1, author="alice", ticket="NOC-1", comment="", now=NOW)
    expected = asked(store, queries.events, now=NOW)
    if database_url == f"sqlite:///{store.place}":
        database_url = f"sqlite:///{store.place}.before"

    config = Config()
    config.set_main_option("script_location", str(HOME))
    engine = sa.create_engine(database_url)
    with engine.begin() as conn, store.reading() as source:
        config.attributes["connection"] = conn
        command.upgrade(config, "0003")
        before = sa.MetaData()
        before.reflect(conn)
        for table in schema.metadata.sorted_tables:
            if table.name not in before.tables:
                continue
            held = [column for column in table.columns if column.name in before.tables[table.name].columns]
            rows = [dict(row) for row in source.execute(sa.select(*held)).mappings()]
            if rows:
                conn.execute(sa.insert(table), rows)
    engine.dispose()

    database.upgrade(database_url)

    upgraded = database.open_store(database_url, outbox_clock=lambda: NOW)
    try:
        assert faults(upgraded) == []
        assert asked(upgraded, queries.events, now=NOW) == expected
        assert [one.text for one in asked(upgraded, notices_of, TTN_1, 1)] == [""]
        assert written(upgraded, outbox.enqueue_all, since=NOW, now=NOW) == 2
        assert faults(upgraded) == []
    finally:
        upgraded.close()
