"""How many tokens a person may use a day (UTC), counted once for each call of the model.

A call reserves the most that it can use before it is made, and is settled to what it used after it. What a crash leaves
reserved stays counted. Every change bears a mark, so that one whose answer was lost is not made again.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from chalicelib import config, table
from chalicelib.assistant.failures import BudgetSpent
from chalicelib.errors import Unavailable
from chalicelib.ids import new_id
from chalicelib.observability import logger

KEPT_SECONDS = 2 * 24 * 3600

_ATTEMPTS = 8
_MARKS_KEPT = 40
_LONGEST_PAUSE_MILLISECONDS = 40


@dataclass(frozen=True)
class Reservation:
    """Tokens that a call of the model may use."""

    person_id: UUID
    day: str
    tokens: int
    mark: str


def reserve(person_id: UUID, tokens: int) -> Reservation:
    """Takes `tokens` of the person's day. Raises `BudgetSpent` when there are fewer left."""
    reservation = Reservation(person_id, datetime.now(UTC).date().isoformat(), tokens, str(new_id()))
    _add(reservation, tokens, "reserved", limit=config.current().assistant.daily_tokens)
    return reservation


def settle(reservation: Reservation, used: int) -> None:
    """Counts what was used in the place of what was reserved; without the table the reservation stays counted."""
    try:
        _add(reservation, used - reservation.tokens, "settled")
    except Unavailable:
        logger.warning("usage not settled", extra={"reserved": reservation.tokens, "used": used})


def _add(reservation: Reservation, tokens: int, step: str, limit: int | None = None) -> None:
    """Adds `tokens` to the day once, unless that is more than `limit`. Raises `BudgetSpent`."""
    key = table.person(reservation.person_id), f"budget#{reservation.day}"
    mark = f"{step}:{reservation.mark}"
    for _ in range(_ATTEMPTS):
        known = table.get(*key)
        before = known or {"tokens": 0, "changes": 0, "marks": []}
        if mark in before["marks"]:
            return
        if limit is not None and before["tokens"] + tokens > limit:
            raise _spent()
        after = {
            "pk": key[0],
            "sk": key[1],
            "tokens": max(0, before["tokens"] + tokens),
            "changes": before["changes"] + 1,
            "marks": [*before["marks"], mark][-_MARKS_KEPT:],
            "expires_at": table.expiry(KEPT_SECONDS),
        }
        try:
            _replace(known, after)
        except table.ConditionFailed:
            time.sleep(random.randint(1, _LONGEST_PAUSE_MILLISECONDS) / 1000)  # noqa: S311
        else:
            return
    raise Unavailable("Too much is asked at once.")


def _replace(known: table.Item | None, after: table.Item) -> None:
    """Stores the day in the place of `known`. Raises `ConditionFailed` when somebody was faster."""
    if known is None:
        table.put(after, table.ABSENT)
    else:
        table.put(after, "changes = :changes", changes=known["changes"])


def _spent() -> BudgetSpent:
    now = datetime.now(UTC)
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    seconds = max(1, int((midnight - now).total_seconds()))
    return BudgetSpent("You have used up today's questions; ask again tomorrow.", retry_after=seconds)
