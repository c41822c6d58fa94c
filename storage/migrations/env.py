"""What Alembic runs for each command: the migrations, on the connection and in the transaction of the caller."""

from alembic import context

from storage.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite alters a table by copying it.
    render_as_batch=True,
    transactional_ddl=True,
)
context.run_migrations()
