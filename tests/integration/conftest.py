"""Fixtures of the layer with real servers: Dovecot, a user of its own for each test, and a proxy that breaks things."""

import os
import shutil
import socket
import tempfile
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from domain.message import Arrival
from ingestor.mailbox import MailboxSession, MailboxSettings, Position, connect
from tests.servers.dovecot import Dovecot, program, start
from tests.servers.faultproxy import FaultProxy

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@dataclass
class Ledger:
    """A ledger in memory that keeps the promise of the real one: bytes and cursor together, or neither."""

    arrivals: list[Arrival] = field(default_factory=list)
    position: Position | None = None
    commits: int = 0
    fail_at_commit: int | None = None

    def accept(self, arrivals: Sequence[Arrival], position: Position) -> None:
        if self.commits == self.fail_at_commit:
            raise RuntimeError("disk full")
        self.commits += 1
        self.arrivals.extend(arrivals)
        self.position = position

    @property
    def subjects(self) -> list[str]:
        return [arrival.envelope.subject for arrival in self.arrivals]

    @property
    def uids(self) -> list[int | None]:
        return [arrival.place.imap_uid for arrival in self.arrivals]

    def collect(self, session: MailboxSession, folder: str = "INBOX", **options: Any) -> Any:
        options = {"now": NOW, "stopping": lambda: False} | options
        return session.collect(folder, self.position, self.accept, **options)

    def visit(self, settings: MailboxSettings, folder: str = "INBOX") -> Any:
        with connect(settings) as session:
            return self.collect(session, folder)


def _mail(number: int, *, body: str = "Dear customer,\r\nwe work on your line.\r\n") -> bytes:
    """Return a message whose subject is "mail N"."""
    return (
        f"From: NOC <noc@carrier.example>\r\nTo: maint@example.net\r\nSubject: mail {number}\r\n"
        f"Message-ID: <{number}.{uuid.uuid4().hex}@carrier.example>\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\n"
        f"\r\n{body}"
    ).encode()


def _mails(count: int) -> list[bytes]:
    return [_mail(number) for number in range(1, count + 1)]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class Servers:
    """The servers of this run, each started when it is first asked for."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._running: dict[str, Dovecot] = {}

    def get(self, variant: str) -> Dovecot:
        if variant not in self._running:
            self._running[variant] = start(self._root / variant, variant)
        return self._running[variant]

    def stop(self) -> None:
        for server in self._running.values():
            server.stop()


@pytest.fixture(scope="session")
def dovecot_servers() -> Iterator[Servers]:
    """Every server of this run by the name of its variant; skips where Dovecot is missing, which in CI is a failure."""
    if program() is None:
        absent = "Dovecot is not installed: there is no dovecot on the path and none in /usr/sbin"
        if os.environ.get("CI") == "true":
            pytest.fail(absent)
        pytest.skip(absent)
    root = Path(tempfile.mkdtemp(prefix="maintd-dovecot-"))
    # Where root runs the tests, Dovecot gives the mail to "nobody".
    root.chmod(0o755)
    servers = Servers(root)
    yield servers
    servers.stop()
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(scope="session")
def dovecot(dovecot_servers: Servers) -> Dovecot:
    """A Dovecot as it usually is."""
    return dovecot_servers.get("plain")


@pytest.fixture
def user() -> str:
    """A user with an empty mailbox."""
    return f"u{uuid.uuid4().hex[:12]}"


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def mail() -> Callable[..., bytes]:
    """Build a message: ``mail(7)`` has the subject "mail 7"."""
    return _mail


@pytest.fixture
def mails() -> Callable[[int], list[bytes]]:
    """Build messages: ``mails(3)`` have the subjects "mail 1" to "mail 3"."""
    return _mails


@pytest.fixture
def free_port() -> int:
    """A port on loopback where nothing listens."""
    return _free_port()


@pytest.fixture
def proxy_to() -> Iterator[Callable[..., FaultProxy]]:
    """Start a proxy to a port: ``proxy_to(port)``, or ``proxy_to(port, host="127.0.0.2")``."""
    with ExitStack() as stack:

        def start_proxy(port: int, host: str = "127.0.0.1") -> FaultProxy:
            return stack.enter_context(FaultProxy(port, host=host))

        yield start_proxy


@pytest.fixture
def proxy(dovecot: Dovecot, proxy_to: Callable[..., FaultProxy]) -> FaultProxy:
    """A proxy to the plain port of ``dovecot``."""
    return proxy_to(dovecot.imap)
