"""RETN's groups of services, each with an impact, and its updates: the library mixes the groups, and reads no update.

It goes on beyond the heading of the next group, takes that for a circuit, and knows four impacts: any other is none to
it. Every update is work in process to it. Source: retn1, retn2 and retn3 in the test data of
circuit-maintenance-parser, tests/mail/retn.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile

from domain.events import StatedCircuit
from domain.vocabulary import Impact, MaintenanceStatus
from parsers.lines import lines_of
from parsers.mime import Notification
from parsers.providers import Provider
from parsers.statements import Result, joined

_PLAN = "Planned Start Time"
_UPDATE = re.compile(r"Update \d+$")
# In the words of the public notices and of the library.
_IMPACTS = (
    ("complete loss", Impact.OUTAGE),
    ("flaps", Impact.REDUCED_REDUNDANCY),
    ("at risk", Impact.REDUCED_REDUNDANCY),
    ("rtt increasing", Impact.REDUCED_REDUNDANCY),
)
_OF_UPDATES = (
    (re.compile(r"has been cancell?ed"), MaintenanceStatus.CANCELLED),
    (re.compile(r"has been completed"), MaintenanceStatus.COMPLETED),
    (re.compile(r"has been rescheduled"), MaintenanceStatus.RE_SCHEDULED),
    (re.compile(r"(?:are|is) starting|ha(?:ve|s) started"), MaintenanceStatus.IN_PROCESS),
)


def as_stated(results: Sequence[Result], notification: Notification, _: Provider) -> Sequence[Result]:
    """Return the results with the circuits of each group, and with what the newest update says of the work."""
    lines = lines_of(notification)
    circuits = _circuits(lines)
    return [replace(result, status=_status(result, lines), circuits=circuits or result.circuits) for result in results]


def _status(result: Result, lines: Sequence[str]) -> MaintenanceStatus | None:
    updates = [number for number, line in enumerate(lines) if _UPDATE.match(line)]
    newest = takewhile(lambda line: not _UPDATE.match(line), lines[updates[0] + 1 :]) if updates else ()
    said = " ".join(takewhile(lambda line: not line.startswith(_PLAN), newest)).lower()
    of_update = next((status for words, status in _OF_UPDATES if words.search(said)), None)
    if result.status is MaintenanceStatus.IN_PROCESS or of_update is MaintenanceStatus.CANCELLED:
        return of_update
    return result.status


def _circuits(lines: Sequence[str]) -> tuple[StatedCircuit, ...]:
    """Return the circuits below the headings of services, "Services, which will be affected (complete loss):"."""
    plan = next((number for number, line in enumerate(lines) if line.startswith(_PLAN)), len(lines))
    circuits = []
    heading = ""
    for line in lines[plan:]:
        if line.endswith(":") or line.startswith("Description"):
            heading = line.lower() if "service" in line.lower() else ""
        elif heading:
            impact = next((impact for words, impact in _IMPACTS if words in heading), None)
            circuits.append(StatedCircuit(circuit_id=line, impact=impact))
    return joined(circuits)
