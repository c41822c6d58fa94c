"""Damaged notices by the hundred, through real workers into a real ledger: nothing falls over, and nothing is lost.

``MAINTD_TORTURE=1`` makes it 20,000 instead of 500, ``MAINTD_MAILS`` so many, ``MAINTD_SEED`` others; what became of
them goes to the file of ``MAINTD_PROGRESS``. A failure names the seed and the mail.
"""

import os
import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from domain.message import Arrival, Message, Place, Reading, Reason, receipt
from domain.plausibility import refuse
from ingestor import logs
from ingestor.pipeline import Processor
from parsers.mime import read_envelope
from parsers.providers import directory
from parsers.workers import Limits, WorkerPool
from storage import database, messages, queries
from storage.database import Store
from tests.mutations import mutated

ROOT = Path(__file__).parents[2]
TORTURE = bool(os.environ.get("MAINTD_TORTURE"))
MAILS = int(os.environ.get("MAINTD_MAILS", "20000" if TORTURE else "500"))
SEED = os.environ.get("MAINTD_SEED", "1")
BATCH = 250
NOW = datetime(2027, 3, 15, 12, tzinfo=UTC)

pytestmark = pytest.mark.timeout(6 * 3600 if TORTURE else 600)


def notices() -> list[bytes]:
    """Return the notices to damage: our own; in the long run those beside the checkout too."""
    own = sorted((ROOT / "tests" / "mail").glob("*/*.eml"))
    beside = sorted((ROOT.parent / "shared" / "mail").glob("*/*.eml")) if TORTURE else []
    return [path.read_bytes() for path in (*own, *beside)]


def damaged(number: int, among: list[bytes]) -> Arrival:
    """Return a damaged notice, always the same one for a seed and a number."""
    chance = random.Random(f"{SEED}:{number}")
    notice = chance.choice(among)
    raw, envelope = mutated(notice, chance), read_envelope(notice)
    place = Place(mailbox="noc", folder="INBOX", uid_validity=1, imap_uid=number + 1)
    found = read_envelope(raw)
    # What the server says of the receipt is that of the notice, whatever became of its headers.
    received_at = receipt(found, internal_date=receipt(envelope, internal_date=None, now=NOW), now=NOW)
    return Arrival(raw=raw, place=place, envelope=found, received_at=received_at, size=len(raw))


@pytest.fixture
def store(sqlite_url: str) -> Iterator[Store]:
    database.upgrade(sqlite_url)
    opened = database.open_store(sqlite_url)
    yield opened
    opened.close()


@pytest.fixture
def pool() -> Iterator[WorkerPool]:
    made = WorkerPool(2, Limits(wall_seconds=120), directory())
    yield made
    made.stop()


def test_damaged_notices_are_all_settled_and_none_says_what_cannot_be(store, pool, tmp_path):
    with (tmp_path / "log").open("w") as stream:
        logs.configure("json", "warning", stream)
        settle_damaged(store, pool)


def settle_damaged(store: Store, pool: WorkerPool) -> None:
    """Put damaged notices into the ledger, batch after batch, have each batch read, and look at what became of it."""
    among = notices()
    numbers: dict[int, int] = {}
    ends: dict[int, str] = {}
    faults: list[str] = []

    def settled(message: Message, reading: Reading) -> None:
        end = reading.reason.value if reading.reason else reading.disposition.value
        # Another copy of one that is quarantined has it read once more.
        ends[message.id] = end
        mail = f"seed {SEED}, mail {numbers[message.id]}"
        faults.extend(f"{mail}: {line}" for update in reading.updates for line in refuse(update, message.received_at))
        if reading.reason is Reason.PARSER_CRASHED and "raised" in reading.detail:
            faults.append(f"{mail}: {reading.detail}")

    for begin in range(0, MAILS, BATCH):
        arrivals = [damaged(number, among) for number in range(begin, min(begin + BATCH, MAILS))]
        with store.writing() as connection:
            recorded = messages.record(connection, arrivals, now=NOW)
        for number, one in enumerate(recorded, begin):
            numbers.setdefault(one.message, number)
        while len(ends) < len(numbers):
            Processor(store=store, pool=pool).process(stopping=lambda: False, settled=settled)
        note_progress(begin + len(arrivals), Counter(ends.values()), faults)

    with store.reading() as connection:
        listed = Counter(one["reason"] or one["disposition"] for one in queries.messages(connection))
        assert list(queries.check_laws(connection)) == [], f"seed {SEED}"
    assert faults == []
    assert listed == Counter(ends.values()), f"seed {SEED}"
    assert sum(listed.values()) == len(numbers), f"seed {SEED}"
    assert listed["applied"] > MAILS // 10
    assert "received" not in listed


def note_progress(mails: int, ends: Counter[str], faults: list[str]) -> None:
    """Write how far a long run is, where somebody wants to know: to the file of MAINTD_PROGRESS."""
    if path := os.environ.get("MAINTD_PROGRESS"):
        with Path(path).open("a") as stream:
            stream.write(f"{mails} {dict(ends)} {faults[-3:]}\n")
