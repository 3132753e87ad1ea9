"""The table of refunds, and a refund as the rest of the code knows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, DateTime, Integer, MetaData, Table, Text, Uuid

from chalicelib.money import Money

PENDING = "pending"
REFUNDED = "refunded"
FAILED = "failed"

LONGEST_ATTEMPT = timedelta(minutes=65)
"""An attempt that has been pending for longer is over, whatever it came to: its execution ends within an hour."""

refunds = Table(
    "refunds",
    MetaData(),
    Column("id", Uuid, primary_key=True),
    Column("order_id", Uuid, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("reason", Text),
    Column("payment_reference", Text),
    Column("requested_by", Uuid, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
)


@dataclass(frozen=True)
class Refund:
    """The money of one order on its way back. `attempt` counts how often it was asked for after it had failed."""

    id: UUID
    order_id: UUID
    money: Money
    status: str
    attempt: int
    reason: str | None
    payment_reference: str | None
    requested_by: UUID
    created_at: datetime
    updated_at: datetime


def refund_from_row(row: Mapping[str, Any]) -> Refund:
    """The refund in the columns of a row."""
    fields = dict(row)
    return Refund(money=Money(fields.pop("amount"), fields.pop("currency")), **fields)
