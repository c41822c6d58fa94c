"""Law 1 of the events: any permutation and any repetition of the same updates gives the same events and history."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from domain.events import (
    CircuitCorrection,
    Edit,
    StatedCircuit,
    StatedWindow,
    Update,
    Window,
    WindowCorrection,
    circuit_key_of,
)
from domain.fold import fold
from domain.lifecycle import CLOSED
from domain.telling import order_of
from domain.vocabulary import Impact, Kind, MaintenanceStatus

NIGHT = datetime(2026, 12, 1, 22, 0, tzinfo=UTC)

circuit = st.builds(
    StatedCircuit,
    circuit_id=st.sampled_from(["C-1", "c-1", "C-2", "C-3", "C  4"]),
    impact=st.none() | st.sampled_from(Impact),
)
window = st.builds(
    lambda day, hours, circuits, uid, number, status: StatedWindow(
        start=NIGHT + timedelta(days=day),
        end=NIGHT + timedelta(days=day, hours=hours),
        status=status,
        circuits=circuits,
        ical_uid=uid,
        number=number,
    ),
    number=st.none() | st.none() | st.integers(1, 3),
    day=st.integers(0, 5) | st.integers(100, 400),
    hours=st.integers(1, 30),
    circuits=st.none() | st.lists(circuit, max_size=4).map(tuple),
    uid=st.none() | st.sampled_from(["u1", "u2"]),
    status=st.none() | st.none() | st.sampled_from(MaintenanceStatus),
)
update = st.builds(
    lambda minutes, digest, **facts: Update(
        kind=Kind.MAINTENANCE,
        provider="zayo",
        event_id="TTN-1",
        stamp=NIGHT + timedelta(minutes=minutes),
        stamp_inferred=False,
        source=f"<{digest}@zayo.example>",
        body_digest=str(digest),
        reader="test",
        reader_version="1",
        **facts,
    ),
    minutes=st.sampled_from([-9000, -3000, -60, 0, 30, 600, 1500, 1500, 9000, 200_000, 400_000]),
    digest=st.integers(0, 6),
    status=st.none() | st.sampled_from(MaintenanceStatus),
    windows=st.none() | st.lists(window, max_size=3).map(tuple),
    circuits=st.none() | st.lists(circuit, max_size=3).map(tuple),
    account=st.none() | st.sampled_from(["A", "a ", "B"]),
    ical_uid=st.none() | st.sampled_from(["u1", "u2"]),
    sequence=st.none() | st.integers(0, 3),
    summary=st.none() | st.sampled_from(["one", "two"]),
    replaces=st.none() | st.none() | st.sampled_from(["TTN-0"]),
    replaced_by=st.none() | st.none() | st.none() | st.sampled_from(["TTN-2", "TTN-3"]),
    references=st.lists(st.sampled_from(["R-1", "R-2"]), max_size=2).map(tuple),
)
updates = st.lists(update, min_size=1, max_size=7)
span = st.builds(
    lambda day, hours: (NIGHT + timedelta(days=day), NIGHT + timedelta(days=day, hours=hours)),
    day=st.integers(0, 5),
    hours=st.integers(1, 30),
)
status = st.sampled_from(MaintenanceStatus)
edit = st.builds(
    lambda minutes, **facts: Edit(
        kind=Kind.MAINTENANCE,
        provider="zayo",
        id_key="ttn-1",
        stamp=NIGHT + timedelta(minutes=minutes),
        reason="said so",
        **facts,
    ),
    minutes=st.sampled_from([-9001, -2999, 0, 29, 1500, 199_999, 400_001]),
    generation=st.integers(1, 3),
    author=st.sampled_from(["alice", "bob"]),
    status=st.none() | st.tuples(status, status),
    windows=st.lists(
        st.builds(WindowCorrection, was=st.none() | span, now=st.none() | span, status=st.none() | status), max_size=2
    ).map(tuple),
    held=st.lists(span, max_size=3).map(tuple),
    circuits=st.lists(
        st.builds(
            CircuitCorrection,
            circuit_id=st.sampled_from(["C-1", "C-2", "c-9"]),
            was=st.none() | st.sampled_from(Impact),
            now=st.none() | st.sampled_from(Impact),
        ),
        max_size=2,
    ).map(tuple),
    summary=st.none() | st.tuples(st.just("one"), st.sampled_from(["two", "three"])),
    seen_start=st.none() | st.sampled_from([NIGHT, NIGHT + timedelta(days=200)]),
)
edits = st.lists(edit, max_size=3)


@given(updates=updates, edits=edits, data=st.data())
@settings(max_examples=60, deadline=None)
def test_any_order_and_any_repetition_give_the_same_events(updates, edits, data) -> None:
    shuffled = data.draw(st.permutations(updates))
    repeated = shuffled + data.draw(st.lists(st.sampled_from(updates), max_size=4))

    assert fold(repeated, data.draw(st.permutations(edits))) == fold(updates, edits)


@given(updates=updates, edits=edits)
@settings(max_examples=60, deadline=None)
def test_every_event_is_consistent_with_itself(updates, edits) -> None:
    events = fold(updates, edits)

    if all(update.replaced_by for update in updates):
        assert events == ()
        return
    assert [event.generation for event in events] == list(range(1, len(events) + 1))
    first = min(update.stamp for update in updates)
    heard = [edit for edit in set(edits) if edit.stamp >= first]
    assert sum(event.updates for event in events) == len(set(updates)) + len(heard)
    for event in events:
        live = [window for window in event.windows if not window.withdrawn]
        assert event.start == min((window.start for window in live), default=None)
        assert event.end == max((window.end for window in live), default=None)
        assert len({(window.start, window.end) for window in event.windows}) == len(event.windows)
        assert len({circuit.circuit_id.casefold() for circuit in event.circuits}) == len(event.circuits)
        assert len(event.history) == event.updates
        if event.status in CLOSED:
            # A night in reserve that nobody needed stays as it was.
            assert all(window.status in CLOSED or is_in_reserve(window) for window in live)


def is_in_reserve(window: Window) -> bool:
    return window.status is MaintenanceStatus.TENTATIVE and all(circuit.withdrawn for circuit in window.circuits)


@given(updates=updates)
@settings(max_examples=60, deadline=None)
def test_no_circuit_ever_disappears(updates) -> None:
    assume(not all(one.replaced_by for one in updates))
    events = fold(updates)

    stated = {
        " ".join(circuit.circuit_id.split()).casefold()
        for one in updates
        for circuit in (
            *(one.circuits or ()),
            *(circuit for window in one.windows or () for circuit in window.circuits or ()),
        )
    }
    shown = {circuit.circuit_id.casefold() for event in events for circuit in event.circuits}
    assert shown == stated


@given(updates=updates)
@settings(max_examples=60, deadline=None)
def test_the_windows_and_the_event_agree_on_which_circuits_are_live(updates) -> None:
    for event in fold(updates):
        live = [window for window in event.windows if not window.withdrawn]
        of_windows = {circuit_key_of(one.circuit_id) for w in live for one in w.circuits if not one.withdrawn}
        of_event = {circuit_key_of(one.circuit_id) for one in event.circuits if not one.withdrawn}
        assert of_windows <= of_event
        if live and len(event.accounts) < 2:
            assert of_windows == of_event


@given(updates=updates)
@settings(max_examples=60, deadline=None)
def test_what_comes_later_in_the_order_rewrites_no_history(updates) -> None:
    ordered = sorted(set(updates), key=lambda one: (order_of(one), repr(one)))

    def told(count: int) -> list[object]:
        return [replace(entry, superseded=False) for event in fold(ordered[:count]) for entry in event.history]

    for count in range(1, len(ordered)):
        if not all(one.replaced_by for one in ordered[:count]):
            assert told(count) == told(len(ordered))[:count]


@given(updates=updates)
@settings(max_examples=60, deadline=None)
def test_one_account_named_or_not_named_is_the_same(updates) -> None:
    named = fold([replace(one, account="A") for one in updates])
    unnamed = fold([replace(one, account=None) for one in updates])

    def without_account(event) -> object:
        return replace(event, accounts=(), history=())

    if len(set(updates)) == len({order_of(one)[:5] for one in updates}):
        assert [*map(without_account, named)] == [*map(without_account, unnamed)]
