"""Connections that break: to PostgreSQL at every step of an order, and to the queues while events are sent.

What was acknowledged is stored, a client that repeats its request gets its one order, and what could not be sent is
left to the sweep. The API runs behind proxies; everything else is connected directly.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from urllib.parse import urlsplit

from chalicelib import clients, config
from chalicelib.breaker import Breaker
from chalicelib.database import engine as database_engine
from chalicelib.messaging import relay
from tests.faults.network import Fault, Proxy
from tests.faults.pipeline import Pipeline
from tests.faults.shop import Expected, Shop
from tests.faults.workers import Server
from tests.faults.world import World

IMPATIENT_SECONDS = 0.3
"""How long the API waits for an answer of what is being broken; in production it is longer."""
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

    asked_again: int = 0

    def order(self) -> None:
        """Somebody orders, and insists."""
        purchase = self.shop.purchase(self.expected)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not purchase.answered(self.api.call(purchase.function, purchase.event)):
            if time.monotonic() > deadline:
                self.expected.refusals.append(f"no answer to {purchase.key}")
                break
            time.sleep(0.01)
            self.asked_again += 1


@contextmanager
def site(world: World, shop: Shop, prepare: Prepare) -> Iterator[Site]:
    """A site with products of its own; `prepare` is done by its API first."""
    database = Proxy(*_address(world.variables["DATABASE_URL"]))
    queues = Proxy(*_address(world.variables["AWS_ENDPOINT_URL"]))
    expected = shop.opened(1)

    def behind_proxies() -> None:
        prepare()
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


def break_database(at: Site, faults: Sequence[Fault]) -> list[Fault]:
    """An order is placed through each fault, and another one after it. Returns the faults that never struck."""
    missed = []
    for fault in faults:
        at.order()
        at.database.arm(fault)
        at.order()
        if not at.database.hits:
            missed.append(fault)
        at.database.arm(None)
        at.database.cut_all()
    at.order()
    at.pipeline.settle()
    return missed


def break_queues(at: Site, times: int) -> list[Fault]:
    """Orders are placed while nothing gets through to the queues, or no answer from there; they do not need them.

    Returns the faults that never struck.
    """
    missed = []
    for fault in QUEUE_FAULTS:
        at.queues.arm(fault)
        for _ in range(times):
            at.order()
        if at.asked_again:
            at.expected.refusals.append("an order was not answered at once, though only the queues were away")
        if not at.queues.hits:
            missed.append(fault)
        at.queues.arm(None)
        at.queues.cut_all()
        at.pipeline.settle()
    return missed


def impatient_with_database() -> None:
    """Does not wait long for PostgreSQL."""
    database_engine.READ_SECONDS = IMPATIENT_SECONDS


def impatient_with_queues() -> None:
    """Does not wait long for SQS."""
    clients.READ_SECONDS = IMPATIENT_SECONDS  # type: ignore[assignment]


def _go_through(database: int, queues: int) -> None:
    """Puts this process behind the proxies. It tries to send its events with each order, whatever failed before."""
    relay._breaker = Breaker(0)
    url = urlsplit(os.environ["DATABASE_URL"])
    os.environ["DATABASE_URL"] = url._replace(netloc=f"{url.netloc.rpartition(':')[0]}:{database}").geturl()
    os.environ["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{queues}"
    for cache in (config.current, database_engine.engine, clients.client, clients._session):
        cache.cache_clear()


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return str(parts.hostname), int(parts.port or 0)
