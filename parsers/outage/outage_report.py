"""Notices headed "[Outage report - Occurrence]", "Status", "Recovery" or "RFO": a sheet of labels under a rule.

Carriers' desks fill it in by a page that writes the mail. The subject names company, circuit, ticket and site, and the
text begins with "OUTAGE - OCCURRENCE". ``Current Action`` is what a person writes of the course, ``Current Status`` is
"Down" at first. Times are "08/Mar/2027 03:12 AM" without a zone: that of the provider's setting is meant, unless one
stands behind. The form has no label for an estimate: one that a person adds, there or as a line, is read.

Source: such a page in public on GitHub, a script of which composes subject and text of the four kinds of mails
("[Outage report - ' + currentType", "Trouble Ticket No: ", "Now Investigating"); the same labels in tests/outages/
outage-report.
"""

import re
from collections.abc import Mapping

from domain.events import StatedCircuit, StatedEtr, StatedOutage
from domain.vocabulary import Impact, OutageStatus
from parsers.forms import DateOrder
from parsers.lines import one_line
from parsers.mime import Notification
from parsers.outage.sheets import ETR_LABEL, course_in, etr_in, etr_on, sheet_of, stated_cause
from parsers.outage.times import Moments, moments_of
from parsers.providers import Provider
from parsers.statements import Findings, NotUnderstood, Reader, Result

_SUBJECT = re.compile(
    r"\[\s?outage report - (?P<kind>occurrence|status|recovery|rfo)\s?\]\s?(?P<summary>[^()]{0,200}"
    r"\(\s?(?P<circuit>[^()]{1,200}?)\s?\).{0,400})",
    re.IGNORECASE,
)
_LABEL = re.compile(
    r"^(Outage - (?=Occurrence|Status|Recovery|RFO)|(?:Trouble Ticket No|Company|Affected Circuit|Start Time|End Time"
    rf"|Duration|Current Status|Current Action|Reason for Outage|{ETR_LABEL})(?=\.?\s?:)"
    r"|-{10,}|Best Regards)[.:\s]{0,4}",
    re.IGNORECASE | re.MULTILINE,
)
_TICKET = re.compile(r"[A-Za-z0-9][\w./#-]{1,60}")
_TICKET_OF_SUBJECT = re.compile(r"\s?\(Ticket No:.{0,80}?\)", re.IGNORECASE)
_OVER = ("recovery", "rfo")


def read(notification: Notification, provider: Provider) -> Findings:
    """Return the outage that a report is about. Raises ``NotUnderstood`` for every other form."""
    sheet = sheet_of(notification, _LABEL)
    subject = _SUBJECT.search(notification.subject) or _SUBJECT.search(notification.other_subject)
    kind = (subject["kind"] if subject else one_line(sheet.get("outage - ", "")).partition(" ")[0]).lower()
    ticket = _TICKET.match(sheet.get("trouble ticket no", ""))
    if not kind or not ticket:
        raise NotUnderstood("reader outage-report: no kind of report, or no ticket number")
    circuit = _circuit(subject, one_line(sheet.get("affected circuit", "")))
    down = one_line(sheet.get("current status", "")).lower() == "down"
    result = Result(
        event_id=ticket[0].rstrip("."),
        circuits=(StatedCircuit(circuit_id=circuit, impact=Impact.OUTAGE if down else None),) if circuit else None,
        summary=one_line(_TICKET_OF_SUBJECT.sub("", subject["summary"])) if subject else None,
        outage=_outage(sheet, kind, moments_of(notification, provider, order=DateOrder.MONTH_BY_NAME)),
    )
    return Findings(results=(result,), matched=tuple((label, one_line(value)) for label, value in sheet.items()))


def _outage(sheet: Mapping[str, str], kind: str, moments: Moments) -> StatedOutage:
    start, end = (one_line(sheet.get(label, "")) for label in ("start time", "end time"))
    over = kind in _OVER
    return StatedOutage(
        status=_status(kind, sheet.get("current action", "")),
        start=moments.instant(start) if start else None,
        end=moments.instant(end, latest=True) if over and end else None,
        etr=None if over else _etr(sheet, moments),
        cause=stated_cause(sheet.get("reason for outage", "")),
        zone=moments.zone_in(start) or moments.clock.zone,
    )


def _status(kind: str, action: str) -> OutageStatus | None:
    if kind in _OVER:
        return OutageStatus.RESOLVED
    return course_in(action) or (OutageStatus.REPORTED if kind == "occurrence" else None)


def _etr(sheet: Mapping[str, str], moments: Moments) -> StatedEtr | None:
    return etr_on(sheet, moments) or etr_in(sheet.get("current action", ""), moments)


def _circuit(subject: re.Match[str] | None, affected: str) -> str:
    """Return the circuit as the subject names it; in the text its site stands behind it."""
    if subject and affected.startswith(subject["circuit"]):
        return subject["circuit"]
    return affected.rpartition(" - ")[0] or affected


READER = Reader(form="outage-report", label="maintd/outage-report", version="1", read=read)
