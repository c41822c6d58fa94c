"""What NetBox should hold of an event: names, numbers of windows, lengths, and which changes are told."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.events import EventKey, HistoryEntry, Span, Window, iso_utc
from domain.vocabulary import Impact, Kind, MaintenanceStatus, Move
from sync.mapping import MESSAGE_CHARACTERS, NAME_CHARACTERS, SUMMARY_CHARACTERS, assigned, desired, gone, slot_names
from tests.pushing import at, history, maintenance, notices, outage, window

hours = st.integers(0, 60)
windows = st.lists(hours, max_size=6, unique=True).map(lambda found: [window(each) for each in sorted(found)])
held = st.dictionaries(st.integers(1, 6), hours.map(lambda hours: (at(hours), at(hours + 4))), max_size=6)


def spans(found: list[Window]) -> list[Span]:
    return [(each.start, each.end) for each in found]


def entry(number: int, move: Move = Move.ADVANCED, **changes: object) -> HistoryEntry:
    source = f"<{number}@example-net.example>"
    return HistoryEntry(stamp=at(number), move=move, source=source, superseded=False, changes=changes)


# --- windows and their numbers


@given(windows, held)
def test_each_window_has_a_number_of_its_own_and_new_ones_come_last(found: list[Window], held: dict[int, Span]) -> None:
    numbers = assigned(found, held)

    assert len(set(numbers)) == len(numbers) == len(found)
    new = sorted(number for number in numbers if number not in held)
    first = max(held, default=0) + 1
    assert new == list(range(first, first + len(new)))
    # No number is made where one is free.
    assert not new or set(held) <= set(numbers)


@given(windows, held)
def test_a_window_that_is_held_keeps_its_number(found: list[Window], held: dict[int, Span]) -> None:
    numbers = assigned(found, held)

    for span, number in zip(spans(found), numbers, strict=True):
        same = [slot for slot, each in held.items() if each == span]
        assert not same or number == min(same)


@given(st.lists(windows, max_size=5))
def test_whatever_comes_and_goes_no_number_ever_means_another_window_that_is_still_there(
    versions: list[list[Window]],
) -> None:
    known: dict[int, Span] = {}
    for found in versions:
        before = dict(known)
        known |= dict(zip(assigned(found, known), spans(found), strict=True))
        for slot, span in before.items():
            if span in spans(found) and list(before.values()).count(span) == 1:
                assert known[slot] == span


def test_a_window_that_is_moved_a_little_keeps_its_number_though_another_comes_before_it() -> None:
    known = {1: (at(0), at(4)), 2: (at(24), at(28))}

    assert assigned([window(-24), window(1), window(25)], known) == [3, 1, 2]


def test_a_window_that_is_moved_to_another_night_keeps_its_number() -> None:
    assert assigned([window(240)], {1: (at(0), at(4))}) == [1]


def test_records_are_named_by_the_id_the_generation_and_the_number() -> None:
    event = maintenance(window(0), window(24))

    assert [record.name for record in desired(event).records] == ["PW-1", "PW-1 [2]"]
    again = replace(event, generation=2)
    assert [record.name for record in desired(again).records] == ["PW-1 (2)", "PW-1 (2) [2]"]


@given(st.text(min_size=1, max_size=300), st.integers(1, 3), st.integers(1, 12))
def test_a_name_fits(event_id: str, generation: int, slot: int) -> None:
    name = slot_names(replace(maintenance(), event_id=event_id, generation=generation), slot)

    assert len(name) <= NAME_CHARACTERS
    assert name == " ".join(name.split())
    assert "\0" not in name
    assert slot == 1 or name.endswith(f" [{slot}]")


def test_two_long_ids_that_begin_alike_have_two_names() -> None:
    one, other = (maintenance(event_id="PW-" + "1" * 200 + end) for end in "AB")

    assert slot_names(one, 2) != slot_names(other, 2)


def test_a_withdrawn_window_is_cancelled_and_without_circuits() -> None:
    (record,) = desired(maintenance(window(0, withdrawn=True, XC1="OUTAGE"))).records

    assert (record.status, record.impacts) == (MaintenanceStatus.CANCELLED.value, {})


def test_a_withdrawn_circuit_has_no_impact() -> None:
    live = window(0, XC1="OUTAGE", XC2="DEGRADED")
    kept, lost = live.circuits
    (record,) = desired(maintenance(replace(live, circuits=(kept, replace(lost, withdrawn=True))))).records

    assert record.impacts == {"XC-1": Impact.OUTAGE}


def test_without_a_window_there_is_nothing_to_hold_yet_and_no_mail_to_attach() -> None:
    wanted = desired(replace(maintenance(), windows=()), notices=notices(2))

    assert (wanted.records, wanted.notices) == ((), ())
    assert wanted.waits_for


def test_of_what_is_gone_nothing_is_desired_under_the_same_identity() -> None:
    event = maintenance(event_id=" Pw-1 ")
    key = EventKey(kind=Kind.MAINTENANCE, provider="example-net", id_key="pw-1")

    facts = {"called": "PW-1", "why": "hidden", "since": "2027"}
    found = gone(key, 1, **facts)
    assert found.identity == desired(event).identity
    assert found.records == ()
    assert [one.text for one in found.journal] == ["maintenance example-net PW-1: hidden"]
    assert gone(key, 2, **facts).identity != desired(event).identity


# --- texts


@given(st.text(max_size=400))
def test_a_summary_fits_and_is_never_blank(summary: str) -> None:
    (record,) = desired(maintenance(summary=summary)).records

    assert 0 < len(record.summary) <= SUMMARY_CHARACTERS
    assert record.summary == record.summary.strip()
    assert not {"\0", "\n"} & set(record.summary)


def test_where_nobody_says_what_it_is_about_the_summary_says_whose_it_is() -> None:
    assert desired(maintenance(summary=" \n")).records[0].summary == "maintenance PW-1 of example-net"


@pytest.mark.parametrize(
    ("facts", "start"),
    [({}, at(0)), ({"start": None}, at(1)), ({"start": None, "reported_at": None, "stamp": at(2)}, at(2))],
)
def test_an_outage_begins_when_that_is_known_else_when_it_was_reported_or_first_heard_of(facts, start) -> None:
    (record,) = desired(outage(**facts)).records

    assert (record.name, record.start, record.end, record.span) == ("TT-1", start, None, None)


# --- the story


def test_each_estimate_is_told_with_its_slip_and_its_words() -> None:
    told = [one.message for one in desired(outage("INVESTIGATING", 4, 6, None)).revisions]

    assert told == [
        'ETR set to 2027-03-02T02:00:00Z (<1@example-net.example>): "ETR 4"',
        'ETR extended to 2027-03-02T04:00:00Z, +2.0 h (<2@example-net.example>): "ETR 6"',
        'ETR withdrawn (<3@example-net.example>): "ETR None"',
    ]


@given(st.text(max_size=400), st.text(max_size=400))
def test_a_message_of_the_history_fits(words: str, source: str) -> None:
    event = outage("INVESTIGATING", 4)
    (one,) = event.etr_revisions
    (told,) = desired(replace(event, etr_revisions=(replace(one, words=words, source=source),))).revisions

    assert len(told.message) <= MESSAGE_CHARACTERS


SPAN = {"start": iso_utc(at(0)), "end": iso_utc(at(4))}


@pytest.mark.parametrize(
    ("change", "is_told"),
    [
        ({"start": (iso_utc(at(0)), iso_utc(at(1)))}, True),
        ({"end": (iso_utc(at(4)), iso_utc(at(5)))}, True),
        ({"circuits": ([], [{"circuit_id": "XC-1", "impact": "OUTAGE"}])}, True),
        ({"status": ("CONFIRMED", "CANCELLED")}, True),
        ({"status": ("CANCELLED", "CONFIRMED")}, True),
        ({"status": ("CONFIRMED", "IN-PROCESS")}, False),
        ({"status": ("IN-PROCESS", "COMPLETED")}, False),
        ({"windows": ([{**SPAN, "status": "CONFIRMED"}], [{**SPAN, "status": "IN-PROCESS"}])}, False),
        ({"windows": ([{**SPAN, "status": "CONFIRMED"}], [])}, True),
        ({"windows": ([{**SPAN, "status": "CONFIRMED"}], [{**SPAN, "status": "CANCELLED"}])}, True),
        ({"summary": ("Fibre work", "Fibre works")}, False),
        ({"organizer": ("", "noc@example-net.example")}, False),
        ({}, False),
    ],
)
def test_of_a_maintenance_the_journal_tells_what_people_must_see_again(change: dict, is_told: bool) -> None:
    event = maintenance(history=(entry(0, Move.OPENED), entry(1, **change)))

    assert len(desired(event).journal) == 1 + is_told


@pytest.mark.parametrize(
    ("change", "is_told"),
    [
        ({"status": ("INVESTIGATING", "MONITORING")}, True),
        ({"etr": (None, iso_utc(at(4)))}, True),
        ({"cause": ("", "A cut")}, False),
    ],
)
def test_of_an_outage_the_journal_tells_each_status_and_each_estimate(change: dict, is_told: bool) -> None:
    event = outage(history=(entry(0, Move.OPENED), entry(1, **change)))

    assert len(desired(event).journal) == 1 + is_told


def test_an_entry_says_what_changed_when_and_by_whom() -> None:
    circuits = ([{"circuit_id": "XC-1", "impact": "OUTAGE"}], [])
    told = entry(1, start=(None, iso_utc(at(1))), circuits=circuits)
    first, second = desired(maintenance(history=(entry(0, Move.OPENED), told))).journal

    assert (first.opening, second.opening, second.level, second.circuits) == (True, False, "info", ("XC-1", "XC-2"))
    assert second.text.split("\n\n") == [
        "maintenance example-net PW-1: advanced, 2027-03-01T23:00:00Z",
        "circuits: XC-1 OUTAGE → —",
        "start: — → 2027-03-01T23:00:00Z",
        "source: <1@example-net.example>",
    ]


def test_of_several_windows_an_entry_tells_which_and_nothing_twice() -> None:
    off = [{**SPAN, "status": "CANCELLED"}]
    gone = [{"circuit_id": "XC-2", "impact": "DEGRADED", "window": SPAN["start"]}]
    changes = {"end": (iso_utc(at(4)), iso_utc(at(8))), "windows": ([], off), "circuits": (gone, [])}
    _, told = desired(maintenance(history=(entry(0, Move.OPENED), entry(1, Move.REPEATED, **changes)))).journal

    assert told.text.split("\n\n")[:3] == [
        "maintenance example-net PW-1: changed, 2027-03-01T23:00:00Z",
        "circuits: XC-2 DEGRADED (window 2027-03-01T22:00:00Z) → —",
        "windows: — → 2027-03-01T22:00:00Z to 2027-03-02T02:00:00Z CANCELLED",
    ]


def test_what_one_person_says_twice_within_a_second_is_two_entries() -> None:
    said = entry(1, start=(None, iso_utc(at(1))))
    journal = desired(maintenance(history=(entry(0, Move.OPENED), said, said))).journal

    assert len({one.key for one in journal}) == 3


def test_a_key_stays_when_more_is_heard_later_or_of_an_earlier_time() -> None:
    event = maintenance(history=history(3))
    early = replace(history(1)[1], stamp=at(-99) - timedelta(minutes=30), source="<early@example-net.example>")
    more = replace(event, history=(*event.history[:1], early, *event.history[1:]))

    assert {one.key for one in desired(event).journal} < {one.key for one in desired(more).journal}
