"""Lumen's windows, each under its number: the library gives all of them the id, the status and the circuits of one.

``N-k`` is window k of the maintenance N, also where it stands at the head of a notice. A status stands in each row, or
else in the newest line of the updates. Source: lumen5, lumen6 and lumen8 in the test data of
circuit-maintenance-parser, tests/mail/lumen/two_windows.eml, alternate_night.eml, alternate_night_needed.eml,
one_row_cancelled.eml, nine_circuits.eml.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from domain.events import StatedCircuit
from domain.vocabulary import Impact, MaintenanceStatus
from parsers.lines import lines_of, rows_of
from parsers.mime import Notification
from parsers.providers import Provider
from parsers.statements import Result, joined

_NUMBERED = re.compile(r"(\d{5,})-(\d{1,2})")
_HEAD_OF_WINDOW = re.compile(rf"(alternate night:\s*)?{_NUMBERED.pattern}$", re.IGNORECASE)
_GMT = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d) GMT\b")
_NO_ID = ("", "_", "N/A")

# The words of the rows and of the updates are those that the library knows and those in its test data.
_OF_ROW = {
    "scheduled": MaintenanceStatus.CONFIRMED,
    "completed": MaintenanceStatus.COMPLETED,
    "postponed": MaintenanceStatus.RE_SCHEDULED,
    "alternate night": MaintenanceStatus.RE_SCHEDULED,
    "not completed": MaintenanceStatus.CANCELLED,
    "cancelled": MaintenanceStatus.CANCELLED,
}
_OF_UPDATES = (
    (re.compile(r"maintenance window (?:\d+-(\d+) )?has ended"), MaintenanceStatus.COMPLETED),
    (re.compile(r"maintenance work has begun()"), MaintenanceStatus.IN_PROCESS),
    (re.compile(r"maintenance has been cancelled()"), MaintenanceStatus.CANCELLED),
    (re.compile(r"maintenance has been postponed()"), MaintenanceStatus.RE_SCHEDULED),
    (re.compile(r"maintenance is scheduled()"), MaintenanceStatus.CONFIRMED),
)
# Where rows differ, the first of these is the window's status; rows with one of the last two leave it.
_STAYING = (MaintenanceStatus.CONFIRMED, MaintenanceStatus.COMPLETED)
_LEAVING = (MaintenanceStatus.RE_SCHEDULED, MaintenanceStatus.CANCELLED)
_OVER = (MaintenanceStatus.COMPLETED, MaintenanceStatus.CANCELLED)


@dataclass(frozen=True, slots=True)
class _Window:
    number: int | None
    alternate: bool
    start: datetime
    end: datetime
    rows: list[dict[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Newest:
    """What the newest line of the updates says, and of which window: None of all."""

    status: MaintenanceStatus | None
    number: int | None


def by_window(results: Sequence[Result], notification: Notification, _: Provider) -> Sequence[Result]:
    """Return a result for each window of the maintenance, with its own number, status and circuits."""
    if not results:
        return results
    named = _NUMBERED.fullmatch(results[0].event_id)
    number = int(named[2]) if named else None
    maintenance = replace(results[0], event_id=named[1]) if named else results[0]
    windows = _windows(notification)
    if {(window.start, window.end) for window in windows} != {(result.start, result.end) for result in results}:
        only = number if len(results) == 1 else None
        references = _references(maintenance, [number])
        return [
            replace(result, event_id=maintenance.event_id, number=only, references=references) for result in results
        ]
    if len(windows) == 1 and not windows[0].number:
        windows = [replace(windows[0], number=number)]
    newest = _newest(notification, number)
    references = _references(maintenance, [number, *(window.number for window in windows)])
    told = [replace(_result(window, newest, maintenance), references=references) for window in windows]
    # The status of the maintenance is that of the first: of a window that is open, where one is.
    told.sort(key=lambda result: result.status in _OVER)
    # Progress of one window is none of the others.
    spoken_of = [result for result in told if result.status]
    return spoken_of if any(result.status is newest.status for result in spoken_of) else told


def _references(maintenance: Result, numbers: Sequence[int | None]) -> tuple[str, ...]:
    """Return the ids of windows as they are stated, by which people search."""
    return tuple(f"{maintenance.event_id}-{number}" for number in sorted({number for number in numbers if number}))


# The notice


def _windows(notification: Notification) -> list[_Window]:
    """Return the windows of a notice in its order, with the rows of the tables below them."""
    windows: list[_Window] = []
    heads = _heads(lines_of(notification))
    head: tuple[int | None, bool] | None = None
    served: list[_Window] = []
    header: list[str] = []
    for row in rows_of(notification):
        if row == ["Start", "End"]:
            head = next(heads, (None, False))
            served = [] if any(window.rows for window in served) else served
        elif head and len(row) == 2 and (start := _instant(row[0])) and (end := _instant(row[1])):
            windows.append(_Window(*head, start, end))
            served.append(windows[-1])
            head = None
        elif row[:1] == ["Customer Name"]:
            header = row
            served = [window for window in served if not window.alternate] or served
        elif header and len(row) == len(header):
            for window in served:
                window.rows.append(dict(zip(header, row, strict=True)))
    return _together(windows)


def _together(windows: Sequence[_Window]) -> list[_Window]:
    """Return each window once, with all rows that stand below it."""
    once: dict[tuple[int | None, datetime, datetime], _Window] = {}
    for window in windows:
        held = once.setdefault((window.number, window.start, window.end), window)
        if held is not window:
            held.rows.extend(window.rows)
    return list(once.values())


def _heads(lines: Sequence[str]) -> Iterator[tuple[int | None, bool]]:
    """Yield the number above the times of each window, and whether it is that of an alternate night."""
    for index, line in enumerate(lines):
        if line == "Start" and lines[index + 1 : index + 2] == ["End"]:
            head = _HEAD_OF_WINDOW.search(" ".join(lines[max(0, index - 2) : index]))
            yield (int(head[3]), bool(head[1])) if head else (None, False)


def _newest(notification: Notification, named: int | None) -> _Newest:
    """Return what the newest line of the updates says; a line without a number is of the window that is named."""
    lines = lines_of(notification)
    label = next((index for index, line in enumerate(lines) if line.startswith("Updates:")), len(lines))
    newest = " ".join(lines[label : label + 2])
    for words, status in _OF_UPDATES:
        if said := words.search(newest):
            return _Newest(status, int(said[1]) if said[1] else named)
    return _Newest(None, named)


def _instant(cell: str) -> datetime | None:
    stated = _GMT.match(cell)
    try:
        return datetime.strptime(stated[1], "%Y-%m-%d %H:%M").replace(tzinfo=UTC) if stated else None
    except ValueError:
        return None


# What it says of a window


def _result(window: _Window, newest: _Newest, maintenance: Result) -> Result:
    stated = replace(maintenance, number=window.number, start=window.start, end=window.end)
    if window.alternate and not window.rows:
        return replace(stated, status=MaintenanceStatus.TENTATIVE, circuits=())
    statuses = [_OF_ROW.get(row.get("Status", "").lower()) for row in window.rows]
    of_rows = next((status for status in (*_STAYING, *_LEAVING) if status in statuses), None)
    of_updates = newest.status if newest.number in (None, window.number) else None
    circuits = joined(
        [
            circuit
            for row, status in zip(window.rows, statuses, strict=True)
            if (status is of_rows or status not in _LEAVING) and (circuit := _circuit(row))
        ]
    )
    return replace(
        stated,
        account=window.rows[0]["Customer Name"] if window.rows else maintenance.account,
        # A night in reserve that has services is needed.
        status=of_rows or of_updates or (MaintenanceStatus.CONFIRMED if window.alternate else None),
        circuits=circuits or None,
    )


def _circuit(row: dict[str, str]) -> StatedCircuit | None:
    ids = (row.get("Circuit ID", ""), row.get("Alt Circuit ID", ""))
    circuit_id = next((one for one in ids if one not in _NO_ID), None)
    words = row.get("Impact Type", "").strip().lower()
    impact = Impact.OUTAGE if "outage" in words else Impact.NO_IMPACT if words in ("no impact", "none") else None
    return StatedCircuit(circuit_id=circuit_id, impact=impact) if circuit_id else None
