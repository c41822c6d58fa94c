"""Sparkle's days: the library gives each ticket the day at its place, and loses the days beyond the last ticket.

Proof: tests/mail/sparkle/two_days_under_one_ticket.eml; a ticket for each day: tests/mail/sparkle/two_days.eml.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from domain.vocabulary import MaintenanceStatus
from parsers.clock import clock_of
from parsers.lines import rows_of
from parsers.mime import Notification
from parsers.providers import Provider
from parsers.statements import NotUnderstood, Result

_START = re.compile(r"start date/time", re.IGNORECASE)
_END = re.compile(r"end date/time", re.IGNORECASE)


def by_day(results: Sequence[Result], notification: Notification, provider: Provider) -> Sequence[Result]:
    """Return a result for each day: of the ticket at its place, or all of the one ticket.

    Of the one ticket a backup is TENTATIVE and without circuits until a mail says otherwise; a day with a ticket of
    its own is what that ticket says. Raises ``NotUnderstood`` where it is not clear which day is whose.
    """
    rows = [row for row in rows_of(notification) if len(row) >= 2]
    starts = [row for row in rows if _START.match(row[0])]
    ends = [row for row in rows if _END.match(row[0])]
    if not results or not starts or len(starts) != len(ends):
        return results
    if len(results) not in (1, len(starts)):
        raise NotUnderstood(f"reader sparkle: {len(results)} tickets and {len(starts)} days")
    clock = clock_of("sparkle", provider)
    owners = results if len(results) == len(starts) else [results[0]] * len(starts)
    days = [
        replace(owner, start=clock.instant(start[1]), end=clock.instant(end[1], latest=True))
        for owner, start, end in zip(owners, starts, ends, strict=True)
    ]
    if len(results) == len(starts):
        return days
    return [
        replace(day, status=MaintenanceStatus.TENTATIVE, circuits=()) if "backup" in start[0].lower() else day
        for day, start in zip(days, starts, strict=True)
    ]
