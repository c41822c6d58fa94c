"""The server on loopback: whom it answers, what, and that it keeps nobody from anything."""

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import pytest

from web.server import MOST_REQUESTS, Answer, Page, Server, Told, health

PATIENCE_SECONDS = 30.0


@dataclass
class Heard:
    """What the server tells."""

    addresses: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    faults: int = 0

    def fault(self) -> None:
        self.faults += 1

    @property
    def told(self) -> Told:
        return Told(listening=self.addresses.append, failed=self.problems.append, fault=self.fault)


def eventually(condition: Callable[[], object]) -> bool:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and not condition():
        time.sleep(0.01)
    return bool(condition())


def hello(accept: str) -> Answer:
    return Answer(body=f"hello {accept}".encode(), content_type="text/plain")


def broken(_accept: str) -> Answer:
    raise RuntimeError("a fault")


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def served(heard: Heard) -> Iterator[Callable[..., int]]:
    """Serve pages, and return the port."""
    with contextlib.ExitStack() as stack:

        def serve(listen: str = "127.0.0.1:0", **pages: Page) -> int:
            server = Server(listen, {f"/{name}": page for name, page in pages.items()}, heard.told)
            stack.callback(server.stop)
            server.start()
            assert eventually(lambda: heard.addresses)
            return int(heard.addresses[-1].rpartition(":")[2])

        yield serve


def ask(port: int, path: str, method: str = "GET", **headers: str) -> tuple[int, bytes, dict[str, str]]:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)) as connection:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read(), dict(answer.getheaders())


def test_a_page_is_answered_with_what_who_asks_accepts(served):
    port = served(hello=hello)

    status, body, headers = ask(port, "/hello?x=1", Accept="text/plain")

    assert (status, body) == (200, b"hello text/plain")
    assert headers["Content-Length"] == str(len(body))
    assert (headers["X-Content-Type-Options"], headers["Cache-Control"]) == ("nosniff", "no-store")


def test_head_is_answered_without_the_body_and_other_methods_are_not_taken(served):
    port = served(hello=hello)

    assert ask(port, "/hello", "HEAD", Accept="x")[:2] == (200, b"")
    assert ask(port, "/hello", "HEAD", Accept="x")[2]["Content-Length"] == "7"
    for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        status, _, headers = ask(port, "/hello", method)
        assert (status, headers["Allow"]) == (405, "GET, HEAD")
    assert ask(port, "/hello", "BREW")[0] == 501


def test_what_is_not_there_is_not_found_and_what_is_there_is_named(served):
    port = served(hello=hello)

    for method in ("GET", "POST"):
        status, body, _ = ask(port, "/../etc/passwd", method)
        assert (status, body) == (404, b"404 Not Found: there are /hello\n")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:8480", 200),
        ("127.0.0.1:8480", 200),
        ("127.9.9.9", 200),
        ("[::1]:8480", 200),
        ("rebound.example", 421),
        ("rebound.example:8480", 421),
        ("127.0.0.1.rebound.example", 421),
        ("localhost.rebound.example", 421),
        ("192.0.2.1", 421),
        ("[2001:db8::1]", 421),
        ("", 421),
    ],
)
def test_only_who_asks_by_a_name_of_loopback_is_answered(served, host, status):
    assert ask(served(hello=hello), "/hello", Host=host)[0] == status


def test_a_fault_of_a_page_is_told_and_is_that_request_s_alone(served, heard):
    port = served(hello=hello, broken=broken)

    assert ask(port, "/broken")[:2] == (500, b"500 Internal Server Error: see the log of maintd\n")
    assert heard.faults == 1
    assert ask(port, "/hello")[0] == 200


@pytest.mark.parametrize(("problems", "status"), [([], 200), (["main loop: it has not gone round"], 503)])
def test_health_is_a_status_and_its_reasons(served, problems, status):
    port = served(healthz=health(lambda: problems, lambda: {"pid": 7}))

    found, body, headers = ask(port, "/healthz")

    assert (found, headers["Content-Type"]) == (status, "application/json")
    assert json.loads(body) == {"ok": not problems, "reasons": problems, "pid": 7}


def test_an_address_that_is_taken_is_told_once_and_tried_again(heard):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        server = Server(f"127.0.0.1:{port}", {"/hello": hello}, heard.told, retry_seconds=0.01)
        server.start()
        assert eventually(lambda: heard.problems)
        time.sleep(0.1)
        assert heard.problems == [f"127.0.0.1:{port}: Address already in use"]
    try:
        assert eventually(lambda: heard.addresses)
        assert heard.addresses == [f"127.0.0.1:{port}"]
        assert ask(port, "/hello")[0] == 200
    finally:
        server.stop()


def test_it_stops_though_a_connection_is_open_and_says_nothing(served, heard):
    server = Server("127.0.0.1:0", {"/hello": hello}, heard.told)
    server.start()
    assert eventually(lambda: heard.addresses)
    port = int(heard.addresses[0].rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as silent:
        silent.settimeout(PATIENCE_SECONDS)
        silent.sendall(b"GET /hello HTTP/1.1\r\n")
        assert ask(port, "/hello")[0] == 200

        server.stop()

        assert silent.recv(100) == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_one_that_never_listened_stops_at_once(heard):
    with socket.create_server(("127.0.0.1", 0)) as other:
        server = Server(f"127.0.0.1:{other.getsockname()[1]}", {}, heard.told)
        server.start()
        assert eventually(lambda: heard.problems)
        server.stop()
    Server("127.0.0.1:0", {}, heard.told).stop()

    assert [one.name for one in threading.enumerate() if one.name == "web"] == []


def test_there_are_no_more_requests_at_a_time_than_there_may_be(served):
    port = served(hello=hello)
    with contextlib.ExitStack() as stack:
        for _ in range(MOST_REQUESTS):
            stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
            ask(port, "/hello")

    def answered() -> Any:
        with contextlib.suppress(http.client.RemoteDisconnected, ConnectionError):
            return ask(port, "/hello")[0] == HTTPStatus.OK
        return False

    assert eventually(answered)


def test_who_sends_a_byte_now_and_then_does_not_stay(served, monkeypatch):
    monkeypatch.setattr("web.server.REQUEST_SECONDS", 0.5)
    port = served(hello=hello)
    with socket.create_connection(("127.0.0.1", port)) as slow:
        slow.settimeout(PATIENCE_SECONDS)

        def ended() -> bool:
            try:
                slow.sendall(b"G")
            except OSError:
                return True
            time.sleep(0.05)
            return False

        assert eventually(ended)


def test_it_listens_on_the_other_loopback_too(heard, served):
    if not socket.has_ipv6:
        pytest.skip("this Python has no IPv6")
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no ::1")

    port = served("[::1]:0", hello=hello)

    assert heard.addresses == [f"[::1]:{port}"]
    with contextlib.closing(http.client.HTTPConnection("::1", port, timeout=PATIENCE_SECONDS)) as connection:
        connection.request("GET", "/hello")
        assert connection.getresponse().status == 200
