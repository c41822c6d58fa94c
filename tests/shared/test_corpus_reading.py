"""The real notices beside the checkout are read as circuit-maintenance-parser 2.12.0 reads them, and better.

``../shared/mail/<provider>/<case>.json`` is what the library makes of a notice, ``corrections.json`` where that is
wrong. What is compared is what a reader answers for: ids, accounts, statuses, windows and circuits of one message.
"""

import json
import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from domain.events import StatedCircuit, Update, circuit_key_of
from domain.message import Disposition
from domain.vocabulary import Impact
from parsers.mime import read_envelope
from parsers.providers import Provider, directory
from parsers.reading import read_message

MAIL = Path(__file__).parents[2].parent / "shared" / "mail"
NOTICES = sorted(MAIL.glob("*/*.eml"))
CORRECTIONS: dict[str, dict[str, Any]] = (
    json.loads((MAIL / "corrections.json").read_text(encoding="utf-8")) if NOTICES else {}
)

# Where the reading is right beside corrections.json: Turkcell writes day.month, GMT+3 is ahead of GMT, and a circuit's
# number has other digits than 0 and 1.
CORRECTIONS |= {
    "turkcell/turkcell1": {"start": "2021-08-06T21:00:00Z", "end": "2021-08-07T04:00:00Z"},
    "turkcell/turkcell2": {
        "start": "2021-08-17T21:30:00Z",
        "end": "2021-08-18T03:00:00Z",
        "circuits": ["111111111111111", "111111111111112", "1111111111111113"],
    },
}

# What the reading does not correct yet.
NOT_YET_RIGHT = {}

# The senders of three of Colt's notices are not Colt's.
CONFIGURED = directory(
    [Provider(name="colt", senders=("@colt.net", "change@example.com", "patrick.kelly@networktocode.com"))]
)
# The calendars of no known carrier make their sender a provider.
NEWCOMERS = {"genericprovider": "example.com"}
PLACEHOLDERS = {"Customer info unavailable", "Cogent Customer", "N/A", "Not Available"}
# Nights that are only in reserve.
IN_RESERVE = {("lumen/lumen8", 1679544000), ("telxius/telxius1", 1776920400)}
# The windows of these bear a number of their own behind that of the maintenance.
NUMBERED = {"lumen", "telxius"}
# These state no id: what the reading takes for one instead is a matter of tests/unit/parsers/test_corrections_ids.py.
WITHOUT_ID = {"aws", "netflix"}
# These tables name no customer: the library takes the number of the customer's order for the account.
WITHOUT_ACCOUNT = {f"gtt/gtt{number}" for number in (1, 3, 4, 6, 7)}
# An update that says nothing of another time states no status: the library takes it for a new date.
WITHOUT_STATUS = {"gtt/gtt1"}
# Its headline says that it starts: the library takes it for an announcement.
STARTED = {"bso/bso2"}
# "None Expected" is no impact: the library takes it for an outage.
WITHOUT_IMPACT = {"crowncastle/crowncastle9"}
REPLACED = {"zayo/zayo9": "TTN-0002345678"}

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not NOTICES, reason="the notices of ../shared/mail are not beside the checkout"),
]


def cases() -> list[Any]:
    names = [(f"{path.parent.name}/{path.stem}", path) for path in NOTICES]
    return [pytest.param(name, path, id=name, marks=marks_of(name)) for name, path in names]


def marks_of(name: str) -> list[pytest.MarkDecorator]:
    return [pytest.mark.xfail(reason=NOT_YET_RIGHT[name], strict=True)] if name in NOT_YET_RIGHT else []


@pytest.mark.parametrize(("name", "path"), cases())
def test_a_notice_is_read_as_it_should_be(name: str, path: Path):
    raw = path.read_bytes()
    reading = read_message(raw, received_at=read_envelope(raw).date, directory=CONFIGURED)

    carrier = NEWCOMERS.get(path.parent.name, path.parent.name)
    assert (reading.disposition, reading.provider) == (Disposition.APPLIED, carrier), reading.detail
    assert Counter(said for update in reading.updates for said in told(update)) == Counter(
        expected(name, json.loads(path.with_suffix(".json").read_text(encoding="utf-8")))
    )


def test_all_the_notices_that_have_a_correction_are_here():
    assert set(CORRECTIONS) <= {f"{path.parent.name}/{path.stem}" for path in NOTICES}
    assert set(NOT_YET_RIGHT) <= set(CORRECTIONS)


def told(update: Update) -> list[tuple[object, ...]]:
    """Return what an update says of each window, or of the event where it states none."""
    head = (None if update.provider in WITHOUT_ID else update.event_id, update.account)
    if not update.windows:
        return [(*head, update.status, None, None, circuits(update.circuits))]
    return [
        (*head, window.status or update.status, window.start, window.end, circuits(window.circuits))
        for window in update.windows
    ]


def circuits(stated: tuple[StatedCircuit, ...] | None) -> frozenset[tuple[str, Impact]]:
    return frozenset((circuit_key_of(circuit.circuit_id), circuit.impact or Impact.OUTAGE) for circuit in stated or ())


def expected(name: str, maintenances: list[dict[str, Any]]) -> list[tuple[object, ...]]:
    replaced = [(REPLACED[name], None, "RE-SCHEDULED", None, None, frozenset())] if name in REPLACED else []
    return [right(name, maintenance) for maintenance in maintenances] + replaced


def right(name: str, maintenance: dict[str, Any]) -> tuple[object, ...]:
    """Return a maintenance of the library as it should be read."""
    correction = CORRECTIONS.get(name, {})
    start, end = (
        instant(correction[key]) if key in correction else datetime.fromtimestamp(maintenance[key], UTC)
        for key in ("start", "end")
    )
    status, listed = maintenance["status"], worst(maintenance["circuits"])
    if "circuits" in correction:
        listed = frozenset((circuit_id, Impact.OUTAGE) for circuit_id in correction["circuits"])
    if (name, maintenance["start"]) in IN_RESERVE:
        status, listed = "TENTATIVE", frozenset()
    if name in WITHOUT_STATUS:
        status = None
    if name in STARTED:
        status = "IN-PROCESS"
    if name in WITHOUT_IMPACT:
        listed = frozenset((circuit, Impact.NO_IMPACT) for circuit, _ in listed)
    account = maintenance["account"]
    if account in PLACEHOLDERS or name in WITHOUT_ACCOUNT:
        account = None
    return (right_id(name.partition("/")[0], maintenance["maintenance_id"]), account, status, start, end, listed)


def right_id(provider: str, stated: str) -> str | None:
    if provider in WITHOUT_ID:
        return None
    return re.sub(r"-\d{1,2}$", "", stated) if provider in NUMBERED else stated


def worst(named: list[dict[str, str]]) -> frozenset[tuple[str, Impact]]:
    impacts: dict[str, Impact] = {}
    for circuit in named:
        key, impact = circuit_key_of(circuit["circuit_id"]), Impact(circuit["impact"])
        impacts[key] = max(impact, impacts.get(key, impact), key=lambda impact: impact.severity)
    return frozenset(impacts.items())


def instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
