"""Whatever is desired one after the other, and whatever breaks meanwhile, NetBox ends as desired, nothing twice."""

import json
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from domain.errors import NetboxError
from sync.state import State
from tests.pushing import (
    CIRCUITS,
    DIALECTS,
    WITH_OUTAGES,
    Killed,
    history,
    holds_as_desired,
    maintenance,
    notices,
    outage,
    sends_no_more,
    window,
    world,
)
from tests.servers.netbox.faults import USUAL

STATUSES = ("TENTATIVE", "CONFIRMED", "IN-PROCESS", "COMPLETED", "CANCELLED")
LEVELS = ("NO-IMPACT", "DEGRADED", "OUTAGE")
LAWS = settings(max_examples=10, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))

circuits = st.dictionaries(st.sampled_from(CIRCUITS), st.sampled_from(LEVELS), max_size=4)
windows = st.builds(
    lambda hours, status, withdrawn, circuits: window(hours, status, withdrawn=withdrawn, **circuits),
    st.sampled_from((0, 2, 24, 48, 72)),
    st.sampled_from(STATUSES),
    st.booleans(),
    circuits,
)
faults = st.lists(st.one_of(st.none(), st.none(), st.sampled_from(USUAL)), max_size=8)
kills = st.one_of(st.none(), st.tuples(st.sampled_from(("request", "applied", "save")), st.integers(1, 8)))
acknowledged = st.booleans()
tickets = st.sampled_from(("", "CHG-1", "CHG-2"))


@st.composite
def maintenances(draw: st.DrawFn) -> object:
    stated = draw(st.lists(windows, min_size=1, max_size=3, unique_by=lambda each: each.start))
    summary = draw(st.sampled_from(("Fibre work", "Fibre work, again", "")))
    zone = draw(st.sampled_from(("Europe/Berlin", "W. Europe Standard Time", "Factory", None)))
    ordered = sorted(stated, key=lambda each: each.start)
    return lambda step: maintenance(*ordered, history=history(step), summary=summary, original_timezone=zone)


@st.composite
def outages(draw: st.DrawFn) -> object:
    status = draw(st.sampled_from(("REPORTED", "INVESTIGATING", "MONITORING", "RESOLVED")))
    hit = draw(circuits)
    return lambda step: outage(status, *ETRS[: step + 1], circuits=hit, history=history(step))


# Set, moved, withdrawn, set to what it was before.
ETRS = (4, 6, None, 6, 8, 4)


def steps(events: st.SearchStrategy) -> st.SearchStrategy:
    return st.lists(st.tuples(events, acknowledged, tickets, faults, kills), min_size=1, max_size=5)


def broken_off(w, event, mails, people, script, kill, **more) -> None:
    """Push while things break; what was kept last is all that is left of it."""
    w.server.plan.clear()
    w.server.plan.script(script)
    w.wire.kill_at = w.kill_at_save = 0
    if kill and kill[0] == "save":
        w.kill_at_save = kill[1]
    elif kill:
        w.wire.kill_at, w.wire.applied = kill[1], kill[0] == "applied"
    try:
        w.push(event, mails, **people, **more)
    except (NetboxError, Killed) as error:
        note(f"broken off: {error!r}")
    finally:
        w.server.plan.clear()
        w.wire.kill_at = w.kill_at_save = 0


def lived_through(w, steps: Sequence, **more):
    """Push one desired state after the other while things break, and the last one once all is well."""
    for number, (make, acknowledged, ticket, script, kill) in enumerate(steps):
        event, mails = make(number), notices(number + 1)
        people = {"acknowledged": acknowledged, "internal_ticket": ticket}
        broken_off(w, event, mails, people, script, kill, **more)
    desired = w.desired(event, mails, **people)
    w.push(desired, **more)
    return desired


@pytest.mark.parametrize("dialect", [name for name in DIALECTS if name != "plain"])
def test_maintenances_end_as_desired(dialect: str) -> None:
    @LAWS
    @given(steps(maintenances()))
    def law(steps: Sequence) -> None:
        with world(dialect) as w:
            desired = lived_through(w, steps)
            holds_as_desired(w, desired)
            sends_no_more(w, desired)

    law()


@pytest.mark.parametrize("dialect", WITH_OUTAGES)
def test_outages_end_as_desired(dialect: str) -> None:
    @LAWS
    @given(steps(outages()))
    def law(steps: Sequence) -> None:
        with world(dialect) as w:
            desired = lived_through(w, steps)
            holds_as_desired(w, desired)
            sends_no_more(w, desired)

    law()


@pytest.mark.parametrize("events", [maintenances(), outages()])
def test_the_journals_of_circuits_end_as_desired(events: st.SearchStrategy) -> None:
    @LAWS
    @given(steps(events))
    def law(steps: Sequence) -> None:
        with world("plain") as w:
            desired = lived_through(w, steps)
            for cid, number in w.circuit_ids.items():
                there = w.server.journal_of("circuit", number)
                for one in desired.journal:
                    told = sum(one.text in text for text in there)
                    # What was written stays, also where the circuit is no longer one of the event.
                    assert told == 1 if cid in one.circuits else told <= 1
            sends_no_more(w, desired)

    law()


@LAWS
@given(steps(maintenances()))
def test_with_a_unique_custom_field_all_ends_as_desired_too(steps: Sequence) -> None:
    with world("0.8") as w:
        w.server.add_custom_field("maintd_id", unique=True)
        desired = lived_through(w, steps, custom_field="maintd_id")
        holds_as_desired(w, desired)
        sends_no_more(w, desired, custom_field="maintd_id")


@LAWS
@given(
    maintenances(), st.lists(st.tuples(st.sampled_from(("event", "impact", "notice", "journal")), st.integers(0, 9)))
)
def test_what_people_delete_is_there_again_after_a_fresh_look(make: object, deleted: Sequence) -> None:
    with world("notices") as w:
        event, mails = make(2), notices(2)
        w.push(event, mails)
        for what, which in deleted:
            rows = w.server.rows(what)
            if rows:
                w.server.remove(what, rows[which % len(rows)]["id"])
        desired = w.desired(event, mails)
        w.push(desired, fresh=True)
        # Deleted with their record, mails stay behind, of nothing.
        holds_as_desired(w, desired)
        sends_no_more(w, desired)


@settings(deadline=None)
@given(st.integers(0, 4))
def test_a_state_is_the_same_after_it_was_kept(step: int) -> None:
    with world("notices") as w:
        event = outage("INVESTIGATING", *ETRS[:step], history=history(step))
        state = w.push(event, notices(step), acknowledged=True).state

    assert State.from_json(json.loads(json.dumps(state.as_json()))) == state
    assert (state.records[1].number, len(state.revisions), len(state.notifications)) == (1, step, step)
