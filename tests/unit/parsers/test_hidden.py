"""What of a page nobody sees does not count."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parsers.hidden import without_hidden
from parsers.lines import lines_of, rows_of
from parsers.mime import Notification, decode


def mail(body: str) -> Notification:
    return decode(f"Content-Type: text/html; charset=utf-8\n\n{body}".encode())


def seen(page: str) -> str:
    return " ".join(re.sub(r"<[^<>]*>", " ", without_hidden(page)).split())


@pytest.mark.parametrize(
    "attributes",
    [
        "style='display:none'",
        'style="color:red; DISPLAY : none !important; margin:0"',
        "STYLE=display:none",
        "style='visibility:hidden'",
        "style='font-size:0'",
        "style='font-size:0px;line-height:0'",
        "style='mso-hide:all'",
        "style='max-height:0px;overflow:hidden'",
        "style='opacity:0'",
        "style='display&#58;none'",
        "hidden",
        "class='x' hidden=''",
    ],
)
def test_an_element_that_is_hidden_says_nothing(attributes: str) -> None:
    for name in ("div", "p", "span", "table", "font"):
        page = f"<p>one</p><{name} {attributes}>Status: <b>Resolved</b></{name}><p>two</p>"
        assert seen(page) == "one two"
        assert lines_of(mail(page)) == ["one", "two"]


@pytest.mark.parametrize(
    "attributes",
    [
        "",
        "style='display:block'",
        "style='display:none;display:block'",
        "style='font-size:0.9em'",
        "style='opacity:0.8'",
        "style='max-height:0'",
        "class='not hidden at all'",
        "class='hidden'",
        "data-note='display:none'",
        "style='overflow:hidden'",
        "style='line-height:0'",
    ],
)
def test_an_element_that_only_looks_like_it_is_seen(attributes: str) -> None:
    assert seen(f"<p>one</p><div {attributes}>two</div>") == "one two"


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<div hidden>x<div>y</div>z</div>one", "one"),
        ("<div hidden>x<div hidden>y</div>z</div>one<div hidden>q</div>two", "onetwo"),
        ("<div style='font-size:0'><span style='font-size:14px'>one</span></div>", "one"),
        ("<div style='font-size:0'>x</div><div style='font-size:14px'>one</div>", "one"),
        ("<div style='visibility:hidden'>x<b style='visibility:visible'>one</b></div>", "x one"),
        ("<div hidden>x<b style='font-size:9px'>y</b></div>one", "one"),
        ("<input hidden>one<br hidden>two<img style='display:none'>three", "one two three"),
    ],
)
def test_an_element_hides_what_is_in_it_unless_that_has_a_look_of_its_own(page: str, text: str) -> None:
    assert seen(page) == text


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<p hidden>x<p>one", "one"),
        ("<p hidden>x<table><tr><td>one</table>", "one"),
        ("<ul><li hidden>x<li>one</ul>two", "one two"),
        ("<ul><li hidden>x<ul><li>y</ul>z<li>one</ul>", "one"),
        ("<table><tr><td hidden>x<td>one<tr hidden><td>y<td>z<tr><td>two</table>three", "one two three"),
        ("<table><tr><td hidden>x<table><tr><td>y</td></tr></table>z</td><td>one</td></tr></table>", "one"),
        ("<table><tbody hidden><tr><td>x<tbody><tr><td>one</table>", "one"),
        ("<div><table><tr><td><div hidden>x</td></tr></table>one</div>two", "one two"),
        ("<div><span hidden>x</div>one", "one"),
        ("<b>one<div hidden>x</b>two</div>three", "one two three"),
    ],
)
def test_what_nobody_closed_ends_where_a_browser_ends_it(page: str, text: str) -> None:
    assert seen(page) == text


@pytest.mark.parametrize(
    "page",
    [
        "<div hidden>one",
        "<html><body><div hidden>one</body></html>",
        "<div hidden>one</span></div",
        "<div><div hidden>one</div></div>",
        "<div hidden>one</div>&nbsp;<br>",
        "one</div></td></table>",
    ],
)
def test_no_page_is_hidden_as_a_whole(page: str) -> None:
    assert without_hidden(page) == page


def test_a_cell_that_is_hidden_is_none() -> None:
    page = "<table><tr><td>Status</td><td style='display:none'>Resolved</td><td>Open</td></tr></table>"
    assert rows_of(mail(page)) == [["Status", "Open"]]


pieces = st.sampled_from(
    ["<div hidden>", "</div>", "<p hidden>", "<p>", "<td>", "</td>", "<tr hidden>", "<table>", "</table>", "x", "<b>",
     "</b>", "<li>", "<ul>", "</ul>", "<i style='font-size:0'>", "</i>", "<i style='font-size:9px'>", "<", ">"]
)  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(body=st.lists(pieces, max_size=25).map("".join))
def test_no_page_does_harm_and_what_is_seen_is_part_of_it(body: str) -> None:
    rest = iter(body)
    assert all(character in rest for character in without_hidden(body))


@pytest.mark.parametrize("piece", ["<div hidden>", "<p hidden><b>", "</div>", "<td hidden>x", "<table hidden><tr><td>"])
def test_a_page_of_unclosed_elements_is_read_once(piece: str) -> None:
    page = "one" + piece * 40_000
    assert seen(page).startswith("one")
