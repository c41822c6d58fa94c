"""What a NetBox answers to a request: who is let in, which list or object is meant, and what comes back."""

import re
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from tests.servers.netbox.access import ACTIONS, NOT_PERMITTED, Forbidden, Token, let_in
from tests.servers.netbox.contract import Contract
from tests.servers.netbox.filters import Search, WrongQuery
from tests.servers.netbox.rendering import Renderer
from tests.servers.netbox.store import Row, Store
from tests.servers.netbox.tables import Dialect, Field, Kind, Model
from tests.servers.netbox.values import Broken, Reader
from tests.servers.netbox.wire import (
    Answer,
    Request,
    Turned,
    check_accept,
    check_type,
    link,
    natural,
    not_allowed,
    page,
)
from tests.servers.netbox.writing import Protected, Writer, Wrong

PAGE_SIZE, MAX_PAGE_SIZE = 50, 1000
# What gunicorn takes: https://docs.gunicorn.org/en/stable/settings.html#limit-request-line
REQUEST_LINE_LIMIT = 4094
_WRITES = {"POST", "PUT", "PATCH", "DELETE"}
_LIST_METHODS = "GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS"
_OBJECT_METHODS = "GET, PUT, PATCH, DELETE, HEAD, OPTIONS"
_DETAIL = re.compile(r"(?P<list>.+/)(?P<id>\d+)/\Z")
_OPTION_TYPES = {
    Kind.CHOICE: "choice",
    Kind.LABELLED: "choice",
    Kind.MOMENT: "datetime",
    Kind.TRUTH: "boolean",
    Kind.ADDRESS: "email",
    Kind.REFERENCE: "nested object",
    Kind.OBJECT: "integer",
    Kind.NUMBER: "integer",
    Kind.TEXT: "string",
    Kind.ZONE: "string",
}


class Api:
    """The interface of a NetBox with a dialect, over objects in memory. For the parameters see ``Netbox``."""

    def __init__(
        self,
        dialect: Dialect,
        *,
        netbox: str | None = None,
        zone: str = "UTC",
        mount: str = "",
        base_path: str | None = None,
        migrated: bool = True,
        page_size: int = PAGE_SIZE,
        max_page_size: int = MAX_PAGE_SIZE,
    ) -> None:
        self.dialect, self.netbox, self.migrated = dialect, netbox or dialect.netbox, migrated
        self.mount = mount
        self.base_path = dialect.base_path if base_path is None else base_path
        self.page_size, self.max_page_size = page_size, max_page_size
        self.release = tuple(int(part) for part in self.netbox.split(".")[:2])
        self._python = "3.12.1" if self.release >= (4, 5) else "3.11.7"
        self.clock = timedelta()
        self.tokens: dict[str, Token] = {}
        self.breaches: list[str] = []
        self.ignored: list[tuple[str, str]] = []
        self.contract = Contract(dialect, self.netbox)
        self.lock = threading.RLock()
        self.store = Store(dialect)
        reader = Reader(self.store, ZoneInfo(zone))
        self._search = Search(self.store, reader)
        self.renderer = Renderer(self.store, ZoneInfo(zone), self.path_of)
        strict = self.release >= (4, 5)
        self.writer = Writer(self.store, reader, self._search, self.renderer, now=self.now, strict_custom_fields=strict)
        self._by_path = {self.path_of(model): model for model in dialect.models}
        self._last = datetime.now(UTC)

    def path_of(self, model: Model) -> str:
        """Return where the objects of a model are listed."""
        if "/" in model.path:
            return f"{self.mount}/api/{model.path}/"
        return f"{self.mount}/api/plugins/{self.base_path}/{model.path}/"

    def now(self) -> datetime:
        """Return what its clock says; never the same instant twice."""
        with self.lock:
            self._last = max(self._last + timedelta(microseconds=1), datetime.now(UTC) + self.clock)
            return self._last

    def answer(self, request: Request) -> Answer:
        """Return what the server answers."""
        if request.line > REQUEST_LINE_LIMIT:
            words = f"Request Line is too large ({request.line} &gt; {REQUEST_LINE_LIMIT})"
            return Answer(400, html=page("Bad Request", words), headers={"Connection": "close"})
        with self.lock:
            try:
                return self._routed(request)
            except Turned as refused:
                return refused.answer
            except Forbidden as forbidden:
                return Answer(403, {"detail": forbidden.detail})
            except (Wrong, WrongQuery) as wrong:
                return Answer(400, wrong.body)
            except Protected:
                return Answer(409, {"detail": "Unable to delete object. Dependent objects were found."})
            except Broken as error:
                return Answer(500, self._failure(error))

    def _failure(self, error: Broken) -> dict[str, str]:
        versions = {"netbox_version": self.netbox, "python_version": self._python}
        return {"error": error.error, "exception": error.exception, **versions}

    def _routed(self, request: Request) -> Answer:
        path = request.path
        if not path.endswith("/"):
            return self._without_slash(request)
        detail = _DETAIL.match(path)
        model = self._by_path.get(detail["list"] if detail else path)
        if model is None:
            return self._page(request)
        if request.method in _WRITES:
            check_type(request)
        check_accept(request)
        token = self._let_in(request)
        self._check_rights(request, token, model)
        if model.key == "outage" and not self.migrated:
            words = 'relation "netbox_circuitmaintenance_circuitoutage" does not exist\nLINE 1: SELECT COUNT(*)'
            raise Broken(words, "ProgrammingError")
        if detail:
            return self._object(request, model, int(detail["id"]), token)
        return self._list(request, model, token)

    def _without_slash(self, request: Request) -> Answer:
        if request.method in _WRITES and self.release >= (4, 5):
            return self._not_found()
        query = f"?{urlencode(request.query, doseq=True)}" if request.query else ""
        return Answer(301, html="", headers={"Location": f"{request.path}/{query}"})

    def _not_found(self) -> Answer:
        return Answer(404, html=page("Page Not Found", f"NetBox {self.netbox}"))

    def _let_in(self, request: Request) -> Token:
        header = request.headers.get("authorization")
        return let_in(header, self.tokens, now=datetime.now(UTC) + self.clock, both_kinds=self.release >= (4, 5))

    def _check_rights(self, request: Request, token: Token, model: Model) -> None:
        if request.method == "OPTIONS":
            return
        if request.method in _WRITES and not token.write:
            raise Forbidden(NOT_PERMITTED)
        # Object types are open to every user.
        if model.key != "object_type" and not token.may(ACTIONS[request.method], model.label):
            raise Forbidden(NOT_PERMITTED)

    # --- pages beside the models

    def _page(self, request: Request) -> Answer:
        root = f"{request.host}{self.mount}/api"
        plugin = f"/api/plugins/{self.base_path}/"
        pages = {
            "/api/": {name: f"{root}/{name}/" for name in ("circuits", "core", "extras", "ipam", "plugins", "status")},
            "/api/status/": self._status(),
            "/api/plugins/": {"installed-plugins": f"{root}/plugins/installed-plugins/"},
        }
        if self.dialect.app:
            pages["/api/plugins/"][self.base_path] = f"{root}/plugins/{self.base_path}/"
            own = [model.path for model in self.dialect.models if "/" not in model.path]
            names = sorted([*own, *self.dialect.others])
            pages[plugin] = {name: f"{root}/plugins/{self.base_path}/{name}/" for name in names}
        path = request.path.removeprefix(self.mount)
        if path == "/api/plugins/installed-plugins/":
            self._let_in(request)
            raise Forbidden(NOT_PERMITTED)
        if path not in pages or not request.path.startswith(f"{self.mount}/"):
            return self._not_found()
        self._let_in(request)
        if request.method not in {"GET", "HEAD", "OPTIONS"}:
            raise not_allowed(request.method, "GET, HEAD, OPTIONS")
        return Answer(200, pages[path])

    def _status(self) -> dict[str, Any]:
        plugins = {self.dialect.app: self.dialect.version} if self.dialect.app else {}
        return {
            "django-version": "5.2.13",
            "netbox-version": self.netbox,
            "netbox-full-version": self.netbox,
            "plugins": plugins,
            "python-version": self._python,
            "rq-workers-running": 1,
        }

    # --- lists

    def _list(self, request: Request, model: Model, token: Token) -> Answer:
        match request.method:
            case "GET" | "HEAD":
                return self._listed(request, model)
            case "OPTIONS":
                return self._options(model, token)
            case "POST" if model.writable:
                return self._create(request, model, token)
            case "PUT" | "PATCH" if model.writable:
                body = self._body(request, model)
                partial = request.method == "PATCH"
                rows = self.writer.change_all(model, body, token.user, partial=partial)
                return Answer(200, [self.renderer.whole(model, row, request.host) for row in rows])
            case "DELETE" if model.writable:
                self.writer.delete_all(model, request.body(), token.user)
                return Answer(204)
            case method:
                raise not_allowed(method, _LIST_METHODS if model.writable else "GET, HEAD, OPTIONS")

    def _body(self, request: Request, model: Model) -> Any:
        body = request.body()
        path = request.path.removeprefix(self.mount).replace(
            f"/plugins/{self.base_path}/", f"/plugins/{self.dialect.base_path}/"
        )
        self.breaches += self.contract.problems(request.method, path, model, body)
        return body

    def _create(self, request: Request, model: Model, token: Token) -> Answer:
        body = self._body(request, model)
        rows = self.writer.create(model, body, token.user)
        shown = [self.renderer.whole(model, row, request.host) for row in rows]
        return (
            Answer(201, shown)
            if isinstance(body, list)
            else Answer(201, shown[0], headers={"Location": shown[0]["url"]})
        )

    def _listed(self, request: Request, model: Model) -> Answer:
        query = dict(request.query)
        start = query.pop("start", None) if self.release >= (4, 6) else None
        self.ignored += [(request.path, name) for name in query if not self._search.known(model, name)]
        rows = self._search.rows(model, query)
        if start is not None:
            return Answer(200, self._from_start(request, model, rows, start[-1]))
        limit, offset = self._page_limits(query)
        return Answer(200, self._paged(request, model, rows, limit, offset))

    def _from_start(self, request: Request, model: Model, rows: list[Row], start: str) -> dict[str, Any]:
        """The way of 4.6 to page by the id: its parameter has the name of a field of events."""
        if not start.isdecimal():
            raise Wrong(["Invalid 'start' parameter: must be a non-negative integer."])
        limit, _ = self._page_limits(request.query)
        later = sorted((row for row in rows if row["id"] >= int(start)), key=lambda row: row["id"])
        after = later[limit]["id"] if len(later) > limit else None
        following = None if after is None else link(request, limit=limit, start=after)
        shown = [self._shape(request, model, row) for row in later[:limit]]
        return {"count": None, "next": following, "previous": None, "results": shown}

    def _page_limits(self, query: Mapping[str, Sequence[str]]) -> tuple[int, int]:
        limit, offset = (natural(query.get(name)) for name in ("limit", "offset"))
        if limit is None:
            return min(self.page_size, self.max_page_size), offset or 0
        return min(limit or self.max_page_size, self.max_page_size), offset or 0

    def _paged(self, request: Request, model: Model, rows: list[Row], limit: int, offset: int) -> dict[str, Any]:
        more = offset + limit < len(rows)
        before = max(offset - limit, 0) or None
        return {
            "count": len(rows),
            "next": link(request, limit=limit, offset=offset + limit) if more else None,
            "previous": link(request, limit=limit, offset=before) if offset else None,
            "results": [self._shape(request, model, row) for row in rows[offset : offset + limit]],
        }

    def _shape(self, request: Request, model: Model, row: Row) -> dict[str, Any]:
        query = request.query
        # Object types are answered whole, whatever is asked for.
        if model.key == "object_type":
            return self.renderer.whole(model, row, request.host)
        if fields := ",".join(query.get("fields", ())):
            return self.renderer.only(model, row, request.host, fields.split(","))
        brief = query.get("brief", ("",))[-1].lower() in {"true", "1"}
        names = model.brief if brief and model.brief else model.shown
        omitted = ",".join(query.get("omit", ())).split(",") if self.release >= (4, 5) else ()
        return self.renderer.only(model, row, request.host, (name for name in names if name not in omitted))

    def _options(self, model: Model, token: Token) -> Answer:
        fields = {
            "id": {"type": "integer", "required": False, "read_only": True, "label": "ID"},
            **{each.name: _option(each) for each in model.fields if each.kind is not Kind.NESTED},
        }
        allowed = {"POST": "add", "PUT": "change"}
        actions = {
            method: fields
            for method, action in allowed.items()
            if model.writable and token.write and token.may(action, model.label)
        }
        body = {
            "name": f"{model.title.title()} List",
            "description": "",
            "renders": ["application/json", "text/html"],
            "parses": ["application/json", "multipart/form-data"],
        }
        return Answer(200, body | ({"actions": actions} if actions else {}), headers={"Allow": _LIST_METHODS})

    # --- objects

    def _object(self, request: Request, model: Model, number: int, token: Token) -> Answer:
        if request.method == "POST":
            raise not_allowed("POST", _OBJECT_METHODS)
        row = self.store.rows(model.key).get(number)
        if row is None:
            raise Turned(404, {"detail": f"No {model.noun} matches the given query."}, Allow=_OBJECT_METHODS)
        match request.method:
            case "GET" | "HEAD":
                return Answer(200, self._shape(request, model, row), headers=self._tag(row))
            case "OPTIONS":
                return self._options(model, token)
            case "PUT" | "PATCH" if model.writable:
                return self._change(request, model, row, token)
            case "DELETE" if model.writable:
                self._check_match(request, row)
                self.writer.delete(model, row, request.body(), token.user)
                return Answer(204)
            case method:
                raise not_allowed(method, "GET, HEAD, OPTIONS")

    def _change(self, request: Request, model: Model, row: Row, token: Token) -> Answer:
        self._check_match(request, row)
        body = self._body(request, model)
        changed = self.writer.change(model, row, body, token.user, partial=request.method == "PATCH")
        return Answer(200, self.renderer.whole(model, changed, request.host), headers=self._tag(changed))

    def _tag(self, row: Row) -> dict[str, str]:
        if self.release < (4, 6) or "last_updated" not in row:
            return {}
        return {"ETag": f'W/"{row["last_updated"].isoformat()}"'}

    def _check_match(self, request: Request, row: Row) -> None:
        wanted, held = request.headers.get("if-match"), self._tag(row)
        if held and wanted not in {None, "*", held["ETag"]}:
            raise Turned(412, {"detail": "Precondition failed."}, **held)


def _option(field: Field) -> dict[str, Any]:
    said: dict[str, Any] = {
        "type": _OPTION_TYPES.get(field.kind, "field"),
        "required": field.required,
        "read_only": False,
        "label": field.name.replace("_", " ").capitalize(),
    }
    if field.length:
        said["max_length"] = field.length
    if field.choices:
        said["choices"] = [{"value": each, "display_name": each.title()} for each in field.choices]
    return said
