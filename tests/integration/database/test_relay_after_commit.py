"""Sending right after the commit: at once where that is possible, and never at the cost of the request."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

import app
from chalicelib import database
from chalicelib.messaging import destinations, outbox, relay
from chalicelib.messaging.envelope import opened
from chalicelib.orders import events
from tests.edge import DOWN, Edge, Sent
from tests.environment import configured
from tests.events import Context, scheduled_event
from tests.gateway import HttpApi
from tests.log_lines import LogLines
from tests.orders import order, placed, status_of
from tests.outbox import due_now, waiting
from tests.people import enrolled
from tests.products import listed
from tests.services import Services

if TYPE_CHECKING:
    from chalicelib.orders.models import Order

pytestmark = pytest.mark.usefixtures("empty_outbox")

_FAILING_CLAIM = text("SELECT 1/0 WHERE :limit > 0 AND :destinations IS NOT NULL AND :groups IS NOT NULL")


def test_a_request_does_not_fail_with_its_sending(api: HttpApi, edge: Edge, services: Services, logs: LogLines) -> None:
    edge.refuses_call = lambda _: DOWN

    answer = order(api, enrolled(), {listed(enrolled()): 1})

    assert answer.status == 201
    assert waiting(services) == 2
    edge.refuses_call = lambda _: None
    due_now(services)
    app.relay_outbox(scheduled_event(), Context())
    for destination in ("orders.fifo", "order-events"):
        assert [told["data"]["id"] for told in edge.bodies(destination)] == [answer.json()["id"]]
    assert len(edge.accepted) == 2


@pytest.mark.parametrize("outage", ["nobody listens", "the database fails", "a defect"])
def test_no_failure_of_the_relay_is_the_requests(
    api: HttpApi, edge: Edge, edge_environment: dict[str, str], services: Services, *,
    monkeypatch: pytest.MonkeyPatch, outage: str,
) -> None:  # fmt: skip
    buyer, product = enrolled(), listed(enrolled())
    if outage == "the database fails":
        monkeypatch.setattr(relay, "_CLAIM_OF_GROUPS", _FAILING_CLAIM)
    if outage == "a defect":
        monkeypatch.setattr(destinations, "send", _fails)

    with configured(**edge_environment | {"AWS_ENDPOINT_URL": _endpoint(edge, outage)}):
        assert order(api, buyer, {product: 1}).status == 201

    assert waiting(services) == 2


def test_after_a_failure_requests_leave_sending_to_the_sweep_for_a_moment(
    api: HttpApi, edge: Edge, services: Services
) -> None:
    edge.refuses_call = lambda _: DOWN
    buyer, product = enrolled(), listed(enrolled())
    order(api, buyer, {product: 1})
    calls = len(edge.calls)

    order(api, buyer, {product: 1})

    assert len(edge.calls) == calls
    relay._breaker.reset()
    order(api, buyer, {product: 1})
    assert len(edge.calls) == calls + 2


def test_what_a_batch_stored_is_sent_together_at_its_end(edge: Edge) -> None:
    buyer, product = enrolled(), listed(enrolled())

    with relay.together():
        for _ in range(3):
            placed(buyer, {product: 1})
        assert edge.calls == []

    assert [len(call) for call in edge.calls] == [3, 3]
    assert {sent.destination for sent in edge.accepted} == {"orders.fifo", "order-events"}


def test_what_a_batch_stored_before_it_failed_is_sent(edge: Edge) -> None:
    def fails() -> None:
        with relay.together():
            placed(enrolled(), {listed(enrolled()): 1})
            raise LookupError

    with pytest.raises(LookupError):
        fails()
    assert sorted(sent.destination for sent in edge.accepted) == ["order-events", "orders.fifo"]


def test_what_is_added_to_a_group_while_an_earlier_event_is_being_sent_goes_out_with_it(
    api: HttpApi, edge: Edge, services: Services
) -> None:
    buyer, product = enrolled(), listed(enrolled())
    edge.refuses_call = _confirming_while("order.placed", at="order-events")

    answer = order(api, buyer, {product: 1})

    assert status_of(services, answer.json()["id"]) == "confirmed"
    assert [told["type"] for told in edge.bodies("order-events")] == ["order.placed", "order.confirmed"]
    assert waiting(services) == 0


def test_a_relay_that_asks_for_its_own_events_alone_leaves_the_group_to_the_sweep(
    api: HttpApi, edge: Edge, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    statement = str(relay._CLAIM_OF_GROUPS)
    monkeypatch.setattr(
        relay, "_CLAIM_OF_GROUPS", text(statement.replace("group_id = ANY", "type = 'order.placed' AND group_id = ANY"))
    )
    edge.refuses_call = _confirming_while("order.placed", at="order-events")

    order(api, enrolled(), {listed(enrolled()): 1})

    assert [told["type"] for told in edge.bodies("order-events")] == ["order.placed"]
    assert waiting(services) == 2


def test_nothing_is_left_to_the_sweep_when_many_add_to_one_group_at_once(edge: Edge, services: Services) -> None:
    edge.refuses_call = lambda _: time.sleep(random.Random(4).random() / 100)
    order = placed(enrolled(), {listed(enrolled()): 1})

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: database.write(lambda: _tell_again(order)), range(40)))

    assert waiting(services) == 0
    assert [len(edge.bodies(destination)) for destination in ("order-events", "bus")] == [41, 40]


def _tell_again(order: Order) -> None:
    outbox.add(events.CONFIRMED, order, group=order.id)


def _confirming_while(kind: str, *, at: str) -> Callable[[list[Sent]], None]:
    """Confirms the order of each `kind` of event before the call that brings it to the destination is answered."""

    def confirm(entries: list[Sent]) -> None:
        from chalicelib.orders import service

        for message in [opened(sent.body) for sent in entries if sent.destination == at]:
            if message.type == kind:
                database.write(partial(service.confirm, message))

    return confirm


def _fails(_: Any) -> None:
    raise ZeroDivisionError


def _endpoint(edge: Edge, outage: str) -> str:
    return "http://127.0.0.1:9" if outage == "nobody listens" else edge.url
