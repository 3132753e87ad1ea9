"""Where money is moved. This project has no payment provider: returning money is noted, and nothing else happens.

To plug one in, call it in `give_back`, through `chalicelib/clients.py` or a client of its own with time-outs. It must
take an idempotency key, which the refund's id is for: a step of the workflow may be repeated after an answer was lost.
"""

from __future__ import annotations

from chalicelib.observability import logger
from chalicelib.refunds.models import Refund


class PaymentRefused(Exception):
    """The provider will never return this money, however often it is asked: an expired card, a closed account."""


def give_back(refund: Refund) -> str:
    """Returns the money of `refund`, once however often it is called; the provider's reference.

    Raises `PaymentRefused`, and `Unavailable` when another attempt may succeed. No transaction is open.
    """
    logger.info("money returned", extra={"refund_id": str(refund.id)})
    return f"recorded-{refund.id}"
