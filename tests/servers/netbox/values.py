"""What a NetBox takes as the value of a field, and the words with which it refuses the rest.

Source: https://www.django-rest-framework.org/api-guide/fields/
"""

import functools
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from tests.servers.netbox.store import Store
from tests.servers.netbox.tables import TARGETS, Field, Kind, Model

REQUIRED = "This field is required."
NULL = "This field may not be null."
BLANK = "This field may not be blank."
MOMENT = "Datetime has wrong format. Use one of these formats instead: YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z]."
NO_TARGET = "Related object not found using the provided value: {}."
# A zone of every machine that a server offers to nobody.
NO_CHOICE = {"Factory"}
_TRUE = {"t", "y", "yes", "true", "on", "1"}
_FALSE = {"f", "n", "no", "false", "off", "0"}
_LOCAL = re.compile(r"[-!#$%&'*+/=?^_`{}|~0-9A-Za-z]+(\.[-!#$%&'*+/=?^_`{}|~0-9A-Za-z]+)*\Z")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z", re.IGNORECASE)


@functools.cache
def _zones() -> set[str]:
    """Return the zones that there are: to look for them on the disk takes longer than a request."""
    return available_timezones()


class Refused(Exception):
    """A value that the server refuses: its words."""

    def __init__(self, *words: str | Mapping[str, str]) -> None:
        super().__init__(*words)
        self.words = words


class Broken(Exception):
    """A request that breaks the server: what it answers with 500."""

    def __init__(self, error: str, exception: str) -> None:
        super().__init__(error)
        self.error, self.exception = error, exception


class Reader:
    """Read the values of fields as a server does: its clock's zone, its objects."""

    def __init__(self, store: Store, zone: ZoneInfo) -> None:
        self._store, self._zone = store, zone

    def read(self, field: Field, value: Any, known: Mapping[str, Any]) -> Any:
        """Return what is stored for a value; ``known`` holds the fields of the object that were read before."""
        if value is None:
            if field.null:
                return None
            raise Refused(NULL)
        match field.kind:
            case Kind.TEXT | Kind.ADDRESS | Kind.ZONE:
                return self._text(field, value)
            case Kind.CHOICE | Kind.LABELLED:
                return _choice(field, value)
            case Kind.MOMENT:
                return self.moment(value)
            case Kind.TRUTH:
                return _truth(value)
            case Kind.REFERENCE:
                return self.reference(self._store.model(field.of), value)
            case _:
                return self._by_type(field, value, known)

    def _by_type(self, field: Field, value: Any, known: Mapping[str, Any]) -> Any:
        match field.kind:
            case Kind.NUMBER:
                return _number(value)
            case Kind.TYPE:
                return self._type(field, value)
            case Kind.TYPE_NAME:
                return self._type_name(value)
            case Kind.TYPE_NAMES:
                return tuple(self._type_name(each) for each in value)
            case Kind.OBJECT:
                return self._object(field, value, known)
            case Kind.NUMBERS:
                return tuple(self.reference(self._store.model(field.of), each) for each in value)
            case Kind.TAGS:
                return tuple(self.reference(self._store.model("tag"), each) for each in value)
            case _:
                raise AssertionError(field)

    def _text(self, field: Field, value: Any) -> str:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise Refused("Not a valid string.")
        text = str(value).strip()
        if not text and not field.blank:
            raise Refused(BLANK)
        if field.length and len(text) > field.length:
            raise Refused(f"Ensure this field has no more than {field.length} characters.")
        if "\0" in text:
            raise Refused("Null characters are not allowed.")
        if lone := next((each for each in text if "\ud800" <= each <= "\udfff"), None):
            raise Refused(f"Surrogate characters are not allowed: U+{ord(lone):X}.")
        if field.kind is Kind.ADDRESS and not is_address(text):
            raise Refused("Enter a valid email address.")
        if field.kind is Kind.ZONE and text not in _zones():
            raise Refused("A valid timezone is required.")
        if field.kind is Kind.ZONE and text in NO_CHOICE:
            raise Refused(f"Value zoneinfo.ZoneInfo(key='{text}') is not a valid choice.")
        return text

    def moment(self, value: Any) -> datetime:
        """Return an instant; what has no offset is local to the server."""
        try:
            read = datetime.fromisoformat(value)
        except (TypeError, ValueError):
            raise Refused(MOMENT) from None
        return (read if read.tzinfo else read.replace(tzinfo=self._zone)).astimezone(UTC)

    def reference(self, model: Model, value: Any) -> int:
        """Return the id of an object that is referred to by its id or by attributes."""
        if isinstance(value, Mapping):
            return self._by_attributes(model, value)
        try:
            number = int(value)
        except (TypeError, ValueError):
            raise Refused(
                "Related objects must be referenced by numeric ID or by dictionary of attributes. "
                f"Received an unrecognized value: {value}"
            ) from None
        if number not in self._store.rows(model.key):
            raise Refused(f"Related object not found using the provided numeric ID: {number}")
        return number

    def _by_attributes(self, model: Model, attributes: Mapping[str, Any]) -> int:
        found = list(self._matching(model, attributes))
        said = dict(_flat(attributes))
        if not found:
            raise Refused(f"Related object not found using the provided attributes: {said}")
        if len(found) > 1:
            raise Refused(f"Multiple objects match the provided attributes: {said}")
        return found[0]

    def _matching(self, model: Model, attributes: Mapping[str, Any]) -> list[int]:
        rows = list(self._store.rows(model.key).values())
        for name, value in attributes.items():
            field = model.field(name)
            if name != "id" and field is None:
                choices = ", ".join(sorted({"id", *(each.name for each in model.fields)}))
                raise Refused(f"Cannot resolve keyword '{name}' into field. Choices are: {choices}")
            if isinstance(value, Mapping) and field:
                within = set(self._matching(self._store.model(field.of), value))
                rows = [row for row in rows if row.get(name) in within]
            else:
                rows = [row for row in rows if str(row.get(name)) == str(value)]
        return [row["id"] for row in rows]

    def _type(self, field: Field, value: Any) -> int:
        try:
            number = int(value)
        except (TypeError, ValueError):
            raise Refused(f"Incorrect type. Expected pk value, received {type(value).__name__}.") from None
        row = self._store.rows("object_type").get(number)
        of_event = field.name.startswith("event")
        if row is None or (of_event and (row["app_label"], row["model"]) not in self._events()):
            raise Refused(f'Invalid pk "{value}" - object does not exist.')
        name = f"{row['app_label']}.{row['model']}"
        if not of_event and name not in {each.lower() for each in TARGETS}:
            raise Refused(f"Content type '{name}' is not allowed. Allowed types: {', '.join(TARGETS)}")
        return number

    def _events(self) -> set[tuple[str, str]]:
        return {("notices", "maintenance"), ("notices", "outage")}

    def _type_name(self, value: Any) -> str:
        if self._store.model_of_label(str(value)) is None:
            raise Refused(f"Invalid content type: {value}")
        return str(value)

    def _object(self, field: Field, value: Any, known: Mapping[str, Any]) -> int:
        number = _number(value)
        if field.of == "maintenance":
            if number not in self._store.rows("maintenance"):
                raise Refused(f'Invalid pk "{value}" - object does not exist.')
            return number
        model = self._store.model_of_type(known.get(field.of))
        # Where the type was refused, nothing is said of the object; where it is no model of this server, all exist.
        if field.of != "assigned_object_type" and model and number not in self._store.rows(model.key):
            raise Refused(NO_TARGET.format(number))
        return number


def is_address(text: str) -> bool:
    """Say whether a text is an address with nothing around it, at a host with a dot, at an IP or at localhost."""
    local, at, host = text.rpartition("@")
    if not at or not _LOCAL.match(local):
        return False
    if host == "localhost" or (host.startswith("[") and host.endswith("]")):
        return True
    try:
        labels = host.encode("idna").decode().split(".")
    except UnicodeError:
        return False
    return len(labels) > 1 and len(labels[-1]) > 1 and all(_LABEL.match(label) for label in labels)


def _choice(field: Field, value: Any) -> str | None:
    if isinstance(value, Mapping):
        value = value.get("value")
    if value == "" and field.blank:
        return ""
    if value not in field.choices:
        raise Refused(f'"{value}" is not a valid choice.')
    return str(value)


def _truth(value: Any) -> bool:
    said = str(value).lower()
    if said not in _TRUE | _FALSE:
        raise Refused("Must be a valid boolean.")
    return said in _TRUE


def _number(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        raise Refused("A valid integer is required.") from None


def _flat(attributes: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    pairs: list[tuple[str, Any]] = []
    for name, value in attributes.items():
        if isinstance(value, Mapping):
            pairs += _flat(value, f"{prefix}{name}__")
        else:
            pairs.append((f"{prefix}{name}", value))
    return pairs
