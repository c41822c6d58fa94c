"""GTT's tables, in which the library takes an order number for the account, and what their heads say of the times.

Each circuit has a ``Customer PON``, the number of the customer's order; only a column ``Customer`` names an account. A
new time stands beside the old one, which is struck out. Source: gtt1 to gtt7 in the test data of
circuit-maintenance-parser, tests/mail/gtt.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from domain.vocabulary import MaintenanceStatus
from parsers.corrections.accounts import by_account, owners
from parsers.lines import lines_of, rows_of
from parsers.mime import Notification
from parsers.providers import Provider
from parsers.statements import Result

_FIRST_SECOND = datetime(1970, 1, 1, tzinfo=UTC)
# What the library takes for a new date: of an update it is only known that it is one.
_UPDATE = re.compile(r"Work Notification: \d+ - Update\b")
_TWO_TIMES = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d[^-]*\d{4}-\d\d-\d\d \d\d:\d\d")


def without_invented_times(results: Sequence[Result], _: Notification, __: Provider) -> Sequence[Result]:
    """Return the results without times that were not stated."""
    invented = (_FIRST_SECOND, _FIRST_SECOND + timedelta(seconds=1))
    return [
        replace(result, start=None, end=None) if (result.start, result.end) == invented else result
        for result in results
    ]


def of_customers(results: Sequence[Result], notification: Notification, _: Provider) -> Sequence[Result]:
    """Return the results for each customer that a row names, without an account where none is named."""
    named = owners(rows_of(notification), account="Customer", circuit=1)
    return by_account([replace(result, account=None) for result in results], named)


def moved_only_to_new_times(results: Sequence[Result], notification: Notification, _: Provider) -> Sequence[Result]:
    """Return an update that bears no new time without a status: it states none."""
    if not any(_UPDATE.search(line) for line in lines_of(notification)) or _is_moved(notification):
        return results
    return [
        replace(result, status=None) if result.status is MaintenanceStatus.RE_SCHEDULED else result
        for result in results
    ]


def _is_moved(notification: Notification) -> bool:
    times = (row[1] for row in rows_of(notification) if len(row) == 2 and row[0] in ("Start", "End"))
    return any(_TWO_TIMES.search(time) for time in times)
