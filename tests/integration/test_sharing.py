"""Several daemons on one PostgreSQL: what one leaves another takes over, and the result is that of a single one.

``MAINTD_TORTURE=1`` makes it 2,000 mails and ten kills instead of 300 and one.
"""

import functools
import io
import os
import random
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from domain.errors import StorageError
from ingestor import logs
from ingestor.config import MailboxTable, Settings
from ingestor.daemon import mailbox_settings
from ingestor.patience import Patience
from ingestor.sharing import LEASE_SECONDS, Sharing
from ingestor.watching import Watching
from storage import database, leases, queries
from tests.conftest import SETTINGS, PostgresqlServer, running_postgresql
from tests.integration.program import NOW, PATIENCE_SECONDS, Program, eventually, own_mails, state
from tests.integration.test_kill import mails
from tests.servers.dovecot import PASSWORD

TORTURE = bool(os.environ.get("MAINTD_TORTURE"))
MAILS, KILLS = (2000, 10) if TORTURE else (300, 1)
BOXES = ["alpha", "beta", "gamma", "delta"]

pytestmark = [pytest.mark.dovecot, pytest.mark.postgresql, pytest.mark.timeout(3600 if TORTURE else 600)]


class Mailboxes:
    """The mailboxes that the daemons share, each of a user of its own."""

    def __init__(self, dovecot, prefix: str) -> None:
        self.dovecot = dovecot
        self.users = {name: f"{prefix}-{name}" for name in BOXES}

    def program(self, directory: Path, url: str) -> Program:
        directory.mkdir()
        made = Program(directory=directory, url=url)
        tables = [{"name": name, "port": self.dovecot.imap, "username": user} for name, user in self.users.items()]
        made.configure(*tables)
        return made

    def deliver(self, numbered: list[tuple[int, bytes]]) -> None:
        """Let each mail come into one mailbox, by its number."""
        for place, user in enumerate(self.users.values()):
            self.dovecot.deliver(user, [raw for number, raw in numbered if number % len(BOXES) == place], at=NOW)


@pytest.fixture
def undisturbed(dovecot, user, tmp_path) -> Callable[[list[bytes]], dict]:
    """Return what one daemon makes of mails, on SQLite, in one pass."""

    def made(sent: list[bytes]) -> dict:
        boxes = Mailboxes(dovecot, f"{user}-undisturbed")
        boxes.deliver(list(enumerate(sent)))
        alone = boxes.program(tmp_path / "undisturbed", f"sqlite:///{tmp_path / 'undisturbed.db'}")
        assert alone.start("poll").wait(timeout=1800) == 0, alone.log_file.read_text()
        return state(alone.url)

    return made


def held(url: str) -> Counter[str]:
    """Return how many mailboxes each daemon holds."""
    store = database.open_store(url)
    try:
        with store.reading() as connection:
            return Counter(lease.daemon for lease in leases.leases(connection))
    finally:
        store.close()


def settled(url: str) -> int:
    """Return how many messages are settled."""
    store = database.open_store(url)
    try:
        with store.reading() as connection:
            return sum(one["disposition"] != "received" for one in queries.messages(connection))
    finally:
        store.close()


@contextmanager
def both(*programs: Program) -> Iterator[list["subprocess.Popen[bytes]"]]:
    """Run daemons; those that run at the end are ended."""
    processes = [each.start("run") for each in programs]
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.wait()


def test_daemons_that_are_killed_and_come_back_leave_what_a_single_one_would(
    dovecot, postgresql_url, user, tmp_path, undisturbed
) -> None:
    chance = random.Random(20270301)
    sent = mails(MAILS)
    expected = undisturbed(sent)
    database.upgrade(postgresql_url)
    boxes = Mailboxes(dovecot, user)
    programs = [boxes.program(tmp_path / name, postgresql_url) for name in "ab"]

    with both(*programs) as processes:
        assert eventually(lambda: sorted(held(postgresql_url).values()) == [2, 2])
        share = -(-MAILS // (KILLS + 1))
        for kill in range(KILLS):
            boxes.deliver(list(enumerate(sent))[kill * share : (kill + 1) * share])
            time.sleep(chance.uniform(0.5, 3.0))
            dead = kill % 2
            processes[dead].kill()
            processes[dead].wait()
            assert eventually(lambda: list(held(postgresql_url).values()) == [4]), "nobody took over"
            processes[dead] = programs[dead].start("run")
        boxes.deliver(list(enumerate(sent))[KILLS * share :])
        begun = time.monotonic()
        while settled(postgresql_url) < len(expected["messages"]) and time.monotonic() - begun < 1800:
            time.sleep(0.5)
        assert eventually(lambda: sorted(held(postgresql_url).values()) == [2, 2])
        for process in processes:
            process.terminate()
        assert [process.wait(timeout=10) for process in processes] == [0, 0]

    assert state(postgresql_url) == expected
    assert held(postgresql_url) == Counter()
    assert all(each.logged("message_settled") for each in programs), "one of the two has read nothing"


# --- a PostgreSQL that comes and goes


@pytest.fixture
def server(postgresql_server: PostgresqlServer) -> Iterator[PostgresqlServer]:
    """A PostgreSQL of this test's own."""
    with running_postgresql(postgresql_server.programs) as own:
        yield own
        control(own, "stop", "-m", "immediate", check=False)


def control(server: PostgresqlServer, *words: str, check: bool = True) -> None:
    """Stop or start a server, as an operator does."""
    owner = "postgres" if os.geteuid() == 0 else None
    subprocess.run(
        [server.programs / "pg_ctl", *words, "-w", "-D", server.sockets / "data"],
        user=owner,
        group=owner,
        extra_groups=[] if owner else None,
        cwd=server.sockets,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=check,
    )


def start_again(server: PostgresqlServer) -> None:
    settings = {**SETTINGS, "listen_addresses": "127.0.0.1", "unix_socket_directories": str(server.sockets)}
    options = " ".join([f"-p {server.port}", *(f"-c {name}={value}" for name, value in settings.items())])
    control(server, "start", "-o", options)


def test_a_database_that_is_stopped_and_started_again_costs_nothing(
    dovecot, server, user, tmp_path, undisturbed
) -> None:
    sent = mails(90)
    expected = undisturbed(sent)
    url = server.url("tests")
    database.upgrade(url)
    boxes = Mailboxes(dovecot, user)
    programs = [boxes.program(tmp_path / name, url) for name in "ab"]

    with both(*programs) as processes:
        assert eventually(lambda: sorted(held(url).values()) == [2, 2])
        boxes.deliver(list(enumerate(sent))[:30])
        control(server, "stop", "-m", "fast")
        assert eventually(lambda: all(each.logged("mailbox_lease_lost") for each in programs))
        boxes.deliver(list(enumerate(sent))[30:60])
        start_again(server)
        assert eventually(lambda: settled(url) > 30)
        boxes.deliver(list(enumerate(sent))[60:])
        assert eventually(lambda: settled(url) == len(expected["messages"]))
        assert [process.poll() for process in processes] == [None, None]

    assert state(url) == expected
    for each in programs:
        assert len(each.logged("database_failed")) == len(each.logged("database_back")) >= 1
        assert each.logged("mailbox_failed") == []


def test_a_daemon_that_begins_before_its_database_waits_for_it(dovecot, server, user, tmp_path) -> None:
    url = server.url("tests")
    boxes = Mailboxes(dovecot, user)
    early = boxes.program(tmp_path / "early", url)
    boxes.deliver(list(enumerate(mails(4))))
    control(server, "stop", "-m", "fast")

    with both(early) as (process,):
        assert eventually(lambda: early.log_file.exists() and early.logged("database_waited_for"))
        start_again(server)
        assert eventually(lambda: early.logged("daemon_started"))
        assert eventually(lambda: settled(url) == 4)
        assert process.poll() is None

    (said,) = early.logged("database_waited_for")
    assert "check that the server runs" in said["problem"]


def test_a_wrong_password_is_not_waited_for(dovecot, server, user, tmp_path) -> None:
    database.upgrade(server.url("tests"))
    wrong = Mailboxes(dovecot, user).program(tmp_path / "wrong", server.url("tests").replace("not-a-secret", "guess"))
    assert wrong.start("run").wait(timeout=60) == 1
    assert "the password is wrong for this user" in wrong.log_file.read_text()


# --- leases, with a clock of the test


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def shared(postgresql_url):
    database.upgrade(postgresql_url)
    opened = database.open_store(postgresql_url)
    yield opened
    opened.close()


def test_a_lease_that_is_not_renewed_ends_here_before_it_ends_in_the_database(shared) -> None:
    clock, changed = Clock(), []
    sharing = Sharing(shared, ["noc"], name="a", clock=clock)
    sharing.changed = lambda mailbox: changed.append((mailbox, sharing.holds(mailbox)))
    assert not sharing.holds("noc")

    sharing.beat()
    clock.now += LEASE_SECONDS - 3
    sharing.look()
    assert changed == [("noc", True)]
    clock.now += 2
    assert not sharing.holds("noc")
    sharing.look()
    assert changed == [("noc", True), ("noc", False)]

    sharing.beat()
    assert changed[2:] == [("noc", True)]
    other = Sharing(shared, ["noc"], name="b", clock=clock)
    other.beat()
    assert not other.holds("noc")
    sharing.leave()
    other.beat()
    assert other.holds("noc")


def test_a_lease_ends_in_time_though_the_database_hangs(shared, monkeypatch) -> None:
    monkeypatch.setattr("ingestor.sharing.BEAT_SECONDS", 0.1)
    clock = Clock()
    sharing = Sharing(shared, ["noc"], clock=clock)
    changed = threading.Event()
    with sharing:
        assert eventually(lambda: sharing.holds("noc"))
        with shared.writing() as connection:
            # Whoever renews waits for this from now on.
            connection.execute(sa.text("LOCK TABLE daemons IN ACCESS EXCLUSIVE MODE"))
            assert eventually(lambda: waiting_for_locks(connection) == 1)
            sharing.changed = lambda _: changed.set()
            clock.now += LEASE_SECONDS - 1
            assert not sharing.holds("noc")
            assert changed.wait(PATIENCE_SECONDS)
        assert eventually(lambda: sharing.holds("noc"))


def waiting_for_locks(connection) -> int:
    return connection.scalar(sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted"))


def test_a_mailbox_that_goes_elsewhere_is_left_at_once_and_read_on_when_it_comes_back(dovecot, user, tmp_path) -> None:
    url = f"sqlite:///{tmp_path / 'maintd.db'}"
    database.upgrade(url)
    store = database.open_store(url)
    stream = io.StringIO()
    logs.configure("json", "info", stream)
    holds = {"noc": True}
    table = MailboxTable.model_validate(
        {"name": "noc", "host": "127.0.0.1", "port": dovecot.imap, "tls": "none", "username": user, "initial": "all"}
        | {"password": PASSWORD}
    )
    settings = Settings(mailbox=(table,))
    settings_of = functools.partial(mailbox_settings, settings)
    watching = Watching([table], store, settings_of, arrived=lambda: None, holds=lambda name: holds[name])
    health = functools.partial(watching.registry.of, "noc", "INBOX")
    watching.start()
    try:
        assert eventually(lambda: health().by == "idle" and health().last_success_at)
        holds["noc"] = False
        watching.lease_changed("noc")
        assert eventually(lambda: health().held_elsewhere and health().by is None)
        dovecot.deliver(user, own_mails()[:2], at=NOW)
        assert known(store) == 0

        holds["noc"] = True
        watching.lease_changed("noc")
        assert eventually(lambda: known(store) == 2)
        assert not health().held_elsewhere
    finally:
        watching.stop()
        assert watching.join(10)
        store.close()
    assert "mailbox_failed" not in stream.getvalue()
    assert dict(health().failures) == {}


def known(store) -> int:
    with store.reading() as connection:
        return len(queries.messages(connection))


def test_a_mailbox_that_is_passed_on_is_held_no_more(shared) -> None:
    changed: list[tuple[str, bool]] = []
    first, second = (Sharing(shared, ["x", "y"], name=name) for name in "ab")
    first.beat()
    first.changed = lambda mailbox: changed.append((mailbox, first.holds(mailbox)))
    second.beat()
    first.beat()
    assert changed == [("x", False)]
    second.beat()
    assert [second.holds(name) for name in "xy"] == [True, False]


def test_a_database_that_is_away_is_told_of_once_by_the_thread_that_renews(server) -> None:
    database.upgrade(server.url("tests"))
    store = database.open_store(server.url("tests"))
    patience = Patience(store)
    try:
        sharing = Sharing(store, ["noc"], patience=patience)
        with sharing:
            assert eventually(lambda: sharing.holds("noc"))
            control(server, "stop", "-m", "fast")
            with pytest.raises(StorageError) as caught:
                sharing.beat()
            assert not caught.value.permanent
            assert eventually(lambda: patience.failing)
            start_again(server)
            assert eventually(lambda: not patience.failing)
    finally:
        store.close()
