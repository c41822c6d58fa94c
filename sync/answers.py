"""What a NetBox, or whatever stands where one was expected, means by an answer: pure functions."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from html import unescape
from http import HTTPStatus
from typing import Any

from domain.errors import NetboxFailure

WORDS_CHARACTERS = 500

# An answer is looked through for its words so far and no further.
_READ_CHARACTERS = 20_000
_DEPTH = 6
_TITLE = re.compile(r"<title[^<>]{0,200}>([^<]{1,500})", re.IGNORECASE)
_UNSEEN = re.compile(r"<(script|style)\b[^<>]{0,500}>[^<]{0,10000}", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]{0,500}>")
_BLANK = re.compile(r"[\s\x00-\x1f\x7f-\x9f]{1,10000}")
_SECONDS = re.compile(r"\d{1,9}", re.ASCII)
# Faults that belong to no field of what was sent.
_OF_NO_FIELD = ("__all__", "non_field_errors", "detail")

_KINDS: Mapping[int, NetboxFailure] = {
    HTTPStatus.UNAUTHORIZED: NetboxFailure.FORBIDDEN,
    HTTPStatus.FORBIDDEN: NetboxFailure.FORBIDDEN,
    HTTPStatus.NOT_FOUND: NetboxFailure.MISSING,
    HTTPStatus.REQUEST_TIMEOUT: NetboxFailure.UNREACHABLE,
    HTTPStatus.CONFLICT: NetboxFailure.CONFLICT,
    HTTPStatus.PRECONDITION_FAILED: NetboxFailure.CONFLICT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: NetboxFailure.REFUSED,
    HTTPStatus.REQUEST_URI_TOO_LONG: NetboxFailure.REFUSED,
    HTTPStatus.TOO_MANY_REQUESTS: NetboxFailure.THROTTLED,
    HTTPStatus.BAD_GATEWAY: NetboxFailure.UNREACHABLE,
    HTTPStatus.SERVICE_UNAVAILABLE: NetboxFailure.UNREACHABLE,
    HTTPStatus.GATEWAY_TIMEOUT: NetboxFailure.UNREACHABLE,
}


def failure(status: int, *, is_json: bool, asks_for_time: bool) -> NetboxFailure:
    """Return what an answer with this status means.

    A 400 that is not JSON comes from a proxy, or from a NetBox that does not know its own host name: nobody has looked
    at what was sent, and it may be taken tomorrow.
    """
    if status == HTTPStatus.BAD_REQUEST and is_json:
        return NetboxFailure.REFUSED
    if status == HTTPStatus.SERVICE_UNAVAILABLE and asks_for_time:
        return NetboxFailure.THROTTLED
    return _KINDS.get(status, NetboxFailure.BROKEN)


def words(body: str, *, is_json: bool) -> str:
    """Return what the server says of a failure, in one line; of JSON the messages, of a page its title or its text."""
    if is_json:
        try:
            said = json.loads(body)
        except (ValueError, RecursionError):
            return one_line(body)
        return one_line("; ".join(_messages(said)))
    return one_line(_of_page(body))


def _messages(said: Any, depth: int = 0) -> Iterator[str]:
    if depth > _DEPTH:
        return
    if isinstance(said, dict):
        for name, value in said.items():
            inner = ", ".join(_messages(value, depth + 1))
            if inner:
                yield inner if name in _OF_NO_FIELD else f"{name}: {inner}"
    elif isinstance(said, list):
        yield from _of_list(said, depth)
    elif said is not None:
        yield str(said)


def _of_list(said: list[Any], depth: int) -> Iterator[str]:
    """A bulk request is answered object by object, with ``{}`` for each one that was well."""
    for number, each in enumerate(said, start=1):
        inner = ", ".join(_messages(each, depth + 1))
        if inner:
            yield f"object {number} of {len(said)}: {inner}" if isinstance(each, dict) else inner


def _of_page(body: str) -> str:
    page = body[:_READ_CHARACTERS]
    title = _TITLE.search(page)
    return unescape(title[1] if title else _TAG.sub(" ", _UNSEEN.sub(" ", page)))


def one_line(text: str) -> str:
    """Return the text in one line of at most 500 characters, without control characters."""
    line = _BLANK.sub(" ", text[:_READ_CHARACTERS]).strip()
    return line if len(line) <= WORDS_CHARACTERS else line[: WORDS_CHARACTERS - 1] + "…"


def stamp(header: str | None) -> datetime | None:
    """Return the instant of a header such as Date. None: it is missing, or is none. Source: RFC 9110 5.6.7."""
    if not header:
        return None
    try:
        read = parsedate_to_datetime(header[:100])
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        return None


def retry_after(header: str | None, *, date: datetime | None) -> float | None:
    """Return for how many seconds the server asks to be left alone. None: it has not said, or not understandably.

    A time is counted from the server's own Date, so that no clock of ours can be wrong. Source: RFC 9110 10.2.3.
    """
    text = (header or "").strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    until = stamp(text)
    if until is None or date is None:
        return None
    return max(0.0, (until - date).total_seconds())
