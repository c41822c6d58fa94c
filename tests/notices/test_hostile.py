"""Hostile mails whose end the reading itself decides, and what the walk through their parts costs."""

import warnings
import zipfile
from io import BytesIO

import pytest

from domain.message import Disposition
from domain.plausibility import refuse
from parsers.mime import ELEMENT_DEPTH, HEADER_BLOCK_BYTES, TAGS, MalformedMessage, decode, read_envelope, to_text
from parsers.providers import directory
from parsers.reading import read_message
from parsers.spreadsheets import COLUMNS, ROWS, fault_of
from tests.hostile import (
    QUICK,
    RECEIVED,
    STEERING_SUBJECT,
    circuits_sheet,
    end_of,
    good_with,
    in_charset,
    mail,
    spreadsheet,
    without,
    zayo,
)


@pytest.mark.parametrize("row", QUICK, ids=lambda row: row.name)
def test_a_hostile_mail_comes_to_its_end(row):
    reading = read_message(row.make(), received_at=RECEIVED, directory=directory())

    assert end_of(reading.disposition, reading.reason) == row.end
    assert row.detail in reading.detail
    assert [line for update in reading.updates for line in refuse(update, RECEIVED)] == []


def test_the_rows_have_names_of_their_own():
    assert len({row.name for row in QUICK}) == len(QUICK)


@pytest.mark.parametrize(
    "charset", ["x-nope", "unicode_escape", "raw-unicode-escape", "idna", "zip", "utf-8\0", "utf-16"]
)
def test_what_is_no_charset_of_a_text_is_not_asked(charset):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert to_text(rb"a \q \u00e9 b", charset) == r"a \q \u00e9 b"


def test_a_notice_in_a_strange_charset_says_the_same():
    plain = read_message(in_charset("utf-8", zayo(note="é"), "utf-8"), received_at=RECEIVED, directory=directory())
    strange = read_message(in_charset("x-nope", zayo(note="é"), "utf-8"), received_at=RECEIVED, directory=directory())

    assert [(one.event_id, one.windows, one.summary) for one in strange.updates] == [
        (one.event_id, one.windows, one.summary) for one in plain.updates
    ]


def test_an_equals_sign_in_an_id_stays():
    raw = in_charset("utf-8", zayo(circuit="/OQYX/=AB=41/"), "utf-8")
    update = read_message(raw, received_at=RECEIVED, directory=directory()).updates[0]

    assert [circuit.circuit_id for window in update.windows for circuit in window.circuits] == ["/OQYX/=AB=41/"]


def test_nothing_that_steers_a_terminal_or_a_log_is_left_in_what_is_kept():
    raw = good_with(subject=STEERING_SUBJECT)
    reading = read_message(raw, received_at=RECEIVED, directory=directory())

    for text in (read_envelope(raw).subject, repr(reading)):
        assert not set(text) & {"\n", "\r", "\x1b", "\u202e"}
    assert "ZAYO event=forged" in read_envelope(raw).subject


def test_a_notice_without_a_date_is_dated_by_its_receipt():
    reading = read_message(without("Date"), received_at=RECEIVED, directory=directory())

    assert [update.stamp for update in reading.updates] == [RECEIVED]


def test_the_notice_that_is_attached_speaks_and_not_the_covering_mail():
    row = next(row for row in QUICK if row.name == "a notice attached by a colleague")
    reading = read_message(row.make(), received_at=RECEIVED, directory=directory())

    assert (reading.provider, [update.event_id for update in reading.updates]) == ("zayo", ["TTN-0008800001"])


class TestLimits:
    def test_headers_up_to_the_limit_are_read(self):
        without_room = len(good_with(more="X: \n").partition(b"\n\n")[0]) + 2
        room = HEADER_BLOCK_BYTES - 1 - without_room

        assert decode(good_with(more=f"X: {'a' * room}\n")).of_type("text/html")
        with pytest.raises(MalformedMessage, match="headers of more than"):
            decode(good_with(more=f"X: {'a' * (room + 1)}\n"))

    def test_elements_that_end_by_themselves_are_not_in_each_other(self):
        rows = "<tr><td><p><li>" * (ELEMENT_DEPTH + 1)

        assert decode(mail("a@b.example", f"<table>{rows}")).texts

    def test_elements_that_are_closed_are_not_in_each_other(self):
        assert decode(mail("a@b.example", "<b></b></i>" * (2 * ELEMENT_DEPTH))).texts
        assert decode(mail("a@b.example", "<b>" * ELEMENT_DEPTH)).texts
        assert not decode(mail("a@b.example", "<b>" * (ELEMENT_DEPTH + 1))).texts

    def test_tags_up_to_the_limit_are_read(self):
        assert decode(mail("a@b.example", "<br>" * TAGS)).texts
        assert decode(mail("a@b.example", "<br>" * (TAGS + 1))).problems == (
            f"left out a text/html part with more than {TAGS} tags",
        )

    def test_html_that_has_lost_its_type_is_html(self):
        assert decode(b"From: a@b.example\n\n <!DOCTYPE html><p>x").of_type("text/html")
        assert not decode(b"From: a@b.example\n\na < html").of_type("text/html")
        assert not decode(b"From: a@b.example\nContent-Type: text/plain\n\n<html>").of_type("text/html")


class TestSpreadsheets:
    @pytest.mark.parametrize(
        "rows",
        [
            f'<row r="{ROWS + 1}"/>',
            "<row/>" * (ROWS + 1),
            f'<row><c r="A{ROWS + 1}"/></row>',
            f"<row>{'<c/>' * (COLUMNS + 1)}</row>",
            '<row><c r="IW1"/></row>',
            '<row><c r="&#73;W1"/></row>',
            '<x:row xmlns:x="a" r="20000"/>',
            f'<row r="{ROWS}"><c r="IV{ROWS}"/></row>',
        ],
    )
    def test_a_sheet_with_too_many_cells_is_not_read(self, rows):
        assert fault_of(spreadsheet(circuits_sheet(more=rows)))

    @pytest.mark.parametrize(
        "rows", ["", f'<row r="{ROWS}"><c r="A{ROWS}"/></row>', '<row><c r="IV1"/></row>', "<row>"]
    )
    def test_another_is(self, rows):
        assert fault_of(spreadsheet(circuits_sheet(more=rows))) is None

    def test_a_sheet_in_another_encoding_is_looked_at_too(self):
        sheet = circuits_sheet(more='<row r="20000"/>').replace('version="1.0"', 'version="1.0" encoding="utf-16"')

        assert fault_of(archive(sheet.encode("utf-16")))

    def test_a_size_that_is_stated_too_low_does_not_help(self):
        content = spreadsheet(circuits_sheet(more="<row/>" * 100_000))
        unpacked = len(circuits_sheet(more="<row/>" * 100_000)).to_bytes(4, "little")
        assert unpacked in content

        assert fault_of(content.replace(unpacked, (1000).to_bytes(4, "little")))

    def test_what_is_no_spreadsheet_has_no_fault(self):
        assert fault_of(b"Circuit ID\tx") is None


def archive(sheet: bytes) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        made.writestr("xl/worksheets/sheet1.xml", sheet)
    return buffer.getvalue()


def test_every_end_is_one_that_a_message_can_have():
    assert {row.end for row in QUICK} <= {
        *Disposition,
        "untrusted",
        "malformed",
        "unparsed",
        "invalid",
        "unknown_provider",
    }
