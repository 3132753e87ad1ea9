"""What did not arrive: sent again after a growing pause, or given up when it never can."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest

import app
from chalicelib import clients, database
from chalicelib.messaging import destinations, relay
from tests.edge import BROKEN, DOWN, Edge, Refusal
from tests.environment import configured
from tests.events import Context, scheduled_event
from tests.outbox import DESTINATIONS, due_now, ids, stored, waiting
from tests.services import Services

pytestmark = pytest.mark.usefixtures("empty_outbox")


@pytest.mark.parametrize("destination", DESTINATIONS)
def test_only_what_a_successful_call_confirmed_is_sent(edge: Edge, services: Services, destination: str) -> None:
    stored(services, events=10, groups=10, to=(destination,))
    unlucky = {"3", "7"}
    edge.refuses_entry = lambda sent: (
        Refusal("InternalFailure") if str(sent.envelope["data"]["number"]) in unlucky else None
    )

    app.relay_outbox(scheduled_event(), Context())

    left = services.sql(
        "SELECT CAST(body AS jsonb) -> 'data' ->> 'number', attempts, error FROM outbox"
        " WHERE published_at IS NULL ORDER BY position"
    )
    assert left == [["3", 1, "InternalFailure"], ["7", 1, "InternalFailure"]]
    assert len(edge.accepted) == 8
    due_now(services)
    edge.refuses_entry = lambda _: None
    app.relay_outbox(scheduled_event(), Context())
    assert Counter(sent.envelope["id"] for sent in edge.accepted).most_common(1)[0][1] == 1
    assert waiting(services) == 0


def test_what_an_answer_does_not_name_has_not_arrived(services: Services, edge: Edge) -> None:
    messages = [
        destinations.Message(number, uuid4(), "orders.fifo", uuid4(), "order.placed", "{}", "") for number in range(3)
    ]

    failures = destinations._unconfirmed(messages, {"Successful": [{"Id": "1"}]})

    assert {position: failure.reason for position, failure in failures.items()} == {0: "unconfirmed", 2: "unconfirmed"}
    assert not any(failure.is_refusal for failure in failures.values())


@pytest.mark.parametrize("destination", DESTINATIONS)
def test_a_call_that_fails_marks_nothing(edge: Edge, services: Services, destination: str) -> None:
    stored(services, events=3, groups=3, to=(destination,))
    edge.refuses_call = lambda _: DOWN

    app.relay_outbox(scheduled_event(), Context())

    assert waiting(services) == 3
    assert services.sql("SELECT DISTINCT attempts, error, parked_at IS NULL FROM outbox") == [
        [1, "InternalError", True]
    ]


def test_a_call_that_a_service_refuses_for_what_is_in_it_is_made_again_entry_by_entry(
    edge: Edge, services: Services
) -> None:
    stored(services, events=10, groups=10, to=("orders.fifo",))
    edge.refuses_call = lambda sent: (
        Refusal("InvalidMessageContents") if any(one.envelope["data"]["number"] == 4 for one in sent) else None
    )

    app.relay_outbox(scheduled_event(), Context())

    assert [len(call) for call in edge.calls] == [10] + [1] * 10
    assert len(edge.accepted) == 9
    assert services.sql("SELECT error FROM outbox WHERE published_at IS NULL") == [["InvalidMessageContents"]]


def test_a_pause_grows_on_the_clock_of_the_database(edge: Edge, services: Services) -> None:
    stored(services, events=1, groups=1, to=("bus",))
    edge.refuses_entry = lambda _: Refusal("InternalFailure")
    pauses = []
    for _ in range(9):
        app.relay_outbox(scheduled_event(), Context())
        ((seconds,),) = services.sql("SELECT extract(epoch FROM next_attempt_at - now()) FROM outbox")
        pauses.append(float(seconds))
        due_now(services)

    for attempts, pause in enumerate(pauses, 1):
        expected = min(2**attempts, relay.LONGEST_PAUSE_SECONDS)
        assert expected * 0.7 < pause <= expected * 1.25
    assert services.sql("SELECT attempts, parked_at FROM outbox") == [[9, None]]


def test_what_is_not_due_waits(edge: Edge, services: Services) -> None:
    stored(services, events=1, groups=1, to=("bus",))
    services.sql("UPDATE outbox SET next_attempt_at = now() + interval '1 second'")

    app.relay_outbox(scheduled_event(), Context())
    assert edge.accepted == []
    services.sql("UPDATE outbox SET next_attempt_at = now()")
    app.relay_outbox(scheduled_event(), Context())

    assert len(edge.accepted) == 1


@pytest.mark.parametrize("destination", DESTINATIONS)
def test_what_a_service_will_never_take_is_parked_and_holds_nothing_back(
    edge: Edge, services: Services, destination: str
) -> None:
    groups = stored(services, events=6, groups=2, to=(destination,))
    refused, first_group = ids(groups)[0], next(iter(groups))
    edge.refuses_entry = lambda sent: (
        Refusal("InvalidParameter", sender_fault=True) if sent.envelope["id"] == refused else None
    )

    for attempt in range(1, 6):
        app.relay_outbox(scheduled_event(), Context())
        due_now(services)
        arrived = {sent.envelope["id"] for sent in edge.accepted}
        assert arrived == set(ids(groups)) - ({refused} if attempt == 5 else set(groups[first_group]))

    assert services.sql("SELECT attempts, error, parked_at IS NOT NULL FROM outbox WHERE published_at IS NULL") == [
        [5, "InvalidParameter", True]
    ]
    app.relay_outbox(scheduled_event(), Context())
    assert database.read(relay.outbox_state).parked == 1
    assert len(edge.accepted) == 5


def test_what_is_throttled_is_never_parked(edge: Edge, services: Services) -> None:
    stored(services, events=1, groups=1, to=("orders.fifo",))
    edge.refuses_call = lambda _: Refusal("ThrottlingException", 400)

    for _ in range(7):
        app.relay_outbox(scheduled_event(), Context())
        due_now(services)

    assert services.sql("SELECT attempts, parked_at FROM outbox") == [[7, None]]


@pytest.mark.parametrize("minutes", [-10, 10])
def test_the_clock_of_the_function_does_not_matter(
    edge: Edge, services: Services, monkeypatch: pytest.MonkeyPatch, minutes: int
) -> None:
    real = time.time
    stored(services, events=2, groups=2, to=("bus",))
    services.sql(
        "UPDATE outbox SET next_attempt_at = now() + interval '5 minutes' WHERE position = "
        "(SELECT min(position) FROM outbox)"
    )
    monkeypatch.setattr(time, "time", lambda: real() + minutes * 60)

    app.relay_outbox(scheduled_event(), Context())

    assert [sent.envelope["data"]["number"] for sent in edge.accepted] == [1]


def test_a_sweep_ends_before_its_time_does(edge: Edge, services: Services) -> None:
    stored(services, events=100, groups=100, to=("bus",))

    app.relay_outbox(scheduled_event(), Context(60_000, 9_000))

    assert waiting(services) == 100 - relay.CLAIMED_AT_ONCE


@pytest.mark.parametrize("silent", DESTINATIONS)
def test_a_service_that_does_not_answer_holds_no_other_back_and_nothing_is_sent_twice(
    edge: Edge, edge_environment: dict[str, str], services: Services, monkeypatch: pytest.MonkeyPatch, *, silent: str
) -> None:
    """In small: PostgreSQL would end the transaction while the relay waits for the second of three calls."""
    others = tuple(destination for destination in DESTINATIONS if destination != silent)
    stored(services, events=30, groups=30, to=(silent,))
    groups = stored(services, events=20, groups=20, to=others)
    monkeypatch.setattr(clients, "READ_SECONDS", 1)
    edge.refuses_call = lambda sent: time.sleep(1.5) if sent[0].destination == silent else None

    with _idle_for(services, "1900ms"), configured(**edge_environment):
        app.relay_outbox(scheduled_event(), Context(60_000, 60_000, 60_000, 9_000))

    for destination in others:
        assert sorted(body["id"] for body in edge.bodies(destination)) == sorted(ids(groups))
    left = services.sql("SELECT destination, min(attempts), count(*) FROM outbox WHERE published_at IS NULL GROUP BY 1")
    assert left == [[silent, 1, 30]]


def test_a_service_that_is_not_reached_is_asked_once_in_a_round(edge: Edge, services: Services) -> None:
    stored(services, events=30, groups=30, to=("bus",))
    edge.refuses_call = lambda _: BROKEN

    app.relay_outbox(scheduled_event(), Context(60_000, 9_000))

    assert len(edge.calls) == 1
    assert services.sql("SELECT DISTINCT attempts, error FROM outbox") == [[1, "ConnectionClosedError"]]


@contextmanager
def _idle_for(services: Services, limit: str) -> Iterator[None]:
    services.sql(f"ALTER ROLE marketplace_app SET idle_in_transaction_session_timeout = '{limit}'")
    try:
        yield
    finally:
        services.sql("ALTER ROLE marketplace_app SET idle_in_transaction_session_timeout = '10s'")
