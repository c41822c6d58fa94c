"""Write to NetBox what an event lacks there, in the order that its plugins demand; after each request it is kept.

A record whose status is final takes no impact. So the record comes first, under a status that freezes nothing, then
its impacts, its mails, the estimates one by one, the journal, and last the final status.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from domain.errors import NetboxError, NetboxFailure
from domain.events import iso_utc
from domain.lifecycle import CANCELLED, COMPLETED, MONITORING, RESOLVED, UNKNOWN
from domain.vocabulary import Kind
from sync import bodies
from sync.dialects import already_there
from sync.mapping import JournalEntry, Revision
from sync.netbox import Object
from sync.plan import EVENT, JOURNAL, NO_DELETE, NO_JOURNAL, Run, Want
from sync.reading import in_pieces, proof
from sync.state import ACKNOWLEDGED, ON_ITS_WAY, HeldImpact, HeldRecord

_FINAL = frozenset({COMPLETED.value, CANCELLED.value, RESOLVED.value})
# The status of a record for as long as its impacts are written.
_OPEN = {Kind.MAINTENANCE: UNKNOWN.value, Kind.OUTAGE: MONITORING.value}

# How much one request makes, changes or deletes. A small NetBox that is busy takes 0.3 s for each impact, and it must
# answer before either side loses patience.
_AT_ONCE = 50
_MAIL_CHARACTERS_AT_ONCE = 2_000_000

Body = dict[str, Any]
# An entry, where it stands in the state, and the id of the object in whose journal it is to be.
Entries = Sequence[tuple[JournalEntry, str, int]]


def write(run: Run) -> None:
    """Make NetBox hold what is wanted. Nothing is sent where nothing is lacking."""
    peoples = {slot: _peoples_to_write(run, slot) for slot in run.wants}
    if not _is_lacking(run, peoples):
        return
    _intend(run, peoples)
    pending = _pending(run)
    _write_records(run, peoples, pending)
    _write_impacts(run)
    _write_notifications(run)
    _write_revisions(run, pending)
    _write_journal(run)
    _write_rest(run)
    delete_surplus(run)


# --- what is lacking


def _is_lacking(run: Run, peoples: dict[int, Body]) -> bool:
    return any(
        (
            any(peoples.values()),
            run.surplus,
            any(_lacks(run, slot, want) for slot, want in run.wants.items()),
            _pending(run),
            _mails_to_send(run),
            _entries_to_send(run),
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


def _intend(run: Run, peoples: dict[int, Body]) -> None:
    """Keep, before the first request, all that it might write, so that a later run knows what is ours."""
    for slot, want in run.wants.items():
        held = run.state.records.get(slot)
        if held is None:
            held = run.state.records[slot] = HeldRecord(name=want.name)
        held.name, held.span = want.name, want.span
        held.circuits |= want.impacts.keys()
        to_write = peoples[slot] if held.number is not None else dict(want.peoples or {})
        for name, value in to_write.items():
            held.peoples[name] = [each for each in held.peoples[name] if each != value] + [value]
    run.state.notifications |= {key: ON_ITS_WAY for key, _ in _mails_to_send(run)}
    intend_entries(run, [(entry, EVENT, 0) for entry in _entries_to_send(run)])
    run.state.dirty = True
    run.keep()


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
    new = [slot for slot in sorted(run.wants) if run.state.records[slot].number is None and run.wants[slot].peoples]
    made = {slot: _new_body(run, slot) for slot in new}
    changed = {
        slot: body
        for slot in sorted(run.wants)
        if run.state.records[slot].number is not None and (body := _early_changes(run, slot) | peoples[slot])
    }
    # An estimate that is told with the record needs no request of its own.
    for slot, body in (*made.items(), *changed.items()):
        _tell_with(run, slot, body, pending)
    _make(run, made)
    _change(run, changed)


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
    if etr is None or not pending:
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


def _make(run: Run, made: dict[int, Body]) -> None:
    if not made:
        return
    sent = [_sent(run, slot, body) for slot, body in made.items()]
    if run.custom_field:
        for slot, body in zip(made, sent, strict=True):
            body["custom_fields"] = {run.custom_field: proof(run, slot)}
    rows = run.netbox.create(run.path, sent) if len(sent) > 1 else [run.netbox.create(run.path, sent[0])]
    for (slot, body), row in zip(made.items(), rows, strict=True):
        held = run.state.records[slot]
        held.number, held.impacts, held.fields = row["id"], {}, {}
        _keep(run, slot, body)
    run.wrote(f"made {', '.join(run.wants[slot].name for slot in made)}")


def _change(run: Run, changed: dict[int, Body]) -> None:
    bodies_ = {slot: _sent(run, slot, body) for slot, body in changed.items() if body}
    if not bodies_:
        return
    if len(bodies_) == 1:
        ((slot, body),) = bodies_.items()
        run.netbox.change_one(run.path, run.number(slot), body)
    else:
        _change_all(run, run.path, [{"id": run.number(slot), **body} for slot, body in bodies_.items()])
    for slot in bodies_:
        _keep(run, slot, changed[slot])
    run.wrote(f"changed {', '.join(run.wants[slot].name for slot in bodies_)}")


def _change_all(run: Run, path: str, sent: list[Body]) -> None:
    """Change all of a list. One that is not there is passed over by NetBox in silence."""
    answered = {row.get("id") for row in run.netbox.change(path, sent)}
    missing = sorted({body["id"] for body in sent} - answered)
    if missing:
        words = f"no {', '.join(map(str, missing))}"
        raise NetboxError(f"PATCH {path}/", kind=NetboxFailure.MISSING, words=words)


def _sent(run: Run, slot: int, body: Body) -> Body:
    """Return a body in NetBox's own fields."""
    sent = {name: value for name, value in body.items() if name not in (bodies.BLOCK, "revision")}
    if bodies.BLOCK in body:
        sent["comments"] = bodies.with_block(run.comments.get(slot, ""), str(body[bodies.BLOCK]))
    return sent


def _keep(run: Run, slot: int, body: Body) -> None:
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
    path = run.dialect.path(impacts)
    there = [slot for slot in sorted(run.wants) if run.state.records[slot].number is not None]
    _delete_impacts(run, path, there)
    _change_impacts(run, path, there)
    _make_impacts(run, path, there)


def _delete_impacts(run: Run, path: str, slots: list[int]) -> None:
    gone = [(slot, circuit) for slot in slots for circuit in _superfluous(run, slot)]
    for some in in_pieces(gone, _AT_ONCE):
        numbers = [run.state.records[slot].impacts[circuit].number for slot, circuit in some]
        if not _is_permitted(run, NO_DELETE, partial(run.netbox.delete, path, numbers)):
            return
        for slot, circuit in some:
            del run.state.records[slot].impacts[circuit]
        run.wrote(f"deleted {len(some)} impacts")


def _change_impacts(run: Run, path: str, slots: list[int]) -> None:
    other = [
        (slot, circuit, held, level)
        for slot in slots
        for circuit, level in _pairs(run.wants[slot])
        if (held := run.state.records[slot].impacts.get(circuit)) and held.level != level
    ]
    for some in in_pieces(other, _AT_ONCE):
        _change_all(run, path, [{"id": held.number, "impact": level} for _, _, held, level in some])
        for slot, circuit, held, level in some:
            run.state.records[slot].impacts[circuit] = HeldImpact(held.number, level)
        run.wrote(f"changed {len(some)} impacts")


def _make_impacts(run: Run, path: str, slots: list[int]) -> None:
    new = [
        (slot, circuit, level)
        for slot in slots
        for circuit, level in _pairs(run.wants[slot])
        if circuit not in run.state.records[slot].impacts
    ]

    def body(slot: int, circuit: int, level: str) -> Body:
        link = run.dialect.event_link(run.desired.kind, run.number(slot))
        return {**link, **run.dialect.circuit_link(circuit), "impact": level}

    for some in in_pieces(new, _AT_ONCE):
        rows = _made(run, path, [body(*each) for each in some], [f"an impact on circuit {each[1]}" for each in some])
        for (slot, circuit, level), row in zip(some, rows, strict=True):
            if row is not None:
                run.state.records[slot].impacts[circuit] = HeldImpact(row["id"], level)
        run.wrote(f"made {len(rows) - rows.count(None)} impacts")


def _made(run: Run, path: str, sent: list[Body], names: list[str]) -> list[Object | None]:
    """Make all of a list; where one is refused, each by itself, so that it keeps no other from being there.

    What is refused though everything was read, will be refused for ever: None stands for it.
    """
    try:
        return list(run.netbox.create(path, sent))
    except NetboxError as error:
        if error.kind is not NetboxFailure.REFUSED or already_there(error) or not run.everything:
            raise
        if len(sent) == 1:
            run.told(f"{names[0]}: {error.words}")
            return [None]
    return [_made(run, path, [body], [name])[0] for body, name in zip(sent, names, strict=True)]


# --- the story


def _mails_to_send(run: Run) -> list[tuple[str, Body]]:
    notifications = run.dialect.notifications
    if notifications is None or not run.events.notifications:
        return []
    lacking = (notice for notice in run.desired.notices if run.lacks_mail(notice.key))
    return [(notice.key, dict(bodies.notification_of(notice, notifications))) for notice in lacking]


def _write_notifications(run: Run) -> None:
    anchor, notifications = run.state.settle(), run.dialect.notifications
    if anchor is None or notifications is None:
        return
    link = run.dialect.event_link(run.desired.kind, run.number(anchor)) if run.events.notifications else {}
    for some in _mails_in_pieces(_mails_to_send(run)):
        sent = [{**link, **body} for _, body in some]
        rows = _made(run, run.dialect.path(notifications), sent, [f"the notification {key}" for key, _ in some])
        for (key, _), row in zip(some, rows, strict=True):
            run.state.notifications[key] = row["id"] if row is not None else None
        run.wrote(f"attached {len(some)} notifications")


def _mails_in_pieces(mails: Iterable[tuple[str, Body]]) -> Iterator[list[tuple[str, Body]]]:
    some: list[tuple[str, Body]] = []
    characters = 0
    for mail in mails:
        characters += len(str(mail[1]["email_body"]))
        if some and (len(some) == _AT_ONCE or characters > _MAIL_CHARACTERS_AT_ONCE):
            yield some
            some, characters = [], len(str(mail[1]["email_body"]))
        some.append(mail)
    if some:
        yield some


def _pending(run: Run) -> list[Revision]:
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


def _entries_to_send(run: Run) -> list[JournalEntry]:
    if run.is_mute():
        return []
    return [entry for entry in run.journal() if run.lacks_entry(entry.key, EVENT)]


def _write_journal(run: Run) -> None:
    anchor = run.state.settle()
    if anchor is not None:
        number, model = run.number(anchor), run.events.model
        lacking = [(entry, EVENT, number) for entry in _entries_to_send(run)]
        write_entries(run, lacking, model)


def intend_entries(run: Run, lacking: Entries) -> None:
    """Note entries that are about to be written."""
    for entry, place, _ in lacking:
        run.state.journal.setdefault(entry.key, {})[place] = ON_ITS_WAY


def write_entries(run: Run, lacking: Entries, model: str) -> None:
    """Write entries into the journals of objects. Without the right to it they stay unwritten, which is told."""
    for some in in_pieces(lacking, _AT_ONCE):
        sent = [
            dict(bodies.entry_of(entry, run.marker(entry.key), model=model, number=number)) for entry, _, number in some
        ]
        names = [f"the journal entry {entry.key}" for entry, _, _ in some]
        rows: list[Object | None] = []
        if not _is_permitted(run, NO_JOURNAL, partial(_make_into, rows, run, sent, names)):
            for entry, place, _ in lacking:
                if run.lacks_entry(entry.key, place):
                    run.state.journal[entry.key].pop(place, None)
            return
        for (entry, place, _), row in zip(some, rows, strict=True):
            run.state.journal.setdefault(entry.key, {})[place] = row["id"] if row is not None else None
        run.wrote(f"wrote {len(some)} journal entries")


def _make_into(rows: list[Object | None], run: Run, sent: list[Body], names: list[str]) -> None:
    rows += _made(run, JOURNAL, sent, names)


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


def _write_rest(run: Run) -> None:
    """Write what was left for the end: a final status, and what stands beside it."""
    there = [slot for slot in sorted(run.wants) if run.state.records[slot].number is not None]
    _change(run, {slot: _changed(run.state.records[slot], run.wants[slot]) for slot in there})


def delete_surplus(run: Run) -> None:
    """Delete what is ours and is there once too often, or on a circuit that is gone."""
    for path, numbers in run.surplus.items():
        for some in in_pieces(numbers, _AT_ONCE):
            if _is_permitted(run, NO_DELETE, partial(run.netbox.delete, path, some)):
                run.wrote(f"deleted {len(some)} that were there for nothing")
