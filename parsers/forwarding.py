"""What a person sent on in the body of a mail: whose notice it was, and of when.

Read are the header block of Gmail's forwards and that of Outlook's in English. A notice that was attached as a mail
needs none of this: it has headers of its own.
"""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from parsers.mime import Notification, instant_of, one_address

MOST_BLOCKS = 5

_SEARCHED_CHARACTERS = 100_000
_BLOCK_LINES = 15
_HEADER = re.compile(r"[>*\s]*(From|Date|Sent|Subject):[*\s]*(.*?)[*\s]*", re.IGNORECASE)
_BLANK = re.compile(r"[>*\s]*")
_MAILTO = re.compile(r"<mailto:[^>\s]*>")
_BRACKETS = re.compile(r"\[(?:mailto:)?([^\]\s]+@[^\]\s]+)\]")
_LINE_END_TAG = re.compile(r"<(?:br|/p|/div|/tr|/h\d)\b[^<>]{0,500}>", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]{0,2000}>")
_DATE_NOISE = re.compile(r"^(?:Mon|Tues?|Wed(?:nes)?|Thu(?:rs)?|Fri|Sat(?:ur)?|Sun)(?:day)?\b|,|\bat\b", re.IGNORECASE)
_MONTH = re.compile(r"\b(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\b", re.IGNORECASE)
_DATE_FORMATS = (
    "%b %d %Y %I:%M %p",
    "%b %d %Y %I:%M:%S %p",
    "%b %d %Y %H:%M",
    "%b %d %Y %H:%M:%S",
    "%d %b %Y %I:%M %p",
    "%d %b %Y %I:%M:%S %p",
    "%d %b %Y %H:%M",
    "%d %b %Y %H:%M:%S",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forward:
    """The headers of a mail as they stand in the body of another. ``date`` None: it cannot be read."""

    sender: str
    subject: str
    date: datetime | None


def forwards_in(notification: Notification) -> Iterator[Forward]:
    """Yield the mails that were forwarded in the body, the outermost first."""
    for text in (*notification.of_type("text/plain"), *map(_text_of, notification.of_type("text/html"))):
        found = list(_blocks(text[:_SEARCHED_CHARACTERS], notification))
        if found:
            yield from found[:MOST_BLOCKS]
            return


def _blocks(text: str, outer: Notification) -> Iterator[Forward]:
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if "from:" in line.lower() and (forward := _block(lines[number : number + _BLOCK_LINES], outer)):
            yield forward


def _block(lines: list[str], outer: Notification) -> Forward | None:
    """Return the block that begins with a From line; None if there is no block: a subject and a date belong to it."""
    headers: dict[str, str] = {}
    for line in lines:
        if _BLANK.fullmatch(line):
            break
        if match := _HEADER.fullmatch(line):
            headers.setdefault(match[1].lower(), match[2])
    date = headers.get("sent", headers.get("date"))
    sender = one_address(_plain_address(headers["from"])) if "from" in headers else None
    if sender is None or date is None or "subject" not in headers:
        return None
    return Forward(sender=sender, subject=headers["subject"], date=_date(date, outer))


def _plain_address(text: str) -> str:
    """Return a From line without Outlook's second writing of the address."""
    return _BRACKETS.sub(r"<\1>", _MAILTO.sub("", text))


def _date(text: str, outer: Notification) -> datetime | None:
    """Return the date of a forwarded mail in UTC; one without a zone is in that of the mail that forwards it.

    A date after that of the forward cannot be right.
    """
    exact = instant_of(text)
    date = exact[0] if exact else _local_date(text, outer.date_offset or timedelta(0))
    if date is None or (outer.date and date > outer.date + timedelta(minutes=1)):
        return None
    return date


def _local_date(text: str, offset: timedelta) -> datetime | None:
    words = _MONTH.sub(lambda month: month[1], " ".join(_DATE_NOISE.sub(" ", text.strip()[:100]).split()))
    for form in _DATE_FORMATS:
        try:
            return datetime.strptime(words, form).replace(tzinfo=UTC) - offset
        except (ValueError, OverflowError):
            continue
    return None


def _text_of(text: str) -> str:
    """Return the beginning of an html text as plain lines, well enough to find a header block in it."""
    lines = _LINE_END_TAG.sub("\n", text[: 2 * _SEARCHED_CHARACTERS].replace("\r", "").replace("\n", " "))
    return html.unescape(_TAG.sub("", lines)).replace("\xa0", " ")
