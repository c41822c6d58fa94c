"""A server that answers as a language model's does (POST /v1/chat/completions), or as badly as it is told to."""

import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass
class Chat:
    """What the server answers next, and what it was asked. ``drip``: an octet, and then silence until the end."""

    port: int = 0
    status: int = 200
    body: bytes = b""
    drip: bool = False
    connections: int = 0
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def say(self, content: str) -> None:
        """Answer with this text of the model."""
        self.status, self.drip = 200, False
        message = {"role": "assistant", "content": content}
        self.body = json.dumps({"object": "chat.completion", "choices": [{"index": 0, "message": message}]}).encode()

    def read(self, **figures: Any) -> None:
        """Answer with a maintenance."""
        self.say(json.dumps(figures))


@contextmanager
def chatting(certificate: Path | None = None) -> Iterator[Chat]:
    """Run the server on loopback, at a port of its own; with a certificate (and its key in one file), encrypted."""
    chat = Chat()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(chat))
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    server.daemon_threads = True
    chat.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield chat
    finally:
        chat.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(chat: Chat) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def setup(self) -> None:
            chat.connections += 1
            super().setup()

        def do_POST(self) -> None:
            chat.headers.append(dict(self.headers))
            body = self.rfile.read(int(self.headers["Content-Length"]))
            chat.asked.append({"path": self.path, **json.loads(body)})
            self.send_response(chat.status)
            self.send_header("Content-Length", str(len(chat.body) + chat.drip))
            self.end_headers()
            self.wfile.write(chat.body)
            if chat.drip:
                self.wfile.flush()
                chat.ended.wait()

        def log_message(self, *arguments: Mapping[str, Any]) -> None:
            pass

    return Handler
