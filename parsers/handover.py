"""What the parser library is handed of a notification: parts that it reads as they are, in several variants.

A mail goes through forwarders, lists and mail servers that put prefixes, quotation marks and further parts into it.
Each variant leaves some of that away; the first one that the library understands counts. What they do to a text itself
is undone by ``parsers.repairs``.
"""

import html
import io
import re
import zipfile
from collections.abc import Iterator
from email.utils import format_datetime

from parsers.mime import SPREADSHEET, Notification

_SPREADSHEET_BYTES = 20_000_000
_VARIANTS = 4

_META_CHARSET = re.compile(r"<meta\b[^<>]{0,300}?charset[^<>]{0,200}>", re.IGNORECASE)
# What mail programs put before a subject in thirteen languages, and mail servers before that of a mail from outside.
_SUBJECT_PREFIX = re.compile(
    r"\s*(?:(?:re|fw|fwd|aw|wg|tr|rv|antw|doorst|i|r|rif|enc|res|pd|odp|vb|sv|vs|vl)\s{0,3}:\s*"
    r"|[\[({*]{1,3}\s?(?:ext|external|external e-?mail|external sender|extern|externe|externo|esterno|suspicious|spam)"
    r"\s?[\])}*]{1,3}:?\s*"
    r"|(?:external|extern|externe|externo|ext)\s?:\s*)",
    re.IGNORECASE,
)
# A list's tag before one that the notice itself has.
_TAG_BEFORE_TAG = re.compile(r"\s*\[[^\]\[]{1,40}\]\s*(?=\[)")
_QUOTED = re.compile(r"^> ?", re.MULTILINE)
_LINE_END_TAG = re.compile(r"<(?:br|/p|/div|/tr|/h\d|/li)\b[^<>]{0,500}>", re.IGNORECASE)
_UNSEEN = re.compile(r"<!--.*?(?:-->|\Z)|<(style|script)\b.*?(?:</\1>|\Z)", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^<>]{0,2000}>")
_INNER_TABLE = re.compile(r"(<table\b(?:(?!</?table\b).)*)</table>", re.IGNORECASE | re.DOTALL)
_CELL = re.compile(r"<td\b", re.IGNORECASE)
_ROW = re.compile(r"<tr\b", re.IGNORECASE)
_AN_HOUR = re.compile(r"\b(1) hour\b")
_US_ZONE = re.compile(r"(\d\d:\d\d\s{1,3})([ECMP])[SD]T\b")
_OUTAGE_CELL = re.compile(r"<td\b[^<>]{0,500}>Outage</td>")
_OUTAGE_ROW = "<table><tr><td>Outage</td><td>_</td></tr></table>"
# "End" as the label of a time, at the beginning of a cell, and as a part of a name.
_START_OR_END = re.compile(r"(>(?:\s|&nbsp;){0,50})?(Start|End)([a-z]?)")

# Seaborn's reader wants something in front of the account. Proof: tests/mail/seaborn/scheduled.eml.
_SUBJECT_STARTS = {"seaborn": "Fwd: "}


def candidates(notification: Notification, reader: str) -> Iterator[dict[str, bytes]]:
    """Yield what to hand to the library, the likeliest first: each one part of a type, by its type."""
    written_at = notification.date or notification.relayed_at
    date = format_datetime(written_at) if written_at else ""
    variants = {
        "text/html": _htmls(notification, reader, date),
        "text/plain": _plains(notification, reader),
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
            chosen["email-header-subject"] = (_SUBJECT_STARTS.get(reader, "") + subject).encode()
            yield dict(chosen)


def _htmls(notification: Notification, reader: str, date: str) -> list[bytes]:
    """Return the html parts, the longest first."""
    texts = sorted(notification.of_type("text/html"), key=len, reverse=True)
    if reader == "aws" and date:
        # This reader takes the stamp from the third line of the text.
        texts = [f"x\nx\n{date}\n{text}" for text in texts]
    if reader == "lumen":
        # This one takes ten rows of nine cells for nine of ten. Source: tests/mail/lumen/nine_circuits.eml.
        texts = [_INNER_TABLE.sub(_with_another_row, text) for text in texts]
    if reader == "windstream":
        # This one wants an outage. Source: tests/mail/windstream/without_an_outage.eml.
        texts = [text if _OUTAGE_CELL.search(text) else text + _OUTAGE_ROW for text in texts]
        # And knows no season: its times are read again. Source: tests/mail/windstream/in_central_standard_time.eml.
        texts = [_US_ZONE.sub(r"\1\2T", text) for text in texts]
    if reader == "gtt":
        # This one takes a street in the West End for the end. Source: tests/mail/gtt/new_in_the_west_end.eml.
        texts = [_START_OR_END.sub(_without_names, text) for text in texts]
    return [_ascii_html(text) for text in texts]


def _without_names(word: re.Match[str]) -> str:
    """Return the label of a time as it is, and what is a part of a name in small letters."""
    return word[0] if word[1] and not word[3] else word[0].lower()


def _with_another_row(table: re.Match[str]) -> str:
    """Return a table of nine columns and ten rows, or of twenty, with one more, in which no circuit is named."""
    cells, rows = (len(opening.findall(table[0])) for opening in (_CELL, _ROW))
    if cells != 9 * rows or cells % 10:
        return table[0]
    return f"{table[1]}<tr>{'<td>_</td>' * 9}</tr></table>"


def _ascii_html(text: str) -> bytes:
    """Return html that the library reads as it is: without guessing its charset, which takes 75 % of its time.

    It decodes quoted-printable once more, so "=" is written as such.
    """
    page = '<meta charset="utf-8">' + _META_CHARSET.sub("", text)
    return page.encode("ascii", "xmlcharrefreplace").replace(b"=", b"=3D")


def _plains(notification: Notification, reader: str) -> list[bytes]:
    """Return the plain texts, or those of the html: a notice may have gone through a program that writes html alone."""
    texts = []
    for text in notification.of_type("text/plain"):
        if "\n> " in text or text.startswith("> "):
            texts.append(_QUOTED.sub("", text))
        texts.append(text)
    if not texts:
        texts = [_as_plain(page) for page in notification.of_type("text/html")]
    if reader == "netflix":
        # This one knows hours, and no hour. Source: tests/mail/netflix/an_hour.eml.
        texts = [_AN_HOUR.sub(r"\1 hours", text) for text in texts]
    return [text.encode("utf-8", "replace") for text in texts]


def _as_plain(page: str) -> str:
    lines = _LINE_END_TAG.sub("\n", " ".join(_UNSEEN.sub("", page).splitlines()))
    text = html.unescape(_TAG.sub(" ", lines)).replace("\xa0", " ")
    return "\n".join(line.strip() for line in text.split("\n"))


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
        prefix = _SUBJECT_PREFIX.match(subject)
        if not prefix and list_name:
            prefix = tag.match(subject) or _TAG_BEFORE_TAG.match(subject)
        if not prefix:
            return subject
        subject = subject[prefix.end() :]
