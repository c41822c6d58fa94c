"""Whether trying again helps is told with each failure of a database, and nobody waits for ever for one that hangs."""

import os
import signal
import socket
import sqlite3
from contextlib import closing, contextmanager

import psycopg
import pytest
import sqlalchemy as sa

from domain.errors import StorageError
from storage import database
from storage.failures import told_in_one_line


@contextmanager
def fails():
    """Give what a block fails with: its text and whether that is permanent."""
    found = []
    with pytest.raises(StorageError) as caught:
        yield found
    found += [str(caught.value), caught.value.permanent]


def refused(words):
    """Raise what libpq says of a server that refuses a connection."""
    raise psycopg.OperationalError(
        f'connection failed: connection to server at "db", port 5432 failed: FATAL:  {words}'
    )


@pytest.mark.parametrize(
    ("words", "told", "permanent"),
    [
        ("the database system is starting up", "wait for it", False),
        ("the database system is shutting down", "wait for it", False),
        ("the database system is in recovery mode", "wait for it", False),
        ("the database system is not yet accepting connections", "wait for it", False),
        ("sorry, too many clients already", "check that the server runs", False),
        ("remaining connection slots are reserved for superusers", "check that the server runs", False),
        ('database "none" does not exist', "create it with `createdb`", True),
        ('role "nobody" does not exist', "create it with `createuser`", True),
        ('password authentication failed for user "maintd"', "the password is wrong", True),
        ('no pg_hba.conf entry for host "10.0.0.1"', "add a line to its pg_hba.conf", True),
    ],
)
def test_a_server_that_refuses_says_whether_it_will_always(words, told, permanent):
    with fails() as found, told_in_one_line("db"):
        refused(words)
    assert (told in found[0], found[1]) == (True, permanent)


def test_a_server_that_is_not_there_may_come():
    with fails() as found, socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        listener.close()
        database.open_store(f"postgresql+psycopg://maintd@127.0.0.1:{port}/maintd")
    assert ("check that the server runs" in found[0], found[1]) == (True, False)


def test_a_file_that_is_locked_may_be_free_later_and_one_that_is_no_database_stays_so(tmp_path):
    path = tmp_path / "x.db"
    with closing(sqlite3.connect(path)) as holder, closing(sqlite3.connect(path, timeout=0)) as other:
        holder.execute("CREATE TABLE t (x)")
        holder.execute("BEGIN IMMEDIATE")
        with fails() as found, told_in_one_line("x.db"):
            other.execute("BEGIN IMMEDIATE")
        assert found[1] is False
    path.write_bytes(b"no database" * 500)
    with fails() as found, told_in_one_line("x.db"), closing(sqlite3.connect(path)) as other:
        other.execute("SELECT * FROM t")
    assert found[1] is True


def test_a_full_disk_may_have_room_again(tmp_path):
    with closing(sqlite3.connect(tmp_path / "x.db")) as connection:
        connection.execute("CREATE TABLE t (x)")
        connection.execute("PRAGMA max_page_count = 3")
        with fails() as found, told_in_one_line("x.db"):
            connection.execute("INSERT INTO t VALUES (zeroblob(100000))")
    assert ("make room" in found[0], found[1]) == (True, False)


@pytest.mark.postgresql
def test_a_server_that_hangs_is_given_up_and_the_next_connection_is_another(postgresql_url, monkeypatch):
    database.upgrade(postgresql_url)
    monkeypatch.setattr(database, "ANSWER_SECONDS", 0.5)
    store = database.open_store(postgresql_url)
    pid = None
    try:
        with fails() as found, store.reading() as connection:
            pid = connection.scalar(sa.text("SELECT pg_backend_pid()"))
            os.kill(pid, signal.SIGSTOP)
            connection.execute(sa.text("SELECT 1"))
        assert ("no answer within 0.5 seconds" in found[0], found[1]) == (True, False)
        with store.reading() as connection:
            assert connection.scalar(sa.text("SELECT pg_backend_pid()")) != pid
    finally:
        if pid is not None:
            os.kill(pid, signal.SIGCONT)
        store.close()


@pytest.mark.postgresql
def test_the_server_asks_whether_its_clients_are_there(postgresql_url):
    database.upgrade(postgresql_url)
    store = database.open_store(postgresql_url)
    try:
        with store.reading() as connection:
            assert connection.scalar(sa.text("SHOW tcp_keepalives_idle")) == "10"
    finally:
        store.close()
