"""Make room for outages: what is told of them, the history of their ETR, and those that people open by hand."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_INSTANT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")


def upgrade() -> None:
    """Add the tables and columns."""
    _widen_events()
    op.create_table(
        "etr_revisions",
        sa.Column("event", _ID, autoincrement=False, nullable=False),
        sa.Column("ordinal", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("stamp", _INSTANT, nullable=False),
        sa.Column("etr_at", _INSTANT, nullable=True),
        sa.Column("previous_at", _INSTANT, nullable=True),
        sa.Column("move", sa.Text(), nullable=False),
        sa.Column("slip_seconds", sa.BigInteger(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["event"], ["events.id"], name=op.f("fk_etr_revisions_event"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("event", "ordinal", name=op.f("pk_etr_revisions")),
    )
    op.create_table(
        "adoptions",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("id_key", sa.Text(), nullable=False),
        sa.Column("held_id", sa.Text(), nullable=False),
        sa.Column("into_id_key", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("adopted_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("kind", "provider", "id_key", name=op.f("pk_adoptions")),
    )
    op.create_index(
        op.f("ix_adoptions_kind_provider_into_id_key"), "adoptions", ["kind", "provider", "into_id_key"], unique=False
    )
    op.create_table(
        "local_ids",
        sa.Column("id", _ID, nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_local_ids")),
    )


def _widen_events() -> None:
    for name, type_ in (
        ("reported_at", _INSTANT),
        ("etr_at", _INSTANT),
        ("cause", sa.Text()),
        ("original_timezone", sa.Text()),
    ):
        op.add_column("events", sa.Column(name, type_, nullable=True))
    with op.batch_alter_table("events") as events:
        events.add_column(sa.Column("end_inferred", sa.Boolean(), nullable=False, server_default=sa.false()))
        # No event that is there has an ETR yet: this digest belongs to no list, so that the next fold writes it.
        events.add_column(sa.Column("etr_digest", sa.Text(), nullable=False, server_default=""))
    with op.batch_alter_table("events") as events:
        events.alter_column("end_inferred", server_default=None)
        events.alter_column("etr_digest", server_default=None)
