"""The relay: takes events from the outbox to where they go.

It runs right after the commit that stored an event, and on a schedule for what that missed. Rows are claimed with SKIP
LOCKED and stay locked while they are sent, so two relays never send the same row at once; only what the service
confirmed is marked. A row is not claimed while an earlier one of its group and destination waits, or is being sent: the
relay that sends the earlier one takes what was added to its group in the meantime, too. What fails is tried again after
a growing pause on the database's clock; what the service refuses as such is parked after a few attempts and holds
nothing back any more.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text

from chalicelib import database
from chalicelib.breaker import Breaker
from chalicelib.messaging import destinations
from chalicelib.messaging.destinations import Failure, Failures, Message
from chalicelib.messaging.envelope import Destination
from chalicelib.observability import correlated, count, logger

CLAIMED_AT_ONCE = 30
ATTEMPTS_BEFORE_PARKING = 5
LONGEST_PAUSE_SECONDS = 300
BREAK_SECONDS = 5.0
RESERVE_MILLISECONDS = 25_000
"""What a sweep leaves of its function's time: one more round with every destination timing out, twice each."""

_CLAIM = """
    SELECT position, event_id, destination, group_id, type, body, correlation_id
    FROM outbox AS due
    WHERE published_at IS NULL AND parked_at IS NULL AND next_attempt_at <= now() {chosen}
      AND NOT EXISTS (
        SELECT FROM outbox AS earlier
        WHERE earlier.destination = due.destination AND earlier.group_id = due.group_id
          AND earlier.position < due.position AND earlier.published_at IS NULL AND earlier.parked_at IS NULL
      )
    ORDER BY position LIMIT :limit
    FOR UPDATE SKIP LOCKED
"""
_CLAIM_DUE = text(_CLAIM.format(chosen=""))
_CLAIM_OF_GROUPS = text(
    _CLAIM.format(
        chosen="AND destination = ANY(CAST(:destinations AS text[])) AND group_id = ANY(CAST(:groups AS uuid[]))"
    )
)

_PUBLISHED = text("""
    UPDATE outbox SET published_at = now(), attempts = attempts + 1
    WHERE position = ANY(CAST(:positions AS bigint[]))
""")
_FAILED = text(f"""
    UPDATE outbox
    SET attempts = attempts + 1,
        error = :error,
        next_attempt_at = clock_timestamp() + make_interval(
            secs => least(power(2, attempts + 1), {LONGEST_PAUSE_SECONDS}) * (0.75 + random() / 2)),
        parked_at = CASE WHEN :is_refused AND attempts + 1 >= {ATTEMPTS_BEFORE_PARKING} THEN now() END
    WHERE position = :position
""")  # noqa: S608  the only values in the text are our own constants
_STATE = text("""
    SELECT count(*) AS pending,
           coalesce(extract(epoch FROM now() - min(created_at)), 0) AS oldest_seconds,
           (SELECT count(*) FROM outbox WHERE parked_at IS NOT NULL) AS parked
    FROM outbox WHERE published_at IS NULL AND parked_at IS NULL
""")

_breaker = Breaker(BREAK_SECONDS)
_collected: ContextVar[list[UUID] | None] = ContextVar("collected_groups", default=None)


@dataclass(frozen=True)
class OutboxState:
    """How many events wait, how many were given up on, and for how long the oldest has waited."""

    pending: int
    parked: int
    oldest_seconds: int


def relay_soon(group: UUID) -> None:
    """Sends the events of a group to which one has just been committed: now, or at the end of `together()`."""
    collected = _collected.get()
    if collected is None:
        relay_groups([group])
    else:
        collected.append(group)


@contextmanager
def together() -> Iterator[None]:
    """Sends the events of all transactions inside in one go at the end, when the block fails too."""
    collected: list[UUID] = []
    token = _collected.set(collected)
    try:
        yield
    finally:
        _collected.reset(token)
        if collected:
            relay_groups(collected)


def relay_groups(groups: Sequence[UUID]) -> None:
    """Sends what is due of these groups if it can. Never raises: events are stored, and the sweep tries again.

    Asks until nothing is due: whoever added an event while an earlier one of its group was being sent has left it here.
    After a round in which nothing arrived, or a service was not reached, the next few seconds are left to the sweep, so
    that requests do not wait.
    """
    if _breaker.is_open:
        return
    chosen = {
        "destinations": [destination.value for destination in Destination],
        "groups": [str(group) for group in groups],
    }
    try:
        while sent := _relay_round(_CLAIM_OF_GROUPS, chosen):
            pass
        if sent == 0:
            _breaker.trip()
    except Exception as error:  # noqa: BLE001  the change is committed, its caller must not be told otherwise
        _breaker.trip()
        count("RelayFailures")
        logger.warning("events left to the sweep", extra={"reason": type(error).__name__})


def relay_due(context: Any) -> int:
    """Sends whatever is due, until nothing is or the time of the function is nearly up; returns how many were sent."""
    sent = 0
    while context.get_remaining_time_in_millis() > RESERVE_MILLISECONDS:
        outcome = _relay_round(_CLAIM_DUE, {})
        if outcome is None:
            break
        sent += outcome
    state = database.read(outbox_state)
    count("EventsRelayed", sent)
    count("EventsPending", state.pending)
    count("EventsParked", state.parked)
    count("OutboxAgeSeconds", state.oldest_seconds)
    logger.info("outbox swept", extra={"sent": sent, "pending": state.pending, "parked": state.parked})
    return sent


def outbox_state() -> OutboxState:
    """What waits in the outbox now."""
    row = database.connection().execute(_STATE).one()
    return OutboxState(row.pending, row.parked, int(row.oldest_seconds))


def _relay_round(claim: Any, chosen: dict[str, Any]) -> int | None:
    """Sends what one claim finds; returns how many were confirmed, or None when there was nothing to send."""
    return database.write(lambda: _send_claimed(claim, chosen))


def _send_claimed(claim: Any, chosen: dict[str, Any]) -> int | None:
    connection = database.connection()
    rows = connection.execute(claim, {"limit": CLAIMED_AT_ONCE} | chosen).all()
    if not rows:
        return None
    started = time.perf_counter()
    failures = destinations.send([Message(**row._asdict()) for row in rows], _note)
    if any(failure.is_outage for failure in failures.values()):
        _breaker.trip()
    milliseconds = round((time.perf_counter() - started) * 1000, 1)
    for row in rows:
        _tell(row, failures.get(row.position), milliseconds)
    return len(rows) - len(failures)


def _note(sent: Sequence[Message], failures: Failures) -> None:
    """Notes what became of one call; after each, because PostgreSQL ends a transaction that is idle for long."""
    published = [message.position for message in sent if message.position not in failures]
    if published:
        database.connection().execute(_PUBLISHED, {"positions": published})
    for position, failure in failures.items():
        _put_off(position, failure)


def _put_off(position: int, failure: Failure) -> None:
    count("PublishFailures")
    database.connection().execute(
        _FAILED, {"position": position, "error": failure.reason, "is_refused": failure.is_refusal}
    )


def _tell(row: Any, failure: Failure | None, milliseconds: float) -> None:
    event = {
        "event_id": str(row.event_id),
        "type": row.type,
        "destination": row.destination,
        "milliseconds": milliseconds,
    }
    with correlated(row.correlation_id):
        if failure is None:
            logger.info("event published", extra=event)
        else:
            logger.warning("event not published", extra=event | {"reason": failure.reason})
