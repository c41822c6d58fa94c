"""Outage reports in other words than those of the stories."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from domain.events import StatedEtr
from domain.vocabulary import Impact, OutageStatus
from parsers.outage.outage_report import READER
from parsers.statements import NotUnderstood
from tests.readings import HARBOUR_FIBRE
from tests.sheets import changed, circuits_of, outage_of, result_of

OCCURRENCE = "outage-report/excavator_on_the_quay/01_occurrence"
STATUS = "outage-report/excavator_on_the_quay/03_later"
RECOVERY = "outage-report/excavator_on_the_quay/04_recovery"
ACTION = "Current Action: Now Investigating"


def test_without_a_zone_times_are_in_that_of_the_provider() -> None:
    provider = replace(HARBOUR_FIBRE, zone="Asia/Hong_Kong")

    outage = outage_of(READER, changed(OCCURRENCE, ("03:12 AM UTC", "03:12 AM")), provider)

    assert (outage.start, outage.zone) == (datetime(2027, 3, 7, 19, 12, tzinfo=UTC), "Asia/Hong_Kong")


def test_without_a_zone_and_one_of_the_provider_nothing_is_guessed() -> None:
    with pytest.raises(NotUnderstood, match="zone"):
        READER.read(changed(OCCURRENCE, ("03:12 AM UTC", "03:12 AM")), HARBOUR_FIBRE)


@pytest.mark.parametrize(
    ("action", "status"),
    [
        ("Now Investigating", OutageStatus.INVESTIGATING),
        ("Splicing in progress", OutageStatus.IDENTIFIED),
        ("Fault located 2.1 km from the hut", OutageStatus.IDENTIFIED),
        ("No fault found in the hut, team goes on", OutageStatus.REPORTED),
        ("Traffic is being monitored", OutageStatus.MONITORING),
        ("Waiting for the supplier", OutageStatus.REPORTED),
        ("", OutageStatus.REPORTED),
    ],
)
def test_the_action_says_how_far_it_is(action: str, status: OutageStatus) -> None:
    assert outage_of(READER, changed(OCCURRENCE, (ACTION, f"Current Action: {action}"))).status is status


def test_a_status_without_a_word_of_the_course_states_none() -> None:
    notification = changed(STATUS, ("Current Action: Splicing in progress. ", "Current Action: "))

    assert outage_of(READER, notification).status is None


def test_down_is_an_outage_and_up_resolves_nothing() -> None:
    down = result_of(READER, changed(STATUS))
    up = result_of(READER, changed(STATUS, ("Current Status: Down", "Current Status: Up")))

    assert down.circuits is not None
    assert up.circuits is not None
    assert up.outage is not None
    assert (down.circuits[0].impact, up.circuits[0].impact) == (Impact.OUTAGE, None)
    assert up.outage.status is OutageStatus.IDENTIFIED


def test_without_its_subject_the_head_of_the_text_says_which_report_it_is() -> None:
    subject = (
        "[Outage report - Recovery] Example Logistics ( HF-RTM-AMS-0042 ) (Ticket No: HFT-27-0311) - site Rotterdam"
    )

    result = result_of(READER, changed(RECOVERY, (subject, "FW: your line")))

    assert result.outage is not None
    assert (result.event_id, result.outage.status, circuits_of(result)) == (
        "HFT-27-0311",
        OutageStatus.RESOLVED,
        ["HF-RTM-AMS-0042"],
    )


def test_a_circuit_with_a_dash_is_that_of_the_subject() -> None:
    notification = changed(OCCURRENCE, ("HF-RTM-AMS-0042", "RTM - AMS 42"), ("- Rotterdam\n", "- Rotterdam - Noord\n"))

    assert circuits_of(result_of(READER, notification)) == ["RTM - AMS 42"]


@pytest.mark.parametrize("label", ["ETR", "ETA to restore", "ETA for repair", "Estimated time to repair", "New ETTR"])
def test_an_estimate_that_a_person_adds_is_read_and_is_no_part_of_the_reason(label: str) -> None:
    reason = "Reason for Outage:"
    plain = outage_of(READER, changed(STATUS))
    added = outage_of(READER, changed(STATUS, (reason, f"{label}: 08/Mar/2027 11:00 PM UTC\n{reason}")))

    assert added.etr == StatedEtr(at=datetime(2027, 3, 8, 23, tzinfo=UTC), words="08/Mar/2027 11:00 PM UTC")
    assert added.cause == plain.cause


def test_a_recovery_states_no_estimate() -> None:
    notification = changed(RECOVERY, ("Duration: 14 hours 29 minutes", "ETR: 08/Mar/2027 09:00 PM UTC"))

    assert outage_of(READER, notification).etr is None


def test_an_end_of_what_goes_on_is_none() -> None:
    notification = changed(STATUS, ("Current Status: Down", "End Time: 08/Mar/2027 09:00 PM UTC"))

    assert outage_of(READER, notification).end is None


@pytest.mark.parametrize("line", ["Trouble Ticket No: HFT-27-0311\n", "[Outage report - Status] "])
def test_a_report_without_its_ticket_or_its_kind_is_another_form(line: str) -> None:
    with pytest.raises(NotUnderstood):
        READER.read(changed(STATUS, (line, ""), ("OUTAGE - STATUS", "Hello")), HARBOUR_FIBRE)
