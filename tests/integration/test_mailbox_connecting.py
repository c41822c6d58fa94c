"""Connecting to a real server, and each way in which that fails."""

import threading
from datetime import UTC, datetime

import pytest

from domain.errors import MailboxError
from ingestor.mailbox import connect, probe

pytestmark = pytest.mark.dovecot

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def failure_of(settings):
    with pytest.raises(MailboxError) as caught, connect(settings):
        pass
    error = caught.value
    assert "\n" not in str(error)
    assert str(error).startswith(f'mailbox "noc" ({settings.host}:{settings.port}): {error.step}: ')
    assert settings.credential not in str(error)
    return error.step, error.permanent, str(error)


@pytest.mark.parametrize(("tls", "port"), [("tls", "imaps"), ("starttls", "imap")])
def test_a_server_is_trusted_by_its_own_ca(dovecot, user, tls, port):
    with connect(dovecot.settings(user, tls=tls, port=getattr(dovecot, port))) as session:
        assert session.usable


@pytest.mark.parametrize(("tls", "port"), [("tls", "imaps"), ("starttls", "imap")])
def test_a_server_is_not_trusted_without_its_ca(dovecot, user, tls, port):
    step, permanent, text = failure_of(dovecot.settings(user, tls=tls, port=getattr(dovecot, port), ca_file=None))

    assert (step, permanent) == ("tls", True)
    assert "the certificate of localhost is not trusted: self-signed certificate" in text
    assert "the CAs of this system; set ca_file" in text


@pytest.mark.parametrize(("tls", "port"), [("tls", "imaps"), ("starttls", "imap")])
def test_a_certificate_of_another_name_is_not_trusted(dovecot, user, proxy_to, tls, port):
    proxy = proxy_to(getattr(dovecot, port), host="127.0.0.2")

    step, permanent, text = failure_of(dovecot.settings(user, tls=tls, host="127.0.0.2", port=proxy.port))

    assert (step, permanent) == ("tls", True)
    assert "set host to a name that the certificate bears" in text


def test_a_ca_file_that_is_missing_is_named(dovecot, user, tmp_path):
    step, permanent, text = failure_of(dovecot.settings(user, ca_file=str(tmp_path / "no.pem")))

    assert (step, permanent) == ("tls", True)
    assert f"ca_file {tmp_path / 'no.pem'} cannot be used: No such file or directory" in text


def test_loopback_may_be_without_tls(dovecot, user):
    with connect(dovecot.plain(user)) as session:
        assert session.usable


def test_a_password_beyond_ascii_is_accepted(dovecot):
    with connect(dovecot.settings("umlaut", credential="geheimnis-äöü€")) as session:
        assert session.usable


def test_a_wrong_password_is_refused_for_good_and_not_shown(dovecot, user):
    step, permanent, text = failure_of(dovecot.settings(user, credential="hunter2"))

    assert (step, permanent) == ("login", True)
    assert f'login as "{user}" refused: [AUTHENTICATIONFAILED] Authentication failed.; check username' in text


def test_tls_to_a_plain_port_is_recognised(dovecot, user):
    step, permanent, text = failure_of(dovecot.settings(user, port=dovecot.imap))

    assert (step, permanent) == ("tls", True)
    assert "the server answered the TLS handshake in plain text; port" in text
    assert 'use tls = "starttls"' in text


@pytest.mark.parametrize("tls", ["starttls", "none"])
def test_a_tls_port_spoken_to_in_plain_is_recognised(dovecot, user, tls):
    step, permanent, text = failure_of(dovecot.settings(user, tls=tls, connect_seconds=0.5))

    assert (step, permanent) == ("greeting", False)
    assert "connected, and then no greeting" in text
    assert 'use tls = "tls"' in text


def test_a_port_where_nothing_listens_is_refused(dovecot, user, free_port):
    step, permanent, text = failure_of(dovecot.settings(user, port=free_port))

    assert (step, permanent) == ("connect", False)
    assert "connection refused; nothing listens on port" in text


def test_a_server_that_hangs_before_login_is_given_up(dovecot, user, proxy):
    proxy.rule("c2s", rb"AUTHENTICATE", "stall")

    step, permanent, text = failure_of(dovecot.plain(user, proxy.port, read_seconds=1))

    assert (step, permanent) == ("login", False)
    assert "timed out" in text


def test_a_server_that_hangs_is_left_at_once_when_asked_to(dovecot, user, proxy, ledger):
    # Its own timeout is longer than any test may take.
    with connect(dovecot.plain(user, proxy.port, read_seconds=600)) as session:
        proxy.stall()
        threading.Timer(0.2, session.close_now).start()
        with pytest.raises(MailboxError, match="closed on request"):
            ledger.collect(session)


def test_a_session_closed_before_it_is_opened_does_not_connect(dovecot, user):
    session = connect(dovecot.settings(user))
    session.close_now()

    with pytest.raises(MailboxError, match="closed on request"):
        session.__enter__()


def test_a_check_tells_each_step(dovecot, user, mails):
    dovecot.deliver(user, mails(2))
    dovecot.make_folder(user, "Processed")
    settings = dovecot.settings(user, after="move", done_folder="Processed", quarantine_folder="Maintd/Quarantine")

    findings = list(probe(settings, now=NOW))

    assert [(finding.step, finding.ok) for finding in findings] == [
        ("name", True),
        ("connect", True),
        ("tls", True),
        ("greeting", True),
        ("login", True),
        ("capabilities", True),
        ("folder", True),
        ("file", True),
        ("file", True),
        ("file", True),
    ]
    texts = [finding.text for finding in findings]
    assert "certificate trusted for localhost until 203" in texts[2]
    assert 'folder "INBOX": 2 messages, UIDVALIDITY ' in texts[6]
    assert texts[7:] == [
        'mailbox "noc": folder "INBOX" can be written to',
        'mailbox "noc": folder "Processed" exists',
        'mailbox "noc": folder "Maintd/Quarantine" will be made at the first move',
    ]


def test_a_check_ends_at_the_step_that_fails(dovecot, user):
    findings = list(probe(dovecot.settings(user, credential="wrong"), now=NOW))

    assert [(finding.step, finding.ok) for finding in findings][-2:] == [("greeting", True), ("login", False)]
    assert "check username and password" in findings[-1].text


def test_a_check_names_every_folder_that_is_missing(dovecot, user):
    dovecot.make_folder(user, "Processed")

    findings = list(probe(dovecot.settings(user, folders=("Procesed", "INBOX", "Sent")), now=NOW))

    assert [(finding.step, finding.ok) for finding in findings][-3:] == [
        ("folder", False),
        ("folder", True),
        ("folder", False),
    ]
    assert 'folder "Procesed" does not exist' in findings[-3].text
    assert 'there are: "Processed"' in findings[-3].text


def test_a_check_warns_of_a_certificate_that_ends_soon(dovecot, user):
    findings = probe(dovecot.settings(user), now=datetime(2040, 1, 1, tzinfo=UTC))

    assert [finding.ok for finding in findings if finding.step == "tls"] == [None]
