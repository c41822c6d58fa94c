"""What a reader found, field by field, and the values that came of it."""

from datetime import UTC, datetime

import pytest

from domain.events import StatedCircuit, StatedEtr, StatedOutage
from domain.vocabulary import Impact, OutageStatus
from parsers.matched import MOST_CHARACTERS, MOST_MATCHES, matches_of
from parsers.statements import Findings, Result

NOON = datetime(2027, 3, 8, 12, 0, tzinfo=UTC)
OUTAGE = Findings(
    results=(
        Result(
            event_id="T-1",
            account="4711",
            circuits=(StatedCircuit(circuit_id="AC/1", impact=Impact.OUTAGE), StatedCircuit(circuit_id="AC/2")),
            outage=StatedOutage(
                status=OutageStatus.IDENTIFIED,
                start=NOON,
                reported_at=NOON.replace(minute=5),
                etr=StatedEtr(at=NOON.replace(hour=18), words="by 6 PM"),
                cause="a digger",
            ),
        ),
    )
)


def values(*matched: tuple[str, str], findings: Findings | None = OUTAGE) -> list[str]:
    return [match.value for match in matches_of(matched, findings)]


@pytest.mark.parametrize(
    ("field", "words", "value"),
    [
        ("ticket", "Ticket T-1", "T-1"),
        ("status", "we know why", "IDENTIFIED"),
        ("start", "08/03 13:00", "2027-03-08T12:00:00Z"),
        ("reported_at", "08/03 13:05", "2027-03-08T12:05:00Z"),
        ("etr", "by 6 PM", "2027-03-08T18:00:00Z"),
        ("cause", "A digger", "a digger"),
        ("account", "4711", "4711"),
        ("circuit", "ac/1", "AC/1 OUTAGE"),
        ("circuit", "AC/1, AC/2", "AC/1 OUTAGE, AC/2"),
        ("end", "soon", ""),
        ("next update", "13:00", ""),
    ],
)
def test_a_field_has_the_value_that_came_of_it(field, words, value):
    assert values((field, words)) == [value]


@pytest.mark.parametrize(
    ("label", "value"),
    [
        ("Outage Start", "2027-03-08T12:00:00Z"),
        ("Estimated time to restore", "2027-03-08T18:00:00Z"),
        ("ETR", "2027-03-08T18:00:00Z"),
        ("Root Cause", "a digger"),
        ("reported", "2027-03-08T12:05:00Z"),
    ],
)
def test_a_field_may_be_called_as_the_notice_labels_it(label, value):
    (match,) = matches_of([(label, "words")], OUTAGE)

    assert (match.field, match.value) == (label, value)


def test_an_impact_is_that_of_the_circuit_before_it():
    assert values(("circuit", "AC/1"), ("impact", "down"), ("circuit", "AC/2"), ("impact", "?")) == [
        "AC/1 OUTAGE",
        "OUTAGE",
        "AC/2",
        "",
    ]


def test_an_estimate_that_is_withdrawn_is_none_now():
    outage = StatedOutage(etr=StatedEtr(at=None, words="TBD"))

    assert values(("etr", "TBD"), findings=Findings(results=(Result(event_id="T-1", outage=outage),))) == ["none now"]


def test_each_window_has_its_own_start():
    results = tuple(Result(event_id="M-1", start=NOON.replace(day=day), end=NOON.replace(day=day)) for day in (1, 2))

    assert values(("start", "first"), ("start", "second"), ("start", "third"), findings=Findings(results=results)) == [
        "2027-03-01T12:00:00Z",
        "2027-03-02T12:00:00Z",
        "",
    ]


def test_where_it_was_not_enough_there_are_words_without_values():
    assert values(("ticket", "T-1"), ("start", "noon"), findings=None) == ["", ""]


def test_what_is_kept_has_an_end():
    matches = matches_of([("cause", "x" * 1000)] * 1000, OUTAGE)

    assert len(matches) == MOST_MATCHES
    assert {len(match.words) for match in matches} == {MOST_CHARACTERS}
