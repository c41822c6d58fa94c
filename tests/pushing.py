"""Events to push, a NetBox to push them to without a network, and what it holds of them afterwards.

The connection is the real one, down to its requests; only the socket is missing, so that thousands of pushes are cheap.
"""

import functools
import hashlib
import io
import json
from collections import Counter
from collections.abc import Collection, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from domain.events import CircuitImpact, EtrRevision, Event, HistoryEntry, Window, iso_utc
from domain.vocabulary import EtrMove, Impact, Kind, MaintenanceStatus, Move, OutageStatus
from sync import bodies
from sync.dialects import Dialect, detect
from sync.mapping import Desired, Notice, People, desired
from sync.netbox import Netbox
from sync.push import push
from sync.state import State
from tests.servers.netbox import server, tables
from tests.servers.netbox.access import Token
from tests.servers.netbox.wire import Request

NIGHT = datetime(2027, 3, 1, 22, 0, tzinfo=UTC)
PROVIDER = "example-net"
CIRCUITS = tuple(f"XC-{number}" for number in range(1, 6))
DIALECTS = {
    "0.6": tables.CM_0_6,
    "0.7": tables.CM_0_7,
    "0.8": tables.CM_0_8,
    "fork": tables.FORK,
    "notices": tables.NOTICES_1_1_2,
    "plain": tables.PLAIN,
}
WITH_OUTAGES = ("fork", "notices")


class Killed(BaseException):
    """The end of the process."""


def at(hours: float) -> datetime:
    return NIGHT + timedelta(hours=hours)


# --- events


def window(hours: float = 0, status: str = "CONFIRMED", *, withdrawn: bool = False, **circuits: str) -> Window:
    """Return a window of four hours; circuits are named without their dash."""
    return Window(
        start=at(hours),
        end=at(hours + 4),
        status=MaintenanceStatus(status),
        withdrawn=withdrawn,
        circuits=impacts(circuits),
    )


def impacts(circuits: Mapping[str, str] | Collection[str]) -> tuple[CircuitImpact, ...]:
    stated = circuits if isinstance(circuits, Mapping) else dict.fromkeys(circuits, "OUTAGE")
    return tuple(
        CircuitImpact(circuit_id=name.replace("XC", "XC-").replace("--", "-"), impact=Impact(impact))
        for name, impact in sorted(stated.items())
    )


def maintenance(*windows: Window, event_id: str = "PW-1", **facts: object) -> Event:
    """Return a maintenance; what a test does not name is what most have."""
    stated = windows or (window(XC1="OUTAGE", XC2="DEGRADED"),)
    worst = {one.circuit_id: one for each in stated for one in each.circuits}
    values = {
        "kind": Kind.MAINTENANCE,
        "provider": PROVIDER,
        "event_id": event_id,
        "generation": 1,
        "status": stated[-1].status,
        "start": min(each.start for each in stated),
        "end": max(each.end for each in stated),
        "windows": stated,
        "circuits": tuple(worst.values()),
        "accounts": (),
        "summary": "Fibre work",
        "organizer": "noc@example-net.example",
        "stamp": at(-100),
        "stamp_inferred": False,
        "unverified": True,
        "updates": 1,
        "material_digest": material(stated),
        "original_timezone": "Europe/Berlin",
        "history": history(0),
    }
    return Event(**{**values, **facts})


def material(windows: Collection[Window]) -> str:
    said = [(each.start, each.end, each.circuits, each.status is MaintenanceStatus.CANCELLED) for each in windows]
    return hashlib.sha256(repr(said).encode()).hexdigest()


def outage(status: str = "INVESTIGATING", *etrs: float | None, circuits: object = ("XC-1", "XC-2"), **facts) -> Event:
    """Return an outage whose ETR was stated so many hours after its beginning, one after the other."""
    ended = status == "RESOLVED"
    revisions = etr_revisions(*etrs)
    values = {
        "kind": Kind.OUTAGE,
        "provider": PROVIDER,
        "event_id": "TT-1",
        "generation": 1,
        "status": OutageStatus(status),
        "start": NIGHT,
        "end": at(9) if ended else None,
        "windows": (),
        "circuits": impacts(circuits),
        "accounts": (),
        "summary": "Loss of light",
        "organizer": "",
        "stamp": at(1),
        "stamp_inferred": False,
        "unverified": True,
        "updates": 1,
        "material_digest": f"{status} {etrs} {circuits}",
        "reported_at": at(1),
        "etr": revisions[-1].etr if revisions else None,
        "etr_revisions": revisions,
        "history": history(0),
    }
    return Event(**{**values, **facts})


def etr_revisions(*etrs: float | None) -> tuple[EtrRevision, ...]:
    found, previous = [], None
    for number, hours in enumerate(etrs, start=1):
        etr = None if hours is None else at(hours)
        slip = int((etr - previous).total_seconds()) if etr and previous else None
        move = EtrMove.WITHDRAWN if etr is None else EtrMove.SET if previous is None else EtrMove.EXTENDED
        found.append(
            EtrRevision(
                stamp=at(1 + number / 10),
                etr=etr,
                previous=previous,
                move=move,
                slip_seconds=slip,
                source=f"<{number}@example-net.example>",
                words=f"ETR {hours}",
            )
        )
        previous = etr
    return tuple(found)


def history(changes: int) -> tuple[HistoryEntry, ...]:
    """Return a history: the first word, and so many material changes."""
    return tuple(
        HistoryEntry(
            stamp=at(-100 + number),
            move=Move.ADVANCED if number else Move.OPENED,
            source=f"<{number}@example-net.example>",
            superseded=False,
            changes={"start": (iso_utc(at(number - 1)), iso_utc(at(number)))},
        )
        for number in range(changes + 1)
    )


def notices(count: int) -> tuple[Notice, ...]:
    """Return so many mails; the third and the fourth differ in nothing that NetBox keeps."""
    return tuple(notice(number) for number in range(1, count + 1))


def notice(number: int, **facts: object) -> Notice:
    same = 3 if number == 4 else number
    values = {
        "key": f"mail-{number}",
        "subject": f"Notice {same}",
        "sender": "noc@example-net.example",
        "text": f"The text of {same}.\r\nSecond line.\n",
        "received_at": at(-100 + same),
    }
    return Notice(**{**values, **facts})


# --- a NetBox


class InProcess(BaseAdapter):
    """Carry requests to a server of this process. ``kill_at``: at which request from now on the process is killed.

    ``applied``: the server has done by then what it was asked.
    """

    def __init__(self, target: server.Netbox) -> None:
        super().__init__()
        self.target, self.kill_at, self.applied = target, 0, False

    def send(self, request, **options):
        asked = _asked(request)
        self.kill_at -= 1
        if self.kill_at == 0 and not self.applied:
            raise Killed
        answer, kept = self.target.meet(asked)
        if self.kill_at == 0:
            raise Killed
        if answer is None or kept is not None:
            raise requests.ConnectionError("the connection was lost", request=request)
        return _response(request, answer, self.target.headers())

    def close(self):
        """Nothing is open."""


def _asked(request):
    parts, body = urlsplit(request.url), request.body or b""
    return Request(
        method=request.method,
        path=parts.path,
        query=parse_qs(parts.query, keep_blank_values=True),
        headers={name.lower(): value for name, value in request.headers.items()},
        raw=body.encode() if isinstance(body, str) else body,
        host=f"{parts.scheme}://{parts.netloc}",
        line=len(f"{request.method} {request.path_url} HTTP/1.1"),
    )


def _response(request, answer, headers):
    response = requests.Response()
    response.status_code, response.request, response.url = answer.status, request, request.url
    kind = "application/json" if answer.html is None else "text/html; charset=utf-8"
    response.headers = CaseInsensitiveDict({**headers, "Content-Type": kind, **answer.headers})
    response.raw = io.BytesIO(answer.content())
    return response


class Known:
    """An inventory that knows a provider and its circuits by their exact ids, and asks nobody."""

    def __init__(self, providers: Mapping[str, int], circuits: Mapping[str, int]) -> None:
        self.providers, self.known = dict(providers), dict(circuits)

    def provider(self, name):
        return self.providers.get(name)

    def circuits(self, provider_id, circuit_ids):
        return {circuit: self.known.get(circuit) for circuit in circuit_ids}


class World:
    """A NetBox with a provider and its circuits, and what is kept of one event in between."""

    def __init__(
        self, target: server.Netbox, netbox: Netbox, dialect: Dialect, *, wire: InProcess | None = None
    ) -> None:
        self.server, self.netbox, self.dialect, self.wire = target, netbox, dialect, wire
        self.provider_id = target.add_provider("Example Net", PROVIDER)
        self.circuit_ids = {cid: target.add_circuit(self.provider_id, cid) for cid in CIRCUITS[:-1]}
        self.inventory = Known({PROVIDER: self.provider_id}, self.circuit_ids)
        self.kept: str = json.dumps(State().as_json())
        self.saves, self.kill_at_save = 0, 0

    @property
    def state(self) -> State:
        return State.from_json(json.loads(self.kept))

    def save(self, state: State) -> None:
        self.saves += 1
        self.kill_at_save -= 1
        if self.kill_at_save == 0:
            raise Killed
        self.kept = json.dumps(state.as_json())

    def desired(self, event: Event, mails: Collection[Notice] = (), **people) -> Desired:
        return desired(event, notices=tuple(mails), people=People(**people), slots=self.state.slots)

    def push(self, event: Event | Desired, mails: Collection[Notice] = (), *, fresh=False, custom_field=None, **people):
        """Push an event; the log of the server holds the requests of this push alone."""
        self.server.forget()
        wanted = event if isinstance(event, Desired) else self.desired(event, mails, **people)
        return push(
            self.netbox,
            self.dialect,
            self.inventory,
            wanted,
            self.state,
            fresh=fresh,
            save=self.save,
            custom_field=custom_field,
        )

    def asked(self) -> list[tuple[str, str]]:
        """Return the requests of the last push: the method and the last words of the path."""
        return [(each.method, _tail(each.path)) for each in self.server.log]

    # --- what it holds

    def key_of(self, kind: Kind) -> str:
        return "maintenance" if kind is Kind.MAINTENANCE else "outage"

    def records(self, kind: Kind = Kind.MAINTENANCE) -> dict[str, dict]:
        """Return the records of a kind by name; a name twice is an error."""
        rows = self.server.rows(self.key_of(kind))
        assert len({row["name"] for row in rows}) == len(rows), f"twice: {[row['name'] for row in rows]}"
        return {row["name"]: row for row in rows}

    def impacts(self, name: str, kind: Kind = Kind.MAINTENANCE) -> dict[str, str | None]:
        return self.server.impacts_of(self.key_of(kind), self.records(kind)[name]["id"])

    def mails(self, name: str, kind: Kind = Kind.MAINTENANCE) -> Counter:
        rows = self.server.notices_of(self.key_of(kind), self.records(kind)[name]["id"])
        return Counter((row["subject"], row["email_body"]) for row in rows)

    def journal(self, name: str, kind: Kind = Kind.MAINTENANCE) -> list[str]:
        return self.server.journal_of(self.key_of(kind), self.records(kind)[name]["id"])


def _tail(path: str) -> str:
    parts = [part for part in path.strip("/").split("/") if not part.isdigit()]
    return parts[-1] + ("/#" if path.strip("/").split("/")[-1].isdigit() else "")


TOKEN = "0123456789abcdef0123456789abcdef01234567"


@functools.cache
def connection() -> Netbox:
    """Return the connection of all worlds: to make one takes longer than many pushes."""
    return Netbox("http://netbox.example", TOKEN, timeout_seconds=5)


@functools.cache
def detected(dialect: str) -> Dialect:
    """Return what a server of a dialect is found to be."""
    return detect(connection())


@contextmanager
def world(dialect: str = "0.8", **options):
    """Give a NetBox of a dialect in this process; at the end, no request may have broken its contract."""
    target = server.Netbox(DIALECTS[dialect], **options)
    target.api.tokens[TOKEN] = Token(text=TOKEN)
    wire = InProcess(target)
    netbox = connection()
    netbox._session.mount("http://netbox.example/", wire)
    yield World(target, netbox, detected(dialect), wire=wire)
    assert not target.mistakes, target.mistakes[0]
    assert not target.breaches, "\n".join(dict.fromkeys(target.breaches))


# --- what must be


def holds_as_desired(w, desired) -> None:
    """Compare all that NetBox holds with what is desired, each by itself and none of it twice."""
    records, kind = w.records(desired.kind), desired.kind
    events = w.dialect.events(kind)
    for record in desired.records:
        row = records.pop(record.name)
        assert (row["status"], row["summary"]) == (record.status, record.summary)
        assert (iso_utc(row["start"]), row["end"]) == (iso_utc(record.start), record.end)
        assert (row["acknowledged"], row["internal_ticket"]) == (
            desired.people.acknowledged,
            desired.people.internal_ticket,
        )
        known = {cid: impact.value for cid, impact in record.impacts.items() if cid in w.circuit_ids}
        if events.impacts:
            assert w.impacts(record.name, kind) == known
        else:
            assert bodies.found_block(row["comments"]) == bodies.block_of(record.impacts)
        if events.etr_field:
            assert row[events.etr_field] == record.etr
    for name, row in records.items():
        assert row["status"] == "CANCELLED", f"{name} is of no window any more"
        assert w.impacts(name, kind) == {}
    holds_the_story(w, desired)


def holds_the_story(w, desired) -> None:
    records, kind = w.records(desired.kind), desired.kind
    events = w.dialect.events(kind)
    if events.notifications:
        sent = Counter((one.subject, one.text.strip()) for one in desired.notices)
        assert [mails for name in records if (mails := w.mails(name, kind))] == ([sent] if sent else [])
    entries = [text for name in records for text in w.journal(name, kind)]
    for one in desired.journal:
        assert sum(one.text in text for text in entries) == (0 if one.opening else 1), one.key
    if events.etr_field:
        (row,) = records.values()
        messages = [each["message"] for each in w.server.changes_of("outage", row["id"]) if each["message"]]
        assert messages == [one.message for one in desired.revisions]


def sends_no_more(w, desired, **more) -> None:
    assert (w.push(desired, **more).done, w.server.log) == ((), [])
    fresh = w.push(desired, fresh=True, **more)
    assert (fresh.done, fresh.drift) == ((), ())
    assert {each.method for each in w.server.log} <= {"GET"}
