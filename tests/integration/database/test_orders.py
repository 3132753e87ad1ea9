"""Placing and reading orders: what is reserved, what is copied, who sees what."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.edge import Edge
from tests.gateway import Answer, HttpApi
from tests.orders import confirmed, order, placed, stock_of
from tests.people import Person, enrolled
from tests.products import listed
from tests.services import Services

FIELDS = {"id", "status", "lines", "total", "placed_at"}
LINE_FIELDS = {"product_id", "name", "unit_price", "quantity", "line_total", "shipped_at"}


@pytest.fixture
def buyer(edge: Edge) -> Person:
    return enrolled()


@pytest.fixture
def seller(edge: Edge) -> Person:
    return enrolled()


def test_an_order_is_there_and_its_stock_is_reserved(
    api: HttpApi, buyer: Person, seller: Person, services: Services
) -> None:
    tea, pot = listed(seller, name="Tea", price={"amount": 350, "currency": "EUR"}), listed(seller, name="Pot", stock=7)

    created = order(api, buyer, {tea: 3, pot: 2})

    shown = created.json()
    assert created.status == 201
    assert set(shown) == FIELDS
    assert [set(line) for line in shown["lines"]] == [LINE_FIELDS] * 2
    assert shown["status"] == "placed"
    assert shown["total"] == {"amount": 3 * 350 + 2 * 1299, "currency": "EUR"}
    assert [(line["product_id"], line["name"], line["quantity"]) for line in shown["lines"]] == [
        (tea, "Tea", 3),
        (pot, "Pot", 2),
    ]
    assert shown["lines"][0]["line_total"] == {"amount": 1050, "currency": "EUR"}
    assert shown["placed_at"].endswith("Z")
    assert (stock_of(services, tea), stock_of(services, pot)) == (2, 5)
    assert created.headers["location"] == f"/api/orders/{shown['id']}"
    again = api.get(f"/orders/{shown['id']}", buyer)
    assert (again.text, again.headers["etag"]) == (created.text, created.headers["etag"])


def test_a_product_that_is_named_twice_is_one_line(
    api: HttpApi, buyer: Person, seller: Person, services: Services
) -> None:
    one, other = listed(seller), listed(seller)
    lines = [_line(one, 1), _line(other, 1), _line(one, 2)]

    shown = _place(api, buyer, lines).json()

    assert [(line["product_id"], line["quantity"]) for line in shown["lines"]] == [(one, 3), (other, 1)]
    assert stock_of(services, one) == 2


def test_buying_the_last_unit_is_possible_and_one_more_is_not(
    api: HttpApi, buyer: Person, seller: Person, services: Services
) -> None:
    product = listed(seller, name="Last one", stock=1)
    plenty = listed(seller)

    assert order(api, buyer, {product: 1}).status == 201
    refused = _place(api, buyer, [_line(plenty, 1), _line(product, 1)])

    assert (refused.status, refused.problem) == (409, "out-of-stock")
    assert refused.pointers == ["/lines/1/quantity"]
    assert "Last one" in refused.json()["detail"]
    assert (stock_of(services, product), stock_of(services, plenty)) == (0, 5)
    assert _orders(services, buyer) == 1


@pytest.mark.parametrize("status", ["draft", "archived"])
def test_what_is_not_for_sale_cannot_be_ordered_even_by_its_seller(
    api: HttpApi, buyer: Person, seller: Person, status: str
) -> None:
    lines = [_line(listed(seller), 1), _line(listed(seller, status=status), 1), _line(str(uuid4()), 1)]

    for person in (buyer, seller):
        refused = _place(api, person, lines)
        assert (refused.status, refused.problem) == (422, "invalid")
        assert refused.pointers == ["/lines/1/product_id", "/lines/2/product_id"]


def test_an_order_has_one_currency(api: HttpApi, buyer: Person, seller: Person, services: Services) -> None:
    euros, francs = listed(seller), listed(seller, price={"amount": 5, "currency": "CHF"})

    refused = _place(api, buyer, [_line(euros, 1), _line(francs, 1)])

    assert (refused.status, refused.pointers) == (422, ["/lines/1/product_id"])
    assert (stock_of(services, euros), stock_of(services, francs)) == (5, 5)


@pytest.mark.parametrize(
    ("lines", "pointer"),
    [
        ([], "/lines"),
        (None, "/lines"),
        ("x", "/lines"),
        ([{"quantity": 1}], "/lines/0/product_id"),
        ([{"product_id": "PRODUCT"}], "/lines/0/quantity"),
        ([{"product_id": "x", "quantity": 1}], "/lines/0/product_id"),
        ([{"product_id": "PRODUCT", "quantity": 0}], "/lines/0/quantity"),
        ([{"product_id": "PRODUCT", "quantity": -1}], "/lines/0/quantity"),
        ([{"product_id": "PRODUCT", "quantity": 101}], "/lines/0/quantity"),
        ([{"product_id": "PRODUCT", "quantity": 1.5}], "/lines/0/quantity"),
        ([{"product_id": "PRODUCT", "quantity": "1"}], "/lines/0/quantity"),
        ([{"product_id": "PRODUCT", "quantity": True}], "/lines/0/quantity"),
        ([{"product_id": "PRODUCT", "quantity": 1, "unit_price": 1}], "/lines/0/unit_price"),
        ([{"product_id": "PRODUCT", "quantity": 51}, {"product_id": "PRODUCT", "quantity": 50}], "/lines/0/quantity"),
        ([{"product_id": "PRODUCT", "quantity": 1}] * 51, "/lines"),
    ],
    ids=str,
)
def test_an_order_that_breaks_a_rule_is_told_where(
    api: HttpApi, buyer: Person, seller: Person, services: Services, *, lines: Any, pointer: str
) -> None:
    product = listed(seller, stock=1000)
    if isinstance(lines, list):
        lines = [line | ({"product_id": product} if line.get("product_id") == "PRODUCT" else {}) for line in lines]

    refused = _place(api, buyer, lines)

    assert (refused.status, refused.problem) == (422, "invalid")
    assert pointer in refused.pointers
    assert stock_of(services, product) == 1000


@pytest.mark.parametrize("extra", ["total", "status", "buyer_id", "currency", "discount"])
def test_nothing_but_lines_is_taken(api: HttpApi, buyer: Person, seller: Person, extra: str) -> None:
    body = {"lines": [_line(listed(seller), 1)], extra: 1}

    refused = api.send("POST", "/orders", buyer, headers={"idempotency-key": "k"}, body=body)

    assert (refused.status, refused.pointers) == (422, [f"/{extra}"])


def test_fifty_lines_of_a_hundred_are_an_order(api: HttpApi, buyer: Person, seller: Person) -> None:
    dearest = {"amount": 10**12, "currency": "EUR"}
    products = [listed(seller, stock=100, price=dearest) for _ in range(50)]

    answer = order(api, buyer, dict.fromkeys(products, 100))

    assert answer.status == 201
    assert answer.json()["total"] == {"amount": 50 * 100 * 10**12, "currency": "EUR"}


@settings(max_examples=25)
@given(cart=st.lists(st.tuples(st.integers(0, 10**12), st.integers(1, 100)), min_size=1, max_size=5))
def test_a_total_is_the_exact_sum_of_integers(
    api: HttpApi, edge: Edge, services: Services, cart: list[tuple[int, int]]
) -> None:
    seller, buyer = enrolled(), enrolled()
    prices = {listed(seller, stock=100, price={"amount": amount, "currency": "EUR"}): amount for amount, _ in cart}
    wanted = dict(zip(prices, (quantity for _, quantity in cart), strict=True))

    shown = order(api, buyer, wanted).json()

    assert shown["total"]["amount"] == sum(prices[product] * quantity for product, quantity in wanted.items())
    assert all(type(line["line_total"]["amount"]) is int for line in shown["lines"])
    stored = services.sql("SELECT total_amount FROM orders WHERE id = CAST(:id AS uuid)", id=shown["id"])
    assert stored == [[shown["total"]["amount"]]]


def test_an_order_keeps_names_and_prices_when_the_product_changes(api: HttpApi, buyer: Person, seller: Person) -> None:
    product = listed(seller, name="Before", price={"amount": 100, "currency": "EUR"})
    created = order(api, buyer, {product: 2})

    changes = {"name": "After", "price": {"amount": 999, "currency": "USD"}}
    assert api.send("PATCH", f"/products/{product}", seller, headers={"if-match": "*"}, body=changes).status == 200
    assert api.send("DELETE", f"/products/{product}", seller, headers={"if-match": "*"}).status == 204

    assert api.get(f"/orders/{created.json()['id']}", buyer).text == created.text


def test_the_catalogue_shows_at_once_what_is_left(api: HttpApi, buyer: Person, seller: Person) -> None:
    path = f"/products/{(product := listed(seller))}"
    before = api.get(path)

    order(api, buyer, {product: 2})

    after = api.get(path)
    assert (before.json()["stock"], after.json()["stock"]) == (5, 3)
    assert after.headers["etag"] != before.headers["etag"]


def test_a_change_of_the_stock_from_before_an_order_is_stale(api: HttpApi, buyer: Person, seller: Person) -> None:
    path = f"/products/{(product := listed(seller))}"
    tag = api.get(path).headers["etag"]
    order(api, buyer, {product: 2})

    assert api.send("PATCH", path, seller, headers={"if-match": tag}, body={"stock": 5}).status == 412


def test_orders_are_read_by_their_buyer_and_by_admins_alone(api: HttpApi, buyer: Person, seller: Person) -> None:
    path = f"/orders/{placed(buyer, {listed(seller): 1}).id}"

    for person in (seller, enrolled(), enrolled("moderators")):
        refused = api.send("GET", path, person)
        assert (refused.status, refused.problem) == (404, "order-not-found")
    for person in (buyer, enrolled("admins")):
        assert api.get(path, person).json()["status"] == "placed"
    assert api.send("GET", f"/orders/{uuid4()}", buyer).problem == "order-not-found"


def test_lists_hold_the_callers_own_orders_newest_first_page_by_page(
    api: HttpApi, buyer: Person, seller: Person
) -> None:
    product = listed(seller, stock=100)
    ids = [str(placed(buyer, {product: 1}).id) for _ in range(5)]
    placed(enrolled(), {product: 1})

    pages = list(api.pages("/orders", buyer, limit=2))

    assert [item["id"] for page in pages for item in page.json()["items"]] == ids[::-1]
    assert [len(page.json()["items"]) for page in pages] == [2, 2, 1]
    assert 'rel="next"' in pages[0].headers["link"]
    assert api.get("/orders", seller).json()["items"] == []


def test_an_order_that_comes_in_while_pages_are_turned_repeats_and_hides_nothing(
    api: HttpApi, buyer: Person, seller: Person
) -> None:
    product = listed(seller, stock=100)
    ids = [str(placed(buyer, {product: 1}).id) for _ in range(4)]
    pages = api.pages("/orders", buyer, limit=2)
    seen = [item["id"] for item in next(pages).json()["items"]]
    placed(buyer, {product: 1})

    seen += [item["id"] for page in pages for item in page.json()["items"]]

    assert seen == ids[::-1]


def test_sellers_see_orders_with_their_products_and_only_their_own_lines(
    api: HttpApi, buyer: Person, seller: Person
) -> None:
    other = enrolled()
    own, foreign = listed(seller, name="Own"), listed(other, name="Foreign", price={"amount": 7, "currency": "EUR"})
    both = placed(buyer, {own: 2, foreign: 1})
    placed(buyer, {foreign: 1})

    (sale,) = api.get("/sales", seller).json()["items"]

    assert sale["id"] == str(both.id)
    assert [line["name"] for line in sale["lines"]] == ["Own"]
    assert sale["total"] == {"amount": 2598, "currency": "EUR"}
    assert "Foreign" not in str(sale)
    assert str(buyer.id) not in str(sale)
    assert len(api.get("/sales", other).json()["items"]) == 2
    assert api.get("/sales", buyer).json()["items"] == []


def test_sales_are_read_page_by_page_however_many_lines_an_order_has(
    api: HttpApi, buyer: Person, seller: Person
) -> None:
    products = [listed(seller, stock=100) for _ in range(3)]
    ids = [str(placed(buyer, dict.fromkeys(products, 1)).id) for _ in range(5)]

    pages = list(api.pages("/sales", seller, limit=2))

    assert [item["id"] for page in pages for item in page.json()["items"]] == ids[::-1]
    assert all(len(item["lines"]) == 3 for page in pages for item in page.json()["items"])


def test_people_who_are_disabled_order_nothing(api: HttpApi, seller: Person, services: Services) -> None:
    product = listed(seller)

    assert order(api, enrolled(disabled=True), {product: 1}).status == 403
    assert stock_of(services, product) == 5


def test_what_is_placed_is_told_in_the_same_transaction(
    api: HttpApi, buyer: Person, seller: Person, edge: Edge
) -> None:
    created = order(api, buyer, {listed(seller): 1})

    (told,), (also_told,) = edge.bodies("orders.fifo"), edge.bodies("order-events")
    assert also_told == told
    assert told["type"] == "order.placed"
    assert told["data"]["id"] == created.json()["id"]
    assert told["data"]["total"] == created.json()["total"]
    assert told["correlation_id"] == created.headers["x-correlation-id"]
    assert len(edge.accepted) == 2
    (sent,) = [sent for sent in edge.accepted if sent.destination == "orders.fifo"]
    assert sent.fields["MessageGroupId"] == created.json()["id"]
    assert sent.fields["MessageDeduplicationId"] == told["id"]
    assert sent.fields["MessageAttributes"]["type"]["StringValue"] == "order.placed"


def test_an_unchanged_order_is_not_sent_again(api: HttpApi, buyer: Person, seller: Person) -> None:
    path = f"/orders/{confirmed(buyer, {listed(seller): 1}).id}"
    tag = api.get(path, buyer).headers["etag"]

    assert api.send("GET", path, buyer, headers={"if-none-match": tag}).status == 304


def _line(product_id: str, quantity: int) -> dict[str, Any]:
    return {"product_id": product_id, "quantity": quantity}


def _place(api: HttpApi, buyer: Person, lines: Any) -> Answer:
    return api.send("POST", "/orders", buyer, headers={"idempotency-key": str(uuid4())}, body={"lines": lines})


def _orders(services: Services, buyer: Person) -> int:
    return int(services.sql("SELECT count(*) FROM orders WHERE buyer_id = :id", id=str(buyer.id))[0][0])
