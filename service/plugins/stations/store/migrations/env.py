"""Alembic runs this in the transaction of :func:`service.plugins.stations.store.database.migrate`."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
