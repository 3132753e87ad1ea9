"""What orders tell the rest of the system. `docs/events.md` is generated from this module."""

from __future__ import annotations

from marshmallow import fields

from chalicelib.fields import SumSchema, Timestamp, one_of
from chalicelib.messaging.envelope import Destination, EventData, EventType
from chalicelib.orders.states import FOLLOWERS

_EVERYBODY = (Destination.ORDER_EVENTS, Destination.BUS)


class MoneyTold(EventData, SumSchema):
    """An integer of minor units and an ISO 4217 code. A sum may be more than a price may be."""


class OrderedLine(EventData):
    """A line of the order."""

    product_id = fields.UUID(required=True)
    seller_id = fields.UUID(required=True)
    name = fields.String(required=True)
    unit_price = fields.Nested(MoneyTold, required=True)
    quantity = fields.Integer(required=True, strict=True)
    line_total = fields.Nested(MoneyTold, required=True)


class OrderData(EventData):
    """The order as it was right after the event."""

    id = fields.UUID(required=True)
    buyer_id = fields.UUID(required=True)
    status = one_of(*FOLLOWERS, required=True)
    version = fields.Integer(required=True, strict=True)
    total = fields.Nested(MoneyTold, required=True)
    lines = fields.List(fields.Nested(OrderedLine), required=True)
    placed_at = Timestamp(required=True)
    confirmed_at = Timestamp(required=True, allow_none=True)


PLACED = EventType(
    "order.placed",
    1,
    OrderData,
    (Destination.ORDERS, Destination.ORDER_EVENTS),
    "Somebody placed an order; its stock is reserved.",
)
CONFIRMED = EventType(
    "order.confirmed", 1, OrderData, _EVERYBODY, "The order was accepted; its sellers are to ship it."
)
SHIPPED = EventType("order.shipped", 1, OrderData, _EVERYBODY, "Every line of the order has been shipped.")
CANCELLED = EventType("order.cancelled", 1, OrderData, _EVERYBODY, "The order was cancelled; its stock is back.")
EXPIRED = EventType(
    "order.expired", 1, OrderData, _EVERYBODY, "The order was not confirmed in time; its stock is back."
)
REFUNDED = EventType("order.refunded", 1, OrderData, _EVERYBODY, "The money of a cancelled order is back.")

ALL = (PLACED, CONFIRMED, SHIPPED, CANCELLED, EXPIRED, REFUNDED)
