"""Mails that try to hurt: one function for each, and what must become of it. Pure: each makes its bytes from nothing.

``QUICK`` and ``SLOW`` are the tables: a name, the bytes, and the end that is right for them. Most bear the address of a
known provider, whose readers therefore see them.
"""

import base64
import io
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from domain.message import Disposition, Reason

RECEIVED = datetime(2027, 2, 1, 12, tzinfo=UTC)
DATE = "Mon, 01 Feb 2027 12:00:00 +0000"

SPREADSHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True, kw_only=True)
class Row:
    """A hostile mail. ``end``: the disposition, or the reason of the quarantine, that is right for it; ``detail``: some
    of the words for a person."""

    name: str
    make: Callable[[], bytes]
    end: str
    detail: str = ""


def end_of(disposition: Disposition, reason: Reason | None) -> str:
    """Return a disposition, or the reason of a quarantine, in one word."""
    return reason.value if reason else disposition.value


# What they are built of


def mail(
    sender: str, body: str | bytes, content_type: str = "text/html", *, subject: str = "Maintenance", more: str = ""
) -> bytes:
    """Return a message of one part; ``more`` are further headers, each with its line end."""
    head = f"From: {sender}\nSubject: {subject}\nDate: {DATE}\nMessage-ID: <1@carrier.example>\n{more}"
    content = body.encode() if isinstance(body, str) else body
    return f"{head}Content-Type: {content_type}\n\n".encode() + content


def multipart(sender: str, *parts: tuple[str, str | bytes], subject: str = "Maintenance") -> bytes:
    """Return a message of several parts, each a type and its content."""
    pieces = []
    for content_type, body in parts:
        content = body.encode() if isinstance(body, str) else body
        encoded = base64.encodebytes(content)
        head = f"--hostile\nContent-Type: {content_type}\nContent-Transfer-Encoding: base64\n\n"
        pieces.append(head.encode() + encoded)
    return mail(sender, b"".join(pieces) + b"--hostile--\n", 'multipart/mixed; boundary="hostile"', subject=subject)


ZAYO_BODY = """\
<html><body><b><br><br>Zayo Maintenance Notification
<br><br>This email serves as official notification that Zayo will be performing maintenance on its network.</b>
<br><br><b>Maintenance Ticket #: </b> TTN-0008700001
<br><br><b>Urgency: </b> Planned
<br><br><b>Date Notice Sent: </b> 01-Feb-2027
<br><br><b>Customer: </b> Ridgeline Hosting {note}
<br><br><b>Maintenance Window </b>
<br><br><b>1<sup>st</sup> Activity Date </b><br>
09-Feb-2027 05:00 to 09-Feb-2027 11:00 ( GMT )
<br><br><b>Reason for Maintenance: </b> Work on a culvert {note}.
<br><br><b>Circuit(s) Affected: </b><br>
<table border="1">
<tr>
<th>Circuit Id</th>
<th>Expected Impact</th>
<th>A Location Address</th>
<th>Z Location Address</th>
<th>Customer Circuit ID</th>
</tr>
<tr>
<td>{circuit}</td>
<td>Hard Down - up to 2 hours</td>
<td>1 First St Denver CO</td>
<td>2 Second St Omaha NE</td>
<td></td>
</tr>
</table>
</body></html>
"""
ZAYO_SUBJECT = "***Ridgeline Hosting***ZAYO TTN-0008700001 Planned MAINTENANCE NOTIFICATION***"


def zayo(*, note: str = "", circuit: str = "/OQYX/100001/ /ZYO /") -> str:
    """Return the body of a good notice."""
    return ZAYO_BODY.format(note=note, circuit=circuit)


def good(number: int) -> bytes:
    """Return a good notice, another one for each number."""
    body = zayo().replace("TTN-0008700001", f"TTN-00088{number:05}")
    subject = ZAYO_SUBJECT.replace("TTN-0008700001", f"TTN-00088{number:05}")
    return mail("mr@zayo.com", body, subject=subject, more=f"X-Number: {number}\n").replace(
        b"<1@carrier.example>", b"<good.%d@carrier.example>" % number
    )


# Nested and many


def nested_multiparts(depth: int, innermost: str = "\ntext") -> bytes:
    """Return multiparts in each other, each with its own boundary."""
    heads = "".join(f'Content-Type: multipart/mixed; boundary="l{level}"\n\n--l{level}\n' for level in range(depth))
    ends = "".join(f"\n--l{level}--" for level in reversed(range(depth)))
    return f"From: mr@zayo.com\nSubject: {ZAYO_SUBJECT}\nDate: {DATE}\n{heads}{innermost}{ends}".encode()


def flat_parts(count: int) -> bytes:
    """Return a message of many small parts."""
    return mail("mr@zayo.com", "--b\n\nx\n" * count + "--b--\n", 'multipart/mixed; boundary="b"')


def nested_messages(depth: int) -> bytes:
    """Return messages attached to each other."""
    return mail("mr@zayo.com", b"Content-Type: message/rfc822\n\n" * depth, "message/rfc822")


def attached_notice() -> bytes:
    """Return a good notice that a colleague sends on as an attachment, under a subject and a date of their own."""
    outer = f"From: noc@example.net\nSubject: Fwd: look\nDate: {DATE}\n"
    body = b"--b\n\nsee below\n--b\nContent-Type: message/rfc822\n\n" + good(1) + b"\n--b--\n"
    return f'{outer}Content-Type: multipart/mixed; boundary="b"\n\n'.encode() + body


def guessed_boundary(blanks: int) -> bytes:
    """Return a multipart without a boundary whose first line may be one."""
    return mail("mr@zayo.com", b"--a" + b" " * blanks + b"x", "multipart/mixed")


def many_attached(count: int) -> bytes:
    """Return a digest of notices of nobody that we know."""
    notice = good(1).replace(b"mr@zayo.com", b"noc@carrier.example")
    body = (b"--b\nContent-Type: message/rfc822\n\n" + notice + b"\n") * count + b"--b--\n"
    return mail("list@lists.example", body, 'multipart/digest; boundary="b"')


def of_unknown_sender(raw: bytes) -> bytes:
    """Return a message with a sender that is no provider's."""
    _, _, rest = raw.partition(b"\n")
    return b"From: noc@carrier.example\n" + rest


# Headers


def words(count: int) -> str:
    """Return so many encoded words."""
    return "=?utf-8?q?=C3=A9?= " * count


def good_with(*, subject: str = ZAYO_SUBJECT, more: str = "", sender: str = "mr@zayo.com") -> bytes:
    """Return a good notice with strange headers."""
    return mail(sender, zayo(), subject=subject, more=more)


def many_parameters(count: int) -> bytes:
    """Return a good notice whose type has many parameters."""
    return mail("mr@zayo.com", zayo(), "text/html" + "; a=b" * count, subject=ZAYO_SUBJECT)


_Q_SUBJECT = ZAYO_SUBJECT.replace(" ", "_")
STEERING_SUBJECT = f"=?utf-8?q?ZAYO=0Aevent=3Dforged_=1B[31m=E2=80=AE_{_Q_SUBJECT}?="


def without(header: str) -> bytes:
    """Return a good notice without a header; when it was received is known from the one that our server put on top."""
    lines = good_with().split(b"\n")
    kept = [line for line in lines if not line.startswith(header.encode() + b":")]
    return f"Received: from a by b; {DATE}\n".encode() + b"\n".join(kept)


def folded_header(lines: int) -> bytes:
    """Return a good notice with a header of many lines, each almost empty."""
    return good_with(more="X-Folded: a\n" + " \n" * lines)


# Charsets


def in_charset(charset: str, body: str, encoding: str) -> bytes:
    """Return a good notice whose body is in one encoding and says that it is in a charset."""
    return mail("mr@zayo.com", body.encode(encoding), f'text/html; charset="{charset}"', subject=ZAYO_SUBJECT)


def punycode(size: int) -> bytes:
    """Return a text that says that it is punycode, which takes more time than its length."""
    return mail("mr@zayo.com", b"a" * size + b"-" + b"z" * size, "text/html; charset=punycode")


def winmail() -> bytes:
    """Return a mail whose parts Outlook has hidden."""
    return multipart("mr@zayo.com", ("text/plain", "see the file"), ("application/ms-tnef", b"\x78\x9f\x3e\x22" * 100))


# Html


def nested_tables(sender: str, count: int) -> bytes:
    """Return tables in each other."""
    return mail(sender, "<table><tr><td>x" * count + "</td></tr></table>" * count, subject="Work Notification")


def nested_spans(count: int) -> bytes:
    """Return spans in each other, in the tables of a form that asks each for its text."""
    spans = "<span>" * count + "Maintenance ID" + "</span>" * count
    tables = "<table><tbody><tr><td>Maintenance Details</td></tr></tbody></table>" + "<table></table>"
    return mail("noc@bso.co", tables + f"<table><tr><td>{spans}</td></tr></table>", subject="Maintenance")


def nested_elements(count: int) -> bytes:
    """Return elements of many names in each other, of which none is often there."""
    return mail("mr@zayo.com", "".join(f"<x{number}>" for number in range(count)))


def unclosed_brackets(count: int) -> bytes:
    """Return html that begins many tags and ends none."""
    return mail("mr@zayo.com", "<meta charset" * count + "<table" * 30)


def flat_rows(count: int) -> bytes:
    """Return a table of many rows."""
    return mail("noc@bso.co", "<table>" + "<tr><td>x" * count)


def megabytes_of(text: str, size: int) -> bytes:
    """Return a good notice with so many characters more."""
    return mail("mr@zayo.com", zayo(note=text * size), "text/html; charset=utf-8", subject=ZAYO_SUBJECT)


# What makes the expressions of the library slow


def att_window(count: int) -> bytes:
    return mail("g31654@att.com", "<p>" + "Start Time: GMT " * count)


def att_event(count: int) -> bytes:
    return mail("g31654@att.com", "<p>" + "Event ID:  Customer Impact Description:  Summary:  " * count)


def gtt_colons(count: int) -> bytes:
    cell = "Planned Work Notification" + ": 1" * count
    return mail("infraco.cm@exainfra.net", f"<table><tr><td>{cell}</table>", subject="Work Notification")


def cogent_cities(count: int) -> bytes:
    line = "Cogent customers receiving service in " + "Aa " * count
    return mail("support@cogentco.com", f"Dear x,\n{line}\n", "text/plain", subject="Planned Network Maintenance 1")


def retn_services(count: int) -> bytes:
    return mail("no-reply@retn.net", "<h4>service</h4>" * count)


def hgc_spans(count: int) -> bytes:
    return mail("hgcinocpw@hgc.com.hk", "<div>" + "<span>Circuit ID:<wbr>x" * count)


def colt_subject(size: int) -> bytes:
    return multipart("PlannedWorks@colt.net", ("text/plain", "x"), ("text/csv", "x"), subject="a " * (size // 2))


def hgc_subject(size: int) -> bytes:
    return mail("hgcinocpw@hgc.com.hk", "<p>x", subject="(" * size)


def google_subject(size: int) -> bytes:
    return mail("noc-noreply@google.com", "<div>x</div>", subject="[" * size)


# Spreadsheets


def spreadsheet(sheet: str) -> bytes:
    """Return a spreadsheet of one sheet, given the content of its file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", _CONTENT_TYPES)
        archive.writestr("_rels/.rels", _RELATIONS.format(kind="officeDocument", target="xl/workbook.xml"))
        archive.writestr(
            "xl/_rels/workbook.xml.rels", _RELATIONS.format(kind="worksheet", target="worksheets/sheet1.xml")
        )
        archive.writestr("xl/workbook.xml", _WORKBOOK)
        archive.writestr("xl/worksheets/sheet1.xml", sheet)
    return buffer.getvalue()


_CONTENT_TYPES = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Override PartName="/xl/workbook.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
    '<Override PartName="/xl/worksheets/sheet1.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>'
)
_RELATIONS = (
    '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="r1" '
    'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/{kind}" Target="{target}"/>'
    "</Relationships>"
)
_WORKBOOK = (
    '<?xml version="1.0"?><workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" '
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships">'
    '<sheets><sheet name="s" sheetId="1" r:id="r1"/></sheets></workbook>'
)
_SHEET = (
    '<?xml version="1.0"?>{doctype}<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
    "<sheetData>{rows}</sheetData></worksheet>"
)
_CIRCUIT_ROWS = (
    '<row r="1"><c r="A1" t="inlineStr"><is><t>Customer</t></is></c>'
    '<c r="B1" t="inlineStr"><is><t>Circuit/Asset</t></is></c></row>'
    '<row r="2"><c r="A2" t="inlineStr"><is><t>Ridgeline</t></is></c>'
    '<c r="B2" t="inlineStr"><is><t>{circuit}</t></is></c></row>'
)
ATT_BODY = (
    "<html><body><p>Event ID: 70441 Customer Impact Description: loss of service Summary: fibre work "
    "Description: splicing Business Risk: low</p>"
    "<p>Start Time: 02/20/2027 04:00:00 GMT End Time: 02/20/2027 10:00:00 GMT</p></body></html>"
)


def att_with(sheet: str) -> bytes:
    """Return a notice of AT&T, whose circuits stand in a spreadsheet."""
    return multipart("g31654@att.com", ("text/html", ATT_BODY), (f'{SPREADSHEET}; name="c.xlsx"', spreadsheet(sheet)))


def no_archive() -> bytes:
    """Return a notice with a spreadsheet that begins like one."""
    parts = (("text/html", ATT_BODY), (f'{SPREADSHEET}; name="c.xlsx"', b"PK\x03\x04" + b"x" * 1000))
    return multipart("g31654@att.com", *parts)


def circuits_sheet(*, more: str = "", doctype: str = "", circuit: str = "DHEC.100001..ATI") -> str:
    return _SHEET.format(doctype=doctype, rows=_CIRCUIT_ROWS.format(circuit=circuit) + more)


def last_cell() -> str:
    """Return a sheet with a cell in its last corner."""
    return circuits_sheet(more='<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>')


def last_column() -> str:
    """Return a sheet of few rows, each with a cell in the last column."""
    return circuits_sheet(more="".join(f'<row r="{n}"><c r="XFD{n}"><v>1</v></c></row>' for n in range(3, 3000)))


def unnumbered_rows(count: int) -> str:
    """Return a sheet of rows that do not say which they are."""
    return circuits_sheet(more="<row><c><v>1</v></c></row>" * count)


def large_cell(size: int) -> str:
    return circuits_sheet(circuit="A" * size)


def billion_laughs() -> str:
    entities = ['<!ENTITY l0 "lol">', *(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))]
    return circuits_sheet(doctype=f"<!DOCTYPE lolz [{''.join(entities)}]>", circuit="&l9;")


def outer_entity() -> str:
    return circuits_sheet(doctype='<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>', circuit="&e;")


# Calendars


def calendar(events: Sequence[str], method: str = "") -> str:
    head = f"METHOD:{method}\r\n" if method else ""
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\n{head}{''.join(events)}END:VCALENDAR\r\n"


def event(number: int = 1, **changed: str) -> str:
    """Return an event of BCOP maintnote; ``changed`` are lines that stand for others, by the name of the property."""
    start = datetime(2027, 2, 20, 4, tzinfo=UTC) + timedelta(hours=number % 1000)
    lines = {
        "DTSTART": f"DTSTART:{start:%Y%m%dT%H%M%SZ}",
        "DTEND": f"DTEND:{start + timedelta(hours=2):%Y%m%dT%H%M%SZ}",
        "DTSTAMP": "DTSTAMP:20270201T120000Z",
        "UID": f"UID:{number}@us.ntt.net",
        "SUMMARY": "SUMMARY:line card",
        "SEQUENCE": "SEQUENCE:1",
        "PROVIDER": "X-MAINTNOTE-PROVIDER:ntt.net",
        "ACCOUNT": "X-MAINTNOTE-ACCOUNT:R-1",
        "ID": f"X-MAINTNOTE-MAINTENANCE-ID:GIN-CHG00{number:05}",
        "OBJECT": "X-MAINTNOTE-OBJECT-ID:SVC-1",
        "IMPACT": "X-MAINTNOTE-IMPACT:OUTAGE",
        "STATUS": "X-MAINTNOTE-STATUS:CONFIRMED",
        "ORGANIZER": "ORGANIZER:mailto:noc@us.ntt.net",
    } | changed
    return "BEGIN:VEVENT\r\n" + "".join(f"{line}\r\n" for line in lines.values() if line) + "END:VEVENT\r\n"


def calendar_mail(text: str, *, twice_encoded: bool = False) -> bytes:
    content = base64.encodebytes(text.encode()) if twice_encoded else text.encode()
    return multipart("noc@us.ntt.net", ("text/plain", "see the calendar"), ("text/calendar; charset=utf-8", content))


def nested_events(depth: int) -> str:
    """Return a calendar of events in each other."""
    inner = "X-MAINTNOTE-STATUS:CONFIRMED\r\n"
    return calendar(["BEGIN:VEVENT\r\n" * depth + inner + "END:VEVENT\r\n" * depth])


# Texts


def netflix(duration: str) -> bytes:
    text = (
        "Ridgeline (AS64500),\n\n    Netflix (AS2906) will be performing scheduled maintenance in Denver DEN01, "
        "at 2027-02-20 18:00:00+00:00 UTC.\n\n"
        f"    Expected downtime will be approximately {duration}.\n\n"
        "    Your IPs:\n    192.0.2.1\n"
    )
    return mail("cdnetops@netflix.com", text, "text/plain", subject="[Scheduled Maintenance]")


def two_senders(*headers: str) -> bytes:
    head = "".join(f"{header}\n" for header in headers)
    return f"{head}Subject: {ZAYO_SUBJECT}\nDate: {DATE}\nContent-Type: text/html\n\n{zayo()}".encode()


# The table

_CHARSETS = (
    *("x-nope", "zip", "hex", "rot13", "base64", "idna", "undefined", "utf-8\0", "punycode", "unicode_escape"),
    *("raw_unicode_escape", "utf-16", "utf-32-le", "mbcs", "../../etc/passwd", "x" * 1000, "\u00e9"),
)
_FIXED_ZONE = '"(UTC-05:00) Eastern Time (US & Canada)"'
_BOMB = "left out a spreadsheet"


def _row(name: str, end: str, make: Callable[[], bytes], detail: str = "") -> Row:
    return Row(name=name, end=end, make=make, detail=detail)


def _calendar_row(name: str, end: str, **changed: str) -> Row:
    return _row(f"calendar: {name}", end, lambda: calendar_mail(calendar([event(**changed)])))


# Those that are read to their end, or are refused, before any limit of a worker.
QUICK: tuple[Row, ...] = (
    _row("a good notice", "applied", good_with),
    _row("empty", "untrusted", bytes),
    _row("NULs alone", "untrusted", lambda: b"\0" * 1_000_000),
    _row("empty lines alone", "untrusted", lambda: b"\n" * 5_000_000),
    # Nested and many
    _row("8 nested multiparts", "applied", lambda: nested_multiparts(8, f"Content-Type: text/html\n\n{zayo()}")),
    *(
        _row(f"{depth} nested multiparts", "malformed", lambda depth=depth: nested_multiparts(depth), "12 deep")
        for depth in (16, 20, 23, 50, 200, 2_000, 5_000)
    ),
    _row("20,000 flat parts", "malformed", lambda: flat_parts(20_000), "more than 100 parts"),
    _row("200,000 flat parts", "malformed", lambda: flat_parts(200_000), "more than 100 parts"),
    _row("5,000 nested messages", "malformed", lambda: nested_messages(5_000), "12 deep"),
    _row("a notice attached by a colleague", "applied", attached_notice),
    _row("a boundary to guess in 2 MB of blanks", "unparsed", lambda: guessed_boundary(2_000_000)),
    # Headers
    _row("10,000 encoded words in Subject", "unparsed", lambda: good_with(subject=words(10_000))),
    _row("40,000 encoded words in Subject", "malformed", lambda: good_with(subject=words(40_000)), "headers of more"),
    _row("10,000 encoded words in From", "untrusted", lambda: good_with(sender=f"{words(10_000)}<mr@zayo.com>")),
    _row("40,000 encoded words in From", "malformed", lambda: good_with(sender=f"{words(40_000)}<mr@zayo.com>")),
    _row("20,000 addresses in To", "applied", lambda: good_with(more=f"To: {'a@b.ex, ' * 20_000}\n")),
    _row("20,000 parameters in Content-Type", "applied", lambda: many_parameters(20_000)),
    _row("2,000,000 parameters in Content-Type", "malformed", lambda: many_parameters(2_000_000)),
    _row("5,000 parentheses in From", "untrusted", lambda: good_with(sender=f"{'(' * 5_000} <mr@zayo.com>")),
    _row("a header of 120,000 lines", "applied", lambda: folded_header(120_000)),
    _row("a header of 2,000,000 lines", "malformed", lambda: folded_header(2_000_000)),
    _row("no Subject", "unparsed", lambda: without("Subject")),
    _row("no Date", "applied", lambda: without("Date")),
    _row("no Message-ID", "applied", lambda: without("Message-ID")),
    _row("no Content-Type", "applied", lambda: without("Content-Type")),
    _row("no From", "untrusted", lambda: without("From"), "no From header"),
    _row("two From headers", "untrusted", lambda: two_senders("From: mr@zayo.com", "From: x@evil.example")),
    _row("two addresses in From", "untrusted", lambda: good_with(sender="<mr@zayo.com>, <x@evil.example>")),
    _row("another's address as a name", "unknown_provider", lambda: good_with(sender="mr@zayo.com <x@evil.example>")),
    _row("a line end and ESC in Subject", "applied", lambda: good_with(subject=STEERING_SUBJECT)),
    _row("a word of an unknown charset in Subject", "applied", lambda: good_with(subject=f"=?x-nope?q?{_Q_SUBJECT}?=")),
    _row("1,000 times Re: in Subject", "unparsed", lambda: good_with(subject="Re: " * 1_000)),
    # Charsets
    *(
        _row(
            f"charset {charset[:20]!r}",
            "applied",
            lambda charset=charset: in_charset(charset, zayo(note="\u00e9"), "utf-8"),
        )
        for charset in _CHARSETS
    ),
    _row("ISO 8859-1 in 8 bits", "applied", lambda: in_charset("iso-8859-1", zayo(note="\u00e9"), "latin-1")),
    _row("ISO 8859-1 called UTF-8", "applied", lambda: in_charset("utf-8", zayo(note="\u00e9"), "latin-1")),
    _row("UTF-8 in 8 bits", "applied", lambda: in_charset("utf-8", zayo(note="\u017e\u00e9"), "utf-8")),
    _row("UTF-16", "applied", lambda: in_charset("utf-16", zayo(note="\u00e9"), "utf-16")),
    _row("200 KB of punycode", "irrelevant", lambda: punycode(100_000)),
    _row("an equals sign in an id", "applied", lambda: in_charset("utf-8", zayo(circuit="/OQYX/=AB=41/"), "utf-8")),
    _row("winmail.dat", "unparsed", winmail, "winmail.dat"),
    # Html
    _row("2,000 nested tables", "unparsed", lambda: nested_tables("gpen@team.telstra.com", 2_000), "50 tables"),
    _row("20,000 nested tables", "unparsed", lambda: nested_tables("gpen@team.telstra.com", 20_000), "100000 tags"),
    _row("200 nested tables", "unparsed", lambda: nested_tables("infraco.cm@exainfra.net", 200), "50 tables"),
    _row("50 nested tables", "unparsed", lambda: nested_tables("infraco.cm@exainfra.net", 50)),
    _row("8,000 nested spans", "unparsed", lambda: nested_spans(8_000), "1000 elements in each other"),
    _row("990 nested spans", "unparsed", lambda: nested_spans(990)),
    _row("3,000 nested elements", "unparsed", lambda: nested_elements(3_000), "1000 elements in each other"),
    _row("200,000 elements", "unparsed", lambda: nested_elements(200_000), "100000 tags"),
    _row("200,000 rows", "unparsed", lambda: flat_rows(200_000), "100000 tags"),
    _row("150,000 beginnings of tags", "unparsed", lambda: unclosed_brackets(150_000), "100000 tags"),
    _row("1.4 MB of two-byte letters", "applied", lambda: megabytes_of("\u00e9", 350_000)),
    _row("8.4 MB of two-byte letters", "unparsed", lambda: megabytes_of("\u00e9", 2_100_000), "8400"),
    _row("20,000 rows of an unknown sender", "unknown_provider", lambda: of_unknown_sender(flat_rows(20_000))),
    _row("49 notices attached by an unknown sender", "unknown_provider", lambda: many_attached(49)),
    # Expressions
    _row("Colt: a subject of 80 kB", "unparsed", lambda: colt_subject(80_000)),
    _row("Google: a subject of 80 kB", "unparsed", lambda: google_subject(80_000)),
    _row("RETN: 6,000 services", "unparsed", lambda: retn_services(6_000)),
    _row("HGC: 6,000 spans", "unparsed", lambda: hgc_spans(6_000)),
    _row("HGC: a subject of 20 kB", "unparsed", lambda: hgc_subject(20_000)),
    _row("Netflix: 10^15 hours", "invalid", lambda: netflix(f"1{'0' * 15} hours")),
    _row("Netflix: 10^5000 hours", "unparsed", lambda: netflix(f"1{'0' * 5000} hours")),
    # Spreadsheets
    _row("xlsx: of two rows", "applied", lambda: att_with(circuits_sheet())),
    _row("xlsx: a cell at XFD1048576", "unparsed", lambda: att_with(last_cell()), _BOMB),
    _row("xlsx: 3,000 cells in the last column", "unparsed", lambda: att_with(last_column()), _BOMB),
    _row("xlsx: 50,000 rows", "unparsed", lambda: att_with(unnumbered_rows(50_000)), _BOMB),
    _row("xlsx: 700,000 rows", "unparsed", lambda: att_with(unnumbered_rows(700_000)), _BOMB),
    _row("xlsx: 1,000,000 rows", "unparsed", lambda: att_with(unnumbered_rows(1_000_000)), _BOMB),
    _row("xlsx: 50 MB in 0.1", "unparsed", lambda: att_with(large_cell(50_000_000)), _BOMB),
    _row("xlsx: a billion laughs", "unparsed", lambda: att_with(billion_laughs())),
    _row("xlsx: a file of ours as an entity", "unparsed", lambda: att_with(outer_entity())),
    _row("xlsx: no archive", "unparsed", no_archive, _BOMB),
    # Calendars
    _row("calendar: encoded twice", "applied", lambda: calendar_mail(calendar([event()]), twice_encoded=True)),
    _row("calendar: 5,000 events", "invalid", lambda: calendar_mail(calendar([event(n) for n in range(5_000)]))),
    _row("calendar: 201 events", "invalid", lambda: calendar_mail(calendar([event(n) for n in range(201)]))),
    _calendar_row("whole days", "applied", DTSTART="DTSTART;VALUE=DATE:20270220", DTEND="DTEND;VALUE=DATE:20270221"),
    _calendar_row("a status in lower case", "applied", STATUS="X-MAINTNOTE-STATUS:confirmed"),
    _calendar_row("an unknown status", "applied", STATUS="X-MAINTNOTE-STATUS:whatever"),
    _calendar_row("an unknown impact", "applied", IMPACT="X-MAINTNOTE-IMPACT:APOCALYPSE"),
    _calendar_row("no impact", "applied", IMPACT=""),
    _calendar_row("a duration", "applied", DTEND="DURATION:PT2H"),
    _calendar_row("a duration of 10^15 hours", "invalid", DTEND=f"DURATION:PT1{'0' * 15}H"),
    _calendar_row("no times", "applied", DTSTART="", DTEND=""),
    _calendar_row("a year of 99999", "invalid", DTSTART="DTSTART:999990220T040000Z"),
    _calendar_row("30 February", "invalid", DTSTART="DTSTART:20270230T040000Z"),
    _calendar_row(
        "a zone called as Outlook does",
        "applied",
        DTSTART=f"DTSTART;TZID={_FIXED_ZONE}:20270220T040000",
        DTEND=f"DTEND;TZID={_FIXED_ZONE}:20270220T060000",
    ),
    _calendar_row("an endless repetition", "applied", SEQUENCE="RRULE:FREQ=SECONDLY"),
    _calendar_row("a line of 1 MB", "applied", SUMMARY="SUMMARY:" + "\\" * 1_000_000),
    _calendar_row("a line of 400,000 lines", "applied", SUMMARY="SUMMARY:a" + "\r\n " * 400_000),
    _row("calendar: 5,000 nested events", "invalid", lambda: calendar_mail(nested_events(5_000))),
)

# Those that only the limits of a worker end. The expressions of the library take time that grows faster than a mail.
SLOW: tuple[Row, ...] = (
    _row("AT&T: 90 kB of start times", "parser_timeout", lambda: att_window(6_000), "CPU time"),
    _row("AT&T: 0.12 MB of event ids", "parser_timeout", lambda: att_event(2_500), "CPU time"),
    _row("GTT: 60 kB of colons", "parser_timeout", lambda: gtt_colons(20_000), "CPU time"),
)
