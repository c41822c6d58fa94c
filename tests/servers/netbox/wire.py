"""Requests and answers, and the server that carries them: it can lose a connection where another would answer."""

import json
import socket
import struct
import sys
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import parse_qs, urlencode, urlsplit

HOST = "127.0.0.1"
# On close, a socket that lingers for no second sends RST in place of FIN.
_RESETS = struct.pack("ii", 1, 0)


@dataclass(slots=True, kw_only=True)
class Request:
    """A request as it was read."""

    method: str
    path: str
    query: Mapping[str, Sequence[str]]
    headers: Mapping[str, str]
    raw: bytes
    host: str
    line: int

    def body(self) -> Any:
        """Return what the body says; what cannot be read is refused."""
        try:
            return json.loads(self.raw) if self.raw else {}
        except (ValueError, UnicodeDecodeError) as error:
            raise Turned(400, {"detail": f"JSON parse error - {error}"}) from None


@dataclass(slots=True)
class Answer:
    """What is sent back. ``body`` None: nothing."""

    status: int
    body: Any = None
    html: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def content(self) -> bytes:
        """Return the octets of the body."""
        if self.html is not None:
            return self.html.encode()
        return b"" if self.body is None else json.dumps(self.body, ensure_ascii=False).encode()


class Turned(Exception):
    def __init__(self, status: int, body: Any, **headers: str) -> None:
        super().__init__(status, body)
        self.answer = Answer(status, body, headers={name.replace("_", "-"): value for name, value in headers.items()})


class Server(ThreadingHTTPServer):
    """Carries requests, each connection in a thread of its own; ``errors`` takes what goes wrong on the way."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler], errors: list[str]) -> None:
        self.connections: set[socket.socket] = set()
        self._errors = errors
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep what went wrong here; a client that goes away is no error."""
        if not isinstance(sys.exc_info()[1], OSError):
            self._errors.append(traceback.format_exc())

    def cut_all(self) -> None:
        """Lose every connection."""
        for connection in list(self.connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class Site(Protocol):
    """Who answers."""

    scheme: str

    def headers(self) -> dict[str, str]:
        """Return what every answer bears."""
        ...

    def meet(self, request: Request) -> tuple[Answer | None, int | None]:
        """Return the answer to a request, and how many octets of it come before the connection is lost; None: all."""
        ...


def handler(site: Site) -> type[BaseHTTPRequestHandler]:
    """Return the class that reads the requests to a site and carries its answers."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def respond(self) -> None:
            parts = urlsplit(self.path)
            request = Request(
                method=self.command,
                path=parts.path,
                query=parse_qs(parts.query, keep_blank_values=True),
                headers={name.lower(): value for name, value in self.headers.items()},
                raw=self.rfile.read(int(self.headers.get("Content-Length") or 0)),
                host=f"{site.scheme}://{self.headers.get('Host', HOST)}",
                line=len(self.raw_requestline.rstrip(b"\r\n")),
            )
            answer, kept = site.meet(request)
            octets = self._octets(answer) if answer else b""
            if kept is None:
                self.wfile.write(octets)
            else:
                self._lose(octets[:kept])

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = respond  # noqa: N815

        def _octets(self, answer: Answer) -> bytes:
            content = answer.content()
            headers = site.headers() | {
                "Content-Type": "application/json" if answer.html is None else "text/html; charset=utf-8",
                "Content-Length": str(len(content)),
                **answer.headers,
            }
            if headers.get("Connection") == "close":
                self.close_connection = True
            lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"]
            lines += [f"{name}: {value}" for name, value in headers.items()]
            head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
            return head if self.command == "HEAD" else head + content

        def _lose(self, octets: bytes) -> None:
            self.close_connection = True
            with suppress(OSError):
                self.wfile.write(octets)
                if not octets:
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESETS)

        def log_message(self, *arguments: Any) -> None:
            pass

    return Handler


def not_allowed(method: str, allowed: str) -> Turned:
    return Turned(405, {"detail": f'Method "{method}" not allowed.'}, Allow=allowed)


def check_type(request: Request) -> None:
    kind = request.headers.get("content-type", "application/json")
    if request.raw and kind.partition(";")[0].strip() not in {"application/json", "multipart/form-data"}:
        raise Turned(415, {"detail": f'Unsupported media type "{kind}" in request.'})


def check_accept(request: Request) -> None:
    accepted = request.headers.get("accept", "*/*")
    if not any(kind in accepted for kind in ("*/*", "application/json", "application/*", "text/html")):
        raise Turned(406, {"detail": "Could not satisfy the request Accept header."})


def natural(values: Sequence[str] | None) -> int | None:
    """Return a number that is not negative; None: there is none."""
    return int(values[-1]) if values and values[-1].isdecimal() else None


def link(request: Request, **page: int | None) -> str:
    query = {name: value for name, value in request.query.items() if name not in page}
    query |= {name: [str(value)] for name, value in page.items() if value is not None}
    return f"{request.host}{request.path}?{urlencode(sorted(query.items()), doseq=True)}"


def page(title: str, words: str) -> str:
    """Return a page as servers show them to people."""
    head = f'<!DOCTYPE html>\n<html lang="en"><head><title>{title}</title></head>'
    return f"{head}<body><h1>{title}</h1><p>{words}</p></body></html>"
