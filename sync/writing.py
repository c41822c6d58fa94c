"""Write to NetBox what an event lacks there, in the order that its plugins demand; after each request it is kept.

A record whose status is final takes no impact. So the record comes first, under a status that freezes nothing, then
its impacts, its mails, the estimates one by one, the journal, and last the final status.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from domain.errors import NetboxError, NetboxFailure
from domain.events import iso_utc
from domain.lifecycle import CANCELLED, COMPLETED, MONITORING, RESOLVED, UNKNOWN
from domain.vocabulary import Kind
from sync import bodies
from sync.dialects import already_there
from sync.mapping import JournalEntry, Notice, Revision
from sync.netbox import Netbox
from sync.plan import EVENT, JOURNAL, NO_DELETE, NO_JOURNAL, Run, Want
from sync.reading import in_pieces, proof
from sync.state import ACKNOWLEDGED, ON_ITS_WAY, HeldImpact, HeldRecord

_FINAL = frozenset({COMPLETED.value, CANCELLED.value, RESOLVED.value})
# The status of a record for as long as its impacts are written.
_OPEN = {Kind.MAINTENANCE: UNKNOWN.value, Kind.OUTAGE: MONITORING.value}

# How much one request makes, changes or deletes. A small NetBox that is busy takes 0.3 s for each impact, and it must
# answer before either side loses patience.
_AT_ONCE = 50
_CHARACTERS_AT_ONCE = 2_000_000

# What is told of a request, by how many it wrote or by their names.
MADE, CHANGED = "made {names}", "changed {names}"
MADE_IMPACTS, ATTACHED = "made {count} impact{s}", "attached {count} notification{s}"
WROTE = "wrote {count} journal entr{ies}"

Body = dict[str, Any]
# An entry, where it stands in the state, and the id of the object in whose journal it is to be.
Entries = Sequence[tuple[JournalEntry, str, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One object to be made, or to be changed where the body bears its "id". ``name`` is what people are told.

    ``event`` is the identity of the event that it belongs to. ``keep`` notes it in the state, once it is done: with the
    id, or with None where it is refused for ever.
    """

    event: str
    path: str
    body: Body
    name: str
    keep: Callable[[int | None], None]


def write(run: Run) -> None:
    """Make NetBox hold what is wanted. Nothing is sent where nothing is lacking."""
    peoples = {slot: _peoples_to_write(run, slot) for slot in run.wants}
    if not _is_lacking(run, peoples):
        return
    intend(run, peoples)
    run.keep()
    pending = untold(run)
    _write_records(run, peoples, pending)
    _write_impacts(run)
    for some in in_requests(new_mails(run)):
        _bear(run, some, ATTACHED)
    _write_revisions(run, pending)
    write_entries(run, own_entries(run), run.events.model)
    _change(run, changes_left(run), CHANGED)
    delete_surplus(run)


# --- requests


def in_requests(writes: Iterable[Write]) -> Iterator[list[Write]]:
    """Yield as many at once as one request bears."""
    some: list[Write] = []
    characters = 0
    for one in writes:
        length = sum(len(value) for value in one.body.values() if isinstance(value, str))
        if some and (len(some) == _AT_ONCE or characters + length > _CHARACTERS_AT_ONCE):
            yield some
            some, characters = [], 0
        some.append(one)
        characters += length
    if some:
        yield some


def make(netbox: Netbox, some: Sequence[Write]) -> None:
    """Make all of these in one request, or none of them. Raises NetboxError."""
    rows = netbox.create(some[0].path, [one.body for one in some])
    for one, row in zip(some, rows, strict=True):
        one.keep(row["id"])


def change(netbox: Netbox, some: Sequence[Write]) -> None:
    """Change all of these in one request. One that is not there NetBox passes over in silence: MISSING is raised."""
    path, numbers = some[0].path, {one.body["id"] for one in some}
    missing = sorted(numbers - {row.get("id") for row in netbox.change(path, [one.body for one in some])})
    if missing:
        words = f"no {', '.join(map(str, missing))}"
        raise NetboxError(f"PATCH {path}/", kind=NetboxFailure.MISSING, words=words)
    for one in some:
        one.keep(one.body["id"])


def told(words: str, some: Sequence[Write]) -> str:
    """Return what is told of a request."""
    one = len(some) == 1
    names = ", ".join(each.name for each in some)
    return words.format(count=len(some), names=names, s="" if one else "s", ies="y" if one else "ies")


def _bear(run: Run, some: Sequence[Write], words: str) -> None:
    """Make all of these; where one is refused, each by itself, so that it keeps no other from being there.

    What is refused though everything was read, will be refused for ever.
    """
    try:
        make(run.netbox, some)
    except NetboxError as error:
        if error.kind is not NetboxFailure.REFUSED or already_there(error) or not run.everything:
            raise
        refused = error
    else:
        run.wrote(told(words, some))
        return
    if len(some) == 1:
        run.told(f"{some[0].name}: {refused.words}")
        some[0].keep(None)
        run.keep()
        return
    for one in some:
        _bear(run, [one], words)


def _change(run: Run, writes: Sequence[Write], words: str) -> None:
    for some in in_requests(writes):
        change(run.netbox, some)
        run.wrote(told(words, some))


# --- what is lacking


def _is_lacking(run: Run, peoples: dict[int, Body]) -> bool:
    return any(
        (
            any(peoples.values()),
            run.surplus,
            any(_lacks(run, slot, want) for slot, want in run.wants.items()),
            untold(run),
            _lacking_mails(run),
            _lacking_entries(run),
        )
    )


def _lacks(run: Run, slot: int, want: Want) -> bool:
    held = run.state.records.get(slot)
    if held is None or held.number is None:
        return want.peoples is not None
    return bool(_changed(held, want) or _is_refilled(held, want) or _superfluous(run, slot))


def _changed(held: HeldRecord, want: Want) -> Body:
    return {name: value for name, value in want.fields.items() if held.fields.get(name) != value}


def _is_refilled(held: HeldRecord, want: Want) -> bool:
    """Say whether impacts are to be made or changed, which a final status forbids."""
    return any(circuit not in held.impacts or held.impacts[circuit].level != level for circuit, level in _pairs(want))


def _pairs(want: Want) -> Iterable[tuple[int, str]]:
    return want.impacts.items()


def _superfluous(run: Run, slot: int) -> list[int]:
    if run.is_forbidden(NO_DELETE):
        return []
    return sorted(run.state.records[slot].impacts.keys() - run.wants[slot].impacts.keys())


def intend(run: Run, peoples: Mapping[int, Body]) -> None:
    """Note all that may be written, before the first request, so that a later run knows what is ours.

    ``peoples``: what is to be changed of what people own in the records that are there, by slot.
    """
    for slot, want in run.wants.items():
        held = run.state.records.get(slot)
        if held is None:
            held = run.state.records[slot] = HeldRecord(name=want.name)
        held.name, held.span = want.name, want.span
        held.circuits |= want.impacts.keys()
        to_write = peoples[slot] if held.number is not None else want.peoples or {}
        for name, value in to_write.items():
            held.peoples[name] = [each for each in held.peoples[name] if each != value] + [value]
    run.state.notifications |= {notice.key: ON_ITS_WAY for notice in _lacking_mails(run)}
    intend_entries(run, [(entry, EVENT, 0) for entry in _lacking_entries(run)])
    run.state.dirty = True


# --- what people own


def _peoples_to_write(run: Run, slot: int) -> Body:
    """Return the fields of people that we change: only from a value that we set; what a person wrote comes back."""
    want, held, seen = run.wants[slot], run.state.records.get(slot), run.seen.get(slot)
    if want.peoples is None or held is None or held.number is None or seen is None:
        return {}
    to_write: Body = {}
    for name, value in want.peoples.items():
        if seen[name] == value:
            held.peoples[name] = [value]
        elif name == ACKNOWLEDGED and not value and run.material_changed():
            to_write[name] = value
            if run.desired.material not in run.state.resets:
                run.state.resets.append(run.desired.material)
        elif seen[name] in held.peoples[name]:
            to_write[name] = value
        else:
            run.returned[name] = seen[name]
    return to_write


# --- the record


def _write_records(run: Run, peoples: dict[int, Body], pending: list[Revision]) -> None:
    """Make the records that are not there, and change those that are, but for a status that is to come last."""
    made = new_records(run, pending)
    changed = {slot: _early_changes(run, slot) | peoples[slot] for slot in _there(run)}
    for slot, body in changed.items():
        _tell_with(run, slot, body, pending)
    for some in in_requests(made):
        make(run.netbox, some)
        run.wrote(told(MADE, some))
    _change(run, _record_changes(run, changed), CHANGED)


def new_records(run: Run, pending: list[Revision]) -> list[Write]:
    """Return the records that are not there; the first of the ``pending`` estimates goes with them."""
    new = [slot for slot in sorted(run.wants) if run.state.records[slot].number is None and run.wants[slot].peoples]
    bodies_ = {slot: _new_body(run, slot) for slot in new}
    # An estimate that is told with the record needs no request of its own.
    for slot, body in bodies_.items():
        _tell_with(run, slot, body, pending)
    return [_new_record(run, slot, body) for slot, body in bodies_.items()]


def _new_record(run: Run, slot: int, body: Body) -> Write:
    def keep(number: int | None) -> None:
        held = run.state.records[slot]
        held.number, held.impacts, held.fields = number, {}, {}
        _keep(run, slot, body)

    sent = _sent(run, slot, body)
    if run.custom_field:
        sent["custom_fields"] = {run.custom_field: proof(run, slot)}
    return Write(event=run.desired.identity, path=run.path, body=sent, name=run.wants[slot].name, keep=keep)


def _there(run: Run) -> list[int]:
    return [slot for slot in sorted(run.wants) if run.state.records[slot].number is not None]


def _new_body(run: Run, slot: int) -> Body:
    want = run.wants[slot]
    body = {**want.fields, **(want.peoples or {})}
    if want.fields["status"] in run.events.frozen and want.impacts:
        body["status"] = _OPEN[run.desired.kind]
    return body


def _early_changes(run: Run, slot: int) -> Body:
    held, want, events = run.state.records[slot], run.wants[slot], run.events
    changed = _changed(held, want)
    if _is_refilled(held, want) and held.fields.get("status") in events.frozen:
        if want.fields["status"] in events.frozen:
            changed["status"] = _OPEN[run.desired.kind]
        return changed
    final = want.fields["status"] in _FINAL
    return {} if final and "status" in changed else changed


def _tell_with(run: Run, slot: int, body: Body, pending: list[Revision]) -> None:
    """Let the first estimate that is not told yet go with a body; what is to be told later is not told before."""
    etr = run.events.etr_field
    if etr is None or not pending or not body:
        return
    if "status" not in body and set(body) == {etr}:
        # Nothing but the estimate has changed: it is told alone.
        del body[etr]
        return
    first = pending.pop(0)
    body[etr] = _instant(first)
    body[bodies.CHANGELOG_MESSAGE] = first.message
    body["revision"] = first.key


def _instant(revision: Revision) -> str | None:
    return iso_utc(revision.etr) if revision.etr else None


def _record_changes(run: Run, changed: Mapping[int, Body]) -> list[Write]:
    return [
        Write(
            event=run.desired.identity,
            path=run.path,
            body={"id": run.number(slot), **_sent(run, slot, body)},
            name=run.wants[slot].name,
            keep=partial(_keep, run, slot, body),
        )
        for slot, body in changed.items()
        if body
    ]


def _sent(run: Run, slot: int, body: Body) -> Body:
    """Return a body in NetBox's own fields."""
    sent = {name: value for name, value in body.items() if name not in (bodies.BLOCK, "revision")}
    if bodies.BLOCK in body:
        sent["comments"] = bodies.with_block(run.comments.get(slot, ""), str(body[bodies.BLOCK]))
    return sent


def _keep(run: Run, slot: int, body: Body, _number: int | None = None) -> None:
    """Keep what a record holds now."""
    held = run.state.records[slot]
    for name, value in body.items():
        if name == "revision":
            run.state.revisions.append(value)
        elif name in held.peoples:
            held.peoples[name] = [value]
        elif name != bodies.CHANGELOG_MESSAGE:
            held.fields[name] = value


# --- impacts


def _write_impacts(run: Run) -> None:
    impacts = run.dialect.impacts
    if impacts is None or not run.events.impacts:
        return
    _delete_impacts(run, run.dialect.path(impacts))
    _change(run, _impact_changes(run, run.dialect.path(impacts)), "changed {count} impact{s}")
    for some in in_requests(new_impacts(run)):
        _bear(run, some, MADE_IMPACTS)


def _delete_impacts(run: Run, path: str) -> None:
    gone = [(slot, circuit) for slot in _there(run) for circuit in _superfluous(run, slot)]
    for some in in_pieces(gone, _AT_ONCE):
        numbers = [run.state.records[slot].impacts[circuit].number for slot, circuit in some]
        if not _is_permitted(run, NO_DELETE, partial(run.netbox.delete, path, numbers)):
            return
        for slot, circuit in some:
            del run.state.records[slot].impacts[circuit]
        run.wrote(f"deleted {len(some)} impact{'' if len(some) == 1 else 's'}")


def _impact_changes(run: Run, path: str) -> list[Write]:
    return [
        Write(
            event=run.desired.identity,
            path=path,
            body={"id": held.number, "impact": level},
            name=f"the impact on circuit {circuit}",
            keep=partial(_keep_impact, run, slot, circuit, level),
        )
        for slot in _there(run)
        for circuit, level in run.wants[slot].impacts.items()
        if (held := run.state.records[slot].impacts.get(circuit)) and held.level != level
    ]


def new_impacts(run: Run) -> list[Write]:
    """Return the impacts that are lacking on the records that are there."""
    impacts = run.dialect.impacts
    if impacts is None or not run.events.impacts:
        return []
    return [
        Write(
            event=run.desired.identity,
            path=run.dialect.path(impacts),
            body={**_link(run, slot), **run.dialect.circuit_link(circuit), "impact": level},
            name=f"an impact on circuit {circuit}",
            keep=partial(_keep_impact, run, slot, circuit, level),
        )
        for slot in _there(run)
        for circuit, level in run.wants[slot].impacts.items()
        if circuit not in run.state.records[slot].impacts
    ]


def _keep_impact(run: Run, slot: int, circuit: int, level: str, number: int | None) -> None:
    if number is not None:
        run.state.records[slot].impacts[circuit] = HeldImpact(number, level)


def _link(run: Run, slot: int) -> Body:
    return run.dialect.event_link(run.desired.kind, run.number(slot))


# --- the story


def _lacking_mails(run: Run) -> list[Notice]:
    if run.dialect.notifications is None or not run.events.notifications:
        return []
    return [notice for notice in run.desired.notices if run.lacks_mail(notice.key)]


def new_mails(run: Run) -> list[Write]:
    """Return the mails that are lacking, where there is a record to attach them to."""
    anchor, notifications = run.state.settle(), run.dialect.notifications
    if anchor is None or notifications is None:
        return []
    return [
        Write(
            event=run.desired.identity,
            path=run.dialect.path(notifications),
            body={**_link(run, anchor), **bodies.notification_of(notice, notifications)},
            name=f"the notification {notice.key}",
            keep=partial(run.state.notifications.__setitem__, notice.key),
        )
        for notice in _lacking_mails(run)
    ]


def untold(run: Run) -> list[Revision]:
    """Return the estimates that are not told yet. One from before the newest that was told comes too late."""
    if run.events.etr_field is None:
        return []
    revisions = run.desired.revisions
    told = [index for index, one in enumerate(revisions) if one.key in run.state.revisions]
    pending = list(revisions[max(told, default=-1) + 1 :])
    # A request whose answer never came was the next one: its estimate stands there already.
    held = run.state.records.get(1)
    if run.everything and pending and held is not None and held.number is not None:
        before = revisions[max(told)].etr if told else None
        there = held.fields.get(run.events.etr_field)
        if there == _instant(pending[0]) and pending[0].etr != before:
            run.state.revisions.append(pending.pop(0).key)
    return pending


def _write_revisions(run: Run, pending: list[Revision]) -> None:
    etr = run.events.etr_field
    slot = run.state.settle()
    if etr is None or slot is None:
        return
    for one in pending:
        body = {etr: _instant(one), bodies.CHANGELOG_MESSAGE: one.message}
        run.netbox.change_one(run.path, run.number(slot), body)
        _keep(run, slot, {**body, "revision": one.key})
        run.wrote(f"told {one.message}")


def _lacking_entries(run: Run) -> list[JournalEntry]:
    if run.is_mute():
        return []
    return [entry for entry in run.journal() if run.lacks_entry(entry.key, EVENT)]


def own_entries(run: Run) -> Entries:
    """Return the entries that are lacking in the journal of the event's record, where there is one."""
    anchor = run.state.settle()
    return [] if anchor is None else [(entry, EVENT, run.number(anchor)) for entry in _lacking_entries(run)]


def intend_entries(run: Run, lacking: Entries) -> None:
    """Note entries that are about to be written."""
    for entry, place, _ in lacking:
        run.state.journal.setdefault(entry.key, {})[place] = ON_ITS_WAY


def new_entries(run: Run, lacking: Entries, model: str) -> list[Write]:
    """Return entries as they are to be written into the journals of objects of a model."""
    return [
        Write(
            event=run.desired.identity,
            path=JOURNAL,
            body=dict(bodies.entry_of(entry, run.marker(entry.key), model=model, number=number)),
            name=f"the journal entry {entry.key}",
            keep=partial(run.state.journal.setdefault(entry.key, {}).__setitem__, place),
        )
        for entry, place, number in lacking
    ]


def write_entries(run: Run, lacking: Entries, model: str) -> None:
    """Write entries into the journals of objects. Without the right to it they stay unwritten, which is told."""
    for some in in_requests(new_entries(run, lacking, model)):
        if not _is_permitted(run, NO_JOURNAL, partial(_bear, run, some, WROTE)):
            for entry, place, _ in lacking:
                if run.lacks_entry(entry.key, place):
                    run.state.journal[entry.key].pop(place, None)
            return


def _is_permitted(run: Run, words: str, ask: Callable[[], None]) -> bool:
    """Ask, and return whether it was allowed; if not, ``words`` are told, and taken back once it is."""
    try:
        ask()
    except NetboxError as error:
        if error.kind is not NetboxFailure.FORBIDDEN:
            raise
        run.told(words)
        return False
    run.state.told = [each for each in run.state.told if each != words]
    return True


# --- the end


def changes_left(run: Run) -> list[Write]:
    """Return what was left for the end: a final status, and what stands beside it."""
    return _record_changes(run, {slot: _changed(run.state.records[slot], run.wants[slot]) for slot in _there(run)})


def delete_surplus(run: Run) -> None:
    """Delete what is ours and is there once too often, or on a circuit that is gone."""
    for path, numbers in run.surplus.items():
        for some in in_pieces(numbers, _AT_ONCE):
            if _is_permitted(run, NO_DELETE, partial(run.netbox.delete, path, some)):
                run.wrote(f"deleted {len(some)} that were there for nothing")
