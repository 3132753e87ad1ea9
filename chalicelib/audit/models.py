"""The table of the audit log, and one entry of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, DateTime, MetaData, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

audit_log = Table(
    "audit_log",
    MetaData(),
    Column("id", Uuid, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("actor_id", Uuid, nullable=True),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", JSONB, nullable=False),
    Column("correlation_id", Text, nullable=False),
)


@dataclass(frozen=True)
class Entry:
    """`actor_id` did `action` to `subject`; an operator has no profile, and `detail` names them."""

    id: UUID
    at: datetime
    actor_id: UUID | None
    action: str
    subject: str
    detail: dict[str, Any]
    correlation_id: str
