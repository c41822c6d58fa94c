"""Stories: the life of an event in several mails of our own, and what is held after any of them in any order."""

import json
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from domain.events import Event, EventKey, Update, iso_utc
from domain.fold import fold
from domain.message import Envelope, Reading
from parsers.mime import read_envelope
from storage.queries import facts
from tests.readings import reading_of

Shape = dict[str, Any]

SEEDS = range(20)


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


def told(mails: Sequence[Mail]) -> dict[EventKey, tuple[Event, ...]]:
    """Return the events of each key after these mails, in this order."""
    updates: defaultdict[EventKey, list[Update]] = defaultdict(list)
    for mail in mails:
        for update in mail.reading.updates:
            updates[update.key].append(update)
    return {key: fold(of_key) for key, of_key in sorted(updates.items())}


def shapes(mails: Sequence[Mail], names: Iterable[str]) -> list[Shape]:
    """Return the events after these mails as story.json holds them: what of them has one of these names."""
    named = {mail.envelope.message_id or mail.envelope.body_digest: mail.path.name for mail in mails}
    found = [
        {
            **{name: value for name, value in facts(event).items() if name in names},
            "history": [
                {
                    "file": named[entry.source],
                    "move": entry.move.value,
                    "superseded": entry.superseded,
                    "fields": sorted(entry.changes),
                }
                for entry in event.history
            ],
            **({"etr_revisions": revisions(event, named)} if "etr_revisions" in names else {}),
        }
        for events in told(mails).values()
        for event in events
    ]
    return sorted(found, key=by_key)


def by_key(event: Shape) -> tuple[str, str, str, int]:
    return event["kind"], event["provider"], event["id"], event["generation"]


def statuses(mails: Sequence[Mail]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield for each mail the status, after it, of each event that it speaks of: that of the newest generation."""
    for count, mail in enumerate(mails, start=1):
        so_far = told(mails[:count])
        newest = [so_far[update.key][-1] for update in mail.reading.updates]
        yield mail.path.name, {event.event_id: event.status.value for event in newest}


def revisions(event: Event, named: dict[str, str]) -> list[Shape]:
    return [
        {
            "file": named[one.source],
            "etr": one.etr and iso_utc(one.etr),
            "previous": one.previous and iso_utc(one.previous),
            "move": one.move.value,
            "slip_seconds": one.slip_seconds,
            "words": one.words,
        }
        for one in event.etr_revisions
    ]


def tellings(story: Story) -> dict[str, Sequence[Mail]]:
    """Return the ways in which the mails of a story may come, by their names."""
    ways: dict[str, Sequence[Mail]] = {
        "as they arrive": story.arrival,
        "reversed": story.mails[::-1],
        "each twice": [mail for mail in story.mails for _ in range(2)],
        "all twice": [*story.mails, *story.mails],
    }
    for seed in SEEDS:
        ways[f"shuffled {seed}"] = random.Random(seed).sample(story.mails * 2, len(story.mails) * 2)
    return ways
