"""The hand-over to the library, whatever became of a notice on its way, and the library made safe."""

import logging
import re
import socket
from email.header import Header
from pathlib import Path

import pytest
from circuit_maintenance_parser import utils

from domain.message import Reading
from parsers.handover import candidates
from parsers.maintenance import readers_of
from parsers.mime import decode, read_envelope
from parsers.providers import Provider, directory
from parsers.reading import read_message

OWN = Path(__file__).parents[2] / "mail"
# Forms with an html body: tables, lists, running text.
CASES = ("zayo/three_nights", "verizon/rescheduled", "telstra/out_of_order_then_in_original", "equinix/completed")


def own(name: str) -> bytes:
    return (OWN / f"{name}.eml").read_bytes()


def html_of(raw: bytes) -> str:
    return decode(raw).of_type("text/html")[0]


def headers_of(raw: bytes) -> str:
    envelope = read_envelope(raw)
    return f"From: {envelope.sender}\nSubject: {envelope.subject}\nDate: {envelope.date:%a, %d %b %Y %H:%M:%S +0000}"


def read(raw: bytes) -> Reading:
    return read_message(raw, received_at=read_envelope(raw).date, directory=directory())


def said(reading: Reading) -> list[object]:
    return [
        (update.provider, update.event_id, update.status, update.account, update.windows, update.stamp)
        for update in reading.updates
    ]


def html_mail(raw: bytes, html: str, charset: str = "utf-8") -> bytes:
    head = f"{headers_of(raw)}\nContent-Type: text/html; charset={charset}\n\n"
    return head.encode() + html.encode(charset, "xmlcharrefreplace")


def with_prefixes(raw: bytes) -> bytes:
    subject = read_envelope(raw).subject
    spoilt = Header(f"RE: [EXTERNAL] Fwd: [noc-list] {subject}", "utf-8", maxlinelen=70).encode()
    head = headers_of(raw).replace(f"Subject: {subject}", f"List-Id: <noc-list.example.com>\nSubject: {spoilt}")
    return f"{head}\nContent-Type: text/html; charset=utf-8\n\n".encode() + html_of(raw).encode()


def without_a_date(raw: bytes) -> bytes:
    date = f"{read_envelope(raw).date:%a, %d %b %Y %H:%M:%S +0000}"
    return html_mail(raw, html_of(raw)).replace(b"\nDate:", f"\nReceived: from x; {date}\nX-Date:".encode())


@pytest.mark.parametrize("case", CASES)
def test_what_was_put_before_a_subject_changes_nothing(case: str):
    raw = own(case)

    assert said(read(with_prefixes(raw))) == said(read(raw))


@pytest.mark.parametrize(
    "prefix",
    [
        *(
            "Fwd: ",
            "WG: ",
            "TR : ",
            "RV: ",
            "I: ",
            "ENC: ",
            "Doorst: ",
            "PD: ",
            "VB: ",
            "VS: ",
            "VL: ",
            "Re: Fwd: FW: ",
        ),
        *("[EXTERNAL] ", "[Extern] ", "[Externe] ", "[EXTERNO]: ", "EXTERN: ", "(External) ", "***EXTERNAL*** "),
        *("[noc-list] ", "[Noc-list] ", "Fwd: [NOC-LIST] [EXTERN] ", "Re: [ EXTERNAL ] "),
    ],
)
def test_a_subject_that_is_read_may_have_anything_before_it(prefix: str):
    raw = own("colt/announced")
    spoilt = raw.replace(b"\nSubject: ", f"\nList-Id: <noc-list.lists.example>\nSubject: {prefix}".encode())

    assert said(read(spoilt)) == said(read(raw))


def test_the_tag_of_a_list_before_that_of_the_notice_is_taken_off():
    subject = "Subject: [Carriers] [Canceled] Planned"
    (found, *_) = candidates(decode(f"List-Id: <noc-list.lists.example>\n{subject}\n\nx".encode()), "google")

    assert found["email-header-subject"] == b"[Canceled] Planned"


def test_of_a_mail_in_html_alone_a_plain_text_is_made():
    raw = b"Content-Type: text/html\n\n<style>p {}</style>\n<p>One<br>\n two &amp; three</p><p>four</p>"
    (found,) = candidates(decode(raw), "netflix")

    assert found["text/plain"] == b"One\ntwo & three\nfour\n"


@pytest.mark.parametrize("case", CASES)
def test_a_notice_without_a_date_header_is_read(case: str):
    raw = own(case)
    spoilt = read_message(without_a_date(raw), received_at=read_envelope(raw).date, directory=directory())

    assert [update.windows for update in spoilt.updates] == [update.windows for update in read(raw).updates]
    assert all(update.stamp_inferred for update in spoilt.updates)


def test_characters_beyond_ascii_and_equal_signs_arrive_as_written():
    html = html_of(own("zayo/three_nights"))
    account = re.search(r"Customer:\s*</b>\s*([^<]+)", html)[1].strip()
    (update,) = read(html_mail(own("zayo/three_nights"), html.replace(account, "Größe=AB 2=3"))).updates
    assert update.account == "Größe=AB 2=3"


def test_a_cancellation_of_exa_that_states_no_times_states_none():
    html = (
        "<table><tr><td>Planned Work Notification: 7219044 - Cancelled</td></tr></table>"
        "<table><tr><th>Service</th><th>ID</th><th>Account</th></tr>"
        "<tr><td>IP</td><td>C-1</td><td>ACME</td></tr></table>"
    )
    subject, date = "EXA Planned Work Notification TT 7219044", "Mon, 1 Feb 2027 10:00:00 +0000"
    raw = f"From: x@exainfra.net\nSubject: {subject}\nDate: {date}\nContent-Type: text/html\n\n{html}".encode()

    (update,) = read(raw).updates
    assert (update.event_id, update.windows) == ("7219044", None)
    assert [circuit.circuit_id for circuit in update.circuits] == ["C-1"]


def test_the_readers_of_a_calendar_are_told_as_one():
    assert readers_of(decode(own("bcop/unknown_carrier"))) == ["genericprovider"]


@pytest.mark.parametrize("case", [*CASES, "lumen/scheduled", "crowncastle/scheduled", "colt/announced"])
def test_the_reader_of_a_form_is_told_alone(case: str):
    assert readers_of(decode(own(case))) == [case.partition("/")[0]]


def test_a_city_that_is_not_in_the_table_asks_no_network(monkeypatch):
    def refuse(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    with pytest.raises(LookupError, match="no network is asked"):
        utils.Geolocator().get_location("Nowhere-on-Sea")


def test_the_librarys_log_holds_no_mail():
    assert not logging.getLogger("circuit_maintenance_parser.provider").isEnabledFor(logging.ERROR)


def test_a_reason_holds_nothing_of_the_mail_and_is_one_line():
    raw = b"From: mr@zayo.com\nSubject: x\nContent-Type: text/html\n\n<b>Maintenance Ticket #: secret</b>\n" * 3

    detail = read_message(raw, received_at=read_envelope(own("zayo/cancelled")).date, directory=directory()).detail
    assert "\n" not in detail
    assert len(detail) <= 500


def test_calendars_are_read_by_our_reader_whatever_the_provider_has():
    known = directory([Provider(name="harbour", senders=("@harbourfibre.example",), readers=("genericprovider",))])
    raw = own("bcop/unknown_carrier")

    reading = read_message(raw, received_at=read_envelope(raw).date, directory=known)
    assert (reading.provider, reading.reader) == ("harbour", "maintd/bcop")
    assert len(reading.updates) == 1
