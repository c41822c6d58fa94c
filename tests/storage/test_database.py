"""Opening, upgrading, copying, locking, and what is said when it fails."""

import errno
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from domain.errors import DatabaseInUse, StorageError
from storage import database, messages, queries, schema
from storage.migrations import HEAD

CHECKOUT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
PRAGMAS = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000}


@pytest.fixture
def store(database_url):
    """A store on the database of this test alone: these tests change more than rows."""
    database.upgrade(database_url)
    opened = database.open_store(database_url)
    yield opened
    opened.close()


def python(code, *arguments):
    """Start a Python on the checkout."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def refusal(action, *arguments):
    """Return the one line with which something is refused."""
    with pytest.raises(StorageError) as caught:
        action(*arguments)
    line = str(caught.value)
    assert "\n" not in line
    return line


# --- opening and upgrading ---


def test_what_is_not_there_is_not_opened_and_not_made(database_url, tmp_path):
    assert "run `maintd db upgrade`" in refusal(database.open_store, database_url)
    assert database.revision(database_url) is None
    assert list(tmp_path.iterdir()) == []


def test_an_upgrade_makes_the_schema_and_may_be_repeated(database_url):
    database.upgrade(database_url)
    database.upgrade(database_url)
    assert database.revision(database_url) == HEAD
    database.open_store(database_url).close()


def test_another_revision_is_not_opened(store, database_url):
    with store.writing() as conn:
        conn.execute(sa.text("UPDATE alembic_version SET version_num = '0000'"))
    assert f"revision 0000, this maintd expects {HEAD}: run `maintd db upgrade`" in refusal(
        database.open_store, database_url
    )


def test_a_newer_revision_is_not_upgraded(store, database_url):
    with store.writing() as conn:
        conn.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    assert "revision 9999, which this maintd does not know: install the newer maintd" in refusal(
        database.upgrade, database_url
    )


def test_tables_of_another_program_are_left_alone(database_url):
    database.upgrade(database_url)
    store = database.open_store(database_url)
    with store.writing() as conn:
        conn.execute(sa.text("DROP TABLE alembic_version"))
    store.close()
    assert "tables that are not maintd's" in refusal(database.upgrade, database_url)


def test_a_failed_upgrade_leaves_nothing(database_url, monkeypatch):
    def fail(*_: object) -> None:
        raise StorageError("stopped")

    with monkeypatch.context() as patched:
        patched.setattr(database, "_check_foreign_keys", fail)
        assert refusal(database.upgrade, database_url) == "stopped"
    assert database.revision(database_url) is None
    database.upgrade(database_url)


def test_processes_that_upgrade_at_once_all_succeed(database_url):
    code = "import sys; from storage import database; database.upgrade(sys.argv[1]); database.open_store(sys.argv[1])"
    started = [python(code, database_url) for _ in range(4)]
    said = [process.communicate(timeout=100)[1] for process in started]
    assert [process.returncode for process in started] == [0] * 4, said
    assert database.revision(database_url) == HEAD


def test_a_relative_path_starts_at_the_working_directory_of_the_opening(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    database.upgrade("sqlite:///var/maintd.db")
    store = database.open_store("sqlite:///var/maintd.db")
    assert (tmp_path / "var" / "maintd.db").exists()
    monkeypatch.chdir("/")
    with store.reading() as conn:
        assert conn.scalar(sa.select(sa.func.count()).select_from(schema.messages)) == 0
    store.close()


def test_a_path_with_a_percent_sign_is_taken_as_it_is(tmp_path):
    url = f"sqlite:///{tmp_path}/100%25/maintd.db"
    database.upgrade(url)
    database.open_store(url).close()


def test_only_the_owner_reads_the_mail(sqlite_url):
    database.upgrade(sqlite_url)
    store = database.open_store(sqlite_url)
    with store.writing() as conn:
        messages.note_success(conn, "noc", "INBOX", NOW)
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    modes = {stat.S_IMODE(one.stat().st_mode) for one in path.parent.iterdir()}
    store.close()
    assert modes == {0o600}


# --- transactions ---


def test_sqlite_is_as_durable_as_it_can_be(sqlite_url):
    database.upgrade(sqlite_url)
    store = database.open_store(sqlite_url)
    with store.reading() as conn:
        found = {name: conn.exec_driver_sql(f"PRAGMA {name}").scalar() for name in PRAGMAS}
    store.close()
    assert found == PRAGMAS


def test_what_raises_is_not_committed(store, arrival):
    def fail() -> None:
        with store.writing() as conn:
            messages.record(conn, [arrival()], now=NOW)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    with store.reading() as conn:
        assert queries.messages(conn) == []


def test_a_reader_can_write_nothing(store, arrival):
    def write() -> None:
        with store.reading() as conn:
            messages.record(conn, [arrival()], now=NOW)

    line = refusal(write)
    assert "cannot be written" in line or "takes no writes" in line
    with store.writing() as conn:
        messages.record(conn, [arrival()], now=NOW)


def test_a_reader_sees_one_moment_and_keeps_no_writer_waiting(store, arrival):
    with store.reading() as reader:
        before = queries.messages(reader)
        with store.writing() as writer:
            messages.record(writer, [arrival()], now=NOW)
        assert queries.messages(reader) == before == []
    with store.reading() as reader:
        assert len(queries.messages(reader)) == 1


def test_writers_in_threads_take_turns(store, record, arrival):
    (number,) = record(arrival())

    def count() -> None:
        for _ in range(25):
            with store.writing() as conn:
                messages.add_attempt(conn, number)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.reading() as conn:
        assert queries.message(conn, number)["attempts"] == 100


def test_a_writer_in_another_process_is_waited_for(sqlite_url):
    database.upgrade(sqlite_url)
    code = """
import sys, time
from storage import database
store = database.open_store(sys.argv[1])
with store.writing() as conn:
    print("writing", flush=True)
    time.sleep(1)
"""
    other = python(code, sqlite_url)
    assert other.stdout.readline() == "writing\n"
    store = database.open_store(sqlite_url)
    with store.writing() as conn:
        messages.note_success(conn, "noc", "INBOX", NOW)
    assert other.wait(timeout=30) == 0
    other.communicate()
    store.close()


# --- the lock of the daemon ---


def test_one_daemon_at_a_time_has_a_sqlite_file(sqlite_url):
    with database.hold_lock(sqlite_url):
        assert f"maintd with pid {os.getpid()}: stop it first" in refusal(database.hold_lock(sqlite_url).__enter__)
    with database.hold_lock(sqlite_url):
        pass


def test_the_lock_names_the_other_process_and_goes_with_it(sqlite_url):
    code = """
import sys, time
from storage import database
with database.hold_lock(sys.argv[1]):
    print("held", flush=True)
    time.sleep(100)
"""
    other = python(code, sqlite_url)
    assert other.stdout.readline() == "held\n"
    with pytest.raises(DatabaseInUse, match=f"pid {other.pid}"), database.hold_lock(sqlite_url):
        pass
    other.send_signal(signal.SIGKILL)
    other.communicate()
    with database.hold_lock(sqlite_url):
        pass


@pytest.mark.postgresql
def test_several_daemons_may_share_a_postgresql(postgresql_url):
    with database.hold_lock(postgresql_url), database.hold_lock(postgresql_url):
        pass


# --- copies ---


def test_a_copy_is_made_while_others_write(store, database_url, arrival, tmp_path, postgresql_restore):
    with store.writing() as conn:
        messages.record(conn, [arrival("a")], now=NOW)
    with store.writing() as conn:
        messages.record(conn, [arrival("b", imap_uid=2)], now=NOW)
        database.backup(database_url, tmp_path / "copy")
    copied = database.open_store(postgresql_restore(database_url, tmp_path / "copy"))
    with copied.reading() as conn:
        assert [one["subject"] for one in queries.messages(conn)] == ["a"]
        assert list(queries.check_laws(conn)) == []
    copied.close()


def test_a_copy_overwrites_nothing(store, database_url, tmp_path):
    (tmp_path / "copy").write_text("dear to somebody")
    assert "there is such a file already" in refusal(database.backup, database_url, tmp_path / "copy")
    assert (tmp_path / "copy").read_text() == "dear to somebody"


def test_a_copy_that_was_killed_left_a_part_that_the_next_one_replaces(sqlite_url, tmp_path):
    database.upgrade(sqlite_url)
    for name in ("copy.part", "copy.part-journal"):
        (tmp_path / name).write_bytes(os.urandom(9000))
    database.backup(sqlite_url, tmp_path / "copy")
    assert not list(tmp_path.glob("copy.part*"))
    database.open_store(f"sqlite:///{tmp_path / 'copy'}").close()


def test_a_damaged_file_is_not_copied(sqlite_url, arrival, tmp_path):
    database.upgrade(sqlite_url)
    store = database.open_store(sqlite_url)
    with store.writing() as conn:
        messages.record(conn, [arrival(str(n), imap_uid=n) for n in range(200)], now=NOW)
    store.close()
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    content = bytearray(path.read_bytes())
    content[-4096:] = b"\xff" * 4096
    path.write_bytes(content)
    line = refusal(database.backup, sqlite_url, tmp_path / "copy")
    assert line.startswith(f"{path}: the file is damaged")
    assert not list(tmp_path.glob("copy*"))


def test_a_copy_of_nothing_is_refused_and_leaves_no_file(database_url, tmp_path):
    assert "no database of maintd to copy" in refusal(database.backup, database_url, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_a_copy_into_a_folder_that_is_not_there_is_refused(store, database_url, tmp_path):
    assert "it cannot be created: No such file" in refusal(database.backup, database_url, tmp_path / "no" / "copy")


@pytest.mark.postgresql
def test_without_pg_dump_the_command_to_type_is_told(postgresql_url, tmp_path, monkeypatch):
    database.upgrade(postgresql_url)
    monkeypatch.setenv("PATH", str(tmp_path))
    line = refusal(database.backup, postgresql_url, tmp_path / "copy")
    assert "pg_dump --format=custom" in line
    assert "not-a-secret" not in line
    assert not (tmp_path / "copy").exists()


@pytest.mark.postgresql
def test_a_failed_dump_says_why_and_leaves_no_file(postgresql_url, tmp_path, monkeypatch):
    database.upgrade(postgresql_url)
    program = tmp_path / "pg_dump"
    program.write_text("#!/bin/sh\necho 'pg_dump: error: out of luck' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert refusal(database.backup, postgresql_url, tmp_path / "copy").endswith("out of luck")
    assert not (tmp_path / "copy").exists()


@pytest.fixture
def postgresql_restore(request):
    """Make a database of a copy: of a SQLite file the file itself, of a dump a new database."""

    def restore(url, copy):
        if url.startswith("sqlite"):
            assert sorted(path.name for path in copy.parent.glob("copy*")) == ["copy"]
            return f"sqlite:///{copy}"
        server = request.getfixturevalue("postgresql_server")
        server.run("DROP DATABASE IF EXISTS restored WITH (FORCE)")
        server.run("CREATE DATABASE restored")
        place = f"host={server.sockets} port={server.port} user=maintd dbname=restored"
        subprocess.run([server.programs / "pg_restore", f"--dbname={place}", copy], check=True)
        return server.url("restored")

    return restore


# --- what is said when it fails ---


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("mysql://noc:hunter2@db/maintd", "got mysql://…, expected sqlite:///PATH"),
        ("hunter2", "this is not a URL"),
        ("postgresql+psycopg://noc:hunter2@db:port/maintd", "this is not a URL"),
        ("sqlite://", "expected sqlite:///relative/path or sqlite:////absolute/path"),
        ("sqlite:///:memory:", "expected sqlite:///relative/path"),
        ("sqlite:///x.db?mode=ro", "expected sqlite:///relative/path"),
    ],
)
@pytest.mark.parametrize("action", [database.open_store, database.upgrade, database.revision])
def test_a_url_that_is_not_understood_is_refused_without_its_password(action, url, expected):
    line = refusal(action, url)
    assert expected in line
    assert "hunter2" not in line


def test_a_file_that_is_no_database_is_left_as_it_is(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("not a database " * 100)
    for action in (database.open_store, database.upgrade):
        assert "the file is not a database" in refusal(action, f"sqlite:///{path}")
    assert path.read_text() == "not a database " * 100


def test_an_empty_file_is_what_was_lost_and_not_what_is_new(tmp_path):
    path = tmp_path / "maintd.db"
    path.touch()
    for action in (database.open_store, database.upgrade, database.revision):
        line = refusal(action, f"sqlite:///{path}")
        assert line.startswith(f"{path}: the file is empty, so it was lost: put back the last copy")
    assert path.read_bytes() == b""
    path.unlink()
    database.upgrade(f"sqlite:///{path}")
    assert [one.name for one in tmp_path.iterdir()] == ["maintd.db"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_system_without_hard_links_will_do(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    database.upgrade(f"sqlite:///{tmp_path}/maintd.db")
    assert [one.name for one in tmp_path.iterdir()] == ["maintd.db"]


def test_a_folder_is_no_database(tmp_path):
    assert "cannot be" in refusal(database.upgrade, f"sqlite:///{tmp_path}")
    assert "cannot be opened" in refusal(database.open_store, f"sqlite:///{tmp_path}")


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    line = refusal(database.upgrade, f"sqlite:///{tmp_path}/file/sub/maintd.db")
    assert line == f"{tmp_path}/file/sub/maintd.db: it cannot be created: Not a directory"
    assert "Not a directory" in refusal(database.hold_lock(f"sqlite:///{tmp_path}/file/sub/maintd.db").__enter__)


def test_a_damaged_file_is_told_by_whoever_reads_it(sqlite_url, arrival):
    database.upgrade(sqlite_url)
    store = database.open_store(sqlite_url)
    with store.writing() as conn:
        messages.record(conn, [arrival(str(n), imap_uid=n) for n in range(200)], now=NOW)
    store.close()
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)

    def read() -> None:
        with database.Store(database._engine(database._parsed(sqlite_url)), str(path)).reading() as conn:
            queries.messages(conn)

    assert "the file is damaged: put back the last copy" in refusal(read)


def test_a_full_disk_is_told_and_nothing_half_is_kept(sqlite_url, arrival):
    database.upgrade(sqlite_url)
    store = database.open_store(sqlite_url)

    def write() -> None:
        with store.writing() as conn:
            pages = conn.exec_driver_sql("PRAGMA page_count").scalar()
            conn.exec_driver_sql(f"PRAGMA max_page_count = {pages + 2}")
            for n in range(100):
                messages.record(conn, [arrival(str(n), imap_uid=n, raw=os.urandom(10_000))], now=NOW)

    assert "the disk is full: make room" in refusal(write)
    with store.reading() as conn:
        assert queries.messages(conn) == []
    store.close()


def test_a_locked_file_is_told(sqlite_url, monkeypatch):
    database.upgrade(sqlite_url)
    monkeypatch.setattr(database, "LOCK_SECONDS", 0.1)
    store = database.open_store(sqlite_url)
    holder = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    assert "another process has kept it locked" in refusal(store.writing().__enter__)
    holder.close()
    store.close()


@pytest.mark.postgresql
@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"password": "hunter2"}, "the password is wrong for this user"),
        ({"username": "hunter2"}, "password"),
        ({"database": "nowhere"}, "there is no such database: create it with `createdb`"),
        ({"port": 1}, "check that the server runs and can be reached from here"),
        ({"host": "no-such-host.invalid"}, "check that the server runs and can be reached from here"),
    ],
)
def test_a_server_that_cannot_be_used_is_told_without_the_password(postgresql_url, wrong, expected):
    url = sa.make_url(postgresql_url).set(**wrong).render_as_string(hide_password=False)
    for action in (database.open_store, database.upgrade):
        line = refusal(action, url)
        assert expected in line
        assert "not-a-secret" not in line
        assert "hunter2" not in line or "username" in wrong


@pytest.mark.postgresql
def test_a_password_in_the_query_is_not_told_either(postgresql_url):
    url = sa.make_url(postgresql_url).set(password=None).update_query_dict({"password": "hunter2"})
    line = refusal(database.open_store, url.render_as_string(hide_password=False))
    assert "the password is wrong" in line
    assert "hunter2" not in line


@pytest.mark.postgresql
def test_a_user_without_rights_is_told(postgresql_server, postgresql_url):
    postgresql_server.run("DROP ROLE IF EXISTS guest")
    postgresql_server.run("CREATE ROLE guest LOGIN PASSWORD 'guest'")
    guest = sa.make_url(postgresql_url).set(username="guest", password="guest").render_as_string(hide_password=False)
    assert "a right is missing: make the user the owner" in refusal(database.upgrade, guest)
    database.upgrade(postgresql_url)
    assert "a right is missing" in refusal(database.open_store, guest)


@pytest.mark.postgresql
def test_another_encoding_is_refused(postgresql_server, postgresql_url):
    postgresql_server.run("DROP DATABASE IF EXISTS latin")
    postgresql_server.run("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0")
    assert "the encoding is LATIN1, expected UTF8" in refusal(database.upgrade, postgresql_server.url("latin"))
    postgresql_server.run("DROP DATABASE latin")


@pytest.mark.postgresql
def test_a_connection_that_was_cut_is_told_and_the_next_one_works(postgresql_url):
    database.upgrade(postgresql_url)
    store = database.open_store(postgresql_url)

    def be_cut() -> None:
        with store.writing() as conn:
            own = conn.scalar(sa.text("SELECT pg_backend_pid()"))
            plain = postgresql_url.replace("+psycopg", "")
            with psycopg.connect(plain, autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s)", [own])
            messages.note_success(conn, "noc", "INBOX", NOW)

    assert refusal(be_cut).startswith("postgresql+psycopg://maintd@127.0.0.1")
    with store.writing() as conn:
        messages.note_success(conn, "noc", "INBOX", NOW)
    store.close()


@pytest.mark.postgresql
def test_a_writer_that_is_stopped_in_the_middle_loses_its_locks_and_is_told(postgresql_url, monkeypatch):
    monkeypatch.setattr(database, "SILENT_SECONDS", 0.2)
    database.upgrade(postgresql_url)
    store = database.open_store(postgresql_url)

    def be_silent_while_another_writes() -> None:
        with store.writing() as conn:
            messages.note_success(conn, "noc", "INBOX", NOW)
            with store.writing() as other:
                messages.note_success(other, "noc", "INBOX", NOW)
            messages.note_success(conn, "noc", "INBOX", NOW)

    assert "a process that was stopped in the middle of its work" in refusal(be_silent_while_another_writes)
    store.close()


@pytest.mark.postgresql
def test_a_lock_of_another_program_is_told_as_that(postgresql_url, monkeypatch):
    monkeypatch.setattr(database, "LOCK_SECONDS", 0.2)
    database.upgrade(postgresql_url)
    store = database.open_store(postgresql_url)

    def write_beside_it() -> None:
        with store.writing() as conn:
            messages.note_success(conn, "noc", "INBOX", NOW)

    with psycopg.connect(postgresql_url.replace("+psycopg", "")) as holder:
        holder.execute("LOCK TABLE cursors")
        assert "another process has kept it locked for too long: see pg_stat_activity" in refusal(write_beside_it)
    store.close()
