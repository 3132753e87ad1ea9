"""The catalogue of events in `docs/` is what the code declares, and its schemas are what is sent.

`make events` writes `docs/events.md` anew.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from chalicelib.messaging.destinations import SOURCES
from chalicelib.messaging.envelope import Destination, EventType
from chalicelib.orders import events as order_events
from chalicelib.users import events as user_events
from tests.contract.boundaries import ROOT
from tests.contract.event_catalogue import EVENTS, MODULES, example, page, schema_of

COMMITTED = ROOT / "docs" / "events.md"

each_event = pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.name)
each_event_of_orders = pytest.mark.parametrize("kind", order_events.ALL, ids=lambda kind: kind.name)
each_event_of_users = pytest.mark.parametrize("kind", user_events.ALL, ids=lambda kind: kind.name)


def wrong(kind: EventType, event: dict[str, Any]) -> list[str]:
    """What the published schema says against `event`."""
    validator = Draft202012Validator(schema_of(kind), format_checker=Draft202012Validator.FORMAT_CHECKER)
    return [error.message for error in validator.iter_errors(event)]


def test_the_catalogue_in_the_docs_is_the_one_that_is_generated() -> None:
    if os.environ.get("UPDATE_EVENTS"):
        COMMITTED.write_text(page())

    assert COMMITTED.read_text() == page(), "run `make events` and read the diff"


@each_event
def test_what_is_sent_is_what_the_schema_describes(kind: EventType) -> None:
    Draft202012Validator.check_schema(schema_of(kind))

    assert wrong(kind, example(kind)) == []


@pytest.mark.parametrize(
    "broken",
    [
        lambda event: event.pop("id"),
        lambda event: event.pop("correlation_id"),
        lambda event: event.update(id="17"),
        lambda event: event.update(version=2),
        lambda event: event.update(type="order.unheard"),
        lambda event: event["data"].pop("id"),
        lambda event: event["data"].update(version="1"),
    ],
)
@each_event
def test_the_schema_notices_what_is_not_as_described(
    kind: EventType, broken: Callable[[dict[str, Any]], object]
) -> None:
    _assert_noticed(kind, broken)


@pytest.mark.parametrize(
    "broken",
    [
        lambda event: event["data"].pop("confirmed_at"),
        lambda event: event["data"].update(status="lost"),
        lambda event: event["data"]["total"].update(amount="12.99"),
        lambda event: event["data"]["lines"][0].pop("seller_id"),
    ],
)
@each_event_of_orders
def test_the_schema_notices_what_is_not_as_orders_are_described(
    kind: EventType, broken: Callable[[dict[str, Any]], object]
) -> None:
    _assert_noticed(kind, broken)


@pytest.mark.parametrize(
    "broken",
    [
        lambda event: event["data"].pop("email"),
        lambda event: event["data"].update(name=None),
        lambda event: event["data"].update(created_at="yesterday"),
    ],
)
@each_event_of_users
def test_the_schema_notices_what_is_not_as_people_are_described(
    kind: EventType, broken: Callable[[dict[str, Any]], object]
) -> None:
    _assert_noticed(kind, broken)


@each_event
def test_the_schema_lets_members_be_added(kind: EventType) -> None:
    event = example(kind) | {"added": 1}
    event["data"] |= {"added": 1}

    assert wrong(kind, event) == []


@each_event_of_orders
def test_the_schema_lets_members_be_added_deep_inside(kind: EventType) -> None:
    event = example(kind)
    event["data"]["lines"][0] |= {"added": 1}
    event["data"]["total"] |= {"added": 1}

    assert wrong(kind, event) == []


@each_event
def test_every_event_is_listed_with_each_place_it_goes_to(kind: EventType) -> None:
    (row,) = re.findall(rf"^\| `{re.escape(kind.name)}` \| {kind.version} \| .* \| (.*) \|$", page(), re.MULTILINE)
    names = {Destination.ORDERS: "orders.fifo", Destination.ORDER_EVENTS: "order-events", Destination.BUS: "bus"}

    assert row.count(",") + 1 == len(kind.destinations)
    assert all(names[destination] in row for destination in kind.destinations)


def test_every_event_that_is_declared_is_in_the_catalogue() -> None:
    files = {ROOT / f"{module.__name__.replace('.', '/')}.py" for module in MODULES}
    declared = [
        name for path in files for name in re.findall(r'EventType\(\s*"([^"]+)"', path.read_text(), re.MULTILINE)
    ]

    assert sorted(declared) == sorted(kind.name for kind in EVENTS)
    assert {path for path in (ROOT / "chalicelib").rglob("*.py") if "= EventType(" in path.read_text()} == files


@each_event
def test_every_event_has_a_source_on_the_bus(kind: EventType) -> None:
    source = SOURCES[kind.name.partition(".")[0]]

    assert f"`{source}`" in page()


def _assert_noticed(kind: EventType, broken: Callable[[dict[str, Any]], object]) -> None:
    event = example(kind)
    broken(event)

    assert wrong(kind, event)
