"""What is wrong with a configuration, each mistake as one line: where, what was found, what is expected.

``data`` is the file as TOML gives it. Values of secrets never come here: their mistakes bring a text of their own.
"""

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

Known = Mapping[str, Mapping[str, str]]
"""The sections of the file, their keys, and for each key an example, as in ``host = "imap.example.net"``, or "".

A section in an entry of another one is named as in TOML: ``provider.template``.
"""

LISTS = ("mailbox", "provider", "provider.template")

_PASSWORD_IN_URL = re.compile(r"(?<=://)([^:/?#]*):(.*)@")
_PASSWORD_IN_QUERY = re.compile(r"([?&][a-z]*passw(?:or)?d)=[^&]*", re.IGNORECASE)

_EXPECTED = {
    "greater_than_equal": "{ge} or more",
    "less_than_equal": "{le} or less",
    "literal_error": "{expected}",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "tuple_type": 'a list, as in ["one", "two"]',
    "string_type": "text in quotation marks",
    "path_type": "the path of a file in quotation marks",
}


class Mistake(ValueError):
    """Say what is wrong with a value of the configuration: the part of the line that follows the place."""


def unexpected(value: object, expected: str) -> Mistake:
    """Return the mistake that names what was found and what is expected. Not for secrets."""
    return Mistake(f"got {found(value)}, expected {expected}")


def line(details: Mapping[str, Any], data: Mapping[str, Any], known: Known) -> str:
    """Return the line for one error as pydantic describes it."""
    location = details["loc"]
    if details["type"] == "extra_forbidden":
        section = _section(location[:-1])
        keys = known[section] if section else [name for name in known if "." not in name]
        return f"{_place(location[:-1], data)}{unknown_key(location[-1], keys)}"
    return f"{_place(location, data)}{_problem(details, known)}"


def unknown_key(key: str, known: Iterable[str]) -> str:
    """Return what is said of a key that does not exist, with the nearest that does."""
    return f"unknown key {found(key)}, {nearest(key, known)}"


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the question whether the known name that is nearest was meant, or all of them where none is near."""
    names = {one.lower(): one for one in sorted(known)}
    near = difflib.get_close_matches(name.lower(), names, n=1)
    return f'did you mean "{names[near[0]]}"?' if near else f"expected one of {', '.join(names.values())}"


def duplicates(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield what stands twice in the file where once is expected."""
    for section in ("mailbox", "provider"):
        yield from _named_twice(data, section)
    for table in _tables(data, "provider"):
        whose = f"provider {found(table.get('name'))}"
        yield from (f"{whose}: {twice}" for twice in _named_twice(table, "template"))
        for sender in repeated([sender.lower() for sender in _texts(table, "senders")]):
            yield f"provider {found(table.get('name'))}: senders: {found(sender)} stands twice, expected each once"


def _named_twice(table: Mapping[str, Any], section: str) -> Iterator[str]:
    names = [one["name"] for one in _tables(table, section) if isinstance(one.get("name"), str)]
    for name in repeated(names):
        yield f"{section} {found(name)}: name: stands twice, expected a name for each {section}"


def repeated(values: Sequence[str]) -> list[str]:
    """Return the values that stand more than once, sorted."""
    return sorted({value for value in values if values.count(value) > 1})


def without_password(text: str) -> str:
    """Return a text with stars for the password of a URL in it, before the last @ or in the query."""
    return _PASSWORD_IN_QUERY.sub(r"\1=***", _PASSWORD_IN_URL.sub(r"\1:***@", text))


def found(value: object) -> str:
    """Return a value as it is shown in an error, cut to what fits in a line."""
    if isinstance(value, str):
        text = without_password(value)
        return json.dumps(text if len(text) <= 60 else f"{text[:57]}...", ensure_ascii=False)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "a list of tables" if value and all(isinstance(item, dict) for item in value) else "a list"
    return "a table" if isinstance(value, dict) else str(value)


def _place(location: Sequence[str | int], data: Mapping[str, Any]) -> str:
    """Return where in the file a mistake is: ``mailbox "noc": poll_seconds: ``."""
    places: list[str] = []
    value: Any = data
    for number, step in enumerate(location, start=1):
        one_alone = isinstance(value, str | int)
        value = _part(value, step)
        if isinstance(step, str):
            places.append(step)
        elif one_alone:
            continue
        elif _section(location[:number]) in LISTS:
            places[-1] = f"{places[-1]} {_entry(value, step)}"
        else:
            places.append(f"entry {step + 1}")
    return "".join(f"{place}: " for place in places)


def _section(location: Sequence[str | int]) -> str:
    """Return the section that a place in the file is in: ``provider.template`` for one of its templates."""
    return ".".join(step for step in location if isinstance(step, str))


def _part(value: Any, step: str | int) -> Any:
    """Return what stands at a key or a number; None where nothing does."""
    try:
        return value[step]
    except (KeyError, IndexError, TypeError):
        return None


def _entry(table: object, index: int) -> str:
    """Return a name for an entry of a list of tables: by its name where it has one, else by its number."""
    name = table.get("name") if isinstance(table, dict) else None
    return found(name) if isinstance(name, str) and name else str(index + 1)


def _problem(details: Mapping[str, Any], known: Known) -> str:
    kind, location, context = details["type"], details["loc"], details.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind == "missing":
        return f"missing, expected for example {known[_section(location[:-1])][location[-1]]}"
    if _section(location) in known:
        return _wrong_table(_section(location), details["input"])
    if kind not in _EXPECTED:
        return f"got {found(details['input'])}: {details['msg']}"
    expected = _EXPECTED[kind].format(**context).replace("'", '"')
    return f"got {found(details['input'])}, expected {expected}"


def _wrong_table(section: str, value: object) -> str:
    brackets = f"[[{section}]], in two brackets" if section in LISTS else f"[{section}], in one bracket"
    return f"got {found(value)}, expected its settings under {brackets}"


def _tables(data: Mapping[str, Any], section: str) -> list[dict[str, Any]]:
    value = data.get(section)
    return [table for table in value if isinstance(table, dict)] if isinstance(value, list) else []


def _texts(table: Mapping[str, Any], key: str) -> list[str]:
    value = table.get(key)
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []
