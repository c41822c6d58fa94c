"""The query of a list: filters as the server knows them, order and page. What it does not know it ignores.

Source: https://github.com/netbox-community/netbox/blob/main/docs/reference/filtering.md
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from tests.servers.netbox.store import Row, Store
from tests.servers.netbox.tables import ORDER_LOOKUPS, TEXT_LOOKUPS, Filter, Kind, Match, Model
from tests.servers.netbox.values import Broken, Reader, Refused

Query = Mapping[str, Sequence[str]]
Test = Callable[[Row], bool]

# What is no filter in any list.
PAGING = {"limit", "offset", "ordering", "brief", "fields", "omit", "exclude", "format", "q"}
_NOT_THERE = "Select a valid choice. That choice is not one of the available choices."


class WrongQuery(Exception):
    """A filter with a value that the server refuses."""

    def __init__(self, body: Any) -> None:
        super().__init__(body)
        self.body = body


class Search:
    """The filters of a server, over its store."""

    def __init__(self, store: Store, reader: Reader) -> None:
        self._store, self._reader = store, reader

    def known(self, model: Model, parameter: str) -> bool:
        """Say whether a list does something about a parameter."""
        name, _, lookup = parameter.partition("__")
        if parameter in PAGING or (model.tagged and parameter in {"tag", "tag_id"}):
            return True
        if parameter.startswith("cf_"):
            return self._custom_field(model, parameter[3:]) is not None
        found = model.filters.get(name)
        return found is not None and lookup in _lookups(found)

    def rows(self, model: Model, query: Query) -> list[Row]:
        """Return what a query finds, in the order that it asks for or the model has."""
        tests = [test for name, values in query.items() for test in self._tests(model, name, values)]
        found = [row for row in self._candidates(model, query) if all(test(row) for test in tests)]
        return self.ordered(model, found, query.get("ordering", ("",))[-1])

    def ordered(self, model: Model, rows: Iterable[Row], ordering: str = "") -> list[Row]:
        """Return rows in an order; one by a field that is not there is ignored. What has no value comes last."""
        asked = tuple(name for name in ordering.split(",") if name)
        known = {"id", "created", "last_updated", *(field.name for field in model.fields)}
        order = asked if asked and all(name.lstrip("-") in known for name in asked) else model.order
        done = sorted(rows, key=lambda row: row["id"], reverse=order[0].startswith("-"))
        for name in reversed(order):
            key = name.lstrip("-")
            if key != "id":
                done.sort(key=lambda row, key=key: _sortable(row.get(key)), reverse=name.startswith("-"))
        return done

    def _candidates(self, model: Model, query: Query) -> Iterator[Row]:
        """Yield the rows that a filter over an index leaves, or all."""
        for name in model.indexed:
            for parameter in (name, f"{name}__ie", f"{name}_id"):
                found = model.filters.get(parameter.removesuffix("__ie"))
                values = [value for value in query.get(parameter, ()) if value]
                if values and found and found.field == name and found.match in {Match.TEXT, Match.LAST, Match.ANY}:
                    whole = values if found.match is Match.TEXT else [int(each) for each in values if each.isdecimal()]
                    return self._store.candidates(model.key, name, whole)
                if values and found and found.match is Match.ORDER and parameter == name:
                    return self._store.candidates(model.key, name, [int(each) for each in values if each.isdecimal()])
        return iter(list(self._store.rows(model.key).values()))

    def _tests(self, model: Model, parameter: str, values: Sequence[str]) -> Iterator[Test]:
        wanted = [value for value in values if value != ""]
        if not wanted or not self.known(model, parameter):
            return
        if parameter == "q":
            yield self._search(model, wanted[-1])
        elif parameter in {"tag", "tag_id"} and model.tagged:
            yield self._tag(parameter, wanted)
        elif parameter.startswith("cf_"):
            yield lambda row: str((row.get("custom_fields") or {}).get(parameter[3:])) in wanted
        elif parameter not in PAGING:
            name, _, lookup = parameter.partition("__")
            yield self._filter(model, parameter, model.filters[name], lookup, wanted)

    def _search(self, model: Model, text: str) -> Test:
        if model.search is None:
            raise Broken(
                "Unsupported lookup 'icontains' for ForeignKey or join on the field not permitted.", "FieldError"
            )
        names = model.search
        return lambda row: any(text.lower() in str(self._value(model, row, name)).lower() for name in names)

    def _value(self, model: Model, row: Row, name: str) -> Any:
        """Return a field, or one of what a field refers to ("circuit.cid")."""
        first, _, rest = name.partition(".")
        field = model.field(first)
        if rest and field:
            other = self._store.rows(field.of).get(row.get(first) or 0, {})
            return other.get(rest, "")
        return row.get(first, "")

    def _tag(self, parameter: str, wanted: Sequence[str]) -> Test:
        tags = self._store.rows("tag")
        attribute = "slug" if parameter == "tag" else "id"
        numbers = []
        for value in wanted:
            number = next((each["id"] for each in tags.values() if str(each[attribute]) == value), None)
            if number is None:
                raise WrongQuery({parameter: [_not_available(value)]})
            numbers.append(number)
        return lambda row: all(number in row.get("tags", ()) for number in numbers)

    def _custom_field(self, model: Model, name: str) -> Row | None:
        rows = self._store.rows("custom_field").values()
        return next((row for row in rows if row["name"] == name and model.label in row["object_types"]), None)

    def _filter(self, model: Model, parameter: str, found: Filter, lookup: str, wanted: Sequence[str]) -> Test:
        field = found.field
        match found.match:
            case Match.TEXT:
                return _text(field, lookup, wanted)
            case Match.CHOICE:
                return self._choice(model, parameter, field, lookup, wanted)
            case Match.ORDER:
                return self._order(model, parameter, field, lookup, wanted)
            case Match.TRUTH:
                return lambda row: row.get(field) is (wanted[-1].lower() in {"true", "1"})
            case Match.LAST | Match.ANY | Match.ATTRIBUTE:
                return self._reference(model, parameter, found, wanted)
            case _:
                return self._other(model, parameter, found, wanted)

    def _other(self, model: Model, parameter: str, found: Filter, wanted: Sequence[str]) -> Test:
        field, yes = found.field, wanted[-1].lower() in {"true", "1"}
        match found.match:
            case Match.TYPE_NAME:
                return self._type_name(model, field, wanted[-1])
            case Match.HELD:
                return lambda row: (row.get(field) is not None) is yes
            case Match.REFERRED:
                referred = {row.get(field) for row in self._store.rows(model.key).values()}
                return lambda row: (row["id"] in referred) is yes
            case Match.AFTER:
                return self._order(model, parameter, field, "gte", wanted)
            case Match.BEFORE:
                return self._order(model, parameter, field, "lte", wanted)
            case _:
                raise AssertionError(found)

    def _type_name(self, model: Model, field: str, name: str) -> Test:
        """A number is read as a name, which no type has: it finds nothing."""
        kind = model.field(field)
        if kind and kind.kind is Kind.TYPE:
            try:
                number = self._store.type_number(name)
            except StopIteration:
                return lambda row: False
            return lambda row: row.get(field) == number
        return lambda row: row.get(field) == name

    def _reference(self, model: Model, parameter: str, found: Filter, wanted: Sequence[str]) -> Test:
        field = model.field(found.field)
        assert field
        rows = self._store.rows(field.of)
        if found.match is Match.ATTRIBUTE:
            numbers = self._by_attribute(parameter, found.attribute, rows, wanted)
        elif found.match is Match.LAST:
            if not wanted[-1].isdecimal() or int(wanted[-1]) not in rows:
                raise WrongQuery({parameter: [_NOT_THERE]})
            numbers = {int(wanted[-1])}
        else:
            absent = next((each for each in wanted if not each.isdecimal() or int(each) not in rows), None)
            if absent is not None:
                raise WrongQuery({parameter: [_not_available(absent)]})
            numbers = {int(each) for each in wanted}
        return lambda row: not numbers.isdisjoint(_as_numbers(row.get(field.name)))

    def _by_attribute(self, parameter: str, attribute: str, rows: Mapping[int, Row], wanted: Sequence[str]) -> set[int]:
        numbers = {str(row[attribute]): row["id"] for row in rows.values()}
        absent = next((value for value in wanted if value not in numbers), None)
        if absent is not None:
            raise WrongQuery({parameter: [_not_available(absent)]})
        return {numbers[value] for value in wanted}

    def _choice(self, model: Model, parameter: str, field: str, lookup: str, wanted: Sequence[str]) -> Test:
        known = model.field(field)
        assert known
        wrong = next((value for value in wanted if value not in known.choices), None)
        if lookup in {"", "n"} and wrong is not None:
            raise WrongQuery({parameter: [_not_available(wrong)]})
        return _text(field, lookup, wanted)

    def _order(self, model: Model, parameter: str, field: str, lookup: str, wanted: Sequence[str]) -> Test:
        known = model.field(field)
        if lookup == "empty":
            return lambda row: (row.get(field) is None) is (wanted[-1].lower() in {"true", "1"})
        moments = field in {"created", "last_updated"} or (known is not None and known.kind is Kind.MOMENT)
        values: list[Any] = []
        for value in wanted:
            try:
                values.append(self._reader.moment(value) if moments else int(value))
            except (Refused, ValueError):
                words = "Enter a valid date/time." if moments else "Enter a number."
                raise WrongQuery({parameter: [words]}) from None
        compared = _COMPARED.get(lookup)
        if compared:
            return lambda row: row.get(field) is not None and any(compared(row[field], value) for value in values)
        return lambda row: (row.get(field) in values) is (lookup == "")


_COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "gt": lambda held, value: held > value,
    "gte": lambda held, value: held >= value,
    "lt": lambda held, value: held < value,
    "lte": lambda held, value: held <= value,
}


def _lookups(found: Filter) -> tuple[str, ...]:
    match found.match:
        case Match.TEXT | Match.CHOICE:
            return TEXT_LOOKUPS
        case Match.ORDER:
            return ORDER_LOOKUPS
        case _:
            return ("",)


def _text(field: str, lookup: str, wanted: Sequence[str]) -> Test:
    if lookup == "empty":
        return lambda row: (not row.get(field)) is (wanted[-1].lower() in {"true", "1"})
    negated = lookup.startswith("n")
    if lookup in {"", "n"}:
        exact = set(wanted)
        return lambda row: (row.get(field, "") in exact) is not negated
    low = [value.lower() for value in wanted]
    held: Callable[[str], bool] = {
        "ie": lambda text: text in low,
        "ic": lambda text: any(value in text for value in low),
        "isw": lambda text: text.startswith(tuple(low)),
        "iew": lambda text: text.endswith(tuple(low)),
        "regex": lambda text: any(re.search(value, text) for value in wanted),
        "iregex": lambda text: any(re.search(value, text, re.IGNORECASE) for value in wanted),
    }[lookup[1:] if negated else lookup]
    cased = lookup == "regex"
    return lambda row: held(str(row.get(field) or "") if cased else str(row.get(field) or "").lower()) is not negated


def _not_available(value: str) -> str:
    return f"Select a valid choice. {value} is not one of the available choices."


def _as_numbers(value: Any) -> set[int]:
    if value is None:
        return set()
    return {value} if isinstance(value, int) else set(value)


def _sortable(value: Any) -> tuple[bool, Any]:
    if isinstance(value, datetime):
        return (False, value.timestamp())
    return (value is None, value if value is not None else 0)
