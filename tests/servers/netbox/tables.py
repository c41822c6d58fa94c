"""What a NetBox holds, as tables: core models and those of each plugin, with the rules that their servers keep.

Sources: https://github.com/netbox-community/netbox and https://github.com/jasonyates/netbox-circuitmaintenance.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

MAINTENANCE_STATUSES = ("TENTATIVE", "CONFIRMED", "CANCELLED", "IN-PROCESS", "COMPLETED", "RE-SCHEDULED", "UNKNOWN")
OUTAGE_STATUSES = ("REPORTED", "INVESTIGATING", "IDENTIFIED", "MONITORING", "RESOLVED")
IMPACTS = ("NO-IMPACT", "REDUCED-REDUNDANCY", "DEGRADED", "OUTAGE")
CIRCUIT_STATUSES = ("planned", "provisioning", "active", "offline", "deprovisioning", "decommissioned")
# The last of these lookups of a text ask whether there is any.
TEXT_LOOKUPS = ("", "n", "ic", "nic", "ie", "nie", "isw", "nisw", "iew", "niew", "regex", "iregex", "empty")
ORDER_LOOKUPS = ("", "n", "gt", "gte", "lt", "lte", "empty")


class Kind(StrEnum):
    """What a field takes and how it is answered."""

    TEXT = "text"
    CHOICE = "choice"
    # A choice that is answered as {"value", "label"}, as the choices of the core are.
    LABELLED = "labelled choice"
    MOMENT = "moment"
    TRUTH = "truth"
    ADDRESS = "address"
    ZONE = "time zone"
    NUMBER = "number"
    REFERENCE = "reference"
    # The primary key of an object type, and its name as "app.model".
    TYPE = "object type"
    TYPE_NAME = "name of an object type"
    TYPE_NAMES = "names of object types"
    # The id of an object whose type another field says.
    OBJECT = "id of an object"
    NUMBERS = "numbers"
    TAGS = "tags"
    CUSTOM = "custom fields"
    # The list of what refers to the object, as the plugin up to 0.6 answers it; it cannot be written.
    NESTED = "nested list"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field of a model that a client may write. ``of``: the model that it refers to, or the field with its type."""

    name: str
    kind: Kind = Kind.TEXT
    required: bool = False
    null: bool = False
    blank: bool = False
    length: int | None = None
    choices: tuple[str, ...] = ()
    of: str = ""
    default: Any = ""
    # Left out, it becomes the time of the request.
    now: bool = False


class Match(StrEnum):
    """How a filter of a list is looked up."""

    TEXT = "text"
    CHOICE = "choice"
    ORDER = "number or moment"
    TRUTH = "truth"
    # By primary key: the last of several values counts, or any of them.
    LAST = "last"
    ANY = "any"
    # By an attribute of the object referred to, any of several values.
    ATTRIBUTE = "attribute"
    TYPE_NAME = "name of an object type"
    AFTER = "after"
    BEFORE = "before"
    # Whether the field holds a value; whether a row of the same model refers here.
    HELD = "held"
    REFERRED = "referred"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """A filter that a list knows; what it does not know it ignores."""

    match: Match
    field: str
    attribute: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unique:
    """Fields that no two rows may share, and whether a single duplicate is refused before the database sees it."""

    fields: tuple[str, ...]
    constraint: str
    checked: bool
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """An object that may not be written while what it belongs to has one of these statuses."""

    statuses: tuple[str, ...]
    words: str


class Ends(StrEnum):
    """What is asked of an end: nothing; not before the start; after the start."""

    FREELY = "freely"
    NOT_BEFORE = "not before"
    AFTER = "after"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Model:
    """A kind of object: where it is served, what it holds, how it is answered, and the rules that it keeps."""

    key: str
    label: str
    path: str
    noun: str
    title: str
    fields: tuple[Field, ...]
    shown: tuple[str, ...]
    # None: ``?brief`` answers the whole object.
    brief: tuple[str, ...] | None
    nested: tuple[str, ...]
    name: str
    filters: Mapping[str, Filter] = field(default_factory=dict)
    # None: ``?q=`` is answered with a 500.
    search: tuple[str, ...] | None = ()
    order: tuple[str, ...] = ("id",)
    indexed: tuple[str, ...] = ()
    writable: bool = True
    unique: Unique | None = None
    freeze: Freeze | None = None
    ends: Ends = Ends.FREELY
    end_words: str = ""
    # The status that cannot be without an end.
    ended: str = ""

    def field(self, name: str) -> Field | None:
        """Return a field by its name."""
        return _field(self, name)

    @property
    def tagged(self) -> bool:
        """Say whether its objects bear tags."""
        return self.field("tags") is not None


@functools.cache
def _field(model: Model, name: str) -> Field | None:
    return next((each for each in model.fields if each.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dialect:
    """A NetBox with a plugin, or without one. ``netbox``: the version that it usually runs on."""

    name: str
    app: str
    version: str
    base_path: str
    netbox: str
    models: tuple[Model, ...]
    # What else the plugin serves, of which this server has nothing.
    others: tuple[str, ...] = ()
    schema: str | None = None
    no_schema: str = ""


_TAGS = Field(name="tags", kind=Kind.TAGS, default=())
_CUSTOM = Field(name="custom_fields", kind=Kind.CUSTOM, default=None)
_STAMPS = ("created", "last_updated")


def _texts(*names: str) -> dict[str, Filter]:
    return {name: Filter(match=Match.TEXT, field=name) for name in names}


def _orders(*names: str) -> dict[str, Filter]:
    return {name: Filter(match=Match.ORDER, field=name) for name in names}


def _choices(*names: str) -> dict[str, Filter]:
    return {name: Filter(match=Match.CHOICE, field=name) for name in names}


def _truths(*names: str) -> dict[str, Filter]:
    return {name: Filter(match=Match.TRUTH, field=name) for name in names}


def _last(*names: str) -> dict[str, Filter]:
    return {name: Filter(match=Match.LAST, field=name) for name in names}


def _types(*names: str) -> dict[str, Filter]:
    return {name: Filter(match=Match.TYPE_NAME, field=name) for name in names}


def _to(reference: str, attribute: str = "slug") -> dict[str, Filter]:
    """Return the two filters of a reference of the core: by id and by an attribute."""
    return {
        f"{reference}_id": Filter(match=Match.ANY, field=reference),
        reference: Filter(match=Match.ATTRIBUTE, field=reference, attribute=attribute),
    }


_EVERY = _orders("id", "created", "last_updated")

# --- the core

_PROVIDER = Model(
    key="provider",
    label="circuits.provider",
    path="circuits/providers",
    noun="Provider",
    title="provider",
    fields=(
        Field(name="name", required=True, length=100),
        Field(name="slug", required=True, length=100),
        Field(name="asns", kind=Kind.NUMBERS, default=(), of="asn"),
        Field(name="description", blank=True, length=200),
        Field(name="comments", blank=True),
        _TAGS,
        _CUSTOM,
    ),
    shown=(
        *("id", "url", "display_url", "display", "name", "slug", "accounts", "description", "comments", "asns"),
        *("tags", "custom_fields", *_STAMPS, "circuit_count"),
    ),
    brief=("id", "url", "display", "name", "slug", "description", "circuit_count"),
    nested=("id", "url", "display", "name", "slug", "description"),
    name="name",
    filters=_EVERY
    | _texts("name", "slug", "description")
    | {
        "asn_id": Filter(match=Match.ANY, field="asns"),
        "asn": Filter(match=Match.ATTRIBUTE, field="asns", attribute="asn"),
    },
    search=("name", "description", "comments"),
    order=("name",),
    indexed=("name", "slug"),
)

_CIRCUIT = Model(
    key="circuit",
    label="circuits.circuit",
    path="circuits/circuits",
    noun="Circuit",
    title="circuit",
    fields=(
        Field(name="cid", required=True, length=100),
        Field(name="provider", kind=Kind.REFERENCE, required=True, of="provider"),
        Field(name="type", kind=Kind.REFERENCE, required=True, of="circuit_type", default=1),
        Field(name="status", kind=Kind.LABELLED, choices=CIRCUIT_STATUSES, default="active"),
        Field(name="description", blank=True, length=200),
        Field(name="comments", blank=True),
        _TAGS,
        _CUSTOM,
    ),
    shown=(
        *("id", "url", "display_url", "display", "cid", "provider", "provider_account", "type", "status", "tenant"),
        *("install_date", "termination_date", "commit_rate", "description", "distance", "distance_unit"),
        *("termination_a", "termination_z", "comments", "tags", "custom_fields", *_STAMPS),
    ),
    brief=("id", "url", "display", "cid", "provider", "description"),
    nested=("id", "url", "display", "cid", "provider", "description"),
    name="cid",
    filters=_EVERY | _texts("cid", "description") | _choices("status") | _to("provider") | _to("type"),
    search=("cid", "description", "comments"),
    indexed=("cid", "provider"),
    unique=Unique(
        fields=("provider", "cid"),
        constraint="circuits_circuit_unique_provider_cid",
        checked=True,
        words="Circuit with this Provider and Circuit ID already exists.",
    ),
)

_CIRCUIT_TYPE = Model(
    key="circuit_type",
    label="circuits.circuittype",
    path="circuits/circuit-types",
    noun="CircuitType",
    title="circuit type",
    fields=(
        Field(name="name", required=True, length=100),
        Field(name="slug", required=True, length=100),
        Field(name="description", blank=True, length=200),
        _TAGS,
        _CUSTOM,
    ),
    shown=(
        *("id", "url", "display_url", "display", "name", "slug", "description", "tags", "custom_fields"),
        *_STAMPS,
    ),
    brief=("id", "url", "display", "name", "slug", "description"),
    nested=("id", "url", "display", "name", "slug", "description"),
    name="name",
    filters=_EVERY | _texts("name", "slug", "description"),
    search=("name", "slug", "description"),
    order=("name",),
)

_TERMINATION = Model(
    key="termination",
    label="circuits.circuittermination",
    path="circuits/circuit-terminations",
    noun="CircuitTermination",
    title="circuit termination",
    fields=(
        Field(name="circuit", kind=Kind.REFERENCE, required=True, of="circuit"),
        Field(name="term_side", kind=Kind.CHOICE, required=True, choices=("A", "Z"), default="A"),
        Field(name="xconnect_id", blank=True, length=50),
        Field(name="pp_info", blank=True, length=100),
        Field(name="description", blank=True, length=200),
        _TAGS,
        _CUSTOM,
    ),
    shown=(
        *("id", "url", "display_url", "display", "circuit", "term_side", "xconnect_id", "pp_info", "description"),
        *("tags", "custom_fields", *_STAMPS),
    ),
    brief=("id", "url", "display", "circuit", "term_side", "description"),
    nested=("id", "url", "display_url", "display", "xconnect_id", "description"),
    name="termination",
    filters=_EVERY
    | _texts("xconnect_id", "pp_info", "description")
    | _choices("term_side")
    | {"circuit_id": Filter(match=Match.ANY, field="circuit")},
    search=("xconnect_id", "pp_info", "description"),
    indexed=("circuit", "xconnect_id"),
)

_ASN = Model(
    key="asn",
    label="ipam.asn",
    path="ipam/asns",
    noun="ASN",
    title="ASN",
    fields=(Field(name="asn", kind=Kind.NUMBER, required=True), _TAGS, _CUSTOM),
    shown=("id", "url", "display_url", "display", "asn", "tags", "custom_fields", *_STAMPS),
    brief=("id", "url", "display", "asn"),
    nested=("id", "url", "display", "asn"),
    name="asn",
    filters=_EVERY | _orders("asn"),
)

_TAG = Model(
    key="tag",
    label="extras.tag",
    path="extras/tags",
    noun="Tag",
    title="tag",
    fields=(
        Field(name="name", required=True, length=100),
        Field(name="slug", required=True, length=100),
        Field(name="color", blank=True, length=6, default="9e9e9e"),
        Field(name="description", blank=True, length=200),
    ),
    shown=("id", "url", "display_url", "display", "name", "slug", "color", "description", *_STAMPS),
    brief=("id", "url", "display", "name", "slug", "color", "description"),
    nested=("id", "url", "display_url", "display", "name", "slug", "color"),
    name="name",
    filters=_EVERY | _texts("name", "slug"),
    search=("name", "slug"),
    order=("name",),
)

_CUSTOM_FIELD = Model(
    key="custom_field",
    label="extras.customfield",
    path="extras/custom-fields",
    noun="CustomField",
    title="custom field",
    fields=(
        Field(name="name", required=True, length=50),
        Field(name="type", kind=Kind.LABELLED, choices=("text", "longtext", "integer", "url"), default="text"),
        Field(name="object_types", kind=Kind.TYPE_NAMES, required=True, default=()),
        Field(name="label", blank=True, length=50),
        Field(name="description", blank=True, length=200),
        Field(name="unique", kind=Kind.TRUTH, default=False),
    ),
    shown=(
        *("id", "url", "display_url", "display", "object_types", "type", "name", "label", "description", "unique"),
        *_STAMPS,
    ),
    brief=("id", "url", "display", "name", "description"),
    nested=("id", "url", "display", "name", "description"),
    name="name",
    filters=_EVERY | _texts("name", "label"),
    search=("name", "label"),
    order=("name",),
)

_JOURNAL = Model(
    key="journal",
    label="extras.journalentry",
    path="extras/journal-entries",
    noun="JournalEntry",
    title="journal entry",
    fields=(
        Field(name="assigned_object_type", kind=Kind.TYPE_NAME, required=True),
        Field(name="assigned_object_id", kind=Kind.OBJECT, required=True, of="assigned_object_type"),
        Field(name="kind", kind=Kind.LABELLED, choices=("info", "success", "warning", "danger"), default="info"),
        Field(name="comments", required=True),
        _TAGS,
        _CUSTOM,
    ),
    shown=(
        *("id", "url", "display_url", "display", "assigned_object_type", "assigned_object_id", "assigned_object"),
        *("created", "created_by", "kind", "comments", "tags", "custom_fields", "last_updated"),
    ),
    brief=("id", "url", "display", "created"),
    nested=("id", "url", "display", "created"),
    name="entry",
    filters=_EVERY | _types("assigned_object_type") | _orders("assigned_object_id") | _choices("kind"),
    search=("comments",),
    order=("-created",),
    indexed=("assigned_object_id",),
)

_OBJECT_TYPE = Model(
    key="object_type",
    label="contenttypes.contenttype",
    path="core/object-types",
    noun="ObjectType",
    title="object type",
    fields=(Field(name="app_label"), Field(name="model"), Field(name="description", blank=True)),
    shown=(
        *("id", "url", "display", "app_label", "app_name", "model", "model_name", "model_name_plural", "public"),
        *("features", "is_plugin_model", "rest_api_endpoint", "description"),
    ),
    brief=None,
    nested=("id", "url", "display"),
    name="type",
    filters=_orders("id") | _texts("app_label", "model"),
    search=("app_label", "model"),
    writable=False,
)

_CHANGE = Model(
    key="change",
    label="core.objectchange",
    path="core/object-changes",
    noun="ObjectChange",
    title="object change",
    fields=(
        Field(name="changed_object_type", kind=Kind.TYPE_NAME),
        Field(name="changed_object_id", kind=Kind.OBJECT, of="changed_object_type"),
        Field(name="action", kind=Kind.LABELLED, choices=("create", "update", "delete")),
        Field(name="object_repr"),
        Field(name="message"),
        Field(name="user_name"),
        Field(name="time", kind=Kind.MOMENT),
    ),
    shown=(
        *("id", "url", "display_url", "display", "time", "user", "user_name", "request_id", "action"),
        *("changed_object_type", "changed_object_id", "changed_object", "object_repr", "message"),
        *("prechange_data", "postchange_data"),
    ),
    brief=None,
    nested=("id", "url", "display"),
    name="change",
    filters=_orders("id", "time", "changed_object_id")
    | _types("changed_object_type")
    | _choices("action")
    | _texts("user_name", "object_repr", "message", "request_id"),
    search=("user_name", "object_repr", "message"),
    order=("-time",),
    indexed=("changed_object_id",),
    writable=False,
)

_CORE = (
    *(_PROVIDER, _CIRCUIT, _CIRCUIT_TYPE, _TERMINATION, _ASN, _TAG, _CUSTOM_FIELD, _JOURNAL, _OBJECT_TYPE, _CHANGE),
)

# --- fields that the plugins share

_NAME = Field(name="name", required=True, length=100)
_SUMMARY = Field(name="summary", required=True, length=200)
_STATUS = Field(name="status", kind=Kind.CHOICE, required=True, choices=MAINTENANCE_STATUSES)
_OUTAGE_STATUS = Field(name="status", kind=Kind.CHOICE, required=True, choices=OUTAGE_STATUSES)
_BY = Field(name="provider", kind=Kind.REFERENCE, required=True, of="provider")
_START = Field(name="start", kind=Kind.MOMENT, required=True)
_END = Field(name="end", kind=Kind.MOMENT, required=True)
_OPEN_END = Field(name="end", kind=Kind.MOMENT, null=True, default=None)
_ETR = Field(name="estimated_time_to_repair", kind=Kind.MOMENT, null=True, default=None)
_TICKET = Field(name="internal_ticket", blank=True, length=100)
_ACKNOWLEDGED = Field(name="acknowledged", kind=Kind.TRUTH, default=False)
_ACKNOWLEDGED_OR_NULL = Field(name="acknowledged", kind=Kind.TRUTH, null=True, default=False)
_COMMENTS = Field(name="comments", blank=True)
_ORIGINAL_ZONE = Field(name="original_timezone", blank=True, length=63)
_LEVEL = Field(name="impact", kind=Kind.CHOICE, null=True, blank=True, choices=IMPACTS, default=None)
_BODY = Field(name="email_body", required=True)
_FROM = Field(name="email_from", kind=Kind.ADDRESS, required=True, length=254)
_EVENT_NESTED = ("id", "url", "name", "status", "provider", "start", "end")

# --- netbox-circuitmaintenance and its fork

_CM = "netbox_circuitmaintenance"
_CM_FREEZE = Freeze(
    statuses=("COMPLETED", "CANCELLED"),
    words="You cannot alter a circuit maintenance impact once it has completed.",
)
_CM_UNIQUE = Unique(
    fields=("circuitmaintenance", "circuit"),
    constraint="unique_maintenance_circuit",
    checked=True,
    words="Circuit Maintenance Impact with this Circuit Maintenance ID and Circuit already exists.",
)
_CM_BRIEF = ("id", "url", "display", "name", "status", "provider", "start", "end")
_CIRCUIT_OF = Field(name="circuit", kind=Kind.REFERENCE, required=True, of="circuit")


def _subject(length: int) -> Field:
    return Field(name="subject", required=True, length=length)


def _received(spelling: str) -> Field:
    return Field(name=spelling, kind=Kind.MOMENT, required=True)


def _maintenance_of_cm(*, zone: tuple[Field, ...], nested_lists: bool) -> Model:
    lists = (
        (Field(name="impact", kind=Kind.NESTED, of="impact"), Field(name="notification", kind=Kind.NESTED, of="notice"))
        if nested_lists
        else ()
    )
    zones = tuple(each.name for each in zone)
    acknowledged = _ACKNOWLEDGED_OR_NULL if nested_lists else _ACKNOWLEDGED
    shown: tuple[str, ...] = ("id", "url", "display", "name", "summary", "status", "provider", "start", "end", *zones)
    if nested_lists:
        shown += ("impact", "internal_ticket", "acknowledged", "notification", "comments")
    else:
        shown += ("internal_ticket", "acknowledged", "comments")
    filters = (
        _EVERY | _texts("name", "summary", "internal_ticket", *zones) | _choices("status") | _truths(acknowledged.name)
    )
    filters |= _last("provider") | _orders("start", "end")
    if nested_lists:
        filters |= _texts("comments")
    elif zones:
        filters |= {
            "start_after": Filter(match=Match.AFTER, field="start"),
            "start_before": Filter(match=Match.BEFORE, field="start"),
        }
    return Model(
        key="maintenance",
        label=f"{_CM}.circuitmaintenance",
        path="circuitmaintenance",
        noun="CircuitMaintenance",
        title="Circuit Maintenance",
        fields=(
            *(_NAME, _SUMMARY, _STATUS, _BY, _START, _END, *zone, _TICKET, acknowledged, _COMMENTS, *lists),
            *(_TAGS, _CUSTOM),
        ),
        shown=(*shown, "tags", "custom_fields", *_STAMPS),
        brief=None if nested_lists else _CM_BRIEF,
        nested=(*_EVENT_NESTED, *zones, "acknowledged", *_STAMPS) if nested_lists else _CM_BRIEF,
        name="name",
        filters=filters,
        search=("name",) if nested_lists else ("name", "summary", "internal_ticket", "provider.name"),
        order=("-created",),
        indexed=("name", "provider"),
        ends=Ends.FREELY if nested_lists else Ends.AFTER,
        end_words="End date/time must be after start date/time.",
    )


class Age(StrEnum):
    """How the plugin grew, where its impacts and notifications differ."""

    FIRST = "0.6"
    SECOND = "0.7"
    THIRD = "0.8"


def _impact_of_cm(age: Age) -> Model:
    first, extras = age is Age.FIRST, (_TAGS, _CUSTOM) if age is Age.THIRD else (_CUSTOM,)
    event = Field(name="circuitmaintenance", kind=Kind.REFERENCE, required=True, of="maintenance")
    front: tuple[str, ...] = ("id", "url") if first else ("id", "url", "display")
    brief = ("id", "url", "display", "circuit", "impact")
    return Model(
        key="impact",
        label=f"{_CM}.circuitmaintenanceimpact",
        path="circuitmaintenanceimpact",
        noun="CircuitMaintenanceImpact",
        title="Circuit Maintenance Impact",
        fields=(event, _CIRCUIT_OF, _LEVEL, *extras),
        shown=(*front, "circuitmaintenance", "circuit", "impact", *(each.name for each in extras), *_STAMPS),
        brief=None if first else brief,
        nested=("id", "url", "circuit", "impact", *_STAMPS) if first else brief,
        name="impact",
        filters=_EVERY | _last("circuitmaintenance", "circuit") | _choices("impact"),
        search=None if first else ("circuit.cid", "circuitmaintenance.name"),
        order=("impact",),
        indexed=("circuitmaintenance", "circuit"),
        unique=None if first else _CM_UNIQUE,
        freeze=_CM_FREEZE,
    )


def _notice_of_cm(age: Age, *, received: str, subject: int) -> Model:
    first, third = age is Age.FIRST, age is Age.THIRD
    event = Field(
        name="circuitmaintenance", kind=Kind.REFERENCE, required=not third, null=third, of="maintenance", default=None
    )
    extras = (_TAGS, _CUSTOM) if third else ()
    front: tuple[str, ...] = ("id", "url") if first else ("id", "url", "display")
    own = ("circuitmaintenance", "email_body", "subject", "email_from", received)
    filters = _EVERY | _texts("email_body", "subject", "email_from") | _orders(received)
    if third:
        filters |= _last("circuitmaintenance")
        filters |= {"has_maintenance": Filter(match=Match.HELD, field="circuitmaintenance")}
    return Model(
        key="notice",
        label=f"{_CM}.circuitmaintenancenotifications",
        path="circuitmaintenancenotifications",
        noun="CircuitMaintenanceNotifications",
        title="Circuit Maintenance Notification",
        fields=(event, _BODY, _subject(subject), _FROM, _received(received), *extras),
        shown=(*front, *own, *(each.name for each in extras), *_STAMPS),
        brief=None if first else ("id", "url", "display", "subject", "email_from", received),
        nested=("id", "url", "subject", "email_from", received, *_STAMPS),
        name="subject",
        filters=filters,
        search=("subject",) if first else ("subject", "email_from"),
        order=(received,),
        indexed=("circuitmaintenance",),
    )


_OUTAGE_OF_FORK = Model(
    key="outage",
    label=f"{_CM}.circuitoutage",
    path="circuitoutage",
    noun="CircuitOutage",
    title="Circuit Outage",
    fields=(
        *(_NAME, _SUMMARY, _OUTAGE_STATUS, _BY, _START, _OPEN_END, _ETR, _ORIGINAL_ZONE, _TICKET),
        *(_ACKNOWLEDGED_OR_NULL, _COMMENTS, _TAGS, _CUSTOM),
    ),
    shown=(
        *("id", "url", "display", "name", "summary", "status", "provider", "start", "end", "estimated_time_to_repair"),
        *("original_timezone", "internal_ticket", "acknowledged", "comments", "tags", "custom_fields", *_STAMPS),
    ),
    brief=None,
    nested=(*_EVENT_NESTED, "estimated_time_to_repair", "original_timezone", "acknowledged", *_STAMPS),
    name="name",
    filters=_EVERY
    | _texts("name", "summary", "internal_ticket", "original_timezone", "comments")
    | _choices("status")
    | _last("provider")
    | _truths("acknowledged")
    | _orders("start", "end", "estimated_time_to_repair"),
    search=("name", "summary", "internal_ticket"),
    order=("-created",),
    indexed=("name", "provider"),
    ended="RESOLVED",
)

CM_0_8 = Dialect(
    name="circuitmaintenance 0.8",
    app=_CM,
    version="0.8.0",
    base_path="maintenance",
    netbox="4.5.10",
    models=(
        *_CORE,
        _maintenance_of_cm(zone=(Field(name="time_zone", kind=Kind.ZONE, default="UTC"),), nested_lists=False),
        _impact_of_cm(Age.THIRD),
        _notice_of_cm(Age.THIRD, received="email_received", subject=500),
    ),
    schema="cm-0.8.0",
)

CM_0_7 = Dialect(
    name="circuitmaintenance 0.7",
    app=_CM,
    version="0.7.0",
    base_path="maintenance",
    netbox="4.5.10",
    models=(
        *_CORE,
        _maintenance_of_cm(zone=(), nested_lists=False),
        _impact_of_cm(Age.SECOND),
        _notice_of_cm(Age.SECOND, received="email_received", subject=100),
    ),
    no_schema="no schema of 0.7 was kept",
)

CM_0_6 = Dialect(
    name="circuitmaintenance 0.6",
    app=_CM,
    version="0.6.0",
    base_path="maintenance",
    netbox="4.4.10",
    models=(
        *_CORE,
        _maintenance_of_cm(zone=(), nested_lists=True),
        _impact_of_cm(Age.FIRST),
        _notice_of_cm(Age.FIRST, received="email_recieved", subject=100),
    ),
    no_schema="no schema of 0.6 was kept",
)

# The fork calls itself 0.6 as well: only its endpoints tell.
FORK = Dialect(
    name="circuitmaintenance with outages",
    app=_CM,
    version="0.6.0",
    base_path="maintenance",
    netbox="4.4.10",
    models=(
        *_CORE,
        _maintenance_of_cm(zone=(_ORIGINAL_ZONE,), nested_lists=True),
        _impact_of_cm(Age.FIRST),
        _notice_of_cm(Age.FIRST, received="email_recieved", subject=100),
        _OUTAGE_OF_FORK,
    ),
    schema="seed-20ae9d6",
)

# --- netbox-notices

_EVENT = (
    Field(name="event_content_type", kind=Kind.TYPE, required=True),
    Field(name="event_object_id", kind=Kind.OBJECT, required=True, of="event_content_type"),
)
_TARGET = (
    Field(name="target_content_type", kind=Kind.TYPE, required=True),
    Field(name="target_object_id", kind=Kind.OBJECT, required=True, of="target_content_type"),
)
_NOTICES_UNIQUE = Unique(
    fields=("event_content_type", "event_object_id", "target_content_type", "target_object_id"),
    constraint="notices_impact_event_content_type_id_ev_a74a23a8_uniq",
    checked=True,
    words="Impact with this Event content type, Event object id, Target content type and Target object id "
    "already exists.",
)
_NOTICES_BRIEF = ("id", "url", "display", "name", "status", "provider", "start", "end")
_NOTICES_END = "The end time must be after the start time."


def _event_filters(*extra: str) -> dict[str, Filter]:
    return (
        _EVERY
        | _texts("name", "summary", "internal_ticket", "original_timezone", "impact", "comments")
        | _choices("status")
        | _truths("acknowledged")
        | {"provider_id": Filter(match=Match.ANY, field="provider")}
        | _orders("start", "end", *extra)
    )


_MAINTENANCE_OF_NOTICES = Model(
    key="maintenance",
    label="notices.maintenance",
    path="maintenance",
    noun="Maintenance",
    title="Maintenance",
    fields=(
        *(_NAME, _SUMMARY, _STATUS, _BY, _START, _END, _ORIGINAL_ZONE, _TICKET, _ACKNOWLEDGED_OR_NULL),
        Field(name="replaces", kind=Kind.OBJECT, null=True, of="maintenance", default=None),
        *(Field(name="impact", blank=True), _COMMENTS, _TAGS, _CUSTOM),
    ),
    shown=(
        *("id", "url", "display", "name", "summary", "status", "status_color", "provider", "start", "end"),
        *("original_timezone", "internal_ticket", "acknowledged", "replaces", "impact_count", "impact", "comments"),
        *("tags", "custom_fields", *_STAMPS),
    ),
    brief=_NOTICES_BRIEF,
    nested=(*_EVENT_NESTED, "original_timezone", "acknowledged", *_STAMPS),
    name="name",
    filters=_event_filters()
    | {
        "replaces_id": Filter(match=Match.ANY, field="replaces"),
        "has_replaces": Filter(match=Match.REFERRED, field="replaces"),
    },
    search=("name", "summary", "internal_ticket"),
    order=("-created",),
    indexed=("name", "provider"),
    ends=Ends.NOT_BEFORE,
    end_words=_NOTICES_END,
)

_OUTAGE_OF_NOTICES = Model(
    key="outage",
    label="notices.outage",
    path="outage",
    noun="Outage",
    title="Outage",
    fields=(
        *(_NAME, _SUMMARY, _OUTAGE_STATUS, _BY),
        Field(name="start", kind=Kind.MOMENT, now=True),
        Field(name="reported_at", kind=Kind.MOMENT, now=True),
        *(_OPEN_END, _ETR, _ORIGINAL_ZONE, _TICKET, _ACKNOWLEDGED_OR_NULL),
        *(Field(name="impact", blank=True), _COMMENTS, _TAGS, _CUSTOM),
    ),
    shown=(
        *("id", "url", "display", "name", "summary", "status", "provider", "start", "reported_at", "end"),
        *("estimated_time_to_repair", "original_timezone", "internal_ticket", "acknowledged", "impact", "comments"),
        *("tags", "custom_fields", *_STAMPS),
    ),
    brief=_NOTICES_BRIEF,
    nested=(*_EVENT_NESTED, "estimated_time_to_repair", "original_timezone", "acknowledged", *_STAMPS),
    name="name",
    filters=_event_filters("reported_at", "estimated_time_to_repair"),
    search=("name", "summary", "internal_ticket"),
    order=("-created",),
    indexed=("name", "provider"),
    ends=Ends.NOT_BEFORE,
    end_words=_NOTICES_END,
    ended="RESOLVED",
)


def _impact_of_notices(*, checked: bool) -> Model:
    own = ("event_content_type", "event_object_id", "event", "target_content_type", "target_object_id", "target")
    return Model(
        key="impact",
        label="notices.impact",
        path="impact",
        noun="Impact",
        title="Impact",
        fields=(*_EVENT, *_TARGET, _LEVEL, _TAGS, _CUSTOM),
        shown=("id", "url", "display", *own, "impact", "tags", "custom_fields", *_STAMPS),
        brief=("id", "url", "display", "impact"),
        nested=("id", "url", "display", "impact"),
        name="impact",
        filters=_EVERY
        | _types("event_content_type", "target_content_type")
        | _orders("event_object_id", "target_object_id")
        | _choices("impact"),
        search=("impact",),
        order=("impact",),
        indexed=("event_object_id", "target_object_id"),
        unique=Unique(
            fields=_NOTICES_UNIQUE.fields,
            constraint=_NOTICES_UNIQUE.constraint,
            checked=checked,
            words=_NOTICES_UNIQUE.words,
        ),
        freeze=Freeze(
            statuses=("COMPLETED", "CANCELLED", "RESOLVED"),
            words="You cannot alter an impact once the event has completed.",
        ),
    )


_NOTICE_OF_NOTICES = Model(
    key="notice",
    label="notices.eventnotification",
    path="eventnotification",
    noun="EventNotification",
    title="Event Notification",
    fields=(*_EVENT, _BODY, _subject(100), _FROM, _received("email_received"), _TAGS, _CUSTOM),
    shown=(
        *("id", "url", "display", "event_content_type", "event_object_id", "event", "email_body", "subject"),
        *("email_from", "email_received", "tags", "custom_fields", *_STAMPS),
    ),
    brief=("id", "url", "display", "subject", "email_from", "email_received"),
    nested=("id", "url", "subject", "email_from", "email_received"),
    name="subject",
    filters=_EVERY
    | _types("event_content_type")
    | _orders("event_object_id", "email_received")
    | _texts("email_body", "subject", "email_from"),
    search=("subject",),
    order=("email_received",),
    indexed=("event_object_id",),
)


def _notices(version: str, *, netbox: str, checked: bool) -> Dialect:
    return Dialect(
        name=f"notices {version}",
        app="notices",
        version=version,
        base_path="notices",
        netbox=netbox,
        models=(
            *_CORE,
            *(_MAINTENANCE_OF_NOTICES, _OUTAGE_OF_NOTICES, _impact_of_notices(checked=checked), _NOTICE_OF_NOTICES),
        ),
        others=("notification-templates", "prepared-notifications", "sent-notifications"),
        schema="notices-1.1.0",
    )


NOTICES_1_1_0 = _notices("1.1.0", netbox="4.4.10", checked=True)
NOTICES_1_1_2 = _notices("1.1.2", netbox="4.5.8", checked=False)

PLAIN = Dialect(name="plain NetBox", app="", version="", base_path="", netbox="4.5.10", models=_CORE, schema="cm-0.8.0")

DIALECTS = (CM_0_8, CM_0_7, CM_0_6, FORK, NOTICES_1_1_0, NOTICES_1_1_2, PLAIN)

# What an impact of netbox-notices may be on.
TARGETS = ("circuits.Circuit", "dcim.Device", "dcim.PowerFeed", "dcim.Site")

STATUS_COLOURS = {
    "TENTATIVE": "yellow",
    "CONFIRMED": "green",
    "CANCELLED": "gray",
    "IN-PROCESS": "orange",
    "COMPLETED": "indigo",
    "RE-SCHEDULED": "green",
    "UNKNOWN": "blue",
}
