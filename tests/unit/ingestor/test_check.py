from datetime import UTC, datetime, timedelta

from domain.message import Arrival, Place
from ingestor.check import clock
from parsers.mime import read_envelope

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def received(at: datetime) -> Arrival:
    raw = b"From: noc@carrier.example\n\nhello\n"
    place = Place(mailbox="noc", folder="INBOX")
    return Arrival(raw=raw, place=place, envelope=read_envelope(raw), received_at=at, size=len(raw))


def test_a_mail_received_in_the_future_says_that_a_clock_is_wrong():
    (found,) = clock([received(NOW), received(NOW + timedelta(hours=1))], now=NOW)

    assert (found.part, found.ok) == ("clock", None)
    assert "3600 seconds" in found.text


def test_a_mail_received_a_moment_ago_says_nothing_of_the_clock():
    assert list(clock([received(NOW - timedelta(minutes=1))], now=NOW)) == []
    assert list(clock([], now=NOW)) == []
