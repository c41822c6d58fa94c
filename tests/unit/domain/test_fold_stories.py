"""Stories in which a night, a circuit or an account goes its own way, told as an operator would want to read them."""

from dataclasses import replace
from itertools import permutations

import pytest

from domain.events import CircuitImpact, Event, StatedCircuit, StatedWindow, Update
from domain.fold import fold
from domain.vocabulary import Impact, MaintenanceStatus, Move

CONFIRMED, CANCELLED = MaintenanceStatus.CONFIRMED, MaintenanceStatus.CANCELLED
COMPLETED, IN_PROCESS = MaintenanceStatus.COMPLETED, MaintenanceStatus.IN_PROCESS


def one(*updates: Update) -> Event:
    (event,) = fold(updates)
    return event


def shown(event: Event) -> list[tuple[object, object, str, list[str]]]:
    """Return the live windows, each with its times, its status and the circuits that are live in it."""
    return [
        (window.start, window.end, window.status.value, [c.circuit_id for c in window.circuits if not c.withdrawn])
        for window in event.windows
        if not window.withdrawn
    ]


def statuses(event: Event) -> list[str]:
    return [status for _, _, status, _ in shown(event)]


def ids(event: Event, *, withdrawn: bool = False) -> list[str]:
    return [circuit.circuit_id for circuit in event.circuits if circuit.withdrawn is withdrawn]


def of(times: tuple, *names: str, status: str | None = None) -> StatedWindow:
    """Return a window with circuits and a status of its own."""
    return StatedWindow(
        start=times[0],
        end=times[1],
        status=MaintenanceStatus(status) if status else None,
        circuits=tuple(StatedCircuit(circuit_id=name) for name in names),
    )


# --- order ---


def test_the_same_notice_under_another_message_id_changes_nothing_but_the_count(update, nights) -> None:
    story = [
        update(windows=[nights(1), nights(2)], listed=["C-1", "C-2"]),
        update("CANCELLED", day=-3, windows=[nights(1), nights(2)], listed=["C-1"]),
        update("RE-SCHEDULED", day=-2, windows=[nights(1), nights(4)], listed=["C-2"]),
        update("COMPLETED", day=0.3, listed=None),
    ]
    again = [replace(told, body_digest=told.body_digest + "!", source="<another>") for told in story]
    plain, doubled = one(*story), one(*story, *again)

    assert replace(doubled, history=(), updates=0) == replace(plain, history=(), updates=0)
    assert all(not entry.changes for entry in doubled.history[1::2])


# --- several windows ---


def test_a_plan_that_names_only_the_begun_night_replaces_those_ahead(update, nights) -> None:
    event = one(update(windows=[nights(1), nights(2)]), update(day=0.1, windows=[nights(1)]))

    assert shown(event) == [(*nights(1), "CONFIRMED", ["C-1", "C-2"])]


def test_a_window_ahead_is_not_taken_for_the_begun_one_that_it_overlaps(update, nights) -> None:
    begun, ahead = nights(1, hours=8), nights(1, shift_hours=7)
    event = one(update(windows=[begun, ahead]), update(day=0.1, windows=[ahead]))

    assert [(start, end) for start, end, _, _ in shown(event)] == [begun, ahead]


def test_each_row_of_a_mail_keeps_its_own_status_though_the_first_is_cancelled(update, nights) -> None:
    announced = update(windows=[nights(1), nights(2)])
    windows = (of(nights(1), "C-1", "C-2"), of(nights(2), "C-1", "C-2", status="CONFIRMED"))
    event = one(announced, replace(update("CANCELLED", day=-2, listed=None), windows=windows))

    assert statuses(event) == ["CANCELLED", "CONFIRMED"]
    assert event.status is CONFIRMED
    assert event.history[-1].move is Move.PARTLY_CANCELLED


def test_a_night_first_heard_of_after_it_began_is_confirmed_with_the_other(update, nights) -> None:
    begun = [nights(1), nights(1, hours=5, shift_hours=-6)]
    story = [update("TENTATIVE", windows=begun[:1]), update("CONFIRMED", day=0.01, windows=begun)]

    assert statuses(one(*story)) == ["CONFIRMED", "CONFIRMED"]


def test_one_cancelled_night_is_material(update, nights) -> None:
    announced = update(windows=[nights(1), nights(2)])
    windows = (of(nights(1), "C-1", "C-2"), of(nights(2), "C-1", "C-2", status="CANCELLED"))
    event = one(announced, replace(update(day=-2, listed=None), windows=windows))

    assert statuses(event) == ["CONFIRMED", "CANCELLED"]
    assert event.material_digest != one(announced).material_digest


def test_a_completion_does_not_complete_a_night_that_was_cancelled(update, nights) -> None:
    windows = (of(nights(1), "C-1", status="CANCELLED"), of(nights(2), "C-1"))
    event = one(
        replace(update(day=-2, listed=None), windows=windows),
        update("COMPLETED", day=1.5, windows=[nights(2)], listed=["C-1"]),
    )

    assert statuses(event) == ["CANCELLED", "COMPLETED"]
    assert event.status is COMPLETED


def test_a_withdrawn_window_lends_no_circuit_to_the_one_that_comes_to_its_hours(update, nights) -> None:
    event = one(
        replace(update(listed=None), windows=(of(nights(1), "C-1"), of(nights(2), "C-2"))),
        replace(update(day=-5, listed=None), windows=(of(nights(1), "C-1"),)),
        replace(update("RE-SCHEDULED", day=-4, listed=None), windows=(of(nights(2), "C-1"),)),
    )

    assert shown(event) == [(*nights(2), "RE-SCHEDULED", ["C-1"])]
    assert ids(event, withdrawn=True) == ["C-2"]


def test_a_window_that_progress_moved_is_not_material_again_when_it_is_repeated(update, nights) -> None:
    moved = [nights(1), nights(6)]
    story = [update(windows=[nights(1), nights(2)]), update("IN-PROCESS", day=0.05, windows=moved)]

    assert one(*story, update(day=0.06, windows=moved)).material_digest == one(*story).material_digest
    assert one(*story).material_digest != one(story[0]).material_digest


def test_a_completion_of_the_first_night_at_first_contact_opens_the_event(update, nights) -> None:
    event = one(update("COMPLETED", day=0.3, windows=[nights(1), nights(2)]))

    assert event.status is MaintenanceStatus.UNKNOWN
    assert event.history[0].move is Move.OPENED


def test_a_night_added_to_finished_work_opens_it_again_even_without_a_status(update, nights) -> None:
    event = one(
        update(windows=[nights(1)]),
        update("COMPLETED", day=0.3, listed=None),
        update(None, day=1, windows=[nights(1), nights(6)]),
    )

    assert event.status is MaintenanceStatus.UNKNOWN
    assert event.history[-1].move is Move.REOPENED


# --- circuits ---


def test_another_spelling_is_neither_material_nor_a_change(update, nights) -> None:
    first = update(windows=[nights()], listed=["/oqyx/1/  /zyo /"])
    event = one(first, update(day=-2, windows=[nights()], listed=["/OQYX/1/ /ZYO /"]))

    assert event.material_digest == one(first).material_digest
    assert event.history[-1].changes == {}


def test_two_lists_of_one_mail_withdraw_nothing_of_each_other(update, nights) -> None:
    outside = (StatedCircuit(circuit_id="C-1"), StatedCircuit(circuit_id="C-3"))
    event = one(update(windows=[nights()], listed=["C-1", "C-2"], circuits=outside))

    assert ids(event) == ["C-1", "C-2", "C-3"]


def test_an_impact_that_one_window_does_not_state_is_that_which_another_states(update, nights) -> None:
    event = one(
        update(windows=[nights(1)], listed=[("C-1", "DEGRADED")], uids=["u1"]),
        update(day=-6, windows=[nights(2)], listed=["C-1"], uids=["u2"]),
    )

    assert event.circuits == (CircuitImpact(circuit_id="C-1", impact=Impact.DEGRADED),)


def test_a_partial_cancellation_leaves_the_nights_that_are_done_as_they_were(update, nights) -> None:
    two = [nights(1), nights(2)]
    event = one(
        update(windows=two),
        update("COMPLETED", day=0.3, windows=two),
        update("CANCELLED", day=0.5, listed=["C-1"]),
    )

    assert shown(event) == [(*nights(1), "COMPLETED", ["C-1", "C-2"]), (*nights(2), "CONFIRMED", ["C-2"])]


def test_a_night_whose_last_circuit_is_cancelled_is_cancelled(update, nights) -> None:
    event = one(
        replace(update(listed=None), windows=(of(nights(1), "C-1"), of(nights(2), "C-2"))),
        replace(update("CANCELLED", day=-2, listed=None), windows=(of(nights(2), "C-2"),)),
    )

    assert statuses(event) == ["CONFIRMED", "CANCELLED"]
    assert event.status is CONFIRMED
    assert event.history[-1].move is Move.PARTLY_CANCELLED


# --- accounts ---


@pytest.fixture
def two_accounts(update, nights) -> list[Update]:
    return [
        update(windows=[nights()], listed=["C-1"], account="A", body_digest="a"),
        update(windows=[nights()], listed=["C-2"], account="B", body_digest="b"),
    ]


def test_a_cancellation_without_account_cancels_the_circuits_that_it_names_alone(update, nights, two_accounts) -> None:
    event = one(*two_accounts, update("CANCELLED", day=-2, windows=[nights()], listed=["C-1"]))

    assert event.status is CONFIRMED
    assert (ids(event), ids(event, withdrawn=True)) == (["C-2"], ["C-1"])
    assert event.history[-1].move is Move.PARTLY_CANCELLED


def test_and_when_the_rest_is_cancelled_too_the_event_is(update, nights, two_accounts) -> None:
    event = one(
        *two_accounts,
        update("CANCELLED", day=-2, windows=[nights()], listed=["C-1"]),
        update("CANCELLED", day=-1, windows=[nights()], listed=["C-2"], account="B"),
    )

    assert event.status is CANCELLED
    assert statuses(event) == ["CANCELLED"]


def test_the_circuits_of_an_account_that_is_cancelled_are_so_and_a_person_is_told(update, nights, two_accounts) -> None:
    event = one(*two_accounts, update("CANCELLED", day=-2, windows=[nights()], listed=["C-1"], account="A"))

    assert shown(event) == [(*nights(), "CONFIRMED", ["C-2"])]
    assert (ids(event), ids(event, withdrawn=True)) == (["C-2"], ["C-1"])
    assert event.material_digest != one(*two_accounts).material_digest
    assert event.history[-1].move is Move.PARTLY_CANCELLED


def test_what_the_account_without_circuits_says_keeps_no_shared_window_open(update, nights) -> None:
    event = one(
        update(windows=[nights()], listed=["C-1"], account="A", body_digest="a"),
        update(windows=[nights()], listed=[], account="B", body_digest="b"),
        update("CANCELLED", day=-2, windows=[nights()], listed=["C-1"], account="A"),
    )

    assert (event.status, statuses(event)) == (CANCELLED, ["CANCELLED"])


def test_actual_times_told_to_one_account_after_the_other_are_not_material(update, nights) -> None:
    story = [
        update(windows=[nights()], listed=["C-1"], account="A", body_digest="a"),
        update(windows=[nights()], listed=["C-2"], account="B", body_digest="b"),
    ]
    actual = nights(1, hours=1, shift_hours=1)
    done = update("COMPLETED", day=0.2, windows=[actual], listed=["C-1"], account="A")

    assert one(*story, done).material_digest == one(*story).material_digest


def test_the_history_before_an_account_was_heard_of_does_not_know_of_it(update, nights) -> None:
    story = [
        update(windows=[nights(1)], listed=["C-1"]),
        update("RE-SCHEDULED", day=-6, windows=[nights(8)], listed=["C-1"], account="A"),
        update("RE-SCHEDULED", day=-5, windows=[nights(8)], listed=["C-2"], account="B"),
    ]

    assert one(*story).history[1].changes == one(*story[:2]).history[1].changes
    assert [times[:2] for times in shown(one(*story))] == [nights(8)]


def test_what_names_no_account_supersedes_what_an_account_said_and_the_other_way_round(update, nights) -> None:
    named = update(windows=[nights()], account="A")
    unnamed = update(day=-2, windows=[nights()])

    assert [entry.superseded for entry in one(named, unnamed).history] == [True, False]
    assert [
        entry.superseded
        for entry in one(replace(named, stamp=unnamed.stamp), replace(unnamed, stamp=named.stamp)).history
    ] == [True, False]


# --- all orders ---


def test_a_long_story_is_the_same_in_every_order_of_arrival(update, nights) -> None:
    story = [
        update("TENTATIVE", day=-9, windows=[nights(1), nights(2)], account="A"),
        update("CONFIRMED", day=-7, windows=[nights(1), nights(2)], listed=["C-2", "C-3"], account="B"),
        update("CANCELLED", day=-5, windows=[nights(1)], listed=["C-1"]),
        update("RE-SCHEDULED", day=0.1, windows=[nights(1), nights(5)], account="A"),
        update("COMPLETED", day=4.3, listed=None),
        update("CONFIRMED", day=150, windows=[nights(160)]),
    ]
    told = fold(story)

    assert len(told) == 2
    for shuffled in permutations(story):
        assert fold(shuffled) == told
