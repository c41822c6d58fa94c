"""Crown Castle's end of a day, and what it expects of a circuit.

Of several days it says that the event is completed on the last, the library at once. "None Expected" is no impact, and
"Please See Below" states none: the library takes for an outage whatever is not "None".

Source: crowncastle2, 4, 5, 8 and 9 in the test data of circuit-maintenance-parser ("if maintenance was scheduled for
several days, please note the event will be officially complete on the last day of the event"),
tests/mail/crowncastle/first_of_several_days_completed.eml, tests/mail/crowncastle/none_expected.eml.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from domain.events import circuit_key_of
from domain.vocabulary import Impact, MaintenanceStatus
from parsers.lines import rows_of
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


def with_expected_impacts(results: Sequence[Result], notification: Notification, _: Provider) -> Sequence[Result]:
    """Return the results with the impact that stands in the row of each circuit."""
    expected = _expected(rows_of(notification))
    return [
        replace(
            result,
            circuits=result.circuits
            and tuple(
                replace(circuit, impact=expected.get(circuit_key_of(circuit.circuit_id), circuit.impact))
                for circuit in result.circuits
            ),
        )
        for result in results
    ]


def _expected(rows: Sequence[Sequence[str]]) -> dict[str, Impact | None]:
    expected: dict[str, Impact | None] = {}
    header: Sequence[str] = ()
    for row in rows:
        if row[:1] == ["Circuit ID"] and "Impact" in row:
            header = row
        elif header and len(row) == len(header):
            words = row[header.index("Impact")].lower()
            impact = Impact.NO_IMPACT if words.startswith("none") else Impact.OUTAGE
            expected[circuit_key_of(row[0])] = None if "see below" in words else impact
    return expected
