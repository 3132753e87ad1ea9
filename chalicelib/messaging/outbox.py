"""The outbox: an event is stored in the transaction of the change it tells of, and sent once that has committed.

There is no moment at which one exists without the other. What a crash leaves unsent, the relay's next sweep sends.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import text

from chalicelib import database
from chalicelib.messaging import relay
from chalicelib.messaging.envelope import EventType, sealed
from chalicelib.observability import logger

_STORE = text("""
    INSERT INTO outbox (event_id, destination, group_id, type, body, correlation_id)
    SELECT :event, unnest(CAST(:destinations AS text[])), :group, :type, :body, :correlation
""")


def add(kind: EventType, subject: Any, *, group: UUID) -> None:
    """Stores an event of `kind` about `subject` with the transaction at hand, and has it sent after the commit.

    Events of one `group` arrive at a destination in the order in which they were added. Raises `TooLarge`.
    """
    event = sealed(kind, subject)
    destinations = [destination.value for destination in kind.destinations]
    database.connection().execute(
        _STORE,
        {
            "event": event.id,
            "destinations": destinations,
            "group": group,
            "type": event.type,
            "body": event.to_json(),
            "correlation": event.correlation_id,
        },
    )
    logger.info("event stored", extra={"event_id": str(event.id), "type": event.type, "destinations": destinations})
    database.after_commit(lambda: relay.relay_soon(group))
