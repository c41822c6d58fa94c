from datetime import datetime, timedelta

import pytest

from domain.events import Update
from domain.fold import fold
from domain.lifecycle import MAINTENANCE_MOVES, move_of, phase_of
from domain.vocabulary import MaintenanceStatus, Move, Phase


def test_the_table_has_a_move_for_every_held_and_every_stated_status() -> None:
    statuses = list(MaintenanceStatus)
    for held in [None, *statuses]:
        for stated in [None, *statuses]:
            assert isinstance(move_of(held, stated), Move)
    assert len(MAINTENANCE_MOVES) == 8 * 6


@pytest.mark.parametrize(
    ("held", "stated", "move"),
    [
        (None, "CONFIRMED", Move.OPENED),
        (None, None, Move.OPENED),
        (None, "COMPLETED", Move.LATE),
        ("CONFIRMED", "CONFIRMED", Move.REPEATED),
        ("CONFIRMED", None, Move.REPEATED),
        ("TENTATIVE", "CONFIRMED", Move.ADVANCED),
        ("IN-PROCESS", "CONFIRMED", Move.REVERTED),
        ("IN-PROCESS", "COMPLETED", Move.CLOSED),
        ("CONFIRMED", "CANCELLED", Move.CLOSED),
        ("CANCELLED", "CONFIRMED", Move.REOPENED),
        ("CANCELLED", "COMPLETED", Move.REVERTED),
    ],
)
def test_a_move_is_named_by_the_status_held_and_the_status_stated(held, stated, move) -> None:
    assert move_of(MaintenanceStatus(held) if held else None, MaintenanceStatus(stated) if stated else None) is move


def phase(updates: list[Update], now: datetime, *, sends_completions: bool = False) -> Phase:
    return phase_of(fold(updates)[0], now, sends_completions=sends_completions)


def test_the_phase_follows_the_clock_through_three_nights(update, nights) -> None:
    updates = [update(windows=[nights(1), nights(2), nights(3)])]
    start, end = nights(1)
    last_end = nights(3)[1]

    assert phase(updates, start - timedelta(hours=1)) is Phase.UPCOMING
    assert phase(updates, start) is Phase.ACTIVE
    assert phase(updates, end) is Phase.UPCOMING
    assert phase(updates, last_end) is Phase.PAST


def test_a_cancelled_maintenance_is_past_before_its_window(update, nights) -> None:
    updates = [update(windows=[nights()]), update("CANCELLED", day=-1, listed=None)]

    assert phase(updates, nights()[0] - timedelta(hours=1)) is Phase.PAST


def test_a_completed_window_is_not_active_until_its_planned_end(update, nights) -> None:
    updates = [update(windows=[nights()]), update("COMPLETED", day=0.1, listed=None)]

    assert phase(updates, nights()[0] + timedelta(hours=3)) is Phase.PAST


def test_only_a_provider_that_sends_completions_is_overdue_and_for_a_day(update, nights) -> None:
    updates = [update(windows=[nights()])]
    end = nights()[1]

    assert phase(updates, end + timedelta(hours=23), sends_completions=True) is Phase.OVERDUE
    assert phase(updates, end + timedelta(hours=23), sends_completions=False) is Phase.PAST
    assert phase(updates, end + timedelta(hours=25), sends_completions=True) is Phase.PAST
