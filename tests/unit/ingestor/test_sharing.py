"""On SQLite one daemon holds everything and says nothing of it; a watcher without its mailbox waits without failing."""

import threading

import pytest

from domain.errors import ConfigurationError
from ingestor.config import MailboxTable
from ingestor.sharing import Sharing, new_name
from ingestor.watching import Pace, Watching
from storage import database
from tests.integration.program import eventually

TABLE = MailboxTable.model_validate(
    {"name": "noc", "host": "imap.example", "username": "u", "password": "p", "folders": ["INBOX", "Late"]}
)


class Holding:
    """Which mailboxes are held, as a test says."""

    def __init__(self, *held):
        self.held = set(held)

    def __call__(self, mailbox):
        return mailbox in self.held


@pytest.fixture
def store(sqlite_url):
    database.upgrade(sqlite_url)
    opened = database.open_store(sqlite_url)
    yield opened
    opened.close()


@pytest.fixture
def tried():
    """How often a watcher came as far as asking for its settings."""
    return []


@pytest.fixture
def watch(store, tried):
    """Watch with pauses of no length; whoever asks for settings finds a secret that cannot be had."""
    begun = []

    def begin(holding):
        def settings_of(table):
            tried.append(table.name)
            raise ConfigurationError(["the password cannot be had"])

        watching = Watching(
            [TABLE],
            store,
            settings_of,
            arrived=lambda: None,
            holds=holding,
            pace=Pace(slice=0.02),
            jitter=lambda: 0.0001,
        )
        begun.append(watching)
        watching.start()
        return watching

    yield begin
    for watching in begun:
        watching.stop()
        assert watching.join(10)


def test_one_daemon_on_sqlite_holds_everything_without_a_statement_or_a_thread(store):
    before = threading.active_count()
    with Sharing(store, ["noc"]) as sharing:
        assert (sharing.holds("noc"), sharing.holds("another"), sharing.claimant) == (True, True, None)
        assert threading.active_count() == before


def test_no_two_processes_have_one_name():
    assert new_name() != new_name()


def test_a_watcher_whose_mailbox_is_elsewhere_makes_no_connection_and_moves_on(watch, tried):
    watching = watch(Holding("another"))
    of = watching.registry.of

    assert eventually(lambda: of("noc", "Late").held_elsewhere and of("noc", "INBOX").held_elsewhere)
    first = of("noc", "INBOX").progressed_at
    assert eventually(lambda: of("noc", "INBOX").progressed_at > first)
    assert (tried, of("noc", "INBOX").failing_since, dict(of("noc", "INBOX").failures)) == ([], None, {})


def test_a_mailbox_that_is_held_from_now_on_is_watched_at_once(watch, tried):
    holding = Holding()
    watching = watch(holding)
    assert eventually(lambda: watching.registry.of("noc", "INBOX").held_elsewhere)

    holding.held.add("noc")
    watching.lease_changed("noc")

    assert eventually(lambda: tried)
    assert eventually(lambda: not watching.registry.of("noc", "INBOX").held_elsewhere)


def test_a_mailbox_that_fails_here_and_goes_elsewhere_fails_no_more(watch, tried):
    holding = Holding("noc")
    watching = watch(holding)
    assert eventually(lambda: watching.registry.of("noc", "INBOX").failing_since)

    holding.held.clear()
    watching.lease_changed("noc")

    assert eventually(lambda: watching.registry.of("noc", "INBOX").held_elsewhere)
    assert watching.registry.of("noc", "INBOX").failing_since is None
    count = len(tried)
    assert eventually(lambda: watching.registry.of("noc", "Late").held_elsewhere)
    assert len(tried) == count
