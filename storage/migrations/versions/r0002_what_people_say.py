"""Make room for what people say: of messages, of events; and for other ids of an event, and what readers made of it."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_INSTANT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")


def upgrade() -> None:
    """Add the tables and columns."""
    op.add_column("messages", sa.Column("trials", sa.Text(), nullable=True))
    op.add_column("messages", sa.Column("evidence", sa.Text(), nullable=True))
    op.create_table(
        "copies",
        sa.Column("message", _ID, autoincrement=False, nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("mailbox", sa.Text(), nullable=False),
        sa.Column("headers", sa.LargeBinary(), nullable=False),
        sa.Column("seen_at", _INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["message"], ["messages.id"], name=op.f("fk_copies_message"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("message", "evidence", name=op.f("pk_copies")),
    )
    op.add_column("messages", sa.Column("proposal", sa.Text(), nullable=True))
    _widen_events()
    _make_what_is_said_of_messages()
    _make_what_is_said_of_events()


def _widen_events() -> None:
    op.add_column("events", sa.Column("replaces", sa.Text(), nullable=True))
    op.add_column("events", sa.Column("replaced_by", sa.Text(), nullable=True))
    with op.batch_alter_table("events") as events:
        # An event that is there has no reference yet: this digest belongs to no list, so that the next fold writes it.
        events.add_column(sa.Column("references_digest", sa.Text(), nullable=False, server_default=""))
    with op.batch_alter_table("events") as events:
        events.alter_column("references_digest", server_default=None)
    op.create_table(
        "event_references",
        sa.Column("event", _ID, autoincrement=False, nullable=False),
        sa.Column("ordinal", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("reference_key", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["event"], ["events.id"], name=op.f("fk_event_references_event"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("event", "ordinal", name=op.f("pk_event_references")),
    )
    op.create_index(op.f("ix_event_references_reference_key"), "event_references", ["reference_key"], unique=False)


def _make_what_is_said_of_messages() -> None:
    op.create_table(
        "decisions",
        sa.Column("message", _ID, autoincrement=False, nullable=False),
        sa.Column("provider", sa.Text(), nullable=True),
        sa.Column("reader", sa.Text(), nullable=True),
        sa.Column("released", sa.Boolean(), nullable=False),
        sa.Column("accepted", sa.Boolean(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("decided_at", _INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["message"], ["messages.id"], name=op.f("fk_decisions_message"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("message", name=op.f("pk_decisions")),
    )
    op.create_table(
        "retractions",
        sa.Column("message", _ID, autoincrement=False, nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("retracted_at", _INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["message"], ["messages.id"], name=op.f("fk_retractions_message"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("message", name=op.f("pk_retractions")),
    )


def _make_what_is_said_of_events() -> None:
    op.create_table(
        "edits",
        sa.Column("id", _ID, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("id_key", sa.Text(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("stamp", _INSTANT, nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_edits")),
    )
    op.create_index(op.f("ix_edits_kind_provider_id_key"), "edits", ["kind", "provider", "id_key"], unique=False)
    op.create_table(
        "hidden_events",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("id_key", sa.Text(), nullable=False),
        sa.Column("generation", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("hidden_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("kind", "provider", "id_key", "generation", name=op.f("pk_hidden_events")),
    )
