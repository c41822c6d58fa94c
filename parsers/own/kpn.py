"""KPN: an attached spreadsheet, a row for each circuit, with headings in Dutch and English and times in Amsterdam.

The form is public as pull request 433 of networktocode/circuit-maintenance-parser, where also stands that the times
are local. Source: tests/unit/parsers/test_own_readers.py.
"""

import io
import warnings
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from importlib import import_module

from domain.events import StatedCircuit
from domain.vocabulary import Impact, MaintenanceStatus
from parsers.clock import Clock, clock_of
from parsers.mime import SPREADSHEET, Notification
from parsers.providers import Provider
from parsers.statements import Findings, NotUnderstood, Reader, Result

# A heading is found by what stands in it, whichever of the two languages it begins with.
_ORGANIZER = "gwc-noreply@kpn.com"
_HEADINGS: Mapping[str, str] = {
    "circuit": "v/g/a-nummer",
    "event": "astrid/ida",
    "start_date": "startdatum",
    "start_time": "starttijd",
    "end_date": "einddatum",
    "end_time": "eindtijd",
    "downtime": "onderbrekingsduur",
    "status": "aankondiging",
    "account": "bedrijfsnaam a-locatie",
}
_NEEDED = ("circuit", "event", "start_date", "start_time", "end_date", "end_time")
_STATUSES: Mapping[str, MaintenanceStatus] = {
    "aankondiging": MaintenanceStatus.CONFIRMED,
    "wijziging": MaintenanceStatus.RE_SCHEDULED,
    "annulering": MaintenanceStatus.CANCELLED,
    "afsluiting": MaintenanceStatus.COMPLETED,
}
_MOST_ROWS = 10_000

_Row = Mapping[str, str]


def read(notification: Notification, provider: Provider) -> Findings:
    """Return what each row of the spreadsheets says. Raises ``NotUnderstood`` where none has the headings of KPN."""
    clock = clock_of("kpn", provider)
    sheets = [file.content for file in notification.files if file.type == SPREADSHEET]
    results = [_result(row, clock) for content in sheets for row in _rows(content) if row["event"] and row["circuit"]]
    if not results:
        raise NotUnderstood("reader kpn: no spreadsheet with its headings")
    return Findings(results=tuple(results))


def _result(row: _Row, clock: Clock) -> Result:
    return Result(
        event_id=row["event"],
        account=row.get("account") or None,
        status=_STATUSES.get(row.get("status", "").lower()),
        start=clock.instant(f"{row['start_date']} {row['start_time']}"),
        end=clock.instant(f"{row['end_date']} {row['end_time']}", latest=True),
        circuits=(StatedCircuit(circuit_id=row["circuit"], impact=_impact(row.get("downtime", ""))),),
        organizer=_ORGANIZER,
    )


def _impact(minutes: str) -> Impact | None:
    """Return the impact by the minutes for which a circuit is down; None where they are not stated."""
    if not minutes.isdecimal():
        return None
    return Impact.OUTAGE if int(minutes) else Impact.NO_IMPACT


def _rows(content: bytes) -> Iterable[_Row]:
    """Yield the rows below the headings of the first sheet."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Loaded with the first spreadsheet: it takes 0.11 s of each worker's start.
            book = import_module("openpyxl").load_workbook(io.BytesIO(content), read_only=True, data_only=True)
            sheet = book.worksheets[0]
            # What the sheet says of its own size need not be true.
            sheet.reset_dimensions()
            texts = [[_text(cell) for cell in cells] for cells in sheet.iter_rows(values_only=True, max_row=_MOST_ROWS)]
            book.close()
    # A file that is no spreadsheet, or a damaged one, fails in many ways.
    except Exception as error:  # noqa: BLE001
        raise NotUnderstood(f"reader kpn: the spreadsheet cannot be read: {type(error).__name__}") from None
    head = [text.lower() for text in texts[0]] if texts else []
    columns = {
        name: next((at for at, text in enumerate(head) if words in text), None) for name, words in _HEADINGS.items()
    }
    if any(columns[name] is None for name in _NEEDED):
        return
    for row in texts[1:]:
        yield {name: row[at] if at < len(row) else "" for name, at in columns.items() if at is not None}


def _text(cell: object) -> str:
    """Return a cell as KPN would write it: "15-09-2027", "02:00"."""
    if isinstance(cell, datetime):
        return cell.strftime("%d-%m-%Y %H:%M") if (cell.hour, cell.minute) != (0, 0) else cell.strftime("%d-%m-%Y")
    if isinstance(cell, date):
        return cell.strftime("%d-%m-%Y")
    if isinstance(cell, time):
        return cell.strftime("%H:%M")
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return "" if cell is None else str(cell).strip()


READER = Reader(form="kpn", label="maintd/kpn", version="1", read=read)
