"""What can be done with the assistant over HTTP. A use case reads through `look_up`, which is `database.read`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from chalicelib import users
from chalicelib.assistant import conversations, model
from chalicelib.assistant.conversations import ASSISTANT, USER, Message
from chalicelib.assistant.dialogue import Answer, Deadline, Dialogue
from chalicelib.assistant.reading import LookUp
from chalicelib.assistant.usage import Usage
from chalicelib.caller import Caller
from chalicelib.ids import new_id
from chalicelib.observability import logger

SECONDS = 24
"""For a whole answer: the API function has 28."""

REMEMBERED = 20
"""Messages of the conversation that the model is shown."""

SHOWN = 100


@dataclass(frozen=True)
class Reply:
    """An answer, and the conversation that it belongs to."""

    conversation_id: UUID
    reply: str
    sources: tuple[UUID, ...]
    usage: Usage


@dataclass(frozen=True)
class Conversation:
    """What was asked and replied, in its order."""

    id: UUID
    messages: list[Message]


def reply(caller: Caller, question: Mapping[str, Any], look_up: LookUp) -> Reply:
    """The answer to the caller's question.

    Raises `ConversationNotFound`, `BudgetSpent`, `ModelBusy`, `ModelFailed` and `OutOfTime`.
    """
    deadline = Deadline(SECONDS)
    look_up(lambda: users.require_active(caller))
    conversation_id, history = resume(caller, question["conversation_id"])
    dialogue = Dialogue(caller, look_up, model.converse, deadline)
    answer = dialogue.run(question["message"], history, lambda _: None)
    remember(caller, conversation_id, question["message"], answer)
    logger.info("question answered", extra=asdict(answer.usage))
    return Reply(conversation_id, answer.text, tuple(answer.sources), answer.usage)


def conversation(caller: Caller, conversation_id: UUID) -> Conversation:
    """The caller's conversation. Raises `ConversationNotFound`."""
    return Conversation(conversation_id, conversations.messages(caller.id, conversation_id, SHOWN))


def resume(caller: Caller, conversation_id: UUID | None) -> tuple[UUID, list[Message]]:
    """The conversation that a question belongs to and what was said last; a new one without an id.

    Raises `ConversationNotFound`.
    """
    if conversation_id is None:
        return new_id(), []
    return conversation_id, conversations.messages(caller.id, conversation_id, REMEMBERED)


def remember(caller: Caller, conversation_id: UUID, question: str, answer: Answer) -> None:
    """Adds the question and its answer to the conversation."""
    replied = Message(ASSISTANT, answer.text, tuple(answer.sources))
    conversations.remember(caller.id, conversation_id, Message(USER, question), replied)
