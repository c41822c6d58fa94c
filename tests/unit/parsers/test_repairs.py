"""What happened to the texts of a notice on its way, undone."""

import pytest

from parsers.mime import decode
from parsers.repairs import decoded_again, versions

BANNER = "CAUTION: this email is from outside of the organization."


def versions_of(text: str, kind: str = "html") -> list[str]:
    raw = f"Subject: x\nContent-Type: text/{kind}; charset=utf-8\n\n{text}"
    return [version.texts[0].text for version in versions(decode(raw.encode()))]


@pytest.mark.parametrize(
    ("text", "decoded"),
    [
        ('<p class=3D"a">b</p>', '<p class="a">b</p>'),
        (
            "a line that is longer than forty characters and th=\nat was broken",
            "a line that is longer than forty characters and that was broken",
        ),
        ("M=C3=BCnchen is=3Dfine", "München is=fine"),
        (
            '<p class="a">one line with more than forty characters bef=\nore its end</p>',
            '<p class="a">one line with more than forty characters before its end</p>',
        ),
    ],
)
def test_what_is_still_in_quoted_printable_is_decoded(text, decoded):
    assert decoded_again(text) == decoded


@pytest.mark.parametrize(
    "text",
    ["", "a = b", '<p width=20 class="a">', "https://x.example/?id=AB", "<a href=\n'x'>", "=====\n-----\n=====\n"],
)
def test_what_is_not_in_quoted_printable_is_left(text):
    assert decoded_again(text) is None


@pytest.mark.parametrize(
    "banner",
    [
        f"<table><tr><td>{BANNER}</td></tr></table>",
        f"<table><tr><td><table><tr><td></td><td>{BANNER}</td></tr></table></td></tr></table>",
        f"<div><div>{BANNER}</div></div>",
        "<table><tr><td>ACHTUNG: Diese E-Mail stammt von einem externen Absender.</td></tr></table>",
        "<table><tr><td>ATTENTION : cet e-mail provient de l&#39;extérieur de l'organisation</td></tr></table>",
        "<table><tr><td>PRECAUCIÓN: este correo se originó fuera de la organización</td></tr></table>",
    ],
)
def test_a_banner_is_taken_off_and_nothing_else(banner):
    notice = "<div><table><tr><td>Circuit</td></tr></table></div>"

    assert versions_of(f"<body>{banner}{notice}") == [f"<body>{banner}{notice}", f"<body>{notice}"]


def test_a_banner_that_stands_in_one_element_with_the_notice_is_taken_off_alone():
    page = f"<div><table><tr><td>{BANNER}</td></tr></table><p>Circuit</p></div>"

    assert versions_of(page)[-1] == "<div><p>Circuit</p></div>"


def test_a_banner_in_plain_text_is_a_paragraph():
    assert versions_of(f"{BANNER}\nDo not click.\n\nCircuit", "plain")[-1] == "\n\nCircuit"


def test_hard_spaces_become_spaces():
    assert versions_of("a&nbsp;b\xa0c")[-1] == "a b c"


def test_a_text_to_which_nothing_happened_has_one_version():
    assert versions_of("<p>External work outside of the city</p>") == ["<p>External work outside of the city</p>"]


def test_a_text_longer_than_any_notice_is_left():
    assert len(versions_of("a&nbsp;b" + " " * 1_000_000)) == 1


def test_a_calendar_is_only_decoded():
    text = "BEGIN:VCALENDAR\nX-A;VALUE=3DTEXT:Diese E-Mail stammt von einem externen Absender\nEND:VCALENDAR"

    assert versions_of(text, "calendar") == [text.replace("=3D", "="), text]
