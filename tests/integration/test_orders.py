"""Orders over HTTP: reserved once, told to those they concern, and never to anybody else."""

from __future__ import annotations

from collections import Counter
from functools import partial
from uuid import uuid4

import pytest

from tests.events import scheduled_event
from tests.integration.actors import Actor, Api, a_key, a_token, at_once, path_of, statuses
from tests.integration.functions import invoke
from tests.integration.orders import confirmed, events_of, order, ordered, status_of, stock_of
from tests.integration.problems import is_uuid, kind_of, pointers, problem_of
from tests.integration.queues import Queue
from tests.integration.waiting import until
from tests.stack import Stack


@pytest.fixture(scope="module")
def crowd(api: Api) -> list[Actor]:
    """Many buyers who have been here before."""
    buyers = [api.person() for _ in range(24)]
    at_once(*[partial(buyer.http.get, "/me") for buyer in buyers])  # starts as many execution environments, too
    return buyers


def test_order_has_names_and_prices_of_its_moment(buyer: Actor, seller: Actor) -> None:
    cheap, dear = (seller.product(price={"amount": amount, "currency": "EUR"}) for amount in (250, 100_000))

    placed = order(buyer, cheap.json(), dear.json(), quantity=3)
    renamed = {"name": "Renamed", "price": {"amount": 1, "currency": "EUR"}}
    seller.http.patch(path_of(cheap), json=renamed, headers={"If-Match": "*"}).raise_for_status()

    assert placed.status_code == 201
    body = placed.json()
    assert is_uuid(body["id"])
    assert placed.headers["Location"] == f"/api/orders/{body['id']}"
    assert (body["status"], body["total"]) == ("placed", {"amount": 300_750, "currency": "EUR"})
    assert [(line["product_id"], line["quantity"], line["line_total"]["amount"]) for line in body["lines"]] == [
        (cheap.json()["id"], 3, 750),
        (dear.json()["id"], 3, 300_000),
    ]
    assert [line["name"] for line in body["lines"]] == [cheap.json()["name"], dear.json()["name"]]
    assert (stock_of(seller, cheap.json()), stock_of(seller, dear.json())) == (2, 2)
    until(lambda: status_of(buyer, body) == "confirmed")
    assert buyer.http.get(f"/orders/{body['id']}").json() == body | {"status": "confirmed"}


def test_twenty_four_buyers_of_ten_units_get_ten(crowd: list[Actor], seller: Actor) -> None:
    product = seller.product(stock=10).json()

    answers = at_once(*[partial(order, buyer, product) for buyer in crowd])

    assert Counter(answer.status_code for answer in answers) == Counter({201: 10, 409: 14})
    refused = [problem_of(answer, 409) for answer in answers if answer.status_code == 409]
    assert {problem["type"] for problem in refused} == {"/problems/out-of-stock"}
    assert all(product["name"] in problem["detail"] for problem in refused)
    assert {error["pointer"] for problem in refused for error in problem["errors"]} == {"/lines/0/quantity"}
    assert stock_of(seller, product) == 0
    sold = [item["id"] for page in seller.pages("/sales", limit=100) for item in page["items"]]
    winners = {answer.json()["id"] for answer in answers if answer.status_code == 201}
    assert len(winners) == 10
    assert winners <= set(sold)


def test_order_of_several_products_reserves_all_or_none(buyer: Actor, seller: Actor) -> None:
    plenty, scarce = seller.product(stock=5).json(), seller.product(stock=1).json()

    answer = order(buyer, plenty, scarce, quantity=2)

    assert kind_of(answer, 409) == "out-of-stock"
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/lines/1/quantity"]
    assert (stock_of(seller, plenty), stock_of(seller, scarce)) == (5, 1)


def test_sixteen_requests_with_one_key_are_one_order(api: Api, seller: Actor) -> None:
    buyer, product, key = api.person(), seller.product(stock=100).json(), a_key()

    answers = at_once(*[partial(order, buyer, product, quantity=2, **key)] * 16)

    done = [answer for answer in answers if answer.status_code == 201]
    waiting = [answer for answer in answers if answer.status_code == 409]
    assert len(done) + len(waiting) == 16
    assert len({answer.content for answer in done}) == 1
    assert sum("Idempotent-Replayed" not in answer.headers for answer in done) == 1
    assert {kind_of(answer, 409) for answer in waiting} <= {"request-in-flight", "request-just-completed"}
    assert len(buyer.http.get("/orders").json()["items"]) == 1
    assert stock_of(seller, product) == 98
    later = order(buyer, product, quantity=2, **key)
    assert (later.status_code, later.content) == (201, done[0].content)
    assert later.headers["Idempotent-Replayed"] == "true"


def test_key_of_an_order_is_for_one_body_and_one_person(buyer: Actor, api: Api, seller: Actor) -> None:
    product, key, other = seller.product(stock=100).json(), a_key(), api.person()
    first = order(buyer, product, **key)

    another_body = order(buyer, product, quantity=2, **key)
    another_person = order(other, product, **key)

    assert kind_of(another_body, 422) == "idempotency-key-reused"
    assert another_person.status_code == 201
    assert another_person.json()["id"] != first.json()["id"]
    assert stock_of(seller, product) == 98


def test_cancelled_order_returns_its_stock_once(buyer: Actor, seller: Actor) -> None:
    product = seller.product(stock=5).json()
    placed = confirmed(buyer, product, quantity=3)
    assert stock_of(seller, product) == 2

    answers = at_once(*[partial(buyer.http.post, f"/orders/{placed['id']}/cancel")] * 4)

    assert statuses(answers) == [200, 409, 409, 409]
    (cancelled,) = (answer for answer in answers if answer.status_code == 200)
    assert cancelled.json() == placed | {"status": "cancelled"}
    assert {kind_of(answer, 409) for answer in answers if answer.status_code == 409} == {"not-cancellable"}
    assert stock_of(seller, product) == 5


def test_shipped_order_is_the_end_of_it(buyer: Actor, seller: Actor) -> None:
    product = seller.product().json()
    placed = confirmed(buyer, product)

    shipped = seller.http.post(f"/sales/{placed['id']}/ship")
    again = seller.http.post(f"/sales/{placed['id']}/ship")

    assert (shipped.status_code, shipped.json()["status"]) == (200, "shipped")
    assert shipped.json()["lines"][0]["shipped_at"].endswith("Z")
    assert (again.status_code, again.content) == (200, shipped.content)
    assert status_of(buyer, placed) == "shipped"
    assert kind_of(buyer.http.post(f"/orders/{placed['id']}/cancel"), 409) == "not-cancellable"
    assert stock_of(seller, product) == 4


def test_order_of_two_sellers_is_shipped_when_both_have(api: Api, buyer: Actor) -> None:
    first, second = api.person(), api.person()
    placed = confirmed(buyer, first.product().json(), second.product().json())
    path = f"/sales/{placed['id']}"

    one = first.http.post(f"{path}/ship")
    assert (one.status_code, one.json()["status"], status_of(buyer, placed)) == (200, "confirmed", "confirmed")
    assert kind_of(buyer.http.post(f"/orders/{placed['id']}/cancel"), 409) == "not-cancellable"
    other = second.http.post(f"{path}/ship")

    assert (other.status_code, other.json()["status"], status_of(buyer, placed)) == (200, "shipped", "shipped")
    for seller, answer in ((first, one), (second, other)):
        (line,) = answer.json()["lines"]
        (own,) = seller.http.get("/sales").json()["items"]
        assert (own["id"], own["total"], [each["product_id"] for each in own["lines"]]) == (
            placed["id"], line["line_total"], [line["product_id"]]
        )  # fmt: skip


def test_order_that_nobody_confirms_expires_and_its_late_message_changes_nothing(
    stack: Stack, buyer: Actor, seller: Actor
) -> None:
    product = seller.product(stock=5).json()
    with Queue(stack, "orders.fifo").at_rest():
        forgotten, recent = ordered(buyer, product, quantity=2), ordered(buyer, product)
        with stack.database() as database:
            database.run(
                "UPDATE orders SET placed_at = now() - interval '15 minutes 1 second' WHERE id = :id",
                id=forgotten["id"],
            )
        assert kind_of(seller.http.post(f"/sales/{recent['id']}/ship"), 409) == "not-shippable"

        for _ in range(2):
            assert invoke(stack, "expire_orders", scheduled_event()) == (None, False)

        assert (status_of(buyer, forgotten), status_of(buyer, recent)) == ("expired", "placed")
        assert stock_of(seller, product) == 4
    until(lambda: status_of(buyer, recent) == "confirmed")
    assert status_of(buyer, forgotten) == "expired"
    assert {event["type"] for event in events_of(stack, forgotten["id"])} == {"order.placed", "order.expired"}
    assert stock_of(seller, product) == 4


def test_other_peoples_orders_are_as_if_they_were_not(api: Api, buyer: Actor, seller: Actor, moderator: Actor) -> None:
    placed, stranger = confirmed(buyer, seller.product().json()), api.person()
    denied = [
        ("GET", "/orders/{}", (stranger, moderator, seller)),
        ("POST", "/orders/{}/cancel", (stranger, moderator, seller)),
        ("POST", "/sales/{}/ship", (stranger, moderator, buyer)),
    ]

    for method, path, people in denied:
        for person in people:
            foreign = person.http.request(method, path.format(placed["id"]))
            unknown = person.http.request(method, path.format(uuid4()))
            assert kind_of(foreign, 404) == kind_of(unknown, 404) == "order-not-found"
            assert foreign.json()["detail"] == unknown.json()["detail"]
    assert status_of(buyer, placed) == "confirmed"


def test_admins_read_any_order_and_change_none(admin: Actor, buyer: Actor, seller: Actor) -> None:
    placed = confirmed(buyer, seller.product().json())
    path = f"/orders/{placed['id']}"

    assert admin.http.get(path).json() == buyer.http.get(path).json()
    assert kind_of(admin.http.post(f"{path}/cancel"), 404) == "order-not-found"
    assert kind_of(admin.http.post(f"/sales/{placed['id']}/ship"), 404) == "order-not-found"


def test_lists_show_the_callers_own_newest_first_and_no_one_elses(api: Api) -> None:
    buyer, other, seller = api.person(), api.person(), api.person()
    product = seller.product(stock=20).json()
    own = [ordered(buyer, product)["id"] for _ in range(5)]
    ordered(other, product)

    pages = [[item["id"] for item in page["items"]] for page in buyer.pages("/orders", limit=2)]
    sales = [item["id"] for page in seller.pages("/sales", limit=4) for item in page["items"]]

    assert pages == [own[:2:-1], own[2:0:-1], own[:1]]
    assert len(sales) == 6
    assert set(own) <= set(sales)
    assert buyer.http.get("/sales").json()["items"] == seller.http.get("/orders").json()["items"] == []


def test_order_carries_a_tag_that_changes_with_it(buyer: Actor, seller: Actor) -> None:
    placed = confirmed(buyer, seller.product().json())
    path = f"/orders/{placed['id']}"
    first = buyer.http.get(path)

    same = buyer.http.get(path, headers={"If-None-Match": first.headers["ETag"]})
    cancelled = buyer.http.post(f"{path}/cancel")
    changed = buyer.http.get(path, headers={"If-None-Match": first.headers["ETag"]})

    assert (same.status_code, same.content) == (304, b"")
    assert changed.status_code == 200
    assert changed.headers["ETag"] == cancelled.headers["ETag"] != first.headers["ETag"]


def test_order_that_cannot_be_says_where(buyer: Actor, seller: Actor) -> None:
    euros, draft = seller.product().json(), seller.product(status="draft").json()
    dollars = seller.product(price={"amount": 1, "currency": "USD"}).json()
    nothing = {"id": str(uuid4())}

    assert pointers(order(buyer, euros, draft)) == ["/lines/1/product_id"]
    assert pointers(order(buyer, nothing, euros)) == ["/lines/0/product_id"]
    assert pointers(order(buyer, euros, dollars)) == ["/lines/1/product_id"]
    assert pointers(order(buyer, *[euros] * 51)) == ["/lines"]
    assert pointers(order(buyer, euros, quantity=101)) == ["/lines/0/quantity"]
    assert pointers(order(buyer, *[euros] * 3, quantity=50)) == [f"/lines/{number}/quantity" for number in range(3)]
    assert stock_of(seller, euros) == 5


def test_disabled_person_neither_orders_nor_cancels_nor_ships(api: Api, admin: Actor, seller: Actor) -> None:
    person = api.person()
    own, product = person.product().json(), seller.product().json()
    bought, sold = confirmed(person, product), confirmed(seller, own)
    admin.http.patch(f"/admin/users/{person.id}", json={"disabled": True}).raise_for_status()

    for answer in (
        order(person, product),
        person.http.post(f"/orders/{bought['id']}/cancel"),
        person.http.post(f"/sales/{sold['id']}/ship"),
        person.http.put(f"/me/devices/{uuid4()}", json={"platform": "fcm", "token": a_token()}),
    ):
        assert kind_of(answer, 403) == "forbidden"
    assert (status_of(seller, sold), stock_of(seller, product)) == ("confirmed", 4)
