"""Products in tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from chalicelib import database
from chalicelib.ids import new_id
from tests.people import Person


def new_product(**changes: Any) -> dict[str, Any]:
    """The body that lists a product; its SKU is a new one."""
    return {
        "sku": f"SKU-{uuid4()}",
        "name": "Mechanical keyboard",
        "price": {"amount": 1299, "currency": "EUR"},
        "stock": 5,
        "status": "active",
    } | changes


def listed(seller: Person, **changes: Any) -> str:
    """The id of a product that `seller` has in the database; `changes` are those of `new_product`."""
    from chalicelib.products import repository

    product_id = new_id()
    columns = _columns(new_product(**changes))
    database.write(lambda: repository.add(product_id, seller.id, columns))
    return str(product_id)


def _columns(body: Mapping[str, Any]) -> dict[str, Any]:
    columns = {"description": "", **body}
    price = columns.pop("price")
    return columns | {"price_amount": price["amount"], "price_currency": price["currency"]}
