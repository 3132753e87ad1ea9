"""Orders of the running system: placed over HTTP as people do, or stored as they would be found."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
from pg8000.native import Connection

from chalicelib.ids import new_id
from tests.integration.actors import Actor, a_key
from tests.integration.waiting import until

if TYPE_CHECKING:
    from tests.stack import Stack

Product = Mapping[str, Any]
Row = dict[str, Any]


def order(buyer: Actor, *products: Product, quantity: int = 1, **headers: str) -> httpx.Response:
    """The answer to ordering so many of each product, with a new idempotency key unless `headers` have one."""
    lines = [{"product_id": product["id"], "quantity": quantity} for product in products]
    return buyer.http.post("/orders", json={"lines": lines}, headers=a_key() | headers)


def ordered(buyer: Actor, *products: Product, quantity: int = 1) -> dict[str, Any]:
    """The order as it was placed."""
    answer = order(buyer, *products, quantity=quantity)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def confirmed(buyer: Actor, *products: Product, quantity: int = 1) -> dict[str, Any]:
    """An order that was placed and has been confirmed."""
    placed = ordered(buyer, *products, quantity=quantity)
    until(lambda: status_of(buyer, placed) == "confirmed")
    return placed


def status_of(buyer: Actor, placed: Mapping[str, Any]) -> str:
    """The status of the order now."""
    return str(buyer.http.get(f"/orders/{placed['id']}").json()["status"])


def stock_of(seller: Actor, product: Product) -> int:
    """How many units of the seller's product are left."""
    return int(seller.http.get(f"/products/{product['id']}").json()["stock"])


def stored(
    stack: Stack, buyer: Actor, product: Product, status: str = "placed", *, minutes: int = 0, order_id: str = ""
) -> dict[str, Any]:
    """An order that is found in the database as if it had been placed so many minutes ago, as events tell of it.

    Its stock is not taken, and nothing has been told of it.
    """
    order = an_order(buyer, product, order_id, status)
    with stack.database() as database:
        store(database, [order], minutes=minutes)
    return order


def store(database: Connection, orders: Sequence[Mapping[str, Any]], *, minutes: int = 0) -> None:
    """Stores orders that `an_order` made."""
    database.run(
        "INSERT INTO orders (id, buyer_id, status, version, total_amount, total_currency, placed_at, confirmed_at) "
        "SELECT (o->>'id')::uuid, (o->>'buyer_id')::uuid, o->>'status', (o->>'version')::integer, "
        "(o->'total'->>'amount')::bigint, o->'total'->>'currency', now() - make_interval(mins => :minutes), "
        "(o->>'confirmed_at')::timestamptz FROM json_array_elements(CAST(:orders AS json)) AS o",
        orders=json.dumps(orders), minutes=minutes,
    )  # fmt: skip
    database.run(
        "INSERT INTO order_lines (order_id, number, product_id, seller_id, name, unit_price_amount, quantity) "
        "SELECT (o->>'id')::uuid, 1, (l->>'product_id')::uuid, (l->>'seller_id')::uuid, l->>'name', "
        "(l->'unit_price'->>'amount')::bigint, (l->>'quantity')::integer "
        "FROM json_array_elements(CAST(:orders AS json)) AS o, LATERAL (SELECT o->'lines'->0 AS l) AS first_line",
        orders=json.dumps(orders),
    )  # fmt: skip


def an_order(buyer: Actor, product: Product, order_id: str = "", status: str = "confirmed") -> dict[str, Any]:
    """What an event tells of an order of one unit."""
    is_confirmed = status != "placed"
    line = {
        "product_id": product["id"],
        "seller_id": product["seller_id"],
        "name": product["name"],
        "unit_price": product["price"],
        "quantity": 1,
        "line_total": product["price"],
    }
    return {
        "id": order_id or str(new_id()),
        "buyer_id": buyer.id,
        "status": status,
        "version": 1 + is_confirmed,
        "total": product["price"],
        "lines": [line],
        "placed_at": "2026-01-31T12:00:00Z",
        "confirmed_at": "2026-01-31T12:00:01Z" if is_confirmed else None,
    }


def message(kind: str, data: Mapping[str, Any], **other: Any) -> str:
    """An envelope; `other` members are as given."""
    members = {
        "id": str(new_id()),
        "type": kind,
        "version": 1,
        "occurred_at": "2026-01-31T12:00:00.000Z",
        "correlation_id": f"test-{uuid4().hex}",
        "data": data,
    }
    return json.dumps(members | other)


def events_of(stack: Stack, order_id: str) -> list[Row]:
    """The order's rows of the outbox, oldest first."""
    with stack.database() as database:
        found = database.run(
            "SELECT type, destination, body, attempts, error, published_at IS NOT NULL FROM outbox "
            "WHERE group_id = :order ORDER BY position",
            order=order_id,
        )
    names = ("type", "destination", "body", "attempts", "error", "is_published")
    return [dict(zip(names, row, strict=True)) for row in found or []]


def leave_unsent(stack: Stack, body: str, destination: str, group: str) -> None:
    """Stores an event in the outbox as a crash right after the commit leaves it."""
    event = json.loads(body)
    with stack.database() as database:
        database.run(
            "INSERT INTO outbox (event_id, destination, group_id, type, body, correlation_id) "
            "VALUES (:event, :destination, :group, :type, :body, :correlation)",
            event=event["id"], destination=destination, group=group, type=event["type"], body=body,
            correlation=event["correlation_id"],
        )  # fmt: skip
