"""What the readers make of the project's own mails: those of tests/mail and tests/stories, each read once in a run."""

from functools import cache
from pathlib import Path

from domain.message import Reading
from parsers.mime import read_envelope
from parsers.providers import directory
from parsers.reading import read_message

MAIL = Path(__file__).parent / "mail"
STORIES = Path(__file__).parent / "stories"


def own_mails() -> list[Path]:
    return sorted([*MAIL.glob("*/*.eml"), *STORIES.glob("*/*/*.eml")])


@cache
def reading_of(path: Path) -> Reading:
    """Return what an own mail says, as if it had come when its topmost Received header says so."""
    raw = path.read_bytes()
    received_at = read_envelope(raw).received_at
    assert received_at is not None, f"{path}: no date in the topmost Received header"
    return read_message(raw, received_at=received_at, directory=directory())
