"""Equinix: lines with bold labels, in English and before that perhaps in another language, and tables of circuits.

The times in UTC bear no year, and the local dates beside them do. Source: tests/mail/equinix.
"""

import re
from collections.abc import Sequence
from datetime import datetime

from domain.events import StatedCircuit
from domain.vocabulary import Impact, MaintenanceStatus
from parsers.clock import Clock, clock_of
from parsers.lines import lines_of, rows_of, values_after
from parsers.mime import Notification
from parsers.providers import Provider
from parsers.statements import Findings, NotUnderstood, Reader, Result

_ORGANIZER = "servicedesk@equinix.com"
_SUBJECT = re.compile(r"network maintenance", re.IGNORECASE)
_NUMBER = re.compile(r"\[([^\[\]]{3,60})\]\s*$|\b(CHG\d{5,12})\b")
_SPAN = re.compile(r"span\b", re.IGNORECASE)
_UTC = re.compile(r"utc\b", re.IGNORECASE)
_IMPACT = re.compile(r"impact\b", re.IGNORECASE)
_DATES = re.compile(r"(\d{1,2}-[A-Z]{3}-\d{4})\s*-\s*(\d{1,2}-[A-Z]{3}-\d{4})", re.IGNORECASE)
# "FRIDAY, 02 JUL 10:00 - FRIDAY, 02 JUL 15:00": in English, which is that of the form.
_TIME = r"[a-z]+, (\d{1,2} [a-z]{3}) (\d{1,2}:\d{2})"
_TIMES = re.compile(_TIME + r"\s*-\s*" + _TIME, re.IGNORECASE)

_STATUSES = (
    ("completed", MaintenanceStatus.COMPLETED),
    ("rescheduled", MaintenanceStatus.RE_SCHEDULED),
    ("cancelled", MaintenanceStatus.CANCELLED),
)
# Words that are not here state no impact.
_IMPACTS = (
    ("no impact", Impact.NO_IMPACT),
    ("redundancy", Impact.REDUCED_REDUNDANCY),
    ("re-routed", Impact.REDUCED_REDUNDANCY),
    ("interruption", Impact.OUTAGE),
    ("outage", Impact.OUTAGE),
)


def read(notification: Notification, provider: Provider) -> Findings:
    """Return the window of a notice for each account; no results for what is no maintenance of the network.

    Raises ``NotUnderstood`` where it has no number, no span or no time in UTC.
    """
    subject = next((text for text in (notification.subject, notification.other_subject) if _SUBJECT.search(text)), "")
    if not subject:
        return Findings()
    number = _NUMBER.search(subject)
    if not number:
        raise NotUnderstood("reader equinix: no number in the subject")
    lines = lines_of(notification)
    start, end = _window(lines, clock_of("equinix", provider))
    impact = _impact(lines)
    accounts: dict[str | None, list[StatedCircuit]] = {}
    for account, circuit in _circuits(rows_of(notification)):
        accounts.setdefault(account, []).append(StatedCircuit(circuit_id=circuit, impact=impact))
    return Findings(
        results=tuple(
            Result(
                event_id=number[1] or number[2],
                account=account,
                status=_status(subject),
                start=start,
                end=end,
                circuits=tuple(circuits) or None,
                summary=subject,
                organizer=_ORGANIZER,
            )
            for account, circuits in (accounts or {None: []}).items()
        )
    )


def _status(subject: str) -> MaintenanceStatus:
    """Return what the subject says became of the work; a first notice and a reminder say nothing of it."""
    return next((status for word, status in _STATUSES if word in subject.lower()), MaintenanceStatus.CONFIRMED)


def _window(lines: Sequence[str], clock: Clock) -> tuple[datetime, datetime]:
    """Return the times in UTC, each in the year in which it is next to the local date."""
    spans = (_DATES.search(value) for value in values_after(lines, _SPAN))
    times = (_TIMES.search(value) for value in values_after(lines, _UTC))
    span, stated = next(filter(None, spans), None), next(filter(None, times), None)
    if not span or not stated:
        raise NotUnderstood("reader equinix: no span of dates, or no times in UTC")
    days = [clock.instant(f"{day} 12:00 UTC") for day in span.groups()]
    return (
        _nearest(clock, stated[1], stated[2], days[0], latest=False),
        _nearest(clock, stated[3], stated[4], days[1], latest=True),
    )


def _nearest(clock: Clock, day: str, time: str, noon: datetime, *, latest: bool) -> datetime:
    years = {noon.year, noon.year + (1 if noon.month == 12 else -1 if noon.month == 1 else 0)}
    candidates = (clock.instant(f"{day} {year} {time} UTC", latest=latest) for year in years)
    return min(candidates, key=lambda moment: abs(moment - noon))


def _impact(lines: Sequence[str]) -> Impact | None:
    for stated in values_after(lines, _IMPACT):
        for words, impact in _IMPACTS:
            if words in stated.lower():
                return impact
    return None


def _circuits(rows: Sequence[Sequence[str]]) -> list[tuple[str | None, str]]:
    """Return account and circuit of each row of the tables whose first heading is the account."""
    found: list[tuple[str | None, str]] = []
    serial: int | None = None
    width = 0
    for row in rows:
        if row and row[0] == "Account #":
            serial = next((at for at, heading in enumerate(row) if heading.startswith("Service Serial")), None)
            width = len(row)
        elif serial is not None and len(row) == width and row[serial]:
            found.append((row[0] or None, row[serial]))
        else:
            serial = None
    return found


READER = Reader(form="equinix", label="maintd/equinix", version="1", read=read)
