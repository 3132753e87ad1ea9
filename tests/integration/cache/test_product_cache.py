"""Products in the cache: always what is public now, and nobody's private view."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
import redis

from chalicelib import cache, database
from chalicelib.caller import Caller
from chalicelib.products import repository, service
from tests.environment import configured
from tests.gateway import HttpApi
from tests.people import Person, enrolled
from tests.products import listed
from tests.services import Services


@pytest.fixture
def seller(environment: dict[str, str]) -> Person:
    return enrolled()


def test_a_change_is_seen_at_once(api: HttpApi, seller: Person) -> None:
    path = f"/products/{listed(seller)}"

    for stock in range(5):
        api.send("PATCH", path, seller, headers={"if-match": "*"}, body={"stock": stock})
        assert api.get(path).json()["stock"] == stock


def test_a_product_that_is_published_is_seen_at_once(api: HttpApi, seller: Person) -> None:
    path = f"/products/{listed(seller, status='draft')}"
    assert api.send("GET", path).status == 404

    api.send("PATCH", path, seller, headers={"if-match": "*"}, body={"status": "active"})

    assert api.get(path).json()["status"] == "active"


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_a_product_that_is_withdrawn_is_gone_at_once(api: HttpApi, seller: Person, method: str) -> None:
    path = f"/products/{listed(seller)}"
    api.get(path)

    body = {"status": "draft"} if method == "PATCH" else None
    api.send(method, path, seller, headers={"if-match": "*"}, body=body)

    assert api.send("GET", path).status == 404
    assert api.get(path, seller).status == 200


def test_what_a_seller_sees_of_a_draft_is_not_cached_for_others(api: HttpApi, seller: Person) -> None:
    path = f"/products/{listed(seller, status='draft')}"

    for _ in range(3):
        assert api.get(path, seller).json()["status"] == "draft"
        assert api.send("GET", path).status == 404
        assert api.send("GET", path, enrolled()).status == 404


def test_an_answer_is_the_same_with_and_without_the_cache(
    api: HttpApi, seller: Person, environment: dict[str, str]
) -> None:
    product_id = listed(seller, description="Two\nlines ☕")
    path = f"/products/{product_id}"
    cold, warm = api.get(path), api.get(path)

    with configured(**environment | {"CACHE_URL": ""}):
        without = api.get(path)

    assert cold.text == warm.text == without.text
    assert cold.headers["etag"] == warm.headers["etag"] == without.headers["etag"]


def test_a_change_that_was_rolled_back_leaves_the_cache_alone(api: HttpApi, seller: Person, services: Services) -> None:
    product_id = listed(seller)
    api.get(f"/products/{product_id}")

    def fails() -> None:
        service.change(seller.caller, UUID(product_id), None, {"stock": 0})
        raise LookupError

    with pytest.raises(LookupError):
        database.write(fails)

    with redis.Redis.from_url(services.cache_url) as valkey:
        assert not valkey.get(f"product:2:{product_id}").startswith(b"gone:")
    assert api.get(f"/products/{product_id}").json()["stock"] == 5


def test_a_reader_who_came_before_the_change_does_not_bring_the_old_state_back(
    api: HttpApi, seller: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    product_id = listed(seller)
    path, original, changed = f"/products/{product_id}", repository.find, []

    def change_right_after_the_first_read(one: UUID, viewer: Caller | None) -> Any:
        found = original(one, viewer)
        if viewer is None and not changed:
            changed.append(True)
            api.send("PATCH", path, seller, headers={"if-match": "*"}, body={"stock": 1})
        return found

    monkeypatch.setattr(repository, "find", change_right_after_the_first_read)

    assert api.get(path).json()["stock"] == 5
    assert api.get(path).json()["stock"] == 1


@pytest.mark.parametrize("corrupt", [b"{", b'{"value":{"id":1},"soft":9e12}', b'{"value":[],"soft":9e12}'])
def test_a_corrupt_entry_is_no_error(api: HttpApi, seller: Person, services: Services, corrupt: bytes) -> None:
    product_id = listed(seller)
    with redis.Redis.from_url(services.cache_url) as valkey:
        valkey.set(f"product:2:{product_id}", corrupt, px=60_000)

    assert api.send("GET", f"/products/{product_id}").status == 200


def test_a_product_that_does_not_exist_is_remembered_as_missing(
    api: HttpApi, seller: Person, services: Services
) -> None:
    product_id = listed(seller, status="draft")
    api.send("GET", f"/products/{product_id}")

    with redis.Redis.from_url(services.cache_url) as valkey:
        assert b'"value": null' in valkey.get(f"product:2:{product_id}")


def test_while_the_cache_is_down_products_are_read_and_changed(
    api: HttpApi, seller: Person, environment: dict[str, str]
) -> None:
    path = f"/products/{listed(seller)}"

    with configured(**environment | {"CACHE_URL": "redis://127.0.0.1:9/0"}):
        assert api.get(path).json()["stock"] == 5
        assert api.send("PATCH", path, seller, headers={"if-match": "*"}, body={"stock": 4}).status == 200
        assert api.get(path).json()["stock"] == 4
    assert cache.attempt(lambda client: client.ping()) is True
