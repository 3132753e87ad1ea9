"""Activity in the running system: recorded through topic and bus, read in one piece."""

from __future__ import annotations

import json
from typing import Any

from tests.integration.actors import Actor, Api, if_match
from tests.integration.orders import confirmed, events_of, message, ordered
from tests.integration.waiting import until
from tests.stack import Stack


def activity(person: Actor) -> dict[str, Any]:
    """What the person reads of their activity."""
    answer = person.http.get("/me/activity")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def summary(stack: Stack, person: Actor) -> dict[str, Any]:
    """The person's summary in the table; empty when there is none yet."""
    answer = stack.client("dynamodb").get_item(
        TableName="marketplace-local",
        Key={"pk": {"S": f"person#{person.id}"}, "sk": {"S": "profile"}},
        ConsistentRead=True,
    )
    return {name: next(iter(value.values())) for name, value in answer.get("Item", {}).items()}


def test_what_happened_to_an_order_is_recorded_once_each(api: Api, stack: Stack, seller: Actor) -> None:
    person = api.person()
    placed = confirmed(person, seller.product(stock=5).json(), quantity=2)
    assert seller.http.post(f"/sales/{placed['id']}/ship").status_code == 200

    until(lambda: len(activity(person)["items"]) == 3)

    found = activity(person)
    told = {json.loads(event["body"])["id"] for event in events_of(stack, placed["id"])}
    assert {item["id"] for item in found["items"]} == told
    assert [item["type"] for item in found["items"]] == ["order.shipped", "order.confirmed", "order.placed"]
    (order,) = found["orders"]
    (line,) = person.http.get(f"/orders/{placed['id']}").json()["lines"]
    assert (order["status"], order["total"]) == ("shipped", placed["total"])
    assert order["lines"] == [{name: value for name, value in line.items() if name != "shipped_at"}]


def test_a_message_that_comes_again_is_recorded_once(api: Api, stack: Stack, seller: Actor) -> None:
    person = api.person()
    placed = ordered(person, seller.product(stock=5).json())
    until(lambda: len(activity(person)["items"]) == 2)
    before = activity(person)

    topic = stack.stacks.parameter("events/topic-arn")
    for event in events_of(stack, placed["id"]):
        stack.client("sns").publish(TopicArn=topic, Message=event["body"])
    last = message("order.expired", json.loads(event["body"])["data"] | {"version": 9, "status": "expired"})
    stack.client("sns").publish(TopicArn=topic, Message=last)

    until(lambda: len(activity(person)["items"]) == 3)
    assert [item["type"] for item in activity(person)["items"]][1:] == [item["type"] for item in before["items"]]


def test_registration_and_change_of_a_profile_reach_the_summary(api: Api, stack: Stack) -> None:
    person = api.person()
    profile = person.http.get("/me")
    until(lambda: summary(stack, person).get("version") == "1")
    assert summary(stack, person)["email"] == person.email

    changed = person.http.patch("/me", json={"name": "Somebody new"}, headers=if_match(profile))
    assert changed.status_code == 200

    until(lambda: activity(person)["profile"]["name"] == "Somebody new")
    assert summary(stack, person)["version"] == "2"


def test_an_admin_finds_the_activity_of_an_address(api: Api, stack: Stack, admin: Actor, buyer: Actor) -> None:
    person = api.person()
    person.http.get("/me").raise_for_status()
    until(lambda: summary(stack, person))

    found = admin.http.get("/admin/activity", params={"email": person.email.upper()})

    assert (found.status_code, found.json()["profile"]["id"]) == (200, person.id)
    assert admin.http.get("/admin/activity", params={"email": "nobody@example.com"}).status_code == 404
    assert buyer.http.get("/admin/activity", params={"email": person.email}).status_code == 403


def test_the_record_and_the_push_belong_to_the_request(api: Api, stack: Stack, seller: Actor) -> None:
    person, correlation_id = api.person(), "activity-of-a-request"
    product = seller.product(stock=5).json()
    lines = [{"product_id": product["id"], "quantity": 1}]
    headers = {"Idempotency-Key": person.id, "X-Correlation-Id": correlation_id}
    assert person.http.post("/orders", json={"lines": lines}, headers=headers).status_code == 201

    both = {"order.placed", "order.confirmed"}
    for function, words in (("record_activity", "activity recorded"), ("push_activity", "event pushed")):
        until(lambda function=function, words=words: _logged(stack, function, correlation_id, words) == both)


def _logged(stack: Stack, function: str, correlation_id: str, words: str) -> set[str]:
    """The types of the events of the request for which `function` logged these words, once or more often."""
    lines = [line for line in stack.log_lines(function) if correlation_id in line and words in line]
    return {json.loads(line)["type"] for line in lines}
