"""Connections that break: to PostgreSQL at every step of an order, and to the queues while events are sent.

What was acknowledged is stored, a client that repeats its request gets its one order, and what could not be sent is
left to the sweep. The API runs behind proxies; everything else is connected directly.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from urllib.parse import urlsplit

from chalicelib import clients, config
from chalicelib.database.engine import engine
from tests.faults.network import Fault, Proxy
from tests.faults.pipeline import Pipeline
from tests.faults.shop import Expected, Shop
from tests.faults.workers import Server
from tests.faults.world import World

READ_SECONDS = 0.3
"""How long the API waits for an answer here; in production it is longer."""
PATIENCE_SECONDS = 60

Prepare = Callable[[], None]


@dataclass
class Site:
    """An API behind proxies, and a pipeline that is connected directly."""

    shop: Shop
    api: Server
    pipeline: Pipeline
    database: Proxy
    queues: Proxy
    expected: Expected

    def order(self) -> int:
        """Somebody orders, and insists; how often they had to ask."""
        purchase = self.shop.purchase(self.expected)
        deadline = time.monotonic() + PATIENCE_SECONDS
        times = 1
        while not purchase.answered(self.api.call(purchase.function, purchase.event)):
            if time.monotonic() > deadline:
                self.expected.refusals.append(f"no answer to {purchase.key}")
                break
            time.sleep(0.01)
            times += 1
        return times


@contextmanager
def site(world: World, shop: Shop, variant: Prepare = lambda: None) -> Iterator[Site]:
    """A site with products of its own."""
    database = Proxy(*_address(world.variables["DATABASE_URL"]))
    queues = Proxy(*_address(world.variables["AWS_ENDPOINT_URL"]))
    expected = shop.opened(1)

    def behind_proxies() -> None:
        variant()
        _go_through(database.port, queues.port)

    api, direct = Server("api", behind_proxies), Server("direct")
    database.start()
    queues.start()
    try:
        yield Site(shop, api, Pipeline(world, direct), database, queues, expected)
    finally:
        for each in (api, direct):
            each.end()


def steps(at: Site) -> int:
    """How many things the API sends to PostgreSQL for an order, on a connection that it has already."""
    at.order()
    at.database.arm(None)
    at.order()
    return at.database.sent


def database_faults(number: int) -> list[Fault]:
    """Each kind of fault at each of `number` steps."""
    return [Fault(nth, what, how) for nth, what, how in product(range(1, number + 1), WHATS, HOWS)]


WHATS = ("request", "answer")
HOWS = ("cut", "stall")
QUEUE_FAULTS = [Fault(0, what, how) for what, how in product(WHATS, HOWS)]


def break_database(at: Site, faults: list[Fault]) -> dict[str, int]:
    """An order is placed through each fault, and another one after it. Which struck, and how often was asked."""
    asked = {}
    for fault in faults:
        at.order()
        at.database.arm(fault)
        times = at.order()
        if at.database.hits:
            asked[str(fault)] = times
        at.database.arm(None)
        at.database.cut_all()
    at.order()
    at.pipeline.settle()
    return asked


def break_queues(at: Site, times: int) -> dict[str, int]:
    """Orders are placed while nothing gets through to the queues, or no answer from there. How often each struck."""
    struck = {}
    for fault in QUEUE_FAULTS:
        at.queues.arm(fault)
        for _ in range(times):
            _at_once(at)
        struck[str(fault)] = at.queues.hits
        at.queues.arm(None)
        at.queues.cut_all()
        at.pipeline.settle()
    return struck


def _at_once(at: Site) -> None:
    """An order that is answered the first time: it does not need the queues."""
    if at.order() > 1:
        at.expected.refusals.append("an order was not answered at once, though only the queues were away")


def _go_through(database: int, queues: int) -> None:
    """Puts this process behind the proxies, with little patience."""
    from chalicelib import breaker
    from chalicelib.database import engine as connections
    from chalicelib.messaging import relay

    url = urlsplit(os.environ["DATABASE_URL"])
    os.environ["DATABASE_URL"] = url._replace(netloc=f"{url.netloc.rpartition(':')[0]}:{database}").geturl()
    os.environ["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{queues}"
    connections.READ_SECONDS = clients.READ_SECONDS = READ_SECONDS  # type: ignore[assignment]
    relay._breaker = breaker.Breaker(0)
    for cache in (config.current, engine, clients.client, clients._session):
        cache.cache_clear()


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return str(parts.hostname), int(parts.port or 0)
