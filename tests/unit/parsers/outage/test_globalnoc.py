"""The sheets of the Global NOC in other words than those of the stories."""

from datetime import UTC, datetime

import pytest

from domain.events import StatedEtr
from domain.vocabulary import OutageStatus
from parsers.outage.globalnoc import READER
from parsers.statements import NotUnderstood
from tests.readings import HARBOUR_FIBRE
from tests.sheets import changed, circuits_of, notice, outage_of, result_of

OPEN = "globalnoc/two_backbones/01_outage"
RESOLVED = "globalnoc/two_backbones/04_resolved"
AFFECTED_OPEN = "Source Of Impact:"
AFFECTED = "Affected: Backbones RTM-AMS and RTM-BRU"
END = "End Time: Tuesday, March 9, 2027, 1:12 PM (1312) UTC"


def test_the_number_without_that_of_the_network_finds_it_too() -> None:
    result = result_of(READER, changed(OPEN))

    assert (result.event_id, result.references) == ("5217:144", ("5217",))


def test_a_number_alone_is_a_ticket() -> None:
    result = result_of(READER, changed(OPEN, ("5217:144", "5217")))

    assert (result.event_id, result.references) == ("5217", ())


@pytest.mark.parametrize(
    ("affected", "circuits"),
    [
        ("Core Node WASH", ["Core Node WASH"]),
        ("AL2S Core Node Star", ["AL2S Core Node Star"]),
        ("Core Nodes WASH, STAR and ATLA", ["Core Node WASH", "Core Node STAR", "Core Node ATLA"]),
        ("Backbone ELPA-HOUH; DWDM System ELPA-SANA", ["Backbone ELPA-HOUH", "DWDM System ELPA-SANA"]),
        ("RTM-AMS and RTM-BRU", ["RTM-AMS", "RTM-BRU"]),
    ],
)
def test_what_is_affected_are_its_circuits(affected: str, circuits: list[str]) -> None:
    assert circuits_of(result_of(READER, changed(OPEN, (AFFECTED, f"Affected: {affected}")))) == circuits


def test_nothing_affected_states_no_circuits() -> None:
    assert result_of(READER, changed(OPEN, (AFFECTED, "Affected:"))).circuits is None


@pytest.mark.parametrize("end", ["Pending", "Unknown", "", "TBD"])
def test_an_end_that_is_no_time_is_none(end: str) -> None:
    outage = outage_of(READER, changed(RESOLVED, (END, f"End Time: {end}")))

    assert (outage.status, outage.end) == (OutageStatus.RESOLVED, None)


def test_an_end_resolves_an_outage_whose_subject_does_not_say_so() -> None:
    outage = outage_of(READER, changed(RESOLVED, ("Outage Resolved - ", "Brief Outage - ")))

    assert (outage.status, outage.end) == (OutageStatus.RESOLVED, datetime(2027, 3, 9, 13, 12, tzinfo=UTC))


@pytest.mark.parametrize("before", ["Update: ", "UPDATE - ", "Updated: Brief ", "Intermittent "])
def test_an_update_of_an_outage_is_one(before: str) -> None:
    result = result_of(READER, changed(OPEN, ("Subject: Outage", f"Subject: {before}Outage")))

    assert result.summary == result_of(READER, changed(OPEN)).summary


@pytest.mark.parametrize("label", ["ETR", "Estimated Time to Restore", "ETA to repair", "Revised ETR"])
def test_an_estimate_may_have_a_line_of_its_own(label: str) -> None:
    words = "Tuesday, March 9, 2027, 3:30 PM (1530) UTC"
    outage = outage_of(READER, changed(OPEN, (AFFECTED_OPEN, f"{label}: {words}\n{AFFECTED_OPEN}")))

    assert outage.etr == StatedEtr(at=datetime(2027, 3, 9, 15, 30, tzinfo=UTC), words=words)


def test_an_end_still_to_come_is_none() -> None:
    later = END.replace("Tuesday, March 9", "Wednesday, March 10")
    outage = outage_of(READER, changed(RESOLVED, ("Outage Resolved - ", "Outage - "), (END, later)))

    assert (outage.status, outage.end) == (None, None)


def test_a_resolved_outage_states_no_estimate() -> None:
    text = "available to the\ncommunity after an outage."

    assert outage_of(READER, changed(RESOLVED, (text, f"{text} ETR: 4:00 PM UTC."))).etr is None


@pytest.mark.parametrize("about", ["Emergency Maintenance Completed", "Maintenance Scheduled", "Weekly Report"])
def test_a_sheet_about_anything_but_an_outage_is_not_read(about: str) -> None:
    with pytest.raises(NotUnderstood, match="no outage"):
        READER.read(changed(OPEN, ("Subject: Outage - ", f"Subject: {about} - ")), HARBOUR_FIBRE)


def test_a_sheet_without_its_source_of_impact_is_another_form() -> None:
    with pytest.raises(NotUnderstood, match="source of impact"):
        READER.read(changed(OPEN, ("Source Of Impact: Vendor\n", "")), HARBOUR_FIBRE)


def test_a_letter_is_another_form() -> None:
    with pytest.raises(NotUnderstood):
        READER.read(notice("Ticket No.: soon\n"), HARBOUR_FIBRE)
