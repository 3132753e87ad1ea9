"""A hundred requests with one `Idempotency-Key`, and requests that are cut off: one order, and the key stays good."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from functools import partial

import pytest
from sqlalchemy import text

from chalicelib import database, users
from chalicelib.database import engine
from chalicelib.orders import repository
from chalicelib.web import idempotency
from tests.edge import Edge
from tests.environment import configured
from tests.gateway import Answer, HttpApi, at_once
from tests.identity_provider import IdentityProvider
from tests.orders import order, stock_of
from tests.people import Person, enrolled
from tests.products import listed
from tests.proxies import proxy_to
from tests.services import Services

REQUESTS = 100


@pytest.fixture
def room(edge_environment: dict[str, str], edge: Edge, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(engine, "CONNECT_SECONDS", 60)
    with configured(**edge_environment | {"DATABASE_POOL_SIZE": "80"}):
        yield


@pytest.fixture
def buyer(edge: Edge) -> Person:
    return enrolled()


@pytest.fixture
def product(edge: Edge) -> str:
    return listed(enrolled(), stock=500)


def test_a_hundred_requests_with_one_key_are_one_order(
    api: HttpApi, room: None, provider: IdentityProvider, product: str, services: Services
) -> None:
    buyer = enrolled()

    answers = _at_once(api, provider.token(buyer), product)

    _assert_one_order(answers, services, buyer, product)
    again = order(api, buyer, {product: 1}, key="the-key")
    assert again.text == next(answer.text for answer in answers if answer.status == 201)


def test_without_the_lock_and_the_record_the_check_fails(
    api: HttpApi, room: None, provider: IdentityProvider, product: str, services: Services,
    *, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(idempotency, "once", lambda wanted, work: work())
    buyer = enrolled()

    answers = _at_once(api, provider.token(buyer), product)

    with pytest.raises(AssertionError):
        _assert_one_order(answers, services, buyer, product)


def test_without_the_lock_alone_the_record_lets_one_through(
    api: HttpApi, room: None, provider: IdentityProvider, product: str, services: Services,
    *, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    unlocked = str(idempotency._LOOK_UP).replace("pg_try_advisory_xact_lock(:lock)", "(:lock = :lock)")
    monkeypatch.setattr(idempotency, "_LOOK_UP", text(unlocked))
    buyer = enrolled()

    answers = _at_once(api, provider.token(buyer), product)

    _assert_one_order(answers, services, buyer, product)


def test_another_body_under_the_key_is_refused_and_another_persons_key_is_another(
    api: HttpApi, buyer: Person, product: str, services: Services
) -> None:
    first = order(api, buyer, {product: 1}, key="k")

    other_body, somebody = order(api, buyer, {product: 2}, key="k"), enrolled()
    other_person = order(api, somebody, {product: 1}, key="k")

    assert (other_body.status, other_body.problem) == (422, "idempotency-key-reused")
    assert other_person.status == 201
    assert other_person.json()["id"] != first.json()["id"]
    assert stock_of(services, product) == 498


def test_the_key_of_another_route_is_another_key(api: HttpApi, buyer: Person, product: str) -> None:
    order(api, buyer, {product: 1}, key="k")
    body = {"sku": "A", "name": "A", "price": {"amount": 1, "currency": "EUR"}, "stock": 1, "status": "active"}

    assert api.send("POST", "/products", buyer, headers={"idempotency-key": "k"}, body=body).status == 201


def test_an_order_that_was_out_of_stock_is_possible_with_the_same_key_later(
    api: HttpApi, buyer: Person, services: Services
) -> None:
    product = listed(enrolled(), stock=1)
    assert order(api, buyer, {product: 2}, key="k").status == 409
    services.sql("UPDATE products SET stock = 2 WHERE id = CAST(:id AS uuid)", id=product)

    answer = order(api, buyer, {product: 2}, key="k")

    assert answer.status == 201
    assert "idempotent-replayed" not in answer.headers


@pytest.mark.parametrize("moment", ["before the work", "in the work", "after the work"])
def test_a_connection_that_is_killed_in_the_middle_of_a_request_costs_nothing_and_the_key_stays_good(
    api: HttpApi, buyer: Person, product: str, services: Services,
    *, monkeypatch: pytest.MonkeyPatch, moment: str,
) -> None:  # fmt: skip
    module, name = {
        "before the work": (users, "require_active"),
        "in the work": (repository, "add"),
        "after the work": (idempotency, "_remember"),
    }[moment]
    kills = _kill_before(monkeypatch, services, module, name)

    answer = order(api, buyer, {product: 2}, key="k")
    again = order(api, buyer, {product: 2}, key="k")

    assert len(kills) == 1
    assert (answer.status, again.status) == (201, 201)
    assert again.text == answer.text
    assert again.headers["idempotent-replayed"] == "true"
    assert stock_of(services, product) == 498
    assert _orders(services, buyer) == 1


def test_a_request_whose_connection_is_killed_each_time_is_unavailable_and_the_key_stays_good(
    api: HttpApi, buyer: Person, product: str, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as hostile:
        kills = _kill_before(hostile, services, repository, "add", times=99)
        refused = order(api, buyer, {product: 2}, key="k")

    assert len(kills) == 2
    assert (refused.status, refused.problem) == (503, "unavailable")
    assert stock_of(services, product) == 500
    assert order(api, buyer, {product: 2}, key="k").status == 201
    assert (_orders(services, buyer), stock_of(services, product)) == (1, 498)


def test_an_order_whose_commit_is_in_doubt_is_found_again_by_its_key(
    api: HttpApi, edge: Edge, edge_environment: dict[str, str], services: Services
) -> None:
    with proxy_to(services.app.host, services.app.port) as wire:
        url = dataclasses.replace(services.app, port=wire.port).url()
        with configured(**edge_environment | {"DATABASE_URL": url, "DATABASE_POOL_SIZE": "1"}):
            buyer, product = enrolled(), listed(enrolled(), stock=5)
            wire.cut_after = b"commit"
            lost = order(api, buyer, {product: 2}, key="k")
            wire.cut_after = None
            found = order(api, buyer, {product: 2}, key="k")

    assert (lost.status, found.status) == (503, 201)
    assert found.headers["idempotent-replayed"] == "true"
    assert (_orders(services, buyer), stock_of(services, product)) == (1, 3)


def _assert_one_order(answers: list[Answer], services: Services, buyer: Person, product: str) -> None:
    done = [answer for answer in answers if answer.status == 201]
    refused = {(answer.status, answer.problem) for answer in answers if answer.status != 201}
    assert refused <= {(409, "request-in-flight"), (409, "request-just-completed")}
    assert len({answer.text for answer in done}) == 1
    assert [answer.headers.get("idempotent-replayed") for answer in done].count(None) == 1
    assert _orders(services, buyer) == 1
    assert stock_of(services, product) == 499


def _at_once(api: HttpApi, token: str, product: str) -> list[Answer]:
    return at_once(*[partial(order, api, None, {product: 1}, key="the-key", token=token)] * REQUESTS)


def _orders(services: Services, buyer: Person) -> int:
    return int(services.sql("SELECT count(*) FROM orders WHERE buyer_id = :id", id=str(buyer.id))[0][0])


def _kill_before(
    monkeypatch: pytest.MonkeyPatch, services: Services, module: object, name: str, times: int = 1
) -> list[int]:
    """Kills the connection of the work at hand before `name` is used, so many times; returns which were killed."""
    original, killed = getattr(module, name), []

    def kill() -> None:
        if len(killed) < times:
            killed.append(database.connection().execute(text("SELECT pg_backend_pid()")).scalar_one())
            services.sql("SELECT pg_terminate_backend(:pid)", pid=killed[-1])

    def killing(*arguments: object) -> object:
        kill()
        return original(*arguments)

    monkeypatch.setattr(module, name, killing)
    return killed
