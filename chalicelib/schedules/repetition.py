"""Work that a schedule starts: small steps, each in a transaction of its own, until nothing is left to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chalicelib import database
from chalicelib.messaging import relay
from chalicelib.observability import count, logger

RESERVE_MILLISECONDS = 20_000
"""No step is begun when the function has less time left: what the steps stored is sent at the end."""


def repeat(step: Callable[[], int], context: Any, metric: str) -> int:
    """Calls `step` until it has done nothing, or the function's time is nearly up; returns how much was done.

    Runs may overlap and be repeated: `step` takes only what nobody else has. `metric` counts what was done.
    """
    done = 0
    try:
        with relay.together():
            while context.get_remaining_time_in_millis() > RESERVE_MILLISECONDS:
                amount = database.write(step)
                if not amount:
                    break
                done += amount
    finally:
        count(metric, done)
        logger.info("schedule done", extra={"metric": metric, "amount": done})
    return done
