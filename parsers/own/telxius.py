"""Telxius: a page of labels in two languages; the status stands in brackets before the subject.

Windows are a list, one of them kept in reserve at times; a cancellation has a start and an end on lines of their own
and names no circuits. Source: telxius1.eml and telxius5.eml in the test data of circuit-maintenance-parser,
tests/mail/telxius/cancelled_in_reserve.eml, tests/mail/telxius/protection_loss.eml.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.events import StatedCircuit
from domain.vocabulary import Impact, MaintenanceStatus
from parsers.clock import Clock, clock_of
from parsers.corrections.subjects import status_of
from parsers.lines import lines_of, rows_of, values_after
from parsers.mime import Notification
from parsers.providers import Provider
from parsers.statements import Findings, NotUnderstood, Reader, Result

_ORGANIZER = "sworks@telxius.com"
_SUBJECT = re.compile(
    r"(?:\[\s*(?P<tag>[A-Z-]{2,20})\s*\]\s*)?(?:EMERGENCY\s+)?(?:SCHEDULED\s+)?"
    r"Maintenance\s+Notification:\s*(?P<number>[A-Z]{2,4}\d{3,12})(?:\s+-\s+(?P<account>\S.*))?",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"notification number\b[^:]{0,60}:", re.IGNORECASE)
_NUMBER_ALONE = re.compile(r"[A-Z]{2,4}\d{3,12}", re.IGNORECASE)
_TYPE = re.compile(r"notification type\b[^:]{0,60}:", re.IGNORECASE)
_DESCRIPTION = re.compile(r"description\b[^:]{0,60}:", re.IGNORECASE)
_SERVICE_IMPACT = re.compile(r"service impact\b[^:]{0,60}:", re.IGNORECASE)
_SCHEDULE = re.compile(r"schedule\b[^:]{0,60}:", re.IGNORECASE)
_AFTER_SCHEDULE = re.compile(r"(?:affected circuits|location|description|service impact)\b", re.IGNORECASE)
_CIRCUITS = re.compile(r"affected circuits\b", re.IGNORECASE)
_MOMENT = r"\d{1,2}[-/ ][A-Za-z]{3,9}[-/ ]\d{4} \d{1,2}:\d{2}(?::\d{2})?(?: (?:UTC|GMT)\b)?"
_SPAN = re.compile(rf"({_MOMENT}) ?[-–] ?({_MOMENT})", re.IGNORECASE)
_START = re.compile(rf"start ?time\s*:\s*({_MOMENT})", re.IGNORECASE)
_END = re.compile(rf"end ?time\s*:\s*({_MOMENT})", re.IGNORECASE)
_BACKUP = re.compile(r"\(\s*backup\b", re.IGNORECASE)
# The last word of a row of the circuits in plain text.
_CIRCUIT = re.compile(r"\S.*\s(CRT-\S+)$")

_STATUSES = {
    "UPDATE": MaintenanceStatus.RE_SCHEDULED,
    "UPDATED": MaintenanceStatus.RE_SCHEDULED,
    "RESCHEDULED": MaintenanceStatus.RE_SCHEDULED,
    "RE-SCHEDULED": MaintenanceStatus.RE_SCHEDULED,
    "POSTPONED": MaintenanceStatus.RE_SCHEDULED,
    "START": MaintenanceStatus.IN_PROCESS,
    "STARTED": MaintenanceStatus.IN_PROCESS,
    "COMPLETED": MaintenanceStatus.COMPLETED,
    "CANCELLED": MaintenanceStatus.CANCELLED,
    "CANCELED": MaintenanceStatus.CANCELLED,
}
# The first that is found counts.
_IMPACTS = (
    ("no impact", Impact.NO_IMPACT),
    ("no outage", Impact.NO_IMPACT),
    ("outage", Impact.OUTAGE),
    ("loss of service", Impact.OUTAGE),
    ("protection", Impact.REDUCED_REDUNDANCY),
    ("redundancy", Impact.REDUCED_REDUNDANCY),
    ("degrad", Impact.DEGRADED),
)
_OVER = (MaintenanceStatus.CANCELLED,)


@dataclass(frozen=True, slots=True)
class _Window:
    start: datetime
    end: datetime
    in_reserve: bool


def read(notification: Notification, provider: Provider) -> Findings:
    """Return the windows of a notice, or the status of an event. Raises ``NotUnderstood`` for neither."""
    lines = lines_of(notification)
    subjects = (notification.subject, notification.other_subject)
    subject = next((found for text in subjects if (found := _SUBJECT.search(text))), None)
    stated = next((value for value in values_after(lines, _NUMBER) if _NUMBER_ALONE.fullmatch(value)), "")
    number = subject["number"] if subject else stated
    if not number:
        raise NotUnderstood("reader telxius: no number, neither in the subject nor in the text")
    status = _status(subject, lines, notification)
    windows = _windows(lines, clock_of("telxius", provider))
    is_telxius = bool(stated or (subject and subject["tag"]))
    if not windows and (status in (None, MaintenanceStatus.CONFIRMED) or not is_telxius):
        raise NotUnderstood("reader telxius: no window")
    account = subject["account"] if subject else None
    base = Result(event_id=number, account=account, status=status, organizer=_ORGANIZER)
    circuits = _circuits(notification, lines) or None
    summary = next(values_after(lines, _DESCRIPTION), "") or None
    alone = all(window.in_reserve for window in windows)
    return Findings(
        results=tuple(
            _result(base, window, circuits, summary, beside=window.in_reserve and not alone) for window in windows
        )
        or (base,)
    )


def _result(
    base: Result, window: _Window, circuits: tuple[StatedCircuit, ...] | None, summary: str | None, *, beside: bool
) -> Result:
    """Return one window; one in reserve beside others is without circuits, and tentative until all is cancelled."""
    return Result(
        event_id=base.event_id,
        account=base.account,
        status=MaintenanceStatus.TENTATIVE if beside and base.status not in _OVER else base.status,
        start=window.start,
        end=window.end,
        circuits=() if beside else circuits,
        summary=summary,
        organizer=base.organizer,
    )


def _status(
    subject: re.Match[str] | None, lines: Sequence[str], notification: Notification
) -> MaintenanceStatus | None:
    """Return what the brackets say, else the type of the notice, else other words of the subject, else announced."""
    tagged = _STATUSES.get((subject["tag"] or "").upper()) if subject else None
    if not tagged and "cancelled" in next(values_after(lines, _TYPE), "").lower():
        return MaintenanceStatus.CANCELLED
    return tagged or status_of(notification) or (MaintenanceStatus.CONFIRMED if subject else None)


def _windows(lines: Sequence[str], clock: Clock) -> list[_Window]:
    """Return the windows of the schedule in their order, each a line with both ends, or a line for each of them."""
    windows: list[_Window] = []
    start: datetime | None = None
    for line in _schedule(lines):
        in_reserve = bool(_BACKUP.search(line))
        if span := _SPAN.search(line):
            windows.append(_Window(clock.instant(span[1]), clock.instant(span[2], latest=True), in_reserve))
        elif begins := _START.search(line):
            start = clock.instant(begins[1])
        elif start and (ends := _END.search(line)):
            windows.append(_Window(start, clock.instant(ends[1], latest=True), in_reserve))
            start = None
    return windows


def _schedule(lines: Sequence[str]) -> Iterator[str]:
    inside = False
    for line in lines:
        if found := _SCHEDULE.match(line):
            inside = True
            yield line[found.end() :]
        elif _AFTER_SCHEDULE.match(line):
            inside = False
        elif inside:
            yield line


def _circuits(notification: Notification, lines: Sequence[str]) -> tuple[StatedCircuit, ...]:
    """Return the circuits of the column CRT, each with the one impact that the notice states."""
    words = next(values_after(lines, _SERVICE_IMPACT), "").lower()
    impact = next((impact for known, impact in _IMPACTS if known in words), None)
    return tuple(StatedCircuit(circuit_id=name, impact=impact) for name in _names(notification, lines) if name)


def _names(notification: Notification, lines: Sequence[str]) -> Iterator[str]:
    header: Sequence[str] = ()
    tabled = False
    for row in rows_of(notification):
        if "CRT" in row:
            header, tabled = row, True
        elif header and len(row) == len(header):
            yield row[header.index("CRT")]
    if not tabled:
        listed = next((index for index, line in enumerate(lines) if _CIRCUITS.match(line)), len(lines))
        yield from (found[1] for line in lines[listed:] if (found := _CIRCUIT.match(line)))


READER = Reader(form="telxius", label="maintd/telxius", version="1", read=read)
