"""Disks that are full, cannot be written or spoil what they hold: one clear error, and nothing is lost.

Where root runs the tests, the disks are real: small file systems in memory that are filled.
"""

import contextlib
import io
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from domain.errors import StorageError
from ingestor import cli
from parsers.mime import read_envelope
from storage import database, messages, queries
from tests.building import NOW, build_arrival
from tests.integration.program import OWN_MAILS, ROOT, Program, eventually, own_mail, own_mails, state

pytestmark = pytest.mark.timeout(300)

PAGE = 4096
FULL = "the disk is full: make room; nothing that was committed is lost"
OPENED = "it cannot be opened: let the user who runs maintd read and write the file and its folder"
DAMAGED = "the file is damaged: put back the last copy that `maintd db backup` made"

# Every command that opens the database, as it is typed.
COMMANDS = [
    ("check", "--offline"),
    ("messages",),
    ("events",),
    ("show", "TTN-0008811204"),
    ("stats",),
    ("providers",),
    ("ack", "TTN-0008811204"),
    ("retract", "1", "--reason", "wrong"),
    ("hide", "TTN-0008811204", "--reason", "wrong"),
    ("quarantine", "list"),
    ("quarantine", "show", "1"),
    ("quarantine", "retry", "--all"),
    ("reparse", "--all", "--apply"),
    ("import", str(OWN_MAILS / "gtt")),
    ("db", "check"),
    ("db", "backup", "{copy}"),
    ("db", "prune", "--older-than", "7", "--apply"),
    ("db", "prune", "--older-than", "7", "--apply", "--vacuum"),
    ("poll",),
    ("run",),
]


# --- disks ------------------------------------------------------------------------------------------------------


@dataclass
class Disk:
    """A small file system of its own."""

    path: Path

    def fill(self) -> None:
        """Leave no room on it."""
        descriptor = os.open(self.path / "filling", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        with contextlib.suppress(OSError):
            while True:
                os.write(descriptor, b"x" * PAGE)
        os.close(descriptor)

    def make_room(self) -> None:
        """Take away what fills it."""
        os.truncate(self.path / "filling", 0)

    def remount(self, option: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{option}", str(self.path)], check=True)


@pytest.fixture
def disk() -> Iterator[Disk]:
    """A file system of 4 MiB in memory; skips where none may be mounted."""
    # Where PostgreSQL may enter, which is another user.
    path = Path(tempfile.mkdtemp(prefix="maintd-disk-"))
    path.chmod(0o755)
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m,mode=0777", "tmpfs", str(path)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        path.rmdir()
        pytest.skip("only root may mount a small file system, and not in every container")
    (path / "filling").touch()
    yield Disk(path)
    subprocess.run(["umount", "--lazy", str(path)], check=False)
    path.rmdir()


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with some mails and their events, to be copied."""
    directory = tmp_path_factory.mktemp("filled")
    program = Program(directory=directory, url=f"sqlite:///{directory / 'maintd.db'}")
    program.configure()
    program.command("import", str(OWN_MAILS / "zayo"))
    return directory / "maintd.db"


def program_on(filled: Path, directory: Path, place: Path) -> Program:
    """Return the program with a copy of a database in a place."""
    program = Program(directory=directory, url=f"sqlite:///{shutil.copy(filled, place / 'maintd.db')}")
    program.configure({"port": 1, "username": "noc"})
    return program


def errors_of(program: Program, words: tuple[str, ...]) -> str:
    """Run a command that must fail, and return what it says on the terminal."""
    typed = [word.format(copy=program.directory / "copy.db") for word in words]
    output, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        assert cli.main([*typed, "--config", str(program.path)]) == 1, words
    assert not list(program.directory.glob("copy.db*"))
    if words[0] == "check":
        lines = [line.split("\t") for line in output.getvalue().splitlines()]
        return "\n".join(text for word, part, text in lines if word == "FAILED")
    return errors.getvalue().rstrip("\n")


# --- a full disk ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_says_of_a_full_disk_that_it_is_full(filled, disk, tmp_path, words) -> None:
    program = program_on(filled, tmp_path, disk.path)
    before = state(program.url)
    disk.fill()
    assert errors_of(program, words) in (
        f"maintd: {disk.path}/maintd.db: {FULL}",
        f"{disk.path}/maintd.db: {FULL}",
    )
    disk.make_room()
    assert state(program.url) == before


def test_a_new_database_on_a_full_disk_is_not_begun(disk, tmp_path) -> None:
    program = Program(directory=tmp_path, url=f"sqlite:///{disk.path / 'maintd.db'}")
    program.configure()
    disk.fill()
    assert errors_of(program, ("db", "upgrade")) == f"maintd: {disk.path}/maintd.db: {FULL}"
    assert {one.name for one in disk.path.iterdir()} <= {"filling", "maintd.db.lock"}
    disk.make_room()
    database.upgrade(program.url)
    assert state(program.url)["messages"] == []


@pytest.mark.parametrize("fixture", ["sqlite_url", pytest.param("postgresql_url", marks=pytest.mark.postgresql)])
def test_a_copy_that_does_not_fit_is_told_and_leaves_nothing(request, disk, fixture) -> None:
    url = request.getfixturevalue(fixture)
    database.upgrade(url)
    record(url, range(200), octets=30_000)
    with pytest.raises(StorageError) as caught:
        database.backup(url, disk.path / "copy.db")
    assert "the disk is full: make room" in str(caught.value) or "No space left on device" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert [one.name for one in disk.path.iterdir()] == ["filling"]


def test_a_file_that_cannot_be_made_smaller_for_want_of_room_stays_as_it_is(disk, tmp_path) -> None:
    program = Program(directory=tmp_path, url=f"sqlite:///{disk.path / 'maintd.db'}")
    program.configure()
    database.upgrade(program.url)
    record(program.url, range(50), octets=30_000)
    before = state(program.url)
    said = errors_of(program, ("db", "prune", "--older-than", "7", "--apply", "--vacuum"))
    assert said.startswith(f"maintd: {disk.path}/maintd.db: it cannot be made smaller: it takes ")
    assert said.endswith(" are free: make room, then try again")
    assert state(program.url) == before


def record(url: str, numbers: range, *, octets: int) -> None:
    """Keep mails in a database that no zlib can press."""
    noise = random.Random(numbers.start)
    with contextlib.closing(database.open_store(url)) as store:
        for number in numbers:
            arrival = build_arrival(f"mail {number}", imap_uid=number + 1, raw=noise.randbytes(octets))
            with store.writing() as connection:
                messages.record(connection, [arrival], now=NOW)


@pytest.mark.dovecot
def test_the_daemon_waits_for_room_says_so_once_and_passes_no_mail(dovecot, user, disk, tmp_path, free_port) -> None:
    program = Program(directory=tmp_path, url=f"sqlite:///{disk.path / 'maintd.db'}")
    program.configure({"port": dovecot.imap, "username": user})
    # Where `maintd status` finds it.
    program.path.write_text(program.path.read_text().replace('"127.0.0.1:0"', f'"127.0.0.1:{free_port}"'))
    with program.running() as process:
        assert eventually(lambda: program.log_file.exists() and program.logged("mailbox_watched"))
        disk.fill()
        # More than what is free in the pages that the files have already.
        padding = b"\nX-Padding: ".join([b"", *(os.urandom(30).hex().encode() for _ in range(20_000))])
        dovecot.deliver(user, [padded(own_mail("zayo/cancelled"), padding), own_mail("zayo/three_nights")])
        assert eventually(lambda: program.logged("database_failed") or program.logged("mailbox_failed"))
        # Here it is the time that counts: what is said each second would be said by then.
        time.sleep(8)
        said = [line for line in program.log_file.read_text().splitlines() if "full" in line]
        assert 1 <= len(said) <= 3, said
        assert FULL in program.command("status", status=1)["mailboxes"][0]["error"]
        assert process.poll() is None
        assert program.messages() == []
        disk.make_room()
        assert eventually(lambda: len(program.logged("message_settled")) == 2)
        # It is back when something was written and nothing has failed for a while, though no mail comes meanwhile.
        assert eventually(lambda: program.logged("database_back"))
        dovecot.deliver(user, [own_mail("gtt/two_customers")])
        assert eventually(lambda: len(program.logged("message_settled")) == 3)
        assert process.poll() is None
    found = sorted((message["imap_uid"], message["disposition"]) for message in program.messages())
    # The first has more headers than a mail may have: it is kept, as it should be.
    assert found == [(1, "quarantined"), (2, "applied"), (3, "applied")]
    assert "TTN-0008811204" in program.events()


def padded(raw: bytes, header: bytes) -> bytes:
    head, separator, body = raw.partition(b"\n\n")
    return head + header + separator + body


@pytest.mark.postgresql
def test_a_full_disk_of_postgresql_is_told_and_nothing_half_is_kept(postgresql_server, disk) -> None:
    folder = disk.path / "tablespace"
    folder.mkdir(mode=0o700)
    shutil.chown(folder, "postgres", "postgres")
    postgresql_server.run(f"CREATE TABLESPACE small LOCATION '{folder}'")
    try:
        postgresql_server.run("CREATE DATABASE crowded")
        url = postgresql_server.url("crowded")
        database.upgrade(url)
        postgresql_server.run("ALTER TABLE raw_messages SET TABLESPACE small", database="crowded")
        record(url, range(5), octets=30_000)
        before = state(url)
        disk.fill()
        with pytest.raises(StorageError) as caught:
            record(url, range(5, 60), octets=30_000)
        assert "No space left on device: the disk of the server is full: make room" in str(caught.value)
        assert not caught.value.permanent
        kept = len(state(url)["messages"])
        assert len(before["messages"]) <= kept < 60
        disk.make_room()
        record(url, range(5, 60), octets=30_000)
        assert len(state(url)["messages"]) == 60
    finally:
        postgresql_server.run("DROP DATABASE IF EXISTS crowded WITH (FORCE)")
        postgresql_server.run("DROP TABLESPACE small")


# --- what cannot be written -------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_says_of_a_disk_that_cannot_be_written_what_to_do(filled, disk, tmp_path, words) -> None:
    program = program_on(filled, tmp_path, disk.path)
    disk.remount("ro")
    said = errors_of(program, words)
    disk.remount("rw")
    assert OPENED in said
    assert said.endswith("their file system is not mounted read-only")
    assert "\n" not in said


def test_a_new_database_on_a_disk_that_cannot_be_written_is_not_begun(disk, tmp_path) -> None:
    program = Program(directory=tmp_path, url=f"sqlite:///{disk.path / 'maintd.db'}")
    program.configure()
    disk.remount("ro")
    assert errors_of(program, ("db", "upgrade")).endswith(": Read-only file system")
    disk.remount("rw")


# --- what is damaged --------------------------------------------------------------------------------------------


def overwritten(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[2 * PAGE :] = random.Random(1).randbytes(len(content) - 2 * PAGE)
    path.write_bytes(content)


def cut_off(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2 // PAGE * PAGE + 100)


def emptied(path: Path) -> None:
    os.truncate(path, 0)


def without_its_beginning(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(bytes(PAGE) + content[PAGE:])


def replaced(path: Path) -> None:
    path.write_text("not a database, but a letter to one\n" * 1000)


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGE: list[tuple[Callable[[Path], None], str]] = [
    (overwritten, DAMAGED),
    (cut_off, DAMAGED),
    (emptied, "the file is empty, so it was lost: put back the last copy that `maintd db backup` made"),
    (without_its_beginning, "the file is not a database: put back the last copy that `maintd db backup` made"),
    (replaced, "the file is not a database: put back the last copy that `maintd db backup` made"),
    (a_folder, OPENED),
]


@pytest.mark.parametrize(("damage", "expected"), DAMAGE, ids=lambda one: getattr(one, "__name__", ""))
def test_every_command_says_of_a_damaged_file_what_to_do(filled, tmp_path, damage, expected) -> None:
    program = program_on(filled, tmp_path, tmp_path)
    damage(tmp_path / "maintd.db")
    for words in COMMANDS:
        said = errors_of(program, words)
        assert f"{tmp_path / 'maintd.db'}: {expected}" in said, words
        assert "\n" not in said, words


def test_damage_in_a_page_that_nobody_reads_is_found_by_db_check(filled, tmp_path) -> None:
    program = program_on(filled, tmp_path, tmp_path)
    with contextlib.closing(sqlite3.connect(tmp_path / "maintd.db")) as connection:
        (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'raw_messages'").fetchone()
    content = bytearray((tmp_path / "maintd.db").read_bytes())
    content[root * PAGE - 600 : root * PAGE] = bytes(600)
    (tmp_path / "maintd.db").write_bytes(content)
    found: Any = program.command("db", "check", status=1)
    problems = found["problems"] if isinstance(found, dict) else [found]
    assert any("damaged" in problem or "unpacked" in problem for problem in problems), problems


@pytest.mark.dovecot
def test_what_a_damaged_log_of_writes_held_is_fetched_again(dovecot, user, tmp_path) -> None:
    program = Program(directory=tmp_path, url=f"sqlite:///{tmp_path / 'maintd.db'}")
    program.configure({"port": dovecot.imap, "username": user})
    dovecot.deliver(user, [own_mail("zayo/three_nights")])
    with program.running():
        assert eventually(lambda: program.log_file.exists() and program.logged("message_settled"))
    log = tmp_path / "maintd.db-wal"
    undamaged = tmp_path / "undamaged"
    undamaged.mkdir()
    for path in tmp_path.glob("maintd.db*"):
        shutil.copy(path, undamaged)
    expected = state(f"sqlite:///{undamaged / 'maintd.db'}")
    content = bytearray(log.read_bytes())
    middle = len(content) // 2
    content[middle:] = random.Random(1).randbytes(len(content) - middle)
    log.write_bytes(content)
    assert program.poll().failures == []
    assert state(program.url) == expected


# --- copies under load ------------------------------------------------------------------------------------------


@pytest.mark.dovecot
@pytest.mark.parametrize("fixture", ["sqlite_url", pytest.param("postgresql_url", marks=pytest.mark.postgresql)])
def test_copies_that_are_made_while_the_daemon_writes_are_sound(request, dovecot, user, tmp_path, fixture) -> None:
    url = request.getfixturevalue(fixture)
    program = Program(directory=tmp_path, url=url)
    program.configure({"port": dovecot.imap, "username": user}, workers={"count": 2})
    mails = own_mails()[:40]
    distinct = len({read_envelope(raw).identity for raw in mails})
    dovecot.deliver(user, mails[:1])
    sizes = []
    with program.running() as process:
        assert eventually(lambda: program.log_file.exists() and program.logged("message_settled"))
        dovecot.deliver(user, mails[1:])
        for number in range(4):
            copy = tmp_path / f"copy {number}"
            program_of_its_own = [sys.executable, "-m", "ingestor", "db", "backup", str(copy)]
            words = [*program_of_its_own, "--config", str(program.path)]
            subprocess.run(words, cwd=ROOT, check=True, capture_output=True)
            # It asserts that all laws hold.
            sizes.append(len(state(restored(request, url, copy))["messages"]))
        assert eventually(lambda: not waiting(url) and len(program.messages()) == distinct)
        assert process.poll() is None
    assert sizes == sorted(sizes)
    assert sizes[0] >= 1
    assert not list(tmp_path.glob("*.part"))
    assert len(state(url)["messages"]) == distinct


def waiting(url: str) -> int:
    """Return how many mails nobody has read yet."""
    with contextlib.closing(database.open_store(url)) as store, store.reading() as connection:
        return queries.waiting(connection)


def restored(request: pytest.FixtureRequest, url: str, copy: Path) -> str:
    """Return the URL of a copy, which is a database itself, or a dump that is made into one."""
    if url.startswith("sqlite"):
        return f"sqlite:///{copy}"
    server = request.getfixturevalue("postgresql_server")
    server.run("DROP DATABASE IF EXISTS restored WITH (FORCE)")
    server.run("CREATE DATABASE restored")
    place = f"host={server.sockets} port={server.port} user=maintd dbname=restored"
    subprocess.run([server.programs / "pg_restore", f"--dbname={place}", copy], check=True)
    return str(server.url("restored"))


# --- the disk of the log ----------------------------------------------------------------------------------------


@pytest.mark.dovecot
@pytest.mark.parametrize("errors", ["/dev/full", "closed", "a pipe without a reader"])
def test_a_log_that_cannot_be_written_ends_nothing(dovecot, user, tmp_path, errors) -> None:
    program = Program(directory=tmp_path, url=f"sqlite:///{tmp_path / 'maintd.db'}")
    program.configure({"port": dovecot.imap, "username": user})
    database.upgrade(program.url)
    words = [sys.executable, "-m", "ingestor", "run", "--config", str(program.path)]
    # Closed by who started it, as some supervisors do.
    if errors == "closed":
        words = ["sh", "-c", 'exec "$@" >&- 2>&-', "sh", *words]
    reader, writer = os.pipe()
    os.close(reader)
    full = os.open("/dev/full", os.O_WRONLY)
    stream = {"/dev/full": full, "closed": None, "a pipe without a reader": writer}[errors]
    process = subprocess.Popen(words, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream)
    try:
        dovecot.deliver(user, [own_mail("zayo/three_nights")])
        assert eventually(lambda: len(program.messages()) == 1 and program.messages()[0]["disposition"] == "applied")
        assert process.poll() is None
        process.terminate()
        process.wait(timeout=30)
    finally:
        process.kill()
        process.wait()
        for descriptor in (writer, full):
            os.close(descriptor)
    assert len(state(program.url)["events"]) == 1
