"""The objects of the server, in memory: tables with indexes, and a journal of undoing for what is all or nothing."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tests.servers.netbox.tables import Dialect, Kind, Model

Row = dict[str, Any]

# Numbers that tell one type from another and say nothing else; a client that knows them by heart is wrong.
_TYPE_NUMBERS = {"circuits.circuit": 31, "circuits.provider": 43, "dcim.site": 57, "notices.maintenance": 211}


class _Table:
    def __init__(self, model: Model) -> None:
        self.model = model
        self.rows: dict[int, Row] = {}
        self.indexes: dict[str, dict[Any, dict[int, None]]] = {name: {} for name in model.indexed}
        self._last = 0

    def next_id(self) -> int:
        self._last += 1
        return self._last

    def put(self, row: Row) -> None:
        self._last = max(self._last, row["id"])
        self.rows[row["id"]] = row
        for name, index in self.indexes.items():
            index.setdefault(index_key(row.get(name)), {})[row["id"]] = None

    def take(self, number: int) -> Row:
        row = self.rows.pop(number)
        for name, index in self.indexes.items():
            del index[index_key(row.get(name))][number]
        return row


class Store:
    """The tables of a dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self._tables = {model.key: _Table(model) for model in dialect.models}
        self._labels = {model.label: model for model in dialect.models}
        # How to undo what the transaction under way has done, newest last.
        self._undo: list[tuple[str, int, Row | None]] | None = None
        self._add_types()

    def _add_types(self) -> None:
        labels = [*self._labels, "dcim.site", "dcim.device", "dcim.powerfeed"]
        free = iter(range(101, 1000, 3))
        for label in labels:
            app_label, _, model = label.partition(".")
            number = _TYPE_NUMBERS.get(label) or next(free)
            self.put("object_type", {"id": number, "app_label": app_label, "model": model})

    def model(self, key: str) -> Model:
        """Return a model by its key."""
        return self._tables[key].model

    def has(self, key: str) -> bool:
        """Say whether the dialect has a model."""
        return key in self._tables

    def model_of_label(self, label: str) -> Model | None:
        """Return a model by its name ("app.model"); None: this server does not have it."""
        return self._labels.get(label)

    def model_of_type(self, type_: Any) -> Model | None:
        """Return the model of an object type, given by its number or by its name."""
        if isinstance(type_, str):
            return self.model_of_label(type_)
        row = self.rows("object_type").get(type_)
        return row and self.model_of_label(f"{row['app_label']}.{row['model']}")

    def type_number(self, label: str) -> int:
        """Return the number of an object type."""
        return next(
            row["id"] for row in self.rows("object_type").values() if f"{row['app_label']}.{row['model']}" == label
        )

    def rows(self, key: str) -> Mapping[int, Row]:
        """Return the objects of a model by their ids."""
        return self._tables[key].rows

    def with_value(self, key: str, field: str, value: Any) -> list[Row]:
        """Return the objects whose indexed field has a value; of texts, whatever the case."""
        table = self._tables[key]
        return [table.rows[number] for number in table.indexes[field].get(index_key(value), ())]

    def candidates(self, key: str, field: str, values: Iterable[Any]) -> Iterator[Row]:
        """Yield the objects whose indexed field may have one of some values."""
        for wanted in dict.fromkeys(index_key(value) for value in values):
            yield from self.with_value(key, field, wanted)

    def next_id(self, key: str) -> int:
        """Return the id of the next object of a model; none is given twice."""
        return self._tables[key].next_id()

    def put(self, key: str, row: Row) -> Row:
        """Store an object in place of the one with its id."""
        table = self._tables[key]
        former = table.take(row["id"]) if row["id"] in table.rows else None
        table.put(row)
        self._note(key, row["id"], former)
        return row

    def remove(self, key: str, number: int) -> None:
        """Delete an object, what cascades from it, and the journal entries on it."""
        former = self._tables[key].take(number)
        self._note(key, number, former)
        label = self.model(key).label
        for model in self.dialect.models:
            for row in self._dependants(model, key, label, number):
                if row["id"] in self.rows(model.key):
                    self.remove(model.key, row["id"])

    def _dependants(self, model: Model, key: str, label: str, number: int) -> list[Row]:
        if model.key == "journal":
            return [
                row
                for row in self.with_value("journal", "assigned_object_id", number)
                if row["assigned_object_type"] == label
            ]
        # Notifications of netbox-notices outlive their event, its impacts do not; those outlive what they are on.
        if model.key == "impact" and model.field("event_object_id"):
            type_ = self.type_number(label)
            found = self.with_value("impact", "event_object_id", number)
            return [row for row in found if row["event_content_type"] == type_]
        return [
            row
            for field in model.fields
            if field.kind is Kind.REFERENCE and field.of == key
            for row in (
                self.with_value(model.key, field.name, number)
                if field.name in model.indexed
                else [each for each in self.rows(model.key).values() if each.get(field.name) == number]
            )
        ]

    def _note(self, key: str, number: int, former: Row | None) -> None:
        if self._undo is not None:
            self._undo.append((key, number, former))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Undo everything if the block raises."""
        self._undo = []
        try:
            yield
        except BaseException:
            steps, self._undo = self._undo, None
            for key, number, former in reversed(steps):
                table = self._tables[key]
                if number in table.rows:
                    table.take(number)
                if former is not None:
                    table.put(former)
            raise
        finally:
            self._undo = None


def index_key(value: Any) -> Any:
    """Return what an index keeps of a value: of a text, its lower case."""
    return value.lower() if isinstance(value, str) else value
