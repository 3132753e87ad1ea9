"""What is removed, and when: records that have done their duty, a thousand at a time.

Rows that another run has locked are passed over, so that runs may overlap.
"""

from __future__ import annotations

from sqlalchemy import text

from chalicelib import database

ROWS_AT_ONCE = 1000

EXPIRED = {
    "idempotency_keys": "expires_at <= now()",
    # Longer than a message can be under way: 4 days in a queue, 14 days as a dead letter, and again after a redrive.
    "inbox": "received_at < now() - interval '90 days'",
    "outbox": "published_at < now() - interval '14 days'",
    # A form can be sent for a quarter of an hour, and what it brought is tried for a few hours at most.
    "uploads": "status = 'pending' AND created_at < now() - interval '1 day'",
}
"""The condition under which a row of each table is removed."""

_REMOVE = """
    DELETE FROM {table} WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM {table} WHERE {condition} LIMIT {limit} FOR UPDATE SKIP LOCKED
    ))
"""
_STATEMENTS = [
    text(_REMOVE.format(table=table, condition=condition, limit=ROWS_AT_ONCE)) for table, condition in EXPIRED.items()
]


def purge_some() -> int:
    """Removes up to a thousand expired rows of each table; returns how many it removed."""
    return sum(database.connection().execute(statement).rowcount for statement in _STATEMENTS)
