"""SQL about uploads. What ends an upload says for which file, so that no two files can end it differently."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Update, func, insert, or_, select, update

from chalicelib.database import connection
from chalicelib.uploads.models import PENDING, PUBLISHED, REFUSED, Upload, uploads


def add(values: Mapping[str, Any]) -> Upload:
    """The upload as stored."""
    return Upload(**connection().execute(insert(uploads).values(**values).returning(uploads)).one()._asdict())


def find(upload_id: UUID) -> Upload | None:
    """The upload, or None."""
    return _one(select(uploads).where(uploads.c.id == upload_id))


def find_of(uploader_id: UUID, upload_id: UUID) -> Upload | None:
    """The upload, if it is the uploader's."""
    return _one(select(uploads).where(uploads.c.id == upload_id, uploads.c.uploader_id == uploader_id))


def choose(upload_id: UUID, etag: str) -> Upload | None:
    """The upload, with the file of this ETag chosen for it; None when another one was, or it has ended."""
    return _one(_open_for(upload_id, etag).values(etag=etag))


def publish(upload_id: UUID, etag: str, width: int, height: int) -> Upload | None:
    """The published upload; None when it has ended already."""
    return _one(_open_for(upload_id, etag).values(status=PUBLISHED, width=width, height=height))


def refuse(upload_id: UUID, etag: str, reason: str) -> Upload | None:
    """The refused upload; None when another file was chosen for it, or it has ended."""
    return _one(_open_for(upload_id, etag).values(status=REFUSED, reason=reason))


def _open_for(upload_id: UUID, etag: str) -> Update:
    return (
        update(uploads)
        .where(
            uploads.c.id == upload_id,
            uploads.c.status == PENDING,
            or_(uploads.c.etag.is_(None), uploads.c.etag == etag),
        )
        .values(updated_at=func.now())
    )


def _one(statement: Any) -> Upload | None:
    if isinstance(statement, Update):
        statement = statement.returning(uploads)
    row = connection().execute(statement).one_or_none()
    return None if row is None else Upload(**row._asdict())
