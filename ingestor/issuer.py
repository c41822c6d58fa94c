"""A server that issues tokens: requests to it, each with an end, and what its refusals mean to a person.

Knows nothing of grants and of mailboxes. A proxy named in the environment is not used, no redirect is followed, and
nothing is logged.

Source: RFC 6749 5; Microsoft's and Google's lists of errors.
"""

import http.client
import json
import re
import socket
import ssl
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from domain.errors import TokenError
from domain.hiding import hide
from ingestor.sockets import Lifeline, explain, is_loopback, look_up, reach, secure, tls_context
from ingestor.terminal import one_line

CONNECT_SECONDS = 10.0

SILENT_SECONDS = 15.0

# One request, from the look-up of the name to the last octet of the answer.
ANSWER_SECONDS = 30.0

_LONGEST_ANSWER = 262_144
_LONGEST_WORDS = 300
_LATER = "tried again later"
_SECRET_FIELDS = frozenset({"assertion", "client_assertion", "client_secret", "device_code", "refresh_token"})

# What Microsoft adds to the words of each refusal: the same one would be another text each time.
_TRACE = re.compile(r"\s*(?:Trace ID|Correlation ID|Timestamp):.*", re.DOTALL)

# Refusals that pass by themselves.
_PASSING = re.compile(r"^(?:temporarily_unavailable|server_error|slow_down)\b|AADSTS(?:900(?:06|12|24|33|36)|50196)\b")

# What to do about a refusal, by its code and words: the first that fits.
_CURES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), cure)
    for pattern, cure in (
        (
            r"AADSTS7000222\b",
            "the client secret has expired: make another one in the app registration (Certificates & secrets) and put "
            "its value where client_secret points",
        ),
        (
            r"AADSTS7000215\b",
            "client_secret must be the value of the secret, which is shown once when it is made, and not its ID",
        ),
        (
            r"AADSTS(?:700016|7000229)\b",
            "client_id is not known in this tenant: check both; if they are right, an administrator of the tenant must "
            "consent to the application",
        ),
        (r"AADSTS7000112\b", "the application is disabled: enable it in the tenant's enterprise applications"),
        (r"AADSTS(?:90002|900023|900021|50059)\b", "there is no such tenant: check tenant, and authority if it is set"),
        (
            r"AADSTS(?:65001|65004)\b|^consent_required",
            "consent is missing: add the permission in the app registration (IMAP.AccessAsApp of Office 365 Exchange "
            "Online, or IMAP.AccessAsUser.All for a device code) and have an administrator grant consent",
        ),
        (
            r"AADSTS(?:500011|70011|1002012|650057)\b",
            'scope must be "https://outlook.office365.com/.default" for client-credentials, or '
            '"https://outlook.office.com/IMAP.AccessAsUser.All" for device-code; not set is right as a rule',
        ),
        (
            r"AADSTS(?:7000218|700025)\b",
            "the app registration does not allow a login without a secret: set Allow public client flows to yes, under "
            "Authentication",
        ),
        (
            r"AADSTS53003\b",
            "a conditional access policy of the tenant blocks this login: an administrator must except it",
        ),
        (r"AADSTS500(?:34|53|55|57)\b", "see to the user in the tenant, then run `maintd mailbox login` again"),
        (
            r"AADSTS(?:50076|50078|50079|50158|50173|70008|70043|70000|700082|700084)\b|^interaction_required",
            "the login of the person has ended: run `maintd mailbox login` again",
        ),
        (r"AADSTS70019\b|^expired_token", "the code was not entered in time: run it again"),
        (r"^authorization_declined|^access_denied", "the person, or a policy, has said no: run it again, or ask why"),
        (
            r"^unauthorized_client.*(?:Client is unauthorized|not authorized for any)",
            "the service account may not act for users: an administrator must add its client ID with the scope "
            "https://mail.google.com/ under Security, API controls, Domain-wide delegation",
        ),
        (r"^invalid_grant.*short-lived", "the clock of this machine is wrong: see to its time service"),
        (
            r"^invalid_grant.*(?:Invalid email|User ID)",
            "username must be the address of a user of the domain for which the delegation holds",
        ),
        (
            r"^invalid_grant.*(?:JWT Signature|account not found)",
            "the service account or its key was deleted: make another key and put it where service_account points",
        ),
        (r"^admin_policy_enforced|^org_internal", "an administrator of the domain must allow this application"),
        (r"^invalid_client|^deleted_client", "check client_id and client_secret, and client_secret_in if it is set"),
        (
            r"^invalid_grant",
            "what was granted has expired or was taken back: get another refresh token, or for a device code run "
            "`maintd mailbox login` again",
        ),
        (r"^unauthorized_client", "allow this application the grant at the issuer"),
        (r"^unsupported_grant_type", "the issuer does not know this grant: check grant and token_endpoint"),
        (r"^invalid_scope|^invalid_target", "check scope"),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an issuer answered: JSON, and no failure of its own. The names are those that msal asks for."""

    status_code: int
    text: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    fields: Mapping[str, Any] = field(repr=False)

    def raise_for_status(self) -> None:
        """Do nothing: a failure of the server never becomes an answer."""


class Conversation:
    """Requests to an issuer, until the lifeline is cut; without one each has a line of its own.

    Every failure is a TokenError. ``hide`` what must not stand in one.
    """

    def __init__(self, ca_file: str | None = None, lifeline: Lifeline | None = None) -> None:
        self._ca_file = ca_file
        self._lifeline = lifeline
        self._secrets: list[str] = []

    @property
    def cut(self) -> bool:
        """Say whether it was ended from outside."""
        return self._lifeline is not None and self._lifeline.cut_because is not None

    def hide(self, secret: str) -> str:
        """Return a secret, which no error will hold from now on, even where the issuer repeats it."""
        if secret:
            self._secrets.append(secret)
        return secret

    def post(self, url: str, fields: Mapping[str, Any] | str, headers: Mapping[str, str] | None = None) -> Answer:
        """Send a form and return the answer, which may be a refusal. What is secret in the form is hidden."""
        for name, value in parse_qsl(fields) if isinstance(fields, str) else fields.items():
            if name in _SECRET_FIELDS:
                self.hide(str(value))
        body = fields if isinstance(fields, str) else urlencode(fields)
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._ask("POST", url, body.encode(), {**(headers or {}), **kind})

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Return a document. A refusal is a TokenError."""
        answer = self._ask("GET", url, None, headers or {})
        if answer.status_code >= HTTPStatus.BAD_REQUEST:
            raise self.refused(url, answer.fields)
        return answer

    def refused(self, url: str, fields: Mapping[str, Any]) -> TokenError:
        """Return what a refusal means."""
        words = self._words(fields)
        host = urlsplit(url).hostname
        if _PASSING.search(words):
            return TokenError(f"{host} gives no token: {words}", _LATER, permanent=False)
        cure = next((cure for pattern, cure in _CURES if pattern.search(words)), "see what it says")
        return TokenError(f"{host} gives no token: {words}", cure, permanent=True)

    def not_understood(self, url: str, why: str) -> TokenError:
        """Return what is said of an answer that is none of a token endpoint."""
        host = urlsplit(url).hostname
        return TokenError(f"the answer of {host} is not to be understood: {why}", _LATER, permanent=False)

    def _words(self, fields: Mapping[str, Any]) -> str:
        said = [fields.get(key) for key in ("error", "error_description")]
        line = one_line(_TRACE.sub("", ": ".join(text for text in said if isinstance(text, str) and text)))
        return hide(line, self._secrets)[:_LONGEST_WORDS] or "no reason given"

    def _ask(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        host, port = _place(url)
        lifeline = self._lifeline or Lifeline()
        try:
            with lifeline.deadline(ANSWER_SECONDS):
                status, came, raw = self._exchange(lifeline, method, url, body, headers)
            if lifeline.cut_because is not None:
                # An answer that was cut can look like a short one.
                raise ConnectionAbortedError
        except (OSError, http.client.HTTPException, ValueError) as error:
            # What it says may hold a secret: "invalid header value", for one.
            raise self._failed(lifeline, host, port, error) from None
        finally:
            lifeline.close()
        return self._answer(url, status, came, raw)

    def _exchange(
        self, lifeline: Lifeline, method: str, url: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, dict[str, str], bytes]:
        host, port = _place(url)
        sock = reach(look_up(host, port), lifeline, seconds=CONNECT_SECONDS, silent_seconds=SILENT_SECONDS)
        parts = urlsplit(url)
        # The kind of the connection decides no more than how the port stands in the Host header.
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(host, port)
        # What it is given, it closes.
        connection.sock = sock
        with closing(connection):
            sock.settimeout(SILENT_SECONDS)
            if parts.scheme == "https":
                connection.sock = secure(sock, self._tls_context(), host)
            usual = {"Accept": "application/json", "Connection": "close", "User-Agent": "maintd"}
            connection.request(method, _target(url), body=body, headers={**usual, **headers})
            with connection.getresponse() as response:
                return response.status, dict(response.getheaders()), response.read(_LONGEST_ANSWER)

    def _tls_context(self) -> ssl.SSLContext:
        try:
            return tls_context(self._ca_file)
        except OSError as error:
            found = f"ca_file {self._ca_file} cannot be used: {error.strerror or error}"
            advice = "expected a readable file with certificates in PEM form"
            raise TokenError(found, advice, permanent=True) from None

    def _answer(self, url: str, status: int, headers: dict[str, str], raw: bytes) -> Answer:
        host = urlsplit(url).hostname
        text = raw.decode("utf-8", "replace")
        fields: object = None
        with suppress(ValueError, RecursionError):
            fields = json.loads(text)
        said = f": {self._words(fields)}" if isinstance(fields, dict) and "error" in fields else ""
        if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise TokenError(f"{host} answers HTTP {status}{said}", _LATER, permanent=False)
        if status >= HTTPStatus.MULTIPLE_CHOICES and not isinstance(fields, dict):
            raise TokenError(
                f"{host} answers HTTP {status}", "is this the address of a token endpoint?", permanent=True
            )
        if not isinstance(fields, dict):
            raise self.not_understood(url, "it is no JSON")
        return Answer(status_code=status, text=text, headers=headers, fields=fields)

    def _failed(self, lifeline: Lifeline, host: str, port: int, error: Exception) -> TokenError:
        name = f"{host}:{port}"
        if lifeline.cut_because is not None:
            return TokenError(f"{name} is too slow: {lifeline.cut_because}", _LATER, permanent=False)
        trouble = explain(error, host=host, port=port, ca_file=self._ca_file)
        if trouble is None:
            return TokenError(f"what {name} answers is no HTTP", _LATER, permanent=False)
        if isinstance(error, ssl.SSLCertVerificationError):
            return TokenError(f"{name}: {trouble.found}", trouble.advice, permanent=True)
        if isinstance(error, socket.gaierror):
            advice = "check the address of the issuer and the resolver of this machine; tried again later"
            return TokenError(f"{name}: {trouble.found}", advice, permanent=False)
        return TokenError(f"{name}: {trouble.found}", _LATER, permanent=False)


def _place(url: str) -> tuple[str, int]:
    """Return host and port of a URL. Raises TokenError where what is sent to it could be read on the way."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise TokenError(f"{url} is not https", "secrets are sent with encryption only", permanent=True)
    return host, parts.port or (443 if parts.scheme == "https" else 80)


def _target(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
