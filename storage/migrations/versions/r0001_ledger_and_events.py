"""Make the tables of the ledger and of the events."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

# The types as they were at this revision: see storage.schema for what they mean.
_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_INSTANT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")


def upgrade() -> None:
    """Make all tables in a database that has none."""
    _make_the_ledger()
    _make_the_events()


def _make_the_ledger() -> None:
    op.create_table(
        "messages",
        sa.Column("id", _ID, nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=True),
        sa.Column("body_digest", sa.Text(), nullable=False),
        sa.Column("from_header", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=True),
        sa.Column("sender_problem", sa.Text(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("date_at", _INSTANT, nullable=True),
        sa.Column("header_received_at", _INSTANT, nullable=True),
        sa.Column("received_at", _INSTANT, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("too_large", sa.Boolean(), nullable=False),
        sa.Column("disposition", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=True),
        sa.Column("reader", sa.Text(), nullable=True),
        sa.Column("reader_version", sa.Text(), nullable=False),
        sa.Column("stored_at", _INSTANT, nullable=False),
        sa.Column("settled_at", _INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
        sa.UniqueConstraint("identity", name=op.f("uq_messages_identity")),
    )
    op.create_index(
        op.f("ix_messages_disposition_attempts_id"), "messages", ["disposition", "attempts", "id"], unique=False
    )
    op.create_index(op.f("ix_messages_provider_id"), "messages", ["provider", "id"], unique=False)
    op.create_index(op.f("ix_messages_received_at"), "messages", ["received_at"], unique=False)
    op.create_table(
        "raw_messages",
        sa.Column("message", _ID, autoincrement=False, nullable=False),
        sa.Column("compressed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["message"], ["messages.id"], name=op.f("fk_raw_messages_message"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("message", name=op.f("pk_raw_messages")),
    )
    op.create_table(
        "sightings",
        sa.Column("message", _ID, autoincrement=False, nullable=False),
        sa.Column("mailbox", sa.Text(), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("uid_validity", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("imap_uid", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seen_at", _INSTANT, nullable=False),
        sa.Column("filed_at", _INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["message"], ["messages.id"], name=op.f("fk_sightings_message"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("message", "mailbox", "folder", "uid_validity", "imap_uid", name=op.f("pk_sightings")),
    )
    op.create_index(
        op.f("ix_sightings_mailbox_folder_uid_validity_imap_uid"),
        "sightings",
        ["mailbox", "folder", "uid_validity", "imap_uid"],
        unique=False,
        sqlite_where=sa.text("filed_at IS NULL"),
        postgresql_where=sa.text("filed_at IS NULL"),
    )
    op.create_table(
        "cursors",
        sa.Column("mailbox", sa.Text(), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("uid_validity", sa.BigInteger(), nullable=True),
        sa.Column("last_uid", sa.BigInteger(), nullable=True),
        sa.Column("last_success_at", _INSTANT, nullable=True),
        sa.Column("last_failure_at", _INSTANT, nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("mailbox", "folder", name=op.f("pk_cursors")),
    )
    op.create_table(
        "sender_assignments",
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("assigned_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("sender", name=op.f("pk_sender_assignments")),
    )


def _make_the_events() -> None:
    op.create_table(
        "updates",
        sa.Column("message", _ID, autoincrement=False, nullable=False),
        sa.Column("ordinal", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("id_key", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("stamp", _INSTANT, nullable=False),
        sa.Column("reader", sa.Text(), nullable=False),
        sa.Column("reader_version", sa.Text(), nullable=False),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["message"], ["messages.id"], name=op.f("fk_updates_message"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("message", "ordinal", name=op.f("pk_updates")),
    )
    op.create_index(op.f("ix_updates_kind_provider_id_key"), "updates", ["kind", "provider", "id_key"], unique=False)
    op.create_table(
        "event_keys",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("id_key", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "provider", "id_key", name=op.f("pk_event_keys")),
    )
    op.create_table(
        "events",
        sa.Column("id", _ID, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("id_key", sa.Text(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("start_at", _INSTANT, nullable=True),
        sa.Column("end_at", _INSTANT, nullable=True),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("organizer", sa.Text(), nullable=False),
        sa.Column("accounts", sa.Text(), nullable=False),
        sa.Column("stamp", _INSTANT, nullable=False),
        sa.Column("stamp_inferred", sa.Boolean(), nullable=False),
        sa.Column("unverified", sa.Boolean(), nullable=False),
        sa.Column("update_count", sa.Integer(), nullable=False),
        sa.Column("material_digest", sa.Text(), nullable=False),
        sa.Column("windows_digest", sa.Text(), nullable=False),
        sa.Column("history_digest", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
        sa.UniqueConstraint(
            "kind", "provider", "id_key", "generation", name=op.f("uq_events_kind_provider_id_key_generation")
        ),
    )
    op.create_index(op.f("ix_events_end_at"), "events", ["end_at"], unique=False)
    op.create_index(op.f("ix_events_id_key"), "events", ["id_key"], unique=False)
    op.create_table(
        "windows",
        sa.Column("event", _ID, autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("start_at", _INSTANT, nullable=False),
        sa.Column("end_at", _INSTANT, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["event"], ["events.id"], name=op.f("fk_windows_event"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("event", "number", name=op.f("pk_windows")),
    )
    op.create_table(
        "circuits",
        sa.Column("event", _ID, autoincrement=False, nullable=False),
        sa.Column("window_number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("ordinal", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("circuit_id", sa.Text(), nullable=False),
        sa.Column("circuit_key", sa.Text(), nullable=False),
        sa.Column("impact", sa.Text(), nullable=False),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["event"], ["events.id"], name=op.f("fk_circuits_event"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("event", "window_number", "ordinal", name=op.f("pk_circuits")),
    )
    op.create_index(op.f("ix_circuits_circuit_key"), "circuits", ["circuit_key"], unique=False)
    op.create_table(
        "history",
        sa.Column("event", _ID, autoincrement=False, nullable=False),
        sa.Column("ordinal", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("stamp", _INSTANT, nullable=False),
        sa.Column("move", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("superseded", sa.Boolean(), nullable=False),
        sa.Column("changes", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["event"], ["events.id"], name=op.f("fk_history_event"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("event", "ordinal", name=op.f("pk_history")),
    )
    op.create_table(
        "acknowledgements",
        sa.Column("id", _ID, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("id_key", sa.Text(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("material_digest", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("ticket", sa.Text(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("acknowledged_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_acknowledgements")),
    )
    op.create_index(
        op.f("ix_acknowledgements_kind_provider_id_key_generation"),
        "acknowledgements",
        ["kind", "provider", "id_key", "generation"],
        unique=False,
    )
