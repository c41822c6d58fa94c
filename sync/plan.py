"""What one push has to do: what NetBox should hold by its own numbers, what is known of it, and what came of it."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from domain.events import JsonValue, Span
from domain.lifecycle import CANCELLED
from domain.vocabulary import Impact, Kind
from sync import bodies
from sync.dialects import Dialect, Events
from sync.mapping import Desired, JournalEntry
from sync.netbox import Netbox, Object
from sync.state import ON_ITS_WAY, HeldRecord, State

EVENT = "event"
JOURNAL = "extras/journal-entries"
NO_DELETE = "what is withdrawn or there twice stays: the token has no right to delete it"
NO_JOURNAL = "journal entries: the token has no right to view and to add them"


class Inventory(Protocol):
    """Which providers and circuits NetBox knows. It may ask, and raises NetboxError then."""

    def provider(self, name: str, /) -> int | None:
        """Return the id of a provider. None: NetBox does not know it."""

    def circuits(self, provider_id: int, circuit_ids: Collection[str], /) -> Mapping[str, int | None]:
        """Return the ids of a provider's circuits by the ids that the provider gives them. None: not known."""


class DriftKind(StrEnum):
    """How NetBox differs from what it should hold."""

    MISSING = "missing"
    DIFFERENT = "different"
    FOREIGN = "foreign"  # nothing of ours: it is left alone
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """One difference: of which record, and in what."""

    kind: DriftKind
    record: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a push.

    ``done`` tells each write in a few words, ``requests`` counts the requests, those of the inventory left out.
    ``provider_unknown``: nothing can be held before NetBox knows the provider; ``waits_for``: nor before this is known.
    ``unresolved`` are the circuits that NetBox does not know, by the provider's ids. ``cannot`` tells what cannot be
    held, each only the first time. ``drift`` is what a fresh look found. ``acknowledged`` and ``internal_ticket`` were
    written by a person in NetBox and hold from now on; None: nothing was. ``state`` is the state at the end.
    """

    state: State
    done: tuple[str, ...] = ()
    requests: int = 0
    provider_unknown: bool = False
    waits_for: str = ""
    unresolved: tuple[str, ...] = ()
    cannot: tuple[str, ...] = ()
    drift: tuple[Drift, ...] = ()
    acknowledged: bool | None = None
    internal_ticket: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """A record as NetBox should hold it: its fields, and its impacts by the id of the circuit.

    ``peoples`` None: what people own in it is of no concern, for the event is no longer ours.
    """

    name: str
    span: Span | None
    fields: Mapping[str, JsonValue]
    impacts: Mapping[int, str]
    peoples: Mapping[str, JsonValue] | None


@dataclass(slots=True, kw_only=True)
class Run:
    """One push under way: with whom, what it wants, what it knows, and what it has to tell afterwards.

    ``everything``: nothing is believed that was not read in this run. ``seen`` are the fields of people and
    ``comments`` the comments of the records that were read, by slot. ``surplus`` are ids to delete, by path.
    ``muted``: no journal is written. ``kept``: something of this run was kept.
    """

    netbox: Netbox
    dialect: Dialect
    desired: Desired
    state: State
    save: Callable[[State], None]
    custom_field: str | None = None
    provider_id: int = 0
    circuits: Mapping[str, int | None] = field(default_factory=dict)
    wants: dict[int, Want] = field(default_factory=dict)
    everything: bool = False
    muted: bool = False
    kept: bool = False
    seen: dict[int, dict[str, JsonValue]] = field(default_factory=dict)
    comments: dict[int, str] = field(default_factory=dict)
    surplus: dict[str, list[int]] = field(default_factory=dict)
    drift: list[Drift] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    cannot: list[str] = field(default_factory=list)
    returned: dict[str, JsonValue] = field(default_factory=dict)

    @property
    def events(self) -> Events:
        """Return how this NetBox holds events of this kind."""
        events = self.dialect.events(self.desired.kind)
        assert events is not None, f"{self.dialect.name} holds no {self.desired.kind}"
        return events

    @property
    def path(self) -> str:
        """Return where these events are."""
        return self.dialect.path(self.events)

    def told(self, words: str) -> None:
        """Note what cannot be held, once for ever."""
        if words not in self.state.told:
            self.state.told.append(words)
            self.cannot.append(words)

    def drifted(self, kind: DriftKind, slot: int, what: str) -> None:
        """Note a difference."""
        record = self.state.records[slot].name if slot in self.state.records else self.wants[slot].name
        self.drift.append(Drift(kind=kind, record=record, what=what))

    def number(self, slot: int) -> int:
        """Return NetBox's id of a record that is there."""
        number = self.state.records[slot].number
        assert number is not None
        return number

    def wrote(self, words: str) -> None:
        """Note a write that succeeded, and keep what is known since."""
        self.done.append(words)
        self.keep()

    def keep(self) -> None:
        """Keep what is known."""
        self.kept = True
        self.save(self.state)

    def material_changed(self) -> bool:
        """Say whether the event changed, since it was last pushed, in what people must see again."""
        return self.state.material not in ("", self.desired.material)

    def journal(self) -> list[JournalEntry]:
        """Return what the journal of a record should hold: that it is there tells the first word itself."""
        entries = [entry for entry in self.desired.journal if not entry.opening]
        called = next((record.name for record in self.desired.records), self.desired.identity)
        told = "it changed after it was acknowledged, and is to be acknowledged again"
        text = f"{self.desired.kind.value} {self.desired.provider} {called}: {told}"
        resets = (
            JournalEntry(key=f"reset {digest}", level="warning", text=text, circuits=()) for digest in self.state.resets
        )
        return [*entries, *resets]

    def is_forbidden(self, words: str) -> bool:
        """Say whether something was forbidden, as ``words`` told: it is tried again only where all is looked at."""
        return words in self.state.told and not self.everything

    def is_mute(self) -> bool:
        """Say whether the journals are left alone."""
        return self.muted or self.is_forbidden(NO_JOURNAL)

    def lacks_mail(self, key: str) -> bool:
        """Say whether a mail is not known to be there."""
        return self.state.notifications.get(key, ON_ITS_WAY) == ON_ITS_WAY

    def lacks_entry(self, key: str, place: str) -> bool:
        """Say whether an entry is not known to be in a journal."""
        return self.state.journal.get(key, {}).get(place, ON_ITS_WAY) == ON_ITS_WAY

    def forget_story(self) -> None:
        """Note that mails, estimates and journal are to be told anew: what they belonged to is gone."""
        self.state.notifications, self.state.revisions = {}, []
        for places in self.state.journal.values():
            places.pop(EVENT, None)

    def marker(self, key: str) -> str:
        """Return what names an entry of a journal."""
        return bodies.marker_of(self.desired.identity, key)


def wants_of(run: Run) -> dict[int, Want]:
    """Return the records that NetBox should hold, by slot: those desired, and cancelled those that are no more."""
    peoples = bodies.desired_peoples(
        acknowledged=run.desired.people.acknowledged,
        internal_ticket=run.desired.people.internal_ticket,
        events=run.events,
    )
    wants = {
        record.slot: Want(
            name=record.name,
            span=record.span,
            fields=bodies.fields_of(record, run.events, run.provider_id),
            impacts=_impacts(record.impacts, run),
            peoples=peoples,
        )
        for record in run.desired.records
    }
    if run.desired.kind is Kind.MAINTENANCE:
        gone = {slot: held for slot, held in run.state.records.items() if slot not in wants and held.fields}
        wants |= {slot: _cancelled(held) for slot, held in gone.items()}
    return wants


def _impacts(stated: Mapping[str, Impact], run: Run) -> dict[int, str]:
    """Return impacts by NetBox's own ids; two ids of one circuit are one, with the worst impact."""
    if not run.events.impacts:
        return {}
    together: dict[int, list[Impact]] = {}
    for circuit, impact in stated.items():
        number = run.circuits.get(circuit)
        if number is not None:
            together.setdefault(number, []).append(impact)
    return {number: bodies.worst(impacts).value for number, impacts in together.items()}


def _cancelled(held: HeldRecord) -> Want:
    fields = {**held.fields, "status": CANCELLED.value}
    return Want(name=held.name, span=held.span, fields=fields, impacts={}, peoples=None)


def rows_by(rows: list[Object], numbers: Collection[int]) -> dict[int, Object]:
    """Return the rows with these ids, by id."""
    return {row["id"]: row for row in rows if row.get("id") in numbers}
