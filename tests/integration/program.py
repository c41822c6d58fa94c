"""The program as a user has it: a configuration, commands and passes, and all that its database says afterwards."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ingestor import cli, config, daemon, logs
from parsers.workers import WorkerPool
from storage import database, queries
from tests.servers.dovecot import PASSWORD

ROOT = Path(__file__).parents[2]
OWN_MAILS = ROOT / "tests" / "mail"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
PATIENCE_SECONDS = 60

# For TOML, what JSON writes is right for texts, numbers, switches and lists.
_toml = json.dumps


def own_mail(case: str) -> bytes:
    """Return a mail of tests/mail, as in ``own_mail("zayo/three_nights")``."""
    return (OWN_MAILS / f"{case}.eml").read_bytes()


def own_mails() -> list[bytes]:
    """Return every mail of tests/mail."""
    return [path.read_bytes() for path in sorted(OWN_MAILS.glob("*/*.eml"))]


@dataclass(frozen=True, kw_only=True)
class Pass:
    """What one pass over the mailboxes gave: what failed, and the lines of the log."""

    failures: list[str]
    log: list[dict[str, Any]]

    def said(self, event: str) -> list[dict[str, Any]]:
        """Return the lines of the log with this event."""
        return [line for line in self.log if line["event"] == event]

    @property
    def fetched(self) -> int:
        """The number of mails that were fetched from all folders."""
        return sum(line["fetched"] for line in self.said("mailbox_polled"))


@dataclass(frozen=True, kw_only=True)
class Program:
    """maintd with a configuration and a database of its own."""

    directory: Path
    url: str

    @property
    def path(self) -> Path:
        """The configuration."""
        return self.directory / "config.toml"

    def configure(self, *mailboxes: Mapping[str, Any], workers: Mapping[str, Any] | None = None) -> None:
        """Write the configuration; a mailbox is a table of its settings, where those that are usual may be missing."""
        secret = self.directory / "password"
        secret.touch(mode=0o600)
        secret.write_text(PASSWORD)
        usual = {"name": "noc", "host": "127.0.0.1", "tls": "none", "initial": "all", "poll_seconds": 10}
        tables = [
            ("[database]", {"url": self.url}),
            ("[workers]", {"count": 1, **(workers or {})}),
            # Any free port: many daemons run at once.
            ("[web]", {"listen": "127.0.0.1:0"}),
            *(("[[mailbox]]", usual | dict(mailbox)) for mailbox in mailboxes),
        ]
        lines: list[str] = []
        for head, table in tables:
            lines += [head, *(f"{name} = {_toml(value)}" for name, value in table.items())]
            if head == "[[mailbox]]" and "password" not in table:
                lines.append(f"password = {{ file = {_toml(str(secret))} }}")
        self.path.write_text("\n".join(lines) + "\n")

    def poll(self, *names: str, pool: WorkerPool | None = None) -> Pass:
        """Do what ``maintd poll`` does, in this process; ``pool`` None: with workers of its own."""
        settings = config.load(self.path)
        stream = io.StringIO()
        logs.configure("json", "info", stream)
        if database.revision(self.url) is None:
            database.upgrade(self.url)
        store = database.open_store(self.url)
        try:
            failures = daemon.poll(settings, store, names, pool=pool)
        finally:
            store.close()
        return Pass(failures=failures, log=[json.loads(line) for line in stream.getvalue().splitlines()])

    def command(self, *words: str, status: int = 0) -> Any:
        """Run a command with ``--json`` in this process; return what it printed, or its error if it printed nothing."""
        output, errors = io.StringIO(), io.StringIO()
        with redirect_stdout(output), redirect_stderr(errors):
            found = cli.main([*words, "--config", str(self.path), "--json"])
        assert found == status, errors.getvalue()
        return json.loads(output.getvalue()) if output.getvalue() else errors.getvalue()

    def start(self, *words: str) -> "subprocess.Popen[bytes]":
        """Start a command in a process of its own; its output goes to a file."""
        with self.log_file.open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "ingestor", *words, "--config", str(self.path)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=ROOT,
            )

    @contextmanager
    def running(self) -> Iterator["subprocess.Popen[bytes]"]:
        """Run the daemon; it is ended, whatever happens."""
        process = self.start("run")
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    @property
    def log_file(self) -> Path:
        """Where commands that were started write."""
        return self.directory / "log"

    def logged(self, event: str) -> list[dict[str, Any]]:
        """Return the lines with an event that started commands have logged."""
        lines = self.log_file.read_text().splitlines(keepends=True)
        found = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("\n")]
        return [line for line in found if line["event"] == event]

    def events(self) -> dict[str, dict[str, Any]]:
        """Return the events, with history, by their id."""
        return {generations[-1]["id"]: generations[-1] for generations in state(self.url)["events"]}

    def messages(self) -> list[dict[str, Any]]:
        """Return the ledger, each message with where it was seen."""
        store = database.open_store(self.url)
        try:
            with store.reading() as connection:
                listed = queries.messages(connection)
                return [{**one, **queries.message(connection, one["id"])} for one in listed]
        finally:
            store.close()


def state(url: str) -> dict[str, Any]:
    """Return all that a database says, but for row numbers and times of storing; the laws must hold in it."""
    store = database.open_store(url)
    try:
        with store.reading() as connection:
            listed = queries.events(connection, now=NOW, completions=frozenset())
            events = []
            for provider, event_id in sorted({(one["provider"], one["id"]) for one in listed}):
                found = queries.event(connection, event_id, now=NOW, completions=frozenset(), provider=provider)
                for event in found:
                    event["messages"] = sorted(message["message_id"] for message in event["messages"])
                events.append(sorted(found, key=lambda event: event["generation"]))
            messages = sorted(
                (message["message_id"] or "", message["disposition"], message["reason"] or "")
                for message in queries.messages(connection)
            )
            assert list(queries.check_laws(connection)) == []
    finally:
        store.close()
    return {"events": events, "messages": messages}


def eventually(condition: Callable[[], object]) -> bool:
    """Say whether something comes true, with much patience."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


def family(pid: int) -> set[int]:
    """Return the processes that descend from one, without itself."""
    found: set[int] = set()
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            children = {int(child) for child in task.read_text().split()}
            found |= children.union(*map(family, children))
    return found


def alive(pids: Sequence[int] | set[int]) -> list[int]:
    """Return those of some processes that have not ended; one that nobody has asked for its status has."""
    states = {}
    for pid in pids:
        with suppress(OSError):
            states[pid] = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return sorted(pid for pid, letter in states.items() if letter != "Z")


@contextmanager
def stopped(*pids: int) -> Iterator[None]:
    """Let processes hang for a block, as on a machine that is frozen."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def kill(pid: int) -> None:
    """End a process as a power cut would."""
    os.kill(pid, signal.SIGKILL)
