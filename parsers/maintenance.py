"""Maintenances out of notifications, by circuit-maintenance-parser. No other module imports it.

Importing this module loads the library and makes it safe to call: it asks no network, writes no log and no warning,
and reads no environment. It is handed parts that we decoded (``parsers.handover``), never a whole mail: its own way in
loses mails, is exponential in their nesting, and depends on the order of a set. Where it is wrong, what it finds is
put right before it counts (``parsers.corrections.table``). Measured with 2.12.0.
"""

import logging
import os
import re
import sys
import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from importlib.metadata import version
from typing import Any

from domain.events import StatedCircuit
from domain.vocabulary import Impact, MaintenanceStatus
from parsers.corrections.table import corrected
from parsers.forms import BY_NAME
from parsers.handover import candidates
from parsers.lines import lines_of, plain_lines_of
from parsers.mime import SPREADSHEET, Notification, without_controls
from parsers.providers import Provider
from parsers.statements import Findings, NotUnderstood, Result, joined

# pandas reads the spreadsheets of one provider and costs 35 MiB and a third of the time of this import. Without it
# the library goes on and says so; load_spreadsheets gives it back when the first spreadsheet comes.
sys.modules["pandas"] = None  # type: ignore[assignment]
try:
    from circuit_maintenance_parser import SUPPORTED_PROVIDER_NAMES, Maintenance, init_provider
    from circuit_maintenance_parser import output as library_output
    from circuit_maintenance_parser import parser as library_parser
    from circuit_maintenance_parser import processor as library_processor
    from circuit_maintenance_parser import provider as library_provider
    from circuit_maintenance_parser.data import DataPart, NotificationData
    from circuit_maintenance_parser.output import CircuitImpact, Status
    from circuit_maintenance_parser.utils import Geolocator
finally:
    del sys.modules["pandas"]

READER_VERSION = version("circuit-maintenance-parser")
READER_PREFIX = "circuit-maintenance-parser/"
READERS = frozenset(SUPPORTED_PROVIDER_NAMES)
REASON_CHARACTERS = 300

_LOOKED_AT = 100_000
_HOUR = re.compile(r"\b\d{1,2}:\d\d\b")
_WORK = re.compile(r"\b(?:maintenance|planned works?|scheduled works?|outage|window)\b", re.IGNORECASE)

_GENERIC_READER = "genericprovider"

# What the library asks a language model for, and how what the answer leaves out is written.
_UNSAID: dict[str, Any] = {
    "maintenance_id": "",
    "status": "",
    "impact": "",
    "summary": "",
    "account": "",
    "circuit_ids": [],
    "backup_windows": [],
}
_ASKED = ("start", "end", *_UNSAID)
_NO_ID = frozenset({"", "-", "n/a", "none", "null", "unknown"})
# Of any other word the library makes "confirmed".
_STATUS_WORDS = ("confirmed", "rescheduled", "cancelled", "ongoing", "completed")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def read(notification: Notification, form: str, provider: Provider) -> Findings:
    """Return what the library's reader of a form finds in a notification, put right where it is known to be wrong.

    No results mean understood and nothing for us: the reader's own filter says that it is no maintenance. Raises
    ``NotUnderstood`` where the reader fails.
    """
    found = _maintenances(notification, form)
    if not found and has_maintenance_calendar(notification):
        raise NotUnderstood(f"reader {form} passes over a mail with a maintenance calendar")
    if not found and not (notification.subject and notification.texts):
        raise NotUnderstood(f"reader {form} passes over a mail that has lost its subject or its text")
    if not found and _speaks_of_work(notification):
        raise NotUnderstood(f"reader {form} passes over a mail that speaks of planned work and of its hours")
    states_impact = form in BY_NAME and BY_NAME[form].states_impact
    results = [_result(one, states_impact=states_impact, random_uids=provider.random_uids) for one in found]
    return Findings(results=tuple(corrected(form, results, notification, provider)))


def _speaks_of_work(notification: Notification) -> bool:
    """Say whether a mail that a filter passes over looks like a notice in a form that the filter does not know."""
    text = " ".join(plain_lines_of(notification) or lines_of(notification))[:_LOOKED_AT]
    hours = {found[0] for found in _HOUR.finditer(text)}
    return len(hours) > 1 and bool(_WORK.search(f"{notification.subject} {text}"))


def question() -> str:
    """Return what the library asks a language model about a mail."""
    return str(library_parser.LLM().llm_question)


def read_answer(answer: Mapping[str, Any]) -> list[Result]:
    """Return what a model answers to ``question``, with None for what the library only fills in.

    Windows in reserve are tentative and without circuits. Raises ``NotUnderstood`` where it names no id or no window.
    """
    said = _UNSAID | {key: answer[key] for key in _ASKED if answer.get(key) is not None}
    if _line(said["maintenance_id"]).lower() in _NO_ID:
        raise NotUnderstood("its answer names no id")
    try:
        windows = _Answered(answer=said).parse_content("")
    # It may be of any shape.
    except Exception as error:  # noqa: BLE001
        raise NotUnderstood(f"its answer cannot be read: {_reason_of(error)}") from None
    stated = any(word in str(said["status"]).lower() for word in _STATUS_WORDS)
    first = [_advised(windows[0], said, status=windows[0]["status"] if stated else None)]
    return first + [replace(_advised(one, said, status=Status.TENTATIVE), circuits=()) for one in windows[1:]]


def readers_of(notification: Notification, *, without: Collection[str] = ()) -> list[str]:
    """Return the library's readers that understand a notification, but for some that are not asked.

    A calendar counts once: each reader of it reads the same.
    """
    return [reader for reader in _distinct_readers() if reader not in without and _understands(notification, reader)]


def has_maintenance_calendar(notification: Notification) -> bool:
    """Say whether a notification has a calendar with the properties of BCOP maintnote."""
    return any("X-MAINTNOTE-" in calendar.upper() for calendar in notification.of_type("text/calendar"))


def load_what_is_read(raw: bytes) -> None:
    """Load what only some messages need, before the time spent on this one is measured."""
    if SPREADSHEET.encode("ascii") in raw:
        _load_spreadsheets()


# Making the library safe


def _no_location(city: str) -> tuple[float, float]:
    raise LookupError(f"city {city} is not in the table of cities, and no network is asked")


class _Charsets:
    """What the library asks for the charset of a part, in place of chardet: we hand over UTF-8 and nothing else.

    Guessing took 5 % of the time of a mail, and could be wrong.
    """

    @staticmethod
    def detect(content: bytes) -> dict[str, str]:
        """Return the charset in the form of chardet's answer."""
        return {"encoding": "utf-8"}


class _AsRead(Maintenance):  # type: ignore[misc]
    """A result whose end may be before its start: one such night must not take the others of its notice with it.

    What cannot be true is left out, and told, where all of it is judged.
    """

    @library_output.field_validator("end")  # type: ignore[untyped-decorator]
    @classmethod
    def validate_end_time(cls, end: int, _: object) -> int:
        """Return the end as it was read, in place of the library's check of the same name."""
        return end


def _tame_library() -> None:
    """Close the library's ways out: its log holds whole mails, and its look-ups go over the network."""
    library_processor.Maintenance = _AsRead
    library_provider.chardet = _Charsets
    logging.getLogger("circuit_maintenance_parser").setLevel(logging.CRITICAL)
    Geolocator.get_location_from_api = staticmethod(_no_location)
    # The switch of its LLM reader is looked up at every failure: what it reads must not become an event by itself.
    for name in [name for name in os.environ if name.startswith("PARSER_")]:
        del os.environ[name]


def _load_spreadsheets() -> None:
    if not library_parser.READ_EXCEL_PRESENT:
        library_parser.read_excel = import_module("pandas").read_excel
        library_parser.READ_EXCEL_PRESENT = True


_tame_library()


# From the answer of a model to the library's results


class _Answered(library_parser.LLM):  # type: ignore[misc]
    """What the library makes of an answer that is there already: nobody is asked."""

    answer: dict[str, Any]

    def get_llm_response(self, content: str) -> dict[str, Any]:
        """Return the answer."""
        return dict(self.answer)


def _advised(found: Mapping[str, Any], said: Mapping[str, Any], *, status: Any) -> Result:
    start, end = _instant(found["start"]), _instant(found["end"])
    return Result(
        event_id=_line(said["maintenance_id"]),
        account=_line(said["account"]) or None,
        status=MaintenanceStatus(status.value) if status else None,
        start=start,
        end=end,
        circuits=_circuits(found["circuits"], states_impact=bool(said["impact"])) or None,
        summary=_text(said["summary"]) or None,
        fault="" if start and end else "a window that no calendar can hold",
    )


# From a notification to the library's results


@cache
def _distinct_readers() -> tuple[str, ...]:
    """Return the library's readers without those that do what another does: aliases, and calendars alone."""
    return tuple(
        name for name in SUPPORTED_PROVIDER_NAMES if name == "genericprovider" or not _reads_only_calendars(name)
    )


def _reads_only_calendars(reader: str) -> bool:
    parsers = [parser for processor in init_provider(reader)._processors for parser in processor.data_parsers]
    return parsers == [library_parser.ICal]


def _understands(notification: Notification, reader: str) -> bool:
    try:
        found = _maintenances(notification, reader)
    except NotUnderstood:
        return False
    return any(reader == _GENERIC_READER or not _is_calendar(maintenance) for maintenance in found)


def _maintenances(notification: Notification, reader: str) -> list[Maintenance]:
    """Return the library's maintenances of the first candidate that gives any; none if its filter passes all over."""
    failures = []
    impossible: list[Maintenance] = []
    for parts in candidates(notification, reader):
        try:
            found = _parse(parts, reader)
        # The library lets KeyError, TypeError, UnicodeDecodeError and AttributeError escape, by 15,000 mutated mails.
        except Exception as error:  # noqa: BLE001
            failures.append(_reason_of(error))
            continue
        if any(one.start < one.end for one in found):
            return found
        impossible = impossible or found
    if failures and not impossible:
        raise NotUnderstood(f"reader {reader}: {failures[0]}")
    return impossible


def _parse(parts: Mapping[str, bytes], reader: str) -> list[Maintenance]:
    if SPREADSHEET in parts:
        _load_spreadsheets()
    data = NotificationData(data_parts=[DataPart(kind, parts[kind]) for kind in sorted(parts)])
    # What the libraries below warn of is the doing of whoever wrote the mail.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        provider = init_provider(reader)
        found = list(provider.get_maintenances(data))
        if not found and provider.include_filter_check(data) and not provider.exclude_filter_check(data):
            raise LookupError("no maintenance in what its filter takes for one")
        return found


def _reason_of(error: Exception) -> str:
    """Return why the library failed, in one line; what ran out of memory is no failure to understand."""
    causes = [_root(cause) for cause in getattr(error, "related_exceptions", ())] or [_root(error)]
    if any(isinstance(cause, MemoryError) for cause in causes):
        raise MemoryError from error
    reasons = dict.fromkeys(_in_words(cause) for cause in causes)
    return "; ".join(reasons)[:REASON_CHARACTERS]


def _root(error: BaseException) -> BaseException:
    while error.__cause__:
        error = error.__cause__
    return error


def _in_words(error: BaseException) -> str:
    # Later lines of the library's messages hold the mail itself.
    lines = str(error).splitlines()[:2]
    text = ": ".join(lines) if hasattr(error, "error_count") else "".join(lines[:1])
    return without_controls(f"{type(error).__name__}: {text}")[:REASON_CHARACTERS]


# From the library's results to ours


def _result(found: Maintenance, *, states_impact: bool, random_uids: bool) -> Result:
    """Return a result of the library with None for what it only fills in."""
    calendar = _is_calendar(found)
    start, end = _instant(found.start), _instant(found.end)
    identified = calendar and not random_uids and found.uid != "0"
    return Result(
        event_id=_line(found.maintenance_id),
        account=_line(found.account),
        status=None if found.status.value == "NO-CHANGE" else MaintenanceStatus(found.status.value),
        start=start,
        end=end,
        circuits=_circuits(found.circuits, states_impact=calendar or states_impact) or None,
        nameless=any(not _line(circuit.circuit_id) for circuit in found.circuits),
        summary=_text(found.summary) or None,
        organizer=_line(found.organizer) or None,
        stated_stamp=_instant(found.stamp) if calendar else None,
        sequence=found.sequence if identified and found.sequence >= 0 else None,
        ical_uid=_line(found.uid) if identified else None,
        fault="" if start and end else "a window that no calendar can hold",
    )


def _is_calendar(found: Maintenance) -> bool:
    return "ICal" in found.metadata.parsers


def _circuits(found: Sequence[CircuitImpact], *, states_impact: bool) -> tuple[StatedCircuit, ...]:
    """Return the circuits of a result, each once, with the worst impact that is stated of it."""
    named = ((_line(circuit.circuit_id), circuit.impact) for circuit in found)
    return joined(
        [
            StatedCircuit(circuit_id=circuit_id, impact=Impact(impact.value) if states_impact else None)
            for circuit_id, impact in named
            if circuit_id
        ]
    )


def _instant(seconds: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _line(text: str) -> str:
    return without_controls(str(text))


def _text(text: str) -> str:
    return _UNPRINTABLE.sub("", str(text)).strip()
