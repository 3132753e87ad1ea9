"""What people may learn about their activity."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from chalicelib import table, users
from chalicelib.activity import items
from chalicelib.caller import Caller
from chalicelib.errors import NotFound

Summary = Callable[[], Any]


class PersonNotFound(NotFound):
    """Nobody has this address."""


def of_caller(caller: Caller, limit: int) -> dict[str, Any]:
    """`{"profile", "orders", "items"}`: the caller's up to `limit` newest orders and events, in one call."""
    return _of(caller.id, limit, lambda: users.profile(caller))


def of_email(caller: Caller, email: str, limit: int) -> dict[str, Any]:
    """The same about the person with this address, for admins. Raises `PersonNotFound` and `Forbidden`."""
    users.require_admin(caller)
    if found := table.indexed(items.by_email(email), limit=1):
        return _of(items.owner(found[0]), limit, lambda: items.summary(found[0]))
    person = users.with_email(email)  # who has not been recorded yet, such as people from before there was a record
    if person is None:
        raise PersonNotFound("Nobody has this address.")
    return _of(person.id, limit, lambda: person)


def _of(person_id: UUID, limit: int, summary: Summary) -> dict[str, Any]:
    """The person's activity; `summary` is asked where none has been recorded yet."""
    newest = table.newest(table.person(person_id), items.FEED, limit + 1, ConsistentRead=True)
    found = items.activity(newest, limit)
    return found if found["profile"] else {**found, "profile": summary()}
