"""WebSockets as API Gateway tells a function of them, and people who are connected."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import app
from chalicelib import realtime, table
from chalicelib.caller import Caller
from tests.events import ADDRESS, API_ID, Context

OPENED_SECONDS_AGO = 60
ORIGIN = "https://realtime.marketplace.example"


def socket_event(kind: str, connection_id: str, **more: Any) -> dict[str, Any]:
    """An event of a WebSocket API: `"CONNECT"`, `"MESSAGE"` or `"DISCONNECT"`."""
    route = {"CONNECT": "$connect", "MESSAGE": "$default", "DISCONNECT": "$disconnect"}[kind]
    return {
        "requestContext": {
            "routeKey": route,
            "eventType": kind,
            "messageDirection": "IN",
            "extendedRequestId": uuid4().hex,
            "requestId": uuid4().hex,
            "connectionId": connection_id,
            "apiId": API_ID,
            "domainName": f"{API_ID}.execute-api.eu-central-1.amazonaws.com",
            "stage": "ws",
            "identity": {"sourceIp": ADDRESS},
        },
        "isBase64Encoded": False,
        **more,
    }


def new_id() -> str:
    """The id of a new connection, as API Gateway makes them."""
    return f"{uuid4().hex[:15]}="


def ticket_of(person_id: UUID) -> str:
    """A new ticket of somebody who has a profile."""
    from chalicelib import database

    return str(database.write(lambda: realtime.issue(Caller(person_id)))["ticket"])


def connect(ticket: str | None, connection_id: str = "", *, headers: dict[str, str] | None = None, **query: str) -> int:
    """The status with which a connection is accepted or refused."""
    given = query if ticket is None else query | {"ticket": ticket}
    event = socket_event(
        "CONNECT", connection_id or new_id(), headers=headers or {}, queryStringParameters=given or None
    )
    return int(app.websocket_connect(event, Context())["statusCode"])


def send(connection_id: str, body: str | None) -> Any:
    """What the function answers to a message; the client gets frames, not this."""
    return app.websocket_message(socket_event("MESSAGE", connection_id, body=body), Context())


def disconnect(connection_id: str) -> None:
    """The end of a connection, told by API Gateway."""
    app.websocket_disconnect(socket_event("DISCONNECT", connection_id, disconnectStatusCode=1001), Context())


def connected(person_id: UUID, *, seconds_ago: int = OPENED_SECONDS_AGO) -> str:
    """A connection of the person that was opened so many seconds ago."""
    from chalicelib.realtime import connections

    connection_id = new_id()
    connections._add(connection_id, person_id)
    for pk, sk in keys(person_id, connection_id):
        table.update(pk, sk, "SET expires_at = expires_at - :ago", ago=seconds_ago)
    return connection_id


def keys(person_id: UUID, connection_id: str) -> list[tuple[str, str]]:
    """Where the two items of a connection are."""
    return [(f"connection#{connection_id}", "connection"), (table.person(person_id), f"connection#{connection_id}")]


def is_known(person_id: UUID, connection_id: str) -> bool:
    """Whether the connection is in the table. It is there twice or not at all."""
    found = [table.get(pk, sk) is not None for pk, sk in keys(person_id, connection_id)]
    assert len(set(found)) == 1, found
    return found[0]
