"""Refunds in this process: asked for over HTTP, and the steps of the workflow one by one."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest

import app
from chalicelib import database, orders
from chalicelib.errors import Unavailable
from chalicelib.orders.service import NotRefundable
from chalicelib.refunds import payments
from chalicelib.refunds.payments import PaymentRefused
from chalicelib.refunds.service import RefundNotFound
from tests.environment import configured
from tests.events import Context
from tests.gateway import Answer, HttpApi
from tests.orders import confirmed, events_of, placed, status_of, stock_of
from tests.people import Person, enrolled
from tests.products import listed
from tests.services import Aws, Services


@dataclass(frozen=True)
class Desk:
    """An admin who looks after refunds."""

    api: HttpApi
    aws: Aws
    admin: Person

    def ask(self, order_id: UUID) -> Answer:
        """Asks for the refund of an order."""
        return self.api.send("POST", f"/admin/orders/{order_id}/refund", self.admin)

    def read(self, refund: dict[str, Any]) -> dict[str, Any]:
        """The refund as it is now."""
        return dict(self.api.send("GET", f"/admin/refunds/{refund['id']}", self.admin).json())

    def executions(self) -> set[str]:
        """The names of all attempts that were started."""
        answer = self.aws.client("stepfunctions").list_executions(stateMachineArn=self.aws.refund_workflow)
        return {execution["name"] for execution in answer["executions"]}


@dataclass(frozen=True)
class Bought:
    """A confirmed order of two of a product of which there were five."""

    id: UUID
    buyer: Person
    product: str


@pytest.fixture
def desk(api: HttpApi, aws: Aws) -> Desk:
    return Desk(api, aws, enrolled("admins"))


@pytest.fixture
def order(environment: dict[str, str]) -> Bought:
    buyer, product = enrolled(), listed(enrolled())
    return Bought(confirmed(buyer, {product: 2}).id, buyer, product)


def _asked(refund: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"refund_id": refund["id"], "attempt": refund["attempt"], "correlation_id": f"test-{uuid4().hex}", **more}


def _given_up(refund: dict[str, Any], error: str = "Unavailable") -> None:
    app.give_up_refund(_asked(refund, error={"Error": error, "Cause": "{}"}), Context())


def _kinds(services: Services, order_id: UUID) -> list[str]:
    rows = services.sql(
        "SELECT DISTINCT type FROM outbox WHERE group_id = CAST(:id AS uuid) AND destination = 'bus'", id=str(order_id)
    )
    return sorted(row[0] for row in rows)


def test_the_money_of_a_confirmed_order_goes_back(desk: Desk, services: Services, order: Bought) -> None:
    answer = desk.ask(order.id)

    refund = answer.json()
    assert (answer.status, refund["status"], refund["reason"], refund["attempt"]) == (202, "pending", None, 1)
    assert refund["money"] == {"amount": 2598, "currency": "EUR"}
    assert f"{refund['id']}-1" in desk.executions()
    assert status_of(services, order.id) == "confirmed"
    app.cancel_for_refund(_asked(refund), Context())
    assert (status_of(services, order.id), stock_of(services, order.product)) == ("cancelled", 5)
    app.return_money(_asked(refund), Context())
    assert desk.read(refund)["status"] == "refunded"
    assert {"order.cancelled", "order.refunded"} <= set(_kinds(services, order.id))


def test_every_step_may_be_repeated(
    desk: Desk, services: Services, order: Bought, monkeypatch: pytest.MonkeyPatch
) -> None:
    refund = desk.ask(order.id).json()
    returned: list[UUID] = []
    give_back = payments.give_back
    monkeypatch.setattr(payments, "give_back", lambda it: (returned.append(it.id), give_back(it))[1])

    for step in (app.cancel_for_refund, app.return_money) * 2:
        step(_asked(refund), Context())
    _given_up(refund)

    assert returned == [UUID(refund["id"])]
    assert stock_of(services, order.product) == 5
    assert len(events_of(services, order.id, kind="order.refunded", destination="bus")) == 1
    assert desk.read(refund)["status"] == "refunded"


def test_a_crash_after_the_money_went_back_returns_it_with_the_same_key(
    desk: Desk, order: Bought, monkeypatch: pytest.MonkeyPatch
) -> None:
    refund = desk.ask(order.id).json()
    app.cancel_for_refund(_asked(refund), Context())
    keys: list[UUID] = []
    monkeypatch.setattr(payments, "give_back", lambda it: (keys.append(it.id), "paid")[1])
    with monkeypatch.context() as crashing:
        crashing.setattr(orders, "tell_refunded", _raise(SystemError("killed")))
        with pytest.raises(SystemError):
            app.return_money(_asked(refund), Context())
    assert desk.read(refund)["status"] == "pending"

    app.return_money(_asked(refund), Context())

    assert keys == [UUID(refund["id"])] * 2
    assert desk.read(refund)["status"] == "refunded"


@pytest.mark.parametrize("error", [PaymentRefused("The card has expired."), Unavailable("No answer.")])
def test_a_refund_that_failed_says_why_and_may_be_asked_for_again(
    desk: Desk, services: Services, order: Bought, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    refund = desk.ask(order.id).json()
    app.cancel_for_refund(_asked(refund), Context())
    with monkeypatch.context() as failing:
        failing.setattr(payments, "give_back", _raise(error))
        with pytest.raises(type(error)):
            app.return_money(_asked(refund), Context())
    _given_up(refund, type(error).__name__)
    failed = desk.read(refund)
    assert (failed["status"], failed["reason"]) == ("failed", type(error).__name__)
    assert (status_of(services, order.id), stock_of(services, order.product)) == ("cancelled", 5)

    again = desk.ask(order.id).json()

    assert (again["id"], again["status"], again["reason"], again["attempt"]) == (refund["id"], "pending", None, 2)
    assert {f"{refund['id']}-1", f"{refund['id']}-2"} <= desk.executions()
    _given_up(refund)
    assert desk.read(refund)["status"] == "pending", "an attempt is given up, not those after it"
    app.cancel_for_refund(_asked(again), Context())
    app.return_money(_asked(again), Context())
    assert desk.read(refund)["status"] == "refunded"
    assert desk.ask(order.id).json()["attempt"] == 2


@pytest.mark.parametrize(("minutes", "attempt"), [(60, 1), (66, 2)])
def test_an_attempt_that_could_not_note_its_failure_is_made_again_once_it_must_be_over(
    desk: Desk, services: Services, order: Bought, minutes: int, attempt: int
) -> None:
    refund = desk.ask(order.id).json()
    services.sql(
        "UPDATE refunds SET updated_at = now() - make_interval(mins => :minutes) WHERE id = CAST(:id AS uuid)",
        minutes=minutes, id=refund["id"],
    )  # fmt: skip

    again = desk.ask(order.id).json()

    assert (again["status"], again["attempt"]) == ("pending", attempt)
    assert f"{refund['id']}-{attempt}" in desk.executions()


def test_who_asks_at_once_gets_one_refund(desk: Desk, order: Bought) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: desk.ask(order.id), range(4)))

    assert {answer.status for answer in answers} == {202}
    (refund_id,) = {answer.json()["id"] for answer in answers}
    assert f"{refund_id}-1" in desk.executions()


def test_an_order_that_its_buyer_cancelled_is_refunded_too(desk: Desk, services: Services, order: Bought) -> None:
    database.write(lambda: orders.cancel(order.buyer.caller, order.id))

    refund = desk.ask(order.id).json()
    app.cancel_for_refund(_asked(refund), Context())

    assert stock_of(services, order.product) == 5


def test_what_nobody_paid_for_or_is_on_its_way_is_not_refunded(desk: Desk, order: Bought) -> None:
    unpaid = placed(order.buyer, {order.product: 1})
    assert desk.ask(unpaid.id).json()["type"] == "/problems/not-refundable"
    database.write(lambda: orders.cancel(order.buyer.caller, unpaid.id))
    assert desk.ask(unpaid.id).json()["type"] == "/problems/not-refundable"
    seller = enrolled()
    shipped = confirmed(order.buyer, {listed(seller): 1, order.product: 1})
    database.write(lambda: orders.ship(seller.caller, shipped.id))
    assert desk.ask(shipped.id).json()["type"] == "/problems/not-refundable"
    assert desk.ask(uuid4()).json()["type"] == "/problems/order-not-found"


def test_an_order_that_is_shipped_while_its_refund_begins_is_refused(desk: Desk, order: Bought) -> None:
    seller = enrolled()
    sale = confirmed(order.buyer, {listed(seller): 1})
    refund = desk.ask(sale.id).json()
    database.write(lambda: orders.ship(seller.caller, sale.id))

    with pytest.raises(NotRefundable):
        app.cancel_for_refund(_asked(refund), Context())


def test_a_refund_that_cannot_be_started_is_not_there(
    desk: Desk, environment: dict[str, str], services: Services, order: Bought
) -> None:
    for arn in ("", "arn:aws:states:eu-central-1:123456789012:stateMachine:nothing"):
        with configured(**environment | {"REFUND_WORKFLOW_ARN": arn}):
            assert desk.ask(order.id).status == 503
    rows = services.sql("SELECT count(*) FROM refunds WHERE order_id = CAST(:id AS uuid)", id=str(order.id))
    assert rows[0][0] == 0


def test_a_step_that_is_before_the_commit_of_its_request_fails_and_is_taken_again(environment: dict[str, str]) -> None:
    early = {"id": str(uuid4()), "attempt": 1}
    for step in (app.cancel_for_refund, app.return_money):
        with pytest.raises(RefundNotFound):
            step(_asked(early), Context())
    _given_up(early)


def test_each_attempt_is_in_the_audit_log(desk: Desk, services: Services, order: Bought) -> None:
    for _ in range(2):
        desk.ask(order.id)
    rows = services.sql("SELECT action FROM audit_log WHERE subject = :id", id=str(order.id))
    assert [row[0] for row in rows] == ["order.refund-requested"]


def test_a_refund_that_is_not_there(desk: Desk) -> None:
    assert desk.api.send("GET", f"/admin/refunds/{uuid4()}", desk.admin).json()["type"] == "/problems/refund-not-found"


def _raise(error: Exception) -> Callable[..., Any]:
    def fail(*_: Any) -> Any:
        raise error

    return fail
