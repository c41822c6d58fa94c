"""The messages of an event with their texts, for whoever keeps them elsewhere, in the order of its history."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, select

from domain.events import EventKey
from storage.events import COUNTS
from storage.schema import events, history, message_texts, messages, updates
from storage.statements import update_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A message that says something of an event. ``message`` is its number in the ledger, ``identity`` never changes.

    ``sender`` is None where no one address wrote it (see ``Envelope``). ``stamp`` and ``source`` are those of the first
    entry of the event's history that comes from it. ``text`` is empty where it has none, or where it was read before
    texts were kept: `maintd reparse --apply` brings it.
    """

    message: int
    identity: str
    message_id: str | None
    subject: str
    sender: str | None
    from_header: str
    received_at: datetime
    text: str
    stamp: datetime
    source: str


_TOLD = (
    select(history.c.stamp, history.c.source)
    .join(events)
    .where(
        *(
            events.c[part] == bindparam(f"of_{part}", type_=events.c[part].type)
            for part in ("kind", "provider", "id_key", "generation")
        )
    )
    .order_by(history.c.ordinal)
)
_STATED = (
    select(
        updates,
        messages.c.identity,
        messages.c.message_id,
        messages.c.subject,
        messages.c.sender,
        messages.c.from_header,
        messages.c.received_at,
        message_texts.c.text,
    )
    .join(messages, messages.c.id == updates.c.message)
    .outerjoin(message_texts, message_texts.c.message == updates.c.message)
    .where(COUNTS, *(updates.c[part] == bindparam(f"of_{part}") for part in ("kind", "provider", "id_key")))
    .order_by(updates.c.message, updates.c.ordinal)
)


def notices_of(conn: Connection, key: EventKey, generation: int) -> list[Notice]:
    """Return the messages of an event, each once, in the order in which its history takes them, in two statements.

    Where a carrier used a number again, a message is of the use in whose history it stands.
    """
    of_key = {"of_kind": key.kind, "of_provider": key.provider, "of_id_key": key.id_key}
    told = [(row.stamp, row.source) for row in conn.execute(_TOLD, {**of_key, "of_generation": generation})]
    places = {place: number for number, place in reversed(list(enumerate(told)))}
    found: dict[int, tuple[int, Notice]] = {}
    for row in conn.execute(_STATED, of_key):
        update = update_of(row)
        place = places.get((update.stamp, update.source))
        if place is None or (row.message in found and found[row.message][0] <= place):
            continue
        notice = Notice(
            message=row.message,
            identity=row.identity,
            message_id=row.message_id,
            subject=row.subject,
            sender=row.sender,
            from_header=row.from_header,
            received_at=row.received_at,
            text=row.text or "",
            stamp=update.stamp,
            source=update.source,
        )
        found[row.message] = (place, notice)
    return [notice for _, notice in sorted(found.values(), key=lambda one: (one[0], one[1].message))]
