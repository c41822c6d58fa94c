"""An issuer of tokens on loopback: the endpoints of RFC 6749 and of Microsoft, and whatever can go wrong with them."""

import base64
import json
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import jwt

from tests.servers.dovecot import TOKEN_ISSUER, TOKEN_KEY, make_certificate

TENANT = "11111111-aaaa-bbbb-cccc-222222222222"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request that came."""

    path: str
    form: Mapping[str, str]
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What to say: JSON, or bytes as they are, or what makes it when it is asked for.

    ``silent``: nothing. ``drips``: an octet now and then, for ever. ``repeats``: a refusal with all that was asked.
    """

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    silent: bool = False
    drips: bool = False
    repeats: bool = False

    @property
    def octets(self) -> bytes:
        body = self.body() if callable(self.body) else self.body
        return body if isinstance(body, bytes) else json.dumps(body).encode()


def signed(user: str, *, key: bytes = TOKEN_KEY, seconds: int = 3600, **claims: Any) -> str:
    """Return a token that Dovecot takes for a user, unless it is signed with another key or has ended."""
    now = int(time.time())
    about = {"sub": user, "email": user, "iss": TOKEN_ISSUER, "iat": now - 10, "exp": now + seconds, **claims}
    return jwt.encode(about, key, algorithm="HS256", headers={"kid": "default"})


def good(user: str, **fields: Any) -> Said:
    """Return an answer with a token that is good for an hour."""
    token = signed(user, roles=["IMAP.AccessAsApp"], scp="IMAP.AccessAsUser.All", aud="https://outlook.office365.com")
    return Said(body={"access_token": token, "token_type": "Bearer", "expires_in": 3600} | fields)


def refusal(error: str, description: str = "", status: int = 400, **fields: Any) -> Said:
    """Return an answer that gives no token."""
    return Said(status=status, body={"error": error, "error_description": description, **fields})


class Issuer:
    """The server. It says what is in ``says``, one after the other, and the last one again and again."""

    def __init__(self, folder: Path, *, tls: bool) -> None:
        self.asked: list[Asked] = []
        self.says: list[Said] = []
        self.ended = threading.Event()
        self._lock = threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        self.ca = ""
        if tls:
            make_certificate(folder)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
            # The handshake belongs to the thread of the connection: one that fails may not hold the others.
            self._http.socket = context.wrap_socket(self._http.socket, server_side=True, do_handshake_on_connect=False)
            self.ca = str(folder / "cert.pem")
        self.url = f"{'https' if tls else 'http'}://localhost:{self._http.server_port}"
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @property
    def forms(self) -> list[Mapping[str, str]]:
        """What was asked of the token endpoint, in order."""
        return [asked.form for asked in self.asked if asked.path.endswith("/token")]

    def stop(self) -> None:
        """End, with every request that is under way."""
        self.ended.set()
        self._http.shutdown()
        self._http.server_close()

    def answer(self, asked: Asked) -> Said:
        """Keep what was asked; return what to say."""
        with self._lock:
            self.asked.append(asked)
            if asked.path.endswith("/openid-configuration"):
                return Said(body=self._about())
            if asked.path.endswith("/devicecode"):
                return Said(body=self._device_code())
            said = self.says.pop(0) if len(self.says) > 1 else self.says[0]
        if said.silent:
            self.ended.wait()
        if said.repeats:
            words = (*asked.form.values(), urlencode(asked.form), asked.headers.get("Authorization", ""))
            return refusal("invalid_client", f"you sent {' '.join(words)}")
        return said

    def _about(self) -> dict[str, str]:
        base = f"{self.url}/{TENANT}"
        return {
            "issuer": f"{base}/v2.0",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
        }

    def _device_code(self) -> dict[str, Any]:
        return {
            "user_code": "ABCD-EFGH",
            "device_code": "device-code-of-the-test",
            "verification_uri": f"{self.url}/device",
            "expires_in": 900,
            "interval": 0,
        }


def login(user: str, client_id: str, refresh_token: str) -> dict[str, Any]:
    """Return the fields that an answer of Microsoft has besides the token when a person has logged in."""
    now = int(time.time())
    about = {"aud": client_id, "iss": "x", "iat": now, "exp": now + 3600, "preferred_username": user, "oid": "u"}
    info = base64.urlsafe_b64encode(json.dumps({"uid": "u", "utid": TENANT}).encode()).decode()
    return {
        "refresh_token": refresh_token,
        "id_token": jwt.encode(about, TOKEN_KEY, algorithm="HS256"),
        "client_info": info,
        "scope": "https://outlook.office.com/IMAP.AccessAsUser.All",
    }


def _handler(issuer: Issuer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def handle(self) -> None:
            try:
                if isinstance(self.request, ssl.SSLSocket):
                    self.request.do_handshake()
                super().handle()
            except OSError:
                # Whoever asked has gone, or does not trust the certificate.
                self.close_connection = True

        def _answer(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            said = issuer.answer(Asked(path=self.path, form=dict(parse_qsl(raw)), headers=dict(self.headers)))
            if said.drips:
                self._drip()
                return
            self.send_response_only(said.status)
            for name, value in {"Content-Type": "application/json", **said.headers}.items():
                self.send_header(name, value)
            octets = said.octets
            self.send_header("Content-Length", str(len(octets)))
            self.end_headers()
            self.wfile.write(octets)

        def _drip(self) -> None:
            self.send_response_only(200)
            self.end_headers()
            while not issuer.ended.wait(0.02):
                self.wfile.write(b" ")

        do_GET = do_POST = _answer  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    return Handler


@contextmanager
def running_issuer(folder: Path, *, tls: bool = False) -> Iterator[Issuer]:
    """Run an issuer for a block."""
    issuer = Issuer(folder, tls=tls)
    try:
        yield issuer
    finally:
        issuer.stop()
