"""Make NetBox hold what is desired of one event: in few requests, never twice, and whatever was cut off before.

What is known of NetBox is kept: before the first write as unfinished, after each write again, and at the end as
finished. A push that finds an unfinished one believes only what it reads.
"""

from collections.abc import Callable
from dataclasses import replace

from domain.errors import NetboxError, NetboxFailure
from sync import circuit_journal, reading, writing
from sync.dialects import Dialect, already_there
from sync.mapping import Desired
from sync.netbox import Netbox
from sync.plan import EVENT, Drift, DriftKind, Inventory, Outcome, Run, wants_of
from sync.state import ACKNOWLEDGED, INTERNAL_TICKET, State

__all__ = ["Drift", "DriftKind", "Inventory", "Outcome", "compare", "push"]

# It is read anew at most so often, when NetBox turns out to hold something else than what was believed.
_READINGS = 2
# How NetBox answers when something is gone, or there already, of which the state knows nothing.
_STALE = frozenset({NetboxFailure.MISSING, NetboxFailure.REFUSED, NetboxFailure.CONFLICT})


def push(
    netbox: Netbox,
    dialect: Dialect,
    inventory: Inventory,
    desired: Desired,
    state: State,
    *,
    fresh: bool,
    save: Callable[[State], None],
    custom_field: str | None = None,
) -> Outcome:
    """Make NetBox hold what is desired, and return what came of it. Sends nothing if it holds it as far as is known.

    ``fresh``: look at everything there first. ``save`` keeps a state, and is called in the course of it: what was kept
    last is what the next push is to be given. ``custom_field``: one of NetBox whose values are unique. The state given
    is left as it is. May be called again after any error, with the state that was kept last. Raises NetboxError.
    """
    run, early = begun(netbox, dialect, inventory, desired, state, save, custom_field)
    if early is not None:
        return early
    run.everything = fresh or run.state.dirty or _is_uncertain(run)
    sent = netbox.requests
    _converge(run)
    _end(run, state)
    drift = tuple(dict.fromkeys(run.drift)) if fresh else ()
    return replace(outcome_of(run), requests=netbox.requests - sent, drift=drift)


def compare(
    netbox: Netbox, dialect: Dialect, inventory: Inventory, desired: Desired, state: State
) -> tuple[Drift, ...]:
    """Return how NetBox differs from what is desired; nothing is written. Raises NetboxError."""
    run, early = begun(netbox, dialect, inventory, desired, state, _keep_nothing, None)
    if early is not None:
        return ()
    run.everything = True
    if dialect.maintenances is None:
        circuit_journal.read(run)
    else:
        _read(run)
    return tuple(dict.fromkeys(run.drift))


def _keep_nothing(state: State) -> None:
    """Forget what is known: nothing was written."""


def begun(
    netbox: Netbox,
    dialect: Dialect,
    inventory: Inventory,
    desired: Desired,
    state: State,
    save: Callable[[State], None],
    custom_field: str | None,
) -> tuple[Run, Outcome | None]:
    """Return the run, and the outcome where there is nothing to be done."""
    own = _under(dialect, state)
    run = Run(netbox=netbox, dialect=dialect, desired=desired, state=own, save=save, custom_field=custom_field)
    if not desired.records and not own.records:
        return run, Outcome(state=state, waits_for=desired.waits_for)
    if dialect.maintenances is not None and dialect.events(desired.kind) is None:
        run.told(next((lack for lack in dialect.lacks if lack.startswith("outages")), "outages"))
        _end(run, state)
        return run, Outcome(state=run.state, cannot=tuple(run.cannot))
    provider_id = inventory.provider(desired.provider)
    if provider_id is None:
        return run, Outcome(state=state, provider_unknown=True)
    if dialect.maintenances is not None and not run.events.notifications and desired.notices:
        run.told("mails of an outage")
    run.provider_id = provider_id
    stated = {circuit for record in desired.records for circuit in record.impacts}
    if dialect.maintenances is None:
        stated |= {circuit for entry in desired.journal for circuit in entry.circuits}
    run.circuits = inventory.circuits(provider_id, sorted(stated)) if stated else {}
    return run, None


def _under(dialect: Dialect, state: State) -> State:
    """Return the state as it counts under a dialect: ids of another plugin mean nothing, those of another age do."""
    own = state.copy()
    plugin = dialect.plugin or ""
    if own.dialect and own.dialect != dialect.name:
        own.dirty = True
        own.told = []
    if own.dialect and own.plugin != plugin:
        for record in own.records.values():
            record.forget()
        own.notifications, own.revisions = {}, []
        for places in own.journal.values():
            places.pop(EVENT, None)
    return _named(own, plugin, dialect.name)


def _named(state: State, plugin: str, dialect: str) -> State:
    return replace(state, plugin=plugin, dialect=dialect)


def _converge(run: Run) -> None:
    """Read what must be read and write what is lacking; anew where NetBox holds something else than was believed."""
    for readings_left in range(_READINGS, -1, -1):
        try:
            _attempt(run)
        except NetboxError as error:
            if not readings_left or not _is_stale(run, error):
                raise
            _begin_again(run)
        else:
            return


def _is_uncertain(run: Run) -> bool:
    return circuit_journal.is_uncertain(run) if run.dialect.maintenances is None else reading.is_uncertain(run)


def _attempt(run: Run) -> None:
    if run.dialect.maintenances is None:
        circuit_journal.read(run)
        circuit_journal.write(run)
        return
    _read(run)
    writing.write(run)


def _read(run: Run) -> None:
    run.wants = wants_of(run)
    reading.read(run)
    # Among what was read there may be records of windows that are no more.
    run.wants = wants_of(run)


def _is_stale(run: Run, error: NetboxError) -> bool:
    return already_there(error) or (error.kind in _STALE and not run.everything)


def _begin_again(run: Run) -> None:
    run.everything = True
    run.seen, run.comments, run.surplus, run.drift, run.returned = {}, {}, {}, [], {}


def _end(run: Run, before: State) -> None:
    """Keep what is known as finished, where it is anything new, or was kept as unfinished in between."""
    finish(run)
    if run.kept or run.state.as_json() != before.as_json():
        run.keep()


def finish(run: Run) -> None:
    """Note that the push came to its end."""
    run.state.dirty = False
    run.state.material = run.desired.material or run.state.material


def outcome_of(run: Run) -> Outcome:
    """Return what came of a push, but for its requests and what it found to differ."""
    return Outcome(
        state=run.state,
        done=tuple(run.done),
        unresolved=_unresolved(run),
        cannot=tuple(run.cannot),
        acknowledged=_truth(run),
        internal_ticket=_ticket(run),
        waits_for=run.desired.waits_for,
    )


def _unresolved(run: Run) -> tuple[str, ...]:
    return tuple(sorted(circuit for circuit, number in run.circuits.items() if number is None))


def _truth(run: Run) -> bool | None:
    value = run.returned.get(ACKNOWLEDGED)
    return value if isinstance(value, bool) else None


def _ticket(run: Run) -> str | None:
    value = run.returned.get(INTERNAL_TICKET)
    return value if isinstance(value, str) else None
