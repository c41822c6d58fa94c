"""The revisions of the schema, run by ``storage.database.upgrade``: Alembic's folder, inside of the package."""

from pathlib import Path

HOME = Path(__file__).parent

# The revisions, the oldest first, here as words so that opening a database does not load Alembic.
REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006", "0007")
HEAD = REVISIONS[-1]
