"""Telstra's two forms: in one the library spoils the account and the summary, in both it takes any word for the status.

The status stands above the table of an older notice and at the head of a newer one, as a sentence of its own; the
library looks for it in the whole notice, in an order of its own. Work that was unsuccessful was done: it is over, and
was not called off unless that is said. Source: telstra1 to telstra8 in the test data of circuit-maintenance-parser,
tests/mail/telstra, tests/stories/telstra/announced_again_in_the_newer_form.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile

from domain.vocabulary import MaintenanceStatus
from parsers.lines import lines_of
from parsers.mime import Notification
from parsers.providers import Provider
from parsers.statements import Result

_NEWER = "Maintenance details"
_OLDER = "To:"
_ATTENTION = re.compile(r"Attention\s+(?!:)(.+)", re.IGNORECASE)
_STATUSES = (
    (re.compile(r"did not proceed|has been (?:withdrawn|cancelled)"), MaintenanceStatus.CANCELLED),
    (re.compile(r"has been (?:rescheduled|amended)"), MaintenanceStatus.RE_SCHEDULED),
    (re.compile(r"has been completed|was unsuccessful"), MaintenanceStatus.COMPLETED),
    (re.compile(r"maintenance has been scheduled|maintenance to our network infra"), MaintenanceStatus.CONFIRMED),
)


def as_stated(results: Sequence[Result], notification: Notification, _: Provider) -> Sequence[Result]:
    """Return the results with the status, the customer and the summary that the notice states."""
    lines = lines_of(notification)
    newer = _NEWER in lines
    if not newer and _OLDER not in lines:
        return results
    head = lines[: lines.index(_NEWER if newer else _OLDER)]
    status = _status(head)
    results = [replace(result, status=status or result.status) for result in results]
    if not newer:
        return results
    account = next((found[1] for line in head if (found := _ATTENTION.match(line))), None)
    details = list(takewhile(lambda line: line != "Reference number", lines[len(head) + 1 :]))
    return [replace(result, account=account, summary=_summary(details)) for result in results]


def _status(head: Sequence[str]) -> MaintenanceStatus | None:
    """Return what the head of a notice says; where it says several things, the first in the table counts."""
    said = " ".join(head).lower()
    return next((status for words, status in _STATUSES if words.search(said)), None)


def _summary(details: Sequence[str]) -> str | None:
    return ". ".join(line.rstrip(".") for line in details) or None
