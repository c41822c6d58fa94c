"""Windows that have numbers of their own, nights in reserve, and work that goes on under another id."""

from dataclasses import replace
from datetime import timedelta

from domain.events import Event, StatedCircuit, StatedWindow, Update
from domain.fold import fold
from domain.lifecycle import phase_of
from domain.vocabulary import MaintenanceStatus, Move, Phase

CONFIRMED, TENTATIVE = MaintenanceStatus.CONFIRMED, MaintenanceStatus.TENTATIVE
COMPLETED, RE_SCHEDULED = MaintenanceStatus.COMPLETED, MaintenanceStatus.RE_SCHEDULED
CANCELLED = MaintenanceStatus.CANCELLED


def one(*updates: Update) -> Event:
    (event,) = fold(updates)
    return event


def numbered(number: int, span: tuple, *names: str, status: MaintenanceStatus | None = None) -> StatedWindow:
    circuits = tuple(StatedCircuit(circuit_id=name) for name in names)
    return StatedWindow(start=span[0], end=span[1], number=number, circuits=circuits, status=status)


def spans(event: Event) -> list[tuple]:
    return [(window.start, window.end) for window in event.windows if not window.withdrawn]


class TestNumbers:
    def test_a_mail_for_each_window_withdraws_none(self, update, nights) -> None:
        first = replace(update(), windows=(numbered(1, nights(1), "C-1"),))
        second = replace(update(day=-6), windows=(numbered(2, nights(2), "C-1"),))

        assert spans(one(first, second)) == [nights(1), nights(2)]

    def test_a_window_is_known_by_its_number_wherever_it_is_moved(self, update, nights) -> None:
        both = replace(update(), windows=(numbered(1, nights(1), "C-1"), numbered(2, nights(2), "C-1")))
        moved = replace(update("RE-SCHEDULED", day=-2), windows=(numbered(1, nights(9), "C-1"),))

        assert spans(one(both, moved)) == [nights(2), nights(9)]

    def test_a_completion_reaches_the_window_that_it_names(self, update, nights) -> None:
        both = replace(update(), windows=(numbered(1, nights(1), "C-1"), numbered(2, nights(2), "C-1")))
        done = replace(update("COMPLETED", day=1.3), windows=(numbered(2, nights(2, hours=3), "C-1"),))

        event = one(both, done)
        assert event.windows[1].status is COMPLETED
        assert event.windows[1].end == nights(2, hours=3)[1]

    def test_a_cancellation_of_one_window_leaves_the_other(self, update, nights) -> None:
        both = replace(update(), windows=(numbered(1, nights(1), "C-1"), numbered(2, nights(2), "C-1")))
        gone = replace(update("CANCELLED", day=-2), windows=(numbered(2, nights(2), "C-1"),))

        event = one(both, gone)
        assert [window.status for window in event.windows] == [CONFIRMED, CANCELLED]
        assert event.status is CONFIRMED


class TestAlternateNights:
    def told(self, update, nights) -> Update:
        windows = (numbered(1, nights(1), "C-1"), numbered(2, nights(2), status=TENTATIVE))
        return replace(update(listed=None), windows=windows)

    def test_it_is_tentative_and_without_circuits(self, update, nights) -> None:
        event = one(self.told(update, nights))

        assert [window.status for window in event.windows] == [CONFIRMED, TENTATIVE]
        assert [[c.circuit_id for c in window.circuits] for window in event.windows] == [["C-1"], []]
        assert event.status is CONFIRMED

    def test_work_that_is_done_does_not_wait_for_it(self, update, nights) -> None:
        event = one(self.told(update, nights), update("COMPLETED", day=0.3, listed=None))

        assert event.status is COMPLETED
        assert phase_of(event, nights(1)[1] + timedelta(hours=3)) is Phase.PAST

    def test_a_mail_activates_it(self, update, nights) -> None:
        activated = replace(update(day=0.3, listed=None), windows=(numbered(2, nights(2), "C-1"),))

        event = one(self.told(update, nights), activated)
        assert event.windows[1].status is CONFIRMED
        assert [c.circuit_id for c in event.windows[1].circuits] == ["C-1"]


class TestAnotherId:
    def replaced(self, update, day: float = -3) -> Update:
        return update("RE-SCHEDULED", day=day, listed=None, replaced_by="TTN-2")

    def test_the_old_event_is_rescheduled_past_and_linked(self, update, nights) -> None:
        event = one(update(windows=[nights(1)]), self.replaced(update))

        assert (event.status, event.replaced_by, event.history[-1].move) == (RE_SCHEDULED, "TTN-2", Move.REPLACED)
        assert phase_of(event, nights(1)[0] - timedelta(days=1)) is Phase.PAST
        assert spans(event) == [nights(1)]

    def test_the_new_event_names_the_old_one(self, update, nights) -> None:
        assert one(update(windows=[nights(4)], event_id="TTN-2", replaces="TTN-1")).replaces == "TTN-1"

    def test_what_nobody_told_of_is_no_event(self, update) -> None:
        assert fold([self.replaced(update)]) == ()

    def test_the_order_of_arrival_does_not_matter(self, update, nights) -> None:
        told = [update(windows=[nights(1)]), self.replaced(update), update(day=-5, windows=[nights(1)])]

        assert fold(told) == fold(told[::-1])

    def test_a_later_word_of_the_carrier_counts(self, update, nights) -> None:
        event = one(update(windows=[nights(1)]), self.replaced(update), update("CANCELLED", day=-2))

        assert (event.status, event.replaced_by) == (CANCELLED, "TTN-2")

    def test_every_notice_of_the_new_event_says_it_again_and_changes_nothing(self, update, nights) -> None:
        told = [update(windows=[nights(1)]), self.replaced(update), update("CANCELLED", day=-2)]
        again = self.replaced(update, day=-1)

        event = one(*told, again)
        assert event.status is CANCELLED
        assert [entry.move for entry in event.history][1:] == [Move.REPLACED, Move.CLOSED, Move.REPEATED]

    def test_work_that_comes_back_to_its_first_id_is_ahead_again(self, update, nights) -> None:
        back = update("RE-SCHEDULED", day=-2, windows=[nights(9)], replaces="ttn-2")

        event = one(update(windows=[nights(1)]), self.replaced(update), back)
        assert (event.replaces, event.replaced_by, spans(event)) == ("ttn-2", None, [nights(9)])
        assert phase_of(event, nights(1)[0]) is Phase.UPCOMING

    def test_the_new_id_in_another_spelling_says_nothing_new(self, update, nights) -> None:
        told = [update(windows=[nights(1)]), self.replaced(update), update("CANCELLED", day=-2)]
        again = update("RE-SCHEDULED", day=-1, listed=None, replaced_by="ttn-2")

        event = one(*told, again)
        assert (event.status, event.history[-1].move) == (CANCELLED, Move.REPEATED)


class TestHours:
    def test_a_start_told_before_its_hour_does_not_open_a_night_that_is_done(self, update, nights) -> None:
        told = [
            update(windows=[nights(1), nights(2), nights(3)]),
            update("COMPLETED", day=0.2, listed=None),
            update("IN-PROCESS", day=1 - 8 / 1440, listed=None),
        ]

        event = one(*told)
        assert [window.status.value for window in event.windows] == ["COMPLETED", "IN-PROCESS", "CONFIRMED"]

    def test_a_night_that_was_put_off_without_a_date_does_not_begin(self, update, nights) -> None:
        told = [
            update(windows=[nights(1)]),
            update("RE-SCHEDULED", day=-0.5, windows=[nights(1)]),
            update("RE-SCHEDULED", day=0.5, windows=[nights(8)]),
        ]

        event = one(*told)
        assert spans(event) == [nights(8)]
        assert [entry.move for entry in event.history][1:] == [Move.RESCHEDULED_WITHOUT_WINDOW, Move.REPEATED]

    def test_a_night_that_begins_although_it_was_put_off_stays(self, update, nights) -> None:
        told = [
            update(windows=[nights(1)]),
            update("RE-SCHEDULED", day=-0.5, windows=[nights(1)]),
            update("IN-PROCESS", day=0.05, listed=None),
            update("RE-SCHEDULED", day=0.5, windows=[nights(8)]),
        ]

        assert spans(one(*told)) == [nights(1), nights(8)]


class TestReserve:
    def test_a_night_in_reserve_that_is_needed_is_no_rescheduling_without_a_window(self, update, nights) -> None:
        windows = (numbered(1, nights(1), "C-1"), numbered(2, nights(2), status=TENTATIVE))
        told = replace(update(listed=None), windows=windows)
        needed = replace(update("RE-SCHEDULED", day=0.3, listed=None), windows=(numbered(2, nights(2), "C-1"),))

        event = one(told, needed)
        assert event.history[-1].move is Move.ADVANCED
        assert event.windows[1].status is RE_SCHEDULED


def test_another_night_under_the_uid_of_one_that_is_done_is_a_night_of_its_own(update, nights) -> None:
    told = [
        update(windows=[nights(1)], uids=["u1"]),
        update("COMPLETED", day=0.3, windows=[nights(1)], uids=["u1"]),
        update("IN-PROCESS", day=5.05, windows=[nights(6)], uids=["u1"]),
    ]

    event = one(*told)
    assert spans(event) == [nights(1), nights(6)]
    assert [window.status.value for window in event.windows] == ["COMPLETED", "IN-PROCESS"]
