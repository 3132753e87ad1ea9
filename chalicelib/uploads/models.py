"""The table of uploads, and an upload as the rest of the code knows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, DateTime, Integer, MetaData, Table, Text, Uuid

from chalicelib.media import Picture

PENDING = "pending"
PUBLISHED = "published"
REFUSED = "refused"

uploads = Table(
    "uploads",
    MetaData(),
    Column("id", Uuid, primary_key=True),
    Column("product_id", Uuid, nullable=False),
    Column("uploader_id", Uuid, nullable=False),
    Column("content_type", Text, nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("correlation_id", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("etag", Text),
    Column("reason", Text),
    Column("width", Integer),
    Column("height", Integer),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
)


@dataclass(frozen=True)
class Upload:
    """A file that somebody may send, and what became of it. `etag` is that of the file which was chosen for it."""

    id: UUID
    product_id: UUID
    uploader_id: UUID
    content_type: str
    bytes: int
    correlation_id: str
    status: str
    etag: str | None
    reason: str | None
    width: int | None
    height: int | None
    created_at: datetime
    updated_at: datetime

    @property
    def picture(self) -> Picture | None:
        """What was published of it."""
        if self.width is None or self.height is None:
            return None
        return Picture(self.product_id, self.id, self.width, self.height)


@dataclass(frozen=True)
class Form:
    """What to send the file with: an HTML form's address and its fields, which go before the file."""

    id: UUID
    url: str
    fields: dict[str, Any]
    expires_at: datetime


@dataclass(frozen=True)
class Link:
    """A URL that works for `expires_in` seconds."""

    url: str
    expires_in: int
