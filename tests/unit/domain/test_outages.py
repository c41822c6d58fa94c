"""Outages: how updates and people's words amount to one, with its end, its circuits, and the history of its ETR."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.errors import EditRefused
from domain.events import Edit, Event, StatedCircuit, StatedEtr, StatedOutage, Update
from domain.fold import fold
from domain.lifecycle import phase_of
from domain.outage_edits import OutageAsked, opening_of, outage_edit_of
from domain.vocabulary import EtrMove, Impact, Kind, Move, OutageStatus, Phase

LOST = datetime(2027, 3, 1, 1, 0, tzinfo=UTC)
OUTAGE_FIELDS = ("status", "start", "end", "reported_at", "etr", "cause", "zone")

REPORTED, INVESTIGATING = OutageStatus.REPORTED, OutageStatus.INVESTIGATING
IDENTIFIED, MONITORING, RESOLVED = OutageStatus.IDENTIFIED, OutageStatus.MONITORING, OutageStatus.RESOLVED


def at(hours: float) -> datetime:
    return LOST + timedelta(hours=hours)


def says(hours: float, *circuits: str, **said: Any) -> Update:
    """Return what a mail says so many hours after the loss."""
    outage = {name: said.pop(name) for name in OUTAGE_FIELDS if name in said}
    if "etr" in outage and not isinstance(outage["etr"], StatedEtr):
        outage["etr"] = StatedEtr(at=outage["etr"], words=f"ETR of {hours}")
    return Update(
        kind=Kind.OUTAGE,
        provider="zayo",
        event_id="TTN-1",
        stamp=at(hours),
        stamp_inferred=False,
        source=f"<{hours}@zayo.example>",
        body_digest=str(hours),
        reader="test",
        reader_version="1",
        circuits=tuple(StatedCircuit(circuit_id=name) for name in circuits) or None,
        outage=StatedOutage(**outage),
        **said,
    )


def told(*updates: Update, edits: tuple[Edit, ...] = ()) -> Event:
    (event,) = fold(updates, edits)
    return event


def asked(event: Event, hours: float, *, reason: str = "", reopens: bool = False, **said: Any) -> Edit:
    return outage_edit_of(event, OutageAsked(**said), author="alice", reason=reason, now=at(hours), reopens=reopens)


def moves(event: Event) -> list[Move]:
    return [entry.move for entry in event.history]


def revised(event: Event) -> list[tuple[datetime | None, EtrMove, int | None]]:
    return [(one.etr, one.move, one.slip_seconds) for one in event.etr_revisions]


# --- status and ends --------------------------------------------------------------------------------------------


def test_an_outage_first_heard_of_without_a_status_is_reported() -> None:
    event = told(says(1, "C-1", start=LOST))

    assert (event.kind, event.status, event.start, event.end) == (Kind.OUTAGE, REPORTED, LOST, None)
    assert (event.reported_at, moves(event)) == (at(1), [Move.OPENED])


def test_an_outage_that_is_resolved_without_an_end_ends_with_the_first_mail_that_says_so() -> None:
    event = told(says(1, status=INVESTIGATING, start=LOST), says(4, status=RESOLVED), says(5, status=RESOLVED))

    assert (event.status, event.end, event.end_inferred) == (RESOLVED, at(4), True)
    assert moves(event) == [Move.OPENED, Move.CLOSED, Move.REPEATED]


def test_a_stated_end_counts_also_where_it_comes_days_later_with_the_reason() -> None:
    resolved = says(4, status=RESOLVED)
    event = told(
        says(1, status=INVESTIGATING, start=LOST), resolved, says(90, status=RESOLVED, end=at(3.5), cause="cut")
    )

    assert (event.end, event.end_inferred, event.cause) == (at(3.5), False, "cut")


def test_a_reason_days_later_that_states_no_end_moves_none() -> None:
    event = told(says(1, start=LOST), says(4, status=RESOLVED), says(90, status=RESOLVED, cause="cut"))

    assert (event.end, event.end_inferred, event.cause) == (at(4), True, "cut")


def test_a_reason_resolves_an_outage_of_whose_end_nobody_has_told() -> None:
    event = told(says(1, start=LOST, status=IDENTIFIED), says(90, status=RESOLVED, cause="cut", end=at(3)))

    assert (event.status, event.end) == (RESOLVED, at(3))


def test_an_end_told_while_it_was_watched_counts_when_it_is_resolved() -> None:
    event = told(says(1, start=LOST), says(3, status=MONITORING, end=at(2.5)), says(6, status=RESOLVED))

    assert (event.end, event.end_inferred) == (at(2.5), False)


def test_an_end_told_before_the_service_was_lost_again_does_not_count() -> None:
    event = told(
        says(1, start=LOST),
        says(3, status=MONITORING, end=at(2.5)),
        says(4, status=INVESTIGATING),
        says(6, status=RESOLVED),
    )

    assert (event.end, event.end_inferred) == (at(6), True)


def test_an_outage_that_is_open_again_has_no_end_and_its_first_one_stays_in_the_history() -> None:
    event = told(says(1, start=LOST), says(3, status=RESOLVED, end=at(2.5)), says(4, status=INVESTIGATING))

    assert (event.status, event.end, event.end_inferred) == (INVESTIGATING, None, False)
    assert event.history[-1].move is Move.REOPENED
    assert event.history[-1].changes["end"] == ("2027-03-01T03:30:00Z", None)


def test_the_end_after_a_reopening_is_not_the_one_before() -> None:
    event = told(
        says(1, start=LOST), says(3, status=RESOLVED, end=at(2.5)), says(4, status=IDENTIFIED), says(7, status=RESOLVED)
    )

    assert (event.end, event.end_inferred) == (at(7), True)


def test_an_end_before_the_start_is_not_stated() -> None:
    event = told(says(1, start=at(0.5)), says(3, status=RESOLVED, end=LOST))

    assert (event.end, event.end_inferred) == (at(3), True)


def test_an_older_mail_that_comes_late_reopens_nothing() -> None:
    late = says(2, status=IDENTIFIED)
    event = told(says(1, start=LOST), says(4, status=RESOLVED), late)

    assert (event.status, event.end) == (RESOLVED, at(4))


def test_an_outage_is_over_only_when_it_is_over_for_every_account_that_has_circuits() -> None:
    first = says(1, "C-1", account="A", start=LOST, status=IDENTIFIED), says(1.1, "C-2", account="B", status=IDENTIFIED)
    half = told(*first, says(4, "C-1", account="A", status=RESOLVED, end=at(3)))
    whole = told(*first, says(4, account="A", status=RESOLVED, end=at(3)), says(5, account="B", status=RESOLVED))

    assert (half.status, half.end, moves(half)[-1]) == (IDENTIFIED, None, Move.REPEATED)
    assert (whole.status, whole.end, whole.accounts) == (RESOLVED, at(5), ("A", "B"))


def test_an_outage_ends_when_it_is_over_for_the_last_account_stated_or_not() -> None:
    event = told(
        says(1, "C-1", account="A", start=LOST, status=INVESTIGATING),
        says(1.1, "C-2", account="B", status=INVESTIGATING),
        says(4, account="A", status=RESOLVED, end=at(3)),
        says(7, account="B", status=RESOLVED),
    )

    assert (event.end, event.end_inferred) == (at(7), True)


def test_circuits_join_and_a_full_list_replaces_but_no_resolution_withdraws_any() -> None:
    event = told(
        says(1, "C-1", "C-2"), says(2, "C-3"), says(3, "C-1", status=IDENTIFIED), says(4, "C-3", status=RESOLVED)
    )

    assert [(one.circuit_id, one.withdrawn) for one in event.circuits] == [
        ("C-1", False),
        ("C-2", True),
        ("C-3", False),
    ]
    assert {one.impact for one in event.circuits} == {Impact.OUTAGE}


def test_a_ticket_that_is_used_again_after_three_months_is_another_outage() -> None:
    first, second = fold([says(1, start=LOST), says(2, status=RESOLVED), says(2300, start=at(2299), status=REPORTED)])

    assert (first.status, first.generation, second.status, second.generation) == (RESOLVED, 1, REPORTED, 2)


def test_the_reason_that_comes_after_three_months_is_of_the_same_outage() -> None:
    event = told(says(1, start=LOST), says(2, status=RESOLVED), says(2300, status=RESOLVED, cause="cut"))

    assert event.cause == "cut"


def test_an_outage_nobody_speaks_of_for_a_week_is_stale() -> None:
    event = told(says(1, start=LOST))
    over = told(says(1, start=LOST), says(2, status=RESOLVED))

    assert [phase_of(event, at(hours)) for hours in (2, 168, 170)] == [Phase.ACTIVE, Phase.ACTIVE, Phase.STALE]
    assert phase_of(over, at(2)) is Phase.PAST


def test_a_status_is_material_and_a_cause_is_not() -> None:
    start = says(1, "C-1", start=LOST, status=INVESTIGATING, etr=at(8))
    digest = told(start).material_digest

    assert told(start, says(2, "C-1", status=INVESTIGATING, cause="cut", etr=at(8))).material_digest == digest
    assert told(start, says(2, status=IDENTIFIED)).material_digest != digest
    assert told(start, says(2, etr=at(9))).material_digest != digest
    assert told(start, says(2, "C-2")).material_digest != digest


# --- ETR --------------------------------------------------------------------------------------------------------


def test_each_change_of_the_etr_is_a_revision_with_its_slip_and_a_repetition_is_none() -> None:
    event = told(says(1, start=LOST, etr=at(6)), says(2, etr=at(6)), says(3, etr=at(8.5)), says(4), says(5, etr=at(7)))

    assert revised(event) == [
        (at(6), EtrMove.SET, None),
        (at(8.5), EtrMove.EXTENDED, 9000),
        (at(7), EtrMove.SHORTENED, -5400),
    ]
    assert (event.etr, [one.words for one in event.etr_revisions]) == (at(7), ["ETR of 1", "ETR of 3", "ETR of 5"])
    assert [one.previous for one in event.etr_revisions] == [None, at(6), at(8.5)]


def test_to_be_advised_withdraws_what_was_said_and_the_next_is_set_again() -> None:
    none = StatedEtr(at=None, words="TBA")
    event = told(says(1, etr=none), says(2, etr=at(6)), says(3, etr=none), says(4, etr=none), says(5, etr=at(9)))

    assert revised(event) == [
        (at(6), EtrMove.SET, None),
        (None, EtrMove.WITHDRAWN, None),
        (at(9), EtrMove.SET, None),
    ]


def test_an_etr_that_is_not_after_the_start_is_not_stated() -> None:
    assert told(says(1, start=LOST, etr=LOST)).etr_revisions == ()
    assert told(says(1, start=LOST), says(2, etr=at(-1))).etr is None


def test_an_etr_falls_with_a_start_that_turns_out_to_be_later() -> None:
    event = told(says(1, start=LOST, etr=at(2)), says(3, start=at(2.5)))

    assert (event.etr, revised(event)[-1]) == (None, (None, EtrMove.WITHDRAWN, None))


def test_an_etr_in_a_mail_that_says_it_is_over_is_ignored_and_the_last_one_stays() -> None:
    event = told(says(1, start=LOST, etr=at(6)), says(5, status=RESOLVED, etr=at(9)), says(7, etr=at(10)))

    assert (event.etr, len(event.etr_revisions)) == (at(6), 1)


def test_after_a_reopening_the_next_etr_compares_with_the_last() -> None:
    event = told(
        says(1, start=LOST, etr=at(6)), says(5, status=RESOLVED), says(7, status=INVESTIGATING), says(8, etr=at(12))
    )

    assert revised(event)[-1] == (at(12), EtrMove.EXTENDED, 6 * 3600)


# --- people -----------------------------------------------------------------------------------------------------


def opened(hours: float = 1, **said: Any) -> Edit:
    return opening_of("zayo", "local-1", OutageAsked(**said), author="alice", reason="", now=at(hours))


def test_an_outage_that_a_person_opens_is_one_without_any_mail() -> None:
    event = told(edits=(opened(circuits=(("C-1", Impact.DEGRADED),), etr=StatedEtr(at=at(5), words="+4h")),))

    assert (event.event_id, event.status, event.start, event.reported_at) == ("local-1", REPORTED, at(1), at(1))
    assert (event.etr, event.updates, event.unverified) == (at(5), 1, False)
    assert [(one.circuit_id, one.impact) for one in event.circuits] == [("C-1", Impact.DEGRADED)]
    assert (event.history[0].move, event.history[0].source) == (Move.OPENED, "person:alice")
    assert event.etr_revisions[0].source == "person:alice"


def test_what_a_person_says_holds_against_a_repetition_and_yields_to_what_is_new() -> None:
    mail = says(1, "C-1", start=LOST, status=IDENTIFIED, etr=at(6), cause="unknown")
    edit = asked(told(mail), 2, status=MONITORING, etr=StatedEtr(at=at(8), words="+6h"), cause="cut")
    same = says(3, "C-1", start=LOST, status=IDENTIFIED, etr=at(6), cause="unknown")
    held = told(mail, same, edits=(edit,))
    new = told(mail, same, says(4, status=INVESTIGATING, etr=at(7), cause="flood"), edits=(edit,))

    assert (held.status, held.etr, held.cause) == (MONITORING, at(8), "cut")
    assert (new.status, new.etr, new.cause) == (INVESTIGATING, at(7), "flood")


def test_what_the_carrier_says_later_fills_in_what_a_person_opened() -> None:
    edit = replace(opened(circuits=(("C-1", Impact.OUTAGE),)), id_key="ttn-1")
    event = told(says(2, "C-1", start=LOST, status=INVESTIGATING), edits=(edit,))

    assert (event.event_id, event.start, event.status) == ("TTN-1", LOST, INVESTIGATING)


def test_an_opening_corrects_nothing_that_an_older_mail_has_said() -> None:
    edit = replace(opened(3), id_key="ttn-1")
    event = told(says(2, start=LOST, status=IDENTIFIED), says(4, start=LOST), edits=(edit,))

    assert (event.start, event.status) == (LOST, IDENTIFIED)


@pytest.mark.parametrize(
    ("held", "said", "words"),
    [
        (MONITORING, {"status": REPORTED}, "REPORTED cannot follow MONITORING: allowed are INVESTIGATING, RESOLVED"),
        (IDENTIFIED, {"status": REPORTED}, "allowed are INVESTIGATING, MONITORING, RESOLVED"),
        (IDENTIFIED, {"status": RESOLVED}, "RESOLVED needs an end"),
        (IDENTIFIED, {"end": at(2)}, "an outage that is IDENTIFIED has none"),
        (IDENTIFIED, {"status": RESOLVED, "end": at(-1)}, "is before the start"),
        (IDENTIFIED, {"status": RESOLVED, "end": at(30)}, "is still ahead"),
        (IDENTIFIED, {"start": at(30)}, "is still ahead"),
        (IDENTIFIED, {"etr": StatedEtr(at=LOST, words="")}, "is not after the start"),
        (IDENTIFIED, {"cause": " "}, "cause: it is empty"),
        (IDENTIFIED, {"withdraw_circuits": ("C-9",)}, "it is not held, there are C-1"),
        (IDENTIFIED, {}, "nothing is asked"),
        (RESOLVED, {"status": INVESTIGATING}, "only `maintd outage reopen` leads out of it"),
        (RESOLVED, {"etr": StatedEtr(at=at(9), words="")}, "there is nothing left to wait for"),
    ],
)
def test_a_person_is_held_to_the_workflow(held: OutageStatus, said: dict[str, Any], words: str) -> None:
    event = told(says(1, "C-1", start=LOST, status=held))

    with pytest.raises(EditRefused, match=words):
        asked(event, 4, **said)


def test_a_resolved_outage_is_reopened_with_a_reason_alone() -> None:
    event = told(says(1, start=LOST), says(2, status=RESOLVED))

    with pytest.raises(EditRefused, match="the reason is missing"):
        asked(event, 4, reopens=True)
    again = told(says(1, start=LOST), says(2, status=RESOLVED), edits=(asked(event, 4, reopens=True, reason="flaps"),))

    assert (again.status, again.end, again.history[-1].move) == (INVESTIGATING, None, Move.REOPENED)
    assert again.history[-1].changes["reason"] == (None, "flaps")


@pytest.mark.parametrize(
    ("said", "status", "end"),
    [
        ({"status": RESOLVED, "end": at(5)}, RESOLVED, at(5)),
        ({"status": RESOLVED}, RESOLVED, at(6)),
        ({"status": RESOLVED, "end": at(2)}, INVESTIGATING, None),
    ],
)
def test_what_a_person_reopened_is_over_when_the_carrier_says_so_anew(
    said: dict[str, Any], status: OutageStatus, end: datetime | None
) -> None:
    mails = says(1, start=LOST), says(3, status=RESOLVED, end=at(2))
    edit = asked(told(*mails), 4, reopens=True, reason="down again")
    event = told(*mails, says(6, **said), edits=(edit,))

    assert (event.status, event.end) == (status, end)


def test_an_old_end_that_is_repeated_after_a_reopening_is_not_the_new_one() -> None:
    mails = says(1, start=LOST), says(3, status=RESOLVED, end=at(2))
    edit = asked(told(*mails), 4, reopens=True, reason="down again")
    event = told(*mails, says(5, status=RESOLVED, end=at(2)), says(8, status=RESOLVED), edits=(edit,))

    assert (event.end, event.end_inferred) == (at(8), True)


def test_a_carrier_that_agrees_with_a_person_speaks_for_itself_from_then_on() -> None:
    mail = says(1, start=LOST, etr=at(6))
    edit = asked(told(mail), 2, etr=StatedEtr(at=at(8), words="+6h"))
    event = told(mail, says(3, etr=at(8)), says(4, etr=at(6)), edits=(edit,))

    assert revised(event)[-1] == (at(6), EtrMove.SHORTENED, -7200)


def test_a_start_is_not_moved_behind_the_estimate() -> None:
    with pytest.raises(EditRefused, match="is not before the ETR"):
        asked(told(says(1, start=LOST, etr=at(2))), 4, start=at(3))


def test_an_outage_that_is_opened_after_the_end_of_the_one_it_is_adopted_into_is_open_again() -> None:
    edit = replace(opened(8, etr=StatedEtr(at=at(10), words="+2h")), id_key="ttn-1")
    event = told(says(1, start=LOST), says(3, status=RESOLVED), edits=(edit,))

    assert (event.status, event.start, event.etr) == (REPORTED, LOST, at(10))
    assert event.history[-1].move is Move.REOPENED


def test_an_opening_reports_nothing_that_a_mail_has_reported_before() -> None:
    event = told(says(2, start=LOST), edits=(replace(opened(3), id_key="ttn-1"),))

    assert event.reported_at == at(2)


def test_an_end_that_was_inferred_can_be_put_right() -> None:
    mails = says(1, start=LOST), says(4, status=RESOLVED)
    event = told(*mails, edits=(asked(told(*mails), 5, end=at(3)),))

    assert (event.end, event.end_inferred, event.history[-1].move) == (at(3), False, Move.CORRECTED)


def test_an_adopted_outage_is_found_under_its_first_id() -> None:
    local = opened()
    assert local.outage is not None
    adopted = replace(local, id_key="ttn-1", outage=replace(local.outage, opens="TTN-1", adopted_from="local-1"))
    event = told(says(2, start=LOST), edits=(adopted,))

    assert (event.event_id, event.references, event.updates) == ("TTN-1", ("local-1",), 2)
