"""What a person should know of a NetBox before anything is pushed to it: found by asking, without a write."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from domain.errors import NetboxError, NetboxFailure
from sync.dialects import Dialect, detect, writable
from sync.netbox import Netbox

# Those against which the dialects were tried; both ends belong to it.
OLDEST_TRIED, NEWEST_TRIED = (4, 4), (4, 6)

# No object of NetBox has this id: whoever may delete is told so, and whoever may not is told that first.
_NOBODY = 0
_CUSTOM_FIELDS = "extras/custom-fields"
_TEXTS = ("text", "longtext")
_VERSION = re.compile(r"(\d{1,4})\.(\d{1,4})", re.ASCII)
# A Date has no fractions: on average it is half a second old when it is written.
_HALF_SECOND = timedelta(milliseconds=500)


class Action(StrEnum):
    """What a right of NetBox allows."""

    VIEW = "view"
    ADD = "add"
    CHANGE = "change"
    DELETE = "delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """A right that the token's user needs: ``model`` as NetBox names it ("app.model"). ``purpose``: what it is for."""

    model: str
    action: Action
    purpose: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What was found. ``ahead``: by how much the server's clock is ahead of ours, None where it does not tell.

    ``reads_only``: nothing at all may be written, which is either a token without "write enabled", or a user without
    rights. ``custom_field_faults``: why the custom field cannot serve, a line each. What the dialect itself cannot
    hold it says in ``dialect.lacks``. Rights that NetBox limits to some objects count as rights.
    """

    dialect: Dialect
    version_is_tried: bool
    missing: tuple[Right, ...]
    reads_only: bool
    ahead: timedelta | None
    custom_field_faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Need:
    model: str
    path: str
    actions: tuple[Action, ...]
    purpose: str


def check(
    netbox: Netbox,
    *,
    clock: Callable[[], datetime],
    base_path: str | None = None,
    create: bool = False,
    custom_field: str | None = None,
) -> Checked:
    """Return what this NetBox is and what stands in the way of pushing to it. May be called at any time.

    ``create``: circuits and providers are to be made. Raises NetboxError where that much cannot be found out.
    """
    dialect = detect(netbox, base_path)
    needs = tuple(_needs(dialect, create=create))
    missing = tuple(right for need in needs for right in _missing(netbox, need))
    writes = {(need.model, action) for need in needs for action in need.actions if action is not Action.VIEW}
    return Checked(
        dialect=dialect,
        version_is_tried=is_tried(dialect.netbox_version),
        missing=missing,
        reads_only=writes <= {(right.model, right.action) for right in missing},
        ahead=_ahead(netbox, clock),
        custom_field_faults=tuple(_custom_field_faults(netbox, dialect, custom_field)) if custom_field else (),
    )


def is_tried(version: str) -> bool:
    """Say whether a version of NetBox is one of those that the dialects were tried against."""
    numbers = _VERSION.match(version)
    return numbers is not None and OLDEST_TRIED <= (int(numbers[1]), int(numbers[2])) <= NEWEST_TRIED


def _needs(dialect: Dialect, *, create: bool) -> Iterator[_Need]:
    view, add, change, delete = Action
    found = (view, add) if create else (view,)
    yield _Need("circuits.provider", "circuits/providers", found, "find the provider of an event")
    yield _Need("circuits.circuit", "circuits/circuits", found, "find the circuits of an event")
    if create:
        yield _Need("circuits.circuittype", "circuits/circuit-types", found, "give the circuits that are made a type")
    yield _Need(
        "circuits.circuittermination", "circuits/circuit-terminations", (view,), "find circuits by cross-connect"
    )
    yield _Need("extras.journalentry", "extras/journal-entries", (view, add), "tell changes in journals")
    for events in (dialect.maintenances, dialect.outages):
        if events:
            yield _Need(events.model, dialect.path(events), (view, add, change), "hold events")
    if dialect.impacts:
        every = (view, add, change, delete)
        yield _Need(dialect.impacts.model, dialect.path(dialect.impacts), every, "hold the circuits of an event")
    if dialect.notifications:
        mails = dialect.notifications
        yield _Need(mails.model, dialect.path(mails), (view, add), "attach the mails of an event")


def _missing(netbox: Netbox, need: _Need) -> Iterator[Right]:
    """Yield the rights that are missing, in two to three requests.

    What may be added and changed the answer to OPTIONS says; a list that may not be viewed is forbidden; and of
    deleting only an attempt tells, on an object that cannot be.
    """
    actions = _writable(netbox, need.path) if {Action.ADD, Action.CHANGE} & set(need.actions) else set()
    for action in need.actions:
        if action is Action.VIEW:
            has = _is_allowed(lambda: netbox.listed(need.path, most=1, fields="id"))
        elif action is Action.DELETE:
            has = _is_allowed(lambda: netbox.delete_one(need.path, _NOBODY))
        else:
            has = action in actions
        if not has:
            yield Right(model=need.model, action=action, purpose=need.purpose)


def _writable(netbox: Netbox, path: str) -> set[Action]:
    """Return which of adding and changing the token may do with the objects of a list."""
    options = netbox.options(path)
    return {action for action, verb in ((Action.ADD, "POST"), (Action.CHANGE, "PUT")) if writable(options, verb)}


def _is_allowed(ask: Callable[[], object]) -> bool:
    try:
        ask()
    except NetboxError as error:
        if error.kind is NetboxFailure.FORBIDDEN:
            return False
        if error.kind is not NetboxFailure.MISSING:
            raise
    return True


def _ahead(netbox: Netbox, clock: Callable[[], datetime]) -> timedelta | None:
    before = clock()
    netbox.get("status")
    middle = before + (clock() - before) / 2
    return None if netbox.answered_at is None else netbox.answered_at + _HALF_SECOND - middle


def _custom_field_faults(netbox: Netbox, dialect: Dialect, name: str) -> Iterator[str]:
    """Yield why a custom field is no proof that an event was pushed before. Without the right to see it, say that."""
    try:
        rows = netbox.listed(_CUSTOM_FIELDS, name=name)
    except NetboxError as error:
        if error.kind is not NetboxFailure.FORBIDDEN:
            raise
        yield f'custom field "{name}": cannot be looked at without view on extras.customfield'
        return
    row = next((each for each in rows if each.get("name") == name), None)
    if row is None:
        yield f'custom field "{name}": there is none'
        return
    type_ = row.get("type")
    if (type_.get("value") if isinstance(type_, dict) else type_) not in _TEXTS:
        yield f'custom field "{name}": expected the type text'
    if row.get("unique") is not True:
        yield f'custom field "{name}": expected it to be unique'
    held = row.get("object_types")
    for events in (dialect.maintenances, dialect.outages):
        if events and events.model not in (held if isinstance(held, list) else ()):
            yield f'custom field "{name}": expected it on {events.model}'
