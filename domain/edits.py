"""What a person says of an event: made into an edit, or refused; and how long it holds against what mails repeat.

A person's value holds against updates that repeat what it corrected, and yields to one that says something new.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

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
    faults = [*_faults_of_windows(asked, live, now), *_faults_of_circuits(asked, event)]
    if not reason.strip():
        faults.append("the reason is missing: say why, for those who read the history")
    if asked.status is MaintenanceStatus.UNKNOWN:
        known = ", ".join(status.value for status in MaintenanceStatus if status is not MaintenanceStatus.UNKNOWN)
        faults.append(f"status: UNKNOWN is not for people to say, expected one of {known}")
    if faults:
        raise EditRefused(faults)
    windows = _window_corrections(asked, live)
    edit = Edit(
        kind=event.kind,
        provider=event.provider,
        id_key=id_key_of(event.event_id),
        generation=event.generation,
        # A mail may be dated a few minutes ahead; what a person has seen is before what they say.
        stamp=max(now, event.stamp + timedelta(microseconds=1)),
        author=author,
        reason=reason.strip(),
        status=None if asked.status is None or asked.window else (event.status, asked.status),
        windows=windows,
        held=tuple((window.start, window.end) for window in live) if windows else (),
        circuits=_circuit_corrections(asked, event),
        summary=None if asked.summary is None else (event.summary, asked.summary),
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
    for start, end in (*moved, *asked.add_windows):
        stated = StatedWindow(start=start, end=end)
        faults += [f"window {iso_utc(start)} to {iso_utc(end)}: {fault}" for fault in refuse_window(stated, now)]
    return faults


def _faults_of_circuits(asked: Asked, event: Event) -> list[str]:
    held = {circuit_key_of(circuit.circuit_id) for circuit in event.circuits if not circuit.withdrawn}
    names = ", ".join(circuit.circuit_id for circuit in event.circuits if not circuit.withdrawn) or "none"
    return [
        f"circuit {name}: it is not held, there are {names}"
        for name in asked.withdraw_circuits
        if circuit_key_of(name) not in held
    ]


def _moved(asked: Asked, window: Window) -> Span:
    return asked.start or window.start, asked.end or window.end


def _window_corrections(asked: Asked, live: Sequence[Window]) -> tuple[WindowCorrection, ...]:
    corrections = []
    if asked.start or asked.end or asked.window is not None:
        window = live[(asked.window or 1) - 1]
        status = asked.status if asked.window is not None else None
        corrections.append(WindowCorrection(was=(window.start, window.end), now=_moved(asked, window), status=status))
    withdrawn = (live[number - 1] for number in asked.withdraw_windows)
    return (
        *corrections,
        *(WindowCorrection(was=(window.start, window.end), now=None) for window in withdrawn),
        *(WindowCorrection(was=None, now=span) for span in asked.add_windows),
    )


def _circuit_corrections(asked: Asked, event: Event) -> tuple[CircuitCorrection, ...]:
    held = {circuit_key_of(circuit.circuit_id): circuit.impact for circuit in event.circuits if not circuit.withdrawn}
    stated = [
        CircuitCorrection(circuit_id=name, was=held.get(circuit_key_of(name)), now=impact)
        for name, impact in asked.circuits
    ]
    withdrawn = [
        CircuitCorrection(circuit_id=name, was=held[circuit_key_of(name)], now=None) for name in asked.withdraw_circuits
    ]
    return (*stated, *withdrawn)


# --- how long it holds ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Corrections:
    """What people have said of an event and no mail has said anything new of since."""

    edits: tuple[Edit, ...] = ()

    def with_edit(self, edit: Edit) -> "Corrections":
        """Return the corrections with one more; the newest of a field is heeded."""
        earlier = (_without_what(held, edit) for held in self.edits)
        return Corrections((*(held for held in earlier if _says_anything(held)), edit))

    def heeded(self, update: Update) -> tuple[Update, "Corrections"]:
        """Return an update without what it only repeats, and the corrections without what it says anew."""
        if not self.edits:
            return update, self
        kept = []
        for edit in self.edits:
            update, still = _heed(update, edit)
            if _says_anything(still):
                kept.append(still)
        return update, Corrections(tuple(kept))


NO_CORRECTIONS = Corrections()


def _says_anything(edit: Edit) -> bool:
    return bool(edit.status or edit.windows or edit.circuits or edit.summary)


def _without_what(held: Edit, newer: Edit) -> Edit:
    """Return an edit without the fields that a newer one corrects again."""
    again = {circuit_key_of(circuit.circuit_id) for circuit in newer.circuits}
    return replace(
        held,
        status=None if newer.status else held.status,
        summary=None if newer.summary else held.summary,
        circuits=tuple(one for one in held.circuits if circuit_key_of(one.circuit_id) not in again),
    )


def _heed(update: Update, edit: Edit) -> tuple[Update, Edit]:
    if edit.status and update.status is not None:
        was, now = edit.status
        if update.status is was:
            update = replace(update, status=None)
        elif update.status is not now:
            edit = replace(edit, status=None)
    if edit.summary and update.summary is not None:
        if update.summary == edit.summary[0]:
            update = replace(update, summary=None)
        elif update.summary != edit.summary[1]:
            edit = replace(edit, summary=None)
    if edit.windows and update.windows:
        update, edit = _heed_windows(update, edit)
    for correction in edit.circuits:
        update, edit = _heed_circuit(update, edit, correction)
    return update, edit


def _heed_windows(update: Update, edit: Edit) -> tuple[Update, Edit]:
    """Return an update whose windows repeat those that were corrected with what is right instead."""
    stated = update.windows or ()
    right = {window.now for window in edit.windows if window.now}
    if any((window.start, window.end) not in {*edit.held, *right} for window in stated):
        return update, replace(edit, windows=(), held=())
    corrected = {window.was: window.now for window in edit.windows if window.was}
    windows = []
    for window in stated:
        span = corrected.get((window.start, window.end), (window.start, window.end))
        if span is not None:
            windows.append(replace(window, start=span[0], end=span[1]))
    added = [window.now for window in edit.windows if window.was is None and window.now]
    if len(stated) == len(edit.held):
        # All that was held is stated again: what the person knows of beside it goes on as well.
        windows += [
            StatedWindow(start=start, end=end)
            for start, end in added
            if (start, end) not in {(window.start, window.end) for window in windows}
        ]
    return replace(update, windows=tuple(windows) or None), edit


def _heed_circuit(update: Update, edit: Edit, correction: CircuitCorrection) -> tuple[Update, Edit]:
    key = circuit_key_of(correction.circuit_id)
    lists = [update.circuits, *(window.circuits for window in update.windows or ())]
    impacts = {one.impact for stated in lists for one in stated or () if circuit_key_of(one.circuit_id) == key}
    if not impacts:
        return update, edit
    if impacts - {None, correction.was, correction.now}:
        return update, replace(edit, circuits=tuple(one for one in edit.circuits if one is not correction))
    return (
        replace(
            update,
            circuits=_with_correction(update.circuits, key, correction.now),
            windows=None
            if update.windows is None
            else tuple(
                replace(window, circuits=_with_correction(window.circuits, key, correction.now))
                for window in update.windows
            ),
        ),
        edit,
    )


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
