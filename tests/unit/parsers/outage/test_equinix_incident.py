"""Equinix's incidents in other words than those of the stories in tests/outages."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from domain.vocabulary import Impact, OutageStatus
from parsers.mime import decode
from parsers.outage.equinix import READER
from parsers.outage.sorting import Sort, sort_of
from parsers.providers import Provider
from parsers.statements import NotUnderstood
from tests.sheets import changed, notice, outage_of, result_of

EQUINIX = Provider(name="equinix", senders=("@equinix.com",))
MAIL = Path(__file__).parents[3] / "mail" / "equinix"
REPORTED = "equinix-incident/power_in_manchester/01_reported"
SECOND_FAILURE = "equinix-incident/cooling_fails_twice/05_again"
SUBJECT = "IBX Incident - Cooling - LD5 [5-230880014277]"


@pytest.mark.parametrize(
    ("situation", "status"),
    [
        ("Stable", OutageStatus.MONITORING),
        ("Stable.", OutageStatus.MONITORING),
        ("Under Investigation", OutageStatus.INVESTIGATING),
        ("Resolved", OutageStatus.RESOLVED),
        ("Unstable", None),
        ("Critical", None),
        ("", None),
    ],
)
def test_the_situation_is_the_status_where_its_word_is_known(situation, status):
    text = f"Situation Status: {situation}\n\nCurrent System Redundancy: N\n"

    assert outage_of(READER, notice(text, subject=SUBJECT), EQUINIX).status is status


@pytest.mark.parametrize(
    ("report", "status"),
    [
        ("the fault is being investigated.", OutageStatus.INVESTIGATING),
        ("the fault has been isolated to a pump.", OutageStatus.IDENTIFIED),
        ("the load is on utility power and is being monitored.", OutageStatus.MONITORING),
        ("the incident has been resolved.", OutageStatus.RESOLVED),
        ("temperatures rise in Colo 4.", None),
    ],
)
def test_without_a_situation_the_report_of_the_staff_says_how_far_it_is(report, status):
    text = f"Equinix IBX Site Staff reports that {report}"

    assert outage_of(READER, notice(text, subject=SUBJECT), EQUINIX).status is status


@pytest.mark.parametrize(
    ("stated", "impact"),
    [
        ("No impact to your service", Impact.NO_IMPACT),
        ("Loss of redundancy", Impact.REDUCED_REDUNDANCY),
        ("Degraded cooling", Impact.DEGRADED),
        ("Power outage", Impact.OUTAGE),
        ("See below", None),
    ],
)
def test_each_account_has_its_services_with_the_impact_of_the_notice(stated, impact):
    second = "<tr><td>150998</td><td>AC Circuit</td><td>21440017-B</td></tr>\n</tbody>"
    notification = changed(
        REPORTED, ("</tbody>", second), ("<p><b>IBX(s)", f"<p><b>IMPACT:</b> {stated}</p>\n<p><b>IBX(s)")
    )

    results = READER.read(notification, EQUINIX).results

    assert [(one.event_id, one.account) for one in results] == [
        ("5-230114772901", "150233"),
        ("5-230114772901", "150998"),
    ]
    assert [[(circuit.circuit_id, circuit.impact) for circuit in one.circuits] for one in results] == [
        [("21988014-A", impact), ("21988014-B", impact)],
        [("21440017-B", impact)],
    ]


def test_without_a_table_account_and_assets_stand_behind_their_labels():
    site = "IBX: LD5\nSituation Status: Stable\n"
    text = f"{site}Account Number: 140212\nAssets: LD5:01:9, LD5:01:10\nProduct: Metro Connect\n"
    result = result_of(READER, notice(text, subject=SUBJECT), EQUINIX)

    assert (result.account, [one.circuit_id for one in result.circuits]) == ("140212", ["LD5:01:9", "LD5:01:10"])


@pytest.mark.parametrize(("condition", "summary"), [("Chiller Failure", "LD5: Chiller Failure"), ("Normal", None)])
def test_the_condition_is_what_it_is_about_unless_it_is_normal_again(condition, summary):
    text = f"IBX: LD5\nEquipment/Condition: {condition}\n"

    assert result_of(READER, notice(text, subject=SUBJECT), EQUINIX).summary == summary


def test_the_number_may_stand_in_the_text_alone():
    text = "This is about 5-230880014277.\n\nSituation Status: Stable\n"

    assert result_of(READER, notice(text, subject="IBX Incident LD5"), EQUINIX).event_id == "5-230880014277"


@pytest.mark.parametrize("words", ["15-230880014277", "5-2308", "call +44 845-230880014277", "5-230880014277-1"])
def test_what_is_no_number_of_an_incident_is_not_taken_for_one(words):
    with pytest.raises(NotUnderstood, match="no number"):
        READER.read(notice(f"{words}\n\nSituation Status: Stable\n", subject="IBX Incident LD5"), EQUINIX)


def test_the_redundancy_of_the_site_is_no_status_of_the_incident():
    text = "Situation Status:\n\nCurrent System Redundancy: Normal\n"

    assert outage_of(READER, notice(text, subject=SUBJECT), EQUINIX).status is None


def test_a_notice_without_the_condition_of_a_site_is_of_another_form():
    with pytest.raises(NotUnderstood, match="no condition of a site"):
        READER.read(notice("A card failed. 5-230880014277", subject=SUBJECT), EQUINIX)


def test_what_is_quoted_below_the_new_text_says_nothing():
    assert outage_of(READER, changed(SECOND_FAILURE), EQUINIX).status is OutageStatus.INVESTIGATING


def test_a_next_update_is_no_estimate_and_one_without_a_zone_is_not_guessed():
    text = "Situation Status: Under Investigation\n\nNext Update: 13:00 UTC\n\nETR: 14:00\n"

    assert outage_of(READER, notice(text, subject=SUBJECT), EQUINIX).etr is None


@pytest.mark.parametrize("words", ["TBD", "Ongoing", "N/A", ""])
def test_an_end_that_is_no_time_is_none(words):
    text = f"Incident Start: 12-Jul-2027 05:48 UTC\n\nIncident End: {words}\n\nSituation Status: Stable\n"

    outage = outage_of(READER, notice(text, subject=SUBJECT), EQUINIX)

    assert (outage.status, outage.end) == (OutageStatus.MONITORING, None)


def test_a_start_with_the_month_in_letters_is_read():
    text = "Situation Status: Stable\n\nStart: Monday, 12 Jul 05:48 UTC\n"
    date = "Mon, 12 Jul 2027 07:00:00 +0000"

    start = outage_of(READER, notice(text, subject=SUBJECT, date=date), EQUINIX).start

    assert start == datetime(2027, 7, 12, 5, 48, tzinfo=UTC)


@pytest.mark.parametrize("name", sorted(path.name for path in MAIL.glob("*.eml")))
def test_a_notice_of_planned_work_is_no_incident(name):
    notification = decode((MAIL / name).read_bytes())

    assert sort_of(notification) is Sort.MAINTENANCE
    with pytest.raises(NotUnderstood, match="no condition of a site"):
        READER.read(notification, EQUINIX)
