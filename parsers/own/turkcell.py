"""Turkcell: labels with day.month and "GMT+3", which is ahead of GMT; circuits in a table or in lines with "|".

Source: tests/mail/turkcell/planned.eml, tests/mail/turkcell/circuits_in_one_table.eml.
"""

import re
from collections.abc import Sequence

from domain.events import StatedCircuit
from domain.vocabulary import Impact, MaintenanceStatus
from parsers.clock import clock_of
from parsers.corrections.subjects import status_of
from parsers.lines import lines_of, rows_of, values_after
from parsers.mime import Notification
from parsers.providers import Provider
from parsers.statements import Findings, NotUnderstood, Reader, Result

_ORGANIZER = "inoc@superonline.net"
_NUMBER = re.compile(r"maintenance number\b", re.IGNORECASE)
# "Tİme" is written too.
_START = re.compile(r"start t\S{1,2}me\b", re.IGNORECASE)
_END = re.compile(r"end t\S{1,2}me\b", re.IGNORECASE)
_IMPACT = re.compile(r"impact of the maintenance\b", re.IGNORECASE)
_LINK = re.compile(r"(?:^|\s)([^\s|]{3,60})\|([^|]{1,100})\|[^|]{0,100}\|")


def read(notification: Notification, provider: Provider) -> Findings:
    """Return the one window of a notice. Raises ``NotUnderstood`` where a label of it is missing."""
    lines = lines_of(notification)
    number, start, end = (next(values_after(lines, label), "") for label in (_NUMBER, _START, _END))
    if not (number and start and end):
        raise NotUnderstood("reader turkcell: no maintenance number, start time and end time")
    clock = clock_of("turkcell", provider)
    circuits = _circuits(lines, rows_of(notification))
    return Findings(
        results=(
            Result(
                event_id=number,
                account=circuits[0][1] if circuits else None,
                status=status_of(notification) or MaintenanceStatus.CONFIRMED,
                start=clock.instant(start),
                end=clock.instant(end, latest=True),
                circuits=tuple(StatedCircuit(circuit_id=name, impact=impact) for name, _, impact in circuits) or None,
                summary=next(values_after(lines, _IMPACT), "") or None,
                organizer=_ORGANIZER,
            ),
        )
    )


def _circuits(lines: Sequence[str], rows: Sequence[Sequence[str]]) -> list[tuple[str, str, Impact | None]]:
    """Return circuit, customer and impact of each link; a row says "Down", and a line says nothing of it."""
    linked = [(found[1], found[2].strip(), None) for line in lines if (found := _LINK.search(line))]
    if linked:
        return [*linked]
    return [(row[0], row[1], _impact(row[2])) for row in rows if len(row) == 3 and row[0]]


def _impact(word: str) -> Impact | None:
    return Impact.OUTAGE if word.lower() == "down" else None


READER = Reader(form="turkcell", label="maintd/turkcell", version="1", read=read)
