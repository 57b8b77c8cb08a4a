"""The script that Alembic runs to apply the migrations in one transaction on the given connection."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
