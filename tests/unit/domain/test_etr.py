"""How good estimates were is computed from their history and the clock alone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from domain.etr import EtrFigures, figures_of, missed
from domain.events import Event, StatedEtr, StatedOutage, Update
from domain.fold import fold
from domain.vocabulary import Kind, OutageStatus

BEGIN = datetime(2027, 3, 1, 8, 0, tzinfo=UTC)


def at(minutes):
    return BEGIN + timedelta(minutes=minutes)


def outage(*told, ticket="TT-1"):
    """Return the outage of which this is told: the minute of the mail, and the minute of its ETR, "over" or "none"."""
    updates = []
    for number, (minute, said) in enumerate(told):
        over = said == "over"
        etr = None if over or said is None else StatedEtr(at=None if said == "none" else at(said), words=str(said))
        stated = StatedOutage(
            status=OutageStatus.RESOLVED if over else OutageStatus.IDENTIFIED,
            start=BEGIN,
            end=at(minute) if over else None,
            etr=etr,
        )
        updates.append(
            Update(
                kind=Kind.OUTAGE,
                provider="zayo",
                event_id=ticket,
                stamp=at(minute),
                stamp_inferred=False,
                source=f"<{ticket}.{number}@zayo.example>",
                body_digest=f"{ticket} {number:03}",
                reader="general",
                reader_version="1",
                outage=stated,
            )
        )
    (event,) = fold(updates)
    return event


def test_an_estimate_that_passes_while_the_outage_is_open_is_missed():
    event = outage((10, 60))
    assert [missed(event, at(minute)) for minute in (59, 60, 61)] == [False, False, True]


def test_an_estimate_that_is_extended_in_time_is_not_missed():
    assert not missed(outage((10, 60), (50, 120)), at(120))
    assert missed(outage((10, 60), (61, 120)), at(61))


def test_an_outage_that_is_over_misses_nothing_more():
    assert not missed(outage((10, 60), (59, "over")), at(5000))
    assert missed(outage((10, 60), (90, "over")), at(5000))


def test_an_estimate_that_was_withdrawn_in_time_is_not_missed():
    assert not missed(outage((10, 60), (50, "none")), at(5000))
    assert missed(outage((10, 60), (70, "none")), at(5000))


def test_an_estimate_that_has_passed_when_it_is_stated_is_missed():
    assert missed(outage((10, None), (90, 60)), at(91))


def test_a_restoration_that_did_not_last_kept_no_promise():
    assert missed(outage((10, 60), (30, "over"), (40, None)), at(61))


def test_what_has_no_estimate_misses_none():
    assert not missed(outage((10, None)), at(5000))


def test_the_figures_of_a_provider():
    kept = outage((10, 60), (20, 50), (50, "over"), ticket="TT-1")
    late = outage((10, 60), (55, 120), (100, 180), (150, "over"), ticket="TT-2")
    still_open = outage((10, 60), (20, "none"), ticket="TT-3")
    silent = outage((10, None), (400, "over"), ticket="TT-4")
    assert figures_of([kept, late, still_open, silent], at(500)) == EtrFigures(
        outages=4,
        resolved=3,
        repair_seconds=150 * 60,
        with_etr=3,
        moved=3,
        moved_mean=1.0,
        slip_seconds=(-10 + 60 + 60) * 60,
        missed=0,
        first_error_seconds=(10 - 90) * 60 // 2,
        first_absolute_seconds=(10 + 90) * 60 // 2,
        last_error_seconds=(0 + 30) * 60 // 2,
        last_absolute_seconds=(0 + 30) * 60 // 2,
    )


def test_no_outages_have_no_medians():
    figures = figures_of([], BEGIN)
    assert (figures.outages, figures.missed, figures.slip_seconds) == (0, 0, 0)
    assert (figures.repair_seconds, figures.moved_mean, figures.first_error_seconds) == (None, None, None)


MINUTES = st.integers(1, 60)
STORIES = st.lists(st.tuples(MINUTES, MINUTES | st.sampled_from(["none", "over", None])), min_size=1, max_size=8)


def missed_at(event: Event, moment: datetime) -> bool:
    """Tell whether at this moment the newest estimate has passed and the outage is open."""
    in_force = [one.etr for one in event.etr_revisions if one.stamp <= moment][-1:]
    is_open = event.end is None or moment < event.end
    return is_open and any(etr is not None and etr < moment for etr in in_force)


@given(STORIES, MINUTES)
def test_missed_is_what_somebody_has_seen_who_looked_every_half_minute(told, until):
    # Mails come at whole minutes: what is so between two of them is so at the half.
    event = outage(*{minute: (minute, said) for minute, said in told}.values())
    moments = [BEGIN + timedelta(seconds=30 * half) for half in range(2 * until)]
    assert missed(event, at(until)) == any(missed_at(event, moment) for moment in moments)


@given(st.lists(STORIES, max_size=5), MINUTES)
def test_figures_add_up(stories, until):
    outages = [outage(*told, ticket=f"TT-{number}") for number, told in enumerate(stories)]
    figures = figures_of(outages, at(until))
    alone = [figures_of([one], at(until)) for one in outages]
    for name in ("outages", "resolved", "with_etr", "moved", "slip_seconds", "missed"):
        assert getattr(figures, name) == sum(getattr(one, name) for one in alone)
    assert figures_of(outages[::-1], at(until)) == figures
    assert figures.missed <= figures.with_etr <= figures.outages
    for one, event in zip(alone, outages, strict=True):
        if one.first_error_seconds is not None:
            assert event.etr_revisions[0].etr == event.end + timedelta(seconds=one.first_error_seconds)


@given(STORIES, MINUTES, MINUTES)
def test_what_was_missed_stays_missed_as_the_clock_goes_on(told, now, more):
    event = replace(outage(*told), end=None)
    assert not missed(event, at(now)) or missed(event, at(now + more))
