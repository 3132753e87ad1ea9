"""What people are told about orders, by e-mail and push, from the request to the provider."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from local.mail import Email
from local.stacks import PREFIX
from tests.integration.actors import Actor, Api, a_token
from tests.integration.log_groups import json_lines
from tests.integration.orders import confirmed, events_of, message, order, ordered, stored
from tests.integration.problems import kind_of
from tests.integration.queues import Queue
from tests.integration.waiting import until
from tests.stack import Stack

MAIL_EVENTS = f"arn:aws:sns:eu-central-1:000000000000:{PREFIX}mail-events"
HOPS = (
    "api_handler", "fulfil_orders", "record_activity", "push_activity", "rank_bestsellers", "send_emails",
    "send_pushes",
)  # fmt: skip


def test_confirmed_order_is_told_to_everybody_it_concerns(stack: Stack, api: Api) -> None:
    buyer, first, second = api.person(), api.person(), api.person()
    rename(buyer, "Bea <b>& Sons</b>")
    endpoint = device_of(stack, buyer)
    lamp = first.product(name="<i>Lamp</i> & shade", price={"amount": 1250, "currency": "EUR"}).json()
    chair = second.product(name="Chair", price={"amount": 9900, "currency": "EUR"}).json()

    placed = ordered(buyer, lamp, chair, quantity=2)

    until(lambda: stack.emails(buyer.email) and stack.emails(first.email) and stack.emails(second.email))
    (confirmation,) = stack.emails(buyer.email)
    assert confirmation.subject == "Your order is confirmed"
    for part in (confirmation.text, confirmation.html):
        assert placed["id"] in part
        assert "223.00 EUR" in part
        assert f"http://localhost:{stack.settings.ports.front_door}/" in part
    assert "Hello Bea <b>& Sons</b>," in confirmation.text
    assert "2 x <i>Lamp</i> & shade: 25.00 EUR" in confirmation.text
    assert "Hello Bea &lt;b&gt;&amp; Sons&lt;/b&gt;," in confirmation.html
    assert "2 \N{MULTIPLICATION SIGN} &lt;i&gt;Lamp&lt;/i&gt; &amp; shade" in confirmation.html
    for seller, own, foreign in ((first, "Lamp", "Chair"), (second, "Chair", "Lamp")):
        (sold,) = stack.emails(seller.email)
        assert sold.subject == "You have sold something"
        assert all(own in part and foreign not in part for part in (sold.text, sold.html))
    until(lambda: stack.pushes(endpoint) == 1)


def test_every_hop_of_an_order_is_logged_under_the_id_of_its_request(stack: Stack, buyer: Actor, seller: Actor) -> None:
    mine = f"order-{uuid4().hex}"

    placed = order(buyer, seller.product().json(), **{"X-Correlation-Id": mine}).json()

    until(lambda: {hop for hop in HOPS if about(stack, hop, mine)} == set(HOPS))
    own = {json.loads(event["body"])["id"] for event in events_of(stack, placed["id"])}
    lines = [line for hop in HOPS for line in json_lines(stack, hop) if line.get("event_id") in own]
    assert len(own) == 2
    assert len(lines) > len(HOPS)
    assert {line["correlation_id"] for line in lines} == {mine}


def test_sold_units_are_counted_among_the_best_sellers_until_they_are_cancelled(
    stack: Stack, buyer: Actor, seller: Actor
) -> None:
    product = seller.product(stock=100).json()
    buyer.http.get("/bestsellers").raise_for_status()

    placed = confirmed(buyer, product, quantity=93)
    limits = iter(range(1, 51))  # an answer is kept for a while, so each is asked for once
    until(lambda: {"product": bought(buyer, product), "sold": 93} in best_sellers(buyer, next(limits)), pause=0.3)
    buyer.http.post(f"/orders/{placed['id']}/cancel").raise_for_status()

    limits = iter(range(50, 1, -1))
    until(lambda: product["id"] not in {item["product"]["id"] for item in best_sellers(buyer, next(limits))}, pause=0.3)


def test_people_who_want_nothing_are_told_nothing(stack: Stack, api: Api, seller: Actor) -> None:
    buyer, product = api.person(), seller.product().json()
    endpoint = device_of(stack, buyer)
    quiet = {"notifications": {"email": False, "push": False}}
    buyer.http.patch("/me", json=quiet, headers={"If-Match": "*"}).raise_for_status()

    placed = confirmed(buyer, product)

    until(lambda: is_told(stack, placed["id"]))
    assert stack.emails(buyer.email) == []
    assert stack.pushes(endpoint) == 0
    assert [email for email in stack.emails(seller.email) if placed["id"] in email.text]


@pytest.mark.parametrize(
    ("event", "is_suppressed"),
    [
        ({"eventType": "Bounce", "bounce": {"bounceType": "Permanent", "bounceSubType": "General"}}, True),
        ({"eventType": "Complaint", "complaint": {"complaintFeedbackType": "abuse"}}, True),
        ({"eventType": "Bounce", "bounce": {"bounceType": "Transient", "bounceSubType": "MailboxFull"}}, False),
    ],
    ids=["bounced", "complained", "full for now"],
)
def test_address_that_takes_no_mail_gets_none(
    stack: Stack, api: Api, seller: Actor, event: dict[str, Any], is_suppressed: bool
) -> None:
    buyer, product = api.person(), seller.product().json()

    tell_of_mail(stack, event, buyer.email.upper())
    placed = confirmed(buyer, product)

    until(lambda: is_told(stack, placed["id"]))
    assert len(stack.emails(buyer.email)) == (0 if is_suppressed else 1)
    assert [email for email in stack.emails(seller.email) if placed["id"] in email.text]


def test_each_change_of_an_order_is_told_in_its_own_words(stack: Stack, api: Api) -> None:
    buyer, seller = api.person(), api.person()
    cancelled, shipped = (confirmed(buyer, seller.product().json()) for _ in range(2))

    buyer.http.post(f"/orders/{cancelled['id']}/cancel").raise_for_status()
    seller.http.post(f"/sales/{shipped['id']}/ship").raise_for_status()

    until(lambda: len(stack.emails(buyer.email)) == 4 and len(stack.emails(seller.email)) == 3)
    assert subjects(stack.emails(buyer.email), cancelled) == {"Your order is confirmed", "Your order is cancelled"}
    assert subjects(stack.emails(buyer.email), shipped) == {"Your order is confirmed", "Your order is on its way"}
    assert subjects(stack.emails(seller.email), cancelled) == {"You have sold something", "A sale was cancelled"}


@pytest.mark.timeout(260)
def test_message_that_comes_again_tells_nobody_again(stack: Stack, api: Api, seller: Actor) -> None:
    buyer, product = api.person(), seller.product().json()
    endpoint = device_of(stack, buyer)
    body = message("order.confirmed", stored(stack, buyer, product, "confirmed"))

    for name in ("emails", "pushes"):
        Queue(stack, name).send(*[body] * 7)

    # What two functions had in hand at once comes again after its visibility of 91 seconds.
    until(lambda: not Queue(stack, "emails").messages() and not Queue(stack, "pushes").messages(), patience=200)
    assert len(stack.emails(buyer.email)) == 1
    assert stack.pushes(endpoint) == 1


def test_device_belongs_to_who_registered_its_token_last(stack: Stack, api: Api, seller: Actor) -> None:
    before, now = api.person(), api.person()
    path, device = f"/me/devices/{uuid4()}", {"platform": "apns", "token": a_token()}

    first = before.http.put(path, json=device)
    assert before.http.put(path, json=device).json() | {"updated_at": ""} == first.json() | {"updated_at": ""}
    assert set(first.json()) == {"id", "platform", "enabled", "updated_at"}
    assert kind_of(now.http.delete(path), 404) == "device-not-found"
    taken = f"/me/devices/{uuid4()}"
    now.http.put(taken, json=device).raise_for_status()

    assert kind_of(before.http.delete(path), 404) == "device-not-found"
    with stack.database() as database:
        owners = database.run("SELECT user_id FROM devices WHERE token = :token", token=device["token"])
    assert [str(owner) for (owner,) in owners or []] == [now.id]
    assert now.http.delete(taken).status_code == 204


def test_removed_device_gets_nothing_any_more(stack: Stack, api: Api, seller: Actor) -> None:
    buyer, path = api.person(), f"/me/devices/{uuid4()}"
    endpoint = device_of(stack, buyer, path)

    removed, again = buyer.http.delete(path), buyer.http.delete(path)
    placed = confirmed(buyer, seller.product().json())

    assert (removed.status_code, removed.content) == (204, b"")
    assert kind_of(again, 404) == "device-not-found"
    until(lambda: is_told(stack, placed["id"]))
    assert stack.pushes(endpoint) == 0


def rename(person: Actor, name: str) -> None:
    """The person is called `name` from now on."""
    person.http.patch("/me", json={"name": name}, headers={"If-Match": "*"}).raise_for_status()


def device_of(stack: Stack, person: Actor, path: str = "") -> str:
    """The endpoint of a new device of the person."""
    path, token = path or f"/me/devices/{uuid4()}", a_token()
    person.http.put(path, json={"platform": "fcm", "token": token}).raise_for_status()
    with stack.database() as database:
        ((endpoint,),) = database.run("SELECT endpoint FROM devices WHERE token = :token", token=token)
    return str(endpoint)


def bought(person: Actor, product: dict[str, Any]) -> dict[str, Any]:
    """The product as it is now."""
    return dict(person.http.get(f"/products/{product['id']}").json())


def best_sellers(person: Actor, limit: int) -> list[dict[str, Any]]:
    """So many of the best sellers."""
    return list(person.http.get("/bestsellers", params={"limit": limit}).json()["items"])


def about(stack: Stack, function: str, correlation_id: str) -> list[dict[str, Any]]:
    """The lines of a function that carry the id."""
    return [line for line in json_lines(stack, function) if line.get("correlation_id") == correlation_id]


def is_told(stack: Stack, order_id: str) -> bool:
    """Whether every channel is done with the confirmation of the order."""
    with stack.database() as database:
        found = database.run(
            "SELECT consumer FROM inbox JOIN outbox ON message_id = event_id "
            "WHERE group_id = :order AND type = 'order.confirmed' AND destination = 'order-events'",
            order=order_id,
        )
    return sorted(consumer for (consumer,) in found or []) == ["send_emails", "send_pushes"]


def tell_of_mail(stack: Stack, event: dict[str, Any], address: str) -> None:
    """Publishes what SES tells of a message to `address`, and returns when it has been heeded."""
    before = len(heeded(stack))
    recipients = {"bounce": "bouncedRecipients", "complaint": "complainedRecipients"}
    told = {
        kind: what | {recipients[kind]: [{"emailAddress": address}]} if kind in recipients else what
        for kind, what in event.items()
    }
    # The emulator leaves out a subject that there is none of, on AWS it is null.
    stack.client("sns").publish(TopicArn=MAIL_EVENTS, Subject="Amazon SES", Message=json.dumps(told))
    until(lambda: len(heeded(stack)) > before)


def heeded(stack: Stack) -> list[str]:
    """What marks the end of each invocation that mail events have caused."""
    return [line for line in stack.log_lines("record_bounces") if line.startswith("END RequestId")]


def subjects(emails: list[Email], placed: dict[str, Any]) -> set[str]:
    """The subjects of the e-mails about the order."""
    return {email.subject for email in emails if placed["id"] in email.text}
