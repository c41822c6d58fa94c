"""A maintenance while its updates are taken in one after the other, in their order.

What one account holds meanwhile is in ``domain.holding``, how long a person's word holds against what mails repeat in
``domain.edits``.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from domain.accounts import Accounts
from domain.edits import NO_CORRECTIONS, Corrections, Seen
from domain.events import (
    Edit,
    Event,
    JsonValue,
    Span,
    Update,
    Window,
    circuit_key_of,
    iso_utc,
)
from domain.holding import (
    Account,
    HeldCircuit,
    HeldWindow,
    cancels_part,
    is_in_reserve,
    listed_in,
    together,
)
from domain.lifecycle import CANCELLED, CLOSED, UNKNOWN, move_of
from domain.telling import (
    GENERATION_GAP,
    Field,
    Step,
    account_key,
    circuit_changes,
    circuits_json,
    digest_of,
    history_of,
    live_circuits,
    newest_words,
    same_id,
    shown,
    text_of,
    time_of,
    union,
)
from domain.vocabulary import Impact, MaintenanceStatus, Move


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


def _begins_anew(facts: _Facts, update: Update) -> bool:
    """Tell whether an update is about another event than the one before it under the same number."""
    if facts.end is None or not update.windows:
        return False
    if min(window.start for window in update.windows) - facts.end <= GENERATION_GAP:
        return False
    return facts.status in CLOSED or facts.end <= update.stamp


@dataclass(slots=True)
class Maintenance:
    """One use of a number, while its updates are taken in one after the other."""

    accounts: Accounts[Account] = field(default_factory=lambda: Accounts(Account()))
    facts: _Facts = field(default_factory=_Facts)
    steps: list[Step] = field(default_factory=list)
    newest: Update | None = None
    references: set[str] = field(default_factory=set)
    corrections: Corrections = NO_CORRECTIONS

    def take(self, stated: Update) -> None:
        """Take in the next update of the total order, but for what a person has corrected and it only repeats."""
        index = len(self.steps)
        corrected = self.corrections
        update, self.corrections = corrected.heeded(stated)
        if update.replaced_by and same_id(update.replaced_by, self.facts.replaced_by):
            # Each notice of the new event says it again.
            update = replace(update, status=None)
        self.newest = stated
        self.references.update(stated.references)
        reached = self.accounts.reached(update.account)
        if corrected.status and not self.corrections.status:
            for account in self.accounts.all():
                account.forget_status()
        partly = cancels_part(reached, update)
        surprises = {account.apply(update, index, partly=partly) for account in reached} - {None}
        if self.accounts.named and not account_key(update.account):
            self.accounts.common.apply(update, index, partly=partly)
        if corrected.status and stated.status and update.status is None and not stated.replaced_by:
            known = [(window.start, window.end) for window in self.facts.windows if not window.withdrawn]
            for account in [*reached, self.accounts.common]:
                account.learn_status(stated.status, known, corrected.status.now)
        before, self.facts = self.facts, self._facts_after(update)
        move = next(iter(surprises), None) or _move(before, update, self.facts)
        self.steps.append(Step(stated, move, _changes(before, self.facts)))

    def correct(self, edit: Edit) -> None:
        """Take in what a person says."""
        index = len(self.steps)
        accounts = self.accounts.all()
        meant = [self._meant(edit, account) for account in accounts]
        tags = {
            span: frozenset(window.tag for of_account in meant for window in of_account[span] if window.tag)
            for span in meant[0]
        }
        self.corrections = self.corrections.with_edit(edit, self._seen(tags))
        named = {circuit_key_of(one.circuit_id) for one in edit.circuits}
        new = {key for key in named if key not in live_circuits(self.facts.circuits)}
        for account, windows in zip(accounts, meant, strict=True):
            # What no account holds is from now on of the first one.
            adds = new if account is self.accounts.speaking()[0] else set()
            account.correct(edit, index, meant=windows, adds=adds)
        before, self.facts = self.facts, self._facts_after(edit)
        changes = _changes(before, self.facts) | {"reason": (None, edit.reason)}
        self.steps.append(Step(edit, Move.CORRECTED, changes))

    @property
    def start(self) -> datetime | None:
        """Return when the first window begins, None where none is known."""
        return self.facts.start

    def is_over_before(self, said: Update | Edit) -> bool:
        """Tell whether an update is about another event than this one, under the same number."""
        if isinstance(said, Edit):
            return False
        update, _ = self.corrections.heeded(said)
        return _begins_anew(self.facts, update)

    def event(self, number: int) -> Event:
        """Return the event that the updates amount to."""
        newest, facts = self.newest, self.facts
        accounts = self.accounts.named or {""}
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
            circuits=shown(facts.circuits),
            accounts=facts.accounts,
            summary=facts.summary,
            organizer=facts.organizer,
            stamp=self.steps[-1].said.stamp,
            stamp_inferred=newest.stamp_inferred,
            unverified=any(isinstance(step.said, Update) and step.said.unverified for step in self.steps),
            updates=len(self.steps),
            material_digest=_material_digest(facts, self.accounts.speaking()),
            references=tuple(sorted(self.references)),
            replaces=facts.replaces,
            replaced_by=facts.replaced_by,
            history=history_of(self.steps, lambda said: _stated_fields(said, accounts)),
        )

    def _meant(self, edit: Edit, account: Account) -> dict[Span, list[HeldWindow]]:
        """Return the windows of an account that a person means by each start and end that they correct."""
        spans = [one.was for one in edit.windows if one.was]
        known = {span for span in spans if any(one.at(span) for one in self.accounts.all())}
        return {span: account.at(span) if span in known else account.closest(span, edit.held) for span in spans}

    def _seen(self, tags: Mapping[Span, frozenset[str]]) -> Seen:
        """Return what the event is when a person corrects it."""
        impacts: dict[str, set[Impact | None]] = {}
        for account in self.accounts.all():
            for circuits in (account.unplaced, *(window.circuits for window in account.live())):
                for key in circuits.live():
                    impacts.setdefault(key, set()).add(circuits.held[key].impact)
        return Seen(
            statuses=frozenset().union(*(account.statuses() for account in self.accounts.speaking())),
            impacts={key: frozenset(found) for key, found in impacts.items()},
            summary=self.facts.summary,
            tags=tags,
        )

    def _facts_after(self, said: Update | Edit) -> _Facts:
        accounts = self.accounts.speaking()
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
            circuits=union([*((window.circuits, window.withdrawn) for window in windows), *unplaced]),
            accounts=self.accounts.shown(),
            **self._newest_words(said),
        )

    def _newest_words(self, said: Update | Edit) -> dict[str, Any]:
        """Return the fields of which the newest that is not empty counts, whoever says it."""
        facts = self.facts
        update = None if isinstance(said, Edit) else said
        summary, organizer = newest_words(said, facts.summary, facts.organizer)
        replaced_by = (update and update.replaced_by) or facts.replaced_by
        if replaced_by and update and update.replaces and same_id(update.replaces, replaced_by):
            # The work has come back to where it was before.
            replaced_by = None
        return {
            "summary": summary,
            "organizer": organizer,
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
            circuits=shown(self.circuits),
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
    circuits = union([(window.circuits.held, is_gone) for (window, _), is_gone in zip(parts, gone, strict=True)])
    return _Joined(start=start, end=end, status=status, withdrawn=not live, circuits=circuits)


def _event_status(concerned: Sequence[Account], live: Sequence[_Joined]) -> MaintenanceStatus:
    """Return the newest stated status; closed only where every account that has circuits is, and every window."""
    still_open = [account for account in concerned if account.status() not in CLOSED]
    if still_open:
        return max(still_open, key=lambda account: account.stated_at).status()
    of_all = [live_circuits(window.circuits) for window in live]
    awaited = [
        window
        for window, circuits in zip(live, of_all, strict=True)
        if not is_in_reserve(window.status, circuits, of_all)
    ]
    if any(window.status not in CLOSED for window in awaited):
        return together([window.status for window in awaited])
    return together([account.status() for account in concerned])


def _material_digest(facts: _Facts, accounts: Sequence[Account]) -> str:
    """Return the digest of what a person must see again when it changes: windows, circuits, impacts, cancelled."""
    planned: dict[tuple[datetime, datetime], list[tuple[Mapping[str, HeldCircuit], bool]]] = {}
    for window in (window for account in accounts for window in account.live() if window.status is not CANCELLED):
        planned.setdefault((window.planned_start, window.planned_end), []).append((window.circuits.held, False))
    unplaced = union([(account.unplaced.held, False) for account in accounts])
    material = {
        "cancelled": facts.status is CANCELLED,
        "windows": [
            [iso_utc(start), iso_utc(end), live_circuits(union(parts))]
            for (start, end), parts in sorted(planned.items())
        ],
        "unplaced": live_circuits(unplaced),
    }
    return digest_of(material)


# --- history ----------------------------------------------------------------------------------------------------


def _move(before: _Facts, update: Update, after: _Facts) -> Move:
    """Return the name of the move that an update makes: that of the table, unless the event goes on beside it."""
    move = move_of(before.status, update.status)
    if update.replaced_by:
        return Move.REPEATED if same_id(update.replaced_by, before.replaced_by) else Move.REPLACED
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
        changes["status"] = (text_of(before.status), text_of(after.status))
    for name, old_time, new_time in (("start", before.start, after.start), ("end", before.end, after.end)):
        if old_time != new_time:
            changes[name] = (time_of(old_time), time_of(new_time))
    if _nights(before) != _nights(after):
        changes["windows"] = (_windows_json(before), _windows_json(after))
    for name in ("summary", "organizer", "replaces", "replaced_by"):
        old, new = getattr(before, name), getattr(after, name)
        if old != new:
            changes[name] = (old, new)
    if before.accounts != after.accounts:
        changes["accounts"] = ([*before.accounts], [*after.accounts])
    gone, come = circuit_changes(before.circuits, after.circuits)
    old_circuits, new_circuits = circuits_json(gone), circuits_json(come)
    for start, lost, won in _changes_of_windows(before, after, {circuit_id for circuit_id, _ in (*gone, *come)}):
        old_circuits += circuits_json(lost, window=start)
        new_circuits += circuits_json(won, window=start)
    if old_circuits or new_circuits:
        changes["circuits"] = (old_circuits, new_circuits)
    return changes


def _changes_of_windows(
    before: _Facts, after: _Facts, told: Collection[str]
) -> Iterator[tuple[datetime, list[tuple[str, Impact]], list[tuple[str, Impact]]]]:
    """Yield the start of each window that stays, and the circuits that went and came in it alone."""
    held = {(window.start, window.end): window for window in before.windows if not window.withdrawn}
    for window in after.windows:
        known = held.get((window.start, window.end))
        if known is None or window.withdrawn or known.circuits is window.circuits:
            continue
        gone, come = circuit_changes(known.circuits, window.circuits)
        lost, won = ([one for one in changed if one[0] not in told] for changed in (gone, come))
        if lost or won:
            yield window.start, lost, won


def _nights(facts: _Facts) -> list[tuple[datetime, datetime, MaintenanceStatus]]:
    return [(window.start, window.end, window.status) for window in facts.windows if not window.withdrawn]


def _windows_json(facts: _Facts) -> JsonValue:
    return [
        {"start": iso_utc(start), "end": iso_utc(end), "status": status.value} for start, end, status in _nights(facts)
    ]


def _stated_fields(said: Update | Edit, accounts: Collection[str]) -> set[Field]:
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
    key = account_key(said.account)
    return {(name, "") for name, value in of_event.items() if value} | {
        (name, account) for account in ([key] if key else accounts) for name in names
    }


def _corrected_fields(edit: Edit, accounts: Collection[str]) -> set[Field]:
    names = [name for name, value in (("status", edit.status), ("windows", edit.windows)) if value]
    names += [f"circuit {circuit_key_of(circuit.circuit_id)}" for circuit in edit.circuits]
    of_event = {("summary", "")} if edit.summary else set()
    return of_event | {(name, account) for account in accounts for name in names}
