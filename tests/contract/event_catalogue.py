"""`docs/events.md`, made from the events that the code declares."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin

from chalicelib.messaging.destinations import SOURCES
from chalicelib.messaging.envelope import Destination, EventType, sealed
from chalicelib.messaging.queues import EMAILS, ORDERS, PUSHES
from chalicelib.money import Money
from chalicelib.orders import events
from chalicelib.orders.models import Line, Order
from chalicelib.orders.states import CONFIRMED
from chalicelib.users import events as user_events
from chalicelib.users.models import Profile

Json = dict[str, Any]

MODULES = (events, user_events)
"""Where events are declared."""
EVENTS = tuple(kind for module in MODULES for kind in module.ALL)

_SHORT = {
    Destination.ORDERS: f"queue `{ORDERS.name}`",
    Destination.ORDER_EVENTS: "topic `order-events`",
    Destination.BUS: "bus",
}
_SOURCES = ", ".join(f"`{source}` for `{part}.…`" for part, source in SOURCES.items())
_ARRIVALS = f"""\
| destination | its name | what arrives | taken by |
|---|---|---|---|
| queue `{ORDERS.name}` | `marketplace-{{stage}}-{ORDERS.name}` (SQS, FIFO) | the envelope is the body; \
message group: the order's id; deduplication id: the event's id | `{ORDERS.consumer}` |
| topic `order-events` | `marketplace-{{stage}}-order-events` (SNS) | the envelope is the message; queues get it raw | \
the queues `{EMAILS.name}` and `{PUSHES.name}`, by a filter on `type`: `{EMAILS.consumer}`, `{PUSHES.consumer}`; \
`record_activity` takes every event |
| bus | `marketplace-{{stage}}` (EventBridge) | the envelope is `detail`; `detail-type` is the event's type, `source` \
by the first part of it: {_SOURCES} | `rank_bestsellers` and `record_profiles`, each by a rule |
"""

_PAGE = """\
# Events

<!-- `make events` writes this page from {modules}.
     Change them, not this. -->

What the system tells its own parts and whoever else wants to know. `{{stage}}` is `local`, `dev`, `staging` or `prod`.

| event | version | it happens when | it goes to |
|---|---|---|---|
{table}

## Where they arrive

{arrivals}
Messages on the queue and on the topic also carry the event's type as the message attribute `type`.

An event is sent once its change is committed, and at least once. Whoever reads it remembers the `id`, which is the same
however often it is delivered. The queue keeps the events of one order in their order; the topic and the bus promise
none, so that a reader goes by `data.version`, which grows with every change of the order or the person.

Something new is told of orders by a rule on the bus:

```json
{rule}
```

## An example

```json
{example}
```

`id` is a UUIDv7 and sorts by time. `correlation_id` is the one of the request that began it all: the header
`X-Correlation-Id` of its response, and what `python -m ops trace` takes.

{schemas}## What may change

- A member may be added, anywhere, without a new version. Readers pass over what they do not know.
- Everything else is a new version of the event: a member that goes, is renamed, may be null, changes its type or its
  meaning, and a new value where the schema has an `enum`.
- A reader that meets a version or a type it does not know fails, and after three times the message is a dead letter. It
  is never dropped. So readers of both versions are deployed first, then the sender; the old version is read for as long
  as one may be under way, which is 14 days in a queue of dead letters.
- An envelope has at most 200 KiB. A larger one is refused before the change is committed.
"""

_ORDER = Order(
    id=UUID("01a2044e-1c66-72b3-b199-88d6a55e885d"),
    buyer_id=UUID("5f0c8a52-3b0e-4f52-9d3e-6c1f2f4a7b90"),
    status=CONFIRMED,
    total=Money(2598, "EUR"),
    version=2,
    placed_at=datetime(2026, 11, 22, 17, 29, 17, 664_909, tzinfo=UTC),
    confirmed_at=datetime(2026, 11, 22, 17, 29, 18, 702_113, tzinfo=UTC),
    updated_at=datetime(2026, 11, 22, 17, 29, 18, 702_113, tzinfo=UTC),
    lines=[
        Line(
            product_id=UUID("01942005-3600-746e-8be1-3782531fa0f1"),
            seller_id=UUID("c1d3b7de-52a4-4f0e-8f51-0b8f5f8c2d11"),
            name="Brass desk bell",
            unit_price=Money(1299, "EUR"),
            quantity=2,
        )
    ],
)


_PERSON = Profile(
    id=UUID("5f0c8a52-3b0e-4f52-9d3e-6c1f2f4a7b90"),
    email="ada@example.com",
    name="Ada",
    role="users",
    disabled=False,
    notify_email=True,
    notify_push=True,
    version=1,
    created_at=datetime(2026, 11, 22, 17, 20, 3, 120_441, tzinfo=UTC),
    updated_at=datetime(2026, 11, 22, 17, 20, 3, 120_441, tzinfo=UTC),
)


def page() -> str:
    """The whole document."""
    return _PAGE.format(
        modules=" and ".join(f"`{module.__name__.replace('.', '/')}.py`" for module in MODULES),
        table="\n".join(_row(kind) for kind in EVENTS),
        arrivals=_ARRIVALS,
        rule=_json({"source": ["marketplace.orders"], "detail-type": [events.SHIPPED.name]}),
        example=_json(example(events.CONFIRMED)),
        schemas="".join(_section(kinds) for kinds in _alike(EVENTS)),
    )


def example(kind: EventType) -> Json:
    """An event of `kind` as it is sent."""
    event = replace(
        sealed(kind, _PERSON if kind in user_events.ALL else _ORDER),
        id=UUID("01a2044e-2072-741f-a41f-6314c1565f8f"),
        occurred_at="2026-11-22T17:29:18.707Z",
        correlation_id="01a2044e-1c13-758e-8ad6-0ad79d8f6057",
    )
    sent: Json = json.loads(event.to_json())
    return sent


def schema_of(kind: EventType) -> Json:
    """The JSON Schema of the events that look like `kind`, envelope and all."""
    (alike,) = [kinds for kinds in _alike(EVENTS) if kind in kinds]
    return _schema(alike)


def _row(kind: EventType) -> str:
    places = ", ".join(_SHORT[destination] for destination in kind.destinations)
    return f"| `{kind.name}` | {kind.version} | {kind.happens} | {places} |"


def _alike(kinds: Iterable[EventType]) -> list[list[EventType]]:
    """Events by what they tell: those of one schema and version together."""
    groups: dict[tuple[type, int], list[EventType]] = defaultdict(list)
    for kind in kinds:
        groups[kind.data, kind.version].append(kind)
    return list(groups.values())


def _section(kinds: list[EventType]) -> str:
    title = f"{kinds[0].data.__name__}, version {kinds[0].version}"
    names = ", ".join(f"`{kind.name}`" for kind in kinds)
    return f"## {title}\n\nThe JSON Schema of {names}:\n\n```json\n{_json(_schema(kinds))}\n```\n\n"


def _schema(kinds: list[EventType]) -> Json:
    members: Json = {
        "id": {"type": "string", "format": "uuid"},
        "type": {"enum": [kind.name for kind in kinds]},
        "version": {"const": kinds[0].version},
        "occurred_at": {"type": "string", "format": "date-time"},
        "correlation_id": {"type": "string"},
        "data": {"$ref": f"#/$defs/{kinds[0].data.__name__}"},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": members,
        "required": list(members),
        "$defs": _definitions(kinds[0]),
    }


def _definitions(kind: EventType) -> Json:
    """The schemas of the event's data, as the OpenAPI document's are made."""
    named: dict[str, type] = {}

    def name(schema: Any) -> str:
        made = schema if isinstance(schema, type) else type(schema)
        return named.setdefault(made.__name__.removesuffix("Told"), made).__name__.removesuffix("Told")

    spec = APISpec(
        title="events", version="1", openapi_version="3.1.0", plugins=[MarshmallowPlugin(schema_name_resolver=name)]
    )
    spec.components.schema(kind.data.__name__, schema=kind.data)
    named.setdefault(kind.data.__name__, kind.data)
    schemas = spec.to_dict()["components"]["schemas"]
    return {each: {"description": _sentence(named[each])} | _as_json_schema(schemas[each]) for each in sorted(schemas)}


def _as_json_schema(node: Any) -> Any:
    """What OpenAPI spells in its own way, in JSON Schema's."""
    if isinstance(node, list):
        return [_as_json_schema(each) for each in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return {"$ref": node["$ref"].replace("#/components/schemas/", "#/$defs/")}
    if "example" in node and not isinstance(node["example"], dict):
        node = {name: each for name, each in node.items() if name != "example"} | {"examples": [node["example"]]}
    return {name: _as_json_schema(each) for name, each in node.items()}


def _sentence(schema: type) -> str:
    return (schema.__doc__ or schema.__name__).strip().split("\n")[0]


def _json(value: Any) -> str:
    return json.dumps(value, indent=2)
