"""An outage while its updates are taken in one after the other, in their order, and the history of its ETR."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any

from domain.accounts import Accounts
from domain.edits import NO_CORRECTIONS, Corrections, Seen, Value
from domain.events import (
    Edit,
    EtrRevision,
    Event,
    JsonValue,
    OutageCorrection,
    StatedEtr,
    StatedOutage,
    Update,
    circuit_key_of,
)
from domain.holding import NO_CIRCUITS, Circuits, HeldCircuit, corrected, listed_in
from domain.lifecycle import IDENTIFIED, INVESTIGATING, REPORTED, RESOLVED, outage_move_of
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
    shown,
    text_of,
    time_of,
    union,
)
from domain.vocabulary import EtrMove, Impact, Kind, Move, OutageStatus

# The service is not back yet: what was said to be its end was not.
_DOWN = (REPORTED, INVESTIGATING, IDENTIFIED)

# What a person corrects of an outage, beside its circuits and its summary.
_CORRECTED = ("status", "start", "end", "reported_at", "etr", "cause")


@dataclass(slots=True)
class _Account:
    """What the updates of one account amount to so far.

    ``end`` is the one that was stated since the service was last lost, ``resolved_at`` when it was first said to be
    back since then.
    """

    status: OutageStatus | None = None
    stated_at: int = -1
    end: datetime | None = None
    resolved_at: datetime | None = None
    circuits: Circuits = NO_CIRCUITS

    def copy(self) -> "_Account":
        """Return a copy that can go its own way."""
        return replace(self)

    @property
    def is_open(self) -> bool:
        return self.status is not RESOLVED

    def hear(self, status: OutageStatus | None, end: datetime | None, *, stamp: datetime, index: int) -> None:
        """Take in what is said of the course of the outage."""
        if status:
            if status in _DOWN or (status is not RESOLVED and not self.is_open):
                self.end = self.resolved_at = None
            self.status, self.stated_at = status, index
        self.end = end or self.end
        if not self.is_open and self.resolved_at is None:
            self.resolved_at = stamp


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    """What an outage is after one more update; two of them give the changes. ``status`` None: nothing was heard yet."""

    status: OutageStatus | None = None
    start: datetime | None = None
    end: datetime | None = None
    end_inferred: bool = False
    reported_at: datetime | None = None
    etr: datetime | None = None
    cause: str | None = None
    zone: str | None = None
    circuits: Mapping[str, HeldCircuit] = field(default_factory=dict)
    summary: str = ""
    organizer: str = ""
    accounts: tuple[str, ...] = ()


@dataclass(slots=True)
class Outage:
    """One use of a ticket, while its updates are taken in one after the other."""

    accounts: Accounts[_Account] = field(default_factory=lambda: Accounts(_Account()))
    facts: _Facts = field(default_factory=_Facts)
    steps: list[Step] = field(default_factory=list)
    revisions: list[EtrRevision] = field(default_factory=list)
    references: set[str] = field(default_factory=set)
    unverified: bool = False
    newest: Update | None = None
    opened: Edit | None = None
    # When a person last said that what was resolved is not.
    reopened_at: datetime | None = None
    # What people have said of circuits and summary, and of the rest, and no mail has said anything new of since.
    corrections: Corrections = NO_CORRECTIONS
    values: dict[str, Value[Any]] = field(default_factory=dict)

    @property
    def start(self) -> datetime | None:
        """Return when the service was lost, None where nobody has said so."""
        return self.facts.start

    def take(self, stated: Update) -> None:
        """Take in the next update of the total order, but for what a person has corrected and it only repeats."""
        index = len(self.steps)
        update, self.corrections = self.corrections.heeded(stated)
        said = self._heeded(stated.outage or StatedOutage())
        self.newest = stated
        self.references.update(stated.references)
        self.unverified = self.unverified or stated.unverified
        reached = self.accounts.reached(update.account)
        if self.accounts.named and not account_key(update.account):
            reached = [*reached, self.accounts.common]
        for account in reached:
            account.hear(said.status, said.end, stamp=stated.stamp, index=index)
            withdraws = said.status is not RESOLVED and account.is_open
            account.circuits = account.circuits.stating(update.circuits or (), withdraws=withdraws)
        before = self._settle(update, said)
        self._tell(stated, before, said.status)

    def correct(self, edit: Edit) -> None:
        """Take in what a person says."""
        correction = edit.outage or OutageCorrection()
        index = len(self.steps)
        if correction.opens:
            # Who opens it knows nothing of what mails have said before: it fills in what they left open.
            correction = self._unheard_of(correction)
            self.opened = self.opened or edit
        if correction.adopted_from:
            self.references.add(correction.adopted_from)
        self._remember(edit, correction)
        said = StatedOutage(**{name: pair[1] for name in _CORRECTED if (pair := getattr(correction, name))})
        if self.facts.status is RESOLVED and said.status not in (None, RESOLVED):
            self.reopened_at = edit.stamp
        for account in self.accounts.all():
            account.hear(said.status, said.end, stamp=edit.stamp, index=index)
        self._correct_circuits(edit)
        before = self._settle(edit, replace(said, zone=correction.zone))
        self._tell(edit, before, said.status)

    def is_over_before(self, said: Update | Edit) -> bool:
        """Tell whether something is said of another outage than this one, under the same ticket."""
        end = self.facts.end
        if self.facts.status is not RESOLVED or end is None:
            return False
        if isinstance(said, Edit):
            begins = said.seen_start
        else:
            stated = self._without_repetitions(said.outage or StatedOutage())
            begins = stated.start or (said.stamp if stated.status not in (None, RESOLVED) else None)
        return begins is not None and begins - end > GENERATION_GAP

    def event(self, number: int) -> Event:
        """Return the outage that the updates and a person's words amount to."""
        facts, newest = self.facts, self.newest or self.opened
        assert newest is not None
        accounts = self.accounts.named or {""}
        return Event(
            kind=Kind.OUTAGE,
            provider=newest.provider,
            event_id=(newest.event_id if isinstance(newest, Update) else newest.opens or "").strip(),
            generation=number,
            status=facts.status or REPORTED,
            start=facts.start,
            end=facts.end,
            windows=(),
            circuits=shown(facts.circuits),
            accounts=facts.accounts,
            summary=facts.summary,
            organizer=facts.organizer,
            stamp=self.steps[-1].said.stamp,
            stamp_inferred=self.newest is not None and self.newest.stamp_inferred,
            unverified=self.unverified,
            updates=len(self.steps),
            material_digest=_material_digest(facts),
            references=tuple(sorted(self.references)),
            end_inferred=facts.end_inferred,
            reported_at=facts.reported_at or self.steps[0].said.stamp,
            etr=facts.etr,
            cause=facts.cause,
            original_timezone=facts.zone,
            etr_revisions=tuple(self.revisions),
            history=history_of(self.steps, lambda said: _stated_fields(said, accounts)),
        )

    def _tell(self, said: Update | Edit, before: _Facts, status: OutageStatus | None) -> None:
        changes = _changes(before, self.facts)
        if isinstance(said, Edit) and said.reason:
            changes["reason"] = (None, said.reason)
        self.steps.append(Step(said, _move(before, status, self.facts, said), changes))

    # --- what people say

    def _without_repetitions(self, stated: StatedOutage) -> StatedOutage:
        """Return what an update states without what it only repeats, although a person has corrected it.

        After a person has reopened an outage only what tells of its old end repeats that it is over.
        """
        if self.reopened_at and stated.status is RESOLVED:
            if stated.end is None or stated.end > self.reopened_at:
                return stated
            stated = replace(stated, end=None)
        repeated = {
            name: None
            for name, value in self.values.items()
            if (said := getattr(stated, name)) is not None and value.holds_against(_comparable(said))
        }
        return replace(stated, **repeated)

    def _heeded(self, stated: StatedOutage) -> StatedOutage:
        """Return what an update states anew; what it says anew is no longer a person's to say."""
        said = self._without_repetitions(stated)
        if said.status is RESOLVED:
            self.reopened_at = None
            self.values.pop("status", None)
        # Where a mail agrees, the provider speaks for itself from then on.
        self.values = {
            name: value
            for name, value in self.values.items()
            if (word := getattr(stated, name)) is None or value.holds_against(_comparable(word))
        }
        return said

    def _unheard_of(self, opening: OutageCorrection) -> OutageCorrection:
        """Return what an opening says that no mail has said; where it begins after the end, it says that it is back."""
        heard: dict[str, Any] = {name: None for name in _CORRECTED if getattr(self.facts, name) is not None}
        if self.steps:
            heard["reported_at"] = None
        if self._is_lost_again_by(opening):
            status = opening.status[1] if opening.status else REPORTED
            heard |= {"status": (RESOLVED, status), "etr": opening.etr, "end": opening.end}
        return replace(opening, **heard)

    def _is_lost_again_by(self, opening: OutageCorrection) -> bool:
        end = self.facts.end
        return self.facts.status is RESOLVED and bool(end and opening.start and opening.start[1] > end)

    def _remember(self, edit: Edit, correction: OutageCorrection) -> None:
        """Keep what a person corrects, and what it was, so that it can hold against what repeats that."""
        speaking = self.accounts.speaking()
        impacts: dict[str, frozenset[Impact | None]] = {}
        for account in self.accounts.all():
            for key in account.circuits.live():
                impacts[key] = impacts.get(key, frozenset()) | {account.circuits.held[key].impact}
        seen = Seen(statuses=frozenset(), impacts=impacts, summary=self.facts.summary, tags={})
        self.corrections = self.corrections.with_edit(edit, seen)
        for name in _CORRECTED:
            if pair := getattr(correction, name):
                held = {pair[0], getattr(self.facts, name)}
                if name == "status":
                    held |= {account.status for account in speaking}
                value = Value(frozenset(held - {None}), _comparable(pair[1]))
                self.values[name] = value.after(self.values.get(name))

    def _correct_circuits(self, edit: Edit) -> None:
        accounts = self.accounts.all()
        live = {key for account in accounts for key in account.circuits.live()}
        for account in accounts:
            # What no account holds is from now on of the first one.
            first = account is self.accounts.speaking()[0]
            for one in edit.circuits:
                adds = first and circuit_key_of(one.circuit_id) not in live
                account.circuits = corrected(account.circuits, one, adds=adds)

    # --- all accounts together

    def _settle(self, said: Update | Edit, stated: StatedOutage) -> _Facts:
        """Say what the outage is now, and return what it was before."""
        before, self.facts = self.facts, self._facts_after(said, stated)
        etr = stated.etr
        start = self.facts.start
        if etr and etr.at and start and etr.at <= start:
            etr = None
        if etr and self.facts.status is not RESOLVED:
            self._revise(etr, said)
        if start and self.facts.etr and self.facts.etr <= start:
            # It was lost later than was thought when this was said.
            self._revise(StatedEtr(at=None, words=""), said)
        return before

    def _facts_after(self, said: Update | Edit, stated: StatedOutage) -> _Facts:
        facts, speaking = self.facts, self.accounts.speaking()
        concerned = [account for account in speaking if account.circuits.live()] or speaking
        status = _together(concerned)
        start = stated.start or facts.start
        end, end_inferred = _end_of(concerned, start) if status is RESOLVED else (None, False)
        summary, organizer = newest_words(said, facts.summary, facts.organizer)
        return replace(
            facts,
            status=status,
            start=start,
            end=end,
            end_inferred=end_inferred,
            reported_at=stated.reported_at or facts.reported_at,
            cause=stated.cause or facts.cause,
            zone=stated.zone or facts.zone,
            circuits=union([(account.circuits.held, False) for account in speaking]),
            summary=summary,
            organizer=organizer,
            accounts=self.accounts.shown(),
        )

    def _revise(self, etr: StatedEtr, said: Update | Edit) -> None:
        """Note another estimate, or that there is none now; one that is only repeated is no revision."""
        previous = self.facts.etr
        if etr.at == previous:
            return
        slip = int((etr.at - previous).total_seconds()) if etr.at and previous else None
        self.facts = replace(self.facts, etr=etr.at)
        self.revisions.append(
            EtrRevision(
                stamp=said.stamp,
                etr=etr.at,
                previous=previous,
                move=_etr_move(etr.at, previous),
                slip_seconds=slip,
                source=said.source,
                words=etr.words,
            )
        )


def _comparable(value: Any) -> Any:
    """Return a value without the words in which it was stated."""
    return value.at if isinstance(value, StatedEtr) else value


def _together(accounts: Sequence[_Account]) -> OutageStatus:
    """Return the newest stated status of the accounts that are not resolved; resolved only where all of them are."""
    still_open = [account for account in accounts if account.is_open]
    if not still_open:
        return RESOLVED
    return max(still_open, key=lambda account: account.stated_at).status or REPORTED


def _end_of(accounts: Sequence[_Account], start: datetime | None) -> tuple[datetime | None, bool]:
    """Return when the service was back for all, and whether that had to be inferred. It is never before the start.

    It is back for all when it is for the last account: as stated of it, or else when it was first said of it.
    """
    ends = [
        (account.end, False) if account.end and (start is None or account.end >= start) else (account.resolved_at, True)
        for account in accounts
    ]
    end, inferred = max((end, inferred) for end, inferred in ends if end)
    return (max(end, start) if start else end), inferred


def _etr_move(etr: datetime | None, previous: datetime | None) -> EtrMove:
    if etr is None:
        return EtrMove.WITHDRAWN
    if previous is None:
        return EtrMove.SET
    return EtrMove.EXTENDED if etr > previous else EtrMove.SHORTENED


def _material_digest(facts: _Facts) -> str:
    """Return the digest of what a person must see again when it changes: circuits, impacts, ETR, status."""
    circuits: dict[str, JsonValue] = {key: impact.value for key, impact in live_circuits(facts.circuits).items()}
    return digest_of({"circuits": circuits, "etr": time_of(facts.etr), "status": text_of(facts.status)})


# --- history ----------------------------------------------------------------------------------------------------


def _move(before: _Facts, status: OutageStatus | None, after: _Facts, said: Update | Edit) -> Move:
    """Return the name of the move: that of the table, unless the outage goes on beside it for another account."""
    if isinstance(said, Edit) and status is None:
        return Move.OPENED if before.status is None else Move.CORRECTED
    move = outage_move_of(before.status, status)
    if before.status is RESOLVED and after.status is not RESOLVED:
        return Move.REOPENED
    if after.status is not RESOLVED and status is RESOLVED:
        return Move.OPENED if before.status is None else Move.REPEATED
    return move


def _changes(before: _Facts, after: _Facts) -> dict[str, tuple[JsonValue, JsonValue]]:
    """Return the fields that changed, old and new. Of the circuits only those that changed: lists can be long."""
    changes: dict[str, tuple[JsonValue, JsonValue]] = {}
    if before.status != after.status:
        changes["status"] = (text_of(before.status), text_of(after.status))
    for name in ("start", "end", "reported_at", "etr"):
        old, new = getattr(before, name), getattr(after, name)
        if old != new:
            changes[name] = (time_of(old), time_of(new))
    for name in ("cause", "summary", "organizer"):
        old, new = getattr(before, name), getattr(after, name)
        if old != new:
            changes[name] = (old, new)
    if before.accounts != after.accounts:
        changes["accounts"] = ([*before.accounts], [*after.accounts])
    gone, come = circuit_changes(before.circuits, after.circuits)
    if gone or come:
        changes["circuits"] = (circuits_json(gone), circuits_json(come))
    return changes


def _stated_fields(said: Update | Edit, accounts: Collection[str]) -> set[Field]:
    """Return the fields that are stated, each with the account that it is stated of, or those of all."""
    if isinstance(said, Edit):
        names = {name for name in _CORRECTED if said.outage and getattr(said.outage, name)}
        circuits = {circuit_key_of(one.circuit_id) for one in said.circuits}
        summary, organizer, key = said.summary and said.summary[1], None, ""
    else:
        outage = said.outage or StatedOutage()
        names = {one.name for one in fields(outage) if getattr(outage, one.name) is not None} - {"zone"}
        circuits, key = listed_in(said), account_key(said.account)
        summary, organizer = said.summary, said.organizer
    of_account = [*(names & {"status", "end"}), *(f"circuit {circuit}" for circuit in circuits)]
    words = [name for name, value in (("summary", summary), ("organizer", organizer)) if value]
    of_event = [*(names - {"status", "end"}), *words]
    return {(name, "") for name in of_event} | {
        (name, account) for account in ([key] if key else accounts) for name in of_account
    }
