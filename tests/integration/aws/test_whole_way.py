"""The whole way of an order through AWS's queues, topic and bus: filter policies, raw delivery, and what people get."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from moto.ses.models import ses_backends
from moto.sqs.models import sqs_backends

import app
from chalicelib.observability import correlated
from tests.environment import ALWAYS
from tests.events import Context
from tests.gateway import HttpApi
from tests.log_lines import LogLines
from tests.orders import events_of, order, status_of
from tests.people import enrolled
from tests.products import listed
from tests.services import MOTO_ACCOUNT, Aws, Services

REGION = ALWAYS["AWS_REGION"]


@pytest.fixture(autouse=True)
def _nothing_is_under_way(environment: dict[str, str], services: Services) -> None:
    services.sql("DELETE FROM outbox")
    for queue in sqs_backends[MOTO_ACCOUNT][REGION].queues.values():
        queue._messages.clear()
        queue._pending_messages.clear()
    ses_backends[MOTO_ACCOUNT][REGION].sent_messages.clear()


def test_an_order_is_confirmed_and_everybody_is_told_once(
    api: HttpApi, aws: Aws, services: Services, logs: LogLines
) -> None:
    buyer, seller = enrolled(), enrolled()
    api.send("PUT", f"/me/devices/{uuid4()}", buyer, body={"platform": "fcm", "token": str(uuid4())})
    created = order(api, buyer, {listed(seller): 2})

    for queue, consumer in (
        ("orders.fifo", app.fulfil_orders),
        ("emails", app.send_emails),
        ("pushes", app.send_pushes),
    ):
        _pump(aws, queue, consumer)

    assert status_of(services, created.json()["id"]) == "confirmed"
    assert sorted(_addresses()) == sorted([buyer.email, seller.email])
    assert services.sql("SELECT state FROM notifications WHERE user_id = :id", id=str(buyer.id)) == [["sent"], ["sent"]]
    correlation = created.headers["x-correlation-id"]
    told = {record["message"] for record in logs.records if record.get("correlation_id") == correlation}
    assert told >= {"request", "event stored", "event published", "message consumed", "email sent", "push sent"}


def test_what_a_queue_delivers_twice_is_done_once(api: HttpApi, aws: Aws, services: Services) -> None:
    buyer = enrolled()
    created = order(api, buyer, {listed(enrolled()): 2})

    for queue, consumer in (("orders.fifo", app.fulfil_orders), ("emails", app.send_emails)):
        _pump(aws, queue, consumer, times=2)

    assert len(events_of(services, created.json()["id"], "bus")) == 1
    assert _addresses().count(buyer.email) == 1


def test_the_queue_of_orders_takes_an_event_once(api: HttpApi, aws: Aws, services: Services) -> None:
    from chalicelib.messaging import relay
    from tests.events import scheduled_event

    created = order(api, enrolled(), {listed(enrolled()): 1})
    services.sql("UPDATE outbox SET published_at = NULL WHERE group_id = CAST(:id AS uuid)", id=created.json()["id"])
    relay._breaker.reset()
    app.relay_outbox(scheduled_event(), Context())

    assert len(_received(aws, "orders.fifo")) == 1


@pytest.mark.parametrize("kind", ["order.placed", "order.lost"])
def test_the_topic_keeps_what_is_no_news_from_the_queues(aws: Aws, kind: str) -> None:
    aws.client("sns").publish(
        TopicArn=aws.topic,
        Message="{}",
        MessageAttributes={"type": {"DataType": "String", "StringValue": kind}},
    )

    assert _received(aws, "emails") == _received(aws, "pushes") == []


def test_what_comes_through_the_topic_is_the_envelope_itself(api: HttpApi, aws: Aws) -> None:
    with correlated("request-12345"):
        order(api, enrolled(), {listed(enrolled()): 1})
        _pump(aws, "orders.fifo", app.fulfil_orders)

    (message,) = _received(aws, "emails")
    assert json.loads(message["body"])["type"] == "order.confirmed"


def _pump(aws: Aws, queue: str, consumer: Callable[..., Any], times: int = 1) -> None:
    """Has everything in `queue` done, so many times."""
    records = _received(aws, queue)
    assert records
    for _ in range(times):
        assert consumer({"Records": records}, Context()) == {"batchItemFailures": []}


def _received(aws: Aws, queue: str) -> list[dict[str, Any]]:
    """What `queue` delivers, as a function gets it."""
    answer = aws.client("sqs").receive_message(
        QueueUrl=aws.queue_url(queue), MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"]
    )
    return [
        {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message["Attributes"],
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": f"arn:aws:sqs:{REGION}:{MOTO_ACCOUNT}:marketplace-local-{queue}",
        }
        for message in answer.get("Messages", [])
    ]


def _addresses() -> list[str]:
    """Who was sent an e-mail, as SES has it."""
    sent = ses_backends[MOTO_ACCOUNT][REGION].sent_messages
    return [address for message in sent for address in message.destinations["ToAddresses"]]
