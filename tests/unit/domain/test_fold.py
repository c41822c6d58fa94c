from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from domain.events import CircuitImpact, Event, StatedCircuit, StatedWindow, Update
from domain.fold import fold
from domain.vocabulary import Impact, MaintenanceStatus, Move

CONFIRMED, CANCELLED = MaintenanceStatus.CONFIRMED, MaintenanceStatus.CANCELLED
COMPLETED, IN_PROCESS = MaintenanceStatus.COMPLETED, MaintenanceStatus.IN_PROCESS


def one(*updates: Update) -> Event:
    (event,) = fold(updates)
    return event


def live(event: Event) -> list[tuple[datetime, datetime, str]]:
    return [(window.start, window.end, window.status.value) for window in event.windows if not window.withdrawn]


def ids(event: Event, *, withdrawn: bool = False) -> list[str]:
    return [circuit.circuit_id for circuit in event.circuits if circuit.withdrawn is withdrawn]


def test_no_updates_are_no_events() -> None:
    assert fold([]) == ()


def test_three_nights_of_one_mail_are_three_windows_of_one_event(update, nights) -> None:
    event = one(update(windows=[nights(1), nights(2), nights(3)]))

    assert live(event) == [(*nights(1), "CONFIRMED"), (*nights(2), "CONFIRMED"), (*nights(3), "CONFIRMED")]
    assert (event.start, event.end) == (nights(1)[0], nights(3)[1])


def test_an_older_update_changes_no_status(update, nights) -> None:
    newer = update("CANCELLED", day=-1, windows=[nights()])
    older = update("CONFIRMED", day=-7, windows=[nights()])

    assert one(newer, older).status is CANCELLED
    assert [entry.move for entry in one(newer, older).history] == [Move.OPENED, Move.CLOSED]


def test_first_contact_without_a_status_is_unknown(update, nights) -> None:
    assert one(update(None, windows=[nights()])).status is MaintenanceStatus.UNKNOWN


def test_an_update_without_a_status_keeps_the_one_held(update, nights) -> None:
    event = one(update(windows=[nights()]), update(None, day=-1, windows=[nights()]))

    assert event.status is CONFIRMED
    assert event.history[-1].move is Move.REPEATED
    assert event.history[-1].changes == {}


def test_a_cancellation_without_circuits_or_windows_keeps_both(update, nights) -> None:
    event = one(update(windows=[nights()]), update("CANCELLED", day=-1, listed=None))

    assert event.status is CANCELLED
    assert live(event) == [(*nights(), "CANCELLED")]
    assert ids(event) == ["C-1", "C-2"]


def test_a_reschedule_moves_the_window_and_leaves_none_behind(update, nights) -> None:
    event = one(update(windows=[nights(1)]), update("RE-SCHEDULED", day=-2, windows=[nights(8)]))

    assert live(event) == [(*nights(8), "RE-SCHEDULED")]
    assert len(event.windows) == 1
    assert event.history[-1].changes["start"] == ("2026-12-01T22:00:00Z", "2026-12-08T22:00:00Z")


def test_fewer_windows_than_before_withdraw_the_ones_that_nothing_overlaps(update, nights) -> None:
    event = one(update(windows=[nights(1), nights(2)]), update(day=-2, windows=[nights(2, hours=5)]))

    assert live(event) == [(*nights(2, hours=5), "CONFIRMED")]
    assert [(window.start, window.withdrawn) for window in event.windows] == [
        (nights(1)[0], True),
        (nights(2)[0], False),
    ]


def test_a_begun_window_is_never_withdrawn(update, nights) -> None:
    event = one(update(windows=[nights(1)]), update("RE-SCHEDULED", day=0.05, windows=[nights(8)]))

    assert live(event) == [(*nights(1), "CONFIRMED"), (*nights(8), "RE-SCHEDULED")]


def test_in_process_reaches_only_the_nights_begun_at_its_stamp(update, nights) -> None:
    three = [nights(1), nights(2), nights(3)]
    event = one(update(windows=three), update("IN-PROCESS", day=1.01, windows=three))

    assert [status for _, _, status in live(event)] == ["IN-PROCESS", "IN-PROCESS", "CONFIRMED"]
    assert event.status is IN_PROCESS


def test_in_process_of_the_second_night_does_not_open_the_first_again(update, nights) -> None:
    three = [nights(1), nights(2), nights(3)]
    event = one(
        update(windows=three),
        update("COMPLETED", day=0.3, windows=three),
        update("IN-PROCESS", day=1.01, windows=three),
    )

    assert [status for _, _, status in live(event)] == ["COMPLETED", "IN-PROCESS", "CONFIRMED"]


def test_an_event_with_a_night_ahead_is_not_completed(update, nights) -> None:
    two = [nights(1), nights(2)]
    event = one(update(windows=two), update("COMPLETED", day=0.5, windows=two))

    assert event.status is CONFIRMED
    assert event.history[-1].move is Move.ADVANCED
    assert one(update(windows=two), update("COMPLETED", day=1.5, windows=two)).status is COMPLETED


def test_a_completion_that_names_the_first_night_leaves_the_second_alone(update, nights) -> None:
    event = one(update(windows=[nights(1), nights(2)]), update("COMPLETED", day=1.05, windows=[nights(1)]))

    assert [status for _, _, status in live(event)] == ["COMPLETED", "CONFIRMED"]


def test_a_completion_that_names_the_last_night_closes_those_that_are_over(update, nights) -> None:
    event = one(update(windows=[nights(1), nights(2)]), update("COMPLETED", day=1.5, windows=[nights(2)]))

    assert event.status is COMPLETED


def test_a_completion_before_any_night_reaches_all(update, nights) -> None:
    event = one(update(windows=[nights(1), nights(2)]), update("COMPLETED", day=-0.5, listed=None))

    assert event.status is COMPLETED


def test_a_reminder_of_the_nights_ahead_leaves_the_status_of_the_one_that_is_done(update, nights) -> None:
    two = [nights(1), nights(2)]
    event = one(
        update(windows=two), update("COMPLETED", day=0.5, windows=two), update("CONFIRMED", day=0.6, windows=two)
    )

    assert [status for _, _, status in live(event)] == ["COMPLETED", "CONFIRMED"]


def test_a_completion_of_a_move_whose_mail_was_lost_takes_the_window_along(update, nights) -> None:
    event = one(update(windows=[nights(1)]), update("COMPLETED", day=8, windows=[nights(8)]))

    assert live(event) == [(*nights(8), "COMPLETED")]
    assert event.status is COMPLETED


def test_a_cancellation_leaves_a_completed_night_completed(update, nights) -> None:
    two = [nights(1), nights(2)]
    event = one(
        update(windows=two), update("COMPLETED", day=0.5, windows=two), update("CANCELLED", day=0.6, listed=None)
    )

    assert [status for _, _, status in live(event)] == ["COMPLETED", "CANCELLED"]
    assert event.status is CANCELLED


def test_actual_times_are_taken_and_are_not_material_inside_the_window(update, nights) -> None:
    planned = update(windows=[nights(1)])
    event = one(planned, update("COMPLETED", day=0.2, windows=[nights(1, hours=1, shift_hours=1)]))

    assert live(event) == [(*nights(1, hours=1, shift_hours=1), "COMPLETED")]
    assert event.material_digest == one(planned).material_digest


def test_an_extension_during_the_work_is_material(update, nights) -> None:
    planned = update(windows=[nights(1)])
    event = one(planned, update("IN-PROCESS", day=0.1, windows=[nights(1, hours=9)]))

    assert event.material_digest != one(planned).material_digest


def test_a_reschedule_with_the_same_windows_is_named(update, nights) -> None:
    event = one(update(windows=[nights(1)]), update("RE-SCHEDULED", day=-2, windows=[nights(1)]))

    assert event.history[-1].move is Move.RESCHEDULED_WITHOUT_WINDOW


# --- circuits ---


def test_a_full_list_replaces_and_marks_what_it_leaves_out(update, nights) -> None:
    event = one(
        update(windows=[nights()], listed=["C-1", "C-2", "C-3"]),
        update(day=-2, windows=[nights()], listed=["C-1", "C-4"]),
    )

    assert ids(event) == ["C-1", "C-4"]
    assert ids(event, withdrawn=True) == ["C-2", "C-3"]


def test_one_mail_for_each_circuit_joins(update, nights) -> None:
    event = one(
        update(windows=[nights()], listed=["C-1"]),
        update(day=-6, windows=[nights()], listed=["C-2"]),
        update(day=-5, windows=[nights()], listed=["C-3"]),
    )

    assert ids(event) == ["C-1", "C-2", "C-3"]


def test_an_empty_list_removes_nothing(update, nights) -> None:
    event = one(update(windows=[nights()]), update(day=-2, windows=[nights()], listed=[]))

    assert ids(event) == ["C-1", "C-2"]


@pytest.mark.parametrize("status", ["IN-PROCESS", "COMPLETED"])
def test_progress_never_withdraws(update, nights, status) -> None:
    event = one(update(windows=[nights()]), update(status, day=0.1, windows=[nights()], listed=["C-1"]))

    assert ids(event) == ["C-1", "C-2"]


def test_a_circuit_that_comes_back_is_live_again(update, nights) -> None:
    event = one(
        update(windows=[nights()]),
        update(day=-3, windows=[nights()], listed=["C-1"]),
        update(day=-2, windows=[nights()], listed=["C-1", "C-2"]),
    )

    assert ids(event) == ["C-1", "C-2"]


def test_a_circuit_that_leaves_some_of_the_windows_is_told_with_these(update, nights) -> None:
    event = one(
        update(windows=[nights(1), nights(2), nights(3)], uids=("a", "b", "c")),
        update(day=-3, windows=[nights(1), nights(2)], uids=("a", "b"), listed=["C-1"]),
    )

    assert ids(event) == ["C-1", "C-2"]
    gone, come = event.history[-1].changes["circuits"]
    starts = [f"{start:%Y-%m-%dT%H:%M:%SZ}" for start, _ in (nights(1), nights(2))]
    assert gone == [{"circuit_id": "C-2", "impact": "OUTAGE", "window": start} for start in starts]
    assert come == []


def test_ids_are_compared_without_case_and_spaces_and_the_newest_spelling_is_shown(update, nights) -> None:
    event = one(
        update(windows=[nights()], listed=["/oqyx/1/   /zyo /"]),
        update(day=-2, windows=[nights()], listed=["/OQYX/1/ /ZYO /"]),
    )

    assert ids(event) == ["/OQYX/1/ /ZYO /"]


def test_the_newest_stated_impact_counts_and_one_that_is_not_stated_does_not(update, nights) -> None:
    event = one(
        update(windows=[nights()], listed=[("C-1", "OUTAGE"), "C-2"]),
        update(day=-3, windows=[nights()], listed=[("C-1", "DEGRADED"), "C-2"]),
        update(day=-2, windows=[nights()], listed=["C-1", "C-2"]),
    )

    assert event.circuits == (
        CircuitImpact(circuit_id="C-1", impact=Impact.DEGRADED),
        CircuitImpact(circuit_id="C-2", impact=Impact.OUTAGE),
    )


def test_a_circuit_twice_in_one_mail_counts_once_with_the_worst_impact(update, nights) -> None:
    event = one(update(windows=[nights()], listed=[("C-1", "NO-IMPACT"), ("c-1", "DEGRADED")]))

    assert [(circuit.circuit_id, circuit.impact) for circuit in event.circuits] == [("c-1", Impact.DEGRADED)]


def test_a_cancellation_of_some_circuits_cancels_those_alone_however_often_it_is_said(update, nights) -> None:
    updates = [
        update(windows=[nights()]),
        update("CANCELLED", day=-3, windows=[nights()], listed=["C-1"]),
        update("CANCELLED", day=-2, windows=[nights()], listed=["C-1"]),
    ]
    event = one(*updates)

    assert event.status is CONFIRMED
    assert ids(event) == ["C-2"]
    assert [entry.move for entry in event.history[1:]] == [Move.PARTLY_CANCELLED] * 2
    assert one(*updates, update("CANCELLED", day=-1, windows=[nights()], listed=["C-2"])).status is CANCELLED


def test_circuits_named_before_any_window_are_those_of_the_first_window(update, nights) -> None:
    first = update("TENTATIVE", listed=["C-1"])
    assert ids(one(first)) == ["C-1"]

    event = one(first, update(day=-3, windows=[nights()], listed=None))
    assert [circuit.circuit_id for circuit in event.windows[0].circuits] == ["C-1"]


def test_a_window_that_is_stated_to_be_without_circuits_has_none(update, nights) -> None:
    windows = (
        StatedWindow(start=nights(1)[0], end=nights(1)[1], circuits=(StatedCircuit(circuit_id="C-1"),)),
        StatedWindow(start=nights(2)[0], end=nights(2)[1], circuits=(), status=MaintenanceStatus.TENTATIVE),
    )
    event = one(replace(update(day=-4, listed=None), windows=windows))

    assert [(window.status.value, len(window.circuits)) for window in event.windows] == [
        ("CONFIRMED", 1),
        ("TENTATIVE", 0),
    ]


# --- accounts ---


def test_an_event_is_cancelled_only_when_every_account_with_circuits_is(update, nights) -> None:
    announced = [
        update(windows=[nights()], listed=["C-1"], account="A", body_digest="a"),
        update(windows=[nights()], listed=["C-2"], account="B", body_digest="b"),
    ]
    first = update("CANCELLED", day=-2, windows=[nights()], listed=["C-1"], account="A")
    second = update("CANCELLED", day=-1, windows=[nights()], listed=["C-2"], account="B")

    assert one(*announced, first).status is CONFIRMED
    assert one(*announced, first, second).status is CANCELLED
    assert one(*announced).accounts == ("A", "B")


def test_a_list_of_one_account_withdraws_nothing_of_another(update, nights) -> None:
    event = one(
        update(windows=[nights()], listed=["C-1", "C-2"], account="A", body_digest="a"),
        update(windows=[nights()], listed=["C-1", "C-3"], account="B", body_digest="b"),
    )

    assert ids(event) == ["C-1", "C-2", "C-3"]


def test_what_names_no_account_speaks_of_all(update, nights) -> None:
    event = one(
        update(windows=[nights()], listed=["C-1"], account="A", body_digest="a"),
        update(windows=[nights()], listed=["C-2"], account="B", body_digest="b"),
        update("COMPLETED", day=0.2, listed=None),
    )

    assert event.status is COMPLETED


# --- calendars ---


def test_a_vevent_replaces_the_window_of_its_own_uid(update, nights) -> None:
    event = one(
        update(windows=[nights(1), nights(2)], uids=["u1", "u2"]),
        update("RE-SCHEDULED", day=-2, windows=[nights(5)], uids=["u2"], ical_uid="u2"),
    )

    assert [window[:2] for window in live(event)] == [nights(1), nights(5)]


def test_a_new_uid_adds_a_window_unless_the_work_is_rescheduled(update, nights) -> None:
    first = update(windows=[nights(1)], uids=["u1"])

    assert len(live(one(first, update(day=-2, windows=[nights(5)], uids=["u2"])))) == 2
    assert len(live(one(first, update("RE-SCHEDULED", day=-2, windows=[nights(5)], uids=["u2"])))) == 1


def test_sequence_orders_what_one_uid_says_at_one_stamp(update, nights) -> None:
    updates = [
        update("CONFIRMED", windows=[nights()], ical_uid="u", sequence=2, body_digest="a"),
        update("TENTATIVE", windows=[nights()], ical_uid="u", sequence=1, body_digest="b"),
    ]

    assert one(*updates).status is CONFIRMED


# --- generations ---


def test_a_number_used_again_after_ninety_days_is_another_event(update, nights) -> None:
    first = [update(windows=[nights(1)]), update("COMPLETED", day=0.3, listed=None)]
    again = update("CONFIRMED", day=150, windows=[nights(160)], listed=["C-9"])

    events = fold([again, *first])

    assert [(event.generation, event.status, ids(event)) for event in events] == [
        (1, COMPLETED, ["C-1", "C-2"]),
        (2, CONFIRMED, ["C-9"]),
    ]


def test_a_long_postponement_of_open_work_is_the_same_event(update, nights) -> None:
    events = fold([update(windows=[nights(1)]), update("RE-SCHEDULED", day=-1, windows=[nights(160)])])

    assert [live(event) for event in events] == [[(*nights(160), "RE-SCHEDULED")]]


# --- history, material ---


def test_the_history_tells_what_each_update_changed(update, nights) -> None:
    event = one(
        update("TENTATIVE", windows=[nights()], listed=["C-1", "C-2"], summary="splice"),
        update("CONFIRMED", day=-3, windows=[nights()], listed=["C-1", "C-3"]),
        update("CONFIRMED", day=-2, windows=[nights()], listed=["C-1", "C-3"]),
    )

    opened, confirmed, reminder = event.history
    assert opened.move is Move.OPENED
    assert opened.changes["status"] == (None, "TENTATIVE")
    assert opened.changes["summary"] == ("", "splice")
    assert confirmed.changes["circuits"] == (
        [{"circuit_id": "C-2", "impact": "OUTAGE"}],
        [{"circuit_id": "C-3", "impact": "OUTAGE"}],
    )
    assert (reminder.move, reminder.changes) == (Move.REPEATED, {})


def test_an_update_is_superseded_when_all_that_it_stated_was_stated_again(update, nights) -> None:
    event = one(
        update(windows=[nights()]),
        update(day=-3, windows=[nights()], summary="only here"),
        update(day=-2, windows=[nights()]),
    )

    assert [entry.superseded for entry in event.history] == [True, False, False]


def test_the_course_of_the_work_is_not_material_and_a_move_is(update, nights) -> None:
    planned = update(windows=[nights()])
    digest = one(planned).material_digest

    course = [update("IN-PROCESS", day=0.01, windows=[nights()]), update("COMPLETED", day=0.2, windows=[nights()])]
    assert one(planned, *course).material_digest == digest
    assert one(planned, update(day=-1, windows=[nights()])).material_digest == digest

    assert one(planned, update(day=-1, windows=[nights()], listed=["c-1", "C-2"])).material_digest == digest

    assert one(planned, update(day=-1, windows=[nights(2)])).material_digest != digest
    assert one(planned, update(day=-1, windows=[nights()], listed=["C-1"])).material_digest != digest
    assert one(planned, update("CANCELLED", day=-1, listed=None)).material_digest != digest
    assert (
        one(planned, update(day=-1, windows=[nights()], listed=[("C-1", "DEGRADED"), "C-2"])).material_digest != digest
    )


def test_a_thousand_mails_of_one_circuit_each_fold_without_growing_history(update, nights) -> None:
    updates = [update(day=-7 + index / 1000, windows=[nights()], listed=[f"C-{index}"]) for index in range(300)]
    event = one(*updates)

    assert len(event.circuits) == 300
    assert max(len(str(entry.changes)) for entry in event.history[1:]) < 200
    assert event.end - event.start == timedelta(hours=4)
