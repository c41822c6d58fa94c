"""What can be true of a maintenance, and which date orders an update."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.events import StatedWindow, Update
from domain.plausibility import judge, refuse, stamp_of
from domain.vocabulary import Kind

RECEIVED = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def window(start: timedelta = DAY, length: timedelta = HOUR) -> StatedWindow:
    return StatedWindow(start=RECEIVED + start, end=RECEIVED + start + length)


def update(*windows: StatedWindow, event_id: str = "TTN-1") -> Update:
    return Update(
        kind=Kind.MAINTENANCE,
        provider="zayo",
        event_id=event_id,
        stamp=RECEIVED,
        stamp_inferred=False,
        source="<1@zayo.com>",
        body_digest="0",
        reader="test",
        reader_version="1",
        windows=windows or None,
    )


@pytest.mark.parametrize(
    "possible",
    [
        window(),
        window(start=-400 * DAY),
        window(start=4.9 * 365 * DAY),
        window(length=180 * DAY),
    ],
)
def test_what_can_be_true_is_not_refused(possible):
    assert refuse(update(possible), RECEIVED) == []


@pytest.mark.parametrize(
    ("impossible", "fault"),
    [
        (window(length=0 * HOUR), "ends before it starts"),
        (window(length=-HOUR), "ends before it starts"),
        (window(start=-401 * DAY), "starts more than 400 days before the receipt"),
        (window(start=5 * 366 * DAY), "starts more than 5 years after the receipt"),
        (window(length=181 * DAY), "is longer than 180 days"),
    ],
)
def test_what_cannot_be_true_is_refused_with_its_fault(impossible, fault):
    (line,) = refuse(update(impossible), RECEIVED)

    assert line.startswith("TTN-1: window ")
    assert line.endswith(fault)


def test_an_update_without_an_id_is_refused():
    assert judge([update(window(), event_id=" ")], RECEIVED).refused == ("no id",)


def test_a_good_window_stays_when_another_is_refused():
    judged = judge([update(window(), window(length=-HOUR))], RECEIVED)

    assert judged.updates == (update(window()),)
    assert len(judged.refused) == 1


def test_an_update_is_refused_when_all_its_windows_are():
    judged = judge([update(window(length=-HOUR)), update(window(), event_id="TTN-2")], RECEIVED)

    assert judged.updates == (update(window(), event_id="TTN-2"),)


def test_an_update_that_states_no_window_is_kept():
    assert judge([update()], RECEIVED).updates == (update(),)


def test_a_long_window_is_kept_and_warned_of():
    judged = judge([update(window(length=32 * DAY))], RECEIVED)

    assert judged.updates == (update(window(length=32 * DAY)),)
    assert judged.warnings[0].endswith("is longer than 31 days")


def test_a_window_of_31_days_is_not_warned_of():
    assert judge([update(window(length=31 * DAY))], RECEIVED).warnings == ()


def test_a_mail_of_too_many_events_is_refused_whole():
    events = [update(window(), event_id=str(number)) for number in range(201)]

    assert len(judge(events[:200], RECEIVED).updates) == 200
    assert judge(events, RECEIVED).updates == ()
    assert judge(events, RECEIVED).refused == ("201 events, more than 200",)


def test_a_mail_of_too_many_windows_is_refused_whole():
    windows = [window(start=number * HOUR) for number in range(1001)]

    assert judge([update(*windows)], RECEIVED).refused == ("1001 windows, more than 1000",)


@pytest.mark.parametrize("offset", [timedelta(0), timedelta(minutes=10), -7 * DAY])
def test_the_notices_own_date_is_its_stamp(offset):
    assert stamp_of(RECEIVED + offset, RECEIVED) == (RECEIVED + offset, False)


@pytest.mark.parametrize("date", [None, RECEIVED + timedelta(minutes=11), RECEIVED - 7 * DAY - HOUR])
def test_the_receipt_stands_for_a_date_that_is_missing_or_wrong(date):
    assert stamp_of(date, RECEIVED) == (RECEIVED, True)


def test_the_date_inside_a_forward_may_be_old_but_not_ahead():
    assert stamp_of(RECEIVED - 30 * DAY, RECEIVED, forwarded=True) == (RECEIVED - 30 * DAY, False)
    assert stamp_of(RECEIVED + DAY, RECEIVED, forwarded=True) == (RECEIVED, True)


def test_what_a_person_accepts_is_applied_but_for_what_no_event_can_be():
    far, backwards = window(start=14 * 365 * DAY, length=300 * DAY), window(length=-HOUR)

    judged = judge([update(far, backwards), update(backwards), update(far, event_id=" ")], RECEIVED, accepted=True)

    assert judged.updates == (update(far),)
    assert judged.refused == ("no id", "TTN-1: ends before it starts")
    assert judged.warnings
