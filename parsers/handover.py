"""What the parser library is handed of a notification: parts that it reads as they are, in several variants.

A mail goes through forwarders, lists and mail servers that put banners, prefixes, quotation marks and further parts
into it. Each variant undoes some of that; the first one that the library understands counts.
"""

import binascii
import io
import re
import zipfile
from collections.abc import Iterator
from email.utils import format_datetime

from parsers.mime import SPREADSHEET, Notification, to_text

_SPREADSHEET_BYTES = 20_000_000
_VARIANTS = 4

_META_CHARSET = re.compile(r"<meta\b[^<>]{0,300}?charset[^<>]{0,200}>", re.IGNORECASE)
_SUBJECT_PREFIX = re.compile(
    r"\s*(?:(?:re|fw|fwd|aw|wg|tr|rv|antw|doorst)\s*:\s*"
    r"|\[\s*(?:ext|extern|external|external email|external sender|suspicious|spam)\s*\]:?\s*"
    r"|(?:external|ext)\s*:\s*)",
    re.IGNORECASE,
)
_QUOTED_PRINTABLE = re.compile(r"=3D[\"']|=\r?\n[^\n]*[^>=\n]=\r?\n")
_QUOTED = re.compile(r"^> ?", re.MULTILINE)
_FIRST_TABLE = re.compile(r"<table\b(?:(?!<table\b|</table>).){0,6000}?</table>", re.IGNORECASE | re.DOTALL)
_BANNER_WORDS = re.compile(
    r"outside (?:of )?(?:the|your|our) (?:organi[sz]ation|company)|external (?:email|sender|mail)"
    r"|(?:caution|warning)\b.{0,80}\bextern",
    re.IGNORECASE,
)
_BANNER_CHARACTERS = 700
_TAG = re.compile(r"<[^>]+>")


def candidates(notification: Notification, reader: str) -> Iterator[dict[str, bytes]]:
    """Yield what to hand to the library, the likeliest first: each one part of a type, by its type."""
    written_at = notification.date or notification.relayed_at
    date = format_datetime(written_at) if written_at else ""
    variants = {
        "text/html": _htmls(notification, date if reader == "aws" else ""),
        "text/plain": _plains(notification),
        "text/calendar": [calendar.encode() for calendar in notification.of_type("text/calendar")],
        **_files(notification, reader),
    }
    for index in range(min(_VARIANTS, max(1, *map(len, variants.values())))):
        chosen = {kind: texts[min(index, len(texts) - 1)] for kind, texts in variants.items() if texts}
        # The filters of these two ask for a part that no mail has, for one with a calendar.
        if reader in ("pccw", "gtt") and "text/calendar" in chosen:
            chosen["ical"] = chosen["text/calendar"]
        if date:
            chosen["email-header-date"] = date.encode()
        for subject in _subjects(notification):
            chosen["email-header-subject"] = subject.encode()
            yield dict(chosen)


def _htmls(notification: Notification, aws_date: str) -> list[bytes]:
    """Return the html parts, the longest first, and then again without the banner that a mail server put on top.

    What passed through a careless forwarder is still in quoted-printable, and is decoded once more.
    """
    texts = sorted(notification.of_type("text/html"), key=len, reverse=True)
    texts = [decoded for text in texts if (decoded := decoded_again(text))] + texts
    texts += [text for text in map(_without_banner, texts) if text]
    if aws_date:
        # This reader takes the stamp from the third line of the text.
        texts = [f"x\nx\n{aws_date}\n{text}" for text in texts]
    return [_ascii_html(text) for text in texts]


def _ascii_html(text: str) -> bytes:
    """Return html that the library reads as it is: without guessing its charset, which takes 75 % of its time.

    It decodes quoted-printable once more, so "=" is written as such.
    """
    html = '<meta charset="utf-8">' + _META_CHARSET.sub("", text)
    return html.encode("ascii", "xmlcharrefreplace").replace(b"=", b"=3D")


def decoded_again(text: str) -> str | None:
    """Return html that is still in quoted-printable decoded; None for what is not."""
    return to_text(binascii.a2b_qp(text.encode()), "utf-8") if _QUOTED_PRINTABLE.search(text) else None


def _without_banner(text: str) -> str | None:
    banner = _FIRST_TABLE.search(text, 0, 20_000)
    if not banner or len(_TAG.sub("", banner[0])) >= _BANNER_CHARACTERS or not _BANNER_WORDS.search(banner[0]):
        return None
    return text[: banner.start()] + text[banner.end() :]


def _plains(notification: Notification) -> list[bytes]:
    texts = []
    for text in notification.of_type("text/plain"):
        if "\n> " in text or text.startswith("> "):
            texts.append(_QUOTED.sub("", text))
        texts.append(text)
    return [text.encode() for text in texts]


def _files(notification: Notification, reader: str) -> dict[str, list[bytes]]:
    files: dict[str, list[bytes]] = {}
    for file in notification.files:
        if file.type != SPREADSHEET or (reader == "att" and _is_small_spreadsheet(file.content)):
            files.setdefault(file.type, []).append(file.content)
    return files


def _is_small_spreadsheet(content: bytes) -> bool:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return sum(entry.file_size for entry in archive.infolist()) <= _SPREADSHEET_BYTES
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return False


def _subjects(notification: Notification) -> list[str]:
    """Return the subjects to try: without what was put in front of it on the way, then as it stands."""
    subjects = [subject for subject in (notification.subject, notification.other_subject) if subject]
    bare = [_bare(subject, notification.list_name) for subject in subjects]
    return list(dict.fromkeys((*bare, *subjects))) or [""]


def _bare(subject: str, list_name: str) -> str:
    tag = re.compile(rf"\s*\[[^\]]{{0,20}}{re.escape(list_name)}[^\]]{{0,20}}\]\s*", re.IGNORECASE)
    while True:
        prefix = _SUBJECT_PREFIX.match(subject) or (tag.match(subject) if list_name else None)
        if not prefix:
            return subject
        subject = subject[prefix.end() :]
