"""The outbox: an event exists exactly when its change does."""

from __future__ import annotations

import json

import pytest

from chalicelib import database
from chalicelib.messaging import envelope, outbox
from chalicelib.messaging.envelope import MAX_BYTES, TooLarge
from chalicelib.orders import events, repository
from tests.edge import Edge
from tests.gateway import HttpApi
from tests.orders import events_of, order, placed, stock_of
from tests.people import Person, enrolled
from tests.products import listed
from tests.services import Services


@pytest.fixture
def buyer(edge: Edge) -> Person:
    return enrolled()


def test_an_event_has_a_row_for_each_destination(buyer: Person, services: Services) -> None:
    made = placed(buyer, {listed(buyer): 1})
    database.write(lambda: outbox.add(events.CONFIRMED, made, group=made.id))

    rows = services.sql(
        "SELECT type, destination, event_id = CAST(CAST(body AS jsonb) ->> 'id' AS uuid) FROM outbox"
        " WHERE group_id = :id ORDER BY position",
        id=str(made.id),
    )
    assert rows == [
        ["order.placed", "orders.fifo", True],
        ["order.placed", "order-events", True],
        ["order.confirmed", "order-events", True],
        ["order.confirmed", "bus", True],
    ]


def test_a_change_that_is_undone_tells_nothing(buyer: Person, services: Services, edge: Edge) -> None:
    made = placed(buyer, {listed(buyer): 1})
    edge.forget()

    def fails() -> None:
        outbox.add(events.CANCELLED, made, group=made.id)
        raise LookupError

    with pytest.raises(LookupError):
        database.write(fails)

    assert len(events_of(services, made.id, kind="order.placed")) == len(events_of(services, made.id)) == 2
    assert edge.calls == []


def test_nothing_is_sent_before_the_commit(buyer: Person, edge: Edge) -> None:
    made = placed(buyer, {listed(buyer): 1})
    edge.forget()

    def look() -> int:
        outbox.add(events.CANCELLED, made, group=made.id)
        return len(edge.calls)

    assert database.write(look) == 0
    assert len(edge.calls) == 2


def test_an_event_that_no_topic_takes_is_an_error_before_the_commit_and_stores_nothing(
    api: HttpApi, buyer: Person, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = listed(buyer)
    with monkeypatch.context() as narrow:
        narrow.setattr(envelope, "MAX_BYTES", 400)
        refused = order(api, buyer, {product: 1}, key="k")
        with pytest.raises(TooLarge):
            placed(buyer, {product: 1})

    assert refused.status == 500
    assert stock_of(services, product) == 5
    assert services.sql("SELECT count(*) FROM orders WHERE buyer_id = :id", id=str(buyer.id)) == [[0]]
    assert order(api, buyer, {product: 1}, key="k").status == 201


def test_the_largest_order_there_can_be_is_small_enough(
    api: HttpApi, buyer: Person, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    price = {"amount": 10**12, "currency": "EUR"}
    cart = {listed(buyer, name="\N{TEAPOT}\N{GRINNING FACE}" * 100, price=price, stock=100): 100 for _ in range(50)}

    created = order(api, buyer, cart)

    (body,) = set(events_of(services, created.json()["id"]))
    assert len(body) < MAX_BYTES * 3 / 4
    assert body.isascii()
    assert len(json.loads(body)["data"]["lines"]) == 50


def test_a_run_that_is_repeated_after_a_deadlock_tells_once(
    buyer: Person, edge: Edge, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sqlalchemy import text

    original, runs = repository.add, []

    def loses_at_first(*arguments: object) -> object:
        runs.append(1)
        stored = original(*arguments)  # type: ignore[arg-type]
        if len(runs) == 1:
            database.connection().execute(text("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40P01'; END $$"))
        return stored

    monkeypatch.setattr(repository, "add", loses_at_first)

    made = placed(buyer, {listed(buyer): 1})

    assert len(runs) == 2
    assert len(events_of(services, made.id)) == 2
    assert len(set(events_of(services, made.id))) == 1
    assert sorted(sent.destination for sent in edge.accepted) == ["order-events", "orders.fifo"]
