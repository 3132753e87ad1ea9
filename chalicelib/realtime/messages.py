"""What clients send over a WebSocket: JSON objects whose `action` says what they want."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol
from uuid import UUID

from chalicelib.caller import Caller
from chalicelib.errors import Invalid, Unauthenticated, Unavailable, Violation
from chalicelib.realtime import connections, schemas, sockets
from chalicelib.web import problems, strict_json, validation

PATH = "/ws"
MOST_VIOLATIONS = 20


class Asks(Protocol):
    """Has a question answered over the connection."""

    def __call__(self, caller: Caller, connection_id: str, message: str, conversation_id: UUID | None) -> None: ...


class Stops(Protocol):
    """Stops the answer that is under way over the connection."""

    def __call__(self, connection_id: str) -> None: ...


def receive(event: Mapping[str, Any], *, ask: Asks, stop: Stops) -> None:
    """Does what the message of API Gateway's `$default` route asks for, or sends an error frame. Never raises.

    `ask` and `stop` are the assistant's. A client that is gone is told nothing.
    """
    connection_id = event["requestContext"]["connectionId"]
    try:
        message = _message(event.get("body"))
        match message["action"]:
            case "ping":
                _reply(connection_id, {"type": "pong"})
            case "stop":
                stop(connection_id)
            case "ask":
                _ask(connection_id, message, ask)
    except sockets.Gone:
        return
    except Exception as error:  # noqa: BLE001  whatever went wrong, the client hears of it
        _reply(connection_id, {"type": "error", "problem": _problem(error)})


def _ask(connection_id: str, message: Mapping[str, Any], ask: Asks) -> None:
    from chalicelib.web import rate_limit

    person_id = connections.person_of(connection_id)
    if person_id is None:
        raise Unauthenticated("This connection has ended; connect with a new ticket.")
    caller = Caller(person_id)
    rate_limit.spend("write", caller, "")
    ask(caller, connection_id, message["message"], message["conversation_id"])


def _message(body: str | None) -> Mapping[str, Any]:
    """The message as its action's schema loads it. Raises `Malformed` and `Invalid`."""
    given = strict_json.loads((body or "").encode(errors="surrogatepass"))
    action = given.get("action") if isinstance(given, dict) else None
    if not isinstance(action, str) or action not in schemas.ACTIONS:
        detail = f"Say what to do: {', '.join(schemas.ACTIONS)}."
        raise Invalid("The message is not valid.", [Violation("/action", detail)])
    loaded: Mapping[str, Any] = validation.loaded(schemas.ACTIONS[action], given)
    return loaded


def _problem(error: Exception) -> Any:
    """The problem details, of which a frame has room for some violations only."""
    _, _, body = problems.describe(error, PATH)
    problem = json.loads(body)
    if "errors" in problem:
        problem["errors"] = problem["errors"][:MOST_VIOLATIONS]
    return problem


def _reply(connection_id: str, frame: Mapping[str, Any]) -> None:
    """A reply that does not arrive is not worth a second failure: the client asks again, or connects anew."""
    try:
        sockets.send(connection_id, frame)
    except (sockets.Gone, Unavailable):
        return
