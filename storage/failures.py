"""What the two databases say when they fail, as one line that says what to do."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import sqlalchemy as sa

from domain.errors import StorageError

# Begins of SQLite's names of errors. Source: https://www.sqlite.org/rescode.html
_SQLITE = (
    ("SQLITE_NOTADB", "the file is not a database: name another one as [database] url, or move this one away"),
    ("SQLITE_CORRUPT", "the file is damaged: put back the last copy that `maintd db backup` made"),
    ("SQLITE_FULL", "the disk is full: make room, then start again; nothing that was committed is lost"),
    ("SQLITE_READONLY", "it cannot be written: let the user who runs maintd write the file and its folder"),
    ("SQLITE_CANTOPEN", "it cannot be opened: let the user who runs maintd read and write the file and its folder"),
    ("SQLITE_PERM", "it cannot be opened: let the user who runs maintd read and write the file and its folder"),
    ("SQLITE_BUSY", "another process has kept it locked for too long: find it with `fuser`, end it, try again"),
    ("SQLITE_IOERR", "the disk cannot be read or written: look at the kernel's log, then run `maintd db check`"),
)

# Source: https://www.postgresql.org/docs/current/errcodes-appendix.html
_POSTGRESQL_STATES = {
    "3D000": "there is no such database: create it with `createdb`",
    "25006": "the server takes no writes (a standby?): name the primary server in [database] url",
    "3F000": "a right is missing: make the user the owner of the database",
    "42501": "a right is missing: make the user the owner of the database",
    "53100": "the disk of the server is full: make room, then start again; nothing that was committed is lost",
    "53300": "the server has no connection left: raise its max_connections or end other clients",
    "57P01": "the server was shut down or has cut the connection: see that it runs, try again",
    "40P01": "two transactions waited for each other: try again",
}

# A server that refuses a connection answers in words alone: libpq hands on no state.
_POSTGRESQL_WORDS = (
    ("password authentication failed", "the password is wrong for this user: correct [database] url"),
    ("no password supplied", "the server wants a password: put it into [database] url"),
    ("no pg_hba.conf entry", "the server lets nobody in from here: add a line to its pg_hba.conf"),
    ("authentication failed", "the server refused this user: correct [database] url or the server's pg_hba.conf"),
    ("database", "there is no such database: create it with `createdb`"),
    ("role", "there is no such user on the server: create it with `createuser`"),
)


@contextmanager
def told_in_one_line(place: str) -> Iterator[None]:
    """Turn what the drivers raise into a StorageError about ``place``; let through what is a mistake of ours."""
    try:
        yield
    except sa.exc.DBAPIError as error:
        what = _what_failed(error.orig)
        if what is None:
            raise
        raise StorageError(f"{place}: {what}") from error
    except (sqlite3.Error, psycopg.Error) as error:
        what = _what_failed(error)
        if what is None:
            raise
        raise StorageError(f"{place}: {what}") from error


def _what_failed(error: BaseException | None) -> str | None:
    """Say what failed and what to do; None for what is not the world's fault but a wrong statement."""
    if isinstance(error, sqlite3.Error):
        return _sqlite_failure(error)
    if isinstance(error, psycopg.Error):
        return _postgresql_failure(error)
    return None


def _sqlite_failure(error: sqlite3.Error) -> str | None:
    name = getattr(error, "sqlite_errorname", "")
    return next((text for begin, text in _SQLITE if name.startswith(begin)), None)


def _postgresql_failure(error: psycopg.Error) -> str | None:
    if error.sqlstate in _POSTGRESQL_STATES:
        return f"{_last_words(error)}: {_POSTGRESQL_STATES[error.sqlstate]}"
    if not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return None
    words = _last_words(error)
    fatal = error.sqlstate is None and "FATAL" in str(error)
    hint = next((text for begin, text in _POSTGRESQL_WORDS if fatal and begin in words), None)
    return f"{words}: {hint or 'check that the server runs and can be reached from here'}"


def _last_words(error: psycopg.Error) -> str:
    """Return the line of an error that says most: the server's own, else the last attempt to connect."""
    primary = error.diag.message_primary
    if primary:
        return primary
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if "failed" in line or "FATAL" in line or "error" in line]
    line = (telling or lines or [type(error).__name__])[-1]
    return line.rpartition("FATAL:")[2].strip()
