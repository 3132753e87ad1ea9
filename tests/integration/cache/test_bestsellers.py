"""Best sellers: the same from Valkey's counts and from the orders, whatever is repeated, late, out of turn or lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st

import app
from chalicelib import database, orders
from chalicelib.errors import Unavailable
from chalicelib.messaging.envelope import Unreadable, sealed
from chalicelib.orders import bestsellers, events, repository
from chalicelib.orders.models import Order
from tests.edge import Edge
from tests.environment import configured
from tests.events import Context, bus_event
from tests.gateway import HttpApi
from tests.log_lines import LogLines
from tests.orders import confirmed, placed
from tests.people import Person, enrolled
from tests.products import listed
from tests.services import Services


@pytest.fixture
def valkey(edge: Edge, services: Services) -> Iterator[Any]:
    """An empty Valkey, and a database in which nothing was sold."""
    services.sql("DELETE FROM order_lines")
    services.sql("DELETE FROM orders")
    with redis.Redis.from_url(services.cache_url) as client:
        client.flushall()
        yield client
        client.flushall()


@pytest.fixture
def seller(edge: Edge) -> Person:
    return enrolled()


@pytest.fixture
def tea(seller: Person) -> str:
    return listed(seller, name="Tea", stock=100_000)


@pytest.fixture
def pot(seller: Person) -> str:
    return listed(seller, name="Pot", stock=100_000)


def test_what_sold_best_comes_first(api: HttpApi, valkey: Any, tea: str, pot: str) -> None:
    _sell({tea: 2})
    _sell({pot: 3, tea: 4})

    (first, second) = api.get("/bestsellers").json()["items"]

    assert (first["product"]["name"], first["sold"]) == ("Tea", 6)
    assert (second["product"]["name"], second["sold"]) == ("Pot", 3)
    assert set(first["product"]) >= {"id", "price", "stock"}


def test_an_event_counts_once_however_often_it_comes(api: HttpApi, valkey: Any, tea: str) -> None:
    _top(api, valkey)
    order = _sell({tea: 2})

    for _ in range(3):
        _rank(events.CONFIRMED, order)

    assert _top(api, valkey) == {"Tea": 2}
    assert _is_counted(valkey)


def test_what_is_cancelled_is_taken_out_again(api: HttpApi, valkey: Any, tea: str, pot: str) -> None:
    _top(api, valkey)
    kept, gone = _sell({tea: 2}), _sell({tea: 3, pot: 1})
    for order in (kept, gone):
        _rank(events.CONFIRMED, order)

    cancelled = _cancelled(gone)
    for _ in range(2):
        _rank(events.CANCELLED, cancelled)

    assert _top(api, valkey) == {"Tea": 2}


def test_an_order_that_was_cancelled_before_it_was_confirmed_counts_nothing(
    api: HttpApi, valkey: Any, tea: str
) -> None:
    _top(api, valkey)

    _rank(events.CANCELLED, placed(enrolled(), {tea: 2}))

    assert _top(api, valkey) == {}


@settings(max_examples=15)
@given(cancelled=st.integers(0, 3), turns=st.permutations(range(12)))
def test_the_order_of_events_does_not_matter(
    api: HttpApi, valkey: Any, tea: str, pot: str, *, cancelled: int, turns: list[int]
) -> None:
    _top(api, valkey)
    sold = [_sell({tea: number + 1, pot: 1}) for number in range(3)]
    happened = [(events.CONFIRMED, order) for order in sold]
    happened += [(events.CANCELLED, _cancelled(order)) for order in sold[:cancelled]]

    for turn in turns:
        if turn // 2 < len(happened):
            _rank(*happened[turn // 2])

    counted = _top(api, valkey)
    assert _is_counted(valkey)
    valkey.flushall()
    assert counted == _top(api, valkey)


def test_what_valkey_lost_is_made_from_the_orders(
    api: HttpApi, valkey: Any, tea: str, pot: str, services: Services
) -> None:
    _top(api, valkey)
    shipped, gone = _sell({tea: 2}), _sell({pot: 9})
    _cancelled(gone)
    placed(enrolled(), {pot: 50})
    services.sql("UPDATE orders SET status = 'shipped' WHERE id = :id", id=str(shipped.id))

    valkey.flushall()

    assert _top(api, valkey) == {"Tea": 2}
    assert _is_counted(valkey)


def test_an_event_that_comes_after_its_order_was_counted_counts_nothing(api: HttpApi, valkey: Any, tea: str) -> None:
    order, gone = _sell({tea: 2}), _sell({tea: 5})
    cancelled = _cancelled(gone)
    _top(api, valkey)

    _rank(events.CONFIRMED, order)
    _rank(events.CONFIRMED, gone)
    _rank(events.CANCELLED, cancelled)

    assert _top(api, valkey) == {"Tea": 2}


def test_an_event_that_comes_before_anything_is_counted_is_counted_with_the_rest(
    api: HttpApi, valkey: Any, tea: str
) -> None:
    _rank(events.CONFIRMED, _sell({tea: 2}))

    assert _top(api, valkey) == {"Tea": 2}


def test_without_valkey_best_sellers_are_right_all_the_same(
    api: HttpApi, valkey: Any, edge_environment: dict[str, str], tea: str, pot: str
) -> None:
    _sell({tea: 2, pot: 5})
    with_cache = api.get("/bestsellers").text

    for url in ("none", "redis://127.0.0.1:9/0"):
        with configured(**edge_environment | {"CACHE_URL": url}):
            assert api.get("/bestsellers").text == with_cache


def test_what_is_no_longer_for_sale_is_left_out_and_the_next_best_shown(
    api: HttpApi, valkey: Any, seller: Person, tea: str, pot: str
) -> None:
    _sell({tea: 2, pot: 5})
    api.send("DELETE", f"/products/{pot}", seller, headers={"if-match": "*"})

    assert _top(api, valkey, limit=1) == {"Tea": 2}


def test_a_product_is_shown_as_it_is_now(api: HttpApi, valkey: Any, seller: Person, tea: str) -> None:
    _sell({tea: 2})
    api.get("/bestsellers")
    api.send("PATCH", f"/products/{tea}", seller, headers={"if-match": "*"}, body={"name": "Green tea"})

    (item,) = api.get("/bestsellers").json()["items"]

    assert item["product"]["name"] == "Green tea"


@pytest.mark.parametrize("is_counted", [True, False])
def test_what_was_sold_more_than_thirty_days_ago_is_left_out(
    api: HttpApi, valkey: Any, services: Services, tea: str, pot: str, *, is_counted: bool
) -> None:
    if is_counted:
        _top(api, valkey)
    old, recent = _sell({tea: 7}), _sell({pot: 1})
    _back(services, old, days=30)
    _back(services, recent, days=29)

    for order in (old, recent):
        _rank(events.CONFIRMED, _found(order))

    assert _top(api, valkey) == {"Pot": 1}


@pytest.mark.parametrize(("limit", "shown"), [("1", 1), ("2", 2), ("", 2)])
def test_as_many_are_shown_as_were_asked_for(
    api: HttpApi, valkey: Any, tea: str, pot: str, *, limit: str, shown: int
) -> None:
    _sell({tea: 2, pot: 5})

    answer = api.get("/bestsellers", query={"limit": limit} if limit else {})

    assert len(answer.json()["items"]) == shown


@pytest.mark.parametrize("limit", ["0", "51", "-1", "x", "1.5"])
def test_a_limit_that_is_none_is_refused(api: HttpApi, edge: Edge, limit: str) -> None:
    assert api.send("GET", "/bestsellers", query={"limit": limit}).status == 422


def test_nothing_sold_is_nothing_to_show(api: HttpApi, valkey: Any) -> None:
    assert api.get("/bestsellers").json() == {"items": []}
    assert _top(api, valkey) == {}


def test_everything_that_is_counted_expires(api: HttpApi, valkey: Any, tea: str) -> None:
    _top(api, valkey)
    _rank(events.CONFIRMED, _sell({tea: 2}))
    _top(api, valkey)

    keys = valkey.keys()
    assert len(keys) >= 4
    assert [key for key in keys if valkey.ttl(key) == -1] == []


def test_a_corrupt_count_is_made_anew(api: HttpApi, valkey: Any, tea: str) -> None:
    _sell({tea: 2})
    _top(api, valkey)
    valkey.set(bestsellers._key(bestsellers._days()[0]), "not a sorted set")

    assert _top(api, valkey) == {"Tea": 2}


@pytest.mark.parametrize("url", ["none", "redis://127.0.0.1:9/0"])
def test_while_valkey_is_down_an_event_comes_again(
    edge_environment: dict[str, str], valkey: Any, tea: str, url: str
) -> None:
    order = _sell({tea: 2})

    with configured(**edge_environment | {"CACHE_URL": url}), pytest.raises(Unavailable):
        _rank(events.CONFIRMED, order)


def test_another_event_is_an_error(valkey: Any, tea: str) -> None:
    with pytest.raises(Unreadable):
        _rank(events.SHIPPED, _sell({tea: 2}))


def test_a_count_belongs_to_the_request_that_was_ordered_in(valkey: Any, tea: str, logs: LogLines) -> None:
    from chalicelib.observability import correlated

    with correlated("request-12345"):
        _rank(events.CONFIRMED, _sell({tea: 2}))

    (record,) = [record for record in logs.records if record["message"] == "sales counted"]
    assert record["correlation_id"] == "request-12345"
    assert record["counted"] is False


def _sell(quantities: dict[str, int]) -> Order:
    return confirmed(enrolled(), quantities)


def _cancelled(order: Order) -> Order:
    from chalicelib.caller import Caller

    return database.write(lambda: orders.cancel(Caller(order.buyer_id, frozenset({"users"})), order.id))


def _found(order: Order) -> Order:
    found = database.read(lambda: repository.find(order.id))
    assert found is not None
    return found


def _back(services: Services, order: Order, *, days: int) -> None:
    services.sql(
        "UPDATE orders SET confirmed_at = confirmed_at - make_interval(days => :days) WHERE id = :id",
        days=days,
        id=str(order.id),
    )


def _rank(kind: Any, order: Order) -> None:
    app.rank_bestsellers(bus_event(sealed(kind, order).to_json()), Context())


def _top(api: HttpApi, valkey: Any, limit: int = 10) -> dict[str, int]:
    """What sold, asked for when no answer is remembered."""
    for key in valkey.keys("{bestsellers}:1:answer:*"):
        valkey.delete(key)
    items = api.get("/bestsellers", query={"limit": limit}).json()["items"]
    return {item["product"]["name"]: item["sold"] for item in items}


def _is_counted(valkey: Any) -> bool:
    """Whether the answer was taken from the counts."""
    return bool(valkey.exists(bestsellers._BUILT))
