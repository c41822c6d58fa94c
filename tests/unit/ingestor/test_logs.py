"""What the log looks like, what it keeps out, and that docs/log-events.md lists every event."""

import ast
import io
import json
import logging
import re
import warnings
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import structlog

from domain.message import Disposition
from ingestor import logs

ROOT = Path(__file__).parents[3]
ESCAPES = "\x1b[31mred\x07\x9b1m\u202eevil\u2066\r\nsecond: line"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _as_before(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


def lines_of(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_away_from_a_terminal_each_event_is_a_line_of_json():
    stream = io.StringIO()
    logs.configure("auto", "info", stream)

    structlog.get_logger().info("message_settled", message=7, disposition=Disposition.APPLIED)

    [line] = lines_of(stream)
    assert list(line)[:3] == ["timestamp", "level", "event"]
    stamp = line.pop("timestamp")
    assert line == {"event": "message_settled", "level": "info", "message": 7, "disposition": "applied"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", str(stamp))


def test_on_a_terminal_each_event_is_a_coloured_line_for_people():
    stream = Terminal()
    logs.configure("auto", "info", stream)

    structlog.get_logger().info("message_settled", message=7, reason=None)

    assert re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue()).rstrip().endswith("message=7")
    assert "\x1b[" in stream.getvalue()


@pytest.mark.parametrize(("form", "stream", "no_color"), [("console", io.StringIO(), ""), ("auto", Terminal(), "1")])
def test_there_are_no_colours_in_a_file_nor_where_they_are_not_wanted(form, stream, no_color, monkeypatch):
    monkeypatch.setenv("NO_COLOR", no_color)
    logs.configure(form, "info", stream)

    structlog.get_logger().info("message_settled", message=7)

    assert "message_settled" in stream.getvalue()
    assert "\x1b" not in stream.getvalue()


def test_no_value_writes_on_the_terminal():
    stream = io.StringIO()
    logs.configure("console", "info", stream)
    log = structlog.get_logger()

    log.info("message_settled", subject=ESCAPES, folders=[ESCAPES], **{"from": ESCAPES})
    try:
        raise ValueError(ESCAPES)
    except ValueError:
        log.exception("mailbox_failed")
    logging.getLogger("imapclient").warning("said %s", ESCAPES)

    text = stream.getvalue()
    assert re.findall(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text) == []
    first = text.splitlines()[0]
    assert "second: line" in first
    assert "ValueError" in text


def test_a_level_keeps_out_what_is_below_it():
    stream = io.StringIO()
    logs.configure("json", "warning", stream)
    log = structlog.get_logger()

    log.info("mailbox_polled")
    log.warning("worker_replaced")
    logging.getLogger("alembic").error("broken")

    assert [line["event"] for line in lines_of(stream)] == ["worker_replaced", "library_warned"]


@pytest.mark.parametrize("library", ["imapclient.imaplib", "apscheduler.scheduler", "sqlalchemy.engine", "alembic"])
def test_libraries_speak_in_the_same_form_and_only_of_what_matters(library):
    stream = io.StringIO()
    logs.configure("json", "debug", stream)

    logging.getLogger(library).debug("a whole mail")
    logging.getLogger(library).info("job added")
    logging.getLogger(library).warning("run %s was missed", "poll")

    [line] = lines_of(stream)
    line.pop("timestamp")
    assert line == {"event": "library_warned", "level": "warning", "library": library, "text": "run poll was missed"}


def test_warnings_of_python_come_out_in_the_same_form():
    stream = io.StringIO()
    logs.configure("json", "info", stream)

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn("old", DeprecationWarning, stacklevel=1)

    [line] = lines_of(stream)
    assert (line["event"], line["library"]) == ("library_warned", "py.warnings")


@pytest.mark.parametrize("form", ["console", "json"])
def test_a_traceback_shows_no_local_variables(form):
    stream = io.StringIO()
    logs.configure(form, "info", stream)

    def fail() -> None:
        password = "hunter2" + "-planted"
        assert password
        raise ValueError("no")

    try:
        fail()
    except ValueError:
        structlog.get_logger().exception("mailbox_failed", mailbox="noc")

    assert "ValueError: no" in stream.getvalue()
    assert "hunter2-planted" not in stream.getvalue()


def test_instants_are_written_in_utc():
    stream = io.StringIO()
    logs.configure("json", "info", stream)

    berlin = timezone(timedelta(hours=1))
    structlog.get_logger().info("x", etr=datetime(2026, 11, 23, 5, tzinfo=berlin), at=datetime(2026, 1, 1, tzinfo=UTC))

    assert [(line["etr"], line["at"]) for line in lines_of(stream)] == [
        ("2026-11-23T04:00:00Z", "2026-01-01T00:00:00Z")
    ]


def test_the_last_call_counts_and_nothing_is_logged_twice():
    first, second = io.StringIO(), io.StringIO()
    log = structlog.get_logger()
    logs.configure("json", "info", first)
    logs.configure("console", "info", second)

    log.info("daemon_started")

    assert first.getvalue() == ""
    assert second.getvalue().count("daemon_started") == 1


# The closed list.

_METHODS = {"debug", "info", "warning", "error", "exception", "critical"}


def test_every_event_that_is_logged_is_explained_and_every_one_explained_is_logged():
    page = (ROOT / "docs" / "log-events.md").read_text(encoding="utf-8")
    explained = set(re.findall(r"(?m)^\| `([a-z_]+)`", page))

    logged = {event for path in sorted((ROOT / "ingestor").glob("**/*.py")) for event in events_of(path)}

    assert logged | {"library_warned"} == explained


def events_of(path: Path) -> set[str]:
    """Return the names in calls of ``log.info`` and so on, and of a name that such a method was given to."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    aliases = {
        target.id
        for statement in ast.walk(tree)
        if isinstance(statement, ast.Assign) and any(map(is_method, ast.walk(statement.value)))
        for target in statement.targets
        if isinstance(target, ast.Name)
    } - {"log"}
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args]
    return {
        str(call.args[0].value)
        for call in calls
        if isinstance(call.args[0], ast.Constant)
        and (is_method(call.func) or (isinstance(call.func, ast.Name) and call.func.id in aliases))
    }


def is_method(node: ast.AST) -> bool:
    """Return whether a node is ``log.info`` or the like."""
    return (
        isinstance(node, ast.Attribute)
        and node.attr in _METHODS
        and isinstance(node.value, ast.Name)
        and node.value.id == "log"
    )
