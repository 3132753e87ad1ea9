"""Events in the outbox in tests, and how they arrived."""

from __future__ import annotations

from collections import defaultdict
from uuid import uuid4

from tests.edge import Edge
from tests.services import Services

DESTINATIONS = ("orders.fifo", "order-events", "bus")


def stored(
    services: Services, *, events: int, groups: int, to: tuple[str, ...] = DESTINATIONS, padding: int = 0
) -> dict[str, list[str]]:
    """So many events in the outbox, dealt out to groups; the ids of each group's events in order."""
    dealt: dict[str, list[str]] = defaultdict(list)
    names = [str(uuid4()) for _ in range(groups)]
    rows = []
    for number in range(events):
        event_id, group = str(uuid4()), names[number % groups]
        dealt[group].append(event_id)
        rows.append(f"('{event_id}'::uuid, '{group}'::uuid, {number})")
    services.sql(
        f"""
        INSERT INTO outbox (event_id, destination, group_id, type, correlation_id, body)
        SELECT event_id, destination, group_id, 'order.confirmed', '',
               jsonb_build_object('id', event_id, 'data', jsonb_build_object('number', number),
                                  'padding', repeat('x', {padding}))::text
        FROM (VALUES {", ".join(rows)}) AS event (event_id, group_id, number),
             unnest(CAST(:to AS text[])) AS destination
        ORDER BY number
        """,  # noqa: S608  all of our own making
        to=list(to),
    )
    return dealt


def assert_in_order(edge: Edge, groups: dict[str, list[str]]) -> None:
    """Each event arrived once at each destination, after the earlier ones of its group."""
    group_of = {event_id: group for group, events in groups.items() for event_id in events}
    arrived: dict[tuple[str, str], list[str]] = defaultdict(list)
    for sent in edge.accepted:
        event_id = sent.envelope["id"]
        arrived[sent.destination, group_of[event_id]].append(event_id)
    for (_, group), events in arrived.items():
        assert events == groups[group]


def ids(groups: dict[str, list[str]]) -> list[str]:
    """Every event's id, group by group."""
    return [event_id for events in groups.values() for event_id in events]


def waiting(services: Services) -> int:
    """How many events are still to be sent."""
    return int(services.sql("SELECT count(*) FROM outbox WHERE published_at IS NULL AND parked_at IS NULL")[0][0])


def due_now(services: Services) -> None:
    """Lets the pause before the next attempt be over."""
    services.sql("UPDATE outbox SET next_attempt_at = now() WHERE published_at IS NULL")
