"""The public catalogue: what a search finds, what it never shows, and its pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.gateway import HttpApi
from tests.identifiers import ANY_ID
from tests.people import Person, enrolled
from tests.products import listed
from tests.services import Services

ORDERS = ("relevance", "newest", "price_asc", "price_desc")
WORDS = ("keyboard", "mechanical", "lamp", "desk", "blue", "red", "café", "board")


@dataclass(frozen=True)
class Shop:
    """A seller with public products and others."""

    seller: Person
    public: frozenset[str]
    hidden: frozenset[str]


@pytest.fixture(scope="module")
def catalogue(environment: dict[str, str]) -> tuple[Shop, Shop]:
    """Two shops whose products have much the same words."""
    return _shop(), _shop()


def _shop() -> Shop:
    seller = enrolled()
    public, hidden = [], []
    for n, first in enumerate(WORDS):
        for second in WORDS[n + 1 :]:
            status = ("active", "active", "draft", "archived")[(n + len(second)) % 4]
            price = {"amount": 100 * n + len(second), "currency": "EUR" if n % 2 else "CHF"}
            product = listed(seller, name=f"{first} {second}", description=second, price=price, status=status)
            (public if status == "active" else hidden).append(product)
    return Shop(seller, frozenset(public), frozenset(hidden))


_terms = (*WORDS, "or", "-lamp", '"desk blue"', "keybord", "zzz", "%", "_", "' OR 1=1 --")
_texts = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), min_size=1, max_size=30)
_queries = (st.lists(st.sampled_from(_terms)).map(" ".join) | _texts).filter(str.strip)
_filters = st.fixed_dictionaries(
    {"min_price": st.integers(0, 400), "max_price": st.integers(400, 800), "currency": st.sampled_from(["EUR", "CHF"])}
)


@hypothesis_settings(max_examples=60)
@given(q=_queries, sort=st.sampled_from(ORDERS), shop=st.sampled_from([0, 1]))
def test_a_term_never_widens_what_a_seller_filter_shows(
    api: HttpApi, catalogue: tuple[Shop, Shop], q: str, sort: str, shop: int
) -> None:
    seller, public = catalogue[shop].seller, catalogue[shop].public

    found = _found(api, q=q, seller_id=seller.id, sort=sort)

    assert set(found) <= public
    assert len(found) == len(set(found))


@hypothesis_settings(max_examples=40)
@given(q=_queries, sort=st.sampled_from(ORDERS))
def test_no_search_of_anybody_shows_what_is_not_public(
    api: HttpApi, catalogue: tuple[Shop, Shop], q: str, sort: str
) -> None:
    one, other = catalogue

    for person in (None, one.seller, enrolled("admins")):
        assert not set(_found(api, person, q=q, sort=sort)) & (one.hidden | other.hidden)


@hypothesis_settings(max_examples=40)
@given(q=_queries, filters=_filters)
def test_every_filter_only_narrows(api: HttpApi, catalogue: tuple[Shop, Shop], q: str, filters: dict[str, Any]) -> None:
    found = _items(api, q=q, **filters)

    assert {item["id"] for item in found} <= set(_found(api, q=q))
    assert {item["price"]["currency"] for item in found} <= {filters["currency"]}
    assert all(filters["min_price"] <= item["price"]["amount"] <= filters["max_price"] for item in found)


def test_without_a_term_everything_public_of_the_seller_is_there(api: HttpApi, catalogue: tuple[Shop, Shop]) -> None:
    for shop in catalogue:
        for sort in ORDERS:
            assert set(_found(api, seller_id=shop.seller.id, sort=sort)) == shop.public


@pytest.mark.parametrize(
    "q",
    [
        "keyboard", "keyboards", "KEYBOARD", "Keybord", "kyboard", "keyboarrd", "mechancal", "mechanical keyboard",
        '"mechanical keyboard"', "keyboard -lamp", "zzz or keyboard", " keyboard ",
    ],
)  # fmt: skip
def test_a_product_is_found_in_spite_of_typing_errors(api: HttpApi, q: str) -> None:
    seller = enrolled()
    wanted = listed(seller, name="Mechanical Keyboard", description="Clicky")
    listed(seller, name="Garden chair", description="Foldable")

    assert _found(api, q=q, seller_id=seller.id) == [wanted]


@pytest.mark.parametrize(
    ("name", "q"),
    [
        ("机械\u3000键盘", "机械\u3000键盘"),
        ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"),
        ("Familie \U0001f468\u200d\U0001f469", "familie \U0001f468\u200d\U0001f469"),
        ("Prix 10\u00a0€", "prix 10\u00a0€"),
        ("Straße", "straße"),
        ("ÅNGSTRÖM", "a\u030angstro\u0308m"),
    ],
    ids=ascii,
)
def test_people_search_in_every_script(api: HttpApi, name: str, q: str) -> None:
    seller = enrolled()
    wanted = listed(seller, name=name)

    assert _found(api, q=q, seller_id=seller.id) == [wanted]


@pytest.mark.parametrize("q", ["zzz", "keyboard -clicky", "%", "_", "garden keyboard", "💥"])
def test_what_does_not_fit_is_not_found(api: HttpApi, q: str) -> None:
    seller = enrolled()
    listed(seller, name="Mechanical pencil", description="Clicky")

    assert _found(api, q=q, seller_id=seller.id) == []


def test_a_word_of_the_description_is_found_too_but_a_name_comes_first(api: HttpApi) -> None:
    seller = enrolled()
    described = listed(seller, name="Switch", description="For a keyboard")
    named = listed(seller, name="Keyboard", description="With switches")

    assert _found(api, q="keyboard", seller_id=seller.id) == [named, described]


@pytest.mark.parametrize(("sort", "names"), [("newest", "cba"), ("price_asc", "bac"), ("price_desc", "cab")])
def test_products_come_in_the_order_that_was_asked_for(api: HttpApi, sort: str, names: str) -> None:
    seller = enrolled()
    for name, amount in (("a", 2), ("b", 1), ("c", 3)):
        listed(seller, name=name, price={"amount": amount, "currency": "EUR"})

    assert "".join(item["name"] for item in _items(api, seller_id=seller.id, sort=sort)) == names


# --- pages ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def crowd(environment: dict[str, str]) -> tuple[Person, frozenset[str]]:
    """A seller of many products with few prices and few scores, so that much is a tie."""
    seller = enrolled()
    products = [
        listed(seller, name=f"{('lamp', 'lamp lamp', 'lamps')[n % 3]}", price={"amount": n % 4, "currency": "EUR"})
        for n in range(47)
    ]
    return seller, frozenset(products)


@pytest.mark.parametrize("limit", [1, 7, 46, 47, 100])
@pytest.mark.parametrize("sort", ORDERS)
def test_pages_show_every_product_exactly_once(
    api: HttpApi, crowd: tuple[Person, frozenset[str]], sort: str, limit: int
) -> None:
    seller, products = crowd

    found = [item["id"] for item in _items(api, q="lamp", seller_id=seller.id, sort=sort, limit=limit)]

    assert len(found) == len(products)
    assert set(found) == products


@pytest.mark.parametrize("sort", ORDERS)
def test_pages_show_every_product_exactly_once_while_others_are_listed(api: HttpApi, sort: str) -> None:
    seller = enrolled()
    before = {_lamp(seller, amount) for amount in (3, 1, 2) * 5}
    found: list[str] = []

    for page in api.pages("/products", q="lamp", seller_id=str(seller.id), sort=sort, limit=4):
        found += [item["id"] for item in page.json()["items"]]
        for amount in (0, 2, 9):
            if len(found) < 40:
                _lamp(seller, amount)

    assert len(found) == len(set(found))
    assert before <= set(found)


@pytest.mark.parametrize("sort", ORDERS)
@pytest.mark.parametrize(
    "key",
    [
        [], [1], ["x"], [ANY_ID], [1, ANY_ID], [1, "x"], [2**63 - 1, ANY_ID], ["1", ANY_ID],
        [1 - 2**63, ANY_ID], [ANY_ID, 1], [1, 2, 3], ["' OR 1=1 --"], ["\u00e9" * 300],
    ],
    ids=str,
)  # fmt: skip
def test_a_cursor_that_was_tampered_with_is_invalid_at_worst(
    api: HttpApi, catalogue: tuple[Shop, Shop], key: list[Any], sort: str
) -> None:
    from chalicelib.paging import Page
    from chalicelib.web.pagination import next_cursor

    one, other = catalogue
    answer = api.send(
        "GET", "/products", query={"q": "desk", "sort": sort, "cursor": next_cursor(Page([], tuple(key)))}
    )

    assert answer.status in {200, 422}
    if answer.status == 200:
        assert not {item["id"] for item in answer.json()["items"]} & (one.hidden | other.hidden)


def test_both_halves_of_a_search_have_an_index(services: Services, catalogue: tuple[Shop, Shop]) -> None:
    plan = services.sql(
        """SET enable_seqscan = off;
           EXPLAIN SELECT id FROM products
           WHERE search @@ websearch_to_tsquery('english', 'desk') OR lower(name) %> 'desk'"""
    )

    assert "products_search" in str(plan)
    assert "products_typos" in str(plan)


def _lamp(seller: Person, amount: int) -> str:
    return listed(seller, name="lamp", price={"amount": amount, "currency": "EUR"})


def _items(api: HttpApi, person: Person | None = None, **query: Any) -> list[dict[str, Any]]:
    query = {"limit": 100} | {name: str(value) for name, value in query.items()}
    return [item for page in api.pages("/products", person, **query) for item in page.json()["items"]]


def _found(api: HttpApi, person: Person | None = None, **query: Any) -> list[str]:
    return [item["id"] for item in _items(api, person, **query)]
