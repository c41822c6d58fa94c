"""The pool of worker processes: what a mail can do to it, and what it cannot."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from domain.errors import CpuTimeExceeded, WallTimeExceeded, WorkerCrashed
from domain.message import Decision, Disposition, Reason, Terms
from domain.vocabulary import Kind
from parsers.mime import read_envelope
from parsers.providers import Directory, Provider, Template, directory
from parsers.reading import read_message
from parsers.workers import Limits, WorkerPool

ROOT = Path(__file__).parents[2]
OWN = sorted((ROOT / "tests" / "mail").glob("*/*.eml"))
RECEIVED = datetime(2027, 1, 1, tzinfo=UTC)
UNKNOWN = b"From: noc@new.example\n\nhello"

# The library's expression for this form takes time that grows with the cube of the length.
ENDLESS = (
    b"From: g31654@att.com\nDate: Fri, 1 Jan 2027 00:00:00 +0000\nContent-Type: text/html\n\n<p>"
    + b"Start Time: GMT " * 3000
)
HUGE = (
    b"From: noc@bso.co\nDate: Fri, 1 Jan 2027 00:00:00 +0000\nContent-Type: text/html\n\n<table>"
    + b"<tr><td>x" * 49_000
)


@pytest.fixture(scope="module")
def shared() -> Iterator[WorkerPool]:
    pool = WorkerPool(1, Limits(), directory())
    yield pool
    pool.stop()


@contextmanager
def a_pool(count: int = 1, known: Directory | None = None, limits: Limits | None = None) -> Iterator[WorkerPool]:
    pool = WorkerPool(count, limits or Limits(), known or directory())
    try:
        yield pool
    finally:
        pool.stop()


def workers() -> list[int]:
    return [child.pid for child in multiprocessing.active_children() if child.name == "pebble_pool_worker"]


def until(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(0.01)


def busy(processes: set[int]) -> bool:
    """Say whether a worker has begun to read: it has used far more CPU time than its start takes."""
    ticks = 3 * os.sysconf("SC_CLK_TCK")
    times = [Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11] for process in processes]
    return any(int(used) > ticks for used in times)


def test_messages_are_read_as_they_are_without_a_pool(shared):
    raws = [path.read_bytes() for path in OWN]
    futures = [shared.submit(raw, RECEIVED) for raw in raws]

    assert [future.result() for future in futures] == [
        read_message(raw, received_at=RECEIVED, directory=directory()) for raw in raws
    ]


def test_a_provider_can_be_forced(shared):
    raw = (ROOT / "tests/mail/bcop/unknown_carrier.eml").read_bytes()
    received_at = read_envelope(raw).date

    forced = Terms(decision=Decision(provider="ntt"))

    assert shared.submit(raw, received_at).result().provider == "harbourfibre.example"
    assert shared.submit(raw, received_at, forced).result().provider == "ntt"


def test_another_directory_is_used_from_the_next_message_on(shared):
    shared.use(directory([Provider(name="new", senders=("@new.example",))]))
    try:
        assert shared.submit(UNKNOWN, RECEIVED).result().provider == "new"
    finally:
        shared.use(directory())
    assert shared.submit(UNKNOWN, RECEIVED).result().provider is None


def test_what_a_message_raises_is_a_crash_with_its_words(shared):
    with pytest.raises(WorkerCrashed, match="a worker raised TypeError"):
        shared.submit(OWN[0].read_bytes(), datetime(2027, 1, 1)).result()  # noqa: DTZ001


def test_an_interrupt_from_the_terminal_does_not_reach_a_worker(shared):
    shared.submit(UNKNOWN, RECEIVED).result()
    before = workers()
    for worker in before:
        os.kill(worker, signal.SIGINT)

    assert shared.submit(UNKNOWN, RECEIVED).result().reason is Reason.UNKNOWN_PROVIDER
    assert workers() == before


def test_no_worker_starts_before_the_first_message_and_none_is_left_when_idle():
    others = workers()
    with a_pool(2) as pool:
        assert workers() == others
        pool.submit(UNKNOWN, RECEIVED).result()
        assert set(workers()) > set(others)
        assert not pool.stop_if_idle(3600)
        assert pool.stop_if_idle(0)
        assert workers() == others
        assert not pool.stop_if_idle(0)
        assert pool.submit(UNKNOWN, RECEIVED).result().reason is Reason.UNKNOWN_PROVIDER
    assert workers() == others


def test_one_worker_is_there_before_a_message_and_stays_when_idle():
    others = set(workers())
    with a_pool(2) as pool:
        pool.start_one()
        pool.start_one()
        until(lambda: len(set(workers()) - others) == 1)
        [first] = set(workers()) - others
        for future in [pool.submit(UNKNOWN, RECEIVED) for _ in range(4)]:
            future.result()
        assert len(set(workers()) - others) == 2
        assert pool.stop_if_idle(0, keep=1)
        assert not pool.stop_if_idle(0, keep=1)
        assert set(workers()) - others == {first}
        pool.submit(UNKNOWN, RECEIVED).result()
        assert set(workers()) - others == {first}
    assert set(workers()) == others


def test_a_worker_that_was_killed_while_it_waited_is_replaced_before_the_next_message():
    others = set(workers())
    with a_pool() as pool:
        pool.start_one()
        until(lambda: set(workers()) > others)
        [first] = set(workers()) - others
        os.kill(first, signal.SIGKILL)

        def started_again() -> bool:
            # Its pool takes a moment to find out.
            pool.start_one()
            return len(set(workers()) - others - {first}) == 1

        until(started_again)
        assert pool.submit(UNKNOWN, RECEIVED).result().reason is Reason.UNKNOWN_PROVIDER


def test_a_message_that_uses_up_its_cpu_time_harms_no_other():
    good = [path.read_bytes() for path in OWN] * 2
    with a_pool(2, limits=Limits(cpu_seconds=1, wall_seconds=60)) as pool:
        futures = [pool.submit(raw, RECEIVED) for raw in good[:20]]
        poison = [pool.submit(ENDLESS, RECEIVED) for _ in range(2)]
        futures += [pool.submit(raw, RECEIVED) for raw in good[20:]]

        for future in poison:
            with pytest.raises(CpuTimeExceeded, match="more than 1 seconds of CPU time"):
                future.result()
        dispositions = [future.result().disposition for future in futures]
    assert Disposition.APPLIED in dispositions
    assert len(dispositions) == len(good)


def test_a_pattern_of_the_configuration_that_runs_away_is_stopped_and_named_and_the_worker_goes_on():
    runaway = Template(name="acme-tt", kind=Kind.OUTAGE, body=(r"^(?P<ticket>(a+)+)$",))
    known = directory([Provider(name="acme", senders=("@acme.example",), templates=(runaway,))])
    mail = b"From: noc@acme.example\nDate: Fri, 1 Jan 2027 00:00:00 +0000\n\n" + b"a" * 60 + b"!\n"
    others = set(workers())
    with a_pool(known=known) as pool:
        futures = [pool.submit(raw, RECEIVED, hurried=True) for raw in (UNKNOWN, mail, UNKNOWN)]
        first = futures[0].result()
        before = set(workers()) - others

        stopped = futures[1].result()

        assert futures[2].result() == first
        assert set(workers()) - others == before
    assert (stopped.provider, stopped.reason) == ("acme", Reason.PARSER_TIMEOUT)
    assert stopped.detail.startswith(
        'provider acme: template acme-tt: the pattern body 1 "^(?P<ticket>(a+)+)$" was stopped'
    )


def test_a_message_that_takes_too_long_replaces_the_worker():
    with a_pool(limits=Limits(cpu_seconds=60, wall_seconds=1)) as pool:
        futures = [pool.submit(raw, RECEIVED) for raw in (ENDLESS, UNKNOWN)]

        with pytest.raises(WallTimeExceeded, match="more than 1 seconds"):
            futures[0].result()
        assert futures[1].result().reason is Reason.UNKNOWN_PROVIDER


def test_a_message_that_takes_too_much_memory_harms_no_other():
    with a_pool(limits=Limits(cpu_seconds=60, wall_seconds=60, memory_mib=200)) as pool:
        futures = [pool.submit(raw, RECEIVED) for raw in (HUGE, UNKNOWN)]

        with pytest.raises(WorkerCrashed, match="ran out of its 200 MiB of memory"):
            futures[0].result()
        assert futures[1].result().reason is Reason.UNKNOWN_PROVIDER


def test_a_killed_worker_costs_the_message_inside_it_alone():
    others = set(workers())
    with a_pool(limits=Limits(cpu_seconds=60, wall_seconds=60)) as pool:
        futures = [pool.submit(raw, RECEIVED) for raw in (ENDLESS, UNKNOWN)]
        until(lambda: busy(set(workers()) - others))
        for worker in set(workers()) - others:
            os.kill(worker, signal.SIGKILL)

        with pytest.raises(WorkerCrashed, match="ended by SIGKILL"):
            futures[0].result()
        assert futures[1].result().reason is Reason.UNKNOWN_PROVIDER


def test_a_worker_that_dies_idle_costs_no_message():
    others = set(workers())
    with a_pool() as pool:
        pool.submit(UNKNOWN, RECEIVED).result()
        for worker in set(workers()) - others:
            os.kill(worker, signal.SIGKILL)

        assert pool.submit(UNKNOWN, RECEIVED).result().reason is Reason.UNKNOWN_PROVIDER


def test_a_worker_that_is_told_to_stop_from_outside_costs_no_message():
    others = set(workers())
    raws = [path.read_bytes() for path in OWN]
    with a_pool() as pool:
        futures = [pool.submit(raw, RECEIVED) for raw in raws]
        futures[0].result()
        for worker in set(workers()) - others:
            os.kill(worker, signal.SIGTERM)

        assert all(future.result().disposition for future in futures)


def test_workers_are_replaced_after_so_many_messages():
    others = set(workers())
    seen = set()
    with a_pool(limits=Limits(messages=2)) as pool:
        for _ in range(3):
            for future in [pool.submit(UNKNOWN, RECEIVED) for _ in range(2)]:
                assert future.result().reason is Reason.UNKNOWN_PROVIDER
            seen |= set(workers()) - others
    assert len(seen) > 1


def test_stopping_cancels_what_waits_and_tells_what_was_being_read():
    with a_pool(limits=Limits(cpu_seconds=60, wall_seconds=60)) as pool:
        futures = [pool.submit(raw, RECEIVED) for raw in (ENDLESS, UNKNOWN, UNKNOWN, UNKNOWN)]
        pool.stop()

        with pytest.raises(WallTimeExceeded, match="stopped"):
            futures[0].result()
        with pytest.raises(CancelledError):
            futures[3].result()


def test_what_waits_can_be_cancelled():
    with a_pool(limits=Limits(cpu_seconds=60, wall_seconds=60)) as pool:
        futures = [pool.submit(raw, RECEIVED) for raw in (UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN)]

        assert futures[3].cancel()
        assert [future.result().reason for future in futures[:3]] == [Reason.UNKNOWN_PROVIDER] * 3


def run(script: str, **environment: str) -> dict[str, object]:
    """Run a script in a process of its own and return what it prints as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        check=True,
    )
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_the_process_that_submits_never_loads_the_library():
    found = run(
        """
import json, sys
from datetime import UTC, datetime
from parsers.mime import read_envelope
from parsers.providers import directory
from parsers.workers import Limits, WorkerPool

if __name__ == "__main__":
    pool = WorkerPool(1, Limits(), directory())
    raw = open("tests/mail/zayo/three_nights.eml", "rb").read()
    reading = pool.submit(raw, read_envelope(raw).date).result()
    pool.stop()
    heavy = ("circuit_maintenance_parser", "lxml", "bs4", "pandas", "numpy", "icalendar", "parsers.maintenance")
    print(json.dumps({"loaded": [name for name in heavy if name in sys.modules], "updates": len(reading.updates)}))
"""
    )

    assert found == {"loaded": [], "updates": 1}


def test_a_worker_has_no_network_no_child_no_file_and_no_strange_environment(tmp_path):
    found = run(
        f"""
import json, os, resource, socket, subprocess, sys, time
from parsers.workers import Limits, _prepare

def refused(action):
    try:
        action()
    except OSError as error:
        return type(error).__name__
    return None

def write():
    with open({str(tmp_path / "file")!r}, "w") as file:
        file.write("x" * 10_000)

_prepare(Limits(memory_mib=1000))
print(json.dumps({{
    "connect": refused(lambda: socket.create_connection(("127.0.0.1", 9))),
    "resolve": refused(lambda: socket.getaddrinfo("localhost", 80)),
    "child": refused(lambda: subprocess.run(["true"])),
    "fork": refused(os.fork),
    "shell": refused(lambda: os.system("true")),
    "write": refused(write),
    "remove": refused(lambda: os.remove({str(tmp_path / "file")!r})),
    "switches": [name for name in os.environ if name.startswith("PARSER_")],
    "zone": time.tzname[0],
    "memory": resource.getrlimit(resource.RLIMIT_AS),
    "core": resource.getrlimit(resource.RLIMIT_CORE),
    "pandas": "pandas" in sys.modules,
}}))
""",
        PARSER_OPENAI_API_KEY="key",
        TZ="Asia/Tokyo",
    )

    refused = dict.fromkeys(("connect", "resolve", "child", "fork", "shell", "remove"), "PermissionError")
    assert found == refused | {
        "write": "OSError",
        "switches": [],
        "zone": "UTC",
        "memory": [1000 * 1024 * 1024] * 2,
        "core": [0, 0],
        "pandas": False,
    }
