"""What runs by the clock: as EventBridge starts it, and by itself."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from tests.events import scheduled_event
from tests.integration.actors import Actor, at_once
from tests.integration.functions import invoke
from tests.integration.log_groups import counted, json_lines
from tests.integration.orders import an_order, events_of, leave_unsent, message, status_of, stock_of, store, stored
from tests.integration.waiting import until
from tests.stack import Stack

SWEPT = ("EventsRelayed", "EventsPending", "EventsParked", "OutboxAgeSeconds")


@pytest.fixture(scope="module")
def product(seller: Actor, buyer: Actor) -> dict[str, Any]:
    """A product, and its buyer has been here before."""
    buyer.http.get("/me").raise_for_status()
    return dict(seller.product(stock=0).json())


def test_event_that_was_left_unsent_is_sent_by_the_next_sweep_which_comes_by_itself(
    stack: Stack, buyer: Actor, product: dict[str, Any]
) -> None:
    order, other = stored(stack, buyer, product), an_order(buyer, product)
    before = counted(stack, "relay_outbox")

    leave_unsent(stack, message("order.placed", order), "orders.fifo", order["id"])
    for destination in ("order-events", "bus"):
        leave_unsent(stack, message("order.placed", other), destination, other["id"])

    until(lambda: status_of(buyer, order) == "confirmed", patience=120, pause=0.3)
    until(lambda: counted(stack, "relay_outbox")["EventsRelayed"] > before["EventsRelayed"])
    for each, events in ((order, 3), (other, 2)):
        until(lambda each=each, events=events: published(stack, each) == [True] * events)
    (line,) = sweeps(stack)[-1:]
    assert set(SWEPT) <= set(line)
    assert (line["stage"], line["service"]) == ("local", "marketplace")


def test_unconfirmed_orders_expire_once_though_several_runs_overlap(
    stack: Stack, buyer: Actor, seller: Actor, product: dict[str, Any]
) -> None:
    orders = [an_order(buyer, product, status="placed") for _ in range(40)]
    with stack.database() as database:
        store(database, orders[:30], minutes=16)
        store(database, orders[30:], minutes=14)
    before = counted(stack, "expire_orders")["OrdersExpired"]

    done = at_once(*[partial(invoke, stack, "expire_orders", scheduled_event())] * 3)

    assert done == [(None, False)] * 3
    assert stock_of(seller, product) == 30
    until(lambda: counted(stack, "expire_orders")["OrdersExpired"] - before == 30)
    assert {status_of(buyer, order) for order in orders[:30]} == {"expired"}
    assert {status_of(buyer, order) for order in orders[30:]} == {"placed"}
    assert all(len(events_of(stack, order["id"])) == 2 for order in orders[:30])


def test_overlapping_purges_remove_each_row_once_and_nothing_that_is_needed(stack: Stack) -> None:
    marker = uuid4().hex
    with stack.database() as database:
        for statement in FILL:
            database.run(statement, marker=marker)
    before = counted(stack, "purge_expired")["RowsPurged"]

    done = at_once(*[partial(invoke, stack, "purge_expired", scheduled_event())] * 2)

    assert done == [(None, False)] * 2
    assert left(stack, marker) == [50, 50, 100]
    until(lambda: counted(stack, "purge_expired")["RowsPurged"] - before >= 7500)
    assert counted(stack, "purge_expired")["RowsPurged"] - before == 7500
    assert invoke(stack, "purge_expired", scheduled_event()) == (None, False)
    assert left(stack, marker) == [50, 50, 100]
    with stack.database() as database:
        database.run("DELETE FROM outbox WHERE correlation_id = :marker", marker=marker)


FILL = (
    """
    INSERT INTO idempotency_keys (caller_id, route, key, fingerprint, status, headers, body, expires_at)
    SELECT gen_random_uuid(), :marker, 'x', '', 201, '{}', '',
           now() + CASE WHEN number > 2500 THEN interval '1 hour' ELSE interval '-1 second' END
    FROM generate_series(1, 2550) AS number
    """,
    """
    INSERT INTO inbox (consumer, message_id, received_at)
    SELECT :marker, gen_random_uuid(),
           now() - CASE WHEN number > 2500 THEN interval '89 days' ELSE interval '90 days 1 second' END
    FROM generate_series(1, 2550) AS number
    """,
    """
    INSERT INTO outbox (
        event_id, destination, group_id, type, body, correlation_id, created_at, published_at, parked_at
    )
    SELECT gen_random_uuid(), 'bus', gen_random_uuid(), 'test', '', :marker, now() - interval '1 year',
           CASE WHEN number <= 2500 THEN now() - interval '14 days 1 second'
                WHEN number <= 2550 THEN now() - interval '13 days' END,
           CASE WHEN number > 2550 THEN now() - interval '1 year' END
    FROM generate_series(1, 2600) AS number
    """,
)
"""2,500 rows in each table that have done their duty, and 50 that have not; 50 more events that were given up on."""
LEFT = """
    SELECT (SELECT count(*) FROM idempotency_keys WHERE route = :marker),
           (SELECT count(*) FROM inbox WHERE consumer = :marker),
           (SELECT count(*) FROM outbox WHERE correlation_id = :marker)
"""


def left(stack: Stack, marker: str) -> list[int]:
    """How many of the rows are left in each table."""
    with stack.database() as database:
        (counts,) = database.run(LEFT, marker=marker)
    return list(counts)


def published(stack: Stack, order: dict[str, Any]) -> list[bool]:
    """Of each of the order's rows of the outbox, whether it was sent."""
    return [event["is_published"] for event in events_of(stack, order["id"])]


def sweeps(stack: Stack) -> list[dict[str, Any]]:
    """The metrics that each sweep wrote."""
    return [line for line in json_lines(stack, "relay_outbox") if "EventsRelayed" in line]
