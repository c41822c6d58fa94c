"""Google's status, which the library takes from the first brackets of the subject, and an end that it makes up.

Proof: tests/mail/google/canceled_by_a_list.eml, tests/mail/google/without_an_end.eml.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from domain.vocabulary import MaintenanceStatus
from parsers.lines import lines_of, values_after
from parsers.mime import Notification
from parsers.providers import Provider
from parsers.statements import Result

_STATUS = re.compile(r"\[([A-Za-z -]{3,30})\]\s*Google\b", re.IGNORECASE)
_END = re.compile(r"end time\b", re.IGNORECASE)
_DURATION = re.compile(r"duration\b", re.IGNORECASE)
_LENGTH = re.compile(r"(?:(\d{1,3})h)?(?:(\d{1,4})m)?(?:(\d{1,5})s)?")

_STATUSES = (
    ("completed", MaintenanceStatus.COMPLETED),
    ("cancel", MaintenanceStatus.CANCELLED),
    ("rescheduled", MaintenanceStatus.RE_SCHEDULED),
    ("scheduled", MaintenanceStatus.CONFIRMED),
)


def as_stated(results: Sequence[Result], notification: Notification, _: Provider) -> Sequence[Result]:
    """Return the results with the status that stands before "Google", and with the end that is stated.

    Where none is, nor a duration, the library's hour stands: a night that is not listed at all is worse.
    """
    subjects = (notification.subject, notification.other_subject)
    words = next((found[1].lower() for subject in subjects if (found := _STATUS.search(subject))), "")
    status = next((status for known, status in _STATUSES if known in words), None)
    lines = lines_of(notification)
    ends = any(_END.match(line) for line in lines)
    length = next((_length(value) for value in values_after(lines, _DURATION)), None)
    return [
        replace(
            result,
            status=status or result.status,
            end=result.start + length if result.start and length and not ends else result.end,
            doubt="" if ends or length else "its end is not stated: an hour is assumed",
        )
        for result in results
    ]


def _length(text: str) -> timedelta | None:
    """Return the length that a text like "8h10m0s" states, None for none."""
    found = _LENGTH.fullmatch(text.strip())
    if not found or not any(found.groups()):
        return None
    hours, minutes, seconds = (int(group or 0) for group in found.groups())
    return timedelta(hours=hours, minutes=minutes, seconds=seconds) or None
