"""Listing, showing, changing and archiving products."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

import app
from tests.events import rest_event
from tests.gateway import Answer, HttpApi, at_once
from tests.identifiers import ANY_ID
from tests.identity_provider import CLIENT_ID
from tests.people import Person, enrolled
from tests.products import listed, new_product
from tests.services import Services

FIELDS = {
    "id", "seller_id", "sku", "name", "description", "price", "stock", "status", "image", "created_at", "updated_at",
}  # fmt: skip


@pytest.fixture
def seller(environment: dict[str, str]) -> Person:
    return enrolled()


def test_a_listed_product_is_there(api: HttpApi, seller: Person) -> None:
    body = new_product(description="Clicky\nand loud")

    created = _create(api, seller, body)

    product = created.json()
    assert created.status == 201
    assert set(product) == FIELDS
    assert {name: product[name] for name in body} == body
    assert product["seller_id"] == str(seller.id)
    assert created.headers["location"] == f"/api/products/{product['id']}"
    shown = api.get(f"/products/{product['id']}")
    assert shown.text == created.text
    assert shown.headers["etag"] == created.headers["etag"]


def test_the_same_sku_of_the_same_seller_is_a_duplicate(api: HttpApi, seller: Person) -> None:
    body = new_product()
    _create(api, seller, body)

    again = _create(api, seller, body | {"name": "Another"})

    assert (again.status, again.problem) == (409, "duplicate-sku")
    assert _create(api, enrolled(), body).status == 201


def test_the_sku_of_an_archived_product_is_still_taken(api: HttpApi, seller: Person) -> None:
    body = new_product()
    product_id = _create(api, seller, body).json()["id"]
    assert api.send("DELETE", f"/products/{product_id}", seller, headers={"if-match": "*"}).status == 204

    assert _create(api, seller, body).problem == "duplicate-sku"


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["/name", "/price", "/sku", "/status", "/stock"]),
        (new_product(price={"amount": 1.5, "currency": "eur"}), ["/price/amount", "/price/currency"]),
        (new_product(price=12), ["/price"]),
        (new_product(seller_id=ANY_ID, version=7, price_amount=1), ["/price_amount", "/seller_id", "/version"]),
        (new_product(name="a\u202eb", stock=-1), ["/name", "/stock"]),
        ([new_product()], [""]),
        ("1", [""]),
    ],
    ids=["empty", "price", "price type", "columns", "values", "list", "number"],
)
def test_an_invalid_product_is_told_where_it_is_wrong(
    api: HttpApi, seller: Person, body: Any, pointers: list[str]
) -> None:
    answer = _create(api, seller, body)

    assert (answer.status, answer.problem) == (422, "invalid")
    assert answer.pointers == pointers
    assert all(error["detail"] for error in answer.json()["errors"])


@pytest.mark.parametrize(
    ("headers", "body", "refusal"),
    [
        ({}, None, (400, "malformed")),
        ({}, "", (400, "malformed")),
        ({}, "{", (400, "malformed")),
        ({}, '{"sku":"a","sku":"b"}', (400, "malformed")),
        ({}, '{"stock":1e400}', (400, "malformed")),
        ({}, "[" * 100_000, (400, "malformed")),
        ({}, '{"name":"\\ud800"}', (400, "malformed")),
        ({}, " " * (1024 * 1024 + 1), (413, "too-large")),
        ({"content-type": ""}, "{}", (415, "unsupported-media-type")),
        ({"content-type": "text/plain"}, "{}", (415, "unsupported-media-type")),
        ({"content-type": "application/json; charset=utf-16"}, "{}", (415, "unsupported-media-type")),
        ({"content-type": "application/jsonx"}, "{}", (415, "unsupported-media-type")),
        ({"content-type": "application/x-www-form-urlencoded"}, "a=b", (415, "unsupported-media-type")),
        ({"content-encoding": "gzip"}, "{}", (415, "unsupported-media-type")),
        ({"content-type": "Application/JSON; Charset=UTF-8"}, "{}", (422, "invalid")),
        ({"content-type": 'application/json;charset="utf-8"'}, "{}", (422, "invalid")),
    ],
)
def test_a_body_that_cannot_be_read_is_told_why(
    api: HttpApi, seller: Person, headers: dict[str, str], body: str | None, refusal: tuple[int, str]
) -> None:
    answer = api.send(
        "POST",
        "/products",
        seller,
        headers={"content-type": "application/json", "idempotency-key": "k"} | headers,
        body=body,
    )

    assert (answer.status, answer.problem) == refusal


@pytest.mark.parametrize("body", ["%%%", "e30", "/////w==", "ünïcode"])
def test_a_body_that_is_marked_as_base64_and_is_none_is_malformed(seller: Person, body: str) -> None:
    claims = {"sub": str(seller.id), "token_use": "access", "client_id": CLIENT_ID, "cognito:groups": "users"}
    event = rest_event(
        "POST",
        "/products",
        route="/products",
        headers={"Content-Type": "application/json", "Idempotency-Key": "k"},
        body=body,
        authorizer={"claims": claims},
    )

    answer = app.app(event | {"isBase64Encoded": True}, None)

    assert answer["statusCode"] == 400


def test_a_product_is_changed_in_part(api: HttpApi, seller: Person) -> None:
    before = _create(api, seller, new_product())
    path = f"/products/{before.json()['id']}"

    after = _change(api, path, seller, before.headers["etag"], {"stock": 4, "price": {"amount": 1, "currency": "CHF"}})

    assert after.status == 200
    changed = {name: value for name, value in after.json().items() if value != before.json()[name]}
    assert set(changed) == {"stock", "price", "updated_at"}
    assert after.headers["etag"] != before.headers["etag"]
    assert api.get(path).text == after.text


def test_a_change_says_what_it_is_based_on(api: HttpApi, seller: Person) -> None:
    created = _create(api, seller, new_product())
    path, stale = f"/products/{created.json()['id']}", created.headers["etag"]
    _change(api, path, seller, stale, {"stock": 4})

    assert _change(api, path, seller, None, {"stock": 3}).status == 428
    assert _change(api, path, seller, stale, {"stock": 3}).status == 412
    assert _change(api, path, seller, "W/" + api.get(path).headers["etag"], {"stock": 3}).status == 412
    assert api.send("DELETE", path, seller).status == 428
    assert api.send("DELETE", path, seller, headers={"if-match": stale}).status == 412
    assert api.get(path).json()["stock"] == 4


def test_of_many_changes_at_once_on_one_version_one_wins(api: HttpApi, seller: Person) -> None:
    created = _create(api, seller, new_product())
    path, tag = f"/products/{created.json()['id']}", created.headers["etag"]

    for calls in (2, 8):
        answers = at_once(*[_changer(api, path, seller, tag, stock) for stock in range(calls)])

        assert sorted(answer.status for answer in answers) == [200] + [412] * (calls - 1)
        (winner,) = [answer for answer in answers if answer.status == 200]
        assert api.get(path).json()["stock"] == winner.json()["stock"]
        tag = winner.headers["etag"]


def test_a_product_that_is_not_ones_own_is_not_changed(api: HttpApi, seller: Person) -> None:
    path, draft = f"/products/{listed(seller)}", f"/products/{listed(seller, status='draft')}"
    buyer = enrolled()

    refused, hidden = (_change(api, one, buyer, "*", {"stock": 0}) for one in (path, draft))

    assert (refused.status, refused.problem) == (403, "not-your-product")
    assert (hidden.status, hidden.problem) == (404, "product-not-found")
    assert api.send("DELETE", path, buyer, headers={"if-match": "*"}).status == 403
    assert api.send("DELETE", draft, buyer, headers={"if-match": "*"}).status == 404
    assert api.get(path).json()["stock"] == 5


@pytest.mark.parametrize("role", ["moderators", "admins"])
def test_staff_changes_and_archives_any_product(api: HttpApi, seller: Person, role: str) -> None:
    path, staff = f"/products/{listed(seller, status='draft')}", enrolled(role)

    assert _change(api, path, staff, "*", {"name": "Tidied"}).json()["seller_id"] == str(seller.id)
    assert api.send("DELETE", path, staff, headers={"if-match": "*"}).status == 204


@pytest.mark.parametrize("status", ["draft", "archived"])
def test_what_is_not_public_is_shown_to_its_seller_and_staff_only(api: HttpApi, seller: Person, status: str) -> None:
    path = f"/products/{listed(seller, status=status)}"

    assert api.get(path, seller).json()["status"] == status
    assert api.get(path, enrolled("moderators")).status == 200
    assert api.get(path, enrolled("admins")).status == 200
    unknown = api.send("GET", f"/products/{uuid4()}")
    for answer in (api.send("GET", path), api.send("GET", path, enrolled())):
        assert (answer.status, answer.problem) == (404, "product-not-found")
        assert answer.json()["detail"] == unknown.json()["detail"]


@pytest.mark.parametrize("path_id", ["1", "x", "None", ANY_ID[:-1], f"{ANY_ID}x", "%00", "' OR 1=1", "%F0%9F%98%80"])
def test_what_cannot_be_an_id_names_nothing(api: HttpApi, seller: Person, path_id: str) -> None:
    assert api.send("GET", f"/products/{path_id}").status == 404
    assert _change(api, f"/products/{path_id}", seller, "*", {"stock": 1}).status == 404


def test_an_archived_product_is_gone_for_the_public_and_kept_for_its_seller(api: HttpApi, seller: Person) -> None:
    product_id = listed(seller)
    api.get(f"/products/{product_id}")

    answer = api.send("DELETE", f"/products/{product_id}", seller, headers={"if-match": "*"})

    assert (answer.status, answer.text) == (204, "")
    assert api.send("GET", f"/products/{product_id}").status == 404
    assert api.get(f"/products/{product_id}", seller).json()["status"] == "archived"
    assert product_id not in _ids(api.get("/products", query={"seller_id": seller.id}))
    assert product_id in _ids(api.get("/me/products", seller))


def test_a_product_that_has_not_changed_is_not_sent_again(api: HttpApi, seller: Person) -> None:
    path = f"/products/{listed(seller)}"
    shown = api.get(path)

    answer = api.send("GET", path, headers={"if-none-match": shown.headers["etag"]})

    assert (answer.status, answer.text) == (304, "")
    assert answer.headers["etag"] == shown.headers["etag"]
    assert answer.headers["cache-control"] == shown.headers["cache-control"]


def test_only_anonymous_answers_are_shared_and_they_vary_by_who_asks(api: HttpApi, seller: Person) -> None:
    path = f"/products/{listed(seller)}"

    assert api.get(path).headers["cache-control"] == "public, max-age=0, s-maxage=10"
    assert api.get(path, seller).headers["cache-control"] == "no-store"
    assert api.send("GET", f"/products/{uuid4()}").headers["cache-control"] == "no-store"
    for answer in (api.get(path), api.get(path, seller)):
        assert "Authorization" in answer.headers["vary"]


def test_sellers_see_all_of_their_own_and_nothing_of_others(api: HttpApi, seller: Person) -> None:
    own = [listed(seller, status=status) for status in ("draft", "active", "archived")]
    listed(enrolled())

    assert _ids(api.get("/me/products", seller)) == own[::-1]


def test_a_list_says_where_it_goes_on(api: HttpApi, seller: Person) -> None:
    for _ in range(3):
        listed(seller)

    first, last = api.pages("/me/products", seller, limit=2)

    assert [len(page.json()["items"]) for page in (first, last)] == [2, 1]
    assert first.headers["link"].startswith("</api/me/products?limit=2&cursor=")
    assert last.json()["next_cursor"] is None
    assert "link" not in last.headers


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=x", "foo=1", "limit=1&limit=2", "cursor=%00", "cursor=x", "q=%00", "q=a%0Ab", "sort=x", "q=",
     "min_price=9&max_price=1", "seller_id=x", "currency=EURO", "%00=1", "a" * 9000 + "=1",
     "&".join(f"p{n}=1" for n in range(10_000))],
    ids=lambda query: query[:24],
)  # fmt: skip
def test_a_wrong_query_is_told_what_is_wrong(api: HttpApi, query: str) -> None:
    answer = api.send("GET", "/products", query=query)

    assert (answer.status, answer.problem) == (422, "invalid")
    assert answer.pointers


def test_a_rest_api_gets_the_same_answers(seller: Person) -> None:
    event = rest_event("GET", "/products", route="/products", query={"seller_id": [str(seller.id)], "limit": ["1"]})
    listed(seller, name="Once")

    answer = app.app(event, None)

    assert answer["statusCode"] == 200
    assert [item["name"] for item in json.loads(answer["body"])["items"]] == ["Once"]


def test_nothing_is_stored_when_the_request_is_refused(api: HttpApi, seller: Person, services: Services) -> None:
    for body in (new_product(status="archived"), new_product(extra=1), new_product(name="")):
        assert _create(api, seller, body).status == 422

    assert services.sql("SELECT count(*) FROM products WHERE seller_id = :id", id=str(seller.id)) == [[0]]


def _create(api: HttpApi, seller: Person, body: Any) -> Answer:
    return api.send("POST", "/products", seller, headers={"idempotency-key": str(uuid4())}, body=body)


def _change(api: HttpApi, path: str, person: Person, tag: str | None, body: dict[str, Any]) -> Answer:
    return api.send("PATCH", path, person, headers={} if tag is None else {"if-match": tag}, body=body)


def _changer(api: HttpApi, path: str, person: Person, tag: str, stock: int) -> Callable[[], Answer]:
    return lambda: _change(api, path, person, tag, {"stock": stock})


def _ids(page: Answer) -> list[str]:
    return [item["id"] for item in page.json()["items"]]
