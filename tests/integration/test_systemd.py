"""What the daemon tells systemd, by a socket of the test's own in place of systemd's."""

import os
import socket
import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from ingestor.config import MailboxTable
from ingestor.health import Health
from ingestor.systemd import Service
from ingestor.watching import Watching
from storage import database
from tests.integration.program import (
    OWN_MAILS,
    PATIENCE_SECONDS,
    Program,
    alive,
    eventually,
    family,
    own_mail,
    stopped,
)

# In microseconds, as systemd says it.
A_SECOND = str(1_000_000)


class Manager:
    """Systemd's end of the socket; what comes is kept, field by field."""

    def __init__(self, address: str) -> None:
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._sock.bind(address)
        self._sock.settimeout(0.2)
        self.told: list[tuple[str, str]] = []

    def close(self) -> None:
        self._sock.close()

    def hears(self, *words: str, times: int = 1) -> bool:
        """Say whether something is told so often from now on, with much patience: ``hears("READY=1")``."""
        begin = len(self.told)

        def heard() -> bool:
            self._listen()
            return sum("=".join(one).startswith(words) for one in self.told[begin:]) >= times

        return eventually(heard)

    def of(self, name: str) -> list[str]:
        """Return what was told under a name."""
        return [value for one, value in self.told if one == name]

    def _listen(self) -> None:
        try:
            while True:
                for line in self._sock.recv(65_536).decode().splitlines():
                    name, _, value = line.partition("=")
                    self.told.append((name, value))
        except TimeoutError:
            return


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    with closing(Manager(str(tmp_path / "notify"))) as made:
        yield made


@pytest.fixture
def program(tmp_path: Path, sqlite_url: str) -> Program:
    return Program(directory=tmp_path, url=sqlite_url)


@pytest.fixture
def away(program: Program, free_port: int) -> Program:
    """A program whose three folders cannot be read: nothing listens there."""
    there = {"port": free_port, "username": "noc"}
    program.configure({"name": "one", **there, "folders": ["INBOX", "Carriers"]}, {"name": "another", **there})
    return program


@contextmanager
def served(program: Program, monkeypatch: Any, address: str = "", **environment: str) -> Iterator[Any]:
    """Run the daemon as systemd would start it."""
    with monkeypatch.context() as patch:
        for name, value in {"NOTIFY_SOCKET": address or str(program.directory / "notify"), **environment}.items():
            patch.setenv(name, value)
        process = program.start("run")
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.dovecot
def test_it_says_that_it_is_ready_how_it_is_and_that_it_ends(program, dovecot, user, manager, monkeypatch):
    dovecot.deliver(user, [own_mail("zayo/three_nights")])
    program.configure({"port": dovecot.imap, "username": user})

    with served(program, monkeypatch) as daemon:
        assert manager.hears("READY=1")
        assert program.logged("daemon_started")
        assert manager.hears("STATUS=watching 1 folder")
        daemon.terminate()
        assert manager.hears("STOPPING=1")
        assert daemon.wait(timeout=PATIENCE_SECONDS) == 0

    assert manager.of("READY") == manager.of("STOPPING") == ["1"]
    assert manager.of("STATUS")[0].startswith("starting: ")
    # Nobody has asked for it.
    assert manager.of("WATCHDOG") == []


def test_the_line_for_a_person_tells_what_fails_and_what_waits(away, manager, monkeypatch):
    with served(away, monkeypatch, WATCHDOG_USEC=A_SECOND) as daemon:
        assert manager.hears("STATUS=watching 3 folders, 3 failing")
        # A mailbox that is away is no reason to be restarted.
        assert manager.hears("WATCHDOG=1")
        with stopped(*family(daemon.pid)):
            away.command("import", str(OWN_MAILS / "zayo/three_nights.eml"))
            assert manager.hears("STATUS=watching 3 folders, 3 failing; 1 message waiting")
        assert eventually(lambda: away.events())
        assert eventually(
            lambda: manager.of("STATUS")[-1] == "watching 3 folders, 3 failing" or not manager.hears("ST")
        )


def test_an_abstract_socket_is_spoken_to(away, monkeypatch):
    name = f"maintd-test-{os.getpid()}"
    with closing(Manager(f"\0{name}")) as manager, served(away, monkeypatch, f"@{name}"):
        assert manager.hears("READY=1")


def test_the_watchdog_of_another_process_is_not_fed(away, manager, monkeypatch):
    with served(away, monkeypatch, WATCHDOG_USEC=A_SECOND, WATCHDOG_PID=str(os.getpid())):
        assert manager.hears("READY=1")
        assert manager.hears("STATUS=watching")
    assert manager.of("WATCHDOG") == []


def test_a_start_that_takes_long_asks_for_more_time(away, manager, monkeypatch):
    database.upgrade(away.url)
    with closing(sqlite3.connect(away.directory / "maintd.db")) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        with served(away, monkeypatch, WATCHDOG_USEC=A_SECOND):
            assert manager.hears("EXTEND_TIMEOUT_USEC=60000000", times=2)
            assert manager.of("READY") == manager.of("WATCHDOG") == []
            other.rollback()
            other.close()
            assert manager.hears("READY=1")


def test_a_socket_where_nobody_listens_does_no_harm(away, monkeypatch):
    with served(away, monkeypatch) as daemon:
        assert eventually(lambda: away.log_file.exists() and away.logged("mailbox_failed"))
        assert away.logged("systemd_not_told")[0]["problem"] == "No such file or directory"
        daemon.terminate()
        assert daemon.wait(timeout=PATIENCE_SECONDS) == 0


def test_no_child_can_speak_for_the_daemon(program, free_port, manager, monkeypatch):
    seen = program.directory / "seen"
    script = f"import os, pathlib; pathlib.Path({str(seen)!r}).write_text(' '.join([*os.environ, 'end']))"
    program.configure({"port": free_port, "username": "noc", "password": "by a command"})
    command = f"{{ command = ['''{sys.executable}''', '-c', '''{script}'''] }}"
    program.path.write_text(program.path.read_text().replace('"by a command"', command))

    with served(program, monkeypatch, WATCHDOG_USEC=A_SECOND, WATCHDOG_PID="1") as daemon:
        assert manager.hears("READY=1")
        assert eventually(lambda: seen.exists() and seen.read_text().endswith("end"))
        assert eventually(lambda: family(daemon.pid))
        given = [Path(f"/proc/{pid}/environ").read_bytes() for pid in family(daemon.pid)]

    assert "PATH" in seen.read_text()
    for names in (seen.read_text(), *map(bytes.decode, given)):
        assert not any(name in names for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"))


def test_the_watchdog_is_not_fed_once_a_watcher_has_ended(sqlite_url, tmp_path, manager):
    database.upgrade(sqlite_url)
    store = database.open_store(sqlite_url)
    usual = {"name": "noc", "host": "imap.example", "username": "noc", "password": {"env": "NOC"}}
    watching = Watching([MailboxTable.model_validate(usual)], store, pytest.fail, arrived=lambda: None)
    environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": A_SECOND, "PATH": "/bin"}
    try:
        with Service(environment) as service:
            service.ready(Health(watching, store))
            assert manager.hears("WATCHDOG=1")
            watching.stop()
            watching.start()
            assert watching.join(PATIENCE_SECONDS)
            assert manager.hears('STATUS=stuck: thread "watch noc INBOX": it has ended')
            fed = len(manager.of("WATCHDOG"))
            assert manager.hears("STATUS=stuck", times=2)
    finally:
        store.close()

    assert len(manager.of("WATCHDOG")) == fed
    assert environment == {"PATH": "/bin"}
    assert eventually(lambda: "systemd" not in [thread.name for thread in threading.enumerate()])


@pytest.mark.postgresql
def test_the_watchdog_is_fed_while_the_database_is_waited_for(
    away, postgresql_server, postgresql_url, manager, monkeypatch
):
    path = away.path
    path.write_text(path.read_text().replace(away.url, postgresql_url))
    postmaster = int((postgresql_server.sockets / "data" / "postmaster.pid").read_text().splitlines()[0])

    with served(away, monkeypatch, WATCHDOG_USEC=A_SECOND) as daemon:
        assert manager.hears("READY=1")
        with stopped(postmaster, *family(postmaster)):
            assert manager.hears("STATUS=watching 3 folders, 3 failing; the database fails")
            assert manager.hears("WATCHDOG=1")
        assert manager.hears("WATCHDOG=1")
        assert alive({daemon.pid})
        assert not away.logged("daemon_stuck")
