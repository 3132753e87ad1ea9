"""SQL about people."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Executable, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from chalicelib.database import connection
from chalicelib.paging import Page, PageRequest, page_of
from chalicelib.users.models import Profile, users


def find(user_id: UUID) -> Profile | None:
    """The person, or None."""
    return _one(select(users).where(users.c.id == user_id))


def find_all(user_ids: Collection[UUID]) -> dict[UUID, Profile]:
    """Those of the people who are there."""
    return _by_id(select(users).where(users.c.id.in_(user_ids)))


def find_by_email(email: str) -> Profile | None:
    """The person with this address, who came first if there are several."""
    statement = select(users).where(_mentions(email), func.lower(users.c.email) == email.lower())
    return _one(statement.order_by(users.c.created_at).limit(1))


def find_for_change(*user_ids: UUID) -> dict[UUID, Profile]:
    """Those of the people who are there, locked until the transaction ends, always in one order (no deadlocks)."""
    return _by_id(select(users).where(users.c.id.in_(user_ids)).order_by(users.c.id).with_for_update())


def add(user_id: UUID, email: str, role: str) -> Profile | None:
    """The new person as stored; None when they are there already."""
    return _one(insert(users).values(id=user_id, email=email, role=role).on_conflict_do_nothing().returning(users))


def change(user_id: UUID, changes: Mapping[str, Any], versions: Collection[int] | None = None) -> Profile | None:
    """The person after `changes`; None when they are not at one of `versions` (None: at any) or not there."""
    statement = update(users).where(users.c.id == user_id)
    if versions is not None:
        statement = statement.where(users.c.version.in_(versions))
    return _one(statement.values(version=users.c.version + 1, updated_at=func.now(), **changes).returning(users))


def search(text: str | None, page: PageRequest) -> Page[Profile]:
    """People whose e-mail address or name contains `text`, newest first."""
    statement = select(users).order_by(users.c.created_at.desc(), users.c.id.desc()).limit(page.limit + 1)
    if text:
        statement = statement.where(_mentions(text))
    if (key := page.key(datetime, UUID)) is not None:
        statement = statement.where(tuple_(users.c.created_at, users.c.id) < tuple_(*key))
    rows = connection().execute(statement).all()
    return page_of([Profile(**row._asdict()) for row in rows], page.limit, _key)


def _mentions(text: str) -> ColumnElement[bool]:
    """Whether the address or the name contains `text` (index `users_search`)."""
    return func.lower(users.c.email + " " + users.c.name).contains(text.lower(), autoescape=True)


def _by_id(statement: Executable) -> dict[UUID, Profile]:
    return {row.id: Profile(**row._asdict()) for row in connection().execute(statement)}


def _one(statement: Executable) -> Profile | None:
    row = connection().execute(statement).one_or_none()
    return None if row is None else Profile(**row._asdict())


def _key(profile: Profile) -> tuple[str, str]:
    return profile.created_at.isoformat(), str(profile.id)
