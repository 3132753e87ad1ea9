"""A person's activity as it goes out."""

from __future__ import annotations

from marshmallow import Schema, fields

from chalicelib.fields import QueryInteger, Timestamp
from chalicelib.orders.schemas import OrderView

DEFAULT_ENTRIES = 50
MOST_ENTRIES = 200


class ActivityQuery(Schema):
    """How many entries, orders and events together, to look back."""

    limit = QueryInteger(minimum=1, maximum=MOST_ENTRIES, load_default=DEFAULT_ENTRIES)


class ActivityOfEmail(ActivityQuery):
    """Whose activity, by their whole address."""

    email = fields.Email(required=True)


class SummaryView(Schema):
    """Who the activity is of."""

    id = fields.UUID()
    email = fields.String()
    name = fields.String()
    created_at = Timestamp()


class OrderThen(OrderView):
    """The order as it was right after the event."""

    class Meta:
        fields = ("id", "status", "total")


class EntryView(Schema):
    """Something that happened to an order. `id` is the event's own."""

    id = fields.UUID()
    type = fields.String()
    occurred_at = fields.String()
    order = fields.Nested(OrderThen)


class ActivityView(Schema):
    """A person, their recent orders and what happened to their orders, each newest first."""

    profile = fields.Nested(SummaryView)
    orders = fields.List(fields.Nested(OrderView))
    items = fields.List(fields.Nested(EntryView))
