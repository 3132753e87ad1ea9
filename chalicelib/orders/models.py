"""The tables of orders, and an order as the rest of the code knows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, DateTime, Integer, MetaData, Table, Text, Uuid

from chalicelib.money import Money
from chalicelib.orders.states import CANCELLED, EXPIRED, FOLLOWERS

_metadata = MetaData()

orders = Table(
    "orders",
    _metadata,
    Column("id", Uuid, primary_key=True),
    Column("buyer_id", Uuid, nullable=False),
    Column("status", Text, nullable=False),
    Column("total_amount", BigInteger, nullable=False),
    Column("total_currency", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("placed_at", DateTime(timezone=True), nullable=False),
    Column("confirmed_at", DateTime(timezone=True)),
    Column("updated_at", DateTime(timezone=True), nullable=False),
)

order_lines = Table(
    "order_lines",
    _metadata,
    Column("order_id", Uuid, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("product_id", Uuid, nullable=False),
    Column("seller_id", Uuid, nullable=False),
    Column("name", Text, nullable=False),
    Column("unit_price_amount", BigInteger, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("shipped_at", DateTime(timezone=True)),
)


@dataclass(frozen=True)
class Line:
    """So many units of a product, at the name and price it had when it was ordered."""

    product_id: UUID
    seller_id: UUID
    name: str
    unit_price: Money
    quantity: int
    shipped_at: datetime | None = None

    @property
    def line_total(self) -> Money:
        """The price of all its units."""
        return Money(self.unit_price.amount * self.quantity, self.unit_price.currency)


@dataclass(frozen=True)
class Order:
    """What somebody bought. `version` grows with every change of its status."""

    id: UUID
    buyer_id: UUID
    status: str
    total: Money
    version: int
    placed_at: datetime
    confirmed_at: datetime | None
    updated_at: datetime
    lines: Sequence[Line]

    @property
    def quantities(self) -> dict[UUID, int]:
        """How many units of each product."""
        return {line.product_id: line.quantity for line in self.lines}

    def may_become(self, status: str) -> bool:
        """Whether this status may come next. What has been shipped in part is neither cancelled nor expires."""
        is_partly_shipped = any(line.shipped_at for line in self.lines)
        return status in FOLLOWERS[self.status] and not (is_partly_shipped and status in {CANCELLED, EXPIRED})

    def as_seen_by_seller(self, seller_id: UUID) -> Order:
        """The order with this seller's lines alone, and their total."""
        lines = [line for line in self.lines if line.seller_id == seller_id]
        return replace(self, lines=lines, total=total_of(lines))


def total_of(lines: Sequence[Line]) -> Money:
    """The sum of the lines, which are in one currency."""
    return Money(sum(line.line_total.amount for line in lines), lines[0].unit_price.currency)


def order_from_row(row: dict[str, Any], lines: Sequence[Line]) -> Order:
    """The order in the columns of a row."""
    total = Money(row.pop("total_amount"), row.pop("total_currency"))
    return Order(total=total, lines=lines, **row)


def line_from_json(line: dict[str, Any], currency: str) -> Line:
    """The line in the columns of a row that PostgreSQL gave as JSON."""
    shipped_at = line["shipped_at"]
    return Line(
        product_id=UUID(line["product_id"]),
        seller_id=UUID(line["seller_id"]),
        name=line["name"],
        unit_price=Money(line["unit_price_amount"], currency),
        quantity=line["quantity"],
        shipped_at=None if shipped_at is None else datetime.fromisoformat(shipped_at),
    )
