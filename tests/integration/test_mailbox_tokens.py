"""Logging in to a real server with tokens: both mechanisms, tokens that have ended, refusals, what a check tells."""

import json
import logging
import threading
import time
from datetime import UTC, datetime

import pytest

from domain.errors import MailboxError
from ingestor.cli import main
from ingestor.config import OAuth2Table
from ingestor.mailbox import connect, probe
from ingestor.oauth import TokenSource
from tests.integration.program import Program, eventually
from tests.servers.issuer import TENANT, Said, good, login, refusal, running_issuer, signed

pytestmark = pytest.mark.dovecot

SECRET = "s3cr3t-of-the-client"


@pytest.fixture
def server(dovecot_servers):
    return dovecot_servers.get("tokens")


@pytest.fixture
def issuer(tmp_path, user):
    with running_issuer(tmp_path) as running:
        running.says = [good(user)]
        yield running


def source_of(issuer, user):
    table = OAuth2Table(issuer="other", token_endpoint=f"{issuer.url}/token", client_id="app", client_secret=SECRET)
    return TokenSource(table, username=user, where="config.toml: oauth2")


def revoked(user):
    """An answer with a token that the server does not take, though it should be good for an hour."""
    return Said(body={"access_token": signed(user, key=b"x" * 32), "expires_in": 3600})


def failure_of(settings):
    with pytest.raises(MailboxError) as caught, connect(settings):
        pass
    text = str(caught.value)
    assert "\n" not in text
    assert SECRET not in text
    return caught.value.step, caught.value.permanent, text.partition("): ")[2]


# The first offers OAUTHBEARER as well, which is preferred.
@pytest.mark.parametrize("variant", ["tokens", "xoauth2_only"])
def test_a_token_opens_a_mailbox_by_what_the_server_offers(dovecot_servers, issuer, user, ledger, mails, variant):
    server = dovecot_servers.get(variant)
    server.deliver(user, mails(2))

    ledger.visit(server.settings(user, credential=source_of(issuer, user)))

    assert ledger.subjects == ["mail 1", "mail 2"]


@pytest.mark.parametrize(("tls", "port"), [("tls", "imaps"), ("starttls", "imap")])
def test_a_token_is_sent_with_encryption(server, issuer, user, tls, port):
    settings = server.settings(user, tls=tls, port=getattr(server, port), credential=source_of(issuer, user))

    with connect(settings) as session:
        assert session.usable


def test_sessions_share_a_token(server, issuer, user):
    settings = server.settings(user, credential=source_of(issuer, user))
    for _ in range(3):
        with connect(settings):
            pass

    assert len(issuer.asked) == 1


def test_a_name_with_signs_of_its_own_is_sent_as_it_is(server, issuer):
    # RFC 5801 writes "," and "=" in another way.
    user = "a=b,c"
    issuer.says = [good(user)]

    step, _, text = failure_of(server.settings(user, credential=source_of(issuer, user)))

    # Dovecot's default takes no such name; it has understood which it was.
    assert step == "login"
    assert 'login as "a=b,c" refused' in text


@pytest.mark.parametrize("variant", ["tokens", "xoauth2_only"])
def test_a_token_that_was_taken_back_is_replaced_within_the_login(dovecot_servers, issuer, user, variant):
    server = dovecot_servers.get(variant)
    issuer.says = [revoked(user), good(user)]
    settings = server.settings(user, credential=source_of(issuer, user))

    with connect(settings) as session:
        assert session.usable
    with connect(settings):
        pass

    assert len(issuer.asked) == 2


def test_a_token_that_has_ended_is_replaced_within_the_login(server, issuer, user):
    issuer.says = [Said(body={"access_token": signed(user, seconds=-60), "expires_in": 3600}), good(user)]

    with connect(server.settings(user, credential=source_of(issuer, user))) as session:
        assert session.usable
    assert len(issuer.asked) == 2


@pytest.mark.parametrize("variant", ["tokens", "xoauth2_only"])
def test_tokens_that_are_refused_are_asked_for_twice_and_not_more(dovecot_servers, issuer, user, variant):
    server = dovecot_servers.get(variant)
    issuer.says = [revoked(user)]

    step, permanent, text = failure_of(server.settings(user, credential=source_of(issuer, user)))

    assert (step, permanent) == ("login", True)
    assert f'login as "{user}" refused: ' in text
    # "invalid_token" by the one mechanism, "401" by the other.
    assert "Authentication failed.: status " in text
    assert "the mail server must trust this issuer, and the token speak of" in text
    assert len(issuer.asked) == 2


def test_a_token_of_another_user_opens_nothing(server, issuer, user):
    issuer.says = [good("somebody-else")]

    step, permanent, _ = failure_of(server.settings(user, credential=source_of(issuer, user)))

    assert (step, permanent) == ("login", True)


@pytest.mark.parametrize(
    ("said", "permanent", "words"),
    [
        (refusal("invalid_client", status=401), True, "check client_id and client_secret"),
        (refusal("invalid_grant"), True, "get another refresh token"),
        (Said(status=500, body=b""), False, "answers HTTP 500; tried again later"),
        (Said(body=b"<html>"), False, "it is no JSON"),
    ],
)
def test_where_no_token_is_to_be_had_no_mail_server_is_asked(server, issuer, user, free_port, said, permanent, words):
    issuer.says = [said]

    step, is_permanent, text = failure_of(server.plain(user, free_port, credential=source_of(issuer, user)))

    assert (step, is_permanent) == ("token", permanent)
    assert words in text


def test_an_issuer_that_fails_within_the_login_is_told(server, issuer, user):
    issuer.says = [revoked(user), Said(status=503, body=b"")]

    step, permanent, text = failure_of(server.settings(user, credential=source_of(issuer, user)))

    assert (step, permanent) == ("token", False)
    assert "localhost answers HTTP 503" in text


def test_a_server_that_takes_no_tokens_is_named(dovecot, issuer, user):
    step, permanent, text = failure_of(dovecot.settings(user, credential=source_of(issuer, user)))

    assert (step, permanent) == ("login", True)
    assert "offers no login with a token on this connection; set a password instead of [mailbox.oauth2]" in text


def test_a_session_that_waits_for_an_issuer_is_ended_from_outside(server, issuer, user):
    issuer.says = [Said(silent=True)]
    session = connect(server.settings(user, credential=source_of(issuer, user)))
    threading.Timer(0.2, session.close_now).start()

    with pytest.raises(MailboxError, match="token: closed on request") as caught, session:
        pass
    assert not caught.value.permanent


def test_a_check_tells_of_the_token_and_then_of_the_login(server, issuer, user):
    findings = list(probe(server.settings(user, credential=source_of(issuer, user)), now=datetime.now(UTC)))

    assert [(finding.step, finding.ok) for finding in findings][:6] == [
        ("token", True),
        ("name", True),
        ("connect", True),
        ("tls", True),
        ("greeting", True),
        ("login", True),
    ]
    assert findings[0].text.startswith('mailbox "noc": token of localhost (client-credentials), good until ')
    assert findings[0].text.endswith("with IMAP.AccessAsApp, IMAP.AccessAsUser.All")


def test_a_check_names_what_an_application_of_microsoft_lacks(server, user, tmp_path):
    with running_issuer(tmp_path, tls=True) as issuer:
        for roles, token_is_fine, words in (
            ([], False, "add the application permission IMAP.AccessAsApp"),
            (["IMAP.AccessAsApp"], True, f"Add-MailboxPermission -Identity {user} "),
        ):
            # Signed by another: the server refuses it as Microsoft's does where the application has no mailbox.
            token = signed(user, key=b"x" * 32, roles=roles)
            issuer.says = [Said(body={"access_token": token, "expires_in": 3600, "token_type": "Bearer"})]
            table = OAuth2Table(
                issuer="microsoft",
                tenant=TENANT,
                client_id="app",
                client_secret=SECRET,
                authority=issuer.url,
                ca_file=issuer.ca,
            )
            source = TokenSource(table, username=user, where="config.toml: oauth2")
            findings = list(probe(server.settings(user, credential=source), now=datetime.now(UTC)))

            assert [finding.ok for finding in findings if finding.step == "token"] == [token_is_fine]
            assert (findings[-1].step, findings[-1].ok) == ("login", False)
            assert words in findings[-1].text


# The commands.


def configured(tmp_path, server, user, lines):
    path = tmp_path / "config.toml"
    path.write_text(
        f'[database]\nurl = "sqlite:///{tmp_path}/maintd.db"\n[[mailbox]]\nname = "noc"\nhost = "localhost"\n'
        f'port = {server.imaps}\nca_file = "{server.ca}"\nusername = "{user}"\ninitial = "all"\n'
        f"[mailbox.oauth2]\n{lines}"
    )
    return str(path)


def test_a_person_logs_in_and_the_mails_are_read(server, user, tmp_path, mails, capsys):
    server.deliver(user, mails(2))
    with running_issuer(tmp_path, tls=True) as issuer:
        issuer.says = [good(user, **login(user, "app", "r3fresh-token"))]
        path = configured(
            tmp_path,
            server,
            user,
            f'issuer = "microsoft"\ngrant = "device-code"\ntenant = "{TENANT}"\nclient_id = "app"\n'
            f'authority = "{issuer.url}"\nca_file = "{issuer.ca}"\ntoken_file = "{tmp_path}/token.json"\n',
        )
        assert main(["poll", "--config", path]) == 1
        assert "nobody has logged in" in capsys.readouterr().err

        assert main(["mailbox", "login", "noc", "--config", path]) == 0
        out = capsys.readouterr().out
        assert f"open {issuer.url}/device and enter ABCD-EFGH, before " in out
        assert f"logged in as {user}: kept in {tmp_path}/token.json" in out

        assert main(["poll", "--config", path]) == 0
    capsys.readouterr()
    assert main(["messages", "--json", "--config", path]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 2


def test_a_login_that_is_not_needed_is_refused(server, user, tmp_path, issuer, capsys):
    lines = f'issuer = "other"\ntoken_endpoint = "{issuer.url}/token"\nclient_id = "app"\nclient_secret = "{SECRET}"\n'
    path = configured(tmp_path, server, user, lines)

    assert main(["mailbox", "login", "noc", "--config", path]) == 1
    assert 'needs nobody to log in: grant is "client-credentials"' in capsys.readouterr().err
    assert main(["mailbox", "login", "nac", "--config", path]) == 2


def test_no_secret_is_printed_or_logged_by_any_command(server, user, tmp_path, issuer, capsys, caplog, monkeypatch):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("MAINTD_TEST_SECRET", SECRET)
    token = issuer.says[0].body["access_token"]
    refused = revoked(user)
    issuer.says = [*issuer.says * 4, refused, refused, refusal("invalid_client", f"{SECRET} is wrong")]
    lines = f'issuer = "other"\ntoken_endpoint = "{issuer.url}/token"\nclient_id = "app"\n'
    path = configured(tmp_path, server, user, lines + 'client_secret = { env = "MAINTD_TEST_SECRET" }\n')
    with open(path, "a") as file:
        file.write('[log]\nlevel = "debug"\n')
    for _ in range(4):
        for command in (["config", "show"], ["config", "check"], ["check"], ["poll"], ["stats"]):
            main([*command, "--config", path])

    said = capsys.readouterr()
    texts = [said.out, said.err, *(record.getMessage() for record in caplog.records)]
    assert "logged in as" in said.out
    for secret in (SECRET, token, refused.body["access_token"]):
        assert not any(secret in text for text in texts)


def taken(program):
    return sum(line["new"] for line in program.logged("mailbox_polled"))


def test_the_daemon_comes_back_with_another_token_when_the_first_has_ended(server, user, tmp_path, issuer, mail):
    issuer.says = [
        Said(body=lambda: {"access_token": signed(user, seconds=6), "expires_in": 6}),
        Said(body=lambda: {"access_token": signed(user, seconds=3600), "expires_in": 3600}),
    ]
    lines = f'issuer = "other"\ntoken_endpoint = "{issuer.url}/token"\nclient_id = "app"\nclient_secret = "{SECRET}"\n'
    configured(tmp_path, server, user, f'{lines}[web]\nlisten = "127.0.0.1:0"\n')
    program = Program(directory=tmp_path, url=f"sqlite:///{tmp_path}/maintd.db")
    server.deliver(user, [mail(1)])
    with program.running():
        assert eventually(lambda: taken(program) == 1)
        # Until the server would not take it any more.
        time.sleep(6)
        server.kick(user)
        server.deliver(user, [mail(2)])
        assert eventually(lambda: taken(program) == 2)

    assert len(issuer.asked) == 2
    assert [line["step"] for line in program.logged("mailbox_failed")] == ["idle"]
