"""Create, change and delete, one by one and in bulk, with the rules of each model and the journal of changes.

Source: https://github.com/netbox-community/netbox/blob/main/docs/integrations/rest-api.md
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from tests.servers.netbox.filters import Search
from tests.servers.netbox.rendering import Renderer, app_title
from tests.servers.netbox.store import Row, Store
from tests.servers.netbox.tables import Ends, Field, Freeze, Kind, Model, Unique
from tests.servers.netbox.values import NO_TARGET, REQUIRED, Broken, Reader, Refused

Errors = dict[str, Any]
# The column of the journal's messages; a longer one is an error of the database, which breaks the server.
MESSAGE_LENGTH = 200
_DICTIONARY = "Invalid data. Expected a dictionary, but got {}."


class Wrong(Exception):
    """A body that the server refuses with 400: what it says."""

    def __init__(self, body: Any) -> None:
        super().__init__(body)
        self.body = body


class Protected(Exception):
    """An object that cannot be deleted, because others need it."""


class Writer:
    """Write to a store as the server of a dialect does."""

    def __init__(
        self,
        store: Store,
        reader: Reader,
        search: Search,
        renderer: Renderer,
        *,
        now: Callable[[], datetime],
        strict_custom_fields: bool,
    ) -> None:
        self._store, self._reader, self._search, self._renderer = store, reader, search, renderer
        self._now, self._strict = now, strict_custom_fields

    def create(self, model: Model, body: Any, user: str) -> list[Row]:
        """Create what a body says, one object or a list of them: all or nothing."""
        bodies = body if isinstance(body, list) else [body]
        read = [self._read(model, each, None, partial=False) for each in bodies]
        if any(isinstance(each, _Refusal) for each in read):
            errors = [each.errors if isinstance(each, _Refusal) else {} for each in read]
            raise Wrong(errors if isinstance(body, list) else errors[0])
        with self._store.transaction():
            return [
                self._insert(model, values, user, _message(said))
                for values, said in zip(read, bodies, strict=True)
                if not isinstance(values, _Refusal)
            ]

    def change(self, model: Model, row: Row, body: Any, user: str, *, partial: bool) -> Row:
        """Change an object: what a PATCH names, or with a PUT all that it needs."""
        values = self._read(model, body, row, partial=partial)
        if isinstance(values, _Refusal):
            raise Wrong(values.errors)
        with self._store.transaction():
            return self._update(model, row, values, user, _message(body))

    def change_all(self, model: Model, body: Any, user: str, *, partial: bool) -> list[Row]:
        """Change the objects of a list; ids that are not there are dropped, and the answer has the model's order."""
        wanted = _by_id(body)
        found = [self._store.rows(model.key)[number] for number in wanted if number in self._store.rows(model.key)]
        done = []
        with self._store.transaction():
            for row in self._search.ordered(model, found):
                values = self._read(model, wanted[row["id"]], row, partial=partial)
                if isinstance(values, _Refusal):
                    raise Wrong(values.errors)
                done.append(self._update(model, row, values, user, _message(wanted[row["id"]])))
        return self._search.ordered(model, done)

    def delete_all(self, model: Model, body: Any, user: str) -> None:
        """Delete the objects of a list; ids that are not there are dropped."""
        with self._store.transaction():
            for number, said in _by_id(body).items():
                if row := self._store.rows(model.key).get(number):
                    self._remove(model, row, user, _message(said))

    def delete(self, model: Model, row: Row, body: Any, user: str) -> None:
        """Delete an object and what depends on it."""
        with self._store.transaction():
            self._remove(model, row, user, _message(body))

    # --- what a body says

    def _read(self, model: Model, body: Any, row: Row | None, *, partial: bool) -> "Row | _Refusal":
        if not isinstance(body, Mapping):
            return _Refusal({"non_field_errors": [_DICTIONARY.format(type(body).__name__)]})
        self._refuse_nested(model, body)
        values: Row = {}
        errors: Errors = {}
        for field in model.fields:
            try:
                self._read_field(model, field, body, values, row, partial=partial)
            except Refused as refused:
                errors[field.name] = list(refused.words) if isinstance(refused.words[0], str) else refused.words[0]
        if not errors:
            errors = self._rules(model, (row or {}) | values, row)
        return _Refusal(errors) if errors else values

    def _refuse_nested(self, model: Model, body: Mapping[str, Any]) -> None:
        written = [field for field in model.fields if field.kind is Kind.NESTED and field.name in body]
        if written:
            raise Broken(
                f"The `.update()` method does not support writable nested fields by default. ({written[0].name})",
                "AssertionError",
            )

    def _read_field(
        self, model: Model, field: Field, body: Mapping[str, Any], values: Row, row: Row | None, *, partial: bool
    ) -> None:
        if field.kind is Kind.NESTED:
            return
        if field.kind is Kind.CUSTOM:
            self._read_custom(model, body, values, row)
        elif field.name in body:
            values[field.name] = self._reader.read(field, body[field.name], (row or {}) | values)
        elif not partial:
            # What is left out keeps its value under PUT, and has its default under POST.
            if field.required:
                raise Refused(REQUIRED)
            if row is None:
                values[field.name] = self._now() if field.now else field.default

    def _read_custom(self, model: Model, body: Mapping[str, Any], values: Row, row: Row | None) -> None:
        said = body.get("custom_fields") or {}
        if not isinstance(said, Mapping):
            raise Refused("Invalid data format. Custom fields must be passed as a dictionary.")
        known = self._renderer.custom_fields(model, {})
        unknown = {
            name: f"Custom field '{name}' does not exist for this object type." for name in said if name not in known
        }
        if unknown and self._strict:
            raise Refused(unknown)
        held = (row or {}).get("custom_fields") or {}
        values["custom_fields"] = held | {name: value for name, value in said.items() if name in known}

    # --- rules

    def _rules(self, model: Model, values: Row, row: Row | None) -> Errors:
        """Say what is wrong with an object whose fields are right each for itself."""
        errors: Errors = {}
        if model.ended and values["status"] == model.ended and values.get("end") is None:
            errors["end"] = ["End time is required when marking outage as resolved"]
        elif self._ends_too_early(model, values):
            errors["end"] = [model.end_words]
        whole = [
            *self._frozen(model, model.freeze, values),
            *self._duplicate(model, model.unique, values, row),
            *self._shared(model, values, row),
        ]
        if whole:
            errors["__all__"] = whole
        return errors | self._journalled(model, values) | self._targeted(model, values)

    def _ends_too_early(self, model: Model, values: Row) -> bool:
        if model.ends is Ends.FREELY or values.get("end") is None:
            return False
        start, end = values["start"], values["end"]
        return bool(end < start or (end == start and model.ends is Ends.AFTER))

    def _frozen(self, model: Model, freeze: Freeze | None, values: Row) -> list[str]:
        if freeze is None:
            return []
        if model.field("circuitmaintenance"):
            event = self._store.rows("maintenance")[values["circuitmaintenance"]]
        else:
            events = self._store.model_of_type(values["event_content_type"])
            assert events
            event = self._store.rows(events.key)[values["event_object_id"]]
        return [freeze.words] if event["status"] in freeze.statuses else []

    def _duplicate(self, model: Model, unique: Unique | None, values: Row, row: Row | None) -> list[str]:
        if unique is None or not unique.checked or not self._twin(model, unique, values, row):
            return []
        return [unique.words]

    def _twin(self, model: Model, unique: Unique, values: Row, row: Row | None) -> bool:
        indexed = [name for name in unique.fields if name in model.indexed]
        found = min((self._store.with_value(model.key, name, values[name]) for name in indexed), key=len)
        own = (row or {}).get("id")
        return any(each["id"] != own and all(each[name] == values[name] for name in unique.fields) for each in found)

    def _shared(self, model: Model, values: Row, row: Row | None) -> list[str]:
        """Say which values another object has in a custom field that is unique."""
        held = values.get("custom_fields") or {}
        unique = [
            each["name"]
            for each in self._store.rows("custom_field").values()
            if each.get("unique") and held.get(each["name"]) is not None and model.label in each["object_types"]
        ]
        return [
            f"Custom field '{name}' must have a unique value."
            for name in unique
            if any(
                (each.get("custom_fields") or {}).get(name) == held[name] and each["id"] != (row or {}).get("id")
                for each in self._store.rows(model.key).values()
            )
        ]

    def _journalled(self, model: Model, values: Row) -> Errors:
        if model.key != "journal":
            return {}
        type_, number = values["assigned_object_type"], values["assigned_object_id"]
        on = self._store.model_of_type(type_)
        if on and number in self._store.rows(on.key):
            return {}
        named = f"{app_title(type_.partition('.')[0])} > {on.title.title()}" if on else type_
        return {"non_field_errors": [f"Invalid assigned_object: {named} ID {number}"]}

    def _targeted(self, model: Model, values: Row) -> Errors:
        """Say that what an impact is on is gone: then it can only be deleted."""
        on = self._store.model_of_type(values["target_content_type"]) if model.field("target_object_id") else None
        if on is None or values["target_object_id"] in self._store.rows(on.key):
            return {}
        return {"target_object_id": [NO_TARGET.format(values["target_object_id"])]}

    # --- rows

    def _insert(self, model: Model, values: Row, user: str, message: str) -> Row:
        now = self._now()
        # A number is used up though the row is refused, as those of a sequence are.
        row = {"id": self._store.next_id(model.key), **values, "created": now, "last_updated": now}
        self._keep_unique(model, values, None)
        self._store.put(model.key, row)
        self._journal(model, row, "create", user, message, None, self._renderer.data(model, row))
        if replaced := values.get("replaces"):
            former = self._store.rows(model.key)[replaced]
            self._update(model, former, {"status": "RE-SCHEDULED"}, user, "")
        return row

    def _update(self, model: Model, row: Row, values: Row, user: str, message: str) -> Row:
        changed = row | values | {"last_updated": self._now()}
        self._keep_unique(model, changed, row)
        before, after = self._renderer.data(model, row), self._renderer.data(model, changed)
        self._store.put(model.key, changed)
        if before != after:
            self._journal(model, changed, "update", user, message, before, after)
        return changed

    def _remove(self, model: Model, row: Row, user: str, message: str) -> None:
        if model.key == "provider" and self._store.with_value("circuit", "provider", row["id"]):
            raise Protected
        self._journal(model, row, "delete", user, message, self._renderer.data(model, row), None)
        self._store.remove(model.key, row["id"])

    def _keep_unique(self, model: Model, values: Row, row: Row | None) -> None:
        if model.unique and self._twin(model, model.unique, values, row):
            names = ", ".join(name if name.endswith("_object_id") else f"{name}_id" for name in model.unique.fields)
            held = ", ".join(str(values[name]) for name in model.unique.fields)
            raise Broken(
                f'duplicate key value violates unique constraint "{model.unique.constraint}"\n'
                f"DETAIL:  Key ({names})=({held}) already exists.",
                "IntegrityError",
            )

    def _journal(
        self,
        model: Model,
        row: Row,
        action: str,
        user: str,
        message: str,
        before: Mapping[str, Any] | None,
        after: Mapping[str, Any] | None,
    ) -> None:
        if len(message) > MESSAGE_LENGTH:
            raise Broken(f"value too long for type character varying({MESSAGE_LENGTH})", "DataError")
        self._store.put(
            "change",
            {
                "id": self._store.next_id("change"),
                "time": self._now(),
                "user_name": user,
                "request_id": str(uuid.uuid4()),
                "action": action,
                "changed_object_type": model.label,
                "changed_object_id": row["id"],
                "object_repr": self._renderer.name(model, row)[:200],
                "message": message,
                "prechange_data": before,
                "postchange_data": after,
            },
        )


class _Refusal:
    def __init__(self, errors: Errors) -> None:
        self.errors = errors


def _message(body: Any) -> str:
    return str(body.get("changelog_message") or "") if isinstance(body, Mapping) else ""


def _by_id(body: Any) -> dict[int, Mapping[str, Any]]:
    """Return the items of a bulk change or deletion by the ids that they name; of two with one id, the last."""
    if not isinstance(body, list):
        raise Wrong({"non_field_errors": [f'Expected a list of items but got type "{type(body).__name__}".']})
    errors: Sequence[Errors] = [_wrong_id(each) for each in body]
    if any(errors):
        raise Wrong(errors)
    return {int(each["id"]): each for each in body}


def _wrong_id(item: Any) -> Errors:
    if not isinstance(item, Mapping):
        return {"non_field_errors": [_DICTIONARY.format(type(item).__name__)]}
    if "id" not in item:
        return {"id": [REQUIRED]}
    return {} if str(item["id"]).isdecimal() else {"id": ["A valid integer is required."]}
