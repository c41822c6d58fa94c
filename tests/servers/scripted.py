"""An HTTP server that says what it was told to say, request by request, and keeps what it was asked."""

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request that came."""

    method: str
    path: str
    query: Mapping[str, Sequence[str]]
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What to say. ``body`` is sent as JSON, unless it is bytes. ``silent``: nothing, until the server ends.

    ``claimed``: the Content-Length, where it is to be another than that of the body, after which the connection ends.
    """

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    silent: bool = False
    claimed: int | None = None


class Scripted:
    """The server; for every request the next answer, and the last one again and again."""

    def __init__(self, answers: Sequence[Answer]) -> None:
        self.asked: list[Asked] = []
        self._answers = list(answers)
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._http = ThreadingHTTPServer((HOST, 0), _handler(self))
        self._http.daemon_threads = True
        self.url = f"http://{HOST}:{self._http.server_port}"

    def start(self) -> None:
        """Answer from now on."""
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def stop(self) -> None:
        """End."""
        self._ended.set()
        self._http.shutdown()
        self._http.server_close()

    def wait_for_end(self) -> None:
        """Return when the server ends."""
        self._ended.wait()

    def next_answer(self, asked: Asked) -> Answer:
        """Keep what was asked; return what to say."""
        with self._lock:
            self.asked.append(asked)
            return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def _handler(server: Scripted) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            answer = server.next_answer(self._asked())
            if answer.silent:
                server.wait_for_end()
                self.close_connection = True
                return
            body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            self.send_response_only(answer.status)
            for name, value in {"Content-Type": "application/json", **answer.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body) if answer.claimed is None else answer.claimed))
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = answer.claimed is not None

        do_GET = do_POST = do_PATCH = do_DELETE = do_OPTIONS = _answer  # noqa: N815

        def _asked(self) -> Asked:
            parts = urlsplit(self.path)
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            return Asked(
                method=self.command,
                path=parts.path,
                query=parse_qs(parts.query, keep_blank_values=True),
                headers=dict(self.headers),
                body=json.loads(raw) if raw else None,
            )

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    return Handler


@contextmanager
def scripted(*answers: Answer) -> Iterator[Scripted]:
    """Run a server for a block."""
    server = Scripted(answers)
    server.start()
    try:
        yield server
    finally:
        server.stop()
