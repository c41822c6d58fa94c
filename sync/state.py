"""What NetBox holds of one event as far as we know, and what in it may be ours: kept from one push to the next."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Self

from domain.events import JsonValue, Span, iso_utc

# The id of what was sent and never answered: it may be there.
ON_ITS_WAY = 0

# Fields that people own in NetBox, and what they are where nobody has said anything.
ACKNOWLEDGED, INTERNAL_TICKET = "acknowledged", "internal_ticket"
PEOPLES: dict[str, JsonValue] = {ACKNOWLEDGED: False, INTERNAL_TICKET: ""}


class HeldImpact(NamedTuple):
    """An impact in NetBox: its id, and what it says."""

    number: int
    level: str


@dataclass(slots=True, kw_only=True)
class HeldRecord:
    """One record. ``number`` is NetBox's id of it, None where it is not known to be there.

    ``fields`` are those that we write, as they were sent or last read. ``peoples`` are, for each field that people own,
    the values that may be from us, the newest last: what else stands there was written by a person. ``impacts`` are by
    the id of the circuit, ``circuits`` the ids of all that we ever meant to write an impact on: no other is ours.
    """

    name: str
    span: Span | None = None
    number: int | None = None
    fields: dict[str, JsonValue] = field(default_factory=dict)
    peoples: dict[str, list[JsonValue]] = field(default_factory=lambda: {name: [PEOPLES[name]] for name in PEOPLES})
    impacts: dict[int, HeldImpact] = field(default_factory=dict)
    circuits: set[int] = field(default_factory=set)

    def forget(self) -> None:
        """Note that the record is not there, nor anything that belongs to it."""
        self.number = None
        self.fields = {}
        self.peoples = {name: [PEOPLES[name]] for name in PEOPLES}
        self.impacts = {}


@dataclass(slots=True, kw_only=True)
class State:
    """What NetBox holds of one event. ``dirty``: a push began and did not end, so that NetBox must be read first.

    ``records`` are by slot; ``home`` is that of the record with the mails and the journal. ``notifications`` and the
    entries of ``journal`` are by their keys; the latter by where the entry stands ("event", or the id of a circuit). An
    id that is None: refused for ever; 0: sent, and never answered. ``revisions`` are the keys of those that were told,
    ``resets`` the material digests at which an acknowledgement was taken back. ``told`` is what was said of what cannot
    be held; ``material`` the digest at the last push that ended. ``plugin`` and ``dialect`` are those under which all
    this was written.
    """

    plugin: str = ""
    dialect: str = ""
    dirty: bool = False
    material: str = ""
    home: int | None = None
    records: dict[int, HeldRecord] = field(default_factory=dict)
    notifications: dict[str, int | None] = field(default_factory=dict)
    journal: dict[str, dict[str, int | None]] = field(default_factory=dict)
    revisions: list[str] = field(default_factory=list)
    resets: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    @property
    def slots(self) -> dict[int, Span]:
        """Return the times of the windows that have a number, by it."""
        return {slot: record.span for slot, record in self.records.items() if record.span}

    def settle(self) -> int | None:
        """Return the slot of the record to which mails and journal belong: the first that was there, while it is."""
        there = {slot for slot, record in self.records.items() if record.number is not None}
        if self.home not in there:
            self.home = min(there, default=None)
        return self.home

    def elsewhere(self) -> "State":
        """Return what is known where the NetBox is another one: the numbers of the windows, and nothing of it."""
        names = {slot: HeldRecord(name=record.name, span=record.span) for slot, record in self.records.items()}
        return State(dirty=True, records=names)

    def as_json(self) -> dict[str, Any]:
        """Return all of it as JSON."""
        return {
            "plugin": self.plugin,
            "dialect": self.dialect,
            "dirty": self.dirty,
            "material": self.material,
            "home": self.home,
            "records": {str(slot): _record_json(record) for slot, record in self.records.items()},
            "notifications": dict(self.notifications),
            "journal": {key: dict(places) for key, places in self.journal.items()},
            "revisions": list(self.revisions),
            "resets": list(self.resets),
            "told": list(self.told),
        }

    @classmethod
    def from_json(cls, value: dict[str, Any] | None) -> Self:
        """Return what ``as_json`` was made of; None: nothing was ever pushed."""
        known = dict(value or {})
        records = {int(slot): _record(each) for slot, each in known.pop("records", {}).items()}
        return cls(records=records, **known)

    def copy(self) -> "State":
        """Return the same, to be changed alone."""
        return State.from_json(self.as_json())


def _record_json(record: HeldRecord) -> dict[str, Any]:
    return {
        "name": record.name,
        "span": [iso_utc(instant) for instant in record.span] if record.span else None,
        "number": record.number,
        "fields": dict(record.fields),
        "peoples": {name: list(values) for name, values in record.peoples.items()},
        "impacts": {str(circuit): list(impact) for circuit, impact in record.impacts.items()},
        "circuits": sorted(record.circuits),
    }


def _record(value: dict[str, Any]) -> HeldRecord:
    start, end = value["span"] or (None, None)
    return HeldRecord(
        name=value["name"],
        span=(datetime.fromisoformat(start), datetime.fromisoformat(end)) if start and end else None,
        number=value["number"],
        fields=dict(value["fields"]),
        peoples={name: list(values) for name, values in value["peoples"].items()},
        impacts={int(circuit): HeldImpact(*impact) for circuit, impact in value["impacts"].items()},
        circuits=set(value["circuits"]),
    )
