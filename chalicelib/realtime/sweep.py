"""Removing connections whose end API Gateway did not tell."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from chalicelib import table
from chalicelib.observability import count, logger
from chalicelib.realtime import connections, sockets

RESERVE_MILLISECONDS = 10_000
AT_ONCE = 8

_PAGE = 200
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def remove_gone(context: Any) -> int:
    """Removes connections that have ended, until all were looked at or the time is nearly up; returns how many.

    Each run begins at another place, so that those that one run did not come to are not left out by the next.
    """
    looked_at = removed = 0
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for page in _pages(secrets.choice(_ALPHABET)):
            if context.get_remaining_time_in_millis() < RESERVE_MILLISECONDS:
                break
            removed += sum(pool.map(_remove_if_gone, page))
            looked_at += len(page)
    count("ConnectionsSwept", removed)
    logger.info("connections swept", extra={"looked_at": looked_at, "removed": removed})
    return removed


def _pages(start: str) -> Iterator[list[table.Item]]:
    """Every connection: from `start` to the end of the index, and then from its beginning."""
    for above, up_to in ((start, ""), ("", start)):
        last = above
        while page := table.indexed(connections.BY_ITSELF, last, _PAGE):
            last = page[-1]["gsi1sk"]
            inside = [item for item in page if not up_to or item["gsi1sk"] <= up_to]
            if inside:
                yield inside
            if len(inside) < len(page):
                return


def _remove_if_gone(item: table.Item) -> bool:
    connection_id = item["gsi1sk"]
    if item["expires_at"] > time.time() and _is_open(connection_id):
        return False
    return connections.remove_gone(connection_id, item["person_id"])


def _is_open(connection_id: str) -> bool:
    """Whether somebody is connected, as far as can be told."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        sockets.management().get_connection(ConnectionId=connection_id)
    except BotoCoreError:
        return True
    except ClientError as error:
        return not sockets.is_gone(error)
    return True
