"""What a message says to a person, as it is kept beside its event."""

from parsers.lines import MOST_READABLE_CHARACTERS, readable_text_of
from parsers.mime import decode

HEAD = b"From: noc@carrier.example\nSubject: Splicing\n"
PAGE = b"<html><style>p {}</style><p>Dear customer,</p><p>we splice <b>tonight</b>.</p></html>"


def mail(content_type: str, body: bytes) -> bytes:
    return HEAD + f"Content-Type: {content_type}\n\n".encode() + body


def parts(*inner: bytes, subtype: str = "mixed") -> bytes:
    head = HEAD + f'Content-Type: multipart/{subtype}; boundary="b0"\n\n'.encode()
    return head + b"".join(b"--b0\n" + part + b"\n" for part in inner) + b"--b0--\n"


def part(content_type: str, body: bytes) -> bytes:
    return f"Content-Type: {content_type}\n\n".encode() + body


def text_of(raw: bytes) -> str:
    return readable_text_of(decode(raw))


def test_the_plain_text_is_kept_as_it_was_written():
    body = b"\n\nDear customer,\r\n\r\n  we splice tonight:   \n> quoted\n\n\n\n\nThe NOC\n\n"
    assert text_of(mail("text/plain", body)) == "Dear customer,\n\n  we splice tonight:\n> quoted\n\nThe NOC"


def test_the_plain_text_comes_before_the_page():
    raw = parts(part("text/html", PAGE), part("text/plain", b"in words"), subtype="alternative")
    assert text_of(raw) == "in words"


def test_a_page_is_its_lines():
    assert text_of(mail("text/html", PAGE)) == "Dear customer,\nwe splice tonight."
    blank = parts(part("text/plain", b" \n\n"), part("text/html", PAGE), subtype="alternative")
    assert text_of(blank) == "Dear customer,\nwe splice tonight."


def test_a_calendar_alone_is_better_than_nothing():
    calendar = b"BEGIN:VCALENDAR\nSUMMARY:Splicing\nEND:VCALENDAR\n"
    assert text_of(mail("text/calendar", calendar)).splitlines()[1] == "SUMMARY:Splicing"
    assert text_of(mail("image/png", b"x")) == ""


def test_a_mail_that_is_attached_stands_below_with_its_subject():
    inner = b"Content-Type: message/rfc822\n\n" + mail("text/plain", b"we splice tonight")
    assert text_of(parts(part("text/plain", b"fyi"), inner)) == "fyi\n\nSplicing\n\nwe splice tonight"
    assert text_of(parts(inner)) == "Splicing\n\nwe splice tonight"


def test_a_text_has_an_end_and_no_nul():
    assert text_of(mail("text/plain", b"a\0b " * 3)) == "ab ab ab"
    assert text_of(mail("text/html", b"<p>a\0b</p>")) == "ab"
    assert len(text_of(mail("text/plain", b"x" * 100_000))) == MOST_READABLE_CHARACTERS
    many = text_of(parts(*(part("text/plain", b"x" * 50_000) for _ in range(90))))
    assert len(many) == MOST_READABLE_CHARACTERS
