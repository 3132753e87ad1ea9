"""`Idempotency-Key`: repeated requests do their work once."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.products import service
from tests.gateway import Answer, HttpApi, at_once
from tests.people import Person, enrolled
from tests.products import new_product
from tests.services import Services


@pytest.fixture
def seller(environment: dict[str, str]) -> Person:
    return enrolled()


def test_a_repeated_request_gets_the_same_answer_byte_by_byte(api: HttpApi, seller: Person, services: Services) -> None:
    body = new_product(name="Café ☕")
    first = _create(api, seller, "key-1", body)

    again = _create(api, seller, "key-1", body)

    assert (again.status, again.text) == (first.status, first.text) == (201, first.text)
    for header in ("etag", "location", "content-type"):
        assert again.headers[header] == first.headers[header]
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert _count(services, seller) == 1


def test_the_answer_stays_the_same_when_the_product_has_changed_since(api: HttpApi, seller: Person) -> None:
    body = new_product()
    first = _create(api, seller, "key-1", body)
    api.send("PATCH", f"/products/{first.json()['id']}", seller, headers={"if-match": "*"}, body={"stock": 0})

    assert _create(api, seller, "key-1", body).text == first.text


def test_the_same_body_in_other_words_is_the_same_request(api: HttpApi, seller: Person) -> None:
    body = '{"sku":"A","name":"caf\\u00e9","price":{"amount":1,"currency":"EUR"},"stock":1,"status":"active"}'
    other = '{ "stock":1, "status":"active", "name":"café","sku":"A", "price":{"currency":"EUR","amount":1}}'

    assert _create(api, seller, "key-1", body).status == 201
    assert _create(api, seller, "key-1", other).headers["idempotent-replayed"] == "true"


def test_another_body_under_the_same_key_is_refused(api: HttpApi, seller: Person, services: Services) -> None:
    body = new_product()
    _create(api, seller, "key-1", body)

    other = _create(api, seller, "key-1", body | {"stock": 6})

    assert (other.status, other.problem) == (422, "idempotency-key-reused")
    assert _count(services, seller) == 1


def test_the_same_key_of_somebody_else_is_another_key(api: HttpApi, seller: Person, services: Services) -> None:
    other, body = enrolled(), new_product()

    first, second = _create(api, seller, "key-1", body), _create(api, other, "key-1", body)

    assert second.status == 201
    assert second.json()["seller_id"] == str(other.id)
    assert second.json()["id"] != first.json()["id"]
    assert "idempotent-replayed" not in second.headers
    assert _count(services, other) == 1


@pytest.mark.parametrize("key", ["", " ", "a b", "é", "k" * 256, "a\tb"])
def test_a_key_that_is_none_is_malformed(api: HttpApi, seller: Person, key: str) -> None:
    answer = _create(api, seller, key, new_product())

    assert (answer.status, answer.problem) == (400, "malformed")


def test_a_missing_key_is_asked_for(api: HttpApi, seller: Person) -> None:
    answer = api.send("POST", "/products", seller, body=new_product())

    assert (answer.status, answer.problem) == (400, "idempotency-key-missing")


def test_twenty_requests_at_once_make_one_product(api: HttpApi, seller: Person, services: Services) -> None:
    body = new_product()

    answers = at_once(*[lambda: _create(api, seller, "key-1", body)] * 20)

    done = [answer for answer in answers if answer.status == 201]
    others = [answer for answer in answers if answer.status != 201]
    assert _count(services, seller) == 1
    assert len({answer.text for answer in done}) == 1
    assert [answer.headers.get("idempotent-replayed") for answer in done].count(None) == 1
    assert {(answer.status, answer.problem) for answer in others} <= {
        (409, "request-in-flight"),
        (409, "request-just-completed"),
    }
    assert _create(api, seller, "key-1", body).text == done[0].text


def test_while_the_first_request_is_being_processed_the_second_is_told_to_wait(
    api: HttpApi, seller: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    body, answers = new_product(), []
    original = service._forget_after_commit

    def ask_again_meanwhile(product_id: Any) -> None:
        if not answers:
            answers.append(None)
            answers[0] = at_once(lambda: _create(api, seller, "key-1", body))[0]
        original(product_id)

    monkeypatch.setattr(service, "_forget_after_commit", ask_again_meanwhile)

    first = _create(api, seller, "key-1", body)

    assert first.status == 201
    assert (answers[0].status, answers[0].problem) == (409, "request-in-flight")
    assert int(answers[0].headers["retry-after"]) > 0


@pytest.mark.parametrize("failure", [RuntimeError("crash"), KeyError("bug")])
def test_a_request_that_failed_leaves_its_key_free(
    api: HttpApi, seller: Person, services: Services, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    def fails(_: Any) -> None:
        raise failure

    with monkeypatch.context() as broken:
        broken.setattr(service, "_forget_after_commit", fails)
        assert _create(api, seller, "key-1", new_product()).status == 500

    assert _create(api, seller, "key-1", new_product()).status == 201
    assert _count(services, seller) == 1


def test_a_request_that_was_refused_leaves_its_key_free(api: HttpApi, seller: Person) -> None:
    taken = new_product()
    _create(api, seller, "key-1", taken)

    assert _create(api, seller, "key-2", taken | {"name": "Twice"}).status == 409
    assert _create(api, seller, "key-3", new_product(stock=-1)).status == 422
    assert _create(api, seller, "key-2", new_product()).status == 201
    assert _create(api, seller, "key-3", new_product()).status == 201


def test_a_key_can_be_used_again_after_a_day(api: HttpApi, seller: Person, services: Services) -> None:
    _create(api, seller, "key-1", new_product())
    kept = services.sql(
        "SELECT expires_at - created_at = interval '24 hours' FROM idempotency_keys WHERE caller_id = :id",
        id=str(seller.id),
    )
    services.sql("UPDATE idempotency_keys SET expires_at = now() WHERE caller_id = :id", id=str(seller.id))

    second = _create(api, seller, "key-1", new_product())

    assert kept == [[True]]
    assert second.status == 201
    assert "idempotent-replayed" not in second.headers
    assert _create(api, seller, "key-1", new_product()).status == 422
    assert _count(services, seller) == 2


def _create(api: HttpApi, seller: Person, key: str, body: Any) -> Answer:
    return api.send("POST", "/products", seller, headers={"idempotency-key": key}, body=body)


def _count(services: Services, seller: Person) -> int:
    return int(services.sql("SELECT count(*) FROM products WHERE seller_id = :id", id=str(seller.id))[0][0])
