"""A NetBox for tests, on loopback: it answers as real ones do, dialect by dialect, and breaks as it is told to.

It holds each request against the contract of its dialect: what a careful client would not have sent stands in
``breaches`` afterwards, also where a real server would have swallowed it.
"""

import json
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from tests.servers.netbox.access import Token, new_text
from tests.servers.netbox.api import Api
from tests.servers.netbox.faults import Fault, Plan
from tests.servers.netbox.tables import CM_0_8, Dialect
from tests.servers.netbox.wire import HOST, Answer, Request, Server, handler


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """A request that came. ``status`` None: it was not answered. ``applied``: the server did what it was asked."""

    method: str
    path: str
    query: Mapping[str, Sequence[str]]
    body: Any
    status: int | None
    applied: bool
    fault: str | None


class Netbox:
    """The server: its state to fill and to look at, its log, and what is to go wrong.

    Options: ``netbox``, its version; ``zone``, the TIME_ZONE in which it reads times without an offset and answers;
    ``mount``, the path under which it is served ("/netbox"); ``base_path``, that of the plugin; ``migrated`` False: the
    table of the fork's outages was never made; ``page_size`` and ``max_page_size``, PAGINATE_COUNT and MAX_PAGE_SIZE.
    """

    def __init__(self, dialect: Dialect = CM_0_8, *, certificate: Path | None = None, **options: Any) -> None:
        self.api = Api(dialect, **options)
        self.dialect, self.store = dialect, self.api.store
        self.plan = Plan()
        self.log: list[Logged] = []
        # Called with each request when it arrives, before it is answered: to kill, to edit, to count.
        self.watch: Callable[[Logged], None] = lambda request: None
        # Where this server itself went wrong.
        self.mistakes: list[str] = []
        self.port = 0
        self.scheme = "https" if certificate else "http"
        self._certificate = certificate
        self._http: Server | None = None
        self._holder: socket.socket | None = None
        self._lock = self.api.lock
        self._ended = threading.Event()
        self._add("circuit_type", name="Wavelength", slug="wavelength")
        self.token = self.add_token()

    # --- what it is

    @property
    def url(self) -> str:
        """Where it is reached."""
        return f"{self.scheme}://{HOST}:{self.port}{self.api.mount}"

    @property
    def breaches(self) -> list[str]:
        """What its clients sent against the contract of its dialect."""
        return self.api.breaches

    @property
    def ignored(self) -> list[tuple[str, str]]:
        """The filters that no list of this server knows, and which returned everything: (path, parameter)."""
        return self.api.ignored

    def set_clock(self, ahead: timedelta) -> None:
        """Let its clock be wrong."""
        self.api.clock = ahead

    # --- what it holds

    def _add(self, key: str, **values: Any) -> int:
        with self._lock:
            number, now = self.store.next_id(key), self.api.now()
            self.store.put(key, {"id": number, **values, "created": now, "last_updated": now})
            return number

    def add_token(
        self, version: int = 1, *, rights: Iterable[str] | None = None, write: bool = True, **more: Any
    ) -> str:
        """Make a token for a user with rights such as "view circuits.circuit"; None: all. Return its text."""
        assert version == 1 or self.api.release >= (4, 5), "tokens of version 2 came with NetBox 4.5"
        text = new_text(version)
        self.api.tokens[text] = Token(text=text, rights=None if rights is None else set(rights), write=write, **more)
        return text

    def add_provider(self, name: str, slug: str | None = None, *, asns: Iterable[int] = ()) -> int:
        """Add a provider and return its id."""
        numbers = tuple(self._add("asn", asn=asn) for asn in asns)
        return self._add("provider", name=name, slug=slug or re.sub(r"[^a-z0-9]+", "-", name.lower()), asns=numbers)

    def add_circuit(self, provider: int, cid: str, *, xconnect_ids: Iterable[str] = ()) -> int:
        """Add a circuit and return its id; the cross-connect ids are those of its terminations, at side A and Z."""
        number = self._add("circuit", cid=cid, provider=provider)
        for side, xconnect_id in zip("AZ", xconnect_ids, strict=False):
            self._add("termination", circuit=number, term_side=side, xconnect_id=xconnect_id)
        return number

    def add_circuits(self, provider: int, cids: Iterable[str]) -> None:
        """Add many circuits at little cost."""
        with self._lock:
            now = self.api.now()
            for cid in cids:
                number = self.store.next_id("circuit")
                row = {"id": number, "cid": cid, "provider": provider, "created": now, "last_updated": now}
                self.store.put("circuit", row)

    def add_tag(self, slug: str) -> int:
        """Add a tag and return its id."""
        return self._add("tag", name=slug, slug=slug)

    def add_custom_field(self, name: str, *keys: str, unique: bool = False) -> int:
        """Add a text field to models (by default the events) and return its id."""
        keys = keys or tuple(key for key in ("maintenance", "outage") if self.store.has(key))
        labels = tuple(self.store.model(key).label for key in keys)
        return self._add("custom_field", name=name, object_types=labels, unique=unique)

    def rows(self, key: str) -> list[dict[str, Any]]:
        """Return the objects of a model ("maintenance", "outage", "impact", "notice", "journal", …), oldest first.

        Times are instants in UTC, references are ids, and what was never set is absent.
        """
        with self._lock:
            return [dict(row) for _, row in sorted(self.store.rows(key).items())] if self.store.has(key) else []

    def events(self) -> list[dict[str, Any]]:
        """Return maintenances and outages as its clients see them."""
        keys = [key for key in ("maintenance", "outage") if self.store.has(key)]
        return [self.shown(key, row["id"]) for key in keys for row in self.rows(key)]

    def shown(self, key: str, number: int) -> dict[str, Any]:
        """Return an object as clients see it."""
        with self._lock:
            return self.api.renderer.whole(
                self.store.model(key), self.store.rows(key)[number], f"{self.scheme}://{HOST}:{self.port}"
            )

    def impacts_of(self, key: str, number: int) -> dict[str, str | None]:
        """Return the impacts of an event by the ids of the circuits; a circuit twice is an error."""
        found: dict[str, str | None] = {}
        for row in self._belonging("impact", key, number):
            circuit = row["circuit"] if "circuit" in row else row["target_object_id"]
            cid = self.store.rows("circuit")[circuit]["cid"]
            assert cid not in found, f"{cid} twice"
            found[cid] = row.get("impact")
        return found

    def notices_of(self, key: str, number: int) -> list[dict[str, Any]]:
        """Return the notifications of an event, as they came."""
        return self._belonging("notice", key, number)

    def journal_of(self, key: str, number: int) -> list[str]:
        """Return what was written into the journal of an object, oldest first."""
        label = self.store.model(key).label
        return [
            row["comments"]
            for row in self.rows("journal")
            if (row["assigned_object_type"], row["assigned_object_id"]) == (label, number)
        ]

    def changes_of(self, key: str, number: int) -> list[dict[str, Any]]:
        """Return the changes of an object as its history keeps them, oldest first."""
        label = self.store.model(key).label
        return [
            row
            for row in self.rows("change")
            if (row["changed_object_type"], row["changed_object_id"]) == (label, number)
        ]

    def _belonging(self, kind: str, key: str, number: int) -> list[dict[str, Any]]:
        rows = self.rows(kind)
        if rows and "circuitmaintenance" in rows[0]:
            return [row for row in rows if key == "maintenance" and row["circuitmaintenance"] == number]
        type_ = self.store.type_number(self.store.model(key).label)
        return [row for row in rows if (row["event_content_type"], row["event_object_id"]) == (type_, number)]

    def edit(self, key: str, number: int, **values: Any) -> None:
        """Change an object as a person does in the browser: stored as given, under another name in the history."""
        with self._lock:
            model = self.store.model(key)
            self.api.writer.change(model, self.store.rows(key)[number], values, "a person", partial=True)

    def make(self, key: str, **values: Any) -> int:
        """Make an object as a person does in the browser, whatever the rules; return its id."""
        return self._add(key, **values)

    def remove(self, key: str, number: int) -> None:
        """Delete an object as a person does in the browser."""
        with self._lock:
            self.api.writer.delete(self.store.model(key), self.store.rows(key)[number], {}, "a person")

    # --- what it was asked

    def requests(self, method: str | None = None, path: str = "") -> list[Logged]:
        """Return the requests that came, by method and by a part of the path."""
        return [each for each in list(self.log) if method in {None, each.method} and path in each.path]

    def forget(self) -> None:
        """Forget the requests that came."""
        self.log.clear()
        self.api.ignored.clear()

    # --- its life

    def start(self) -> None:
        """Listen, after a stop at the same port as before."""
        if self._holder:
            self._holder.close()
            self._holder = None
        self._http = Server((HOST, self.port), handler(self), self.mistakes)
        if self._certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self._certificate)
            self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
        self.port = self._http.server_port
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def stop(self) -> None:
        """Refuse every connection from now on, and lose those that are open; the port stays taken."""
        self._fall_silent()
        self._holder = socket.socket()
        self._holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._holder.bind((HOST, self.port))

    def _fall_silent(self) -> None:
        assert self._http
        self._http.shutdown()
        self._http.server_close()
        self._http.cut_all()
        self._http = None

    @contextmanager
    def down(self) -> Iterator[None]:
        """Be down for the time of a block."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    def close(self) -> None:
        """End."""
        self._ended.set()
        if self._http:
            self._fall_silent()
        if self._holder:
            self._holder.close()

    # --- requests

    def headers(self) -> dict[str, str]:
        """Return what every answer bears: the time of its clock, and the version of its interface."""
        now = datetime.now(UTC) + self.api.clock
        return {"Date": format_datetime(now, usegmt=True), "API-Version": ".".join(map(str, self.api.release))}

    def meet(self, request: Request) -> tuple[Answer | None, int | None]:
        """Answer a request, or break as the plan says."""
        with self._lock:
            fault = self.plan.next(request.method, request.path, request.raw)
            number, arrived = len(self.log), _logged(request, fault)
            # The place in the log is that of the arrival.
            self.log.append(arrived)
        self.watch(arrived)
        if fault is None:
            return self._done(number, self.api.answer(request)), None
        if fault.seconds and not fault.applied:
            self._ended.wait(fault.seconds)
        answer = self.api.answer(request) if fault.applied or fault.seconds else None
        if fault.seconds and fault.applied:
            self._ended.wait(fault.seconds)
        if fault.status:
            turned = Answer(fault.status, html=fault.body.decode(), headers=dict(fault.headers))
            return self._done(number, turned, applied=answer is not None), None
        return self._done(number, answer, applied=answer is not None, lost=fault.octets is not None), fault.octets

    def _done(self, number: int, answer: Answer | None, *, applied: bool = True, lost: bool = False) -> Answer | None:
        status = None if lost or answer is None else answer.status
        with self._lock:
            if number < len(self.log):
                self.log[number] = replace(self.log[number], status=status, applied=applied)
        return answer


@contextmanager
def serving(dialect: Dialect = CM_0_8, *, careful: bool = True, **options: Any) -> Iterator[Netbox]:
    """Run a server for a block; ``careful``: at its end, no request may have broken the contract of the dialect."""
    server = Netbox(dialect, **options)
    server.start()
    try:
        yield server
        assert not server.mistakes, server.mistakes[0]
        assert not (careful and server.breaches), "\n".join(dict.fromkeys(server.breaches))
    finally:
        server.close()


def _logged(request: Request, fault: Fault | None) -> Logged:
    try:
        body = json.loads(request.raw) if request.raw else None
    except ValueError:
        body = request.raw
    return Logged(
        method=request.method,
        path=request.path,
        query=request.query,
        body=body,
        status=None,
        applied=False,
        fault=fault.name if fault else None,
    )
