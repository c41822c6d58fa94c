"""What one account holds of an event while its updates are folded: windows, and in each of them circuits."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from domain.events import StatedCircuit, StatedWindow, Update, circuit_key_of
from domain.lifecycle import CANCELLED, CLOSED, COMPLETED, IN_PROCESS, OPEN, RE_SCHEDULED, UNKNOWN
from domain.vocabulary import Impact, MaintenanceStatus, Move


class HeldCircuit(NamedTuple):
    """A circuit that is held: in its newest spelling, with its newest stated impact, None where none ever was."""

    circuit_id: str
    impact: Impact | None
    withdrawn: bool


_NEVER_HEARD_OF = HeldCircuit("", None, withdrawn=False)


@dataclass(frozen=True, slots=True)
class Circuits:
    """The circuits of one window of one account. An empty list never removes; lists join or replace.

    ``lists`` are those in which several circuits stood together, without what is part of a longer one.
    """

    held: Mapping[str, HeldCircuit] = field(default_factory=dict)
    lists: tuple[frozenset[str], ...] = ()

    def stating(self, stated: Iterable[StatedCircuit], *, withdraws: bool, restores: bool = True) -> "Circuits":
        """Return the circuits after one more list.

        ``withdraws``: a circuit that it leaves out is withdrawn, but only if some earlier list had it together with
        one that this list names too; so full lists replace, and one mail for each circuit joins.
        """
        listed = _once(stated)
        if not listed:
            return self
        names = frozenset(listed)
        after = self
        if withdraws:
            after = self.without(
                key for earlier in self.lists if not names.isdisjoint(earlier) for key in earlier - names
            )
        changed = {}
        for key, circuit in listed.items():
            known = after.held.get(key, _NEVER_HEARD_OF)
            spelling = " ".join(circuit.circuit_id.split())
            held = HeldCircuit(spelling, circuit.impact or known.impact, known.withdrawn and not restores)
            if held != known:
                changed[key] = held
        return Circuits({**after.held, **changed} if changed else after.held, _with_list(self.lists, names))

    def without(self, keys: Iterable[str]) -> "Circuits":
        """Return the circuits with some of them marked as withdrawn; they stay, marked."""
        known = [(key, self.held[key]) for key in keys if key in self.held]
        changed = {key: held._replace(withdrawn=True) for key, held in known if not held.withdrawn}
        return Circuits({**self.held, **changed}, self.lists) if changed else self

    def joining(self, other: "Circuits") -> "Circuits":
        """Return the circuits together with those of another window that are not withdrawn there."""
        live = {key: held for key, held in other.held.items() if not held.withdrawn}
        lists = self.lists
        for names in other.lists:
            lists = _with_list(lists, names)
        return Circuits({**self.held, **live}, lists)

    def live(self) -> set[str]:
        """Return the keys of the circuits that are not withdrawn."""
        return {key for key, held in self.held.items() if not held.withdrawn}


NO_CIRCUITS = Circuits()


# Windows are told apart as such: two may be equal in all that is known of them.
@dataclass(slots=True, eq=False)
class HeldWindow:
    """A window of one account. The planned times differ from start and end where the work kept inside its window."""

    start: datetime
    end: datetime
    planned_start: datetime
    planned_end: datetime
    circuits: Circuits
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


@dataclass(slots=True, eq=False)
class Account:
    """What the updates of one account amount to so far."""

    windows: list[HeldWindow] = field(default_factory=list)
    # Circuits stated while no window was known; the first windows begin with them.
    unplaced: Circuits = NO_CIRCUITS
    stated: MaintenanceStatus | None = None
    stated_at: int = -1

    def copy(self) -> "Account":
        """Return a copy that can go its own way."""
        return Account([replace(window) for window in self.windows], self.unplaced, self.stated, self.stated_at)

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

    def live(self) -> list[HeldWindow]:
        """Return the windows that are not withdrawn."""
        return [window for window in self.windows if not window.withdrawn]

    def has_circuits(self) -> bool:
        """Tell whether any circuit is left to the account."""
        lists = (self.unplaced, *(window.circuits for window in self.windows if not window.withdrawn))
        return any(not held.withdrawn for circuits in lists for held in circuits.held.values())

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
        touched = []
        remaining = []
        for one in _sorted(update.windows):
            held = next((window for window in begun if window.overlaps(one) and window not in touched), None)
            if held is None:
                remaining.append(one)
                continue
            if (held.start, held.end) != (one.start, one.end):
                held.give_actual_times(one)
            _list(held, one, withdraws=True)
            touched.append(held)
        pairs, added, dropped = _match(ahead, remaining, adds=update.status is not RE_SCHEDULED)
        for window, one in pairs:
            window.plan(one)
            _list(window, one, withdraws=True)
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
                _list(window, one, withdraws=False)
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

    def _overlapped(self, live: Sequence[HeldWindow], stated: Sequence[StatedWindow]) -> list[HeldWindow]:
        """Return the windows that the stated ones speak of; one that meets none is a new window."""
        touched: list[HeldWindow] = []
        for one in stated:
            met = [window for window in live if window.overlaps(one)]
            if len(met) == 1:
                met[0].give_actual_times(one)
            for window in met:
                _list(window, one, withdraws=False)
            touched += met or self._add([one], withdraws=False)
        return touched

    def _cancel(self, update: Update) -> Move | None:
        """Cancel all windows that are not completed, or, where only some circuits are named, those circuits alone."""
        stated = _sorted(update.windows)
        listed = listed_in(update)
        if listed & self.all_circuits() and self.live_circuits() - listed:
            named = stated_circuits(update)
            live = self.live()
            for window in live:
                window.circuits = window.circuits.stating(named, withdraws=False, restores=False).without(listed)
            if not live:
                self.unplaced = self.unplaced.stating(named, withdraws=False, restores=False).without(listed)
            return Move.PARTLY_CANCELLED
        live = self.live()
        if not live:
            live = self._add(stated, withdraws=False)
        else:
            for one in stated:
                for window in [window for window in live if window.overlaps(one)] or live:
                    window.circuits = window.circuits.stating(one.circuits or (), withdraws=False, restores=False)
        self._state_circuits(update, live, withdraws=False, restores=False)
        for window in live:
            if window.status is not COMPLETED:
                window.status = CANCELLED
        return None

    def _add(self, stated: Sequence[StatedWindow], *, withdraws: bool) -> list[HeldWindow]:
        """Add windows. One whose circuits are not stated has those that the event has so far."""
        added = []
        for one in stated:
            revived = next((w for w in self.windows if w.withdrawn and (w.start, w.end) == (one.start, one.end)), None)
            window = revived or self._new_window(one)
            window.withdrawn = False
            _list(window, one, withdraws=withdraws)
            added.append(window)
        if added:
            self.unplaced = NO_CIRCUITS
        return added

    def _new_window(self, stated: StatedWindow) -> HeldWindow:
        circuits = self.unplaced
        if stated.circuits is None:
            for other in self.live():
                circuits = circuits.joining(other.circuits)
        window = HeldWindow(
            start=stated.start,
            end=stated.end,
            planned_start=stated.start,
            planned_end=stated.end,
            circuits=circuits,
            ical_uid=stated.ical_uid,
        )
        self.windows.append(window)
        return window

    def _state_circuits(
        self, update: Update, windows: Sequence[HeldWindow], *, withdraws: bool, restores: bool = True
    ) -> None:
        """Take in the circuits that are stated outside of any window."""
        named = update.circuits or ()
        for window in windows:
            window.circuits = window.circuits.stating(named, withdraws=withdraws, restores=restores)
        if not windows:
            self.unplaced = self.unplaced.stating(named, withdraws=withdraws, restores=restores)


def stated_circuits(update: Update) -> list[StatedCircuit]:
    """Return all circuits that an update names, in its windows and outside of them."""
    in_windows = [circuit for window in update.windows or () for circuit in window.circuits or ()]
    return [*in_windows, *(update.circuits or ())]


def listed_in(update: Update) -> set[str]:
    """Return the keys of all circuits that an update names."""
    return {circuit_key_of(circuit.circuit_id) for circuit in stated_circuits(update)}


# --- windows ----------------------------------------------------------------------------------------------------


def _match(
    held: Sequence[HeldWindow], stated: Sequence[StatedWindow], *, adds: bool
) -> tuple[list[tuple[HeldWindow, StatedWindow]], list[StatedWindow], list[HeldWindow]]:
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


def _list(window: HeldWindow, stated: StatedWindow, *, withdraws: bool) -> None:
    """Let a window take in the circuits and the status that are stated of it alone."""
    window.circuits = window.circuits.stating(stated.circuits or (), withdraws=withdraws)
    if stated.status is not None:
        window.status = stated.status


def _set_status(windows: Iterable[HeldWindow], update: Update) -> None:
    """Give windows the status of an update, where it states one and the window was not given one of its own."""
    if update.status in (None, UNKNOWN):
        return
    own = {(one.start, one.end) for one in update.windows or () if one.status is not None}
    for window in windows:
        if (window.start, window.end) not in own:
            window.status = update.status


def _sorted(stated: Iterable[StatedWindow] | None) -> list[StatedWindow]:
    return sorted(stated or (), key=lambda window: (window.start, window.end, window.ical_uid or ""))


def _sorted_windows(windows: Iterable[HeldWindow]) -> list[HeldWindow]:
    return sorted(windows, key=lambda window: (window.start, window.end))


def _times(windows: Iterable[HeldWindow]) -> list[tuple[datetime, datetime]]:
    return sorted((window.start, window.end) for window in windows)


# --- circuits ---------------------------------------------------------------------------------------------------


def _once(stated: Iterable[StatedCircuit]) -> dict[str, StatedCircuit]:
    """Return each circuit of one list once, with the worst impact that the list states for it."""
    listed: dict[str, StatedCircuit] = {}
    for circuit in stated:
        key = circuit_key_of(circuit.circuit_id)
        known = listed.get(key)
        if known is None or severity_of(circuit.impact) > severity_of(known.impact):
            listed[key] = circuit
    return listed


def severity_of(impact: Impact | None) -> int:
    """Return how bad an impact is; one that is not stated is the least."""
    return -1 if impact is None else impact.severity


def _with_list(lists: tuple[frozenset[str], ...], names: frozenset[str]) -> tuple[frozenset[str], ...]:
    """Return the lists with one more; what stands in a longer one, and what stood alone, says nothing."""
    if len(names) == 1 or any(names <= longer for longer in lists):
        return lists
    return (*(shorter for shorter in lists if not shorter <= names), names)
