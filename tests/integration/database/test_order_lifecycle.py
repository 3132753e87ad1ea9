"""What becomes of an order: confirmed, shipped, cancelled, expired; and what never does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest

import app
from tests.edge import Edge
from tests.events import Context, failed, scheduled_event, sqs_event
from tests.gateway import Answer, HttpApi
from tests.orders import confirmed, events_of, placed, status_of, stock_of
from tests.people import Person, enrolled
from tests.products import listed
from tests.services import Services


@pytest.fixture
def buyer(edge: Edge) -> Person:
    return enrolled()


@pytest.fixture
def seller(edge: Edge) -> Person:
    return enrolled()


@pytest.fixture(autouse=True)
def _nothing_else_expires(edge: Edge, services: Services) -> Iterator[None]:
    yield
    services.sql("UPDATE orders SET placed_at = now() WHERE status = 'placed'")


def test_a_placed_order_is_confirmed_by_its_message_and_everybody_is_told(
    buyer: Person, seller: Person, services: Services, edge: Edge
) -> None:
    order = placed(buyer, {listed(seller): 2})

    assert failed(_fulfil(*events_of(services, order.id, "orders.fifo"))) == set()

    assert status_of(services, order.id) == "confirmed"
    assert [told["type"] for told in edge.bodies("order-events")] == ["order.placed", "order.confirmed"]
    assert [told["type"] for told in edge.bodies("bus")] == ["order.confirmed"]
    for destination in ("order-events", "bus"):
        told = edge.bodies(destination)[-1]
        assert told["data"]["version"] == 2
        assert told["data"]["confirmed_at"].endswith("Z")


def test_a_message_that_comes_again_changes_nothing(
    buyer: Person, seller: Person, services: Services, edge: Edge
) -> None:
    order = placed(buyer, {listed(seller): 2})
    message = events_of(services, order.id)[0]

    for _ in range(3):
        assert failed(_fulfil(message, message)) == set()

    assert len(events_of(services, order.id, "bus")) == 1
    assert _version(services, order.id) == 2


@pytest.mark.parametrize("end", ["cancelled", "expired"])
def test_a_message_about_an_order_that_has_ended_changes_nothing(
    api: HttpApi, buyer: Person, seller: Person, services: Services, end: str
) -> None:
    order = placed(buyer, {(product := listed(seller)): 2})
    if end == "cancelled":
        _cancel(api, buyer, order.id)
    else:
        _expire(services, order.id)
    before = _version(services, order.id)

    assert failed(_fulfil(events_of(services, order.id)[0])) == set()

    assert status_of(services, order.id) == end
    assert _version(services, order.id) == before
    assert stock_of(services, product) == 5


def test_a_message_about_an_order_that_is_not_there_comes_again(edge: Edge, buyer: Person, services: Services) -> None:
    order = placed(buyer, {listed(buyer): 1})
    message = json.loads(events_of(services, order.id)[0])
    message["data"]["id"] = str(uuid4())

    assert failed(_fulfil(json.dumps(message | {"id": str(uuid4())}))) == {"0"}


def test_a_placed_order_is_cancelled_and_its_stock_is_back(
    api: HttpApi, buyer: Person, seller: Person, services: Services, edge: Edge
) -> None:
    order = placed(buyer, {(product := listed(seller)): 2})
    edge.forget()

    answer = _cancel(api, buyer, order.id)

    assert (answer.status, answer.json()["status"]) == (200, "cancelled")
    assert stock_of(services, product) == 5
    assert [told["type"] for told in edge.bodies("bus")] == ["order.cancelled"]
    assert edge.bodies("bus")[0]["data"]["confirmed_at"] is None


def test_a_confirmed_order_is_cancelled_and_its_stock_is_back(
    api: HttpApi, buyer: Person, seller: Person, services: Services
) -> None:
    order = confirmed(buyer, {(product := listed(seller)): 2})

    assert _cancel(api, buyer, order.id).status == 200

    assert stock_of(services, product) == 5
    (told,) = events_of(services, order.id, "bus", "order.cancelled")
    assert json.loads(told)["data"]["confirmed_at"] is not None


def test_stock_goes_back_to_a_product_that_is_no_longer_for_sale(
    api: HttpApi, buyer: Person, seller: Person, services: Services
) -> None:
    order = placed(buyer, {(product := listed(seller)): 2})
    api.send("DELETE", f"/products/{product}", seller, headers={"if-match": "*"})

    _cancel(api, buyer, order.id)

    assert stock_of(services, product) == 5
    assert api.get(f"/products/{product}", seller).json()["status"] == "archived"


def test_a_second_cancellation_is_told_so_and_returns_nothing(
    api: HttpApi, buyer: Person, seller: Person, services: Services
) -> None:
    order = placed(buyer, {(product := listed(seller)): 2})
    _cancel(api, buyer, order.id)

    again = _cancel(api, buyer, order.id)

    assert (again.status, again.problem) == (409, "not-cancellable")
    assert "cancelled" in again.json()["detail"]
    assert stock_of(services, product) == 5


def test_only_the_buyer_cancels(api: HttpApi, buyer: Person, seller: Person, services: Services) -> None:
    order = placed(buyer, {listed(seller): 2})

    for person in (seller, enrolled(), enrolled("moderators"), enrolled("admins")):
        refused = _cancel(api, person, order.id)
        assert (refused.status, refused.problem) == (404, "order-not-found")
    assert _cancel(api, buyer, uuid4()).status == 404
    assert status_of(services, order.id) == "placed"


def test_an_order_of_one_seller_is_shipped_at_once(
    api: HttpApi, buyer: Person, seller: Person, services: Services, edge: Edge
) -> None:
    order = confirmed(buyer, {listed(seller): 1, listed(seller): 2})
    edge.forget()

    sale = _ship(api, seller, order.id)

    assert (sale.status, sale.json()["status"]) == (200, "shipped")
    assert all(line["shipped_at"] for line in sale.json()["lines"])
    assert [told["type"] for told in edge.bodies("order-events")] == ["order.shipped"]
    assert api.get(f"/orders/{order.id}", buyer).json()["status"] == "shipped"


def test_an_order_of_two_sellers_is_shipped_when_both_have(
    api: HttpApi, buyer: Person, seller: Person, services: Services
) -> None:
    other = enrolled()
    order = confirmed(buyer, {listed(seller, name="One"): 1, listed(other, name="Two"): 1})
    path = f"/orders/{order.id}"
    tags = [api.get(path, buyer).headers["etag"]]

    first = _ship(api, seller, order.id)
    tags.append(api.get(path, buyer).headers["etag"])

    assert first.json()["status"] == "confirmed"
    assert [line["name"] for line in first.json()["lines"]] == ["One"]
    shown = {line["name"]: line["shipped_at"] for line in api.get(path, buyer).json()["lines"]}
    assert shown["One"]
    assert shown["Two"] is None
    assert events_of(services, order.id, kind="order.shipped") == []

    second = _ship(api, other, order.id)
    tags.append(api.get(path, buyer).headers["etag"])

    assert second.json()["status"] == "shipped"
    assert len(events_of(services, order.id, "bus", "order.shipped")) == 1
    assert len(set(tags)) == 3


def test_shipping_again_changes_nothing(api: HttpApi, buyer: Person, seller: Person, services: Services) -> None:
    order = confirmed(buyer, {listed(seller): 1, listed(enrolled()): 1})
    first = _ship(api, seller, order.id)

    again = _ship(api, seller, order.id)

    assert (again.status, again.text, again.headers["etag"]) == (200, first.text, first.headers["etag"])
    assert _version(services, order.id) == 3


def test_what_is_shipped_in_part_is_neither_cancelled_nor_expires(
    api: HttpApi, buyer: Person, seller: Person, services: Services
) -> None:
    order = confirmed(buyer, {(product := listed(seller)): 1, listed(enrolled()): 1})
    _ship(api, seller, order.id)

    refused = _cancel(api, buyer, order.id)

    assert (refused.status, refused.problem) == (409, "not-cancellable")
    assert "in part" in refused.json()["detail"]
    _expire(services, order.id)
    assert status_of(services, order.id) == "confirmed"
    assert stock_of(services, product) == 4


def test_a_shipped_order_is_not_cancelled(api: HttpApi, buyer: Person, seller: Person) -> None:
    order = confirmed(buyer, {listed(seller): 1})
    _ship(api, seller, order.id)

    assert _cancel(api, buyer, order.id).problem == "not-cancellable"


@pytest.mark.parametrize("status", ["placed", "cancelled", "expired"])
def test_only_confirmed_orders_are_shipped(
    api: HttpApi, buyer: Person, seller: Person, services: Services, status: str
) -> None:
    order = placed(buyer, {listed(seller): 1})
    if status == "cancelled":
        _cancel(api, buyer, order.id)
    if status == "expired":
        _expire(services, order.id)

    refused = _ship(api, seller, order.id)

    assert (refused.status, refused.problem) == (409, "not-shippable")
    assert status in refused.json()["detail"]


def test_only_sellers_of_its_products_ship_an_order(api: HttpApi, buyer: Person, seller: Person) -> None:
    order = confirmed(buyer, {listed(seller): 1})

    for person in (buyer, enrolled(), enrolled("moderators"), enrolled("admins")):
        refused = _ship(api, person, order.id)
        assert (refused.status, refused.problem) == (404, "order-not-found")
    assert _ship(api, seller, uuid4()).status == 404


@pytest.mark.parametrize("action", ["cancel", "ship"])
def test_people_who_are_disabled_change_no_order(api: HttpApi, services: Services, edge: Edge, action: str) -> None:
    person = enrolled()
    order = confirmed(person, {listed(person): 1})
    services.sql("UPDATE users SET disabled = true WHERE id = :id", id=str(person.id))

    answer = _cancel(api, person, order.id) if action == "cancel" else _ship(api, person, order.id)

    assert answer.status == 403
    assert status_of(services, order.id) == "confirmed"


def test_an_order_expires_a_quarter_of_an_hour_after_it_was_placed(
    buyer: Person, seller: Person, services: Services, edge: Edge
) -> None:
    product = listed(seller)
    late, young, done = placed(buyer, {product: 1}), placed(buyer, {product: 1}), confirmed(buyer, {product: 1})
    _age(services, late.id, "15 minutes 1 second")
    _age(services, young.id, "14 minutes 55 seconds")
    _age(services, done.id, "3 days")
    edge.forget()

    app.expire_orders(scheduled_event(), Context())

    assert [status_of(services, order.id) for order in (late, young, done)] == ["expired", "placed", "confirmed"]
    assert stock_of(services, product) == 3
    assert [told["type"] for told in edge.bodies("order-events")] == ["order.expired"]


def test_many_orders_expire_in_one_run_and_none_twice(buyer: Person, seller: Person, services: Services) -> None:
    product = listed(seller, stock=30)
    orders = [placed(buyer, {product: 1}) for _ in range(25)]
    for order in orders:
        _age(services, order.id, "1 hour")

    for _ in range(2):
        app.expire_orders(scheduled_event(), Context())

    assert {status_of(services, order.id) for order in orders} == {"expired"}
    assert stock_of(services, product) == 30


def test_a_run_whose_time_is_up_leaves_the_rest_to_the_next(buyer: Person, seller: Person, services: Services) -> None:
    orders = [placed(buyer, {listed(seller): 1}) for _ in range(3)]
    for order in orders:
        _age(services, order.id, "1 hour")

    app.expire_orders(scheduled_event(), Context(60_000, 60_000, 9_000))
    assert sorted(status_of(services, order.id) for order in orders) == ["expired", "expired", "placed"]

    app.expire_orders(scheduled_event(), Context())
    assert {status_of(services, order.id) for order in orders} == {"expired"}


def _fulfil(*bodies: str) -> object:
    groups = [str(uuid4())] * len(bodies)
    return app.fulfil_orders(sqs_event("orders.fifo", bodies, groups), Context())


def _cancel(api: HttpApi, person: Person, order_id: UUID) -> Answer:
    return api.send("POST", f"/orders/{order_id}/cancel", person)


def _ship(api: HttpApi, person: Person, order_id: UUID) -> Answer:
    return api.send("POST", f"/sales/{order_id}/ship", person)


def _expire(services: Services, order_id: UUID) -> None:
    _age(services, order_id, "1 hour")
    app.expire_orders(scheduled_event(), Context())


def _age(services: Services, order_id: UUID, age: str) -> None:
    services.sql(
        "UPDATE orders SET placed_at = now() - CAST(:age AS interval) WHERE id = :id", age=age, id=str(order_id)
    )


def _version(services: Services, order_id: UUID) -> int:
    return int(services.sql("SELECT version FROM orders WHERE id = :id", id=str(order_id))[0][0])
