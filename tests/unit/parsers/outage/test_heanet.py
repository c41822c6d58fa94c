"""Tickets of HEAnet in other words than those of the stories."""

from datetime import UTC, datetime

import pytest

from domain.events import StatedEtr
from domain.vocabulary import OutageStatus
from parsers.outage.heanet import READER
from parsers.outage.sorting import Sort, sort_of
from parsers.statements import NotUnderstood
from tests.readings import HARBOUR_FIBRE
from tests.sheets import changed, circuits_of, outage_of, result_of

OPEN = "heanet/path_to_dundalk/01_open"
UPDATE = "heanet/path_to_dundalk/02_update"
CLOSE = "heanet/path_to_dundalk/05_close"
FIX = "Time to Fix:\nUnknown"


def test_planned_work_is_sorted_as_such_and_not_read() -> None:
    planned = changed(OPEN, ("Type:   unscheduled", "Type:   scheduled  "), ("No planned works are known there.", ""))

    assert (sort_of(changed(OPEN)), sort_of(planned)) == (Sort.OUTAGE, Sort.MAINTENANCE)
    with pytest.raises(NotUnderstood, match="unscheduled"):
        READER.read(planned, HARBOUR_FIBRE)


def test_a_ticket_of_another_noc_is_not_read() -> None:
    with pytest.raises(NotUnderstood, match="HEA-NOC"):
        READER.read(changed(OPEN, ("HEA-NOC/", "ABC-NOC/")), HARBOUR_FIBRE)


@pytest.mark.parametrize(
    ("words", "etr"),
    [
        ("4 hours", None),
        ("0h 5m", None),
        ("3 hours scheduled.", None),
        ("", None),
        ("Unknown", StatedEtr(at=None, words="Unknown")),
        ("TBD", StatedEtr(at=None, words="TBD")),
        (
            "before 20270310 18:30 UTC",
            StatedEtr(at=datetime(2027, 3, 10, 18, 30, tzinfo=UTC), words="before 20270310 18:30 UTC"),
        ),
    ],
)
def test_a_time_to_fix_is_an_estimate_if_it_names_a_time_of_the_day(words: str, etr: StatedEtr | None) -> None:
    assert outage_of(READER, changed(OPEN, (FIX, f"Time to Fix:\n{words}"))).etr == etr


def test_what_has_ended_has_no_estimate() -> None:
    notification = changed(UPDATE, ("Problem End:   \n", "Problem End: 20270310 08:41 UTC\n"))

    outage = outage_of(READER, notification)

    assert (outage.status, outage.end, outage.etr) == (
        OutageStatus.MONITORING,
        datetime(2027, 3, 10, 8, 41, tzinfo=UTC),
        None,
    )


def test_the_newest_entry_of_the_log_speaks_and_no_older_one() -> None:
    older = "Reported to the carrier, who opened a ticket and is investigating."
    notification = changed(UPDATE, (older, "The outage was caused by frost. A fix has been implemented."))

    outage = outage_of(READER, notification)

    assert (outage.status, outage.cause) == (OutageStatus.IDENTIFIED, None)


def test_a_line_that_flaps_and_is_watched_is_not_held_for_restored() -> None:
    notification = changed(OPEN, ("is investigating", "are monitoring it"), ("Status: OPEN", "Status: UPDATE"))

    assert outage_of(READER, notification).status is None


def test_a_ticket_that_is_closed_without_an_end_states_none() -> None:
    outage = outage_of(READER, changed(CLOSE, ("Problem End:   20270310 13:02 UTC", "Problem End:")))

    assert (outage.status, outage.end) == (OutageStatus.RESOLVED, None)


@pytest.mark.parametrize("word", ["REOPEN", "Reopened", "RE-OPENED"])
def test_a_ticket_that_is_opened_again_is_open(word: str) -> None:
    silent = ("who opened a ticket and is investigating.", "who goes there.")
    outage = outage_of(READER, changed(OPEN, silent, ("Ticket Status: OPEN", f"Ticket Status: {word}")))

    assert outage.status is OutageStatus.REPORTED


def test_several_lines_are_several_circuits() -> None:
    result = result_of(READER, changed(OPEN, ("Dundalk Institute\n\nProblem", "IADT, NUIM, IADT\n\nProblem")))

    assert circuits_of(result) == ["IADT", "NUIM"]
