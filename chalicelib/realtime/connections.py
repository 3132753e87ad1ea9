"""Who is connected: each connection is known by its person and by itself.

API Gateway ends a connection after two hours at the latest. It tells most ends, and never promises to; what it did not
tell is found when something is sent there, by the sweep, or by the table's time to live.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from chalicelib import config, table
from chalicelib.errors import Exhausted, Forbidden, MarketplaceError, Unauthenticated, Unavailable
from chalicelib.observability import count, logger
from chalicelib.realtime import tickets
from chalicelib.web import edge

LIFETIME_SECONDS = 130 * 60
SETTLING_SECONDS = 30
"""API Gateway waits 29 seconds for the answer to `$connect`, and calls the connection gone until it has got it."""
MOST_OF_ONE_PERSON = 20
"""Every event is sent to each of a person's sockets, so there is an end to them."""
BY_ITSELF = "connections"
"""The index has the item that is removed last, so that the sweep finds the half that a crash leaves."""

_PREFIX = "connection#"
_STATUS: tuple[tuple[type[MarketplaceError], int], ...] = (
    (Unauthenticated, 401), (Forbidden, 403), (Exhausted, 429), (Unavailable, 503),
)  # fmt: skip


def connect(event: Mapping[str, Any]) -> dict[str, int]:
    """API Gateway's answer to `$connect`: 200 for who brings a good ticket from an allowed origin.

    A connection that is refused is never opened: 401 ticket, 403 origin or around the edge, 429 too many, 503 table.
    """
    connection_id = event["requestContext"]["connectionId"]
    try:
        edge.check(event.get("headers") or {})
        _check_origin(event.get("headers") or {})
        person_id = tickets.redeem((event.get("queryStringParameters") or {}).get("ticket") or "")
        _add(connection_id, person_id)
    except MarketplaceError as error:
        status = next(status for kind, status in _STATUS if isinstance(error, kind))
        count("ConnectionsRefused")
        logger.info("connection refused", extra={"status": status, "reason": type(error).__name__})
        return {"statusCode": status}
    logger.info("connected", extra={"connection": connection_id, "person": str(person_id)})
    return {"statusCode": 200}


def disconnect(event: Mapping[str, Any]) -> None:
    """Forgets the connection of API Gateway's `$disconnect`."""
    remove(event["requestContext"]["connectionId"])


def person_of(connection_id: str) -> UUID | None:
    """Who is at the other end; None when the connection is not known, or should have ended."""
    found = table.get(_PREFIX + connection_id, "connection")
    return UUID(found["person_id"]) if found and found["expires_at"] > time.time() else None


def of_person(person_id: UUID | str) -> list[str]:
    """The ids of the person's connections that should not have ended, those that have only just begun as well."""
    now = time.time()
    found = table.query(table.person(person_id), _PREFIX, ConsistentRead=True)
    return [item["sk"].removeprefix(_PREFIX) for item in found if item["expires_at"] > now]


def remove(connection_id: str, person_id: UUID | str | None = None) -> None:
    """Forgets a connection. `person_id` for who knows it already, when a crash left half of it."""
    _forget(connection_id, person_id, table.delete(_PREFIX + connection_id, "connection"))


def remove_gone(connection_id: str, person_id: UUID | str | None = None) -> bool:
    """Forgets a connection of which API Gateway does not know; False when it may be about to be opened."""
    settled = table.expiry(LIFETIME_SECONDS - SETTLING_SECONDS)
    try:
        known = table.delete(
            _PREFIX + connection_id,
            "connection",
            "attribute_not_exists(pk) OR expires_at <= :settled",
            settled=settled,
        )
    except table.ConditionFailed:
        return False
    _forget(connection_id, person_id, known)
    return True


def _forget(connection_id: str, person_id: UUID | str | None, known: table.Item | None) -> None:
    owner = person_id or (known and known["person_id"])
    if owner:
        table.delete(table.person(owner), _PREFIX + connection_id)


def _check_origin(headers: Mapping[str, str]) -> None:
    """A browser says which site opens the connection, and no other than ours may; others say nothing."""
    origin = next((value for name, value in headers.items() if name.lower() == "origin"), None)
    settings = config.current()
    if origin is not None and origin not in {*settings.allowed_origins, _own_origin(settings.realtime_url)}:
        raise Forbidden("Connections from this origin are not allowed.")


def _own_origin(url: str) -> str:
    """The origin of the pages that are served beside the WebSocket API: `wss://host/ws` is `https://host`."""
    parts = urlsplit(url)
    return f"{parts.scheme.replace('ws', 'http', 1)}://{parts.netloc}"


def _add(connection_id: str, person_id: UUID) -> None:
    if len(of_person(person_id)) >= MOST_OF_ONE_PERSON:
        raise Exhausted(f"At most {MOST_OF_ONE_PERSON} connections of one person.", retry_after=60)
    known = {"person_id": str(person_id), "expires_at": table.expiry(LIFETIME_SECONDS)}
    table.put_together(
        table.Put({"pk": _PREFIX + connection_id, "sk": "connection", **known}),
        table.Put(
            {
                "pk": table.person(person_id),
                "sk": _PREFIX + connection_id,
                "gsi1pk": BY_ITSELF,
                "gsi1sk": connection_id,
                **known,
            }
        ),
    )
