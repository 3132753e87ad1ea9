"""Products over HTTP: listing, reading, changing and archiving, and who may do it."""

from __future__ import annotations

from functools import partial
from uuid import uuid4

import httpx
import pytest

from tests.identifiers import ANY_ID
from tests.integration.actors import Actor, Api, a_product, at_once, if_match, pages, path_of, statuses
from tests.integration.problems import is_uuid, kind_of, pointers


def test_listed_product_is_there_for_everybody(seller: Actor, visitor: httpx.Client) -> None:
    body = a_product(name="  Walnut board  ", description="Two\nlines")

    listed = seller.http.post("/products", json=body, headers={"Idempotency-Key": str(uuid4())})

    assert listed.status_code == 201
    product = listed.json()
    stored = {name: product[name] for name in body}
    assert stored == body | {"name": "Walnut board"}
    assert product["seller_id"] == seller.id
    assert is_uuid(product["id"])
    assert listed.headers["Location"] == f"/api/products/{product['id']}"
    read = visitor.get(path_of(listed))
    assert read.json() == product
    assert read.headers["ETag"] == listed.headers["ETag"]


def test_sku_is_unique_for_a_seller_and_free_for_another(seller: Actor, buyer: Actor) -> None:
    product = seller.product().json()

    again = seller.list_product(sku=product["sku"])
    elsewhere = buyer.list_product(sku=product["sku"])

    assert kind_of(again, 409) == "duplicate-sku"
    assert elsewhere.status_code == 201


def test_sku_of_an_archived_product_stays_taken(seller: Actor) -> None:
    product = seller.product()
    seller.http.delete(path_of(product), headers=if_match(product)).raise_for_status()

    assert kind_of(seller.list_product(sku=product.json()["sku"]), 409) == "duplicate-sku"


def test_of_many_listings_of_one_sku_at_once_one_is_made(seller: Actor) -> None:
    sku = f"T-{uuid4().hex}"

    answers = at_once(*[lambda: seller.list_product(sku=sku)] * 4)

    assert statuses(answers) == [201] + [409] * 3
    assert {kind_of(answer, 409) for answer in answers if answer.status_code == 409} == {"duplicate-sku"}


def test_product_at_the_version_known_is_not_sent_again(seller: Actor, visitor: httpx.Client) -> None:
    product = seller.product()

    again = visitor.get(path_of(product), headers={"If-None-Match": f'"x", {product.headers["ETag"]}'})

    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("unknown", [ANY_ID, "not-a-uuid", "0", "%00", "..%2Fme"])
def test_unknown_product_is_not_found(visitor: httpx.Client, unknown: str) -> None:
    answer = visitor.get(f"/products/{unknown}")

    assert kind_of(answer, 404) in {"not-found", "product-not-found"}


@pytest.fixture
def viewers(
    visitor: httpx.Client, buyer: Actor, seller: Actor, moderator: Actor, admin: Actor
) -> dict[str, httpx.Client]:
    """The clients of one of everybody."""
    people = {"buyer": buyer, "seller": seller, "moderator": moderator, "admin": admin}
    return {"visitor": visitor} | {who: person.http for who, person in people.items()}


@pytest.mark.parametrize("status", ["draft", "archived"])
def test_product_that_is_not_public_exists_for_its_seller_and_staff_alone(
    seller: Actor, visitor: httpx.Client, viewers: dict[str, httpx.Client], status: str
) -> None:
    product = seller.product(status="draft" if status == "draft" else "active")
    if status == "archived":
        assert seller.http.delete(path_of(product), headers=if_match(product)).status_code == 204

    seen = {who: client.get(path_of(product)) for who, client in viewers.items()}

    assert {who: answer.status_code for who, answer in seen.items()} == {
        "visitor": 404, "buyer": 404, "seller": 200, "moderator": 200, "admin": 200
    }  # fmt: skip
    assert seen["seller"].json()["status"] == status
    assert kind_of(seen["visitor"], 404) == "product-not-found"
    assert product.json()["id"] not in listed_ids(visitor, seller)
    assert product.json()["id"] in {item["id"] for page in seller.pages("/me/products") for item in page["items"]}


def test_draft_becomes_public_and_private_again(seller: Actor, visitor: httpx.Client) -> None:
    draft = seller.product(status="draft")
    path = path_of(draft)
    assert visitor.get(path).status_code == 404

    active = seller.http.patch(path, json={"status": "active"}, headers=if_match(draft))
    assert visitor.get(path).json() == active.json()

    seller.http.patch(path, json={"status": "draft"}, headers=if_match(active)).raise_for_status()
    assert visitor.get(path).status_code == 404


def test_stranger_changes_nothing_about_a_public_product(seller: Actor, buyer: Actor, visitor: httpx.Client) -> None:
    product = seller.product()

    patched = buyer.http.patch(
        path_of(product), json={"price": {"amount": 1, "currency": "EUR"}}, headers=if_match(product)
    )
    deleted = buyer.http.delete(path_of(product), headers=if_match(product))

    assert kind_of(patched, 403) == "not-your-product"
    assert kind_of(deleted, 403) == "not-your-product"
    assert visitor.get(path_of(product)).json() == product.json()


def test_stranger_does_not_learn_that_a_draft_exists(seller: Actor, buyer: Actor) -> None:
    draft = seller.product(status="draft")

    for headers in (if_match(draft), {"If-Match": "*"}, {"If-Match": '"9-00000000"'}):
        known = buyer.http.patch(path_of(draft), json={"stock": 0}, headers=headers)
        unknown = buyer.http.patch(f"/products/{uuid4()}", json={"stock": 0}, headers=headers)
        assert known.status_code == unknown.status_code != 200
    assert kind_of(buyer.http.patch(path_of(draft), json={"stock": 0}, headers={"If-Match": "*"}), 404)
    assert seller.http.get(path_of(draft)).json() == draft.json()


@pytest.mark.parametrize("role", ["moderators", "admins"])
def test_staff_change_and_archive_any_product(api: Api, seller: Actor, role: str) -> None:
    staff, product = api.person(role), seller.product()

    changed = staff.http.patch(path_of(product), json={"name": "Reviewed"}, headers=if_match(product))
    archived = staff.http.delete(path_of(product), headers=if_match(changed))

    assert changed.json() == product.json() | {"name": "Reviewed", "updated_at": changed.json()["updated_at"]}
    assert archived.status_code == 204
    assert seller.http.get(path_of(product)).json()["status"] == "archived"


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_change_needs_the_version_it_is_based_on(seller: Actor, method: str) -> None:
    product = seller.product()
    body = {"json": {"stock": 1}} if method == "PATCH" else {}

    missing = seller.http.request(method, path_of(product), **body)
    stale = seller.http.request(method, path_of(product), headers={"If-Match": '"7-00000000"'}, **body)

    assert kind_of(missing, 428) == "precondition-required"
    assert kind_of(stale, 412) == "stale"
    assert seller.http.get(path_of(product)).json() == product.json()


def test_change_based_on_an_old_version_is_refused(seller: Actor) -> None:
    old = seller.product()
    new = seller.http.patch(path_of(old), json={"stock": 1}, headers=if_match(old))

    for answer in (
        seller.http.patch(path_of(old), json={"stock": 99}, headers=if_match(old)),
        seller.http.delete(path_of(old), headers=if_match(old)),
    ):
        assert kind_of(answer, 412) == "stale"
    assert seller.http.get(path_of(old)).json() == new.json()


def test_of_two_changes_of_the_same_version_at_once_one_wins(seller: Actor) -> None:
    product = seller.product(stock=0)
    tag, path, rounds = if_match(product), path_of(product), []

    for _ in range(10):
        change = partial(seller.http.patch, path, headers=tag)
        answers = at_once(*[partial(change, json={"stock": stock}) for stock in (1, 2)])
        rounds.append(statuses(answers))
        winner = next(answer for answer in answers if answer.status_code == 200)
        assert seller.http.get(path).json() == winner.json()
        tag = if_match(winner)

    assert rounds == [[200, 412]] * 10


def test_changed_product_is_read_as_changed_at_once(seller: Actor, visitor: httpx.Client) -> None:
    product = seller.product(stock=0)
    path, latest, wrong = path_of(product), product, []

    for stock in range(1, 51):
        assert visitor.get(path).json()["stock"] == stock - 1
        latest = seller.http.patch(path, json={"stock": stock}, headers=if_match(latest))
        seen = visitor.get(path)
        if (seen.json(), seen.headers["ETag"]) != (latest.json(), latest.headers["ETag"]):
            wrong.append((stock, seen.json()))

    assert wrong == []


def test_archived_product_is_gone_at_once_and_stays_so(seller: Actor, visitor: httpx.Client) -> None:
    product = seller.product()
    assert visitor.get(path_of(product)).status_code == 200

    archived = seller.http.delete(path_of(product), headers=if_match(product))

    assert (archived.status_code, archived.content) == (204, b"")
    assert visitor.get(path_of(product)).status_code == 404
    assert product.json()["id"] not in listed_ids(visitor, seller)


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"sku": "OTHER"}, "/sku"),
        ({"seller_id": ANY_ID}, "/seller_id"),
        ({"id": ANY_ID}, "/id"),
        ({"version": 9}, "/version"),
        ({"created_at": "2020-01-01T00:00:00Z"}, "/created_at"),
        ({"status": "archived"}, "/status"),
        ({"price": {"amount": -1, "currency": "EUR"}}, "/price/amount"),
        ({"price": {"amount": 1.5, "currency": "EUR"}}, "/price/amount"),
        ({"price": {"amount": 10**12 + 1, "currency": "EUR"}}, "/price/amount"),
        ({"price": {"amount": 1, "currency": "eur"}}, "/price/currency"),
        ({"price": {"amount": 1, "currency": "XXX"}}, "/price/currency"),
        ({"price": {"amount": 1}}, "/price/currency"),
        ({"stock": -1}, "/stock"),
        ({"stock": True}, "/stock"),
        ({"stock": "5"}, "/stock"),
        ({"name": ""}, "/name"),
        ({"name": "   "}, "/name"),
        ({"name": "x" * 201}, "/name"),
        ({"description": None}, "/description"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_invalid_change_names_the_field_and_changes_nothing(
    seller: Actor, changes: dict[str, object], pointer: str
) -> None:
    product = seller.product()

    answer = seller.http.patch(path_of(product), json=changes, headers=if_match(product))

    assert pointers(answer) == [pointer]
    assert seller.http.get(path_of(product)).json() == product.json()


def test_new_product_says_everything_that_is_wrong_with_it(seller: Actor) -> None:
    answer = seller.list_product(sku="no spaces", price={"amount": "1", "currency": "EUR"}, status="archived", extra=1)

    assert pointers(answer) == ["/extra", "/price/amount", "/sku", "/status"]


def test_own_products_are_paged_through_exactly_once_newest_first(api: Api) -> None:
    person = api.person()
    listed = [person.product(status=status).json()["id"] for status in ("draft", "active") * 6]

    found = [page["items"] for page in person.pages("/me/products", limit=5)]

    assert [len(items) for items in found] == [5, 5, 2]
    assert [item["id"] for items in found for item in items] == listed[::-1]


def test_own_products_are_nobody_elses(seller: Actor, buyer: Actor) -> None:
    product = seller.product().json()["id"]

    assert product not in {item["id"] for page in buyer.pages("/me/products", limit=100) for item in page["items"]}


def test_link_header_leads_to_the_next_page(api: Api) -> None:
    person = api.person()
    for _ in range(2):
        person.product()

    first = person.http.get("/me/products", params={"limit": 1})
    second = person.http.get(first.links["next"]["url"].removeprefix("/api"))

    assert first.json()["items"] != second.json()["items"]
    assert (second.json()["next_cursor"], second.links) == (None, {})


def listed_ids(client: httpx.Client, seller: Actor) -> set[str]:
    """The seller's products in the public catalogue."""
    found = pages(client, "/products", seller_id=seller.id, limit=100)
    return {item["id"] for page in found for item in page["items"]}
