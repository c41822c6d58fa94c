"""An opened store on both databases, and the builders of what is in it."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection

from domain.events import Update
from domain.message import Arrival, Reading, Reason
from storage import database, messages, schema
from storage.database import Store
from tests.building import NOW, apply, build_arrival, build_outage, build_reading, build_update


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with its schema, to be copied."""
    path = tmp_path_factory.mktemp("template") / "maintd.db"
    database.upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgresql_ledger(postgresql_server: Any) -> Any:
    """The server, with a database "ledger" that has its schema, to be emptied."""
    postgresql_server.run("CREATE DATABASE ledger")
    database.upgrade(postgresql_server.url("ledger"))
    return postgresql_server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A store with its schema and without a row, opened: the same test runs on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        copy = shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "maintd.db")
        url = f"sqlite:///{copy}"
    else:
        server = request.getfixturevalue("postgresql_ledger")
        server.run(f"TRUNCATE {', '.join(schema.metadata.tables)} RESTART IDENTITY", database="ledger")
        url = server.url("ledger")
    opened = database.open_store(url)
    yield opened
    opened.close()


@pytest.fixture
def arrival() -> Callable[..., Arrival]:
    return build_arrival


@pytest.fixture
def update() -> Callable[..., Update]:
    return build_update


@pytest.fixture
def outage() -> Callable[..., Update]:
    return build_outage


@pytest.fixture
def reading() -> Callable[..., Reading]:
    return build_reading


@pytest.fixture
def applied(store: Store) -> Callable[..., int]:
    """Let a mail come in and be read: ``applied("name of the mail", update, …)`` returns the message's number."""

    def apply_to_store(name: str, *updates: Update, reason: Reason | None = None) -> int:
        return apply(store, name, *updates, reason=reason)

    return apply_to_store


@pytest.fixture
def record(store: Store) -> Callable[..., list[int]]:
    """Record arrivals and return their messages' numbers."""

    def record_in_store(*arrivals: Arrival) -> list[int]:
        with store.writing() as conn:
            return [one.message for one in messages.record(conn, arrivals, now=NOW)]

    return record_in_store


@contextmanager
def count_statements(conn: Connection) -> Iterator[list[str]]:
    """Yield the list of all statements that a connection is given meanwhile."""
    said: list[str] = []

    def note(_conn: object, _cursor: object, statement: str, *_rest: object) -> None:
        said.append(statement)

    sa.event.listen(conn, "before_cursor_execute", note)
    yield said
    sa.event.remove(conn, "before_cursor_execute", note)


@pytest.fixture
def statements() -> Callable[..., AbstractContextManager[list[str]]]:
    return count_statements
