"""Statuses in subjects: the library looks for "notice" before "cancelled", and a notice of a cancellation is both.

Proof: tests/mail/globalcloudxchange/cancelled.eml, in the words that the library knows of this form.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from domain.vocabulary import MaintenanceStatus
from parsers.mime import Notification
from parsers.providers import Provider
from parsers.statements import Result

_CANCELLED = re.compile(r"\bcancell?ed\b", re.IGNORECASE)


def cancelled(results: Sequence[Result], notification: Notification, _: Provider) -> Sequence[Result]:
    """Return what is taken for confirmed under a subject that says cancelled as cancelled."""
    if not _CANCELLED.search(notification.subject or notification.other_subject):
        return results
    return [
        replace(result, status=MaintenanceStatus.CANCELLED) if result.status is MaintenanceStatus.CONFIRMED else result
        for result in results
    ]
