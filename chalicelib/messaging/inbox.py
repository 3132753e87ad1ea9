"""The inbox: which messages a consumer has done, remembered in the transaction of what it did."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import text

from chalicelib import database

_ADD = text("INSERT INTO inbox (consumer, message_id) VALUES (:consumer, :message) ON CONFLICT DO NOTHING")
_HAS = text("SELECT 1 FROM inbox WHERE consumer = :consumer AND message_id = :message")
_NEWEST = text("SELECT message_id FROM inbox WHERE consumer = :consumer ORDER BY message_id DESC LIMIT 1")


def add(consumer: str, message_id: UUID) -> bool:
    """Notes that `consumer` does this message with the transaction at hand; False when it was done before."""
    values = {"consumer": consumer, "message": message_id}
    return bool(database.connection().execute(_ADD, values).rowcount)


def has(consumer: str, message_id: UUID) -> bool:
    """Whether `consumer` has done this message."""
    values = {"consumer": consumer, "message": message_id}
    return database.connection().execute(_HAS, values).one_or_none() is not None


def newest(consumer: str) -> UUID | None:
    """The newest message that `consumer` has done, by the time in its id (UUIDv7)."""
    found: UUID | None = database.connection().execute(_NEWEST, {"consumer": consumer}).scalar_one_or_none()
    return found
