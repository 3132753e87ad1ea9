"""The steps of a refund's workflow. Each may be repeated, after a crash at any point, and does what is left to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from chalicelib import orders
from chalicelib.observability import correlated, count, logger
from chalicelib.refunds import payments, repository
from chalicelib.refunds.models import REFUNDED, Refund
from chalicelib.refunds.service import found

Work = Callable[[Callable[[], Any]], Any]

Asked = Mapping[str, Any]
"""`refund_id`, `attempt` and `correlation_id`; what is given up has an `error`, too."""


def cancel_order(asked: Asked, store: Work) -> None:
    """Cancels the order, unless it is, and returns its stock in the same transaction.

    Raises `RefundNotFound` (the request may not have committed yet) and `NotRefundable`.
    """
    with correlated(asked["correlation_id"]):
        store(lambda: orders.cancel_to_refund(_refund(asked).order_id))


def return_money(asked: Asked, look_up: Work, store: Work) -> None:
    """Returns the money, then tells of it: the provider is asked outside of any transaction, and knows the refund's id.

    Raises what `payments.give_back` raises.
    """
    with correlated(asked["correlation_id"]):
        refund: Refund = look_up(lambda: _refund(asked))
        if refund.status == REFUNDED:
            return
        reference = payments.give_back(refund)
        store(lambda: _settle(refund, reference))
        count("OrdersRefunded")


def give_up(asked: Asked, store: Work) -> None:
    """Leaves the refund to people: it says that it failed, and why, and may be asked for again.

    The order stays cancelled and its stock for sale: the buyer and the sellers have been told so.
    """
    with correlated(asked["correlation_id"]):
        reason = str(asked.get("error", {}).get("Error", "unknown"))
        has_failed = store(lambda: repository.fail(UUID(asked["refund_id"]), asked["attempt"], reason))
        if has_failed:
            count("RefundsFailed")
        logger.error("refund given up", extra={"refund_id": asked["refund_id"], "reason": reason})


def _settle(refund: Refund, reference: str) -> None:
    if repository.settle(refund.id, reference):
        orders.tell_refunded(refund.order_id)


def _refund(asked: Asked) -> Refund:
    return found(repository.find(UUID(asked["refund_id"])))
