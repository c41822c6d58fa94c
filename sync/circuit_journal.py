"""Where no plugin can hold an event: each material change stands in the journal of each circuit that it concerns."""

from collections.abc import Iterator

from sync.dialects import CIRCUIT_MODEL
from sync.mapping import JournalEntry
from sync.plan import JOURNAL, Drift, DriftKind, Run
from sync.reading import markers_on
from sync.state import HeldRecord
from sync.writing import delete_surplus, intend_entries, write_entries


def read(run: Run) -> None:
    """Read the journals of the circuits, where it is not known what stands there."""
    lacking = _lacking(run)
    if run.state.journal and not run.everything:
        return
    every = list(_places(run))
    if not every or not (lacking or run.everything):
        return
    found = markers_on(run, CIRCUIT_MODEL, sorted({number for _, number in every}))
    for entry, number in every:
        places = run.state.journal.setdefault(entry.key, {})
        known = found.get(number, {}).get(run.marker(entry.key))
        place = str(number)
        if known:
            places[place] = known[0]
            run.surplus.setdefault(JOURNAL, []).extend(known[1:])
        elif places.get(place, 0) is not None:
            places.pop(place, None)
            _drifted(run, DriftKind.MISSING, entry, number)


def is_uncertain(run: Run) -> bool:
    """Say whether an entry that is lacking may be there all the same: it was sent, and never answered."""
    return any(str(number) in run.state.journal.get(entry.key, {}) for entry, number in _lacking(run))


def write(run: Run) -> None:
    """Write the entries that are not there."""
    lacking = [] if run.is_mute() else _lacking(run)
    run.surplus = {path: numbers for path, numbers in run.surplus.items() if numbers}
    if not lacking and not run.surplus:
        return
    # The windows keep their numbers, should there be a plugin some day.
    for record in run.desired.records:
        held = run.state.records.setdefault(record.slot, HeldRecord(name=record.name))
        held.name, held.span = record.name, record.span
    entries = [(entry, str(number), number) for entry, number in lacking]
    intend_entries(run, entries)
    run.state.dirty = True
    run.keep()
    write_entries(run, entries, CIRCUIT_MODEL)
    delete_surplus(run)


def _places(run: Run) -> Iterator[tuple[JournalEntry, int]]:
    """Yield each entry with each circuit that it concerns; two ids of a circuit are one."""
    for entry in run.desired.journal:
        numbers = {number for circuit in entry.circuits if (number := run.circuits.get(circuit)) is not None}
        yield from ((entry, number) for number in sorted(numbers))


def _lacking(run: Run) -> list[tuple[JournalEntry, int]]:
    return [(entry, number) for entry, number in _places(run) if run.lacks_entry(entry.key, str(number))]


def _drifted(run: Run, kind: DriftKind, entry: JournalEntry, number: int) -> None:
    what = f"the journal entry {entry.key} on the circuit {number}"
    run.drift.append(Drift(kind=kind, record=run.desired.identity, what=what))
