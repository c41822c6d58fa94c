"""Waiting for the word of servers that drip, babble and fall silent."""

import os
import threading
import time
from datetime import UTC, datetime

import pytest

from domain.errors import MailboxError, MailboxFailure
from ingestor.mailbox import Deadlines, Idled, MailboxSettings, connect
from tests.unit.ingestor.test_mailbox_session import Script

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def idling():
    """Log in to a server that answers IDLE as it is told, and wait there."""
    servers = []

    def idle(answers):
        server = Script(answers, capabilities="IMAP4rev1 AUTH=PLAIN IDLE")
        servers.append(server)
        settings = MailboxSettings(
            name="noc",
            host="127.0.0.1",
            port=server.port,
            username="x",
            credential="y",
            tls="none",
            deadlines=Deadlines(login_seconds=0.5),
        )
        reader, writer = os.pipe()
        try:
            with connect(settings) as session:
                session.collect("INBOX", None, lambda *_: None, now=NOW, stopping=lambda: True)
                return session.idle(30, reader, lambda: None, slice_seconds=0.05)
        finally:
            os.close(reader)
            os.close(writer)

    yield idle
    for server in servers:
        server.stop()


def dripping(connection, tag):
    """Say a line each 0.05 seconds, and never the last one."""

    def drip():
        try:
            for _ in range(400):
                connection.sendall(b"* OK still here\r\n")
                time.sleep(0.05)
        except OSError:
            return

    threading.Thread(target=drip, daemon=True).start()


def test_a_server_that_drips_before_it_is_ready_is_given_up(idling):
    with pytest.raises(MailboxError, match=r"idle: the server is too slow: not done after 0.5 s") as caught:
        idling({"IDLE": dripping})
    assert caught.value.kind is MailboxFailure.UNREACHABLE


def test_a_server_that_drips_in_place_of_coming_to_an_end_is_given_up(idling):
    def ready_and_dripping(connection, tag):
        connection.sendall(b"+ idling\r\n")
        dripping(connection, tag)

    logins = []

    def only_logged_in(connection, tag):
        # What has no tag is the password, and later the "DONE".
        if not logins:
            connection.sendall(f"{tag} OK done\r\n".encode())
        logins.append(tag)

    with pytest.raises(MailboxError, match=r"idle: the server is too slow"):
        idling({"IDLE": ready_and_dripping, "password": only_logged_in})
    assert len(logins) == 2


def test_a_server_that_refuses_is_not_asked_to_come_to_an_end(idling):
    assert idling({"IDLE": "{tag} NO not today"}) is Idled.REFUSED


def test_a_farewell_ends_the_session_though_the_server_does_not_hang_up(idling):
    with pytest.raises(MailboxError, match=r"the server said BYE: .*AccessTokenExpired") as caught:
        idling({"IDLE": "* BYE Session invalidated - AccessTokenExpired"})
    assert caught.value.kind is MailboxFailure.ENDED
