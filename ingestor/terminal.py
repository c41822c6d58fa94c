"""What a person sees: tables on a terminal, plain lines in a pipe, JSON where asked for.

Text that came in a mail is shown without control characters, so that no mail can write on a terminal.
"""

import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

# C0 but for the newline, C1, and what turns the direction of text or hides in it: also annotations and tags.
# Source: Unicode TR 36, bidi; TR 51, tags.
_UNSAFE = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)

_STYLES = {
    "CANCELLED": "dim strike",
    "COMPLETED": "dim",
    "IN-PROCESS": "bold yellow",
    "RE-SCHEDULED": "magenta",
    "RESOLVED": "dim",
    "active": "bold yellow",
    "overdue": "red",
    "stale": "red",
    "past": "dim",
    "quarantined": "red",
    "applied": "green",
    "ok": "green",
    "FAILED": "bold red",
    "deaf": "bold red",
    "not running": "bold red",
    "warning": "yellow",
    "OUTAGE": "red",
}

# Columns that are cut where the terminal ends, and how much of them is shown at least.
_PROSE = frozenset({"summary", "subject", "words"})
_LEAST_PROSE = 12
# What goes where a terminal is so narrow that ids would be broken.
_LEAST_NEEDED = frozenset({"summary"})

# Up to this width a value is not broken over two lines.
_UNBROKEN = {"from / to": 56, "window": 44}
_UNBROKEN_ELSE = 24


def safe(value: object) -> str:
    """Return a value as text that a terminal shows and does not obey."""
    return _UNSAFE.sub("\ufffd", str(value).replace("\t", "    "))


def escaped(text: str) -> str:
    """Return text in which what a terminal obeys or does not show is written out, as in a string of Python."""
    return _UNSAFE.sub(lambda unsafe: unsafe[0].encode("unicode_escape").decode("ascii"), text)


def one_line(value: object) -> str:
    """Return a value as safe text without line breaks."""
    return " ".join(safe(value).split())


def print_json(value: object) -> None:
    """Print a value as JSON, as it is: its strings are escaped by JSON itself."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=True) + "\n")


def print_line(text: str) -> None:
    """Print one line of safe text."""
    sys.stdout.write(safe(text) + "\n")


def print_error(text: str) -> None:
    """Print one line to standard error."""
    sys.stderr.write(safe(text) + "\n")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows as a table on a terminal, and as lines with tabs between the values elsewhere."""
    if not sys.stdout.isatty():
        for row in rows:
            sys.stdout.write("\t".join(one_line(value) for value in row) + "\n")
        return
    texts = [[one_line(value) for value in row] for row in rows]
    console = Console()
    table = Table(header_style="bold", box=None, pad_edge=False)
    room = _room(console.width, columns, texts)
    if room < _LEAST_PROSE:
        columns, texts, widths = _pressed(console.width, columns, texts)
    else:
        widths = None
    for index, column in enumerate(columns):
        prose = column in _PROSE
        # What is cut short is prose; everything else may be copied into the next command.
        table.add_column(
            column,
            overflow="ellipsis" if prose else "fold",
            no_wrap=prose,
            width=widths[index] if widths else None,
            max_width=max(room, _LEAST_PROSE) if prose else None,
            # Where not even that leaves room, lines are broken: nothing may be lost at the edge.
            min_width=_least_width(column, index, texts) if room >= _LEAST_PROSE and not prose else None,
        )
    for row in texts:
        table.add_row(*(Text(value, style=_STYLES.get(value, "")) for value in row))
    console.print(table)


def _pressed(
    width: int, columns: Sequence[str], rows: list[list[str]]
) -> tuple[Sequence[str], list[list[str]], list[int] | None]:
    """Return a table that is too wide as it is best pressed, and the widths of its columns.

    Its lines are broken between words; where that is not enough the summary goes, and at last, without widths, words
    are broken.
    """
    if widths := _between_words(width, columns, rows):
        return columns, rows, widths
    kept = [index for index, column in enumerate(columns) if column not in _LEAST_NEEDED]
    fewer, cells = [columns[index] for index in kept], [[row[index] for index in kept] for row in rows]
    if widths := _between_words(width, fewer, cells):
        return fewer, cells, widths
    return columns, rows, None


def _between_words(width: int, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int] | None:
    """Return widths of columns in which no word is broken; None where there are none."""
    texts = [[column, *(row[index] for row in rows)] for index, column in enumerate(columns)]
    wanted = [max(map(len, column)) for column in texts]
    widths = [
        min(want, _LEAST_PROSE)
        if column[0] in _PROSE
        else max(len(word) for text in column for word in (text.split() or [""]))
        for column, want in zip(texts, wanted, strict=True)
    ]
    spare = width - sum(widths) - 2 * (len(columns) - 1)
    if spare < 0:
        return None
    # What needs the least is shown whole first, and prose last.
    for index in sorted(range(len(columns)), key=lambda one: (columns[one] in _PROSE, wanted[one] - widths[one])):
        more = min(spare, wanted[index] - widths[index])
        widths[index] += more
        spare -= more
    return widths


def _least_width(column: str, index: int, rows: Sequence[Sequence[str]]) -> int:
    """Return the width below which a column must not be pressed: that of its widest value, up to a limit."""
    return min(max((len(row[index]) for row in rows), default=0), _UNBROKEN.get(column, _UNBROKEN_ELSE))


def _room(width: int, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """Return what the columns of other things leave to prose."""
    others = [
        max(len(column), _least_width(column, index, rows))
        for index, column in enumerate(columns)
        if column not in _PROSE
    ]
    return width - sum(others) - 2 * len(columns)


def print_facts(facts: Mapping[str, object]) -> None:
    """Print names and values, one a line; what is empty is left out."""
    shown = {name: value for name, value in facts.items() if value not in (None, "", [], ())}
    width = max((len(name) for name in shown), default=0)
    for name, value in shown.items():
        if sys.stdout.isatty():
            text = Text(f"{name.ljust(width)}  ", style="bold")
            text.append(one_line(value), style=_STYLES.get(str(value), "not bold"))
            Console().print(text, soft_wrap=True)
        else:
            sys.stdout.write(f"{name}\t{one_line(value)}\n")


def local(instant: str | None, *, utc: bool) -> str:
    """Return an instant of the JSON shapes as a person reads it, in local time with its zone, or in UTC."""
    if instant is None:
        return "-"
    aware = datetime.fromisoformat(instant)
    shown = aware.astimezone(UTC) if utc else aware.astimezone()
    return shown.strftime("%Y-%m-%d %H:%M %Z")


def span(start: str | None, end: str | None, *, utc: bool) -> str:
    """Return two instants as one text, the day once where both are on it."""
    first, last = local(start, utc=utc), local(end, utc=utc)
    if start is None or end is None:
        return f"{first} to {last}" if (start or end) else "-"
    if first[:10] == last[:10] and first[16:] == last[16:]:
        return f"{first[:16]} to {last[11:]}"
    return f"{first[:16]} to {last}" if first[16:] == last[16:] else f"{first} to {last}"


def since(start: str | None, etr: str | None, *, utc: bool) -> str:
    """Return since when something goes on that has no end yet, and until when it is expected to."""
    first = local(start, utc=utc)
    if etr is None:
        return f"{first} to open"
    expected = local(etr, utc=utc)
    if first[16:] != expected[16:]:
        return f"{first} to open, ETR {expected}"
    same_day = first[:10] == expected[:10]
    return f"{first[:16]} to open, ETR {expected[11:] if same_day else expected}"


def in_full(instant: str, *, utc: bool) -> str:
    """Return an instant in local time with its zone and in UTC, for a person to see what their words were taken for."""
    here, there = local(instant, utc=utc), local(instant, utc=True)
    if here == there:
        return here
    same_day = here[:10] == there[:10]
    return f"{here} ({there[11:16] if same_day else there[:16]}Z)"


def slip(seconds: int | None) -> str:
    """Return a difference in hours, with its sign; a dash where there is nothing to compare."""
    if seconds is None:
        return "—"
    number = abs(seconds) / 3600
    hours = (f"{number:.1f}" if number >= 1 else f"{number:.2f}").rstrip("0").rstrip(".")
    sign = "" if hours == "0" else "+" if seconds > 0 else "−"
    return f"{sign}{hours} h"


def length(seconds: int | None) -> str:
    """Return a length of time in the two greatest units that it has; a dash where it is not known."""
    if seconds is None:
        return "—"
    minutes = seconds // 60
    days, hours = divmod(minutes // 60, 24)
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"


class Bar:
    """A progress bar; where there is no terminal, nothing."""

    def __init__(self, progress: Progress | None, task: TaskID | None) -> None:
        self._progress = progress
        self._task = task

    def advance(self, *_: Any, by: int = 1) -> None:
        """Count one more, or several."""
        if self._progress is not None and self._task is not None:
            self._progress.advance(self._task, by)


@contextmanager
def progress(label: str, total: int | None) -> Iterator[Bar]:
    """Show how far long work is, on a terminal. ``total`` None: not known."""
    if not sys.stderr.isatty():
        yield Bar(None, None)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        yield Bar(shown, shown.add_task(label, total=total))


def print_finding(part: str, ok: bool | None, text: str) -> None:
    """Print one line of a check as it is found: what was looked at, whether it is well, and what was found."""
    word = {True: "ok", False: "FAILED", None: "warning"}[ok]
    if not sys.stdout.isatty():
        sys.stdout.write(f"{word}\t{one_line(part)}\t{one_line(text)}\n")
        return
    line = Text(word.ljust(8), style=_STYLES[word])
    line.append(f"{one_line(part)}: ", style="bold not strike")
    line.append(one_line(text), style="default not bold")
    Console().print(line, soft_wrap=True)
