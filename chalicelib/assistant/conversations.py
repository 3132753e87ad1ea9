"""What was asked and replied, remembered for 30 days. A conversation is found under its person alone."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from chalicelib import table
from chalicelib.assistant.failures import ConversationNotFound
from chalicelib.ids import new_id

KEPT_SECONDS = 30 * 24 * 3600
USER = "user"
ASSISTANT = "assistant"


@dataclass(frozen=True)
class Message:
    """A question of the `user`, or a reply of the `assistant` with the products that it names."""

    role: str
    text: str
    sources: Sequence[UUID] = field(default_factory=tuple)


def messages(person_id: UUID, conversation_id: UUID, limit: int) -> list[Message]:
    """The newest `limit` messages in their order. Raises `ConversationNotFound`."""
    prefix = _prefix(conversation_id)
    found = table.newest(table.person(person_id), prefix, limit, before=f"{prefix}~", ConsistentRead=True)
    kept = [item for item in reversed(found) if item["expires_at"] > time.time()]
    if not kept:
        raise ConversationNotFound("There is no such conversation.")
    return [Message(item["role"], item["text"], tuple(map(UUID, item["sources"]))) for item in kept]


def remember(person_id: UUID, conversation_id: UUID, *exchange: Message) -> None:
    """Adds the messages, all or none."""
    expires_at = table.expiry(KEPT_SECONDS)
    table.put_together(
        *(
            table.Put(
                {
                    "pk": table.person(person_id),
                    "sk": f"{_prefix(conversation_id)}{new_id()}",
                    "role": message.role,
                    "text": message.text,
                    "sources": [str(source) for source in message.sources],
                    "expires_at": expires_at,
                }
            )
            for message in exchange
        )
    )


def _prefix(conversation_id: UUID) -> str:
    return f"conversation#{conversation_id}#"
