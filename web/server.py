"""A small HTTP server on loopback: a table of paths, and a function for each.

One request a connection, each in a thread of its own, for some seconds at most. Who asks must name a host of loopback:
else a page in somebody's browser could be made to ask, under a name that its owner lets point here.
"""

import contextlib
import ipaddress
import json
import socket
import socketserver
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

# How long one request may take, however slowly it comes, and how many there may be at a time.
REQUEST_SECONDS = 20.0
MOST_REQUESTS = 32

# How long after a failure the address is tried again.
RETRY_SECONDS = 30.0

# How often the server looks whether it is to stop, and whose time is over.
LOOK_SECONDS = 0.25

PLAIN = "text/plain; charset=utf-8"
JSON = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is answered to a request."""

    body: bytes
    content_type: str
    status: HTTPStatus = HTTPStatus.OK


# A function that answers who asks for a path, by the value of the header Accept.
Page = Callable[[str], Answer]


def health(problems: Callable[[], Sequence[str]], facts: Callable[[], Mapping[str, Any]] = dict) -> Page:
    """Return a page that says whether all is well: 200, or 503 with the reasons, as JSON with ``facts`` beside."""

    def page(_accept: str) -> Answer:
        reasons = list(problems())
        body = json.dumps({"ok": not reasons, "reasons": reasons, **facts()}, indent=2) + "\n"
        status = HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK
        return Answer(body=body.encode(), content_type=JSON, status=status)

    return page


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Who is told what becomes of the server. ``fault`` is called while the exception is handled."""

    listening: Callable[[str], None]
    failed: Callable[[str], None]
    fault: Callable[[], None]


class Server:
    """The server, which begins to listen as soon as it can, and never keeps its owner from anything."""

    def __init__(
        self, listen: str, pages: Mapping[str, Page], told: Told, *, retry_seconds: float = RETRY_SECONDS
    ) -> None:
        host, _, port = listen.rpartition(":")
        self._place = (host.removeprefix("[").removesuffix("]"), int(port))
        self._pages, self._told, self._retry_seconds = pages, told, retry_seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="web", daemon=True)

    def start(self) -> None:
        """Begin to listen, now or when the address is free."""
        self._thread.start()

    def stop(self) -> None:
        """Listen no more, and end every connection. Returns soon; may be called twice."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(4 * LOOK_SECONDS)

    def _run(self) -> None:
        problem = None
        while not self._stopping.is_set():
            try:
                listener = _Listener(self._place, self._pages, self._told.fault)
            except OSError as error:
                # Said once, and not every half minute.
                if problem != str(error):
                    problem = str(error)
                    self._told.failed(f"{_written(*self._place)}: {error.strerror or error}")
                self._stopping.wait(self._retry_seconds)
                continue
            with listener:
                self._told.listening(_written(*listener.server_address[:2]))
                listener.serve_until(self._stopping)
            return


def _written(host: Any, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class _Listener(ThreadingHTTPServer):
    """The socket that listens, and the connections that it has taken."""

    daemon_threads = True
    request_queue_size = 16

    def __init__(self, place: tuple[str, int], pages: Mapping[str, Page], fault: Callable[[], None]) -> None:
        self.pages, self.fault = pages, fault
        self.address_family = socket.AF_INET6 if ":" in place[0] else socket.AF_INET
        self._seconds_left: dict[socket.socket, float] = {}
        self._lock = threading.Lock()
        super().__init__(place, _Request)

    def server_bind(self) -> None:
        """Bind, without asking for the name of the address, which can take long."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def serve_until(self, stopping: threading.Event) -> None:
        """Answer until that is set, and end then what is not answered yet."""
        threading.Thread(target=self._stop_after, args=(stopping,), name="end of web", daemon=True).start()
        self.serve_forever(LOOK_SECONDS)
        with self._lock:
            for connection in self._seconds_left:
                _end(connection)

    def _stop_after(self, stopping: threading.Event) -> None:
        stopping.wait()
        self.shutdown()

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Take a connection, unless there are too many."""
        with self._lock:
            if len(self._seconds_left) >= MOST_REQUESTS:
                return False
            self._seconds_left[request] = REQUEST_SECONDS
        return True

    def shutdown_request(self, request: Any) -> None:
        """Let go of a connection."""
        with self._lock:
            self._seconds_left.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """End the connections whose time is over; called each time the server looks around."""
        with self._lock:
            for connection in self._seconds_left:
                self._seconds_left[connection] -= LOOK_SECONDS
                if self._seconds_left[connection] <= 0:
                    _end(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a connection that breaks is who asked's own affair."""


def _end(connection: socket.socket) -> None:
    # Its thread is woken, and closes it.
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


class _Request(BaseHTTPRequestHandler):
    """One request."""

    server: _Listener
    timeout = REQUEST_SECONDS
    server_version = "maintd"
    sys_version = ""
    error_content_type = PLAIN
    error_message_format = "%(code)d %(message)s\n"

    def do_GET(self) -> None:
        """Answer."""
        self._say(self._answer())

    def do_HEAD(self) -> None:
        """Answer without the body."""
        self._say(self._answer(), with_body=False)

    def _other(self) -> None:
        self._say(self._answer(asks=False))

    do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _other  # noqa: N815  # names of the standard library

    def _answer(self, *, asks: bool = True) -> Answer:
        if not _is_here(self.headers.get("Host")):
            return _plain(HTTPStatus.MISDIRECTED_REQUEST, "ask by a name of loopback, as localhost or 127.0.0.1")
        page = self.server.pages.get(self.path.partition("?")[0])
        if page is None:
            return _plain(HTTPStatus.NOT_FOUND, f"there are {', '.join(self.server.pages)}")
        if not asks:
            return _plain(HTTPStatus.METHOD_NOT_ALLOWED, "only GET and HEAD")
        try:
            return page(self.headers.get("Accept", ""))
        except Exception:  # noqa: BLE001, the boundary of an item: the fault is told by who knows how
            self.server.fault()
            return _plain(HTTPStatus.INTERNAL_SERVER_ERROR, "see the log of maintd")

    def _say(self, answer: Answer, *, with_body: bool = True) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        if answer.status is HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET, HEAD")
        self.end_headers()
        if with_body:
            self.wfile.write(answer.body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the name in the standard library
        """Say nothing: who asks every few seconds is no news."""


def _plain(status: HTTPStatus, text: str) -> Answer:
    return Answer(body=f"{status.value} {status.phrase}: {text}\n".encode(), content_type=PLAIN, status=status)


def _is_here(host: str | None) -> bool:
    """Say whether a Host header names loopback. A request without one comes from no browser."""
    if host is None:
        return True
    name = host.strip().lower()
    bare = name.partition("]")[0].removeprefix("[") if name.startswith("[") else name.partition(":")[0]
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(bare).is_loopback
    return bare.removesuffix(".") == "localhost"
