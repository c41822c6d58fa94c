"""What the two databases say when they fail, as one line that says what to do."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import sqlalchemy as sa

from domain.errors import StorageError

# How a database failed: what to do, and whether that is needed before it can be used again.
Failure = tuple[str, bool]

_OPENED = (
    "it cannot be opened: let the user who runs maintd read and write the file and its folder, and see that their file "
    "system is not mounted read-only"
)
_DISK_FULL = "the disk is full: make room; nothing that was committed is lost"

# Begins of SQLite's names of errors. Source: https://www.sqlite.org/rescode.html
_SQLITE = (
    (
        "SQLITE_NOTADB",
        "the file is not a database: put back the last copy that `maintd db backup` made, or name another file as "
        "[database] url",
        True,
    ),
    ("SQLITE_CORRUPT", "the file is damaged: put back the last copy that `maintd db backup` made", True),
    ("SQLITE_FULL", _DISK_FULL, False),
    # What it needs for its readers, beside the file.
    ("SQLITE_IOERR_SHMSIZE", _DISK_FULL, False),
    ("SQLITE_READONLY_DBMOVED", "the file was moved or deleted while it was open: put it back, then start again", True),
    ("SQLITE_READONLY", "it cannot be written: let the user who runs maintd write the file and its folder", False),
    ("SQLITE_CANTOPEN", _OPENED, True),
    ("SQLITE_PERM", _OPENED, True),
    ("SQLITE_BUSY", "another process has kept it locked for too long: find it with `fuser`, end it, try again", False),
    ("SQLITE_IOERR", "the disk cannot be read or written: look at the kernel's log, then run `maintd db check`", False),
)

_FULL = "the disk of the server is full: make room; nothing that was committed is lost"
_CUT = "the server was shut down or has cut the connection: see that it runs, try again"
_RIGHT = "a right is missing: make the user the owner of the database"

# Source: https://www.postgresql.org/docs/current/errcodes-appendix.html
_POSTGRESQL_STATES: dict[str, Failure] = {
    "3D000": ("there is no such database: create it with `createdb`", True),
    "25006": ("the server takes no writes (a standby?): name the primary server in [database] url", False),
    "25P03": ("a process that was stopped in the middle of its work has lost it: it is done again", False),
    "3F000": (_RIGHT, True),
    "42501": (_RIGHT, True),
    "53100": (_FULL, False),
    "53200": ("the server has no memory left: look at its log", False),
    "53300": ("the server has no connection left: raise its max_connections or end other clients", False),
    "55P03": ("another process has kept it locked for too long: see pg_stat_activity, try again", False),
    "57014": ("the server has ended what took too long: try again", False),
    "57P01": (_CUT, False),
    "57P02": (_CUT, False),
    "57P03": ("the server is starting or ending: wait for it, try again", False),
    "57P05": (_CUT, False),
    "58030": ("the disk of the server cannot be read or written: look at its log", False),
    "40001": ("two transactions were at the same rows: try again", False),
    "40P01": ("two transactions waited for each other: try again", False),
}

# A server that refuses a connection answers in words alone: libpq hands on no state.
_POSTGRESQL_WORDS: tuple[tuple[str, str, bool], ...] = (
    ("password authentication failed", "the password is wrong for this user: correct [database] url", True),
    ("no password supplied", "the server wants a password: put it into [database] url", True),
    ("no pg_hba.conf entry", "the server lets nobody in from here: add a line to its pg_hba.conf", True),
    ("authentication failed", "the server refused this user: correct [database] url or the server's pg_hba.conf", True),
    ("the database system is", "wait for it, try again", False),
    ("database", "there is no such database: create it with `createdb`", True),
    ("role", "there is no such user on the server: create it with `createuser`", True),
)
_UNREACHABLE: Failure = ("check that the server runs and can be reached from here", False)


@contextmanager
def told_in_one_line(place: str) -> Iterator[None]:
    """Turn what the drivers raise into a StorageError about ``place``; let through what is a mistake of ours."""
    try:
        yield
    except (sa.exc.DBAPIError, sqlite3.Error, psycopg.Error) as error:
        failure = _what_failed(error.orig if isinstance(error, sa.exc.DBAPIError) else error)
        if failure is None:
            raise
        what, permanent = failure
        raise StorageError(f"{place}: {what}", permanent=permanent) from error


def _what_failed(error: BaseException | None) -> Failure | None:
    """Say what failed and what to do; None for what is not the world's fault but a wrong statement."""
    if isinstance(error, sqlite3.Error):
        return _sqlite_failure(error)
    if isinstance(error, psycopg.Error):
        return _postgresql_failure(error)
    return None


def _sqlite_failure(error: sqlite3.Error) -> Failure | None:
    name = getattr(error, "sqlite_errorname", "")
    return next(((text, permanent) for begin, text, permanent in _SQLITE if name.startswith(begin)), None)


def _postgresql_failure(error: psycopg.Error) -> Failure | None:
    if error.sqlstate in _POSTGRESQL_STATES:
        hint, permanent = _POSTGRESQL_STATES[error.sqlstate]
        return f"{_last_words(error)}: {hint}", permanent
    if not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return None
    words = _last_words(error)
    fatal = error.sqlstate is None and "FATAL" in str(error)
    known = ((text, permanent) for begin, text, permanent in _POSTGRESQL_WORDS if fatal and begin in words)
    hint, permanent = next(known, _UNREACHABLE)
    return f"{words}: {hint}", permanent


def _last_words(error: psycopg.Error) -> str:
    """Return the line of an error that says most: the server's own, else the last attempt to connect."""
    primary = error.diag.message_primary
    if primary:
        return primary
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if "failed" in line or "FATAL" in line or "error" in line]
    line = (telling or lines or [type(error).__name__])[-1]
    return line.rpartition("FATAL:")[2].strip()
