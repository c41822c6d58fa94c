"""How a server answers with an object: whole, in brief, nested in another, or as the journal of changes keeps it."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from tests.servers.netbox.store import Row, Store
from tests.servers.netbox.tables import STATUS_COLOURS, Field, Kind, Model

# What a plugin calls itself.
_APPS = {"netbox_circuitmaintenance": "Netbox Circuit Maintenance Plugin"}


def app_title(label: str) -> str:
    """Return the name of an app as people read it."""
    return _APPS.get(label) or label.replace("_", " ").title()


class Renderer:
    """Render the objects of a store for the address that a client used."""

    def __init__(self, store: Store, zone: ZoneInfo, base: Callable[[Model], str]) -> None:
        self._store, self._zone, self._base = store, zone, base
        self._computed: dict[str, Callable[[Model, Row, str], Any]] = {
            "id": lambda model, row, host: row["id"],
            "url": lambda model, row, host: f"{host}{base(model)}{row['id']}/",
            "display_url": lambda model, row, host: f"{host}{base(model)}{row['id']}/".replace("/api/", "/"),
            "display": lambda model, row, host: self.name(model, row),
            "created": lambda model, row, host: self.moment(row["created"]),
            "last_updated": lambda model, row, host: self.moment(row["last_updated"]),
            "accounts": lambda model, row, host: [],
            "circuit_count": lambda model, row, host: len(store.with_value("circuit", "provider", row["id"])),
            "termination_a": lambda model, row, host: self._termination(row, "A", host),
            "termination_z": lambda model, row, host: self._termination(row, "Z", host),
            "status_color": lambda model, row, host: STATUS_COLOURS.get(row["status"]),
            "impact_count": lambda model, row, host: len(self._impacts(model, row)),
            "event": lambda model, row, host: self._other(row["event_content_type"], row["event_object_id"], host),
            "target": lambda model, row, host: self._target(row, host),
            "assigned_object": lambda model, row, host: self._other(
                row["assigned_object_type"], row["assigned_object_id"], host
            ),
            "changed_object": lambda model, row, host: self._other(
                row["changed_object_type"], row["changed_object_id"], host
            ),
            "created_by": lambda model, row, host: row.get("created_by", 1),
            "user": lambda model, row, host: {"id": 1, "display": row["user_name"], "username": row["user_name"]},
            "request_id": lambda model, row, host: row["request_id"],
            "prechange_data": lambda model, row, host: row["prechange_data"],
            "postchange_data": lambda model, row, host: row["postchange_data"],
        } | self._of_the_core()

    def _of_the_core(self) -> dict[str, Callable[[Model, Row, str], Any]]:
        absent = ("provider_account", "tenant", "install_date", "termination_date", "commit_rate", "distance")
        return {name: lambda model, row, host: None for name in (*absent, "distance_unit")} | {
            "app_name": lambda model, row, host: app_title(str(row["app_label"])),
            "model_name": lambda model, row, host: row["model"],
            "model_name_plural": lambda model, row, host: f"{row['model']}s",
            "public": lambda model, row, host: True,
            "features": lambda model, row, host: ["change_logging", "custom_fields", "journaling", "tags"],
            "is_plugin_model": lambda model, row, host: row["app_label"] == self._store.dialect.app,
            "rest_api_endpoint": lambda model, row, host: (
                self._base(served)
                if (served := self._store.model_of_label(f"{row['app_label']}.{row['model']}"))
                else None
            ),
        }

    def whole(self, model: Model, row: Row, host: str) -> dict[str, Any]:
        """Return an object as its own address answers it."""
        return self.only(model, row, host, model.shown)

    def only(self, model: Model, row: Row, host: str, names: Iterable[str]) -> dict[str, Any]:
        """Return some fields of an object, in the order in which they are asked for; what is not there is left out."""
        return {
            name: self._field(model, row, host, name) for name in names if name in model.shown or name in model.nested
        }

    def nested(self, model: Model, row: Row, host: str) -> dict[str, Any]:
        """Return an object as others that refer to it answer it."""
        return {name: self._field(model, row, host, name) for name in model.nested}

    def data(self, model: Model, row: Row) -> dict[str, Any]:
        """Return an object as the journal of changes keeps it: references as ids."""
        return {
            field.name: self.moment(value)
            if isinstance(value := row.get(field.name, field.default), datetime)
            else value
            for field in model.fields
            if field.kind is not Kind.NESTED
        }

    def moment(self, value: datetime | None) -> str | None:
        """Return an instant in the zone of the server."""
        if value is None:
            return None
        text = value.astimezone(self._zone).isoformat()
        return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text

    def name(self, model: Model, row: Row) -> str:
        """Return the name under which an object is shown."""
        match model.name:
            case "impact":
                return f"{self._event_name(row)} - {self._target_name(row)}"
            case "termination":
                return f"{self._store.rows('circuit')[row['circuit']]['cid']}: Termination {row.get('term_side', 'A')}"
            case "type":
                return f"{row['app_label']} > {row['model']}".title()
            case "entry":
                return f"{row['created']:%Y-%m-%d %H:%M} ({str(row.get('kind', 'info')).title()})"
            case "change":
                return f"{row['changed_object_type']} {row['object_repr']} {row['action']}d by {row['user_name']}"
            case name:
                return str(row[name])

    def _event_name(self, row: Row) -> str:
        if "circuitmaintenance" in row:
            return str(self._store.rows("maintenance")[row["circuitmaintenance"]]["name"])
        model = self._store.model_of_type(row["event_content_type"])
        return str(self._store.rows(model.key)[row["event_object_id"]]["name"]) if model else ""

    def _target_name(self, row: Row) -> str:
        if "circuit" in row:
            return str(self._store.rows("circuit")[row["circuit"]]["cid"])
        model = self._store.model_of_type(row["target_content_type"])
        found = self._store.rows(model.key).get(row["target_object_id"]) if model else None
        return self.name(model, found) if model and found else "Unknown"

    def _field(self, model: Model, row: Row, host: str, name: str) -> Any:
        field = model.field(name)
        return self._stored(model, field, row, host) if field else self._computed[name](model, row, host)

    def _stored(self, model: Model, field: Field, row: Row, host: str) -> Any:
        value = row.get(field.name, field.default)
        match field.kind:
            case Kind.MOMENT:
                return self.moment(value)
            case Kind.LABELLED:
                return {"value": value, "label": str(value).title()}
            case Kind.REFERENCE:
                other = self._store.model(field.of)
                return None if value is None else self.nested(other, self._store.rows(other.key)[value], host)
            case Kind.TAGS | Kind.NUMBERS:
                other = self._store.model("tag" if field.kind is Kind.TAGS else field.of)
                return [self.nested(other, self._store.rows(other.key)[number], host) for number in value or ()]
            case Kind.CUSTOM:
                return self.custom_fields(model, row)
            case Kind.NESTED:
                other = self._store.model(field.of)
                return [
                    self.nested(other, each, host)
                    for each in self._store.with_value(other.key, "circuitmaintenance", row["id"])
                ]
            case Kind.TYPE_NAMES:
                return list(value)
            case _:
                return value

    def custom_fields(self, model: Model, row: Row) -> dict[str, Any]:
        """Return the custom fields that objects of a model have; those without a value are null."""
        held = row.get("custom_fields") or {}
        return {
            each["name"]: held.get(each["name"])
            for each in self._store.rows("custom_field").values()
            if model.label in each["object_types"]
        }

    def _termination(self, row: Row, side: str, host: str) -> dict[str, Any] | None:
        model = self._store.model("termination")
        found = (
            each for each in self._store.with_value("termination", "circuit", row["id"]) if each["term_side"] == side
        )
        return next((self.nested(model, each, host) for each in found), None)

    def _impacts(self, model: Model, row: Row) -> list[Row]:
        number = self._store.type_number(model.label)
        found = self._store.with_value("impact", "event_object_id", row["id"])
        return [each for each in found if each["event_content_type"] == number]

    def _other(self, type_: Any, number: int, host: str) -> dict[str, Any] | None:
        """Return the object that a type and an id mean; None: it is gone."""
        model = self._store.model_of_type(type_)
        row = self._store.rows(model.key).get(number) if model else None
        return self.nested(model, row, host) if model and row else None

    def _target(self, row: Row, host: str) -> dict[str, Any] | None:
        """Return what an impact is on; None: it is gone. What is no model of this server is always there."""
        model = self._store.model_of_type(row["target_content_type"])
        if model is None:
            return {"id": row["target_object_id"]}
        found = self._store.rows(model.key).get(row["target_object_id"])
        return self.whole(model, found, host) if found else None
