"""How good estimated times of restoration are: whether they were missed, how often they moved, how wrong they were."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from domain.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class EtrFigures:
    """What the outages of a provider amount to. None: there is nothing to take a median or a mean of.

    ``repair_seconds`` is the median from start to end of the ``resolved``; ``moved`` counts how often an estimate was
    extended or shortened, ``moved_mean`` for each outage that had one; ``slip_seconds`` is by how much, in all.
    ``missed`` counts the outages that were open at an estimate. Errors are of those that are over, from the end to the
    first and to the last estimate: positive where later was promised than it was, as the median with sign and without.
    """

    outages: int
    resolved: int
    repair_seconds: int | None
    with_etr: int
    moved: int
    moved_mean: float | None
    slip_seconds: int
    missed: int
    first_error_seconds: int | None
    first_absolute_seconds: int | None
    last_error_seconds: int | None
    last_absolute_seconds: int | None


def missed(event: Event, now: datetime) -> bool:
    """Tell whether an estimate of an outage passed while it was the newest one and the outage was open.

    A restoration that did not last kept no promise: an outage that was reopened counts as open until its last end.
    """
    over = min(event.end or now, now)
    revisions = event.etr_revisions
    followed = [*(one.stamp for one in revisions[1:]), over]
    return any(
        # What has passed already when it is stated has passed.
        one.etr is not None and max(one.etr, one.stamp) < min(until, over) and _is_after_start(one.etr, event)
        for one, until in zip(revisions, followed, strict=False)
    )


def _is_after_start(etr: datetime, event: Event) -> bool:
    """Tell whether an estimate is one still: a start that turned out to be later leaves none before it."""
    return event.start is None or etr > event.start


def figures_of(events: Iterable[Event], now: datetime) -> EtrFigures:
    """Return the figures of these outages."""
    outages = list(events)
    over = [(event, event.end) for event in outages if event.end]
    estimates = [[one.etr for one in event.etr_revisions if one.etr] for event in outages]
    slips = [one.slip_seconds for event in outages for one in event.etr_revisions if one.slip_seconds is not None]
    with_etr = sum(1 for found in estimates if found)
    ended = [(found, event.end) for event, found in zip(outages, estimates, strict=True) if event.end and found]
    first = [_seconds(end, found[0]) for found, end in ended]
    last = [_seconds(end, found[-1]) for found, end in ended]
    return EtrFigures(
        outages=len(outages),
        resolved=len(over),
        repair_seconds=_median([_seconds(event.start, end) for event, end in over if event.start]),
        with_etr=with_etr,
        moved=len(slips),
        moved_mean=len(slips) / with_etr if with_etr else None,
        slip_seconds=sum(slips),
        missed=sum(missed(event, now) for event in outages),
        first_error_seconds=_median(first),
        first_absolute_seconds=_median([abs(error) for error in first]),
        last_error_seconds=_median(last),
        last_absolute_seconds=_median([abs(error) for error in last]),
    )


def _seconds(since: datetime, until: datetime) -> int:
    return int((until - since).total_seconds())


def _median(seconds: Sequence[int]) -> int | None:
    return int(median(seconds)) if seconds else None
