"""The text of a notification as a person sees it: lines, and the rows of its tables. For readers of our own."""

import html
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from parsers.hidden import without_hidden
from parsers.mime import Notification

MOST_CHARACTERS = 500_000
# Of a text that is kept for people.
MOST_READABLE_CHARACTERS = 64_000
_MOST_READABLE_PARTS = 20
# A page that is all headings has no headline.
MOST_HEADLINES = 3
# Mails are wrapped at some 60 to 80 characters.
_SHORTEST_WRAPPED = 55
_MOST_WRAPPED = 10

# What is not closed goes to the end, as in a browser; so each of these patterns reads a page once.
_UNSEEN = re.compile(r"<!--.*?(?:-->|\Z)|<(style|script)\b.*?(?:</\1>|\Z)", re.IGNORECASE | re.DOTALL)
_LINE_TAG = re.compile(r"</?(?:br|p|div|tr|td|th|table|li|ul|h\d|hr|title)\b[^<>]{0,1000}>", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]{0,2000}>")
_QUOTED = re.compile(r"^(?:> ?)+")
_MANY_BLANK_LINES = re.compile(r"\n{3,}")
_SOURCE_BREAK = re.compile(r"[\r\n\t]+")
_HEADING = re.compile(r"<(title|h[1-3])\b[^<>]{0,1000}>(.{0,400}?)</\1>", re.IGNORECASE | re.DOTALL)
# A row that holds no other row, and its cells.
_ROW = re.compile(r"<tr\b[^<>]{0,1000}>((?:(?!</?tr\b).)*)</tr>", re.IGNORECASE | re.DOTALL)
_CELL = re.compile(r"<t[dh]\b[^<>]{0,1000}>((?:(?!</?t[dh]\b).)*)</t[dh]>", re.IGNORECASE | re.DOTALL)


def lines_of(notification: Notification) -> list[str]:
    """Return the lines that are not blank: of the longest html part, else of the plain text; a cell is a line."""
    pages = _pages(notification)
    if pages:
        return _lines(_LINE_TAG.sub("\n", _SOURCE_BREAK.sub(" ", pages[0])))
    return plain_lines_of(notification)


def pieces_of(notification: Notification) -> list[str]:
    """Return what stands between any two tags of the longest html part, where it is not blank."""
    pages = _pages(notification)
    return _lines(_TAG.sub("\n", _SOURCE_BREAK.sub(" ", pages[0]))) if pages else []


def plain_lines_of(notification: Notification) -> list[str]:
    """Return the lines that are not blank of the plain text, without the marks of a quotation."""
    texts = "\n".join(notification.of_type("text/plain"))[:MOST_CHARACTERS]
    return [stripped for line in texts.splitlines() if (stripped := one_line(_QUOTED.sub("", line)))]


def rows_of(notification: Notification) -> list[list[str]]:
    """Return the rows of the tables of the longest html part that hold no other table, as the texts of their cells."""
    pages = _pages(notification)
    rows = _ROW.finditer(pages[0]) if pages else ()
    return [[_text(cell[1]) for cell in _CELL.finditer(row[1])] for row in rows]


def readable_text_of(notification: Notification) -> str:
    """Return what a person reads: the plain text, else the html as lines, else the calendar; then the mails attached.

    At most MOST_READABLE_CHARACTERS, without NUL; empty where there is no text at all.
    """
    parts = (part for part in _readable_parts(notification) if part)
    whole = "\n\n".join(islice(parts, _MOST_READABLE_PARTS)).replace("\0", "")
    return whole[:MOST_READABLE_CHARACTERS].rstrip()


def _readable_parts(notification: Notification) -> Iterator[str]:
    yield (
        _readable(notification.of_type("text/plain"))
        or "\n".join(lines_of(notification))
        or _readable(notification.of_type("text/calendar"))
    )
    for attached in notification.attached:
        yield attached.subject
        yield from _readable_parts(attached)


def _readable(texts: Sequence[str]) -> str:
    """Return texts as they were written, without what is blank beyond a line."""
    whole = "\n\n".join(text[:MOST_READABLE_CHARACTERS] for text in texts[:_MOST_READABLE_PARTS])
    lines = "\n".join(line.rstrip() for line in whole.splitlines())
    return _MANY_BLANK_LINES.sub("\n\n", lines).strip("\n")


def headlines_of(notification: Notification) -> list[str]:
    """Return the title and the first headings of the longest html part."""
    pages = _pages(notification)
    headings = islice(_HEADING.finditer(pages[0]), MOST_HEADLINES) if pages else ()
    return [text for heading in headings if (text := _text(heading[2]))]


def shown_of(page: str) -> str:
    """Return a page as it is where nothing is hidden in it, else without that, comments, styles and scripts."""
    bare = _UNSEEN.sub("", page)
    shown = without_hidden(bare)
    return page if shown == bare else shown


def values_after(lines: Sequence[str], label: re.Pattern[str]) -> Iterator[str]:
    """Yield what stands after a label at the beginning of a line: in the same line, else in the next."""
    for number, line in enumerate(lines):
        if found := label.match(line):
            following = (line[found.end() :], *lines[number + 1 : number + 3])
            yield next((value for text in following if (value := text.strip(" :"))), "")


def going_on(lines: Sequence[str], number: int, *, ends: Callable[[str], bool] | None = None) -> str:
    """Return a line with those on which its sentence goes on, where a program wrapped it.

    Such a line begins with a small letter, behind a long one that ends no sentence. ``ends`` tells of one that does so
    and is something else.
    """
    parts = [lines[number]]
    for line in lines[number + 1 : number + _MOST_WRAPPED]:
        if len(parts[-1]) < _SHORTEST_WRAPPED or parts[-1][-1] in ".!?:;" or not line[:1].islower():
            break
        if ends and ends(line):
            break
        parts.append(line)
    return " ".join(parts)


def one_line(text: str) -> str:
    """Return a text with its lines joined, and one space wherever white space stands."""
    return " ".join(text.split())


def _pages(notification: Notification) -> list[str]:
    """Return the html parts without what nobody sees, the longest first."""
    pages = sorted(notification.of_type("text/html"), key=len, reverse=True)
    return [without_hidden(_UNSEEN.sub("", page))[:MOST_CHARACTERS] for page in pages]


def _lines(marked: str) -> list[str]:
    return [text for line in marked.split("\n") if (text := _text(line))]


def _text(marked: str) -> str:
    return one_line(html.unescape(_TAG.sub("", marked)))
