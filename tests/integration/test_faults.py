"""Faults under load: PostgreSQL restarts, Valkey goes away, secrets rotate. Slower is allowed, wrong is not."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import pytest
from pg8000.native import literal
from redis import Redis

from local import postgresql
from tests.integration.actors import Actor, Api, a_key, a_product, at_once, if_match, path_of
from tests.integration.problems import defects, kind_of, problem_of
from tests.integration.waiting import PATIENCE, until
from tests.stack import Stack

FUNCTIONS_CONNECTIONS = f"FROM pg_stat_activity WHERE usename = '{postgresql.APP}'"
REPEATABLE = {"request-in-flight", "request-just-completed"}


@dataclass
class Load:
    """People who read and write until they are told to stop, and what they were answered."""

    answers: list[httpx.Response] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    acknowledged: list[dict[str, Any]] = field(default_factory=list)
    rounds: Counter[int] = field(default_factory=Counter)
    stopping: threading.Event = field(default_factory=threading.Event)

    def noted(self, answer: httpx.Response) -> httpx.Response:
        """`answer`, kept for the reckoning."""
        self.answers.append(answer)
        return answer

    def write(self, number: int, seller: Actor) -> None:
        """One product after the other, each repeated under its key until it is acknowledged, then read and changed."""
        while not self.stopping.is_set():
            body, key = a_product(), a_key()
            product = self._until_done(lambda b=body, k=key: seller.http.post("/products", json=b, headers=k))
            stored = {name: product[name] for name in body}
            if stored != body:
                self.wrong.append(f"stored {stored} for {body}")
            self.acknowledged.append(product)
            read = self.noted(seller.http.get(f"/products/{product['id']}"))
            if read.status_code == 200 and read.json() != product:
                self.wrong.append(f"read {read.text} after {product}")
            self.rounds[number] += 1

    def read(self, number: int, person: Actor, product: dict[str, Any]) -> None:
        """The same profile and the same product, over and over."""
        while not self.stopping.is_set():
            profile = self.noted(person.http.get("/me"))
            if profile.status_code == 200 and profile.json()["id"] != person.id:
                self.wrong.append(f"profile {profile.text} for {person.id}")
            shown = self.noted(person.http.get(f"/products/{product['id']}"))
            if shown.status_code == 200 and shown.json() != product:
                self.wrong.append(f"product {shown.text} for {product}")
            if profile.status_code == 200:
                self.rounds[number] += 1

    def await_progress(self, rounds: int = 3) -> None:
        """Returns when everybody has come so many rounds further."""
        wanted = {number: done + rounds for number, done in self.rounds.items()}
        until(lambda: all(self.rounds[number] >= goal for number, goal in wanted.items()))

    def _until_done(self, request: Callable[[], httpx.Response]) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            answer = self.noted(request())
            if answer.status_code == 201:
                return dict(answer.json())
        raise AssertionError(f"never acknowledged, at last {answer.status_code} {answer.text}")


@contextmanager
def loaded(api: Api, writers: int = 3, readers: int = 2) -> Iterator[Load]:
    """People at work while the block runs; each of them must come to an end in peace."""
    load = Load()
    sellers = [api.person() for _ in range(writers)]
    watchers = [(api.person(), sellers[0].product().json()) for _ in range(readers)]
    load.rounds.update(dict.fromkeys(range(writers + readers), 0))
    with ThreadPoolExecutor(writers + readers) as threads:
        work = [threads.submit(load.write, number, seller) for number, seller in enumerate(sellers)]
        work += [threads.submit(load.read, writers + n, *watcher) for n, watcher in enumerate(watchers)]
        try:
            load.await_progress()
            yield load
        finally:
            load.stopping.set()
        for worker in work:
            worker.result()


def test_restarted_database_costs_retries_and_nothing_else(stack: Stack, api: Api) -> None:
    with loaded(api) as load:
        for _ in range(2):
            stack.restart_postgresql()
            load.await_progress()

    assert load.wrong == []
    refused = [answer for answer in load.answers if answer.status_code not in {200, 201}]
    assert {503} <= {answer.status_code for answer in refused} <= {409, 503}
    assert [found for answer in refused if (found := defects(answer))] == []
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer in refused)
    assert {kind_of(answer, 409) for answer in refused if answer.status_code == 409} <= REPEATABLE
    assert times_stored(stack, load.acknowledged) == Counter({1: len(load.acknowledged)})


def test_one_listing_repeated_by_many_through_a_restart_is_made_once(stack: Stack, api: Api) -> None:
    seller, body, key = api.person(), a_product(), a_key()
    answers: list[httpx.Response] = []
    stopping = threading.Event()

    def repeat() -> None:
        while not stopping.is_set():
            answers.append(seller.http.post("/products", json=body, headers=key))

    with ThreadPoolExecutor(4) as threads:
        work = [threads.submit(repeat) for _ in range(4)]
        stack.restart_postgresql()
        until(lambda: sum(answer.status_code == 201 for answer in answers) >= 10)
        stopping.set()
        for worker in work:
            worker.result()

    assert {answer.status_code for answer in answers} <= {201, 409, 503}
    assert len({answer.content for answer in answers if answer.status_code == 201}) == 1
    assert times_stored(stack, [body]) == Counter({1: 1})


def test_killed_connections_are_replaced_unnoticed(stack: Stack, api: Api) -> None:
    with loaded(api) as load:
        for _ in range(5):
            as_administrator(stack, f"SELECT pg_terminate_backend(pid) {FUNCTIONS_CONNECTIONS}")
            load.await_progress(2)

    assert load.wrong == []
    noticed = [answer for answer in load.answers if answer.status_code not in {200, 201}]
    assert {(answer.request.method, answer.status_code) for answer in noticed} <= {("POST", 503)}  # lost in the COMMIT
    assert times_stored(stack, load.acknowledged) == Counter({1: len(load.acknowledged)})


def test_absent_database_is_said_plainly_and_its_return_needs_nobody(
    stack: Stack, api: Api, admin: Actor, seller: Actor, visitor: httpx.Client
) -> None:
    cached = visitor.get(path_of(seller.product())).json()
    admin.http.get("/me").raise_for_status()
    stack.stop_postgresql()
    try:
        down = [
            visitor.get("/products"),
            seller.http.get("/me"),
            seller.list_product(),
            seller.http.patch("/me", json={"name": "x"}, headers={"If-Match": "*"}),
            admin.http.get("/admin/users"),
        ]
        dependencies = admin.http.get("/health/dependencies")
        health, from_the_cache = visitor.get("/health"), visitor.get(f"/products/{cached['id']}")
        described, unknown = visitor.get("/openapi.json"), visitor.get("/nowhere")
    finally:
        stack.start_postgresql()

    assert [kind_of(answer, 503) for answer in down] == ["unavailable"] * len(down)
    assert {answer.headers["Retry-After"] for answer in down} == {"1"}
    assert problem_of(dependencies, 503)["detail"] == "Down: database."
    assert [answer.status_code for answer in (health, described, unknown)] == [200, 200, 404]
    assert from_the_cache.json() == cached
    until(lambda: seller.list_product().status_code == 201)
    assert admin.http.get("/health/dependencies").status_code == 200


def test_everything_goes_on_without_the_cache_and_it_comes_back_by_itself(
    stack: Stack, api: Api, admin: Actor, visitor: httpx.Client
) -> None:
    seller = api.person()
    product = latest = seller.product(stock=0)
    stack.stop_valkey()
    try:
        answers: list[httpx.Response] = []
        for stock in range(1, 21):
            latest = seller.http.patch(path_of(product), json={"stock": stock}, headers=if_match(latest))
            read, found = visitor.get(path_of(product)), visitor.get("/products", params={"seller_id": seller.id})
            answers += [latest, read, found, seller.http.get("/me"), seller.list_product()]
            assert read.json() == latest.json()
            assert latest.json() in found.json()["items"]
        answers += at_once(*[lambda: visitor.get(path_of(product))] * 4)
        dependencies = admin.http.get("/health/dependencies").json()["dependencies"]
    finally:
        stack.start_valkey()

    assert Counter(answer.status_code for answer in answers) == Counter({200: 84, 201: 20})
    assert not any("RateLimit" in answer.headers for answer in answers)
    assert {name: dependency["state"] for name, dependency in dependencies.items()} == {
        "database": "up", "cache": "down", "queue": "up", "table": "up"
    }  # fmt: skip
    until(lambda: "RateLimit" in visitor.get("/health").headers)


@pytest.mark.parametrize(
    "rubbish", [b"", b"\x80\x04pickled", b"{}", b"null", b"[]", b'{"value": 1}', b'{"soft": "x", "value": 1}']
)
def test_rubbish_in_the_cache_counts_as_nothing(
    stack: Stack, seller: Actor, visitor: httpx.Client, rubbish: bytes
) -> None:
    product = seller.product()
    key = f"product:2:{product.json()['id']}"
    with Redis.from_url(stack.cache_url) as cache:
        cache.set(key, rubbish)

        assert visitor.get(path_of(product)).json() == product.json()


def test_key_of_the_wrong_kind_in_the_cache_counts_as_nothing(
    stack: Stack, seller: Actor, visitor: httpx.Client
) -> None:
    product = seller.product()
    with Redis.from_url(stack.cache_url) as cache:
        cache.delete(f"product:2:{product.json()['id']}")
        cache.lpush(f"product:2:{product.json()['id']}", "a list")

        assert visitor.get(path_of(product)).json() == product.json()


def test_rotated_database_password_fails_no_request(stack: Stack, api: Api) -> None:
    with loaded(api) as load:
        for number in range(3):
            with rotated(stack, f"Rotated-{number}-password"):
                load.await_progress()
            load.await_progress()

    assert load.wrong == []
    assert Counter(answer.status_code for answer in load.answers).keys() == {200, 201}


@contextmanager
def rotated(stack: Stack, password: str) -> Iterator[None]:
    """The functions' role has another password, and the secret says so; all connections are made anew."""
    _rotate(stack, password)
    try:
        yield
    finally:
        _rotate(stack, stack.settings.app_password)


def _rotate(stack: Stack, password: str) -> None:
    """As Secrets Manager does it: the new password is in place before anybody needs it."""
    secrets, arn = stack.client("secretsmanager"), stack.stacks.parameter("database/secret-arn")
    content = json.loads(secrets.get_secret_value(SecretId=arn)["SecretString"])
    secrets.put_secret_value(SecretId=arn, SecretString=json.dumps(content | {"password": password}))
    as_administrator(
        stack,
        f"ALTER ROLE {postgresql.APP} PASSWORD {literal(password)}",
        f"SELECT pg_terminate_backend(pid) {FUNCTIONS_CONNECTIONS} AND state = 'idle'",
    )


def as_administrator(stack: Stack, *statements: str) -> None:
    """Runs `statements` as PostgreSQL's superuser."""
    login = replace(
        postgresql.owner_login(stack.settings), username="postgres", password=stack.settings.superuser_password
    )
    with closing(login.connect()) as database:
        for statement in statements:
            database.run(statement)


def times_stored(stack: Stack, products: list[dict[str, Any]]) -> Counter[int]:
    """How many products are stored how often."""
    with stack.database() as database:
        found = database.run(
            "SELECT sku, count(*) FROM products WHERE sku = ANY(:skus) GROUP BY sku",
            skus=[product["sku"] for product in products],
        )
    stored = dict(found or [])
    return Counter(stored.get(product["sku"], 0) for product in products)
