"""Let several daemons share mailboxes and mails, let the bytes of old mails go, and count mails cheaply."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_INSTANT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")


def upgrade() -> None:
    """Add the daemons and what each of them holds; nobody holds anything yet, and all bytes are there."""
    op.add_column("messages", sa.Column("claimed_by", sa.Text()))
    op.add_column("messages", sa.Column("claimed_until", _INSTANT))
    op.add_column("messages", sa.Column("raw_pruned_at", _INSTANT))
    op.create_table(
        "daemons",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("mailboxes", sa.Text(), nullable=False),
        sa.Column("started_at", _INSTANT, nullable=False),
        sa.Column("alive_until", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_daemons")),
    )
    op.create_table(
        "mailbox_leases",
        sa.Column("mailbox", sa.Text(), nullable=False),
        sa.Column("daemon", sa.Text(), nullable=False),
        sa.Column("held_until", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("mailbox", name=op.f("pk_mailbox_leases")),
    )
    op.create_index(
        op.f("ix_messages_provider_disposition_received_at"), "messages", ["provider", "disposition", "received_at"]
    )
