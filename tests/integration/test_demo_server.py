"""The sample mailbox is served by a real IMAP server, which leaves nothing behind."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from imapclient import IMAPClient

from domain.errors import ConfigurationError, MailboxError
from ingestor import demo

NOW = datetime(2026, 11, 23, 12, 34, 56, tzinfo=UTC)
DROPPED = b"From: noc@carrier.example\nSubject: dropped\nDate: Mon, 23 Nov 2026 12:00:00 +0000\n\nHello\n"
ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 30


@contextmanager
def logged_in(server: demo.Server) -> Generator[IMAPClient]:
    with IMAPClient(server.host, port=server.port, ssl=False, timeout=PATIENCE_SECONDS) as client:
        client.login(server.username, server.password)
        client.select_folder("INBOX", readonly=True)
        yield client


def refuses(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionRefusedError:
        return True
    return False


def wait_until(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[Path, demo.Server]]:
    folder = tmp_path_factory.mktemp("demo")
    demo.prepare(folder, NOW)
    with demo.serve(folder) as server:
        yield folder, server


def test_the_messages_are_numbered_as_they_arrive(served: tuple[Path, demo.Server]) -> None:
    names = [name for name, _ in demo.samples()]
    with logged_in(served[1]) as client:
        uids = client.search("UID 1:*")[: len(names)]
        fetched = client.fetch(uids, ["BODY.PEEK[]"])

    assert uids == list(range(1, len(names) + 1))
    for uid, (name, template) in zip(uids, demo.samples(), strict=True):
        message_id = next(line for line in template.splitlines() if line.startswith("Message-ID: "))
        assert message_id.encode() in fetched[uid][b"BODY[]"], name


def test_a_message_can_be_fetched_by_size_by_part_and_whole(served: tuple[Path, demo.Server]) -> None:
    with logged_in(served[1]) as client:
        first = client.fetch([1], ["RFC822.SIZE", "INTERNALDATE", "BODY.PEEK[]"])[1]
        beginning = client.fetch([1], ["BODY.PEEK[]<0.100>"])[1]
        flags = client.get_flags([1])[1]

    assert first[b"RFC822.SIZE"] == len(first[b"BODY[]"])
    assert isinstance(first[b"INTERNALDATE"], datetime)
    assert beginning[b"BODY[]<0>"] == first[b"BODY[]"][:100]
    assert b"\\Seen" not in flags


def test_a_dropped_mail_is_seen_by_the_next_connection(served: tuple[Path, demo.Server]) -> None:
    folder, server = served
    with logged_in(server) as client:
        last = max(client.search("UID 1:*"))

    (folder / "mail/new/dropped.eml").write_bytes(DROPPED)

    with logged_in(server) as client:
        new = [uid for uid in client.search(f"UID {last + 1}:*") if uid > last]
        fetched = client.fetch(new, ["BODY.PEEK[]"])
    assert len(new) == 1
    assert fetched[new[0]][b"BODY[]"].replace(b"\r\n", b"\n") == DROPPED


def test_the_numbering_outlives_the_server(tmp_path: Path) -> None:
    demo.prepare(tmp_path, NOW)
    seen = []
    for _ in range(2):
        with demo.serve(tmp_path) as server, logged_in(server) as client:
            status = client.folder_status("INBOX", ["UIDVALIDITY", "UIDNEXT"])
            seen.append((status, client.search("UID 1:*")))

    assert seen[0] == seen[1]


def test_nothing_runs_after_the_block_even_with_a_client_connected(tmp_path: Path) -> None:
    demo.prepare(tmp_path, NOW)
    client = None
    with demo.serve(tmp_path) as server:
        client = IMAPClient(server.host, port=server.port, ssl=False, timeout=PATIENCE_SECONDS)

    assert refuses(server.port)
    client.shutdown()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_server_stops_when_its_parent_dies(tmp_path: Path, number: signal.Signals) -> None:
    demo.prepare(tmp_path, NOW)
    script = (
        "import signal, sys, time, pathlib\n"
        "from ingestor import demo\n"
        # What a shell starts in the background is told to ignore it.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "with demo.serve(pathlib.Path(sys.argv[1])) as server:\n"
        "    print(server.port, flush=True)\n"
        "    time.sleep(600)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, text=True
    ) as parent:
        assert parent.stdout is not None
        port = int(parent.stdout.readline())
        assert not refuses(port)

        parent.send_signal(number)
        parent.wait(PATIENCE_SECONDS)

    assert wait_until(lambda: refuses(port))


def test_a_second_demo_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    demo.prepare(tmp_path, NOW)
    with demo.serve(tmp_path) as server:
        with pytest.raises(ConfigurationError, match="another maintd demo runs here"):
            demo.prepare(tmp_path, NOW)
        with logged_in(server) as client:
            assert client.search("UID 1:*")


def test_a_server_that_does_not_start_says_where_to_look(tmp_path: Path) -> None:
    demo.prepare(tmp_path, NOW)
    (tmp_path / "password").unlink()

    with pytest.raises(MailboxError, match=r"did not start: see .*server\.log") as caught, demo.serve(tmp_path):
        pass

    assert caught.value.permanent
    assert "FileNotFoundError" in (tmp_path / "server.log").read_text()


def test_the_password_is_new_each_time_and_its_owners_alone(tmp_path: Path) -> None:
    demo.prepare(tmp_path, NOW)
    first = (tmp_path / "password").read_text()
    shutil.rmtree(tmp_path / "mail")
    demo.prepare(tmp_path, NOW)

    assert (tmp_path / "password").read_text() != first
    assert (tmp_path / "password").stat().st_mode & 0o777 == 0o600
