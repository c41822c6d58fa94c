"""Calendars: a VEVENT speaks of the window of its own UID, whatever else goes on at the same hours."""

from dataclasses import replace

from domain.events import Event, Update
from domain.fold import fold
from domain.vocabulary import MaintenanceStatus, Move


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


def test_a_reminder_of_one_uid_leaves_the_begun_window_of_another_alone(update, nights) -> None:
    early, late = nights(1), nights(1, shift_hours=1)
    event = one(
        update(windows=[early], listed=["C-1"], uids=["u1"]),
        update(day=-6, windows=[late], listed=["C-2"], uids=["u2"]),
        update(day=0.02, windows=[late], listed=["C-2"], uids=["u2"]),
    )

    assert shown(event) == [(*early, "CONFIRMED", ["C-1"]), (*late, "CONFIRMED", ["C-2"])]


def test_a_new_uid_adds_a_window_even_at_hours_that_another_has(update, nights) -> None:
    early, late = nights(1), nights(1, shift_hours=1)
    event = one(
        update(windows=[early], listed=["C-1"], uids=["u1"]),
        update(day=-6, windows=[late], listed=["C-2"], uids=["u2"]),
    )

    assert shown(event) == [(*early, "CONFIRMED", ["C-1"]), (*late, "CONFIRMED", ["C-2"])]


def test_a_calendar_takes_over_the_window_that_another_form_announced(update, nights) -> None:
    event = one(update(windows=[nights(1)]), update(day=-6, windows=[nights(1, shift_hours=1)], uids=["u1"]))

    assert shown(event) == [(*nights(1, shift_hours=1), "CONFIRMED", ["C-1", "C-2"])]


def test_progress_of_one_uid_is_not_that_of_another_at_the_same_hours(update, nights) -> None:
    early, late = nights(1), nights(1, shift_hours=1)
    event = one(
        update(windows=[early], listed=["C-1"], uids=["u1"]),
        update(day=-6, windows=[late], listed=["C-2"], uids=["u2"]),
        update("COMPLETED", day=0.1, windows=[early], listed=["C-1"], uids=["u1"]),
    )

    assert [status for _, _, status, _ in shown(event)] == ["COMPLETED", "CONFIRMED"]


def test_progress_of_an_uid_that_nobody_announced_moves_no_other_window(update, nights) -> None:
    event = one(
        update(windows=[nights(5)], listed=["C-1"], uids=["u1"]),
        update("IN-PROCESS", day=0.01, windows=[nights(1)], listed=["C-2"], uids=["u2"]),
    )

    assert shown(event) == [(*nights(1), "IN-PROCESS", ["C-2"]), (*nights(5), "CONFIRMED", ["C-1"])]


def test_a_cancelled_vevent_cancels_its_own_night_alone(update, nights) -> None:
    event = one(
        update(windows=[nights(1), nights(2), nights(3)], uids=["u1", "u2", "u3"]),
        update("CANCELLED", day=-2, windows=[nights(2)], uids=["u2"], ical_uid="u2"),
    )

    assert [status for _, _, status, _ in shown(event)] == ["CONFIRMED", "CANCELLED", "CONFIRMED"]
    assert event.status is MaintenanceStatus.CONFIRMED
    assert event.history[-1].move is Move.PARTLY_CANCELLED


def test_a_vevent_cancelled_without_its_hours_cancels_its_own_night_alone(update, nights) -> None:
    event = one(
        update(windows=[nights(1), nights(2)], uids=["u1", "u2"]),
        update("CANCELLED", day=-2, listed=None, ical_uid="u2"),
    )

    assert [status for _, _, status, _ in shown(event)] == ["CONFIRMED", "CANCELLED"]


def test_when_every_vevent_is_cancelled_the_event_is(update, nights) -> None:
    event = one(
        update(windows=[nights(1), nights(2)], uids=["u1", "u2"]),
        update("CANCELLED", day=-2, windows=[nights(1)], uids=["u1"]),
        update("CANCELLED", day=-1, windows=[nights(2)], uids=["u2"]),
    )

    assert event.status is MaintenanceStatus.CANCELLED
    assert [entry.move for entry in event.history] == [Move.OPENED, Move.PARTLY_CANCELLED, Move.CLOSED]


def test_a_cancellation_of_an_unknown_uid_reaches_all(update, nights) -> None:
    first = update(windows=[nights(1), nights(2)], uids=["u1", "u2"])
    event = one(first, update("CANCELLED", day=-2, windows=[nights(2)], uids=["another"]))

    assert event.status is MaintenanceStatus.CANCELLED


def test_one_vevent_for_each_circuit_at_the_same_hours_is_one_window(update, nights) -> None:
    announced = [
        update(day=-7 + number / 100, windows=[nights()], listed=[f"C-{number}"], uids=[f"u{number}"])
        for number in (1, 2, 3)
    ]
    cancelled = update("CANCELLED", day=-2, windows=[nights()], listed=["C-2"], uids=["u2"])

    assert shown(one(*announced)) == [(*nights(), "CONFIRMED", ["C-1", "C-2", "C-3"])]
    assert shown(one(*announced, cancelled)) == [(*nights(), "CONFIRMED", ["C-1", "C-3"])]


def test_a_begun_vevent_that_is_rescheduled_does_not_move_that_of_another_night(update, nights) -> None:
    event = one(
        update(windows=[nights(1), nights(2)], uids=["u1", "u2"]),
        update("RE-SCHEDULED", day=0.05, windows=[nights(8)], uids=["u1"]),
    )

    assert [times[:3] for times in shown(event)] == [
        (*nights(1), "CONFIRMED"),
        (*nights(2), "CONFIRMED"),
        (*nights(8), "RE-SCHEDULED"),
    ]


def test_a_uid_that_comes_to_the_hours_of_a_withdrawn_one_has_its_window(update, nights) -> None:
    event = one(
        update(windows=[nights(2)], uids=["u1"]),
        update("RE-SCHEDULED", day=-6, windows=[nights(8), nights(9)], uids=["u2", "u3"]),
        update(day=-5, windows=[nights(2)], uids=["u4"]),
        update(day=-4, windows=[nights(2, hours=6)], uids=["u4"]),
    )

    assert [times[:2] for times in shown(event)] == [nights(2, hours=6), nights(8), nights(9)]


def test_sequence_and_digest_order_what_one_stamp_bears(update, nights) -> None:
    first = update("TENTATIVE", windows=[nights()], uids=["u"], ical_uid="u", sequence=1, body_digest="z")
    second = replace(first, sequence=2, status=MaintenanceStatus.CANCELLED, body_digest="a")

    assert one(second, first).status is MaintenanceStatus.CANCELLED
