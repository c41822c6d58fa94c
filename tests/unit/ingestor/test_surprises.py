"""What is logged of a message: its one line, and a warning for each move of its events that surprises."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from domain.events import StatedEtr, StatedOutage, Update
from domain.message import Arrival, Disposition, Place, Reading
from domain.vocabulary import Kind, OutageStatus
from ingestor import pipeline
from parsers.mime import read_envelope
from storage import database, messages
from storage.database import Store

BEGAN = datetime(2027, 2, 9, 13, 5, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    url = f"sqlite:///{tmp_path / 'maintd.db'}"
    database.upgrade(url)
    store = database.open_store(url)
    yield store
    store.close()


def update(hour: int, **said: object) -> Update:
    return Update(
        kind=Kind.OUTAGE,
        provider="zayo",
        event_id="TTN-0044120087",
        stamp=BEGAN + timedelta(hours=hour),
        stamp_inferred=False,
        source=f"<{hour}@zayo.example>",
        body_digest=str(hour),
        reader="maintd/general",
        reader_version="1",
        outage=StatedOutage(**said),
    )


def logged(store: Store, *said: Update) -> list[list[dict[str, object]]]:
    """Return what is logged of each of these, when each comes in a mail of its own."""
    lines = []
    for one in said:
        raw = f"From: noc@zayo.example\nMessage-ID: {one.source}\nSubject: outage\n\n{one.body_digest}\n".encode()
        place = Place(mailbox="noc", folder="INBOX", uid_validity=1, imap_uid=int(one.body_digest) + 1)
        arrival = Arrival(raw=raw, place=place, envelope=read_envelope(raw), received_at=one.stamp, size=len(raw))
        with store.writing() as connection:
            (recorded,) = messages.record(connection, [arrival], now=one.stamp)
            (message,) = messages.load(connection, [recorded.message])
        reading = Reading(
            provider="zayo",
            reader=one.reader,
            reader_version="1",
            updates=(one,),
            disposition=Disposition.APPLIED,
        )
        with capture_logs() as found:
            assert pipeline.record(store, message, reading)
        lines.append(found)
    return lines


def test_an_outage_that_is_reopened_or_falls_back_is_warned_of_by_its_ticket(store) -> None:
    told = logged(
        store,
        update(0, status=OutageStatus.INVESTIGATING, start=BEGAN),
        update(1, status=OutageStatus.MONITORING),
        update(2, status=OutageStatus.IDENTIFIED),
        update(3, status=OutageStatus.RESOLVED),
        update(4, status=OutageStatus.INVESTIGATING),
    )

    assert [[line["event"] for line in lines] for lines in told] == [
        ["message_settled"],
        ["message_settled"],
        ["message_settled", "event_surprised"],
        ["message_settled"],
        ["message_settled", "event_surprised"],
    ]
    assert told[-1][-1] == {
        "event": "event_surprised",
        "log_level": "warning",
        "message": 5,
        "provider": "zayo",
        "ticket": "TTN-0044120087",
        "move": "reopened",
        "status": "INVESTIGATING",
    }
    assert told[0][0]["events"] == ["TTN-0044120087"]


def test_an_estimate_that_moves_surprises_nobody(store) -> None:
    etrs = [StatedEtr(at=BEGAN + timedelta(hours=hours), words="ETR") for hours in (4, 9, 6)]

    told = logged(store, *(update(hour, start=BEGAN, etr=etr) for hour, etr in enumerate(etrs)))

    assert [[line["event"] for line in lines] for lines in told] == [["message_settled"]] * 3


def test_what_another_mail_did_is_not_warned_of_again(store) -> None:
    resolved = update(1, status=OutageStatus.RESOLVED, end=BEGAN + timedelta(hours=1))
    reopened = update(2, status=OutageStatus.REPORTED)
    late = replace(update(3, cause="a digger"), stamp=BEGAN + timedelta(minutes=5))

    told = logged(store, update(0, start=BEGAN), resolved, reopened, late)

    assert [line["event"] for line in told[-1]] == ["message_settled"]
