"""Dates, zones and windows that the parser library gets wrong are put right, by the text of our own notices.

That they are right now stands in the .json beside each notice. Here the library is asked alone: a test that fails says
that it has mended a fault, and that the correction, or the reader of our own, can be deleted.
"""

import warnings
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from circuit_maintenance_parser import ProviderError, init_provider
from circuit_maintenance_parser.data import DataPart, NotificationData

from domain.vocabulary import MaintenanceStatus
from parsers.clock import Clock, clock_of
from parsers.corrections.table import CORRECTIONS
from parsers.forms import BY_NAME, FORMS, DateOrder
from parsers.handover import candidates
from parsers.mime import Notification, decode, read_envelope
from parsers.providers import PROVIDERS, Provider, directory
from parsers.reading import read_message
from parsers.statements import NotUnderstood
from parsers.zones import named_zone

ROOT = Path(__file__).parents[3]
MAIL = ROOT / "tests" / "mail"
TENTATIVE = MaintenanceStatus.TENTATIVE

Span = tuple[str, str]


def notice(case: str) -> Notification:
    return decode((MAIL / f"{case}.eml").read_bytes())


def by_the_library(case: str) -> list[Span] | str:
    """Return the windows that the library alone finds, or why it finds none."""
    form = case.partition("/")[0]
    failure = ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for parts in candidates(notice(case), form):
            data = NotificationData(data_parts=[DataPart(kind, parts[kind]) for kind in sorted(parts)])
            try:
                return [(shown(found.start), shown(found.end)) for found in init_provider(form).get_maintenances(data)]
            except ProviderError as error:
                failure = str(error)
    return failure


def shown(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%m-%d %H:%M}"


def by_us(case: str, *configured: Provider) -> list[Span]:
    raw = (MAIL / f"{case}.eml").read_bytes()
    reading = read_message(raw, received_at=read_envelope(raw).date, directory=directory(configured))
    return [
        (f"{window.start:%m-%d %H:%M}", f"{window.end:%m-%d %H:%M}")
        for update in reading.updates
        for window in update.windows or ()
    ]


@pytest.mark.parametrize(
    ("case", "library", "right"),
    [
        ("cogent/planned", [("09-04 03:00", "10-03 10:00")], [("03-10 04:00", "03-10 11:00")]),
        ("turkcell/planned", [("03-18 03:30", "03-18 09:00")], [("03-17 21:30", "03-18 03:00")]),
        ("hgc/half_past_the_hour", [("03-30 16:00", "03-30 21:00")], [("03-30 16:30", "03-30 21:45")]),
        ("momentum/in_central_time", [("07-13 23:30", "07-14 03:00")], [("07-14 04:30", "07-14 08:00")]),
        ("vodafone/in_british_summer_time", [("06-07 00:30", "06-07 05:00")], [("06-06 23:30", "06-07 04:00")]),
        ("seaborn/schedule_in_brazil", [("02-18 04:00", "02-18 11:00")], [("02-18 07:00", "02-18 14:00")]),
        (
            "windstream/over_the_end_of_summer_time",
            [("11-07 06:15", "11-07 11:00")],
            [("11-07 05:15", "11-07 11:00")],
        ),
        (
            "bso/two_timeslots_and_a_backup",
            [("02-03 22:00", "02-09 04:00")],
            [("02-03 22:00", "02-04 04:00"), ("02-05 22:00", "02-06 04:00"), ("02-08 22:00", "02-09 04:00")],
        ),
        (
            "flag/two_windows_and_backups",
            [("03-09 00:01", "03-09 05:00")],
            [("03-02 00:01", "03-02 05:00"), ("03-03 00:01", "03-03 05:00"), ("03-09 00:01", "03-09 05:00")],
        ),
        (
            "sparkle/two_days_under_one_ticket",
            [("02-16 03:00", "02-16 11:00")],
            [("02-16 03:00", "02-16 11:00"), ("02-17 03:00", "02-17 11:00"), ("02-18 03:00", "02-18 11:00")],
        ),
        ("google/with_a_duration", [("02-16 21:55", "02-16 22:55")], [("02-16 21:55", "02-17 06:05")]),
    ],
)
def test_the_library_alone_is_still_wrong(case: str, library: Sequence[Span], right: Sequence[Span]):
    assert by_the_library(case) == library
    assert by_us(case) == right


def test_an_end_that_is_assumed_is_told():
    raw = (MAIL / "google/without_an_end.eml").read_bytes()

    reading = read_message(raw, received_at=read_envelope(raw).date, directory=directory())

    assert reading.warnings == ("PCR/481209: its end is not stated: an hour is assumed",)


@pytest.mark.parametrize(
    "case",
    [
        "cogent/local_time_in_portland_maine",
        "cogent/html_for_athens_georgia",
        "summitig/scheduled_in_utc",
        "equinix/impact_in_other_words",
    ],
)
def test_the_library_alone_still_understands_nothing(case: str):
    assert isinstance(by_the_library(case), str)
    assert by_us(case)


def test_the_library_alone_is_still_a_year_off_at_new_year():
    parts = next(iter(candidates(notice("equinix/local_new_year"), "equinix")))
    data = NotificationData(data_parts=[DataPart(kind, parts[kind]) for kind in sorted(parts)])
    (found,) = init_provider("equinix").get_maintenances(data)

    assert datetime.fromtimestamp(found.start, UTC).year == 2027
    assert by_us("equinix/local_new_year") == [("12-31 16:00", "12-31 22:00")]


@pytest.mark.parametrize("form", ["hawaiki", "kpn"])
def test_the_library_still_has_no_reader(form: str):
    assert init_provider(form) is None


@pytest.mark.parametrize(
    "case",
    ["bso/two_timeslots_and_a_backup", "flag/two_windows_and_backups", "sparkle/two_days_under_one_ticket"],
)
def test_a_backup_is_tentative_and_without_circuits(case: str):
    raw = (MAIL / f"{case}.eml").read_bytes()
    (update,) = read_message(raw, received_at=read_envelope(raw).date, directory=directory()).updates

    assert update.status is MaintenanceStatus.CONFIRMED
    assert sorted((window.status, window.circuits == ()) for window in update.windows or () if window.status) == [
        (TENTATIVE, True)
    ]


def test_a_zone_that_is_not_known_is_not_guessed():
    raw = (MAIL / "momentum/in_central_time.eml").read_bytes().replace(b"CST", b"QQT")
    reading = read_message(raw, received_at=read_envelope(raw).date, directory=directory())

    assert reading.updates == ()
    assert '"QQT" is no zone that is known' in reading.detail


def test_more_days_than_tickets_are_nobodys():
    raw = (MAIL / "sparkle/two_days_under_one_ticket.eml").read_bytes().replace(b"4812079", b"4812079 / 4812080")
    reading = read_message(raw, received_at=read_envelope(raw).date, directory=directory())

    assert reading.updates == ()
    assert "2 tickets and 3 days" in reading.detail


# What the configuration says of a provider.


def test_the_configured_order_of_day_and_month_counts():
    month_first = Provider(name="turkcell", date_order="month-day")

    raw = (MAIL / "turkcell/planned.eml").read_bytes().replace(b"18.03.2027", b"04.03.2027")
    for configured, month in ((), "03"), ((month_first,), "04"):
        reading = read_message(raw, received_at=read_envelope(raw).date, directory=directory(configured))
        (window,) = reading.updates[0].windows or ()
        assert f"{window.end:%m}" == month


def test_the_configured_zone_decides_what_an_abbreviation_means():
    assert by_us("momentum/in_central_time", Provider(name="momentum", zone="Asia/Shanghai")) == [
        ("07-13 15:30", "07-13 19:00")
    ]


def test_a_literal_provider_does_not_mean_the_clock_on_the_wall():
    assert by_us("momentum/in_central_time", Provider(name="momentum", literal_zones=True)) == [
        ("07-14 05:30", "07-14 09:00")
    ]


def test_the_configured_zone_counts_where_none_is_stated():
    provider = Provider(name="cogent", zone="America/Chicago")

    assert by_us("cogent/local_time_in_portland_maine", provider) == [("07-23 04:00", "07-23 10:00")]


# The table of forms.


def test_every_zone_of_the_tables_is_one():
    zones = {form.zone for form in FORMS} | {provider.zone for provider in PROVIDERS}

    assert [zone for zone in zones if zone not in ("stated", "") and named_zone(zone) is None] == []


def test_what_is_known_from_one_of_our_mails_is_known_from_one_that_is_here():
    mails = [form.known_from for form in FORMS if form.known_from.startswith("tests/")]

    assert [mail for mail in mails if not (ROOT / mail).exists()] == []
    assert len(mails) >= len(FORMS) - 1


def test_every_correction_is_told_among_the_faults_of_its_form():
    assert [form for form in CORRECTIONS if not BY_NAME[form].faults] == []


# The clock.


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("10:00pm CT 11/3/2022 (Day 3 of 3)", "2022-11-04 03:00"),
        ("12:00 AM (local time) 06/12/2021 <<< Correction", "2021-06-12 03:00"),
        ("Aug 18, 2022 05:00 UTC", "2022-08-18 05:00"),
        ("18 August 2022 at 05:00 (GMT)", "2022-08-18 05:00"),
        ("2023-12-05 20:55:00 +0000 UTC", "2023-12-05 20:55"),
        ("2027-March-05 20:00 UTC", "2027-03-05 20:00"),
        ("2027-03-04(Thu) 22:00 UTC", "2027-03-04 22:00"),
        ("8/12/2021 2:00:00 am GMT", "2021-08-12 02:00"),
        ("8/12/21 12:30 p.m. GMT-05:00", "2021-08-12 17:30"),
        ("07/13/27 01:00 ET", "2027-07-13 05:00"),
        ("01:00 HKT", None),
        ("07/13/27", None),
        ("13/07/27 01:00 UTC", None),
        ("07/13/27 25:00 UTC", None),
        ("07/13/27 13:00 PM", None),
        ("07/13/27 01:00 QQT", None),
    ],
)
def test_a_clock_reads_what_carriers_write(text: str, right: str | None):
    clock = Clock(order=DateOrder.MONTH_DAY, zone="America/Sao_Paulo")

    if right is None:
        with pytest.raises(NotUnderstood):
            clock.instant(text)
    else:
        assert f"{clock.instant(text):%Y-%m-%d %H:%M}" == right


def test_two_numbers_are_no_date_where_the_form_has_no_order_for_them():
    with pytest.raises(NotUnderstood):
        Clock(order=DateOrder.MONTH_BY_NAME).instant("07/06/2027 01:00 UTC")


def test_a_time_without_a_zone_needs_that_of_the_provider():
    clock = clock_of("bso", Provider(name="bso"))

    with pytest.raises(NotUnderstood, match="no zone is stated"):
        clock.instant("Aug 18, 2022 05:00")
