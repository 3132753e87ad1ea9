"""The states that an order goes through. Nothing else ever happens to one."""

from __future__ import annotations

PLACED = "placed"
CONFIRMED = "confirmed"
SHIPPED = "shipped"
CANCELLED = "cancelled"
EXPIRED = "expired"

FOLLOWERS = {
    PLACED: frozenset({CONFIRMED, CANCELLED, EXPIRED}),
    CONFIRMED: frozenset({SHIPPED, CANCELLED, EXPIRED}),
    SHIPPED: frozenset[str](),
    CANCELLED: frozenset[str](),
    EXPIRED: frozenset[str](),
}
"""The states that may come after each."""
