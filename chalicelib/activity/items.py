"""What the table holds of a person's activity: their summary, their recent orders, and each event once.

Orders and events share one range of sort keys, by their UUIDv7 and so by time, and the summary sorts behind them: read
backwards, one call gives the summary and then the newest of both.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from chalicelib import table
from chalicelib.messaging.envelope import Envelope

KEPT_SECONDS = 90 * 86_400
FEED = "feed#"
PROFILE = "profile"
EVENT, ORDER = "activity", "order"


def of_event(message: Envelope) -> table.Item:
    """The item of an event of an order."""
    return {
        "pk": table.person(message.data["buyer_id"]),
        "sk": f"{FEED}{message.id}",
        "kind": EVENT,
        "id": str(message.id),
        "type": message.type,
        "occurred_at": message.occurred_at,
        "correlation_id": message.correlation_id,
        "data": dict(message.data),
        "expires_at": table.expiry(KEPT_SECONDS),
    }


def of_order(message: Envelope) -> table.Item:
    """The item of the order as it was after the event."""
    order = message.data
    return {
        "pk": table.person(order["buyer_id"]),
        "sk": f"{FEED}{order['id']}",
        "kind": ORDER,
        **{name: order[name] for name in ("id", "status", "total", "lines", "version", "placed_at")},
        "expires_at": table.expiry(KEPT_SECONDS),
    }


def of_profile(person: Mapping[str, Any]) -> table.Item:
    """The item of a person's summary, which is found by their address, too."""
    return {
        "pk": table.person(person["id"]),
        "sk": PROFILE,
        "kind": PROFILE,
        "gsi1pk": by_email(person["email"]),
        "gsi1sk": PROFILE,
        **{name: person[name] for name in ("id", "email", "name", "version", "created_at")},
    }


def by_email(email: str) -> str:
    """The partition of the index in which the person with this address is."""
    return f"email#{email.lower()}"


def activity(found: list[table.Item], limit: int) -> dict[str, Any]:
    """`{"profile", "orders", "items"}` out of the items of a person, the newest first; `profile` may be None."""
    profile = next((item for item in found if item["kind"] == PROFILE), None)
    entries = [item for item in found if item["kind"] != PROFILE][:limit]
    return {
        "profile": profile and summary(profile),
        "orders": [
            {**item, "placed_at": datetime.fromisoformat(item["placed_at"])}
            for item in entries
            if item["kind"] == ORDER
        ],
        "items": [_entry(item) for item in entries if item["kind"] == EVENT],
    }


def summary(profile: table.Item) -> dict[str, Any]:
    """A person's summary out of its item."""
    return {**profile, "created_at": datetime.fromisoformat(profile["created_at"])}


def owner(item: table.Item) -> UUID:
    """Whose item it is."""
    return UUID(item["pk"].partition("#")[2])


def _entry(item: table.Item) -> dict[str, Any]:
    return {**item, "order": item["data"]}
