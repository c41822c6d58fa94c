"""A language model behind a real server: off unless the configuration turns it on, and then a person decides."""

import subprocess
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ingestor.config import load
from ingestor.daemon import worker_pool
from parsers.asking import LONGEST_ANSWER, Door, Model, NoAnswer, ask
from tests.integration.program import Program
from tests.servers.chat import Chat, chatting

KEY = "planted-key"
RECEIVED = datetime(2027, 3, 1, 12, tzinfo=UTC)
MAIL = (
    b"From: noc@us.ntt.net\r\nTo: noc@example.net\r\nSubject: A word from us\r\nMessage-ID: <88@ntt.example>\r\n"
    b"Date: Mon, 01 Mar 2027 12:00:00 +0000\r\nContent-Type: text/plain\r\n\r\n"
    b"We work on 9 March 2027 from 01:00 to 05:00 UTC. Ticket NTT-88. Circuit QX-1 will be down.\r\n"
)
FIGURES = {
    "start": "2027-03-09T01:00:00Z",
    "end": "2027-03-09T05:00:00Z",
    "maintenance_id": "NTT-88",
    "status": "confirmed",
    "impact": "outage",
    "circuit_ids": ["QX-1"],
}


@pytest.fixture
def chat() -> Iterator[Chat]:
    """A model that reads the mail well."""
    with chatting() as server:
        server.read(**FIGURES)
        yield server


@pytest.fixture
def program(tmp_path: Path, sqlite_url: str) -> Program:
    """A program on an empty SQLite file, for what the database has no part in."""
    (tmp_path / "88.eml").write_bytes(MAIL)
    return Program(directory=tmp_path, url=sqlite_url)


@pytest.fixture
def anywhere(tmp_path: Path, database_url: str) -> Program:
    """A program on an empty database: the same test runs on SQLite and on PostgreSQL."""
    (tmp_path / "88.eml").write_bytes(MAIL)
    return Program(directory=tmp_path, url=database_url)


def turn_on(program: Program, chat: Chat, **more: Any) -> None:
    configure(program, {"enabled": "true", "model": '"small"', "base_url": f'"{chat.url}"', **more})


def configure(program: Program, llm: Mapping[str, str]) -> None:
    key = program.directory / "key"
    key.touch(mode=0o600)
    key.write_text(KEY)
    program.configure()
    lines = ["[llm]", f'api_key = {{ file = "{key}" }}', *(f"{name} = {value}" for name, value in llm.items())]
    with program.path.open("a") as file:
        file.write("\n".join(lines) + "\n")


def take_in(program: Program) -> dict[str, Any]:
    """Import the mail, and return what became of it."""
    program.command("import", str(program.directory / "88.eml"))
    return shown(program)


def shown(program: Program) -> dict[str, Any]:
    [message] = program.messages()
    found: dict[str, Any] = program.command("quarantine", "show", str(message["id"]))
    return found


def number(program: Program) -> str:
    return str(program.messages()[0]["id"])


def test_it_is_off_whatever_the_environment_says(program, chat, monkeypatch):
    for name, value in {
        "PARSER_OPENAI_API_KEY": KEY,
        "PARSER_OPENAI_MODEL": "small",
        "OPENAI_API_KEY": KEY,
        "OPENAI_BASE_URL": chat.url,
    }.items():
        monkeypatch.setenv(name, value)
    configure(program, {"model": '"small"', "base_url": f'"{chat.url}"'})
    message = take_in(program)

    assert (message["reason"], chat.connections) == ("unparsed", 0)
    assert "openai" not in str(message["trials"]).lower()


def test_what_is_read_is_shown_and_changes_nothing(program, chat):
    turn_on(program, chat)
    message = take_in(program)

    line = "NTT-88, 2027-03-09 01:00Z to 2027-03-09 05:00Z, CONFIRMED, QX-1 (OUTAGE)"
    assert (message["disposition"], message["reason"], message["provider"]) == ("quarantined", "proposal", "ntt")
    assert message["detail"] == f"llm/small reads: {line}"
    outcome = f"reads: {line}"
    assert message["trials"][-1] == {"provider": "ntt", "reader": "llm/small", "outcome": outcome, "matched": []}
    assert program.events() == {}
    [asked] = chat.asked
    assert (asked["path"], asked["model"]) == ("/v1/chat/completions", "small")
    assert chat.headers[0]["Authorization"] == f"Bearer {KEY}"


def test_what_is_accepted_is_what_was_shown_and_it_stays(anywhere, chat):
    turn_on(anywhere, chat)
    take_in(anywhere)
    chat.read(**FIGURES | {"maintenance_id": "NTT-99"})
    anywhere.command("quarantine", "accept", number(anywhere), "--because", "I have compared them")
    first = anywhere.events()

    assert list(first) == ["NTT-88"]
    assert (first["NTT-88"]["start"], first["NTT-88"]["status"]) == ("2027-03-09T01:00:00Z", "CONFIRMED")
    assert [circuit["circuit_id"] for circuit in first["NTT-88"]["circuits"]] == ["QX-1"]
    assert anywhere.command("reparse", "--all")["events"] == []
    anywhere.command("reparse", "--all", "--apply")
    configure(anywhere, {})
    anywhere.command("reparse", "--all", "--apply")
    assert anywhere.events() == first
    assert len(chat.asked) == 1


def test_a_mail_is_asked_of_once_and_again_where_a_person_wants_that(program, chat):
    turn_on(program, chat)
    take_in(program)
    chat.read(**FIGURES | {"maintenance_id": "NTT-99"})
    program.command("reparse", "--all", "--apply")

    assert (shown(program)["reason"], len(chat.asked)) == ("proposal", 1)
    assert "NTT-88" in shown(program)["detail"]
    program.command("quarantine", "retry", number(program))
    assert (shown(program)["reason"], len(chat.asked)) == ("proposal", 2)
    assert shown(program)["detail"].endswith("; not in the mail: NTT-99")


def test_reading_on_trial_and_again_asks_nobody(program, chat):
    configure(program, {})
    take_in(program)
    turn_on(program, chat)
    program.command("reparse", "--all", "--apply")
    program.command("parse", str(program.directory / "88.eml"), status=1)

    assert (shown(program)["reason"], chat.connections) == ("unparsed", 0)


def test_what_says_nothing_leaves_the_mail_unparsed_with_the_reason_and_without_the_key(program, chat):
    turn_on(program, chat)
    chat.say("I would rather write a poem.")
    message = take_in(program)

    assert (message["reason"], message["detail"].partition(";")[0]) == ("unparsed", "llm/small: its answer is not JSON")
    assert KEY not in str(message)


def test_a_server_that_is_slow_costs_a_mail_no_more_than_its_time(program, chat):
    turn_on(program, chat)
    with program.path.open() as file:
        text = file.read().replace("[workers]\n", "[workers]\ncpu_seconds = 3\nwall_seconds = 3\n")
    program.path.write_text(text)
    chat.drip = True
    message = take_in(program)

    assert message["reason"] == "unparsed"
    assert message["detail"].startswith("llm/small: no answer within 2 seconds; ")


def test_only_a_worker_that_may_ask_reaches_the_server(program, chat):
    turn_on(program, chat)
    settings = load(program.path)
    pools = [worker_pool(settings, None, count=1), worker_pool(settings, None, count=1, asking=True)]
    try:
        reasons = [str(pool.submit(MAIL, RECEIVED).result().reason) for pool in pools]
    finally:
        for pool in pools:
            pool.stop()

    assert reasons == ["unparsed", "proposal"]
    assert chat.connections == 1


def test_a_worker_asks_with_encryption(program, tmp_path, monkeypatch):
    certificate = tmp_path / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "3"),
            *("-keyout", str(certificate), "-out", str(tmp_path / "public.pem")),
        ],
        check=True,
        capture_output=True,
    )
    public = (tmp_path / "public.pem").read_text()
    certificate.write_text(certificate.read_text() + public)
    with chatting(certificate) as chat:
        chat.read(**FIGURES)
        turn_on(program, chat, base_url=f'"https://localhost:{chat.port}/v1"')
        assert "self-signed certificate" in take_in(program)["detail"]
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "public.pem"))
        program.command("quarantine", "retry", number(program))

        assert shown(program)["reason"] == "proposal"
        assert len(chat.asked) == 1


# The client by itself


def model_of(chat: Chat, **changes: Any) -> Model:
    usual = {"name": "small", "host": "127.0.0.1", "port": chat.port, "tls": False, "path": "/v1/chat/completions"}
    return Model(**{**usual, "key": KEY, "seconds": 30, **changes})


def test_an_answer_comes_as_it_is(chat):
    assert ask(Door(model_of(chat)), b"{}") == chat.body


@pytest.mark.parametrize("status", [301, 401, 429, 500])
def test_a_refusal_is_told_by_its_number_alone(chat, status):
    chat.status, chat.body = status, f"wrong key {KEY}".encode()

    with pytest.raises(NoAnswer, match=f"^its server answers HTTP {status}$"):
        ask(Door(model_of(chat)), b"{}")


def test_an_answer_of_any_length_is_read_no_further_than_the_limit(chat):
    chat.body = b" " * (LONGEST_ANSWER + 1)

    with pytest.raises(NoAnswer, match="more than 262144 octets"):
        ask(Door(model_of(chat)), b"{}")


def test_nobody_waits_longer_than_allowed(chat):
    chat.drip = True

    with pytest.raises(NoAnswer, match=r"no answer within 0\.2 seconds"):
        ask(Door(model_of(chat, seconds=0.2)), b"{}")
    assert not chat.ended.is_set()


def test_a_server_that_is_not_there_is_told(chat, free_port):
    with pytest.raises(NoAnswer, match=r"^the connection failed: Connection refused$"):
        ask(Door(model_of(chat, port=free_port)), b"{}")


def test_a_key_that_cannot_be_sent_is_not_told(chat):
    with pytest.raises(NoAnswer, match=r"^the connection failed: [A-Za-z]+$"):
        ask(Door(model_of(chat, key=f"{KEY}\nx")), b"{}")
    assert chat.asked == []


def test_a_server_without_encryption_is_not_spoken_to_where_it_is_asked(chat):
    with pytest.raises(NoAnswer, match=r"^the connection failed: ") as caught:
        ask(Door(model_of(chat, tls=True)), b"{}")

    assert chat.asked == []
    assert KEY not in str(caught.value)
