"""Stories: the life of a maintenance in several mails, told in any order, with repetitions and with a mail missing.

Each directory of tests/stories/<carrier>/ is one story; its story.json says, written by hand from the mails, what the
store must hold in the end. tests/stories/README.md has the format.
"""

import json
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from domain.events import Event, EventKey, Update
from domain.fold import fold
from domain.message import Disposition, Envelope, Reading
from parsers.mime import read_envelope
from storage.queries import facts
from tests.readings import reading_of

Shape = dict[str, Any]

STORIES = Path(__file__).parents[1] / "stories"
SEEDS = range(20)
FEWEST_MAILS = 5
FEWEST_CARRIERS = 12

# What of an event a story tells; the rest is the clock's, people's, or stands in the mails as it is.
TOLD = (
    "kind",
    "provider",
    "id",
    "generation",
    "accounts",
    "status",
    "start",
    "end",
    "windows",
    "circuits",
    "replaces",
    "replaced_by",
    "updates",
    "history",
)
# What knows how many mails there were; a lost one is missing there, and changes nothing else.
COUNTED = ("updates", "history")

# Stories that are told right and not yet understood: why. A story that is understood must be taken out.
NOT_YET: dict[str, str] = {}


@dataclass(frozen=True)
class Mail:
    """One mail of a story, and the status of each of its events when it and all before it were told in order."""

    path: Path
    statuses: dict[str, str]
    arrives: int | None
    lost: bool

    @cached_property
    def envelope(self) -> Envelope:
        return read_envelope(self.path.read_bytes())

    @property
    def received_at(self) -> datetime:
        assert self.envelope.received_at is not None, f"{self.path}: no date in the topmost Received header"
        return self.envelope.received_at

    @property
    def reading(self) -> Reading:
        return reading_of(self.path)


@dataclass(frozen=True)
class Story:
    """A story as its story.json tells it: mails in the order of their stamps, and the events at the end."""

    name: str
    mails: tuple[Mail, ...]
    events: list[Shape]

    @property
    def carrier(self) -> str:
        return self.name.partition("/")[0]

    @property
    def arrival(self) -> list[Mail]:
        """The mails in the order in which they arrive: a late one stands where story.json says that it arrives."""
        order = [mail for mail in self.mails if mail.arrives is None]
        for mail in sorted((mail for mail in self.mails if mail.arrives), key=lambda mail: mail.arrives or 0):
            order.insert((mail.arrives or 0) - 1, mail)
        return order


def story_of(path: Path) -> Story:
    told = json.loads(path.read_text(encoding="utf-8"))
    assert set(told) == {"what", "mails", "events"}, f"{path}: has {sorted(told)}"
    mails = []
    for mail in told["mails"]:
        unknown = set(mail) - {"file", "status", "arrives", "lost"}
        assert not unknown, f"{path}: {mail['file']}: {unknown}"
        mails.append(
            Mail(
                path=path.parent / mail["file"],
                statuses=statuses_of(mail["status"], told["events"]),
                arrives=mail.get("arrives"),
                lost=mail.get("lost", False),
            )
        )
    return Story("/".join(path.parent.parts[-2:]), tuple(mails), told["events"])


def statuses_of(status: str | dict[str, str] | None, events: Sequence[Shape]) -> dict[str, str]:
    """Return the status of each event of a mail by its id; where one stands alone, it is that of the story's event."""
    if not isinstance(status, str):
        return status or {}
    (event_id,) = {event["id"] for event in events}
    return {event_id: status}


ALL = [story_of(path) for path in sorted(STORIES.glob("*/*/story.json"))]
EACH = [pytest.param(story, id=story.name) for story in ALL]
RIGHT = [
    pytest.param(
        story,
        id=story.name,
        marks=[pytest.mark.xfail(strict=True, reason=NOT_YET[story.name])] if story.name in NOT_YET else [],
    )
    for story in ALL
]


# --- telling ----------------------------------------------------------------------------------------------------


def told(mails: Sequence[Mail]) -> dict[EventKey, tuple[Event, ...]]:
    """Return the events of each key after these mails, in this order."""
    updates: defaultdict[EventKey, list[Update]] = defaultdict(list)
    for mail in mails:
        for update in mail.reading.updates:
            updates[update.key].append(update)
    return {key: fold(of_key) for key, of_key in sorted(updates.items())}


def shapes(mails: Sequence[Mail]) -> list[Shape]:
    """Return the events after these mails as story.json holds them."""
    named = {mail.envelope.message_id or mail.envelope.body_digest: mail.path.name for mail in mails}
    found = [
        {
            **{name: value for name, value in facts(event).items() if name in TOLD},
            "history": [
                {
                    "file": named[entry.source],
                    "move": entry.move.value,
                    "superseded": entry.superseded,
                    "fields": sorted(entry.changes),
                }
                for entry in event.history
            ],
        }
        for events in told(mails).values()
        for event in events
    ]
    return sorted(found, key=by_key)


def by_key(event: Shape) -> tuple[str, str, str, int]:
    return event["kind"], event["provider"], event["id"], event["generation"]


def uncounted(events: Sequence[Shape]) -> list[Shape]:
    return [{name: value for name, value in event.items() if name not in COUNTED} for event in events]


def statuses(mails: Sequence[Mail]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield for each mail the status, after it, of each event that it speaks of: that of the newest generation."""
    for count, mail in enumerate(mails, start=1):
        so_far = told(mails[:count])
        newest = [so_far[update.key][-1] for update in mail.reading.updates]
        yield mail.path.name, {event.event_id: event.status.value for event in newest}


# --- what a story must be ---------------------------------------------------------------------------------------


def test_a_dozen_carriers_tell_stories_and_each_of_them_loses_a_mail_and_moves_a_window() -> None:
    carriers = {story.carrier for story in ALL}

    assert len(carriers) >= FEWEST_CARRIERS
    assert {story.carrier for story in ALL if any(mail.lost for mail in story.mails)} == carriers
    assert {story.carrier for story in ALL if any(moves_a_window(event) for event in story.events)} == carriers


def moves_a_window(event: Shape) -> bool:
    return any({"start", "end"} & {*entry["fields"]} for entry in event["history"] if entry["move"] != "opened")


def test_what_is_not_yet_understood_is_told() -> None:
    assert set(NOT_YET) <= {story.name for story in ALL}


def test_every_mail_is_told_in_the_story_of_its_directory() -> None:
    mails = {mail.path for story in ALL for mail in story.mails}

    assert mails == set(STORIES.glob("**/*.eml"))


@pytest.mark.parametrize("story", EACH)
def test_a_story_has_five_or_more_messages_told_in_the_order_of_their_stamps(story: Story) -> None:
    stamps = [(mail.reading.updates[0].stamp, mail.path.name) for mail in story.mails if mail.reading.updates]

    assert len({mail.envelope.identity for mail in story.mails}) == len(story.mails) >= FEWEST_MAILS
    assert stamps == sorted(stamps)


@pytest.mark.parametrize("story", EACH)
def test_the_mails_of_a_story_arrive_in_the_order_of_their_receipts(story: Story) -> None:
    receipts = [mail.received_at for mail in story.arrival]

    assert receipts == sorted(receipts)


# --- the laws ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("story", RIGHT)
def test_a_story_is_understood_mail_by_mail_to_its_end_and_to_the_same_without_its_lost_mail(story: Story) -> None:
    without_one = [[mail for mail in story.mails if mail is not lost] for lost in story.mails if lost.lost]
    dispositions = {mail.path.name: mail.reading.disposition for mail in story.mails}

    assert list(statuses(story.mails)) == [(mail.path.name, mail.statuses) for mail in story.mails]
    assert shapes(story.mails) == sorted(story.events, key=by_key)
    assert dispositions == {
        mail.path.name: Disposition.APPLIED if mail.statuses else Disposition.IRRELEVANT for mail in story.mails
    }
    for mails in without_one:
        assert uncounted(shapes(mails)) == uncounted(sorted(story.events, key=by_key))


@pytest.mark.parametrize("story", EACH)
def test_a_story_is_the_same_however_its_mails_arrive(story: Story) -> None:
    in_order = told(story.mails)
    tellings = {
        "as they arrive": story.arrival,
        "reversed": story.mails[::-1],
        "each twice": [mail for mail in story.mails for _ in range(2)],
        "all twice": [*story.mails, *story.mails],
    }
    for seed in SEEDS:
        tellings[f"shuffled {seed}"] = random.Random(seed).sample(story.mails * 2, len(story.mails) * 2)

    assert [how for how, mails in tellings.items() if told(mails) != in_order] == []
