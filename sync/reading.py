"""Read what NetBox holds of one event into what is known of it; each row is looked at, whatever the filter was.

NetBox ignores a filter that it does not know, and nothing is unique but, in some dialects, an impact.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from itertools import islice
from typing import Any, TypeVar

from domain.errors import NetboxError, NetboxFailure
from domain.events import JsonValue
from sync import bodies
from sync.dialects import look_up
from sync.mapping import clean, shortened
from sync.netbox import Object, portions
from sync.plan import EVENT, JOURNAL, NO_JOURNAL, DriftKind, Run, rows_by
from sync.state import ON_ITS_WAY, HeldImpact, HeldRecord

# As many times or ids as the line of a request bears.
_AT_ONCE = 40
# A proof must be such that it can be asked for.
_PROOF_CHARACTERS = 200

_T = TypeVar("_T")


def read(run: Run) -> None:
    """Read what has to be read before anything is written: all where nothing is believed, else what is not known."""
    known = {slot for slot, held in run.state.records.items() if held.number is not None}
    slots = _slots_to_read(run, known)
    if not slots:
        return
    before = run.state.settle()
    rows = _rows(run, slots)
    for slot in slots:
        _take(run, slot, rows.get(slot))
    found = {slot for slot in slots if slot in rows and (run.everything or slot not in known)}
    for slot in sorted(found):
        _read_impacts(run, slot)
    anchor = run.state.settle()
    if anchor is None or anchor != before:
        run.forget_story()
    if anchor is not None and anchor in found:
        _read_notifications(run, anchor)
        _read_journal(run, anchor)


def _slots_to_read(run: Run, known: Collection[int]) -> set[int]:
    every = set(run.wants) | set(run.state.records)
    if run.everything:
        return every
    return {
        slot
        for slot, want in run.wants.items()
        if want.peoples is not None and (slot not in known or _is_uncertain(run, slot, want.fields, want.peoples))
    }


def _is_uncertain(run: Run, slot: int, fields: Mapping[str, JsonValue], peoples: Mapping[str, JsonValue]) -> bool:
    """Say whether something is to be changed that people may have changed meanwhile."""
    held = run.state.records[slot]
    return (
        run.material_changed()
        or fields.get(bodies.BLOCK) != held.fields.get(bodies.BLOCK)
        or any(held.peoples[name][-1] != value for name, value in peoples.items())
    )


# --- events


def _rows(run: Run, slots: Set[int]) -> dict[int, Object]:
    """Return the row of each slot that is there: by its id, else by its name and provider."""
    names = {slot: _names(run, slot) for slot in slots}
    every = {name for each in names.values() for name in each}
    ours = list(named(run, every))
    numbers = {slot: run.state.records[slot].number for slot in slots if slot in run.state.records}
    known = {number for number in numbers.values() if number is not None}
    by_number = rows_by(ours, known)
    lost = sorted(known - by_number.keys())
    if lost:
        for some in in_pieces(lost):
            by_number |= rows_by(run.netbox.listed(run.path, id=some), lost)
    found = {slot: by_number[number] for slot, number in numbers.items() if number in by_number}
    if run.custom_field and run.everything:
        found |= _proven(run, run.custom_field, slots - found.keys())
    taken = {held.number for held in run.state.records.values()} | {row["id"] for row in found.values()}
    for slot in sorted(slots):
        candidates = [row for row in ours if row["name"] in names[slot] and row["id"] not in taken]
        if slot not in found and candidates:
            found[slot] = min(candidates, key=lambda row: (not _same_start(run, slot, row), row["id"]))
            taken.add(found[slot]["id"])
    _note_duplicates(run, names, [row for row in ours if row["id"] not in taken])
    return found


def named(run: Run, names: Collection[str]) -> Iterator[Object]:
    """Yield the records of these names, of the same kind and provider as this event."""
    for some in portions("name", sorted(names)):
        by_name: dict[str, Any] = {**look_up("", run.provider_id), "name": some}
        try:
            rows = run.netbox.listed(run.path, **by_name)
        except NetboxError as error:
            if error.kind is not NetboxFailure.REFUSED:
                raise
            # All values that are sent can be read: what a list refuses is a provider that is there no more.
            raise NetboxError(f"GET {run.path}/", kind=NetboxFailure.MISSING, words=error.words) from None
        yield from (row for row in rows if row.get("name") in names and _provider(row) == run.provider_id)


def _proven(run: Run, custom_field: str, slots: Collection[int]) -> dict[int, Object]:
    """Return the rows that bear our proof, whatever they are called. A field that is not there filters nothing."""
    proofs = {proof(run, slot): slot for slot in slots}
    found: dict[int, Object] = {}
    for some in portions(f"cf_{custom_field}", sorted(proofs)):
        by_proof: dict[str, Any] = {f"cf_{custom_field}": some}
        rows = run.netbox.listed(run.path, most=len(some), **by_proof)
        bearing = ((row, (row.get("custom_fields") or {}).get(custom_field)) for row in rows)
        found |= {proofs[said]: row for row, said in bearing if said in proofs}
    return found


def proof(run: Run, slot: int) -> str:
    """Return what stands in the custom field of a record: no other has the same."""
    return f"{shortened(clean(run.desired.identity), _PROOF_CHARACTERS)}:{slot}"


def _names(run: Run, slot: int) -> set[str]:
    held, want = run.state.records.get(slot), run.wants.get(slot)
    return {each.name for each in (held, want) if each}


def _provider(row: Object) -> JsonValue:
    provider = row.get("provider")
    return provider.get("id") if isinstance(provider, dict) else provider


def _same_start(run: Run, slot: int, row: Object) -> bool:
    want = run.wants.get(slot)
    return want is not None and bodies.instant(row.get("start")) == want.fields.get("start")


def _note_duplicates(run: Run, names: dict[int, set[str]], rows: Iterable[Object]) -> None:
    for row in rows:
        slot = next((slot for slot, each in sorted(names.items()) if row["name"] in each), None)
        if slot is not None:
            run.drifted(DriftKind.DUPLICATE, slot, f"another record of this name: {row['id']}")


def _take(run: Run, slot: int, row: Object | None) -> None:
    """Believe what was read of a record."""
    held, want = run.state.records.get(slot), run.wants.get(slot)
    if row is None:
        if want is not None and want.peoples is not None:
            run.drifted(DriftKind.MISSING, slot, "the record")
        if held is not None:
            held.forget()
        return
    if held is None:
        held = run.state.records[slot] = HeldRecord(name=row["name"])
    held.number = row["id"]
    held.fields = bodies.found_fields(row, run.events)
    run.seen[slot] = bodies.found_peoples(row)
    run.comments[slot] = bodies.comments_of(row)
    if want is not None:
        for name, value in want.fields.items():
            if held.fields.get(name) != value:
                run.drifted(DriftKind.DIFFERENT, slot, f"{name}: {_shown(held.fields.get(name))} → {_shown(value)}")


def _shown(value: JsonValue) -> str:
    return "nothing" if value in (None, "") else str(value)


# --- what belongs to a record


def _read_impacts(run: Run, slot: int) -> None:
    impacts = run.dialect.impacts
    if impacts is None or not run.events.impacts:
        return
    held, kind, number = run.state.records[slot], run.desired.kind, run.number(slot)
    path = run.dialect.path(impacts)
    of_event: dict[str, Any] = run.dialect.event_filter(kind, number)
    rows = run.netbox.listed(path, **of_event)
    want = run.wants[slot].impacts if slot in run.wants else {}
    held.impacts = {}
    for row in sorted(rows, key=lambda row: int(row["id"])):
        circuit = run.dialect.circuit_of(row)
        if not run.dialect.belongs(row, kind, number) or circuit is None:
            continue
        if circuit not in want and circuit not in held.circuits:
            run.drifted(DriftKind.FOREIGN, slot, f"an impact on the circuit {_called(row, circuit)}")
        elif run.dialect.is_orphan(row):
            run.drifted(DriftKind.DIFFERENT, slot, f"the impact on the circuit {circuit}, which is gone: → nothing")
            run.surplus.setdefault(path, []).append(row["id"])
        elif circuit in held.impacts:
            run.drifted(DriftKind.DUPLICATE, slot, f"an impact on the circuit {circuit}")
            run.surplus.setdefault(path, []).append(row["id"])
        else:
            held.impacts[circuit] = HeldImpact(row["id"], row.get("impact") or "")
    _note_impacts(run, slot)


def _called(row: Object, circuit: int) -> str:
    """Return the name of the circuit of an impact, as far as NetBox gives it."""
    named: dict[str, JsonValue] = next(
        (row[name] for name in ("circuit", "target") if isinstance(row.get(name), dict)), {}
    )
    return str(named.get("cid") or named.get("display") or circuit)


def _note_impacts(run: Run, slot: int) -> None:
    held, want = run.state.records[slot].impacts, run.wants[slot].impacts if slot in run.wants else {}
    for circuit, level in want.items():
        if circuit not in held:
            run.drifted(DriftKind.MISSING, slot, f"the impact on the circuit {circuit}")
        elif held[circuit].level != level:
            found = _shown(held[circuit].level)
            run.drifted(DriftKind.DIFFERENT, slot, f"the impact on the circuit {circuit}: {found} → {level}")
    for circuit in sorted(held.keys() - want.keys()):
        run.drifted(DriftKind.DIFFERENT, slot, f"the impact on the circuit {circuit}: → nothing")


def _read_notifications(run: Run, slot: int) -> None:
    """Meet each mail with one in NetBox that says the same; what is there twice of ours is once too much."""
    notifications = run.dialect.notifications
    if notifications is None or not run.events.notifications:
        return
    before = run.state.notifications
    path, kind, number = run.dialect.path(notifications), run.desired.kind, run.number(slot)
    sent = {
        notice.key: bodies.told_apart(bodies.notification_of(notice, notifications), notifications)
        for notice in run.desired.notices
    }
    # Those of which nobody speaks any more are kept as they are: people may speak of them again.
    run.state.notifications = {key: number for key, number in before.items() if key not in sent}
    others = set(run.state.notifications.values())
    there: dict[tuple[JsonValue, ...], list[int]] = {}
    for row in sorted(_notification_rows(run, path, slot, sent.values()), key=lambda row: int(row["id"])):
        if run.dialect.belongs(row, kind, number) and row["id"] not in others:
            there.setdefault(bodies.found_notification(row, notifications), []).append(row["id"])
    for key, same in sent.items():
        if there.get(same):
            run.state.notifications[key] = there[same].pop(0)
        elif key in before and before[key] is None:
            run.state.notifications[key] = None
        else:
            run.drifted(DriftKind.MISSING, slot, f"the notification {key}")
    for numbers in (numbers for same, numbers in there.items() if same in sent.values() and numbers):
        run.drifted(DriftKind.DUPLICATE, slot, f"{len(numbers)} of the notifications")
        run.surplus.setdefault(path, []).extend(numbers)


def _notification_rows(run: Run, path: str, slot: int, sent: Iterable[tuple[JsonValue, ...]]) -> Iterator[Object]:
    """Yield the mails of a record, or, where they cannot be asked for, all that came at the times of ours."""
    notifications = run.dialect.notifications
    assert notifications is not None
    if notifications.by_event:
        of_event: dict[str, Any] = run.dialect.event_filter(run.desired.kind, run.number(slot))
        yield from run.netbox.listed(path, **of_event)
        return
    times = sorted({str(received) for _, _, received, _ in sent})
    for some in in_pieces(times):
        of_times: dict[str, Any] = {notifications.received_field: some}
        yield from run.netbox.listed(path, **of_times)


def is_uncertain(run: Run) -> bool:
    """Say whether a mail or an entry that is lacking may be there all the same: it was sent, and never answered."""
    mails = (notice.key for notice in run.desired.notices)
    entries = (entry.key for entry in run.journal())
    return any(run.state.notifications.get(key) == ON_ITS_WAY for key in mails) or (
        not run.is_mute() and any(run.state.journal.get(key, {}).get(EVENT) == ON_ITS_WAY for key in entries)
    )


def in_pieces(every: Sequence[_T], size: int = _AT_ONCE) -> Iterator[list[_T]]:
    """Yield as many at once as one request bears."""
    rest = iter(every)
    while some := list(islice(rest, size)):
        yield some


def _read_journal(run: Run, slot: int) -> None:
    keys = {run.marker(entry.key): entry.key for entry in run.journal()}
    before = {key: run.state.journal.setdefault(key, {}).pop(EVENT, ON_ITS_WAY) for key in keys.values()}
    for marker, numbers in markers_on(run, run.events.model, [run.number(slot)]).get(run.number(slot), {}).items():
        if marker in keys:
            run.state.journal[keys[marker]][EVENT] = numbers[0]
        surplus(run, slot, numbers[1:])
    for key, number in before.items():
        places = run.state.journal[key]
        if EVENT not in places and number is None:
            places[EVENT] = None
        elif EVENT not in places:
            run.drifted(DriftKind.MISSING, slot, f"the journal entry {key}")


def surplus(run: Run, slot: int, numbers: Sequence[int]) -> None:
    """Note entries of a journal that are there once too often."""
    if numbers:
        run.drifted(DriftKind.DUPLICATE, slot, f"{len(numbers)} of the journal entries")
        run.surplus.setdefault(JOURNAL, []).extend(numbers)


def markers_on(run: Run, model: str, numbers: Sequence[int]) -> dict[int, dict[str, list[int]]]:
    """Return the ids of our entries in the journals of objects, by object and marker, oldest first.

    Without the right to look, the journals are left alone.
    """
    try:
        return _markers_on(run, model, numbers)
    except NetboxError as error:
        if error.kind is not NetboxFailure.FORBIDDEN:
            raise
        run.told(NO_JOURNAL)
        run.muted = True
        return {}


def _markers_on(run: Run, model: str, numbers: Sequence[int]) -> dict[int, dict[str, list[int]]]:
    found: dict[int, dict[str, list[int]]] = {}
    for some in in_pieces(numbers):
        rows = run.netbox.listed(JOURNAL, assigned_object_type=model, assigned_object_id=some)
        for row in sorted(rows, key=lambda row: int(row["id"])):
            marker, number = bodies.found_marker(row), row.get("assigned_object_id")
            if marker and row.get("assigned_object_type") == model and isinstance(number, int) and number in some:
                found.setdefault(number, {}).setdefault(marker, []).append(row["id"])
    return found
