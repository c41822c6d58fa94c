"""BSO's timeslots, of which the library makes one window from the first start to the last end, backups and all.

And its starts, which the library takes for announcements: as such, one that names one night would take the others away.
Proof: tests/mail/bso/two_timeslots_and_a_backup.eml, tests/stories/bso/two_nights_and_a_backup.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from domain.vocabulary import MaintenanceStatus
from parsers.clock import clock_of
from parsers.lines import lines_of
from parsers.mime import Notification
from parsers.providers import Provider
from parsers.statements import Result

_LABEL = re.compile(r"timeslot (start|end) time\b(.*)", re.IGNORECASE)
_STARTED = re.compile(r"maintenance start_?", re.IGNORECASE)
_NUMBER = re.compile(r"maintenance id\b", re.IGNORECASE)


def by_timeslot(results: Sequence[Result], notification: Notification, provider: Provider) -> Sequence[Result]:
    """Return a result for each timeslot; a backup is TENTATIVE and without circuits until a mail says otherwise."""
    if len(results) != 1:
        return results
    clock = clock_of("bso", provider)
    slots = []
    for start, end, backup in _slots(lines_of(notification)):
        slot = replace(results[0], start=clock.instant(start), end=clock.instant(end, latest=True))
        slots.append(replace(slot, status=MaintenanceStatus.TENTATIVE, circuits=()) if backup else slot)
    return slots if any(slot.circuits != () for slot in slots) else results


def started(results: Sequence[Result], notification: Notification, _: Provider) -> Sequence[Result]:
    """Return the results as begun where the headline says so; a timeslot in reserve stays what it is."""
    if not any(_STARTED.fullmatch(line) for line in lines_of(notification)):
        return results
    return [
        replace(result, status=MaintenanceStatus.IN_PROCESS) if result.status is MaintenanceStatus.CONFIRMED else result
        for result in results
    ]


def _slots(lines: Sequence[str]) -> Iterator[tuple[str, str, bool]]:
    """Yield the texts of start and end of each timeslot of the newest notice, and whether it is a backup."""
    numbers = 0
    start = ""
    for line, following in zip(lines, (*lines[1:], ""), strict=True):
        numbers += bool(_NUMBER.match(line))
        label = _LABEL.fullmatch(line)
        if numbers > 1:
            return
        if label and label[1].lower() == "start":
            start = following
        elif label and start:
            yield start, following, "backup" in label[2].lower()
            start = ""
