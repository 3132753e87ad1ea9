"""The table's stream on the laptop: what is written is heard of, also right after a start."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from boto3.dynamodb.types import TypeSerializer
from websockets.sync.client import connect

from tests.integration.actors import Actor
from tests.integration.live_needs import an_event
from tests.integration.sockets import Socket, socket_of
from tests.stack import Stack


def write(stack: Stack, item: Mapping[str, Any]) -> None:
    """Writes an item to the table."""
    attributes = {name: TypeSerializer().serialize(value) for name, value in item.items()}
    stack.client("dynamodb").put_item(TableName="marketplace-local", Item=attributes)


def is_heard_of(stack: Stack, person: Actor) -> bool:
    """Whether what is written for `person` comes to their socket."""
    with socket_of(stack, person) as socket:
        event = an_event(person.id)
        write(stack, event)
        return bool(socket.receive()["id"] == event["id"])


def test_first_change_after_the_embedded_aws_has_started_again_is_heard_of(stack: Stack, buyer: Actor) -> None:
    assert all(is_heard_of(stack, buyer) for _ in range(3))

    stack.stop_emulator()
    stack.start_emulator()

    assert is_heard_of(stack, buyer)


def test_what_is_no_activity_is_not_heard_of(stack: Stack, buyer: Actor) -> None:
    with socket_of(stack, buyer) as socket:
        order, event = an_event(buyer.id) | {"kind": "order"}, an_event(buyer.id)
        for item in (order, event, event):
            write(stack, item)
        assert socket.receive()["id"] == event["id"]
        assert socket.is_silent()


def test_sockets_open_through_the_front_door_for_its_own_pages(stack: Stack, buyer: Actor) -> None:
    given = buyer.http.post("/realtime/tickets").raise_for_status().json()
    own_origin = f"http://localhost:{stack.settings.ports.front_door}"
    assert given["url"] == f"{own_origin.replace('http', 'ws', 1)}/ws?ticket={given['ticket']}"

    with connect(given["url"], origin=own_origin, open_timeout=30) as connection:  # type: ignore[arg-type]
        Socket(connection).send(action="ping")
        assert Socket(connection).receive()["type"] == "pong"
