"""Telxius's windows: the library makes a maintenance of its own of each, and one like the others of the backup.

What it puts behind the number, "-2", stands nowhere in the notice. Source: telxius1.eml in the test data of
circuit-maintenance-parser, tests/mail/telxius/backup_window.eml.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from domain.vocabulary import MaintenanceStatus
from parsers.lines import lines_of
from parsers.mime import Notification
from parsers.providers import Provider
from parsers.statements import Result

_SUFFIX = re.compile(r"-\d{1,2}$")
_BACKUP = re.compile(r"(\d{1,2}-[A-Za-z]{3}-\d{4} \d\d:\d\d) - \S+ \S+ ?\(Backup", re.IGNORECASE)


def windows_of_one(results: Sequence[Result], notification: Notification, _: Provider) -> Sequence[Result]:
    """Return all windows under the one number; the backup beside others is tentative and without circuits."""
    backups = _starts_of_backups(notification)
    if all(result.start in backups for result in results):
        backups = set()
    return [
        replace(
            result,
            event_id=_SUFFIX.sub("", result.event_id),
            status=MaintenanceStatus.TENTATIVE if result.start in backups else result.status,
            circuits=() if result.start in backups else result.circuits,
        )
        for result in results
    ]


def _starts_of_backups(notification: Notification) -> set[datetime]:
    found = (backup for line in lines_of(notification) if (backup := _BACKUP.search(line)))
    return {start for backup in found if (start := _instant(backup[1]))}


def _instant(stated: str) -> datetime | None:
    try:
        return datetime.strptime(stated, "%d-%b-%Y %H:%M").replace(tzinfo=UTC)
    except ValueError:
        return None
