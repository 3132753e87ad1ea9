"""What can be done with the audit log: write to it and read it."""

from __future__ import annotations

from typing import Any

from chalicelib import users
from chalicelib.audit import repository
from chalicelib.audit.models import Entry
from chalicelib.caller import Caller
from chalicelib.ids import new_id
from chalicelib.observability import correlation_id
from chalicelib.paging import Page, PageRequest


def record(caller: Caller | None, action: str, subject: str, detail: dict[str, Any]) -> None:
    """Notes that `caller` did `action` to `subject`, in the transaction of the deed itself; None is an operator."""
    repository.add(
        {
            "id": new_id(),
            "actor_id": None if caller is None else caller.id,
            "action": action,
            "subject": subject,
            "detail": detail,
            "correlation_id": correlation_id.get(),
        }
    )


def search(caller: Caller, page: PageRequest) -> Page[Entry]:
    """A page of the audit log, newest first. Raises `Forbidden` for all but admins."""
    users.require_admin(caller)
    return repository.newest(page)
