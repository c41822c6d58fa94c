"""The newest text of a notice, and the labelled fields in it.

A carrier's mail often bears its earlier ones: quoted, below their headers, or as a log. Only what is new in it speaks.
"""

import html
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import takewhile

from parsers.clock import Clock
from parsers.forms import DateOrder
from parsers.forwarding import header_in
from parsers.lines import going_on, lines_of, rows_of, shown_of
from parsers.mime import Notification, Text
from parsers.outage.times import Moments
from parsers.outage.words import Means, meaning_of
from parsers.statements import NotUnderstood

_SEARCHED_CHARACTERS = 300_000
_LINE_CHARACTERS = 1000
_HEADER_LINES = 8
_MOST_ENTRIES = 500
_MOST_ROWS = 2000
_MOST_LINES = 5000
_LABEL_CHARACTERS = 50
_LABEL_WORDS = 7
_VALUE_CHARACTERS = 2000

# A line, and where it begins and ends in its text.
_Line = tuple[str, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A label as it is written, without its colon, and what stands behind it or under it.

    The lines of a cell stay lines; every other white space is one blank.
    """

    label: str
    value: str


# Each reader of a notice asks for it.
@lru_cache(maxsize=2)
def newest_text(notification: Notification) -> Notification:
    """Return a notice without what it quotes: nothing below a quotation mark or the headers of an earlier mail.

    Of a log with several dated entries only the newest is left, of notices one below the other the first. Nothing that
    a page hides is left, and nothing that a customer wrote.
    """
    texts = tuple(_newest(_broken(text), notification.date) for text in notification.texts)
    return notification if texts == notification.texts else replace(notification, texts=texts)


def fields_of(notification: Notification) -> tuple[Field, ...]:
    """Return the labelled values of a notice in their order, each once: of its tables first, then of its lines.

    The longest html part counts, else the plain text. A value that is not on the line of its label is on the next. A
    table with a row of headings and one row below is labels and values too.
    """
    rows = _rows(notification)
    headed, others = _headed(rows)
    alone = [field for table in headed if len(table) == 1 for field in table[0]]
    cells = {cell for row in rows for cell in row}
    columns = () if notification.of_type("text/html") else _column_fields(notification)
    found = (
        *alone,
        *_row_fields(others),
        *columns,
        *_line_fields(lines_of(_with_terms_in_lines(notification))[:_MOST_LINES], cells),
    )
    return tuple(dict.fromkeys(field for field in found if field.label))


def tables_of(notification: Notification) -> tuple[tuple[tuple[Field, ...], ...], ...]:
    """Return the tables that have a row of headings: each row below it as fields whose labels are the headings."""
    headed, _ = _headed(_rows(notification))
    return tuple(headed)


# The newest text

_QUOTATION = re.compile(r"\s{0,3}>(?!.{0,200}<\s*$)(?!>>\s?\w)")
_WROTE = re.compile(
    r"(?:wrote|writes|schrieb\b.{0,120}|a écrit|escribió|ha scritto|schreef\b.{0,120}|escreveu|skrev\b.{0,120}"
    r"|napisał(?:\(a\)|a)?|napsal(?:\(a\)|a)?|kirjoitti)\s?:\s*$",
    re.IGNORECASE,
)
_ORIGINAL = re.compile(
    r"\s*[-_*=]{2,}\s*(?:begin )?(?:original|forwarded|previous|ursprüngliche|weitergeleitete|message|mensaje|mensagem"
    r"|messaggio|oorspronkelijk|doorgestuurd|wiadomość|původní|opprinnelig|ursprungligt|oprindelig|alkuperäinen|history"
    r"|earlier|prior)\b.{0,60}[-_*=]{2,}\s*$",
    re.IGNORECASE,
)
_HISTORY = re.compile(
    r"\W{0,6}(?:(?:begin forwarded message|(?:previous|prior|earlier|past|older)(?: (?:status|ticket|incident))?"
    r" (?:updates?|messages?|notes?|entries|notifications?|communications?|correspondence)"
    r"|(?:update|ticket|incident|case|notification|communication|event) history"
    r"|history)\s*(?:\(.{0,40}\))?\s*:?)\W{0,6}$",
    re.IGNORECASE,
)
_QUOTING_TAG = re.compile(
    r"<(?:blockquote\b(?![^<>]{0,500}margin-left)|div\b[^<>]{0,300}\b(?:gmail_quote|divRplyFwdMsg|moz-cite-prefix"
    r"|yahoo_quoted|appendonsend|OutlookMessageHeader|protonmail_quote|zmail_extra)|hr\b[^<>]{0,300}\bstopSpelling)",
    re.IGNORECASE,
)
_TAG = re.compile(r"<(/?[a-zA-Z][a-zA-Z0-9]{0,15}|!--)[^<>]{0,2000}>")
_PREFORMATTED = re.compile(r"<pre\b[^<>]{0,1000}>.*?(?:</pre>|\Z)", re.IGNORECASE | re.DOTALL)
_BREAKING = frozenset({"br", "p", "div", "tr", "table", "li", "ul", "hr", "pre", "blockquote", "title"})
_BREAKING_TAGS = _BREAKING | {f"h{number}" for number in range(1, 7)}

_DAY_WORD = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]{0,6}\.?,?\s)?"
_MONTH_WORD = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.?"
_DATE = (
    rf"{_DAY_WORD}(?:\d{{4}}[-/.]\d{{1,2}}[-/.]\d{{1,2}}|\d{{1,2}}[-/.]\d{{1,2}}[-/.]\d{{2,4}}"
    rf"|\d{{1,2}}[-/ ]{_MONTH_WORD}(?:[-/ ,]{{1,2}}\d{{4}})?|{_MONTH_WORD} \d{{1,2}}(?:st|nd|rd|th)?(?:,? \d{{4}})?)"
)
_CLOCK = r"\d{1,2}:\d{2}(?::\d{2})?(?:\s?[ap]\.?m\b\.?)?"
# What begins an entry of a log: its number perhaps, and its date and time.
_ENTRY = re.compile(
    rf"\W{{0,4}}(?:(?:update|entry|note|posted|log)\b(?:\s?#?(?P<number>\d{{1,3}})\b(?![-/.:]\d))?[ #\d.:()-]{{0,8}}"
    r"(?:posted |added )?(?:at |on )?)?[-–\[( ]{0,3}"
    rf"(?P<stamp>{_DATE}(?:,| at| -|T)?\s?{_CLOCK}|{_CLOCK}(?:\s?[A-Z]{{3,4}})?(?:,| on| -)?\s{_DATE})"
    r"(?P<zone>\s?\(?(?:[A-Z]{1,4}\b(?:[+-]\d{1,2}(?::\d{2})?)?|[+-]\d{2}:?\d{2})\)?)?(?P<rest>.{0,1000})",
    re.IGNORECASE,
)

# An entry that a customer wrote, and not one that says something of a customer.
_BY_CUSTOMER = re.compile(
    r"[\W_]{0,10}(?:(?:comment|note|update|reply|added|posted|written)\s)?(?:(?:by|from)\s)?(?:the\s)?"
    r"(?:customer|client|requester|end user)(?:'s)?"
    r"(?:\s(?:comments?|notes?|reply|replies|updates?|response|portal|message))?"
    r"(?:\s(?:wrote|replied|commented|asked))?\s?(?:[:\])]|-\s)",
    re.IGNORECASE,
)


_DAY = re.compile(_DATE, re.IGNORECASE)
_TIME = re.compile(_CLOCK, re.IGNORECASE)
_RULE = re.compile(r"\s{0,3}[-_=*~#+]{5,200}\s{0,9}")
# What begins a part that a customer wrote, "You wrote:" or "Customer comment:".
_CUSTOMERS_PART = re.compile(
    r"[\W_]{0,6}(?:(?P<yours>you (?:wrote|said|asked|reported|commented)"
    r"|your (?:(?:original|previous|last|latest) )?(?:message|comments?|updates?|request|repl(?:y|ies)|e-?mail"
    r"|question)"
    r"|original (?:request|message|e-?mail|question|report))"
    r"|(?:the )?(?:customer|client|requester|end user)(?:'s)? (?:wrote|said|asked|replied|commented|comments?|updates?"
    r"|message|repl(?:y|ies)))(?: \([^()]{0,60}\)| (?:on|at) [^:]{0,40}(?::\d\d[^:]{0,20})?)?\s?:(?!\d)"
    r"(?P<rest>.{0,1000})",
    re.IGNORECASE,
)
_MOST_BREAKS = 20
_MOST_LABELLED = 500
# What an entry is as new as the notice that bears it, by clocks that differ.
_AS_NEW = timedelta(minutes=15)
_ZONES = re.compile(r"\([^()]{0,40}\)|\b(?:[A-Z]{1,4}T|UTC|Z)\b")


def _broken(text: Text) -> Text:
    """Return a page as one sees it, with the breaks that its preformatted lines have without a tag."""
    if text.type != "text/html":
        return text
    broken = _PREFORMATTED.sub(lambda found: found[0].replace("\n", "<br>\n"), shown_of(text.text))
    return text if broken == text.text else Text(type=text.type, text=broken)


def _newest(whole: Text, date: datetime | None) -> Text:
    text = _without_customers(whole)
    lines = _lines(text)
    end = _end(text, lines, date)
    spoken = _without_older(text.text[:end], [line for line in lines if line[1] < end], date)
    return whole if spoken == whole.text else Text(type=text.type, text=spoken)


def _lines(text: Text) -> list[_Line]:
    return list(_html_lines(text.text) if text.type == "text/html" else _plain_lines(text.text))


def _without_customers(text: Text) -> Text:
    """Return a text without the parts that a customer wrote, each behind words that announce it.

    Where they stand alone on their line the part goes on to the next entry of a log, or to the end.
    """
    lines = _lines(text)
    pieces = []
    position = 0
    for number, (line, start, _) in enumerate(lines):
        found = _CUSTOMERS_PART.match(line) if start >= position else None
        if found:
            pieces.append(text.text[position:start])
            alone = not found["rest"].strip(" *_")
            # A page has no blank lines, so a part that begins on the line of its label is that line.
            is_line = text.type == "text/html" and not alone
            position = lines[number][2] if is_line else _end_of_part(found, lines[number + 1 :], len(text.text))
    return Text(type=text.type, text="".join((*pieces, text.text[position:]))) if position else text


def _end_of_part(found: re.Match[str], below: Sequence[_Line], end: int) -> int:
    """Return where a part of a customer ends: before an entry of a log, and where it has one line before a blank."""
    alone = not found["rest"].strip(" *_")
    for line, start, _ in below:
        entry = _ENTRY.match(line)
        if entry and _says(entry) and not _BY_CUSTOMER.match(entry["rest"]):
            return end if found["yours"] else start
        if not alone and (not line.strip() or (not found["yours"] and _begins_with_label(line))):
            return start
    return end


def _end(text: Text, lines: Sequence[_Line], date: datetime | None) -> int:
    """Return where the new text ends: before the first line of what is quoted."""
    tag = _QUOTING_TAG.search(text.text) if text.type == "text/html" else None
    end = tag.start() if tag else len(text.text)
    quoted = next((start for number, (_, start, _) in enumerate(lines) if _quotes(lines, number)), end)
    return min(end, quoted, _second_notice([line for line in lines if line[1] < min(end, quoted)], date) or end)


def _second_notice(lines: Sequence[_Line], date: datetime | None) -> int | None:
    """Return where an older notice stands whole below the new one, behind a rule or its number and date.

    It states what the new one states: the same ticket, and more by the same labels.
    """
    breaks = [number for number, (line, _, _) in enumerate(lines) if number and _RULE.fullmatch(line)]
    headings = [number for number, (line, _, _) in enumerate(lines) if number and _numbered(line)]
    for number in sorted({*breaks, *headings})[:_MOST_BREAKS]:
        heading = next((line for line, _, _ in lines[number : number + 3] if _numbered(line)), "")
        if heading and _is_of(heading, date):
            continue
        above, below = (_labelled(part) for part in (lines[:number], lines[number + 1 :]))
        same = above.keys() & below.keys()
        ticket = any(means is Means.TICKET and above[label, means] == below[label, means] for label, means in same)
        others = [label for label in same if label[1] is not Means.TICKET]
        if ticket and others and (heading or any(above[label] != below[label] for label in others)):
            return lines[number][1]
    return None


def _numbered(line: str) -> re.Match[str] | None:
    """Return the beginning of an entry that has a number and a date, None for none."""
    found = _ENTRY.match(line)
    return found if found and found["number"] else None


def _is_of(heading: str, date: datetime | None) -> bool:
    """Return whether an entry is as new as the notice."""
    entry = _ENTRY.match(heading)
    for order in (DateOrder.DAY_MONTH, DateOrder.MONTH_DAY):
        if entry is None or date is None:
            return False
        try:
            stamp = _stamp(entry, Moments(clock=Clock(order=order, zone="UTC"), date=date))
        except NotUnderstood:
            continue
        if stamp >= date - _AS_NEW:
            return True
    return False


def _labelled(lines: Sequence[_Line]) -> dict[tuple[str, Means], str]:
    """Return what the known labels of lines state first."""
    found = [_LABELLED.fullmatch(line) for line, _, _ in lines[:_MOST_LABELLED]]
    stated = [(one["label"], one["value"].strip()) for one in reversed(found) if one]
    return {(_bare(label).lower(), means): value for label, value in stated if (means := meaning_of(label))}


def _quotes(lines: Sequence[_Line], number: int) -> bool:
    """Return whether what is quoted begins with a line."""
    line = lines[number][0]
    if _QUOTATION.match(line) or _ORIGINAL.match(line) or _HISTORY.fullmatch(line):
        return True
    if _WROTE.search(line):
        before = lines[number - 1][0] if number else ""
        return any(character.isdigit() or character == "@" for character in f"{before} {line}")
    header = header_in(line)
    if header is None:
        return False
    below = lines[number : number + _HEADER_LINES]
    return header[0] == "from" and (_heads_a_mail(below) or (number > 0 and _heads_shortly(below)))


def _heads_a_mail(lines: Sequence[_Line]) -> bool:
    """Return whether lines that begin with a sender are the headers of a mail."""
    headers = dict(header for line, _, _ in lines if (header := header_in(line)))
    return {"date", "subject"} <= headers.keys() or (
        "@" in headers["from"] and bool({"date", "subject"} & headers.keys())
    )


def _heads_shortly(lines: Sequence[_Line]) -> bool:
    """Return whether lines are a sender and a date with its time, and nothing between them."""
    headers = takewhile(bool, (header_in(line) for line, _, _ in lines))
    said = dict(header for header in headers if header)
    date = said.get("date", "")
    names_somebody = any(map(str.isalpha, said.get("from", ""))) and not _DAY.match(said.get("from", ""))
    return names_somebody and bool(_TIME.search(date) and _DAY.search(date))


def _without_older(text: str, lines: Sequence[_Line], date: datetime | None) -> str:
    """Return a text without the older entries of a log in it."""
    entries = [(found, start) for line, start, _ in lines if (found := _ENTRY.match(line)) and _says(found)]
    ours = [number for number, (found, _) in enumerate(entries) if not _BY_CUSTOMER.match(found["rest"])][
        :_MOST_ENTRIES
    ]
    if len(entries) < 2 and len(ours) == len(entries):
        return text
    head = text[: entries[0][1]]
    if not ours:
        return head
    newest = ours[_newest_of([entries[number][0] for number in ours], date)]
    following = entries[newest + 1][1] if newest + 1 < len(entries) else len(text)
    return head + text[entries[newest][1] : following]


def _says(entry: re.Match[str]) -> bool:
    """Return whether an entry says something or has a number, or is a time alone or two, as values of labels are."""
    if entry["number"]:
        return True
    return len([character for character in _ZONES.sub(" ", entry["rest"]) if character.isalpha()]) >= 3


def _newest_of(entries: Sequence[re.Match[str]], date: datetime | None) -> int:
    """Return which entry is the newest; where nobody can say it, the first."""
    if date is None:
        return 0
    found = set()
    for order in (DateOrder.DAY_MONTH, DateOrder.MONTH_DAY):
        moments = Moments(clock=Clock(order=order, zone="UTC"), date=date)
        try:
            stamps = [_stamp(entry, moments) for entry in entries]
        except NotUnderstood:
            continue
        newest = max(stamps)
        # Of those that are equally new it is the one at that end of the log where the newest are.
        last = len(stamps) - 1 - stamps[::-1].index(newest)
        found.add(last if stamps[-1] > stamps[0] else stamps.index(newest))
    return found.pop() if len(found) == 1 else 0


def _stamp(entry: re.Match[str], moments: Moments) -> datetime:
    try:
        return moments.instant(f"{entry['stamp']} {entry['zone'] or ''}")
    except NotUnderstood:
        return moments.instant(entry["stamp"])


def _plain_lines(text: str) -> Iterator[_Line]:
    position = 0
    end = min(len(text), _SEARCHED_CHARACTERS)
    while position < end:
        newline = text.find("\n", position, end)
        following = end if newline < 0 else newline + 1
        yield text[position:following].rstrip("\r\n")[:_LINE_CHARACTERS], position, following
        position = following


def _html_lines(text: str) -> Iterator[_Line]:
    """Yield the lines of an html text as one sees them, a row of a table as one, without those that are blank."""
    pieces: list[str] = []
    position = beginning = 0
    for tag in _TAG.finditer(text, 0, _SEARCHED_CHARACTERS):
        pieces.append(text[position : tag.start()])
        position = tag.end()
        name = tag[1].lower()
        if name.removeprefix("/") not in _BREAKING_TAGS:
            pieces.append(" " if name in ("td", "th") else "")
            continue
        if line := _seen(pieces):
            yield line, beginning, tag.start()
        pieces.clear()
        beginning = tag.end()
    pieces.append(text[position:_SEARCHED_CHARACTERS])
    if line := _seen(pieces):
        yield line, beginning, len(text)


def _seen(pieces: Sequence[str]) -> str:
    return " ".join(html.unescape("".join(pieces)).split())[:_LINE_CHARACTERS]


# Fields

_ZONE = r"\(?(?:UTC|GMT|Z|(?:[A-Z]{1,3}[SD]|[CEMPW]E?|[IJ]S)T)(?:\s?[+-]\s?\d{1,2}(?::?\d{2})?)?\)?"
_TIME_WRAPPED = (
    (
        re.compile(_DATE, re.IGNORECASE),
        re.compile(rf"(?:at )?{_CLOCK}(?:\s?(?-i:{_ZONE}))?", re.IGNORECASE),
    ),
    (re.compile(rf"{_DATE}(?:,| at| -|T)?\s?{_CLOCK}", re.IGNORECASE), re.compile(_ZONE)),
)
_LABELLED = re.compile(
    rf"[\s*•·▪\-–|_#>]{{0,6}}(?P<label>[^\W\d_][^:=\n]{{0,{_LABEL_CHARACTERS}}}?)[\s.*_]{{0,40}}"
    r"(?::(?!//|\d\d\b)|=(?=\s)|：)\s?(?P<value>.*)",
)
# What parts a label from its value beside a colon; the label must be known.
_IN_COLUMNS = re.compile(r"\s{0,12}(?P<label>[^\W\d_][^:\t]{1,49}?)(?:\t|\s\s)\s{0,60}(?P<value>[^\s:=.][^\n]*)")
_WITH_DASH = re.compile(r"(?P<label>[A-Z][^\W\d_]*(?: [^\W\d_]+){0,4}) [-–—] (?P<value>\S.*)")
_WITH_BAR = re.compile(r"\s\|\s(?=[^\W\d_][^:|]{1,50}:)")
_TERM = re.compile(r"<(/?)d[td]\b", re.IGNORECASE)
_LINE_MARK = "\N{SYMBOL FOR RECORD SEPARATOR}"
_LINE_IN_CELL = re.compile(r"</?(?:br|p|div|li)\b[^<>]{0,200}>", re.IGNORECASE)
_BARRED = re.compile(r"\s*\|(?P<label>[^|]{2,50})\|(?P<value>[^|]{1,2000})\|\s*")


def _with_terms_in_lines(notification: Notification) -> Notification:
    """Return a notice with each term of a list of terms, and what it means, on a line of its own."""
    texts = tuple(
        Text(type=text.type, text=_TERM.sub(r"<\1p", text.text)) if text.type == "text/html" else text
        for text in notification.texts
    )
    return replace(notification, texts=texts)


def _rows(notification: Notification) -> list[list[str]]:
    """Return the rows of the tables, with the lines in their cells apart."""
    marked = tuple(
        Text(type=text.type, text=_LINE_IN_CELL.sub(_LINE_MARK, text.text)) if text.type == "text/html" else text
        for text in notification.texts
    )
    rows = rows_of(replace(notification, texts=marked))[:_MOST_ROWS]
    return [[_lines_of_cell(cell) for cell in row] for row in rows]


def _lines_of_cell(cell: str) -> str:
    return "\n".join(line for part in cell.split(_LINE_MARK) if (line := part.strip()))


def _headed(rows: Sequence[Sequence[str]]) -> tuple[list[tuple[tuple[Field, ...], ...]], list[Sequence[str]]]:
    """Return the tables with a row of headings, and the rows that are in none of them.

    A row is one of headings where two of its cells are known as labels, and the row below begins with none.
    """
    tables: list[tuple[tuple[Field, ...], ...]] = []
    others: list[Sequence[str]] = []
    number = 0
    while number < len(rows):
        below = list(_below(rows, number)) if _is_head(rows, number) else []
        if below:
            tables.append(tuple(below))
        else:
            others.append(rows[number])
        number += 1 + len(below)
    return tables, others


def _is_head(rows: Sequence[Sequence[str]], number: int) -> bool:
    known = [cell for cell in rows[number] if _heading(cell) and meaning_of(cell)]
    return len(known) >= 2 and all(_heading(cell) or not cell for cell in rows[number])


def _below(rows: Sequence[Sequence[str]], number: int) -> Iterator[tuple[Field, ...]]:
    """Yield the rows below a row of headings, up to one of another length or that begins with a label."""
    head = rows[number]
    for row in rows[number + 1 :]:
        if len(row) != len(head) or (row[0] and meaning_of(row[0]) and _heading(row[0])):
            return
        yield tuple(Field(label=_bare(label), value=_value(value)) for label, value in zip(head, row, strict=True))


def _row_fields(rows: Sequence[Sequence[str]]) -> Iterator[Field]:
    """Yield the fields of rows that hold labels and values in turn."""
    for whole in rows:
        # The colon may have a cell of its own.
        row = [cell for cell in whole if cell.strip() not in (":", "：")]
        cells = [cell for number, cell in enumerate(row) if cell or number % 2]
        if len(row) % 2 or len(cells) != len(row):
            cells = [cell for cell in row if cell]
        if len(cells) % 2 or len(cells) > 8:
            continue
        for label, value in zip(cells[::2], cells[1::2], strict=True):
            if _heading(label):
                yield Field(label=_bare(label), value=_value(value))


def _column_fields(notification: Notification) -> Iterator[Field]:
    """Yield the fields of lines of plain text in which a wide blank parts a known label from its value."""
    for text in notification.of_type("text/plain"):
        for line in text[:_SEARCHED_CHARACTERS].splitlines()[:_MOST_LINES]:
            found = _IN_COLUMNS.fullmatch(line[:_LINE_CHARACTERS].rstrip())
            if found and _heading(found["label"]) and meaning_of(found["label"]):
                yield Field(label=_bare(found["label"]), value=_value(found["value"]))


def _line_fields(lines: Sequence[str], cells: Collection[str]) -> Iterator[Field]:
    """Yield the fields of lines, each with its label and its value or with the value in the next line.

    A label without a colon, alone on its line, is one that is known; in a cell it is that of a table.
    """
    parts = [part for line in lines for part in _WITH_BAR.split(line[:_VALUE_CHARACTERS])]
    for number, part in enumerate(parts):
        if barred := _BARRED.fullmatch(part):
            yield Field(label=_bare(barred["label"]), value=_value(barred["value"]))
            continue
        found = _LABELLED.fullmatch(part)
        following = parts[number + 1] if number + 1 < len(parts) and not _LABELLED.fullmatch(parts[number + 1]) else ""
        dashed = _WITH_DASH.fullmatch(part)
        if not found and dashed and meaning_of(dashed["label"]):
            yield Field(label=_bare(dashed["label"]), value=_value(dashed["value"]))
        elif not found and following and _stands_alone(part, following) and part not in cells:
            value = _wrapped(_going_on(parts, number + 1), parts, number + 2)
            yield Field(label=_bare(part), value=_value(value))
        if not found or len(found["label"].split()) > _LABEL_WORDS:
            continue
        value = found["value"].strip()
        if not value.strip("*_ "):
            value = _wrapped(_going_on(parts, number + 1), parts, number + 2) if following else ""
        elif value:
            value = _wrapped(value + _going_on(parts, number).removeprefix(part), parts, number + 1)
        yield Field(label=_bare(found["label"]), value=_value(value))


def _going_on(parts: Sequence[str], number: int) -> str:
    """Return a line with those on which its sentence goes on, up to one with a known label."""
    return going_on(parts, number, ends=_begins_with_label)


def _wrapped(value: str, parts: Sequence[str], number: int) -> str:
    """Return the day, or day and time, of a value with the time and the zone that stand alone in the next lines."""
    for part in parts[number : number + 2]:
        ended = next((ending for beginning, ending in _TIME_WRAPPED if beginning.fullmatch(value.strip())), None)
        if ended is None or not ended.fullmatch(part.strip()):
            return value
        value = f"{value} {part.strip()}"
    return value


def _begins_with_label(part: str) -> bool:
    found = _LABELLED.fullmatch(part)
    return bool(found and meaning_of(found["label"]))


def _stands_alone(line: str, following: str) -> bool:
    """Return whether a line is a known label and nothing else, and the one below it none."""
    return _heading(line) and line[0].isupper() and bool(meaning_of(line)) and not meaning_of(following)


def _heading(cell: str) -> bool:
    """Return whether a cell can be a label: short, and with letters."""
    bare = _bare(cell)
    if not 2 <= len(bare) <= _LABEL_CHARACTERS or len(bare.split()) > _LABEL_WORDS:
        return False
    return bare[0].isalpha()


def _bare(label: str) -> str:
    return " ".join(label.strip(" \t*_:|.-–#=").split())


def _value(value: str) -> str:
    lines = (" ".join(line.strip(" \t*_|").split()) for line in value.split("\n"))
    return "\n".join(line for line in lines if line)[:_VALUE_CHARACTERS]
