"""Let a message keep the keys of those who signed it."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the keys; a message of before has none."""
    op.add_column("messages", sa.Column("signer_keys", sa.Text()))
