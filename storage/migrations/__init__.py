"""The revisions of the schema, run by ``storage.database.upgrade``: Alembic's folder, inside of the package."""

from pathlib import Path

HOME = Path(__file__).parent

# The newest revision, here as a word so that opening a database does not load Alembic. Revisions are numbered, so that
# of two the later one is greater.
HEAD = "0001"
