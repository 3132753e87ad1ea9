"""SQL about the audit log. Nothing changes or removes an entry."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import insert, select

from chalicelib.audit.models import Entry, audit_log
from chalicelib.database import connection
from chalicelib.paging import Page, PageRequest, page_of


def add(values: dict[str, Any]) -> None:
    """Stores an entry; the database's clock dates it."""
    connection().execute(insert(audit_log).values(**values))


def newest(page: PageRequest) -> Page[Entry]:
    """A page of entries, newest first."""
    statement = select(audit_log).order_by(audit_log.c.id.desc()).limit(page.limit + 1)
    if (key := page.key(UUID)) is not None:
        statement = statement.where(audit_log.c.id < key[0])
    rows = connection().execute(statement).all()
    return page_of([Entry(**row._asdict()) for row in rows], page.limit, lambda entry: (str(entry.id),))
