"""Asking over a WebSocket, and stopping: what `websocket_message` does without the database.

A question is written down under its connection and handed to the function `answer_question`, which may talk for longer
than a message of a WebSocket may take.
"""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from chalicelib import clients, config
from chalicelib.assistant.turns import Turn, request_stop
from chalicelib.caller import Caller
from chalicelib.errors import Unavailable
from chalicelib.ids import new_id
from chalicelib.observability import correlation_id, logger

FUNCTION = "answer_question"


def ask(caller: Caller, connection_id: str, message: str, conversation_id: UUID | None) -> None:
    """Has `message` answered over the connection.

    Raises `AnswerUnderWay`, and `Unavailable` when nobody can answer it; then nothing is under way.
    """
    turn = Turn(connection_id, new_id())
    turn.ask()
    question = {
        "answer_id": str(turn.answer_id),
        "connection_id": connection_id,
        "person_id": str(caller.id),
        "groups": sorted(caller.groups),
        "message": message,
        "conversation_id": None if conversation_id is None else str(conversation_id),
        "correlation_id": correlation_id.get(),
    }
    try:
        _invoke(question)
    except Unavailable:
        turn.close()
        raise


def stop(connection_id: str) -> None:
    """Asks the answer that is under way over the connection to end; without one nothing happens."""
    request_stop(connection_id)


def _invoke(question: dict[str, Any]) -> None:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        clients.client("lambda").invoke(
            FunctionName=config.callable_name(FUNCTION), InvocationType="Event", Payload=json.dumps(question).encode()
        )
    except (BotoCoreError, ClientError) as error:
        logger.warning("question not handed over", extra={"reason": type(error).__name__})
        raise Unavailable("The assistant cannot be reached right now.") from None
