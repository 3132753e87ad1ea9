"""Asking every dependency how it is, one after the other, each within its own short time-out."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import text

from chalicelib import cache, clients, config, database, users
from chalicelib.caller import Caller
from chalicelib.errors import Unavailable
from chalicelib.messaging import queues

REQUIRED = frozenset({"database", "table"})


class DependencyDown(Unavailable):
    """A dependency that the service cannot do without is down."""


def dependencies(caller: Caller) -> dict[str, Any]:
    """`{"status", "dependencies": {name: {"state", "milliseconds"}}}` for admins.

    Raises `DependencyDown` naming the required ones that are down, and `Forbidden` for all but admins.
    """
    found = {name: _timed(check) for name, check in _CHECKS.items()}
    down = sorted(name for name in REQUIRED if found[name]["state"] != "up")
    if down:
        raise DependencyDown(f"Down: {', '.join(down)}.", retry_after=5)
    users.require_admin(caller)
    return {"status": "ok", "dependencies": found}


def _timed(check: Callable[[], str]) -> dict[str, Any]:
    started = time.perf_counter()
    try:
        state = check()
    except Exception:  # noqa: BLE001  whatever is wrong with a dependency, it is not up
        state = "down"
    return {"state": state, "milliseconds": round((time.perf_counter() - started) * 1000, 1)}


def _database() -> str:
    database.connection().execute(text("SELECT 1"))
    return "up"


def _cache() -> str:
    if not config.current().cache_url:
        return "absent"
    return "down" if cache.attempt(lambda client: client.ping()) is cache.MISS else "up"


def _table() -> str:
    table = clients.client("dynamodb").describe_table(TableName=config.current().table_name)
    return "up" if table["Table"]["TableStatus"] == "ACTIVE" else "down"


def _queue() -> str:
    queue = queues.url(queues.ORDERS.name)
    clients.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessages"])
    return "up"


_CHECKS = {"database": _database, "cache": _cache, "queue": _queue, "table": _table}
