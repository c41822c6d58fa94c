"""What one account holds of an event while its updates are folded: windows, and in each of them circuits."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from domain.edits import Value
from domain.events import (
    CircuitCorrection,
    Edit,
    Span,
    StatedCircuit,
    StatedWindow,
    Update,
    WindowCorrection,
    circuit_key_of,
    tag_of,
)
from domain.lifecycle import CANCELLED, CLOSED, COMPLETED, IN_PROCESS, OPEN, RE_SCHEDULED, TENTATIVE, UNKNOWN
from domain.vocabulary import Impact, MaintenanceStatus, Move

# Carriers say that work begins "momentarily": so long before its hour at most.
EARLY_START = timedelta(hours=1)


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
    number: int | None = None
    withdrawn: bool = False
    # Said to be re-scheduled, before it began, without another date: it does not begin when its hour comes.
    postponed: bool = False
    # The status that a person has said to be right, and whether it was said of the event as a whole.
    corrected: Value[MaintenanceStatus | None] | None = None
    corrected_with_event: bool = False

    @property
    def tag(self) -> str | None:
        """Return what identifies the window across updates: its UID or its number, None where it has neither."""
        return tag_of(self.ical_uid, self.number)

    def is_ahead(self, stamp: datetime) -> bool:
        """Tell whether the window has not begun at an instant."""
        return self.postponed or self.start > stamp

    def plan(self, stated: StatedWindow) -> None:
        """Move the window to where it is planned now."""
        self.postponed = False
        self.start = self.planned_start = stated.start
        self.end = self.planned_end = stated.end
        self.ical_uid = stated.ical_uid or self.ical_uid
        self.number = stated.number or self.number

    def give_actual_times(self, stated: StatedWindow) -> None:
        """Take the times at which the work was done; inside of what was planned they are not material."""
        if stated.end <= self.planned_start or self.planned_end <= stated.start:
            self.plan(stated)
            return
        self.ical_uid = self.ical_uid or stated.ical_uid
        self.number = self.number or stated.number
        self.start, self.end = stated.start, stated.end
        self.planned_start = min(self.planned_start, stated.start)
        self.planned_end = max(self.planned_end, stated.end)

    def correct_status(self, status: MaintenanceStatus, *, with_event: bool) -> None:
        """Take a person's word for the status."""
        self.corrected = Value(frozenset({self.status}), status).after(self.corrected)
        self.corrected_with_event = with_event
        self.status = status

    def heed_correction(self) -> None:
        """Keep a person's word where a mail has only repeated what it corrected; forget it where the mail is news."""
        if self.corrected is None or self.corrected.now is self.status:
            return
        if self.corrected.holds_against(self.status):
            self.status = self.corrected.now
        else:
            self.corrected = None

    def overlaps(self, stated: StatedWindow) -> bool:
        """Tell whether the two have a moment in common."""
        return self.start < stated.end and stated.start < self.end


_Pair = tuple[HeldWindow, StatedWindow]


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

    def apply(self, update: Update, index: int, *, partly: bool) -> Move | None:
        """Take in the next update of the total order; return the name of what is surprising in it, if anything is.

        ``partly``: it cancels the circuits that it names, and nothing else (see ``cancels_part``).
        """
        surprise = self._apply(update, index, partly=partly)
        for window in self.windows:
            window.heed_correction()
        return surprise

    def _apply(self, update: Update, index: int, *, partly: bool) -> Move | None:
        if partly:
            self._cancel_circuits(update)
            return Move.PARTLY_CANCELLED
        surprise = None
        if update.status is CANCELLED and not _says_more_than_one(update):
            self._cancel(update)
        elif update.status in (IN_PROCESS, COMPLETED):
            self._progress(update)
        else:
            surprise = self._plan(update)
        if update.status not in (None, UNKNOWN):
            self.stated, self.stated_at = update.status, index
        return surprise

    def live(self) -> list[HeldWindow]:
        """Return the windows that are not withdrawn."""
        return [window for window in self.windows if not window.withdrawn]

    def has_circuits(self) -> bool:
        """Tell whether any circuit is left to the account."""
        lists = (self.unplaced, *(window.circuits for window in self.windows if not window.withdrawn))
        return any(not held.withdrawn for circuits in lists for held in circuits.held.values())

    def at_stake(self, update: Update) -> set[str]:
        """Return the keys of the live circuits that a cancellation would reach: those of what is open, else of all."""
        if self.status() is CANCELLED:
            return set()
        windows = self._windows_to_cancel(update)
        still_open = [window for window in windows if window.status not in CLOSED] or windows
        return self.unplaced.live().union(*(window.circuits.live() for window in still_open))

    def knows(self, keys: set[str]) -> bool:
        """Tell whether any of these circuits was ever held, be it withdrawn or cancelled since."""
        return any(
            not keys.isdisjoint(circuits.held) for circuits in (self.unplaced, *(w.circuits for w in self.windows))
        )

    def status(self) -> MaintenanceStatus:
        """Return the stated status unless a window is still open: then that window's."""
        statuses = [window.status or UNKNOWN for window in self.live() if not self._waits(window)]
        still_open = [status for status in statuses if status not in CLOSED]
        if self.stated in still_open:
            return self.stated
        if still_open or (statuses and self.stated not in CLOSED):
            return together(statuses)
        return self.stated or UNKNOWN

    def statuses(self) -> set[MaintenanceStatus]:
        """Return the status, and those of the mails and windows that a person's word on the event reaches."""
        status = self.status()
        # What was last stated counts too, unless it was the end of one night of several.
        stated = {self.stated or UNKNOWN} if self.stated not in CLOSED or status in CLOSED else set()
        return {status, *stated, *(window.status or UNKNOWN for window in self._open_or_live())}

    def at(self, span: Span) -> list[HeldWindow]:
        """Return the windows with exactly this start and end."""
        return [window for window in self.live() if (window.start, window.end) == span]

    def closest(self, was: Span, held: Sequence[Span]) -> list[HeldWindow]:
        """Return the window that a person meant who saw it elsewhere, before a late mail told that it had been moved.

        It is the one that overlaps it, or that stands now where it stood among those ``held``.
        """
        live = _sorted_windows(self.live())
        met = _closest(live, StatedWindow(start=was[0], end=was[1]))
        if met is None and was in held and len(held) == len(live):
            met = live[sorted(held).index(was)]
        return [met] if met else []

    def correct(
        self, edit: Edit, index: int, *, meant: Mapping[Span, Sequence[HeldWindow]], adds: Collection[str]
    ) -> None:
        """Take in what a person says.

        ``meant``: the windows that the person means by a start and end. ``adds``: the keys of circuits that this
        account has from now on.
        """
        status = edit.status[1] if edit.status else None
        reached = self._open_or_live()
        for one in edit.windows:
            self._correct_window(one, meant[one.was] if one.was else [], status)
        for circuit in edit.circuits:
            self._correct_circuit(circuit, adds=circuit_key_of(circuit.circuit_id) in adds)
        if status:
            for held in reached:
                held.correct_status(status, with_event=True)
            self.stated, self.stated_at = status, index

    def forget_status(self) -> None:
        """Let a status that a person gave to the event as a whole hold no more."""
        for window in self.windows:
            if window.corrected_with_event:
                window.corrected = None

    def learn_status(self, status: MaintenanceStatus, known: Collection[Span], right: MaintenanceStatus) -> None:
        """Give windows that are heard of for the first time the stated status, and the right one where it is known."""
        for window in [window for window in self.live() if window.status is None]:
            window.status = right if (window.start, window.end) in known else status

    def _open_or_live(self) -> list[HeldWindow]:
        live = self.live()
        return [window for window in live if window.status not in CLOSED] or live

    def _correct_window(
        self, said: WindowCorrection, meant: Sequence[HeldWindow], of_event: MaintenanceStatus | None
    ) -> None:
        if said.now and not said.was:
            held = self._window_at(StatedWindow(start=said.now[0], end=said.now[1]))
            held.status = of_event or held.status or self.stated
            return
        for held in meant:
            if said.status:
                held.correct_status(said.status, with_event=False)
            if said.now is None:
                held.withdrawn = True
            else:
                held.start, held.end = held.planned_start, held.planned_end = said.now

    def _correct_circuit(self, said: CircuitCorrection, *, adds: bool) -> None:
        self.unplaced = corrected(self.unplaced, said, adds=adds and not self.live())
        for window in self.live():
            window.circuits = corrected(window.circuits, said, adds=adds)

    def _waits(self, window: HeldWindow) -> bool:
        return is_in_reserve(window.status, window.circuits.live(), [other.circuits.live() for other in self.live()])

    def _plan(self, update: Update) -> Move | None:
        """Let the stated windows replace those not begun at the stamp; a begun window is never withdrawn."""
        times_before = _times(self.live())
        waiting = [window for window in self.live() if self._waits(window)]
        pairs, new, left_out = _planned(self.live(), update)
        for window, one in pairs:
            if window.is_ahead(update.stamp):
                window.plan(one)
            else:
                window.give_actual_times(one)
        spoken_of = self._take_in(update, pairs, new, withdraws=True)
        for window in left_out:
            window.withdrawn = True
        # The plan speaks of what is ahead; of what is begun only where nothing is ahead, and of what is done last.
        reached = _without_own_status([window for window, _ in spoken_of] or self.live(), spoken_of)
        ahead = any(window.is_ahead(update.stamp) for window in reached)
        fresh = [window for window in reached if window.is_ahead(update.stamp) or window.status in (None, UNKNOWN)]
        still_open = [window for window in reached if window.status not in CLOSED]
        _set_status((fresh if ahead else still_open) or reached, update)
        repeated = self.stated is None or self.stated is RE_SCHEDULED
        if update.status is not RE_SCHEDULED or repeated or update.replaced_by or times_before != _times(self.live()):
            return None
        if any(not self._waits(window) for window in waiting):
            # The night in reserve is needed: that is where the work goes.
            return None
        for window in reached:
            window.postponed = window.is_ahead(update.stamp)
        return Move.RESCHEDULED_WITHOUT_WINDOW

    def _progress(self, update: Update) -> None:
        """Let IN-PROCESS and COMPLETED reach the windows begun by the stamp, or all where none has begun."""
        met = _met(self.live(), _sorted(update.windows))
        for windows, one in met:
            if len(windows) == 1:
                windows[0].give_actual_times(one)
        pairs = [(window, one) for windows, one in met for window in windows]
        spoken_of = self._take_in(update, pairs, [one for windows, one in met if not windows], withdraws=False)
        reached = _without_own_status([window for window, _ in spoken_of] or self.live(), spoken_of)
        begun = [window for window in reached if window.start <= update.stamp]
        # Night 1 of three is done, night 2 is in process: that does not open night 1 again.
        still_open = [window for window in begun if window.status not in CLOSED] or _about_to_begin(
            reached, begun, update
        )
        repeated = any(window.status is update.status for window in begun)
        _set_status(still_open or ([] if repeated else begun or reached), update)
        if update.status is COMPLETED and begun:
            rest = _without_own_status(self.live(), spoken_of)
            over = [window for window in rest if window.end <= update.stamp]
            _set_status([window for window in over if window.status not in CLOSED], update)
        for window in begun:
            window.postponed = False

    def _cancel(self, update: Update) -> None:
        """Cancel all windows that are not completed; a calendar speaks of its own."""
        windows = self._windows_to_cancel(update)
        stated = _sorted(update.windows)
        pairs = [(window, one) for one in stated for window in _at(windows, one) or windows]
        new = [] if windows else stated
        spoken_of = self._take_in(update, pairs, new, withdraws=False, restores=False)
        for window in windows or [window for window, _ in spoken_of]:
            if window.status is not COMPLETED:
                window.status = CANCELLED

    def _cancel_circuits(self, update: Update) -> None:
        """Cancel the circuits that are named, and a window that has no other. What is completed stays as it was."""
        named, listed = stated_circuits(update), listed_in(update)
        windows = self._windows_to_cancel(update)
        for window in windows:
            before = window.circuits
            reached = listed - before.held.keys() if window.status is COMPLETED else listed
            window.circuits = before.stating(named, withdraws=False, restores=False).without(reached)
            if before.live() and not window.circuits.live():
                window.status = CANCELLED
        if not windows:
            self.unplaced = self.unplaced.stating(named, withdraws=False, restores=False).without(listed)

    def _windows_to_cancel(self, update: Update) -> list[HeldWindow]:
        """Return the live windows whose UID or number is named; where none that is known is named, all of them."""
        tags = {update.ical_uid, *(one.tag for one in update.windows or ())} - {None}
        live = self.live()
        return [window for window in live if window.tag in tags] or live

    def _take_in(
        self,
        update: Update,
        pairs: Sequence[_Pair],
        new: Iterable[StatedWindow],
        *,
        withdraws: bool,
        restores: bool = True,
    ) -> list[_Pair]:
        """Take in what is stated of windows, known and new; return all these windows.

        The circuits that are stated outside of any window are those of all of these, or of all that there are.
        """
        outside = update.circuits or ()
        for window, one in pairs:
            named = [*(one.circuits or ()), *outside]
            window.circuits = window.circuits.stating(named, withdraws=withdraws, restores=restores)
        added = []
        for one in new:
            window = self._window_at(one)
            window.circuits = window.circuits.stating([*(one.circuits or ()), *outside], withdraws=withdraws)
            added.append((window, one))
        if added:
            self.unplaced = NO_CIRCUITS
        spoken_of = [*pairs, *added]
        for window, one in spoken_of:
            window.status = one.status or window.status
        live = [] if spoken_of else self.live()
        for window in live:
            window.circuits = window.circuits.stating(outside, withdraws=withdraws, restores=restores)
        if not spoken_of and not live:
            self.unplaced = self.unplaced.stating(outside, withdraws=withdraws, restores=restores)
        return spoken_of

    def _window_at(self, stated: StatedWindow) -> HeldWindow:
        """Return a new window, or the one that was withdrawn from there.

        One whose circuits are not stated has those that the event has so far.
        """
        for window in self.windows:
            if window.withdrawn and (window.start, window.end) == (stated.start, stated.end):
                window.withdrawn = False
                window.ical_uid = stated.ical_uid or window.ical_uid
                window.number = stated.number or window.number
                return window
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
            number=stated.number,
        )
        self.windows.append(window)
        return window


def corrected(circuits: Circuits, said: CircuitCorrection, *, adds: bool) -> Circuits:
    """Return a list of circuits with what a person says of one of them, where it has it or where it is to have it."""
    key = circuit_key_of(said.circuit_id)
    known = circuits.held.get(key)
    if said.now is None:
        return circuits.without([key])
    if known is None or known.withdrawn:
        stated = [StatedCircuit(circuit_id=said.circuit_id, impact=said.now)] if adds else []
        # A list that left it out, and is only repeated, withdraws it no more.
        lists = tuple(names - {key} for names in circuits.lists) if adds else circuits.lists
        return Circuits(circuits.held, lists).stating(stated, withdraws=False)
    return Circuits({**circuits.held, key: known._replace(impact=said.now)}, circuits.lists)


def is_in_reserve(
    status: MaintenanceStatus | None, circuits: Collection[str], of_all: Iterable[Collection[str]]
) -> bool:
    """Tell whether a window is an alternate one: tentative and without live circuits, of which others have some."""
    return status is TENTATIVE and not circuits and any(of_all)


def cancels_part(accounts: Sequence[Account], update: Update) -> bool:
    """Tell whether an update cancels a proper part of the circuits that accounts hold, and so nothing but those."""
    if update.status is not CANCELLED or _says_more_than_one(update):
        return False
    listed = listed_in(update)
    known = any(account.knows(listed) for account in accounts)
    return known and any(account.at_stake(update) - listed for account in accounts)


def together(statuses: Sequence[MaintenanceStatus]) -> MaintenanceStatus:
    """Return the most advanced open status; a closed one only where all are closed."""
    still_open = [status for status in statuses if status not in CLOSED]
    if still_open:
        return max(still_open, key=OPEN.index)
    return COMPLETED if COMPLETED in statuses else CANCELLED


def stated_circuits(update: Update) -> list[StatedCircuit]:
    """Return all circuits that an update names, in its windows and outside of them."""
    in_windows = [circuit for window in update.windows or () for circuit in window.circuits or ()]
    return [*in_windows, *(update.circuits or ())]


def listed_in(update: Update) -> set[str]:
    """Return the keys of all circuits that an update names."""
    return {circuit_key_of(circuit.circuit_id) for circuit in stated_circuits(update)}


# --- windows ----------------------------------------------------------------------------------------------------


def _planned(live: Sequence[HeldWindow], update: Update) -> tuple[list[_Pair], list[StatedWindow], list[HeldWindow]]:
    """Say which windows a plan speaks of: pairs, new ones, and those ahead that it leaves out.

    A UID or a number tells, and a new one adds a window, unless the work is rescheduled. Else a begun window is met
    by overlap; those ahead by position where the counts are equal, and by overlap where they are not.
    """
    stated = _sorted(update.windows)
    adds = update.status is not RE_SCHEDULED
    tags = {window.tag for window in live}
    free = _sorted_windows(live)
    pairs: list[_Pair] = []
    new: list[StatedWindow] = []
    rest: list[StatedWindow] = []
    for one in stated:
        window = _of_its_tag(free, one, update.stamp) or _begun(free, one, update.stamp, adds=adds)
        if window:
            free.remove(window)
            pairs.append((window, one))
        elif one.tag and one.tag in tags:
            new.append(one)
        else:
            rest.append(one)
    ahead = [window for window in free if window.is_ahead(update.stamp)]
    if len(ahead) == len(rest) and not (adds and all(one.tag for one in rest)):
        return [*pairs, *zip(ahead, rest, strict=True)], new, []
    for one in rest:
        met = _closest(_open_to(ahead, one, adds=adds), one)
        if met is None:
            new.append(one)
        else:
            ahead.remove(met)
            pairs.append((met, one))
    # A calendar speaks of its own UIDs alone, unless it moves the work to a UID that was not known before. So does
    # a notice of numbered windows.
    by_tag = all(one.tag for one in stated) and (adds or not rest)
    return pairs, new, [] if by_tag else ahead


def _of_its_tag(windows: Sequence[HeldWindow], stated: StatedWindow, stamp: datetime) -> HeldWindow | None:
    """Return the window of the UID or number of a stated one: where they overlap, or that which has not begun."""
    own = [window for window in windows if stated.tag and window.tag == stated.tag]
    return _closest(own, stated) or next((window for window in own if window.is_ahead(stamp)), None)


def _begun(windows: Sequence[HeldWindow], stated: StatedWindow, stamp: datetime, *, adds: bool) -> HeldWindow | None:
    """Return the begun window that a stated one overlaps, unless one that has not begun is closer to it."""
    met = _closest(_open_to(windows, stated, adds=adds), stated)
    return met if met and not met.is_ahead(stamp) else None


def _open_to(windows: Iterable[HeldWindow], stated: StatedWindow, *, adds: bool) -> list[HeldWindow]:
    """Return the windows that a stated one can be about: not those of another UID, where a new UID adds."""
    return [window for window in windows if not (adds and stated.tag and window.tag)]


def _closest(windows: Iterable[HeldWindow], stated: StatedWindow) -> HeldWindow | None:
    """Return that of the windows which overlaps a stated one and differs least from it, None where none overlaps."""
    met = [window for window in windows if window.overlaps(stated)]
    return min(met, key=lambda w: abs(w.start - stated.start) + abs(w.end - stated.end), default=None)


def _met(live: Sequence[HeldWindow], stated: Sequence[StatedWindow]) -> list[tuple[list[HeldWindow], StatedWindow]]:
    """Say which windows progress speaks of: those of its UIDs and numbers, else by position or, last, by overlap."""
    met = []
    rest = []
    for one in stated:
        own = [window for window in live if one.tag and window.tag == one.tag]
        if own:
            # What is done stays where it was: other hours under its tag are another night.
            still_open = [window for window in own if window.status not in CLOSED]
            closest = _closest(own, one) or (still_open[-1] if still_open else None)
            met.append(([closest] if closest else [], one))
        else:
            rest.append(one)
    taken = [window for windows, _ in met for window in windows]
    free = [window for window in _sorted_windows(live) if window not in taken]
    strangers = any(one.tag for one in rest) and any(window.tag for window in free)
    if len(free) == len(rest) and not strangers:
        return met + [([window], one) for window, one in zip(free, rest, strict=True)]
    return met + [(_at(free, one), one) for one in rest]


def _at(windows: Sequence[HeldWindow], stated: StatedWindow) -> list[HeldWindow]:
    """Return the windows with exactly the times of a stated one, else those that it overlaps."""
    same = [window for window in windows if (window.start, window.end) == (stated.start, stated.end)]
    return same or [window for window in windows if window.overlaps(stated)]


def _about_to_begin(reached: Sequence[HeldWindow], begun: Sequence[HeldWindow], update: Update) -> list[HeldWindow]:
    """Return the windows that a start tells of a little before their hour, where all that has begun is closed."""
    if update.status is not IN_PROCESS or not begun:
        return []
    soon = update.stamp + EARLY_START
    return [window for window in reached if window.is_ahead(update.stamp) and window.start <= soon]


def _says_more_than_one(update: Update) -> bool:
    """Tell whether an update states another status of one of its windows than of the whole."""
    return any(one.status not in (None, update.status) for one in update.windows or ())


def _without_own_status(windows: Iterable[HeldWindow], spoken_of: Sequence[_Pair]) -> list[HeldWindow]:
    """Return the windows without those that an update gives a status of their own."""
    own = [window for window, one in spoken_of if one.status]
    return [window for window in windows if window not in own]


def _set_status(windows: Iterable[HeldWindow], update: Update) -> None:
    """Give windows the status of an update, where it states one."""
    if update.status in (None, UNKNOWN):
        return
    for window in windows:
        window.status = update.status


def _sorted(stated: Iterable[StatedWindow] | None) -> list[StatedWindow]:
    return sorted(stated or (), key=lambda window: (window.start, window.end, window.tag or ""))


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
