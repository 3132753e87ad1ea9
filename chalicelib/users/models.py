"""The table of people, and a person as the rest of the code knows them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Boolean, Column, DateTime, Integer, MetaData, Table, Text, Uuid

from chalicelib.caller import ADMINS, MODERATORS, USERS

users = Table(
    "users",
    MetaData(),
    Column("id", Uuid, primary_key=True),
    Column("email", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("notify_email", Boolean, nullable=False),
    Column("notify_push", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
)


@dataclass(frozen=True)
class Profile:
    """A person. `role` is the highest of their groups; everybody is in the group `users` as well."""

    id: UUID
    email: str
    name: str
    role: str
    disabled: bool
    notify_email: bool
    notify_push: bool
    version: int
    created_at: datetime
    updated_at: datetime

    @property
    def roles(self) -> list[str]:
        """Every group that the person is in."""
        return groups_of(self.role)

    @property
    def notifications(self) -> dict[str, bool]:
        """Which notifications the person wants."""
        return {"email": self.notify_email, "push": self.notify_push}


def groups_of(role: str) -> list[str]:
    """The Cognito groups of somebody whose highest one is `role`."""
    return [USERS] if role == USERS else [USERS, role]


def highest(groups: frozenset[str]) -> str:
    """The role of somebody in `groups`."""
    return next((role for role in (ADMINS, MODERATORS) if role in groups), USERS)
