"""Make NetBox hold many events that it has never held, in a request for each kind of object instead of each event.

The same is written as ``push`` writes for each event by itself, in the same order, and the same is kept; so whatever
goes wrong, ``push`` goes on from there.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import groupby

from domain.errors import NetboxError, NetboxFailure
from sync import writing
from sync.dialects import Dialect
from sync.mapping import Desired
from sync.netbox import Netbox
from sync.plan import Inventory, Outcome, Run, wants_of
from sync.push import begun, finish, outcome_of
from sync.reading import named
from sync.state import State
from sync.writing import Write

# States by the identity of their events.
Save = Callable[[Mapping[str, State]], None]

# How NetBox answers when nothing more is to be asked of it now.
_AWAY = frozenset({NetboxFailure.UNREACHABLE, NetboxFailure.THROTTLED})


def push_together(
    netbox: Netbox,
    dialect: Dialect,
    inventory: Inventory,
    desired: Collection[Desired],
    *,
    save: Save,
    custom_field: str | None = None,
) -> dict[str, Outcome]:
    """Make NetBox hold events of which nothing was ever sent; return what came of them, by their identities.

    What is missing there is to be pushed by itself, with the state that was kept last: NetBox has a record of that name
    already, something went wrong, or it has more than one estimate to tell. ``save`` keeps all of these states or none,
    and is called before the first write, after each, and at the end. A request counts for each event that had a part in
    it. Raises NetboxError where NetBox does not answer, or asks for fewer requests.
    """
    outcomes: dict[str, Outcome] = {}
    runs: list[Run] = []
    if dialect.maintenances is None:
        return outcomes
    with _unless_away():
        _ask_for_circuits(dialect, inventory, desired)
    for one in desired:
        with _unless_away():
            keep = partial(_save_one, save, one.identity)
            run, early = begun(netbox, dialect, inventory, one, State(), keep, custom_field)
            if early is None:
                run.wants = wants_of(run)
                runs.append(run)
            else:
                outcomes[one.identity] = early
    batch = _Batch(netbox, _new(runs), save)
    batch.begin()
    batch.write(lambda run: writing.new_records(run, writing.untold(run)), writing.MADE)
    batch.write(writing.new_impacts, writing.MADE_IMPACTS)
    batch.write(writing.new_mails, writing.ATTACHED)
    batch.write(lambda run: writing.new_entries(run, writing.own_entries(run), run.events.model), writing.WROTE)
    batch.write(writing.changes_left, writing.CHANGED, send=writing.change)
    return outcomes | batch.end()


@contextmanager
def _unless_away() -> Iterator[None]:
    """Let a failure be a matter of the events that it concerns, unless NetBox is to be left alone."""
    try:
        yield
    except NetboxError as error:
        if error.kind in _AWAY:
            raise


def _save_one(save: Save, identity: str, state: State) -> None:
    save({identity: state})


def _ask_for_circuits(dialect: Dialect, inventory: Inventory, desired: Iterable[Desired]) -> None:
    """Let the inventory ask for all circuits in one go: it knows them then when they are asked for one by one."""
    stated: defaultdict[str, set[str]] = defaultdict(set)
    for one in desired:
        if dialect.events(one.kind) is not None:
            stated[one.provider].update(circuit for record in one.records for circuit in record.impacts)
    for provider, circuits in stated.items():
        number = inventory.provider(provider)
        if number is not None and circuits:
            inventory.circuits(number, sorted(circuits))


def _new(runs: Sequence[Run]) -> Iterator[Run]:
    """Yield those that can be written together: of whose names there is no record, nor a second one among them."""
    places: defaultdict[tuple[str, int], list[Run]] = defaultdict(list)
    for run in runs:
        if len(writing.untold(run)) <= 1:
            places[run.path, run.provider_id].append(run)
    for some in places.values():
        names = Counter(want.name for run in some for want in run.wants.values())
        with _unless_away():
            there = {row["name"] for row in named(some[0], names)} | {name for name in names if names[name] > 1}
            yield from (run for run in some if there.isdisjoint(want.name for want in run.wants.values()))


class _Batch:
    """Events on their way together. Those that something goes wrong with fall out of it, and go on by themselves."""

    def __init__(self, netbox: Netbox, runs: Iterable[Run], save: Save) -> None:
        self._netbox, self._save = netbox, save
        self._runs = {run.desired.identity: run for run in runs}
        # Each was looked for.
        self._requests = Counter(list(self._runs))

    def begin(self) -> None:
        """Keep what may be written, so that whoever comes later knows what is ours."""
        for run in self._runs.values():
            writing.intend(run, {})
        self._keep(self._runs)

    def write(
        self,
        writes_of: Callable[[Run], list[Write]],
        words: str,
        *,
        send: Callable[[Netbox, Sequence[Write]], None] = writing.make,
    ) -> None:
        """Write what each event has to be written."""
        by_path: defaultdict[str, list[Write]] = defaultdict(list)
        for run in self._runs.values():
            for one in writes_of(run):
                by_path[one.path].append(one)
        for writes in by_path.values():
            for some in writing.in_requests(writes):
                self._send(some, words, send)

    def _send(self, some: Sequence[Write], words: str, send: Callable[[Netbox, Sequence[Write]], None]) -> None:
        """Send a request; where it is refused, the halves of it, so that one event keeps no other from being there."""
        mine = [one for one in some if one.event in self._runs]
        events = list(dict.fromkeys(one.event for one in mine))
        if not events:
            return
        self._requests.update(events)
        try:
            send(self._netbox, mine)
        except NetboxError as error:
            if error.kind in _AWAY:
                raise
            if error.kind is not NetboxFailure.REFUSED or len(events) == 1:
                self._runs = {event: run for event, run in self._runs.items() if event not in events}
                return
        else:
            for event, its in groupby(mine, key=lambda one: one.event):
                self._runs[event].done.append(writing.told(words, list(its)))
            self._keep(events)
            return
        half = len(mine) // 2
        self._send(mine[:half], words, send)
        self._send(mine[half:], words, send)

    def end(self) -> dict[str, Outcome]:
        """Keep all as finished, and return what came of it."""
        for run in self._runs.values():
            finish(run)
        self._keep(self._runs)
        return {event: replace(outcome_of(run), requests=self._requests[event]) for event, run in self._runs.items()}

    def _keep(self, events: Iterable[str]) -> None:
        states = {event: self._runs[event].state for event in events}
        if states:
            self._save(states)
