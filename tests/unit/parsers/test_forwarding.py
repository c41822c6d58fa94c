"""The header block of a forwarded mail, as mail programs write it in their languages, and what stands below it."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from parsers.forwarding import Forward, forwards_in
from parsers.mime import decode

NOTICE_DATE = datetime(2021, 11, 1, 15, 4, tzinfo=UTC)
NOTICE = Forward(sender="mr@zayo.com", subject="Planned", date=NOTICE_DATE, texts=())

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
    return [replace(forward, texts=()) for forward in forwards_in(decode(raw.encode()))]


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
        "mr@zayo.com <mr@zayo.com> On Behalf Of MR Zayo",
        "service@cloud.example <service@cloud.example> Im Auftrag von MR Zayo <mr@zayo.com>",
        "noc@other.example <mr@zayo.com>",
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


@pytest.mark.parametrize(
    "date",
    [
        "Montag, 1. November 2021 16:04",
        "Mo., 1. Nov. 2021 um 16:04 Uhr",
        "lundi 1 novembre 2021 à 16:04",
        "lun. 1 nov. 2021 à 16:04",
        "lunes, 1 de noviembre de 2021 4:04 p. m.",
        "lun, 1 nov 2021 a las 16:04",
        "lun 1 nov 2021 alle ore 16:04",
        "segunda-feira, 1 de novembro de 2021 16:04",
        "maandag 1 november 2021 om 16:04",
        "poniedziałek, 1 listopada 2021 16:04",
        "den 1 november 2021 16:04",
        "man. 1. nov. 2021 kl. 16.04",
        "maanantai 1. marraskuuta 2021 16.04",
        "po 1. 11. 2021 v 16:04",
        "1 November 2021 at 15:04:00 GMT",
        "1. November 2021 um 16:04:00 MEZ",
        "1 novembre 2021 à 17:04:00 UTC+2",
        "Mon, 1 Nov 2021 09:04:00 -0600 (MDT)",
        "2021-11-01 16:04",
        "1.11.2021 16:04",
    ],
)
def test_a_date_is_read_in_the_language_of_the_mail_program(date):
    assert [forward.date for forward in forwards(GMAIL.format(date=date))] == [NOTICE_DATE]


@pytest.mark.parametrize(
    ("date", "month"), [("mar 2 mar 2021 10:15", 3), ("mar 2 feb 2021 10:15", 2), ("Mar 2, 2021 10:15", 3)]
)
def test_a_short_word_for_a_day_is_told_from_one_for_a_month(date, month):
    (forward,) = forwards(GMAIL.format(date=date))

    assert forward.date == datetime(2021, month, 2, 9, 15, tzinfo=UTC)


@pytest.mark.parametrize(("date", "month"), [("13/02/2021 10:15", 2), ("2/13/2021 10:15 AM", 2)])
def test_a_date_in_numbers_that_can_be_read_in_one_way_is_read(date, month):
    (forward,) = forwards(GMAIL.format(date=date))

    assert forward.date == datetime(2021, month, 13, 9, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    "date",
    [
        "02/03/2021 10:15",
        "2-3-2021 10:15",
        "Mon, 1 Nov 2021 10:15 XYZ",
        "Mon, 1 Nov 2021",
        "31 February 2021 10:15",
        "1 Smarch 2021 10:15",
        "1 November 2021 25:15",
        "1 November 2021 13:15 PM",
        "yesterday",
        "",
    ],
)
def test_a_date_that_cannot_be_read_or_in_two_ways_is_none(date):
    (forward,) = forwards(GMAIL.format(date=date))

    assert forward.date is None


def test_what_stands_above_the_headers_is_cut_off_and_so_are_the_marks_of_the_headers_own_quotation():
    quoted = "Hello.\n" + "".join(
        f"> {line}\n" for line in f"{OUTLOOK.format(sender='mr@zayo.com')}> Quoted".splitlines()
    )
    (forward,) = forwards_in(decode(f"From: me@example.com\n\n{quoted}".encode()))

    (text,) = forward.texts
    assert text.text == "\nThe notice.\n> Quoted\n"


def test_a_subject_that_a_mail_program_wrapped_is_whole():
    subject = "Planned works on a circuit with a name that is long enough to be wrapped at\nthe end of a line"
    body = f"From: mr@zayo.com\nDate: 1 November 2021 16:04\nSubject: {subject}\nTo: noc@example.com\n\nThe notice.\n"

    assert [forward.subject for forward in forwards(body)] == [subject.replace("\n", " ")]


def test_a_table_of_headers_is_read_and_cut_off():
    rows = "".join(
        f"<tr><th>{label}: </th><td>{value}</td></tr>"
        for label, value in (
            ("Subject", "Planned"),
            ("Date", "Mon, 1 Nov 2021 15:04:00 +0000"),
            ("From", "MR Zayo &lt;mr@zayo.com&gt;"),
        )
    )
    page = f"<p>fyi</p><table><tbody>{rows}</tbody></table><br><br><table><tr><td>The notice.</td></tr></table>"
    (forward,) = forwards_in(
        decode(
            f"From: me@example.com\nDate: Tue, 2 Nov 2021 08:00:00 +0100\nContent-Type: text/html\n\n{page}".encode()
        )
    )

    assert replace(forward, texts=()) == NOTICE
    assert [text.text.count("<table>") for text in forward.texts] == [1]


def test_a_date_after_that_of_the_forward_is_none():
    (forward,) = forwards(GMAIL.format(date="Mon, Nov 1, 2021 at 4:04 PM"), date="Mon, 1 Nov 2021 14:00:00 +0000")

    assert forward.date is None


@pytest.mark.parametrize(
    "body",
    [
        "From: MR Zayo <mr@zayo.com>\n\nSent: Monday, November 1, 2021 4:04 PM\nSubject: x\n",
        "From: MR Zayo <mr@zayo.com>\nSubject: x\n",
        "From: 10:00\nDate: 1 November 2021\nSubject: x\n",
        "From: A <a@x.net>, B <b@y.net>\nDate: Mon, Nov 1, 2021 at 4:04 PM\nSubject: x\n",
        "From: MR Zayo\nDate: Mon, Nov 1, 2021 at 4:04 PM\nSubject: x\n",
        "From: a@x.net, b@y.net\nDate: Mon, Nov 1, 2021 at 4:04 PM\nSubject: x\n",
        "",
    ],
)
def test_what_is_no_header_block_is_no_forward(body):
    assert forwards(body) == []
