"""What a person does with stored mails and their events: import, open, correct, retract, hide, read again."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import BinaryIO

from domain.edits import Asked, edit_of
from domain.errors import EditRefused, ImportFailed, NotFound, WorkerError
from domain.events import Edit, Event, EventKey, JsonValue, Update, id_key_of
from domain.fold import fold
from domain.lifecycle import RESOLVED
from domain.message import Arrival, Decision, Disposition, Message, Reading, Terms, receipt, terms_of
from domain.outage_edits import OutageAsked, adoption_of, opening_of, outage_edit_of
from ingestor import pipeline
from ingestor.files import FoundMessage, Skipped, read_paths
from parsers.mime import read_envelope
from parsers.workers import WorkerPool
from storage import events, messages, queries
from storage.database import Store

# How many imported messages share one transaction.
IMPORT_BATCH = 100

# How many messages without bytes share one transaction, in which what they said is folded again.
FOLD_BATCH = 100

# What a reader may have something new to say of. What a person ignored stays ignored.
REREAD = (Disposition.APPLIED, Disposition.IRRELEVANT, Disposition.QUARANTINED)


@dataclass(slots=True)
class Imported:
    """What an import gave: messages read, the ids of those that were not known before, and what ended it early."""

    read: int = 0
    new: list[int] = field(default_factory=list)
    failure: ImportFailed | None = None


def import_paths(
    store: Store, paths: Sequence[str], stdin: BinaryIO, *, skipped: Callable[[str], None], read: Callable[[], None]
) -> Imported:
    """Store the mails of files and folders, as a mailbox's are; those before a path that cannot be imported stay.

    ``skipped`` is told of each file that is no mail, ``read`` of each mail.
    """
    imported = Imported()
    arrivals = _until_failure(_arrivals(paths, stdin, skipped), imported)
    while batch := list(islice(arrivals, IMPORT_BATCH)):
        with store.writing() as connection:
            recorded = messages.record(connection, batch, now=pipeline.utc_now())
        imported.read += len(batch)
        imported.new += [one.message for one in recorded if one.new]
        for _ in batch:
            read()
    return imported


def _until_failure(arrivals: Iterator[Arrival], imported: Imported) -> Iterator[Arrival]:
    try:
        yield from arrivals
    except ImportFailed as error:
        imported.failure = error


def _arrivals(paths: Sequence[str], stdin: BinaryIO, skipped: Callable[[str], None]) -> Iterator[Arrival]:
    for found in read_paths(paths, stdin=stdin):
        if isinstance(found, Skipped):
            skipped(f"{found.path}: {found.reason}")
            continue
        envelope = read_envelope(found.raw)
        yield Arrival(
            raw=found.raw,
            place=found.place,
            envelope=envelope,
            received_at=receipt(envelope, internal_date=None, now=pipeline.utc_now()),
            size=found.size,
            too_large=found.too_large,
        )


def correct(
    store: Store, key: EventKey, generation: int, asked: Asked, *, author: str, reason: str
) -> tuple[Event, ...]:
    """Correct an event as a person asks, and return the events of its key. Raises EditRefused and NotFound."""

    def edit_for(seen: Event) -> Edit:
        return edit_of(seen, asked, author=author, reason=reason, now=pipeline.utc_now())

    return _edited(store, key, generation, edit_for)


def _edited(store: Store, key: EventKey, generation: int, edit_for: Callable[[Event], Edit]) -> tuple[Event, ...]:
    """Keep what a person says of the event that they see, which nobody else writes meanwhile."""
    with store.writing() as connection:
        events.lock(connection, key)
        held = queries.events_of_key(connection, key)
        seen = next((event for event in held if event.generation == generation), None)
        if seen is None:
            raise _gone(key, events.adopted_into(connection, key))
        events.add_edit(connection, edit_for(seen))
        return tuple(events.refold(connection, [key]))


def _gone(key: EventKey, into: tuple[EventKey, str] | None) -> NotFound:
    name = f"{key.kind} {key.id_key} of {key.provider}"
    if into:
        return NotFound(f"{name} was adopted: it is {into[1]} now")
    return NotFound(f"{name} is gone meanwhile: nobody tells of it any more")


# --- outages ----------------------------------------------------------------------------------------------------


def open_outage(
    store: Store, provider: str, ticket: str | None, asked: OutageAsked, *, author: str, reason: str
) -> EventKey:
    """Open an outage, and return its key. ``ticket`` None: it gets an id of our own.

    Raises EditRefused, also where there is an outage of this ticket already, unless that was over long ago.
    """
    now = pipeline.utc_now()
    # A person writes the minute: what begins now may end in the minute that it is.
    begun = asked if asked.start else replace(asked, start=now.replace(second=0, microsecond=0))
    with store.writing() as connection:
        event_id = events.next_local_id(connection, provider) if ticket is None else ticket
        edit = opening_of(provider, event_id, begun, author=author, reason=reason, now=now)
        events.lock(connection, edit.key)
        if into := events.adopted_into(connection, edit.key):
            raise _gone(edit.key, into)
        held = queries.events_of_key(connection, edit.key)
        events.add_edit(connection, edit)
        if len(events.refold(connection, [edit.key])) == len(held):
            there = f"there is an outage {held[-1].event_id} of {provider} already"
            what = "reopen` says that it is back" if held[-1].status is RESOLVED else "update` says what is known now"
            raise EditRefused([f"{there}, it is {held[-1].status}: `maintd outage {what}"])
    return edit.key


def correct_outage(
    store: Store,
    key: EventKey,
    generation: int,
    asked: OutageAsked,
    *,
    author: str,
    reason: str,
    reopens: bool = False,
) -> tuple[Event, ...]:
    """Say of an outage what a person asks, and return the events of its key. Raises EditRefused and NotFound.

    ``reopens``: what was resolved is not.
    """

    def edit_for(seen: Event) -> Edit:
        return outage_edit_of(seen, asked, author=author, reason=reason, now=pipeline.utc_now(), reopens=reopens)

    return _edited(store, key, generation, edit_for)


def adopt(store: Store, held: EventKey, ticket: str, *, author: str, reason: str) -> None:
    """Let what people say of an outage that they opened be said of the provider's ticket. Raises EditRefused, NotFound.

    No mail of the ticket need have come yet.
    """
    into = replace(held, id_key=id_key_of(ticket))
    if not into.id_key or into == held:
        raise EditRefused(
            [f'"{ticket}" is no ticket to which {held.id_key} could be joined: name that of the provider']
        )
    with store.writing() as connection:
        for key in sorted((held, into)):
            events.lock(connection, key)
            if gone := events.adopted_into(connection, key):
                raise _gone(key, gone)
        if not queries.events_of_key(connection, held):
            raise _gone(held, None)
        if events.updates_of_key(connection, held):
            raise EditRefused(
                [f"mails tell of {held.id_key}: only an outage that a person opened can be joined to another"]
            )
        known = queries.events_of_key(connection, into)
        # Where mails tell of it, in their spelling.
        event_id = known[-1].event_id if known else ticket.strip()
        now = pipeline.utc_now()
        events.add_edit(connection, adoption_of(held, into, author=author, reason=reason, now=now))
        events.adopt(connection, held, into, event_id, author=author, reason=reason, now=now)


def disown(store: Store, held: EventKey, *, author: str, reason: str) -> None:
    """Take an outage apart from the ticket that it was adopted into. Raises NotFound where it was not adopted."""
    with store.writing() as connection:
        events.lock(connection, held)
        went = events.adopted_into(connection, held)
        if went is None:
            raise NotFound(f"{held.kind} {held.id_key} of {held.provider} was not adopted: there is nothing to undo")
        now = pipeline.utc_now()
        events.add_edit(connection, adoption_of(held, went[0], undo=True, author=author, reason=reason, now=now))
        events.disown(connection, held)


def retract(store: Store, number: int, *, author: str, reason: str) -> list[tuple[str, str, str]]:
    """Let the updates of a message count no more; return kind, provider and id of each event that it spoke of."""
    with store.writing() as connection:
        queries.message(connection, number)
        messages.retract(connection, number, author=author, reason=reason, now=pipeline.utc_now())
        return events.refold_message(connection, number)


def restore(store: Store, number: int) -> list[tuple[str, str, str]]:
    """Let the updates of a retracted message count again; return the events that it speaks of."""
    with store.writing() as connection:
        if not messages.restore(connection, number):
            raise NotFound(f"message {number} is not retracted")
        return events.refold_message(connection, number)


def hide(store: Store, key: EventKey, generation: int, *, undo: bool, author: str, reason: str) -> None:
    """Show an event no more, or again. Raises NotFound where it is to be shown again and is not hidden."""
    with store.writing() as connection:
        if not undo:
            events.hide(connection, key, generation, author=author, reason=reason, now=pipeline.utc_now())
        elif not events.show_again(connection, key, generation):
            raise NotFound(f"{key.kind} {key.id_key} of {key.provider} is not hidden")


def one_mail(path: str, stdin: BinaryIO) -> bytes:
    """Return the mail in a file. Raises ImportFailed where there is none, or more than one."""
    found = list(islice((one for one in read_paths([path], stdin=stdin) if isinstance(one, FoundMessage)), 2))
    if len(found) != 1:
        many = "several mails" if found else "no mail"
        raise ImportFailed(f"{path}: holds {many}, expected one: maintd import takes mboxes and folders")
    return found[0].raw


def read_one(pool: WorkerPool, raw: bytes, provider: str | None) -> Reading:
    """Return what a mail would give, stored nowhere. Raises WorkerError."""
    received_at = receipt(read_envelope(raw), internal_date=None, now=pipeline.utc_now())
    return pool.submit(raw, received_at, Terms(decision=Decision(provider=provider))).result()


# --- read again -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which stored messages are to be read again; None: no matter."""

    provider: str | None = None
    disposition: Disposition | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What reading again changes in one event: its facts before and after, None where there is or was no event."""

    key: EventKey
    before: dict[str, JsonValue] | None
    after: dict[str, JsonValue] | None


@dataclass(slots=True)
class Reread:
    """What reading again gave: messages read, those with another disposition, those that no worker could read.

    ``pruned``: how many were passed over, because their bytes went.
    """

    read: int = 0
    updates: dict[int, tuple[Update, ...]] = field(default_factory=dict)
    settled_otherwise: list[tuple[int, str, str]] = field(default_factory=list)
    unread: list[tuple[int, str]] = field(default_factory=list)
    pruned: int = 0


def reparse(
    store: Store,
    pool: WorkerPool,
    selection: Selection,
    *,
    asked: Mapping[str, Terms],
    apply: bool,
    read: Callable[[], None],
) -> tuple[Reread, list[Difference]]:
    """Read stored messages again and return what that changes, event by event; record it where ``apply``.

    ``asked``: what each mailbox asks of a mail.

    Each message is recorded in a transaction of its own. A message whose worker fails keeps what it said before.
    """
    reread = Reread()
    before: dict[EventKey, tuple[Event, ...]] = {}
    with store.reading() as connection:
        retracted = events.retracted(connection)
    for message, reading in _readings(store, pool, selection, asked, reread):
        read()
        reread.read += 1
        _remember(store, message, reading, before)
        if reading.disposition is not message.disposition:
            reread.settled_otherwise.append((message.id, message.disposition.value, reading.disposition.value))
        # What was retracted does not count, whatever it says now.
        reread.updates[message.id] = () if message.id in retracted else reading.updates
        if apply:
            # Also where it says what it said before: the rules of the fold may have changed since.
            pipeline.record(store, message, reading)
    reread.pruned = _fold_pruned(store, selection, before, apply=apply)
    after = _after(store, list(before), {} if apply else reread.updates)
    return reread, list(_differences(before, after))


def _readings(
    store: Store, pool: WorkerPool, selection: Selection, asked: Mapping[str, Terms], reread: Reread
) -> Iterator[tuple[Message, Reading]]:
    """Yield each selected message with what a worker says of it now, a few ahead of the one that is looked at."""
    numbers = _selected(store, selection, pruned=False)
    ahead = pool.count * pipeline.AHEAD_OF_EACH_WORKER
    for begin in range(0, len(numbers), ahead):
        with store.reading() as connection:
            batch = messages.load(connection, numbers[begin : begin + ahead])
        submitted: list[tuple[Message, Future[Reading]]] = [
            (message, _submitted(pool, message, asked)) for message in batch
        ]
        for message, future in submitted:
            try:
                yield message, future.result()
            except WorkerError as error:
                reread.unread.append((message.id, str(error)))


def _selected(store: Store, selection: Selection, *, pruned: bool) -> list[int]:
    dispositions = (selection.disposition,) if selection.disposition else REREAD
    with store.reading() as connection:
        return messages.select_numbers(
            connection,
            dispositions=dispositions,
            provider=selection.provider,
            since=selection.since,
            pruned=pruned,
        )


def _fold_pruned(store: Store, selection: Selection, before: dict[EventKey, tuple[Event, ...]], *, apply: bool) -> int:
    """Fold again what the selected messages said that cannot be read again; return how many there are.

    The rules of the fold may have changed since it was read.
    """
    numbers = _selected(store, selection, pruned=True)
    for begin in range(0, len(numbers), FOLD_BATCH):
        with store.reading() as connection:
            keys = events.keys_of_messages(connection, numbers[begin : begin + FOLD_BATCH])
            for key in keys - before.keys():
                before[key] = queries.events_of_key(connection, key)
        if apply:
            with store.writing() as connection:
                events.refold(connection, keys)
    return len(numbers)


def _submitted(pool: WorkerPool, message: Message, asked: Mapping[str, Terms]) -> Future[Reading]:
    copies = pipeline.copies_of(message, asked)
    return pool.submit(message.raw, message.received_at, terms_of(message, asked), copies=copies)


def _remember(store: Store, message: Message, reading: Reading, before: dict[EventKey, tuple[Event, ...]]) -> None:
    """Keep the events that a message touches as they are stored, before anything of it changes."""
    with store.reading() as connection:
        old = events.updates_of_message(connection, message.id)
        for key in {update.key for update in (*old, *reading.updates)} - before.keys():
            before[key] = queries.events_of_key(connection, key)


def _after(
    store: Store, keys: Sequence[EventKey], replaced: dict[int, tuple[Update, ...]]
) -> dict[EventKey, tuple[Event, ...]]:
    after = {}
    for key in keys:
        with store.reading() as connection:
            kept = [update for message, update in events.updates_of_key(connection, key) if message not in replaced]
            edits = events.edits_of_key(connection, key)
        new = [update for updates in replaced.values() for update in updates if update.key == key]
        after[key] = fold([*kept, *new], edits)
    return after


def _differences(
    before: dict[EventKey, tuple[Event, ...]], after: dict[EventKey, tuple[Event, ...]]
) -> Iterator[Difference]:
    for key in sorted(before):
        old, new = before[key], after[key]
        for generation in range(max(len(old), len(new))):
            was = old[generation] if generation < len(old) else None
            now = new[generation] if generation < len(new) else None
            if was != now:
                yield Difference(
                    key=key,
                    before=queries.facts(was) if was else None,
                    after=queries.facts(now) if now else None,
                )
