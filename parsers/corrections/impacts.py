"""What happens to a circuit, in words: the library knows an outage, and drops, refuses or misreads what is none.

Proof: tests/mail/cirion/protection_switches.eml, tests/mail/vodafone/no_impact.eml,
tests/mail/windstream/without_an_outage.eml. A word that is not here states no impact.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from domain.events import StatedCircuit, circuit_key_of
from domain.vocabulary import Impact
from parsers.lines import rows_of
from parsers.mime import Notification
from parsers.providers import Provider
from parsers.statements import Result, joined

_NO_ID = ("", "_", "N/A")
# The first that is found counts.
_IMPACTS = (
    ("no impact", Impact.NO_IMPACT),
    ("no service impact", Impact.NO_IMPACT),
    ("no loss", Impact.NO_IMPACT),
    ("no outage", Impact.NO_IMPACT),
    ("no interruption", Impact.NO_IMPACT),
    ("none", Impact.NO_IMPACT),
    ("at risk", Impact.REDUCED_REDUNDANCY),
    ("loss of service", Impact.OUTAGE),
    ("outage", Impact.OUTAGE),
    ("interruption", Impact.OUTAGE),
    ("resilien", Impact.REDUCED_REDUNDANCY),
    ("redundan", Impact.REDUCED_REDUNDANCY),
    ("protection", Impact.REDUCED_REDUNDANCY),
    ("degrad", Impact.DEGRADED),
)


def cirion(results: Sequence[Result], notification: Notification, _: Provider) -> Sequence[Result]:
    """Return the results with the circuits of all rows, whatever their impact."""
    rows = _under("Customer Name", rows_of(notification))
    circuits = joined([circuit for row in rows if (circuit := _of_cirion(row))])
    return [replace(result, circuits=circuits) for result in results] if circuits else results


def vodafone(results: Sequence[Result], notification: Notification, _: Provider) -> Sequence[Result]:
    """Return the results with the impact that stands in the row of each circuit."""
    rows = _under("Services Affected", rows_of(notification))
    stated = {
        circuit_key_of(row["Services Affected"]): impact_of(row["Service Impact"])
        for row in rows
        if "Service Impact" in row
    }
    return [_with_impacts(result, stated) for result in results]


def windstream(results: Sequence[Result], notification: Notification, _: Provider) -> Sequence[Result]:
    """Return the results with the worst of the impacts that are listed, else with what is said of the service."""
    rows = rows_of(notification)
    listed = [impact for row in _under("Impact Type:", rows) if (impact := impact_of(row["Impact Type:"]))]
    spared = any(row[0].startswith("Service Affecting") and row[1].upper() == "NO" for row in rows if len(row) == 2)
    worst = max(listed, key=lambda impact: impact.severity, default=Impact.NO_IMPACT if spared else None)
    return [
        replace(result, circuits=result.circuits and tuple(replace(one, impact=worst) for one in result.circuits))
        for result in results
    ]


def impact_of(words: str) -> Impact | None:
    """Return the impact that words state, None for words that are not known."""
    said = words.lower()
    return next((impact for known, impact in _IMPACTS if known in said), None)


def _under(first: str, rows: Sequence[Sequence[str]]) -> Iterator[dict[str, str]]:
    """Yield the rows below each heading whose first cell is the given one, by the names of their columns."""
    header: Sequence[str] = ()
    for row in rows:
        if row[:1] == [first]:
            header = row
        elif header and len(row) == len(header):
            yield dict(zip(header, row, strict=True))
        else:
            header = ()


def _of_cirion(row: Mapping[str, str]) -> StatedCircuit | None:
    ids = (row.get("Alt Circuit ID", ""), row.get("Circuit ID", ""))
    circuit_id = next((one for one in ids if one not in _NO_ID), None)
    return StatedCircuit(circuit_id=circuit_id, impact=impact_of(row.get("Impact Type", ""))) if circuit_id else None


def _with_impacts(result: Result, stated: Mapping[str, Impact | None]) -> Result:
    circuits = result.circuits and tuple(
        replace(one, impact=stated.get(circuit_key_of(one.circuit_id), one.impact)) for one in result.circuits
    )
    return replace(result, circuits=circuits)
