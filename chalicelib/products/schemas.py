"""Products as they come in and go out."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from chalicelib.fields import Change, CurrencyCode, Integer, MoneySchema, QueryInteger, Text, Timestamp, one_of, price
from chalicelib.money import MAX_AMOUNT
from chalicelib.web.pagination import PageQuery

MAX_STOCK = 1_000_000
SORTS = ("relevance", "newest", "price_asc", "price_desc")


class NewProduct(Schema):
    """A product to list."""

    sku = fields.String(
        required=True,
        validate=validate.Regexp(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z"),
        metadata={"pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"},
    )
    name = Text(required=True, maximum=200)
    description = Text(minimum=0, maximum=5000, lines=True, load_default="")
    price = price(required=True)
    stock = Integer(required=True, minimum=0, maximum=MAX_STOCK)
    status = one_of("draft", "active", required=True)


class ProductChange(Change):
    """What may be changed about a product: anything but its SKU."""

    name = Text(maximum=200)
    description = Text(minimum=0, maximum=5000, lines=True)
    price = price()
    stock = Integer(minimum=0, maximum=MAX_STOCK)
    status = one_of("draft", "active")


class ImageView(Schema):
    """A picture in WebP. Both URLs are paths of this origin, and what they lead to never changes."""

    url = fields.String()
    thumbnail_url = fields.String()
    width = fields.Integer(metadata={"description": "of the picture at url, 1280 at most"})
    height = fields.Integer(metadata={"description": "of the picture at url, 1280 at most"})


class ProductView(Schema):
    """A product."""

    id = fields.UUID()
    seller_id = fields.UUID()
    sku = fields.String()
    name = fields.String()
    description = fields.String()
    price = fields.Nested(MoneySchema)
    stock = fields.Integer()
    status = one_of("draft", "active", "archived")
    image = fields.Nested(ImageView, allow_none=True)
    created_at = Timestamp()
    updated_at = Timestamp()


class OwnProducts(PageQuery):
    """A page of the caller's own products."""


class ProductSearch(PageQuery):
    """Search in the public catalogue. `q` forgives typing errors."""

    q = Text(maximum=200, load_default=None)
    seller_id = fields.UUID(load_default=None)
    min_price = QueryInteger(minimum=0, maximum=MAX_AMOUNT, load_default=None, metadata={"description": "minor units"})
    max_price = QueryInteger(minimum=0, maximum=MAX_AMOUNT, load_default=None, metadata={"description": "minor units"})
    currency = CurrencyCode(load_default=None)
    sort = one_of(*SORTS, load_default=None, metadata={"description": "relevance with q, else newest"})

    @validates_schema
    def _range(self, data: dict[str, Any], **_: Any) -> None:
        low, high = data["min_price"], data["max_price"]
        if low is not None and high is not None and low > high:
            raise ValidationError("min_price is above max_price.", "min_price")
