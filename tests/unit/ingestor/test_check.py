from datetime import UTC, datetime, timedelta

import pytest

from domain.message import Arrival, Place
from ingestor.check import clock, names
from ingestor.config import MailboxTable
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


@pytest.mark.parametrize("asks", [{"verify_dkim": True}, {"trusted_arc_sealers": ["google.com"]}])
def test_a_dns_that_does_not_answer_is_said_where_it_is_needed(asks):
    login = {"name": "noc", "host": "mx.example.net", "username": "noc", "password": {"env": "PASSWORD"}}
    asking = MailboxTable.model_validate({**login, **asks})

    (found,) = names(asking, lambda wanted: dict.fromkeys(wanted))

    assert (found.part, found.ok) == ('mailbox "noc"', False)
    assert "the DNS does not answer" in found.text
    assert list(names(asking, lambda wanted: dict.fromkeys(wanted, ""))) == []
    assert list(names(MailboxTable.model_validate(login), lambda wanted: dict.fromkeys(wanted))) == []
