"""What a careful client sends: each body held against the tables, and against the OpenAPI schema where there is one.

A server takes more than that: attributes in place of an id, times without a zone, fields that it does not know.
"""

import functools
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.servers.netbox.tables import Dialect, Field, Kind, Model
from tests.servers.netbox.values import is_address

SCHEMAS = Path(__file__).parents[4] / "shared" / "netbox"
# Taken by every model since NetBox 4.4, and in no schema.
MESSAGE = "changelog_message"
_PARTS = re.compile(r"/\d+/\Z")
_TYPES: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}


def schema_path(dialect: Dialect, netbox: str) -> Path | None:
    """Return the file with the schema of a dialect on a NetBox, or of the dialect on another; None: there is none."""
    if dialect.schema is None:
        return None
    exact = SCHEMAS / f"openapi-{dialect.schema}-netbox-{netbox}.json"
    return exact if exact.exists() else next(iter(sorted(SCHEMAS.glob(f"openapi-{dialect.schema}-*.json"))), None)


@functools.cache
def load(path: Path) -> Mapping[str, Any]:
    """Return a schema, read once."""
    schema: Mapping[str, Any] = json.loads(path.read_text())
    return schema


class Contract:
    """The contract of a dialect. ``schema``: its OpenAPI schema, beside the checkout; None: the tables alone hold."""

    def __init__(self, dialect: Dialect, netbox: str) -> None:
        path = schema_path(dialect, netbox)
        self.schema = load(path) if path else None
        self.reason = "" if path else dialect.no_schema or f"no schemas of real servers in {SCHEMAS}"

    def problems(self, method: str, path: str, model: Model, body: Any) -> list[str]:
        """Say what is wrong with a body that is sent to the list or the object of a model at a path of the schema."""
        if method not in {"POST", "PUT", "PATCH"}:
            return []
        bulk = method != "POST" and not _PARTS.search(path)
        items = body if isinstance(body, list) else [body]
        found = [problem for item in items for problem in self._of_item(method, path, model, item, bulk=bulk)]
        return [f"{method} {path}: {problem}" for problem in dict.fromkeys(found)]

    def _of_item(self, method: str, path: str, model: Model, item: Any, *, bulk: bool) -> Iterator[str]:
        if not isinstance(item, dict):
            yield f"no object: {item!r}"
            return
        if bulk and not isinstance(item.get("id"), int):
            yield "id: none in an item of a list"
        said = {name: value for name, value in item.items() if name != MESSAGE and not (bulk and name == "id")}
        yield from _by_table(model, said, partial=method == "PATCH")
        if self.schema is not None:
            yield from self._by_schema(method, path, said)

    def _by_schema(self, method: str, path: str, item: Mapping[str, Any]) -> Iterator[str]:
        """A list that is changed is described as if each item were whole: the schema of one object is asked."""
        assert self.schema is not None
        whole = _PARTS.sub("/", path) + ("" if method == "POST" else "{id}/")
        operation = self.schema["paths"].get(whole, {}).get(method.lower())
        if operation is None:
            return
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        for each in schema.get("oneOf", (schema,)):
            if each.get("type") != "array":
                yield from self.violations(each, item, "")

    def violations(self, schema: Mapping[str, Any], value: Any, place: str) -> Iterator[str]:
        """Say where a value is not what a schema (OpenAPI 3.0) describes."""
        if "$ref" in schema:
            assert self.schema is not None
            schema = self.schema["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        if value is None and schema.get("nullable"):
            return
        for each in schema.get("allOf", ()):
            yield from self.violations(each, value, place)
        if "oneOf" in schema:
            tried = [list(self.violations(each, value, place)) for each in schema["oneOf"]]
            # Attributes may stand for an object, though the schema asks for all that it has.
            if all(tried) and not isinstance(value, dict):
                yield tried[0][0]
            return
        known = _TYPES.get(schema.get("type", ""))
        if known and not known(value):
            yield f"{place or 'body'}: no {schema['type']}: {value!r}"
            return
        yield from _limits(schema, value, place)
        yield from self._inside(schema, value, place)

    def _inside(self, schema: Mapping[str, Any], value: Any, place: str) -> Iterator[str]:
        if isinstance(value, list) and "items" in schema:
            for number, each in enumerate(value):
                if not isinstance(each, dict):
                    yield from self.violations(schema["items"], each, f"{place}[{number}]")
        if not isinstance(value, dict) or "properties" not in schema:
            return
        for name in schema.get("required", ()):
            if name not in value:
                yield f"{name}: required by the schema"
        for name, each in value.items():
            if name not in schema["properties"]:
                yield f"{name}: unknown to the schema"
            else:
                yield from self.violations(schema["properties"][name], each, name)


def _limits(schema: Mapping[str, Any], value: Any, place: str) -> Iterator[str]:
    if "enum" in schema and value not in schema["enum"]:
        yield f"{place}: none of the schema's choices: {value!r}"
    if not isinstance(value, str):
        return
    if len(value) > schema.get("maxLength", len(value)):
        yield f"{place}: longer than the schema's {schema['maxLength']}"
    if len(value) < schema.get("minLength", 0):
        yield f"{place}: shorter than the schema's {schema['minLength']}"
    if schema.get("pattern") and not re.search(schema["pattern"], value):
        yield f"{place}: does not fit the schema's pattern: {value!r}"
    if schema.get("format") == "date-time" and not _is_exact(value):
        yield f"{place}: no time with an offset: {value!r}"


def _by_table(model: Model, item: Mapping[str, Any], *, partial: bool) -> Iterator[str]:
    for name, value in item.items():
        field = model.field(name)
        if field is None or field.kind is Kind.NESTED:
            yield f"{name}: not a field that can be written"
        else:
            yield from (f"{name}: {problem}" for problem in _of_value(field, value))
    if not partial:
        yield from (f"{each.name}: required" for each in model.fields if each.required and each.name not in item)


def _of_value(field: Field, value: Any) -> Iterable[str]:
    if value is None:
        return () if field.null else ("null",)
    match field.kind:
        case Kind.TEXT | Kind.ADDRESS | Kind.ZONE:
            return _of_text(field, value)
        case Kind.CHOICE | Kind.LABELLED:
            return () if value in field.choices or (value == "" and field.blank) else (f"no choice: {value!r}",)
        case Kind.MOMENT:
            return () if isinstance(value, str) and _is_exact(value) else (f"no time with an offset: {value!r}",)
        case Kind.TRUTH:
            return () if isinstance(value, bool) else (f"neither true nor false: {value!r}",)
        case Kind.REFERENCE:
            return () if isinstance(value, int | dict) else (f"no reference: {value!r}",)
        case Kind.NUMBER | Kind.TYPE | Kind.OBJECT:
            return () if isinstance(value, int) else (f"no number: {value!r}",)
        case _:
            return ()


def _of_text(field: Field, value: Any) -> Iterator[str]:
    if not isinstance(value, str):
        yield f"no text: {value!r}"
        return
    if not value.strip() and not field.blank:
        yield "blank"
    if field.length and len(value) > field.length:
        yield f"longer than {field.length}"
    if "\0" in value:
        yield "with a NUL"
    if field.kind is Kind.ADDRESS and not is_address(value):
        yield f"no address: {value!r}"


def _is_exact(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
