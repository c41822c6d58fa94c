"""Mails of outages damaged at random: whatever is left of one is read without a fault, and says nothing impossible.

A sample of them in every run, always the same; MAINTD_TORTURE=1 makes it many more, MAINTD_SEED others. A failure names
the seed, the mail and what became of it.
"""

import os
import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from domain.events import Update
from domain.fold import fold
from domain.message import Reason
from domain.plausibility import refuse
from parsers.mime import read_envelope
from parsers.providers import directory
from parsers.reading import read_message
from tests.mutations import mutated
from tests.readings import AMAZON, HARBOUR_FIBRE, OUTAGES
from tests.transformations import again, body_of, taken_apart

TORTURE = bool(os.environ.get("MAINTD_TORTURE"))
EACH = 100 if TORTURE else 1
SEED = os.environ.get("MAINTD_SEED", "1")
# A start is told when it has come; a provider's clock may be in another zone than it says.
FAR = timedelta(days=1)

NOTICES = sorted(OUTAGES.glob("*/*/*.eml"))
KNOWN = directory([HARBOUR_FIBRE, AMAZON])
# Whatever became of its headers, the server says when a mail came.
EVERY_DAY = datetime(2027, 3, 15, 12, tzinfo=UTC)

pytestmark = pytest.mark.timeout(3600 if TORTURE else 120)


def impossible(update: Update, received_at: datetime) -> list[str]:
    """Return what of an update no outage can be, one word for each fault."""
    outage = update.outage
    if outage is None:
        return []
    etr = outage.etr.at if outage.etr else None
    instants = [at for at in (outage.start, outage.end, outage.reported_at, etr) if at]
    return [
        *(["no id"] if not update.event_id.strip() else []),
        *(["ends before it starts"] if outage.start and outage.end and outage.end < outage.start else []),
        *(["starts in the future"] if outage.start and outage.start > received_at + FAR else []),
        *(["in no zone"] if any(at.utcoffset() != timedelta(0) for at in instants) else []),
        *(["a circuit without an id"] if any(not one.circuit_id.strip() for one in update.circuits or ()) else []),
        *refuse(update, received_at),
        *impossible_event(update),
    ]


def impossible_event(update: Update) -> list[str]:
    """Return what of the outage that an update makes no outage can be."""
    held = fold([update])[0]
    return [
        *(["is over before it began"] if held.start and held.end and held.end < held.start else []),
        *(["restored before it began"] if held.start and held.etr and held.etr <= held.start else []),
    ]


def test_damaged_mails_of_outages_say_nothing_that_cannot_be() -> None:
    faults: list[str] = []
    ends: Counter[str] = Counter()
    for path in NOTICES:
        notice = path.read_bytes()
        received_at = read_envelope(notice).received_at or EVERY_DAY
        for number in range(EACH):
            raw = mutated(notice, random.Random(f"{SEED}:{path.name}:{number}"))
            reading = read_message(raw, received_at=received_at, directory=KNOWN)
            where = f"seed {SEED}, {path.relative_to(OUTAGES)}, {number}"
            faults += [f"{where}: {fault}" for update in reading.updates for fault in impossible(update, received_at)]
            ends[reading.reason.value if reading.reason else reading.disposition.value] += 1

    assert faults == []
    assert ends[Reason.PARSER_CRASHED.value] == 0
    # Of most damages a notice survives: a test of mails that nobody reads would prove nothing.
    assert ends["applied"] > sum(ends.values()) / 3, ends


def in_html() -> list[Path]:
    """Return of each story its first mail with tables."""
    stories = sorted({path.parent for path in NOTICES})
    tables = [
        [path for path in sorted(story.glob("*.eml")) if "<tr" in taken_apart(path.read_bytes()).html]
        for story in stories
    ]
    return [found[0] for found in tables if found]


@pytest.mark.parametrize("path", in_html(), ids=lambda path: "/".join(path.with_suffix("").parts[-3:]))
def test_a_row_without_cells_changes_nothing(path: Path) -> None:
    raw = path.read_bytes()
    notice = taken_apart(raw)
    html = f"<table><tr></tr></table>{notice.html}"
    received_at = read_envelope(raw).received_at or EVERY_DAY

    read = [
        read_message(one, received_at=received_at, directory=KNOWN)
        for one in (raw, again(raw, body_of(notice.text, html, notice.others)))
    ]

    without_body = [[replace(update, body_digest="") for update in reading.updates] for reading in read]
    assert without_body[0] == without_body[1]
    assert read[0].updates
