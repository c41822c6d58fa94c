"""FLAG's table of windows, of which the library keeps the last, and its impacts, of which it knows one.

Global Cloud Xchange has the same tables. Proof: tests/mail/flag/two_windows_and_backups.eml,
tests/mail/flag/three_impacts.eml, tests/mail/globalcloudxchange/two_windows_and_a_backup.eml.
"""

from collections.abc import Sequence
from dataclasses import replace

from domain.events import StatedCircuit, circuit_key_of
from domain.vocabulary import Impact, MaintenanceStatus
from parsers.clock import Clock, clock_of
from parsers.lines import rows_of
from parsers.mime import Notification
from parsers.providers import Provider
from parsers.statements import Result

# By what stands under the key terms of each notice.
_IMPACTS = (
    ("no impact", Impact.NO_IMPACT),
    ("resiliency", Impact.REDUCED_REDUNDANCY),
    ("at risk", Impact.REDUCED_REDUNDANCY),
    ("interruption", Impact.OUTAGE),
    ("outage", Impact.OUTAGE),
)


def by_window(results: Sequence[Result], notification: Notification, provider: Provider) -> Sequence[Result]:
    """Return a result for each window; a backup is TENTATIVE and without circuits until a mail says otherwise."""
    if len(results) != 1:
        return results
    rows = rows_of(notification)
    base = replace(results[0], circuits=_with_impacts(results[0].circuits, rows))
    heads = [number for number, row in enumerate(rows) if row and row[0] == "Window"]
    if not heads:
        return [base]
    head, body = rows[heads[0]], rows[heads[0] + 1 :]
    found = []
    for row in body:
        if len(row) != len(head) or not row[0].isdecimal():
            break
        found += _windows(base, head, row, clock_of("flag", provider))
    return found or [base]


def _windows(base: Result, head: Sequence[str], row: Sequence[str], clock: Clock) -> list[Result]:
    """Return the window of a row, and its backup where it has one: "NA" says that it has none."""
    found = []
    for at in range(1, len(row) - 1, 2):
        if not any(character.isdecimal() for character in row[at]):
            continue
        start, end = (f"{row[place]} {_zone(head[place])}" for place in (at, at + 1))
        window = replace(base, start=clock.instant(start), end=clock.instant(end, latest=True))
        backup = "backup" in head[at].lower()
        found.append(replace(window, status=MaintenanceStatus.TENTATIVE, circuits=()) if backup else window)
    return found


def _zone(heading: str) -> str:
    """Return the zone that a heading states: "Start Date (GMT)"."""
    return heading[heading.find("(") :] if "(" in heading else ""


def _with_impacts(
    circuits: tuple[StatedCircuit, ...] | None, rows: Sequence[Sequence[str]]
) -> tuple[StatedCircuit, ...] | None:
    stated = {circuit_key_of(row[0]): row[1].lower() for row in reversed(rows) if len(row) >= 2}
    return circuits and tuple(
        replace(circuit, impact=_impact(stated.get(circuit_key_of(circuit.circuit_id), ""))) for circuit in circuits
    )


def _impact(words: str) -> Impact | None:
    return next((impact for known, impact in _IMPACTS if known in words), None)
