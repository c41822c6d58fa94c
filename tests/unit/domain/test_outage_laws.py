"""Laws of outages: any order gives the same, nothing impossible is ever held, and the ETR history adds up."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import EditRefused
from domain.events import (
    CircuitCorrection,
    Edit,
    Event,
    OutageCorrection,
    StatedCircuit,
    StatedEtr,
    StatedOutage,
    Update,
)
from domain.fold import fold
from domain.lifecycle import OUTAGE_MOVES, PEOPLE_MAY, RESOLVED, outage_move_of
from domain.outage_edits import OutageAsked, outage_edit_of
from domain.vocabulary import EtrMove, Impact, Kind, Move, OutageStatus

LOST = datetime(2027, 3, 1, 1, 0, tzinfo=UTC)
ORDER = list(OutageStatus)

instant = st.integers(-4, 40).map(lambda quarters: LOST + timedelta(minutes=15 * quarters)) | st.sampled_from(
    [LOST + timedelta(days=200), LOST + timedelta(days=400)]
)
etr = st.builds(StatedEtr, at=st.none() | instant, words=st.sampled_from(["by six", "TBA"]))
status = st.sampled_from(OutageStatus)
outage = st.builds(
    StatedOutage,
    status=st.none() | status,
    start=st.none() | instant,
    end=st.none() | st.none() | instant,
    reported_at=st.none() | instant,
    etr=st.none() | etr,
    cause=st.none() | st.sampled_from(["cut", "flood"]),
    zone=st.none() | st.sampled_from(["CET", "UTC"]),
)
update = st.builds(
    lambda minutes, digest, **facts: Update(
        kind=Kind.OUTAGE,
        provider="zayo",
        event_id="TTN-1",
        stamp=LOST + timedelta(minutes=minutes),
        stamp_inferred=False,
        source=f"<{digest}@zayo.example>",
        body_digest=str(digest),
        reader="test",
        reader_version="1",
        **facts,
    ),
    minutes=st.sampled_from([-60, 0, 30, 30, 90, 240, 600, 9000, 290_000, 600_000]),
    digest=st.integers(0, 6),
    outage=outage,
    account=st.none() | st.none() | st.sampled_from(["A", "a ", "B"]),
    summary=st.none() | st.sampled_from(["one", "two"]),
    circuits=st.none()
    | st.lists(
        st.builds(
            StatedCircuit,
            circuit_id=st.sampled_from(["C-1", "c-1", "C-2", "C-3"]),
            impact=st.none() | st.sampled_from(Impact),
        ),
        max_size=3,
    ).map(tuple),
)
updates = st.lists(update, min_size=1, max_size=7)
pair = st.tuples(st.none() | instant, instant)
edit = st.builds(
    lambda minutes, **facts: Edit(
        kind=Kind.OUTAGE,
        provider="zayo",
        id_key="ttn-1",
        stamp=LOST + timedelta(minutes=minutes),
        reason="said so",
        **facts,
    ),
    minutes=st.sampled_from([-61, 1, 31, 239, 9001, 289_000]),
    generation=st.integers(1, 2),
    author=st.sampled_from(["alice", "bob"]),
    circuits=st.lists(
        st.builds(
            CircuitCorrection,
            circuit_id=st.sampled_from(["C-1", "C-2", "c-9"]),
            was=st.none() | st.sampled_from(Impact),
            now=st.none() | st.sampled_from(Impact),
        ),
        max_size=2,
    ).map(tuple),
    seen_start=st.none() | st.sampled_from([LOST, LOST + timedelta(days=200)]),
    outage=st.builds(
        OutageCorrection,
        opens=st.none() | st.just("TTN-1"),
        status=st.none() | st.tuples(st.none() | status, status),
        start=st.none() | pair,
        end=st.none() | pair,
        etr=st.none() | st.tuples(st.none() | instant, etr),
        cause=st.none() | st.tuples(st.none(), st.sampled_from(["cut", "flood"])),
    ),
)
edits = st.lists(edit, max_size=3)


@given(updates=updates, edits=edits, data=st.data())
@settings(max_examples=50, deadline=None)
def test_any_order_and_any_repetition_give_the_same_outages(updates, edits, data) -> None:
    shuffled = data.draw(st.permutations(updates))
    repeated = shuffled + data.draw(st.lists(st.sampled_from(updates), max_size=4))

    assert fold(repeated, data.draw(st.permutations(edits))) == fold(updates, edits)


@given(updates=st.lists(update, max_size=7), edits=edits)
@settings(max_examples=50, deadline=None)
def test_nothing_impossible_is_ever_held(updates, edits) -> None:
    for event in fold(updates, edits):
        assert (event.end is not None) is (event.status is RESOLVED)
        assert event.end is None or event.start is None or event.end >= event.start
        assert not event.end_inferred or event.end is not None
        assert event.etr is None or event.start is None or event.etr > event.start
        assert event.history[0].move in (Move.OPENED, Move.LATE)
        assert event.updates == len(event.history)


@given(updates=updates, edits=edits)
@settings(max_examples=50, deadline=None)
def test_the_history_of_an_etr_adds_up(updates, edits) -> None:
    for event in fold(updates, edits):
        held = None
        for one in event.etr_revisions:
            assert one.previous == held
            assert one.etr != held
            assert one.slip_seconds == (None if not (held and one.etr) else int((one.etr - held).total_seconds()))
            assert one.move is etr_move(held, one.etr)
            held = one.etr
        assert event.etr == held
        assert total_slip(event) == slip_of_sets(event)
        stamps = [one.stamp for one in event.etr_revisions]
        assert stamps == sorted(stamps)


def etr_move(held: datetime | None, now: datetime | None) -> EtrMove:
    if now is None:
        return EtrMove.WITHDRAWN
    if held is None:
        return EtrMove.SET
    return EtrMove.EXTENDED if now > held else EtrMove.SHORTENED


def total_slip(event: Event) -> float:
    return sum(one.slip_seconds or 0 for one in event.etr_revisions)


def slip_of_sets(event: Event) -> float:
    """Return how far the ETR went from each time that it was set to where it was before it was withdrawn, if it was."""
    slip, first, held = 0.0, None, None
    for one in event.etr_revisions:
        if one.move is EtrMove.SET:
            first = one.etr
        if one.move is EtrMove.WITHDRAWN and first and held:
            slip, first = slip + (held - first).total_seconds(), None
        held = one.etr
    return slip + ((held - first).total_seconds() if held and first else 0)


@given(updates=updates, edits=edits)
@settings(max_examples=50, deadline=None)
def test_the_status_goes_as_the_moves_of_the_history_say(updates, edits) -> None:
    for event in fold(updates, edits):
        held = None
        for entry in event.history:
            old, new = entry.changes.get("status", (held, held))
            assert old == held
            if entry.move is Move.REOPENED:
                assert held == "RESOLVED" != new
            if entry.move in (Move.CLOSED, Move.LATE):
                assert new == "RESOLVED" != held
            held = new
        assert held == event.status


@given(updates=updates, status=status, end=st.none() | instant, reopens=st.booleans())
@settings(max_examples=50, deadline=None)
def test_a_person_moves_an_outage_only_as_the_table_allows(updates, status, end, reopens) -> None:
    event = fold(updates)[-1]
    try:
        asked = OutageAsked(status=status, end=end)
        now = max(event.stamp, LOST) + timedelta(days=500)
        edit = outage_edit_of(event, asked, author="alice", reason="so", now=now, reopens=reopens)
    except EditRefused:
        return
    after = fold(updates, [edit])[-1]

    allowed = {*PEOPLE_MAY[OutageStatus(event.status)], event.status}
    assert after.status in (allowed if not reopens else {*OutageStatus} - {RESOLVED})
    assert reopens is (event.status is RESOLVED and after.status is not RESOLVED)


# --- the table --------------------------------------------------------------------------------------------------


def test_the_table_has_a_move_for_every_status_held_and_stated() -> None:
    assert set(OUTAGE_MOVES) == {(held, stated) for held in (None, *OutageStatus) for stated in OutageStatus}


@given(held=st.none() | status, stated=status)
def test_the_table_says_how_the_order_of_the_statuses_is_followed(held, stated) -> None:
    move = outage_move_of(held, stated)

    if held is None:
        assert move is (Move.LATE if stated is RESOLVED else Move.OPENED)
    elif held is stated:
        assert move is Move.REPEATED
    elif RESOLVED in (held, stated):
        assert move is (Move.CLOSED if stated is RESOLVED else Move.REOPENED)
    else:
        assert move is (Move.ADVANCED if ORDER.index(stated) > ORDER.index(held) else Move.REVERTED)


@given(held=status)
def test_a_person_may_skip_forward_and_fall_back_to_the_search_alone(held) -> None:
    back = [stated for stated in PEOPLE_MAY[held] if ORDER.index(stated) < ORDER.index(held)]

    assert set(back) <= {OutageStatus.INVESTIGATING}
    assert held is RESOLVED or RESOLVED in PEOPLE_MAY[held]
    assert held not in PEOPLE_MAY[held]
