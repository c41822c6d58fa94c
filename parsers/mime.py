"""The bytes of a message: its headers for the ledger, and its parts as text for the readers.

Both are read by hand and not by the ``email`` package, whose cost grows without bound with nesting, with the number
of parts and with encoded words. Every limit is here; nothing here is slower than linear in the size of a message.
Source: the tests of hostile mails, tests/unit/parsers/test_mime.py.
"""

import binascii
import codecs
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from domain.errors import MaintdError
from domain.message import Envelope, identity_of
from parsers.spreadsheets import fault_of

HEADER_BLOCK_BYTES = 256 * 1024
HEADER_CHARACTERS = 998
SUBJECT_CHARACTERS = 1000
DEPTH = 12
PARTS = 100
TEXT_BYTES = 2_000_000
FILE_BYTES = 2_000_000
TABLE_DEPTH = 50
ELEMENT_DEPTH = 1000
TAGS = 100_000
PLAUSIBLE_YEARS = range(1990, 2101)

SPREADSHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FILE_TYPES = frozenset({"text/csv", "application/csv", "application/octet-stream", SPREADSHEET})
_IGNORED_TYPES = frozenset({"image", "audio", "video", "font"})

# Beyond this a header is cut before it is decoded: encoded words cost time and memory out of proportion.
_HEADER_VALUE_CHARACTERS = 8192
_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:")
_ENCODED_WORD = re.compile(r"=\?([^?\s]{1,60})\?([bq])\?([^?]*)\?=", re.IGNORECASE)
_WHITE_SPACE = re.compile(r"[\t\n\v\f\r\x85\u2028\u2029]+[ \t]*")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_ADDRESS = re.compile(r"[^\s@<>()\[\]\\,;:\"\0]+@(?:[^\s@<>()\[\]\\,;:\"\0]+|\[[^\s\[\]]+\])")
_UTC_WITHOUT_PLACE = re.compile(r"-0000\b")
_PARAMETER = re.compile(r";\s*([a-z0-9-]+)\s*=\s*(?:\"([^\"]{0,500})\"|([^\s;\"]{1,500}))", re.IGNORECASE)
_LEADING = re.compile(rb"(?:\xef\xbb\xbf)?[\r\n]*")
_GUESSED_BOUNDARY = re.compile(rb"^--(\S[^\r\n]{0,200})\r?$", re.MULTILINE)
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")
# Those left out have no end, or end by themselves where the next one begins: they are not in each other.
_NESTING = re.compile(
    r"<(/?)(?!(?:area|base|br|col|embed|hr|img|input|link|meta|param|source|track|wbr"
    r"|body|colgroup|dd|dt|head|html|li|option|p|tbody|td|tfoot|th|thead|tr)\b)([a-z][\w:-]{0,30})",
    re.IGNORECASE,
)
_HTML = re.compile(r"\s{0,100}<(?:!doctype\s{1,10}html|html)\b", re.IGNORECASE)

# Codecs that are no charsets, or whose time grows faster than their input.
_UNUSABLE_CHARSETS = frozenset({"idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape", "mbcs", "oem"})
_WIDE_CHARSETS = ("utf_16", "utf_32")

_LIST_FIELDS = ("list-id", "list-post", "mailing-list", "x-google-group-id")
# What answering machines wrote before RFC 3834, and who writes bounces that are no reports.
_REPLY_FIELDS = ("x-autoreply", "x-autorespond", "x-autoresponder")
_POSTMASTERS = frozenset({"mailer-daemon", "postmaster"})
_VIA = re.compile(r"\bvia\b", re.IGNORECASE)

# Who sent a mail, who sent it on, what our own server makes of that, and what signatures say and speak for.
_EVIDENCE = (
    *("from", "authentication-results", "list-id", "x-original-from", "x-original-sender", "reply-to"),
    *("dkim-signature", "arc-seal", "subject", "date", "to", "cc"),
    *("mime-version", "content-type", "content-transfer-encoding"),
)

Fields = dict[str, list[str]]


class MalformedMessage(MaintdError):
    """Say that a message is not built as mail is, or beyond a limit; the text names which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A part of a message that is text: ``type`` is text/plain, text/html or text/calendar."""

    type: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """An attachment of a type that some reader reads. ``name`` is as stated, empty where none is."""

    type: str
    name: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """A message decoded. Messages attached to it are notifications of their own, with their own headers.

    ``date`` is the Date header in UTC, ``date_offset`` the offset from UTC that it was written in, ``relayed_at`` the
    date of the topmost Received header. ``list_name`` is the first label of the List-Id, ``list_sender`` who wrote what
    a list sent on under its own address, as the list says. ``other_subject`` is a second
    one to try: that of the covering mail where this is a notice sent on. ``problems`` say what was left out.
    ``automatic``: a machine answered with it, or with the mail that it is attached to: a bounce, an automatic reply.
    ``sender_name`` is the name beside the sender's address, which proves nothing; empty where there is none.
    """

    subject: str
    date: datetime | None
    date_offset: timedelta | None
    relayed_at: datetime | None
    sender: str | None
    sender_problem: str | None
    message_id: str | None
    list_name: str
    list_sender: str | None
    texts: tuple[Text, ...]
    files: tuple[File, ...]
    attached: tuple["Notification", ...]
    problems: tuple[str, ...]
    other_subject: str = ""
    authentication_results: tuple[str, ...] = ()
    automatic: bool = False
    sender_name: str = ""

    def of_type(self, content_type: str) -> list[str]:
        """Return the texts of one type, in the order of the message."""
        return [text.text for text in self.texts if text.type == content_type]


def read_envelope(raw: bytes) -> Envelope:
    """Return the headers that the ledger keeps. Never raises; reads the header block and hashes the body.

    The body's digest is of the body with LF line ends and without those at its end, so that a message has one identity
    whatever the line ends of the way it came.
    """
    fields, body = _split(raw, _start_of_headers(raw))
    sender, problem = _sender(fields)
    message_id = _clean(_first(fields, "message-id")) or None
    body_digest = hashlib.sha256(raw[body:].replace(b"\r\n", b"\n").rstrip(b"\n")).hexdigest()
    return Envelope(
        message_id=message_id,
        body_digest=body_digest,
        identity=identity_of(
            message_id=message_id,
            body_digest=body_digest,
            date=_first(fields, "date"),
            from_header="\n".join(fields.get("from", ())),
            subject=_first(fields, "subject"),
        ),
        from_header=_clean(_decode_words(_first(fields, "from"))),
        sender=sender,
        sender_problem=problem,
        subject=_clean(_decode_words(_first(fields, "subject"))),
        date=_instant(_first(fields, "date")),
        received_at=_instant(_received_date(fields)),
        evidence=_evidence(fields),
        header_size=body,
    )


def decode(raw: bytes) -> Notification:
    """Return the message as text. Raises ``MalformedMessage`` where it is nested too deep or has too many parts."""
    return _notification(raw, depth=0, budget=_Budget())


def headers_of(raw: bytes, names: Sequence[str]) -> list[tuple[str, str]]:
    """Return the header fields of these names in their order, each with its name, decoded and without controls."""
    fields, _ = _split(raw, _start_of_headers(raw))
    return [(name, _clean(_decode_words(value))) for name in names for value in fields.get(name.lower(), ())]


def without_controls(text: str) -> str:
    """Return the text in one line, without the characters that steer terminals or the direction of writing."""
    return _CONTROLS.sub("", _WHITE_SPACE.sub(" ", text)).strip()


def one_address(text: str) -> str | None:
    """Return the one address of a From header as RFC 5322 reads it, in lower case; None for none or more than one.

    Display names, comments and quoted strings are not looked into: ``noc@carrier.net <x@evil.net>`` is x@evil.net.
    """
    mailboxes = _mailboxes(text)
    return mailboxes[0] if len(mailboxes) == 1 and mailboxes[0] else None


def instant_of(text: str) -> tuple[datetime, timedelta] | None:
    """Return a date header as an instant in UTC and the offset that it was written in; None if it is not usable."""
    try:
        moment = parsedate_to_datetime(text[:200])
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if moment.tzinfo is None and _UTC_WITHOUT_PLACE.search(text[:200]):
        moment = moment.replace(tzinfo=UTC)
    offset = moment.utcoffset()
    if offset is None or moment.year not in PLAUSIBLE_YEARS:
        return None
    return moment.astimezone(UTC), offset


# Headers


def _split(raw: bytes, position: int = 0) -> tuple[Fields, int]:
    """Return the header fields from a position on, unfolded, by name in lower case, and where the body begins.

    As in RFC 5322, an empty line ends the headers; so does a line that is no header, and the limit of the block: what
    follows is body, so that no byte of a broken message is left out of its digest.
    """
    folded: dict[str, list[list[str]]] = {}
    current: list[str] = []
    limit = min(len(raw), position + HEADER_BLOCK_BYTES)
    while position < limit:
        newline = raw.find(b"\n", position, limit)
        following = limit if newline < 0 else newline + 1
        line = raw[position:following].rstrip(b"\r\n")
        if not line:
            position = following
            break
        if line[:1] in b" \t" and current:
            current.append(_header_text(line))
        elif match := _FIELD.match(line):
            current = [_header_text(line[match.end() :])]
            folded.setdefault(match[1].decode("ascii").lower(), []).append(current)
        else:
            break
        position = following
    return {name: ["".join(lines) for lines in values] for name, values in folded.items()}, position


def _evidence(fields: Fields) -> str:
    said = [f"{name}:{value}" for name in _EVIDENCE for value in fields.get(name, ())]
    return hashlib.sha256("\n".join(said).encode("utf-8", "surrogateescape")).hexdigest()


def _start_of_headers(raw: bytes) -> int:
    """Return where the headers begin: after a byte order mark, empty lines, and the separator line of an mbox."""
    leading = _LEADING.match(raw)
    position = leading.end() if leading else 0
    if raw.startswith(b"From ", position):
        newline = raw.find(b"\n", position, position + 1000)
        return newline + 1 if newline >= 0 else position
    return position


def _header_text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _first(fields: Fields, name: str) -> str:
    return fields[name][0].strip() if name in fields else ""


def _clean(text: str) -> str:
    return without_controls(text)[:HEADER_CHARACTERS]


def _decode_words(text: str) -> str:
    """Return a header with its encoded words decoded (RFC 2047). Words that follow each other are joined as bytes."""
    text = text[:_HEADER_VALUE_CHARACTERS]
    decoded: list[str] = []
    pending, charset, position = b"", "", 0
    for word in _ENCODED_WORD.finditer(text):
        gap = text[position : word.start()]
        stated = word[1].partition("*")[0].lower()
        if gap.strip() or stated != charset:
            decoded.append(to_text(pending, charset))
            pending, charset = b"", stated
        if gap.strip() or position == 0:
            decoded.append(gap)
        pending += _word_bytes(word[2], word[3])
        position = word.end()
    return "".join((*decoded, to_text(pending, charset), text[position:]))


def _word_bytes(encoding: str, text: str) -> bytes:
    content = text.encode("latin-1", "replace")
    return _base64(content) if encoding in "bB" else binascii.a2b_qp(content, header=True)


def _sender(fields: Fields) -> tuple[str | None, str | None]:
    """Return the one address of the single From header, and where there is none, why."""
    headers = fields.get("from", [])
    if len(headers) != 1:
        return None, f"{len(headers)} From headers" if headers else "no From header"
    if len(headers[0]) > _HEADER_VALUE_CHARACTERS:
        return None, f"a From header of {len(headers[0])} characters"
    mailboxes = _mailboxes(headers[0])
    if len(mailboxes) > 1:
        return None, f"{len(mailboxes)} addresses in the From header"
    if not mailboxes or not mailboxes[0]:
        return None, "no address in the From header that can be read"
    return mailboxes[0], None


def _name_beside(text: str) -> str:
    name, bracket, _ = _clean(_decode_words(text)).rpartition("<")
    return name.replace("\\", "").strip(' "') if bracket else ""


def _mailboxes(text: str) -> list[str | None]:
    """Return the address of each mailbox of a list, None for one that is not written as RFC 5322 has it."""
    pieces = re.split("[,;:]", _without_quotes_and_comments(text))
    return [_address(piece.strip()) for piece in pieces if "@" in piece or "<" in piece]


def _address(mailbox: str) -> str | None:
    if "<" in mailbox:
        _, _, rest = mailbox.partition("<")
        if not rest.endswith(">"):
            return None
        mailbox = rest[:-1].strip()
    return mailbox.rstrip(".").lower() if _ADDRESS.fullmatch(mailbox) else None


def _without_quotes_and_comments(text: str) -> str:
    """Return the text with a NUL for each quoted string, which no address can hold, and a blank for each comment."""
    kept: list[str] = []
    depth, quoted, escaped = 0, False, False
    for character in text.replace("\0", ""):
        if escaped:
            escaped = False
        elif character == "\\" and (quoted or depth):
            escaped = True
        elif quoted:
            quoted = character != '"'
        elif character == "(":
            depth += 1
            kept.append(" ")
        elif depth:
            depth -= character == ")"
        elif character == '"':
            quoted = True
            kept.append("\0")
        else:
            kept.append(character)
    return "".join(kept)


def _received_date(fields: Fields) -> str:
    return _first(fields, "received")[-_HEADER_VALUE_CHARACTERS:].rpartition(";")[2].strip()


def _instant(text: str) -> datetime | None:
    found = instant_of(text)
    return found[0] if found else None


# Parts


@dataclass(slots=True)
class _Budget:
    """How many parts of a message were read so far, those of attached messages included."""

    parts: int = 0


@dataclass(slots=True)
class _Found:
    """What the walk through the parts of one message has gathered."""

    budget: _Budget
    automatic: bool = False
    texts: list[Text] = field(default_factory=list)
    files: list[File] = field(default_factory=list)
    attached: list[Notification] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Part:
    """One part: its type in lower case, the parameters of its type, its headers, and its content as it was sent."""

    type: str
    parameters: dict[str, str]
    fields: Fields
    body: bytes


def _notification(raw: bytes, *, depth: int, budget: _Budget, automatic: bool = False) -> Notification:
    start = _start_of_headers(raw)
    fields, body = _split(raw, start)
    if body - start >= HEADER_BLOCK_BYTES:
        raise MalformedMessage(f"headers of more than {HEADER_BLOCK_BYTES} bytes")
    sender, problem = _sender(fields)
    found = _Found(budget, automatic or _is_automatic(fields, sender))
    _walk(_part(fields, raw[body:]), depth, found)
    dated = instant_of(_first(fields, "date"))
    return Notification(
        subject=without_controls(_decode_words(_first(fields, "subject")))[:SUBJECT_CHARACTERS],
        date=dated[0] if dated else None,
        date_offset=dated[1] if dated else None,
        relayed_at=_instant(_received_date(fields)),
        sender=sender,
        sender_problem=problem,
        message_id=_clean(_first(fields, "message-id")) or None,
        list_name=_list_name(_first(fields, "list-id")),
        list_sender=_list_sender(fields, sender),
        texts=tuple(found.texts),
        files=tuple(found.files),
        attached=tuple(found.attached),
        problems=tuple(found.problems),
        authentication_results=tuple(fields.get("authentication-results", ())),
        automatic=found.automatic,
        sender_name=_name_beside(_first(fields, "from")) if sender else "",
    )


def _is_automatic(fields: Fields, sender: str | None) -> bool:
    """Return whether a machine answered with a mail: a report on another mail, or an automatic reply.

    Notices are written by machines too, and say so as auto-generated. Source: RFC 3834 3.1.7 and 5, RFC 6522.
    """
    return (
        _first(fields, "content-type").lower().startswith("multipart/report")
        or _first(fields, "auto-submitted").lower().startswith("auto-replied")
        or any(name in fields for name in _REPLY_FIELDS)
        or (sender or "").partition("@")[0] in _POSTMASTERS
    )


def _list_name(list_id: str) -> str:
    match = re.search(r"<?([\w-]{1,60})\.[^<\s]{0,200}>?\s*$", list_id[:500])
    return match[1] if match else ""


def _list_sender(fields: Fields, sender: str | None) -> str | None:
    """Return who wrote a mail that a list sent on under its own address; None where no list says so.

    Lists do that since DMARC. Source: RFC 7960 4.1.3.1; Google Groups writes the X-Original headers, Mailman Reply-To.
    """
    stated = [_first(fields, "x-original-from")]
    if any(name in fields for name in _LIST_FIELDS) or _VIA.search(_first(fields, "from")[:_HEADER_VALUE_CHARACTERS]):
        stated += [_first(fields, "x-original-sender"), _first(fields, "reply-to")]
    for header in stated:
        # A list may stand in the Reply-To itself.
        others = {address for address in _mailboxes(header[:_HEADER_VALUE_CHARACTERS]) if address != sender}
        if len(others) == 1 and (only := others.pop()):
            return only
    return None


def _walk(part: _Part, depth: int, found: _Found) -> None:
    """Gather the parts below one part of a message."""
    found.budget.parts += 1
    if depth > DEPTH:
        raise MalformedMessage(f"parts nested more than {DEPTH} deep")
    if found.budget.parts > PARTS:
        raise MalformedMessage(f"more than {PARTS} parts")
    boundary = _boundary(part) if part.type.startswith("multipart/") else b""
    if not boundary:
        _keep(part, depth, found)
        return
    for piece in _pieces(part.body, boundary):
        fields, start = _split(piece)
        _walk(_part(fields, piece[start:]), depth + 1, found)


def _keep(part: _Part, depth: int, found: _Found) -> None:
    """Put a part that has no parts below it where it belongs."""
    if part.type.partition("/")[0] in _IGNORED_TYPES:
        return
    content = _content(_first(part.fields, "content-transfer-encoding"), part.body)
    if not content.strip():
        return
    if part.type == "message/rfc822":
        found.attached.append(_notification(content, depth=depth + 1, budget=found.budget, automatic=found.automatic))
    elif part.type in ("text/plain", "text/html", "text/calendar"):
        _keep_text(part, content, found)
    elif part.type in FILE_TYPES:
        _keep_file(part, content, found)
    elif part.type == "application/ms-tnef":
        found.problems.append("left out winmail.dat, in which Outlook hides the parts of a mail")


def _keep_text(part: _Part, content: bytes, found: _Found) -> None:
    if len(content) > TEXT_BYTES:
        found.problems.append(f"left out a {part.type} part of {len(content)} bytes")
        return
    text = to_text(content, part.parameters.get("charset", ""))
    if part.type == "text/plain" and part.parameters.get("format", "").lower() == "flowed":
        text = _unflowed(text, delete=part.parameters.get("delsp", "").lower() == "yes")
    # A part that states no type is plain text, but for one that has lost its header.
    content_type = part.type if part.fields.get("content-type") or not _HTML.match(text) else "text/html"
    if content_type == "text/html" and (fault := _fault_of_html(text)):
        found.problems.append(f"left out a {content_type} part with {fault}")
        return
    found.texts.append(Text(type=content_type, text=text))


def _unflowed(text: str, *, delete: bool) -> str:
    """Return a flowed text with its paragraphs in one line each (RFC 3676); quoted lines stay as they are.

    ``delete``: the space before a break goes with it.
    """
    paragraphs: list[list[str]] = []
    flowing = False
    for line in text.replace("\r\n", "\n").split("\n"):
        unstuffed = line.removeprefix(" ")
        quoted = line.startswith(">")
        if flowing and not quoted:
            paragraphs[-1].append(unstuffed)
        else:
            paragraphs.append([unstuffed])
        flowing = unstuffed.endswith(" ") and unstuffed != "-- " and not quoted
        if flowing and delete:
            paragraphs[-1][-1] = unstuffed[:-1]
    return "\n".join("".join(lines) for lines in paragraphs)


def _keep_file(part: _Part, content: bytes, found: _Found) -> None:
    if len(content) > FILE_BYTES:
        found.problems.append(f"left out a file of {len(content)} bytes")
    elif fault := fault_of(content):
        found.problems.append(f"left out a spreadsheet: {fault}")
    else:
        found.files.append(File(type=part.type, name=_file_name(part.fields, part.parameters), content=content))


def _part(fields: Fields, body: bytes) -> _Part:
    """Return a part with its type; calendars and mails sent as files of no type are known by their names."""
    value = _first(fields, "content-type")[:2000]
    parameters = _parameters(value)
    content_type = re.split(r"[;\s]", value, maxsplit=1)[0].lower()
    if "/" not in content_type:
        content_type = "text/plain"
    if content_type == "application/ics":
        content_type = "text/calendar"
    if content_type == "application/octet-stream":
        name = _file_name(fields, parameters).lower()
        content_type = {".ics": "text/calendar", ".eml": "message/rfc822"}.get(name[-4:], content_type)
    return _Part(content_type, parameters, fields, body)


def _parameters(value: str) -> dict[str, str]:
    return {name.lower(): quoted or bare for name, quoted, bare in _PARAMETER.findall(value)}


def _file_name(fields: Fields, parameters: dict[str, str]) -> str:
    disposition = _parameters(_first(fields, "content-disposition")[:2000])
    return _clean(_decode_words(disposition.get("filename") or parameters.get("name", "")))


def _boundary(part: _Part) -> bytes:
    """Return the boundary of a multipart; where its header states none, that of the first line that looks like one."""
    if stated := part.parameters.get("boundary", "").rstrip():
        return stated.encode("utf-8")
    guessed = _GUESSED_BOUNDARY.search(part.body)
    return guessed[1].rstrip() if guessed else b""


def _pieces(body: bytes, boundary: bytes) -> Iterator[bytes]:
    """Yield what stands between the lines with the boundary (RFC 2046 5.1.1); the last piece may lack its end."""
    delimiter = re.compile(rb"^--" + re.escape(boundary) + rb"(--)?[ \t]*\r?(?:\n|\Z)", re.MULTILINE)
    begin = -1
    for match in delimiter.finditer(body):
        if begin >= 0:
            # The line end before a boundary belongs to the boundary.
            yield body[begin : match.start()].removesuffix(b"\n").removesuffix(b"\r")
        begin = match.end()
        if match[1]:
            return
    if begin >= 0:
        yield body[begin:]


def _content(encoding: str, body: bytes) -> bytes:
    encoding = encoding.lower()
    if encoding.startswith("base64"):
        return _base64(body)
    if encoding.startswith("quoted-printable"):
        # White space at the end of a line was put there on the way. Source: RFC 2045 6.7 (3).
        return binascii.a2b_qp(b"\n".join(line.rstrip(b" \t\r") for line in body.split(b"\n")))
    return body


def _base64(content: bytes) -> bytes:
    """Return what base64 encodes, reading over what does not belong to it and over a wrong end."""
    try:
        return binascii.a2b_base64(content)
    except binascii.Error:
        letters = _NOT_BASE64.sub(b"", content)
    if len(letters) % 4 == 1:
        letters = letters[:-1]
    return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4))


def to_text(content: bytes, charset: str) -> str:
    """Return bytes as text: by the declared charset, else UTF-8, else Windows-1252, else ISO 8859-1. Never raises."""
    for candidate in (charset, "utf-8", "cp1252"):
        try:
            name = codecs.lookup(candidate).name.replace("-", "_")
            # A text in one of the wide charsets has NULs; one without is garbage in them, whatever it says.
            if name not in _UNUSABLE_CHARSETS and (b"\0" in content or not name.startswith(_WIDE_CHARSETS)):
                return content.decode(candidate)
        except (LookupError, ValueError):
            continue
    return content.decode("latin-1")


def _fault_of_html(html: str) -> str | None:
    """Return what of a html text would take the readers too long; they look into every element of every other one."""
    if html.count("<") > TAGS:
        return f"more than {TAGS} tags"
    depths: dict[str, int] = {}
    deep = 0
    for closing, written in _NESTING.findall(html):
        name = written.lower()
        if closing and not depths.get(name):
            continue
        step = -1 if closing else 1
        depths[name] = depths.get(name, 0) + step
        deep += step
        if depths.get("table", 0) > TABLE_DEPTH:
            return f"more than {TABLE_DEPTH} tables in each other"
        if deep > ELEMENT_DEPTH:
            return f"more than {ELEMENT_DEPTH} elements in each other"
    return None
