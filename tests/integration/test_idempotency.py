"""`Idempotency-Key` over HTTP: a repeated request does its work once and gets the first one's answer."""

from __future__ import annotations

import json
from uuid import uuid4

import httpx
import pytest

from tests.integration.actors import Actor, a_key, a_product, at_once
from tests.integration.problems import kind_of


def test_repeated_request_gets_the_same_bytes_and_does_nothing(seller: Actor) -> None:
    key, body = a_key(), a_product()

    first = seller.http.post("/products", json=body, headers=key)
    again = seller.http.post("/products", json=body, headers=key)

    assert (again.status_code, again.content) == (first.status_code, first.content) == (201, first.content)
    assert {name: again.headers[name] for name in ("ETag", "Location")} == {
        name: first.headers[name] for name in ("ETag", "Location")
    }
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert how_many(seller, body["sku"]) == 1


def test_same_values_written_otherwise_are_the_same_request(seller: Actor) -> None:
    key, body = a_key(), a_product()
    first = seller.http.post("/products", json=body, headers=key)

    shuffled = json.dumps(dict(reversed(body.items())), indent=3)
    again = seller.http.post("/products", content=shuffled, headers=key | {"Content-Type": "application/json"})

    assert again.content == first.content


def test_key_used_with_another_body_is_refused(seller: Actor) -> None:
    key, body = a_key(), a_product()
    seller.http.post("/products", json=body, headers=key).raise_for_status()

    answer = seller.http.post("/products", json=body | {"stock": 6}, headers=key)

    assert kind_of(answer, 422) == "idempotency-key-reused"


def test_key_belongs_to_the_person(seller: Actor, buyer: Actor) -> None:
    key, body = a_key(), a_product()

    mine = seller.http.post("/products", json=body, headers=key)
    theirs = buyer.http.post("/products", json=body, headers=key)

    assert (mine.status_code, theirs.status_code) == (201, 201)
    assert mine.json()["id"] != theirs.json()["id"]


def test_of_many_repetitions_at_once_one_does_the_work(seller: Actor) -> None:
    key, body = a_key(), a_product()

    answers = at_once(*[lambda: seller.http.post("/products", json=body, headers=key)] * 8)

    done = [answer for answer in answers if answer.status_code == 201]
    waiting = [answer for answer in answers if answer.status_code == 409]
    assert len(done) + len(waiting) == 8
    assert len({answer.content for answer in done}) == 1
    assert sum("Idempotent-Replayed" not in answer.headers for answer in done) == 1
    assert {kind_of(answer, 409) for answer in waiting} <= {"request-in-flight", "request-just-completed"}
    assert how_many(seller, body["sku"]) == 1


def test_failed_request_leaves_its_key_usable(seller: Actor) -> None:
    key, body = a_key(), a_product()

    invalid = seller.http.post("/products", json=body | {"stock": -1}, headers=key)
    valid = seller.http.post("/products", json=body, headers=key)

    assert (invalid.status_code, valid.status_code) == (422, 201)


def test_conflict_is_not_remembered(seller: Actor) -> None:
    taken = seller.product().json()["sku"]
    key = a_key()

    conflict = seller.http.post("/products", json=a_product(sku=taken), headers=key)
    other = seller.http.post("/products", json=a_product(), headers=key)

    assert (conflict.status_code, other.status_code) == (409, 201)


def test_write_without_a_key_is_refused(seller: Actor) -> None:
    assert kind_of(seller.http.post("/products", json=a_product()), 400) == "idempotency-key-missing"


@pytest.mark.parametrize("key", ["", "a b", "é", "k" * 256, "a\tb"])
def test_malformed_key_is_refused(seller: Actor, key: str) -> None:
    answer = seller.http.post("/products", json=a_product(), headers={"Idempotency-Key": key.encode()})

    assert kind_of(answer, 400) in {"malformed", "idempotency-key-missing"}


@pytest.mark.parametrize("key", ["!", "~" * 255, "'; DROP TABLE idempotency_keys; --".replace(" ", "_")])
def test_any_visible_characters_make_a_key(seller: Actor, key: str) -> None:
    unique = key if len(key) == 255 else f"{key}{uuid4().hex}"

    answer: httpx.Response = seller.http.post("/products", json=a_product(), headers={"Idempotency-Key": unique})

    assert answer.status_code == 201


def how_many(seller: Actor, sku: str) -> int:
    """How many of the seller's products have `sku`."""
    found = seller.pages("/me/products", limit=100)
    return sum(item["sku"] == sku for page in found for item in page["items"])
