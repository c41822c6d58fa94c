"""Statuses that the library fills in, where the subject of the notice or its headline says what became of the work.

Some of its readers call every notice confirmed; others know some words and call the rest confirmed, or find "notice"
before "cancelled" in a notice of a cancellation. Whatever such a form calls confirmed is not stated, and the subject
counts, by a closed list of words. Proof: tests/mail/globalcloudxchange/cancelled.eml,
tests/mail/aquacomms/cancelled.eml, tests/mail/momentum/completed.eml, tests/mail/megaport/postponed.eml,
tests/mail/megaport/cancelled_in_its_headline.eml.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from domain.vocabulary import MaintenanceStatus
from parsers.lines import headlines_of
from parsers.mime import Notification
from parsers.providers import Provider
from parsers.statements import Result

# What turns such a word into its contrary, or into what is still ahead.
_NOT = r"(?:non|not|no|un|never)(?:[ -](?:yet|been|be))*"
_AHEAD = r"be|being|until|till|before|after|by|for|expected|estimated|planned|pending"


def _words(words: str, *, unless: str) -> re.Pattern[str]:
    return re.compile(rf"(?:(?<![a-z])(?P<unless>{unless})[ -]+)?(?<![a-z])(?:{words})(?![a-z])", re.IGNORECASE)


# The first that is said counts.
_STATUSES = (
    (_words(r"cancell?ed (?:and|&|/) (?:re-?scheduled|postponed)", unless=_NOT), MaintenanceStatus.RE_SCHEDULED),
    (_words(r"cancell?ed|cancell?ation", unless=_NOT), MaintenanceStatus.CANCELLED),
    (_words(r"completed|completion", unless=f"{_NOT}|{_AHEAD}"), MaintenanceStatus.COMPLETED),
    (_words(r"re-?scheduled|re-?scheduling|postponed|postponement", unless=_NOT), MaintenanceStatus.RE_SCHEDULED),
)
_FILLED_IN = (MaintenanceStatus.CONFIRMED,)


def as_told(results: Sequence[Result], notification: Notification, _: Provider) -> Sequence[Result]:
    """Return what is confirmed for want of anything else with the status that the subject or the headline says.

    What is cancelled is cancelled with its windows in reserve.
    """
    told = status_of(notification)
    if not told:
        return results
    cancelled = told is MaintenanceStatus.CANCELLED
    filled_in = (*_FILLED_IN, MaintenanceStatus.TENTATIVE) if cancelled else _FILLED_IN
    return [replace(result, status=told) if result.status in filled_in else result for result in results]


def status_of(notification: Notification) -> MaintenanceStatus | None:
    """Return what the subject says became of the work, else what the headline says, None where neither says it."""
    titles = (notification.subject or notification.other_subject, *headlines_of(notification))
    return next((status for title in titles if (status := _said(title))), None)


def _said(title: str) -> MaintenanceStatus | None:
    for words, status in _STATUSES:
        if any(not found["unless"] for found in words.finditer(title)):
            return status
    return None
