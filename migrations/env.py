"""Runs the migrations of `versions/` over the application's own engine, as the role that owns the schema."""

from __future__ import annotations

from alembic import context
from sqlalchemy import text

from chalicelib.database.engine import engine

LOCK_NAME = "marketplace.migrations"


def run() -> None:
    """One transaction a migration, one migrator at a time; a migration waits at most 5 seconds for a table."""
    with engine().connect() as connection:
        connection.connection.dbapi_connection.begin()  # type: ignore[union-attr]
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": LOCK_NAME})
        connection.execute(text("SET LOCAL lock_timeout = '5s'"))
        connection.execute(text("SET LOCAL statement_timeout = '0'"))
        context.configure(connection=connection, transaction_per_migration=False)
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()


run()
