"""What can be done with refunds."""

from __future__ import annotations

from uuid import UUID

from chalicelib import audit, orders, users
from chalicelib.caller import Caller
from chalicelib.errors import NotFound
from chalicelib.refunds import repository, workflow
from chalicelib.refunds.models import PENDING, Refund


class RefundNotFound(NotFound):
    """There is no such refund."""


def request(caller: Caller, order_id: UUID) -> Refund:
    """The one refund of the order, under way: asked for again, it goes on as it is, or once more if it had failed
    or was forgotten.

    The attempt is started before the transaction commits, so that none is forgotten; it waits for the commit. Raises
    `OrderNotFound`, `NotRefundable`, `Unavailable`, and `Forbidden` for all but admins.
    """
    users.require_admin(caller)
    order = orders.refundable(order_id)
    refund, is_begun = repository.ask_for(order.id, order.total, caller.id)
    if is_begun:
        detail = {"refund_id": str(refund.id), "attempt": refund.attempt}
        audit.record(caller, "order.refund-requested", str(order.id), detail)
    if refund.status == PENDING:
        workflow.start(refund)
    return refund


def read(caller: Caller, refund_id: UUID) -> Refund:
    """The refund. Raises `RefundNotFound`, and `Forbidden` for all but admins."""
    users.require_admin(caller)
    return found(repository.find(refund_id))


def found(refund: Refund | None) -> Refund:
    """The refund. Raises `RefundNotFound` for None."""
    if refund is None:
        raise RefundNotFound("There is no such refund.")
    return refund
