"""What the readers make of our own mails, of tests/mail, tests/stories and tests/outages: each is read once."""

from functools import cache
from pathlib import Path

from domain.message import Reading
from parsers.mime import read_envelope
from parsers.outage.readers import READERS
from parsers.providers import Provider, directory
from parsers.reading import read_message

MAIL = Path(__file__).parent / "mail"
STORIES = Path(__file__).parent / "stories"
OUTAGES = Path(__file__).parent / "outages"

# A provider of ours, which writes of its outages in every form.
HARBOUR_FIBRE = Provider(
    name="harbourfibre.example",
    senders=("@harbourfibre.example",),
    outage_readers=tuple(reader.form for reader in READERS),
)
# Topics of SNS all mail from one address, and Health Aware from one's own: whose they are is set.
AMAZON = Provider(name="aws", senders=("no-reply@sns.amazonaws.com", "aha@cloud.example.net"))


def own_mails() -> list[Path]:
    return sorted([*MAIL.glob("*/*.eml"), *STORIES.glob("*/*/*.eml"), *OUTAGES.glob("*/*/*.eml")])


@cache
def reading_of(path: Path) -> Reading:
    """Return what an own mail says, as if it had come when its topmost Received header says so."""
    raw = path.read_bytes()
    received_at = read_envelope(raw).received_at
    assert received_at is not None, f"{path}: no date in the topmost Received header"
    return read_message(
        raw,
        received_at=received_at,
        directory=directory([HARBOUR_FIBRE, AMAZON] if path.is_relative_to(OUTAGES) else ()),
    )
