"""SQL about orders. Changes of the status say which status and version they are a change of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, insert, literal_column, select, text, update
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by

from chalicelib.database import connection
from chalicelib.orders.models import Line, Order, line_from_json, order_from_row, order_lines, orders
from chalicelib.orders.states import CONFIRMED, PLACED
from chalicelib.paging import Page, PageRequest, page_of

_LINES = (
    select(
        func.jsonb_agg(
            aggregate_order_by(func.to_jsonb(literal_column("order_lines")), order_lines.c.number), type_=JSONB
        )
    )
    .where(order_lines.c.order_id == orders.c.id)
    .scalar_subquery()
    .label("lines")
)
_NEXT_UNCONFIRMED = text("""
    SELECT id FROM orders
    WHERE status = 'placed' AND placed_at < now() - make_interval(mins => :minutes)
    ORDER BY placed_at LIMIT 1
    FOR NO KEY UPDATE SKIP LOCKED
""")
_SOLD = text("""
    SELECT (orders.confirmed_at AT TIME ZONE 'UTC')::date AS day, product_id, sum(quantity)::bigint AS sold
    FROM orders JOIN order_lines ON order_id = orders.id
    WHERE status IN ('confirmed', 'shipped') AND confirmed_at >= :since
    GROUP BY day, product_id
""")
_CHANGED = text("""
    SELECT id, 'order.confirmed' AS event FROM orders WHERE confirmed_at >= :since
    UNION ALL
    SELECT id, 'order.cancelled' FROM orders WHERE status = 'cancelled' AND updated_at >= :since
""")


def add(order_id: UUID, buyer_id: UUID, total: dict[str, Any], lines: Sequence[Line]) -> Order:
    """The order as stored."""
    rows = [
        {
            "order_id": order_id,
            "number": number,
            "product_id": line.product_id,
            "seller_id": line.seller_id,
            "name": line.name,
            "unit_price_amount": line.unit_price.amount,
            "quantity": line.quantity,
        }
        for number, line in enumerate(lines, 1)
    ]
    stored = (
        connection()
        .execute(
            insert(orders).values(id=order_id, buyer_id=buyer_id, status=PLACED, version=1, **total).returning(orders)
        )
        .one()
    )
    connection().execute(insert(order_lines).values(rows))
    return order_from_row(stored._asdict(), lines)


def find(order_id: UUID) -> Order | None:
    """The order, or None."""
    row = connection().execute(select(orders, _LINES).where(orders.c.id == order_id)).one_or_none()
    return None if row is None else _from_row(row._asdict())


def find_for_change(order_id: UUID) -> Order | None:
    """The order, locked until the transaction ends; its lines are read once it is, or they would be older."""
    lock = select(orders.c.id).where(orders.c.id == order_id).with_for_update(key_share=True)
    return find(order_id) if connection().execute(lock).one_or_none() else None


def take_next_unconfirmed(minutes: int) -> Order | None:
    """The oldest order that has been `placed` for so long, locked; what another one has locked is passed over."""
    order_id = connection().execute(_NEXT_UNCONFIRMED, {"minutes": minutes}).scalar_one_or_none()
    return None if order_id is None else find(order_id)


def change_status(order: Order, status: str) -> Order | None:
    """The order after the change; None when it is not as it was in `order` any more."""
    statement = (
        update(orders)
        .where(orders.c.id == order.id, orders.c.status == order.status, orders.c.version == order.version)
        .values(status=status, version=orders.c.version + 1, updated_at=func.now())
        .returning(orders)
    )
    if status == CONFIRMED:
        statement = statement.values(confirmed_at=func.now())
    row = connection().execute(statement).one_or_none()
    return None if row is None else order_from_row(row._asdict(), order.lines)


def ship_lines(order_id: UUID, seller_id: UUID) -> None:
    """Notes that those of the seller's lines which were not shipped yet now are; a change of the order."""
    connection().execute(
        update(orders).where(orders.c.id == order_id).values(version=orders.c.version + 1, updated_at=func.now())
    )
    connection().execute(
        update(order_lines)
        .where(
            order_lines.c.order_id == order_id,
            order_lines.c.seller_id == seller_id,
            order_lines.c.shipped_at.is_(None),
        )
        .values(shipped_at=func.now())
    )


def of_buyer(buyer_id: UUID, page: PageRequest) -> Page[Order]:
    """A page of what the buyer ordered, newest first."""
    statement = select(orders, _LINES).where(orders.c.buyer_id == buyer_id)
    if (key := page.key(UUID)) is not None:
        statement = statement.where(orders.c.id < key[0])
    return _page(statement, page)


def of_seller(seller_id: UUID, page: PageRequest) -> Page[Order]:
    """A page of the orders with products of the seller, newest first."""
    own = order_lines.c.order_id
    with_own = select(own).distinct().where(order_lines.c.seller_id == seller_id)
    if (key := page.key(UUID)) is not None:
        with_own = with_own.where(own < key[0])
    newest = with_own.order_by(own.desc()).limit(page.limit + 1)
    return _page(select(orders, _LINES).where(orders.c.id.in_(newest)), page)


def sold_since(moment: datetime) -> list[tuple[date, UUID, int]]:
    """How many units of each product were sold on each day (UTC) since `moment`."""
    return [(row.day, row.product_id, row.sold) for row in connection().execute(_SOLD, {"since": moment})]


def changed_since(moment: datetime) -> list[tuple[UUID, str]]:
    """The orders that were confirmed or cancelled since `moment`, with the event's name."""
    return [(row.id, row.event) for row in connection().execute(_CHANGED, {"since": moment})]


def _page(statement: Select[Any], page: PageRequest) -> Page[Order]:
    rows = connection().execute(statement.order_by(orders.c.id.desc()).limit(page.limit + 1))
    return page_of([_from_row(row._asdict()) for row in rows], page.limit, lambda order: (str(order.id),))


def _from_row(row: dict[str, Any]) -> Order:
    lines = [line_from_json(line, row["total_currency"]) for line in row.pop("lines")]
    return order_from_row(row, lines)
