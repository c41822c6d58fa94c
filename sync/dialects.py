"""What each kind of NetBox can hold of an event, as a literal table, and which kind a server is, found by asking it.

A dialect is a plugin of some age, or none. What is common to all and to the core of NetBox stands with who uses it.
Sources: https://github.com/jasonyates/netbox-circuitmaintenance (0.6 to 0.8), https://github.com/jsenecal/netbox-notices
(1.0 to 1.3), https://github.com/netbox-community/netbox (4.4 to 4.6).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from domain.errors import NetboxError, NetboxFailure
from domain.lifecycle import CANCELLED, COMPLETED, RESOLVED
from domain.vocabulary import Kind
from sync.netbox import Netbox, Object

PLUGINS = "plugins"
CIRCUIT_MODEL = "circuits.circuit"

_STATUS = "status"
_LIST_OF_PLUGINS = "installed-plugins"
_OBJECT_TYPES = "core/object-types"
_NEVER_MIGRATED = "does not exist"
_VERSION = re.compile(r"(\d{1,4})\.(\d{1,4})", re.ASCII)


class Ends(StrEnum):
    """Which end of an event is taken."""

    FREELY = "freely"
    NOT_BEFORE_START = "not before the start"
    AFTER_START = "after the start"


class Link(StrEnum):
    """How an impact and a notification say to which event they belong."""

    FIELD = "field"  # one field with the id of a maintenance
    TYPE = "type"  # a content type and an id: by number where it is written, by name where it is looked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where objects of one model are: ``path`` below the plugin's own; ``model`` as NetBox names it ("app.model")."""

    path: str
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Events(Endpoint):
    """How events of one kind are held. Fields that are None do not exist here; lengths are in characters.

    ``frozen``: under these statuses no impact can be made or changed, but deleted it can be. ``nested``: an answer
    bears lists of impacts and notifications, which may not be sent. ``needs_end``: statuses that need an end, None for
    all of them. Without a start the server takes the present where ``needs_start`` is False.
    """

    zone_field: str | None = None
    zone_is_checked: bool = False
    etr_field: str | None = None
    reported_field: str | None = None
    ends: Ends
    needs_start: bool = True
    needs_end: frozenset[str] | None = None
    frozen: frozenset[str] = frozenset()
    nested: bool = False
    impacts: bool = True
    notifications: bool = True
    name_length: int = 100
    summary_length: int = 200
    ticket_length: int = 100
    zone_length: int = 63


@dataclass(frozen=True, slots=True, kw_only=True)
class Impacts(Endpoint):
    """How the effect on a circuit is held. ``unique``: a second one of the same circuit is refused."""

    unique: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Notifications(Endpoint):
    """How a mail is held. ``by_event``: those of an event can be looked for; else the filter would return all."""

    received_field: str
    subject_length: int
    by_event: bool
    sender_length: int = 254


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What a NetBox can hold. Without ``maintenances`` it has no plugin: all that it can hold is a circuit's journal.

    ``root``: the plugin's path, below ``/api/``. ``types``: the numbers of models, needed to write a link by TYPE.
    ``root``, ``types`` and the versions are those of the server that was asked; in the table they are as usual.
    """

    name: str
    plugin: str | None = None
    root: str | None = None
    maintenances: Events | None = None
    outages: Events | None = None
    impacts: Impacts | None = None
    notifications: Notifications | None = None
    link: Link = Link.FIELD
    types: Mapping[str, int] = field(default_factory=dict)
    netbox_version: str = ""
    plugin_version: str = ""
    lacks: tuple[str, ...] = ()

    def events(self, kind: Kind) -> Events | None:
        """Return how events of a kind are held. None: not at all."""
        return self.maintenances if kind is Kind.MAINTENANCE else self.outages

    def path(self, endpoint: Endpoint) -> str:
        """Return the path of an endpoint, below ``/api/``."""
        return f"{self.root}/{endpoint.path}"

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Return all endpoints of the plugin that there are."""
        every = (self.maintenances, self.outages, self.impacts, self.notifications)
        return tuple(endpoint for endpoint in every if endpoint)

    def event_link(self, kind: Kind, event_id: int) -> dict[str, Any]:
        """Return the fields by which an impact or a notification is written that belongs to this event."""
        if self.link is Link.FIELD:
            return {"circuitmaintenance": event_id}
        return {"event_content_type": self.types[self._model(kind)], "event_object_id": event_id}

    def event_filter(self, kind: Kind, event_id: int) -> dict[str, str | int]:
        """Return the filter for the impacts of this event, and for its notifications where ``by_event`` says so."""
        if self.link is Link.FIELD:
            return {"circuitmaintenance": event_id}
        return {"event_content_type": self._model(kind), "event_object_id": event_id}

    def belongs(self, row: Object, kind: Kind, event_id: int) -> bool:
        """Say whether an impact or a notification, as it was answered, belongs to this event."""
        if self.link is Link.FIELD:
            return _id(row.get("circuitmaintenance")) == event_id
        types = (self.types[self._model(kind)], self._model(kind))
        return row.get("event_content_type") in types and row.get("event_object_id") == event_id

    def circuit_link(self, circuit_id: int) -> dict[str, Any]:
        """Return the fields by which an impact is written that hits this circuit."""
        if self.link is Link.FIELD:
            return {"circuit": circuit_id}
        return {"target_content_type": self.types[CIRCUIT_MODEL], "target_object_id": circuit_id}

    def circuit_of(self, row: Object) -> int | None:
        """Return the id of the circuit that an impact hits, as it was answered. None: it hits no circuit."""
        if self.link is Link.FIELD:
            return _id(row.get("circuit"))
        if row.get("target_content_type") not in (self.types[CIRCUIT_MODEL], CIRCUIT_MODEL):
            return None
        return _id(row.get("target_object_id"))

    def is_orphan(self, row: Object) -> bool:
        """Say whether the circuit that an impact hits is gone from NetBox: then it can be deleted and nothing else."""
        return self.link is Link.TYPE and row.get("target", row) is None

    def _model(self, kind: Kind) -> str:
        events = self.events(kind)
        assert events is not None, f"{self.name} holds no {kind}"
        return events.model


def look_up(name: str, provider_id: int) -> dict[str, str | int]:
    """Return the filter for events of a name and a provider, whichever of its last two a dialect knows.

    One that it does not know it ignores, so that each row must be looked at.
    """
    return {"name": name, "provider": provider_id, "provider_id": provider_id}


def already_there(error: NetboxError) -> bool:
    """Say whether a write failed because there is such an object: found by a check, or by the database in a race."""
    return "already exists" in error.words or "duplicate key" in error.words or "must have a unique" in error.words


def _id(value: Any) -> int | None:
    """Return the id of an object that is referred to, which some answer whole."""
    found = value.get("id") if isinstance(value, dict) else value
    return found if isinstance(found, int) else None


_ENDED = frozenset({COMPLETED.value, CANCELLED.value})
_RESOLVED = frozenset({RESOLVED.value})

_CM = "netbox_circuitmaintenance"
_CM_MAINTENANCES = Events(
    path="circuitmaintenance", model=f"{_CM}.circuitmaintenance", ends=Ends.AFTER_START, frozen=_ENDED
)
_CM_IMPACTS = Impacts(path="circuitmaintenanceimpact", model=f"{_CM}.circuitmaintenanceimpact", unique=True)
_CM_NOTIFICATIONS = Notifications(
    path="circuitmaintenancenotifications",
    model=f"{_CM}.circuitmaintenancenotifications",
    received_field="email_received",
    subject_length=100,
    by_event=False,
)
_OLD_MAINTENANCES = replace(_CM_MAINTENANCES, ends=Ends.FREELY, nested=True)
_OLD_NOTIFICATIONS = replace(_CM_NOTIFICATIONS, received_field="email_recieved")

CIRCUITMAINTENANCE_0_6 = Dialect(
    name="netbox-circuitmaintenance up to 0.6",
    plugin=_CM,
    root="plugins/maintenance",
    maintenances=_OLD_MAINTENANCES,
    impacts=replace(_CM_IMPACTS, unique=False),
    notifications=_OLD_NOTIFICATIONS,
    lacks=("outages: the plugin has none", "the time zone of an event"),
)
CIRCUITMAINTENANCE_0_7 = Dialect(
    name="netbox-circuitmaintenance 0.7",
    plugin=_CM,
    root="plugins/maintenance",
    maintenances=_CM_MAINTENANCES,
    impacts=_CM_IMPACTS,
    notifications=_CM_NOTIFICATIONS,
    lacks=("outages: the plugin has none", "the time zone of an event", "an event that ends when it starts"),
)
CIRCUITMAINTENANCE_0_8 = Dialect(
    name="netbox-circuitmaintenance 0.8",
    plugin=_CM,
    root="plugins/maintenance",
    maintenances=replace(_CM_MAINTENANCES, zone_field="time_zone", zone_is_checked=True),
    impacts=_CM_IMPACTS,
    notifications=replace(_CM_NOTIFICATIONS, subject_length=500, by_event=True),
    lacks=("outages: the plugin has none", "an event that ends when it starts"),
)
# It calls itself 0.6.0. A list of impacts is known by maintenances only: those of outages stand in their comments.
CIRCUITMAINTENANCE_OUTAGES = Dialect(
    name="netbox-circuitmaintenance with outages",
    plugin=_CM,
    root="plugins/maintenance",
    maintenances=replace(_OLD_MAINTENANCES, zone_field="original_timezone"),
    outages=Events(
        path="circuitoutage",
        model=f"{_CM}.circuitoutage",
        zone_field="original_timezone",
        etr_field="estimated_time_to_repair",
        ends=Ends.FREELY,
        needs_end=_RESOLVED,
        impacts=False,
        notifications=False,
    ),
    impacts=replace(_CM_IMPACTS, unique=False),
    notifications=_OLD_NOTIFICATIONS,
    lacks=(
        "circuits of an outage: they stand in its comments",
        "mails of an outage",
        "when an outage was reported",
    ),
)
NOTICES = Dialect(
    name="netbox-notices",
    plugin="notices",
    root="plugins/notices",
    maintenances=Events(
        path="maintenance",
        model="notices.maintenance",
        zone_field="original_timezone",
        ends=Ends.NOT_BEFORE_START,
        frozen=_ENDED,
    ),
    outages=Events(
        path="outage",
        model="notices.outage",
        zone_field="original_timezone",
        etr_field="estimated_time_to_repair",
        reported_field="reported_at",
        ends=Ends.NOT_BEFORE_START,
        needs_start=False,
        needs_end=_RESOLVED,
        frozen=_RESOLVED,
    ),
    impacts=Impacts(path="impact", model="notices.impact", unique=True),
    notifications=Notifications(
        path="eventnotification",
        model="notices.eventnotification",
        received_field="email_received",
        subject_length=100,
        by_event=True,
    ),
    link=Link.TYPE,
)
PLAIN = Dialect(
    name="plain NetBox",
    lacks=("maintenances and outages: there is no plugin for them; each change is told in the circuits' journals",),
)

DIALECTS = (
    CIRCUITMAINTENANCE_0_6,
    CIRCUITMAINTENANCE_0_7,
    CIRCUITMAINTENANCE_0_8,
    CIRCUITMAINTENANCE_OUTAGES,
    NOTICES,
    PLAIN,
)


def detect(netbox: Netbox, base_path: str | None = None) -> Dialect:
    """Return the dialect of a server, by what it serves and how it describes that. Two to six requests, and one for
    each plugin in between where ours is served at a path of the operator's.

    ``base_path``: where the plugin is served, such as "/api/plugins/maintenance/"; None: found by what the server
    lists. Without the right to add, a field is described to nobody: then the plugin's version decides, and the field
    is looked at again once there is the right. Raises NetboxError; MISSING where ``base_path`` or NetBox is not there.
    """
    status = netbox.get(_STATUS)
    if "netbox-version" not in status:
        raise NetboxError(f"GET {_STATUS}/", kind=NetboxFailure.BROKEN, words="expected a NetBox: no netbox-version")
    plugins = status.get("plugins")
    versions = plugins if isinstance(plugins, dict) else {}
    root, served = _plugin(netbox, base_path, versions)
    found = replace(_dialect(netbox, root, served, versions), root=root)
    return replace(
        found,
        netbox_version=str(status["netbox-version"]),
        plugin_version=str(versions.get(found.plugin, "")),
    )


def _plugin(netbox: Netbox, base_path: str | None, versions: Mapping[str, Any]) -> tuple[str | None, frozenset[str]]:
    """Return where a plugin of ours is served, and what it serves there. None: there is none."""
    if base_path:
        root = base_path.strip("/").removeprefix("api/")
        served = frozenset(netbox.get(root))
        if not _is_ours(served):
            words = f"no known plugin: it serves {', '.join(sorted(served)[:10])}; look at base_path"
            raise NetboxError(f"GET {root}/", kind=NetboxFailure.MISSING, words=words)
        return root, served
    for name in _candidates(netbox.get(PLUGINS), versions):
        root = f"{PLUGINS}/{name}"
        served = _served(netbox, root)
        if _is_ours(served):
            return root, served
    return None, frozenset()


def _candidates(listed: Object, versions: Mapping[str, Any]) -> list[str]:
    """Return the names under which a plugin of ours may be served, the usual ones first.

    An operator can serve it elsewhere: then those of other plugins are asked what they are, if ours is installed.
    """
    usual = {str(dialect.root).removeprefix(f"{PLUGINS}/") for dialect in DIALECTS if dialect.root}
    ours = {dialect.plugin for dialect in DIALECTS if dialect.plugin}
    others = listed.keys() - usual - {_LIST_OF_PLUGINS} if versions.keys() & ours else set()
    return [*sorted(listed.keys() & usual), *sorted(others)]


def _served(netbox: Netbox, root: str) -> frozenset[str]:
    """Return what a plugin serves; nothing where that is nobody's business, or it fails."""
    try:
        return frozenset(netbox.get(root))
    except NetboxError as error:
        if error.kind in (NetboxFailure.FORBIDDEN, NetboxFailure.MISSING, NetboxFailure.BROKEN):
            return frozenset()
        raise


def _is_ours(served: frozenset[str]) -> bool:
    return "circuitmaintenance" in served or {"maintenance", "eventnotification"} <= served


def _dialect(netbox: Netbox, root: str | None, served: frozenset[str], versions: Mapping[str, Any]) -> Dialect:
    if root is None:
        return PLAIN
    if "circuitmaintenance" not in served:
        return replace(NOTICES, types=_types(netbox, NOTICES))
    of_event = _described(netbox, f"{root}/{_CM_MAINTENANCES.path}")
    of_notification = _described(netbox, f"{root}/{_CM_NOTIFICATIONS.path}")
    if "circuitoutage" in served:
        found = _with_outages(netbox, root)
    else:
        found = _of_age(of_event, of_notification, str(versions.get(_CM, "")))
    return _corrected(found, of_event, of_notification)


def _of_age(of_event: Object, of_notification: Object, version: str) -> Dialect:
    if "time_zone" in of_event:
        return CIRCUITMAINTENANCE_0_8
    if of_event and of_notification:
        return CIRCUITMAINTENANCE_0_7 if "email_received" in of_notification else CIRCUITMAINTENANCE_0_6
    numbers = _VERSION.match(version)
    age = (int(numbers[1]), int(numbers[2])) if numbers else (0, 6)
    if age >= (0, 8):
        return CIRCUITMAINTENANCE_0_8
    return CIRCUITMAINTENANCE_0_7 if age == (0, 7) else CIRCUITMAINTENANCE_0_6


def _with_outages(netbox: Netbox, root: str) -> Dialect:
    """Return the fork: it brings no migration for its outages, and whose operator has made none has no table."""
    dialect = CIRCUITMAINTENANCE_OUTAGES
    assert dialect.outages is not None
    try:
        netbox.listed(f"{root}/{dialect.outages.path}", most=1)
    except NetboxError as error:
        if error.kind is NetboxFailure.BROKEN and _NEVER_MIGRATED in error.words:
            lack = "outages: the plugin has them, but its database was never migrated: run makemigrations and migrate"
            return replace(dialect, outages=None, lacks=(lack,))
        if error.kind is not NetboxFailure.FORBIDDEN:
            raise
    return dialect


def _corrected(found: Dialect, of_event: Object, of_notification: Object) -> Dialect:
    """Return the dialect with the names and lengths that the server itself describes, where it does."""
    assert found.maintenances is not None
    assert found.notifications is not None
    maintenances, notifications = found.maintenances, found.notifications
    if of_event:
        zone = next((name for name in ("time_zone", "original_timezone") if name in of_event), None)
        maintenances = replace(maintenances, zone_field=zone, zone_is_checked=zone == "time_zone")
    if of_notification:
        received = next((name for name in ("email_received", "email_recieved") if name in of_notification), None)
        notifications = replace(
            notifications,
            received_field=received or notifications.received_field,
            subject_length=_length(of_notification, "subject", notifications.subject_length),
        )
    return replace(found, maintenances=maintenances, notifications=notifications)


def _length(described: Object, name: str, usual: int) -> int:
    about = described.get(name)
    length = about.get("max_length") if isinstance(about, dict) else None
    return length if isinstance(length, int) and length > 0 else usual


def _described(netbox: Netbox, path: str) -> Object:
    """Return the fields that may be written, by name, with what the server says of each; empty without the right."""
    return writable(netbox.options(path), "POST")


def writable(options: Object, method: str) -> Object:
    """Return what an answer to OPTIONS says of a method: its fields by name. Empty: the token may not use it."""
    actions = options.get("actions")
    fields = actions.get(method) if isinstance(actions, dict) else None
    return fields if isinstance(fields, dict) else {}


def _types(netbox: Netbox, dialect: Dialect) -> dict[str, int]:
    """Return the numbers of the models that are linked to. They differ from server to server."""
    models = {events.model for events in (dialect.maintenances, dialect.outages) if events} | {CIRCUIT_MODEL}
    labels = sorted({model.partition(".")[0] for model in models})
    rows = netbox.listed(_OBJECT_TYPES, app_label=labels, fields="id,app_label,model")
    found = {f"{row.get('app_label')}.{row.get('model')}": row["id"] for row in rows}
    missing = sorted(models - found.keys())
    if missing:
        words = f"expected the types {', '.join(missing)}"
        raise NetboxError(f"GET {_OBJECT_TYPES}/", kind=NetboxFailure.BROKEN, words=words)
    return {model: found[model] for model in models}
