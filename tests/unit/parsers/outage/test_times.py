"""Times of outages: every form in which they are written, estimates in words, and nothing that is guessed."""

import re
import string
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from domain.events import StatedEtr
from parsers.clock import Clock
from parsers.forms import DateOrder
from parsers.mime import decode
from parsers.outage.times import Moments, OrderUnknown, moments_of
from parsers.providers import Provider, directory
from parsers.statements import NotUnderstood
from parsers.zones import zone_of

# A Thursday.
DATE = datetime(2027, 3, 4, 14, 0, tzinfo=UTC)
NOBODYS = Moments(clock=Clock(order=DateOrder.MONTH_BY_NAME), date=DATE)
IN_NEW_YORK = Moments(clock=Clock(order=DateOrder.DAY_MONTH, zone="America/New_York"), date=DATE)
SIX = datetime(2027, 3, 4, 18, 0, tzinfo=UTC)
ZONES = ("UTC", "GMT", "CET", "EST", "CST", "PST", "JST", "AEST", "UTC-5", "GMT+5:30", "UTC+08:00", "+0100")

FEW = settings(max_examples=50, deadline=None)

days = st.datetimes(min_value=datetime(2026, 1, 2), max_value=datetime(2028, 12, 30)).map(  # noqa: DTZ001
    lambda moment: moment.replace(second=0, microsecond=0)
)


@pytest.mark.parametrize(
    "text",
    [
        "2027-03-04 18:00 UTC",
        "2027-03-04T18:00:00Z",
        "2027-03-04T18:00Z",
        "2027-03-04T19:00:00.000+01:00",
        "2027-03-04T13:00-05:00",
        "20270304T180000Z",
        "2027/03/04 18:00 GMT",
        "2027-03-04 1800 UTC",
        "2027-03-04 13:00:00 -0500",
        "2027-03-04 19:00 Europe/Paris",
        "Thursday, March 4, 2027, 6:00 PM (1800) UTC",
        "Thu Mar 4 18:00:00 UTC 2027",
        "4th of March 2027 at 18:00 hours UTC",
        "04/Mar/2027 07:00 PM CET",
        "04-MAR-27 18:00 GMT",
        "13/03/2027 18:00 UTC",
        "03/13/2027 18:00 UTC",
        "Mar 4, 18:00 UTC",
        "18:00 UTC on 4 March",
        "Thursday 18:00 UTC",
        "tomorrow 03:00 JST",
        "18:00 UTC",
        "18:00Z",
        "1800Z",
        "18h00 (UTC)",
        "18.00 Uhr UTC",
        "18:00 hrs UTC",
        "6 PM UTC",
        "6pm UTC",
        "6.00 pm UTC",
        "1 p.m. Eastern Time",
        "13:00 UTC-5",
        "19:00 CET (UTC+1)",
        "19:00 CET (18:00 UTC)",
        "13:00 EST / 18:00 UTC",
        "18:00 UTC, if splicing goes well",
        "18:00 UTC (estimated)",
    ],
)
def test_a_moment_is_read_in_every_form(text: str) -> None:
    shift = timedelta(days=9) if "13/" in text else timedelta(0)
    assert NOBODYS.instant(text) == SIX + shift


@pytest.mark.parametrize(
    "text",
    [
        "",
        "4 March 2027",
        "end of day",
        "18:00",
        "18:00 local time",
        "18:00 XYZ",
        "18:00 London time",
        "18:00 (Paris)",
        "18:00, Paris",
        "18:00 UTC - 20:00 UTC",
        "02:00-05:00",
        "2027-02-30 18:00 UTC",
        "2027-03-04 25:00 UTC",
        "2027-03-04 18:61 UTC",
        "13 PM UTC",
        "2027-03-04 18:00 CET/CEST",
        "18:00 CET (20:00 UTC)",
        "4 Foo 2027 18:00 UTC",
        "ticket 18:00 UTC",
    ],
)
def test_what_is_not_wholly_understood_is_no_moment(text: str) -> None:
    with pytest.raises(NotUnderstood):
        NOBODYS.instant(text)


@pytest.mark.parametrize(
    "text", ["02/03/2027 18:00 UTC", "02.03.2027 18:00 UTC", "2/3 18:00 UTC", "13/03/27 18:00 UTC"]
)
def test_the_order_of_day_and_month_is_not_guessed(text: str) -> None:
    with pytest.raises(OrderUnknown, match="set date_order of the provider"):
        NOBODYS.instant(text)
    assert NOBODYS.etr(text) is None


@pytest.mark.parametrize(("order", "month", "day"), [(DateOrder.DAY_MONTH, 3, 2), (DateOrder.MONTH_DAY, 2, 3)])
def test_the_order_that_is_known_counts(order: DateOrder, month: int, day: int) -> None:
    moments = Moments(clock=Clock(order=order), date=DATE)
    assert moments.instant("02/03/2027 18:00 UTC") == datetime(2027, month, day, 18, 0, tzinfo=UTC)


def test_a_day_that_the_known_order_does_not_have_is_refused() -> None:
    with pytest.raises(NotUnderstood):
        IN_NEW_YORK.instant("03/13/2027 18:00 UTC")


def test_a_time_without_a_zone_is_in_that_of_the_provider() -> None:
    for text in ("18:00", "18:00 local time", "6 PM local", "04/03/2027 18:00"):
        assert IN_NEW_YORK.instant(text) == datetime(2027, 3, 4, 23, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("date", "text", "year"),
    [
        (datetime(2027, 1, 1, 1, 0, tzinfo=UTC), "31 Dec 23:00 UTC", 2026),
        (datetime(2027, 12, 31, 23, 0, tzinfo=UTC), "Jan 1, 04:00 UTC", 2028),
        (datetime(2027, 6, 15, 12, 0, tzinfo=UTC), "Dec 10 04:00 UTC", 2027),
        (datetime(2028, 3, 1, 12, 0, tzinfo=UTC), "29 Feb 04:00 UTC", 2028),
    ],
)
def test_a_date_without_a_year_is_in_the_nearest(date: datetime, text: str, year: int) -> None:
    assert Moments(clock=NOBODYS.clock, date=date).instant(text).year == year


@FEW
@given(date=days, ahead=st.integers(min_value=-170 * 24, max_value=170 * 24))
def test_a_date_without_a_year_comes_back_within_half_a_year(date: datetime, ahead: int) -> None:
    date = date.replace(tzinfo=UTC)
    meant = date + timedelta(hours=ahead)
    moments = Moments(clock=NOBODYS.clock, date=date)
    assert moments.instant(f"{meant:%d %b %H:%M} UTC") == meant


@FEW
@given(date=days, minutes=st.integers(min_value=-11 * 60, max_value=11 * 60))
def test_a_time_alone_is_on_the_nearest_day(date: datetime, minutes: int) -> None:
    date = date.replace(tzinfo=UTC)
    meant = date + timedelta(minutes=minutes)
    assert Moments(clock=NOBODYS.clock, date=date).instant(f"{meant:%H:%M} UTC") == meant


@FEW
@given(
    local=days,
    form=st.sampled_from(
        [
            "%Y-%m-%d %H:%M {}",
            "%Y-%m-%dT%H:%M:%S {}",
            "%d %B %Y %H:%M {}",
            "%d-%b-%Y %H:%M:%S ({})",
            "%B %d, %Y at %I:%M %p {}",
            "%A, %d %B %Y, %H:%M hrs {}",
            "%H:%M {} on %d %B %Y",
            "%Y/%m/%d %I:%M%p {}",
            "%d/%b/%Y %I:%M %p {}",
            "%b %d %Y %Hh%M {}",
        ]
    ),
    zone=st.sampled_from(ZONES),
)
def test_a_moment_comes_back_from_every_form_in_every_zone(local: datetime, form: str, zone: str) -> None:
    known = zone_of(zone)
    assert known is not None
    read = NOBODYS.instant(local.strftime(form).format(zone))
    # In the hour that a clock leaves out a time moves forward.
    assert read in {local.replace(tzinfo=known, fold=fold).astimezone(UTC) for fold in (0, 1)}


@FEW
@given(local=days, order=st.sampled_from([DateOrder.DAY_MONTH, DateOrder.MONTH_DAY]), separator=st.sampled_from("/.-"))
def test_numbers_come_back_in_the_known_order(local: datetime, order: DateOrder, separator: str) -> None:
    first, second = ("%d", "%m") if order is DateOrder.DAY_MONTH else ("%m", "%d")
    text = local.strftime(f"{first}{separator}{second}{separator}%Y %H:%M UTC")
    assert Moments(clock=Clock(order=order), date=DATE).instant(text) == local.replace(tzinfo=UTC)


def test_of_an_hour_that_is_shown_twice_a_start_is_early_and_an_end_late() -> None:
    text = "7 November 2027 01:30 ET"
    assert NOBODYS.instant(text) == datetime(2027, 11, 7, 5, 30, tzinfo=UTC)
    assert NOBODYS.instant(text, latest=True) == datetime(2027, 11, 7, 6, 30, tzinfo=UTC)
    assert NOBODYS.etr(text) == StatedEtr(at=datetime(2027, 11, 7, 6, 30, tzinfo=UTC), words=text)


# Estimates


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("within 4 hours", 4),
        ("4 hours", 4),
        ("4hrs.", 4),
        ("~4h", 4),
        ("in the next 2 hours", 2),
        ("2-3 hours", 3),
        ("2 to 3 hrs", 3),
        ("1-2 hour(s)", 2),
        ("up to 4 hours from now", 4),
        ("approx. 90 minutes", 1.5),
        ("1 hour 30 minutes", 1.5),
        ("1h30m", 1.5),
        ("half an hour", 0.5),
        ("one hour", 1),
        ("24-48 hours", 48),
        ("2 days", 48),
        ("4 hours (18:00 UTC)", 4),
        ("18:00 UTC (approximately 4 hours)", 4),
        ("Friday by 05:00 UTC", 15),
        ("about 18:00 UTC", 4),
        ("by 18:00 UTC", 4),
        ("no later than 2027-03-04 18:00 UTC", 4),
        ("extended to 18:00 UTC", 4),
        ("18:00 UTC (revised)", 4),
        ("ETR: 18:00 UTC", 4),
        ("18:00 UTC, subject to the weather", 4),
        ("18:00 UTC (subject to the weather)", 4),
        ("tomorrow 06:00 CET", 15),
        ("Friday 05:00 UTC", 15),
        ("18:00 UTC - 20:00 UTC", 6),
        ("18:00-20:00 UTC", 6),
        ("between 18:00 and 20:00 UTC", 6),
        ("from 2027-03-04 18:00 to 20:00 UTC", 6),
        ("2027-03-04 22:00 - 02:00 UTC", 12),
        ("22:00 - 02:00 UTC", 12),
        ("2027-03-04 18:00 UTC to 2027-03-05 02:00 UTC", 12),
        ("13:30 UTC", -0.5),
        ("18:00 UTC (was 17:00 UTC)", 4),
        ("2027-03-04 18:00 UTC [previously 2027-03-04 16:00 UTC]", 4),
        ("18:00 UTC, extended from 16:30 UTC", 4),
        ("4 hours (original ETR: 2 hours)", 4),
    ],
)
def test_an_estimate_is_read(text: str, hours: float) -> None:
    assert NOBODYS.etr(text) == StatedEtr(at=DATE + timedelta(hours=hours), words=text)


def test_a_local_estimate_needs_the_zone_of_the_provider() -> None:
    assert NOBODYS.etr("by 6 PM local") is None
    assert IN_NEW_YORK.etr("by 6 PM local") == StatedEtr(at=DATE + timedelta(hours=9), words="by 6 PM local")


@pytest.mark.parametrize(
    "text",
    [
        *(
            "TBD",
            "tbd.",
            "TBA",
            "T.B.D",
            "N/A",
            "none",
            "Unknown",
            "unknown at this time",
            "not available",
            "not yet known",
        ),
        *(
            "to be advised",
            "To be determined",
            "no ETR at this time",
            "No ETR available yet",
            "ETR is unknown",
            "pending",
        ),
        *("There is currently no ETR", "No estimate until the crew arrives", "TBD - crew en route"),
        *("TBD. Next update 18:00 UTC", "Unavailable", "None at present", "we do not have an ETR yet"),
    ],
)
def test_an_estimate_is_withdrawn(text: str) -> None:
    assert NOBODYS.etr(text) == StatedEtr(at=None, words=text)


@pytest.mark.parametrize(
    "text",
    [
        *("", " - ", "ASAP", "by end of day", "end of business", "tonight", "4", "18:00", "midnight UTC"),
        *("crew on site, ETR to follow", "will be provided once the fault is located", "under investigation"),
        *("within 4 hours of dispatch", "more than 4 hours", "at least 2 hours", "4+ hours", "2 business days"),
        *(
            "3-2 hours",
            "0 hours",
            "60 days",
            "4 hours (20:00 UTC)",
            "20:00 UTC (4 hours)",
            "4 hours (3 hours)",
            "not before 18:00 UTC",
            "after 18:00 UTC",
        ),
        *("Technician ETA 18:00 UTC", "next update 18:00 UTC", "18:00 UTC, no longer valid", "no change to the ETR"),
        *("18:00 UTC was missed", "02:00-05:00", "12:00 UTC", "18:00 XYZ", "TBD, perhaps 18:00 UTC"),
        *("18:00 UTC (was missed)", "18:00 UTC, was 17:00 UTC and is 20:00 UTC now", "(was 17:00 UTC)"),
    ],
)
def test_an_estimate_that_nobody_can_be_sure_of_is_not_stated(text: str) -> None:
    assert NOBODYS.etr(text) is None


def test_the_words_of_an_estimate_are_those_that_stand_there() -> None:
    stated = NOBODYS.etr("  within\n 4\thours ")
    assert stated is not None
    assert stated.words == "within 4 hours"
    long = NOBODYS.etr("18:00 UTC, " + "if all goes well and " * 20)
    assert long is None or len(long.words) <= 200


@FEW
@given(
    date=days, low=st.integers(1, 47), more=st.integers(1, 24), unit=st.sampled_from(["hours", "hrs", "h", "minutes"])
)
def test_relative_estimates_count_from_the_date(date: datetime, low: int, more: int, unit: str) -> None:
    moments = Moments(clock=NOBODYS.clock, date=date.replace(tzinfo=UTC))
    step = timedelta(minutes=1) if unit == "minutes" else timedelta(hours=1)
    one, span = moments.etr(f"within {low} {unit}"), moments.etr(f"{low}-{low + more} {unit}")
    assert one is not None
    assert span is not None
    assert one.at == moments.date + low * step
    assert span.at == moments.date + (low + more) * step


@FEW
@given(date=days, minutes=st.integers(min_value=-59, max_value=15 * 60))
def test_an_estimate_without_a_day_lies_ahead(date: datetime, minutes: int) -> None:
    date = date.replace(tzinfo=UTC)
    meant = date + timedelta(minutes=minutes)
    stated = Moments(clock=NOBODYS.clock, date=date).etr(f"{meant:%H:%M} UTC")
    assert stated is not None
    assert stated.at == meant


@FEW
@given(date=days, hours=st.integers(min_value=16, max_value=22))
def test_a_time_that_has_passed_for_hours_is_no_estimate(date: datetime, hours: int) -> None:
    date = date.replace(tzinfo=UTC)
    assert Moments(clock=NOBODYS.clock, date=date).etr(f"{date + timedelta(hours=hours):%H:%M} UTC") is None


# Whatever stands there

_PIECES = ["18:00", "6 PM", "UTC", "CET", "local time", "4 hours", "-", "(", ")", "2027-03-04", "03/04/2027", "4 March",
           "Friday", "TBD", "to", ",", ".", "within", "+05:00", "T", "Z", "1800", "99:99", "Feb 30"]  # fmt: skip
texts = st.one_of(
    st.text(max_size=60),
    st.text(alphabet=string.digits + ":/-. TZAPMamp+()", max_size=40),
    st.lists(st.sampled_from(_PIECES), max_size=8).map(" ".join),
)


@FEW
@given(text=texts, zone=st.sampled_from([None, "Europe/Paris"]), order=st.sampled_from(list(DateOrder)))
@example(text="UTC" * 80, zone=None, order=DateOrder.DAY_MONTH)
@example(text="9999-12-31 23:59 -1200", zone=None, order=DateOrder.DAY_MONTH)
@example(text="0000-01-01 00:00 UTC", zone=None, order=DateOrder.DAY_MONTH)
def test_no_text_does_harm_or_yields_what_cannot_be(text: str, zone: str | None, order: DateOrder) -> None:
    moments = Moments(clock=Clock(order=order, zone=zone), date=DATE)
    stated = moments.etr(text)
    assert stated is None or (stated.words and len(stated.words) <= 200)
    assert stated is None or stated.at is None or stated.at.tzinfo is UTC
    assert isinstance(moments.names_time(text) and moments.names_day(text), bool)
    moments.zone_in(text)
    try:
        at = moments.instant(text)
    except NotUnderstood:
        return
    assert at.tzinfo is UTC


# Words that say nothing of when, and are no zone.
_READ = re.compile(
    r"at|on|by|the|of|hrs?|h|uhr|approx|approximately|about|around|circa|ca|local|hours|tz|timezone"
    r"|(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*|today|tomorrow|yesterday|[ap]m|utc|gmt",
    re.IGNORECASE,
)


@FEW
@given(
    word=st.text(alphabet=string.ascii_letters, min_size=2, max_size=8), text=st.sampled_from(["18:00 {}", "{} 18:00"])
)
def test_a_word_beside_a_time_is_read_or_refused(word: str, text: str) -> None:
    assume(zone_of(word) is None)
    assume(not _READ.fullmatch(word))
    with pytest.raises(NotUnderstood):
        IN_NEW_YORK.instant(text.format(word))


# The settings of a provider


def test_the_setting_of_the_provider_wins_over_the_form() -> None:
    notification = decode(b"Date: Thu, 04 Mar 2027 15:00:00 +0100\n\n")
    form = {"order": DateOrder.MONTH_DAY, "zone": "America/Denver"}
    assert moments_of(notification, Provider(name="one"), **form) == Moments(
        clock=Clock(order=DateOrder.MONTH_DAY, zone="America/Denver", region=""), date=DATE
    )
    set_up = Provider(name="one", date_order="day-month", zone="Asia/Kolkata", literal_zones=True)
    assert moments_of(notification, set_up, **form) == Moments(
        clock=Clock(order=DateOrder.DAY_MONTH, zone="Asia/Kolkata", literal=True, region=""), date=DATE
    )
    assert moments_of(notification, set_up).instant("18:00 IST") == DATE.astimezone(ZoneInfo("Asia/Kolkata")).replace(
        hour=18, minute=0
    )


def built_in(name: str, **changed: object) -> Moments:
    """Return how a built-in provider writes times."""
    provider = directory([Provider(name=name, **changed)]).get(name)
    assert provider
    return moments_of(decode(b"Date: Thu, 04 Mar 2027 15:00:00 +0100\n\n"), provider)


@pytest.mark.parametrize(
    ("provider", "text"),
    [
        ("zayo", "13:00 EST"),
        ("zayo", "12:00 CST"),
        ("zayo", "14:00 AST"),
        ("eunetworks", "19:00 BST"),
        ("pccw", "18:00 UTC"),
        ("acme", "13:00 EST"),
        ("acme", "10:00 PST"),
    ],
)
def test_an_abbreviation_is_read_where_the_provider_can_mean_one_zone_alone(provider: str, text: str) -> None:
    assert built_in(provider).instant(f"2027-03-04 {text}") == SIX


@pytest.mark.parametrize(
    ("provider", "word"),
    [
        *(("pccw", word) for word in ("CST", "AST", "PST", "IST")),
        *(("hgc", "CST"), ("telstra", "EST"), ("seaborn", "CST"), ("arelion", "ET"), ("globalcloudxchange", "BST")),
        *(("acme", word) for word in ("CST", "AST", "IST", "BST")),
    ],
)
def test_an_abbreviation_of_several_zones_is_never_guessed(provider: str, word: str) -> None:
    with pytest.raises(NotUnderstood, match=f'"{word}" can be several zones.*set zone of the provider'):
        built_in(provider).instant(f"2027-03-04 12:00 {word}")
    assert built_in(provider).etr(f"2027-03-04 22:00 {word}") is None


def test_the_zone_of_the_configuration_says_which_of_several_is_meant() -> None:
    assert built_in("hgc", zone="Asia/Hong_Kong").instant("2027-03-05 02:00 CST") == SIX
    assert built_in("telstra", zone="Australia/Sydney").instant("2027-03-05 05:00 EST") == SIX
    assert built_in("acme", zone="America/Chicago").instant("2027-03-04 12:00 CST") == SIX


@pytest.mark.parametrize(
    ("provider", "text"),
    [
        *((name, "04/03/2027 18:00 UTC") for name in ("colt", "kpn", "retn")),
        *((name, "03/04/2027 18:00 UTC") for name in ("cogent", "windstream", "crowncastle")),
    ],
)
def test_the_order_of_a_provider_s_maintenances_is_that_of_its_outages(provider: str, text: str) -> None:
    assert built_in(provider).instant(text) == SIX


def test_an_order_is_known_only_where_all_forms_that_have_one_agree() -> None:
    numbers = "04/03/2027 18:00 UTC"
    assert built_in("colt", date_order="month-day").instant(numbers).month == 4
    for readers in ((), ("zayo",), ("arelion",), ("colt", "cogent")):
        with pytest.raises(OrderUnknown):
            built_in("acme", readers=readers).instant(numbers)


def test_the_zone_of_a_provider_s_maintenances_is_not_that_of_its_outages() -> None:
    with pytest.raises(NotUnderstood, match=r"no zone is stated: set zone of the provider.*or of the template"):
        built_in("kpn").instant("2027-03-04 18:00")


@pytest.mark.parametrize(
    "text",
    [
        "Monday 4 March 2027 18:00 UTC",
        "Wed, 2027-03-04 18:00 UTC",
        "Fri Mar 4 18:00:00 UTC 2027",
        "Friday, March 4, 18:00 UTC",
    ],
)
def test_a_weekday_that_is_not_that_of_its_date_is_not_understood(text: str) -> None:
    with pytest.raises(NotUnderstood, match="2027-03-04 is no"):
        NOBODYS.instant(text)
    assert NOBODYS.etr(text) is None


def test_a_weekday_is_that_of_the_date_where_it_is_written() -> None:
    assert NOBODYS.instant("Fri 5 March 2027 03:00 JST") == SIX


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("10 Nov 2026 17:00 - 18:00 UTC", "is it a span"),
        ("2027-03-04 17:00 to 18:00 UTC", "is it a span"),
        ("4 March 2027 18:00 since UTC", '"since" is not understood in'),
        ("4 March 2027 18:00 XYT", '"XYT" is no zone that is known'),
    ],
)
def test_what_is_not_understood_is_named(text: str, why: str) -> None:
    with pytest.raises(NotUnderstood, match=why):
        NOBODYS.instant(text)


def test_without_a_date_no_time_is_read() -> None:
    with pytest.raises(NotUnderstood, match="no Date"):
        moments_of(decode(b"Subject: x\n\n"), Provider(name="one"))


@pytest.mark.parametrize(
    ("text", "zone"),
    [("18:00 UTC", "UTC"), ("18:00 (CET)", "CET"), ("18:00", None), ("18:00 XYZ", None), ("4 hours", None)],
)
def test_the_zone_is_told_as_it_is_written(text: str, zone: str | None) -> None:
    assert NOBODYS.zone_in(text) == zone
