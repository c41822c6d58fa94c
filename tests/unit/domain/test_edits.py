"""What a person says of an event: refused with all its faults, or held against what mails only repeat."""

from dataclasses import replace
from datetime import timedelta

import pytest

from domain.edits import Asked, edit_of
from domain.errors import EditRefused
from domain.events import Edit, Event, StatedCircuit, Update
from domain.fold import fold
from domain.vocabulary import Impact, MaintenanceStatus, Move

CONFIRMED, CANCELLED = MaintenanceStatus.CONFIRMED, MaintenanceStatus.CANCELLED
COMPLETED, IN_PROCESS = MaintenanceStatus.COMPLETED, MaintenanceStatus.IN_PROCESS
RE_SCHEDULED = MaintenanceStatus.RE_SCHEDULED


def one(updates: list[Update], *edits: Edit) -> Event:
    (event,) = fold(updates, edits)
    return event


def said(updates: list[Update], *edits: Edit, hours: float = 1, reason: str = "the carrier called", **asked) -> Edit:
    """Return what a person says some hours after the newest mail."""
    event = one(updates, *edits)
    now = event.stamp + timedelta(hours=hours)
    return edit_of(event, Asked(**asked), author="alice", reason=reason, now=now)


def spans(event: Event) -> list[tuple]:
    return [(window.start, window.end) for window in event.windows if not window.withdrawn]


def statuses(event: Event) -> list[MaintenanceStatus]:
    return [window.status for window in event.windows if not window.withdrawn]


def span_of(night: tuple) -> dict:
    return {"start": night[0], "end": night[1]}


def with_own_statuses(update: Update, *own: MaintenanceStatus) -> Update:
    assert update.windows is not None
    windows = (replace(window, status=status) for window, status in zip(update.windows, own, strict=True))
    return replace(update, windows=tuple(windows))


def live(event: Event) -> dict[str, str]:
    return {circuit.circuit_id: circuit.impact.value for circuit in event.circuits if not circuit.withdrawn}


class TestHolding:
    def test_a_status_holds_against_a_reminder_and_yields_to_what_is_new(self, update, nights) -> None:
        first = update(windows=[nights(1)])
        edit = said([first], status=CANCELLED)
        reminder = update(day=-2, windows=[nights(1)])
        begun = update("IN-PROCESS", day=0.05, windows=[nights(1)])

        assert one([first], edit).status is CANCELLED
        assert one([first, reminder], edit).status is CANCELLED
        assert one([first, reminder, begun], edit).status is IN_PROCESS

    def test_what_has_yielded_does_not_come_back(self, update, nights) -> None:
        first = update(windows=[nights(1)])
        edit = said([first], start=nights(2)[0], end=nights(2)[1])
        moved = update("RE-SCHEDULED", day=-4, windows=[nights(3)])
        back = update("RE-SCHEDULED", day=-3, windows=[nights(1)])

        assert spans(one([first], edit)) == [nights(2)]
        assert spans(one([first, moved], edit)) == [nights(3)]
        assert spans(one([first, moved, back], edit)) == [nights(1)]

    def test_the_times_of_one_night_of_two_hold_against_a_reminder(self, update, nights) -> None:
        first = update(windows=[nights(1), nights(2)])
        edit = said([first], window=2, end=nights(2)[1] + timedelta(hours=2))
        reminder = update(day=-2, windows=[nights(1), nights(2)])
        right = [nights(1), (nights(2)[0], nights(2)[1] + timedelta(hours=2))]

        assert spans(one([first], edit)) == right
        assert spans(one([first, reminder], edit)) == right

    def test_a_night_that_a_person_added_or_withdrew_stays_so_after_a_reminder(self, update, nights) -> None:
        first = update(windows=[nights(1), nights(2)])
        edit = said([first], withdraw_windows=(2,), add_windows=(nights(5),))
        reminder = update(day=-2, windows=[nights(1), nights(2)])

        for told in ([first], [first, reminder]):
            event = one(told, edit)
            assert spans(event) == [nights(1), nights(5)]
            assert [c.circuit_id for c in event.windows[-1].circuits] == ["C-1", "C-2"]

    def test_an_impact_holds_until_another_one_is_stated(self, update, nights) -> None:
        first = update(windows=[nights(1)], listed=[("C-1", "OUTAGE"), ("C-2", "OUTAGE")])
        edit = said([first], circuits=(("c-1", Impact.NO_IMPACT),))
        reminder = update(day=-2, windows=[nights(1)], listed=[("C-1", "OUTAGE"), ("C-2", "OUTAGE")])
        changed = update(day=-1, windows=[nights(1)], listed=[("C-1", "DEGRADED"), ("C-2", "OUTAGE")])

        assert live(one([first, reminder], edit)) == {"C-1": "NO-IMPACT", "C-2": "OUTAGE"}
        assert live(one([first, reminder, changed], edit)) == {"C-1": "DEGRADED", "C-2": "OUTAGE"}

    def test_a_withdrawn_circuit_stays_away_and_an_added_one_stays(self, update, nights) -> None:
        first = update(windows=[nights(1)])
        edit = said([first], withdraw_circuits=("C-2",), circuits=(("C-9", Impact.DEGRADED),))
        reminder = update(day=-2, windows=[nights(1)])

        for told in ([first], [first, reminder]):
            assert live(one(told, edit)) == {"C-1": "OUTAGE", "C-9": "DEGRADED"}

    def test_a_summary_holds_until_another_one_is_stated(self, update, nights) -> None:
        first = update(windows=[nights(1)], summary="fibre")
        edit = said([first], summary="splicing at the harbour")
        reminder, changed = update(day=-2, summary="fibre"), update(day=-1, summary="moved")

        assert one([first, reminder], edit).summary == "splicing at the harbour"
        assert one([first, reminder, changed], edit).summary == "moved"

    def test_one_night_is_done_by_a_persons_word(self, update, nights) -> None:
        first = update(windows=[nights(1), nights(2)])
        edit = said([first], window=1, status=COMPLETED)

        event = one([first], edit)
        assert [window.status for window in event.windows] == [COMPLETED, CONFIRMED]
        assert event.status is CONFIRMED

    def test_the_newest_word_of_two_people_counts(self, update, nights) -> None:
        first = update(windows=[nights(1)])
        earlier = said([first], status=CANCELLED)
        later = said([first], earlier, status=CONFIRMED)
        reminder = update(day=-2, windows=[nights(1)])

        assert one([first, reminder], earlier, later).status is CONFIRMED
        assert fold([reminder, first], [later, earlier]) == fold([first, reminder], [earlier, later])

    def test_an_older_mail_that_comes_late_does_not_undo_it(self, update, nights) -> None:
        first = update(windows=[nights(1)])
        edit = said([first], status=CANCELLED)
        late = update("TENTATIVE", day=-9, windows=[nights(1)])

        assert one([first, late], edit).status is CANCELLED

    def test_the_history_names_the_person_and_what_changed(self, update, nights) -> None:
        first = update(windows=[nights(1)])
        edit = said([first], status=CANCELLED)

        *_, entry = one([first], edit).history
        assert (entry.move, entry.source, entry.stamp) == (Move.CORRECTED, "person:alice", edit.stamp)
        assert entry.changes["status"] == ("CONFIRMED", "CANCELLED")

    def test_it_is_about_the_generation_that_was_seen(self, update, nights) -> None:
        first, again = update(windows=[nights(1)]), update(day=300, windows=[nights(320)])
        old, _ = fold([first, again])
        now = again.stamp + timedelta(hours=1)
        edit = edit_of(old, Asked(status=COMPLETED), author="alice", reason="it was done", now=now)

        assert [event.status for event in fold([first, again], [edit])] == [COMPLETED, CONFIRMED]

    def test_an_earlier_generation_that_is_heard_of_later_leaves_it_where_it_was(self, update, nights) -> None:
        earlier, first, again = (update(day=day, windows=[nights(day + 8)]) for day in (-300, -7, 300))
        _, seen = fold([first, again])
        now = again.stamp + timedelta(hours=1)
        edit = edit_of(seen, Asked(status=CANCELLED), author="alice", reason="they called", now=now)

        assert [event.status for event in fold([earlier, first, again], [edit])] == [CONFIRMED, CONFIRMED, CANCELLED]

    def test_an_edit_alone_is_no_event(self, update, nights) -> None:
        edit = said([update(windows=[nights(1)])], status=CANCELLED)

        assert fold([], [edit]) == ()


class TestRepetitions:
    """Mails that repeat what was corrected, said otherwise than in the mail that the person saw."""

    def test_the_status_of_one_night_holds_against_a_reminder_and_yields_to_what_is_new(self, update, nights) -> None:
        first = update(windows=[nights(1), nights(2)])
        edit = said([first], window=2, status=CANCELLED)
        reminders = [update(day=-2, windows=[nights(1), nights(2)]), update(day=-1)]
        moved = update("RE-SCHEDULED", day=-0.5, windows=[nights(1), nights(3)])

        assert statuses(one([first, *reminders], edit)) == [CONFIRMED, CANCELLED]
        assert statuses(one([first, *reminders, moved], edit)) == [RE_SCHEDULED, RE_SCHEDULED]

    def test_a_status_holds_against_rows_that_have_one_each(self, update, nights) -> None:
        first = with_own_statuses(update(windows=[nights(1), nights(2)]), CONFIRMED, CONFIRMED)
        edit = said([first], status=CANCELLED)
        reminder = with_own_statuses(update(day=-2, windows=[nights(1), nights(2)]), CONFIRMED, CONFIRMED)

        event = one([first, reminder], edit)
        assert statuses(event) == [CANCELLED, CANCELLED]
        assert event.history[-1].move is Move.REPEATED

    def test_a_status_holds_against_what_each_account_is_told_again(self, update, nights) -> None:
        one_account = update(windows=[nights(1)], account="A-1", listed=["C-1"])
        other = update("TENTATIVE", day=-6.9, windows=[nights(1)], account="A-2", listed=["C-2"])
        edit = said([one_account, other], status=CANCELLED)
        reminder = update("TENTATIVE", day=-2, windows=[nights(1)], account="A-2", listed=["C-2"])
        unheard = update(day=-1.9, windows=[nights(1)], account="A-3", listed=["C-3"])

        event = one([one_account, other, reminder, unheard], edit)
        assert (event.status, statuses(event)) == (CANCELLED, [CANCELLED])

    def test_a_status_holds_against_the_one_that_no_row_of_a_mail_has(self, update, nights) -> None:
        first = with_own_statuses(update(windows=[nights(1)]), MaintenanceStatus.TENTATIVE)
        edit = said([first], status=CANCELLED)
        reminder = with_own_statuses(update(day=-2, windows=[nights(1)]), MaintenanceStatus.TENTATIVE)

        assert one([first, reminder], edit).status is CANCELLED

    def test_a_night_that_is_added_has_the_status_that_is_said_with_it(self, update, nights) -> None:
        cancelled = update("CANCELLED", windows=[nights(1)])
        edit = said([cancelled], status=CONFIRMED, add_windows=(nights(2),))

        assert statuses(one([cancelled], edit)) == [CONFIRMED, CONFIRMED]

    def test_a_night_that_is_new_has_the_status_that_its_mail_states(self, update, nights) -> None:
        first = update(windows=[nights(1)])
        edit = said([first], status=CANCELLED)
        more = update(day=-2, windows=[nights(1), nights(2)])

        event = one([first, more], edit)
        assert (event.status, statuses(event)) == (CONFIRMED, [CANCELLED, CONFIRMED])

    def test_a_cancellation_that_a_person_took_back_can_still_come_from_the_carrier(self, update, nights) -> None:
        first = update(windows=[nights(1)])
        hasty = said([first], status=CANCELLED)
        back = said([first], hasty, status=CONFIRMED)

        assert one([first, update("CANCELLED", day=-2)], hasty, back).status is CANCELLED

    def test_what_was_corrected_twice_holds_against_what_the_mails_said_first(self, update, nights) -> None:
        first = update(windows=[nights(1)], listed=[("C-1", "OUTAGE"), ("C-2", "OUTAGE")], summary="fibre")
        earlier = said(
            [first], status=CANCELLED, circuits=(("C-1", Impact.DEGRADED),), summary="rope", **span_of(nights(2))
        )
        later = said(
            [first],
            earlier,
            status=MaintenanceStatus.TENTATIVE,
            withdraw_circuits=("C-1",),
            summary="splicing",
            **span_of(nights(3)),
        )
        reminder = update(day=-2, windows=[nights(1)], listed=[("C-1", "OUTAGE"), ("C-2", "OUTAGE")], summary="fibre")

        event = one([first, reminder], earlier, later)
        assert (event.status, event.summary) == (MaintenanceStatus.TENTATIVE, "splicing")
        assert (spans(event), live(event)) == ([nights(3)], {"C-2": "OUTAGE"})

    def test_a_move_that_a_person_took_back_can_still_come_from_the_carrier(self, update, nights) -> None:
        first = update(windows=[nights(1)])
        hasty = said([first], **span_of(nights(2)))
        back = said([first], hasty, **span_of(nights(1)))

        assert spans(one([first, update("RE-SCHEDULED", day=-2, windows=[nights(2)])], hasty, back)) == [nights(2)]

    def test_the_times_of_a_night_hold_against_mails_that_say_something_new_of_another(self, update, nights) -> None:
        first = update(windows=[nights(1), nights(2)])
        right = (nights(2)[0], nights(2)[1] + timedelta(hours=2))
        edit = said([first], window=2, end=right[1])
        an_hour_later = nights(1, shift_hours=1)
        moved = update(day=-2, windows=[an_hour_later, nights(2)])
        begun = update("IN-PROCESS", day=0.1, windows=[nights(1, shift_hours=2)])
        reminder = update(day=0.5, windows=[nights(1, shift_hours=2), nights(2)])

        assert spans(one([first, moved], edit)) == [an_hour_later, right]
        assert spans(one([first, begun, reminder], edit))[1:] == [right]

    def test_the_times_of_a_uid_yield_to_that_uid_alone(self, update, nights) -> None:
        first = update(windows=[nights(1), nights(2)], uids=["a", "b"])
        edit = said([first], window=2, **span_of(nights(5)))
        other = update(day=-3, windows=[nights(3)], uids=["a"])
        again = update(day=-2, windows=[nights(2)], uids=["b"])
        own = update(day=-2.5, windows=[nights(8)], uids=["b"])

        assert spans(one([first, other, again], edit)) == [nights(3), nights(5)]
        assert spans(one([first, own], edit)) == [nights(1), nights(8)]
        assert spans(one([first, own, again], edit)) == [nights(1), nights(2)]

    def test_an_impact_holds_in_every_night_although_they_differ(self, update, nights) -> None:
        first = update(windows=[nights(1), nights(2)], listed=[("C-1", "OUTAGE")])
        assert first.windows is not None
        lighter = replace(first.windows[1], circuits=(StatedCircuit(circuit_id="C-1", impact=Impact.DEGRADED),))
        first = replace(first, windows=(first.windows[0], lighter))
        edit = said([first], circuits=(("C-1", Impact.NO_IMPACT),))
        reminder = replace(first, stamp=first.stamp + timedelta(days=3))

        assert live(one([first, reminder], edit)) == {"C-1": "NO-IMPACT"}

    def test_a_circuit_that_is_put_back_is_not_withdrawn_by_the_list_that_left_it_out(self, update, nights) -> None:
        told = [
            update(windows=[nights(1)], listed=["C-1", "C-2", "C-3"]),
            update(day=-6, windows=[nights(1)], listed=["C-1", "C-2"]),
        ]
        edit = said(told, circuits=(("C-3", Impact.OUTAGE),))
        reminder = update(day=-2, windows=[nights(1)], listed=["C-1", "C-2"])

        assert sorted(live(one([*told, reminder], edit))) == ["C-1", "C-2", "C-3"]

    def test_a_circuit_of_one_account_stays_of_that_account(self, update, nights) -> None:
        told = [
            update(windows=[nights(1)], listed=["C-1"], account="A-1"),
            update(day=-6.9, windows=[nights(1)], listed=["C-2"], account="A-2"),
        ]
        edit = said(told, circuits=(("C-2", Impact.DEGRADED),))
        cancelled = update("CANCELLED", day=-2, listed=["C-2"], account="A-2")

        assert live(one([*told, cancelled], edit)) == {"C-1": "OUTAGE"}

    def test_a_move_that_is_older_and_comes_late_does_not_undo_it(self, update, nights) -> None:
        first = update(windows=[nights(1), nights(4)])
        edit = said([first], window=1, **span_of(nights(2)))
        late = update("RE-SCHEDULED", day=-6.99, windows=[nights(1, shift_hours=1), nights(4)])
        far = update("RE-SCHEDULED", day=-6.99, windows=[nights(3), nights(4)])

        assert spans(one([first, late], edit)) == [nights(2), nights(4)]
        assert spans(one([first, far], edit)) == [nights(2), nights(4)]

    def test_the_end_of_work_whose_date_a_person_put_right_is_no_other_event(self, update, nights) -> None:
        first = update(windows=[nights(120)])
        edit = said([first], **span_of(nights(1)))

        event = one([first, update("COMPLETED", day=0.3, windows=[nights(120)])], edit)
        assert (event.status, spans(event)) == (COMPLETED, [nights(1)])


class TestRefusals:
    @pytest.mark.parametrize(
        ("asked", "words"),
        [
            ({}, "nothing is asked"),
            ({"status": MaintenanceStatus.UNKNOWN}, "expected one of TENTATIVE, CONFIRMED"),
            ({"window": 3, "status": COMPLETED}, "window 3: no such window, there are 2"),
            ({"withdraw_windows": (0,)}, "window 0: no such window, there are 2"),
            ({"withdraw_circuits": ("C-7",)}, "circuit C-7: it is not held, there are C-1, C-2"),
        ],
    )
    def test_what_cannot_be_done_is_named(self, update, nights, asked, words) -> None:
        with pytest.raises(EditRefused, match=words):
            said([update(windows=[nights(1), nights(2)])], **asked)

    def test_a_window_that_is_there_already(self, update, nights) -> None:
        told = [update(windows=[nights(1), nights(2)])]
        with pytest.raises(EditRefused, match="is there already"):
            said(told, add_windows=(nights(2),))
        with pytest.raises(EditRefused, match="is there already"):
            said(told, window=1, **span_of(nights(2)))

    def test_a_window_of_which_nothing_is_said(self, update, nights) -> None:
        with pytest.raises(EditRefused, match="nothing is asked"):
            said([update(windows=[nights(1)])], window=1)

    @pytest.mark.parametrize(
        ("asked", "words"),
        [
            ({"summary": " "}, "summary: it is empty"),
            ({"circuits": ((" ", Impact.OUTAGE),)}, "circuit: it has no id"),
            ({"circuits": (("c-1", Impact.OUTAGE),), "withdraw_circuits": ("C-1",)}, "it cannot be withdrawn and"),
        ],
    )
    def test_what_says_nothing_or_its_opposite(self, update, nights, asked, words) -> None:
        with pytest.raises(EditRefused, match=words):
            said([update(windows=[nights(1)])], **asked)

    def test_a_window_that_ends_before_it_starts(self, update, nights) -> None:
        with pytest.raises(EditRefused, match="ends before it starts"):
            said([update(windows=[nights(1)])], end=nights(1)[0])

    def test_times_of_which_nobody_says_of_which_night(self, update, nights) -> None:
        with pytest.raises(EditRefused, match="of which window"):
            said([update(windows=[nights(1), nights(2)])], start=nights(3)[0])

    def test_an_edit_without_a_reason(self, update, nights) -> None:
        with pytest.raises(EditRefused, match="the reason is missing"):
            said([update(windows=[nights(1)])], status=CANCELLED, reason=" ")

    def test_every_fault_is_named_at_once(self, update, nights) -> None:
        with pytest.raises(EditRefused) as refused:
            said([update(windows=[nights(1)])], reason="", window=5, withdraw_circuits=("C-7",))
        assert len(refused.value.problems) == 3
