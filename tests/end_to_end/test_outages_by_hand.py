"""docs/outages-by-hand.md, typed: each command at the time that its prompt shows, and what is printed, to the letter.

The clock alone is set; a mail of the document is the file that the next import names.
"""

import io
import os
import re
import shlex
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ingestor import pipeline
from ingestor.cli import main

DOCUMENT = Path(__file__).parents[2] / "docs" / "outages-by-hand.md"
ZONE = ZoneInfo("Europe/Berlin")
FIRST = datetime(2027, 2, 9, tzinfo=ZONE)
CONFIGURATION = """
[database]
url = "sqlite:///{directory}/maintd.db"

[log]
level = "error"

[[provider]]
name = "harbourfibre"
senders = ["@harbourfibre.example"]
"""

BOLD = re.compile(r"\x1b\[[0-9;]*m")
PROMPT = re.compile(r"(\d\d:\d\d) \$ (maintd .*)")


@dataclass(slots=True)
class Typed:
    """A command of the document, when it is typed, the mail above it, and the lines that are printed."""

    at: datetime
    words: list[str]
    mail: list[str]
    printed: list[str] = field(default_factory=list)


def typed(text: str) -> list[Typed]:
    """Return the commands of a document, in order. They, their output and the mails stand indented by four."""
    commands: list[Typed] = []
    mail: list[str] = []
    lines: list[str] = []
    for line in text.split("\n"):
        content = line.removeprefix("    ")
        if line and content == line:
            lines = []
        elif found := PROMPT.fullmatch(content):
            after = commands[-1].at if commands else FIRST
            commands.append(Typed(at=next_at(after, found[1]), words=shlex.split(found[2])[1:], mail=mail))
            lines, mail = commands[-1].printed, []
        elif content.startswith("From: "):
            lines = mail = [content]
        else:
            lines.append(content)
    for one in commands:
        while one.printed and not one.printed[-1]:
            one.printed.pop()
    return commands


def next_at(after: datetime, clock: str) -> datetime:
    """Return when the clock shows a time next."""
    at = datetime.fromisoformat(f"{after.date()}T{clock}").replace(tzinfo=ZONE)
    return at if at >= after else at + timedelta(days=1)


class Terminal(io.StringIO):
    """What a person sees."""

    def isatty(self) -> bool:
        return True


class Session:
    """The program on an empty database, at a clock that is set by hand, in a terminal of 120 columns."""

    def __init__(self, directory: Path, patch: pytest.MonkeyPatch) -> None:
        self.directory, self.patch = directory, patch
        (directory / "config.toml").write_text(CONFIGURATION.format(directory=directory))
        for name, value in {"TZ": ZONE.key, "COLUMNS": "120", "TERM": "xterm", "LOGNAME": "alice"}.items():
            patch.setenv(name, value)
        patch.chdir(directory)
        patch.delenv("MAINTD_CONFIG", raising=False)
        time.tzset()
        assert main(["db", "upgrade"]) == 0

    def type(self, command: Typed) -> list[str]:
        """Type a command and return the lines that it prints."""
        if command.mail:
            (self.directory / command.words[-1]).write_text("\n".join(command.mail))
        seen, errors = Terminal(), io.StringIO()
        with self.patch.context() as patch:
            patch.setattr(pipeline, "utc_now", lambda: command.at.astimezone(UTC))
            patch.setattr(sys, "stdout", seen)
            patch.setattr(sys, "stderr", errors)
            status = main(command.words)
        said = errors.getvalue()
        assert (status != 0) == said.startswith("maintd: "), said
        lines = (seen.getvalue() + said).rstrip("\n").split("\n")
        return [BOLD.sub("", line).rstrip() for line in lines]


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    held = os.environ.get("TZ")
    yield Session(tmp_path, monkeypatch)
    monkeypatch.undo()
    assert os.environ.get("TZ") == held
    time.tzset()


def test_the_commands_of_the_document_print_what_it_says(session) -> None:
    commands = typed(DOCUMENT.read_text(encoding="utf-8"))

    assert [(one.words, session.type(one)) for one in commands] == [(one.words, one.printed) for one in commands]


def test_the_document_types_every_command_of_an_outage() -> None:
    words = [one.words for one in typed(DOCUMENT.read_text(encoding="utf-8"))]

    assert {one[1] for one in words if one[0] == "outage"} == {"open", "update", "resolve", "reopen", "adopt"}
    assert {one[0] for one in words} == {"outage", "import", "show", "events", "stats"}
