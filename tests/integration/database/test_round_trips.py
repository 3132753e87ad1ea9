"""How often a request waits for PostgreSQL, counted on the socket."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, text

import app
from chalicelib import database
from chalicelib.messaging import relay
from tests.edge import Edge
from tests.environment import configured
from tests.events import Context, sqs_event
from tests.gateway import Answer, HttpApi
from tests.orders import events_of, order, placed
from tests.people import Person, enrolled
from tests.products import listed, new_product
from tests.proxies import Proxy, proxy_to
from tests.services import Services


@pytest.fixture
def wire(edge_environment: dict[str, str], edge: Edge, services: Services) -> Iterator[Proxy]:
    """The one connection of the API function, open and counted."""
    with proxy_to(services.app.host, services.app.port) as proxy:
        login = dataclasses.replace(services.app, port=proxy.port)
        with configured(**edge_environment | {"DATABASE_URL": login.url(), "DATABASE_POOL_SIZE": "1"}):
            database.read(lambda: database.connection().execute(text("SELECT 1")))
            yield proxy


@pytest.fixture
def seller(wire: Proxy) -> Person:
    return enrolled()


def test_reading_a_product_past_the_cache_is_one_round_trip(api: HttpApi, seller: Person, wire: Proxy) -> None:
    path = f"/products/{listed(seller)}"

    assert _trips(wire, lambda: api.get(path)) == 1


def test_reading_a_product_from_the_cache_is_none(api: HttpApi, seller: Person, wire: Proxy) -> None:
    path = f"/products/{listed(seller)}"
    api.get(path)

    assert _trips(wire, lambda: api.get(path)) == 0
    assert _trips(wire, lambda: api.get(path, seller)) == 0


@pytest.mark.parametrize("path", ["/me", "/me/products", "/products", "/products?q=keyboard&sort=price_asc"])
def test_every_other_read_is_one_round_trip(api: HttpApi, seller: Person, wire: Proxy, path: str) -> None:
    path, _, query = path.partition("?")

    assert _trips(wire, lambda: api.get(path, seller, query=query)) == 1


def test_health_is_none(api: HttpApi, wire: Proxy) -> None:
    assert _trips(wire, lambda: api.get("/health")) == 0


def test_a_request_that_is_invalid_is_none(api: HttpApi, seller: Person, wire: Proxy) -> None:
    assert _trips(wire, lambda: api.send("POST", "/products", seller, body={})) == 0


def test_a_change_is_a_statement_each_for_person_and_product_and_the_commit(
    api: HttpApi, seller: Person, wire: Proxy
) -> None:
    path = f"/products/{listed(seller)}"

    assert _trips(wire, lambda: api.send("PATCH", path, seller, headers={"if-match": "*"}, body={"stock": 1})) == 3


def test_a_new_product_is_five(api: HttpApi, seller: Person, wire: Proxy) -> None:
    def create() -> Answer:
        return api.send("POST", "/products", seller, headers={"idempotency-key": str(uuid4())}, body=new_product())

    assert _trips(wire, create) == 5


@pytest.mark.parametrize("lines", [1, 50])
def test_a_new_order_is_eight_however_many_lines_it_has_and_its_sending_six(
    api: HttpApi, seller: Person, wire: Proxy, edge: Edge, lines: int
) -> None:
    cart = {listed(seller): 1 for _ in range(lines)}
    sent = _trips(wire, lambda: order(api, seller, cart))
    relay._breaker.trip()
    unsent = _trips(wire, lambda: order(api, seller, cart))

    assert (unsent, sent) == (8, 14)


def test_a_replayed_order_is_two(api: HttpApi, seller: Person, wire: Proxy) -> None:
    cart = {listed(seller): 1}
    order(api, seller, cart, key="k")

    assert _trips(wire, lambda: order(api, seller, cart, key="k")) == 2


def test_confirming_an_order_is_six_and_its_sending_six_and_a_repetition_two(
    seller: Person, wire: Proxy, services: Services
) -> None:
    placed_order = placed(seller, {listed(seller): 1})
    batch = sqs_event("orders.fifo", events_of(services, placed_order.id, "orders.fifo"), ["group"])

    assert _trips(wire, lambda: app.fulfil_orders(batch, Context())) == 12
    assert _trips(wire, lambda: app.fulfil_orders(batch, Context())) == 2


@pytest.mark.parametrize("path", ["/orders", "/sales"])
def test_a_list_of_orders_is_one_however_many_lines_they_have(
    api: HttpApi, seller: Person, wire: Proxy, path: str
) -> None:
    for _ in range(3):
        placed(seller, {listed(seller): 1 for _ in range(3)})

    assert _trips(wire, lambda: api.get(path, seller)) == 1


def test_the_connection_is_kept_over_many_requests(api: HttpApi, seller: Person, wire: Proxy) -> None:
    for _ in range(20):
        api.get("/me", seller)

    assert wire.connections == 1


def test_the_stock_driver_needs_more_for_one_statement(services: Services) -> None:
    with proxy_to(services.app.host, services.app.port) as proxy:
        url = dataclasses.replace(services.app, port=proxy.port).url().replace("postgresql:", "postgresql+pg8000:")
        engine = create_engine(url)
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
        trips = _trips(proxy, lambda: _select_one(engine))
        engine.dispose()

    assert trips > 1


def _select_one(engine: Any) -> None:
    with engine.connect() as connection:
        connection.execute(text("SELECT :one"), {"one": "1"})


def _trips(proxy: Proxy, work: Callable[[], Any]) -> int:
    before = proxy.round_trips
    work()
    return proxy.round_trips - before
