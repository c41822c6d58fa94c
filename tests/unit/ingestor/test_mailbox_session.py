"""A session with odd servers: each is a socket that answers by a script. No real server is needed."""

import base64
import re
import socket
import threading
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

import pytest

from domain.errors import MailboxError
from ingestor.config import OAuth2Table
from ingestor.mailbox import Compared, Deadlines, Filed, MailboxSettings, Position, connect
from ingestor.oauth import TokenSource
from tests.servers.issuer import Said, running_issuer

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
RAW = b"From: noc@carrier.example\r\nSubject: works\r\n\r\nbody\r\n"

GREETING = "* OK [CAPABILITY {capabilities}] ready"
OPENED = "* 2 EXISTS|* OK [UIDVALIDITY 7] x|* OK [UIDNEXT 3] x|* OK [PERMANENTFLAGS (\\*)] x|{tag} OK done"
# What is answered to a command: the longest pattern that fits; "{tag}" is the tag of the command, "|" ends a line.
USUAL = {
    "CAPABILITY": "* CAPABILITY {capabilities}|{tag} OK done",
    "AUTHENTICATE PLAIN": "+ ",
    "LOGOUT": "* BYE bye|{tag} OK done",
    "LIST": '* LIST () "/" INBOX|{tag} OK done',
    "EXAMINE": OPENED,
    "SELECT": OPENED,
    "UID SEARCH": "* SEARCH 1 2|{tag} OK done",
    "UID FETCH .*SIZE": "* 1 FETCH (UID 1 RFC822.SIZE 52)|* 2 FETCH (UID 2 RFC822.SIZE 52)|{tag} OK done",
    "UID FETCH .*BODY": "* 1 FETCH (UID 1 BODY[] {body})|* 2 FETCH (UID 2 BODY[] {body})|{tag} OK done",
    "": "{tag} OK done",
}


class Script:
    """A server for one connection after the other that answers by patterns and remembers what it was told."""

    def __init__(self, answers, greeting=GREETING, capabilities="IMAP4rev1 AUTH=PLAIN MOVE UIDPLUS"):
        self.answers = USUAL | answers
        self.greeting = greeting
        self.capabilities = capabilities
        self.told = []
        self.answered = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with connection, connection.makefile("rb") as lines, suppress(OSError):
                self.talk(connection, lines)

    def talk(self, connection, lines):
        self.say(connection, self.greeting, "")
        for line in lines:
            text = line.decode().strip()
            self.told.append(text.partition(" ")[2])
            tag, _, command = text.partition(" ")
            if not command:  # what follows the "+ " of AUTHENTICATE
                self.answered.append(base64.b64decode(text))
                self.say(connection, self.answers.get("password", "{tag} OK done"), self.tag)
                continue
            self.tag = tag
            pattern = max((pattern for pattern in self.answers if re.match(pattern, command)), key=len)
            self.say(connection, self.answers[pattern], tag)

    def say(self, connection, answer, tag):
        if callable(answer):
            answer(connection, tag)
            return
        filled = answer.replace("{tag}", tag).replace("{capabilities}", self.capabilities)
        body = f"{{{len(RAW)}}}\r\n".encode() + RAW
        connection.sendall(filled.replace("|", "\r\n").encode().replace(b"{body}", body) + b"\r\n")

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(10)


@contextmanager
def script(answers=None, **options):
    server = Script(answers or {}, **options)
    try:
        yield server
    finally:
        server.stop()


def settings_for(server, **changes):
    usual = {
        "name": "noc",
        "host": "127.0.0.1",
        "port": server.port,
        "username": "maint",
        "credential": "pass word",
        "tls": "none",
        "connect_seconds": 5,
        "read_seconds": 5,
    }
    return MailboxSettings(**usual | changes)


def collected(server, cursor=None, **changes):
    """Visit INBOX once; return the UIDs that arrived and the positions that were committed."""
    uids, positions = [], []

    def accept(arrivals, position):
        uids.extend(arrival.place.imap_uid for arrival in arrivals)
        positions.append(position)

    with connect(settings_for(server, **changes)) as session:
        session.collect("INBOX", cursor, accept, now=NOW, stopping=lambda: False)
    return uids, positions


def failure_of(answers, **options):
    changes = options.pop("changes", {})
    with script(answers, **options) as server, pytest.raises(MailboxError) as caught:
        collected(server, **changes)
    text = str(caught.value)
    assert "\n" not in text
    assert "pass word" not in text
    return caught.value.step, caught.value.permanent, text.partition("): ")[2]


def test_a_usual_server_is_understood():
    with script() as server:
        assert collected(server) == (
            [1, 2],
            [Position(uid_validity=7, last_uid=0), Position(uid_validity=7, last_uid=2)],
        )


def test_no_new_uid_means_no_search():
    with script() as server:
        assert collected(server, Position(uid_validity=7, last_uid=2)) == ([], [])
        assert not [command for command in server.told if "SEARCH" in command]


def test_the_last_message_is_not_new_though_the_server_finds_it():
    no_uidnext = "* 2 EXISTS|* OK [UIDVALIDITY 7] x|{tag} OK done"
    with script({"EXAMINE": no_uidnext, "UID SEARCH": "* SEARCH 2|{tag} OK done"}) as server:
        assert collected(server, Position(uid_validity=7, last_uid=2)) == ([], [])


def test_a_comparison_shows_between_two_batches_that_it_goes_on_and_can_be_stopped_there():
    # What has failed before is fetched alone.
    tries, got, asked = {(7, 1): 1, (7, 2): 1}, [], []

    def compared(session, *answers):
        given = iter(answers)

        def stopping():
            asked.append(len(got))
            return next(given)

        return session.compare(
            "INBOX",
            Position(uid_validity=7, last_uid=2),
            lambda uids: uids,
            lambda arrivals, _: got.extend(arrival.place.imap_uid for arrival in arrivals),
            since=NOW,
            now=NOW,
            stopping=stopping,
            tries=tries,
        )

    with script() as server, connect(settings_for(server)) as session:
        assert compared(session, False, False) == Compared(fetched=2, done=((7, 1), (7, 2)))
        assert compared(session, True) == Compared(fetched=1, done=((7, 1),))
    assert (got, asked) == ([1, 2, 1], [1, 2, 3])


def test_a_greeting_that_is_a_goodbye_is_quoted():
    step, permanent, text = failure_of({}, greeting="* BYE too many connections from you")

    assert (step, permanent) == ("greeting", False)
    assert text.startswith("greeting: the server refused: * BYE too many connections from you; see what it says")


@pytest.mark.parametrize("greeting", ["HTTP/1.1 400 Bad Request", "220 mail.example ESMTP", "\x00\xff\x1b[31m"])
def test_a_greeting_that_is_no_imap_is_recognised(greeting):
    step, permanent, text = failure_of({}, greeting=greeting)

    assert (step, permanent) == ("greeting", False)
    assert "the answer is not to be understood: unexpected response" in text
    assert "is this the port of an IMAP server?" in text
    assert text.isprintable()


def test_a_goodbye_in_the_middle_is_quoted():
    step, _, text = failure_of({"UID SEARCH": "* BYE [UNAVAILABLE] going down for maintenance"})

    assert (step, text) == (
        "search",
        "search: the server said BYE: [UNAVAILABLE] going down for maintenance; it is tried again",
    )


@pytest.mark.parametrize(
    "answer",
    [
        "garbage",
        "* SEARCH one two|{tag} OK done",
        "* SEARCH 1|* SEARCH 2 (MODSEQ|{tag} OK done",
        "A999 OK whose tag is this",
    ],
)
def test_garbage_is_an_answer_not_to_be_understood(answer):
    step, permanent, text = failure_of({"UID SEARCH": answer})

    assert (step, permanent) == ("search", False)
    assert "the answer is not to be understood" in text


@pytest.mark.parametrize(
    "answer",
    [
        "* 1 FETCH (UID 1 RFC822.SIZE|{tag} OK done",
        "* 1 FETCH (UID x RFC822.SIZE 1)|{tag} OK done",
        "* 1 FETCH " + "(" * 20_000 + "|{tag} OK done",
        "* x FETCH (UID 1 RFC822.SIZE 1)|{tag} OK done",
        "* 1 FETCH (UID 1 RFC822.SIZE many)|{tag} OK done",
        "* 1 FETCH (UID 1 RFC822.SIZE {99999999999}|{tag} OK done",
    ],
)
def test_a_list_that_is_garbage_is_an_answer_not_to_be_understood(answer):
    step, permanent, text = failure_of({"UID FETCH .*SIZE": answer})

    assert (step, permanent) == ("fetch", False)
    assert "the answer is not to be understood" in text


def test_a_line_without_end_is_given_up():
    def endless(connection, tag):
        with suppress(OSError):
            while True:
                connection.sendall(b"1 " * 1_000_000)

    step, _, text = failure_of({"UID SEARCH": endless})

    assert step == "search"
    assert "a line of more than" in text


def test_a_server_that_drips_is_given_up_though_it_never_is_silent():
    def drip(connection, tag):
        with suppress(OSError):
            while True:
                connection.sendall(b"* OK still working\r\n")
                time.sleep(0.02)

    deadlines = Deadlines(login_seconds=5, metadata_seconds=1, body_seconds=5)
    step, permanent, text = failure_of({"UID SEARCH": drip}, changes={"deadlines": deadlines})

    assert (step, permanent) == ("search", False)
    assert "search: the server is too slow: not done after 1 s; tried again later" in text


def test_a_greeting_that_drips_is_given_up():
    def drip(connection, tag):
        with suppress(OSError):
            while True:
                connection.sendall(b"*")
                time.sleep(0.02)

    step, _, text = failure_of({}, greeting=drip, changes={"deadlines": Deadlines(login_seconds=1)})

    assert step == "greeting"
    assert "not done after 1 s" in text


def test_a_connection_that_ends_during_login_is_no_wrong_password():
    step, permanent, text = failure_of({"password": lambda connection, tag: connection.shutdown(socket.SHUT_RDWR)})

    assert (step, permanent) == ("login", False)
    assert "connection lost; it is tried again" in text


@pytest.mark.parametrize(
    ("answer", "permanent"),
    [
        ("{tag} NO [AUTHENTICATIONFAILED] sorry", True),
        ("{tag} NO sorry", True),
        ("{tag} NO [UNAVAILABLE] directory is down", False),
        ("{tag} NO [LIMIT] too many", False),
    ],
)
def test_a_refused_login_is_for_good_unless_the_server_says_later(answer, permanent):
    step, found, text = failure_of({"password": answer})

    assert (step, found) == ("login", permanent)
    assert 'login as "maint" refused: ' in text


def test_a_server_that_repeats_the_password_is_not_quoted_with_it():
    _, _, text = failure_of({"password": '{tag} NO user "maint" with "pass word" is unknown'})

    assert 'with "***" is unknown' in text


def test_login_is_used_where_plain_is_not_offered():
    with script(capabilities="IMAP4rev1") as server:
        collected(server, username='ma"int x')

    assert 'LOGIN "ma\\"int x" "pass word"' in server.told


def test_a_login_that_is_disabled_is_named():
    step, permanent, text = failure_of({}, capabilities="IMAP4rev1 STARTTLS LOGINDISABLED")

    assert (step, permanent) == ("login", True)
    assert 'allows no login with a password on this connection; use tls = "tls" or "starttls"' in text


def test_a_password_beyond_ascii_needs_plain():
    step, permanent, text = failure_of({}, capabilities="IMAP4rev1", changes={"credential": "geheimnis-ä"})

    assert (step, permanent) == ("login", True)
    assert "the server offers no AUTHENTICATE PLAIN" in text
    assert "geheimnis" not in text


def test_starttls_that_is_not_offered_is_named_and_nothing_is_sent():
    with script(capabilities="IMAP4rev1 AUTH=PLAIN") as server, pytest.raises(MailboxError) as caught:
        collected(server, tls="starttls")

    assert (caught.value.step, caught.value.permanent) == ("tls", True)
    assert "the server does not offer STARTTLS; use" in str(caught.value)
    assert not [command for command in server.told if "AUTH" in command or "LOGIN" in command]


def test_a_greeting_that_is_logged_in_already_needs_no_password():
    with script(greeting="* PREAUTH hello") as server:
        assert collected(server)[0] == [1, 2]
        assert not [command for command in server.told if "AUTHENTICATE" in command]


@pytest.mark.parametrize("host", ["imap.example.net", "192.0.2.1", "127.example.net"])
def test_a_password_is_never_sent_readable_to_another_machine(host):
    settings = MailboxSettings(name="noc", host=host, port=143, username="u", credential="secret", tls="none")

    with pytest.raises(MailboxError, match="would send the password readable") as caught, connect(settings):
        pass
    assert (caught.value.step, caught.value.permanent) == ("settings", True)


@pytest.mark.parametrize("changes", [{"credential": "secret\n"}, {"username": "a\r\nb"}, {"credential": "a\0b"}])
def test_a_line_break_in_a_password_is_named(changes):
    step, permanent, text = failure_of({}, changes=changes)

    assert (step, permanent) == ("settings", True)
    assert "holds a line break or a NUL" in text


def test_a_login_without_a_mailbox_is_explained():
    # Microsoft 365 lets such a login in, and then answers this to everything.
    refused = "{tag} BAD User is authenticated but not connected."
    step, _, text = failure_of({"EXAMINE": refused, "LIST": refused})

    assert step == "folder"
    assert "User is authenticated but not connected.; this login has no mailbox there" in text


def test_a_folder_without_uid_validity_is_refused():
    step, permanent, text = failure_of({"EXAMINE": "* 2 EXISTS|{tag} OK done"})

    assert (step, permanent) == ("folder", True)
    assert 'states no UIDVALIDITY for folder "INBOX"' in text


def test_a_folder_that_exists_and_is_refused_is_no_missing_one():
    step, permanent, text = failure_of({"EXAMINE": "{tag} NO [NOPERM] not yours"})

    assert (step, permanent) == ("folder", True)
    assert 'folder "INBOX" cannot be opened: select failed: [NOPERM] not yours; check the rights' in text


def test_a_message_whose_body_is_refused_comes_with_its_headers_and_blocks_no_other():
    answers = {
        "UID FETCH 1 .*HEADER": "* 1 FETCH (UID 1 BODY[HEADER] {body})|{tag} OK done",
        "UID FETCH 2 .*BODY": "* 2 FETCH (UID 2 BODY[] {body})|{tag} OK done",
        "UID FETCH .*BODY": "{tag} NO could not be converted",
    }
    arrivals = []
    with script(answers) as server, connect(settings_for(server)) as session:
        session.collect("INBOX", None, lambda new, _: arrivals.extend(new), now=NOW, stopping=lambda: False)

    assert [(arrival.place.imap_uid, arrival.too_large, arrival.raw) for arrival in arrivals] == [
        (1, True, RAW),
        (2, False, RAW),
    ]


def test_a_body_that_is_refused_for_now_is_waited_for():
    answers = {"UID FETCH .*BODY": "{tag} NO [UNAVAILABLE] storage is away"}
    step, permanent, text = failure_of(answers)

    assert (step, permanent) == ("fetch", False)
    assert "does not hand out UID 1: fetch failed: [UNAVAILABLE] storage is away" in text


def test_the_cursor_does_not_pass_what_the_server_lists_and_does_not_hand_out():
    step, permanent, text = failure_of({"UID FETCH .*SIZE": "* 2 FETCH (UID 2 RFC822.SIZE 52)|{tag} OK done"})

    assert (step, permanent) == ("fetch", False)
    assert "the server lists UID 1 and does not hand it out" in text


def test_a_date_that_no_calendar_has_is_no_date():
    dates = "|".join(
        f'* {uid} FETCH (UID {uid} RFC822.SIZE 52 INTERNALDATE "{date}")'
        for uid, date in ((1, "31-Feb-2026 10:00:00 +0000"), (2, "01-Jan-0001 00:00:00 +2359"))
    )
    with script({"UID FETCH .*SIZE": dates + "|{tag} OK done"}) as server:
        assert collected(server)[0] == [1, 2]


def filed(answers, wishes, **options):
    changes = {"after": "move"} | options.pop("changes", {})
    with script(answers, **options) as server, connect(settings_for(server, **changes)) as session:
        outcome = session.file("INBOX", 7, wishes)
    return outcome, [command for command in server.told if re.match("UID|CREATE|EXPUNGE", command)]


NEVER_GONE = {
    "LIST": '* LIST () "/" INBOX|* LIST () "/" Done|{tag} OK done',
    "UID SEARCH UID 1,2 DELETED": "* SEARCH|{tag} OK done",
    "UID SEARCH": "* SEARCH 1 2|{tag} OK done",
}


def test_a_move_that_is_answered_ok_and_did_not_happen_is_not_taken_for_done():
    outcome, told = filed(NEVER_GONE, [(1, "Done"), (2, "Done")])

    assert outcome == Filed(problem='messages of folder "INBOX" stay there, not moved to "Done": no error')
    assert told == ["UID SEARCH UID 1,2", 'UID MOVE 1,2 "Done"', "UID SEARCH UID 1,2"]


def test_a_move_that_is_answered_no_and_did_happen_is_done():
    searches = iter(["* SEARCH 1 2", "* SEARCH 2"])
    answers = NEVER_GONE | {
        "UID SEARCH": lambda connection, tag: connection.sendall(f"{next(searches)}\r\n{tag} OK x\r\n".encode()),
        "UID MOVE": "{tag} NO [SERVERBUG] something",
    }
    outcome, _ = filed(answers, [(1, "Done"), (2, "Done")])

    assert outcome.uids == (1,)
    assert 'stay there, not moved to "Done": move failed: [SERVERBUG] something' in outcome.problem


def test_without_uidplus_nothing_is_ever_expunged():
    answers = NEVER_GONE | {"UID SEARCH UID 1,2 UNDELETED": "* SEARCH|{tag} OK done"}
    outcome, told = filed(answers, [(1, "Done"), (2, "Done")], capabilities="IMAP4rev1 AUTH=PLAIN")

    assert outcome == Filed(uids=(1, 2))
    assert not [command for command in told if "EXPUNGE" in command or "COPY" in command]


def test_a_copy_that_is_refused_deletes_nothing():
    answers = NEVER_GONE | {"UID COPY": "{tag} NO [OVERQUOTA] full"}
    outcome, told = filed(answers, [(1, "Done"), (2, "Done")], capabilities="IMAP4rev1 AUTH=PLAIN UIDPLUS")

    assert outcome.uids == ()
    assert "[OVERQUOTA] full" in outcome.problem
    assert not [command for command in told if "STORE" in command or "EXPUNGE" in command]


def test_a_target_that_cannot_be_made_is_one_problem():
    outcome, _ = filed(NEVER_GONE | {"CREATE": "{tag} NO [NOPERM] no"}, [(1, "Other"), (2, "Other")])

    assert outcome.uids == ()
    assert 'folder "Other" is missing and cannot be made: create failed: [NOPERM] no' in outcome.problem


# Tokens instead of a password. A server that refuses one asks a second time, to say why.

TAKES_TOKENS = {"AUTHENTICATE": "+ "}
WHY = base64.b64encode(b'{"status": "400", "schemes": "Bearer", "scope": "https://mail.example/"}').decode()


@pytest.fixture
def issuer(tmp_path):
    with running_issuer(tmp_path) as server:
        server.says = [Said(body={"access_token": f"token-{number}", "expires_in": 3600}) for number in (1, 2, 3)]
        yield server


def token_source(issuer):
    table = OAuth2Table(issuer="other", token_endpoint=f"{issuer.url}/token", client_id="app", client_secret="x")
    return TokenSource(table, username="maint", where="config.toml: oauth2")


def refusing(times, words="NO [AUTHENTICATIONFAILED] no", hanging_up=False):
    """Answer what follows AUTHENTICATE: so many refusals, each with its why; then every token is taken."""
    answers = [answer for _ in range(times) for answer in (f"+ {WHY}", f"{{tag}} {words}")]

    def answer(connection, tag):
        said = answers.pop(0) if answers else "{tag} OK done"
        connection.sendall(said.replace("{tag}", tag).encode() + b"\r\n")
        if hanging_up and not said.startswith("+"):
            connection.shutdown(socket.SHUT_RDWR)

    return answer


@pytest.mark.parametrize(
    ("offered", "mechanism", "said", "end"),
    [
        ("AUTH=XOAUTH2", "XOAUTH2", "user={user}\1auth=Bearer {token}\1\1", ""),
        (
            "AUTH=PLAIN AUTH=XOAUTH2 AUTH=OAUTHBEARER",
            "OAUTHBEARER",
            "n,a=ma=3Dint=2Cä,\1host=127.0.0.1\1port={port}\1auth=Bearer {token}\1\1",
            "\1",
        ),
    ],
)
def test_a_token_is_shown_by_the_best_way_that_is_offered(issuer, offered, mechanism, said, end):
    answers = TAKES_TOKENS | {"password": refusing(1)}
    with script(answers, capabilities=f"IMAP4rev1 {offered}") as server:
        collected(server, credential=token_source(issuer), username="ma=int,ä")
        told = {"user": "ma=int,ä", "port": server.port}
        first, second = (said.format(**told, token=token) for token in ("token-1", "token-2"))

        assert [text.decode() for text in server.answered] == [first, end, second]
        assert [command for command in server.told if "AUTHENTICATE" in command] == [f"AUTHENTICATE {mechanism}"] * 2


def token_failure_of(issuer, answers, **options):
    with (
        script(TAKES_TOKENS | answers, capabilities="IMAP4rev1 AUTH=XOAUTH2", **options) as server,
        pytest.raises(MailboxError) as caught,
    ):
        collected(server, credential=token_source(issuer))
    text = str(caught.value)
    assert "\n" not in text
    assert "token-" not in text
    return caught.value.step, caught.value.permanent, text.partition("): ")[2]


def test_a_token_that_is_refused_twice_is_a_failure_for_a_person(issuer):
    step, permanent, text = token_failure_of(issuer, {"password": refusing(2)})

    assert (step, permanent) == ("login", True)
    assert "refused: [AUTHENTICATIONFAILED] no: status 400, scope https://mail.example/; the mail server must" in text
    assert len(issuer.asked) == 2


def test_a_server_that_hangs_up_after_a_refusal_has_refused(issuer):
    step, permanent, text = token_failure_of(issuer, {"password": refusing(9, hanging_up=True)})

    assert (step, permanent) == ("login", True)
    assert "refused: [AUTHENTICATIONFAILED] no" in text


def test_a_server_that_asks_to_come_later_is_given_no_other_token(issuer):
    step, permanent, text = token_failure_of(issuer, {"password": refusing(9, "NO [UNAVAILABLE] later")})

    assert (step, permanent) == ("login", False)
    assert "tried again later" in text
    assert len(issuer.asked) == 1


def test_a_server_that_repeats_a_token_does_not_have_it_told(issuer):
    _, _, text = token_failure_of(issuer, {"password": refusing(2, 'NO your "token-2" is bad')})

    assert 'refused: your "***" is bad' in text


@pytest.mark.parametrize("why", ["no base64!", base64.b64encode(b"no json").decode(), base64.b64encode(b"[]").decode()])
def test_a_reason_that_is_not_understood_is_left_out(issuer, why):
    def answer(connection, tag):
        connection.sendall(answers.pop(0).replace("{tag}", tag).encode() + b"\r\n")

    answers = [f"+ {why}", "{tag} NO bad"] * 2
    step, _, text = token_failure_of(issuer, {"password": answer})

    assert step == "login"
    assert "the answer is not to be understood" in text or "refused: bad; the mail server must" in text


def test_a_token_without_a_mailbox_is_explained_by_its_issuer(issuer):
    refused = "{tag} BAD User is authenticated but not connected."
    step, permanent, text = token_failure_of(issuer, {"EXAMINE": refused, "LIST": refused})

    assert (step, permanent) == ("folder", False)
    assert "authenticated but not connected.; the mail server must trust this issuer, and the token speak of" in text


def test_a_token_is_never_sent_readable_to_another_machine(issuer):
    source = token_source(issuer)
    settings = MailboxSettings(
        name="noc", host="imap.example.net", port=143, username="u", credential=source, tls="none"
    )

    with pytest.raises(MailboxError, match="would send the token readable"), connect(settings):
        pass
    assert issuer.asked == []
