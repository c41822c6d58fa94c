"""HEAnet, the research network of Ireland: a sheet of labels in two columns, and a log whose newest entry is the last.

``Ticket Status`` is UPDATE until it is CLOSE, or opened again; ``Ticket Type`` scheduled is planned work, which is not
read here. A ticket with a ``Problem End`` that is not closed is held open to watch the line. ``Time to Fix`` is an
estimate where it names a time of the day: a length of time is that of planned work, or that which a closed ticket took.
Course and cause are read from the newest entry of ``Problem History``. All times are UTC, written "20270310 06:12 UTC".

Source: listserv.heanet.ie, list HEANET-FAULTS, February 2008: HEA-NOC/20080221-1 (P=295594), 20071219-5 (P=261256,
closed), 20080212-11 (P=215119), and scheduled 20080204-8 (P=122940) and 20080207-12 (P=194487).
"""

import re
from collections.abc import Mapping
from datetime import datetime

from domain.events import StatedCircuit, StatedEtr, StatedOutage
from domain.vocabulary import OutageStatus
from parsers.forms import DateOrder
from parsers.lines import one_line
from parsers.mime import Notification
from parsers.outage.sheets import cause_in, course_in, sheet_of
from parsers.outage.times import Moments, moments_of
from parsers.providers import Provider
from parsers.statements import Findings, NotUnderstood, Reader, Result

_LABEL = re.compile(
    r"(?:^|(?<=\s))(Ticket (?:Number|Status|Type|Opened|Update|Closed)|Resolver"
    r"|Problem (?:Start|End|Description|Effects|History)|Site/line|Time to Fix|This ticket can be monitored)"
    r"\s?(?::|(?<=monitored))\s?",
    re.IGNORECASE | re.MULTILINE,
)
_TICKET = re.compile(r"HEA-NOC/\d{8}-\d{1,4}", re.IGNORECASE)
_MOMENT = re.compile(r"(\d{4})(\d{2})(\d{2}) (\d{2}:\d{2}(?: UTC)?)")
_ENTRY = re.compile(r"^\d{8} \d{2}:\d{2} [A-Z]{1,5}\b(?: - )?", re.MULTILINE)
_COURSES = {
    "OPEN": OutageStatus.REPORTED,
    "NEW": OutageStatus.REPORTED,
    "REOPEN": OutageStatus.REPORTED,
    "REOPENED": OutageStatus.REPORTED,
    "RE-OPENED": OutageStatus.REPORTED,
    "CLOSE": OutageStatus.RESOLVED,
    "CLOSED": OutageStatus.RESOLVED,
}


def read(notification: Notification, provider: Provider) -> Findings:
    """Return the outage that a ticket is about. Raises ``NotUnderstood`` for every other form, and for planned work."""
    sheet = sheet_of(notification, _LABEL)
    ticket = _TICKET.match(sheet.get("ticket number", ""))
    if not ticket or one_line(sheet.get("ticket type", "")).lower() != "unscheduled":
        raise NotUnderstood("reader heanet: no ticket of HEA-NOC, or one that is not unscheduled")
    places = one_line(sheet.get("site/line", "")).split(", ")
    result = Result(
        event_id=ticket[0],
        circuits=tuple(StatedCircuit(circuit_id=place) for place in dict.fromkeys(places) if place) or None,
        summary=one_line(sheet.get("problem description", "")) or None,
        outage=_outage(sheet, moments_of(notification, provider, order=DateOrder.YEAR_MONTH_DAY, zone="UTC")),
    )
    return Findings(results=(result,), matched=tuple((label, one_line(value)) for label, value in sheet.items()))


def _outage(sheet: Mapping[str, str], moments: Moments) -> StatedOutage:
    entry = _ENTRY.split(sheet.get("problem history", ""))[-1]
    course = _COURSES.get(one_line(sheet.get("ticket status", "")).upper())
    end = _moment(sheet.get("problem end", ""), moments)
    start = sheet.get("problem start", "")
    if course is not OutageStatus.RESOLVED:
        course = OutageStatus.MONITORING if end else _going_on(entry) or course
    return StatedOutage(
        status=course,
        start=_moment(start, moments),
        end=end,
        reported_at=_moment(sheet.get("ticket opened", ""), moments),
        etr=None if end else _etr(sheet.get("time to fix", ""), moments),
        cause=cause_in(entry),
        zone="UTC" if "UTC" in start else None,
    )


def _going_on(entry: str) -> OutageStatus | None:
    """Return the status that a log names of what has not ended: of a line that flaps it is watched too."""
    status = course_in(entry)
    return None if status is OutageStatus.MONITORING else status


def _moment(text: str, moments: Moments) -> datetime | None:
    found = _MOMENT.match(one_line(text))
    return moments.instant(f"{found[1]}-{found[2]}-{found[3]} {found[4]}") if found else None


def _etr(text: str, moments: Moments) -> StatedEtr | None:
    words = one_line(text)
    if found := _MOMENT.search(words):
        stated = moments.etr(f"{found[1]}-{found[2]}-{found[3]} {found[4]}")
        return StatedEtr(at=stated.at, words=words) if stated else None
    return None if re.search(r"\d", words) else moments.etr(words)


READER = Reader(form="heanet", label="maintd/heanet", version="1", read=read)
