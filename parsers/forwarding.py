"""What a person sent on in the body of a mail: whose notice it was, of when, and which part of the body is the notice.

Read are the header blocks of Gmail, Outlook, Apple Mail and Thunderbird, in thirteen languages. A notice that was
attached as a mail needs none of this: it has headers of its own.
"""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from parsers.forwarded_dates import instant_in
from parsers.mime import Notification, Text, one_address
from parsers.repairs import decoded

MOST_BLOCKS = 5

_SEARCHED_CHARACTERS = 100_000
_SEARCHED_HTML_CHARACTERS = 300_000
_BLOCK_LINES = 40
_LABEL_CHARACTERS = 24
_HEADER_CHARACTERS = 2000
_SHORTEST_WRAPPED = 50
_DEEPEST_QUOTE = 9

# The labels that mail programs write, in lower case. What is "other" belongs to the block and says nothing to us.
_LABELS = {
    "from": (
        *("from", "von", "de", "da", "van", "od", "från", "fra", "lähettäjä"),
        *("expéditeur", "remitente", "mittente", "afzender", "odesílatel"),
    ),
    "date": (
        *("date", "sent", "gesendet", "datum", "envoyé", "fecha", "enviado", "enviado el", "enviada", "enviada em"),
        *("enviado em", "data", "inviato", "verzonden", "wysłane", "wysłano", "data wysłania", "skickat", "sendt"),
        *("dato", "lähetetty", "päiväys", "päivämäärä", "odesláno"),
    ),
    "subject": (
        *("subject", "betreff", "objet", "sujet", "asunto", "oggetto", "assunto", "onderwerp", "temat", "ämne"),
        *("emne", "aihe", "předmět"),
    ),
    "other": (
        *("to", "an", "à", "para", "a", "aan", "do", "till", "til", "vastaanottaja", "komu", "pour", "cc", "bcc"),
        *("kopie", "copie", "copia", "cópia", "kopia", "kopi", "kopio", "dw", "reply-to", "importance", "priority"),
        *("wichtigkeit", "attachments", "anlagen"),
    ),
}
_KEY_OF = {label: key for key, labels in _LABELS.items() for label in labels}
_REQUIRED = frozenset({"from", "date", "subject"})

_BLANKS = " \t\r\n>*\xa0\u200b\ufeff"
_QUOTE = re.compile(r"(?:> ?){1,9}")
_MAILTO = re.compile(r"<mailto:[^<>\s]{0,320}>")
_BRACKETS = re.compile(r"\[(?:mailto:)?([^\]\[\s@]{1,200}@[^\]\[\s@]{1,250})\]")
_BRACKETED = re.compile(r"<[^<>\s]{3,320}>")
_ON_BEHALF = re.compile(
    r"\b(?:on behalf of|im auftrag von|de la part de|en nombre de|per conto di|namens)\b", re.IGNORECASE
)
_TAG = re.compile(r"<(/?[a-zA-Z][a-zA-Z0-9]{0,15}|!--)[^<>]{0,2000}>")
_LINE_TAGS = frozenset(
    {"p", "div", "tr", "table", "blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ul", "pre"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forward:
    """A mail that stands in the body of another. ``date`` None: it cannot be read.

    ``texts`` are the texts of the outer mail with what stands above the forwarded one cut off.
    """

    sender: str
    subject: str
    date: datetime | None
    texts: tuple[Text, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """The headers of a mail in the body of another: ``end`` is where they end, ``quote`` how deep they are quoted."""

    sender: str
    subject: str
    date: str
    end: int
    quote: int


def forwards_in(notification: Notification) -> Iterator[Forward]:
    """Yield the mails that were forwarded in the body, the outermost first, each sender once."""
    written = decoded(notification)
    # Html first: there no header is wrapped.
    kinds = ("text/html", "text/plain")
    searched = [text for kind in kinds for text in written.texts if text.type == kind]
    blocks = [(text, _blocks(text)) for text in searched]
    seen: set[str] = set()
    for _, found in blocks:
        for block in found:
            if block.sender not in seen:
                seen.add(block.sender)
                yield _forward(block, written, dict(_ends(block.sender, blocks)))


def header_in(line: str) -> tuple[str, str] | None:
    """Return which header of a mail a line is ("from", "date", "subject", "other"), and what it says; None for none."""
    return _header(line)


def _ends(sender: str, blocks: list[tuple[Text, list[_Block]]]) -> Iterator[tuple[Text, _Block]]:
    """Yield the texts in which a mail of a sender was forwarded, each with the block of its headers."""
    for text, found in blocks:
        for block in found:
            if block.sender == sender:
                yield text, block
                break


def _forward(block: _Block, outer: Notification, blocks: dict[Text, _Block]) -> Forward:
    return Forward(
        sender=block.sender,
        subject=block.subject,
        date=_date(block.date, outer),
        texts=tuple(_below(text, blocks[text]) if text in blocks else text for text in outer.texts),
    )


def _below(text: Text, block: _Block) -> Text:
    """Return what stands below a header block, without the quotation marks that the block has too."""
    rest = text.text[block.end :]
    if text.type == "text/plain" and block.quote:
        marks = re.compile(rf"^(?:> ?){{1,{block.quote}}}", re.MULTILINE)
        rest = marks.sub("", rest)
    return Text(type=text.type, text=rest)


def _date(text: str, outer: Notification) -> datetime | None:
    """Return the date of a forwarded mail in UTC; one without a zone is in that of the mail that forwards it.

    A date after that of the forward cannot be right.
    """
    date = instant_in(text, outer.date_offset or timedelta(0))
    if date is None or (outer.date and date > outer.date + timedelta(minutes=1)):
        return None
    return date


# Header blocks


# A line of a text, and where the next one begins.
_Line = tuple[str, int]


def _blocks(text: Text) -> list[_Block]:
    """Return the first header blocks of a text."""
    lines = list(_lines_of_html(text.text) if text.type == "text/html" else _lines_of_plain(text.text))
    found: list[_Block] = []
    number = 0
    while number < len(lines) and len(found) < MOST_BLOCKS:
        taken = 1
        if _header(lines[number][0]):
            block, length = _block(lines[number : number + _BLOCK_LINES], wrapped=text.type == "text/plain")
            if block:
                found.append(block)
                taken = length
        number += taken
    return found


def _block(lines: list[_Line], *, wrapped: bool) -> tuple[_Block | None, int]:
    """Return the block that begins with the first line, and its lines; None if a sender, date or subject is missing."""
    headers: dict[str, str] = {}
    last, end, length = "", 0, 0
    for line, following in lines:
        if not line.strip(_BLANKS):
            break
        header = _header(line)
        if header and header[0] in headers and header[0] != "other":
            break
        if header:
            last, value = header
            headers[last] = value
        elif wrapped and last and headers[last] and len(lines[length - 1][0]) >= _SHORTEST_WRAPPED:
            headers[last] = f"{headers[last]} {line.strip(_BLANKS)}"
        elif headers.keys() >= _REQUIRED:
            break
        end, length = following, length + 1
    sender = _address(headers.get("from", "")[:_HEADER_CHARACTERS])
    if sender is None or not headers.keys() >= _REQUIRED:
        return None, 1
    block = _Block(
        sender=sender,
        subject=headers["subject"][:_HEADER_CHARACTERS],
        date=headers["date"],
        end=end,
        quote=_depth_of_quote(lines[0][0]),
    )
    return block, length


def _header(line: str) -> tuple[str, str] | None:
    """Return which header a line is, and what it says; None if it is none."""
    label, colon, value = line.lstrip(_BLANKS)[:_HEADER_CHARACTERS].partition(":")
    if not colon or len(label) > _LABEL_CHARACTERS:
        return None
    key = _KEY_OF.get(label.strip(_BLANKS).lower())
    return (key, value.strip(_BLANKS.replace(">", ""))) if key else None


def _depth_of_quote(line: str) -> int:
    marks = _QUOTE.match(line)
    return marks[0].count(">") if marks else 0


def _address(text: str) -> str | None:
    """Return the address of a From line; None for none, or for several of which nobody can say whose the mail is.

    Outlook writes the address a second time, and names who wrote on behalf of whom.
    """
    plain = _BRACKETS.sub(r"<\1>", _MAILTO.sub("", text))
    found = list(dict.fromkeys(address for part in _BRACKETED.findall(plain) if (address := one_address(part))))
    if len(found) == 1 or (found and _ON_BEHALF.search(plain)):
        return found[-1]
    return None if found else one_address(plain)


# Lines


def _lines_of_plain(text: str) -> Iterator[_Line]:
    position = 0
    end = min(len(text), _SEARCHED_CHARACTERS)
    while position < end:
        newline = text.find("\n", position, end)
        following = end if newline < 0 else newline + 1
        yield text[position:following].rstrip("\r\n"), following
        position = following


def _lines_of_html(text: str) -> Iterator[_Line]:
    """Yield the lines of an html text as one sees them, well enough to find a header block among them."""
    pieces: list[str] = []
    position = 0
    for tag in _TAG.finditer(text, 0, _SEARCHED_HTML_CHARACTERS):
        if piece := text[position : tag.start()].replace("\r", " ").replace("\n", " "):
            pieces.append(piece)
        position = tag.end()
        name = tag[1].lower()
        if name != "br" and name.removeprefix("/") not in _LINE_TAGS:
            continue
        line = html.unescape("".join(pieces))
        pieces.clear()
        # The end of a block begins no line of its own.
        if name == "br" or line.strip(" \t"):
            yield line, tag.start() if name in _LINE_TAGS else position
    if rest := text[position:_SEARCHED_HTML_CHARACTERS]:
        yield html.unescape("".join((*pieces, rest))), min(len(text), _SEARCHED_HTML_CHARACTERS)
