"""Law 1 of the events: any permutation and any repetition of the same updates gives the same events and history."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.events import StatedCircuit, StatedWindow, Update, circuit_key_of
from domain.fold import fold, order_of
from domain.lifecycle import CLOSED
from domain.vocabulary import Impact, Kind, MaintenanceStatus

NIGHT = datetime(2026, 12, 1, 22, 0, tzinfo=UTC)

circuit = st.builds(
    StatedCircuit,
    circuit_id=st.sampled_from(["C-1", "c-1", "C-2", "C-3", "C  4"]),
    impact=st.none() | st.sampled_from(Impact),
)
window = st.builds(
    lambda day, hours, circuits, uid, status: StatedWindow(
        start=NIGHT + timedelta(days=day),
        end=NIGHT + timedelta(days=day, hours=hours),
        status=status,
        circuits=circuits,
        ical_uid=uid,
    ),
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
)
updates = st.lists(update, min_size=1, max_size=7)


@given(updates=updates, data=st.data())
@settings(max_examples=150, deadline=None)
def test_any_order_and_any_repetition_give_the_same_events(updates, data) -> None:
    shuffled = data.draw(st.permutations(updates))
    repeated = shuffled + data.draw(st.lists(st.sampled_from(updates), max_size=4))

    assert fold(repeated) == fold(updates)


@given(updates=updates)
@settings(max_examples=150, deadline=None)
def test_every_event_is_consistent_with_itself(updates) -> None:
    events = fold(updates)

    assert [event.generation for event in events] == list(range(1, len(events) + 1))
    assert sum(event.updates for event in events) == len(set(updates))
    for event in events:
        live = [window for window in event.windows if not window.withdrawn]
        assert event.start == min((window.start for window in live), default=None)
        assert event.end == max((window.end for window in live), default=None)
        assert len({(window.start, window.end) for window in event.windows}) == len(event.windows)
        assert len({circuit.circuit_id.casefold() for circuit in event.circuits}) == len(event.circuits)
        assert len(event.history) == event.updates
        if event.status in CLOSED:
            assert all(window.status in CLOSED for window in live)


@given(updates=updates)
@settings(max_examples=100, deadline=None)
def test_no_circuit_ever_disappears(updates) -> None:
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
@settings(max_examples=100, deadline=None)
def test_the_windows_and_the_event_agree_on_which_circuits_are_live(updates) -> None:
    for event in fold(updates):
        live = [window for window in event.windows if not window.withdrawn]
        of_windows = {circuit_key_of(one.circuit_id) for w in live for one in w.circuits if not one.withdrawn}
        of_event = {circuit_key_of(one.circuit_id) for one in event.circuits if not one.withdrawn}
        assert of_windows <= of_event
        if live and len(event.accounts) < 2:
            assert of_windows == of_event


@given(updates=updates)
@settings(max_examples=100, deadline=None)
def test_what_comes_later_in_the_order_rewrites_no_history(updates) -> None:
    ordered = sorted(set(updates), key=lambda one: (order_of(one), repr(one)))

    def told(count: int) -> list[object]:
        return [replace(entry, superseded=False) for event in fold(ordered[:count]) for entry in event.history]

    for count in range(1, len(ordered)):
        assert told(count) == told(len(ordered))[:count]


@given(updates=updates)
@settings(max_examples=100, deadline=None)
def test_one_account_named_or_not_named_is_the_same(updates) -> None:
    named = fold([replace(one, account="A") for one in updates])
    unnamed = fold([replace(one, account=None) for one in updates])

    def without_account(event) -> object:
        return replace(event, accounts=(), history=())

    if len(set(updates)) == len({order_of(one)[:5] for one in updates}):
        assert [*map(without_account, named)] == [*map(without_account, unnamed)]
