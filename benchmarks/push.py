"""Pushing new events to a NetBox, beside the straightforward way: one look-up and one write for each object.

    python -m benchmarks.push [--count 1000] [--delay-ms 20] [--dialect 0.8]
    python -m benchmarks.push --url URL --token-file FILE [--provider SLUG] [--count 200]

One run measures both with the same events against the same server, so that the ratio says something on any machine.
Without ``--url`` the server is that of the tests, in a process of its own: it is quicker than a NetBox, so that each
request waits for ``--delay-ms`` there. With it, the token needs the right to make and delete providers and circuits:
what is made there is deleted at the end, and nothing else is touched. Half of the straightforward way comes before
ours and half after it, so that a server that grows slower as it fills favours nobody. Both are measured warm. At the
end NetBox must hold the same by both ways, or the run fails.

Ours is the delivery of the daemon, with all that it does for an event that is stored: it is taken from the outbox and
read from the database, and what NetBox holds of it is kept there. The straightforward way has the events at hand, and
keeps nothing. Each event has circuits of its own, so that nothing is known from another event.
"""

import argparse
import hashlib
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pynetbox
import requests

from domain.events import StatedCircuit, StatedWindow, Update, iso_utc
from domain.message import Arrival, Disposition, Envelope, Place, Reading
from domain.vocabulary import Impact, Kind, MaintenanceStatus
from ingestor import config, daemon, logs
from ingestor.delivery import Delivered, Delivery
from ingestor.pipeline import utc_now
from storage import database, events, messages, outbox
from sync.dialects import CIRCUIT_MODEL, Dialect, Link, detect, look_up
from sync.netbox import Netbox
from tests.pushing import DIALECTS
from tests.servers.netbox.server import serving

WARM_UP = 10
CIRCUITS_EACH = 3
IMPACTS = (Impact.OUTAGE, Impact.DEGRADED, Impact.REDUCED_REDUNDANCY)
SENDER = "noc@carrier.example"
# Whenever the benchmark runs, its mails are there and its work is to come: what is over is not pushed.
NIGHT = datetime.now(UTC).replace(hour=22, minute=0, second=0, microsecond=0) + timedelta(days=30)
CAME = NIGHT - timedelta(days=60)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--delay-ms", type=float, default=20, help="how long the server of the tests waits")
    parser.add_argument("--dialect", default="0.8", choices=[name for name in DIALECTS if name != "plain"])
    parser.add_argument("--url", help="a NetBox")
    parser.add_argument("--token-file", type=Path)
    parser.add_argument("--provider", metavar="SLUG", default="maintd-benchmark")
    options = parser.parse_args()
    logs.configure("json", "error", sys.stderr)
    if options.url:
        report(measure(options.url, options.token_file.read_text().strip(), options), options)
    else:
        with server(options.dialect, options.delay_ms / 1000) as (url, token):
            report(measure(url, token, options), options)


# --- one run ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Notice:
    """What a carrier says of one event, of which both ways make the same."""

    name: str
    number: int
    impacts: Mapping[str, Impact]
    received_at: datetime

    @property
    def start(self) -> datetime:
        return NIGHT + timedelta(hours=self.number)

    @property
    def end(self) -> datetime:
        return self.start + timedelta(hours=4)

    @property
    def summary(self) -> str:
        return f"Fibre work {self.number}"

    @property
    def subject(self) -> str:
        return f"{self.name}: planned work, {iso_utc(self.received_at)}"

    @property
    def text(self) -> str:
        return f"Dear customer,\n\nwe work on our fibres: {', '.join(self.impacts)}.\n" + "We regret the trouble. " * 40


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What something took: requests, seconds on the wall, and those of them in which this process was busy."""

    requests: int
    seconds: float
    busy: float

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            requests=self.requests + other.requests,
            seconds=self.seconds + other.seconds,
            busy=self.busy + other.busy,
        )


def measure(url: str, token: str, options: argparse.Namespace) -> dict[str, Cost]:
    """Return what new events took both ways, and what reminders and a look at what has not changed took ours."""
    run = f"bench-{os.getpid()}-{int(time.time())}"
    nb = pynetbox.api(url, token=token)
    with Netbox(url, token, timeout_seconds=60) as netbox:
        dialect = detect(netbox)
    with (
        tempfile.TemporaryDirectory() as directory,
        ground(nb, dialect, options.provider, run, WARM_UP + options.count) as circuits,
    ):
        ours, theirs = (notices(f"{run}-{way}", circuits) for way in ("ours", "theirs"))
        half = WARM_UP + options.count // 2
        with Ours(Path(directory), url, token, options.provider) as delivery:
            delivery.receive(ours[:WARM_UP])
            delivery.deliver(WARM_UP)
            straightforward(nb, dialect, options.provider, theirs[:WARM_UP])
            before = spent(lambda: straightforward(nb, dialect, options.provider, theirs[WARM_UP:half]))
            delivery.receive(ours[WARM_UP:])
            new = spent(lambda: delivery.deliver(options.count))
            after = spent(lambda: straightforward(nb, dialect, options.provider, theirs[half:]))
            check(nb, dialect, run, len(ours))
            delivery.receive(notices(f"{run}-ours", circuits, again=True)[WARM_UP:])
            reminders = spent(lambda: delivery.deliver(options.count))
            delivery.enqueue(ours[WARM_UP:])
            unchanged = spent(lambda: delivery.deliver(options.count))
    return {"straightforward": before + after, "new": new, "reminders": reminders, "unchanged": unchanged}


def report(costs: Mapping[str, Cost], options: argparse.Namespace) -> None:
    where = options.url or f"the server of the tests ({options.dialect}), {options.delay_ms:g} ms a request"
    print(f"{options.count} events with {CIRCUITS_EACH} circuits each, {where}, {os.cpu_count()} cores")
    print("| | requests | seconds | ms an event | of that CPU here | ratio in requests | in seconds |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    base = costs["straightforward"]
    names = {
        "straightforward": "new events, the straightforward way",
        "new": "new events, maintd",
        "reminders": "a reminder of each, maintd",
        "unchanged": "nothing has changed, maintd",
    }
    for key, name in names.items():
        cost = costs[key]
        ratios = f"{base.requests / cost.requests:.1f} | {base.seconds / cost.seconds:.1f}" if key == "new" else " | "
        per_event = 1000 / options.count
        print(
            f"| {name} | {cost.requests} | {cost.seconds:.1f} | {cost.seconds * per_event:.1f} "
            f"| {cost.busy * per_event:.1f} | {ratios} |"
        )


def spent(act: Callable[[], None]) -> Cost:
    """Return what an act took. Requests are counted where all of them pass, whoever sends them."""
    sent: list[str] = []
    send = requests.adapters.HTTPAdapter.send

    def counted(adapter: Any, request: requests.PreparedRequest, **more: Any) -> requests.Response:
        sent.append(f"{request.method} {request.path_url}")
        return send(adapter, request, **more)

    requests.adapters.HTTPAdapter.send = counted
    start, busy = time.perf_counter(), time.process_time()
    try:
        act()
    finally:
        requests.adapters.HTTPAdapter.send = send
    return Cost(requests=len(sent), seconds=time.perf_counter() - start, busy=time.process_time() - busy)


# --- the straightforward way ------------------------------------------------------------------------------------


def straightforward(nb: Any, dialect: Dialect, provider_slug: str, told: Sequence[Notice]) -> None:
    """Look up each object, and write it where it is not there. What fields a plugin has is known."""
    plugin = Plugin(nb, dialect)
    for notice in told:
        provider = nb.circuits.providers.get(slug=provider_slug)
        event = plugin.events.get(**look_up(notice.name, provider.id)) or plugin.events.create(
            name=notice.name,
            summary=notice.summary,
            status="CONFIRMED",
            provider=provider.id,
            start=iso_utc(notice.start),
            end=iso_utc(notice.end),
        )
        of_event = plugin.of_event(event.id)
        for cid, impact in notice.impacts.items():
            circuit = nb.circuits.circuits.get(cid=cid, provider_id=provider.id)
            if not plugin.impacts.get(**of_event, **plugin.of_circuit(circuit.id)):
                link = {**dialect.event_link(Kind.MAINTENANCE, event.id), **dialect.circuit_link(circuit.id)}
                plugin.impacts.create(**link, impact=impact.value)
        if not plugin.mails.get(**of_event, subject=notice.subject):
            plugin.mails.create(
                **dialect.event_link(Kind.MAINTENANCE, event.id),
                subject=notice.subject,
                email_from=SENDER,
                email_body=notice.text,
                **{plugin.received_field: iso_utc(notice.received_at)},
            )


class Plugin:
    """The lists of a plugin, as pynetbox has them, and the filters that they know."""

    def __init__(self, nb: Any, dialect: Dialect) -> None:
        if not (dialect.maintenances and dialect.impacts and dialect.notifications):
            sys.exit("this NetBox has no plugin for maintenances")
        plugin = getattr(nb.plugins, str(dialect.root).removeprefix("plugins/"))
        self.events = getattr(plugin, dialect.maintenances.path)
        self.impacts = getattr(plugin, dialect.impacts.path)
        self.mails = getattr(plugin, dialect.notifications.path)
        self.received_field = dialect.notifications.received_field
        self._dialect = dialect

    def of_event(self, event: Any) -> dict[str, Any]:
        return self._dialect.event_filter(Kind.MAINTENANCE, event)

    def ends_of(self, impact: Any) -> tuple[int, int]:
        """Return the ids of the event and of the circuit between which an impact stands."""
        if self._dialect.link is Link.FIELD:
            return impact.circuitmaintenance.id, impact.circuit.id
        return impact.event_object_id, impact.target_object_id

    def of_circuit(self, circuit: int) -> dict[str, Any]:
        if self._dialect.link is Link.FIELD:
            return {"circuit": circuit}
        return {"target_content_type": CIRCUIT_MODEL, "target_object_id": circuit}


# --- ours -------------------------------------------------------------------------------------------------------


class Ours:
    """The program from the database on: a store with its outbox, and the delivery."""

    def __init__(self, directory: Path, url: str, token: str, provider: str) -> None:
        address = f"sqlite:///{directory / 'maintd.db'}"
        path = directory / "config.toml"
        path.write_text(f"[database]\nurl = '{address}'\n[netbox]\nurl = '{url}'\ntoken = '{token}'\n")
        path.chmod(0o600)
        settings = config.load(path)
        database.upgrade(address)
        self.provider = provider
        self.store = database.open_store(address, outbox_clock=utc_now)
        self.delivery = Delivery(settings, self.store, daemon.providers(settings, self.store))

    def __enter__(self) -> "Ours":
        return self

    def __exit__(self, *_error: object) -> None:
        self.delivery.close()
        self.store.close()

    def receive(self, told: Sequence[Notice]) -> None:
        """Let mails come in and be read, as the pipeline does."""
        with self.store.writing() as connection:
            recorded = messages.record(connection, [arrival(notice) for notice in told], now=utc_now())
        for one, notice in zip(recorded, told, strict=True):
            reading = Reading(
                provider=self.provider,
                reader="benchmark",
                reader_version="1",
                updates=(update_of(notice, self.provider),),
                disposition=Disposition.APPLIED,
                text=notice.text,
            )
            with self.store.writing() as connection:
                assert messages.settle(connection, one.message, reading, now=utc_now())
                events.refold(connection, events.replace_updates(connection, one.message, reading.updates))

    def enqueue(self, told: Sequence[Notice]) -> None:
        """Let events be delivered of which nothing has changed."""
        names = [(update_of(notice, self.provider).key, 1) for notice in told]
        with self.store.writing() as connection:
            outbox.enqueue(connection, names, now=utc_now())

    def deliver(self, count: int) -> None:
        """Deliver what is due, which must be so many events."""
        found: list[Delivered] = []
        self.delivery.deliver(told=found.append)
        failed = [one for one in found if one.problem or one.outcome is None or one.outcome.unresolved]
        if failed or len(found) != count:
            sys.exit(f"{len(found)} events were delivered of {count}, and {len(failed)} failed: {failed[:1]}")


def arrival(notice: Notice) -> Arrival:
    raw = f"Subject: {notice.subject}\r\n\r\n{notice.text}".encode()
    digest = hashlib.sha256(raw).hexdigest()
    envelope = Envelope(
        message_id=f"<{digest}@carrier.example>",
        body_digest=digest,
        identity=digest,
        from_header=SENDER,
        sender=SENDER,
        sender_problem=None,
        subject=notice.subject,
        date=notice.received_at,
        received_at=notice.received_at,
    )
    place = Place(mailbox="benchmark", folder="INBOX")
    return Arrival(raw=raw, place=place, envelope=envelope, received_at=notice.received_at, size=len(raw))


def update_of(notice: Notice, provider: str) -> Update:
    stated = tuple(StatedCircuit(circuit_id=cid, impact=impact) for cid, impact in notice.impacts.items())
    return Update(
        kind=Kind.MAINTENANCE,
        provider=provider,
        event_id=notice.name,
        stamp=notice.received_at,
        stamp_inferred=False,
        source=f"<{notice.subject}@carrier.example>",
        body_digest=notice.subject,
        reader="benchmark",
        reader_version="1",
        status=MaintenanceStatus.CONFIRMED,
        windows=(StatedWindow(start=notice.start, end=notice.end, circuits=stated),),
        summary=notice.summary,
        organizer=SENDER,
        account="12345",
    )


# --- the ground -------------------------------------------------------------------------------------------------


def notices(prefix: str, circuits: Sequence[str], *, again: bool = False) -> list[Notice]:
    """Return a notice of each event, or a second one that says the same again."""
    came = CAME + timedelta(days=again)
    each = [circuits[begin : begin + CIRCUITS_EACH] for begin in range(0, len(circuits), CIRCUITS_EACH)]
    return [
        Notice(
            name=f"{prefix}-{number:05}",
            number=number,
            impacts=dict(zip(cids, IMPACTS, strict=True)),
            received_at=came + timedelta(seconds=number),
        )
        for number, cids in enumerate(each)
    ]


@contextmanager
def ground(nb: Any, dialect: Dialect, slug: str, run: str, count: int) -> Iterator[list[str]]:
    """Give the ids of circuits for so many events; afterwards they are gone again, and all that was made with them."""
    provider = nb.circuits.providers.get(slug=slug)
    made = [] if provider else [nb.circuits.providers.create(name=slug, slug=slug)]
    kind = nb.circuits.circuit_types.get(slug=slug)
    made += [] if kind else [nb.circuits.circuit_types.create(name=slug, slug=slug)]
    cids = [f"{run}-{number:06}" for number in range(count * CIRCUITS_EACH)]
    body = {"provider": (provider or made[0]).id, "type": (kind or made[-1]).id, "status": "active"}
    try:
        for some in pieces(cids, 100):
            nb.circuits.circuits.create([{**body, "cid": cid} for cid in some])
        yield cids
    finally:
        plugin = Plugin(nb, dialect)
        remove(plugin.mails, "subject", run)
        remove(plugin.events, "name", run)
        remove(nb.circuits.circuits, "cid", run)
        for each in made:
            each.delete()


def remove(endpoint: Any, field: str, run: str) -> None:
    """Delete what this run has made. A filter that is not known returns everything: each is looked at."""
    ours = [row for row in endpoint.filter(**{f"{field}__isw": run}) if getattr(row, field).startswith(run)]
    for some in pieces(ours, 100):
        endpoint.delete(some)


def check(nb: Any, dialect: Dialect, run: str, count: int) -> None:
    """See that NetBox holds the same of each event, and once, whichever way it came there."""
    plugin = Plugin(nb, dialect)
    ours, theirs = (held(plugin, f"{run}-{way}") for way in ("ours", "theirs"))
    if ours != theirs or (len(ours[0]), len(ours[1]), len(ours[2])) != (count, CIRCUITS_EACH * count, count):
        counts = [[len(rows) for rows in way] for way in (ours, theirs)]
        sys.exit(f"NetBox does not hold the same both ways: ours {counts[0]}, theirs {counts[1]}")


def held(plugin: Plugin, prefix: str) -> tuple[list[Any], list[Any], list[Any]]:
    """Return the events, impacts and mails of one way, in an order of their own."""
    rows = [row for row in plugin.events.filter(name__isw=prefix) if row.name.startswith(prefix)]
    names = {row.id: row.name.removeprefix(prefix) for row in rows}
    found = sorted((names[row.id], row.summary, str(row.status), row.start, row.end) for row in rows)
    # Of an event by another, some plugins hear only the last of several ids: all are read.
    every = ((plugin.ends_of(row), row.impact) for row in plugin.impacts.all())
    impacts = [(names[event], circuit, level) for (event, circuit), level in every if event in names]
    mails = [row for row in plugin.mails.filter(subject__isw=prefix) if row.subject.startswith(prefix)]
    return found, sorted(impacts), sorted((row.subject.removeprefix(prefix), row.email_body.strip()) for row in mails)


def pieces(every: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    return (every[begin : begin + size] for begin in range(0, len(every), size))


# --- the server of the tests ------------------------------------------------------------------------------------


@contextmanager
def server(dialect: str, seconds: float) -> Iterator[tuple[str, str]]:
    """Run the server in a process of its own, each request waiting so long; give its URL and a token."""
    receiver, sender = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=serve, args=(dialect, seconds, sender), daemon=True)
    process.start()
    try:
        yield receiver.recv()
    finally:
        process.terminate()
        process.join()


def serve(dialect: str, seconds: float, sender: Connection) -> None:
    with serving(DIALECTS[dialect], careful=False) as netbox:
        netbox.watch = lambda _request: time.sleep(seconds)
        sender.send((netbox.url, netbox.token))
        signal.pause()


if __name__ == "__main__":
    main()
