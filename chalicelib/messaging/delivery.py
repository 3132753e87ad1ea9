"""Effects that no transaction holds, such as an e-mail: claimed before, settled after, never done twice.

Each delivery is claimed in a transaction of its own that commits before the provider is called. A crash between the
call and its record leaves a claim that nobody can decide; it becomes `uncertain`, is counted, and is not sent again.
What the provider certainly did not take goes back to be claimed with the next delivery of the message.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol
from uuid import UUID

from chalicelib import database
from chalicelib.messaging import inbox
from chalicelib.messaging.consumer import process
from chalicelib.messaging.envelope import Envelope


@dataclass(frozen=True)
class Outcome:
    """What became of a claimed delivery: `sent`, `refused` for good, `uncertain`, or `pending` to be tried again."""

    delivery_id: UUID
    state: str
    detail: str = ""


_IN_OTHER_HANDS = object()


class NotDelivered(Exception):
    """A delivery failed in passing, or is in somebody else's hands; the message has to come again."""


class Post(Protocol):
    """A way to reach people."""

    def plan(self, message: Envelope) -> None:
        """Stores what `message` is to tell whom; again changes nothing."""

    def settle(self, outcome: Outcome) -> None:
        """Stores what became of a delivery."""

    def claim(self, message: Envelope) -> Any | None:
        """Takes one delivery of `message` that waits, or None. One that a crash left in hand becomes uncertain."""

    def is_finished(self, message: Envelope) -> bool:
        """Whether no delivery of `message` waits or is in somebody's hands."""

    def send(self, delivery: Any) -> Outcome:
        """Calls the provider. Never raises."""


def deliver(event: Any, consumer: str, post: Post) -> dict[str, Any]:
    """Delivers what each message of a Chalice `SQSEvent` is to tell people; returns as `consume` does."""
    return process(event, lambda message: _deliver(message, consumer, post))


def _deliver(message: Envelope, consumer: str, post: Post) -> bool:
    is_first, step = database.write(partial(_begin, message, consumer, post))
    while step is not None:
        if step is _IN_OTHER_HANDS:
            raise NotDelivered("another invocation is delivering it")
        outcome = post.send(step)
        if outcome.state == "pending":
            database.write(partial(post.settle, outcome))
            raise NotDelivered(outcome.detail)
        step = database.write(partial(_go_on, message, consumer, post, outcome))
    return is_first


def _begin(message: Envelope, consumer: str, post: Post) -> tuple[bool, Any | None]:
    """Whether the message had not been done before, and the first delivery to make."""
    if inbox.has(consumer, message.id):
        return False, None
    post.plan(message)
    return True, _next(message, consumer, post)


def _go_on(message: Envelope, consumer: str, post: Post, outcome: Outcome) -> Any | None:
    post.settle(outcome)
    return _next(message, consumer, post)


def _next(message: Envelope, consumer: str, post: Post) -> Any | None:
    """The next delivery to make; None when the message is done, which is noted."""
    delivery = post.claim(message)
    if delivery is None and not post.is_finished(message):
        return _IN_OTHER_HANDS
    if delivery is None:
        inbox.add(consumer, message.id)
    return delivery
