"""Let NetBox be looked at again event by event, and a ticket be taken away."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add what a row of the outbox asks for; a ticket that nobody named is null, no longer empty."""
    with op.batch_alter_table("outbox") as table:
        table.add_column(sa.Column("thorough", sa.Boolean(), nullable=False, server_default=sa.false()))
        table.add_column(sa.Column("background", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("outbox") as table:
        table.alter_column("thorough", server_default=None)
        table.alter_column("background", server_default=None)
    with op.batch_alter_table("acknowledgements") as table:
        table.alter_column("ticket", existing_type=sa.Text(), nullable=True)
    op.execute("UPDATE acknowledgements SET ticket = NULL WHERE ticket = ''")
