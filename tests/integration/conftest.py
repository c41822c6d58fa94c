"""Fixtures of the layer with real servers: Dovecot, a user of its own for each test, and a proxy that breaks things.

Dovecot is started by the script that stands beside the checkout in shared/tools, which is used where it stands. A test
is skipped where that is absent, or Dovecot is; with CI=true a missing Dovecot is a failure.
"""

import importlib.util
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from imapclient import IMAPClient, SocketTimeout

from domain.message import Arrival
from ingestor.mailbox import MailboxSession, MailboxSettings, Position, connect

TOOLS = Path(__file__).parents[2].parent / "shared" / "tools" / "dovecot"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
PASSWORD = "secret"
UMLAUTS = "geheimnis-äöü€"

# What is appended to the configuration of each server.
VARIANTS = {
    "plain": "",
    "courier": "namespace inbox {\n  prefix = INBOX.\n  separator = .\n}\n",
    "no_move": "imap_capability = IMAP4rev1 LITERAL+ UIDPLUS NAMESPACE\n",
    "no_move_no_uidplus": "imap_capability = IMAP4rev1 LITERAL+ ID\n",
    "courier_no_namespace": "namespace inbox {\n  prefix = INBOX.\n  separator = .\n}\nimap_capability = IMAP4rev1\n",
    "one_connection": "mail_max_userip_connections = 1\n",
    "read_only": "mail_plugins = acl\nprotocol imap {\n  mail_plugins = acl imap_acl\n}\nplugin {\n  acl = vfile\n}\n",
}


@dataclass(frozen=True, kw_only=True)
class Dovecot:
    """A running server. Any user name exists, with the password ``PASSWORD``; "umlaut" has ``UMLAUTS``."""

    root: Path
    imap: int
    imaps: int

    @property
    def ca(self) -> str:
        return str(self.root / "cert.pem")

    @contextmanager
    def client(self, user: str) -> Iterator[IMAPClient]:
        """Log in as a person with a mail program would, on a connection of her own."""
        context = ssl.create_default_context(cafile=self.ca)
        timeout = SocketTimeout(5, 30)
        with IMAPClient("localhost", port=self.imaps, ssl_context=context, timeout=timeout) as client:
            client.login(user, PASSWORD)
            yield client

    def deliver(
        self,
        user: str,
        raws: Sequence[bytes],
        *,
        folder: str = "INBOX",
        flags: Sequence[bytes] = (),
        at: datetime | None = None,
    ) -> None:
        """Put messages into a folder, which is made where it is missing, byte by byte as they are."""
        with self.client(user) as client:
            if not client.folder_exists(folder):
                client.create_folder(folder)
            if not client.has_capability("MULTIAPPEND"):
                for raw in raws:
                    client.append(folder, raw, flags, at)
                return
            about = {"flags": flags} | ({"date": at} if at else {})
            client.multiappend(folder, [{"msg": raw} | about for raw in raws])

    def flags(self, user: str, folder: str = "INBOX") -> dict[int, set[bytes]]:
        """Return the flags of each message, by its UID."""
        with self.client(user) as client:
            client.select_folder(folder, readonly=True)
            uids = client.search()
            return {uid: set(flags) - {b"\\Recent"} for uid, flags in client.get_flags(uids).items()}

    def subjects(self, user: str, folder: str = "INBOX") -> list[str]:
        """Return the subjects in a folder, in the order of the UIDs; none for a folder that does not exist."""
        with self.client(user) as client:
            if not client.folder_exists(folder):
                return []
            client.select_folder(folder, readonly=True)
            found = client.fetch(client.search(), ["BODY.PEEK[HEADER.FIELDS (SUBJECT)]"])
            return [found[uid][b"BODY[HEADER.FIELDS (SUBJECT)]"].decode().strip()[9:] for uid in sorted(found)]

    def doveadm(self, *arguments: str) -> str:
        command = ["doveadm", "-c", str(self.root / "dovecot.conf"), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def settings(self, user: str, **changes: Any) -> MailboxSettings:
        """Return the settings of a mailbox on this server, over TLS unless changed."""
        usual = MailboxSettings(
            name="noc", host="localhost", port=self.imaps, username=user, password=PASSWORD, ca_file=self.ca
        )
        return replace(usual, **changes)

    def plain(self, user: str, port: int | None = None, **changes: Any) -> MailboxSettings:
        """Return settings without TLS, so that a proxy can see the commands."""
        return self.settings(
            user, **{"host": "127.0.0.1", "port": port or self.imap, "tls": "none", "ca_file": None} | changes
        )


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
            self._running[variant] = self._start(variant)
        return self._running[variant]

    def stop(self) -> None:
        # All are told before any is waited for: each takes two or three seconds to stop.
        pids = [int((server.root / "run" / "master.pid").read_text()) for server in self._running.values()]
        for pid in pids:
            os.kill(pid, signal.SIGTERM)
        for pid in pids:
            _wait_for_end(pid)

    def _start(self, variant: str, attempts: int = 3) -> Dovecot:
        root = self._root / variant
        root.mkdir(exist_ok=True)
        extra = root / "extra.conf"
        extra.write_text(VARIANTS[variant])
        (root / "users").write_text(f"umlaut:{{PLAIN}}{UMLAUTS}::::::\n")
        server = Dovecot(root=root, imap=_free_port(), imaps=_free_port())
        ports = {"IMAP_PORT": str(server.imap), "IMAPS_PORT": str(server.imaps), "LMTP_PORT": str(_free_port())}
        # Not into a pipe: the server keeps it open for as long as it runs.
        said = root / "start.log"
        with said.open("w") as output:
            run = subprocess.run(
                [TOOLS / "start-dovecot.sh", root],
                env=dict(os.environ, EXTRA_CONF=str(extra), **ports),
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=30,
                check=False,
            )
        # Another process may have taken a port meanwhile.
        if run.returncode and attempts > 1:
            return self._start(variant, attempts - 1)
        assert run.returncode == 0, f"Dovecot does not start: {said.read_text()}"
        return server


def _wait_for_end(pid: int) -> None:
    for _ in range(200):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)


@pytest.fixture(scope="session")
def dovecot_servers() -> Iterator[Servers]:
    """Every server of this run by the name of its variant; skips where there can be none."""
    if not TOOLS.is_dir():
        pytest.skip(f"{TOOLS} is absent, with the script that starts Dovecot")
    if shutil.which("dovecot") is None and not Path("/usr/sbin/dovecot").exists():
        if os.environ.get("CI") == "true":
            pytest.fail("dovecot is not installed")
        pytest.skip("dovecot is not installed")
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


@pytest.fixture(scope="session")
def faultproxy() -> ModuleType:
    path = TOOLS / "faultproxy.py"
    if not path.exists():
        pytest.skip(f"{path} is absent")
    spec = importlib.util.spec_from_file_location("faultproxy", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def proxy_to(faultproxy: ModuleType) -> Iterator[Callable[..., Any]]:
    """Start a proxy to a port: ``proxy_to(port)``, or ``proxy_to(port, host="127.0.0.2")``."""
    started = []

    def start(port: int, host: str = "127.0.0.1") -> Any:
        started.append(faultproxy.FaultProxy(("127.0.0.1", port), host=host).start())
        return started[-1]

    yield start
    for proxy in started:
        with suppress(OSError):
            proxy.stop()


@pytest.fixture
def proxy(dovecot: Dovecot, proxy_to: Callable[..., Any]) -> Any:
    """A proxy to the plain port of ``dovecot``."""
    return proxy_to(dovecot.imap)
