"""Pin what the readers make of every mail of ours: tests/golden/<carrier>.json, and versions.json for their versions.

Mails of outages stand under the form of their reader: <form>.json.

Run as ``python -m tests.gate.golden`` (``make golden``), it writes the files anew and prints what differs, event by
event. The files hold every field of every update that is stated, and what became of the mail.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any

from domain.events import StatedCircuit, StatedEtr, StatedOutage, StatedWindow, Update, iso_utc
from domain.message import Reading
from parsers.maintenance import READER_VERSION
from parsers.outage.readers import READERS
from parsers.readers import OWN_READERS
from tests.readings import MAIL, OUTAGES, STORIES, own_mails, reading_of

GOLDEN = Path(__file__).parents[1] / "golden"
VERSIONS = "versions"
LIBRARY = "circuit-maintenance-parser"
LINE_CHARACTERS = 118

# The golden results of one carrier: of each of its mails what it says, as JSON.
Results = dict[str, dict[str, Any]]

_VALUE_CHARACTERS = 100
_NOT_STATED = "not stated"


def main() -> int:
    """Write the golden results anew, and print what differs from those that were held."""
    held, found = held_results(), found_results()
    lines = [*version_differences(held_versions(), found_versions()), *differences(held, found)]
    for carrier in held.keys() - found.keys():
        _file(carrier).unlink()
    GOLDEN.mkdir(exist_ok=True)
    for carrier, results in found.items():
        _write(carrier, results)
    _write(VERSIONS, found_versions())
    for line in lines:
        print(line)
    mails = sum(map(len, found.values()))
    print(f"{mails} mails of {len(found)} carriers: " + (f"{len(lines)} differences" if lines else "nothing differs"))
    return 0


# --- what is read now, and what was pinned ----------------------------------------------------------------------


def found_results() -> dict[str, Results]:
    """Return what the readers make of every own mail, by carrier and mail."""
    results: dict[str, Results] = {}
    for path in own_mails():
        root = next(root for root in (MAIL, STORIES, OUTAGES) if root in path.parents)
        carrier, *case = path.relative_to(root).with_suffix("").parts
        results.setdefault(carrier, {})["/".join((root.name, *case))] = _reading_json(reading_of(path))
    return results


def found_versions() -> dict[str, str]:
    """Return the versions of the readers of ours, and of the library."""
    return {LIBRARY: READER_VERSION} | {reader.label: reader.version for reader in (*OWN_READERS, *READERS)}


def held_results() -> dict[str, Results]:
    """Return the results that are pinned."""
    return {path.stem: _load(path.stem) for path in sorted(GOLDEN.glob("*.json")) if path.stem != VERSIONS}


def held_versions() -> dict[str, str]:
    """Return the versions whose results are pinned."""
    return _load(VERSIONS)


def _file(name: str) -> Path:
    return GOLDEN / f"{name}.json"


def _load(name: str) -> dict[str, Any]:
    held: dict[str, Any] = json.loads(_file(name).read_text(encoding="utf-8")) if _file(name).exists() else {}
    return held


def _write(name: str, value: Mapping[str, Any]) -> None:
    _file(name).write_text(_compact(value) + "\n", encoding="utf-8")


def _compact(value: Any, indent: int = 0) -> str:
    """Return a value as JSON, sorted: on one line where it fits there, else an entry on each."""
    line = json.dumps(value, ensure_ascii=False, sort_keys=True)
    if not value or not isinstance(value, dict | list) or indent + len(line) <= LINE_CHARACTERS:
        return line
    inner = " " * (indent + 1)
    if isinstance(value, dict):
        entries = [f"{inner}{json.dumps(key)}: {_compact(value[key], indent + 1)}" for key in sorted(value)]
        return "{\n" + ",\n".join(entries) + "\n" + " " * indent + "}"
    return "[\n" + ",\n".join(inner + _compact(entry, indent + 1) for entry in value) + "\n" + " " * indent + "]"


def _reading_json(reading: Reading) -> dict[str, Any]:
    said = {
        "provider": reading.provider,
        "reader": reading.reader,
        "disposition": reading.disposition,
        "reason": reading.reason,
        "detail": reading.detail or None,
        "warnings": reading.warnings or None,
        "updates": reading.updates,
    }
    return {name: _json(value) for name, value in said.items() if value is not None}


def _json(value: Any) -> Any:
    """Return a value in JSON's terms; of an update and its parts the fields that are stated.

    An estimate without an instant says that there is none, so that its words stand alone.
    """
    if isinstance(value, datetime):
        return iso_utc(value)
    if isinstance(value, tuple):
        return [_json(entry) for entry in value]
    if isinstance(value, Update | StatedWindow | StatedCircuit | StatedOutage | StatedEtr):
        stated = ((one.name, getattr(value, one.name)) for one in fields(value) if one.name != "reader_version")
        return {name: _json(entry) for name, entry in stated if entry is not None}
    return value


# --- what differs, for a person ---------------------------------------------------------------------------------


def version_differences(held: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """Return a line for each reader that has another version than when the results were pinned."""
    names = sorted(held.keys() | found.keys())
    changed = [name for name in names if held.get(name) != found.get(name)]
    return [f"{name}: version: {held.get(name, 'none')} → {found.get(name, 'none')}" for name in changed]


def differences(held: Mapping[str, Results], found: Mapping[str, Results]) -> list[str]:
    """Return a line for each field that differs, and for each mail and event that is new or gone."""
    lines: list[str] = []
    for carrier in sorted(held.keys() | found.keys()):
        before, after = held.get(carrier, {}), found.get(carrier, {})
        for case in sorted(before.keys() | after.keys()):
            said = list(_in_mail(before.get(case), after.get(case)))
            lines += [f"{carrier}/{case}: {line}" for line in said]
    return lines


def _in_mail(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> Iterator[str]:
    if before is None or after is None:
        told = after or before or {}
        events = ", ".join(_named(told["updates"])) or "no event"
        yield f"{'a new mail' if before is None else 'gone'}: {told['disposition']}, {events}"
        return
    yield from _in_fields({**before, "updates": 0}, {**after, "updates": 0})
    old, new = _named(before["updates"]), _named(after["updates"])
    for name in dict.fromkeys((*old, *new)):
        if name not in old or name not in new:
            yield f"{name}: {'a new event' if name in new else 'no event any more'}"
        else:
            yield from (f"{name}: {line}" for line in _in_update(old[name], new[name]))
    if old == new and list(old) != list(new):
        yield f"events in another order: {', '.join(old)} → {', '.join(new)}"


def _named(updates: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Return updates by the event and the account that each is about."""
    named: dict[str, Mapping[str, Any]] = {}
    for update in updates:
        name = update["event_id"] + (f" ({update['account']})" if "account" in update else "")
        named[name if name not in named else f"{name}, update {len(named) + 1}"] = update
    return named


def _in_update(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    yield from _in_fields({**before, "windows": 0, "outage": 0}, {**after, "windows": 0, "outage": 0})
    yield from (f"outage {line}" for line in _in_fields(before.get("outage") or {}, after.get("outage") or {}))
    old, new = before.get("windows") or [], after.get("windows") or []
    if len(old) != len(new) or (("windows" in before) != ("windows" in after)):
        yield f"windows: {_spans(before.get('windows'))} → {_spans(after.get('windows'))}"
        return
    for number, (one, other) in enumerate(zip(old, new, strict=True), start=1):
        yield from (f"window {number}: {line}" for line in _in_fields(one, other))


def _spans(windows: Sequence[Mapping[str, Any]] | None) -> str:
    if windows is None:
        return _NOT_STATED
    return ", ".join(f"{window['start']}/{window['end']}" for window in windows) or "none"


def _in_fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if name == "circuits" and old is not None and new is not None:
            yield f"circuits: {_circuits(old, new)}"
        else:
            yield f"{name}: {_told(old)} → {_told(new)}"


def _circuits(old: Sequence[Mapping[str, str]], new: Sequence[Mapping[str, str]]) -> str:
    before, after = ([f"{one['circuit_id']} {one.get('impact', '')}".rstrip() for one in each] for each in (old, new))
    gone = [f"-{circuit}" for circuit in before if circuit not in after]
    come = [f"+{circuit}" for circuit in after if circuit not in before]
    return ", ".join(gone + come) or f"in another order, or as often: {', '.join(before)} → {', '.join(after)}"


def _told(value: Any) -> str:
    text = _NOT_STATED if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _VALUE_CHARACTERS else f"{text[: _VALUE_CHARACTERS - 1]}…"


if __name__ == "__main__":
    sys.exit(main())
