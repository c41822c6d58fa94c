"""Deliver: NetBox is told of every event that changed, and compared with all of them once a day.

The life of a row of the outbox: it is claimed, the event is read, NetBox is made to hold it, and the row goes; or it
waits, longer after each failure; or, where NetBox refuses the event as it is, it is parked until the event changes or a
person asks. Where NetBox itself fails, all of it is left alone for a while. Many are claimed at once: those that NetBox
was never told of go there together, and what is left of them one by one. A delivery may be stopped at any point, and
done again by anybody.
"""

import contextlib
import random
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self

import structlog

from domain.errors import ConfigurationError, MaintdError, NetboxError, NetboxFailure, NotFound
from domain.events import EventKey
from ingestor.config import NEVER, Settings
from ingestor.lease import LEASE_SECONDS, Lease, LeaseLost
from ingestor.netbox_opening import aliases, begin, open_inventory, open_netbox
from ingestor.pipeline import utc_now
from ingestor.wanted import Wanted, wanted
from parsers.providers import Directory
from storage import events, outbox
from storage.database import Store
from storage.outbox import Due, Name
from sync import dialects
from sync.circuits import Inventory
from sync.dialects import Dialect
from sync.netbox import Netbox
from sync.push import Drift, Outcome, compare, push
from sync.state import State
from sync.together import push_together

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

# How many events are claimed at once, and after how long what is left of them is let go: something may be more urgent.
CLAIMED_AT_ONCE = 50
LONGEST_HOLD = timedelta(seconds=5)
# Mails of more than so many characters do not go together.
CHARACTERS_TOGETHER = 20_000_000

# How long the loop sleeps when nothing wakes it: what people change beside the daemon is found then.
LOOK_SECONDS = 5.0

# How often NetBox is asked for circuits and providers that it did not have.
LOOK_FOR_MISSING = timedelta(minutes=10)

# What is compared with NetBox each night: older events nobody works on any more.
COMPARED = timedelta(days=30)

# How an acknowledgement in NetBox is signed.
AUTHOR = "netbox"

# A failure that may be that of the event, or of all NetBox: asking for its status tells.
_DOUBTFUL = frozenset({NetboxFailure.UNREACHABLE, NetboxFailure.FORBIDDEN, NetboxFailure.BROKEN})
# What is believed of the dialect and of the circuits may be wrong.
_UNEXPECTED = frozenset({NetboxFailure.MISSING, NetboxFailure.BROKEN})

log = structlog.get_logger()


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
class _Tried:
    """An event that is tried, and what NetBox should hold of it; None: nothing, or it could not be read.

    ``kept``: what the outcome says is still to be kept as finished.
    """

    due: Due
    wanted: Wanted | None = None
    outcome: Outcome | None = None
    kept: bool = False


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
        clock: Callable[[], datetime] | None = None,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._settings, self._store, self._directory = settings, store, directory
        # Claims are compared by daemons whose machines go differently.
        self._clock = clock or (lambda: store.by_its_clock(utc_now()))
        self._draw = draw
        self._netbox: Netbox | None = None
        self._inventory: Inventory | None = None
        self._dialect: Dialect | None = None
        self._paused_until: datetime | None = None
        self._pauses = 0
        self.since = begin(store, settings, now=self._clock())

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
        for claimed in () if self.is_paused else self._claims(names):
            with Lease(self._store, claimed, self._clock) as lease:
                for delivered in self._steps(lease, stopping):
                    count += len(delivered)
                    for one in delivered:
                        told(one)
            if stopping() or self.is_paused:
                break
        return count

    def _claims(self, names: Sequence[Name] | None) -> Iterator[list[Due]]:
        firsts = range(0, len(names), CLAIMED_AT_ONCE) if names is not None else [0]
        for first in firsts:
            # What comes back from NetBox makes an event due once more.
            while found := self._claimed(names and names[first : first + CLAIMED_AT_ONCE]):
                yield found

    def _claimed(self, names: Sequence[Name] | None) -> list[Due]:
        now = self._clock()
        with self._store.writing() as connection:
            if names is None:
                return outbox.claim(connection, now=now, limit=CLAIMED_AT_ONCE, lease_seconds=LEASE_SECONDS)
            found = (
                outbox.claim(connection, now=now, limit=1, lease_seconds=LEASE_SECONDS, only=name) for name in names
            )
            return [due for each in found for due in each]

    def _steps(self, lease: Lease, stopping: Callable[[], bool]) -> Iterator[list[Delivered]]:
        """Yield what became of some, and then of others; what is left when there is a reason to stop is not tried."""
        begun = self._clock()
        together = self._settle_together(lease)
        yield together
        count = len(together)
        for due in lease.held:
            if count and (stopping() or self.is_paused or self._clock() - begun > LONGEST_HOLD):
                return
            delivered = self._settle(lease, due)
            yield delivered
            count += len(delivered)

    # --- push

    def _settle(self, lease: Lease, due: Due) -> list[Delivered]:
        tried = _Tried(due=due)
        try:
            lease.check([_name(due)])
            tried = replace(tried, wanted=wanted(self._store, self._settings, _name(due), since=self.since))
            tried = self._pushed(lease, tried)
        except NetboxError as error:
            return self._failed([_taken(lease, tried)], error)
        except ConfigurationError as error:
            return self._left_alone([_taken(lease, tried)], str(error), LONGEST_PAUSE_SECONDS)
        except LeaseLost:
            return [_delivered(_taken(lease, tried), problem="somebody else is at it")]
        except MaintdError:
            # The database is at fault, not the event.
            raise
        except Exception as error:  # the boundary of an item: no event may keep the others from being delivered
            log.exception("event_not_pushed", **_named(tried))
            return [self._postponed(_taken(lease, tried), f"{type(error).__name__}: {error}", None)]
        return self._done([_taken(lease, tried)])

    def _pushed(self, lease: Lease, tried: _Tried) -> _Tried:
        if tried.wanted is None:
            return tried
        netbox, dialect, circuits = self._connected()
        desired = tried.wanted.desired
        keeping = self._keeping(lease, [tried])
        outcome = push(
            netbox,
            dialect,
            circuits,
            desired,
            tried.wanted.state,
            fresh=tried.due.thorough,
            save=lambda state: keeping.keep({desired.identity: state}),
            custom_field=self._settings.netbox.custom_field,
        )
        return replace(tried, outcome=outcome, kept=desired.identity in keeping.finished)

    def _settle_together(self, lease: Lease) -> list[Delivered]:
        """Push the events together of which NetBox was never told; those that stay behind are held as before."""
        try:
            tried = self._never_told(lease.held)
            return self._pushed_together(lease, tried) if len(tried) > 1 else []
        except (ConfigurationError, LeaseLost):
            # Each by itself meets it again.
            return []
        except MaintdError:
            raise
        except Exception:  # the boundary of an item: the one that is to blame is found when each goes by itself
            log.exception("events_not_pushed_together")
            return []

    def _pushed_together(self, lease: Lease, tried: Mapping[str, _Tried]) -> list[Delivered]:
        keeping = self._keeping(lease, tried.values())
        try:
            netbox, dialect, circuits = self._connected()
            outcomes = push_together(
                netbox,
                dialect,
                circuits,
                [one.wanted.desired for one in tried.values() if one.wanted],
                save=keeping.keep,
                custom_field=self._settings.netbox.custom_field,
            )
        except NetboxError as error:
            # What was sent may still be under way: none of it is tried again at once. Else one stands for all.
            failed = [tried[identity] for identity in keeping.begun or list(tried)[:1]]
            return self._failed([_taken(lease, one) for one in failed], error)
        done = (
            replace(tried[identity], outcome=outcome, kept=identity in keeping.finished)
            for identity, outcome in outcomes.items()
        )
        return self._done([_taken(lease, one) for one in done])

    def _never_told(self, held: Sequence[Due]) -> dict[str, _Tried]:
        """Return those of which NetBox was never told, as far as they fit into memory, by their identities."""
        found: dict[str, _Tried] = {}
        with self._store.reading() as connection:
            new = [due for due in held if not due.thorough and outbox.remote(connection, *_name(due)) is None]
        characters = 0
        for due in new if len(new) > 1 else []:
            one = wanted(self._store, self._settings, _name(due), since=self.since)
            characters += sum(len(notice.text) for notice in one.desired.notices) if one else 0
            if characters > CHARACTERS_TOGETHER:
                break
            if one is not None:
                found[one.desired.identity] = _Tried(due=due, wanted=one)
        return found

    def _keeping(self, lease: Lease, tried: Iterable[_Tried]) -> "_Keeping":
        names = {one.wanted.desired.identity: _name(one.due) for one in tried if one.wanted}
        return _Keeping(self._store, lease, names, self._clock)

    # --- settle

    def _done(self, done: Sequence[_Tried]) -> list[Delivered]:
        now = self._clock()
        with self._store.writing() as connection:
            for one in sorted(done, key=lambda one: outbox.place(one.due)):
                self._keep_done(connection, one, now)
            _note_circuits(connection, done, now)
            if self._pauses or any(one.outcome is not None and one.outcome.requests for one in done):
                outbox.save_meta(connection, outbox.PROBLEM, None)
        return [self._told(one) for one in done]

    def _keep_done(self, connection: Any, one: _Tried, now: datetime) -> None:
        due: Due | None = one.due
        if one.outcome is not None and one.kept:
            # Whoever has lost it meanwhile keeps nothing.
            due = outbox.renew(connection, one.due, now=now, lease_seconds=LEASE_SECONDS)
            if due is not None:
                state = one.outcome.state
                outbox.save_remote(connection, *_name(due), state.as_json(), dirty=state.dirty, now=now)
        if due is not None:
            outbox.done(connection, due)
        _note_acknowledged(connection, one, now)

    def _told(self, one: _Tried) -> Delivered:
        outcome = one.outcome
        if outcome is None:
            return _delivered(one)
        self._well(outcome)
        if not one.due.background:
            # How NetBox differed from what has changed is no drift.
            outcome = replace(outcome, drift=())
        facts = {
            "requests": outcome.requests,
            "wrote": list(outcome.done),
            "drift": [f"{drift.kind.value}: {drift.record}: {drift.what}" for drift in outcome.drift],
            "cannot": list(outcome.cannot),
            "unresolved": list(outcome.unresolved),
            "waits_for": "the provider in NetBox" if outcome.provider_unknown else outcome.waits_for,
        }
        told = {name: value for name, value in facts.items() if value}
        tell = log.warning if outcome.drift else log.info if told else log.debug
        tell("event_pushed", **_named(one), **told)
        return _delivered(one, outcome=outcome)

    def _failed(self, failed: Sequence[_Tried], error: NetboxError) -> list[Delivered]:
        if error.permanent:
            return [self._parked(one, str(error)) for one in failed]
        if error.kind in _UNEXPECTED:
            self._doubt()
        at_fault = error if error.kind is NetboxFailure.THROTTLED else self._probed(error)
        if at_fault is None:
            return [self._postponed(one, str(error), error.retry_after) for one in failed]
        if at_fault.kind is NetboxFailure.FORBIDDEN:
            # The token may have been changed where it is kept.
            self.close()
            return self._left_alone(failed, str(at_fault), LONGEST_PAUSE_WHEN_FORBIDDEN_SECONDS)
        return self._left_alone(failed, str(at_fault), LONGEST_PAUSE_SECONDS, at_fault.retry_after)

    def _parked(self, one: _Tried, problem: str) -> Delivered:
        with self._store.writing() as connection:
            outbox.park(connection, one.due, problem=problem, now=self._clock())
        log.error("event_parked", **_named(one), problem=problem)
        return _delivered(one, problem=problem, parked=True)

    def _probed(self, error: NetboxError) -> NetboxError | None:
        """Return what is wrong with NetBox as a whole; None: it is the matter of one event."""
        if error.kind not in _DOUBTFUL or self._netbox is None:
            return None
        try:
            self._netbox.get("status")
        except NetboxError as found:
            return found
        return None

    def _postponed(self, one: _Tried, problem: str, asked_for: float | None) -> Delivered:
        now, attempts = self._clock(), one.due.attempts
        seconds = self._wait(FIRST_WAIT_SECONDS, attempts, LONGEST_WAIT_SECONDS, asked_for)
        with self._store.writing() as connection:
            outbox.postpone(connection, one.due, until=now + timedelta(seconds=seconds), problem=problem, now=now)
        log.warning("event_postponed", **_named(one), problem=problem, attempts=attempts + 1, seconds=round(seconds))
        return _delivered(one, problem=problem)

    def _left_alone(
        self, failed: Sequence[_Tried], problem: str, longest: float, asked_for: float | None = None
    ) -> list[Delivered]:
        """Leave NetBox alone for a while; what waits for it is as it was."""
        until = self._pause(problem, longest, asked_for)
        with self._store.writing() as connection:
            for one in sorted(failed, key=lambda one: outbox.place(one.due)):
                outbox.postpone(connection, one.due, until=until, problem=problem, now=self._clock())
        return [_delivered(one, problem=problem) for one in failed]

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
            self._inventory = open_inventory(
                self._settings, self._store, self._netbox, self._directory, clock=self._clock
            )
        self._inventory.learn(aliases(self._store))
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
        held = wanted(self._store, self._settings, name, since=self.since)
        if held is None:
            return ()
        netbox, dialect, circuits = self._connected()
        return compare(netbox, dialect, circuits, held.desired, held.state)

    # --- over and over

    def run(self, stopping: threading.Event, wake: threading.Event) -> None:
        """Deliver what is due, as soon as ``wake`` is set or something has waited long enough, until ``stopping``."""
        problem = None
        while not stopping.is_set():
            try:
                self._turn(stopping)
                problem = None
            except MaintdError as error:
                # A database that is away for an hour is told of once.
                if str(error) != problem:
                    problem = str(error)
                    log.error("delivery_failed", problem=problem)
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


class _Keeping:
    """What is kept while events are pushed: what is unfinished at once, what is ``finished`` when they are settled.

    ``names`` are the events by their identities. Of those that were ``begun`` something may have been sent.
    """

    def __init__(self, store: Store, lease: Lease, names: Mapping[str, Name], clock: Callable[[], datetime]) -> None:
        self._store, self._lease, self._names, self._clock = store, lease, names, clock
        self.begun: list[str] = []
        self.finished: set[str] = set()

    def keep(self, states: Mapping[str, State]) -> None:
        """Keep states by the identities of their events, all or none. Raises LeaseLost."""
        self._lease.check(self._names[identity] for identity in states)
        dirty = {identity: state for identity, state in states.items() if state.dirty}
        self.finished |= states.keys() - dirty.keys()
        if not dirty:
            return
        self.begun += [identity for identity in dirty if identity not in self.begun]
        with self._store.writing() as connection:
            for identity, state in sorted(dirty.items()):
                name = self._names[identity]
                outbox.save_remote(connection, *name, state.as_json(), dirty=True, now=self._clock())


def _note_circuits(connection: Any, done: Iterable[_Tried], now: datetime) -> None:
    """Note which circuits NetBox has not, an empty id for the provider itself; and which it has."""
    lacking: defaultdict[str, set[str]] = defaultdict(set)
    there: defaultdict[str, set[str]] = defaultdict(set)
    for one in done:
        if one.wanted is None or one.outcome is None:
            continue
        provider = one.wanted.desired.provider
        if one.outcome.provider_unknown:
            lacking[provider].add("")
            continue
        stated = {circuit for record in one.wanted.desired.records for circuit in record.impacts}
        there[provider] |= {"", *stated.difference(one.outcome.unresolved)}
        lacking[provider].update(one.outcome.unresolved)
    for provider in sorted(lacking.keys() | there.keys()):
        outbox.note_resolved(connection, provider, there[provider])
        outbox.note_unresolved(connection, provider, lacking[provider], now=now)


def _note_acknowledged(connection: Any, one: _Tried, now: datetime) -> None:
    """Keep what a person has acknowledged in NetBox, or taken back there, and the ticket that was named there."""
    held, outcome = one.wanted, one.outcome
    if held is None or held.event is None or outcome is None:
        return
    if outcome.acknowledged is None and outcome.internal_ticket is None:
        return
    acknowledged = held.acknowledged if outcome.acknowledged is None else outcome.acknowledged
    with contextlib.suppress(NotFound):
        events.acknowledge(
            connection,
            *_name(one.due),
            author=AUTHOR,
            ticket=outcome.internal_ticket,
            now=now,
            digest=held.event.material_digest if acknowledged else "",
        )


def _delivered(one: _Tried, *, outcome: Outcome | None = None, problem: str = "", parked: bool = False) -> Delivered:
    key, generation = _name(one.due)
    return Delivered(
        key=key,
        generation=generation,
        event_id=one.wanted.event.event_id if one.wanted and one.wanted.event else key.id_key,
        outcome=outcome,
        problem=problem,
        parked=parked,
    )


def _named(tried: _Tried) -> dict[str, Any]:
    one = _delivered(tried)
    return {"kind": one.key.kind.value, "provider": one.key.provider, "event_id": one.event_id}


def _name(due: Due) -> Name:
    return due.key, due.generation


def _taken(lease: Lease, tried: _Tried) -> _Tried:
    """Let go of an event that is about to be settled."""
    return replace(tried, due=lease.taken(tried.due))
