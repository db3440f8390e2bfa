"""What Alembic runs: the revisions, inside the transaction of the connection it was given."""

from __future__ import annotations

from alembic import context

from shopr.errors import StorageError
from shopr.storage.tables import metadata

connection = context.config.attributes.get("connection")
if connection is None:
    raise StorageError("migrations need a connection", hint="Use Database.upgrade()")
context.configure(connection=connection, target_metadata=metadata, transactional_ddl=True, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
