"""Lambda's pollers, played by hand: messages are received, handed to a worker, and deleted when it has done them."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.messaging.queues import QUEUES, Queue
from tests.faults import invocations
from tests.faults.shop import Shop
from tests.faults.workers import Server, delete, receive
from tests.faults.world import World

HELD_SECONDS = 60
ROUNDS = 40
"""After so many deliveries of everything that is left nothing is left, or never will be."""


@dataclass(frozen=True)
class Held:
    """Messages that a worker had when it died."""

    queue: Queue
    messages: list[dict[str, Any]]


class Pipeline:
    """Everything behind the API, moved on by `server` when it is asked to."""

    def __init__(self, world: World, server: Server) -> None:
        self._world = world
        self._server = server
        self._held: list[Held] = []

    def receive(self, queue: Queue, at_most: int = 10) -> list[dict[str, Any]]:
        """So many messages, or as many as there are; nobody else sees them for a long time."""
        url = self._world.queue_url(queue.name)
        found: list[dict[str, Any]] = []
        while len(found) < at_most:
            wanted = min(10, at_most - len(found))
            if not (more := receive(self._world.sqs, url, at_most=wanted, VisibilityTimeout=HELD_SECONDS)):
                break
            found += more
        return found

    def hold(self, queue: Queue, messages: list[dict[str, Any]]) -> None:
        """Delivers these again when everything is settled."""
        self._held.append(Held(queue, messages))

    def settle(self) -> None:
        """Everything that waits is sent and delivered, first of all what is held."""
        for held in self._held:
            self._deliver(held.queue, held.messages)
        self._held.clear()
        for _ in range(ROUNDS):
            self._world.sql("UPDATE outbox SET next_attempt_at = now() WHERE published_at IS NULL")
            self._server.call("relay_outbox", invocations.tick())
            if not sum(self.deliver_all(queue) for queue in QUEUES):
                return

    def deliver_all(self, queue: Queue) -> int:
        """Delivers what is in the queue; how many messages that were."""
        delivered = 0
        while messages := self.receive(queue):
            delivered += len(messages)
            self._deliver(queue, messages)
        return delivered

    def _deliver(self, queue: Queue, messages: Sequence[dict[str, Any]]) -> None:
        """Delivers messages; those that failed are visible again at once."""
        if not messages:
            return
        url = self._world.queue_url(queue.name)
        report = self._server.call(queue.consumer, invocations.batch(queue.name, messages))
        failed = {failure["itemIdentifier"] for failure in report["batchItemFailures"]}
        delete(self._world.sqs, url, [message for message in messages if message["MessageId"] not in failed])
        for message in messages:
            if message["MessageId"] in failed:
                self._world.sqs.change_message_visibility(
                    QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
                )


def warm_up(world: World, shop: Shop) -> None:
    """Leads an order through every function in this process, so that what is forked from it is warm."""
    purchase = shop.purchase(shop.opened(1), has_device=True)
    purchase.answered(invocations.invoke("app", purchase.event))
    for queue in QUEUES:
        url = world.queue_url(queue.name)
        messages = receive(world.sqs, url)
        invocations.invoke(queue.consumer, invocations.batch(queue.name, messages))
        delete(world.sqs, url, messages)
    invocations.invoke("app", invocations.cancel_order(purchase.buyer, purchase.order_id))
    for function in ("relay_outbox", "expire_orders", "purge_expired"):
        invocations.invoke(function, invocations.tick())
    for queue in QUEUES:
        invocations.invoke("dead_letters", invocations.redrive(queue.name))
        world.sqs.purge_queue(QueueUrl=world.queue_url(queue.name))
    gc.freeze()
