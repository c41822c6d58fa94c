"""SIGTERM ends the daemon whatever hangs around it: it does so by itself, and nothing that was committed is lost.

What hangs here would do so for ever, or for many minutes. Whether the end is in order or cut short is a matter of what
the daemon was at, and of how busy the machine is; it is the same to what is stored.
"""

import fcntl
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from storage import database, messages
from tests.building import build_arrival
from tests.integration.program import NOW, OWN_MAILS, ROOT, Program, alive, eventually, family, own_mail, stopped
from tests.servers.issuer import Said, running_issuer
from tests.servers.scripted import Answer, scripted

END_SECONDS = 60

# The command at which a mail server falls silent.
STALLS = {
    "login": rb"AUTHENTICATE|LOGIN",
    "folder": rb"SELECT|EXAMINE",
    "search": rb"UID SEARCH",
    "fetch": rb"UID FETCH .*BODY",
    "idle": rb"IDLE",
    "filing": rb"UID STORE",
}
PATIENT = {"connect_seconds": 300, "read_seconds": 3600}

# An expression of the library takes many minutes for this.
ENDLESS = (
    b"From: g31654@att.com\r\nDate: Fri, 1 Jan 2027 00:00:00 +0000\r\nSubject: endless\r\n"
    b"Message-ID: <endless@att.example>\r\nContent-Type: text/html\r\n\r\n<p>" + b"Start Time: GMT " * 6000
)


@pytest.fixture
def program(tmp_path: Path, sqlite_url: str) -> Program:
    return Program(directory=tmp_path, url=sqlite_url)


@pytest.fixture
def away(program: Program, free_port: int) -> Program:
    """A program whose mailbox cannot be read: nothing listens there."""
    program.configure({"port": free_port, "username": "noc"})
    return program


def logged(program: Program, event: str) -> list[dict[str, Any]]:
    return program.logged(event) if program.log_file.exists() else []


def ends(program: Program, daemon: "subprocess.Popen[bytes]") -> bool:
    """Tell the daemon to end, and say whether it did, by itself, with all of its processes."""
    processes = family(daemon.pid)
    daemon.terminate()
    assert daemon.wait(timeout=END_SECONDS) == 0
    assert eventually(lambda: alive(processes) == [])
    assert [line["signal"] for line in logged(program, "daemon_stopping")] == ["SIGTERM"]
    return bool(logged(program, "daemon_stopped") or logged(program, "daemon_cut_short"))


# --- mail servers, and what they need ---------------------------------------------------------------------------


@pytest.mark.dovecot
@pytest.mark.parametrize("step", STALLS)
def test_it_ends_while_a_mail_server_falls_silent(program, dovecot, user, proxy, step):
    dovecot.deliver(user, [own_mail("zayo/three_nights")])
    program.configure({"port": proxy.port, "username": user, "after": "flag", "flag": "maintd", **PATIENT})
    silent = threading.Event()

    def fall_silent(_chunk: bytes) -> bytes:
        silent.set()
        proxy.stall()
        return b""

    proxy.rule("c2s", STALLS[step], fall_silent)
    with program.running() as daemon:
        assert eventually(silent.is_set)
        assert ends(program, daemon)
    assert logged(program, "mailbox_failed") == []


@pytest.mark.dovecot
def test_it_ends_while_one_mail_server_says_nothing_and_another_drips(program, dovecot, user, proxy, proxy_to):
    silent = proxy_to(dovecot.imap)
    silent.stall()
    proxy.drip(1)
    there = {"username": user, **PATIENT}
    program.configure({"name": "silent", "port": silent.port, **there}, {"name": "drips", "port": proxy.port, **there})
    with program.running() as daemon:
        assert eventually(lambda: logged(program, "daemon_started"))
        assert ends(program, daemon)
    assert logged(program, "mailbox_failed") == []


def test_it_ends_while_an_issuer_of_tokens_says_nothing(program, free_port, tmp_path):
    with running_issuer(tmp_path) as issuer:
        issuer.says = [Said(silent=True)]
        program.configure({"port": free_port, "username": "noc", "password": "none"})
        oauth2 = (
            f'[mailbox.oauth2]\nissuer = "other"\ntoken_endpoint = "{issuer.url}/token"\n'
            'client_id = "app"\nclient_secret = "not-a-secret"\n'
        )
        path = program.path
        path.write_text(path.read_text().replace('password = "none"\n', "") + oauth2)
        with program.running() as daemon:
            assert eventually(lambda: issuer.asked)
            assert ends(program, daemon)


@pytest.mark.skipif(os.geteuid() != 0, reason="a resolver of the test's own takes root: it is put in place by a mount")
def test_it_ends_while_the_dns_says_nothing(program, tmp_path):
    program.configure({"host": "imap.carrier.example", "tls": "tls", "username": "noc", **PATIENT})
    (tmp_path / "resolv.conf").write_text("nameserver 127.6.6.6\noptions timeout:30 attempts:5\n")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent, program.log_file.open("ab") as output:
        silent.bind(("127.6.6.6", 53))
        silent.settimeout(END_SECONDS)
        words = f"mount --bind {tmp_path}/resolv.conf /etc/resolv.conf && exec {sys.executable} -m ingestor run"
        command = ["unshare", "--mount", "sh", "-c", f"{words} --config {program.path}"]
        with started(command, stdout=output, stderr=output) as daemon:
            assert b"carrier" in silent.recv(512)
            assert ends(program, daemon)


# --- NetBox, and the workers ------------------------------------------------------------------------------------


def test_it_ends_while_netbox_says_nothing(away):
    with scripted(Answer(silent=True)) as netbox:
        table = f'[netbox]\nurl = "{netbox.url}"\ntoken = "{"0" * 40}"\ntimeout_seconds = 300\n'
        away.path.write_text(away.path.read_text() + table)
        away.command("import", str(OWN_MAILS / "zayo/three_nights.eml"))
        with away.running() as daemon:
            assert eventually(lambda: netbox.asked)
            assert ends(away, daemon)
    assert list(away.events()) == ["TTN-0008811204"]


def test_it_ends_while_a_worker_is_in_an_endless_expression(program, free_port, tmp_path):
    program.configure({"port": free_port, "username": "noc"}, workers={"cpu_seconds": 600, "wall_seconds": 3600})
    mail = tmp_path / "endless.eml"
    mail.write_bytes(ENDLESS)
    with program.running() as daemon:
        assert eventually(lambda: logged(program, "daemon_started") and family(daemon.pid))
        program.command("import", str(mail))
        # Its first attempt is a short one.
        assert eventually(lambda: logged(program, "attempt_failed"))
        assert ends(program, daemon)
    assert [one["disposition"] for one in program.messages()] == ["received"]


# --- the database, and the disk ---------------------------------------------------------------------------------


@pytest.fixture
def hanging(postgresql_server: Any) -> Callable[[], Any]:
    """Let PostgreSQL hang for a block."""
    postmaster = int((postgresql_server.sockets / "data" / "postmaster.pid").read_text().splitlines()[0])
    return lambda: stopped(postmaster, *family(postmaster))


@pytest.mark.postgresql
def test_it_ends_while_postgresql_hangs(away, postgresql_url, hanging, tmp_path):
    away.path.write_text(away.path.read_text().replace(away.url, postgresql_url))
    with away.running() as daemon:
        assert eventually(lambda: logged(away, "mailbox_failed"))
        with hanging():
            assert ends(away, daemon)


@pytest.mark.postgresql
def test_it_ends_while_it_waits_for_a_database_at_its_start(away, postgresql_url, hanging):
    database.upgrade(postgresql_url)
    away.path.write_text(away.path.read_text().replace(away.url, postgresql_url))
    with hanging(), away.running() as daemon:
        # It has read its configuration, and takes signals, when it asks the database.
        assert eventually(lambda: connected(daemon.pid))
        daemon.terminate()
        assert daemon.wait(timeout=END_SECONDS) == 0
    assert logged(away, "daemon_started") == []
    assert logged(away, "daemon_cut_short")


def test_it_ends_while_another_program_keeps_the_file_locked(away):
    database.upgrade(away.url)
    store = database.open_store(away.url)
    with store.writing() as connection:
        messages.record(connection, [build_arrival()], now=NOW)
    store.close()
    with closing(sqlite3.connect(away.directory / "maintd.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with away.running() as daemon:
            # What comes of the message is to be recorded: SQLite sleeps, and nothing wakes it.
            assert eventually(lambda: "nanosleep" in waits_in(daemon.pid))
            assert ends(away, daemon)
    assert [one["disposition"] for one in away.messages()] == ["received"]


def test_it_ends_while_nobody_takes_what_it_logs(away):
    read, write = os.pipe()
    fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 4096)
    os.write(write, b"." * 4096)
    command = [sys.executable, "-m", "ingestor", "run", "--config", str(away.path)]
    with started(command, stdout=write, stderr=write) as daemon:
        # The first line of its log comes after the database was made.
        assert eventually(lambda: (away.directory / "maintd.db.lock").exists())
        assert eventually(lambda: "pipe_write" in waits_in(daemon.pid))
        daemon.terminate()
        assert daemon.wait(timeout=END_SECONDS) == 0
    os.close(read)
    os.close(write)


@pytest.fixture
def frozen(tmp_path: Path) -> Iterator[tuple[Path, Callable[[str], Any]]]:
    """A folder on a disk of its own, and what freezes (-f) and thaws it (-u); skips where no disk can be mounted."""
    image, folder = tmp_path / "image", tmp_path / "disk"
    folder.mkdir()
    image.touch()
    os.truncate(image, 64 * 1024 * 1024)
    for command in (["mkfs.ext4", "-q", image], ["mount", "-o", "loop", image, folder]):
        done = (
            subprocess.run(command, capture_output=True, text=True, check=False) if shutil.which(command[0]) else None
        )
        if done is None or done.returncode != 0:
            pytest.skip("a disk that hangs takes root, mkfs.ext4 and a loop device")
    freeze = partial(subprocess.run, check=False, capture_output=True)
    try:
        yield folder, lambda option: freeze(["fsfreeze", option, folder])
    finally:
        freeze(["fsfreeze", "-u", folder])
        subprocess.run(["umount", "--lazy", folder], check=True)


def test_it_ends_while_the_disk_hangs(away, frozen):
    folder, freeze = frozen
    away.path.write_text(away.path.read_text().replace(away.url, f"sqlite:///{folder}/maintd.db"))
    with away.running() as daemon:
        assert eventually(lambda: logged(away, "mailbox_failed"))
        assert freeze("-f").returncode == 0
        try:
            # The next attempt is told to the database.
            assert eventually(lambda: "rwsem" in waits_in(daemon.pid))
            daemon.terminate()
            # It is over. What the kernel still holds of it goes when the disk answers.
            assert eventually(lambda: logged(away, "daemon_cut_short") or logged(away, "daemon_stopped"))
            assert eventually(lambda: alive({daemon.pid}) == [])
        finally:
            freeze("-u")
        assert daemon.wait(timeout=END_SECONDS) == 0


# --- signals ----------------------------------------------------------------------------------------------------

# What never ends, and has an hour for it.
OBSTINATE = """
import sys, time
from ingestor import logs, stopping
logs.configure("json", "info", sys.stdout)
stopping.ORDERLY_SECONDS = 3600
with stopping.stopped_by_signals(lambda: print("first", flush=True)):
    with stopping.stopped_by_signals(lambda: print("second", flush=True)):
        print("ready", flush=True)
        time.sleep(3600)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_it_at_once(number):
    command = [sys.executable, "-c", OBSTINATE]
    with started(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        said = [process.stdout.readline() for _ in range(3)]
        assert (number.name in said[0], said[1:]) == (True, ["first\n", "second\n"])
        assert process.poll() is None
        process.send_signal(number)
        assert process.wait(timeout=END_SECONDS) == 0
        assert "daemon_cut_short" in process.stdout.read()


def test_a_pass_ends_at_sigterm(program, tmp_path, free_port):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        program.configure({"port": silent.getsockname()[1], "username": "noc", **PATIENT})
        process = program.start("poll")
        connection, _ = silent.accept()
        with connection:
            process.terminate()
            assert process.wait(timeout=END_SECONDS) in (0, 1)
    assert [line["signal"] for line in logged(program, "daemon_stopping")] == ["SIGTERM"]


# --- a second copy ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["run", "poll"])
def test_a_second_copy_is_told_the_file_the_process_and_what_to_do(away, command):
    with away.running() as daemon:
        assert eventually(lambda: logged(away, "daemon_started"))
        assert away.start(command).wait(timeout=END_SECONDS) == 1
        line = f"maintd: {away.directory}/maintd.db is in use by maintd with pid {daemon.pid}: stop it first\n"
        assert line in away.log_file.read_text()
        assert len(logged(away, "daemon_started")) == 1
        assert daemon.poll() is None


def test_the_lock_of_a_daemon_that_was_killed_keeps_nobody_out(away):
    with away.running() as daemon:
        assert eventually(lambda: logged(away, "daemon_started"))
        daemon.kill()
        daemon.wait()
    assert (away.directory / "maintd.db.lock").read_text() == f"{daemon.pid}\n"
    with away.running():
        assert eventually(lambda: len(logged(away, "daemon_started")) == 2)


@contextmanager
def started(command: list[str], **options: Any) -> Iterator[Any]:
    """Run a command from the checkout; it is ended, whatever happens."""
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, **options)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def connected(pid: int) -> bool:
    """Say whether a process has an open connection of TCP."""
    inodes = {os.readlink(path) for path in Path(f"/proc/{pid}/fd").iterdir() if path.is_symlink()}
    lines = Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]
    return any(f"socket:[{line.split()[9]}]" in inodes for line in lines)


def waits_in(pid: int) -> str:
    """Return where in the kernel the threads of a process wait."""
    return " ".join(path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/wchan"))
