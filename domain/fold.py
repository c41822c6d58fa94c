"""From updates to the event: one total order, one fold, no edit.

The state of an event is recomputed from all of its updates whenever one arrives. So it cannot depend on the order of
arrival, on repetition, or on where the process was stopped. What one account holds meanwhile is in ``domain.holding``.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from typing import NamedTuple

from domain.events import CircuitImpact, Event, HistoryEntry, JsonValue, Update, Window, iso_utc
from domain.holding import Account, HeldCircuit, HeldWindow, listed_in, severity_of
from domain.lifecycle import CANCELLED, CLOSED, COMPLETED, OPEN, UNKNOWN, move_of
from domain.vocabulary import Impact, MaintenanceStatus, Move

# Carriers use a number again: work that begins so long after the end of what bore it before is another event.
GENERATION_GAP = timedelta(days=90)

OrderKey = tuple[datetime, str, int, str, str, str]


def fold(updates: Iterable[Update]) -> tuple[Event, ...]:
    """Return what the updates of one key amount to: one event for each generation, the oldest first.

    Any permutation and any repetition of the same updates gives the same events. No updates give no events.
    """
    generations: list[_Generation] = []
    for update in _in_order(updates):
        if not generations or _begins_anew(generations[-1].facts, update):
            generations.append(_Generation())
        generations[-1].take(update)
    return tuple(generation.event(number) for number, generation in enumerate(generations, start=1))


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


def _in_order(updates: Iterable[Update]) -> Iterator[Update]:
    """Yield the updates in the total order, each once."""
    for _, together_there in groupby(sorted(updates, key=order_of), key=order_of):
        first, *others = together_there
        # Two notices of one message may say different things of one event: their words decide, in any process.
        yield from sorted({first, *others}, key=repr) if others else (first,)


def _account_key(account: str | None) -> str:
    return " ".join((account or "").split()).casefold()


# --- one generation ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    """What an event is after one more update; two of them give the changes. ``status`` None: nothing was heard yet."""

    status: MaintenanceStatus | None = None
    start: datetime | None = None
    end: datetime | None = None
    windows: tuple["_Joined", ...] = ()
    circuits: Mapping[str, HeldCircuit] = field(default_factory=dict)
    summary: str = ""
    organizer: str = ""
    accounts: tuple[str, ...] = ()


class _Step(NamedTuple):
    update: Update
    move: Move
    changes: dict[str, tuple[JsonValue, JsonValue]]


def _begins_anew(facts: _Facts, update: Update) -> bool:
    """Tell whether an update is about another event than the one before it under the same number."""
    if facts.end is None or not update.windows:
        return False
    if min(window.start for window in update.windows) - facts.end <= GENERATION_GAP:
        return False
    return facts.status in CLOSED or facts.end <= update.stamp


@dataclass(slots=True)
class _Generation:
    """One use of a number, while its updates are taken in one after the other."""

    accounts: dict[str, Account] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    # What mails said that name no account: each account begins with it, and as long as none was named it is all.
    common: Account = field(default_factory=Account)
    facts: _Facts = field(default_factory=_Facts)
    steps: list[_Step] = field(default_factory=list)

    def take(self, update: Update) -> None:
        """Take in the next update of the total order."""
        surprises = {account.apply(update, len(self.steps)) for account in self._reached(update)} - {None}
        before, self.facts = self.facts, self._facts_after(update)
        move = _move(before, update, self.facts, surprises)
        self.steps.append(_Step(update, move, _changes(before, self.facts)))

    def event(self, number: int) -> Event:
        """Return the event that the updates amount to."""
        newest, facts = self.steps[-1].update, self.facts
        return Event(
            kind=newest.kind,
            provider=newest.provider,
            event_id=newest.event_id.strip(),
            generation=number,
            status=facts.status or UNKNOWN,
            start=facts.start,
            end=facts.end,
            windows=tuple(window.shown() for window in facts.windows),
            circuits=_shown(facts.circuits),
            accounts=facts.accounts,
            summary=facts.summary,
            organizer=facts.organizer,
            stamp=newest.stamp,
            stamp_inferred=newest.stamp_inferred,
            unverified=any(step.update.unverified for step in self.steps),
            updates=len(self.steps),
            material_digest=_material_digest(facts, self._speaking()),
            history=_history(self.steps),
        )

    def _reached(self, update: Update) -> list[Account]:
        """Return the accounts that an update speaks of: what names none it says of all of them."""
        key = _account_key(update.account)
        if not key:
            return [self.common, *self.accounts.values()]
        if key not in self.accounts:
            self.accounts[key] = self.common.copy()
        self.names[key] = (update.account or "").strip()
        return [self.accounts[key]]

    def _speaking(self) -> list[Account]:
        return list(self.accounts.values()) or [self.common]

    def _facts_after(self, update: Update) -> _Facts:
        accounts = self._speaking()
        windows = _join(accounts)
        live = [window for window in windows if not window.withdrawn]
        return _Facts(
            status=_event_status(accounts),
            start=live[0].start if live else None,
            end=max((window.end for window in live), default=None),
            windows=tuple(windows),
            circuits=_event_circuits(windows, accounts),
            summary=update.summary or self.facts.summary,
            organizer=update.organizer or self.facts.organizer,
            accounts=tuple(sorted(self.names.values())),
        )


# --- all accounts together --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Joined:
    """A window as all accounts see it together."""

    start: datetime
    end: datetime
    status: MaintenanceStatus
    withdrawn: bool
    circuits: Mapping[str, HeldCircuit]

    def shown(self) -> Window:
        """Return the window as it is shown."""
        return Window(
            start=self.start,
            end=self.end,
            status=self.status,
            withdrawn=self.withdrawn,
            circuits=_shown(self.circuits),
        )


def _join(accounts: Iterable[Account]) -> list[_Joined]:
    """Join the windows of all accounts: those with the same times are one."""
    parts: dict[tuple[datetime, datetime], list[HeldWindow]] = {}
    for window in (window for account in accounts for window in account.windows):
        parts.setdefault((window.start, window.end), []).append(window)
    return [_joined(*times, parts[times]) for times in sorted(parts)]


def _joined(start: datetime, end: datetime, parts: Sequence[HeldWindow]) -> _Joined:
    """Return one window out of its parts. It is live if any of them is."""
    live = [window for window in parts if not window.withdrawn]
    return _Joined(
        start=start,
        end=end,
        status=_together([window.status or UNKNOWN for window in live or parts]),
        withdrawn=not live,
        circuits=_union([(window.circuits.held, False) for window in parts]),
    )


def _together(statuses: Sequence[MaintenanceStatus]) -> MaintenanceStatus:
    """Return the most advanced open status; a closed one only where all are closed."""
    still_open = [status for status in statuses if status not in CLOSED]
    if still_open:
        return max(still_open, key=OPEN.index)
    return COMPLETED if COMPLETED in statuses else CANCELLED


def _event_status(accounts: Sequence[Account]) -> MaintenanceStatus:
    """Return the newest stated status; closed only where every account that has circuits is."""
    concerned = [account for account in accounts if account.has_circuits()] or accounts
    still_open = [account for account in concerned if account.status() not in CLOSED]
    if still_open:
        return max(still_open, key=lambda account: account.stated_at).status()
    return _together([account.status() for account in concerned])


def _event_circuits(windows: Iterable[_Joined], accounts: Iterable[Account]) -> Mapping[str, HeldCircuit]:
    """Return the circuits of all windows. What stands only in a withdrawn window is withdrawn with it."""
    placed = [(window.circuits.held, window.withdrawn) for account in accounts for window in account.windows]
    return _union([*placed, *((account.unplaced.held, False) for account in accounts if account.unplaced.held)])


def _union(lists: Sequence[tuple[Mapping[str, HeldCircuit], bool]]) -> Mapping[str, HeldCircuit]:
    """Return all circuits of several lists, some of which are withdrawn as a whole.

    A circuit is live if it is in any of them, and has the worst impact that is stated of it.
    """
    if len(lists) == 1 and not lists[0][1]:
        return lists[0][0]
    best: dict[str, HeldCircuit] = {}
    for circuits, withdrawn in lists:
        for key, one in circuits.items():
            held = one._replace(withdrawn=True) if withdrawn and not one.withdrawn else one
            known = best.get(key)
            if known is None or (held != known and _weight(held) > _weight(known)):
                best[key] = held
    return best


def _weight(held: HeldCircuit) -> tuple[bool, int, str]:
    return (not held.withdrawn, severity_of(held.impact or Impact.OUTAGE), held.circuit_id)


def _shown(circuits: Mapping[str, HeldCircuit]) -> tuple[CircuitImpact, ...]:
    """Return circuits as they are shown; one whose impact nobody states is an outage. Source: BCOP maintnote 3.6.5."""
    return tuple(
        CircuitImpact(circuit_id=held.circuit_id, impact=held.impact or Impact.OUTAGE, withdrawn=held.withdrawn)
        for held in sorted(circuits.values(), key=lambda held: (held.circuit_id, held.withdrawn))
    )


def _live(circuits: Mapping[str, HeldCircuit]) -> dict[str, tuple[str, Impact]]:
    return {
        key: (held.circuit_id, held.impact or Impact.OUTAGE) for key, held in circuits.items() if not held.withdrawn
    }


def _material_digest(facts: _Facts, accounts: Sequence[Account]) -> str:
    """Return the digest of what a person must see again when it changes: windows, circuits, impacts, cancelled."""
    planned: dict[tuple[datetime, datetime], tuple[datetime, datetime]] = {}
    for window in (window for account in accounts for window in account.windows):
        start, end = planned.get((window.start, window.end), (window.planned_start, window.planned_end))
        planned[window.start, window.end] = (min(start, window.planned_start), max(end, window.planned_end))
    material = {
        "cancelled": facts.status is CANCELLED,
        "windows": [
            [*map(iso_utc, planned[window.start, window.end]), _impacts(window.circuits)]
            for window in facts.windows
            if not window.withdrawn
        ],
        "unplaced": _impacts(_union([(account.unplaced.held, False) for account in accounts])),
    }
    return hashlib.sha256(json.dumps(material, sort_keys=True).encode()).hexdigest()


def _impacts(circuits: Mapping[str, HeldCircuit]) -> list[tuple[str, str]]:
    """Return the live circuits with their impacts, by key: another spelling of an id is nothing new."""
    return sorted((key, impact.value) for key, (_, impact) in _live(circuits).items())


# --- history ----------------------------------------------------------------------------------------------------


def _move(before: _Facts, update: Update, after: _Facts, surprises: Collection[Move | None]) -> Move:
    if surprises:
        return min(move for move in surprises if move)
    move = move_of(before.status, update.status)
    # One night of three is done: the event goes on.
    return Move.ADVANCED if move is Move.CLOSED and after.status not in CLOSED else move


def _changes(before: _Facts, after: _Facts) -> dict[str, tuple[JsonValue, JsonValue]]:
    """Return the fields that changed, old and new. Of the circuits only those that changed: lists can be long."""
    changes: dict[str, tuple[JsonValue, JsonValue]] = {}
    if before.status != after.status:
        changes["status"] = (_text(before.status), _text(after.status))
    for name, old_time, new_time in (("start", before.start, after.start), ("end", before.end, after.end)):
        if old_time != new_time:
            changes[name] = (_time(old_time), _time(new_time))
    if _nights(before) != _nights(after):
        changes["windows"] = (_windows_json(before), _windows_json(after))
    if before.summary != after.summary:
        changes["summary"] = (before.summary, after.summary)
    if before.organizer != after.organizer:
        changes["organizer"] = (before.organizer, after.organizer)
    if before.accounts != after.accounts:
        changes["accounts"] = ([*before.accounts], [*after.accounts])
    if before.circuits is not after.circuits:
        old_circuits, new_circuits = _live(before.circuits), _live(after.circuits)
        gone = [held for key, held in old_circuits.items() if new_circuits.get(key) != held]
        come = [held for key, held in new_circuits.items() if old_circuits.get(key) != held]
        if gone or come:
            changes["circuits"] = (_circuits_json(gone), _circuits_json(come))
    return changes


def _text(value: MaintenanceStatus | None) -> JsonValue:
    return None if value is None else value.value


def _time(value: datetime | None) -> JsonValue:
    return None if value is None else iso_utc(value)


def _nights(facts: _Facts) -> list[tuple[datetime, datetime, MaintenanceStatus]]:
    return [(window.start, window.end, window.status) for window in facts.windows if not window.withdrawn]


def _windows_json(facts: _Facts) -> JsonValue:
    return [
        {"start": iso_utc(start), "end": iso_utc(end), "status": status.value} for start, end, status in _nights(facts)
    ]


def _circuits_json(circuits: Iterable[tuple[str, Impact]]) -> JsonValue:
    return [{"circuit_id": circuit_id, "impact": impact.value} for circuit_id, impact in sorted(circuits)]


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
    return fields | {(f"circuit {key}", account) for key in listed_in(update)}
