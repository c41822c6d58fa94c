"""Open the database, bring its schema up to date, copy it, and keep a second daemon from a SQLite file.

SQLite is opened in WAL mode with full durability: what is committed survives a power cut, and readers never wait.
Its writers take the write lock when they begin, so that no transaction fails half-way for want of it. On PostgreSQL
writers run under READ COMMITTED and lock rows; readers see one moment of the database, as they do on SQLite.
"""

import fcntl
import math
import os
import shutil
import sqlite3
import stat
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime, timedelta
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

# How long a writer on PostgreSQL may be silent in the middle of its work: one that is stopped (SIGSTOP) loses what it
# has locked, so that the others need not wait until it goes on.
SILENT_SECONDS = 20

# Nothing waits longer for a PostgreSQL that does not answer: to be let in, for a statement, and for packets.
CONNECT_SECONDS = 10
ANSWER_SECONDS = 60.0
_KEEPALIVE = {
    "connect_timeout": CONNECT_SECONDS,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}

# The number of the advisory lock under which one process at a time changes a PostgreSQL schema: "maintd" in ASCII.
_UPGRADE_LOCK = 0x6D61696E7464

_MIB = 1024 * 1024

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
        # By how much the clock of the database is ahead of that of this machine.
        self._ahead = timedelta(0)
        if self.dialect == "sqlite":
            self._reader = self._writer = engine
        else:
            self._reader = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            self._writer = engine.execution_options(isolation_level="READ COMMITTED")
        # SQLite makes writers poll for its lock. Those of this process take turns here, at once and in order.
        self._turn = threading.RLock()

    @property
    def shared(self) -> bool:
        """Say whether several daemons may be at it."""
        return self.dialect != "sqlite"

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
                _limit_postgresql(connection)
                yield self._with_outbox(connection)
            return
        with self._turn, told_in_one_line(self.place), self._writer.begin() as connection:
            _begin_sqlite(connection, writing=True)
            yield self._with_outbox(connection)

    def _with_outbox(self, connection: Connection) -> Connection:
        """Tell whoever writes events in this transaction that they go into the outbox, and when they are due."""
        if self._outbox_clock is None:
            return connection
        return connection.execution_options(**{DUE_AT: self.by_its_clock(self._outbox_clock())})

    def follow(self, now: datetime) -> None:
        """Find out how far the clock of a shared database is from that of this machine, on which it is ``now``."""
        if self.shared:
            with self.reading() as connection:
                there: datetime = connection.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
            self._ahead = there - now

    def by_its_clock(self, now: datetime) -> datetime:
        """Return what time it is by the clock of the database, as it was last asked, when it is ``now`` here."""
        return now + self._ahead

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
    return Store(_engine(parsed, patience=ANSWER_SECONDS), place, outbox_clock=outbox_clock)


def revision(url: str) -> str | None:
    """Return the revision of the schema, None where there is none. Creates nothing."""
    parsed = _parsed(url)
    if parsed.get_backend_name() == "sqlite" and not _is_there(_file(parsed), _place(parsed)):
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

    For SQLite the copy is a database, and is looked at before it is taken for one; for PostgreSQL it is a dump in
    pg_dump's own format for pg_restore. StorageError where ``target`` exists. There is no such file until it is whole:
    before that it is called ``target`` with .part behind.
    """
    parsed = _parsed(url)
    place = _place(parsed)
    found = revision(url)
    if found is None:
        raise StorageError(f"{place}: there is no database of maintd to copy")
    with _new_file(target) as part:
        if parsed.get_backend_name() == "sqlite":
            _copy_file(_file(parsed), part, place)
        else:
            _dump(parsed, part, place)


def free_octets(store: Store) -> int | None:
    """Return how much of a SQLite file nothing stands in; None for PostgreSQL, which minds that by itself."""
    if store.dialect != "sqlite":
        return None
    with store.reading() as connection:
        free, size = (connection.scalar(sa.text(f"PRAGMA {name}")) for name in ("freelist_count", "page_size"))
    return int(free * size)


def vacuum(store: Store) -> int:
    """Make a SQLite file as small as what stands in it; return how much room that gave back, in octets.

    Nobody else may write meanwhile: the caller holds the lock. StorageError, with nothing changed, where there is no
    room for it: all that stands in the file is written twice, beside it.
    """
    path = Path(store.place)
    before = path.stat().st_size
    needed = 2 * (before - (free_octets(store) or 0))
    room = shutil.disk_usage(path.parent).free
    if room < needed:
        missing = f"it takes {needed // _MIB + 1} MiB beside the file, {room // _MIB} are free"
        raise StorageError(f"{path}: it cannot be made smaller: {missing}: make room, then try again")
    with told_in_one_line(store.place), closing(sqlite3.connect(path, timeout=LOCK_SECONDS)) as connection:
        # Not on another disk, of whose room nobody has thought.
        connection.execute("PRAGMA temp_store_directory = '{}'".format(str(path.parent).replace("'", "''")))
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return before - path.stat().st_size


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
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            pid = os.read(descriptor, 20).decode("ascii", "replace").strip() or "unknown"
            raise DatabaseInUse(f"{place} is in use by maintd with pid {pid}: stop it first") from error
        # The number is for people alone: on a full disk the lock holds without it.
        with suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(descriptor)


def lock_holder(url: str) -> int | None:
    """Return the pid of the daemon on a SQLite file; None where there is none, and for PostgreSQL."""
    parsed = _parsed(url)
    if parsed.get_backend_name() != "sqlite":
        return None
    try:
        with Path(f"{_file(parsed)}.lock").open(encoding="ascii") as file:
            pid = int(file.read())
            # Whose process is gone holds nothing; without this look one that begins now might be refused for ours.
            if not Path(f"/proc/{pid}").exists():
                return None
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return pid
    except (OSError, ValueError):
        return None
    return None


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


def _engine(parsed: URL, *, foreign_keys: bool = True, patience: float = math.inf) -> Engine:
    """Return what gives out connections; on PostgreSQL no statement is waited for longer than ``patience``."""
    # Parameters are hidden in errors: they hold mail.
    if parsed.get_backend_name() != "sqlite":
        return _postgresql_engine(parsed, patience)
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


def _limit_postgresql(connection: Connection) -> None:
    """Let the server end a transaction that waits too long for another one, or is left open by who was stopped."""
    limits = {"lock_timeout": LOCK_SECONDS, "idle_in_transaction_session_timeout": SILENT_SECONDS}
    words = "; ".join(f"SET LOCAL {name} = {round(1000 * seconds)}" for name, seconds in limits.items())
    # Its words are not prepared, so that both go in one packet.
    driver: Any = connection.connection.dbapi_connection
    driver.execute(words)


def _postgresql_engine(parsed: URL, patience: float) -> Engine:
    class Patient(psycopg.Connection[Any]):
        """A connection that is given up where an answer does not come: its server may hang, or be cut off."""

        def wait(self, gen: Generator[Any, Any, Any], *arguments: Any, **options: Any) -> Any:
            try:
                return super().wait(_answered(gen, patience), *arguments, **options)
            except TimeoutError as error:
                # It is in the middle of something, and can be used no more.
                self.pgconn.finish()
                raise psycopg.OperationalError(f"no answer within {patience:g} seconds") from error

    def connect(_dialect: object, _record: object, arguments: Any, options: dict[str, Any]) -> psycopg.Connection[Any]:
        return Patient.connect(*arguments, **_KEEPALIVE | options)

    engine = sa.create_engine(parsed, hide_parameters=True, pool_pre_ping=True)
    sa.event.listen(engine, "do_connect", connect)
    sa.event.listen(engine, "connect", _set_up_postgresql)
    return engine


def _answered(gen: Generator[Any, Any, Any], seconds: float) -> Generator[Any, Any, Any]:
    """Go on as psycopg asks, which does so some times a second; TimeoutError where nothing comes for so long."""
    heard, ready = time.monotonic(), None
    while True:
        try:
            wanted = gen.send(ready)
        except StopIteration as end:
            return end.value
        ready = yield wanted
        if ready:
            heard = time.monotonic()
        elif time.monotonic() - heard > seconds:
            gen.close()
            raise TimeoutError


def _set_up_postgresql(connection: psycopg.Connection, _record: object) -> None:
    """Let the server speak in UTC: an instant of the year 9999 cannot be read in a zone east of it.

    And let it see by itself that a client is gone, whose machine was cut off: what that has locked is free then.
    """
    connection.autocommit = True
    connection.execute("SET TIME ZONE 'UTC'")
    for name in ("idle", "interval", "count"):
        connection.execute(f"SET tcp_keepalives_{name} = {_KEEPALIVE[f'keepalives_{name}']}")
    connection.autocommit = False


# --- the schema -------------------------------------------------------------------------------------------------


def _revision(connection: Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    return found


def _make_file(path: Path, place: str) -> None:
    """Make a database without a table, that only its owner reads: there will be mail in it. One that is there is left.

    It has its name when its first page is on the disk: so an empty file is never one that was only just begun.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if _is_there(path, place):
            os.close(os.open(path, os.O_RDWR))
            return
        descriptor, name = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)
        os.close(descriptor)
        try:
            with told_in_one_line(place), closing(sqlite3.connect(name)) as connection:
                connection.execute("PRAGMA journal_mode = WAL")
            _give_name(Path(name), path)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(f"{place}: it cannot be created: {error.strerror}") from error


def _give_name(made: Path, path: Path) -> None:
    """Let a file have a name, unless another process was faster."""
    try:
        path.hardlink_to(made)
    except FileExistsError:
        return
    except OSError:
        # A file system without hard links.
        made.rename(path)


def _is_there(path: Path, place: str) -> bool:
    """Say whether there is a file; StorageError for an empty one, and where nobody can look."""
    try:
        facts = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        cure = "let the user who runs maintd read and write the file and its folder"
        raise StorageError(f"{place}: it cannot be opened: {error.strerror}: {cure}") from error
    if stat.S_ISREG(facts.st_mode) and facts.st_size == 0:
        cure = "put back the last copy that `maintd db backup` made, or remove the file to begin anew"
        raise StorageError(f"{place}: the file is empty, so it was lost: {cure}")
    return True


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
def _new_file(target: Path) -> Iterator[Path]:
    """Give a file to write to, which gets its name when it is whole and on the disk, and is removed where that fails.

    One that a copy left that was killed is written anew.
    """
    part = target.with_name(f"{target.name}.part")
    try:
        if target.exists() or target.is_symlink():
            raise StorageError(f"{target}: there is such a file already: name a new one")
        _remove(part)
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise StorageError(f"{target}: it cannot be created: {error.strerror}") from error
    try:
        yield part
        _keep(part, target)
    finally:
        _remove(part)


def _keep(part: Path, target: Path) -> None:
    try:
        for path in (part, part.parent):
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            if path is part:
                part.rename(target)
    except OSError as error:
        raise StorageError(f"{target}: it cannot be written: {error.strerror}") from error


def _remove(part: Path) -> None:
    """Remove an unfinished copy, with what SQLite puts beside one."""
    for path in (part, part.with_name(f"{part.name}-journal")):
        path.unlink(missing_ok=True)


def _copy_file(source: Path, part: Path, place: str) -> None:
    with (
        told_in_one_line(place),
        closing(sqlite3.connect(source, timeout=LOCK_SECONDS)) as reader,
        closing(sqlite3.connect(part)) as writer,
    ):
        try:
            # All pages in one step: in WAL mode that keeps nobody from writing, and needs no second look.
            reader.backup(writer, pages=-1)
            # One file, without a log beside it.
            writer.execute("PRAGMA journal_mode = DELETE")
            # Pages are copied as they are: of a damaged file as well, and then older copies are worth more.
            (found,) = writer.execute("PRAGMA quick_check(1)").fetchone()
        except sqlite3.Error as error:
            full = error.sqlite_errorname.startswith("SQLITE_FULL")
            with told_in_one_line(str(part.with_suffix("")) if full else place):
                raise
    if found != "ok":
        damage = " ".join(found.split())
        raise StorageError(f"{place}: the file is damaged, so it was not copied: put back the last copy: {damage}")


def _dump(parsed: URL, part: Path, place: str) -> None:
    program = shutil.which("pg_dump")
    shown = parsed._replace(drivername="postgresql", password=None)
    target = part.with_suffix("")
    typed = f'pg_dump --format=custom --file="{target}" "{_place(shown)}"'
    if program is None:
        raise StorageError(f"{place}: pg_dump is not installed here: type on a machine that has it: {typed}")
    # The password goes by the environment: everybody may read a command line.
    environment = {**os.environ, "PGPASSWORD": str(parsed.password)} if parsed.password else None
    done = subprocess.run(  # noqa: S603
        [program, "--format=custom", f"--file={part}", f"--dbname={shown.render_as_string()}"],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise StorageError(f"{place}: pg_dump failed: {said}")
