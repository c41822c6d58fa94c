"""Open the database, bring its schema up to date, copy it, and keep a second daemon from a SQLite file.

SQLite is opened in WAL mode with full durability: what is committed survives a power cut, and readers never wait.
Its writers take the write lock when they begin, so that no transaction fails half-way for want of it. On PostgreSQL
writers run under READ COMMITTED and lock rows; readers see one moment of the database, as they do on SQLite.
"""

import fcntl
import os
import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy import Connection, Engine
from sqlalchemy.engine import URL

from domain.errors import DatabaseInUse, StorageError
from storage.failures import told_in_one_line
from storage.migrations import HEAD, HOME, REVISIONS
from storage.outbox import DUE_AT
from storage.schema import metadata

# How long a writer waits for another process (`maintd ack` beside the daemon), in seconds.
LOCK_SECONDS = 30

# The number of the advisory lock under which one process at a time changes a PostgreSQL schema: "maintd" in ASCII.
_UPGRADE_LOCK = 0x6D61696E7464

_KINDS = "sqlite:///PATH or postgresql+psycopg://USER:PASSWORD@HOST/DATABASE"


class Store:
    """The database, opened: it gives out connections, each inside of one transaction.

    ``outbox_clock`` tells when what changes in a transaction is due in NetBox; None: there is no NetBox to tell.
    """

    def __init__(self, engine: Engine, place: str, *, outbox_clock: Callable[[], datetime] | None = None) -> None:
        self.dialect = engine.dialect.name
        self.place = place
        self._engine = engine
        self._outbox_clock = outbox_clock
        if self.dialect == "sqlite":
            self._reader = self._writer = engine
        else:
            self._reader = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            self._writer = engine.execution_options(isolation_level="READ COMMITTED")
        # SQLite makes writers poll for its lock. Those of this process take turns here, at once and in order.
        self._turn = threading.RLock()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection that sees one moment of the database and can change nothing."""
        with told_in_one_line(self.place), self._reader.begin() as connection:
            if self.dialect == "sqlite":
                _begin_sqlite(connection, writing=False)
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give a connection whose changes are committed together at the end, or not at all after an exception."""
        if self.dialect != "sqlite":
            with told_in_one_line(self.place), self._writer.begin() as connection:
                yield self._with_outbox(connection)
            return
        with self._turn, told_in_one_line(self.place), self._writer.begin() as connection:
            _begin_sqlite(connection, writing=True)
            yield self._with_outbox(connection)

    def _with_outbox(self, connection: Connection) -> Connection:
        """Tell whoever writes events in this transaction that they go into the outbox, and when they are due."""
        if self._outbox_clock is None:
            return connection
        return connection.execution_options(**{DUE_AT: self._outbox_clock()})

    def close(self) -> None:
        """Close all connections. May be called twice."""
        self._engine.dispose()


def open_store(url: str, *, outbox_clock: Callable[[], datetime] | None = None) -> Store:
    """Return the opened database; StorageError where it cannot be used as it is, saying what to do.

    ``outbox_clock``: see ``Store``.
    """
    parsed = _parsed(url)
    place = _place(parsed)
    found = revision(url)
    if found is None:
        raise StorageError(f"{place}: there is no database of maintd yet: run `maintd db upgrade`")
    if found != HEAD:
        what = f"the schema is of revision {found}, this maintd expects {HEAD}"
        raise StorageError(f"{place}: {what}: run `maintd db upgrade`")
    return Store(_engine(parsed), place, outbox_clock=outbox_clock)


def revision(url: str) -> str | None:
    """Return the revision of the schema, None where there is none. Creates nothing."""
    parsed = _parsed(url)
    if parsed.get_backend_name() == "sqlite" and not _file(parsed).exists():
        return None
    engine = _engine(parsed)
    try:
        with told_in_one_line(_place(parsed)), engine.begin() as connection:
            return _revision(connection)
    finally:
        engine.dispose()


def upgrade(url: str) -> None:
    """Create the database's schema or bring it up to date. May be called twice, and by two processes at once.

    Makes the file and its folder for SQLite; a PostgreSQL database must exist. All is done in one transaction.
    """
    # Alembic is loaded here: it takes 0.1 s, and only this command needs it.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    parsed = _parsed(url)
    place = _place(parsed)
    if parsed.get_backend_name() == "sqlite":
        _make_file(_file(parsed), place)
    engine = _engine(parsed, foreign_keys=False)
    config = Config()
    # Alembic's options are interpolated.
    config.set_main_option("script_location", str(HOME).replace("%", "%%"))
    try:
        with told_in_one_line(place), engine.begin() as connection:
            if engine.dialect.name == "sqlite":
                _begin_sqlite(connection, writing=True)
            _prepare_upgrade(connection, place)
            config.attributes["connection"] = connection
            command.upgrade(config, HEAD)
            _check_foreign_keys(connection, place)
    finally:
        engine.dispose()


def backup(url: str, target: Path) -> None:
    """Write a copy of the database to a new file, while others write: one moment, whole.

    For SQLite the copy is a database, for PostgreSQL a dump in pg_dump's own format for pg_restore. StorageError where
    ``target`` exists; nothing is left of it where the copy fails.
    """
    parsed = _parsed(url)
    place = _place(parsed)
    found = revision(url)
    if found is None:
        raise StorageError(f"{place}: there is no database of maintd to copy")
    with _new_file(target):
        if parsed.get_backend_name() == "sqlite":
            _copy_file(_file(parsed), target, place)
        else:
            _dump(parsed, target, place)


@contextmanager
def hold_lock(url: str) -> Iterator[None]:
    """Be the one daemon on a SQLite file; StorageError with the other's pid where there is one already.

    Does nothing for PostgreSQL, where row locks let several work together. The lock goes with the process that holds
    it, however that ends.
    """
    parsed = _parsed(url)
    if parsed.get_backend_name() != "sqlite":
        yield
        return
    place = _place(parsed)
    path = Path(f"{_file(parsed)}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StorageError(f"{path}: the lock file cannot be opened: {error.strerror}") from error
    with os.fdopen(descriptor, "r+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            pid = file.read().strip() or "unknown"
            raise DatabaseInUse(f"{place} is in use by maintd with pid {pid}: stop it first") from error
        file.truncate()
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


# --- the URL ----------------------------------------------------------------------------------------------------


def _parsed(url: str) -> URL:
    """Return the URL with its driver named and a SQLite path made absolute; StorageError, without the password."""
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        # Neither the URL nor the cause is shown: a password can be the very part that cannot be read.
        raise StorageError(f"[database] url: this is not a URL: expected {_KINDS}") from None
    if parsed.drivername in ("sqlite", "sqlite+pysqlite"):
        return _sqlite_url(parsed)
    if parsed.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        return _postgresql_url(parsed)
    raise StorageError(f"[database] url: got {parsed.drivername}://…, expected {_KINDS}")


def _sqlite_url(parsed: URL) -> URL:
    if not parsed.database or parsed.database == ":memory:" or parsed.host or parsed.query:
        raise StorageError("[database] url: expected sqlite:///relative/path or sqlite:////absolute/path, and no more")
    return sa.URL.create("sqlite+pysqlite", database=str(Path(parsed.database).absolute()))


def _postgresql_url(parsed: URL) -> URL:
    """Return the URL with the password in its own place, where libpq would take it from the query as well."""
    password = parsed.query.get("password", parsed.password)
    bare = parsed.set(drivername="postgresql+psycopg", password=str(password) if password else None)
    return bare.difference_update_query(["password"])


def _place(parsed: URL) -> str:
    """Return what errors call the database: never with a password, which may stand in the query as well."""
    if parsed.get_backend_name() == "sqlite":
        return str(_file(parsed))
    # ``set`` takes None for "as it was".
    return parsed.set(query={})._replace(password=None).render_as_string()


def _file(parsed: URL) -> Path:
    return Path(parsed.database or "")


# --- connections ------------------------------------------------------------------------------------------------


def _engine(parsed: URL, *, foreign_keys: bool = True) -> Engine:
    # Parameters are hidden in errors: they hold mail.
    if parsed.get_backend_name() != "sqlite":
        engine = sa.create_engine(parsed, hide_parameters=True, pool_pre_ping=True)
        sa.event.listen(engine, "connect", _set_up_postgresql)
        return engine
    engine = sa.create_engine(parsed, hide_parameters=True, connect_args={"timeout": LOCK_SECONDS})

    def set_up(connection: sqlite3.Connection, _record: object) -> None:
        # The driver would begin transactions by itself, and too late: see _begin_sqlite.
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA foreign_keys = {'ON' if foreign_keys else 'OFF'}")

    sa.event.listen(engine, "connect", set_up)
    return engine


def _begin_sqlite(connection: Connection, *, writing: bool) -> None:
    """Begin for real: with the write lock for a writer, as a reader that can change nothing for the others.

    Not by a listener for SQLAlchemy's event "begin": an engine with any listener asks for more at each statement.
    """
    driver: Any = connection.connection.dbapi_connection
    driver.execute(f"PRAGMA query_only = {'OFF' if writing else 'ON'}")
    driver.execute("BEGIN IMMEDIATE" if writing else "BEGIN")


def _set_up_postgresql(connection: psycopg.Connection, _record: object) -> None:
    """Let the server speak in UTC: an instant of the year 9999 cannot be read in a zone east of it."""
    connection.autocommit = True
    connection.execute("SET TIME ZONE 'UTC'")
    connection.autocommit = False


# --- the schema -------------------------------------------------------------------------------------------------


def _revision(connection: Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    return found


def _make_file(path: Path, place: str) -> None:
    """Make an empty file that only its owner reads: there will be mail in it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise StorageError(f"{place}: it cannot be created: {error.strerror}") from error


def _prepare_upgrade(connection: Connection, place: str) -> None:
    """Wait for another process that upgrades, and refuse what is not ours to change."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_UPGRADE_LOCK)))
        encoding = connection.scalar(sa.text("SHOW server_encoding"))
        if encoding != "UTF8":
            raise StorageError(f"{place}: the encoding is {encoding}, expected UTF8: `createdb --encoding=UTF8`")
    found = _revision(connection)
    if found is not None and found not in REVISIONS:
        what = f"the schema is of revision {found}, which this maintd does not know"
        raise StorageError(f"{place}: {what}: install the newer maintd, or name another database")
    tables = set(sa.inspect(connection).get_table_names())
    # A PostgreSQL database may be shared with others; a SQLite file with a table in it is theirs.
    strange = tables if connection.dialect.name == "sqlite" else tables.intersection(metadata.tables)
    if found is None and strange:
        raise StorageError(f"{place}: it holds tables that are not maintd's ({min(strange)}): name another database")


def _check_foreign_keys(connection: Connection, place: str) -> None:
    """See that no reference was broken while SQLite did not look: a migration that alters a table copies it."""
    if connection.dialect.name != "sqlite":
        return
    broken = connection.execute(sa.text("PRAGMA foreign_key_check")).first()
    if broken is not None:
        raise StorageError(f"{place}: the upgrade would break a reference of {broken[0]}: nothing was changed")


# --- copies -----------------------------------------------------------------------------------------------------


@contextmanager
def _new_file(target: Path) -> Iterator[None]:
    """Make a file that was not there, and remove it again where writing to it fails."""
    try:
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError as error:
        raise StorageError(f"{target}: there is such a file already: name a new one") from error
    except OSError as error:
        raise StorageError(f"{target}: it cannot be created: {error.strerror}") from error
    try:
        yield
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _copy_file(source: Path, target: Path, place: str) -> None:
    with (
        told_in_one_line(place),
        closing(sqlite3.connect(source, timeout=LOCK_SECONDS)) as reader,
        closing(sqlite3.connect(target)) as writer,
        told_in_one_line(str(target)),
    ):
        # All pages in one step: in WAL mode that keeps nobody from writing, and needs no second look.
        reader.backup(writer, pages=-1)
        # One file, without a log beside it.
        writer.execute("PRAGMA journal_mode = DELETE")


def _dump(parsed: URL, target: Path, place: str) -> None:
    program = shutil.which("pg_dump")
    shown = parsed._replace(drivername="postgresql", password=None)
    typed = f'pg_dump --format=custom --file="{target}" "{_place(shown)}"'
    if program is None:
        raise StorageError(f"{place}: pg_dump is not installed here: type on a machine that has it: {typed}")
    # The password goes by the environment: everybody may read a command line.
    environment = {**os.environ, "PGPASSWORD": str(parsed.password)} if parsed.password else None
    done = subprocess.run(  # noqa: S603
        [program, "--format=custom", f"--file={target}", f"--dbname={shown.render_as_string()}"],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise StorageError(f"{place}: pg_dump failed: {said}")
