"""What stands in prose on a sheet of labels: how far a provider is, why, and until when."""

import re
from datetime import UTC, datetime

import pytest

from domain.events import StatedEtr
from domain.vocabulary import OutageStatus
from parsers.outage.sheets import cause_in, course_in, etr_in, sheet_of, stated_cause
from parsers.outage.times import moments_of
from tests.readings import HARBOUR_FIBRE
from tests.sheets import notice

LABEL = re.compile(r"^(Ticket|Text|End):\s?", re.IGNORECASE | re.MULTILINE)


def test_a_value_goes_on_to_the_next_label_of_the_form() -> None:
    sheet = sheet_of(notice("Hello,\n\nTicket: 7\nText: one\ntwo: three\n\nEnd:\n"), LABEL)

    assert sheet == {"ticket": "7", "text": "one\ntwo: three", "end": ""}


def test_the_first_of_a_label_counts_and_what_is_quoted_does_not() -> None:
    sheet = sheet_of(notice("Ticket: 7\nTicket: 8\n> End: now\n"), LABEL)

    assert sheet == {"ticket": "7"}


def test_a_text_without_a_label_is_an_empty_sheet() -> None:
    assert sheet_of(notice("Nothing of the kind.\n"), LABEL) == {}


@pytest.mark.parametrize(
    ("prose", "status"),
    [
        ("Engineers are investigating.", OutageStatus.INVESTIGATING),
        ("A crew has been dispatched to the site.", OutageStatus.INVESTIGATING),
        ("We are investigating why sessions do not come up.", OutageStatus.INVESTIGATING),
        (
            "The break was located near the bridge. Engineers are investigating how to get there.",
            OutageStatus.IDENTIFIED,
        ),
        ("Splicing is in progress.", OutageStatus.IDENTIFIED),
        ("We have identified the cause.", OutageStatus.IDENTIFIED),
        ("A fix is being rolled out.", OutageStatus.IDENTIFIED),
        ("A fix has been implemented and we are monitoring it.", OutageStatus.MONITORING),
        ("The line is stable and being monitored.", OutageStatus.MONITORING),
        ("Restored, under observation", OutageStatus.MONITORING),
        ("Faulty card replaced, monitoring.", OutageStatus.MONITORING),
        ("Fiber cut confirmed 3 km from the site", OutageStatus.IDENTIFIED),
        ("Technician found a bad optic", OutageStatus.IDENTIFIED),
        ("Splice team on its way", OutageStatus.IDENTIFIED),
        ("Repair ongoing", OutageStatus.IDENTIFIED),
        ("A splice team will be sent once the break is found.", None),
        ("Nothing was found at the site.", None),
        ("Alarms were seen in our monitoring, monitoring shows loss.", None),
        ("No cause has been identified.", None),
        ("The cause has not been identified.", None),
        ("We will update you once the break was located.", None),
        ("Splicing will begin at noon.", None),
        ("Engineers will be investigating on Saturday.", None),
        ("Our monitoring systems saw a loss of light.", None),
        ("The line is up.", None),
        ("The line is down.", None),
        ("", None),
    ],
)
def test_prose_says_how_far_a_provider_is_unless_it_denies_it(prose: str, status: OutageStatus | None) -> None:
    assert course_in(prose) is status


@pytest.mark.parametrize(
    ("prose", "cause"),
    [
        ("It is up again. The outage was due to a cut cable. Sorry.", "The outage was due to a cut cable"),
        ("The loss was caused by a failed\ncard.", "The loss was caused by a failed card"),
        ("Root cause was a fuse.", "Root cause was a fuse"),
        ("It may be due to a cut cable.", None),
        ("This was not caused by our network.", None),
        ("It is not only due to the storm.", None),
        ("Whether it was caused by the storm is under investigation.", None),
        ("The cause of the outage is unknown.", None),
        ("The line failed.", None),
    ],
)
def test_the_sentence_that_names_a_cause_is_it_unless_nobody_is_sure(prose: str, cause: str | None) -> None:
    assert cause_in(prose) == cause


@pytest.mark.parametrize(
    "words", ["", "Under investigation", "under Investigation.", "TBD", "N/A", "To be advised", "-"]
)
def test_a_cause_that_is_not_known_is_not_stated(words: str) -> None:
    assert stated_cause(words) is None


@pytest.mark.parametrize(
    ("prose", "etr"),
    [
        ("ETR: 4:30 PM UTC.", StatedEtr(at=datetime(2027, 3, 9, 16, 30, tzinfo=UTC), words="4:30 PM UTC")),
        (
            "Estimated time of restoration is 2:00 p.m. UTC. Thank you.",
            StatedEtr(at=datetime(2027, 3, 9, 14, 0, tzinfo=UTC), words="2:00 p.m. UTC"),
        ),
        (
            "ETR: 10:00 a.m. Eastern Time.",
            StatedEtr(at=datetime(2027, 3, 9, 15, 0, tzinfo=UTC), words="10:00 a.m. Eastern Time"),
        ),
        ("Splicing. ETTR 3 hours", StatedEtr(at=datetime(2027, 3, 9, 9, 0, tzinfo=UTC), words="3 hours")),
        ("There is no ETR at this time.", StatedEtr(at=None, words="no ETR at this time")),
        ("ETR: TBD", StatedEtr(at=None, words="TBD")),
        ("The technician's ETA is 4:30 PM UTC.", None),
        ("Next update at 4:30 PM UTC.", None),
        ("Crew on site, ETR to follow.", None),
    ],
)
def test_only_what_is_called_an_estimate_of_the_repair_is_one(prose: str, etr: StatedEtr | None) -> None:
    assert etr_in(prose, moments_of(notice(""), HARBOUR_FIBRE)) == etr
