"""The headers of a message and its parts, whatever the bytes are."""

import base64
from datetime import UTC, datetime, timedelta

import pytest

from parsers.mime import DEPTH, PARTS, TABLE_DEPTH, TEXT_BYTES, MalformedMessage, decode, one_address, read_envelope

MAIL = b"""\
Received: from a (a [192.0.2.1]) by b; Mon, 1 Nov 2021 10:00:05 +0100 (CET)
Received: from c by d; Mon, 1 Nov 2021 08:00:00 +0000
Message-ID: <1@zayo.com>
From: MR Zayo <MR@zayo.com>
Subject: =?utf-8?q?Caf=C3=A9?=
 =?utf-8?q?_work?= tonight
Date: Mon, 1 Nov 2021 09:00:00 +0000

The body.
"""


def mail(*headers: str, body: str = "text\n") -> bytes:
    return ("\n".join(headers) + "\n\n" + body).encode()


def part(content_type: str, body: str, *headers: str) -> str:
    return "\n".join((f"Content-Type: {content_type}", *headers, "", body))


def multipart(*parts: str, boundary: str = "b") -> bytes:
    body = "".join(f"--{boundary}\n{piece}\n" for piece in parts) + f"--{boundary}--\nepilogue\n"
    return mail(f'Content-Type: multipart/mixed; boundary="{boundary}"', body="preamble\n" + body)


def nested(depth: int) -> bytes:
    body = "text"
    for level in range(depth):
        body = f'Content-Type: multipart/mixed; boundary="{level}"\n\n--{level}\n{body}\n--{level}--'
    return body.encode()


class TestEnvelope:
    def test_the_headers_are_decoded(self):
        envelope = read_envelope(MAIL)

        assert envelope.message_id == "<1@zayo.com>"
        assert envelope.from_header == "MR Zayo <MR@zayo.com>"
        assert envelope.sender == "mr@zayo.com"
        assert envelope.sender_problem is None
        assert envelope.subject == "Café work tonight"
        assert envelope.date == datetime(2021, 11, 1, 9, tzinfo=UTC)

    def test_the_topmost_received_header_dates_the_receipt(self):
        assert read_envelope(MAIL).received_at == datetime(2021, 11, 1, 9, 0, 5, tzinfo=UTC)

    def test_line_ends_do_not_change_the_identity(self):
        assert read_envelope(MAIL.replace(b"\n", b"\r\n")) == read_envelope(MAIL)

    def test_line_ends_do_not_change_the_identity_without_a_message_id(self):
        bare = MAIL.replace(b"Message-ID: <1@zayo.com>\n", b"")

        assert read_envelope(bare.replace(b"\n", b"\r\n")) == read_envelope(bare)

    def test_transport_headers_and_empty_lines_at_the_end_do_not_change_the_identity(self):
        again = b"Received: from x by y; Mon, 1 Nov 2021 11:00:00 +0000\n" + MAIL + b"\n\n"

        assert read_envelope(again).identity == read_envelope(MAIL).identity

    def test_another_body_under_the_same_message_id_is_another_message(self):
        assert read_envelope(MAIL + b"more").identity != read_envelope(MAIL).identity

    def test_two_messages_without_headers_are_two(self):
        assert read_envelope(b"garbage 1").identity != read_envelope(b"garbage 2").identity

    def test_the_separator_line_of_an_mbox_and_a_byte_order_mark_are_no_headers(self):
        assert read_envelope(b"From x@y Mon Nov  1 10:00:00 2021\n" + MAIL) == read_envelope(MAIL)
        assert read_envelope(b"\xef\xbb\xbf\r\n" + MAIL) == read_envelope(MAIL)

    def test_control_characters_are_removed_from_what_is_shown(self):
        envelope = read_envelope(mail("Subject: =?utf-8?q?a=0Ab=1B[31m=E2=80=AEc?= \x07d", "From: \x00a@b.example"))

        assert envelope.subject == "a b[31mc d"
        assert envelope.sender == "a@b.example"

    def test_headers_in_latin_1_and_words_in_unknown_charsets_are_read(self):
        envelope = read_envelope(b"Subject: caf\xe9 =?x-nope?q?=E9?= =?zip?b?QQ==?= =?utf-8?b?Q?=\n\nx")

        assert envelope.subject == "café éA"

    def test_a_character_split_over_two_encoded_words_is_put_together(self):
        assert read_envelope(b"Subject: =?utf-8?q?=C3?= =?utf-8?q?=A9?=\n\n").subject == "é"

    def test_a_long_subject_is_cut(self):
        assert len(read_envelope(b"Subject: " + b"x" * 100_000 + b"\n\n").subject) == 998

    @pytest.mark.parametrize(
        "date",
        [
            "",
            "yesterday",
            "Mon, 1 Nov 2021 09:00:00",
            "Mon, 1 Nov 2021 09:00:00 XYZ",
            "Mon, 99 Nov 2021 09:00:00 +0000",
            "Mon, 1 Nov 1970 09:00:00 +0000",
            "Mon, 1 Nov 9999 23:59:59 -2300",
            "Mon, 1 Nov 99999 09:00:00 +0000",
            "Mon, 1 Nov 2021 09:00:00 +9999",
        ],
    )
    def test_a_date_that_is_no_instant_is_none(self, date):
        assert read_envelope(mail(f"Date: {date}")).date is None

    @pytest.mark.parametrize("zone", ["+0000", "-0000", "GMT", "UT", "EST"])
    def test_a_date_with_a_known_zone_is_an_instant(self, zone):
        assert read_envelope(mail(f"Date: Mon, 1 Nov 2021 09:00:00 {zone}")).date is not None

    def test_a_received_header_without_a_date_is_not_passed_over(self):
        assert read_envelope(b"Received: from x\n" + MAIL).received_at is None

    @pytest.mark.parametrize(
        "raw",
        [
            b"",
            b"\n",
            b"\0" * 1000,
            b"Subject: " + b"=?utf-8?q?a?= " * 40_000 + b"\n\n",
            b"From: " + b"(" * 100_000 + b"\n\n",
            b"To: " + b"a@b, " * 100_000 + b"\n\n",
            b"X: y\n" * 200_000,
            bytes(range(256)) * 10,
        ],
        ids=["empty", "newline", "NULs", "words", "parentheses", "addresses", "headers", "bytes"],
    )
    def test_hostile_headers_are_read_without_an_error(self, raw):
        assert read_envelope(raw).identity


class TestSender:
    @pytest.mark.parametrize(
        ("header", "address"),
        [
            ("mr@zayo.com", "mr@zayo.com"),
            ("<MR@Zayo.COM>", "mr@zayo.com"),
            ('"Zayo, MR" <mr@zayo.com>', "mr@zayo.com"),
            ("Zayo, MR <mr@zayo.com>", "mr@zayo.com"),
            ("mr@zayo.com (a comment, with (one) in it)", "mr@zayo.com"),
            ("NOC: mr@zayo.com;", "mr@zayo.com"),
            ("noc@carrier.net <x@evil.net>", "x@evil.net"),
            ('"noc@carrier.net" <x@evil.net>', "x@evil.net"),
            ('"a \\" noc@carrier.net" <x@evil.net>', "x@evil.net"),
            ("=?utf-8?q?noc=40carrier.net?= <x@evil.net>", "x@evil.net"),
            ("(<noc@carrier.net>) x@evil.net", "x@evil.net"),
        ],
    )
    def test_the_address_is_that_of_rfc_5322(self, header, address):
        assert one_address(header) == address
        assert read_envelope(mail(f"From: {header}")).sender == address

    @pytest.mark.parametrize(
        ("headers", "problem"),
        [
            (("From: <a@x.net>, <b@y.net>",), "2 addresses in the From header"),
            (("From: a@x.net, Noc <b@y.net>",), "2 addresses in the From header"),
            (("From: a@x.net", "from: a@x.net"), "2 From headers"),
            (("Subject: x",), "no From header"),
            (("From: nobody",), "no address in the From header that can be read"),
            (("From: undisclosed: ;",), "no address in the From header that can be read"),
            (("From: <a@x.net> <b@y.net>",), "no address in the From header that can be read"),
            (("From: a@x.net b@y.net",), "no address in the From header that can be read"),
            (("From: a@b@c.net",), "no address in the From header that can be read"),
            (('From: "unterminated <a@x.net>',), "no address in the From header that can be read"),
        ],
    )
    def test_no_or_more_than_one_address_is_a_problem(self, headers, problem):
        envelope = read_envelope(mail(*headers))

        assert (envelope.sender, envelope.sender_problem) == (None, problem)


class TestParts:
    def test_the_texts_are_kept_by_type(self):
        notification = decode(
            multipart(part("text/plain", "plain"), part("text/html; charset=utf-8", "<p>é"), part("image/png", "x"))
        )

        assert [(text.type, text.text) for text in notification.texts] == [
            ("text/plain", "plain"),
            ("text/html", "<p>é"),
        ]

    def test_transfer_encodings_are_decoded(self):
        encoded = base64.encodebytes("BEGIN:VCALENDAR é".encode()).decode()
        notification = decode(
            multipart(
                part("text/plain", "a=3Db=\nc =C3=A9", "Content-Transfer-Encoding: Quoted-Printable"),
                part("text/calendar", encoded, "Content-Transfer-Encoding: BASE64"),
                part("text/calendar", encoded.strip().rstrip("=") + "!", "Content-Transfer-Encoding: base64"),
            )
        )

        assert notification.of_type("text/plain") == ["a=bc é"]
        assert notification.of_type("text/calendar") == ["BEGIN:VCALENDAR é"] * 2

    @pytest.mark.parametrize(
        ("content", "charset", "text"),
        [
            (b"\xe9", "iso-8859-1", "é"),
            (b"\xc3\xa9", "us-ascii", "é"),
            (b"\x80", "utf-8", "€"),
            (b"\x81", "utf-8", "\x81"),
            (b"x", "x-nope", "x"),
            (b"x", "idna", "x"),
            (b"x", "punycode", "x"),
            (b"x", "zip", "x"),
        ],
    )
    def test_a_text_is_read_by_its_charset_or_else_by_the_likeliest(self, content, charset, text):
        raw = f"Content-Type: text/plain; charset={charset}\n\n".encode() + content

        assert decode(raw).of_type("text/plain") == [text]

    def test_an_attached_message_is_a_notification_of_its_own(self):
        inner = "From: mr@zayo.com\nSubject: inner\nDate: Mon, 1 Nov 2021 09:00:00 +0200\n\ninner text"
        notification = decode(multipart(part("text/plain", "see below"), part("message/rfc822", inner)))

        attached = notification.attached[0]
        assert notification.of_type("text/plain") == ["see below"]
        assert attached.of_type("text/plain") == ["inner text"]
        assert (attached.sender, attached.subject) == ("mr@zayo.com", "inner")
        assert (attached.date, attached.date_offset) == (datetime(2021, 11, 1, 7, tzinfo=UTC), timedelta(hours=2))

    def test_a_message_attached_in_base64_or_as_a_file_is_one_too(self):
        inner = base64.encodebytes(b"Subject: inner\n\ntext").decode()
        for content_type in ("message/rfc822", 'application/octet-stream; name="notice.eml"'):
            notification = decode(multipart(part(content_type, inner, "Content-Transfer-Encoding: base64")))
            assert [attached.subject for attached in notification.attached] == ["inner"]

    def test_a_calendar_sent_as_a_file_is_a_calendar(self):
        named = part("application/octet-stream", "BEGIN:VCALENDAR", 'Content-Disposition: attachment; filename="A.ICS"')

        assert decode(multipart(named)).of_type("text/calendar") == ["BEGIN:VCALENDAR"]

    def test_a_multipart_is_read_without_its_stated_boundary_and_without_its_end(self):
        raw = mail("Content-Type: multipart/mixed", body="--x\nContent-Type: text/html\n\n<p>one\n--x\n\ntwo")

        notification = decode(raw)
        assert notification.of_type("text/html") == ["<p>one"]
        assert notification.of_type("text/plain") == ["two"]

    def test_a_part_without_headers_keeps_its_first_line(self):
        assert decode(multipart("\nNote: not a header")).of_type("text/plain") == ["Note: not a header"]

    def test_a_message_nested_too_deep_is_malformed(self):
        assert decode(nested(DEPTH)).of_type("text/plain") == ["text"]
        for depth in (DEPTH + 1, 2000):
            with pytest.raises(MalformedMessage, match=f"more than {DEPTH} deep"):
                decode(nested(depth))

    def test_attached_messages_nested_too_deep_are_malformed(self):
        with pytest.raises(MalformedMessage, match=f"more than {DEPTH} deep"):
            decode(b"Content-Type: message/rfc822\n\n" * 5000)

    def test_a_message_of_too_many_parts_is_malformed(self):
        assert len(decode(multipart(*["\nx"] * (PARTS - 1))).texts) == PARTS - 1
        for parts in (PARTS, 200_000):
            with pytest.raises(MalformedMessage, match=f"more than {PARTS} parts"):
                decode(multipart(*["\nx"] * parts))

    def test_the_parts_of_attached_messages_count_too(self):
        inner = multipart(*["\nx"] * 60).decode()

        with pytest.raises(MalformedMessage, match="parts"):
            decode(multipart(part("message/rfc822", inner), part("message/rfc822", inner), boundary="outer"))

    def test_too_large_a_text_is_left_out_and_said(self):
        notification = decode(multipart(part("text/html", "x" * (TEXT_BYTES + 1)), part("text/plain", "y")))

        assert [text.type for text in notification.texts] == ["text/plain"]
        assert notification.problems == (f"left out a text/html part of {TEXT_BYTES + 1} bytes",)

    def test_tables_nested_too_deep_are_left_out_and_said(self):
        assert decode(mail("Content-Type: text/html", body="<table>" * TABLE_DEPTH)).texts
        assert not decode(mail("Content-Type: text/html", body="<table>" * (TABLE_DEPTH + 1))).texts

    def test_winmail_dat_is_said(self):
        assert "winmail.dat" in decode(multipart(part("application/ms-tnef", "x"))).problems[0]

    @pytest.mark.parametrize(
        "raw",
        [
            b"",
            b"Content-Type: " + b"; a=b" * 20_000 + b"\n\nx",
            b'Content-Type: text/plain; charset="' + b"x" * 100_000 + b'"\n\nx',
            b"Content-Type: text/plain; charset=utf-8\0\n\nx",
            b'Content-Type: multipart/mixed; boundary=""\n\n--\n--\n--\n',
            b"Content-Type: multipart/mixed; boundary=a\n\n" + b"--a" * 100_000,
            b"Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\n\xff\xfe===A",
            b"Content-Type: multipart/mixed\n\n",
        ],
    )
    def test_hostile_parts_are_read_without_an_error(self, raw):
        decode(raw)


def test_white_space_at_the_end_of_a_quoted_printable_line_is_none_of_the_text():
    raw = b"Content-Type: text/plain\nContent-Transfer-Encoding: quoted-printable\n\none =\t \ntwo  \r\nthree=20\n"

    (text,) = decode(raw).of_type("text/plain")

    assert text == "one two\nthree \n"
