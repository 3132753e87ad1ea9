"""PostgreSQL is away for a while in the middle of many orders: clients repeat themselves, and nothing else happens."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from tests.integration.actors import Actor, Api, a_key
from tests.integration.functions import unheard
from tests.integration.orders import order
from tests.integration.problems import defects, kind_of
from tests.integration.waiting import PATIENCE, until
from tests.stack import Stack

ORDERS = 200
AWAY_SECONDS = 20
SETTLED_SECONDS = 240
"""What failed meanwhile comes again after 90 seconds, or with the next sweep."""


@dataclass
class Buying:
    """Two hundred orders by eight buyers, each repeated under its key until it is acknowledged."""

    product: dict[str, Any]
    seller: Actor
    answers: list[httpx.Response] = field(default_factory=list)
    acknowledged: list[dict[str, Any]] = field(default_factory=list)

    def buy(self, buyer: Actor) -> None:
        """One order."""
        key, deadline = a_key(), time.monotonic() + 3 * PATIENCE
        while time.monotonic() < deadline:
            answer = order(buyer, self.product, **key)
            self.answers.append(answer)
            if answer.status_code == 201:
                self.acknowledged.append(answer.json())
                return
            time.sleep(float(answer.headers["Retry-After"]))
        raise AssertionError(f"never acknowledged, at last {answer.status_code} {answer.text}")


@pytest.fixture(scope="session")
def bought(stack: Stack, api: Api) -> Buying:
    """The orders, all acknowledged: half of them before the outage began.

    Nobody counts what was sold: the emulator would start a process for each of the events at once.
    """
    seller = api.person()
    buying = Buying(seller.product(stock=1000).json(), seller)
    buyers = [api.person() for _ in range(8)]
    with unheard(stack, "rank_bestsellers"), ThreadPoolExecutor(len(buyers)) as threads:
        work = [threads.submit(buying.buy, buyers[number % len(buyers)]) for number in range(ORDERS)]
        until(lambda: len(buying.acknowledged) >= ORDERS // 2)
        with away(stack):
            time.sleep(AWAY_SECONDS)
        for each in work:
            each.result()
    return buying


@contextmanager
def away(stack: Stack) -> Iterator[None]:
    """There is no PostgreSQL."""
    stack.stop_postgresql()
    try:
        yield
    finally:
        stack.start_postgresql()


def test_clients_are_told_to_come_again_and_nothing_worse(bought: Buying) -> None:
    refused = [answer for answer in bought.answers if answer.status_code != 201]

    assert len(bought.acknowledged) == ORDERS
    assert Counter(kind_of(answer, answer.status_code) for answer in refused).keys() >= {"unavailable"}
    assert {answer.status_code for answer in refused} <= {409, 503}
    assert {kind_of(answer, 409) for answer in refused if answer.status_code == 409} <= {
        "request-in-flight", "request-just-completed"
    }  # fmt: skip
    assert [found for answer in refused if (found := defects(answer))] == []
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer in refused)


@pytest.mark.after_everything
@pytest.mark.timeout(2 * SETTLED_SECONDS)
def test_every_acknowledged_order_exists_once_is_confirmed_and_was_told_of_once(stack: Stack, bought: Buying) -> None:
    until(lambda: is_settled(stack, bought), patience=SETTLED_SECONDS, pause=0.5)

    assert len({each["id"] for each in bought.acknowledged}) == ORDERS
    assert counts(stack, ORDERS_OF, bought) == {("confirmed", 2): ORDERS}
    assert counts(stack, EVENTS_OF, bought) == {
        ("order.placed", "orders.fifo", True): ORDERS,
        ("order.placed", "order-events", True): ORDERS,
        ("order.confirmed", "order-events", True): ORDERS,
        ("order.confirmed", "bus", True): ORDERS,
    }
    told = counts(stack, NOTIFICATIONS_OF, bought)
    assert {kind: sum(told[each] for each in told if each[0] == kind) for kind, _ in told} == {
        "order-confirmed": ORDERS, "products-sold": ORDERS
    }  # fmt: skip
    assert {state for _, state in told} <= {"sent", "uncertain"}  # it went away after sending and before the record
    assert int(bought.seller.http.get(f"/products/{bought.product['id']}").json()["stock"]) == 1000 - ORDERS


ORDERS_OF = """
    SELECT status, version, count(*) FROM orders JOIN order_lines ON order_id = id
    WHERE product_id = :product GROUP BY 1, 2
"""
EVENTS_OF = """
    SELECT type, destination, published_at IS NOT NULL, count(*) FROM outbox JOIN order_lines ON order_id = group_id
    WHERE product_id = :product GROUP BY 1, 2, 3
"""
NOTIFICATIONS_OF = """
    SELECT kind, state, count(*) FROM notifications JOIN outbox USING (event_id) JOIN order_lines ON order_id = group_id
    WHERE product_id = :product AND destination = 'bus' GROUP BY 1, 2
"""


def counts(stack: Stack, query: str, buying: Buying) -> dict[tuple[Any, ...], int]:
    """How many rows there are of each kind, about the orders of the product."""
    with stack.database() as database:
        found = database.run(query, product=buying.product["id"])
    return {tuple(kind): number for *kind, number in found or []}


def is_settled(stack: Stack, buying: Buying) -> bool:
    """Whether nothing is left to be done: every event is sent, and every notification has ended."""
    events, told = counts(stack, EVENTS_OF, buying), counts(stack, NOTIFICATIONS_OF, buying)
    is_sent = sum(events.values()) == 4 * ORDERS and all(is_published for *_, is_published in events)
    return is_sent and sum(told.values()) == 2 * ORDERS and not {state for _, state in told} & {"pending", "sending"}
