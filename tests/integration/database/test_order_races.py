"""Two who change an order at the same moment: one of them wins, whichever comes first."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib import database, orders
from chalicelib.errors import Conflict
from chalicelib.messaging.envelope import opened
from chalicelib.orders import repository, service
from tests.edge import Edge
from tests.events import Context, scheduled_event
from tests.interleaving import begin_after, begun, run_before
from tests.orders import confirmed, events_of, placed, status_of, stock_of
from tests.people import Person, enrolled
from tests.products import listed
from tests.services import Services

BECOMES = {"confirm": "confirmed", "cancel": "cancelled", "expire": "expired", "ship": "shipped"}


class Contested:
    """An order that is old enough to expire, and the ways to change it."""

    def __init__(self, services: Services, *, is_confirmed: bool = False) -> None:
        self.buyer, self.seller = enrolled(), enrolled()
        self.product = listed(self.seller)
        self.order = (confirmed if is_confirmed else placed)(self.buyer, {self.product: 2})
        self._services = services
        services.sql("UPDATE orders SET placed_at = now() - interval '1 hour' WHERE id = :id", id=str(self.order.id))

    def change(self, action: str) -> Callable[[], str]:
        """What does `action`; returns whether it changed something, or was refused."""
        actions: dict[str, Callable[[], Any]] = {
            "confirm": lambda: orders.confirm(self._message()),
            "cancel": lambda: orders.cancel(self.buyer.caller, self.order.id),
            "expire": orders.expire_next,
            "ship": lambda: orders.ship(self.seller.caller, self.order.id),
        }

        def attempt() -> str:
            try:
                database.write(actions[action])
            except Conflict as refusal:
                return type(refusal).__name__
            return "done"

        return attempt

    def assert_changed_once(self, action: str) -> None:
        """That `action` won, alone, and stock is what it should be."""
        before = 2 if self.order.status == "confirmed" else 1
        row = self._services.sql("SELECT status, version FROM orders WHERE id = :id", id=str(self.order.id))
        assert row == [[BECOMES[action], before + (2 if action == "ship" else 1)]]
        told = [json.loads(body)["type"] for body in events_of(self._services, self.order.id, "bus")]
        assert told == (["order.confirmed"] if self.order.status == "confirmed" else []) + [f"order.{BECOMES[action]}"]
        returned = action in {"cancel", "expire"}
        assert stock_of(self._services, self.product) == (5 if returned else 3)

    def _message(self) -> Any:
        return opened(events_of(self._services, self.order.id, "orders.fifo")[0])


def _lock(action: str) -> str:
    return "take_next_unconfirmed" if action == "expire" else "find_for_change"


PAIRS = [(first, second) for first in ("confirm", "cancel", "expire") for second in ("confirm", "cancel", "expire")]


@pytest.mark.parametrize(("action", "competitor"), PAIRS)
def test_who_changes_an_order_before_it_is_locked_wins(
    edge: Edge, services: Services, monkeypatch: pytest.MonkeyPatch, action: str, competitor: str
) -> None:
    contested = Contested(services)
    # The competitor takes its lock by the function that is patched here, too: it runs once, before the first call.
    run_before(monkeypatch, repository, _lock(action), contested.change(competitor))

    outcome = contested.change(action)()

    if (action, competitor) == ("cancel", "confirm"):
        monkeypatch.undo()
        assert status_of(services, contested.order.id) == "cancelled"
        assert stock_of(services, contested.product) == 5
        return
    contested.assert_changed_once(competitor)
    assert outcome == ("NotCancellable" if action == "cancel" else "done")


@pytest.mark.parametrize(("action", "competitor"), PAIRS)
def test_who_has_locked_an_order_wins(
    edge: Edge, services: Services, monkeypatch: pytest.MonkeyPatch, action: str, competitor: str
) -> None:
    contested = Contested(services)
    waiting = begin_after(monkeypatch, repository, _lock(action), contested.change(competitor))

    assert contested.change(action)() == "done"
    late = waiting[0].result(timeout=30)

    if (action, competitor) == ("confirm", "cancel"):
        assert status_of(services, contested.order.id) == "cancelled"
        assert stock_of(services, contested.product) == 5
        return
    contested.assert_changed_once(action)
    assert late == ("NotCancellable" if competitor == "cancel" else "done")


@pytest.mark.parametrize(("action", "competitor"), [("ship", "cancel"), ("cancel", "ship")])
def test_an_order_is_shipped_or_cancelled_and_never_both(
    edge: Edge, services: Services, monkeypatch: pytest.MonkeyPatch, action: str, competitor: str
) -> None:
    contested = Contested(services, is_confirmed=True)
    waiting = begin_after(monkeypatch, repository, "find_for_change", contested.change(competitor))

    assert contested.change(action)() == "done"

    assert waiting[0].result(timeout=30) in {"NotCancellable", "NotShippable"}
    contested.assert_changed_once(action)


def test_two_sellers_who_ship_at_the_same_moment_ship_the_order(
    edge: Edge, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other, buyer = enrolled(), enrolled(), enrolled()
    order = confirmed(buyer, {listed(one): 1, listed(other): 1})

    def ship(seller: Person) -> Any:
        return database.write(lambda: orders.ship(seller.caller, order.id))

    waiting = begin_after(monkeypatch, repository, "ship_lines", lambda: ship(other))
    ship(one)
    waiting[0].result(timeout=30)

    assert status_of(services, order.id) == "shipped"
    assert len(events_of(services, order.id, "bus", "order.shipped")) == 1


@pytest.mark.parametrize(("action", "competitor"), [("confirm", "cancel"), ("expire", "confirm"), ("cancel", "expire")])
def test_without_the_lock_the_version_still_lets_one_win(
    edge: Edge, services: Services, monkeypatch: pytest.MonkeyPatch, action: str, competitor: str
) -> None:
    contested = Contested(services)
    monkeypatch.setattr(repository, "find_for_change", repository.find)
    monkeypatch.setattr(repository, "take_next_unconfirmed", lambda _: repository.find(contested.order.id))
    run_before(monkeypatch, repository, "change_status", contested.change(competitor))

    with pytest.raises(RuntimeError, match="changed while it was locked"):
        contested.change(action)()

    contested.assert_changed_once(competitor)


def test_without_lock_and_version_both_win(edge: Edge, services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    contested = Contested(services)
    unconditional = repository.change_status
    monkeypatch.setattr(repository, "find_for_change", repository.find)
    run_before(monkeypatch, service, "_become", contested.change("cancel"))
    monkeypatch.setattr(
        repository,
        "change_status",
        lambda order, status: unconditional(repository.find(order.id), status),  # type: ignore[arg-type]
    )

    contested.change("cancel")()

    with pytest.raises(AssertionError):
        contested.assert_changed_once("cancel")


def test_two_runs_of_the_schedule_that_overlap_expire_each_order_once(
    edge: Edge, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    import app

    product = listed(enrolled(), stock=20)
    late = [placed(enrolled(), {product: 1}) for _ in range(10)]
    services.sql("UPDATE orders SET placed_at = now() - interval '1 hour' WHERE status = 'placed'")
    run = begin_after(
        monkeypatch, repository, "take_next_unconfirmed",
        lambda: app.expire_orders(scheduled_event(), Context()), seconds=10,
    )  # fmt: skip

    app.expire_orders(scheduled_event(), Context())
    run[0].result(timeout=30)

    assert {status_of(services, order.id) for order in late} == {"expired"}
    assert stock_of(services, product) == 20
    assert all(len(events_of(services, order.id, "bus")) == 1 for order in late)


def test_many_runs_at_once_expire_each_order_once(edge: Edge, services: Services) -> None:
    import app

    product = listed(enrolled(), stock=100)
    late = [placed(enrolled(), {product: 1}) for _ in range(40)]
    services.sql("UPDATE orders SET placed_at = now() - interval '1 hour' WHERE status = 'placed'")

    for run in [begun(lambda: app.expire_orders(scheduled_event(), Context())) for _ in range(4)]:
        run.result(timeout=60)

    assert {status_of(services, order.id) for order in late} == {"expired"}
    assert stock_of(services, product) == 100
