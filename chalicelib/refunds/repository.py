"""SQL about refunds."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from chalicelib.database import connection
from chalicelib.ids import new_id
from chalicelib.money import Money
from chalicelib.refunds.models import FAILED, LONGEST_ATTEMPT, PENDING, REFUNDED, Refund, refund_from_row, refunds


def ask_for(order_id: UUID, money: Money, requested_by: UUID) -> tuple[Refund, bool]:
    """The one refund of the order, and whether another attempt begins: it is new, or the last attempt is over.

    One that could not even note its failure has been under way for longer than any attempt.
    """
    added = insert(refunds).values(
        id=new_id(),
        order_id=order_id,
        amount=money.amount,
        currency=money.currency,
        status=PENDING,
        requested_by=requested_by,
    )
    again = {"status": PENDING, "reason": None, "requested_by": requested_by, "updated_at": func.now()}
    is_forgotten = (refunds.c.status == PENDING) & (refunds.c.updated_at < func.now() - LONGEST_ATTEMPT)
    statement = added.on_conflict_do_update(
        constraint="refunds_once",
        set_=again | {"attempt": refunds.c.attempt + 1},
        where=(refunds.c.status == FAILED) | is_forgotten,
    )
    begun = _one(statement.returning(refunds))
    if begun is not None:
        return begun, True
    return refund_from_row(_only(select(refunds).where(refunds.c.order_id == order_id))), False


def find(refund_id: UUID) -> Refund | None:
    """The refund, or None."""
    return _one(select(refunds).where(refunds.c.id == refund_id))


def settle(refund_id: UUID, payment_reference: str) -> bool:
    """Notes that the money is back; False when that was noted before. Money that is back is so whatever was thought."""
    return _changed(
        refund_id, refunds.c.status != REFUNDED, status=REFUNDED, payment_reference=payment_reference, reason=None
    )


def fail(refund_id: UUID, attempt: int, reason: str) -> bool:
    """Notes that the attempt was given up; False when it is not under way any more."""
    is_under_way = (refunds.c.status == PENDING) & (refunds.c.attempt == attempt)
    return _changed(refund_id, is_under_way, status=FAILED, reason=reason)


def _changed(refund_id: UUID, condition: Any, **values: Any) -> bool:
    statement = update(refunds).where(refunds.c.id == refund_id, condition).values(**values, updated_at=func.now())
    return bool(connection().execute(statement).rowcount)


def _one(statement: Any) -> Refund | None:
    row = connection().execute(statement).one_or_none()
    return None if row is None else refund_from_row(row._asdict())


def _only(statement: Any) -> dict[str, Any]:
    row: dict[str, Any] = connection().execute(statement).one()._asdict()
    return row
