"""Many new events are written together as they would be one by one, in few requests, whatever breaks meanwhile."""

import copy
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from domain.errors import NetboxError, NetboxFailure
from domain.vocabulary import Kind
from sync.mapping import Desired
from sync.push import push
from sync.state import State
from sync.together import push_together
from tests.pushing import (
    CIRCUITS,
    DIALECTS,
    Killed,
    history,
    holds_as_desired,
    maintenance,
    notice,
    notices,
    outage,
    window,
    world,
)
from tests.servers.netbox import faults

PLUGINS = [name for name in DIALECTS if name != "plain"]
LAWS = settings(max_examples=20, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))


class Many:
    """Several events on their way to one NetBox, and what is kept of each."""

    def __init__(self, w, events: Sequence, **more: object) -> None:
        self.w, self.more, self.saves, self.kill_at_save = w, more, [], 0
        self.desired = {one.identity: one for one in (w.desired(event, mails) for event, mails in events)}
        self.kept: dict[str, str] = {}

    def save(self, states: Mapping[str, State]) -> None:
        self.saves.append(set(states))
        self.kill_at_save -= 1
        if self.kill_at_save == 0:
            raise Killed
        self.kept |= {identity: json.dumps(state.as_json()) for identity, state in states.items()}

    def together(self):
        w = self.w
        w.server.forget()
        return push_together(w.netbox, w.dialect, w.inventory, list(self.desired.values()), save=self.save, **self.more)

    def alone(self, identity: str, **more: object):
        w, kept = self.w, self.kept.get(identity)
        return push(
            w.netbox,
            w.dialect,
            w.inventory,
            self.desired[identity],
            State.from_json(json.loads(kept) if kept else None),
            save=lambda state: self.save({identity: state}),
            **{"fresh": False, **self.more, **more},
        )

    def all_held_once(self) -> None:
        for identity, desired in self.desired.items():
            view = only(self.w, desired)
            if not self.w.dialect.events(desired.kind) or desired.provider not in self.w.inventory.providers:
                continue
            holds_as_desired(view, desired)
            fresh = self.alone(identity, fresh=True)
            assert (fresh.done, fresh.drift) == ((), ()), identity


def only(w, desired: Desired):
    """Return the same NetBox, as if it held nothing but the records of one event."""
    view, names = copy.copy(w), {record.name for record in desired.records}
    view.records = lambda kind=desired.kind: {
        name: row for name, row in w.records(kind).items() if name in names or name.split(" [")[0] in names
    }
    return view


def contents(w) -> dict:
    """Return all that NetBox holds, but for when it was told."""
    rows = {key: w.server.rows(key) for key in ("maintenance", "outage", "impact", "notice", "journal")}
    held = {
        key: [{name: value for name, value in row.items() if name not in ("created", "last_updated")} for row in each]
        for key, each in rows.items()
    }
    told = ("changed_object_type", "changed_object_id", "message")
    changes = [tuple(row[name] for name in told) for row in w.server.rows("change")]
    return {**held, "change": sorted(changes, key=lambda change: change[:2])}


# Of all kinds; none has to tell more than one estimate, or bears the name of another.
EVENTS = (
    (maintenance(event_id="PW-1"), notices(1)),
    (maintenance(window(0, XC1="OUTAGE"), window(24, XC2="DEGRADED"), event_id="PW-2", history=history(2)), notices(3)),
    (maintenance(window(status="COMPLETED", XC1="OUTAGE", XC5="OUTAGE"), event_id="PW-3"), notices(4)),
    (maintenance(window(status="CANCELLED"), event_id="PW-4"), ()),
    (maintenance(event_id="PW-5", provider="nobody-knows"), notices(1)),
    (outage("INVESTIGATING", event_id="TT-1", history=history(1)), notices(2)),
    (outage("RESOLVED", 4, event_id="TT-2", history=history(2)), notices(1)),
    (outage("MONITORING", 6, circuits=(), event_id="TT-3"), ()),
)


# --- the same, in fewer requests


@pytest.mark.parametrize("dialect", PLUGINS)
def test_together_netbox_holds_the_same_as_one_by_one_and_the_same_is_kept(dialect: str) -> None:
    ways = []
    for way in ("alone", "together"):
        with world(dialect) as w:
            many = Many(w, EVENTS)
            outcomes = many.together() if way == "together" else {each: many.alone(each) for each in many.desired}
            told = {
                each: (one.done, one.unresolved, one.cannot, one.provider_unknown, one.state.as_json())
                for each, one in outcomes.items()
            }
            ways.append((contents(w), many.kept, told))
            many.all_held_once()

    assert ways[0] == ways[1]


@pytest.mark.parametrize("dialect", PLUGINS)
def test_a_hundred_and_twenty_events_take_a_few_requests(dialect: str) -> None:
    with world(dialect) as w:
        events = [
            (maintenance(window(status="COMPLETED", XC1="OUTAGE"), event_id=f"PW-{number}"), notices(1))
            for number in range(120)
        ]
        many = Many(w, events)
        outcomes = many.together()
        asked = w.asked()

        assert [method for method, _ in asked] == ["GET"] * 2 + ["POST"] * 9 + ["PATCH"] * 3
        assert {one.requests for one in outcomes.values()} == {5}
        # Once before the first write, after each, and at the end.
        assert len(many.saves) == 1 + 12 + 1
        many.all_held_once()


def test_without_a_plugin_nothing_is_written_together() -> None:
    with world("plain") as w:
        many = Many(w, EVENTS)

        assert (many.together(), w.asked(), many.saves) == ({}, [], [])


def test_no_request_bears_more_mails_than_a_server_takes() -> None:
    with world() as w:
        text = "x" * 1_500_000
        many = Many(w, [(maintenance(event_id=f"PW-{n}"), [notice(1, text=text)]) for n in range(4)])
        many.together()

        assert [len(each.body) for each in w.server.requests("POST", "notifications")] == [1, 1, 1, 1]
        assert len(w.server.requests("POST", "circuitmaintenance/")) == 1


# --- what is left to be pushed by itself


def test_an_event_whose_name_is_there_is_left_alone_and_so_are_two_of_one_name() -> None:
    with world() as w:
        w.server.make(
            "maintenance",
            name="PW-1 [2]",
            summary="x",
            status="CONFIRMED",
            provider=w.provider_id,
            start=window().start,
            end=window().end,
        )
        w.inventory.providers["same"] = w.provider_id
        twice = [(maintenance(event_id="PW-3", provider=name), ()) for name in ("example-net", "same")]
        events = [(maintenance(window(0), window(24), event_id="PW-1"), ()), (maintenance(event_id="PW-2"), ())]
        many = Many(w, events + twice)

        assert list(many.together()) == ["maintenance:example-net:pw-2:1"]
        assert set(many.kept) == {"maintenance:example-net:pw-2:1"}


def test_an_outage_with_several_estimates_is_left_alone() -> None:
    with world("notices") as w:
        many = Many(w, [(outage("INVESTIGATING", 4, 6), ()), (outage("INVESTIGATING", 4, event_id="TT-2"), ())])

        assert [many.desired[each].records[0].name for each in many.together()] == ["TT-2"]


@pytest.mark.parametrize("dialect", PLUGINS)
@pytest.mark.parametrize("what", ["circuitmaintenance/", "impact", "notif"])
def test_what_is_refused_keeps_no_other_event_from_being_there(dialect: str, what: str) -> None:
    with world(dialect) as w:
        what = "maintenance/" if dialect == "notices" and what == "circuitmaintenance/" else what
        events = [(maintenance(event_id=f"PW-{number}"), [notice(number)]) for number in range(50)]
        bad = {"circuitmaintenance/": b'"PW-7"', "maintenance/": b'"PW-7"', "notif": b"Notice 7"}.get(what)
        if bad is None:
            events[7] = (maintenance(window(XC4="OUTAGE"), event_id="PW-7"), [notice(7)])
            link = "target_object_id" if dialect == "notices" else "circuit"
            bad = f'"{link}": {w.circuit_ids["XC-4"]}'.encode()
        w.server.plan.when(faults.refused({"name": ["no"]}), method="POST", path=what, body=bad, times=-1)
        many = Many(w, events)
        outcomes = many.together()

        assert set(many.desired) - set(outcomes) == {"maintenance:example-net:pw-7:1"}
        # Halves of halves: one is found among fifty.
        assert len(w.server.log) < 25
        w.server.plan.clear()
        many.alone("maintenance:example-net:pw-7:1")
        many.all_held_once()


def test_what_broke_is_left_to_be_looked_at_and_the_rest_goes_on() -> None:
    with world() as w:
        events = [(maintenance(event_id=f"PW-{number}"), notices(1)) for number in range(60)]
        w.server.plan.when(faults.broken(applied=True), method="POST", path="circuitmaintenance/", times=1)
        many = Many(w, events)
        done = many.together()
        left = [each for each in many.desired if each not in done]

        assert (len(done), len(left)) == (10, 50)
        for each in left:
            assert json.loads(many.kept[each])["dirty"]
            many.alone(each)
        many.all_held_once()


@pytest.mark.parametrize("fault", [faults.throttled(600), faults.cut(applied=True), faults.gateway(504)])
@pytest.mark.parametrize("at", [1, 2, 3, 4])
def test_when_netbox_is_away_nothing_more_is_asked(fault, at: int) -> None:
    with world() as w:
        many = Many(w, EVENTS)
        w.server.plan.at(at, fault)
        with pytest.raises(NetboxError) as caught:
            many.together()

        assert caught.value.kind in (NetboxFailure.UNREACHABLE, NetboxFailure.THROTTLED)
        assert len(w.server.log) == at
        for each in many.desired:
            many.alone(each)
        many.all_held_once()


# --- whatever breaks

statuses = st.sampled_from(("TENTATIVE", "CONFIRMED", "COMPLETED", "CANCELLED"))
hit = st.dictionaries(st.sampled_from(CIRCUITS), st.sampled_from(("DEGRADED", "OUTAGE")), max_size=3)
stories = st.tuples(st.sampled_from(Kind), statuses, hit, st.integers(0, 4), st.integers(0, 3))
scripts = st.lists(st.one_of(st.none(), st.sampled_from(faults.USUAL)), max_size=8)
kills = st.one_of(st.none(), st.tuples(st.sampled_from(("request", "applied", "save")), st.integers(1, 9)))


def event_of(number: int, kind: Kind, status: str, circuits: Mapping[str, str], mails: int, changes: int):
    if kind is Kind.MAINTENANCE:
        stated = [window(24 * each, status, **circuits) for each in range(1 + changes % 2)]
        return maintenance(*stated, event_id=f"PW-{number}", history=history(changes)), notices(mails)
    status = "RESOLVED" if status == "COMPLETED" else "INVESTIGATING"
    etrs = (4, 6, 8)[:changes]
    return outage(status, *etrs, circuits=circuits, event_id=f"TT-{number}", history=history(changes)), notices(mails)


@pytest.mark.parametrize("dialect", PLUGINS)
def test_whatever_breaks_all_end_as_desired(dialect: str) -> None:
    @LAWS
    @given(st.lists(stories, min_size=2, max_size=6), scripts, kills, st.booleans())
    def law(every: Sequence, script: Sequence, kill: tuple | None, proven: bool) -> None:
        with world(dialect) as w:
            more = {"custom_field": "maintd_id"} if proven else {}
            w.server.add_custom_field("maintd_id", unique=True)
            many = Many(w, [event_of(number, *each) for number, each in enumerate(every)], **more)
            w.server.plan.script(script)
            w.wire.kill_at, w.wire.applied = (kill[1], kill[0] == "applied") if kill and kill[0] != "save" else (0, 0)
            many.kill_at_save = kill[1] if kill and kill[0] == "save" else 0
            done: Mapping = {}
            try:
                done = many.together()
                for each in many.desired.keys() - done.keys():
                    with suppress(NetboxError):
                        many.alone(each)
            except (NetboxError, Killed) as error:
                note(f"broken off: {error!r}")
            w.server.plan.clear()
            w.wire.kill_at = many.kill_at_save = 0
            for each in many.desired:
                many.alone(each)
            many.all_held_once()

    law()
