"""Deliver: NetBox is told of every event that changed, and compared with all of them once a day.

The life of a row of the outbox: it is claimed, the event is read, NetBox is made to hold it, and the row goes; or it
waits, longer after each failure; or, where NetBox refuses the event as it is, it is parked until the event changes or a
person asks. Where NetBox itself fails, all of it is left alone for a while. A delivery may be stopped at any point, and
done again by anybody.
"""

import contextlib
import random
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self

import structlog

from domain.errors import ConfigurationError, MaintdError, NetboxError, NetboxFailure, NotFound
from domain.events import Event, EventKey, circuit_key_of
from ingestor.config import NEVER, Settings
from ingestor.pipeline import utc_now
from ingestor.secrets import resolve
from parsers.providers import Directory
from storage import events, notices, outbox, queries
from storage.database import Store
from storage.outbox import Due, Name
from sync import dialects
from sync.circuits import AliasKey, Inventory, ProviderNames
from sync.dialects import Dialect
from sync.mapping import Desired, Notice, People, desired, gone
from sync.netbox import Netbox
from sync.push import Drift, Outcome, compare, push
from sync.state import State

# Who claimed an event and says nothing for so long has lost it. It is said three times as often.
LEASE_SECONDS = 30.0

# An event that fails by itself waits this long, twice as long each time, up to an hour.
FIRST_WAIT_SECONDS = 10.0
LONGEST_WAIT_SECONDS = 3600.0
# NetBox as a whole is tried again sooner: behind it everything waits. A token that is refused is left alone for longer.
FIRST_PAUSE_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 60.0
LONGEST_PAUSE_WHEN_FORBIDDEN_SECONDS = 600.0
# Each wait is up to so much shorter, so that many daemons do not come back at once.
JITTER = 0.2
# Longer than this nobody waits because NetBox says so.
LONGEST_ASKED_FOR_SECONDS = 86_400.0

# How long the loop sleeps when nothing wakes it: what people change beside the daemon is found then.
LOOK_SECONDS = 5.0

# How often NetBox is asked for circuits and providers that it did not have.
LOOK_FOR_MISSING = timedelta(minutes=10)

# What is pushed where the configuration does not say: what ends later than this before the first run.
PUSHED_BEFORE_FIRST_RUN = timedelta(days=7)
# What is compared with NetBox each night: older events nobody works on any more.
COMPARED = timedelta(days=30)

# How an acknowledgement in NetBox is signed.
AUTHOR = "netbox"

# A failure that may be that of the event, or of all NetBox: asking for its status tells.
_DOUBTFUL = frozenset({NetboxFailure.UNREACHABLE, NetboxFailure.FORBIDDEN, NetboxFailure.BROKEN})
# What is believed of the dialect and of the circuits may be wrong.
_UNEXPECTED = frozenset({NetboxFailure.MISSING, NetboxFailure.BROKEN})

log = structlog.get_logger()


def open_netbox(settings: Settings) -> Netbox:
    """Return the connection that the configuration asks for; nothing is asked yet. Raises ConfigurationError."""
    table = settings.netbox
    if table.url is None or table.token is None:
        raise ConfigurationError(
            [f'{settings.path}: netbox: url: missing, expected the address of a NetBox, as in "https://netbox.example"']
        )
    return Netbox(
        table.url,
        resolve(table.token, where=f"{settings.path}: netbox: token"),
        timeout_seconds=table.timeout_seconds,
        ca_file=str(table.ca_file) if table.ca_file else None,
    )


def inventory(
    settings: Settings,
    store: Store,
    netbox: Netbox,
    directory: Directory,
    *,
    clock: Callable[[], datetime] = utc_now,
) -> Inventory:
    """Return the providers and circuits of a NetBox, by the names that the configuration and people give them."""
    tables = {table.name: table for table in settings.providers}
    names = {}
    for one in directory:
        table = tables.get(one.name)
        slug, asns = (table.netbox, table.asn or ()) if table else (None, ())
        names[one.name] = ProviderNames(slug=slug, aliases=tuple(one.aliases), asns=tuple(asns))
    return Inventory(
        netbox,
        names,
        _aliases(store),
        clock=clock,
        lifetime_seconds=settings.netbox.circuit_cache_seconds,
        create=settings.netbox.create,
    )


def begin(store: Store, settings: Settings, *, now: datetime) -> datetime:
    """Return since when events count; where that, or the NetBox, is another than before, all events are due.

    Nothing that was believed of another NetBox is believed of this one. May be called often.
    """
    url = settings.netbox.url
    with store.reading() as connection:
        before = outbox.meta(connection, outbox.SINCE)
        known = outbox.meta(connection, outbox.URL)
    held = datetime.fromisoformat(before) if before else None
    since = settings.netbox.since or held or now - PUSHED_BEFORE_FIRST_RUN
    if (known, held) == (url, since) or url is None:
        return since
    with store.writing() as connection:
        if known not in (None, url):
            for key, generation, remote in list(outbox.remotes(connection)):
                state = _state(remote.state).elsewhere()
                outbox.save_remote(connection, key, generation, state.as_json(), dirty=True, now=now)
        outbox.enqueue_all(connection, since=since, now=now)
        outbox.save_meta(connection, outbox.COMPARED_AT, now.isoformat())
        outbox.save_meta(connection, outbox.SINCE, since.isoformat())
        outbox.save_meta(connection, outbox.URL, url)
    return since


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What became of one event. ``outcome`` None: nothing was pushed, for the ``problem``, or as there is nothing."""

    key: EventKey
    generation: int
    event_id: str
    outcome: Outcome | None = None
    problem: str = ""
    parked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """What NetBox should hold of an event, and what it holds as far as we know. ``event`` None: nothing counts."""

    event: Event | None
    acknowledged: bool
    desired: Desired
    state: State


class Delivery:
    """The outbox as it is worked off by one thread. ``close`` it.

    Nothing is asked of NetBox before there is something to deliver; it is asked what it is at the first chance.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        directory: Directory,
        *,
        clock: Callable[[], datetime] = utc_now,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._settings, self._store, self._directory = settings, store, directory
        self._clock, self._draw = clock, draw
        self._netbox: Netbox | None = None
        self._inventory: Inventory | None = None
        self._dialect: Dialect | None = None
        self._paused_until: datetime | None = None
        self._pauses = 0
        self.since = begin(store, settings, now=clock())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection. May be called twice."""
        if self._netbox is not None:
            self._netbox.close()
        self._netbox = self._inventory = self._dialect = None

    @property
    def requests(self) -> int:
        """Return how many requests were sent over the connection that is open."""
        return self._netbox.requests if self._netbox else 0

    @property
    def is_paused(self) -> bool:
        """Say whether NetBox is left alone for now."""
        return self._paused_until is not None and self._clock() < self._paused_until

    # --- deliver

    def deliver(
        self,
        *,
        stopping: Callable[[], bool] = lambda: False,
        names: Sequence[Name] | None = None,
        told: Callable[[Delivered], object] = lambda _: None,
    ) -> int:
        """Deliver what is due, until nothing is, or NetBox is to be left alone; return of how many events it was tried.

        ``names``: these events and no others. ``told`` is called with what became of each.
        """
        count = 0
        for due in () if self.is_paused else self._claims(names):
            told(self._settle(due))
            count += 1
            if stopping() or self.is_paused:
                break
        return count

    def _claims(self, names: Sequence[Name] | None) -> Iterator[Due]:
        for only in [None] if names is None else names:
            # What comes back from NetBox makes an event due once more.
            while found := self._claimed(only):
                yield from found

    def _claimed(self, only: Name | None) -> list[Due]:
        with self._store.writing() as connection:
            return outbox.claim(connection, now=self._clock(), limit=1, lease_seconds=LEASE_SECONDS, only=only)

    def _settle(self, due: Due) -> Delivered:
        wanted = None
        with _Lease(self._store, due, self._clock) as lease:
            try:
                wanted = self._wanted((due.key, due.generation))
                outcome = self._pushed(due, wanted, lease) if wanted else None
            except NetboxError as error:
                return self._failed(lease.end(), wanted, error)
            except ConfigurationError as error:
                return self._left_alone(lease.end(), wanted, str(error), LONGEST_PAUSE_SECONDS)
            except _LeaseLost:
                return _delivered(due, wanted, problem="somebody else is at it")
            except MaintdError:
                # The database is at fault, not the event.
                raise
            except Exception as error:  # the boundary of an item: no event may keep the others from being delivered
                log.exception("event_not_pushed", **_named(due, wanted))
                return self._postponed(lease.end(), wanted, f"{type(error).__name__}: {error}", None)
            return self._done(lease.end(), wanted, outcome)

    def _wanted(self, name: Name) -> _Wanted | None:
        """Return what NetBox should hold; None where it need not know of the event."""
        key, generation = name
        with self._store.reading() as connection:
            held = queries.events_of_key(connection, key)
            event = next((one for one in held if one.generation == generation), None)
            remote = outbox.remote(connection, key, generation)
            said = queries.said_of(connection, key, generation)
            told = notices.notices_of(connection, key, generation) if event else []
        if said.hidden:
            event = None
        if remote is None and (event is None or (event.end is not None and event.end <= self.since)):
            return None
        state = _state(remote.state if remote else None)
        if event is None:
            return _Wanted(event=None, acknowledged=False, desired=gone(key, generation), state=state)
        return _Wanted(
            event=event,
            acknowledged=said.acknowledged,
            desired=desired(
                event,
                notices=self._notices(event, told),
                people=People(acknowledged=said.acknowledged, internal_ticket=said.internal_ticket),
                slots=state.slots,
            ),
            state=state,
        )

    def _notices(self, event: Event, told: Sequence[notices.Notice]) -> list[Notice]:
        """Return the mails that NetBox is to keep."""
        wanted = self._settings.netbox.notifications
        changing = {(entry.stamp, entry.source) for entry in event.history if entry.changes}
        found = (_notice(one, material=(one.stamp, one.source) in changing) for one in told)
        return [one for one in found if wanted == "all" or (wanted == "material" and one.material)]

    def _pushed(self, due: Due, wanted: _Wanted, lease: "_Lease") -> Outcome:
        def save(state: State) -> None:
            lease.hold()
            with self._store.writing() as connection:
                outbox.save_remote(
                    connection, due.key, due.generation, state.as_json(), dirty=state.dirty, now=self._clock()
                )

        netbox, dialect, circuits = self._connected()
        return push(
            netbox,
            dialect,
            circuits,
            wanted.desired,
            wanted.state,
            fresh=due.thorough,
            save=save,
            custom_field=self._settings.netbox.custom_field,
        )

    # --- settle

    def _done(self, due: Due, wanted: _Wanted | None, outcome: Outcome | None) -> Delivered:
        now = self._clock()
        with self._store.writing() as connection:
            outbox.done(connection, due)
            if outcome is not None and wanted is not None:
                self._note_circuits(connection, wanted.desired, outcome, now)
                _note_acknowledged(connection, due, wanted, outcome, now)
            if self._pauses or (outcome is not None and outcome.requests):
                outbox.save_meta(connection, outbox.PROBLEM, None)
        if outcome is None or wanted is None:
            return _delivered(due, wanted)
        self._well(outcome)
        if not due.background:
            # How NetBox differed from what has changed is no drift.
            outcome = replace(outcome, drift=())
        facts = {
            "requests": outcome.requests,
            "wrote": list(outcome.done),
            "drift": [f"{one.kind.value}: {one.record}: {one.what}" for one in outcome.drift],
            "cannot": list(outcome.cannot),
            "unresolved": list(outcome.unresolved),
            "waits_for": "the provider in NetBox" if outcome.provider_unknown else outcome.waits_for,
        }
        told = {name: value for name, value in facts.items() if value}
        tell = log.warning if outcome.drift else log.info if told else log.debug
        tell("event_pushed", **_named(due, wanted), **told)
        return _delivered(due, wanted, outcome=outcome)

    def _note_circuits(self, connection: Any, wanted: Desired, outcome: Outcome, now: datetime) -> None:
        """Note which circuits NetBox has not, an empty id for the provider itself; and which it has."""
        if outcome.provider_unknown:
            outbox.note_unresolved(connection, wanted.provider, [""], now=now)
            return
        stated = {circuit for record in wanted.records for circuit in record.impacts}
        outbox.note_resolved(connection, wanted.provider, ["", *stated.difference(outcome.unresolved)])
        outbox.note_unresolved(connection, wanted.provider, outcome.unresolved, now=now)

    def _failed(self, due: Due, wanted: _Wanted | None, error: NetboxError) -> Delivered:
        if error.permanent:
            now = self._clock()
            with self._store.writing() as connection:
                outbox.park(connection, due, problem=str(error), now=now)
            log.error("event_parked", **_named(due, wanted), problem=str(error))
            return _delivered(due, wanted, problem=str(error), parked=True)
        if error.kind in _UNEXPECTED:
            self._doubt()
        at_fault = error if error.kind is NetboxFailure.THROTTLED else self._probed(error)
        if at_fault is None:
            return self._postponed(due, wanted, str(error), error.retry_after)
        if at_fault.kind is NetboxFailure.FORBIDDEN:
            # The token may have been changed where it is kept.
            self.close()
            return self._left_alone(due, wanted, str(at_fault), LONGEST_PAUSE_WHEN_FORBIDDEN_SECONDS)
        return self._left_alone(due, wanted, str(at_fault), LONGEST_PAUSE_SECONDS, at_fault.retry_after)

    def _probed(self, error: NetboxError) -> NetboxError | None:
        """Return what is wrong with NetBox as a whole; None: it is the matter of one event."""
        if error.kind not in _DOUBTFUL or self._netbox is None:
            return None
        try:
            self._netbox.get("status")
        except NetboxError as found:
            return found
        return None

    def _postponed(self, due: Due, wanted: _Wanted | None, problem: str, asked_for: float | None) -> Delivered:
        now = self._clock()
        seconds = self._wait(FIRST_WAIT_SECONDS, due.attempts, LONGEST_WAIT_SECONDS, asked_for)
        with self._store.writing() as connection:
            outbox.postpone(connection, due, until=now + timedelta(seconds=seconds), problem=problem, now=now)
        log.warning(
            "event_postponed", **_named(due, wanted), problem=problem, attempts=due.attempts + 1, seconds=round(seconds)
        )
        return _delivered(due, wanted, problem=problem)

    def _left_alone(
        self, due: Due, wanted: _Wanted | None, problem: str, longest: float, asked_for: float | None = None
    ) -> Delivered:
        """Leave NetBox alone for a while; what waits for it is as it was."""
        until = self._pause(problem, longest, asked_for)
        with self._store.writing() as connection:
            outbox.postpone(connection, due, until=until, problem=problem, now=self._clock())
        return _delivered(due, wanted, problem=problem)

    def _pause(self, problem: str, longest: float, asked_for: float | None = None) -> datetime:
        seconds = self._wait(FIRST_PAUSE_SECONDS, self._pauses, longest, asked_for)
        self._pauses += 1
        self._paused_until = self._clock() + timedelta(seconds=seconds)
        with self._store.writing() as connection:
            outbox.save_meta(connection, outbox.PROBLEM, problem)
        log.error("netbox_failed", problem=problem, seconds=round(seconds))
        return self._paused_until

    def _wait(self, first: float, failures: int, longest: float, asked_for: float | None) -> float:
        """Return for how many seconds to wait after so many failures before this one, or longer where NetBox asks."""
        seconds = min(first * 2.0 ** min(failures, 30), longest) * (1 - JITTER * self._draw())
        return max(seconds, min(asked_for or 0, LONGEST_ASKED_FOR_SECONDS))

    def _well(self, outcome: Outcome) -> None:
        if self._pauses and outcome.requests:
            log.info("netbox_back", failures=self._pauses)
            self._pauses, self._paused_until = 0, None

    # --- what NetBox is, and what it lacks

    def _connected(self) -> tuple[Netbox, Dialect, Inventory]:
        if self._netbox is None:
            self._netbox = open_netbox(self._settings)
        if self._dialect is None:
            self._dialect = dialects.detect(self._netbox, self._settings.netbox.base_path)
            self._tell_dialect(self._dialect)
        if self._inventory is None:
            self._inventory = inventory(self._settings, self._store, self._netbox, self._directory, clock=self._clock)
        self._inventory.learn(_aliases(self._store))
        return self._netbox, self._dialect, self._inventory

    def _tell_dialect(self, dialect: Dialect) -> None:
        plugin = f"{dialect.plugin} {dialect.plugin_version}" if dialect.plugin else "no plugin"
        told = f"NetBox {dialect.netbox_version}, {plugin}"
        with self._store.writing() as connection:
            before = outbox.meta(connection, outbox.DIALECT)
            outbox.save_meta(connection, outbox.DIALECT, told)
        if told != before:
            log.info("netbox_found", netbox=told, cannot=list(dialect.lacks) or None)

    def _doubt(self) -> None:
        """Believe nothing any more of what NetBox was found to be and to have."""
        self._dialect = None
        if self._inventory is not None:
            self._inventory.forget()

    def look_for_missing(self, *, tried_before: datetime | None = None) -> int:
        """Ask NetBox for the circuits and providers that it did not have ``tried_before``, None: some minutes ago;
        return how many events of those that it has now are due.
        """
        now = self._clock()
        before = tried_before or now - LOOK_FOR_MISSING
        if self.is_paused or not self._missing(before):
            return 0
        with self._store.writing() as connection:
            outbox.forget_unnamed(connection, since=self.since)
        by_provider: defaultdict[str, list[str]] = defaultdict(list)
        for one in self._missing(before):
            by_provider[one.provider].append(one.circuit_id)
        try:
            return sum(self._look_for(provider, ids, now) for provider, ids in by_provider.items())
        except (ConfigurationError, NetboxError) as error:
            self._pause(
                str(error), LONGEST_PAUSE_SECONDS, error.retry_after if isinstance(error, NetboxError) else None
            )
            return 0

    def _missing(self, tried_before: datetime) -> list[outbox.Unresolved]:
        with self._store.reading() as connection:
            return outbox.unresolved(connection, tried_before=tried_before)

    def _look_for(self, provider: str, circuit_ids: Sequence[str], now: datetime) -> int:
        _, _, known = self._connected()
        number = known.provider(provider)
        asked = [each for each in circuit_ids if each]
        found = known.circuits(number, asked) if number is not None and asked else {}
        there = [each for each, circuit in found.items() if circuit is not None]
        with self._store.writing() as connection:
            outbox.note_unresolved(connection, provider, circuit_ids, now=now)
            outbox.note_resolved(connection, provider, there)
            count = outbox.enqueue_circuits(connection, provider, there, since=self.since, now=now)
            if number is not None and outbox.note_resolved(connection, provider, [""]):
                count = outbox.enqueue_provider(connection, provider, since=self.since, now=now)
        return count

    # --- compare

    def compare_all(self, *, now: datetime, since: datetime) -> int:
        """Let all be compared with NetBox that ends after ``since``, and set right; return how many events that are."""
        self._doubt()
        with self._store.writing() as connection:
            count = outbox.look_again_at_all(connection, since=max(since, self.since), now=now)
            outbox.save_meta(connection, outbox.COMPARED_AT, now.isoformat())
        log.info("comparison_begun", events=count)
        return count

    def compare(self, name: Name) -> tuple[Drift, ...] | None:
        """Return how NetBox differs from what it should hold of an event; None where it still waits to be told of it.

        Nothing is written. Raises NetboxError.
        """
        key, generation = name
        with self._store.reading() as connection:
            waits = outbox.owed(connection, key, generation)
        if waits is not None and not waits.background:
            return None
        wanted = self._wanted(name)
        if wanted is None:
            return ()
        netbox, dialect, circuits = self._connected()
        return compare(netbox, dialect, circuits, wanted.desired, wanted.state)

    # --- over and over

    def run(self, stopping: threading.Event, wake: threading.Event) -> None:
        """Deliver what is due, as soon as ``wake`` is set or something has waited long enough, until ``stopping``."""
        while not stopping.is_set():
            try:
                self._turn(stopping)
            except MaintdError as error:
                log.error("delivery_failed", problem=str(error))
            except Exception:  # the boundary of a job: the intake goes on whatever happens here
                log.exception("delivery_failed")
            wake.wait(LOOK_SECONDS)
            wake.clear()

    def _turn(self, stopping: threading.Event) -> None:
        now = self._clock()
        with self._store.reading() as connection:
            compared = outbox.meta(connection, outbox.COMPARED_AT)
        at = last_time_of_day(self._settings.netbox.reconcile_at, now)
        if at is not None and compared is not None and datetime.fromisoformat(compared) < at:
            self.compare_all(now=now, since=now - COMPARED)
        self.look_for_missing()
        self.deliver(stopping=stopping.is_set)


def last_time_of_day(time_of_day: str, now: datetime) -> datetime | None:
    """Return when it was that time by the clock of this machine, today or yesterday; None for "never"."""
    if time_of_day == NEVER:
        return None
    hour, minute = map(int, time_of_day.split(":"))
    at = now.astimezone().replace(hour=hour, minute=minute, second=0, microsecond=0)
    return at if at <= now else at - timedelta(days=1)


class _LeaseLost(Exception):
    """Say that somebody else delivers the event."""


class _Lease:
    """A claim that is renewed for as long as the work on it lasts; a thread sees to it where it lasts longer."""

    def __init__(self, store: Store, due: Due, clock: Callable[[], datetime]) -> None:
        self._store, self._due, self._clock = store, due, clock
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._lost = False

    def __enter__(self) -> Self:
        threading.Thread(target=self._renew, name="lease", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def hold(self) -> None:
        """Raise _LeaseLost where somebody else may have claimed the event."""
        with self._lock:
            if self._lost or self._clock() >= self._due.claimed_until:
                raise _LeaseLost

    def end(self) -> Due:
        """Renew it no more, and return it as it is to be settled."""
        with self._lock:
            self._ended.set()
            return self._due

    def _renew(self) -> None:
        while not self._ended.wait(LEASE_SECONDS / 3):
            with self._lock:
                if self._ended.is_set():
                    return
                self._renew_once()

    def _renew_once(self) -> None:
        try:
            with self._store.writing() as connection:
                due = outbox.renew(connection, self._due, now=self._clock(), lease_seconds=LEASE_SECONDS)
        except MaintdError as error:
            log.warning("lease_not_renewed", problem=str(error))
            return
        if due is None:
            self._lost = True
        else:
            self._due = due


def _state(held: dict[str, Any] | None) -> State:
    """Return what is known of NetBox; where that cannot be read, nothing is, and NetBox is looked at."""
    try:
        return State.from_json(held)
    except (KeyError, TypeError, ValueError, AttributeError):
        return State(dirty=True)


def _notice(one: notices.Notice, *, material: bool) -> Notice:
    return Notice(
        key=one.identity,
        subject=one.subject,
        sender=one.sender or one.from_header,
        text=one.text or "maintd has not kept the text of this mail: `maintd reparse --all --apply` brings it.",
        received_at=one.received_at,
        material=material,
    )


def _note_acknowledged(connection: Any, due: Due, wanted: _Wanted, outcome: Outcome, now: datetime) -> None:
    """Keep what a person has acknowledged in NetBox, or taken back there, and the ticket that was named there."""
    if wanted.event is None or (outcome.acknowledged is None and outcome.internal_ticket is None):
        return
    acknowledged = wanted.acknowledged if outcome.acknowledged is None else outcome.acknowledged
    with contextlib.suppress(NotFound):
        events.acknowledge(
            connection,
            due.key,
            due.generation,
            author=AUTHOR,
            ticket=outcome.internal_ticket,
            now=now,
            digest=wanted.event.material_digest if acknowledged else "",
        )


def _aliases(store: Store) -> dict[AliasKey, str]:
    with store.reading() as connection:
        return {(one.provider, circuit_key_of(one.alias)): one.circuit_id for one in outbox.aliases(connection)}


def _delivered(
    due: Due, wanted: _Wanted | None, *, outcome: Outcome | None = None, problem: str = "", parked: bool = False
) -> Delivered:
    return Delivered(
        key=due.key,
        generation=due.generation,
        event_id=wanted.event.event_id if wanted and wanted.event else due.key.id_key,
        outcome=outcome,
        problem=problem,
        parked=parked,
    )


def _named(due: Due, wanted: _Wanted | None) -> dict[str, Any]:
    one = _delivered(due, wanted)
    return {"kind": one.key.kind.value, "provider": one.key.provider, "event_id": one.event_id}
