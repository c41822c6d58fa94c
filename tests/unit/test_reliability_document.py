"""docs/reliability.md names tests that exist and lines of the log that are said."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "reliability.md"

TEST = re.compile(r"`([\w/]+\.py)::(\w+)`")


def rows(text: str) -> list[list[str]]:
    """Return the rows of the fault tables, each as its fault, what is seen, what is lost, and what proves it."""
    found = [[cell.strip() for cell in line.strip("|\n").split(" |")] for line in text.splitlines() if line[:2] == "| "]
    return [cells for cells in found if len(cells) == 4 and not cells[0].startswith(("fault", "---"))]


def missing(text: str) -> list[str]:
    """Return the tests that a text names and nobody has written."""
    named = [(match[1], match[2]) for match in TEST.finditer(text)]
    return [f"{file}::{name}" for file, name in named if not is_there(ROOT / "tests" / file, name)]


def is_there(file: Path, name: str) -> bool:
    return file.is_file() and f"\ndef {name}(" in file.read_text()


def test_every_test_that_is_named_exists():
    assert missing(DOCUMENT.read_text()) == []


def test_a_test_that_nobody_has_written_is_noticed():
    assert missing("`unit/test_reliability_document.py::test_a_test`") == [
        "unit/test_reliability_document.py::test_a_test"
    ]


def test_every_fault_is_proved_by_a_test():
    faults = rows(DOCUMENT.read_text())

    assert len(faults) > 40
    assert [fault for fault, _, _, proof in faults if not TEST.search(proof)] == []


def test_every_line_of_the_log_that_is_named_is_said():
    said = set(re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "log-events.md").read_text(), re.MULTILINE))
    named = {name for _, seen, *_ in rows(DOCUMENT.read_text()) for name in re.findall(r"`([a-z]+(?:_[a-z]+)+)`", seen)}

    assert named - said <= {"read_seconds", "poll_seconds"}
    assert len(named) > 10
