"""What the readers make of every own mail is what tests/golden holds, so that a new library shows what it changes."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from parsers.maintenance import READER_VERSION
from tests.gate.golden import (
    LIBRARY,
    differences,
    found_results,
    found_versions,
    held_results,
    held_versions,
    version_differences,
)

ROOT = Path(__file__).parents[2]
WHAT_TO_DO = "is it better? then make golden pins it (docs/upgrading-the-parser.md)"


def pinned_in(name: str) -> str:
    found = re.search(rf"^\W*{LIBRARY}\S*?==([\w.]+)", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)
    return found[1] if found else "not pinned"


def test_every_own_mail_is_read_as_it_is_pinned():
    lines = differences(held_results(), found_results())

    if lines:
        pytest.fail("\n".join((*lines, f"{len(lines)} differences: {WHAT_TO_DO}")), pytrace=False)


def test_the_results_are_those_of_the_readers_in_their_versions():
    lines = version_differences(held_versions(), found_versions())

    if lines:
        pytest.fail("\n".join((*lines, WHAT_TO_DO)), pytrace=False)


def test_the_installed_library_is_the_one_that_is_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (pin,) = [one for one in project["dependencies"] if one.startswith(LIBRARY)]
    versions = {
        "installed": READER_VERSION,
        "pyproject.toml": pin.partition("==")[2],
        "requirements.lock": pinned_in("requirements.lock"),
        "requirements-dev.lock": pinned_in("requirements-dev.lock"),
        "tests/golden/versions.json": held_versions()[LIBRARY],
    }

    if len(set(versions.values())) > 1:
        lines = [f"{place}: {version}" for place, version in versions.items()]
        done = "one release is used everywhere: docs/upgrading-the-parser.md says how a new one is taken"
        pytest.fail("\n".join((f"{LIBRARY}:", *lines, done)), pytrace=False)


def update(**said):
    return {"event_id": "N-1", "status": "CONFIRMED"} | said


def mail(*updates, **said):
    return {"zayo": {"mail/planned": {"disposition": "applied", "updates": list(updates)} | said}}


WINDOW = {"start": "2027-02-09T05:00:00Z", "end": "2027-02-09T11:00:00Z"}


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        (mail(update()), mail(update(status="CANCELLED")), "N-1: status: CONFIRMED → CANCELLED"),
        (mail(update()), mail(update(summary="a splice")), "N-1: summary: not stated → a splice"),
        (mail(update(account="A")), mail(update(account="A", circuits=[])), "N-1 (A): circuits: not stated → []"),
        (
            mail(update(windows=[WINDOW])),
            mail(update(windows=[WINDOW | {"end": "2027-02-09T12:00:00Z"}])),
            "N-1: window 1: end: 2027-02-09T11:00:00Z → 2027-02-09T12:00:00Z",
        ),
        (
            mail(update()),
            mail(update(windows=[WINDOW])),
            "N-1: windows: not stated → 2027-02-09T05:00:00Z/2027-02-09T11:00:00Z",
        ),
        (
            mail(update(circuits=[{"circuit_id": "A"}, {"circuit_id": "B", "impact": "OUTAGE"}])),
            mail(update(circuits=[{"circuit_id": "A", "impact": "DEGRADED"}, {"circuit_id": "B", "impact": "OUTAGE"}])),
            "N-1: circuits: -A, +A DEGRADED",
        ),
        (
            mail(update(circuits=[{"circuit_id": "A"}, {"circuit_id": "B"}])),
            mail(update(circuits=[{"circuit_id": "B"}, {"circuit_id": "A"}])),
            "N-1: circuits: in another order, or as often: A, B → B, A",
        ),
        (
            mail(update(outage={"status": "REPORTED"})),
            mail(update(outage={"status": "RESOLVED"})),
            "N-1: outage status: REPORTED → RESOLVED",
        ),
        (
            mail(update(outage={"etr": {"words": "to be advised"}})),
            mail(update(outage={"etr": {"at": "2027-02-09T11:00:00Z", "words": "11:00 UTC"}})),
            'N-1: outage etr: {"words": "to be advised"} → {"at": "2027-02-09T11:00:00Z", "words": "11:00 UTC"}',
        ),
        (mail(update()), mail(update(), update(event_id="N-2")), "N-2: a new event"),
        (mail(update(), update(event_id="N-2")), mail(update()), "N-2: no event any more"),
        (
            mail(update(), update(event_id="N-2")),
            mail(update(event_id="N-2"), update()),
            "events in another order: N-1, N-2 → N-2, N-1",
        ),
        (mail(update(), update(summary="x")), mail(update(), update()), "N-1, update 2: summary: x → not stated"),
        (mail(reader="a"), mail(reader="b"), "reader: a → b"),
        ({}, mail(update()), "a new mail: applied, N-1"),
        (mail(), {}, "gone: applied, no event"),
    ],
)
def test_a_difference_is_told_by_mail_event_and_field(before, after, line):
    assert differences(before, after) == [f"zayo/mail/planned: {line}"]
    assert differences(after, after) == differences(before, before) == []


def test_what_is_pinned_holds_every_field_that_a_mail_states():
    (update,) = json.loads((ROOT / "tests/golden/zayo.json").read_text(encoding="utf-8"))["mail/three_nights"][
        "updates"
    ]

    assert {"kind", "provider", "event_id", "stamp", "source", "body_digest", "reader", "unverified"} <= update.keys()
    assert {"status", "account", "summary", "organizer", "windows"} <= update.keys()
    assert [window["start"] for window in update["windows"]] == [
        f"2027-02-{day}T05:00:00Z" for day in ("09", "10", "11")
    ]
