"""What a person says of an event: made into an edit, or refused; and how long it holds against what mails repeat.

A person's value holds against updates that repeat what it corrected, and yields to one that says something new.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Generic, NamedTuple, TypeVar

from domain.errors import EditRefused
from domain.events import (
    CircuitCorrection,
    Edit,
    Event,
    Span,
    StatedCircuit,
    StatedWindow,
    Update,
    Window,
    WindowCorrection,
    circuit_key_of,
    id_key_of,
    iso_utc,
)
from domain.plausibility import refuse_window
from domain.vocabulary import Impact, MaintenanceStatus

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a person asks of a maintenance; None and empty: nothing.

    ``window`` is the number of the one that ``start`` and ``end`` are right for, or ``status`` where there are several;
    windows count from 1, by start, without those that are withdrawn.
    """

    status: MaintenanceStatus | None = None
    window: int | None = None
    start: datetime | None = None
    end: datetime | None = None
    add_windows: tuple[Span, ...] = ()
    withdraw_windows: tuple[int, ...] = ()
    circuits: tuple[tuple[str, Impact], ...] = ()
    withdraw_circuits: tuple[str, ...] = ()
    summary: str | None = None


def edit_of(event: Event, asked: Asked, *, author: str, reason: str, now: datetime) -> Edit:
    """Return what a person asks as an edit of the event that they saw.

    Raises ``EditRefused`` with every fault in it: what, what was found, and what is possible.
    """
    live = [window for window in event.windows if not window.withdrawn]
    faults = [*_faults_of_windows(asked, live, now)]
    faults += ["circuit: it has no id" for name, _ in asked.circuits if not name.strip()]
    faults += faults_of_withdrawals(event, asked.circuits, asked.withdraw_circuits)
    if asked.summary is not None and not asked.summary.strip():
        faults.append("summary: it is empty, say what is right")
    if not reason.strip():
        faults.append("the reason is missing: say why, for those who read the history")
    if asked.status is MaintenanceStatus.UNKNOWN:
        known = ", ".join(status.value for status in MaintenanceStatus if status is not MaintenanceStatus.UNKNOWN)
        faults.append(f"status: UNKNOWN is not for people to say, expected one of {known}")
    if faults:
        raise EditRefused(faults)
    held = MaintenanceStatus(event.status)
    # Where there is but one window, its status is that of the event.
    of_one = asked.window is not None and len(live) > 1
    windows = _window_corrections(asked, live, of_one=of_one)
    edit = Edit(
        kind=event.kind,
        provider=event.provider,
        id_key=id_key_of(event.event_id),
        generation=event.generation,
        stamp=stamp_behind(event, now),
        author=author,
        reason=reason.strip(),
        status=None if asked.status is None or of_one else (held, asked.status),
        windows=windows,
        held=tuple((window.start, window.end) for window in live) if windows else (),
        circuits=circuit_corrections(event, asked.circuits, asked.withdraw_circuits),
        summary=None if asked.summary is None else (event.summary, asked.summary),
        seen_start=event.start,
    )
    if not (edit.status or edit.windows or edit.circuits or edit.summary):
        raise EditRefused(["nothing is asked: say what is right, as in --status CANCELLED"])
    return edit


def _faults_of_windows(asked: Asked, live: Sequence[Window], now: datetime) -> list[str]:
    numbers = [*([asked.window] if asked.window is not None else []), *asked.withdraw_windows]
    there_are = f"there are {len(live)}" if live else "there is none: add one"
    faults = [f"window {number}: no such window, {there_are}" for number in numbers if not 1 <= number <= len(live)]
    moves = asked.start is not None or asked.end is not None
    if moves and asked.window is None and len(live) != 1:
        faults.append(f"start and end: of which window? {there_are}")
    if asked.window in asked.withdraw_windows:
        faults.append(f"window {asked.window}: it cannot be withdrawn and be right as well")
    if faults:
        return faults
    moved = [_moved(asked, live[(asked.window or 1) - 1])] if moves else []
    held = [(window.start, window.end) for window in live]
    if moved and moved[0] != held[(asked.window or 1) - 1]:
        held[(asked.window or 1) - 1] = moved[0]
    for start, end in (*moved, *asked.add_windows):
        stated = StatedWindow(start=start, end=end)
        found = refuse_window(stated, now)
        if [*held, *asked.add_windows].count((start, end)) > 1:
            found.append("is there already")
        faults += [f"window {iso_utc(start)} to {iso_utc(end)}: {fault}" for fault in found]
    return faults


def _moved(asked: Asked, window: Window) -> Span:
    return asked.start or window.start, asked.end or window.end


def _window_corrections(asked: Asked, live: Sequence[Window], *, of_one: bool) -> tuple[WindowCorrection, ...]:
    corrections = []
    status = asked.status if of_one else None
    if asked.start or asked.end or status:
        window = live[(asked.window or 1) - 1]
        corrections.append(WindowCorrection(was=(window.start, window.end), now=_moved(asked, window), status=status))
    withdrawn = (live[number - 1] for number in asked.withdraw_windows)
    return (
        *corrections,
        *(WindowCorrection(was=(window.start, window.end), now=None) for window in withdrawn),
        *(WindowCorrection(was=None, now=span) for span in asked.add_windows),
    )


# --- what is asked of circuits, of whatever kind the event is ---------------------------------------------------


def stamp_behind(event: Event, now: datetime) -> datetime:
    """Return the stamp of what a person says of an event that they have seen: it is behind all that they saw.

    A mail may be dated a few minutes ahead.
    """
    return max(now, event.stamp + timedelta(microseconds=1))


def faults_of_withdrawals(event: Event, stated: Sequence[tuple[str, Impact]], withdrawn: Sequence[str]) -> list[str]:
    """Return why circuits cannot be withdrawn, one line for each; ``stated`` are those that are right."""
    live = [circuit.circuit_id for circuit in event.circuits if not circuit.withdrawn]
    held = {circuit_key_of(name) for name in live}
    said = {circuit_key_of(name) for name, _ in stated}
    faults = []
    for name in withdrawn:
        if circuit_key_of(name) not in held:
            faults.append(f"circuit {name}: it is not held, there are {', '.join(live) or 'none'}")
        elif circuit_key_of(name) in said:
            faults.append(f"circuit {name}: it cannot be withdrawn and be right as well")
    return faults


def circuit_corrections(
    event: Event, stated: Sequence[tuple[str, Impact]], withdrawn: Sequence[str]
) -> tuple[CircuitCorrection, ...]:
    """Return what a person says of circuits beside what they saw. Those withdrawn are held."""
    held = {circuit_key_of(circuit.circuit_id): circuit.impact for circuit in event.circuits if not circuit.withdrawn}
    return (
        *(CircuitCorrection(circuit_id=name, was=held.get(circuit_key_of(name)), now=now) for name, now in stated),
        *(CircuitCorrection(circuit_id=name, was=held[circuit_key_of(name)], now=None) for name in withdrawn),
    )


# --- how long it holds ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the event is when a person corrects it: all statuses, the impacts of each circuit, and the summary.

    ``tags`` are the UIDs and numbers of its windows, by their start and end.
    """

    statuses: frozenset[MaintenanceStatus] = frozenset()
    impacts: Mapping[str, frozenset[Impact | None]] = field(default_factory=dict)
    summary: str = ""
    tags: Mapping[Span, frozenset[str]] = field(default_factory=dict)


class Value(NamedTuple, Generic[T]):
    """What is right instead of what mails have said: these repeat what was corrected."""

    repeated: frozenset[T]
    now: T

    def holds_against(self, stated: T) -> bool:
        """Tell whether a mail only repeats what was corrected."""
        return stated != self.now and stated in self.repeated

    def hearing(self, stated: T) -> "Value[T] | None":
        """Return what is left of the value after a mail: None where it says something new."""
        if stated == self.now:
            return self._replace(repeated=self.repeated | {stated})
        return self if stated in self.repeated else None

    def after(self, earlier: "Value[T] | None") -> "Value[T]":
        """Return the value after the one before it: what a person alone has said is nothing that mails repeat."""
        if earlier is None:
            return self
        return self._replace(repeated=(self.repeated - {earlier.now}) | earlier.repeated)


class _Window(NamedTuple):
    """What is right of a window, and the UIDs and numbers that it had. ``was`` None: mails do not know it.

    ``agreed``: since then mails have said the same.
    """

    was: Span | None
    now: Span | None
    tags: frozenset[str]
    agreed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrections:
    """What people have said of an event and no mail has said anything new of since.

    ``held`` are the windows that mails had stated, where any is corrected.
    """

    status: Value[MaintenanceStatus] | None = None
    summary: Value[str] | None = None
    circuits: Mapping[str, Value[Impact | None]] = field(default_factory=dict)
    windows: tuple[_Window, ...] = ()
    held: frozenset[Span] = frozenset()

    def with_edit(self, edit: Edit, seen: Seen) -> "Corrections":
        """Return the corrections with one more; the newest of a field is heeded."""
        said = replace(self, circuits={**self.circuits, **self._circuits(edit, seen)})
        if edit.status:
            was, now = edit.status
            status = Value(seen.statuses | {was}, now).after(self.status)
            said = replace(said, status=status)
        if edit.summary:
            was_called, name = edit.summary
            said = replace(said, summary=Value(frozenset({seen.summary, was_called}), name).after(self.summary))
        return said._with_windows(edit, seen) if edit.windows else said

    def heeded(self, update: Update) -> tuple[Update, "Corrections"]:
        """Return an update without what it only repeats, and the corrections without what it says anew."""
        if self == NO_CORRECTIONS:
            return update, self
        said = self
        if self.status and update.status is not None:
            said = replace(said, status=self.status.hearing(update.status))
            update = replace(update, status=None) if self.status.holds_against(update.status) else update
        if self.summary and update.summary is not None:
            said = replace(said, summary=self.summary.hearing(update.summary))
            update = replace(update, summary=None) if self.summary.holds_against(update.summary) else update
        if said.windows and update.windows:
            update, said = _heed_windows(update, said)
        for key, value in self.circuits.items():
            update, said = _heed_circuit(update, said, key, value)
        return update, said

    def _circuits(self, edit: Edit, seen: Seen) -> dict[str, Value[Impact | None]]:
        values = {}
        for one in edit.circuits:
            key = circuit_key_of(one.circuit_id)
            value = Value(seen.impacts.get(key, frozenset()) | {one.was}, one.now)
            values[key] = value.after(self.circuits.get(key))
        return values

    def _with_windows(self, edit: Edit, seen: Seen) -> "Corrections":
        """Return the corrections with those of windows; one that is corrected again is what mails say that it is."""
        earlier = {window.now: window for window in self.windows if window.now}
        come = []
        for one in edit.windows:
            known = earlier.pop(one.was, None) if one.was else None
            was = known.was if known else one.was
            tags = (known.tags if known else frozenset()) | (seen.tags.get(one.was, frozenset()) if one.was else set())
            both = (was, one.was) if known and known.agreed else (was,)
            come += [_Window(before, one.now, tags) for before in both if before != one.now]
        gone = [window for window in self.windows if window.now is None and window.was not in {c.now for c in come}]
        windows = (*gone, *earlier.values(), *come)
        of_mails = {window.now: window.was for window in self.windows if window.now}
        held = {of_mails.get(span, span) for span in edit.held} | {window.was for window in windows}
        return replace(self, windows=windows, held=frozenset(span for span in held if span))


NO_CORRECTIONS = Corrections()


def _heed_windows(update: Update, said: Corrections) -> tuple[Update, Corrections]:
    """Return an update whose windows repeat those that were corrected with what is right instead."""
    stated = update.windows or ()
    spans = {(window.start, window.end) for window in stated}
    right = {window.now for window in said.windows}
    strangers = [window for window in stated if (window.start, window.end) not in said.held | right]
    kept = tuple(one for one in said.windows if spans & {one.was, one.now} or not _is_news(one, strangers, update))
    corrected = {one.was: one.now for one in kept if one.was}
    windows = []
    for window in stated:
        span = corrected.get((window.start, window.end), (window.start, window.end))
        if span is not None:
            windows.append(replace(window, start=span[0], end=span[1]))
    if said.held <= spans:
        # All that was held is stated again: what the person knows of beside it goes on as well.
        there = {(window.start, window.end) for window in windows}
        added = [one.now for one in kept if one.was is None and one.now and one.now not in there]
        windows += [StatedWindow(start=start, end=end) for start, end in added]
    agreed = tuple(one._replace(agreed=one.agreed or one.now in spans) for one in kept)
    return replace(update, windows=tuple(windows) or None), replace(said, windows=agreed)


def _is_news(one: _Window, strangers: Sequence[StatedWindow], update: Update) -> bool:
    """Tell whether windows of which nobody knew say something new of one that was corrected.

    A plan does, of all that it leaves out; but progress only of where it was, and a calendar of its own UIDs.
    """
    if any(window.tag in one.tags for window in strangers):
        return True
    by_tag = all(window.tag for window in update.windows or ()) and update.status is not MaintenanceStatus.RE_SCHEDULED
    if by_tag and (one.tags or not one.was):
        return False
    if update.status not in (MaintenanceStatus.IN_PROCESS, MaintenanceStatus.COMPLETED):
        return bool(strangers)
    there = [span for span in (one.was, one.now) if span]
    return any(window.start < end and start < window.end for window in strangers for start, end in there)


def _heed_circuit(
    update: Update, said: Corrections, key: str, value: Value[Impact | None]
) -> tuple[Update, Corrections]:
    lists = [update.circuits, *(window.circuits for window in update.windows or ())]
    impacts = {one.impact for stated in lists for one in stated or () if circuit_key_of(one.circuit_id) == key}
    if not impacts:
        return update, said
    if impacts - {None, value.now} - value.repeated:
        return update, replace(said, circuits={name: one for name, one in said.circuits.items() if name != key})
    windows = update.windows and tuple(
        replace(window, circuits=_with_correction(window.circuits, key, value.now)) for window in update.windows
    )
    return replace(update, circuits=_with_correction(update.circuits, key, value.now), windows=windows), said


def _with_correction(
    stated: tuple[StatedCircuit, ...] | None, key: str, now: Impact | None
) -> tuple[StatedCircuit, ...] | None:
    """Return a list with the right impact of one circuit, or without it. One that stated nothing else is no list."""
    if not stated:
        return stated
    right = (
        replace(one, impact=now) if circuit_key_of(one.circuit_id) == key else one
        for one in stated
        if now is not None or circuit_key_of(one.circuit_id) != key
    )
    return tuple(right) or None
