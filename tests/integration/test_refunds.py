"""Refunds over HTTP, carried out by the running system's state machine."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.actors import Actor
from tests.integration.functions import environment
from tests.integration.orders import confirmed, status_of, stock_of
from tests.integration.waiting import until
from tests.stack import Stack

ARN = "arn:aws:states:eu-central-1:000000000000"
NOWHERE = "postgresql://nobody:nothing@127.0.0.1:1/nowhere"

Bought = tuple[dict[str, Any], dict[str, Any]]


@pytest.fixture
def bought(buyer: Actor, seller: Actor) -> Bought:
    """A product of which there were five, and a confirmed order of two."""
    product = seller.product().json()
    return product, confirmed(buyer, product, quantity=2)


def _ask(admin: Actor, order: dict[str, Any]) -> dict[str, Any]:
    answer = admin.http.post(f"/admin/orders/{order['id']}/refund")
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


def _reaches(admin: Actor, refund: dict[str, Any], status: str) -> Callable[[], bool]:
    return lambda: bool(admin.http.get(f"/admin/refunds/{refund['id']}").json()["status"] == status)


def _execution(stack: Stack, refund: dict[str, Any]) -> dict[str, Any]:
    name = f"{refund['id']}-{refund['attempt']}"
    client = stack.client("stepfunctions")
    return dict(client.describe_execution(executionArn=f"{ARN}:execution:marketplace-local-refund:{name}"))


def test_money_goes_back_and_the_buyer_is_told(
    stack: Stack, admin: Actor, buyer: Actor, seller: Actor, bought: Bought
) -> None:
    product, order = bought

    refund = _ask(admin, order)
    until(_reaches(admin, refund, "refunded"))

    assert (status_of(buyer, order), stock_of(seller, product)) == ("cancelled", 5)
    until(lambda: _execution(stack, refund)["status"] == "SUCCEEDED")
    until(lambda: any("Your money is on its way back" in email.subject for email in stack.emails(buyer.email)))


def test_a_refund_whose_step_fails_is_left_to_people_and_carried_out_when_it_is_asked_for_again(
    stack: Stack, admin: Actor, buyer: Actor, seller: Actor, bought: Bought
) -> None:
    product, order = bought
    with environment(stack, "return_money", DATABASE_URL=NOWHERE):
        refund = _ask(admin, order)
        until(_reaches(admin, refund, "failed"))
    until(lambda: _execution(stack, refund)["status"] == "FAILED")
    assert _execution(stack, refund)["error"] == "RefundGivenUp"
    assert (status_of(buyer, order), stock_of(seller, product)) == ("cancelled", 5)
    assert admin.http.get(f"/admin/refunds/{refund['id']}").json()["reason"]

    again = _ask(admin, order)

    assert (again["id"], again["attempt"]) == (refund["id"], 2)
    until(_reaches(admin, refund, "refunded"))


def test_a_refund_that_is_asked_for_and_started_again_is_carried_out_once(
    stack: Stack, admin: Actor, seller: Actor, bought: Bought
) -> None:
    product, order = bought
    refund = _ask(admin, order)
    asked = {"refund_id": refund["id"], "attempt": 1, "correlation_id": f"test-{refund['id']}"}
    twice = stack.client("stepfunctions").start_execution(
        stateMachineArn=f"{ARN}:stateMachine:marketplace-local-refund", input=json.dumps(asked)
    )
    assert _ask(admin, order)["id"] == refund["id"]
    until(_reaches(admin, refund, "refunded"))
    until(
        lambda: (
            stack.client("stepfunctions").describe_execution(executionArn=twice["executionArn"])["status"]
            == "SUCCEEDED"
        )
    )

    assert stock_of(seller, product) == 5
    with stack.database() as database:
        told = database.run(
            "SELECT count(*) FROM outbox WHERE group_id = :id AND type = 'order.refunded' AND destination = 'bus'",
            id=order["id"],
        )
    assert told == [[1]]
