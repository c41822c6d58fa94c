"""Our own notices, in tests/mail, are read as the .json beside each of them says.

The .json is written by hand from the text of the notice: a list of events with provider, id (null: the carrier gives
none), status (null: not stated), account, windows and circuits (each once, with its worst impact; OUTAGE where the
notice states none).
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from domain.events import StatedCircuit, Update, circuit_key_of
from domain.message import Disposition, Reason
from domain.vocabulary import Impact
from parsers.mime import read_envelope
from parsers.providers import Directory, Provider, directory
from parsers.reading import read_message
from tests.readings import reading_of

MAIL = Path(__file__).parents[1] / "mail"

# Notices whose .json is right and which are not read so yet: why. One that is read right must be taken out.
NOT_YET: dict[str, str] = {}


def case_of(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


CASES = [
    pytest.param(
        path,
        id=case_of(path),
        marks=[pytest.mark.xfail(strict=True, reason=NOT_YET[case_of(path)])] if case_of(path) in NOT_YET else [],
    )
    for path in sorted(MAIL.glob("*/*.eml"))
]
WITHOUT_EVENT = {
    "unknown/free_text": (Disposition.QUARANTINED, Reason.UNKNOWN_PROVIDER),
    "lumen/survey": (Disposition.IRRELEVANT, None),
}


HARBOUR_FIBRE = Provider(name="harbourfibre.example", senders=("@harbourfibre.example",))


@pytest.fixture(scope="module")
def providers() -> Directory:
    return directory([HARBOUR_FIBRE])


def told(path: Path) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    return events


def instant(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def circuits(stated: Sequence[StatedCircuit]) -> list[dict[str, str]]:
    worst: dict[str, tuple[str, Impact]] = {}
    for circuit in stated:
        impact = circuit.impact or Impact.OUTAGE
        _, held = worst.get(circuit_key_of(circuit.circuit_id), (circuit.circuit_id, impact))
        worst[circuit_key_of(circuit.circuit_id)] = (circuit.circuit_id, max(held, impact, key=_severity))
    return [{"circuit_id": circuit_id, "impact": impact.value} for circuit_id, impact in sorted(worst.values())]


def _severity(impact: Impact) -> int:
    return impact.severity


def facts(update: Update) -> dict[str, Any]:
    windows = update.windows or ()
    stated = [*(update.circuits or ()), *(circuit for window in windows for circuit in window.circuits or ())]
    spans = sorted((instant(window.start), instant(window.end)) for window in windows)
    return {
        "provider": update.provider,
        "id": update.event_id,
        "status": update.status.value if update.status else None,
        "account": update.account,
        "windows": [{"start": start, "end": end} for start, end in spans],
        "circuits": circuits(stated),
    }


@pytest.mark.parametrize("path", CASES)
def test_a_notice_is_read_as_its_json_says(path: Path) -> None:
    expected = told(path)

    reading = reading_of(path)

    found = [facts(update) for update in reading.updates]
    for event, fact in zip(expected, found, strict=False):
        fact["id"] = fact["id"] if event["id"] else None
    assert found == expected, reading.detail
    case = case_of(path)
    assert (reading.disposition, reading.reason) == WITHOUT_EVENT.get(case, (Disposition.APPLIED, None))


def test_every_notice_has_its_json_and_every_json_its_notice() -> None:
    assert sorted(path.with_suffix(".eml") for path in MAIL.glob("*/*.json")) == sorted(MAIL.glob("*/*.eml"))


def test_the_same_notice_by_another_route_is_the_same_message() -> None:
    first = read_envelope((MAIL / "crowncastle/scheduled.eml").read_bytes())
    again = read_envelope((MAIL / "crowncastle/scheduled_by_another_route.eml").read_bytes())

    assert first.identity == again.identity
    assert first.received_at != again.received_at


def test_the_out_of_order_pair_arrives_out_of_order() -> None:
    new = read_envelope((MAIL / "telstra/out_of_order_first_in_rescheduled.eml").read_bytes())
    old = read_envelope((MAIL / "telstra/out_of_order_then_in_original.eml").read_bytes())

    written, arrived = datetime(2027, 2, 22, 3, 10, tzinfo=UTC), datetime(2027, 2, 22, 3, 11, tzinfo=UTC)
    assert (new.date, new.received_at) == (written, arrived)
    written, arrived = datetime(2027, 2, 19, 6, 45, tzinfo=UTC), datetime(2027, 2, 22, 9, 30, tzinfo=UTC)
    assert (old.date, old.received_at) == (written, arrived)


def test_a_forwarded_notice_is_stamped_by_its_own_date(providers: Directory) -> None:
    raw = (MAIL / "verizon/forwarded_attached.eml").read_bytes()

    reading = read_message(raw, received_at=datetime(2027, 1, 20, 8, 3, tzinfo=UTC), directory=providers)

    (update,) = reading.updates
    assert (update.stamp, update.stamp_inferred) == (datetime(2027, 1, 20, 7, 15, tzinfo=UTC), False)


def test_the_sequence_of_a_calendar_is_kept(providers: Directory) -> None:
    paths = sorted(MAIL.glob("packetfabric/series_*.eml"))
    now = datetime(2027, 1, 19, 12, 0, tzinfo=UTC)

    readings = [read_message(path.read_bytes(), received_at=now, directory=providers) for path in paths]

    assert [reading.updates[0].sequence for reading in readings] == [1, 2, 3, 4]
    assert {reading.updates[0].ical_uid for reading in readings} == {"pf-mnt-55021@packetfabric.com"}


def test_a_carrier_that_the_table_does_not_know_makes_its_provider_by_its_calendar() -> None:
    raw = (MAIL / "bcop/unknown_carrier.eml").read_bytes()

    reading = read_message(raw, received_at=datetime(2027, 2, 8, 12, 0, tzinfo=UTC), directory=directory())

    assert (reading.disposition, reading.provider) == (Disposition.APPLIED, "harbourfibre.example")
