"""From updates to the event: one total order, one fold, no edit.

The state of an event is recomputed from all of its updates whenever one arrives. So it cannot depend on the order of
arrival, on repetition, or on where the process was stopped.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from domain.events import (
    CircuitImpact,
    Event,
    HistoryEntry,
    JsonValue,
    StatedCircuit,
    StatedWindow,
    Update,
    Window,
    circuit_key_of,
    iso_utc,
)
from domain.lifecycle import CANCELLED, CLOSED, COMPLETED, IN_PROCESS, OPEN, RE_SCHEDULED, UNKNOWN, move_of
from domain.vocabulary import Impact, MaintenanceStatus, Move

# Carriers use a number again: work that begins so long after the end of what bore it before is another event.
GENERATION_GAP = timedelta(days=90)

OrderKey = tuple[datetime, str, int, str, str, str]


def fold(updates: Iterable[Update]) -> tuple[Event, ...]:
    """Return what the updates of one key amount to: one event for each generation, the oldest first.

    Any permutation and any repetition of the same updates gives the same events. No updates give no events.
    """
    ordered = sorted(set(updates), key=order_of)
    return tuple(
        _fold_generation(generation, number) for number, generation in enumerate(_generations(ordered), start=1)
    )


def order_of(update: Update) -> OrderKey:
    """Return the sort key of the one total order: stamp, SEQUENCE within one iCalendar UID, body digest.

    The last two parts tell apart what one text says twice: under another Message-ID, or of another account.
    """
    sequence = -1 if update.sequence is None else update.sequence
    return (
        update.stamp,
        update.ical_uid or "",
        sequence,
        update.body_digest,
        update.source,
        _account_key(update.account),
    )


def _generations(ordered: Sequence[Update]) -> list[list[Update]]:
    generations: list[list[Update]] = []
    for update in ordered:
        if not generations or _begins_anew(generations[-1], update):
            generations.append([])
        generations[-1].append(update)
    return generations


def _begins_anew(earlier: Sequence[Update], update: Update) -> bool:
    """Tell whether an update is about another event than those before it under the same number."""
    ends = [window.end for one in earlier for window in one.windows or ()]
    if not ends or not update.windows:
        return False
    begin = min(window.start for window in update.windows)
    if begin - min(ends) <= GENERATION_GAP:
        return False
    event = _fold_generation(earlier, 1)
    if event.end is None or begin - event.end <= GENERATION_GAP:
        return False
    return event.status in CLOSED or event.end <= update.stamp


def _fold_generation(ordered: Sequence[Update], generation: int) -> Event:
    names = {_account_key(update.account): update.account.strip() for update in ordered if update.account}
    accounts = {key: _Account() for key in names or {"": ""}}
    facts = _Facts(status=None)
    history: list[_Step] = []
    for index, update in enumerate(ordered):
        # What a mail says without naming an account, it says of all of them.
        reached = [accounts[_account_key(update.account)]] if update.account else list(accounts.values())
        surprises = {surprise for account in reached if (surprise := account.apply(update, index))}
        after = _facts(accounts, names, ordered[: index + 1])
        history.append(
            _Step(update=update, move=_move(facts, update, after, surprises), changes=_changes(facts, after))
        )
        facts = after
    newest = ordered[-1]
    windows = _join(accounts.values())
    return Event(
        kind=newest.kind,
        provider=newest.provider,
        event_id=newest.event_id.strip(),
        generation=generation,
        status=facts.status or UNKNOWN,
        start=facts.start,
        end=facts.end,
        windows=tuple(window.shown() for window in windows),
        circuits=_event_circuits(accounts.values()),
        accounts=facts.accounts,
        summary=facts.summary,
        organizer=facts.organizer,
        stamp=newest.stamp,
        stamp_inferred=newest.stamp_inferred,
        unverified=any(update.unverified for update in ordered),
        updates=len(ordered),
        material_digest=_material_digest(facts, windows, accounts.values()),
        history=_history(history),
    )


# --- what one account knows -------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Held:
    """A circuit that is held: newest spelling, newest stated impact, and in which lists it stood."""

    circuit_id: str
    impact: Impact | None
    withdrawn: bool
    lists: list[frozenset[str]]


@dataclass(slots=True)
class _Circuits:
    """The circuits of one window of one account. An empty list never removes; lists join or replace."""

    held: dict[str, _Held] = field(default_factory=dict)

    def state(self, stated: Sequence[StatedCircuit], *, withdraws: bool, restores: bool = True) -> None:
        """Take in one list.

        ``withdraws``: a circuit that it leaves out is withdrawn, but only if some earlier list had it together with
        one that this list names too; so full lists replace, and one mail for each circuit joins.
        """
        listed = _once(stated)
        names = frozenset(listed)
        if not names:
            return
        if withdraws:
            for key, held in self.held.items():
                if key not in names and any(earlier & names for earlier in held.lists):
                    held.withdrawn = True
        for key, circuit in listed.items():
            held = self.held.setdefault(key, _Held(circuit.circuit_id, None, False, []))
            held.circuit_id = " ".join(circuit.circuit_id.split())
            held.impact = circuit.impact or held.impact
            held.withdrawn = held.withdrawn and not restores
            if names not in held.lists:
                held.lists.append(names)

    def live(self) -> set[str]:
        """Return the keys of the circuits that are not withdrawn."""
        return {key for key, held in self.held.items() if not held.withdrawn}

    def withdraw(self, keys: Iterable[str]) -> None:
        """Mark circuits as withdrawn; they stay, marked."""
        for key in keys:
            if key in self.held:
                self.held[key].withdrawn = True

    def copy(self) -> "_Circuits":
        """Return a copy that can go its own way."""
        return _Circuits(
            {
                key: _Held(held.circuit_id, held.impact, held.withdrawn, list(held.lists))
                for key, held in self.held.items()
            }
        )


@dataclass(slots=True)
class _Window:
    """A window of one account. The planned times differ from start and end where the work kept inside its window."""

    start: datetime
    end: datetime
    planned_start: datetime
    planned_end: datetime
    circuits: _Circuits
    status: MaintenanceStatus | None = None
    ical_uid: str | None = None
    withdrawn: bool = False

    def plan(self, stated: StatedWindow) -> None:
        """Move the window to where it is planned now."""
        self.start = self.planned_start = stated.start
        self.end = self.planned_end = stated.end
        self.ical_uid = stated.ical_uid or self.ical_uid

    def give_actual_times(self, stated: StatedWindow) -> None:
        """Take the times at which the work was done; inside of what was planned they are not material."""
        self.start, self.end = stated.start, stated.end
        self.planned_start = min(self.planned_start, stated.start)
        self.planned_end = max(self.planned_end, stated.end)

    def overlaps(self, stated: StatedWindow) -> bool:
        """Tell whether the two have a moment in common."""
        return self.start < stated.end and stated.start < self.end


@dataclass(slots=True)
class _Account:
    """What the updates of one account amount to so far."""

    windows: list[_Window] = field(default_factory=list)
    # Circuits stated while no window was known; the first windows begin with them.
    unplaced: _Circuits = field(default_factory=_Circuits)
    stated: MaintenanceStatus | None = None
    stated_at: int = -1

    def apply(self, update: Update, index: int) -> Move | None:
        """Take in the next update of the total order; return the name of what is surprising in it, if anything is."""
        if update.status is CANCELLED:
            surprise = self._cancel(update)
        elif update.status in (IN_PROCESS, COMPLETED):
            surprise = self._progress(update)
        else:
            surprise = self._plan(update)
        if update.status not in (None, UNKNOWN) and surprise is not Move.PARTLY_CANCELLED:
            self.stated, self.stated_at = update.status, index
        return surprise

    def live(self) -> list[_Window]:
        """Return the windows that are not withdrawn."""
        return [window for window in self.windows if not window.withdrawn]

    def live_circuits(self) -> set[str]:
        """Return the keys of the circuits of all live windows, and of those without a window."""
        keys = self.unplaced.live()
        return keys.union(*(window.circuits.live() for window in self.live()))

    def all_circuits(self) -> set[str]:
        """Return the keys of all circuits ever held, also of those that were withdrawn or cancelled alone."""
        return set(self.unplaced.held).union(*(window.circuits.held for window in self.windows))

    def status(self) -> MaintenanceStatus:
        """Return the stated status unless a window is still open: then that window's."""
        open_statuses = [window.status or UNKNOWN for window in self.live() if window.status not in CLOSED]
        if not open_statuses or self.stated in open_statuses:
            return self.stated or UNKNOWN
        return max(open_statuses, key=OPEN.index)

    def _plan(self, update: Update) -> Move | None:
        """Let the stated windows replace those not begun at the stamp; a begun window is never withdrawn."""
        times_before = _times(self.live())
        live = self.live()
        begun = [window for window in live if window.start <= update.stamp]
        ahead = [window for window in live if window.start > update.stamp]
        stated = _sorted(update.windows)
        touched = []
        remaining = []
        for one in stated:
            held = next((window for window in begun if window.overlaps(one) and window not in touched), None)
            if held is None:
                remaining.append(one)
                continue
            if (held.start, held.end) != (one.start, one.end):
                held.give_actual_times(one)
            self._list(held, one, withdraws=True)
            touched.append(held)
        pairs, added, dropped = _match(ahead, remaining, adds=update.status is not RE_SCHEDULED)
        for window, one in pairs:
            window.plan(one)
            self._list(window, one, withdraws=True)
            touched.append(window)
        touched += self._add(added, withdraws=True)
        for window in dropped:
            window.withdrawn = True
        self._state_circuits(update, touched or self.live(), withdraws=True)
        # The plan speaks of what is ahead; of what is begun only where nothing is ahead.
        reached = touched or self.live()
        fresh = [window for window in reached if window.status is None or window.start > update.stamp]
        _set_status(fresh or reached, update)
        repeated = self.stated is None or self.stated is RE_SCHEDULED
        if update.status is RE_SCHEDULED and not repeated and times_before == _times(self.live()):
            return Move.RESCHEDULED_WITHOUT_WINDOW
        return None

    def _progress(self, update: Update) -> Move | None:
        """Let IN-PROCESS and COMPLETED reach the windows begun by the stamp, or all where none has begun."""
        live = self.live()
        stated = _sorted(update.windows)
        touched = []
        if len(live) == len(stated):
            for window, one in zip(_sorted_windows(live), stated, strict=True):
                window.give_actual_times(one)
                self._list(window, one, withdraws=False)
            touched = live if stated else []
        else:
            touched = self._overlapped(live, stated)
        self._state_circuits(update, touched or live, withdraws=False)
        reached = touched or self.live()
        begun = [window for window in reached if window.start <= update.stamp]
        # Night 1 of three is done, night 2 is in process: that does not open night 1 again.
        still_open = [window for window in begun if window.status not in CLOSED]
        _set_status(still_open or begun or reached, update)
        if update.status is COMPLETED and begun:
            _set_status([window for window in self.live() if window.end <= update.stamp], update)
        return None

    def _overlapped(self, live: Sequence[_Window], stated: Sequence[StatedWindow]) -> list[_Window]:
        """Return the windows that the stated ones speak of; one that meets none is a new window."""
        touched: list[_Window] = []
        for one in stated:
            met = [window for window in live if window.overlaps(one)]
            if len(met) == 1:
                met[0].give_actual_times(one)
            for window in met:
                self._list(window, one, withdraws=False)
            touched += met or self._add([one], withdraws=False)
        return touched

    def _cancel(self, update: Update) -> Move | None:
        """Cancel all windows that are not completed, or, where only some circuits are named, those circuits alone."""
        stated = _sorted(update.windows)
        listed = _listed(update)
        if listed & self.all_circuits() and self.live_circuits() - listed:
            for circuits in [window.circuits for window in self.live()] or [self.unplaced]:
                circuits.state(_stated_circuits(update), withdraws=False, restores=False)
                circuits.withdraw(listed)
            return Move.PARTLY_CANCELLED
        live = self.live()
        if not live:
            live = self._add(stated, withdraws=False)
        else:
            for one in stated:
                for window in [window for window in live if window.overlaps(one)] or live:
                    window.circuits.state(one.circuits or (), withdraws=False, restores=False)
        self._state_circuits(update, live, withdraws=False, restores=False)
        for window in live:
            if window.status is not COMPLETED:
                window.status = CANCELLED
        return None

    def _add(self, stated: Sequence[StatedWindow], *, withdraws: bool) -> list[_Window]:
        """Add windows. One whose circuits are not stated has those that the event has so far."""
        added = []
        for one in stated:
            revived = next((w for w in self.windows if w.withdrawn and (w.start, w.end) == (one.start, one.end)), None)
            window = revived or self._new_window(one)
            window.withdrawn = False
            self._list(window, one, withdraws=withdraws)
            added.append(window)
        if added:
            self.unplaced = _Circuits()
        return added

    def _new_window(self, stated: StatedWindow) -> _Window:
        circuits = self.unplaced.copy()
        if stated.circuits is None:
            for other in self.live():
                circuits.held.update(
                    {key: held for key, held in other.circuits.copy().held.items() if not held.withdrawn}
                )
        window = _Window(
            start=stated.start,
            end=stated.end,
            planned_start=stated.start,
            planned_end=stated.end,
            circuits=circuits,
            ical_uid=stated.ical_uid,
        )
        self.windows.append(window)
        return window

    def _list(self, window: _Window, stated: StatedWindow, *, withdraws: bool) -> None:
        window.circuits.state(stated.circuits or (), withdraws=withdraws)
        if stated.status is not None:
            window.status = stated.status

    def _state_circuits(
        self, update: Update, windows: Sequence[_Window], *, withdraws: bool, restores: bool = True
    ) -> None:
        """Take in the circuits that are stated outside of any window."""
        for circuits in [window.circuits for window in windows] or [self.unplaced]:
            circuits.state(update.circuits or (), withdraws=withdraws, restores=restores)


def _match(
    held: Sequence[_Window], stated: Sequence[StatedWindow], *, adds: bool
) -> tuple[list[tuple[_Window, StatedWindow]], list[StatedWindow], list[_Window]]:
    """Say which planned windows the stated ones are: pairs, new ones, and those left out.

    In calendars the UID tells, and a new UID adds a window (where ``adds``). Else equal counts match by position, and
    unequal ones by overlap.
    """
    if not stated:
        return [], [], []
    windows = _sorted_windows(held)
    pairs = []
    rest = []
    for one in stated:
        known = next((w for w in windows if one.ical_uid and w.ical_uid == one.ical_uid), None)
        if known is None:
            rest.append(one)
            continue
        windows.remove(known)
        pairs.append((known, one))
    calendar = adds and bool(rest) and all(one.ical_uid for one in rest)
    if len(windows) == len(rest) and not calendar:
        return pairs + list(zip(windows, rest, strict=True)), [], []
    added = []
    for one in rest:
        met = next((window for window in windows if window.overlaps(one)), None)
        if met is None:
            added.append(one)
            continue
        windows.remove(met)
        pairs.append((met, one))
    # A calendar speaks of its own UIDs alone, unless it moves the work to a UID that was not known before.
    by_uid = all(one.ical_uid for one in stated) and (adds or not rest)
    return pairs, added, [] if by_uid else windows


def _set_status(windows: Iterable[_Window], update: Update) -> None:
    """Give windows the status of an update, where it states one and the window was not given one of its own."""
    if update.status in (None, UNKNOWN):
        return
    own = {(one.start, one.end) for one in update.windows or () if one.status is not None}
    for window in windows:
        if (window.start, window.end) not in own:
            window.status = update.status


# --- all accounts together --------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Joined:
    """A window as all accounts see it together."""

    start: datetime
    end: datetime
    planned_start: datetime
    planned_end: datetime
    statuses: list[MaintenanceStatus] = field(default_factory=list)
    circuits: list[_Circuits] = field(default_factory=list)
    withdrawn: bool = True

    def status(self) -> MaintenanceStatus:
        """Return the most advanced open status of any account; a closed one only where all are closed."""
        still_open = [status for status in self.statuses if status not in CLOSED]
        if still_open:
            return max(still_open, key=OPEN.index)
        return COMPLETED if COMPLETED in self.statuses else CANCELLED

    def shown(self) -> Window:
        """Return the window as it is shown."""
        return Window(
            start=self.start,
            end=self.end,
            status=self.status(),
            withdrawn=self.withdrawn,
            circuits=_union(self.circuits),
        )


def _join(accounts: Iterable[_Account]) -> list[_Joined]:
    """Join the windows of all accounts: those with the same times are one, and it is live if any account's is."""
    joined: dict[tuple[datetime, datetime], _Joined] = {}
    for window in (window for account in accounts for window in account.windows):
        one = joined.setdefault(
            (window.start, window.end),
            _Joined(window.start, window.end, window.planned_start, window.planned_end),
        )
        one.planned_start = min(one.planned_start, window.planned_start)
        one.planned_end = max(one.planned_end, window.planned_end)
        if one.withdrawn and not window.withdrawn:
            one.withdrawn, one.statuses = False, []
        if one.withdrawn == window.withdrawn:
            one.statuses.append(window.status or UNKNOWN)
        one.circuits.append(window.circuits)
    return [joined[times] for times in sorted(joined)]


def _union(lists: Iterable[_Circuits]) -> tuple[CircuitImpact, ...]:
    """Return all circuits of several lists: live if it is in any of them, with the worst impact that is stated."""
    best: dict[str, CircuitImpact] = {}
    for key, held in ((key, held) for circuits in lists for key, held in circuits.held.items()):
        circuit = CircuitImpact(
            circuit_id=held.circuit_id, impact=held.impact or Impact.OUTAGE, withdrawn=held.withdrawn
        )
        known = best.get(key)
        if known is None or _weight(circuit) > _weight(known):
            best[key] = circuit
    return tuple(sorted(best.values(), key=lambda circuit: (circuit.circuit_id, circuit.withdrawn)))


def _weight(circuit: CircuitImpact) -> tuple[bool, int, str]:
    return (not circuit.withdrawn, circuit.impact.severity, circuit.circuit_id)


def _event_circuits(accounts: Iterable[_Account]) -> tuple[CircuitImpact, ...]:
    """Return the circuits of all windows. What stands only in a withdrawn window is withdrawn with it."""
    lists = []
    for account in accounts:
        lists.append(account.unplaced)
        for window in account.windows:
            circuits = window.circuits
            if window.withdrawn:
                circuits = circuits.copy()
                circuits.withdraw(list(circuits.held))
            lists.append(circuits)
    return _union(lists)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    """What an event is after one more update; two of them give the changes."""

    status: MaintenanceStatus | None
    start: datetime | None = None
    end: datetime | None = None
    windows: tuple[tuple[datetime, datetime, MaintenanceStatus], ...] = ()
    circuits: frozenset[CircuitImpact] = frozenset()
    summary: str = ""
    organizer: str = ""
    accounts: tuple[str, ...] = ()


def _facts(accounts: dict[str, _Account], names: dict[str, str], so_far: Sequence[Update]) -> _Facts:
    live = [window for window in _join(accounts.values()) if not window.withdrawn]
    known = {_account_key(update.account) for update in so_far if update.account}
    return _Facts(
        status=_event_status([account for key, account in accounts.items() if not known or key in known]),
        start=min((window.start for window in live), default=None),
        end=max((window.end for window in live), default=None),
        windows=tuple((window.start, window.end, window.status()) for window in live),
        circuits=frozenset(circuit for circuit in _event_circuits(accounts.values()) if not circuit.withdrawn),
        summary=next((update.summary for update in reversed(so_far) if update.summary), ""),
        organizer=next((update.organizer for update in reversed(so_far) if update.organizer), ""),
        accounts=tuple(sorted(names[key] for key in known)),
    )


def _event_status(accounts: Sequence[_Account]) -> MaintenanceStatus:
    """Return the newest stated status; closed only where every account that has circuits is."""
    concerned = [account for account in accounts if account.live_circuits()] or list(accounts)
    still_open = [account for account in concerned if account.status() not in CLOSED]
    if still_open:
        return max(still_open, key=lambda account: account.stated_at).status()
    statuses = [account.status() for account in concerned]
    return COMPLETED if COMPLETED in statuses else CANCELLED


def _material_digest(facts: _Facts, windows: Iterable[_Joined], accounts: Iterable[_Account]) -> str:
    """Return the digest of what a person must see again when it changes: windows, circuits, impacts, cancelled."""
    material = {
        "cancelled": facts.status is CANCELLED,
        "windows": [
            [
                iso_utc(window.planned_start),
                iso_utc(window.planned_end),
                _circuits_json(circuit for circuit in _union(window.circuits) if not circuit.withdrawn),
            ]
            for window in windows
            if not window.withdrawn
        ],
        "unplaced": _circuits_json(
            circuit for circuit in _union(account.unplaced for account in accounts) if not circuit.withdrawn
        ),
    }
    return hashlib.sha256(json.dumps(material, sort_keys=True).encode()).hexdigest()


# --- history ----------------------------------------------------------------------------------------------------


class _Step(NamedTuple):
    update: Update
    move: Move
    changes: dict[str, tuple[JsonValue, JsonValue]]


def _move(before: _Facts, update: Update, after: _Facts, surprises: set[Move]) -> Move:
    if surprises:
        return min(surprises)
    move = move_of(before.status, update.status)
    # One night of three is done: the event goes on.
    return Move.ADVANCED if move is Move.CLOSED and after.status not in CLOSED else move


def _changes(before: _Facts, after: _Facts) -> dict[str, tuple[JsonValue, JsonValue]]:
    """Return the fields that changed, old and new. Of the circuits only those that changed: lists can be long."""
    changes: dict[str, tuple[JsonValue, JsonValue]] = {}
    for name in ("status", "start", "end", "windows", "summary", "organizer", "accounts"):
        old, new = getattr(before, name), getattr(after, name)
        if old != new:
            changes[name] = (_json(old), _json(new))
    gone = _circuits_json(circuit for circuit in before.circuits if circuit not in after.circuits)
    come = _circuits_json(circuit for circuit in after.circuits if circuit not in before.circuits)
    if gone or come:
        changes["circuits"] = (gone, come)
    return changes


def _json(value: object) -> JsonValue:
    """Return a field of the facts as JSON."""
    if isinstance(value, datetime):
        return iso_utc(value)
    if isinstance(value, tuple):
        return [_window_json(*one) if isinstance(one, tuple) else str(one) for one in value]
    return None if value is None else str(value)


def _window_json(start: datetime, end: datetime, status: MaintenanceStatus) -> JsonValue:
    return {"start": iso_utc(start), "end": iso_utc(end), "status": status.value}


def _history(steps: Sequence[_Step]) -> tuple[HistoryEntry, ...]:
    """Return the steps with ``superseded``: every field that the update stated was stated again later."""
    stated_later: set[tuple[str, str]] = set()
    entries = []
    for step in reversed(steps):
        stated = _stated_fields(step.update)
        entries.append(
            HistoryEntry(
                stamp=step.update.stamp,
                move=step.move,
                source=step.update.source,
                superseded=stated <= stated_later,
                changes=step.changes,
            )
        )
        stated_later |= stated
    return tuple(reversed(entries))


def _stated_fields(update: Update) -> set[tuple[str, str]]:
    values = {
        "status": update.status,
        "windows": update.windows,
        "summary": update.summary,
        "organizer": update.organizer,
    }
    account = _account_key(update.account)
    fields = {(name, account) for name, value in values.items() if value}
    return fields | {(f"circuit {key}", account) for key in _listed(update)}


# --- small helpers ----------------------------------------------------------------------------------------------


def _account_key(account: str | None) -> str:
    return " ".join((account or "").split()).casefold()


def _once(stated: Sequence[StatedCircuit]) -> dict[str, StatedCircuit]:
    """Return each circuit of one list once, with the worst impact that the list states for it."""
    listed: dict[str, StatedCircuit] = {}
    for circuit in stated:
        key = circuit_key_of(circuit.circuit_id)
        known = listed.get(key)
        if known is None or _severity(circuit) > _severity(known):
            listed[key] = circuit
    return listed


def _severity(circuit: StatedCircuit) -> int:
    return -1 if circuit.impact is None else circuit.impact.severity


def _stated_circuits(update: Update) -> list[StatedCircuit]:
    """Return all circuits that an update names, in its windows and outside of them."""
    in_windows = [circuit for window in update.windows or () for circuit in window.circuits or ()]
    return [*in_windows, *(update.circuits or ())]


def _listed(update: Update) -> set[str]:
    return {circuit_key_of(circuit.circuit_id) for circuit in _stated_circuits(update)}


def _sorted(stated: Iterable[StatedWindow] | None) -> list[StatedWindow]:
    return sorted(stated or (), key=lambda window: (window.start, window.end, window.ical_uid or ""))


def _sorted_windows(windows: Iterable[_Window]) -> list[_Window]:
    return sorted(windows, key=lambda window: (window.start, window.end))


def _times(windows: Iterable[_Window]) -> list[tuple[datetime, datetime]]:
    return sorted((window.start, window.end) for window in windows)


def _circuits_json(circuits: Iterable[CircuitImpact]) -> JsonValue:
    return [
        {"circuit_id": circuit.circuit_id, "impact": circuit.impact.value}
        for circuit in sorted(circuits, key=lambda circuit: circuit.circuit_id)
    ]
