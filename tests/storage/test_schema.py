"""What both databases hold alike."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from domain.message import Disposition
from storage import queries, schema
from storage.migrations import HEAD, HOME


def stored(store, table, **values):
    """Write one row and return it as it is read."""
    with store.writing() as conn:
        conn.execute(sa.insert(table), values)
    with store.reading() as conn:
        return conn.execute(sa.select(table)).one()


def cursor(store, **values):
    return stored(store, schema.cursors, **{"mailbox": "noc", "folder": "INBOX", **values})


def test_the_migrations_make_the_schema_that_the_code_speaks_of(store):
    with store.writing() as conn:
        context = MigrationContext.configure(conn, opts={"compare_server_default": True})
        assert compare_metadata(context, schema.metadata) == []
    with store.reading() as conn:
        indexes = {index["name"]: index for index in sa.inspect(conn).get_indexes("sightings")}
    options = indexes["ix_sightings_mailbox_folder_uid_validity_imap_uid"]["dialect_options"]
    assert "filed_at IS NULL" in str(options[f"{store.dialect}_where"])


def test_the_newest_revision_is_the_one_that_the_package_names():
    config = Config()
    config.set_main_option("script_location", str(HOME))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_an_instant_is_read_as_it_was_written(store):
    instants = (
        datetime(2026, 11, 23, 4, 0, tzinfo=UTC),
        datetime(2026, 11, 23, 4, 0, 0, 123456, tzinfo=UTC),
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    )
    with store.writing() as conn:
        rows = [{"mailbox": "noc", "folder": str(n), "last_success_at": at} for n, at in enumerate(instants)]
        conn.execute(sa.insert(schema.cursors), rows)
        found = conn.scalars(sa.select(schema.cursors.c.last_success_at).order_by(schema.cursors.c.folder)).all()
    assert tuple(found) == instants
    assert {instant.tzinfo for instant in found} == {UTC}


def test_an_instant_in_another_zone_is_the_same_instant_in_utc(store):
    row = cursor(store, last_success_at=datetime(2026, 11, 23, 4, tzinfo=timezone(timedelta(hours=14))))
    assert row.last_success_at.isoformat() == "2026-11-22T14:00:00+00:00"


def test_a_naive_instant_is_refused(store):
    with pytest.raises(sa.exc.StatementError, match="says no zone"):
        cursor(store, last_success_at=datetime(2026, 11, 23))  # noqa: DTZ001


def test_instants_sort_as_time_does(store):
    instants = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(microseconds=1) * 10**power for power in range(0, 17, 2)]
    with store.writing() as conn:
        rows = [{"mailbox": "noc", "folder": str(n), "last_success_at": at} for n, at in enumerate(instants)]
        conn.execute(sa.insert(schema.cursors), rows[::-1])
        column = schema.cursors.c.last_success_at
        assert list(conn.scalars(sa.select(column).order_by(column))) == instants


def test_no_text_of_a_mail_is_refused(store, record, arrival):
    texts = {
        "a\0b": "a\ufffdb",
        "a\udcffb": "a\ufffdb",
        "\ud800": "\ufffd",
        "plain": "plain",
        "ü – 日本 😀": "ü – 日本 😀",
    }
    for text, kept in texts.items():
        (number,) = record(arrival(repr(text), subject=text, from_header=text, sender=text, message_id=text))
        with store.reading() as conn:
            found = queries.message(conn, number)
        assert [found[name] for name in ("subject", "from", "sender", "message_id")] == [kept] * 4


def test_no_text_of_an_update_makes_an_event_that_breaks_a_law(store, applied, update, outage):
    said = "\\u0000 a\0b \ud800"
    applied("a", update(1, summary=said), outage(1, cause=said, circuits=(said,)))
    with store.reading() as conn:
        assert list(queries.check_laws(conn)) == []
        (event,) = queries.event(conn, "TT-1", now=datetime(2026, 11, 20, tzinfo=UTC))
    assert event["cause"] == "\\u0000 a\ufffdb \ufffd"


def test_no_length_of_an_id_is_refused(store, applied, update):
    # Random, since PostgreSQL compresses what goes into an index.
    long = "".join(chr(0x4E00 + 7919 * n % 20000) for n in range(9000))
    applied("a", update(1, event_id=long, circuits=(long, long + "x"), provider=long))
    applied("b", update(2, event_id=long, circuits=(long,), provider=long))
    with store.reading() as conn:
        (event,) = queries.event(conn, long, now=datetime(2026, 11, 20, tzinfo=UTC))
        assert event["updates"] == 2
        assert [one["id"] for one in queries.events(conn, now=datetime(2026, 11, 20, tzinfo=UTC), circuit=long)]
        assert list(queries.check_laws(conn)) == []


def test_a_key_that_is_cut_is_still_its_own():
    keys = {schema.stored_key("x" * 1000 + end) for end in ("1", "2")}
    assert {len(key) for key in keys} == {schema.LONGEST_KEY}
    assert len(keys) == 2
    assert {schema.stored_key(key) for key in keys} == keys


def test_an_enum_is_stored_as_its_value(store):
    row = stored(store, schema.event_keys, kind=Disposition.APPLIED, provider="zayo", id_key="x")
    assert (row.kind, type(row.kind)) == ("applied", str)
