"""From updates to the event: one total order, one fold, no edit.

The state of an event is recomputed from all of its updates whenever one arrives. So it cannot depend on the order of
arrival, on repetition, or on where the process was stopped. What one account holds meanwhile is in ``domain.holding``,
how long a person's word holds against what mails repeat in ``domain.edits``.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple

from domain.edits import NO_CORRECTIONS, Corrections, Seen
from domain.events import (
    CircuitImpact,
    Edit,
    Event,
    HistoryEntry,
    JsonValue,
    Span,
    Update,
    Window,
    circuit_key_of,
    id_key_of,
    iso_utc,
)
from domain.holding import (
    Account,
    HeldCircuit,
    HeldWindow,
    cancels_part,
    is_in_reserve,
    listed_in,
    severity_of,
    together,
)
from domain.lifecycle import CANCELLED, CLOSED, UNKNOWN, move_of
from domain.vocabulary import Impact, MaintenanceStatus, Move

# Carriers use a number again: work that begins so long after the end of what bore it before is another event.
GENERATION_GAP = timedelta(days=90)

OrderKey = tuple[datetime, str, int, str, str, str]


def fold(updates: Iterable[Update], edits: Iterable[Edit] = ()) -> tuple[Event, ...]:
    """Return what the updates of one key amount to: one event for each generation, the oldest first.

    Any permutation and any repetition of the same updates gives the same events. No updates give no events; nor do
    those alone that name the event by which this one, of which nobody has told, is replaced.
    """
    told = list(updates)
    if all(update.replaced_by for update in told):
        return ()
    generations: list[_Generation] = []
    said = sorted({*edits}, key=_order_of_edit, reverse=True)
    for update in _in_order(told):
        while said and said[-1].stamp < update.stamp:
            _correct(generations, said.pop())
        if not generations or generations[-1].is_over_before(update):
            generations.append(_Generation())
        generations[-1].take(update)
    while said:
        _correct(generations, said.pop())
    return tuple(generation.event(number) for number, generation in enumerate(generations, start=1))


def _order_of_edit(edit: Edit) -> tuple[datetime, str, str]:
    return edit.stamp, edit.author, repr(edit)


def _correct(generations: Sequence["_Generation"], edit: Edit) -> None:
    """Let a person correct the generation that they saw; what they saw may be gone, with the mail that told of it."""
    if not generations:
        return
    meant = generations[min(edit.generation, len(generations)) - 1]
    if edit.seen_start is not None:
        seen = edit.seen_start
        begun = [(abs(one.facts.start - seen), one) for one in generations if one.facts.start is not None]
        _, meant = min(begun, key=lambda one: one[0], default=(None, meant))
    meant.correct(edit)


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


def _same_id(one: str, other: str | None) -> bool:
    return other is not None and id_key_of(one) == id_key_of(other)


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
    replaces: str | None = None
    replaced_by: str | None = None


class _Step(NamedTuple):
    said: Update | Edit
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
    newest: Update | None = None
    references: set[str] = field(default_factory=set)
    corrections: Corrections = NO_CORRECTIONS

    def take(self, stated: Update) -> None:
        """Take in the next update of the total order, but for what a person has corrected and it only repeats."""
        index = len(self.steps)
        corrected = self.corrections
        update, self.corrections = corrected.heeded(stated)
        if update.replaced_by and _same_id(update.replaced_by, self.facts.replaced_by):
            # Each notice of the new event says it again.
            update = replace(update, status=None)
        self.newest = stated
        self.references.update(stated.references)
        reached = self._reached(update)
        if corrected.status and not self.corrections.status:
            for account in self._all():
                account.forget_status()
        partly = cancels_part(reached, update)
        surprises = {account.apply(update, index, partly=partly) for account in reached} - {None}
        if self.accounts and not _account_key(update.account):
            self.common.apply(update, index, partly=partly)
        if corrected.status and stated.status and update.status is None and not stated.replaced_by:
            known = [(window.start, window.end) for window in self.facts.windows if not window.withdrawn]
            for account in [*reached, self.common]:
                account.learn_status(stated.status, known, corrected.status.now)
        before, self.facts = self.facts, self._facts_after(update)
        move = next(iter(surprises), None) or _move(before, update, self.facts)
        self.steps.append(_Step(stated, move, _changes(before, self.facts)))

    def correct(self, edit: Edit) -> None:
        """Take in what a person says."""
        index = len(self.steps)
        accounts = self._all()
        meant = [self._meant(edit, account) for account in accounts]
        tags = {
            span: frozenset(window.tag for of_account in meant for window in of_account[span] if window.tag)
            for span in meant[0]
        }
        self.corrections = self.corrections.with_edit(edit, self._seen(tags))
        named = {circuit_key_of(one.circuit_id) for one in edit.circuits}
        new = {key for key in named if key not in _live(self.facts.circuits)}
        for account, windows in zip(accounts, meant, strict=True):
            # What no account holds is from now on of the first one.
            adds = new if account is self._speaking()[0] else set()
            account.correct(edit, index, meant=windows, adds=adds)
        before, self.facts = self.facts, self._facts_after(edit)
        changes = _changes(before, self.facts) | {"reason": (None, edit.reason)}
        self.steps.append(_Step(edit, Move.CORRECTED, changes))

    def is_over_before(self, stated: Update) -> bool:
        """Tell whether an update is about another event than this one, under the same number."""
        update, _ = self.corrections.heeded(stated)
        return _begins_anew(self.facts, update)

    def event(self, number: int) -> Event:
        """Return the event that the updates amount to."""
        newest, facts = self.newest, self.facts
        assert newest is not None
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
            stamp=self.steps[-1].said.stamp,
            stamp_inferred=newest.stamp_inferred,
            unverified=any(isinstance(step.said, Update) and step.said.unverified for step in self.steps),
            updates=len(self.steps),
            material_digest=_material_digest(facts, self._speaking()),
            references=tuple(sorted(self.references)),
            replaces=facts.replaces,
            replaced_by=facts.replaced_by,
            history=_history(self.steps, self.accounts or {""}),
        )

    def _reached(self, update: Update) -> list[Account]:
        """Return the accounts that an update speaks of: what names none it says of all of them."""
        key = _account_key(update.account)
        if not key:
            return self._speaking()
        if key not in self.accounts:
            self.accounts[key] = self.common.copy()
        self.names[key] = (update.account or "").strip()
        return [self.accounts[key]]

    def _all(self) -> list[Account]:
        return [*self.accounts.values(), self.common]

    def _meant(self, edit: Edit, account: Account) -> dict[Span, list[HeldWindow]]:
        """Return the windows of an account that a person means by each start and end that they correct."""
        spans = [one.was for one in edit.windows if one.was]
        known = {span for span in spans if any(one.at(span) for one in self._all())}
        return {span: account.at(span) if span in known else account.closest(span, edit.held) for span in spans}

    def _seen(self, tags: Mapping[Span, frozenset[str]]) -> Seen:
        """Return what the event is when a person corrects it."""
        impacts: dict[str, set[Impact | None]] = {}
        for account in self._all():
            for circuits in (account.unplaced, *(window.circuits for window in account.live())):
                for key in circuits.live():
                    impacts.setdefault(key, set()).add(circuits.held[key].impact)
        return Seen(
            statuses=frozenset().union(*(account.statuses() for account in self._speaking())),
            impacts={key: frozenset(found) for key, found in impacts.items()},
            summary=self.facts.summary,
            tags=tags,
        )

    def _speaking(self) -> list[Account]:
        return list(self.accounts.values()) or [self.common]

    def _facts_after(self, said: Update | Edit) -> _Facts:
        accounts = self._speaking()
        concerned = [account.has_circuits() for account in accounts]
        heard = concerned if any(concerned) else [True] * len(accounts)
        windows = _join(accounts, heard)
        live = [window for window in windows if not window.withdrawn]
        unplaced = [(account.unplaced.held, False) for account in accounts if account.unplaced.held]
        return _Facts(
            status=_event_status(
                [account for account, is_heard in zip(accounts, heard, strict=True) if is_heard], live
            ),
            start=live[0].start if live else None,
            end=max((window.end for window in live), default=None),
            windows=tuple(windows),
            # What stands only in a withdrawn window is withdrawn with it.
            circuits=_union([*((window.circuits, window.withdrawn) for window in windows), *unplaced]),
            accounts=tuple(sorted(self.names.values())),
            **self._newest_words(said),
        )

    def _newest_words(self, said: Update | Edit) -> dict[str, Any]:
        """Return the fields of which the newest that is not empty counts, whoever says it."""
        facts = self.facts
        if isinstance(said, Edit):
            summary, update = (said.summary[1] if said.summary else None), None
        else:
            summary, update = said.summary, said
        replaced_by = (update and update.replaced_by) or facts.replaced_by
        if replaced_by and update and update.replaces and _same_id(update.replaces, replaced_by):
            # The work has come back to where it was before.
            replaced_by = None
        return {
            "summary": facts.summary if summary is None else summary or facts.summary,
            "organizer": (update and update.organizer) or facts.organizer,
            "replaces": (update and update.replaces) or facts.replaces,
            "replaced_by": replaced_by,
        }


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


def _join(accounts: Sequence[Account], heard: Sequence[bool]) -> list[_Joined]:
    """Join the windows of all accounts: those with the same times are one. ``heard``: whose status counts there."""
    parts: dict[tuple[datetime, datetime], list[tuple[HeldWindow, bool]]] = {}
    for account, is_heard in zip(accounts, heard, strict=True):
        for window in account.windows:
            parts.setdefault((window.start, window.end), []).append((window, is_heard))
    return [_joined(*times, parts[times]) for times in sorted(parts)]


def _joined(start: datetime, end: datetime, parts: Sequence[tuple[HeldWindow, bool]]) -> _Joined:
    """Return one window out of its parts. It is live if any of them is; a part that is cancelled alone is withdrawn."""
    live = [(window, is_heard) for window, is_heard in parts if not window.withdrawn]
    speaking = live or parts
    statuses = [window.status or UNKNOWN for window, is_heard in speaking if is_heard]
    status = together(statuses or [window.status or UNKNOWN for window, _ in speaking])
    gone = [
        window.withdrawn or (window.status is CANCELLED and status is not CANCELLED) if live else False
        for window, _ in parts
    ]
    circuits = _union([(window.circuits.held, is_gone) for (window, _), is_gone in zip(parts, gone, strict=True)])
    return _Joined(start=start, end=end, status=status, withdrawn=not live, circuits=circuits)


def _event_status(concerned: Sequence[Account], live: Sequence[_Joined]) -> MaintenanceStatus:
    """Return the newest stated status; closed only where every account that has circuits is, and every window."""
    still_open = [account for account in concerned if account.status() not in CLOSED]
    if still_open:
        return max(still_open, key=lambda account: account.stated_at).status()
    of_all = [_live(window.circuits) for window in live]
    awaited = [
        window
        for window, circuits in zip(live, of_all, strict=True)
        if not is_in_reserve(window.status, circuits, of_all)
    ]
    if any(window.status not in CLOSED for window in awaited):
        return together([window.status for window in awaited])
    return together([account.status() for account in concerned])


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
    return (not held.withdrawn, severity_of(held.impact), held.circuit_id)


def _shown(circuits: Mapping[str, HeldCircuit]) -> tuple[CircuitImpact, ...]:
    """Return circuits as they are shown; one whose impact nobody states is an outage. Source: BCOP maintnote 3.6.5."""
    return tuple(
        CircuitImpact(circuit_id=held.circuit_id, impact=held.impact or Impact.OUTAGE, withdrawn=held.withdrawn)
        for held in sorted(circuits.values(), key=lambda held: (held.circuit_id, held.withdrawn))
    )


def _live(circuits: Mapping[str, HeldCircuit]) -> dict[str, Impact]:
    return {key: impact for key, held in circuits.items() if (impact := _live_impact(held))}


def _live_impact(held: HeldCircuit | None) -> Impact | None:
    """Return the impact as it is shown, None for what is withdrawn or not held."""
    return None if held is None or held.withdrawn else held.impact or Impact.OUTAGE


def _material_digest(facts: _Facts, accounts: Sequence[Account]) -> str:
    """Return the digest of what a person must see again when it changes: windows, circuits, impacts, cancelled."""
    planned: dict[tuple[datetime, datetime], list[tuple[Mapping[str, HeldCircuit], bool]]] = {}
    for window in (window for account in accounts for window in account.live() if window.status is not CANCELLED):
        planned.setdefault((window.planned_start, window.planned_end), []).append((window.circuits.held, False))
    unplaced = _union([(account.unplaced.held, False) for account in accounts])
    material = {
        "cancelled": facts.status is CANCELLED,
        "windows": [
            [iso_utc(start), iso_utc(end), _live(_union(parts))] for (start, end), parts in sorted(planned.items())
        ],
        "unplaced": _live(unplaced),
    }
    return hashlib.sha256(json.dumps(material, sort_keys=True).encode()).hexdigest()


# --- history ----------------------------------------------------------------------------------------------------


def _move(before: _Facts, update: Update, after: _Facts) -> Move:
    """Return the name of the move that an update makes: that of the table, unless the event goes on beside it."""
    move = move_of(before.status, update.status)
    if update.replaced_by:
        return Move.REPEATED if _same_id(update.replaced_by, before.replaced_by) else Move.REPLACED
    if after.status in CLOSED:
        return move
    if before.status in CLOSED:
        return Move.REOPENED
    if move is Move.CLOSED:
        return Move.PARTLY_CANCELLED if update.status is CANCELLED else Move.ADVANCED
    return Move.OPENED if move is Move.LATE else move


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
    for name in ("summary", "organizer", "replaces", "replaced_by"):
        old, new = getattr(before, name), getattr(after, name)
        if old != new:
            changes[name] = (old, new)
    if before.accounts != after.accounts:
        changes["accounts"] = ([*before.accounts], [*after.accounts])
    gone, come = _circuit_changes(before.circuits, after.circuits)
    if gone or come:
        changes["circuits"] = (_circuits_json(gone), _circuits_json(come))
    return changes


def _circuit_changes(
    before: Mapping[str, HeldCircuit], after: Mapping[str, HeldCircuit]
) -> tuple[list[tuple[str, Impact]], list[tuple[str, Impact]]]:
    """Return the live circuits that went, and those that came, by id and impact. None is ever forgotten."""
    gone, come = [], []
    for key, held in after.items():
        known = before.get(key)
        if known is held:
            continue
        old, new = _live_impact(known), _live_impact(held)
        if known and old and old is not new:
            gone.append((known.circuit_id, old))
        if new and old is not new:
            come.append((held.circuit_id, new))
    return gone, come


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


def _history(steps: Sequence[_Step], accounts: Collection[str]) -> tuple[HistoryEntry, ...]:
    """Return the steps with ``superseded``: every field that the update stated was stated again later."""
    stated_later: set[tuple[str, str]] = set()
    entries = []
    for step in reversed(steps):
        stated = _stated_fields(step.said, accounts)
        entries.append(
            HistoryEntry(
                stamp=step.said.stamp,
                move=step.move,
                source=step.said.source,
                superseded=stated <= stated_later,
                changes=step.changes,
            )
        )
        stated_later |= stated
    return tuple(reversed(entries))


def _stated_fields(said: Update | Edit, accounts: Collection[str]) -> set[tuple[str, str]]:
    """Return the fields that an update states, each with the account that it states it of, or those of all."""
    if isinstance(said, Edit):
        return _corrected_fields(said, accounts)
    of_event = {
        "summary": said.summary,
        "organizer": said.organizer,
        "replaces": said.replaces,
        "replaced_by": said.replaced_by,
    }
    of_account = {"status": said.status, "windows": said.windows}
    names = [name for name, value in of_account.items() if value] + [f"circuit {key}" for key in listed_in(said)]
    key = _account_key(said.account)
    return {(name, "") for name, value in of_event.items() if value} | {
        (name, account) for account in ([key] if key else accounts) for name in names
    }


def _corrected_fields(edit: Edit, accounts: Collection[str]) -> set[tuple[str, str]]:
    names = [name for name, value in (("status", edit.status), ("windows", edit.windows)) if value]
    names += [f"circuit {circuit_key_of(circuit.circuit_id)}" for circuit in edit.circuits]
    of_event = {("summary", "")} if edit.summary else set()
    return of_event | {(name, account) for account in accounts for name in names}
