"""The header block of a forwarded mail, in the forms of Gmail and Outlook."""

from datetime import UTC, datetime

import pytest

from parsers.forwarding import Forward, forwards_in
from parsers.mime import decode

NOTICE_DATE = datetime(2021, 11, 1, 15, 4, tzinfo=UTC)
NOTICE = Forward(sender="mr@zayo.com", subject="Planned", date=NOTICE_DATE)

GMAIL = """\
fyi

---------- Forwarded message ---------
From: MR Zayo <mr@zayo.com>
Date: {date}
Subject: Planned
To: <noc@example.com>

The notice.
"""
OUTLOOK = """\
fyi

From: {sender}
Sent: Monday, November 1, 2021 4:04 PM
To: NOC <noc@example.com>; Other <other@example.com>
Subject: Planned

The notice.
"""


def forwards(body: str, *, content_type: str = "text/plain", date: str = "Tue, 2 Nov 2021 08:00:00 +0100"):
    raw = f"From: me@example.com\nDate: {date}\nContent-Type: {content_type}; charset=utf-8\n\n{body}"
    return list(forwards_in(decode(raw.encode())))


@pytest.mark.parametrize(
    "date",
    [
        "Mon, Nov 1, 2021 at 4:04 PM",
        "Mon, Nov 1, 2021 at 4:04\u202fPM",
        "Mon, 1 Nov 2021 at 16:04",
        "Mon, Nov 1, 2021, 4:04 PM",
        "Monday, 1 November 2021 16:04:00",
        "01 November 2021 16:04",
        "Mon, 1 Nov 2021 15:04:00 +0000",
    ],
)
def test_a_forward_of_gmail_is_found_with_its_date_in_the_zone_of_who_forwards(date):
    assert forwards(GMAIL.format(date=date)) == [NOTICE]


@pytest.mark.parametrize(
    "sender",
    [
        "MR Zayo <mr@zayo.com>",
        "MR Zayo [mailto:mr@zayo.com]",
        "mr@zayo.com [mailto:mr@zayo.com]",
        "MR Zayo <mr@zayo.com<mailto:mr@zayo.com>>",
        "mr@zayo.com",
    ],
)
def test_a_forward_of_outlook_is_found(sender):
    assert forwards(OUTLOOK.format(sender=sender)) == [NOTICE]


def test_a_forward_is_found_behind_quotation_marks_and_with_crlf():
    quoted = "".join(f"> {line}\r\n" for line in OUTLOOK.format(sender="*MR Zayo* <mr@zayo.com>").splitlines())

    assert forwards(quoted) == [NOTICE]


def test_a_forward_is_found_in_html():
    html = (
        '<div class="gmail_attr">---------- Forwarded message ---------<br>From: <strong>MR Zayo</strong> '
        '<span>&lt;<a href="mailto:mr@zayo.com">mr@zayo.com</a>&gt;</span><br>Date: Mon, Nov 1, 2021 at 4:04&nbsp;PM'
        "<br>Subject: Planned<br>To: &lt;noc@example.com&gt;<br></div><br><p>The notice."
    )

    assert forwards(html, content_type="text/html") == [NOTICE]


def test_the_outermost_of_several_forwards_comes_first():
    chain = OUTLOOK.format(sender="Colleague <c@example.com>") + GMAIL.format(date="Mon, Nov 1, 2021 at 4:04 PM")

    assert [forward.sender for forward in forwards(chain)] == ["c@example.com", "mr@zayo.com"]


def test_a_date_that_cannot_be_read_is_none():
    (forward,) = forwards(GMAIL.format(date="lundi 1 novembre 2021, 16:04"))

    assert forward.date is None


def test_a_date_after_that_of_the_forward_is_none():
    (forward,) = forwards(GMAIL.format(date="Mon, Nov 1, 2021 at 4:04 PM"), date="Mon, 1 Nov 2021 14:00:00 +0000")

    assert forward.date is None


@pytest.mark.parametrize(
    "body",
    [
        "From: MR Zayo <mr@zayo.com>\n\nSent: Monday, November 1, 2021 4:04 PM\nSubject: x\n",
        "From: MR Zayo <mr@zayo.com>\nSubject: x\n",
        "From: 10:00\nDate: 1 November 2021\nSubject: x\n",
        "From: a@x.net, b@y.net\nDate: Mon, Nov 1, 2021 at 4:04 PM\nSubject: x\n",
        "",
    ],
)
def test_what_is_no_header_block_is_no_forward(body):
    assert forwards(body) == []
