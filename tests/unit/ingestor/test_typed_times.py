"""Times as people type them: three forms, each read one way, and nothing else."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestor.typed_times import FORMS, Meant, TypedTime, typed_time

START, END, ESTIMATE = Meant.START, Meant.END, Meant.ESTIMATE
NOW = datetime(2027, 2, 9, 14, 7, 33, 120_000, tzinfo=UTC)
BERLIN = "Europe/Berlin"

MEANINGS = st.sampled_from(Meant)


def naive(year: int) -> datetime:
    return datetime(year, 1, 1, tzinfo=UTC).replace(tzinfo=None)


# Every moment of two years, summer and winter.
NOWS = st.datetimes(naive(2027), naive(2029)).map(lambda moment: moment.replace(tzinfo=UTC))


@contextmanager
def clock_of(zone: str) -> Iterator[None]:
    """Let the clock of this machine be that of a zone."""
    held = os.environ.get("TZ")
    os.environ["TZ"] = zone
    time.tzset()
    try:
        yield
    finally:
        if held is None:
            del os.environ["TZ"]
        else:
            os.environ["TZ"] = held
        time.tzset()


@pytest.fixture(autouse=True)
def in_berlin() -> Iterator[None]:
    with clock_of(BERLIN):
        yield


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def berlin(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=ZoneInfo(BERLIN)).astimezone(UTC)


@pytest.mark.parametrize(
    ("text", "at", "zone"),
    [
        ("2027-02-09T12:00Z", utc(2027, 2, 9, 12), "UTC"),
        ("2027-02-09t12:00:30z", utc(2027, 2, 9, 12, 0, 30), "UTC"),
        ("2027-02-09 12:00Z", utc(2027, 2, 9, 12), "UTC"),
        ("2027-02-09T12:00+05:30", utc(2027, 2, 9, 6, 30), "+05:30"),
        ("2027-02-09T12:00-0800", utc(2027, 2, 9, 20), "-0800"),
        ("2027-02-09T12:00", utc(2027, 2, 9, 11), "CET"),
        ("2027-07-09T12:00", utc(2027, 7, 9, 10), "CEST"),
        ("  2027-02-09T12:00Z ", utc(2027, 2, 9, 12), "UTC"),
        ("14:05", utc(2027, 2, 9, 13, 5), "CET"),
        ("14:05 UTC", utc(2027, 2, 9, 14, 5), "UTC"),
        ("14:05Z", utc(2027, 2, 9, 14, 5), "UTC"),
        ("14:05 CET", utc(2027, 2, 9, 13, 5), "CET"),
        ("14:05CET", utc(2027, 2, 9, 13, 5), "CET"),
        ("08:05 est", utc(2027, 2, 9, 13, 5), "EST"),
        ("08:05 Eastern Time", utc(2027, 2, 9, 13, 5), "EASTERN TIME"),
        ("14:05 +01:00", utc(2027, 2, 9, 13, 5), "+01:00"),
        ("14:05 UTC+1", utc(2027, 2, 9, 13, 5), "UTC+1"),
        ("+0m", utc(2027, 2, 9, 14, 7), None),
        ("+2h", utc(2027, 2, 9, 16, 7), None),
        ("+90m", utc(2027, 2, 9, 15, 37), None),
        ("+1d", utc(2027, 2, 10, 14, 7), None),
        ("+1h30m", utc(2027, 2, 9, 15, 37), None),
        ("+1d2h3m", utc(2027, 2, 10, 16, 10), None),
    ],
)
def test_a_time_is_read_in_its_zone_or_in_the_local_one(text, at, zone) -> None:
    assert typed_time(text, START, NOW) == TypedTime(at=at, words=" ".join(text.split()), zone=zone)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "now", "today", "tomorrow", "noon", "in 2 hours", "2 hours", "unknown", "TBD"),
        *("5pm", "5 PM", "05:00 PM", "5:00", "14", "1405", "14.05", "14h05", "14:05:00", "24:00", "14:60", "14:5"),
        *("14:05 XYZ", "14:05 IST", "14:05 Europe/Berlin", "14:05 local", "14:05 (CET)", "14:05 CET tomorrow"),
        *("14:05-16:00", "14:05 +15:00", "14:05 +", "14:05 -", "14:05 to 16:00"),
        *("2h", "-2h", "+", "+2", "+h", "+ 2h", "+2.5h", "+2H", "+30m1h", "+1h1h", "+2w", "+2hours", "+-2h"),
        *("2027-02-09", "20270209T1405Z", "2027-02-09T14Z", "2027-02-09T24:00Z", "2027-02-30T14:05Z"),
        *("2027-13-09T14:05Z", "2027-02-09T14:05 CET", "2027-02-09T14:05+15:00", "2027-02-09T14:05.5Z"),
        *("09/02/2027 14:05", "9 Feb 2027 14:05", "02-09 14:05", "2027-W06-2T14:05", "0001-01-01T00:00+14:00"),
        *("0000-01-01T00:00Z", "9999-12-31T23:59-14:00", "+999999d", "١٤:٠٥", "１４:05", "14:05\x00", "+²h"),
    ],
)
def test_anything_else_is_refused_and_the_three_forms_are_named(text) -> None:
    for meant in Meant:
        with pytest.raises(ValueError, match=r"no (time|zone)") as refused:
            typed_time(text, meant, NOW)

        assert str(refused.value).endswith(FORMS)


def test_what_is_refused_is_quoted_in_one_line_and_not_at_any_length() -> None:
    with pytest.raises(ValueError, match="no time") as refused:
        typed_time("x\n" * 5000, START, NOW)

    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize("meant", [START, END])
def test_a_time_of_the_day_is_the_newest_that_is_not_ahead(meant) -> None:
    assert typed_time("14:05 UTC", meant, NOW).at == utc(2027, 2, 9, 14, 5)
    # The clock beside a person may go a few minutes ahead of ours.
    assert typed_time("14:12 UTC", meant, NOW).at == utc(2027, 2, 9, 14, 12)
    assert typed_time("14:30 UTC", meant, NOW).at == utc(2027, 2, 8, 14, 30)
    assert typed_time("23:50", meant, berlin(2027, 2, 9, 0, 10)).at == berlin(2027, 2, 8, 23, 50)


def test_an_estimate_is_the_next_time_of_the_day() -> None:
    assert typed_time("14:08 UTC", ESTIMATE, NOW).at == utc(2027, 2, 9, 14, 8)
    assert typed_time("14:07 UTC", ESTIMATE, NOW).at == utc(2027, 2, 10, 14, 7)
    assert typed_time("02:00", ESTIMATE, berlin(2027, 2, 9, 23, 10)).at == berlin(2027, 2, 10, 2)


def test_the_day_is_that_of_the_zone_that_is_written() -> None:
    late = utc(2027, 2, 9, 23, 30)

    assert typed_time("08:00 JST", START, late).at == utc(2027, 2, 9, 23)
    assert typed_time("10:00 JST", ESTIMATE, late).at == utc(2027, 2, 10, 1)


# The clocks of Berlin go back on the 31st of October 2027, from 03:00 CEST to 02:00 CET, that is at 01:00 UTC.
FIRST, SECOND = utc(2027, 10, 31, 0, 30), utc(2027, 10, 31, 1, 30)


@pytest.mark.parametrize("text", ["02:30", "2027-10-31T02:30"])
def test_of_the_hour_that_comes_twice_a_start_is_in_the_first_and_an_end_in_the_second(text) -> None:
    later = utc(2027, 10, 31, 5)

    assert typed_time(text, START, later).at == FIRST
    assert typed_time(text, END, later).at == SECOND
    assert typed_time(text, ESTIMATE, utc(2027, 10, 30, 20)).at == SECOND


def test_an_end_in_the_first_pass_of_that_hour_is_not_ahead() -> None:
    assert typed_time("02:30", END, utc(2027, 10, 31, 0, 40)).at == FIRST


@pytest.mark.parametrize("meant", Meant)
def test_of_the_hour_that_is_left_out_a_time_moves_forward(meant) -> None:
    assert typed_time("2027-03-28T02:30", meant, utc(2027, 3, 28, 9)).at == utc(2027, 3, 28, 1, 30)


@given(st.datetimes(naive(1990), naive(2060)), MEANINGS, NOWS)
def test_an_instant_in_utc_comes_back_as_it_was(written, meant, now) -> None:
    written = written.replace(microsecond=0)

    assert typed_time(f"{written.isoformat()}Z", meant, now).at == written.replace(tzinfo=UTC)


@given(st.datetimes(naive(2000), naive(2037)), MEANINGS, NOWS)
def test_a_local_time_comes_back_as_the_clock_showed_it(written, meant, now) -> None:
    written = written.replace(second=0, microsecond=0)

    back = typed_time(written.isoformat(timespec="minutes"), meant, now).at.astimezone(ZoneInfo(BERLIN))

    # But for the hour that the clock leaves out.
    assert back.replace(tzinfo=None) - written in (timedelta(0), timedelta(hours=1))
    assert back.replace(tzinfo=None) == written or written.hour == 2


@given(st.integers(0, 23), st.integers(0, 59), NOWS, st.sampled_from(["", "Z", " UTC", " CET", " EST", " JST", " PT"]))
def test_a_time_of_the_day_is_within_a_day_of_now(hour, minute, now, zone) -> None:
    text = f"{hour:02}:{minute:02}{zone}"
    longest = timedelta(hours=25, minutes=10)

    for meant in (START, END):
        behind = now - typed_time(text, meant, now).at
        assert -timedelta(minutes=10) <= behind <= longest
    assert timedelta(0) < typed_time(text, ESTIMATE, now).at - now <= longest


@given(st.integers(0, 999), st.integers(0, 9999), st.integers(0, 99999), MEANINGS, NOWS)
def test_so_long_from_now_is_counted_from_the_minute(days, hours, minutes, meant, now) -> None:
    at = typed_time(f"+{days}d{hours}h{minutes}m", meant, now).at

    assert at - now.replace(second=0, microsecond=0) == timedelta(days=days, hours=hours, minutes=minutes)


@given(st.text(max_size=30), MEANINGS)
def test_any_text_is_an_instant_or_refused(text, meant) -> None:
    try:
        found = typed_time(text, meant, NOW).at
    except ValueError as refused:
        found = str(refused)

    assert found.endswith(FORMS) if isinstance(found, str) else found.tzinfo is UTC


@pytest.mark.parametrize(("text", "hour"), [("01:50 EDT", 5), ("01:50 EST", 6)])
def test_in_the_hour_that_comes_twice_the_name_of_the_season_says_which(text: str, hour: int) -> None:
    now = datetime(2026, 11, 1, 5, 15, tzinfo=UTC)

    assert typed_time(text, Meant.ESTIMATE, now).at == datetime(2026, 11, 1, hour, 50, tzinfo=UTC)
