"""What can be true of an event, relative to when the message was received, and which date orders an update."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from domain.events import StatedOutage, StatedWindow, Update

LONGEST_PAST = timedelta(days=400)
LONGEST_FUTURE = timedelta(days=5 * 365.25)
LONGEST_WINDOW = timedelta(days=180)
UNUSUAL_WINDOW = timedelta(days=31)
MOST_EVENTS = 200
MOST_WINDOWS = 1000

# An outage is told of when it is there: what begins or ends so long after the receipt is told in another zone.
OUTAGE_AHEAD = timedelta(hours=1)
LONGEST_ETR = timedelta(days=366)

ENDS_FIRST = "ends before it starts"

LATEST_DATE = timedelta(minutes=10)
EARLIEST_DATE = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Which of a message's updates can be applied. ``refused`` and ``warnings`` are one line for each finding."""

    updates: tuple[Update, ...]
    refused: tuple[str, ...]
    warnings: tuple[str, ...]


def judge(updates: Sequence[Update], received_at: datetime, *, accepted: bool = False) -> Judgement:
    """Return the updates without what cannot be true of them.

    A window that cannot be true is left out of its update; an update that has none left, or has no id, is refused
    whole. A message with too many events is refused whole. ``accepted``: a person says that it is right; then only
    what no event can be is refused, and all else is warned of.
    """
    if accepted:
        return _accepted(updates, received_at)
    if flood := _flood(updates):
        return Judgement(updates=(), refused=(flood,), warnings=())
    kept = []
    refused: list[str] = []
    warnings: list[str] = []
    for update in updates:
        refused += refuse(update, received_at)
        sifted = _sifted(update, received_at)
        if sifted:
            kept.append(sifted)
            warnings += _warnings(sifted)
    return Judgement(updates=tuple(kept), refused=tuple(refused), warnings=tuple(warnings))


def _accepted(updates: Sequence[Update], received_at: datetime) -> Judgement:
    doubts = tuple(fault for update in updates for fault in refuse(update, received_at))
    kept = [(update, _without_impossible_windows(update)) for update in updates if update.event_id.strip()]
    impossible = tuple(f"{update.event_id}: {ENDS_FIRST}" for update, sifted in kept if sifted is None)
    nameless = () if len(kept) == len(updates) else ("no id",)
    return Judgement(
        updates=tuple(sifted for _, sifted in kept if sifted), refused=(*nameless, *impossible), warnings=doubts
    )


def _without_impossible_windows(update: Update) -> Update | None:
    outage = update.outage
    if outage and outage.start and outage.end and outage.end < outage.start:
        return None
    windows = tuple(window for window in update.windows or () if window.end > window.start)
    if not update.windows:
        return update
    return replace(update, windows=windows) if windows else None


def refuse(update: Update, received_at: datetime) -> list[str]:
    """Return what of an update cannot be true, one line for each fault; empty where all of it can."""
    if not update.event_id.strip():
        return ["no id"]
    if update.outage:
        return [f"{update.event_id}: {fault}" for fault in _faults_of_outage(update.outage, received_at)]
    faults = [(window, refuse_window(window, received_at)) for window in update.windows or ()]
    return [f"{update.event_id}: {_words(window)}: {fault}" for window, found in faults for fault in found]


def refuse_window(window: StatedWindow, received_at: datetime) -> list[str]:
    """Return why a window cannot be true, relative to the receipt of the message that states it."""
    faults = []
    if window.end <= window.start:
        faults.append(ENDS_FIRST)
    if window.start < received_at - LONGEST_PAST:
        faults.append(f"starts more than {LONGEST_PAST.days} days before the receipt")
    if window.start > received_at + LONGEST_FUTURE:
        faults.append("starts more than 5 years after the receipt")
    if window.end - window.start > LONGEST_WINDOW:
        faults.append(f"is longer than {LONGEST_WINDOW.days} days")
    return faults


def _faults_of_outage(outage: StatedOutage, received_at: datetime) -> list[str]:
    """Return why what is stated of an outage cannot be true, relative to the receipt of the message that states it."""
    faults = []
    for name in ("start", "end", "reported_at"):
        at: datetime | None = getattr(outage, name)
        if at and at > received_at + OUTAGE_AHEAD:
            faults.append(f"{name} {_instant(at)}: is after the receipt")
        if at and at < received_at - LONGEST_PAST:
            faults.append(f"{name} {_instant(at)}: is more than {LONGEST_PAST.days} days before the receipt")
    if outage.start and outage.end and outage.end < outage.start:
        faults.append(f"{_instant(outage.start)} to {_instant(outage.end)}: {ENDS_FIRST}")
    etr = outage.etr.at if outage.etr else None
    if etr and abs(etr - received_at) > LONGEST_ETR:
        faults.append(f"etr {_instant(etr)}: is more than {LONGEST_ETR.days} days from the receipt")
    return faults


def stamp_of(date: datetime | None, received_at: datetime, *, forwarded: bool = False) -> tuple[datetime, bool]:
    """Return the stamp of an update, and whether it had to be inferred from the receipt.

    ``date`` is the notice's own Date. One more than ten minutes after or seven days before the receipt is the work of
    a wrong clock, and the receipt stands for it. The Date inside a forward may be of any age: that is why it counts.
    """
    if date is None or date > received_at + LATEST_DATE:
        return received_at, True
    if date < received_at - EARLIEST_DATE and not forwarded:
        return received_at, True
    return date, False


def _flood(updates: Sequence[Update]) -> str:
    """Return in words that a message says more than one message can, empty where it does not."""
    events = len({update.key for update in updates})
    windows = sum(len(update.windows or ()) for update in updates)
    if events > MOST_EVENTS:
        return f"{events} events, more than {MOST_EVENTS}"
    return f"{windows} windows, more than {MOST_WINDOWS}" if windows > MOST_WINDOWS else ""


def _sifted(update: Update, received_at: datetime) -> Update | None:
    if not update.event_id.strip() or (update.outage and _faults_of_outage(update.outage, received_at)):
        return None
    if not update.windows:
        return update
    windows = tuple(window for window in update.windows if not refuse_window(window, received_at))
    return replace(update, windows=windows) if windows else None


def _warnings(update: Update) -> list[str]:
    return [
        f"{update.event_id}: {_words(window)}: is longer than {UNUSUAL_WINDOW.days} days"
        for window in update.windows or ()
        if window.end - window.start > UNUSUAL_WINDOW
    ]


def _words(window: StatedWindow) -> str:
    return f"window {_instant(window.start)} to {_instant(window.end)}"


def _instant(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%MZ}"
