"""The tables of notifications and devices, and each as the rest of the code knows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Boolean, Column, DateTime, MetaData, Table, Text, Uuid

EMAIL = "email"
PUSH = "push"

PENDING = "pending"
SENDING = "sending"
SENT = "sent"
REFUSED = "refused"
UNCERTAIN = "uncertain"

_metadata = MetaData()

notifications = Table(
    "notifications",
    _metadata,
    Column("id", Uuid, primary_key=True),
    Column("event_id", Uuid, nullable=False),
    Column("user_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("device_id", Uuid),
    Column("state", Text, nullable=False),
    Column("claimed_at", DateTime(timezone=True)),
    Column("finished_at", DateTime(timezone=True)),
    Column("detail", Text, nullable=False),
)

devices = Table(
    "devices",
    _metadata,
    Column("user_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("platform", Text, nullable=False),
    Column("token", Text, nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
)

suppressed_addresses = Table(
    "suppressed_addresses",
    _metadata,
    Column("email", Text, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("suppressed_at", DateTime(timezone=True), nullable=False),
)


@dataclass(frozen=True)
class Notification:
    """One thing that one person is told once, on one device where it is a push."""

    id: UUID
    user_id: UUID
    kind: str
    device_id: UUID | None = None


@dataclass(frozen=True)
class Device:
    """Something that a person carries. `endpoint` is the ARN by which SNS knows it."""

    user_id: UUID
    id: UUID
    platform: str
    endpoint: str
    enabled: bool
    updated_at: datetime
