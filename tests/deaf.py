"""What the readers of outages make of mails that are none, where no reader of maintenances is there to take them."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from domain.vocabulary import Kind
from parsers.mime import Notification, decode, read_envelope
from parsers.outage.readers import EVERYBODYS, READERS
from parsers.providers import Directory, Provider
from parsers.reading import read_message
from parsers.sources import choices
from parsers.statements import NotUnderstood
from tests.readings import MAIL, STORIES, reading_of

EACH_READER = tuple({reader.form: reader for reader in (*READERS, *EVERYBODYS)}.values())


def own_maintenances() -> list[Path]:
    """Return our own notices of planned work: those of tests/mail whose .json tells of no outage, and the stories."""
    own = [path for path in sorted(MAIL.glob("*/*.eml")) if not _tells_of_outages(path)]
    return [*own, *sorted(STORIES.glob("*/*/*.eml"))]


def _tells_of_outages(path: Path) -> bool:
    events = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    return any("windows" not in event for event in events)


def deaf_to_maintenances(known: Directory) -> Directory:
    """Return a directory in which nobody has a reader of maintenances, and everybody has all those of outages."""
    forms = tuple(reader.form for reader in EACH_READER)
    deaf = {one.name: replace(one, readers=(), outage_readers=forms) for one in known}

    def changed(providers: tuple[Provider, ...]) -> tuple[Provider, ...]:
        return tuple(deaf[one.name] for one in providers)

    by_sender = {sender: changed(known.identify(sender)) for one in known for sender in one.senders}
    by_name = {name: deaf[one.name] for one in known for name in (*one.aliases, one.name)}
    return Directory(tuple(deaf.values()), by_name, by_sender)


def outages_read(raw: bytes, known: Directory) -> list[str]:
    """Return the outages in what a mail says on the day on which it came, each as its key."""
    envelope = read_envelope(raw)
    received_at = envelope.received_at or envelope.date
    assert received_at is not None
    updates = read_message(raw, received_at=received_at, directory=known).updates
    return [f"{update.provider} {update.event_id}" for update in updates if update.kind is Kind.OUTAGE]


def outages_in_spite_of_the_sort(raw: bytes, known: Directory) -> list[str]:
    """Return what each reader of outages finds in a mail that is shown to it whatever it is sorted as."""
    return [
        f"{form}: {event_id}"
        for sources in choices(decode(raw), known, None)
        for source in sources
        for provider in source.providers
        for form, event_id in _found(source.notification, provider)
    ]


def lies_ahead(path: Path) -> bool:
    """Return whether all of the windows that one of our own notices states begin after it came."""
    received_at = read_envelope(path.read_bytes()).received_at
    windows = [window for update in reading_of(path).updates for window in update.windows or ()]
    return received_at is not None and bool(windows) and all(window.start > received_at for window in windows)


def _found(notification: Notification, provider: Provider) -> Iterator[tuple[str, str]]:
    for reader in EACH_READER:
        try:
            findings = reader.read(notification, provider)
        except NotUnderstood:
            continue
        yield from ((reader.form, result.event_id) for result in findings.results)
