"""No secret is in anything that the program writes: planted ones are looked for in all of it, in every form."""

import base64
import html
import http.client
import json
import os
import re
import shutil
import signal
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.integration.program import ROOT, eventually, family, own_mail
from tests.servers.chat import chatting
from tests.servers.dovecot import program as dovecot_program
from tests.servers.dovecot import running_dovecot
from tests.servers.issuer import TENANT, Said, good, login, running_issuer
from tests.servers.netbox.server import serving
from tests.servers.scripted import Answer, scripted

# Each has signs that are written otherwise in base64, in a URL, in JSON and in HTML.
PLANTED = {
    "mailbox password of a command": 'cmd-Mb0x/Pa+ss&"Wörd"',
    "argument of a command": "arg-Mb0x/Pa+ss&Word",
    "mailbox password in plain text": "pln-Mb0x/Pa+ss&Word 9",
    "client secret": "cli-S3cr/et+&Value~7",
    "refresh token": "rfr-T0k/en+&Value.1",
    "next refresh token": "nxt-T0k/en+&Value.2",
    "refresh token of a person": "prs-T0k/en+&Value.3",
    "device code": "device-code-of-the-test",
    "key of the model": "sk-M0d/el+&Key_Value",
    "token of NetBox": "nbx-T0k/en+&Value",
    "password of the database": "dbp-P4ss/Wo+rd&Value",
}
UNKNOWN = (
    b"From: noc@us.ntt.net\r\nTo: noc@example.net\r\nSubject: A word from us\r\nMessage-ID: <1@ntt.example>\r\n"
    b"Date: Mon, 01 Mar 2027 12:00:00 +0000\r\nContent-Type: text/plain\r\n\r\n"
    b"We work on 9 March 2027 from 01:00 to 05:00 UTC. Ticket NTT-88. Circuit QX-1 will be down.\r\n"
)

# Runs commands one after the other, as a person would, in one start of the program.
COMMANDS = """
import json, os, sys
from ingestor.cli import main
for words in json.loads(sys.argv[1]):
    print("$", *words, flush=True)
    print("$", *words, file=sys.stderr, flush=True)
    print("=", main(words), flush=True)
"""
SHOWING = (
    ["config", "show"],
    ["config", "check"],
    ["config", "schema"],
    ["mailbox", "login", "person"],
    ["check"],
    ["poll"],
    ["stats"],
    ["netbox", "check"],
    ["netbox", "diff"],
    ["netbox", "push"],
    ["parse", str(ROOT / "tests" / "mail" / "zayo" / "three_nights.eml")],
    ["messages", "--json"],
    ["quarantine", "list", "--json"],
    ["stats", "--json"],
    ["check", "--json"],
)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@dataclass
class Place:
    """A folder with a configuration, and all that was written there, by whom."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    written: dict[str, bytes] = field(default_factory=dict)
    web_port: int = field(default_factory=free_port)

    @property
    def config(self) -> Path:
        return self.folder / "config.toml"

    def configure(self, *tables: tuple[str, Mapping[str, Any]]) -> None:
        """Write the configuration; of a value that is a table, one of a secret, the key and the value."""
        lines = ["[web]", f'listen = "127.0.0.1:{self.web_port}"']
        for head, table in tables:
            lines += [f"[[{head}]]" if head == "mailbox" else f"[{head}]"]
            lines += [f"{key} = {_toml(value)}" for key, value in table.items()]
        self.config.write_text("\n".join(lines) + "\n")

    def secret_file(self, name: str, text: str) -> dict[str, str]:
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(text)
        return {"file": str(path)}

    def credential(self, name: str, text: str) -> dict[str, str]:
        """Hand a secret over as systemd does."""
        folder = self.folder / "credentials"
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(text)
        (folder / name).chmod(0o440)
        self.environment["CREDENTIALS_DIRECTORY"] = str(folder)
        return {"credential": name}

    def variable(self, name: str, text: str) -> dict[str, str]:
        self.environment[name] = text
        return {"env": name}

    def start(self, *words: str) -> "subprocess.Popen[bytes]":
        environment = {**os.environ, **self.environment, "MAINTD_CONFIG": str(self.config), "PYTHONPATH": str(ROOT)}
        return subprocess.Popen(
            [sys.executable, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            cwd=self.folder,
        )

    def ended(self, name: str, process: "subprocess.Popen[bytes]") -> str:
        """Keep what a process writes until it ends; return it."""
        output, errors = process.communicate(timeout=100)
        self.written[f"{name}: output"], self.written[f"{name}: errors"] = output, errors
        return (output + errors).decode()

    def commands(self, *commands: Sequence[str], name: str = "commands") -> str:
        """Run commands and return what they wrote."""
        return self.ended(name, self.start("-c", COMMANDS, json.dumps(commands)))

    def keep_pages(self) -> None:
        """Keep what the daemon tells over HTTP."""
        for path in ("/metrics", "/healthz", "/readyz"):
            with closing(http.client.HTTPConnection("127.0.0.1", self.web_port, timeout=30)) as connection:
                connection.request("GET", path)
                self.written[path] = connection.getresponse().read()
        assert b"maintd_" in self.written["/metrics"]

    def keep_database(self) -> None:
        """Keep the files of the database."""
        for path in self.folder.glob("maintd.db*"):
            self.written[path.name] = path.read_bytes()


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(each)}" for key, each in value.items()) + " }"
    if isinstance(value, date):
        return value.isoformat()
    return json.dumps(value, ensure_ascii=False)


def leaks(written: Mapping[str, bytes], secrets: Mapping[str, str]) -> list[str]:
    """Return which secret stands where, and how."""
    return [
        f"{name} {how} in {where}: {line!r}"
        for name, secret in secrets.items()
        for how, form in forms(secret).items()
        for where, content in written.items()
        for line in [next((line for line in content.splitlines() if form in line), None)]
        if line is not None
    ]


def forms(secret: str) -> dict[str, bytes]:
    """Return in what forms a secret could be written; of those in base64, what no neighbour changes."""
    octets = secret.encode()
    found = {
        "as it is": octets,
        "cut": octets[: max(12, len(octets) // 3)],
        "in a URL": quote(secret, safe="").encode(),
        "in a form": quote_plus(secret).encode(),
        "in JSON": json.dumps(secret)[1:-1].encode(),
        "in HTML": html.escape(secret).encode(),
    }
    for before in range(3):
        found[f"in base64 after {before}"] = base64.b64encode(bytes(before) + octets)[4 : len(octets) * 4 // 3 - 4]
    return found


def echo(secret: str) -> str:
    """Return the words of a server that repeats a secret, as it came and as it is written elsewhere."""
    whole = [base64.b64encode(bytes(before) + secret.encode()).decode() for before in range(3)]
    return (
        f"got {secret} | {json.dumps(secret)} | {html.escape(secret)} | {quote(secret, safe='')} | {' | '.join(whole)}"
    )


# --- where all goes well ----------------------------------------------------------------------------------------


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(folder=tmp_path)


@pytest.fixture
def dovecot_folder() -> Iterator[Path]:
    # Where root runs the tests, Dovecot gives the mail to "nobody", who may not enter the folders of pytest.
    folder = Path(tempfile.mkdtemp(prefix="maintd-dovecot-"))
    folder.chmod(0o755)
    yield folder / "server"
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def account() -> dict[str, str]:
    """A key of a service account, but for where tokens are issued."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    kinds = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return {"client_email": "maintd@example.iam", "private_key": key.private_bytes(*kinds).decode()}


@pytest.fixture
def servers() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def mailbox(name: str, port: int, ca: str | None, username: str, **more: Any) -> tuple[str, dict[str, Any]]:
    encrypted = {"tls": "tls", "ca_file": ca} if ca else {"tls": "none"}
    usual = {"name": name, "host": "localhost", "port": port, "username": username, "initial": "all"}
    return "mailbox", {**usual, **encrypted, **more}


def other(issuer: Any, grant: str, **more: Any) -> tuple[str, dict[str, Any]]:
    usual = {"issuer": "other", "grant": grant, "token_endpoint": f"{issuer.url}/token", "client_id": "app"}
    return "mailbox.oauth2", usual | more


def person(issuer: Any, place: Place) -> tuple[str, dict[str, Any]]:
    usual = {"issuer": "microsoft", "grant": "device-code", "tenant": TENANT, "client_id": "app"}
    kept = {"token_file": str(place.folder / "person.json")}
    return "mailbox.oauth2", usual | kept | {"authority": issuer.url, "ca_file": issuer.ca}


def everything(place: Place, account: Mapping[str, str], imap: Any, issuer: Any, entra: Any) -> list[Any]:
    """Return the mailboxes with each kind of login, each with a secret of another syntax."""
    script = place.folder / "secret-command"
    # On a line of its own, so that what it prints stands in no command line.
    script.write_text(f"print({PLANTED['mailbox password of a command']!r})")
    command = [sys.executable, str(script), PLANTED["argument of a command"]]
    key = json.dumps({**account, "token_uri": f"{issuer.url}/token"})
    google = {"issuer": "google", "grant": "service-account"}
    return [
        mailbox("noc", *imap, "noc", password={"command": command}),
        mailbox("plain", *imap, "plain", password=PLANTED["mailbox password in plain text"]),
        mailbox("app", *imap, "alice"),
        other(issuer, "client-credentials", client_secret=place.variable("APP", PLANTED["client secret"])),
        mailbox("refreshed", *imap, "alice"),
        other(
            issuer,
            "refresh-token",
            refresh_token=place.secret_file("refresh", PLANTED["refresh token"]),
            token_file=str(place.folder / "refreshed.json"),
        ),
        mailbox("service", *imap, "alice"),
        ("mailbox.oauth2", google | {"service_account": place.credential("account", key)}),
        mailbox("person", *imap, "alice"),
        person(entra, place),
    ]


def llm(place: Place, url: str) -> tuple[str, dict[str, Any]]:
    key = place.variable("MODEL_KEY", PLANTED["key of the model"])
    return "llm", {"enabled": True, "model": "m", "base_url": url, "api_key": key}


def lines_of(account: Mapping[str, str]) -> dict[str, str]:
    """Return the lines of the private key, as secrets."""
    return {f"line {number} of the key": line for number, line in enumerate(account["private_key"].splitlines()[1:-2])}


@pytest.mark.dovecot
@pytest.mark.skipif(dovecot_program() is None and os.environ.get("CI") != "true", reason="Dovecot is not installed")
def test_where_all_goes_well_no_secret_is_written_or_handed_on(place, servers, account, dovecot_folder) -> None:
    dovecot = servers.enter_context(running_dovecot(dovecot_folder, "tokens"))
    issuer, entra = (servers.enter_context(running_issuer(place.folder, tls=tls)) for tls in (False, True))
    netbox, model = servers.enter_context(serving()), servers.enter_context(chatting())
    model.say("no JSON")
    token = good("alice", refresh_token=PLANTED["next refresh token"])
    issuer.says = [token]
    of_person = good("alice", **login("alice", "app", PLANTED["refresh token of a person"]))
    entra.says = [of_person]
    users = {"noc": "mailbox password of a command", "plain": "mailbox password in plain text"}
    for user in ("plain", "alice"):
        dovecot.deliver(user, [own_mail("zayo/three_nights"), UNKNOWN])
    with (dovecot.root / "users").open("a") as file:
        file.writelines(f"{user}:{{PLAIN}}{PLANTED[key]}::::::\n" for user, key in users.items())
    place.configure(
        ("database", {"url": f"sqlite:///{place.folder}/maintd.db"}),
        ("workers", {"count": 1}),
        ("log", {"level": "debug"}),
        *everything(place, account, (dovecot.imaps, dovecot.ca), issuer, entra),
        ("netbox", {"url": netbox.url, "token": place.credential("netbox", netbox.token), "since": date(2027, 1, 1)}),
        llm(place, model.url),
    )
    secrets = {
        **PLANTED,
        **lines_of(account),
        "token of NetBox": netbox.token,
        "access token": token.body["access_token"],
        "access token of a person": of_person.body["access_token"],
    }

    said = place.commands(*SHOWING)

    assert said.count("\tlogged in as") == 6
    assert "logged in as alice: kept in" in said
    assert "\n= 2\n" not in said
    assert model.asked
    # Another mail for the daemon, so that it has a worker.
    dovecot.deliver("alice", [UNKNOWN.replace(b"<1@", b"<2@")])
    place.environment["PYTHONFAULTHANDLER"] = "1"
    daemon = place.start("-m", "ingestor", "run")
    try:
        assert eventually(lambda: has_worker_without(daemon.pid, secrets, place))
        place.keep_pages()
    finally:
        daemon.send_signal(signal.SIGABRT)
    assert "Fatal Python error: Aborted" in place.ended("run", daemon)
    place.keep_database()
    assert leaks(place.written, secrets) == []


def has_worker_without(pid: int, secrets: Mapping[str, str], place: Place) -> bool:
    """Keep all command lines but that of the secret command; say whether a worker is there with no secret around it."""
    clean = False
    for each in (pid, *family(pid)):
        with suppress(OSError):
            line = Path(f"/proc/{each}/cmdline").read_bytes()
            if b"secret-command" not in line:
                place.written[f"command line of {each}"] = place.written.get(f"command line of {each}", b"") + line
            if b"spawn_main" in line:
                environment = Path(f"/proc/{each}/environ").read_bytes()
                clean |= bool(environment) and not leaks({"environment": environment}, secrets)
    return clean


# --- where it fails ---------------------------------------------------------------------------------------------


class Echo(socketserver.StreamRequestHandler):
    """An IMAP server that refuses everything, and repeats what it was sent, as it came and decoded."""

    capabilities = b"IMAP4rev1"

    def handle(self) -> None:
        with suppress(OSError):
            self.wfile.write(b"* OK [CAPABILITY " + self.capabilities + b"] ready\r\n")
            while line := self.rfile.readline():
                tag, _, command = line.strip().partition(b" ")
                if command == b"CAPABILITY":
                    self.wfile.write(b"* CAPABILITY " + self.capabilities + b"\r\n" + tag + b" OK done\r\n")
                    continue
                if command.startswith(b"AUTHENTICATE") and command.count(b" ") == 1:
                    self.wfile.write(b"+ \r\n")
                    command += b" " + self.rfile.readline().strip()
                self.wfile.write(tag + b" NO you sent " + command + b", which is " + _decoded(command) + b"\r\n")


class EchoWithTokens(Echo):
    capabilities = b"IMAP4rev1 SASL-IR AUTH=PLAIN AUTH=XOAUTH2"


def _decoded(command: bytes) -> bytes:
    last = command.split()[-1] if command.split() else b""
    with suppress(ValueError):
        return base64.b64decode(last, validate=True).translate(None, b"\r\n\0")
    return last


@contextmanager
def serving_imap(kind: type[Echo]) -> Iterator[int]:
    socketserver.ThreadingTCPServer.allow_reuse_address = True
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), kind) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def test_a_server_that_repeats_secrets_in_its_refusals_has_none_of_them_written(place, servers, account) -> None:
    login_only, by_token = (servers.enter_context(serving_imap(kind)) for kind in (Echo, EchoWithTokens))
    issuer, refusing, entra = (servers.enter_context(running_issuer(place.folder, tls=tls)) for tls in (0, 0, 1))
    netbox = servers.enter_context(scripted(Answer(status=403, body={"detail": echo(PLANTED["token of NetBox"])})))
    model = servers.enter_context(chatting())
    model.status, model.body = 401, echo(PLANTED["key of the model"]).encode()
    token = good("alice", refresh_token=PLANTED["next refresh token"])
    issuer.says = [token]
    refusing.says = entra.says = [Said(repeats=True)]
    plain = PLANTED["mailbox password in plain text"]
    secret = {"client_secret": place.variable("APP", PLANTED["client secret"])}
    place.configure(
        ("database", {"url": f"sqlite:///{place.folder}/maintd.db"}),
        ("log", {"level": "debug", "format": "console"}),
        mailbox("login-only", login_only, None, "plain", password=plain),
        mailbox("encrypted", login_only, entra.ca, "plain", password=plain),
        *everything(place, account, (by_token, None), refusing, entra),
        mailbox("token", by_token, None, "alice"),
        other(issuer, "client-credentials", **secret),
        mailbox("two-lines", by_token, None, "alice", password=place.secret_file("two", f"{plain}\n{plain}")),
        mailbox("chatty", by_token, None, "alice", password={"command": ["cat", "/nowhere", plain]}),
        ("netbox", {"url": netbox.url, "token": place.credential("netbox", PLANTED["token of NetBox"])}),
        llm(place, model.url),
    )
    secrets = {**PLANTED, **lines_of(account), "access token": token.body["access_token"]}
    unknown = place.folder / "unknown.eml"
    unknown.write_bytes(UNKNOWN)

    said = place.commands(["import", str(unknown)], *SHOWING)

    assert said.count("you sent") > 6
    assert said.count("gives no token: invalid_client: you sent ") > 2
    assert "GET status/: 403: got …" in said
    assert model.asked
    asked = len(refusing.asked)
    daemon = place.start("-m", "ingestor", "run")
    try:
        assert eventually(lambda: len(refusing.asked) > asked + 2)
        place.keep_pages()
    finally:
        daemon.send_signal(signal.SIGINT)
    assert "mailbox_failed" in place.ended("run", daemon)
    place.keep_database()
    assert leaks(place.written, secrets) == []


# Breaks the libraries where they hold secrets, and then is the program.
FAULTY = """
import http.client, imapclient, requests, sys

def fail(*arguments, **options):
    raise RuntimeError("a fault of the test")

imapclient.IMAPClient.capabilities = fail
requests.adapters.HTTPAdapter.send = fail
http.client.HTTPConnection.request = fail
from ingestor.entry import main
main()
"""


@pytest.mark.parametrize("form", ["json", "console"])
def test_the_traceback_of_a_fault_holds_no_secret(place, servers, account, form) -> None:
    imap = servers.enter_context(serving_imap(EchoWithTokens))
    issuer, entra = (servers.enter_context(running_issuer(place.folder, tls=tls)) for tls in (False, True))
    place.configure(
        ("database", {"url": f"sqlite:///{place.folder}/maintd.db"}),
        ("log", {"level": "debug", "format": form}),
        *everything(place, account, (imap, None), issuer, entra),
        ("netbox", {"url": issuer.url, "token": place.credential("netbox", PLANTED["token of NetBox"])}),
    )
    place.commands(["import", str(ROOT / "tests" / "mail" / "zayo")])

    said = place.ended(form, place.start("-c", FAULTY, "poll"))

    assert said.count("Traceback (most recent call last)") > 4
    assert "a fault of the test" in said
    assert leaks(place.written, {**PLANTED, **lines_of(account)}) == []


@pytest.mark.postgresql
def test_the_password_of_a_database_is_not_written(place, postgresql_server) -> None:
    password = PLANTED["password of the database"]
    postgresql_server.run(f"CREATE ROLE planted LOGIN CREATEDB PASSWORD '{password}'")
    postgresql_server.run("CREATE DATABASE planted OWNER planted ENCODING 'UTF8' TEMPLATE template0")
    address = f"127.0.0.1:{postgresql_server.port}"
    asked = (["config", "show"], ["config", "check"], ["db", "upgrade"], ["check"], ["db", "backup", "copy"], ["poll"])
    for url, works in (
        (f"postgresql+psycopg://planted:{password}@{address}/planted", True),
        (f"postgresql+psycopg://planted@{address}/planted?password={quote(password, safe='')}", True),
        (f"postgresql+psycopg://planted:{quote(password, safe='')}x@{address}/planted", False),
        (f"postgresql+psycopg://planted@{address}/planted?password={quote(password, safe='')}x", False),
    ):
        place.configure(("database", {"url": url}))
        said = place.commands(*asked, name=url)
        assert ("= 0\n$ check" in said) is works, said
    place.written = {str(number): written for number, written in enumerate(place.written.values())}
    assert leaks(place.written, PLANTED) == []


def test_a_file_that_others_can_read_is_refused_and_a_credential_is_not(place) -> None:
    files = {mode: place.secret_file(f"mode-{mode:o}", "anything") for mode in (0o600, 0o640, 0o604)}
    for mode, file in files.items():
        Path(file["file"]).chmod(mode)
    place.configure(
        ("database", {"url": f"sqlite:///{place.folder}/maintd.db"}),
        *(mailbox(f"mode-{mode:o}", 1, None, "alice", password=file) for mode, file in files.items()),
        mailbox("credential", 1, None, "alice", password=place.credential("mailbox", "anything")),
    )

    said = place.commands(["check"])

    assert re.findall(r"run (chmod 600 \S+)\.", said) == [f"chmod 600 {files[mode]['file']}" for mode in (0o640, 0o604)]
    assert "anything" not in said
    refused = [line for line in said.splitlines() if 'mailbox "' in line and "refused" in line]
    assert [name for name in ("mode-600", "credential") if any(name in line for line in refused)] == [
        "mode-600",
        "credential",
    ]
