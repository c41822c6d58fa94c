"""The real notices beside the checkout are read as circuit-maintenance-parser 2.12.0 reads them, and better.

``../shared/mail/<provider>/<case>.json`` is what the library makes of a notice, ``corrections.json`` where that is
wrong. What is compared is what a reader answers for: ids, accounts, statuses, windows and circuits of one message.
"""

import json
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

# What the reading does not correct yet.
NOT_YET_RIGHT = {
    "cogent/cogent1": "Cogent's dates are still read as day/month",
    "cogent/cogent2": "Cogent's dates are still read as day/month",
    "lumen/lumen8": "the alternate night is still a night like the other",
}

# The senders of three of Colt's notices are not Colt's, and the calendars of no carrier have none.
CONFIGURED = directory(
    [Provider(name="colt", senders=("@colt.net", "change@example.com", "patrick.kelly@networktocode.com"))],
    {"noone@example.com": "genericprovider"},
)
PLACEHOLDERS = {"Customer info unavailable", "Cogent Customer", "N/A", "Not Available"}
ALTERNATE_NIGHT = 1679544000

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

    assert (reading.disposition, reading.provider) == (Disposition.APPLIED, path.parent.name)
    assert Counter(said for update in reading.updates for said in told(update)) == Counter(
        expected(name, json.loads(path.with_suffix(".json").read_text(encoding="utf-8")))
    )


def test_all_the_notices_that_have_a_correction_are_here():
    assert set(CORRECTIONS) <= {f"{path.parent.name}/{path.stem}" for path in NOTICES}
    assert set(NOT_YET_RIGHT) <= set(CORRECTIONS)


def told(update: Update) -> list[tuple[object, ...]]:
    """Return what an update says of each window, or of the event where it states none."""
    head = (update.event_id, update.account)
    if not update.windows:
        return [(*head, update.status, None, None, circuits(update.circuits))]
    return [
        (*head, window.status or update.status, window.start, window.end, circuits(window.circuits))
        for window in update.windows
    ]


def circuits(stated: tuple[StatedCircuit, ...] | None) -> frozenset[tuple[str, Impact]]:
    return frozenset((circuit_key_of(circuit.circuit_id), circuit.impact or Impact.OUTAGE) for circuit in stated or ())


def expected(name: str, maintenances: list[dict[str, Any]]) -> list[tuple[object, ...]]:
    return [right(name, maintenance) for maintenance in maintenances]


def right(name: str, maintenance: dict[str, Any]) -> tuple[object, ...]:
    """Return a maintenance of the library as it should be read."""
    correction = CORRECTIONS.get(name, {})
    start, end = (
        instant(correction[key]) if key in correction else datetime.fromtimestamp(maintenance[key], UTC)
        for key in ("start", "end")
    )
    status, listed = maintenance["status"], worst(maintenance["circuits"])
    if name == "lumen/lumen8" and maintenance["start"] == ALTERNATE_NIGHT:
        status, listed = "TENTATIVE", frozenset()
    account = None if maintenance["account"] in PLACEHOLDERS else maintenance["account"]
    return (maintenance["maintenance_id"], account, status, start, end, listed)


def worst(named: list[dict[str, str]]) -> frozenset[tuple[str, Impact]]:
    impacts: dict[str, Impact] = {}
    for circuit in named:
        key, impact = circuit_key_of(circuit["circuit_id"]), Impact(circuit["impact"])
        impacts[key] = max(impact, impacts.get(key, impact), key=lambda impact: impact.severity)
    return frozenset(impacts.items())


def instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
