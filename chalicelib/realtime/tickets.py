"""Tickets: a browser cannot send an access token when it opens a WebSocket, so it brings a word that is good once.

The ticket travels in a URL, which may end in a log, so it is worth nothing after 30 seconds or after its first use; the
table knows its digest only (OWASP ASVS 5.0, 4.4.4).
"""

from __future__ import annotations

import hashlib
import secrets
import time
from typing import Any
from uuid import UUID

from chalicelib import config, table, users
from chalicelib.caller import Caller
from chalicelib.errors import Unauthenticated, Unavailable

LIFETIME_SECONDS = 30

_LONGEST = 64


def issue(caller: Caller) -> dict[str, Any]:
    """`{"ticket", "url", "expires_in"}`: where the caller may connect once within so many seconds.

    Raises `Forbidden` for a disabled account and `Unavailable` where there is no WebSocket API.
    """
    users.require_active(caller)
    url = config.current().realtime_url
    if not url:
        raise Unavailable("There is no WebSocket API here.", retry_after=60)
    ticket = secrets.token_urlsafe(32)
    table.put(
        {
            "pk": _partition(ticket),
            "sk": "ticket",
            "person_id": str(caller.id),
            "expires_at": table.expiry(LIFETIME_SECONDS),
        }
    )
    return {"ticket": ticket, "url": f"{url}?ticket={ticket}", "expires_in": LIFETIME_SECONDS}


def redeem(ticket: str) -> UUID:
    """The person who was given `ticket`, which is used up with it. Raises `Unauthenticated`."""
    try:
        found = _take(ticket) if 0 < len(ticket) <= _LONGEST else None
    except table.ConditionFailed:
        found = None
    if found is None:
        raise Unauthenticated("The ticket is unknown, used or expired; get a new one.")
    return UUID(found["person_id"])


def _take(ticket: str) -> table.Item | None:
    return table.delete(
        _partition(ticket), "ticket", "attribute_exists(pk) AND expires_at > :now", now=int(time.time())
    )


def _partition(ticket: str) -> str:
    return f"ticket#{hashlib.sha256(ticket.encode(errors='replace')).hexdigest()}"
