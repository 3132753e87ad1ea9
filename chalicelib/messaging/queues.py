"""The queues there are, and their agreed names."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from chalicelib import clients, config
from chalicelib.errors import NotFound


@dataclass(frozen=True)
class Queue:
    """A queue, the function that works it off, and where its messages end after three failures."""

    name: str
    consumer: str
    dead: str

    @property
    def is_fifo(self) -> bool:
        """Whether it keeps the order of a group."""
        return self.name.endswith(".fifo")


ORDERS = Queue("orders.fifo", "fulfil_orders", "orders-dead.fifo")
EMAILS = Queue("emails", "send_emails", "emails-dead")
PUSHES = Queue("pushes", "send_pushes", "pushes-dead")

QUEUES = (ORDERS, EMAILS, PUSHES)


class QueueNotFound(NotFound):
    """There is no queue of this name."""


def named(name: str) -> Queue:
    """The queue called `name`. Raises `QueueNotFound`."""
    for queue in QUEUES:
        if queue.name == name:
            return queue
    raise QueueNotFound(f"There is no such queue; there are {', '.join(queue.name for queue in QUEUES)}.")


@cache
def url(name: str) -> str:
    """The URL of a queue or dead-letter queue of this stage; asked for once by an execution environment."""
    answer = clients.client("sqs").get_queue_url(QueueName=config.resource_name(name))
    return str(answer["QueueUrl"])
