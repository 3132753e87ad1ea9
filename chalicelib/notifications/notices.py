"""What an event of an order is to tell whom, and in which words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from chalicelib.messaging.envelope import Envelope
from chalicelib.orders import events


@dataclass(frozen=True)
class Notice:
    """One kind of news for one person."""

    user_id: UUID
    kind: str


@dataclass(frozen=True)
class Words:
    """A heading and a sentence."""

    title: str
    sentence: str


TO_BUYERS = {
    events.CONFIRMED.name: "order-confirmed",
    events.SHIPPED.name: "order-shipped",
    events.CANCELLED.name: "order-cancelled",
    events.EXPIRED.name: "order-expired",
    events.REFUNDED.name: "order-refunded",
}
TO_SELLERS = {events.CONFIRMED.name: "products-sold", events.CANCELLED.name: "sale-cancelled"}

WORDS = {
    "order-confirmed": Words("Your order is confirmed", "The sellers have been told and will ship it."),
    "order-shipped": Words("Your order is on its way", "Everything you ordered has been shipped."),
    "order-cancelled": Words("Your order is cancelled", "Nothing will be shipped."),
    "order-expired": Words("Your order has expired", "It could not be confirmed in time. Please order again."),
    "order-refunded": Words("Your money is on its way back", "The order was cancelled, and what you paid is returned."),
    "products-sold": Words("You have sold something", "Please ship these as soon as you can."),
    "sale-cancelled": Words("A sale was cancelled", "Please do not ship these."),
}


def read(message: Envelope) -> dict[str, Any]:
    """The order that `message` tells of. Raises `Unreadable`."""
    return message.read(*(kind for kind in events.ALL if kind.name in TO_BUYERS))


def notices(message: Envelope) -> list[Notice]:
    """Who is to be told what. Sellers hear of a cancellation only when they had heard of the order."""
    order = read(message)
    told = [Notice(order["buyer_id"], TO_BUYERS[message.type])]
    if message.type in TO_SELLERS and order["confirmed_at"] is not None:
        sellers = sorted({line["seller_id"] for line in order["lines"]})
        told += [Notice(seller, TO_SELLERS[message.type]) for seller in sellers]
    return told


def own_lines(order: Mapping[str, Any], kind: str, user_id: UUID) -> list[dict[str, Any]]:
    """The lines that concern a person: sellers see their own."""
    is_seller = kind in TO_SELLERS.values()
    return [line for line in order["lines"] if not is_seller or line["seller_id"] == user_id]
