"""Orders in tests, made by the use cases themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from chalicelib import database
from tests.gateway import Answer, HttpApi
from tests.people import Person
from tests.services import Services

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


def order(
    api: HttpApi, buyer: Person | None, quantities: Mapping[str, Any], key: str | None = None, token: str | None = None
) -> Answer:
    """The answer to `POST /orders` for so many units of each product, with a key of its own unless one is given."""
    lines = [{"product_id": product_id, "quantity": number} for product_id, number in quantities.items()]
    headers = {"idempotency-key": key or str(uuid4())}
    return api.send("POST", "/orders", buyer, headers=headers, body={"lines": lines}, token=token)


def stock_of(services: Services, product_id: str) -> int:
    """How many units of a product are left."""
    return int(services.sql("SELECT stock FROM products WHERE id = CAST(:id AS uuid)", id=product_id)[0][0])


def status_of(services: Services, order_id: UUID | str) -> str:
    """The status of an order."""
    return str(services.sql("SELECT status FROM orders WHERE id = CAST(:id AS uuid)", id=str(order_id))[0][0])


def events_of(services: Services, order_id: UUID | str, destination: str = "%", kind: str = "%") -> list[str]:
    """The bodies of the events that an order has had, oldest first."""
    rows = services.sql(
        "SELECT body FROM outbox WHERE group_id = CAST(:id AS uuid) AND destination LIKE :destination"
        " AND type LIKE :kind ORDER BY position",
        id=str(order_id),
        destination=destination,
        kind=kind,
    )
    return [row[0] for row in rows]
