"""E-mails: who gets which, and what is in them."""

from __future__ import annotations

import json

import pytest

from chalicelib.orders import events
from chalicelib.orders.models import Order
from tests.edge import Edge
from tests.events import failed
from tests.gateway import HttpApi
from tests.notifications import changed, emailed, emails_to, html_of, states, text_of, told
from tests.orders import confirmed, placed
from tests.people import Person, enrolled
from tests.products import listed
from tests.services import Services

KINDS = {
    "order.confirmed": (events.CONFIRMED, "order-confirmed", "products-sold"),
    "order.shipped": (events.SHIPPED, "order-shipped", ""),
    "order.cancelled": (events.CANCELLED, "order-cancelled", "sale-cancelled"),
    "order.expired": (events.EXPIRED, "order-expired", ""),
}


@pytest.fixture
def buyer(edge: Edge) -> Person:
    return enrolled()


@pytest.fixture
def sellers(edge: Edge) -> list[Person]:
    return [enrolled(), enrolled()]


@pytest.fixture
def order(buyer: Person, sellers: list[Person]) -> Order:
    """Of two sellers: a pot of one, a cup of the other."""
    pot = listed(sellers[0], name="Pot", price={"amount": 1299, "currency": "EUR"})
    cup = listed(sellers[1], name="Cup", price={"amount": 250, "currency": "EUR"})
    return confirmed(buyer, {pot: 1, cup: 2})


@pytest.mark.parametrize("name", KINDS)
def test_each_event_tells_the_people_it_concerns(
    edge: Edge, order: Order, buyer: Person, sellers: list[Person], name: str
) -> None:
    kind, to_buyer, to_sellers = KINDS[name]

    assert failed(emailed(told(kind, order))) == set()

    assert [email["EmailTags"] for email in emails_to(edge, buyer)] == [[{"Name": "kind", "Value": to_buyer}]]
    for seller in sellers:
        tags = [email["EmailTags"][0]["Value"] for email in emails_to(edge, seller)]
        assert tags == ([to_sellers] if to_sellers else [])


def test_sellers_hear_nothing_of_a_cancellation_when_they_had_not_heard_of_the_order(
    edge: Edge, buyer: Person, sellers: list[Person]
) -> None:
    order = placed(buyer, {listed(sellers[0]): 1})

    emailed(told(events.CANCELLED, order))

    assert len(emails_to(edge, buyer)) == 1
    assert emails_to(edge, sellers[0]) == []


def test_a_seller_who_buys_from_themselves_is_told_both(edge: Edge, buyer: Person) -> None:
    emailed(told(events.CONFIRMED, confirmed(buyer, {listed(buyer): 1})))

    tags = [email["EmailTags"][0]["Value"] for email in emails_to(edge, buyer)]
    assert sorted(tags) == ["order-confirmed", "products-sold"]


def test_a_placed_order_is_not_news_for_anybody(edge: Edge, order: Order, services: Services) -> None:
    body = told(events.PLACED, order)

    assert failed(emailed(body)) == {"0"}
    assert states(services, body) == []


def test_an_e_mail_has_text_and_html_a_sender_a_configuration_set_and_a_way_out(
    edge: Edge, order: Order, buyer: Person
) -> None:
    emailed(told(events.CONFIRMED, order))

    (email,) = emails_to(edge, buyer)
    assert email["FromEmailAddress"] == "orders@marketplace.example"
    assert email["ConfigurationSetName"] == "marketplace-local"
    content = email["Content"]["Simple"]
    assert content["Subject"]["Data"] == "Your order is confirmed"
    preferences = "https://marketplace.example/preferences"
    assert content["Headers"] == [{"Name": "List-Unsubscribe", "Value": f"<{preferences}>"}]
    for part in (text_of(email), html_of(email)):
        assert preferences in part
        assert str(order.id) in part
        assert "Pot" in part
        assert "Cup" in part
        assert "12.99 EUR" in part
        assert "17.99 EUR" in part
    assert "Hello" not in text_of(email)


def test_sellers_see_their_own_lines_and_nobody_elses(edge: Edge, order: Order, sellers: list[Person]) -> None:
    emailed(told(events.CONFIRMED, order))

    (first,), (second,) = (emails_to(edge, seller) for seller in sellers)
    for part in (text_of(first), html_of(first)):
        assert "Pot" in part
        assert "Cup" not in part
        assert "17.99" not in part
    for part in (text_of(second), html_of(second)):
        assert "Cup" in part
        assert "5.00 EUR" in part
        assert "Pot" not in part
    assert not any(str(order.buyer_id) in json.dumps(email) for email in (first, second))


@pytest.mark.parametrize(
    ("written", "escaped"),
    [
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("\"><img src=x onerror='x()'>", "&#34;&gt;&lt;img src=x onerror=&#39;x()&#39;&gt;"),
        ("Tom & Jerry's", "Tom &amp; Jerry&#39;s"),
        ("{{ 7 * 7 }} {% raw %}", "{{ 7 * 7 }} {% raw %}"),
    ],
)
def test_what_people_wrote_is_escaped_in_html_and_as_it_is_in_text(
    edge: Edge, services: Services, sellers: list[Person], *, written: str, escaped: str
) -> None:
    buyer = changed(services, enrolled(), name=written)
    emailed(told(events.CONFIRMED, confirmed(buyer, {listed(sellers[0], name=written): 1})))

    (email,) = emails_to(edge, buyer)
    assert html_of(email).count(escaped) == 2
    assert text_of(email).count(written) == 2
    if written != escaped:
        assert written not in html_of(email)
    assert email["Content"]["Simple"]["Subject"]["Data"] == "Your order is confirmed"


@pytest.mark.parametrize("change", [{"notify_email": False}, {"disabled": True}, {"email": ""}])
def test_those_who_want_none_or_may_have_none_get_none(
    edge: Edge, order: Order, services: Services, buyer: Person, sellers: list[Person], *, change: dict[str, object]
) -> None:
    changed(services, buyer, **change)

    assert failed(emailed(body := told(events.CONFIRMED, order))) == set()

    assert [kind for kind, _, _ in states(services, body)] == ["products-sold"] * 2
    assert emails_to(edge, buyer) == []
    assert all(emails_to(edge, seller) for seller in sellers)


def test_no_push_is_no_reason_for_no_e_mail(edge: Edge, order: Order, services: Services, buyer: Person) -> None:
    changed(services, buyer, notify_push=False)

    emailed(told(events.CONFIRMED, order))

    assert len(emails_to(edge, buyer)) == 1


def test_nothing_is_sent_to_an_address_that_takes_no_mail(
    edge: Edge, order: Order, services: Services, buyer: Person
) -> None:
    address = f"Odd.{buyer.email}"
    changed(services, buyer, email=address)
    services.sql("INSERT INTO suppressed_addresses (email, reason) VALUES (:email, 'bounce')", email=address.lower())

    emailed(told(events.CONFIRMED, order))

    assert not any(
        sent.fields["Destination"]["ToAddresses"] == [address] for sent in edge.accepted if sent.destination == "email"
    )


def test_what_people_want_is_what_they_said_last(api: HttpApi, edge: Edge, order: Order, buyer: Person) -> None:
    api.send("PATCH", "/me", buyer, headers={"if-match": "*"}, body={"notifications": {"email": False}})

    emailed(told(events.CONFIRMED, order))

    assert emails_to(edge, buyer) == []


def test_a_message_without_lines_or_with_a_stranger_in_it_is_a_failure_or_nothing(
    edge: Edge, order: Order, services: Services
) -> None:
    body = json.loads(told(events.SHIPPED, order))
    stranger = body | {"data": body["data"] | {"buyer_id": "01a203a3-0000-7000-8000-000000000000"}}

    assert failed(emailed(json.dumps(stranger))) == set()
    assert states(services, json.dumps(stranger)) == []


@pytest.mark.parametrize("name", ["\ud800", "a\x00b", "x" * 100_000, "\u202e\n\r", "{{ config }}"])
def test_no_name_in_a_message_breaks_the_consumer(edge: Edge, order: Order, buyer: Person, name: str) -> None:
    body = json.loads(told(events.CONFIRMED, order))
    body["data"]["lines"][0]["name"] = name

    assert failed(emailed(json.dumps(body), told(events.CONFIRMED, order))) == set()
    assert len(emails_to(edge, buyer)) == 2


@pytest.mark.parametrize(
    "change", [{"lines": []}, {"lines": None}, {"lines": [{}]}, {"total": 1}, {"buyer_id": "x"}, {"status": "lost"}]
)
def test_a_message_that_is_not_what_it_says_fails_alone(edge: Edge, order: Order, *, change: dict[str, object]) -> None:
    body = json.loads(told(events.CONFIRMED, order))
    body["data"] |= change

    assert failed(emailed(json.dumps(body), told(events.CONFIRMED, order))) == {"0"}
