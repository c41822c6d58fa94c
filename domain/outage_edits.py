"""What a person says of an outage: made into an edit, or refused because the workflow does not allow it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.edits import circuit_corrections, faults_of_withdrawals, stamp_behind
from domain.errors import EditRefused
from domain.events import (
    CircuitCorrection,
    Edit,
    Event,
    EventKey,
    OutageCorrection,
    StatedEtr,
    id_key_of,
    iso_utc,
)
from domain.lifecycle import INVESTIGATING, PEOPLE_MAY, RESOLVED
from domain.plausibility import LATEST_DATE, LONGEST_PAST
from domain.vocabulary import Impact, Kind, OutageStatus

# A person writes the minute, and the clock beside them may go a little ahead of ours.
AHEAD = LATEST_DATE
LONGEST_ETR = timedelta(days=366)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutageAsked:
    """What a person asks of an outage; None and empty: nothing. ``zone`` is the zone in which they wrote the times."""

    status: OutageStatus | None = None
    start: datetime | None = None
    end: datetime | None = None
    etr: StatedEtr | None = None
    cause: str | None = None
    circuits: tuple[tuple[str, Impact], ...] = ()
    withdraw_circuits: tuple[str, ...] = ()
    summary: str | None = None
    zone: str | None = None


def opening_of(provider: str, event_id: str, asked: OutageAsked, *, author: str, reason: str, now: datetime) -> Edit:
    """Return what a person asks as the opening of an outage; where it does not say when, it begins now.

    Raises ``EditRefused`` with every fault in it: what, what was found, and what is possible.
    """
    start = asked.start or now
    faults = [] if event_id.strip() else ["the ticket is empty"]
    faults += [] if provider.strip() else ["the provider is missing"]
    faults += _faults_of_times(asked, start, asked.end, now) + _faults_of_words(asked)
    if asked.status is RESOLVED and asked.end is None:
        faults.append("status: RESOLVED needs an end: say when the service was back")
    if asked.end is not None and asked.status is not RESOLVED:
        faults.append("end: an open outage has none: say --status RESOLVED with it")
    if faults:
        raise EditRefused(faults)
    return Edit(
        kind=Kind.OUTAGE,
        provider=provider,
        id_key=id_key_of(event_id),
        generation=1,
        stamp=now,
        author=author,
        reason=reason.strip(),
        circuits=tuple(CircuitCorrection(circuit_id=name, was=None, now=impact) for name, impact in asked.circuits),
        summary=None if asked.summary is None else ("", asked.summary),
        seen_start=start,
        outage=OutageCorrection(
            opens=event_id.strip(),
            status=(None, asked.status) if asked.status else None,
            start=(None, start),
            end=(None, asked.end) if asked.end else None,
            reported_at=(None, now),
            etr=(None, asked.etr) if asked.etr else None,
            cause=(None, asked.cause) if asked.cause else None,
            zone=asked.zone,
        ),
    )


def adoption_of(held: EventKey, into: EventKey, *, undo: bool = False, author: str, reason: str, now: datetime) -> Edit:
    """Return what the history tells of an outage to which another was joined, or of which it was taken again."""
    words = f"{held.id_key} is another outage" if undo else f"it was {held.id_key}"
    words += f": {reason.strip()}" if reason.strip() else ""
    return Edit(
        kind=into.kind,
        provider=into.provider,
        id_key=into.id_key,
        generation=1,
        stamp=now,
        author=author,
        reason=words,
        seen_start=now,
        outage=OutageCorrection(),
    )


def outage_edit_of(
    event: Event, asked: OutageAsked, *, author: str, reason: str, now: datetime, reopens: bool = False
) -> Edit:
    """Return what a person asks as an edit of the outage that they saw. ``reopens``: what was resolved is not.

    Raises ``EditRefused`` with every fault in it: what, what was found, and what is possible.
    """
    faults = _faults_of_status(event, asked, reopens=reopens)
    start, end = asked.start or event.start, asked.end or event.end
    faults += _faults_of_times(asked, start, None if reopens else end, now) + _faults_of_words(asked)
    faults += faults_of_withdrawals(event, asked.circuits, asked.withdraw_circuits)
    if asked.start and asked.etr is None and event.end is None and event.etr and event.etr <= asked.start:
        faults.append(
            f"start: {iso_utc(asked.start)} is not before the ETR, {iso_utc(event.etr)}: say --etr or --no-etr with it"
        )
    if reopens and not reason.strip():
        faults.append("the reason is missing: say why it is open again, for those who read the history")
    if faults:
        raise EditRefused(faults)
    status = asked.status or (INVESTIGATING if reopens else None)
    correction = OutageCorrection(
        status=None if status is None or status is event.status else (OutageStatus(event.status), status),
        start=(event.start, asked.start) if asked.start else None,
        end=(event.end, asked.end) if asked.end else None,
        etr=(event.etr, asked.etr) if asked.etr else None,
        cause=(event.cause, asked.cause) if asked.cause else None,
        zone=asked.zone,
    )
    edit = Edit(
        kind=event.kind,
        provider=event.provider,
        id_key=id_key_of(event.event_id),
        generation=event.generation,
        stamp=stamp_behind(event, now),
        author=author,
        reason=reason.strip(),
        circuits=circuit_corrections(event, asked.circuits, asked.withdraw_circuits),
        summary=None if asked.summary is None else (event.summary, asked.summary),
        seen_start=event.start,
        outage=correction,
    )
    if asked == OutageAsked(zone=asked.zone) and not reopens and not reason.strip():
        raise EditRefused(["nothing is asked: say what is right, as in --status IDENTIFIED"])
    return edit


def _faults_of_status(event: Event, asked: OutageAsked, *, reopens: bool) -> list[str]:
    """Return what the workflow has against a status; to say again what it is is no fault."""
    held = OutageStatus(event.status)
    if reopens:
        if held is not RESOLVED:
            return [f"it is {held}, and not RESOLVED: there is nothing to reopen"]
        return ["status: a reopened outage is not RESOLVED"] if asked.status is RESOLVED else []
    faults = []
    if asked.status and asked.status is not held and asked.status not in PEOPLE_MAY[held]:
        allowed = ", ".join(PEOPLE_MAY[held])
        cure = f"allowed are {allowed}" if allowed else "only `maintd outage reopen` leads out of it, with a reason"
        faults.append(f"status: {asked.status} cannot follow {held}: {cure}")
    after = asked.status or held
    if after is RESOLVED and asked.end is None and event.end is None:
        faults.append("status: RESOLVED needs an end: say when the service was back, as in --end 14:05")
    if after is not RESOLVED and asked.end is not None:
        faults.append(f"end: an outage that is {after} has none: resolve it with it, by `maintd outage resolve`")
    if after is RESOLVED and asked.etr is not None:
        faults.append("etr: the outage is RESOLVED: there is nothing left to wait for")
    return faults


def _faults_of_times(asked: OutageAsked, start: datetime | None, end: datetime | None, now: datetime) -> list[str]:
    faults = [
        f"{name}: {iso_utc(value)} is still ahead"
        for name, value in (("start", asked.start), ("end", asked.end))
        if value is not None and value > now + AHEAD
    ]
    if asked.start is not None and asked.start < now - LONGEST_PAST:
        faults.append(f"start: {iso_utc(asked.start)} is more than {LONGEST_PAST.days} days ago")
    if (asked.start or asked.end) and start and end and end < start:
        faults.append(f"end: {iso_utc(end)} is before the start, {iso_utc(start)}")
    etr = asked.etr.at if asked.etr else None
    if etr and start and etr <= start:
        faults.append(f"etr: {iso_utc(etr)} is not after the start, {iso_utc(start)}")
    if etr and etr > now + LONGEST_ETR:
        faults.append(f"etr: {iso_utc(etr)} is more than {LONGEST_ETR.days} days ahead")
    return faults


def _faults_of_words(asked: OutageAsked) -> list[str]:
    empty = [
        name
        for name, text in (("summary", asked.summary), ("cause", asked.cause))
        if text is not None and not text.strip()
    ]
    nameless = ["circuit: it has no id"] if any(not name.strip() for name, _ in asked.circuits) else []
    return [f"{name}: it is empty, say what is right" for name in empty] + nameless
