"""What can be done with orders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from chalicelib import products, users
from chalicelib.caller import ADMINS, Caller
from chalicelib.errors import Conflict, Invalid, NotFound, Violation
from chalicelib.ids import new_id
from chalicelib.messaging import outbox
from chalicelib.messaging.envelope import Envelope
from chalicelib.orders import events, repository
from chalicelib.orders.models import Line, Order, total_of
from chalicelib.orders.schemas import MAX_QUANTITY
from chalicelib.orders.states import CANCELLED, CONFIRMED, EXPIRED, PLACED, SHIPPED
from chalicelib.paging import Page, PageRequest

MINUTES_TO_CONFIRM = 15

Wanted = Mapping[str, Any]


class OrderNotFound(NotFound):
    """There is no such order, or it is not the caller's."""


class OutOfStock(Conflict):
    """There are fewer units than were ordered; nothing was reserved."""

    def __init__(self, message: str, violations: Sequence[Violation] = ()) -> None:
        super().__init__(message)
        self.violations = violations


class NotCancellable(Conflict):
    """The order is on its way, or has ended already."""


class NotShippable(Conflict):
    """The order is not confirmed, or has ended already."""


class NotRefundable(Conflict):
    """The order was never confirmed, or something of it is on its way."""


def place(caller: Caller, wanted: Sequence[Wanted]) -> Order:
    """The caller's new order, its stock reserved with the same transaction.

    Raises `OutOfStock` and `Invalid` with a violation for each line at fault.
    """
    users.require_active(caller)
    quantities = _quantities(wanted)
    lines = _lines(_reserved(wanted, quantities), quantities)
    _check_currency(wanted, lines)
    total = total_of(lines)
    columns = {"total_amount": total.amount, "total_currency": total.currency}
    order = repository.add(new_id(), caller.id, columns, lines)
    outbox.add(events.PLACED, order, group=order.id)
    return order


def of_buyer(caller: Caller, page: PageRequest) -> Page[Order]:
    """A page of what the caller ordered, newest first."""
    return repository.of_buyer(caller.id, page)


def read(caller: Caller, order_id: UUID) -> Order:
    """The order, to its buyer and to admins. Raises `OrderNotFound`."""
    order = _found(repository.find(order_id))
    if order.buyer_id != caller.id and not _is_admin(caller):
        raise OrderNotFound("There is no such order.")
    return order


def cancel(caller: Caller, order_id: UUID) -> Order:
    """The caller's order, cancelled and its stock returned. Raises `OrderNotFound` and `NotCancellable`."""
    users.require_active(caller)
    order = _found(repository.find_for_change(order_id))
    if order.buyer_id != caller.id:
        raise OrderNotFound("There is no such order.")
    if not order.may_become(CANCELLED):
        raise NotCancellable(f"This order is {_progress(order)}.")
    return _cancelled(order)


def refundable(order_id: UUID) -> Order:
    """The order, locked, if its money may go back: it was confirmed, and nothing of it is on its way.

    Raises `OrderNotFound` and `NotRefundable`.
    """
    order = _found(repository.find_for_change(order_id))
    is_cancelled = order.status == CANCELLED and order.confirmed_at is not None
    if not is_cancelled and not (order.status == CONFIRMED and order.may_become(CANCELLED)):
        raise NotRefundable(f"This order is {_progress(order)}.")
    return order


def cancel_to_refund(order_id: UUID) -> None:
    """Cancels the order and returns its stock, unless its buyer did. Raises as `refundable` does."""
    order = refundable(order_id)
    if order.status != CANCELLED:
        _cancelled(order)


def tell_refunded(order_id: UUID) -> None:
    """Tells the rest of the system that the order's money is back. Raises `OrderNotFound`."""
    outbox.add(events.REFUNDED, _found(repository.find(order_id)), group=order_id)


def sales(caller: Caller, page: PageRequest) -> Page[Order]:
    """A page of the orders with the caller's products, newest first, each with the caller's lines alone."""
    found = repository.of_seller(caller.id, page)
    return Page([order.as_seen_by_seller(caller.id) for order in found.items], found.next_key)


def ship(caller: Caller, order_id: UUID) -> Order:
    """The order as its seller sees it, with the caller's lines shipped; again changes nothing.

    The order is shipped when all of its lines are. Raises `OrderNotFound` and `NotShippable`.
    """
    users.require_active(caller)
    order = _found(repository.find_for_change(order_id))
    own = [line for line in order.lines if line.seller_id == caller.id]
    if not own:
        raise OrderNotFound("There is no such order.")
    if all(line.shipped_at for line in own):
        return order.as_seen_by_seller(caller.id)
    if order.status != CONFIRMED:
        raise NotShippable(f"This order is {_progress(order)}.")
    repository.ship_lines(order.id, caller.id)
    shipped = _found(repository.find(order.id))
    if all(line.shipped_at for line in shipped.lines):
        shipped = _become(shipped, SHIPPED)
        outbox.add(events.SHIPPED, shipped, group=shipped.id)
    return shipped.as_seen_by_seller(caller.id)


def confirm(message: Envelope) -> None:
    """Accepts the order of an `order.placed`; one that has gone on since is left as it is.

    Raises `OrderNotFound` when the message tells of an order that is not there.
    """
    order = _found(repository.find_for_change(message.read(events.PLACED)["id"]))
    if order.status == PLACED:
        outbox.add(events.CONFIRMED, _become(order, CONFIRMED), group=order.id)


def expire_next() -> bool:
    """Ends one order that was not confirmed in time and returns its stock; False when there is none."""
    order = repository.take_next_unconfirmed(MINUTES_TO_CONFIRM)
    if order is None:
        return False
    expired = _become(order, EXPIRED)
    products.put_back(expired.quantities)
    outbox.add(events.EXPIRED, expired, group=expired.id)
    return True


def _quantities(wanted: Sequence[Wanted]) -> dict[UUID, int]:
    """Units by product; a product that is named twice is wanted twice."""
    quantities: Counter[UUID] = Counter()
    for line in wanted:
        quantities[line["product_id"]] += line["quantity"]
    too_many = {product_id for product_id, quantity in quantities.items() if quantity > MAX_QUANTITY}
    if too_many:
        detail = f"At most {MAX_QUANTITY} of one product."
        raise Invalid("The order is too large.", _violations(wanted, too_many, detail, "quantity"))
    return dict(quantities)


def _reserved(wanted: Sequence[Wanted], quantities: Mapping[UUID, int]) -> Mapping[UUID, Any]:
    try:
        return products.take(quantities)
    except products.NotTaken as error:
        if error.not_for_sale:
            violations = _violations(wanted, error.not_for_sale, "There is no such product for sale.", "product_id")
            raise Invalid("Some of what you want is not for sale.", violations) from None
        names = ", ".join(sorted(product.name for product in error.short))
        short = {product.id for product in error.short}
        violations = _violations(wanted, short, "There are not so many.", "quantity")
        raise OutOfStock(f"There is not enough in stock of: {names}.", violations) from None


def _lines(reserved: Mapping[UUID, Any], quantities: Mapping[UUID, int]) -> list[Line]:
    return [
        Line(
            product_id, reserved[product_id].seller_id, reserved[product_id].name, reserved[product_id].price, quantity
        )
        for product_id, quantity in quantities.items()
    ]


def _check_currency(wanted: Sequence[Wanted], lines: Sequence[Line]) -> None:
    currency = lines[0].unit_price.currency
    others = {line.product_id for line in lines if line.unit_price.currency != currency}
    if others:
        violations = _violations(wanted, others, f"This is not sold in {currency}.", "product_id")
        raise Invalid("An order has one currency; order these apart.", violations)


def _violations(wanted: Sequence[Wanted], at_fault: Any, detail: str, name: str) -> list[Violation]:
    return [
        Violation(f"/lines/{index}/{name}", detail)
        for index, line in enumerate(wanted)
        if line["product_id"] in at_fault
    ]


def _cancelled(order: Order) -> Order:
    cancelled = _become(order, CANCELLED)
    products.put_back(cancelled.quantities)
    outbox.add(events.CANCELLED, cancelled, group=cancelled.id)
    return cancelled


def _become(order: Order, status: str) -> Order:
    changed = repository.change_status(order, status)
    if changed is None:
        raise RuntimeError("an order changed while it was locked")
    return changed


def _found(order: Order | None) -> Order:
    if order is None:
        raise OrderNotFound("There is no such order.")
    return order


def _is_admin(caller: Caller) -> bool:
    return ADMINS in caller.groups and ADMINS in users.require_active(caller).groups


def _progress(order: Order) -> str:
    is_partly_shipped = order.status == CONFIRMED and any(line.shipped_at for line in order.lines)
    return "shipped in part" if is_partly_shipped else order.status
