"""Hawaiki: lines of text under headings; the ticket stands in the subject, the window that is kept in reserve below.

Source: tests/mail/hawaiki/announced.eml, tests/mail/hawaiki/completed.eml, tests/mail/hawaiki/cancelled.eml; the form
is public as pull request 428 of networktocode/circuit-maintenance-parser.
"""

import re
from collections.abc import Sequence

from domain.events import StatedCircuit
from domain.vocabulary import Impact, MaintenanceStatus
from parsers.clock import Clock, clock_of
from parsers.lines import lines_of, values_after
from parsers.mime import Notification
from parsers.providers import Provider
from parsers.statements import Findings, NotUnderstood, Reader, Result

_ORGANIZER = "support@bw-digital.com"
_TICKET = re.compile(r"\[Ticket#\s*(\w{4,40})\]", re.IGNORECASE)
_TICKET_BELOW = re.compile(r"ticket reference\b", re.IGNORECASE)
_SERVICE = re.compile(r"service id\b", re.IGNORECASE)
_IMPACT = re.compile(r"service impact\b", re.IGNORECASE)
_REASON = re.compile(r"reason for notification\b", re.IGNORECASE)
_HEADING = re.compile(r"(maintenance|contingency) window\b", re.IGNORECASE)
_START = re.compile(r"start\b", re.IGNORECASE)
_END = re.compile(r"end\b", re.IGNORECASE)

_STATUSES = (
    ("has been completed", MaintenanceStatus.COMPLETED),
    ("has been cancelled", MaintenanceStatus.CANCELLED),
    ("has been rescheduled", MaintenanceStatus.RE_SCHEDULED),
)
_NOT_NEEDED = ("contingency window is not needed", "contingency window is not required")
_IMPACTS = (
    ("no service impact", Impact.NO_IMPACT),
    ("redundancy", Impact.REDUCED_REDUNDANCY),
    ("re-routed", Impact.REDUCED_REDUNDANCY),
    ("outage", Impact.OUTAGE),
)


def read(notification: Notification, provider: Provider) -> Findings:
    """Return the windows of an announcement, or the status of an event. Raises ``NotUnderstood`` for neither."""
    lines = lines_of(notification)
    in_subject = _TICKET.search(notification.subject)
    ticket = in_subject[1] if in_subject else next(values_after(lines, _TICKET_BELOW), "")
    if not ticket:
        raise NotUnderstood("reader hawaiki: no ticket in the subject")
    text = " ".join(lines).lower()
    status = next((status for words, status in _STATUSES if words in text), None)
    spare = status is MaintenanceStatus.CANCELLED or any(words in text for words in _NOT_NEEDED)
    of_reserve = MaintenanceStatus.CANCELLED if spare else MaintenanceStatus.TENTATIVE
    windows = _windows(
        lines, ticket, (status or MaintenanceStatus.CONFIRMED, of_reserve), clock_of("hawaiki", provider)
    )
    if not windows and not status:
        raise NotUnderstood("reader hawaiki: no window, and no word of what became of the work")
    return Findings(results=tuple(windows) or (Result(event_id=ticket, status=status, organizer=_ORGANIZER),))


def _windows(
    lines: Sequence[str], ticket: str, statuses: tuple[MaintenanceStatus, MaintenanceStatus], clock: Clock
) -> list[Result]:
    """Return a window for each heading; one in reserve is without circuits until a mail says that it is needed.

    ``statuses`` are that of the work and that of a window in reserve.
    """
    stated = next(values_after(lines, _IMPACT), "").lower()
    impact = next((impact for words, impact in _IMPACTS if words in stated), None)
    circuits = tuple(StatedCircuit(circuit_id=name, impact=impact) for name in values_after(lines, _SERVICE) if name)
    results = []
    for number, line in enumerate(lines):
        if not (heading := _HEADING.fullmatch(line.strip(" :"))):
            continue
        start, end = (next(values_after(lines[number + 1 : number + 4], label), "") for label in (_START, _END))
        reserve = heading[1].lower() == "contingency"
        if reserve and not (start and end):
            continue
        results.append(
            Result(
                event_id=ticket,
                status=statuses[reserve],
                start=clock.instant(start),
                end=clock.instant(end, latest=True),
                circuits=() if reserve else circuits or None,
                summary=next(values_after(lines, _REASON), "") or None,
                organizer=_ORGANIZER,
            )
        )
    return results


READER = Reader(form="hawaiki", label="maintd/hawaiki", version="1", read=read)
