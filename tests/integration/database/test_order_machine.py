"""Orders in every order of events: whatever is sent, repeated, late or out of turn, only what is legal happens."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar
from uuid import UUID, uuid4

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import text

import app
from chalicelib import database, products
from chalicelib.orders import repository
from chalicelib.orders.models import Order
from chalicelib.orders.states import FOLLOWERS
from tests.edge import Edge
from tests.events import Context, failed, scheduled_event, sqs_event
from tests.gateway import HttpApi
from tests.orders import order
from tests.people import enrolled
from tests.products import listed

STOCK = 12
ENDED = {"cancelled", "expired"}


@dataclass
class Expected:
    """What an order is to be like."""

    quantities: dict[str, int]
    message: str
    status: str = "placed"
    version: int = 1
    shipped: set[str] = field(default_factory=set)

    def becomes(self, status: str) -> None:
        """Follows a change."""
        assert status in FOLLOWERS[self.status], "the model itself breaks the rules"
        self.status, self.version = status, self.version + 1


class Marketplace(RuleBasedStateMachine):
    """A buyer, two sellers with a product each, and everything that can happen to the buyer's orders."""

    api: ClassVar[HttpApi]
    edge: ClassVar[Edge]
    orders = Bundle("orders")

    def __init__(self) -> None:
        super().__init__()
        self.buyer = enrolled()
        self.sellers = [enrolled(), enrolled()]
        self.products = [listed(seller, stock=STOCK) for seller in self.sellers]
        self.expected: dict[str, Expected] = {}

    @precondition(lambda self: len(self.expected) < 3)
    @rule(target=orders, quantities=st.tuples(st.integers(1, 8), st.integers(0, 8)))
    def place(self, quantities: tuple[int, int]) -> Any:
        wanted = {product: number for product, number in zip(self.products, quantities, strict=True) if number}
        is_possible = all(self._left(product) >= number for product, number in wanted.items())

        answer = order(self.api, self.buyer, wanted)

        assert answer.status == (201 if is_possible else 409)
        if not is_possible:
            return multiple()
        order_id = str(answer.json()["id"])
        self.expected[order_id] = Expected(wanted, self.edge.accepted[-1].body)
        return order_id

    @rule(order_ids=st.lists(orders, min_size=1, max_size=3), again=st.booleans())
    def deliver(self, order_ids: list[str], again: bool) -> None:
        """Messages of several orders, as they were sent or as another event that says the same."""
        bodies = [self.expected[order_id].message for order_id in order_ids]
        if again:
            bodies = [json.dumps(json.loads(body) | {"id": str(uuid4())}) for body in bodies]

        assert failed(app.fulfil_orders(sqs_event("orders.fifo", bodies, order_ids), Context())) == set()

        for order_id in order_ids:
            if self.expected[order_id].status == "placed":
                self.expected[order_id].becomes("confirmed")

    @rule(order_id=orders)
    def cancel(self, order_id: str) -> None:
        known = self.expected[order_id]
        is_possible = known.status in {"placed", "confirmed"} and not known.shipped

        answer = self.api.send("POST", f"/orders/{order_id}/cancel", self.buyer)

        assert answer.status == (200 if is_possible else 409)
        if is_possible:
            known.becomes("cancelled")

    @rule(order_id=orders, number=st.integers(0, 1))
    def ship(self, order_id: str, number: int) -> None:
        known, product = self.expected[order_id], self.products[number]

        answer = self.api.send("POST", f"/sales/{order_id}/ship", self.sellers[number])

        if product not in known.quantities:
            assert answer.status == 404
        elif product in known.shipped:
            assert answer.status == 200
        elif known.status != "confirmed":
            assert answer.status == 409
        else:
            assert answer.status == 200
            self._shipped(known, product)

    @rule(order_ids=st.lists(orders, max_size=3))
    def expire(self, order_ids: list[str]) -> None:
        _sql("UPDATE orders SET placed_at = now() - interval '1 hour' WHERE id = ANY(CAST(:ids AS uuid[]))", order_ids)

        app.expire_orders(scheduled_event(), Context())

        for order_id in set(order_ids):
            if self.expected[order_id].status == "placed":
                self.expected[order_id].becomes("expired")

    @invariant()
    def every_order_is_as_expected(self) -> None:
        found = database.read(lambda: [repository.find(UUID(order_id)) for order_id in self.expected])
        for one, known in zip(found, self.expected.values(), strict=True):
            assert one is not None
            assert (one.status, one.version) == (known.status, known.version)
            assert {str(line.product_id) for line in one.lines if line.shipped_at} == known.shipped

    @invariant()
    def the_ledger_is_exact(self) -> None:
        left = dict(
            _sql("SELECT CAST(id AS text), stock FROM products WHERE id = ANY(CAST(:ids AS uuid[]))", self.products)
        )
        assert left == {product: self._left(product) for product in self.products}

    def teardown(self) -> None:
        """Events say in order what happened, each once, to the end."""
        for order_id, known in self.expected.items():
            told = [event["data"] for event in self.edge.bodies("bus") if event["data"]["id"] == order_id]
            versions = [data["version"] for data in told]
            assert versions == sorted(set(versions))
            assert known.status == (told[-1]["status"] if told else "placed")
        self.edge.forget()

    def _left(self, product: str) -> int:
        held = [one for one in self.expected.values() if one.status not in ENDED]
        return STOCK - sum(one.quantities.get(product, 0) for one in held)

    def _shipped(self, known: Expected, product: str) -> None:
        known.shipped.add(product)
        known.version += 1
        if known.shipped == known.quantities.keys():
            known.becomes("shipped")


def test_only_what_is_legal_happens(api: HttpApi, edge: Edge) -> None:
    _run(api, edge, stateful_step_count=25, max_examples=50)


@pytest.mark.parametrize("rule_of_the_house", ["status", "shipped in part", "stock"])
def test_without_a_rule_the_machine_notices(
    api: HttpApi, edge: Edge, monkeypatch: pytest.MonkeyPatch, rule_of_the_house: str
) -> None:
    match rule_of_the_house:
        case "status":
            monkeypatch.setattr(Order, "may_become", lambda order, status: order.status != "shipped")
        case "shipped in part":
            monkeypatch.setattr(Order, "may_become", lambda order, status: status in FOLLOWERS[order.status])
        case "stock":
            monkeypatch.setattr(products, "put_back", lambda quantities: None)

    with pytest.raises(AssertionError):
        _run(api, edge, stateful_step_count=20, max_examples=40, phases=[Phase.generate])


def _run(api: HttpApi, edge: Edge, **sizes: Any) -> None:
    bound = type("Bound", (Marketplace,), {"api": api, "edge": edge})
    run_state_machine_as_test(bound, settings=settings(**sizes))


def _sql(statement: str, ids: Sequence[str]) -> Any:
    def run() -> Any:
        result = database.connection().execute(text(statement), {"ids": list(ids)})
        return result.all() if result.returns_rows else None

    return database.write(run)
