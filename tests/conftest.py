"""Databases for the tests: an empty SQLite file, or an empty database of a PostgreSQL that lives as long as the run."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

USER, PASSWORD = "maintd", "not-a-secret"
START_SECONDS = 60

# Durable against a kill of its clients, which is what tests do, and not against a power cut, which costs time.
SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "50"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresqlServer:
    """A running PostgreSQL, on loopback and on a socket in its own folder."""

    programs: Path
    sockets: Path
    port: int

    def url(self, database: str) -> str:
        """Return the URL of a database, over TCP and with a password as in real life."""
        return f"postgresql+psycopg://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def run(self, statement: str, *, database: str = "postgres") -> None:
        """Run a statement outside of any transaction, as the owner of the server."""
        place = f"host={self.sockets} port={self.port} user={USER} dbname={database}"
        with closing(psycopg.connect(place, autocommit=True)) as connection:
            connection.execute(statement)


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@contextmanager
def running_postgresql(programs: Path) -> Iterator[PostgresqlServer]:
    """Make a cluster in a new folder and run a server on it; both are gone afterwards."""
    home = Path(tempfile.mkdtemp(prefix="maintd-postgresql-"))
    # The server refuses to run as root.
    owner = "postgres" if os.geteuid() == 0 else None
    try:
        (home / "password").write_text(PASSWORD)
        if owner:
            for path in (home, home / "password"):
                shutil.chown(path, owner, owner)
        made = subprocess.run(
            [
                *(programs / "initdb", f"--pgdata={home / 'data'}", f"--username={USER}"),
                *(f"--pwfile={home / 'password'}", "--auth-local=trust", "--auth-host=scram-sha-256"),
                *("--encoding=UTF8", "--locale=C", "--no-sync"),
            ],
            user=owner,
            group=owner,
            extra_groups=[] if owner else None,
            cwd=home,
            capture_output=True,
            text=True,
            check=False,
        )
        assert made.returncode == 0, made.stderr
        server, process = _start(programs, home, owner)
        try:
            server.run("CREATE DATABASE tests")
            yield server
        finally:
            # Does not wait for clients, as the other signals do.
            process.send_signal(signal.SIGINT)
            process.wait(timeout=30)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _start(
    programs: Path, home: Path, owner: str | None, attempts: int = 3
) -> tuple[PostgresqlServer, "subprocess.Popen[bytes]"]:
    server = PostgresqlServer(programs=programs, sockets=home, port=free_port())
    settings = {**SETTINGS, "listen_addresses": "127.0.0.1", "unix_socket_directories": str(home)}
    with (home / "log").open("ab") as log:
        process = subprocess.Popen(
            [
                *(programs / "postgres", "-D", home / "data", "-p", str(server.port)),
                *(word for name, value in settings.items() for word in ("-c", f"{name}={value}")),
            ],
            user=owner,
            group=owner,
            extra_groups=[] if owner else None,
            cwd=home,
            stdout=log,
            stderr=log,
        )
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            server.run("SELECT 1")
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return server, process
    process.kill()
    process.wait()
    # Another process may have taken the port meanwhile.
    assert attempts > 1, (home / "log").read_text()
    return _start(programs, home, owner, attempts - 1)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgresqlServer]:
    """The PostgreSQL of this run; skips where none is installed, which in CI is a failure."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    on_path = shutil.which("initdb")
    if not found and on_path is None:
        absent = "PostgreSQL is not installed: there is no /usr/lib/postgresql/*/bin/initdb"
        if os.environ.get("CI") == "true":
            pytest.fail(absent)
        pytest.skip(absent)
    programs = found[-1].parent if found else Path(str(on_path)).resolve().parent
    with running_postgresql(programs) as server:
        yield server


@pytest.fixture
def postgresql_url(postgresql_server: PostgresqlServer) -> str:
    """The URL of an empty PostgreSQL database, for this test alone."""
    # Emptied and not made anew, which takes twenty times as long; from clients that an earlier test left it is taken.
    postgresql_server.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'tests'")
    empty = "DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT USAGE ON SCHEMA public TO PUBLIC"
    postgresql_server.run(empty, database="tests")
    return postgresql_server.url("tests")


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of a SQLite file that does not exist yet, for this test alone."""
    return f"sqlite:///{tmp_path / 'maintd.db'}"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database: the same test runs on SQLite and on PostgreSQL."""
    return str(request.getfixturevalue(f"{request.param}_url"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was skipped and why: one line for each reason, however many tests have it."""
    reasons = Counter(str(report.longrepr[2]) for report in terminalreporter.stats.get("skipped", []))
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"{count} skipped: {reason.removeprefix('Skipped: ')}")
