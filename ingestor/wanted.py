"""What NetBox should hold of an event by what is stored here, and what it holds as far as is known."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.events import Event, iso_utc
from ingestor.config import Settings
from storage import notices, outbox, queries
from storage.database import Store
from storage.outbox import Name, Remote
from sync.mapping import Desired, Notice, People, desired, gone
from sync.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What NetBox should hold of an event, and what it holds as far as we know. ``event`` None: nothing counts."""

    event: Event | None
    acknowledged: bool
    desired: Desired
    state: State


def wanted(store: Store, settings: Settings, name: Name, *, since: datetime) -> Wanted | None:
    """Return what NetBox should hold of an event; None where it need not know of it, as it ended before ``since``."""
    key, generation = name
    with store.reading() as connection:
        held = queries.events_of_key(connection, key)
        event = next((one for one in held if one.generation == generation), None)
        remote = outbox.remote(connection, key, generation)
        said = queries.said_of(connection, key, generation)
        told = notices.notices_of(connection, key, generation) if event else []
    counts = event is not None and not said.hidden
    if remote is None and (not counts or (event is not None and event.end is not None and event.end <= since)):
        return None
    state = state_of(remote)
    if event is None or said.hidden:
        return Wanted(event=None, acknowledged=False, desired=_gone(name, event, said, state), state=state)
    return Wanted(
        event=event,
        acknowledged=said.acknowledged,
        desired=desired(
            event,
            notices=_kept(settings, event, told),
            people=People(acknowledged=said.acknowledged, internal_ticket=said.internal_ticket),
            slots=state.slots,
        ),
        state=state,
    )


def _gone(name: Name, event: Event | None, said: queries.Said, state: State) -> Desired:
    key, generation = name
    if event is None or said.hidden is None:
        held = next((record.name for _, record in sorted(state.records.items())), key.id_key)
        why = "no mail that counts says anything of it any more: cancelled by maintd, not by the provider"
        return gone(key, generation, called=held, why=why, since=state.material)
    why = f"hidden in maintd by {said.hidden.author}, not cancelled by the provider: {said.hidden.reason}"
    return gone(
        key,
        generation,
        called=event.event_id,
        why=why,
        since=iso_utc(said.hidden.hidden_at),
        circuits=[one.circuit_id for one in event.circuits],
    )


def state_of(remote: Remote | None) -> State:
    """Return what is known of NetBox; where that cannot be read, nothing is, and NetBox is looked at."""
    try:
        return State.from_json(remote.state if remote else None)
    except (KeyError, TypeError, ValueError, AttributeError):
        return State(dirty=True)


def _kept(settings: Settings, event: Event, told: Sequence[notices.Notice]) -> list[Notice]:
    """Return the mails that NetBox is to keep."""
    kept = settings.netbox.notifications
    changing = {(entry.stamp, entry.source) for entry in event.history if entry.changes}
    found = (_notice(one, material=(one.stamp, one.source) in changing) for one in told)
    return [one for one in found if kept == "all" or (kept == "material" and one.material)]


def _notice(one: notices.Notice, *, material: bool) -> Notice:
    return Notice(
        key=one.identity,
        subject=one.subject,
        sender=one.sender or one.from_header,
        text=one.text or "maintd has not kept the text of this mail: `maintd reparse --all --apply` brings it.",
        received_at=one.received_at,
        material=material,
    )
