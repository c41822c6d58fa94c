"""Whose the notices in a message are: the sender's, or whose a list, a person or a mail program sent on."""

from datetime import UTC, datetime

import pytest

from parsers.mime import decode
from parsers.providers import directory
from parsers.sources import choices

DIRECTORY = directory()
NOTICE = """\
From: MR Zayo <mr@zayo.com>
Subject: Planned
Date: Mon, 1 Feb 2027 10:00:00 +0000

The notice.
"""
NOTICE_DATE = datetime(2027, 2, 1, 10, tzinfo=UTC)
BLOCK = """\
From: {sender}
Sent: {date}
To: Jo Novak
Subject: Planned

The notice.
"""


def mail(body: str, *headers: str, sender: str = "Jo <jo@ridgeline.example>", subject: str = "Fwd: Planned") -> bytes:
    head = (f"From: {sender}", f"Subject: {subject}", "Date: Tue, 2 Feb 2027 08:00:00 +0100", *headers)
    return "\n".join((*head, "", body)).encode()


def attached(inner: str, sender: str = "Jo <jo@ridgeline.example>") -> bytes:
    return mail(
        f"--b\nContent-Type: message/rfc822\n\n{inner}\n--b--\n",
        "Content-Type: multipart/mixed; boundary=b",
        sender=sender,
    )


def block(sender: str = "MR Zayo <mr@zayo.com>", date: str = "Monday, February 1, 2027 11:00 AM") -> str:
    return BLOCK.format(sender=sender, date=date)


def sources(raw: bytes, forced: str | None = None):
    found = choices(decode(raw), DIRECTORY, DIRECTORY.get(forced) if forced else None)
    return [
        ([provider.name for provider in source.providers], source.date, source.date_inferred, source.forwarder)
        for chosen in found
        for source in chosen
    ]


def bodies(raw: bytes) -> list[str]:
    return [
        text.text
        for chosen in choices(decode(raw), DIRECTORY, None)
        for one in chosen
        for text in one.notification.texts
    ]


SENT_ON_BY_JO = (["zayo"], NOTICE_DATE, False, "jo@ridgeline.example")
SENT_ON_BY_THE_LIST = (["zayo"], datetime(2027, 2, 2, 7, tzinfo=UTC), False, "noc@lists.example")
VIA_LIST = "MR Zayo via Noc <noc@lists.example>"


def test_a_providers_mail_is_its_own_notice_and_nobody_sent_it_on():
    (source,) = (source for chosen in choices(decode(NOTICE.encode()), DIRECTORY, None) for source in chosen)

    assert (source.forwarded, source.forwarder, source.date) == (False, None, NOTICE_DATE)


def test_an_attached_notice_was_sent_on_by_the_sender_of_the_message():
    assert sources(attached(NOTICE))[0] == SENT_ON_BY_JO


def test_a_notice_in_the_body_was_sent_on_by_the_sender_of_the_message():
    assert sources(mail(f"fyi\n\n{block()}"))[0] == SENT_ON_BY_JO


def test_what_stands_below_the_headers_comes_before_the_whole_body():
    assert bodies(mail(f"fyi\n\n{block()}")) == ["\nThe notice.\n", f"fyi\n\n{block()}"]


def test_a_notice_in_the_body_of_an_attached_mail_is_found():
    assert sources(attached(mail(block(), sender="Al <al@ridgeline.example>").decode()))[0] == SENT_ON_BY_JO


def test_a_notice_sent_on_twice_is_that_of_the_first_provider():
    inner = block("Al <al@ridgeline.example>", "Tuesday, February 2, 2027 7:00 AM")

    assert sources(mail(f"{inner}\n{block()}"))[0] == SENT_ON_BY_JO


def test_a_date_that_cannot_be_read_is_that_of_the_mail_that_sends_it_on():
    assert sources(mail(block(date="02/01/2027 11:00")))[0] == (
        ["zayo"],
        datetime(2027, 2, 2, 7, tzinfo=UTC),
        True,
        "jo@ridgeline.example",
    )


@pytest.mark.parametrize("sender", ["Noc <noc@other.example>", "noc@other.example"])
def test_a_notice_of_an_unknown_carrier_is_not_that_of_who_sends_it_on(sender):
    assert sources(mail(block(sender))) == []


class TestLists:
    @pytest.mark.parametrize(
        "headers",
        [
            ("List-Id: <noc.lists.example>", "Reply-To: MR Zayo <mr@zayo.com>"),
            ("List-Id: <noc.lists.example>", "Reply-To: MR Zayo <mr@zayo.com>, Noc <noc@lists.example>"),
            ("List-Id: <noc.lists.example>", "X-Original-Sender: mr@zayo.com"),
            ("X-Google-Group-Id: 4711", "X-Original-Sender: mr@zayo.com"),
            ("X-Original-From: MR Zayo <mr@zayo.com>",),
        ],
    )
    def test_a_notice_under_the_address_of_a_list_was_sent_on_by_the_list_at_its_own_date(self, headers):
        assert sources(mail("The notice.", *headers, sender="Noc <noc@lists.example>")) == [SENT_ON_BY_THE_LIST]

    def test_the_name_of_the_sender_may_say_that_it_is_a_list(self):
        assert sources(mail("The notice.", "Reply-To: mr@zayo.com", sender=VIA_LIST)) == [SENT_ON_BY_THE_LIST]

    def test_where_no_list_says_so_an_answer_may_go_anywhere(self):
        assert sources(mail("The notice.", "Reply-To: mr@zayo.com", "X-Original-Sender: mr@zayo.com")) == []

    def test_two_addresses_to_answer_to_are_nobodys(self):
        headers = ("List-Id: <noc.lists.example>", "Reply-To: mr@zayo.com, noc@colt.net")

        assert sources(mail("The notice.", *headers, sender=VIA_LIST)) == []

    def test_a_list_that_keeps_the_sender_sends_nothing_on(self):
        (source, *_) = sources(mail("The notice.", "List-Id: <noc.lists.example>", sender="mr@zayo.com"))

        assert source[3] is None

    def test_a_colleagues_forward_to_a_list_is_read(self):
        raw = mail(block(), "List-Id: <noc.lists.example>", "Reply-To: jo@ridgeline.example", sender=VIA_LIST)

        assert sources(raw)[0] == (["zayo"], NOTICE_DATE, False, "noc@lists.example")


class TestAnswers:
    def test_a_notice_that_is_quoted_in_an_answer_is_the_old_one_without_the_words_above_it(self):
        raw = mail(f"Please cancel this.\n\n{block()}", subject="Re: Planned")

        assert sources(raw) == [SENT_ON_BY_JO]
        assert bodies(raw) == ["\nThe notice.\n"]

    @pytest.mark.parametrize(
        "subject", ["Re: Planned", "[noc] [EXTERN] RE : Planned", "AW: Planned", "SV: Planned", "Odp: Planned"]
    )
    def test_a_quoted_notice_without_a_date_says_nothing(self, subject):
        assert sources(mail(block(date="02/01/2027 11:00"), subject=subject)) == []

    def test_a_notice_quoted_without_its_headers_says_nothing(self):
        quoted = "Thanks.\n\nOn Mon, Feb 1, 2027 at 11:00 AM MR Zayo <mr@zayo.com> wrote:\n\n> The notice.\n"

        assert sources(mail(quoted, subject="Re: Planned")) == []


class TestForced:
    def test_what_was_sent_on_comes_before_the_message_itself(self):
        assert sources(mail(block()), "zayo") == [
            SENT_ON_BY_JO,
            SENT_ON_BY_JO,
            (["zayo"], datetime(2027, 2, 2, 7, tzinfo=UTC), False, None),
        ]

    def test_what_was_sent_on_of_another_provider_is_not_the_forced_ones(self):
        assert sources(mail(block("noc@colt.net")), "zayo") == [
            (["zayo"], datetime(2027, 2, 2, 7, tzinfo=UTC), False, None)
        ]
