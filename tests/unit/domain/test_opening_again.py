"""A person opens an outage under a ticket that was used before."""

from datetime import UTC, datetime, timedelta

from domain.fold import fold
from domain.outage_edits import OutageAsked, opening_of
from domain.vocabulary import OutageStatus

THEN = datetime(2027, 1, 10, 12, tzinfo=UTC)


def opened(now: datetime, asked: OutageAsked):
    return opening_of("zayo", "TTN-0044120087", asked, author="alice", reason="", now=now)


def test_a_ticket_that_was_over_long_ago_is_opened_as_another_outage() -> None:
    first = opened(THEN, OutageAsked(status=OutageStatus.RESOLVED, end=THEN))
    again = opened(THEN + timedelta(days=200), OutageAsked(summary="lost again"))

    events = fold([], [again, first])

    assert [(one.generation, one.status, one.start, one.summary) for one in events] == [
        (1, "RESOLVED", THEN, ""),
        (2, "REPORTED", THEN + timedelta(days=200), "lost again"),
    ]


def test_a_ticket_that_was_over_lately_is_the_same_outage() -> None:
    first = opened(THEN, OutageAsked(status=OutageStatus.RESOLVED, end=THEN))
    again = opened(THEN + timedelta(days=80), OutageAsked(summary="lost again"))

    assert len(fold([], [again, first])) == 1
