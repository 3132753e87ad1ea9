"""Events of orders as a consumer reads them: also those of a newer release."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from marshmallow import Schema, fields

from chalicelib.messaging.envelope import EventData, Unreadable, opened, sealed
from chalicelib.money import MAX_AMOUNT, Money
from chalicelib.orders import events
from chalicelib.orders.models import Line, Order, total_of
from chalicelib.orders.schemas import MAX_LINES, MAX_QUANTITY

NOW = datetime(2026, 11, 22, 17, 29, tzinfo=UTC)
Content = dict[str, Any]


def an_order(price: int = 1299, quantity: int = 2, lines: int = 1) -> Order:
    bought = [Line(uuid4(), uuid4(), "Brass desk bell", Money(price, "EUR"), quantity) for _ in range(lines)]
    return Order(uuid4(), uuid4(), "placed", total_of(bought), 1, NOW, None, NOW, bought)


def content(order: Order) -> Content:
    found: Content = json.loads(sealed(events.PLACED, order).to_json())
    return found


def read(message: Content) -> dict[str, Any]:
    return opened(json.dumps(message)).read(events.PLACED)


@pytest.mark.parametrize(
    "part",
    [
        lambda message: message,
        lambda message: message["data"],
        lambda message: message["data"]["total"],
        lambda message: message["data"]["lines"][0],
        lambda message: message["data"]["lines"][0]["unit_price"],
    ],
)
def test_what_a_newer_release_adds_is_passed_over_at_every_depth(part: Callable[[Content], Content]) -> None:
    message = content(an_order())
    known = read(message)

    part(message)["added"] = {"by": "a newer release"}

    assert read(message) == known


def test_every_schema_of_an_event_passes_over_what_it_does_not_know() -> None:
    schemas = {kind for event in events.ALL for kind in _nested(event.data)}

    assert len(schemas) > 2
    assert [schema for schema in schemas if not issubclass(schema, EventData)] == []


def test_the_largest_order_can_be_read() -> None:
    order = an_order(price=MAX_AMOUNT, quantity=MAX_QUANTITY, lines=MAX_LINES)

    assert read(content(order))["total"] == Money(MAX_AMOUNT * MAX_QUANTITY * MAX_LINES, "EUR")


@pytest.mark.parametrize("name", sorted(events.OrderData._declared_fields))
def test_what_is_missing_makes_a_message_unreadable(name: str) -> None:
    message = content(an_order())
    del message["data"][name]

    with pytest.raises(Unreadable):
        read(message)


@pytest.mark.parametrize("change", [{"version": 2}, {"type": "order.confirmed"}])
def test_another_version_or_type_is_unreadable(change: Content) -> None:
    with pytest.raises(Unreadable):
        read(content(an_order()) | change)


def _nested(schema: type[Schema]) -> Iterator[type[Schema]]:
    yield schema
    for field in schema._declared_fields.values():
        inner = field.inner if isinstance(field, fields.List) else field
        if isinstance(inner, fields.Nested):
            yield from _nested(type(inner.schema))
