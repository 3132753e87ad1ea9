"""Events of orders and people in tests, and the records in which functions get them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from random import Random
from typing import Any
from uuid import UUID, uuid4

from chalicelib import clients
from chalicelib.ids import new_id
from chalicelib.messaging.envelope import Envelope, EventType, sealed
from chalicelib.money import Money
from chalicelib.orders import events as order_events
from chalicelib.orders.models import Line, Order
from chalicelib.users import events as user_events
from chalicelib.users.models import Profile
from tests.events import bus_event

HISTORIES = (
    (order_events.PLACED,),
    (order_events.PLACED, order_events.CONFIRMED),
    (order_events.PLACED, order_events.CONFIRMED, order_events.SHIPPED),
    (order_events.PLACED, order_events.CONFIRMED, order_events.CANCELLED),
    (order_events.PLACED, order_events.CANCELLED),
    (order_events.PLACED, order_events.EXPIRED),
)
"""What may happen to an order."""


def an_order(buyer_id: UUID | None = None, *, lines: int = 1, name: str = "Brass desk bell") -> Order:
    """A new order of so many lines."""
    now = datetime.now(UTC)
    ordered = [Line(uuid4(), uuid4(), name, Money(1299, "EUR"), 1 + number % 3) for number in range(lines)]
    return Order(
        id=new_id(),
        buyer_id=buyer_id or uuid4(),
        status="placed",
        total=Money(sum(line.line_total.amount for line in ordered), "EUR"),
        version=1,
        placed_at=now,
        confirmed_at=None,
        updated_at=now,
        lines=ordered,
    )


def told(order: Order, kind: EventType, version: int) -> Envelope:
    """The event of `kind` by which an order got to a version."""
    status = kind.name.partition(".")[2]
    confirmed_at = datetime.now(UTC) if kind is order_events.CONFIRMED else order.confirmed_at
    return sealed(kind, replace(order, status=status, version=version, confirmed_at=confirmed_at))


def history(order: Order, kinds: Iterable[EventType]) -> list[Envelope]:
    """The events of an order, each one version later."""
    return [told(order, kind, version) for version, kind in enumerate(kinds, 1)]


def histories(randomness: Random, buyers: Iterable[UUID], at_least: int) -> list[list[Envelope]]:
    """The histories of orders of random buyers, together of at least so many events."""
    among, found = list(buyers), list[list[Envelope]]()
    while sum(map(len, found)) < at_least:
        order = an_order(randomness.choice(among), lines=randomness.randint(1, 4))
        found.append(history(order, randomness.choice(HISTORIES)))
    return found


def notification(*messages: Envelope | str) -> dict[str, Any]:
    """An invocation by the topic with these messages."""
    bodies = [message if isinstance(message, str) else message.to_json() for message in messages]
    return {
        "Records": [
            {
                "EventSource": "aws:sns",
                "Sns": {"MessageId": str(uuid4()), "Subject": None, "Message": body, "MessageAttributes": {}},
            }
            for body in bodies
        ]
    }


def a_person(**changes: Any) -> Profile:
    """Somebody new."""
    now, person_id = datetime.now(UTC), uuid4()
    given = {
        "id": person_id, "email": f"{person_id}@example.com", "name": "", "role": "users", "disabled": False,
        "notify_email": True, "notify_push": True, "version": 1, "created_at": now, "updated_at": now,
    }  # fmt: skip
    return Profile(**given | changes)


def registration(person: Profile) -> dict[str, Any]:
    """An invocation by the bus about a person's registration."""
    return bus_event(sealed(user_events.REGISTERED, person).to_json())


def change(person: Profile) -> dict[str, Any]:
    """An invocation by the bus about a person's change of their profile."""
    return bus_event(sealed(user_events.CHANGED, person).to_json())


def stream_event(*items: Mapping[str, Any], event_name: str = "INSERT") -> dict[str, Any]:
    """A batch of the table's stream in which `items` are new; their sequence numbers are `"0"`, `"1"` and so on."""
    return {"Records": [_stream_record(str(number), item, event_name) for number, item in enumerate(items)]}


def _stream_record(number: str, item: Mapping[str, Any], event_name: str) -> dict[str, Any]:
    serializer, _ = clients.dynamodb_types()
    image = {name: serializer.serialize(value) for name, value in item.items()}
    images = {"OldImage": image} if event_name == "REMOVE" else {"NewImage": image}
    return {
        "eventID": number,
        "eventName": event_name,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "eu-central-1",
        "dynamodb": {
            "ApproximateCreationDateTime": 1545082649.0,
            "Keys": {name: image[name] for name in ("pk", "sk")},
            **images,
            "SequenceNumber": number,
            "SizeBytes": 200,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        "eventSourceARN": "arn:aws:dynamodb:eu-central-1:000000000000:table/marketplace-local/stream/1",
    }
