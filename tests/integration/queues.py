"""The queues of the running system, seen and used as its account's root."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx

from local.stacks import PREFIX

if TYPE_CHECKING:
    from tests.stack import Stack

NAMES = {"orders.fifo": "orders-dead.fifo", "emails": "emails-dead", "pushes": "pushes-dead"}
"""Each queue that a function works off, and where its dead letters go."""
CONSUMERS = {"orders.fifo": "fulfil_orders", "emails": "send_emails", "pushes": "send_pushes"}


@dataclass(frozen=True)
class Message:
    """A message that is in a queue, held by somebody or not."""

    id: str
    body: str
    receive_count: int
    attributes: dict[str, str]


class Queue:
    """One queue by its agreed name."""

    def __init__(self, stack: Stack, name: str) -> None:
        self._stack = stack
        self._sqs = stack.client("sqs")
        self.name = name
        self.url = str(self._sqs.get_queue_url(QueueName=PREFIX + name)["QueueUrl"])

    def send(self, *bodies: str, groups: Sequence[str] = (), **attributes: str) -> list[str]:
        """The ids of the messages sent; in a FIFO queue each has a group of its own unless `groups` names them."""
        typed = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
        ids = []
        for start in range(0, len(bodies), 10):
            entries: list[dict[str, Any]] = [
                {"Id": str(number), "MessageBody": body, "MessageAttributes": typed}
                for number, body in enumerate(bodies[start : start + 10])
            ]
            if self.name.endswith(".fifo"):
                for number, entry in enumerate(entries, start):
                    entry["MessageGroupId"] = groups[number] if groups else str(uuid4())
                    entry["MessageDeduplicationId"] = str(uuid4())
            answer = self._sqs.send_message_batch(QueueUrl=self.url, Entries=entries)
            ids += [sent["MessageId"] for sent in answer["Successful"]]
        return ids

    def messages(self) -> list[Message]:
        """What is in the queue, without touching it."""
        where = f"{self._stack.emulator}/_ministack/sqs/messages"
        answer = httpx.get(where, params={"QueueUrl": self.url}, timeout=60)
        (regions,) = answer.raise_for_status().json()["messages"].values()
        return [_message(each) for queue in regions.values() for each in queue[self.url]]

    def forget(self) -> None:
        """Empties the queue."""
        self._sqs.purge_queue(QueueUrl=self.url)

    @contextmanager
    def held_for(self, seconds: int) -> Iterator[None]:
        """What is received comes again after so many seconds."""
        asked = {"QueueUrl": self.url}
        before = self._sqs.get_queue_attributes(AttributeNames=["VisibilityTimeout"], **asked)["Attributes"]
        self._sqs.set_queue_attributes(Attributes={"VisibilityTimeout": str(seconds)}, **asked)
        try:
            yield
        finally:
            self._sqs.set_queue_attributes(Attributes=before, **asked)

    @contextmanager
    def at_rest(self) -> Iterator[None]:
        """Its function is given nothing."""
        functions = self._stack.client("lambda")
        (mapping,) = functions.list_event_source_mappings(FunctionName=PREFIX + CONSUMERS[self.name])[
            "EventSourceMappings"
        ]
        functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
        try:
            yield
        finally:
            functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)


def _message(found: dict[str, Any]) -> Message:
    attributes = {name: value["StringValue"] for name, value in found["MessageAttributes"].items()}
    return Message(found["MessageId"], found["Body"], found["ReceiveCount"], attributes)
