"""The way of a request, told by the log lines of its functions."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chalicelib.messaging.envelope import Destination
from chalicelib.messaging.queues import QUEUES
from ops import hops
from ops.hops import Hop

ID = "01a2044e-1c13-758e-8ad6-0ad79d8f6057"
PLACED = {"event_id": "01a2044e-1c69-7634-9f79-d27742b740b2", "type": "order.placed"}
CONFIRMED = {"event_id": "01a2044e-2072-741f-a41f-6314c1565f8f", "type": "order.confirmed"}


def log_line(message: str, at: str = "17:29:17.000", level: str = "INFO", **fields: Any) -> str:
    written = {"level": level, "message": message, "timestamp": f"2026-11-22T{at}+00:00", "correlation_id": ID}
    return json.dumps(written | fields)


def hop(function: str, message: str, at: str = "17:29:17.000", level: str = "INFO", **fields: Any) -> Hop:
    found = hops.read(function, log_line(message, at, level, **fields), ID)
    assert found is not None
    return found


def stored(function: str, event: dict[str, str], *destinations: str) -> Hop:
    return hop(function, "event stored", **event, destinations=destinations)


def published(event: dict[str, str], destination: str) -> Hop:
    return hop("api_handler", "event published", **event, destination=destination)


def consumed(event: dict[str, str], function: str) -> Hop:
    return hop(function, "message consumed", **event, queue="marketplace-local-any", repeated=False)


def recorded(event: dict[str, str], *, repeated: bool = False) -> Hop:
    return hop("record_activity", "activity recorded", **event, repeated=repeated)


def pushed(event: dict[str, str]) -> Hop:
    return hop("push_activity", "event pushed", **event, connections=2)


WHOLE_WAY = [
    stored("api_handler", PLACED, "orders.fifo", "order-events"),
    published(PLACED, "orders.fifo"),
    published(PLACED, "order-events"),
    consumed(PLACED, "fulfil_orders"),
    recorded(PLACED),
    pushed(PLACED),
    stored("fulfil_orders", CONFIRMED, "order-events", "bus"),
    published(CONFIRMED, "order-events"),
    published(CONFIRMED, "bus"),
    consumed(CONFIRMED, "send_emails"),
    consumed(CONFIRMED, "send_pushes"),
    recorded(CONFIRMED),
    pushed(CONFIRMED),
]


@pytest.mark.parametrize(
    ("message", "fields", "place", "what"),
    [
        ("request", {"route": "POST /orders", "status": 201}, "request", "POST /orders answered with 201"),
        ("event stored", PLACED, "outbox", "order.placed stored"),
        ("event published", {**PLACED, "destination": "orders.fifo"}, "queue", "order.placed sent to orders.fifo"),
        ("event published", {**CONFIRMED, "destination": "bus"}, "bus", "order.confirmed sent to bus"),
        ("event published", {**CONFIRMED, "destination": "order-events"}, "topic", None),
        ("message consumed", {**PLACED, "repeated": True}, "consumer", "order.placed nothing left to do"),
        ("email sent", {"channel": "email", "state": "sent", "kind": "products-sold"}, "e-mail", "products-sold sent"),
        ("push refused", {"channel": "push", "state": "refused", "kind": "x"}, "push", "x refused"),
        ("sales counted", {**CONFIRMED, "counted": True}, "ranking", "order.confirmed counted"),
        ("activity recorded", {**PLACED, "repeated": False}, "activity", "order.placed recorded"),
        ("activity recorded", {**PLACED, "repeated": True}, "activity", "order.placed was recorded already"),
        ("profile recorded", {"type": "user.changed", "repeated": False}, "activity", "user.changed recorded"),
        ("event pushed", {**PLACED, "connections": 2}, "sockets", "order.placed sent to 2 open sockets"),
        ("anything else", {"number": 3}, "", "anything else  number=3"),
    ],
)
def test_a_log_line_is_told_in_words(message: str, fields: dict[str, Any], place: str, what: str | None) -> None:
    told = hop("some_function", message, **fields)

    assert (told.function, told.place) == ("some_function", place)
    assert what in {None, told.what}


def test_a_failure_says_why_and_how_often() -> None:
    failed = {**PLACED, "receive_count": 2, "error": "OrderNotFound", "reason": "There is no such order."}

    told = hop("fulfil_orders", "message failed", level="WARNING", **failed)

    assert told.failed
    assert told.what == "order.placed failed, receive 2: OrderNotFound: There is no such order."


@pytest.mark.parametrize(
    "line",
    [
        "START RequestId: 01a2044e-1c13-758e-8ad6-0ad79d8f6057 Version: $LATEST",
        "[]",
        '{"_aws": {}, "EventsRelayed": [1.0]}',
        log_line("request").replace(ID, ID.replace("0", "1")),
        log_line("request", detail=ID).replace(f'"correlation_id": "{ID}"', '"correlation_id": "another-one"'),
        log_line("request").replace("2026-11-22T", "no time "),
    ],
)
def test_lines_that_tell_nothing_of_the_request_are_passed_over(line: str) -> None:
    assert hops.read("api_handler", line, ID) is None


def test_a_request_comes_before_what_it_caused_although_it_is_logged_last() -> None:
    kept = hop("api_handler", "event stored", "17:29:17.700", **PLACED)
    sent = hop("api_handler", "event published", "17:29:17.727", **PLACED, destination="orders.fifo", milliseconds=15.0)
    done = hop("fulfil_orders", "message consumed", "17:29:17.760", **PLACED, milliseconds=40.0)
    request = hop("api_handler", "request", "17:29:17.728", route="POST /orders", status=201, milliseconds=131.4)

    ordered = hops.in_order([done, kept, sent, request])

    assert [each.place for each in ordered] == ["request", "outbox", "queue", "consumer"]
    assert [hops.since(each, request) for each in ordered] == [0, 103, 115, 123]


def test_nothing_is_missing_when_every_receiver_has_taken_every_event() -> None:
    assert hops.still_to_come(WHOLE_WAY) == []


@pytest.mark.parametrize("lost", range(len(WHOLE_WAY)))
def test_whatever_is_lost_on_the_way_is_missed(lost: int) -> None:
    way = WHOLE_WAY[:lost] + WHOLE_WAY[lost + 1 :]
    missing = {
        1: ["order.placed leaves the outbox for orders.fifo"],
        2: ["order.placed leaves the outbox for order-events"],
        3: ["order.placed in fulfil_orders"],
        4: ["order.placed in record_activity"],
        5: ["order.placed to open sockets"],
        7: ["order.confirmed leaves the outbox for order-events"],
        8: ["order.confirmed leaves the outbox for bus"],
        9: ["order.confirmed in send_emails"],
        10: ["order.confirmed in send_pushes"],
        11: ["order.confirmed in record_activity"],
        12: ["order.confirmed to open sockets"],
    }

    assert hops.still_to_come(way) == missing.get(lost, [])


def test_an_event_that_no_destination_was_sent_has_not_left_the_outbox() -> None:
    assert hops.still_to_come(WHOLE_WAY[:1]) == [
        "order.placed leaves the outbox for orders.fifo",
        "order.placed leaves the outbox for order-events",
    ]


def test_a_failed_delivery_is_still_to_come() -> None:
    failed = hop("send_emails", "message failed", level="WARNING", **CONFIRMED, error="X", reason="y")
    (sent,) = [number for number, each in enumerate(WHOLE_WAY) if each.function == "send_emails"]

    way = [*WHOLE_WAY[:sent], failed, *WHOLE_WAY[sent + 1 :]]

    assert hops.still_to_come(way) == ["order.confirmed in send_emails"]


def test_a_repeated_delivery_pushes_nothing() -> None:
    assert hops.still_to_come([recorded(PLACED, repeated=True)]) == []


def test_every_consumer_is_waited_for() -> None:
    receivers = {each for receivers in hops.RECEIVERS.values() for each in receivers}

    assert receivers == {queue.consumer for queue in QUEUES} | {"record_activity"}
    assert set(hops.RECEIVERS) == {destination.value for destination in Destination} - {"bus"}


def test_a_hop_as_json_keeps_what_the_line_said_without_what_every_line_says() -> None:
    first = hop("api_handler", "request", route="GET /", status=200, cold_start=True, service="marketplace")

    plain = hops.plain(first, first)

    assert plain["fields"] == {"route": "GET /", "status": 200}
    assert (plain["began"], plain["after"]) == ("2026-11-22T17:29:17.000+00:00", 0)
    json.dumps(plain)
