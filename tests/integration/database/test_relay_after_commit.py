"""Sending right after the commit: at once where that is possible, and never at the cost of the request."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

import app
from chalicelib.messaging import destinations, relay
from tests.edge import DOWN, Edge
from tests.environment import configured
from tests.events import Context, scheduled_event
from tests.gateway import HttpApi
from tests.log_lines import LogLines
from tests.orders import order, placed
from tests.outbox import due_now, waiting
from tests.people import enrolled
from tests.products import listed
from tests.services import Services

pytestmark = pytest.mark.usefixtures("empty_outbox")


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
        monkeypatch.setattr(relay, "_CLAIM_CHOSEN", text("SELECT 1/0 WHERE :limit > 0 AND :events IS NOT NULL"))
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


def _fails(_: Any) -> None:
    raise ZeroDivisionError


def _endpoint(edge: Edge, outage: str) -> str:
    return "http://127.0.0.1:9" if outage == "nobody listens" else edge.url
