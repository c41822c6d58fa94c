"""Crown Castle's end of a day: of several days it says that the event is completed on the last, the library at once.

Source: crowncastle5 and crowncastle9 in the test data of circuit-maintenance-parser ("if maintenance was scheduled for
several days, please note the event will be officially complete on the last day of the event"),
tests/mail/crowncastle/first_of_several_days_completed.eml.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from domain.vocabulary import MaintenanceStatus
from parsers.mime import Notification
from parsers.providers import Provider
from parsers.statements import Result

_DAY = timedelta(days=1)


def completed_on_the_last_day(results: Sequence[Result], notification: Notification, _: Provider) -> Sequence[Result]:
    """Return what is said to be completed, before its last day, as still in process."""
    return [
        replace(result, status=MaintenanceStatus.IN_PROCESS) if _has_days_left(result, notification) else result
        for result in results
    ]


def _has_days_left(result: Result, notification: Notification) -> bool:
    written = notification.date
    if not written or not result.start or not result.end or result.status is not MaintenanceStatus.COMPLETED:
        return False
    begins_on_the_last_day = result.end - ((result.end - result.start) % _DAY or _DAY)
    return result.start <= written < begins_on_the_last_day
