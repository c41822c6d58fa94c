"""Zones: the words that carriers write for them, and local times on the days when the clock is changed."""

# ruff: noqa: DTZ001 -- local times, which have no zone yet

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsers.clock import Clock
from parsers.forms import DateOrder
from parsers.zones import in_doubt, instant, named_zone, zone_of

WINTER, SUMMER = datetime(2027, 1, 15, 12, 0), datetime(2027, 7, 15, 12, 0)

# The days on which the clock is changed, the hour that it leaves out, and the one that it shows twice.
CHANGES = [
    ("America/New_York", datetime(2027, 3, 14, 2), datetime(2027, 11, 7, 1)),
    ("America/Chicago", datetime(2027, 3, 14, 2), datetime(2027, 11, 7, 1)),
    ("America/Los_Angeles", datetime(2027, 3, 14, 2), datetime(2027, 11, 7, 1)),
    ("Europe/Amsterdam", datetime(2027, 3, 28, 2), datetime(2027, 10, 31, 2)),
    ("Europe/London", datetime(2027, 3, 28, 1), datetime(2027, 10, 31, 1)),
    ("Australia/Sydney", datetime(2027, 10, 3, 2), datetime(2027, 4, 4, 2)),
]
MINUTES = st.integers(min_value=0, max_value=59)
changes = st.sampled_from(CHANGES)


def hours_ahead(words: str, local: datetime, **known: object) -> float:
    zone = zone_of(words, **known)
    assert zone is not None, words
    return (local.replace(tzinfo=UTC) - instant(local, zone, latest=False)) / timedelta(hours=1)


@pytest.mark.parametrize(
    ("words", "winter", "summer"),
    [
        ("ET", -5, -4),
        ("EST", -5, -4),
        ("EDT", -5, -4),
        ("Eastern Time", -5, -4),
        ("Eastern Standard Time", -5, -4),
        ("(Central)", -6, -5),
        ("CST", -6, -5),
        ("MST", -7, -6),
        ("pt", -8, -7),
        ("UTC", 0, 0),
        ("(GMT)", 0, 0),
        ("Z", 0, 0),
        ("Greenwich Mean Time", 0, 0),
        ("BST", 1, 1),
        ("CET", 1, 1),
        ("CEST", 2, 2),
        ("GMT+3", 3, 3),
        ("UTC-05:00", -5, -5),
        ("+0530", 5.5, 5.5),
        ("+0000 UTC", 0, 0),
        ("HKT", 8, 8),
        ("AET", 11, 10),
        ("ACST", 9.5, 9.5),
        ("BRT", -3, -3),
    ],
)
def test_words_name_a_zone(words, winter, summer):
    assert (hours_ahead(words, WINTER), hours_ahead(words, SUMMER)) == (winter, summer)


@pytest.mark.parametrize(
    ("name", "short", "home"),
    [
        ("Coordinated Universal Time", "UTC", None),
        ("Greenwich Mean Time", "GMT", None),
        ("Western European Time", "WET", None),
        ("Western European Summer Time", "WEST", None),
        ("British Summer Time", "BST", None),
        ("Irish Standard Time", "IST", "Europe/Dublin"),
        ("Central European Time", "CET", None),
        ("CENTRAL EUROPEAN SUMMER TIME", "CEST", None),
        ("(Eastern European Time)", "EET", None),
        ("Eastern European  Summer Time", "EEST", None),
        ("Moscow Time", "MSK", None),
        ("Moscow Standard Time", "MSK", None),
        ("South Africa Standard Time", "SAST", None),
        ("South African Standard Time", "SAST", None),
        ("Gulf Standard Time", "GST", None),
        ("India Standard Time", "IST", "Asia/Kolkata"),
        ("Indian Standard Time", "IST", "Asia/Kolkata"),
        ("Singapore Time", "SGT", None),
        ("Singapore Standard Time", "SGT", None),
        ("Hong Kong Time", "HKT", None),
        ("Hong Kong Standard Time", "HKT", None),
        ("China Standard Time", "CST", "Asia/Shanghai"),
        ("Japan Standard Time", "JST", None),
        ("Korea Standard Time", "KST", None),
        ("Australian Western Standard Time", "AWST", None),
        ("Australian Central Standard Time", "ACST", None),
        ("Australian Central Daylight Time", "ACDT", None),
        ("Australian Eastern Time", "AET", None),
        ("Australian Eastern Standard Time", "AEST", None),
        ("Australian Eastern Daylight Time", "AEDT", None),
        ("New Zealand Time", "NZT", None),
        ("New Zealand Standard Time", "NZST", None),
        ("New Zealand Daylight Time", "NZDT", None),
        ("Brasilia Time", "BRT", None),
        ("Brasília Time", "BRT", None),
        ("Brasilia Summer Time", "BRST", None),
    ],
)
def test_a_name_that_is_written_out_is_the_zone_of_its_abbreviation(name, short, home):
    assert zone_of(name) == zone_of(short, home=home) is not None


def test_a_name_that_is_written_out_means_the_same_wherever_the_provider_is_at_home():
    homes = (None, "Asia/Dhaka", "Asia/Kolkata", "America/Chicago", "Australia/Sydney")

    for name in ("British Summer Time", "India Standard Time", "Australian Eastern Standard Time"):
        assert len({zone_of(name, home=home) for home in homes}) == 1


@pytest.mark.parametrize(
    ("words", "ahead"),
    [
        ("Central European Time", 1),
        ("Central European Summer Time", 2),
        ("(Eastern European Time)", 2),
        ("Greenwich Mean Time", 0),
        ("Eastern Standard Time", -5),
        ("Central", -6),
        ("Singapore time", 8),
    ],
)
def test_behind_a_time_of_any_reader_the_whole_name_counts(words, ahead):
    clock = Clock(order=DateOrder.MONTH_BY_NAME, zone="America/Denver")

    assert clock.instant(f"15-Jan-2027 12:00 {words}") == (WINTER - timedelta(hours=ahead)).replace(tzinfo=UTC)


@pytest.mark.parametrize("words", ["European Time", "Central European", "Summer Time", "Indian Time", "Hong Kong"])
def test_a_part_of_a_name_is_no_zone(words):
    assert zone_of(words) is None


@pytest.mark.parametrize("words", ["", "IST", "XYZ", "to", "GMT+25", "UTC+05:75", "local time", "5", "UTC UTC"])
def test_what_is_not_in_the_table_is_no_zone(words):
    assert zone_of(words) is None


@pytest.mark.parametrize(
    ("words", "home", "ahead"),
    [
        ("IST", "Asia/Kolkata", 5.5),
        ("IST", "Asia/Jerusalem", 3),
        ("IST", "Europe/Dublin", 1),
        ("CST", "Asia/Hong_Kong", 8),
        ("CST", "America/Chicago", -5),
        ("BST", "Asia/Dhaka", 6),
        ("BST", "Europe/London", 1),
        ("EST", "Australia/Brisbane", 10),
        ("Eastern Standard Time", "Australia/Brisbane", 10),
        ("AST", "Asia/Riyadh", 3),
        ("AST", "America/Halifax", -4),
    ],
)
def test_the_home_of_the_provider_decides_what_an_abbreviation_means(words, home, ahead):
    assert hours_ahead(words, SUMMER, home=home) == ahead


@pytest.mark.parametrize(
    ("home", "region", "doubted", "plain"),
    [
        (None, "US", "IST", "EST EDT ET CST CT MST PST AST BST CET Eastern"),
        (None, "Europe", "IST CST CDT EST ET PST AST", "BST CET GMT Eastern"),
        (None, "America", "IST CST EST AST BST", "BRT UTC"),
        (None, "Asia", "IST CST EST PST AST BST", "HKT SGT GMT"),
        (None, "Australia", "IST CST EST EDT ET BST Eastern Central", "AEST AWST UTC"),
        (None, "", "IST CST AST BST ADT", "EST EDT ET CDT MST MDT PST PDT CET"),
        ("UTC", "Asia", "IST CST EST PST AST BST", "HKT"),
        ("Asia/Hong_Kong", "Asia", "IST AST BST PST", "CST HKT EST"),
        ("Asia/Kolkata", "", "AST BST", "IST"),
        ("Europe/Dublin", "Europe", "CST AST", "IST BST EST PST"),
        ("America/Chicago", "Asia", "IST", "CST EST AST"),
        ("Australia/Sydney", "Australia", "IST AST CT", "EST CST CDT Eastern PST"),
    ],
)
def test_an_abbreviation_of_several_zones_is_in_doubt_where_no_home_decides(home, region, doubted, plain):
    found = {word for word in f"{doubted} {plain}".split() if in_doubt(word, home=home, region=region)}
    assert found == set(doubted.split())


@pytest.mark.parametrize("words", ["China Standard Time", "India Standard Time", "British Summer Time", "UTC-5", "XYT"])
def test_a_name_that_is_written_out_is_in_no_doubt(words):
    assert not in_doubt(words, home=None, region="Asia")


@pytest.mark.parametrize(("words", "ahead"), [("EST", -5), ("CST", -6), ("MST", -7), ("PST", -8), ("EDT", -4)])
def test_a_provider_that_means_it_literally_has_one_offset_all_the_year_round(words, ahead):
    assert hours_ahead(words, WINTER, literal=True) == hours_ahead(words, SUMMER, literal=True) == ahead


def test_the_clock_on_the_wall_is_meant_even_where_the_provider_is_literal():
    assert hours_ahead("ET", SUMMER, literal=True) == -4


def test_a_name_that_is_no_zone_is_none():
    assert named_zone("Europe/Amsterdam") == ZoneInfo("Europe/Amsterdam")
    assert [named_zone(name) for name in ("Europe/Nowhere", "", "../etc/passwd", "EST5EDT\0")] == [None] * 4


@given(changes, MINUTES)
def test_of_an_hour_shown_twice_a_start_is_the_earlier_and_an_end_the_later(change, minutes):
    name, _, twice = change
    local = twice + timedelta(minutes=minutes)

    start, end = (instant(local, ZoneInfo(name), latest=latest) for latest in (False, True))

    assert end - start == timedelta(hours=1)
    assert {moment.astimezone(ZoneInfo(name)).replace(tzinfo=None) for moment in (start, end)} == {local}


@given(changes, MINUTES, st.booleans())
def test_a_time_in_the_hour_left_out_moves_forward(change, minutes, latest):
    name, missing, _ = change
    local = missing + timedelta(minutes=minutes)

    found = instant(local, ZoneInfo(name), latest=latest)

    assert found.astimezone(ZoneInfo(name)).replace(tzinfo=None) == local + timedelta(hours=1)


@given(changes, st.integers(min_value=-2000, max_value=2000), st.integers(min_value=60, max_value=2000), st.booleans())
def test_a_window_of_an_hour_or_more_never_ends_before_it_starts(change, offset, length, spring):
    name, missing, twice = change
    start = (missing if spring else twice) + timedelta(minutes=offset)

    zone = ZoneInfo(name)

    assert instant(start, zone, latest=False) <= instant(start + timedelta(minutes=length), zone, latest=True)


@given(st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2100, 1, 1)), changes)
def test_every_other_time_is_what_the_clock_shows(local, change):
    zone = ZoneInfo(change[0])

    for latest in (False, True):
        shown = instant(local, zone, latest=latest).astimezone(zone).replace(tzinfo=None)
        assert shown in (local, local + timedelta(hours=1))
        assert shown == local or local.month in (3, 10)
