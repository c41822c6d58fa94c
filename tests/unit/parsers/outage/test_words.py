"""The words of outages that are put together from others: a ticket is open, and something is done about it."""

import pytest

from domain.vocabulary import OutageStatus
from parsers.outage.words import Means, meaning_of, status_in


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("Open", OutageStatus.REPORTED),
        ("Open / Investigating", OutageStatus.INVESTIGATING),
        ("Re-opened, investigating", OutageStatus.INVESTIGATING),
        ("New - technician dispatched", OutageStatus.INVESTIGATING),
        ("Open - fiber cut, splicing", OutageStatus.IDENTIFIED),
        ("Open - restored", OutageStatus.REPORTED),
        ("Restored, investigating", OutageStatus.RESOLVED),
        ("Restored (1 of 2)", None),
        ("Restored - partial", None),
        ("Resolved / 80%", None),
        ("Closed - duplicate", None),
        ("Restored, but still unstable", None),
        ("Closed - no trouble found", OutageStatus.RESOLVED),
        ("Restoration", None),
        ("Recovery", None),
    ],
)
def test_that_a_ticket_is_open_says_less_than_what_is_done_about_it(words: str, status: OutageStatus) -> None:
    assert status_in(words) is status


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("Isolating the fault", OutageStatus.INVESTIGATING),
        ("Investigating this issue", OutageStatus.INVESTIGATING),
        ("Repairing the fibre", OutageStatus.IDENTIFIED),
        ("Restored and monitoring", OutageStatus.MONITORING),
        ("Fault isolated", OutageStatus.IDENTIFIED),
        ("Not resolving the fault", None),
    ],
)
def test_what_is_worked_on_may_stand_behind_the_word_for_it(words: str, status: OutageStatus | None) -> None:
    assert status_in(words) is status


@pytest.mark.parametrize(
    ("label", "means"),
    [
        ("Estimated Restoral Time", Means.ETR),
        ("Restoral Time", Means.END),
        ("Date/Time of Occurrence", Means.START),
        ("CKT ID", Means.CIRCUITS),
        ("Acct No.", Means.ACCOUNT),
        ("RFO/Cause", Means.CAUSE),
    ],
)
def test_a_label_is_known_in_the_short_words_of_carriers(label: str, means: Means) -> None:
    assert meaning_of(label) is means
