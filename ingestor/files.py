"""Messages out of files: .eml, mbox, Maildir, folders of them, and standard input.

Read as a stream: of a mailbox of any size one message is held at a time. What is no message is never passed over in
silence: named by a person it is an error, found in a folder it comes out as ``Skipped``.

Source: RFC 4155 and the ways of real mbox files (a separator stands after an empty line; "From " in a body is quoted
with ">"); Maildir as Dovecot and Courier write it.
"""

import io
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from domain.errors import ImportFailed
from domain.message import Place

MAILBOX = "import"
STANDARD_INPUT = "-"

# What is kept of a message that is too large, as from a mailbox.
_HEAD_BYTES = 512 * 1024
_PIECE_BYTES = 64 * 1024
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

# "From sender Mon Nov 23 10:00:00 2026", time, zone and year in any order; some programs write no more than "From -".
_SEPARATOR = re.compile(rb"From (?:.*\d{1,2}:\d\d.*\d{4}.*|-?\s*)$", re.DOTALL)
_EMPTY_LINES = (b"\n", b"\r\n")
_QUOTED_FROM = re.compile(rb">+From ")
_FIELD = re.compile(rb"[!-9;-~]+[ \t]*:")
_TELLING_FIELD = re.compile(rb"^(?:from|date|subject|message-id|received)[ \t]*:", re.IGNORECASE | re.MULTILINE)
_UW_IMAP_DATA = re.compile(rb"^subject:[^\n]*FOLDER INTERNAL DATA", re.IGNORECASE | re.MULTILINE)

# Beginnings of files that people take for mail, and what to do about them.
_FOREIGN = (
    (b"\xd0\xcf\x11\xe0", "an Outlook .msg: save it as .eml or text"),
    (b"!BDN", "an Outlook .pst: export it, for example with readpst"),
    (b"\x1f\x8b", "compressed with gzip: unpack it first"),
    (b"BZh", "compressed with bzip2: unpack it first"),
    (b"\xfd7zXZ", "compressed with xz: unpack it first"),
    (b"PK\x03\x04", "a zip archive: unpack it first"),
)
_NO_MAIL = "not a mail: expected header lines (From:, Date:, Subject:) at its beginning, or an mbox"

# What servers keep beside the messages of a Maildir.
_MAILDIR_DATA = ("dovecot", "courier", "maildir", "subscriptions", "sieve", ".dovecot", "shared-")


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundMessage:
    """A message in a file. ``too_large``: ``raw`` is only its beginning; ``size`` is that of the whole."""

    raw: bytes
    place: Place
    size: int
    too_large: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A file found in a folder, or a piece of an mbox, that is no message; ``reason`` says why and what to do."""

    path: str
    reason: str


def read_paths(
    paths: Sequence[str], *, stdin: BinaryIO, max_message_bytes: int = 25 * 1024 * 1024
) -> Iterator[FoundMessage | Skipped]:
    """Yield the messages of files and folders in the order given, the contents of a folder sorted by name.

    "-" is one message or an mbox on ``stdin``. A message that is larger than ``max_message_bytes`` is cut.
    Raises ImportFailed for a path that is missing, cannot be read or holds no mail; all are looked for before the
    first is read.
    """
    for path in paths:
        if path != STANDARD_INPUT and not Path(path).exists():
            raise ImportFailed(f"{path}: no such file or folder: check the name")
    for path in paths:
        if path == STANDARD_INPUT:
            yield from _of_file(path, _read_stream(stdin, path, max_message_bytes))
        elif Path(path).is_dir():
            yield from _named(path, _read_folder(Path(path), max_message_bytes))
        else:
            yield from _of_file(path, _read_file(Path(path), max_message_bytes))


def _named(path: str, found: Iterator[FoundMessage | Skipped]) -> Iterator[FoundMessage | Skipped]:
    """Pass on what was found; raise ImportFailed where it is the path itself, named by a person, that is no good."""
    for item in found:
        if isinstance(item, Skipped) and Path(item.path) == Path(path):
            raise ImportFailed(f"{path}: {item.reason}")
        yield item


def _of_file(path: str, found: Iterator[FoundMessage | Skipped]) -> Iterator[FoundMessage | Skipped]:
    """Pass on what was found in a file that a person named; raise ImportFailed if that is no message at all."""
    messages = 0
    for item in _named(path, found):
        messages += isinstance(item, FoundMessage)
        yield item
    if not messages:
        raise ImportFailed(f"{path}: holds no message: expected a mail or an mbox")


def _read_folder(folder: Path, limit: int, *, delivered: bool = True) -> Iterator[FoundMessage | Skipped]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        yield Skipped(path=str(folder), reason=_unreadable(error))
        return
    maildir = {"cur", "new"} <= {entry.name for entry in entries if entry.is_dir()}
    for entry in entries:
        path = folder / entry.name
        if maildir and entry.name.startswith(_MAILDIR_DATA) and entry.is_file():
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _read_folder(path, limit, delivered=not (maildir and entry.name == "tmp"))
        elif not entry.is_file():
            yield Skipped(path=str(path), reason="neither a file nor a folder (links to folders are not followed)")
        elif not delivered:
            yield Skipped(path=str(path), reason="not delivered to the Maildir yet")
        else:
            yield from _read_file(path, limit)


def _read_file(path: Path, limit: int) -> Iterator[FoundMessage | Skipped]:
    try:
        with path.open("rb") as stream:
            yield from _read_stream(stream, str(path), limit)
    except OSError as error:
        yield Skipped(path=str(path), reason=_unreadable(error))


def _unreadable(error: OSError) -> str:
    return f"cannot be read: {error.strerror or error}: check the rights of this user"


def _read_stream(stream: BinaryIO, path: str, limit: int) -> Iterator[FoundMessage | Skipped]:
    """Yield the message of a stream, or those of an mbox, which is told by its first line."""
    first = stream.readline(_PIECE_BYTES).removeprefix(_BYTE_ORDER_MARK)
    if not first.startswith(b"From "):
        message = _Gathered(limit)
        message.add(first)
        for piece in _pieces(stream):
            message.add(piece)
        if message.size:
            yield message.finish(path, path)
        return
    for number, message in enumerate(_split(stream, limit), start=1):
        yield message.finish(path, f"{path}, message {number}")


def _split(stream: BinaryIO, limit: int) -> Iterator["_Gathered"]:
    """Yield the messages of an mbox whose first separator has been read."""
    message = _Gathered(limit)
    begins_line, empty = True, b""
    for piece in _pieces(stream):
        if begins_line and empty and _SEPARATOR.match(piece):
            # The empty line before a separator belongs to it.
            yield message
            message, empty = _Gathered(limit), b""
            continue
        message.add(empty)
        empty = piece if begins_line and piece in _EMPTY_LINES else b""
        if not empty:
            message.add(piece[1:] if begins_line and _QUOTED_FROM.match(piece) else piece)
        begins_line = piece.endswith(b"\n")
    yield message


def _pieces(stream: BinaryIO) -> Iterator[bytes]:
    """Yield lines, the longest ones in pieces."""
    while piece := stream.readline(_PIECE_BYTES):
        yield piece


class _Gathered:
    """A message while it is gathered: counted whole, kept up to the limit."""

    def __init__(self, limit: int) -> None:
        self.size = 0
        self._limit = limit
        self._kept = io.BytesIO()

    def add(self, piece: bytes) -> None:
        self.size += len(piece)
        if self._kept.tell() <= self._limit:
            self._kept.write(piece)

    def finish(self, path: str, where: str) -> FoundMessage | Skipped:
        """Return the message of ``path``, or why it is none."""
        raw = self._kept.getvalue()
        if reason := _no_message(raw):
            return Skipped(path=where, reason=reason)
        place = Place(mailbox=MAILBOX, folder=path)
        if self.size > self._limit:
            return FoundMessage(raw=raw[:_HEAD_BYTES], place=place, size=self.size, too_large=True)
        return FoundMessage(raw=raw, place=place, size=self.size)


def _no_message(raw: bytes) -> str:
    """Return why bytes are no message, or nothing if they are one."""
    for beginning, reason in _FOREIGN:
        if raw.startswith(beginning):
            return reason
    head = re.split(rb"\r?\n\r?\n", raw[:_PIECE_BYTES], maxsplit=1)[0]
    if not _FIELD.match(head) or not _TELLING_FIELD.search(head):
        return _NO_MAIL
    if _UW_IMAP_DATA.search(head):
        return "no mail, but what a server keeps for itself in an mbox"
    return ""
