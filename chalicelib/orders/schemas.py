"""Orders as they come in and go out."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from chalicelib.fields import Integer, MoneySchema, QueryInteger, SumSchema, Timestamp, one_of
from chalicelib.orders.states import FOLLOWERS
from chalicelib.products.schemas import ProductView
from chalicelib.web.pagination import PageQuery

MAX_LINES = 50
MAX_QUANTITY = 100


class NewLine(Schema):
    """So many units of a product."""

    product_id = fields.UUID(required=True)
    quantity = Integer(required=True, minimum=1, maximum=MAX_QUANTITY)


class PlaceOrder(Schema):
    """What to order: products of one currency. A product that is named twice is one line."""

    lines = fields.List(fields.Nested(NewLine), required=True, validate=validate.Length(min=1, max=MAX_LINES))


class LineView(Schema):
    """A line of an order, with the name and price of the moment it was placed."""

    product_id = fields.UUID()
    name = fields.String()
    unit_price = fields.Nested(MoneySchema)
    quantity = fields.Integer()
    line_total = fields.Nested(SumSchema)
    shipped_at = Timestamp(allow_none=True)


class OrderView(Schema):
    """An order, to its buyer."""

    id = fields.UUID()
    status = one_of(*FOLLOWERS)
    lines = fields.List(fields.Nested(LineView))
    total = fields.Nested(SumSchema)
    placed_at = Timestamp()


class SaleView(OrderView):
    """An order, to one of its sellers: their own lines and the total of these."""


class OwnOrders(PageQuery):
    """A page of the caller's orders."""


class OwnSales(PageQuery):
    """A page of the orders with the caller's products."""


class BestsellerQuery(Schema):
    """How many of the best sellers to name."""

    limit = QueryInteger(minimum=1, maximum=50, load_default=10)


class BestsellerView(Schema):
    """A product, and how many units of it were sold in the last 30 days."""

    product = fields.Nested(ProductView)
    sold = fields.Integer()


class BestsellersView(Schema):
    """The products that sold best in the last 30 days, best first."""

    items = fields.List(fields.Nested(BestsellerView))
