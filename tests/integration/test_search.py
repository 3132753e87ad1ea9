"""The public catalogue over HTTP: text that forgives typing errors, filters, orders and pages."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.integration.actors import Actor, Api, pages
from tests.integration.problems import pointers

CATALOGUE = (
    ("Mechanical keyboard", 13900, "EUR", "active"),
    ("Wireless keyboard", 4900, "EUR", "active"),
    ("Keyboard tray", 4900, "USD", "active"),
    ("Espresso machine", 39900, "EUR", "active"),
    ("Walnut chopping board", 2900, "EUR", "active"),
    ("Keyboard prototype", 100, "EUR", "draft"),
    ("Keyboard of last year", 200, "EUR", "archived"),
)
PUBLIC = {name for name, _, _, status in CATALOGUE if status == "active"}


@pytest.fixture(scope="module")
def shop(api: Api) -> Actor:
    """A seller with the products of `CATALOGUE`."""
    person = api.person()
    for name, amount, currency, status in CATALOGUE:
        product = person.product(
            name=name,
            price={"amount": amount, "currency": currency},
            status="draft" if status == "draft" else "active",
            description="Solid." if "keyboard" in name else "Goes well with coffee.",
        )
        if status == "archived":
            person.http.delete(f"/products/{product.json()['id']}", headers={"If-Match": "*"}).raise_for_status()
    return person


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("keyboard", {"Mechanical keyboard", "Wireless keyboard", "Keyboard tray"}),
        ("KEYBOARDS", {"Mechanical keyboard", "Wireless keyboard", "Keyboard tray"}),
        ("keybord", {"Mechanical keyboard", "Wireless keyboard", "Keyboard tray"}),
        ("mechancal", {"Mechanical keyboard"}),
        ("espreso", {"Espresso machine"}),
        ("wallnut", {"Walnut chopping board"}),
        ("mechanical keyboard", {"Mechanical keyboard"}),
        ('"keyboard tray"', {"Keyboard tray"}),
        ("coffee", {"Espresso machine", "Walnut chopping board"}),
        ("zebra", set()),
    ],
)
def test_search_finds_words_in_other_forms_and_with_typing_errors(
    shop: Actor, visitor: httpx.Client, text: str, expected: set[str]
) -> None:
    found = names(visitor, q=text, seller_id=shop.id)

    assert expected <= set(found) <= PUBLIC
    assert len(found) == len(set(found))
    if expected:
        assert found[0] in expected


def test_closest_match_comes_first(shop: Actor, visitor: httpx.Client) -> None:
    assert names(visitor, q="mechanical keyboard", seller_id=shop.id)[0] == "Mechanical keyboard"
    assert names(visitor, q="espreso machin", seller_id=shop.id)[0] == "Espresso machine"


@pytest.mark.parametrize(
    "text",
    [
        "keyboard", "keybord", "or", "keyboard or espresso", "-keyboard", '"', "%", "_", "\\", "' OR 1=1 --", "a | b",
        "!!", "😀", "(", ":*", "&", "<->", "NULL", ")) OR ((true", "*", "status:draft",
        "keyboard' or seller_id is not null --",
    ],
)  # fmt: skip
def test_no_search_term_widens_the_filter_or_shows_what_is_not_public(
    shop: Actor, visitor: httpx.Client, text: str
) -> None:
    found = items(visitor, q=text, seller_id=shop.id)
    elsewhere = items(visitor, q=text, seller_id=str(uuid4()))

    assert {item["seller_id"] for item in found} <= {shop.id}
    assert {item["name"] for item in found} <= PUBLIC
    assert elsewhere == []


@pytest.mark.parametrize("sort", ["relevance", "newest", "price_asc", "price_desc"])
def test_every_order_keeps_every_filter(shop: Actor, visitor: httpx.Client, sort: str) -> None:
    query = {"q": "keyboard", "seller_id": shop.id, "currency": "EUR", "min_price": 4900, "max_price": 13900}

    found = items(visitor, sort=sort, **query)

    assert {item["name"] for item in found} == {"Mechanical keyboard", "Wireless keyboard"}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"min_price": 39900}, {"Espresso machine"}),
        ({"max_price": 2900}, {"Walnut chopping board"}),
        ({"currency": "USD"}, {"Keyboard tray"}),
        ({"min_price": 4900, "max_price": 4900}, {"Wireless keyboard", "Keyboard tray"}),
        ({"currency": "CHF"}, set()),
    ],
)
def test_filters_narrow_the_catalogue(
    shop: Actor, visitor: httpx.Client, query: dict[str, object], expected: set[str]
) -> None:
    assert set(names(visitor, seller_id=shop.id, **query)) == expected


def test_orders_are_by_price_and_by_age(shop: Actor, visitor: httpx.Client) -> None:
    ascending = [item["price"]["amount"] for item in items(visitor, seller_id=shop.id, sort="price_asc")]
    descending = [item["price"]["amount"] for item in items(visitor, seller_id=shop.id, sort="price_desc")]
    newest = [item["created_at"] for item in items(visitor, seller_id=shop.id, sort="newest")]

    assert ascending == sorted(ascending)
    assert descending == sorted(descending, reverse=True)
    assert newest == sorted(newest, reverse=True)
    assert len(ascending) == len(descending) == len(newest) == len(PUBLIC)


@pytest.mark.parametrize("sort", ["relevance", "newest", "price_asc", "price_desc"])
@pytest.mark.parametrize("limit", [1, 2, 100])
def test_pages_of_a_search_hold_every_product_exactly_once(
    shop: Actor, visitor: httpx.Client, sort: str, limit: int
) -> None:
    query = {"q": "keyboard", "seller_id": shop.id, "sort": sort}
    whole = visitor.get("/products", params=query | {"limit": 100}).json()["items"]

    found = [page["items"] for page in pages(visitor, "/products", limit=limit, **query)]

    assert [item for page in found for item in page] == whole
    assert all(len(page) <= limit for page in found)


@pytest.mark.parametrize("sort", ["newest", "price_asc", "price_desc"])
def test_whole_catalogue_is_paged_through_exactly_once(visitor: httpx.Client, sort: str) -> None:
    whole = [item["id"] for page in pages(visitor, "/products", limit=100, sort=sort) for item in page["items"]]

    found = [item["id"] for page in pages(visitor, "/products", limit=7, sort=sort) for item in page["items"]]

    assert found == whole
    assert len(found) == len(set(found)) >= len(PUBLIC)


def test_pages_stay_whole_while_products_are_listed(api: Api, visitor: httpx.Client) -> None:
    person = api.person()
    before = [person.product().json()["id"] for _ in range(6)]

    found = []
    for page in pages(visitor, "/products", seller_id=person.id, limit=2):
        found += [item["id"] for item in page["items"]]
        person.product()

    assert found == before[::-1]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"limit": "0"}, "/limit"),
        ({"limit": "101"}, "/limit"),
        ({"limit": "ten"}, "/limit"),
        ({"limit": "1.0"}, "/limit"),
        ({"limit": "1e1"}, "/limit"),
        ({"limit": "٣"}, "/limit"),
        ({"limit": ["1", "2"]}, "/limit"),
        ({"cursor": "x"}, "/cursor"),
        ({"cursor": "WyJ4Il0"}, "/cursor"),
        ({"cursor": "WzFlNDAwXQ"}, "/cursor"),
        ({"cursor": "W1siXSJdXQ"}, "/cursor"),
        ({"cursor": "IlxcdWQ4MDAi"}, "/cursor"),
        ({"cursor": "A" * 2000}, "/cursor"),
        ({"q": "x" * 201}, "/q"),
        ({"q": ""}, "/q"),
        ({"q": "a\x00b"}, "/q"),
        ({"q": "a\u202eb"}, "/q"),
        ({"seller_id": "me"}, "/seller_id"),
        ({"min_price": "-1"}, "/min_price"),
        ({"min_price": "2", "max_price": "1"}, "/min_price"),
        ({"max_price": str(10**20)}, "/max_price"),
        ({"currency": "euro"}, "/currency"),
        ({"sort": "price; DROP TABLE products"}, "/sort"),
        ({"status": "draft"}, "/status"),
        ({"include_drafts": "1"}, "/include_drafts"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_invalid_query_names_the_parameter(visitor: httpx.Client, query: dict[str, Any], pointer: str) -> None:
    assert pointers(visitor.get("/products", params=query)) == [pointer]


def test_cursor_of_another_order_is_refused(shop: Actor, visitor: httpx.Client) -> None:
    by_price = visitor.get("/products", params={"sort": "price_asc", "limit": 1}).json()["next_cursor"]

    assert pointers(visitor.get("/products", params={"sort": "newest", "cursor": by_price})) == ["/cursor"]


def items(client: httpx.Client, **query: Any) -> list[dict[str, Any]]:
    """Every product that the search finds, in its order."""
    return [item for page in pages(client, "/products", **query) for item in page["items"]]


def names(client: httpx.Client, **query: Any) -> list[str]:
    """The names of what the search finds, in its order."""
    return [item["name"] for item in items(client, **query)]
