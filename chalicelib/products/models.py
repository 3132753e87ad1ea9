"""The table of products, and a product as the rest of the code knows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, DateTime, Integer, MetaData, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR

from chalicelib.media import Picture
from chalicelib.money import Money

DRAFT = "draft"
ACTIVE = "active"
ARCHIVED = "archived"

products = Table(
    "products",
    MetaData(),
    Column("id", Uuid, primary_key=True),
    Column("seller_id", Uuid, nullable=False),
    Column("sku", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("price_amount", BigInteger, nullable=False),
    Column("price_currency", Text, nullable=False),
    Column("stock", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("image", JSONB),
    Column("version", Integer, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Column("search", TSVECTOR, nullable=False),
)


@dataclass(frozen=True)
class Product:
    """Something for sale. `version` grows with every change, of its stock too."""

    id: UUID
    seller_id: UUID
    sku: str
    name: str
    description: str
    price: Money
    stock: int
    status: str
    image: Picture | None
    version: int
    created_at: datetime
    updated_at: datetime

    def to_json(self) -> dict[str, Any]:
        """The product in JSON's types, for the cache."""
        return {
            "id": str(self.id),
            "seller_id": str(self.seller_id),
            "sku": self.sku,
            "name": self.name,
            "description": self.description,
            "price_amount": self.price.amount,
            "price_currency": self.price.currency,
            "stock": self.stock,
            "status": self.status,
            "image": None if self.image is None else image_to_json(self.image),
            "version": self.version,
            "created_at": self.created_at.isoformat(),
            "updated_at": self.updated_at.isoformat(),
        }


def product_from_row(row: Mapping[str, Any]) -> Product:
    """The product in the columns of a row."""
    fields = dict(row)
    price = Money(fields.pop("price_amount"), fields.pop("price_currency"))
    return Product(price=price, image=_image_from_json(fields["id"], fields.pop("image")), **fields)


def product_from_json(value: Mapping[str, Any]) -> Product:
    """The product that `to_json` wrote."""
    typed = {
        "id": UUID(value["id"]),
        "seller_id": UUID(value["seller_id"]),
        "created_at": datetime.fromisoformat(value["created_at"]),
        "updated_at": datetime.fromisoformat(value["updated_at"]),
    }
    return product_from_row(dict(value) | typed)


def image_to_json(image: Picture) -> dict[str, Any]:
    """What the column `image` and the cache hold of a picture."""
    return {"upload_id": str(image.upload_id), "width": image.width, "height": image.height}


def _image_from_json(product_id: UUID, value: Mapping[str, Any] | None) -> Picture | None:
    if value is None:
        return None
    return Picture(product_id, UUID(value["upload_id"]), value["width"], value["height"])
