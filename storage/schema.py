"""The tables, for SQLite and PostgreSQL alike, and the types whose values both hold without a difference.

Bytes come in at the top and events out at the bottom: messages with their raw bytes and sightings, the updates that
they state, and the events that the updates fold to, with windows, circuits and history. A column that is named after a
table in the singular (``message``, ``event``) refers to its row.
"""

import hashlib
import json
import re
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Index, MetaData, Table, UniqueConstraint
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.types import TypeDecorator, TypeEngine

# PostgreSQL refuses an index entry over 2,704 octets, and one mail must not be able to stop the intake.
LONGEST_KEY = 200

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def storable(text: str) -> str:
    """Return the text with U+FFFD for what a database cannot hold: NUL (PostgreSQL) and lone surrogates (both)."""
    # An enum of strings becomes the plain string, which psycopg would else store by its name.
    plain = str(text)
    return plain if plain.isascii() and "\0" not in plain else _UNSTORABLE.sub("\ufffd", plain)


def stored_key(text: str) -> str:
    """Return a text as it stands in an index: cut, with a digest of all of it, where it is too long for one."""
    key = storable(text)
    if len(key) <= LONGEST_KEY:
        return key
    digest = hashlib.sha256(key.encode()).hexdigest()
    return key[: LONGEST_KEY - len(digest)] + digest


def insert_ignoring(conn: sa.Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """Return an INSERT that passes over rows that are there already."""
    if conn.dialect.name == "sqlite":
        return sqlite.insert(table).on_conflict_do_nothing()
    return postgresql.insert(table).on_conflict_do_nothing()


class Text(TypeDecorator[str]):
    """A text of any length, with what a database cannot hold replaced (see ``storable``)."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:
        """Return the text to store."""
        return None if value is None else storable(value)


class Key(TypeDecorator[str]):
    """A text that stands in an index; compared and stored in the form of ``stored_key``."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:
        """Return the key to store or to compare with."""
        return None if value is None else stored_key(value)


class Json(TypeDecorator[object]):
    """A JSON value as text, with its keys sorted: nothing looks inside of it."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: object, dialect: sa.Dialect) -> str:
        """Return the value to store as compact JSON."""
        text = _compact(value)
        # JSON hides a NUL from ``storable`` in an escape.
        return storable(_compact(_storable_parts(value)) if "\\u0000" in text else text)

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> object:
        """Return the stored value."""
        return None if value is None else json.loads(value)


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _storable_parts(value: object) -> object:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return {name: _storable_parts(part) for name, part in value.items()}
    return [_storable_parts(part) for part in value] if isinstance(value, list | tuple) else value


class UtcDateTime(TypeDecorator[datetime]):
    """An aware instant, in UTC when it is read. A naive one is refused.

    SQLite has no such type: there it is text of one length, which sorts as time does and reads well in a shell.
    """

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> TypeEngine[Any]:
        """Return the type of the column."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(sa.String(27))
        return dialect.type_descriptor(postgresql.TIMESTAMP(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | str | None:
        """Return the instant to store; ValueError for a naive one."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value.isoformat()} says no zone: only aware instants are stored")
        instant = value.astimezone(UTC)
        if dialect.name != "sqlite":
            return instant
        return instant.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"

    def process_result_value(self, value: datetime | str | None, dialect: sa.Dialect) -> datetime | None:
        """Return the stored instant, aware and in UTC."""
        if value is None:
            return None
        return datetime.fromisoformat(value) if isinstance(value, str) else value.astimezone(UTC)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite numbers rows by itself only where the primary key is of the type INTEGER.
_Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _refers_to(table: str) -> ForeignKey:
    return ForeignKey(f"{table}.id", ondelete="CASCADE")


messages = Table(
    "messages",
    metadata,
    Column("id", _Id, primary_key=True),
    # Unique: the same mail again, wherever, is a sighting of the one message (storage.messages.record).
    Column("identity", Key, nullable=False, unique=True),
    Column("message_id", Text),
    Column("body_digest", Text, nullable=False),
    Column("from_header", Text, nullable=False),
    Column("sender", Text),
    Column("sender_problem", Text),
    Column("subject", Text, nullable=False),
    Column("date_at", UtcDateTime),
    Column("header_received_at", UtcDateTime),
    Column("received_at", UtcDateTime, nullable=False),
    Column("size", sa.BigInteger, nullable=False),
    Column("too_large", sa.Boolean, nullable=False),
    Column("disposition", Key, nullable=False),
    Column("reason", Key),
    Column("detail", Text, nullable=False),
    Column("attempts", sa.Integer, nullable=False),
    Column("provider", Key),
    Column("reader", Text),
    Column("reader_version", Text, nullable=False),
    # Who sent it and what that is worth, as a digest: another copy of it may say otherwise.
    Column("evidence", Text),
    # What each reader made of it: [provider, reader, outcome], null until it was read.
    Column("trials", Json),
    # What a model read in it, for a person to accept: updates, as storage.events keeps them.
    Column("proposal", Json),
    # The keys of its signers as they were, by their names in the DNS; null for one for which it did not answer.
    Column("signer_keys", Json),
    Column("stored_at", UtcDateTime, nullable=False),
    # Null exactly as long as the disposition is "received".
    Column("settled_at", UtcDateTime),
    # Which daemon reads it, and until when nobody else does, where several have one database (storage.leases).
    Column("claimed_by", Text),
    Column("claimed_until", UtcDateTime),
    # Its bytes were too old to be kept, and went.
    Column("raw_pruned_at", UtcDateTime),
    # storage.messages.waiting; the counts of storage.queries.stats; `maintd messages --disposition`.
    Index(None, "disposition", "attempts", "id"),
    # `maintd messages --provider` and the counts by provider of `maintd stats`.
    Index(None, "provider", "id"),
    # `maintd messages --since`.
    Index(None, "received_at"),
    # storage.figures: the messages of each provider, and its last one, out of the index alone.
    Index(None, "provider", "disposition", "received_at"),
)

# Apart from the messages, so that no listing reads bodies.
raw_messages = Table(
    "raw_messages",
    metadata,
    Column("message", _Id, _refers_to("messages"), primary_key=True, autoincrement=False),
    Column("compressed", sa.LargeBinary, nullable=False),
)

# What a message that states something says to a person, for NetBox: as long as it states something. Apart as well.
message_texts = Table(
    "message_texts",
    metadata,
    Column("message", _Id, _refers_to("messages"), primary_key=True, autoincrement=False),
    Column("text", Text, nullable=False),
)

# Copies of a message that came with other evidence while it was not applied: their headers; the body is the same.
copies = Table(
    "copies",
    metadata,
    Column("message", _Id, _refers_to("messages"), primary_key=True, autoincrement=False),
    Column("evidence", Key, primary_key=True),
    Column("mailbox", Key, nullable=False),
    Column("headers", sa.LargeBinary, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
)

sightings = Table(
    "sightings",
    metadata,
    Column("message", _Id, _refers_to("messages"), primary_key=True, autoincrement=False),
    Column("mailbox", Key, primary_key=True),
    Column("folder", Key, primary_key=True),
    # Both are 0 for what was imported from a file: no server gives out a 0 (RFC 9051 2.3.1.1).
    Column("uid_validity", sa.BigInteger, primary_key=True, autoincrement=False),
    Column("imap_uid", sa.BigInteger, primary_key=True, autoincrement=False),
    Column("seen_at", UtcDateTime, nullable=False),
    Column("filed_at", UtcDateTime),
    # storage.messages.unfiled and mark_filed: what is filed is never asked for again.
    Index(
        None,
        "mailbox",
        "folder",
        "uid_validity",
        "imap_uid",
        sqlite_where=sa.text("filed_at IS NULL"),
        postgresql_where=sa.text("filed_at IS NULL"),
    ),
)

cursors = Table(
    "cursors",
    metadata,
    Column("mailbox", Key, primary_key=True),
    Column("folder", Key, primary_key=True),
    # Null until the folder was opened for the first time.
    Column("uid_validity", sa.BigInteger),
    Column("last_uid", sa.BigInteger),
    Column("last_success_at", UtcDateTime),
    Column("last_failure_at", UtcDateTime),
    Column("last_error", Text),
)

# The daemons on this database, where there may be several, and the mailboxes of the configuration of each.
daemons = Table(
    "daemons",
    metadata,
    Column("name", Key, primary_key=True),
    Column("mailboxes", Json, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    # Who says nothing for so long is gone.
    Column("alive_until", UtcDateTime, nullable=False),
)

# Which of them watches a mailbox, and until when nobody else does.
mailbox_leases = Table(
    "mailbox_leases",
    metadata,
    Column("mailbox", Key, primary_key=True),
    Column("daemon", Key, nullable=False),
    Column("held_until", UtcDateTime, nullable=False),
)

sender_assignments = Table(
    "sender_assignments",
    metadata,
    Column("sender", Key, primary_key=True),
    Column("provider", Key, nullable=False),
    Column("author", Text, nullable=False),
    Column("assigned_at", UtcDateTime, nullable=False),
)

# What a person said of one message. These three outlive every reading of it.
decisions = Table(
    "decisions",
    metadata,
    Column("message", _Id, _refers_to("messages"), primary_key=True, autoincrement=False),
    Column("provider", Text),
    Column("reader", Text),
    Column("released", sa.Boolean, nullable=False),
    Column("accepted", sa.Boolean, nullable=False),
    Column("author", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("decided_at", UtcDateTime, nullable=False),
)

# The updates of these messages do not count.
retractions = Table(
    "retractions",
    metadata,
    Column("message", _Id, _refers_to("messages"), primary_key=True, autoincrement=False),
    Column("author", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("retracted_at", UtcDateTime, nullable=False),
)

updates = Table(
    "updates",
    metadata,
    Column("message", _Id, _refers_to("messages"), primary_key=True, autoincrement=False),
    Column("ordinal", sa.Integer, primary_key=True, autoincrement=False),
    Column("kind", Key, nullable=False),
    Column("provider", Key, nullable=False),
    Column("id_key", Key, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("stamp", UtcDateTime, nullable=False),
    Column("reader", Text, nullable=False),
    Column("reader_version", Text, nullable=False),
    # All else that the update says; what it does not state is left out.
    Column("statement", Json, nullable=False),
    # storage.events.refold reads the updates of one key; storage.queries finds the messages of an event.
    Index(None, "kind", "provider", "id_key"),
)

# A key has its row before it has an event, so that PostgreSQL has something to lock while its updates are read. Rows
# stay when the event goes: whoever waits for a row that is deleted meanwhile would go on without a lock.
event_keys = Table(
    "event_keys",
    metadata,
    Column("kind", Key, primary_key=True),
    Column("provider", Key, primary_key=True),
    Column("id_key", Key, primary_key=True),
)

# What people said of events: updates with an author, which no reading of a message takes away.
edits = Table(
    "edits",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("kind", Key, nullable=False),
    Column("provider", Key, nullable=False),
    Column("id_key", Key, nullable=False),
    Column("generation", sa.Integer, nullable=False),
    Column("stamp", UtcDateTime, nullable=False),
    Column("author", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("statement", Json, nullable=False),
    # storage.events.refold.
    Index(None, "kind", "provider", "id_key"),
)

# Outages that a person held under an id of ours, or of their own, and that went over into another.
adoptions = Table(
    "adoptions",
    metadata,
    Column("kind", Key, primary_key=True),
    Column("provider", Key, primary_key=True),
    Column("id_key", Key, primary_key=True),
    # The id that it was held under, and the id of the other one, in their spelling.
    Column("held_id", Text, nullable=False),
    Column("into_id_key", Key, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("adopted_at", UtcDateTime, nullable=False),
    # storage.events.refold: what was said of those that were adopted into a key.
    Index(None, "kind", "provider", "into_id_key"),
)

# The numbers of ids of ours that were given out, by whose outage they were for. No row is ever deleted.
local_ids = Table(
    "local_ids",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("provider", Text, nullable=False),
)

# Events that are shown no more. Named by the key, as the acknowledgements are.
hidden_events = Table(
    "hidden_events",
    metadata,
    Column("kind", Key, primary_key=True),
    Column("provider", Key, primary_key=True),
    Column("id_key", Key, primary_key=True),
    Column("generation", sa.Integer, primary_key=True, autoincrement=False),
    Column("author", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("hidden_at", UtcDateTime, nullable=False),
)

events = Table(
    "events",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("kind", Key, nullable=False),
    Column("provider", Key, nullable=False),
    Column("id_key", Key, nullable=False),
    Column("generation", sa.Integer, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("start_at", UtcDateTime),
    Column("end_at", UtcDateTime),
    Column("summary", Text, nullable=False),
    Column("organizer", Text, nullable=False),
    Column("accounts", Json, nullable=False),
    Column("stamp", UtcDateTime, nullable=False),
    Column("stamp_inferred", sa.Boolean, nullable=False),
    Column("unverified", sa.Boolean, nullable=False),
    Column("update_count", sa.Integer, nullable=False),
    Column("material_digest", Text, nullable=False),
    Column("replaces", Text),
    Column("replaced_by", Text),
    # Of an outage. ``end_at`` is null as long as it is open.
    Column("end_inferred", sa.Boolean, nullable=False),
    Column("reported_at", UtcDateTime),
    Column("etr_at", UtcDateTime),
    Column("cause", Text),
    Column("original_timezone", Text),
    # What the rows of windows and circuits, and of the history, were written from: equal digests, nothing to write.
    Column("windows_digest", Text, nullable=False),
    Column("history_digest", Text, nullable=False),
    Column("references_digest", Text, nullable=False),
    Column("etr_digest", Text, nullable=False),
    # storage.events.refold; `maintd events --provider --kind`.
    UniqueConstraint("kind", "provider", "id_key", "generation"),
    # `maintd show ID`, without kind and provider; storage.links.linked.
    Index(None, "id_key"),
    # `maintd events --active --upcoming`: what ended long ago is not even read.
    Index(None, "end_at"),
)

# Other ids of an event, under which people look for it.
event_references = Table(
    "event_references",
    metadata,
    Column("event", _Id, _refers_to("events"), primary_key=True, autoincrement=False),
    Column("ordinal", sa.Integer, primary_key=True, autoincrement=False),
    Column("reference", Text, nullable=False),
    Column("reference_key", Key, nullable=False),
    # `maintd show REFERENCE`; storage.links.linked.
    Index(None, "reference_key"),
)

windows = Table(
    "windows",
    metadata,
    Column("event", _Id, _refers_to("events"), primary_key=True, autoincrement=False),
    # From 1, by start and end.
    Column("number", sa.Integer, primary_key=True, autoincrement=False),
    Column("start_at", UtcDateTime, nullable=False),
    Column("end_at", UtcDateTime, nullable=False),
    Column("status", Text, nullable=False),
    Column("withdrawn", sa.Boolean, nullable=False),
)

circuits = Table(
    "circuits",
    metadata,
    Column("event", _Id, _refers_to("events"), primary_key=True, autoincrement=False),
    # 0 for the circuits of the event as a whole, each once with its worst impact; else the number of a window.
    Column("window_number", sa.Integer, primary_key=True, autoincrement=False),
    Column("ordinal", sa.Integer, primary_key=True, autoincrement=False),
    Column("circuit_id", Text, nullable=False),
    Column("circuit_key", Key, nullable=False),
    Column("impact", Text, nullable=False),
    Column("withdrawn", sa.Boolean, nullable=False),
    # `maintd events --circuit`; storage.links.offered.
    Index(None, "circuit_key"),
)

history = Table(
    "history",
    metadata,
    Column("event", _Id, _refers_to("events"), primary_key=True, autoincrement=False),
    Column("ordinal", sa.Integer, primary_key=True, autoincrement=False),
    Column("stamp", UtcDateTime, nullable=False),
    Column("move", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("superseded", sa.Boolean, nullable=False),
    Column("changes", Json, nullable=False),
)

# How the estimated time of restoration of an outage changed.
etr_revisions = Table(
    "etr_revisions",
    metadata,
    Column("event", _Id, _refers_to("events"), primary_key=True, autoincrement=False),
    Column("ordinal", sa.Integer, primary_key=True, autoincrement=False),
    Column("stamp", UtcDateTime, nullable=False),
    Column("etr_at", UtcDateTime),
    Column("previous_at", UtcDateTime),
    Column("move", Text, nullable=False),
    Column("slip_seconds", sa.BigInteger),
    Column("source", Text, nullable=False),
    Column("words", Text, nullable=False),
)

# Named by the key and not by the row of the event: what a person saw outlives a reparse that takes the event away.
acknowledgements = Table(
    "acknowledgements",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("kind", Key, nullable=False),
    Column("provider", Key, nullable=False),
    Column("id_key", Key, nullable=False),
    Column("generation", sa.Integer, nullable=False),
    # Of the event as it was seen; empty where the acknowledgement was taken back.
    Column("material_digest", Text, nullable=False),
    Column("author", Text, nullable=False),
    # Null where none was named; empty where it was taken away.
    Column("ticket", Text),
    Column("comment", Text, nullable=False),
    Column("acknowledged_at", UtcDateTime, nullable=False),
    # Whether an event is acknowledged: `maintd events`, `maintd show`.
    Index(None, "kind", "provider", "id_key", "generation"),
)

# Events of which NetBox has still to learn something, one row each, written with the change itself. The row of an event
# that is gone stays until NetBox knows.
outbox = Table(
    "outbox",
    metadata,
    Column("kind", Key, primary_key=True),
    Column("provider", Key, primary_key=True),
    Column("id_key", Key, primary_key=True),
    Column("generation", sa.Integer, primary_key=True, autoincrement=False),
    # Counts the changes: who delivers an older one has not delivered this.
    Column("version", sa.BigInteger, nullable=False),
    # Since when NetBox is behind, and when it is tried next.
    Column("waiting_since", UtcDateTime, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    # Of the newest change alone.
    Column("attempts", sa.Integer, nullable=False),
    Column("failed_at", UtcDateTime),
    Column("problem", Text),
    # NetBox will never take it as it is: only another change, or a person, has it tried again.
    Column("parked", sa.Boolean, nullable=False),
    # All that NetBox holds of it is to be looked at, whatever we believe.
    Column("thorough", sa.Boolean, nullable=False),
    # Nothing has changed: it comes after those that have.
    Column("background", sa.Boolean, nullable=False),
    # Until when somebody delivers it; no two claims of one event end at the same instant.
    Column("claimed_until", UtcDateTime),
    # storage.outbox.claim.
    Index(None, "due_at"),
)

# What NetBox holds of an event, as far as we know. Named by the key: it outlives the event, which is to be taken back.
remote_events = Table(
    "remote_events",
    metadata,
    Column("kind", Key, primary_key=True),
    Column("provider", Key, primary_key=True),
    Column("id_key", Key, primary_key=True),
    Column("generation", sa.Integer, primary_key=True, autoincrement=False),
    Column("state", Json, nullable=False),
    # Requests were under way: more may stand in NetBox than the state says.
    Column("dirty", sa.Boolean, nullable=False),
    # Null until a push came to its end.
    Column("pushed_at", UtcDateTime),
)

# Names of circuits that NetBox knows by another one.
circuit_aliases = Table(
    "circuit_aliases",
    metadata,
    Column("provider", Key, primary_key=True),
    Column("alias_key", Key, primary_key=True),
    # As it was typed, and the id of the circuit as NetBox spells it.
    Column("alias", Text, nullable=False),
    Column("circuit_id", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("added_at", UtcDateTime, nullable=False),
)

# Circuits of events that NetBox does not have, to be looked for again.
unresolved_circuits = Table(
    "unresolved_circuits",
    metadata,
    Column("provider", Key, primary_key=True),
    Column("circuit_key", Key, primary_key=True),
    Column("circuit_id", Text, nullable=False),
    Column("first_seen_at", UtcDateTime, nullable=False),
    Column("last_tried_at", UtcDateTime, nullable=False),
)

# Facts about the one NetBox, by name: since when events are pushed, which dialect it spoke last.
netbox_meta = Table(
    "netbox_meta",
    metadata,
    Column("name", Key, primary_key=True),
    Column("value", Text, nullable=False),
)
