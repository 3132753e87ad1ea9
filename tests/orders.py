"""Orders in tests, made by the use cases themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from chalicelib import database
from tests.gateway import Answer, HttpApi
from tests.people import Person

if TYPE_CHECKING:
    from chalicelib.orders.models import Order


def placed(buyer: Person, quantities: Mapping[str, int]) -> Order:
    """A new order of `buyer`: so many units of each product."""
    from chalicelib.orders import service

    wanted = [{"product_id": UUID(product_id), "quantity": number} for product_id, number in quantities.items()]
    return database.write(lambda: service.place(buyer.caller, wanted))


def confirmed(buyer: Person, quantities: Mapping[str, int]) -> Order:
    """A new order of `buyer`, confirmed."""
    from chalicelib.messaging.envelope import sealed
    from chalicelib.orders import events, repository, service

    order = placed(buyer, quantities)
    database.write(lambda: service.confirm(sealed(events.PLACED, order)))
    found = database.read(lambda: repository.find(order.id))
    assert found is not None
    return found


def order(api: HttpApi, buyer: Person, quantities: Mapping[str, Any], key: str | None = None) -> Answer:
    """The answer to `POST /orders` for so many units of each product, with a key of its own unless one is given."""
    lines = [{"product_id": product_id, "quantity": number} for product_id, number in quantities.items()]
    return api.send("POST", "/orders", buyer, headers={"idempotency-key": key or str(uuid4())}, body={"lines": lines})
