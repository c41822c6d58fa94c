"""Watching real folders through whatever servers and networks do: each mail is read once, and nobody is locked out."""

import io
import json
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from domain.errors import MailboxFailure
from ingestor import daemon, logs, pipeline
from ingestor.config import MailboxTable, Settings
from ingestor.watching import Bell, FolderHealth, Pace, Watching
from parsers.workers import Limits, WorkerPool
from storage import database, messages, queries
from storage.database import Store
from tests.integration.program import eventually
from tests.servers.dovecot import PASSWORD, start

pytestmark = pytest.mark.dovecot

# As in real life, only sooner.
QUICK = Pace(idle=60, slice=0.2, steady=0.5)


class Clock:
    """A clock that goes only where somebody waits for the bell, and ends the watching after a while."""

    def __init__(self, seconds: float) -> None:
        self.now = 0.0
        self.end = seconds
        self.ended: Callable[[], None] = lambda: None

    def __call__(self) -> float:
        return self.now

    def bell(self) -> Bell:
        clock = self

        class WaitedFor(Bell):
            def wait(self, seconds: float) -> bool:
                clock.now += max(seconds, 0.001)
                if clock.now >= clock.end:
                    clock.ended()
                return super().wait(0)

        return WaitedFor()


@dataclass
class Watched:
    """One mailbox that is watched, and what became of it."""

    store: Store
    directory: Path
    stream: io.StringIO
    watching: Watching | None = None
    arrived: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def watch(
        self, port: int, user: str, *, pace: Pace = QUICK, clock: Clock | None = None, **changes: Any
    ) -> Iterator[Watching]:
        """Watch; pauses are a hundredth of what they are, unless there is a ``clock``."""
        arrived = changes.pop("arrived", self.arrived.set)
        jitter = changes.pop("jitter", 0.01)
        usual = {"name": "noc", "host": "127.0.0.1", "port": port, "tls": "none", "username": user}
        usual |= {"password": PASSWORD, "initial": "all"}
        short = {name: changes.pop(name) for name in ("poll_seconds",) if name in changes}
        table = MailboxTable.model_validate(usual | changes).model_copy(update=short)
        settings = Settings(mailbox=(table,))
        odd = {"clock": clock, "bell": clock.bell, "jitter": lambda: 1.0} if clock else {"jitter": lambda: jitter}
        self.watching = Watching(
            [table],
            self.store,
            lambda one: daemon.mailbox_settings(settings, one),
            arrived=arrived,
            pace=pace,
            **odd,
        )
        if clock:
            clock.ended = self.watching.stop
        self.watching.start()
        try:
            yield self.watching
        finally:
            self.watching.stop()
            assert self.watching.join(10)

    def health(self, folder: str = "INBOX") -> FolderHealth:
        return self.watching.registry.of("noc", folder)

    def by(self, by: str | None, folder: str = "INBOX") -> bool:
        return eventually(lambda: self.health(folder).by == by)

    def said(self, event: str) -> list[dict[str, Any]]:
        lines = self.stream.getvalue().splitlines(keepends=True)
        return [line for line in (json.loads(one) for one in lines if one.endswith("\n")) if line["event"] == event]

    def subjects(self) -> list[str]:
        with self.store.reading() as connection:
            return sorted(one["subject"] for one in queries.messages(connection))

    def has(self, *subjects: str) -> bool:
        return eventually(lambda: self.subjects() == sorted(subjects))

    def settle(self) -> None:
        """Read what waits, as the daemon does."""
        pool = WorkerPool(1, Limits(), daemon.providers(Settings(), self.store))
        try:
            pipeline.Processor(store=self.store, pool=pool).process(stopping=lambda: False)
        finally:
            pool.stop()

    def error(self) -> str | None:
        """Return what ``maintd stats`` says is wrong with the mailbox."""
        with self.store.reading() as connection:
            return queries.stats(connection, now=pipeline.utc_now(), mailboxes=["noc"])["mailboxes"]["noc"]["error"]


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    url = f"sqlite:///{tmp_path / 'maintd.db'}"
    database.upgrade(url)
    store = database.open_store(url)
    stream = io.StringIO()
    logs.configure("json", "info", stream)
    yield Watched(store=store, directory=tmp_path, stream=stream)
    store.close()


class Counted:
    """The commands that pass a proxy."""

    def __init__(self, proxy: Any) -> None:
        self.lines: list[bytes] = []
        proxy.rule("c2s", rb"", self._keep, once=False)

    def _keep(self, chunk: bytes) -> bytes:
        self.lines += filter(None, chunk.splitlines())
        return chunk

    def of(self, pattern: bytes) -> list[bytes]:
        return [line for line in self.lines if re.search(pattern, line)]


# --- noticing mail ----------------------------------------------------------------------------------------------


def test_what_the_server_announces_is_read_on_the_connection_that_stands(watched, dovecot, user, proxy, mail):
    commands = Counted(proxy)
    with watched.watch(proxy.port, user, pace=Pace()):
        assert watched.by("idle")
        assert eventually(lambda: commands.of(rb"IDLE"))
        for number in (1, 2, 3):
            dovecot.deliver(user, [mail(number)])
            assert watched.has(*(f"mail {n}" for n in range(1, number + 1)))

    assert len(commands.of(rb"AUTHENTICATE")) == 1
    assert watched.arrived.is_set()
    assert watched.said("mailbox_failed") == []


@pytest.mark.parametrize(("tls", "port"), [("tls", "imaps"), ("starttls", "imap")])
def test_what_the_server_announces_is_read_under_tls(watched, dovecot, user, mail, tls, port):
    options = {"tls": tls, "host": "localhost", "ca_file": dovecot.ca}
    with watched.watch(getattr(dovecot, port), user, pace=Pace(), **options):
        assert watched.by("idle")
        for number in (1, 2):
            dovecot.deliver(user, [mail(number)])
            assert watched.has(*(f"mail {n}" for n in range(1, number + 1)))


def test_an_announcement_that_comes_with_the_word_of_being_ready_is_seen(watched, dovecot, user, proxy, mail):
    def announced(chunk: bytes) -> bytes:
        dovecot.deliver(user, [mail(1)])
        return chunk + b"* 1 EXISTS\r\n"

    proxy.rule("s2c", rb"\A\+ idling", announced)
    # The server's own word does not pass.
    proxy.rule("s2c", rb"\A\* \d+ EXISTS", lambda chunk: b"", once=False)
    with watched.watch(proxy.port, user, pace=Pace()):
        assert watched.has("mail 1")


def test_an_announcement_in_the_answer_to_another_command_is_not_overheard(watched, dovecot, user, proxy, mail):
    answers: list[bytes] = []
    proxy.rule("s2c", rb"EXISTS", lambda chunk: answers.append(chunk) or chunk, once=False)

    def meanwhile(chunk: bytes) -> bytes:
        dovecot.deliver(user, [mail(1)])
        return chunk

    with watched.watch(proxy.port, user, pace=Pace()) as watching:
        assert watched.by("idle")
        proxy.rule("c2s", rb"SEARCH SINCE", meanwhile)
        watching.compare()
        assert watched.has("mail 1")
    assert any(b"Search completed" in chunk for chunk in answers)


def test_a_server_that_announces_again_and_again_what_is_not_there_is_not_asked_without_a_pause(
    watched, dovecot, user, proxy
):
    commands, clock = Counted(proxy), Clock(20)
    proxy.rule("s2c", rb"\A\+ idling", lambda chunk: b"* 7 EXISTS\r\n" + chunk, once=False)
    with watched.watch(proxy.port, user, pace=Pace(), clock=clock) as watching:
        assert watching.join(30)
    assert len(commands.of(rb"EXAMINE")) in range(20, 60)
    assert watched.said("mailbox_failed") == watched.said("mailbox_disconnected") == []


def test_an_announcement_before_the_word_of_being_ready_does_no_harm(watched, dovecot, user, proxy, mail):
    proxy.rule("s2c", rb"\A\+ idling", lambda chunk: b"* 7 EXISTS\r\n" + chunk, once=False)
    with watched.watch(proxy.port, user, pace=Pace()):
        assert watched.by("idle")
        dovecot.deliver(user, [mail(1)])
        assert watched.has("mail 1")
    assert watched.said("mailbox_failed") == watched.said("mailbox_disconnected") == []


def test_mail_that_is_not_announced_is_found_and_the_server_is_asked_more_often(watched, dovecot, user, proxy, mail):
    commands = Counted(proxy)
    proxy.rule("s2c", rb"\A\* \d+ (EXISTS|RECENT)", lambda chunk: b"", once=False)
    with watched.watch(proxy.port, user, pace=Pace(idle=2), poll_seconds=0.2):
        assert watched.by("idle")
        dovecot.deliver(user, [mail(1)])
        assert watched.has("mail 1")
        before = len(commands.of(rb"IDLE"))
        assert eventually(lambda: len(commands.of(rb"IDLE")) > before + 10)
        assert watched.by("idle")


def test_a_server_that_announces_no_idle_is_polled_on_one_connection(watched, dovecot_servers, user, proxy_to, mail):
    server = dovecot_servers.get("no_move")
    proxy = proxy_to(server.imap)
    commands = Counted(proxy)
    with watched.watch(proxy.port, user, poll_seconds=0.1):
        assert watched.by("poll")
        assert eventually(lambda: len(commands.of(rb"EXAMINE")) > 5)
        server.deliver(user, [mail(1)])
        assert watched.has("mail 1")

    assert (len(commands.of(rb"AUTHENTICATE|LOGIN")), commands.of(rb"IDLE")) == (1, [])


def test_a_server_that_refuses_idle_is_polled(watched, dovecot, user, proxy, mail):
    proxy.rule("c2s", rb"IDLE", lambda chunk: chunk.replace(b"IDLE", b"IDLES"), once=False)
    with watched.watch(proxy.port, user, poll_seconds=0.1):
        assert watched.by("poll")
        dovecot.deliver(user, [mail(1)])
        assert watched.has("mail 1")
    assert watched.said("mailbox_failed") == []


def test_who_asks_for_polls_gets_polls(watched, dovecot, user, proxy, mail):
    commands = Counted(proxy)
    with watched.watch(proxy.port, user, watch="poll", poll_seconds=0.1):
        dovecot.deliver(user, [mail(1)])
        assert watched.has("mail 1")
    assert commands.of(rb"IDLE") == []


def test_a_look_costs_as_many_commands_in_a_large_folder_as_in_a_small_one(watched, dovecot, user, proxy_to, mail):
    counts = {}
    for old in (100, 2000):
        name = f"{user}-{old}"
        dovecot.deliver(name, [mail(number, body="") for number in range(old)])
        proxy = proxy_to(dovecot.imap)
        commands = Counted(proxy)
        with watched.watch(proxy.port, name, initial="new", name=f"old-{old}", pace=Pace(idle=0.2)):
            assert eventually(lambda commands=commands: len(commands.of(rb"IDLE")) > 3)
            begun = len(commands.lines)
            idles = len(commands.of(rb"IDLE"))
            dovecot.deliver(name, [mail(1)])
            assert eventually(lambda commands=commands, idles=idles: len(commands.of(rb"IDLE")) == idles + 10)
            lines = [re.sub(rb"\d+", b"N", re.sub(rb"^[A-Z]{4}\d+ ", b"", line)) for line in commands.lines[begun:]]
        counts[old] = (sorted(set(lines)), len([line for line in lines if b"FETCH" in line or b"SEARCH" in line]))
    assert counts[100] == counts[2000]
    assert counts[100][1] == 3


# --- losing the connection --------------------------------------------------------------------------------------


@pytest.mark.parametrize("reset", [False, True])
def test_a_connection_that_is_cut_while_waiting_is_made_anew(watched, dovecot, user, proxy, mail, reset):
    commands = Counted(proxy)
    with watched.watch(proxy.port, user):
        for number in (1, 2):
            assert eventually(lambda number=number: len(commands.of(rb"IDLE")) >= number)
            proxy.drop(reset=reset)
            dovecot.deliver(user, [mail(number)])
            assert watched.has(*(f"mail {n}" for n in range(1, number + 1)))
        assert eventually(lambda: watched.health().failing_since is None)


def test_a_network_that_is_gone_without_a_word_is_noticed_and_mail_is_read_when_it_is_back(
    watched, dovecot, user, proxy, mail
):
    with watched.watch(proxy.port, user, pace=Pace(idle=0.5), read_seconds=1, connect_seconds=1):
        assert watched.by("idle")
        proxy.stall()
        dovecot.deliver(user, [mail(1)])
        assert eventually(lambda: watched.health().failure is MailboxFailure.UNREACHABLE)
        assert watched.health().failing_since is not None
        proxy.resume()
        assert watched.has("mail 1")
        assert eventually(lambda: watched.health().failing_since is None)
    assert len(watched.said("mailbox_back")) == 1


def test_a_farewell_of_the_server_is_no_failure_and_the_connection_is_made_anew_at_once(
    watched, dovecot, user, proxy, mail
):
    commands = Counted(proxy)
    with watched.watch(proxy.port, user, pace=Pace(steady=0)):
        assert eventually(lambda: commands.of(rb"IDLE"))
        dovecot.kick(user)
        dovecot.deliver(user, [mail(1)])
        assert watched.has("mail 1")
        assert watched.health().failures == {MailboxFailure.ENDED: 1}
    assert watched.said("mailbox_failed") == []
    (line,) = watched.said("mailbox_disconnected")
    assert (line["level"], "the server said BYE" in line["problem"]) == ("info", True)


def test_a_server_that_says_farewell_again_and_again_is_left_alone_for_longer_and_longer(watched, dovecot, user, proxy):
    commands = Counted(proxy)
    proxy.rule("s2c", rb"\A\+ idling", lambda chunk: b"* BYE AccessTokenExpired\r\n", once=False)
    clock = Clock(3600)
    with watched.watch(proxy.port, user, pace=Pace(), clock=clock):
        assert eventually(lambda: clock.now >= clock.end)
    # At once, after 5, 10, 20 and 40 seconds, and then every 60: it is well for as long as a look takes.
    assert len(commands.of(rb"AUTHENTICATE")) == 1 + 4 + 58


def test_a_server_that_is_shut_down_and_started_again_is_read_from_where_it_stood(watched, user, mail, request):
    # The user of the mails must be able to enter: not so in the folders of pytest.
    root = Path(tempfile.mkdtemp(prefix="maintd-dovecot-"))
    request.addfinalizer(lambda: shutil.rmtree(root, ignore_errors=True))
    root.chmod(0o755)
    server = start(root / "server")
    try:
        server.deliver(user, [mail(1)])
        with watched.watch(server.imap, user):
            assert watched.has("mail 1")
            server.shut_down()
            assert eventually(lambda: watched.health().failure is MailboxFailure.UNREACHABLE)
            server = server.start_again()
            server.deliver(user, [mail(2)])
            assert watched.has("mail 1", "mail 2")
            assert eventually(lambda: watched.health().failing_since is None)
    finally:
        server.stop()
    assert sum(line["fetched"] for line in watched.said("mailbox_polled")) == 2


def test_a_changed_uid_validity_is_noticed_while_watching_and_nothing_is_doubled(watched, dovecot, user, mail):
    dovecot.deliver(user, [mail(1)])
    with watched.watch(dovecot.imap, user, pace=Pace(idle=0.3, steady=0, slice=0.2)):
        assert watched.has("mail 1")
        dovecot.set_uid_validity(user, 4711)
        dovecot.deliver(user, [mail(2)])
        assert watched.has("mail 1", "mail 2")
        assert eventually(lambda: watched.said("uid_validity_changed"))


# --- what a server refuses --------------------------------------------------------------------------------------


def test_a_wrong_password_is_tried_a_few_times_in_hours_and_once_for_all_folders(watched, dovecot, user, proxy):
    commands = Counted(proxy)
    clock = Clock(4 * 3600)
    folders = ["INBOX", "A", "B", "C"]
    with watched.watch(proxy.port, user, pace=Pace(), clock=clock, password="wrong", folders=folders):
        assert eventually(lambda: clock.now >= clock.end)
    # After 1, 2, 4, 8 and 16 minutes, and then every half hour.
    assert 6 <= len(commands.of(rb"AUTHENTICATE")) <= 14
    assert {watched.health(folder).failure for folder in folders} == {MailboxFailure.REFUSED}
    assert watched.said("mailbox_failed")[0]["folders"] == folders
    assert "check username and password" in watched.error()


def test_folders_that_come_to_a_closed_door_do_not_try_the_password_each(watched, dovecot, user, proxy):
    commands = Counted(proxy)
    folders = ["INBOX", "A", "B", "C"]
    with watched.watch(proxy.port, user, password="wrong", folders=folders, jitter=1.0):
        assert eventually(lambda: {watched.health(one).failure for one in folders} == {MailboxFailure.REFUSED})
        moved = {one: watched.health(one).progressed_at for one in folders}
        # Each has come to the door, and waits.
        assert eventually(lambda: all(watched.health(one).progressed_at > moved[one] for one in folders))
    assert len(commands.of(rb"AUTHENTICATE")) == 1


def test_a_password_that_is_put_right_is_used_without_a_restart(watched, dovecot, user, mail):
    secret = watched.directory / "password"
    secret.write_text("wrong")
    secret.chmod(0o600)
    dovecot.deliver(user, [mail(1)])
    with watched.watch(dovecot.imap, user, password={"file": str(secret)}):
        assert eventually(lambda: watched.health().failure is MailboxFailure.REFUSED)
        secret.write_text(PASSWORD)
        assert watched.has("mail 1")


def test_a_folder_that_is_missing_holds_up_no_other_and_is_read_once_it_is_there(watched, dovecot, user, mail):
    with watched.watch(dovecot.imap, user, folders=["INBOX", "Carriers"]):
        assert eventually(lambda: watched.health("Carriers").failure is MailboxFailure.FOLDER)
        dovecot.deliver(user, [mail(1)])
        assert watched.has("mail 1")
        dovecot.deliver(user, [mail(2)], folder="Carriers")
        assert watched.has("mail 1", "mail 2")
        assert eventually(lambda: watched.health("Carriers").failing_since is None)
    assert watched.health("INBOX").failures == {}


def test_a_folder_that_is_missing_is_looked_for_slowly(watched, dovecot, user, proxy):
    commands = Counted(proxy)
    clock = Clock(4 * 3600)
    with watched.watch(proxy.port, user, pace=Pace(), clock=clock, folders=["Missing"]):
        assert eventually(lambda: clock.now >= clock.end)
    assert 6 <= len(commands.of(rb"AUTHENTICATE")) <= 14


def test_where_a_server_takes_one_connection_the_folders_are_visited_in_turn(watched, dovecot_servers, user, mail):
    server = dovecot_servers.get("one_connection")
    folders = ["INBOX", "A", "B"]
    for folder in ("A", "B"):
        server.make_folder(user, folder)
    with watched.watch(server.imap, user, folders=folders, poll_seconds=0.2):
        assert eventually(lambda: watched.said("connections_limited"))
        assert eventually(lambda: all(watched.health(folder).last_success_at for folder in folders))
        path = server.root / "mail" / user / "Maildir"
        for number, folder in enumerate(folders):
            (path / ("" if folder == "INBOX" else f".{folder}") / "new" / f"{number}.x.y").write_bytes(mail(number))
        assert watched.has("mail 0", "mail 1", "mail 2")
        assert eventually(lambda: all(watched.health(folder).failing_since is None for folder in folders))


# --- messages that do harm, and messages that were missed -------------------------------------------------------


def test_a_mail_that_makes_the_server_hang_up_is_left_out_after_three_tries(watched, dovecot, user, proxy, mails):
    dovecot.deliver(user, mails(4))
    proxy.rule("c2s", rb"UID FETCH (\S+,)?2[, ].*BODY", "reset", once=False)
    with watched.watch(proxy.port, user) as watching:
        assert watched.has("mail 1", "mail 3", "mail 4")
        assert eventually(lambda: watched.health().withheld == 1)
        (line,) = watched.said("message_withheld")
        assert (line["imap_uid"], line["folder"]) == (2, "INBOX")
        assert eventually(lambda: "UID 2 could not be fetched" in (watched.error() or ""))
        # It is tried again, in vain, and then with success.
        watching.compare()
        assert eventually(lambda: len(watched.said("mailbox_failed")) == 5)
        proxy.mend()
        assert watched.by("idle")
        watching.compare()
        assert watched.has("mail 1", "mail 2", "mail 3", "mail 4")
        assert eventually(lambda: watched.health().withheld == 0)


def test_a_connection_lost_in_the_middle_of_a_fetch_leaves_nothing_out(watched, dovecot, user, proxy, mails):
    dovecot.deliver(user, mails(30))
    proxy.rule("c2s", rb"UID FETCH .*BODY", "reset")
    proxy.rule("c2s", rb"UID FETCH 17 .*BODY", "reset")
    with watched.watch(proxy.port, user):
        assert watched.has(*(f"mail {number}" for number in range(1, 31)))
        assert eventually(lambda: watched.health().failing_since is None)
    assert watched.health().withheld == 0
    assert watched.said("message_withheld") == []


def test_what_was_missed_is_found_by_comparing_the_folder_with_the_ledger(watched, dovecot, user, mails):
    dovecot.deliver(user, mails(1))
    with watched.watch(dovecot.imap, user) as watching:
        assert watched.has("mail 1")
        with watched.store.writing() as connection:
            cursor = messages.read_cursor(connection, "noc", "INBOX")
            messages.save_cursor(connection, messages.Cursor(**{**as_facts(cursor), "last_uid": 5}))
        dovecot.deliver(user, mails(3)[1:])
        assert not watched.said("mailbox_reconciled")
        watching.compare()
        assert watched.has("mail 1", "mail 2", "mail 3")
    (line,) = watched.said("mailbox_reconciled")
    assert (line["fetched"], line["new"], line["level"]) == (2, 2, "warning")


def as_facts(cursor: messages.Cursor) -> dict[str, Any]:
    return {name: getattr(cursor, name) for name in ("mailbox", "folder", "uid_validity", "last_uid")}


def test_comparing_fetches_nothing_that_was_left_out_at_the_first_contact(watched, dovecot, user, mail):
    dovecot.deliver(user, [mail(1), mail(2)])
    with watched.watch(dovecot.imap, user, initial="new") as watching:
        assert watched.by("idle")
        dovecot.deliver(user, [mail(3)])
        assert watched.has("mail 3")
        before = watched.health().last_success_at
        watching.compare()
        assert eventually(lambda: watched.health().last_success_at > before)
    assert watched.subjects() == ["mail 3"]


def test_a_comparison_shows_that_it_is_alive_and_ends_with_the_program(watched, dovecot, user, monkeypatch):
    entered, compare = threading.Event(), pipeline.compare_folder

    def long(*args: Any, stopping: Callable[[], bool], **options: Any) -> Any:
        entered.set()
        while not stopping():
            time.sleep(0.01)
        return compare(*args, stopping=stopping, **options)

    monkeypatch.setattr(pipeline, "compare_folder", long)
    with watched.watch(dovecot.imap, user) as watching:
        assert watched.by("idle")
        watching.compare()
        assert entered.wait(30)
        before = watched.health().progressed_at
        assert eventually(lambda: watched.health().progressed_at > before)


# --- filing -----------------------------------------------------------------------------------------------------


def test_what_is_settled_is_filed_without_waiting_for_a_poll(watched, dovecot, user, proxy, mails):
    commands = Counted(proxy)
    with watched.watch(proxy.port, user, pace=Pace(), after="flag") as watching:
        dovecot.deliver(user, mails(2))
        assert watched.has("mail 1", "mail 2")
        watched.settle()
        watching.settled()
        assert eventually(lambda: dovecot.flags(user) == {1: {b"maintd"}, 2: {b"maintd"}})
    assert len(commands.of(rb"AUTHENTICATE")) == 1


def test_filing_that_ends_the_connection_does_not_keep_mail_from_being_read(watched, dovecot, user, proxy, mail):
    proxy.rule("c2s", rb"UID STORE", "reset", once=False)
    dovecot.deliver(user, [mail(1)])
    with watched.watch(proxy.port, user, after="flag") as watching:
        assert watched.has("mail 1")
        watched.settle()
        watching.settled()
        assert eventually(lambda: watched.said("filing_failed"))
        dovecot.deliver(user, [mail(2)])
        assert watched.has("mail 1", "mail 2")
    assert len(watched.said("filing_failed")) == 1


# --- stopping, and faults of our own ----------------------------------------------------------------------------


@pytest.mark.parametrize("begun", [False, True])
def test_watching_ends_at_once_though_the_server_hangs(watched, dovecot, user, proxy, begun):
    if not begun:
        proxy.stall()
    # A folder that the server has not would be told as missing, if it is reached before the server hangs.
    folders = ["INBOX"] if begun else ["INBOX", "A"]
    options = {"read_seconds": 3600, "connect_seconds": 300, "folders": folders}
    with watched.watch(proxy.port, user, pace=Pace(), **options) as watching:
        if begun:
            assert watched.by("idle")
            proxy.stall()
            watching.compare()
        watching.stop()
        assert watching.join(10)
    assert watched.said("mailbox_failed") == []


def test_a_fault_in_a_watcher_is_told_and_it_goes_on(watched, dovecot, user, mail):
    faults = [RuntimeError("a fault")]

    def arrived() -> None:
        if faults:
            raise faults.pop()

    dovecot.deliver(user, [mail(1)])
    with watched.watch(dovecot.imap, user, arrived=arrived):
        assert eventually(lambda: watched.said("watcher_failed"))
        dovecot.deliver(user, [mail(2)])
        assert watched.has("mail 1", "mail 2")
        assert eventually(lambda: watched.health().failing_since is None)
    (line,) = watched.said("watcher_failed")
    assert "a fault" in json.dumps(line)
    assert watched.health().failures == {MailboxFailure.FAULT: 1}


def test_a_watcher_that_waits_shows_that_it_is_alive(watched, dovecot, user):
    with watched.watch(dovecot.imap, user):
        assert watched.by("idle")
        before = watched.health().progressed_at
        assert eventually(lambda: watched.health().progressed_at > before)
        (health,) = watched.watching.registry.all()
        assert (health.mailbox, health.folder) == ("noc", "INBOX")
