"""Many buyers at once: exactly what is there is sold, and nobody waits for anybody in a circle.

Every check has a control that takes the guard out of the statement and sees the check fail.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import pytest
from sqlalchemy import text

from chalicelib.database import engine
from chalicelib.products import repository
from tests.edge import Edge
from tests.environment import configured
from tests.gateway import Answer, HttpApi, at_once
from tests.identity_provider import IdentityProvider
from tests.orders import order, stock_of
from tests.people import enrolled
from tests.products import listed
from tests.services import Services

BUYERS = 100
UNITS = 50
ROUNDS = 5
ORDERS = 1000
THREADS = 50
STOCK = 700
"""Of each of eight products: less than a thousand carts want."""
CONDITION = " AND products.stock >= wanted.quantity"


@dataclass(frozen=True)
class Crowd:
    """Many people who buy at the same time."""

    api: HttpApi
    provider: IdentityProvider

    def buys(self, product: str) -> list[Answer]:
        """A unit each, all at the same moment."""
        tokens = [self.provider.token(enrolled()) for _ in range(BUYERS)]
        return at_once(*[partial(order, self.api, None, {product: 1}, token=token) for token in tokens])

    def fills_carts(self, products: list[str], orders: int) -> list[Answer]:
        """Carts of five products in random order, by many threads."""
        chance = random.Random(7)
        tokens = [self.provider.token(enrolled()) for _ in range(THREADS)]
        carts = [{each: chance.randint(1, 2) for each in chance.sample(products, 5)} for _ in range(orders)]
        with ThreadPoolExecutor(THREADS) as threads:
            return list(threads.map(lambda cart: order(self.api, None, cart, token=chance.choice(tokens)), carts))


@pytest.fixture
def crowd(
    api: HttpApi, edge: Edge, edge_environment: dict[str, str], provider: IdentityProvider, services: Services
) -> Iterator[Crowd]:
    """Room for many at once, as many execution environments have together; they wait for it as long as it takes."""
    with (
        pytest.MonkeyPatch.context() as patient,
        _role(services, lock_timeout="60s", statement_timeout="60s", deadlock_timeout="100ms"),
        configured(**edge_environment | {"DATABASE_POOL_SIZE": "80"}),
    ):
        patient.setattr(engine, "CONNECT_SECONDS", 60)
        patient.setattr(engine, "READ_SECONDS", 60)
        yield Crowd(api, provider)


# --- one product ------------------------------------------------------------------------------------------------------


def test_a_hundred_buyers_of_fifty_units_get_exactly_fifty(crowd: Crowd, services: Services) -> None:
    for _ in range(ROUNDS):
        product = listed(enrolled(), stock=UNITS)

        answers = crowd.buys(product)

        _assert_exactly_sold(services, product, answers)


def test_without_the_condition_on_the_stock_the_check_fails(
    crowd: Crowd, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    _take_stock_without(monkeypatch, CONDITION)
    product = listed(enrolled(), stock=UNITS)

    with _stock_below_nothing(services):
        answers = crowd.buys(product)

        assert _sold(services, product) == BUYERS
        with pytest.raises(AssertionError):
            _assert_exactly_sold(services, product, answers)


def test_without_the_condition_the_tables_own_constraint_sells_nothing_that_is_not_there(
    api: HttpApi, edge: Edge, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    _take_stock_without(monkeypatch, CONDITION)
    product = listed(enrolled(), stock=1)

    assert order(api, enrolled(), {product: 2}).status == 422
    assert stock_of(services, product) == 1


# --- carts ------------------------------------------------------------------------------------------------------------


def test_a_thousand_carts_in_every_order_leave_the_ledger_exact_and_no_deadlock(
    crowd: Crowd, services: Services
) -> None:
    products, before = _shelf(), _deadlocks(services)

    answers = crowd.fills_carts(products, ORDERS)

    outcomes = Counter((answer.status, answer.status >= 400 and answer.problem) for answer in answers)
    assert set(outcomes) == {(201, False), (409, "out-of-stock")}
    assert outcomes.total() == ORDERS
    for product in products:
        assert _sold(services, product) + stock_of(services, product) == STOCK
    assert _deadlocks(services) == before


def test_without_the_order_of_the_locks_the_server_counts_deadlocks(
    crowd: Crowd, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    _take_stock_without(monkeypatch, "ORDER BY products.id")
    products, before = _shelf(), _deadlocks(services)

    crowd.fills_carts(products, ORDERS // 25)

    assert _deadlocks(services) > before


def _shelf() -> list[str]:
    return [listed(enrolled(), stock=STOCK) for _ in range(8)]


def _assert_exactly_sold(services: Services, product: str, answers: list[Answer]) -> None:
    outcomes = Counter((answer.status, answer.status >= 400 and answer.problem) for answer in answers)
    assert outcomes == {(201, False): UNITS, (409, "out-of-stock"): BUYERS - UNITS}
    assert stock_of(services, product) == 0
    assert _sold(services, product) == UNITS


def _sold(services: Services, product: str) -> int:
    sold = services.sql("SELECT sum(quantity) FROM order_lines WHERE product_id = CAST(:id AS uuid)", id=product)
    return int(sold[0][0])


def _take_stock_without(monkeypatch: pytest.MonkeyPatch, guard: str) -> None:
    statement = str(repository._TAKE)
    assert guard in statement
    monkeypatch.setattr(repository, "_TAKE", text(statement.replace(guard, "")))


@contextmanager
def _stock_below_nothing(services: Services) -> Iterator[None]:
    services.sql("ALTER TABLE products DROP CONSTRAINT products_stock_check")
    try:
        yield
    finally:
        services.sql("UPDATE products SET stock = 0 WHERE stock < 0")
        services.sql("ALTER TABLE products ADD CONSTRAINT products_stock_check CHECK (stock >= 0)")


def _deadlocks(services: Services) -> int:
    """How many deadlocks the server has counted; a connection tells what it has seen when it ends, at the latest."""
    of_the_application = "FROM pg_stat_activity WHERE usename = 'marketplace_app'"
    services.sql(f"SELECT pg_terminate_backend(pid) {of_the_application}")
    deadline = time.monotonic() + 20
    while services.sql(f"SELECT count(*) {of_the_application}") != [[0]]:
        assert time.monotonic() < deadline, "connections stay open"
    return int(services.sql("SELECT deadlocks FROM pg_stat_database WHERE datname = 'marketplace'")[0][0])


@contextmanager
def _role(services: Services, **settings: str) -> Iterator[None]:
    """Other settings for new connections of the application."""
    before = dict(
        row[0].split("=", 1)
        for row in services.sql("SELECT unnest(rolconfig) FROM pg_roles WHERE rolname = 'marketplace_app'")
    )
    for name, value in settings.items():
        services.sql(f"ALTER ROLE marketplace_app SET {name} = '{value}'")
    try:
        yield
    finally:
        for name in settings:
            kept = f"SET {name} = '{before[name]}'" if name in before else f"RESET {name}"
            services.sql(f"ALTER ROLE marketplace_app {kept}")
