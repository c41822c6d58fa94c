"""What a spreadsheet would cost, found out before it is read: a few kilobytes can stand for billions of cells."""

import io
import re
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from xml.parsers import expat

UNPACKED_BYTES = 20_000_000
ROWS = 10_000
COLUMNS = 256
CELLS = 500_000

_MAGIC = b"PK\x03\x04"
_CELL = re.compile(r"([A-Z]{1,10})?([0-9]{1,10})?")


def fault_of(content: bytes) -> str | None:
    """Return why a file that is a spreadsheet must not be read, None for a small one and for what is none.

    Every file inside is looked at as a sheet, whatever it calls itself; none is kept in memory with its like.
    """
    if not content.startswith(_MAGIC):
        return None
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            if sum(entry.file_size for entry in entries) > UNPACKED_BYTES:
                return f"more than {UNPACKED_BYTES} bytes when unpacked"
            return next(filter(None, (_fault_of_sheet(archive.read(entry)) for entry in entries)), None)
    # What is encrypted raises RuntimeError.
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError, OSError) as error:
        return f"not to be unpacked: {error}"


class _TooLarge(Exception):
    pass


@dataclass(slots=True)
class _Extent:
    """How far the rows and columns of a sheet go: those that say where they are, and those that follow others."""

    row: int = 0
    column: int = 0
    columns: int = 0

    def see(self, name: str, attributes: Mapping[str, str]) -> None:
        """Take note of an element."""
        kind = name.rpartition(" ")[2]
        if kind == "row":
            self.row = _number(attributes.get("r", ""), self.row + 1)
            self.column = 0
        elif kind == "c":
            letters, digits = _place(attributes.get("r", ""))
            self.row = max(self.row, int(digits or 0))
            self.column = _column(letters) if letters else self.column + 1
            self.columns = max(self.columns, self.column)
        if self.row > ROWS or self.columns > COLUMNS or self.row * self.columns > CELLS:
            raise _TooLarge


def _fault_of_sheet(content: bytes) -> str | None:
    extent = _Extent()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = extent.see
    try:
        parser.Parse(content, True)
    except _TooLarge:
        return f"more than {ROWS} rows, {COLUMNS} columns or {CELLS} cells"
    except expat.ExpatError:
        # It is no XML, or a bomb that expat defuses: whoever reads it finds no more than we did.
        return None
    return None


def _number(text: str, otherwise: int) -> int:
    return int(text) if text.isdecimal() and len(text) <= 10 else otherwise


def _place(text: str) -> tuple[str, str]:
    match = _CELL.fullmatch(text.replace("$", "").upper())
    return (match[1] or "", match[2] or "") if match else ("", "")


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number
