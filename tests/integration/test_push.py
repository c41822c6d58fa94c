"""Push over a network that breaks, to a server of each dialect: it ends as desired, and nothing is there twice."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from domain.errors import NetboxError, NetboxFailure
from sync.dialects import detect
from sync.netbox import Netbox
from tests.pushing import (
    DIALECTS,
    WITH_OUTAGES,
    World,
    history,
    holds_as_desired,
    maintenance,
    notices,
    outage,
    sends_no_more,
    window,
)
from tests.servers.netbox.server import serving

STORY = (
    maintenance(window(0, XC1="OUTAGE", XC2="DEGRADED"), history=history(0)),
    maintenance(window(24, XC1="OUTAGE", XC3="OUTAGE"), window(48, XC1="OUTAGE"), history=history(1)),
    maintenance(
        window(24, "COMPLETED", XC1="OUTAGE"), window(48, "CANCELLED", withdrawn=True, XC1="OUTAGE"), history=history(2)
    ),
    maintenance(
        window(24, "COMPLETED", XC1="DEGRADED", XC4="OUTAGE"), window(48, "CONFIRMED", XC2="OUTAGE"), history=history(3)
    ),
)
LOSS = (
    outage("REPORTED", history=history(0)),
    outage("INVESTIGATING", 4, 6, circuits=("XC-1", "XC-2", "XC-3"), history=history(1)),
    outage("RESOLVED", 4, 6, None, circuits=("XC-3",), history=history(2)),
    outage("INVESTIGATING", 4, 6, None, 8, circuits=("XC-1",), history=history(3)),
    outage("RESOLVED", 4, 6, None, 8, 9, circuits=("XC-1",), history=history(3)),
)


@contextmanager
def connected(dialect: str, **options: object) -> Iterator[World]:
    with serving(DIALECTS[dialect], **options) as server, Netbox(server.url, server.token, timeout_seconds=5) as netbox:
        yield World(server, netbox, detect(netbox))


def told_while_it_breaks(w: World, story, seed: int) -> None:
    """Push each state until it is held, as often as it takes, while four requests of ten break."""
    w.server.plan.by_chance(seed, 0.4)
    for number, event in enumerate(story, start=1):
        for _ in range(2):
            with suppress(NetboxError):
                w.push(event, notices(number), acknowledged=number % 2 == 0)
    w.server.plan.clear()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("dialect", [name for name in DIALECTS if name != "plain"])
def test_a_maintenance_ends_as_desired_whatever_broke(dialect: str, seed: int) -> None:
    with connected(dialect) as w:
        told_while_it_breaks(w, STORY, seed)
        desired = w.desired(STORY[-1], notices(4), acknowledged=True, internal_ticket="CHG-1")
        w.push(desired)
        holds_as_desired(w, desired)
        sends_no_more(w, desired)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("dialect", WITH_OUTAGES)
def test_an_outage_ends_as_desired_whatever_broke(dialect: str, seed: int) -> None:
    with connected(dialect) as w:
        told_while_it_breaks(w, LOSS, seed)
        desired = w.desired(LOSS[-1], notices(5))
        w.push(desired)
        holds_as_desired(w, desired)
        sends_no_more(w, desired)


@pytest.mark.parametrize("dialect", [name for name in DIALECTS if name != "plain"])
def test_a_new_event_with_fifty_circuits_takes_six_requests_at_most(dialect: str) -> None:
    with connected(dialect) as w:
        circuits = {f"WL-{number}": "OUTAGE" for number in range(50)}
        w.inventory.known = {cid: w.server.add_circuit(w.provider_id, cid) for cid in circuits}
        outcome = w.push(maintenance(window(status="COMPLETED", **circuits), history=history(1)), notices(1))

        assert outcome.requests == len(w.server.log) == 6
        assert w.impacts("PW-1") == circuits


def test_without_a_plugin_each_change_is_told_in_the_journals_of_its_circuits_once() -> None:
    with connected("plain") as w:
        told_while_it_breaks(w, STORY, 1)
        desired = w.desired(STORY[-1])
        w.push(desired)
        journal = w.server.journal_of("circuit", w.circuit_ids["XC-1"])

        assert [text.split("\n\n`maintd ")[0] for text in journal] == [one.text for one in desired.journal]
        sends_no_more(w, desired)


def test_outages_of_a_fork_that_was_never_migrated_are_told_once_and_ask_nothing() -> None:
    with connected("fork", migrated=False) as w:
        told = [w.push(LOSS[1]).cannot for _ in range(2)]

        assert [len(each) for each in told] == [1, 0]
        assert "never migrated" in told[0][0]
        assert w.asked() == []


def test_a_server_that_is_away_changes_nothing_of_what_is_known() -> None:
    with connected("0.8") as w:
        w.push(STORY[0])
        kept = w.kept
        with w.server.down(), pytest.raises(NetboxError) as caught:
            w.push(STORY[1])
        w.push(STORY[1])

        assert caught.value.kind is NetboxFailure.UNREACHABLE
        assert kept != w.kept
        holds_as_desired(w, w.desired(STORY[1]))
