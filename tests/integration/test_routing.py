"""Where messages go, and where they cannot: rules, filters, and who may put what into a queue."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from local.stacks import PREFIX
from tests.integration.actors import Actor
from tests.integration.log_groups import json_lines
from tests.integration.orders import an_order, message
from tests.integration.queues import Queue
from tests.integration.waiting import until
from tests.stack import Stack

TOPIC = f"arn:aws:sns:eu-central-1:000000000000:{PREFIX}order-events"
BUS = "marketplace-local"


@pytest.fixture(scope="module")
def product(seller: Actor) -> dict[str, Any]:
    return dict(seller.product().json())


def test_best_sellers_hear_of_orders_alone(stack: Stack, buyer: Actor, product: dict[str, Any]) -> None:
    sent = {
        (source, kind): message(kind, an_order(buyer, product))
        for source in ("marketplace.orders", "marketplace.products", "com.example/marketplace.orders", "orders")
        for kind in ("order.confirmed", "order.cancelled", "order.shipped", "order.confirmed.v2")
    }
    last = message("order.confirmed", an_order(buyer, product))

    put(stack, [(*route, body) for route, body in sent.items()])
    put(stack, [("marketplace.orders", "order.confirmed", last)])

    meant = {("marketplace.orders", "order.confirmed"), ("marketplace.orders", "order.cancelled")}
    until(lambda: {json.loads(body)["id"] for body in (last, *(sent[route] for route in meant))} <= ranked(stack))
    heard = {route for route, body in sent.items() if json.loads(body)["id"] in ranked(stack)}
    assert heard == meant


def test_topic_passes_on_what_people_are_told_of(stack: Stack, buyer: Actor, product: dict[str, Any]) -> None:
    queues = [Queue(stack, name) for name in ("emails", "pushes")]
    known = ["order.confirmed", "order.shipped", "order.cancelled", "order.expired"]
    kinds = [*known, "order.placed", "order.teleported", "Order.Confirmed", "order", ""]
    bodies = {kind: message(kind, an_order(buyer, product)) for kind in kinds}

    with queues[0].at_rest(), queues[1].at_rest():
        for kind, body in bodies.items():
            publish(stack, body, type=kind) if kind else publish(stack, body)
        arrived = [{found.body for found in queue.messages()} & set(bodies.values()) for queue in queues]

    assert arrived == [{bodies[kind] for kind in known}] * 2
    until(lambda: not any(found.body in bodies.values() for queue in queues for found in queue.messages()))


def test_subscriptions_deliver_the_message_as_it_was_published(
    stack: Stack, buyer: Actor, product: dict[str, Any]
) -> None:
    emails, body = Queue(stack, "emails"), message("order.shipped", an_order(buyer, product))

    with emails.at_rest():
        publish(stack, body, type="order.shipped")
        (found,) = [each for each in emails.messages() if each.body == body]

    assert found.attributes == {"type": "order.shipped"}


@pytest.mark.parametrize("name", ["emails", "pushes", "failed-events"])
def test_queue_takes_nothing_from_another_topic(stack: Stack, name: str) -> None:
    sns, queue, body = stack.client("sns"), Queue(stack, name), uuid4().hex
    arn = f"arn:aws:sqs:eu-central-1:000000000000:{PREFIX}{name}"
    foreign = sns.create_topic(Name=f"foreign-{uuid4().hex}")["TopicArn"]
    try:
        sns.subscribe(TopicArn=foreign, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
        sns.publish(TopicArn=foreign, Message=body)

        assert body not in {found.body for found in queue.messages()}
    finally:
        sns.delete_topic(TopicArn=foreign)


def test_event_that_nobody_can_read_is_kept_where_failures_are(stack: Stack) -> None:
    marker = uuid4().hex
    kept = Queue(stack, "failed-events")
    unreadable = {"detail": {"marker": marker}, "detail-type": "order.confirmed", "source": "marketplace.orders"}
    rest = dict.fromkeys(("version", "id", "account", "time", "region"), "") | {"resources": []}

    for function in ("rank_bestsellers", "record_bounces"):
        told = {"Subject": None, "Message": f'"{marker}', "MessageAttributes": {}}
        event = unreadable | rest | {"Records": [{"Sns": told}]}
        stack.client("lambda").invoke(FunctionName=PREFIX + function, InvocationType="Event", Payload=json.dumps(event))

    until(lambda: len(about(kept, marker)) == 2)
    functions = [told["requestContext"]["functionArn"].rpartition(":")[2] for told in about(kept, marker)]
    assert sorted(functions) == [f"{PREFIX}rank_bestsellers", f"{PREFIX}record_bounces"]
    kept.forget()


def about(queue: Queue, marker: str) -> list[dict[str, Any]]:
    """The messages with the marker."""
    return [json.loads(found.body) for found in queue.messages() if marker in found.body]


def put(stack: Stack, events: list[tuple[str, str, str]]) -> None:
    """Puts events of a source and a kind on the bus."""
    for source, kind, body in events:
        entry = {"EventBusName": BUS, "Source": source, "DetailType": kind, "Detail": body}
        answer = stack.client("events").put_events(Entries=[entry])
        assert answer["FailedEntryCount"] == 0


def publish(stack: Stack, body: str, **attributes: str) -> None:
    """Publishes a message of the topic."""
    typed = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
    stack.client("sns").publish(TopicArn=TOPIC, Message=body, MessageAttributes=typed)


def ranked(stack: Stack) -> set[str]:
    """The ids of the events that `rank_bestsellers` was given."""
    return {
        line["event_id"] for line in json_lines(stack, "rank_bestsellers") if line.get("message") == "sales counted"
    }
