"""Sending frames: to one connection, or to every connection of a person.

A frame is a JSON object of less than 32 KB, which API Gateway carries in one piece.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

from chalicelib import clients, config
from chalicelib.errors import Unavailable
from chalicelib.observability import count, logger
from chalicelib.realtime import connections
from chalicelib.web import strict_json

MAX_FRAME_BYTES = 32 * 1024
AT_ONCE = 8

_NOBODY_THERE = {"GoneException", "BadRequestException"}


class Gone(Exception):
    """Nobody is at the other end; the connection is forgotten, unless it is so young that it may be opening."""


class FrameTooLarge(Exception):
    """The frame is larger than API Gateway carries in one piece. A defect of the sender's."""


def send(connection_id: str, frame: Mapping[str, Any], person_id: UUID | str | None = None) -> None:
    """Sends `frame` to a connection. Raises `Gone`, and `Unavailable` when it may not have arrived.

    Nothing is sent twice: a frame whose sending timed out may have arrived.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    if not fits(frame):
        raise FrameTooLarge(f"{frame.get('type')} is larger than {MAX_FRAME_BYTES} bytes")
    try:
        management().post_to_connection(ConnectionId=connection_id, Data=_encoded(frame))
    except BotoCoreError as error:
        raise _unavailable(type(error).__name__) from None
    except ClientError as error:
        if not is_gone(error):
            raise _unavailable(str(error.response["Error"].get("Code"))) from None
        connections.remove_gone(connection_id, person_id)
        raise Gone(connection_id) from None


def push(person_id: UUID | str, frame: Mapping[str, Any]) -> int:
    """Sends `frame` to every connection of the person and returns to how many; those that are gone are forgotten.

    Some at once, so that a silent connection holds few others up. Raises `Unavailable` when one may not have got it,
    after the others have. Who sends it again gives it to all of them again: a frame that may be repeated has an `id`.
    """
    open_now = connections.of_person(person_id)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        failures = list(pool.map(lambda connection_id: _failure_of(connection_id, frame, person_id), open_now))
    count("FramesPushed", failures.count(None))
    count("ConnectionsGone", sum(isinstance(failure, Gone) for failure in failures))
    for failure in failures:
        if isinstance(failure, Unavailable):
            raise failure
    return failures.count(None)


def fits(frame: Mapping[str, Any]) -> bool:
    """Whether the frame is small enough to be sent."""
    return len(_encoded(frame)) < MAX_FRAME_BYTES


def management() -> Any:
    """The client of the WebSocket API's connections. A frame is not sent a second time by it."""
    endpoint = config.current().realtime_endpoint
    return clients.client("apigatewaymanagementapi", attempts=1, endpoint=endpoint)


def is_gone(error: Any) -> bool:
    """Whether a botocore `ClientError` says that nobody is connected by this id (410; 400 for no id at all)."""
    return error.response["Error"].get("Code") in _NOBODY_THERE


def _failure_of(connection_id: str, frame: Mapping[str, Any], person_id: UUID | str) -> Gone | Unavailable | None:
    try:
        send(connection_id, frame, person_id)
    except (Gone, Unavailable) as failure:
        return failure
    return None


def _encoded(frame: Mapping[str, Any]) -> bytes:
    return strict_json.dumps(frame).encode()


def _unavailable(reason: str) -> Unavailable:
    logger.warning("frame not sent", extra={"reason": reason})
    return Unavailable("The connection cannot be reached right now.")
