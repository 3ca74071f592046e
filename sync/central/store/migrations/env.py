"""What alembic runs: the changes, in the transaction that `schema.bring_up` began."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
