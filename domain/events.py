"""Updates, which are what messages say, and events, which are what lasts. All instants are aware and in UTC."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from domain.vocabulary import EtrMove, Impact, Kind, MaintenanceStatus, Move, OutageStatus

Span = tuple[datetime, datetime]
JsonValue = str | int | bool | None | list["JsonValue"] | dict[str, "JsonValue"]


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class EventKey:
    """The key under which updates meet: ``id_key`` is the provider's id as ``id_key_of`` folds it."""

    kind: Kind
    provider: str
    id_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedCircuit:
    """A circuit as one message names it. ``impact`` None: the message does not say."""

    circuit_id: str
    impact: Impact | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedWindow:
    """A window as one message states it.

    ``status`` None: the status of the update. ``circuits`` None: not stated; empty: stated to be without circuits.
    ``ical_uid`` is the UID of the VEVENT, None for every other form. ``number`` is the window's own number among those
    of its event, where the carrier gives it one.
    """

    start: datetime
    end: datetime
    status: MaintenanceStatus | None = None
    circuits: tuple[StatedCircuit, ...] | None = None
    ical_uid: str | None = None
    number: int | None = None

    @property
    def tag(self) -> str | None:
        """Return what identifies the window across updates: its UID or its number, None where it has neither."""
        return tag_of(self.ical_uid, self.number)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedEtr:
    """An estimated time of restoration as one message states it, and the words that it was read from.

    ``at`` None: the message says that there is none now ("to be advised"), which withdraws an earlier one.
    """

    at: datetime | None
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedOutage:
    """What one message states of an outage beside what it states of any event. None: not stated.

    ``end`` is when the service was restored, ``reported_at`` when the loss was reported, ``cause`` the reason for it in
    the provider's words, ``zone`` the name of the zone in which the message writes its times, as it writes it.
    """

    status: OutageStatus | None = None
    start: datetime | None = None
    end: datetime | None = None
    reported_at: datetime | None = None
    etr: StatedEtr | None = None
    cause: str | None = None
    zone: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """What one message says about one event. None means not stated, which differs from stated empty.

    ``event_id`` is the provider's id in its own spelling. ``stamp`` orders the updates of an event and
    ``stamp_inferred`` says that it is not the notice's own Date. ``source`` is the Message-ID, or the body digest.
    ``circuits`` are those stated outside of any window. ``references`` are other ids under which people look for it.
    ``replaces`` is the id of the event that this one is a re-scheduling of; ``replaced_by``, the other way round,
    stands in an update that says nothing else. ``reader`` and ``reader_version`` say who read it. ``outage`` is what
    it says of an outage, None exactly if it is about a maintenance, whose ``status`` and ``windows`` are here.
    """

    kind: Kind
    provider: str
    event_id: str
    stamp: datetime
    stamp_inferred: bool
    source: str
    body_digest: str
    reader: str
    reader_version: str
    sequence: int | None = None
    ical_uid: str | None = None
    account: str | None = None
    status: MaintenanceStatus | None = None
    windows: tuple[StatedWindow, ...] | None = None
    circuits: tuple[StatedCircuit, ...] | None = None
    summary: str | None = None
    organizer: str | None = None
    references: tuple[str, ...] = ()
    replaces: str | None = None
    replaced_by: str | None = None
    outage: StatedOutage | None = None
    unverified: bool = True

    @property
    def key(self) -> EventKey:
        """Return the key of the event that this update is about."""
        return EventKey(kind=self.kind, provider=self.provider, id_key=id_key_of(self.event_id))


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowCorrection:
    """What a person says of one window, by its start and end. ``was`` None: there is one more; ``now`` None: none."""

    was: Span | None
    now: Span | None
    status: MaintenanceStatus | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitCorrection:
    """What a person says of one circuit. ``was`` None: it was not held, or withdrawn; ``now`` None: it is withdrawn."""

    circuit_id: str
    was: Impact | None
    now: Impact | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutageCorrection:
    """What a person says of an outage: each pair is what they saw, None for nothing, and what is right instead.

    ``opens`` is the id of the outage that they open by it, in its own spelling.
    ``adopted_from`` is the id under which the outage was held before the provider's ticket was known. ``zone`` is the
    zone in which they wrote the times.
    """

    opens: str | None = None
    adopted_from: str | None = None
    status: tuple[OutageStatus | None, OutageStatus] | None = None
    start: tuple[datetime | None, datetime] | None = None
    end: tuple[datetime | None, datetime] | None = None
    reported_at: tuple[datetime | None, datetime] | None = None
    etr: tuple[datetime | None, StatedEtr] | None = None
    cause: tuple[str | None, str] | None = None
    zone: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """What a person says of one event: an update with its author, that knows what it corrects.

    ``status`` and ``summary`` are what the person saw and what is right instead. ``held`` are the windows that the
    person saw, where any is corrected. ``seen_start`` is when the event began that the person saw: an earlier one of
    the same number that is heard of later changes all ``generation`` numbers, and no start.
    """

    kind: Kind
    provider: str
    id_key: str
    generation: int
    stamp: datetime
    author: str
    reason: str
    status: tuple[MaintenanceStatus, MaintenanceStatus] | None = None
    windows: tuple[WindowCorrection, ...] = ()
    held: tuple[Span, ...] = ()
    circuits: tuple[CircuitCorrection, ...] = ()
    summary: tuple[str, str] | None = None
    seen_start: datetime | None = None
    outage: OutageCorrection | None = None

    @property
    def opens(self) -> str | None:
        """Return the id of the outage that the person opens by it, None where it is about one that is there."""
        return self.outage.opens if self.outage else None

    @property
    def key(self) -> EventKey:
        """Return the key of the event that this edit is about."""
        return EventKey(kind=self.kind, provider=self.provider, id_key=self.id_key)

    @property
    def source(self) -> str:
        """Return who says it, as it stands in the history."""
        return f"person:{self.author}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitImpact:
    """A circuit of an event, in the newest spelling, with the newest stated impact (OUTAGE where none ever was)."""

    circuit_id: str
    impact: Impact
    withdrawn: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A window of a maintenance. ``circuits`` are sorted by ``circuit_id``."""

    start: datetime
    end: datetime
    status: MaintenanceStatus
    withdrawn: bool = False
    circuits: tuple[CircuitImpact, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """What one update did to its event. ``changes`` maps a field to its old and new value, as JSON."""

    stamp: datetime
    move: Move
    source: str
    superseded: bool
    changes: Mapping[str, tuple[JsonValue, JsonValue]]


@dataclass(frozen=True, slots=True, kw_only=True)
class EtrRevision:
    """One change of the estimated time of restoration.

    ``etr`` None: it was withdrawn. ``previous`` None: there was none before. ``slip_seconds`` is how much later than
    before it is, None where there is nothing to compare. ``source`` is the message or the person, ``words`` what it was
    read from.
    """

    stamp: datetime
    etr: datetime | None
    previous: datetime | None
    move: EtrMove
    slip_seconds: int | None
    source: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A maintenance or an outage: the fold of its updates.

    ``start`` is the first start and ``end`` the last end of the windows that are not withdrawn, None where no window
    was stated. ``windows`` are sorted by start, end; ``circuits``, of all windows, with the worst impact, by
    ``circuit_id``. ``material_digest`` changes exactly if something changed that a person must see again.
    ``references`` are other ids of it, sorted. ``replaces`` and ``replaced_by`` are the ids of the events that it was
    re-scheduled from and to.

    Of an outage ``end`` is None as long as it is open, ``end_inferred`` says that nobody stated it, and ``reported_at``
    is when the first update was written where none states it. ``etr`` is the newest, also of one that is over.
    ``original_timezone`` is the zone in which its newest times were written, as it was written there.
    """

    kind: Kind
    provider: str
    event_id: str
    generation: int
    status: MaintenanceStatus | OutageStatus
    start: datetime | None
    end: datetime | None
    windows: tuple[Window, ...]
    circuits: tuple[CircuitImpact, ...]
    accounts: tuple[str, ...]
    summary: str
    organizer: str
    stamp: datetime
    stamp_inferred: bool
    unverified: bool
    updates: int
    material_digest: str
    references: tuple[str, ...] = ()
    replaces: str | None = None
    replaced_by: str | None = None
    end_inferred: bool = False
    reported_at: datetime | None = None
    etr: datetime | None = None
    cause: str | None = None
    original_timezone: str | None = None
    etr_revisions: tuple[EtrRevision, ...] = ()
    history: tuple[HistoryEntry, ...] = field(default=())


def tag_of(ical_uid: str | None, number: int | None) -> str | None:
    """Return a UID, or the number of a window in a form that no UID has; None where there is neither."""
    return ical_uid or (f"\0{number}" if number is not None else None)


def id_key_of(event_id: str) -> str:
    """Return a provider's id in the form in which ids are compared: trimmed, without case."""
    return event_id.strip().casefold()


def circuit_key_of(circuit_id: str) -> str:
    """Return a circuit id in the form in which ids are compared: without case, white space collapsed."""
    return " ".join(circuit_id.split()).casefold()


def iso_utc(instant: datetime) -> str:
    """Return an aware instant as it stands in JSON: ``2026-11-23T04:00:00Z``, without fractions of a second."""
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
