"""The connection to a NetBox: requests that can be counted, answers of a known shape, failures that have a name.

Of pynetbox this uses how a request is written and its answer read. Its records, which ask for what they lack when it
is looked at, its look-ups of the version and of the schema, and its paging, which goes wherever the server's ``next``
points and takes the token there, are left alone: each method here is one request, but ``listed``, which is one a page.

Nothing in the environment has a say: no proxy, no .netrc (whose password would take the place of the token), no file
of CAs but those that OpenSSL itself honours (SSL_CERT_FILE, SSL_CERT_DIR). No redirect is followed, by no method.
"""

import io
import re
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self, overload
from urllib.parse import urlencode, urlsplit

import requests
from pynetbox.core.query import ContentError, Request
from requests.adapters import HTTPAdapter

from domain.errors import ConfigurationError, NetboxError, NetboxFailure
from domain.hiding import hide
from sync import answers

# More is asked for at once of no list; a server may be set to give less.
PAGE_OBJECTS = 500

# A server takes a request line of 4,094 characters; this leaves 500 for the path and the other filters.
# Source: https://docs.gunicorn.org/en/stable/settings.html#limit-request-line
_FILTER_CHARACTERS = 3500
_ASKED_AT_ONCE = 100

# What no list of 500 objects comes near, even with all their mails inside.
_LONGEST_ANSWER_BYTES = 256 * 1024 * 1024
_PIECE_BYTES = 65_536
_TOKEN = re.compile(r"[\x21-\x7e]+")
_HEADER = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,8000}[\x21-\x7e])?")
_V2_PREFIX = "nbt_"
_USER_AGENT = "maintd"

Object = dict[str, Any]
Value = str | int | bool | Sequence[str] | Sequence[int]


class Netbox:
    """A NetBox at one URL, as one token sees it. For one thread; every failure of a request is a NetboxError.

    ``url`` is what people open, a path included where NetBox is served under one. ``timeout_seconds`` holds for the
    connection and again for each silence of the server. ``ca_file`` None: the CAs of the system. A ``path`` is what
    follows ``/api/``. Raises ConfigurationError.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        timeout_seconds: float,
        ca_file: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._base = _base(url)
        self._session = _Session(
            prefix=f"{self._base}/", token=_checked_token(token), timeout_seconds=timeout_seconds, context=_tls(ca_file)
        )
        self._session.headers.update({"User-Agent": _USER_AGENT, **_checked_headers(headers or {})})

    def __repr__(self) -> str:
        return f"Netbox({self._base!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections that are kept open. May be called twice."""
        self._session.close()

    @property
    def requests(self) -> int:
        """Return how many requests were sent, those that failed included."""
        return self._session.sent

    @property
    def answered_at(self) -> datetime | None:
        """Return the server's clock at its last answer, in whole seconds. None: it has not said."""
        return self._session.answered_at

    def get(self, path: str, /, **params: Value) -> Object:
        """Return what stands at a path that is no list."""
        found, _ = self._ask("GET", path, _read_rows, params, offset=0)
        return self._object("GET", path, found[0] if len(found) == 1 else None)

    def listed(self, path: str, /, *, most: int | None = None, **params: Value) -> list[Object]:
        """Return the objects of a list, oldest first, page after page; ``most``: no more than so many, in one request.

        NetBox ignores a filter that it does not know and answers with everything: look at what came.
        """
        params = {"ordering": "id", **params}
        limit = PAGE_OBJECTS if most is None else min(most, PAGE_OBJECTS)
        found: list[Object] = []
        while True:
            page, count = self._page(path, params, limit=limit, offset=len(found))
            found += page
            if most is not None or not page or len(found) >= count:
                return found

    def _page(self, path: str, params: Mapping[str, Value], *, limit: int, offset: int) -> tuple[list[Object], int]:
        page, count = self._ask("GET", path, _read_rows, params, limit=limit, offset=offset)
        # What is no list at all comes as a page of one object, with the number of its fields for a count.
        if not isinstance(count, int) or not all(isinstance(each, dict) and "id" in each for each in page):
            raise self._strange("GET", path, "expected a list of objects with their ids")
        return page, count

    @overload
    def create(self, path: str, body: Mapping[str, Any], /) -> Object: ...
    @overload
    def create(self, path: str, body: Sequence[Mapping[str, Any]], /) -> list[Object]: ...
    def create(self, path: str, body: Any, /) -> Any:
        """Create an object, or all of a list or none of it; return it as it is held, a list in the order given."""
        if isinstance(body, Mapping):
            return self._object("POST", path, self._ask("POST", path, lambda request: request.post(dict(body))))
        if not body:
            return []
        made = self._ask("POST", path, lambda request: request.post(list(body)))
        return self._objects("POST", path, made, count=len(body))

    def change(self, path: str, body: Sequence[Mapping[str, Any]], /) -> list[Object]:
        """Change all of a list, each named by its "id", or none; return those that exist, in an order of the server's.

        An id that does not exist is no failure: it is missing in what is returned.
        """
        if not body:
            return []
        changed = self._ask("PATCH", path, lambda request: request.patch(list(body)))
        return self._objects("PATCH", path, changed)

    def change_one(self, path: str, number: int, body: Mapping[str, Any], /) -> Object:
        """Change one object; return it as it is held."""
        place = _place(path, number)
        return self._object("PATCH", place, self._ask("PATCH", place, lambda request: request.patch(dict(body))))

    def delete(self, path: str, ids: Sequence[int], /) -> None:
        """Delete all of these objects, or none where one cannot be. Ids that do not exist are passed over."""
        if ids:
            self._ask("DELETE", path, lambda request: request.delete([{"id": number} for number in ids]))

    def delete_one(self, path: str, number: int, /) -> None:
        """Delete one object; MISSING where there is none."""
        self._ask("DELETE", _place(path, number), lambda request: request.delete())

    def options(self, path: str, /) -> Object:
        """Return what may be done at a path: "actions", by method, hold only what the token has the right to."""
        return self._object("OPTIONS", path, self._ask("OPTIONS", path, lambda request: request.options()))

    def _ask(
        self,
        verb: str,
        path: str,
        ask: Callable[[Any], Any],
        params: Mapping[str, Value] | None = None,
        *,
        limit: int | None = None,
        offset: int | None = None,
    ) -> Any:
        """Return the answer to one request. That it is no JSON pynetbox finds; all other failures its session has seen.

        Nothing is raised from the error below: it holds the request, and that the token.
        """
        filters = {name: _written(value) for name, value in (params or {}).items()}
        request = Request(
            base=f"{self._base}/{_trimmed(path)}",
            http_session=self._session,
            filters=filters,
            limit=limit,
            offset=offset,
        )
        try:
            return ask(request)
        except ContentError as error:
            raise self._session.failed(error.req, NetboxFailure.BROKEN) from None
        except requests.RequestException as error:
            words = self._session.reason(error)
            raise NetboxError(f"{verb} {_trimmed(path)}", kind=NetboxFailure.UNREACHABLE, words=words) from None
        except (ValueError, RecursionError):
            raise self._strange(verb, path, "expected JSON of a sane depth and size") from None

    def _object(self, verb: str, path: str, answer: Any) -> Object:
        if not isinstance(answer, dict):
            raise self._strange(verb, path, "expected one object")
        return answer

    def _objects(self, verb: str, path: str, answer: Any, *, count: int | None = None) -> list[Object]:
        if not isinstance(answer, list) or not all(isinstance(each, dict) for each in answer):
            raise self._strange(verb, path, "expected a list of objects")
        if count is not None and len(answer) != count:
            raise self._strange(verb, path, f"got {len(answer)} objects, expected {count}")
        return answer

    def _strange(self, verb: str, path: str, words: str) -> NetboxError:
        return NetboxError(f"{verb} {_trimmed(path)}", kind=NetboxFailure.BROKEN, words=f"strange answer: {words}")


def portions(name: str, values: Sequence[str]) -> Iterator[list[str]]:
    """Yield the values of a filter, as many at a time as one request takes."""
    some: list[str] = []
    room = _FILTER_CHARACTERS
    for each in values:
        needed = len(urlencode({name: each})) + 1
        if some and (needed > room or len(some) == _ASKED_AT_ONCE):
            yield some
            some, room = [], _FILTER_CHARACTERS
        some.append(each)
        room -= needed
    if some:
        yield some


def _read_rows(request: Any) -> tuple[list[Any], Any]:
    """Return the objects of one page and how many there are in all, or what stands alone and how many fields it has."""
    try:
        return list(request.get()), request.count
    except (AttributeError, KeyError, TypeError):
        # JSON, but neither an object nor a list nor a page of one.
        return [], None


class _Session(requests.Session):
    """What each request passes through: a count, a time-out, the token; and each failure of an answer."""

    def __init__(self, *, prefix: str, token: str, timeout_seconds: float, context: ssl.SSLContext) -> None:
        super().__init__()
        self.sent = 0
        self.answered_at: datetime | None = None
        self.trust_env = False
        self.auth = _Token(token)
        self._prefix = prefix
        self._token = token
        self._timeout_seconds = timeout_seconds
        self.mount("https://", _Adapter(context))

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        """Send it once; return an answer that reports success, with all of it read."""
        self.sent += 1
        answer = _read(super().send(request, **options | {"timeout": self._timeout_seconds, "stream": True}))
        self.answered_at = answers.stamp(answer.headers.get("Date"))
        if answer.status_code >= HTTPStatus.MULTIPLE_CHOICES:
            raise self.failed(answer)
        return answer

    def reason(self, error: requests.RequestException) -> str:
        """Return what lies at the bottom of an error of the network."""
        return self._hidden(_reason(error, self._timeout_seconds))

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return None: nothing is followed."""
        return

    def failed(self, answer: requests.Response, kind: NetboxFailure | None = None) -> NetboxError:
        """Return what an answer means that is no success, or one that is ``kind`` of failure all the same."""
        is_json = "json" in answer.headers.get("Content-Type", "").lower()
        # Before it is cut to what fits in a line.
        said = answers.words(self._hidden(answer.content.decode("utf-8", "replace")), is_json=is_json)
        after = answers.retry_after(answer.headers.get("Retry-After"), date=self.answered_at)
        kind = kind or answers.failure(answer.status_code, is_json=is_json, asks_for_time=after is not None)
        words = answers.one_line(": ".join(filter(None, (self._status(answer), said))))
        return NetboxError(self._asked(answer.request), kind=kind, words=words, retry_after=after)

    def _status(self, answer: requests.Response) -> str:
        if answer.is_redirect:
            target = self._hidden(answers.one_line(answer.headers["Location"]))
            return f"{answer.status_code}, it is at {target}, which is not followed: expected its own URL"
        if answer.ok:
            return f"{answer.status_code}, but no JSON: expected the URL of a NetBox"
        return str(answer.status_code)

    def _asked(self, request: requests.PreparedRequest) -> str:
        path = (request.url or "").partition("?")[0].removeprefix(self._prefix)
        return f"{request.method} {path}"

    def _hidden(self, text: str) -> str:
        return hide(text, [self._token], mark="…")


class _Token(requests.auth.AuthBase):
    """The last to write the header, so that nothing takes its place. NetBox from 4.5 has tokens of a second kind."""

    def __init__(self, token: str) -> None:
        self._header = f"{'Bearer' if token.startswith(_V2_PREFIX) else 'Token'} {token}"

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = self._header
        return request


class _Adapter(HTTPAdapter):
    """Verify by this context alone: requests would bring a list of CAs of its own."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Have each connection made with the context."""
        super().init_poolmanager(*args, **options, ssl_context=self._context)

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Add nothing to the context."""


def _read(came: requests.Response) -> requests.Response:
    """Return the answer with all of it in memory; a server that never ends is left."""
    body = io.BytesIO()
    with came:
        for piece in came.iter_content(_PIECE_BYTES):
            if body.tell() > _LONGEST_ANSWER_BYTES:
                raise requests.exceptions.ContentDecodingError("the answer does not end")
            body.write(piece)
    answer = requests.Response()
    answer.status_code, answer.headers, answer.url = came.status_code, came.headers, came.url
    answer.request, answer.encoding = came.request, came.encoding
    body.seek(0)
    answer.raw = body
    return answer


def _reason(error: BaseException, timeout_seconds: float) -> str:
    if isinstance(error, requests.Timeout):
        return f"no answer within {timeout_seconds:g} seconds"
    below = error.__cause__ or error.__context__
    while below is not None:
        error, below = below, below.__cause__ or below.__context__
    if isinstance(error, OSError) and error.strerror:
        return answers.one_line(error.strerror)
    return answers.one_line(str(error)) or type(error).__name__


def _base(url: str) -> str:
    """Return where the REST API is, without a slash at the end."""
    if "@" in url:
        raise ConfigurationError(["netbox: url: expected no user and no password in it"])
    try:
        parts = urlsplit(url.strip())
        host = (parts.hostname or "").encode("idna")
        valid = parts.scheme in ("http", "https") and host and (parts.port is None or parts.port > 0)
    except ValueError:
        valid = False
    if not valid:
        raise ConfigurationError([f"netbox: url: got {url!r}, expected one such as https://netbox.example"])
    if parts.query or parts.fragment:
        raise ConfigurationError([f"netbox: url: got {url!r}, expected no query and no fragment in it"])
    path = parts.path.rstrip("/").removesuffix("/api")
    return f"{parts.scheme}://{parts.netloc}{path}/api"


def _checked_headers(headers: Mapping[str, str]) -> Mapping[str, str]:
    for name, value in headers.items():
        if not _HEADER.fullmatch(name) or not _HEADER.fullmatch(value):
            raise ConfigurationError([f"netbox: headers: {name!r}: expected printable ASCII characters"])
    return headers


def _checked_token(token: str) -> str:
    token = token.strip()
    if not _TOKEN.fullmatch(token):
        raise ConfigurationError(["netbox: token: expected one word of ASCII characters, as NetBox shows it once"])
    return token


def _tls(ca_file: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise ConfigurationError(
            [
                f"netbox: ca_file: {ca_file} cannot be used: {error.strerror or error}; "
                "expected a readable file with certificates in PEM form"
            ]
        ) from error


def _trimmed(path: str) -> str:
    """Return a path with the slash at its end that NetBox insists on."""
    return f"{path.strip('/')}/".lstrip("/")


def _place(path: str, number: int) -> str:
    return f"{_trimmed(path)}{number}/"


def _written(value: Value) -> Any:
    return str(value).lower() if isinstance(value, bool) else value
