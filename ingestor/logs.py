"""The log: one form for our own events and for what libraries say, on standard error.

Lines for people on a terminal, JSON elsewhere. docs/log-events.md is the closed list of events.
"""

import logging
import os
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any, TextIO

import structlog
from structlog.typing import Processor

from ingestor.terminal import one_line, safe

# Our own events all go through one logger of the standard library, so that the level of [log] is theirs alone.
_OWN = "maintd"

# What these say below a warning is of no use to a person, and at "debug" IMAPClient would log the mails themselves.
_LIBRARY_LEVEL = logging.WARNING

_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    # No setting: of commands that tell themselves what failed.
    "critical": logging.CRITICAL,
}


def configure(format: str, level: str, stream: TextIO) -> None:  # noqa: A002  # the name of the setting
    """Send the log to a stream: ``format`` is "auto", "console" or "json", ``level`` a key of [log] level.

    "auto" is "console" on a terminal and "json" elsewhere; only a terminal is sent colours, and none where NO_COLOR
    is set. May be called again: the last call counts.
    """
    terminal = stream.isatty()
    as_json = format == "json" or (format == "auto" and not terminal)
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                *(_json() if as_json else _lines(colours=terminal and not os.environ.get("NO_COLOR"))),
            ],
            foreign_pre_chain=[_as_library_event, structlog.stdlib.add_log_level, _stamp],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(max(_LIBRARY_LEVEL, _LEVELS[level]))
    logging.getLogger(_OWN).setLevel(_LEVELS[level])
    logging.captureWarnings(True)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            _stamp,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=_own_logger,
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


_stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)


def _own_logger(*_arguments: object) -> logging.Logger:
    return logging.getLogger(_OWN)


def _json() -> list[Processor]:
    return [_plain_values, structlog.processors.JSONRenderer(default=str)]


def _lines(*, colours: bool) -> list[Processor]:
    return [
        _plain_values,
        _safe_values,
        # The traceback of rich would print the local variables, passwords among them.
        structlog.dev.ConsoleRenderer(
            colors=colours, exception_formatter=structlog.dev.plain_traceback, pad_event_to=28, sort_keys=False
        ),
    ]


def _as_library_event(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Give what a library says a name out of our list, and its own words a key."""
    event["text"] = event["event"]
    event["event"] = "library_warned"
    event["library"] = event["_record"].name
    return event


def _plain_values(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Put what every line has first, and write instants as everywhere else: 2026-11-23T04:00:00Z."""
    ordered = {key: event[key] for key in ("timestamp", "level", "event")} | dict(event)
    return {key: _instant(value) if isinstance(value, datetime) else value for key, value in ordered.items()}


def _instant(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _safe_values(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Keep what came in a mail from writing on the terminal: only a traceback has lines of its own."""
    stated = {key: value for key, value in event.items() if value is not None}
    return {key: safe(value) if key == "exception" else _safe_value(value) for key, value in stated.items()}


def _safe_value(value: object) -> object:
    # Values inside of lists and tables are shown by repr, which escapes what is not printable.
    return one_line(value) if isinstance(value, str) else value
