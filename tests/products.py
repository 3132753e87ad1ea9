"""Products in tests."""

from __future__ import annotations

from typing import Any
from uuid import uuid4


def new_product(**changes: Any) -> dict[str, Any]:
    """The body that lists a product; its SKU is a new one."""
    return {
        "sku": f"SKU-{uuid4()}",
        "name": "Mechanical keyboard",
        "price": {"amount": 1299, "currency": "EUR"},
        "stock": 5,
        "status": "active",
    } | changes
