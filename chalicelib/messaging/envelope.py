"""What a message looks like on every queue, topic and bus, and the kinds of events there are.

A reader is tolerant: it ignores what it does not know. What it cannot read at all (another version, not JSON) is an
error, so that the message ends as a dead letter and is never dropped.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any
from uuid import UUID

from marshmallow import EXCLUDE, Schema, ValidationError

from chalicelib.ids import new_id
from chalicelib.observability import correlation_id

MAX_BYTES = 200 * 1024
"""Of an envelope as JSON: SNS takes 256 KiB with attributes, and a queue behind it no less."""


class Unreadable(Exception):
    """The message is not one that this release knows how to read."""


class TooLarge(Exception):
    """The message is larger than a topic takes; nothing was stored."""


class Destination(Enum):
    """Where events are sent; the values are what the outbox stores."""

    ORDERS = "orders.fifo"
    """The queue of orders to be fulfilled, in order within an order."""
    ORDER_EVENTS = "order-events"
    """The topic that notifies people and records their activity."""
    BUS = "bus"
    """The event bus: for whatever else wants to know."""


class EventData(Schema):
    """What an event tells. A newer release may have added to it at any depth; what is not known is passed over."""

    class Meta:
        unknown = EXCLUDE


@dataclass(frozen=True)
class EventType:
    """A kind of event: its name, the version of its `data`, who gets it, and when it happens in a sentence."""

    name: str
    version: int
    data: type[EventData]
    destinations: tuple[Destination, ...]
    happens: str


@dataclass(frozen=True)
class Envelope:
    """One event. `id` is the same wherever and however often it is delivered."""

    id: UUID
    type: str
    version: int
    occurred_at: str
    correlation_id: str
    data: Mapping[str, Any]

    def to_json(self) -> str:
        """The message's body, in ASCII. Raises `TooLarge`."""
        text = json.dumps(
            {
                "id": str(self.id),
                "type": self.type,
                "version": self.version,
                "occurred_at": self.occurred_at,
                "correlation_id": self.correlation_id,
                "data": self.data,
            }
        )
        if len(text) > MAX_BYTES:
            raise TooLarge(f"{self.type} {self.id} has {len(text)} bytes, {MAX_BYTES} are allowed")
        return text

    def read(self, *known: EventType) -> dict[str, Any]:
        """`data` as the schema of that one of `known` loads it. Raises `Unreadable` when it is none of them."""
        for kind in known:
            if (kind.name, kind.version) == (self.type, self.version):
                return _loaded(kind.data, self.data)
        raise Unreadable(f"not a message for this consumer: {self.type} version {self.version}")


def sealed(kind: EventType, subject: Any) -> Envelope:
    """A new event of `kind` about `subject`, part of the request or message at hand."""
    return Envelope(
        id=new_id(),
        type=kind.name,
        version=kind.version,
        occurred_at=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        correlation_id=correlation_id.get(),
        data=kind.data().dump(subject),
    )


def opened(body: str | Mapping[str, Any]) -> Envelope:
    """The event in a message's body. Raises `Unreadable`."""
    try:
        content = json.loads(body) if isinstance(body, str) else body
        return Envelope(
            id=UUID(content["id"]),
            type=str(content["type"]),
            version=int(content["version"]),
            occurred_at=str(content["occurred_at"]),
            correlation_id=str(content.get("correlation_id", "")),
            data=dict(content["data"]),
        )
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise Unreadable(f"not an envelope: {type(error).__name__}") from None


def _loaded(schema: type[EventData], data: Mapping[str, Any]) -> dict[str, Any]:
    try:
        loaded: dict[str, Any] = schema().load(data)
    except ValidationError as error:
        raise Unreadable(f"not what {schema.__name__} describes: {error.messages}") from None
    return loaded
