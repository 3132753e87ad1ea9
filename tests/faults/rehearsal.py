"""Orders led through every step by hand, so that a worker dies at one moment and everything else goes on at once.

The parent plays the clients, Lambda's pollers and the operator. A message of a worker that died is delivered again
when the others are done, which is when its visibility timeout would have ended.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from chalicelib.messaging.queues import EMAILS, ORDERS, PUSHES, Queue
from tests.faults import invocations, seams
from tests.faults.pipeline import Pipeline
from tests.faults.shop import Expected, Purchase, Shop, problem
from tests.faults.workers import Died, Server, delete
from tests.faults.world import World

PATIENCE_SECONDS = 60
BATCH_THAT_DIES = 2
CROWD = 4

Prepare = Callable[[], None]


class NotReached(Exception):
    """The worker did its work and never came to the point where it was to die."""


class Rehearsal:
    """Scenes in which a worker that `arm` has prepared dies `times` times, and then everything is brought to its end.

    `variant` is done by every worker first: it breaks a promise, for a control.
    """

    def __init__(self, world: World, shop: Shop, arm: Prepare, times: int, variant: Prepare = lambda: None) -> None:
        self._world, self._shop, self._times = world, shop, times
        self._arm, self._variant = arm, variant
        self._sound = Server("sound", variant)
        self._pipeline = Pipeline(world, self._sound)
        self.expected: Expected = shop.opened(1)
        self.hits = 0

    def play(self, scene: str) -> None:
        """Plays the scene of this name and settles everything. Raises `NotReached`."""
        try:
            getattr(self, scene)()
            self._pipeline.settle()
        finally:
            self._sound.end()

    def place(self) -> None:
        """The API dies; the client asks again under the same key."""
        for _ in range(self._times):
            purchase = self._shop.purchase(self.expected)
            self._die("app", purchase.event)
            self._insist(purchase)

    def answered(self) -> None:
        """The API dies right after it has answered."""
        for _ in range(self._times):
            purchase = self._shop.purchase(self.expected)
            armed = self._armed()
            purchase.answered(armed.call("app", purchase.event))
            self.hits += armed.join() == seams.KILLED

    def crowd(self) -> None:
        """Nobody dies; several buyers want the same product at the same moment."""
        servers = [Server("crowd", self._variant) for _ in range(CROWD)]
        for _ in range(self._times):
            purchases = [self._shop.purchase(self.expected) for _ in servers]
            for server, purchase in zip(servers, purchases, strict=True):
                server.ask("app", purchase.event)
            for server, purchase in zip(servers, purchases, strict=True):
                purchase.answered(server.hear())
        for server in servers:
            server.end()

    def cancel(self) -> None:
        """The API dies while an order is cancelled; the client asks again and hears that it is, or was."""
        purchases = self._placed(ends="cancelled")
        self._pipeline.settle()
        for purchase in purchases:
            event = invocations.cancel_order(purchase.buyer, purchase.order_id)
            self._die("app", event)
            answer = self._sound.call("app", event)
            if answer["statusCode"] != 200 and problem(answer) != "not-cancellable":
                self.expected.refusals.append(str(answer))

    def fulfil(self) -> None:
        """The consumer of orders dies."""
        self._placed(BATCH_THAT_DIES)
        self._die_with_messages(ORDERS)

    def sweep(self) -> None:
        """The relay's sweep dies; the events had been left by workers that died before they sent them."""
        leaving = Server("leaving", self._leave_to_the_sweep)
        for _ in range(self._times):
            self._insist(self._shop.purchase(self.expected), leaving)
            self._die("relay_outbox", invocations.tick())
        leaving.end()

    def email(self) -> None:
        """The consumer of e-mails dies."""
        self._placed(BATCH_THAT_DIES)
        self._pipeline.deliver_all(ORDERS)
        self._die_with_messages(EMAILS)

    def push(self) -> None:
        """The consumer of pushes dies."""
        self._placed(BATCH_THAT_DIES, has_device=True)
        self._pipeline.deliver_all(ORDERS)
        self._die_with_messages(PUSHES)

    def expire(self) -> None:
        """The schedule that ends unconfirmed orders dies; what they were ordered with arrives too late."""
        self._placed(ends="expired")
        late = self._pipeline.receive(ORDERS, self._times)
        self._world.sql(
            "UPDATE orders SET placed_at = placed_at - interval '20 minutes' WHERE id = ANY(CAST(:ids AS uuid[]))",
            ids=sorted(self.expected.orders),
        )
        for _ in range(self._times):
            self._die("expire_orders", invocations.tick())
        self._sound.call("expire_orders", invocations.tick())
        self._pipeline.hold(ORDERS, late)

    def redrive(self) -> None:
        """The redrive of dead letters dies; the operator asks again."""
        self._placed()
        for message in self._pipeline.receive(ORDERS, self._times):
            self._let_die(message)
            self._die("dead_letters", invocations.redrive(ORDERS.name))
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self._world.depth(ORDERS.dead) and time.monotonic() < deadline:
            self._sound.call("dead_letters", invocations.redrive(ORDERS.name))

    def purge(self) -> None:
        """The purge dies; the next one removes what is left, and nothing that is still needed."""
        self._placed()
        for _ in range(self._times):
            self._add_expired_records()
            self._die("purge_expired", invocations.tick())
        self._sound.call("purge_expired", invocations.tick())
        [[left]] = self._world.sql("SELECT count(*) FROM idempotency_keys WHERE expires_at <= now()")
        if left:
            self.expected.refusals.append(f"{left} expired records were left")

    def _die(self, function: str, event: Any) -> None:
        """A worker dies in this invocation. Raises `NotReached` when it does not."""
        armed = self._armed()
        try:
            answer = armed.call(function, event)
        except Died:
            if armed.join() != seams.KILLED:
                raise NotReached(f"the worker died of something else in {function}") from None
            self.hits += 1
            return
        armed.end()
        raise NotReached(f"{function} answered {answer}")

    def _armed(self) -> Server:
        def prepare() -> None:
            self._variant()
            self._arm()

        return Server("armed", prepare)

    def _die_with_messages(self, queue: Queue) -> None:
        for _ in range(self._times):
            messages = self._pipeline.receive(queue, BATCH_THAT_DIES)
            self._pipeline.hold(queue, messages)
            self._die(queue.consumer, invocations.batch(queue.name, messages))

    def _placed(self, each: int = 1, *, ends: str = "confirmed", has_device: bool = False) -> list[Purchase]:
        wanted = range(self._times * each)
        purchases = [self._shop.purchase(self.expected, ends=ends, has_device=has_device) for _ in wanted]
        for purchase in purchases:
            self._insist(purchase)
        return purchases

    def _insist(self, purchase: Purchase, server: Server | None = None) -> None:
        """Asks until there is an answer: what a worker that died has locked is free a moment later."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not purchase.answered((server or self._sound).call(purchase.function, purchase.event)):
            if time.monotonic() > deadline:
                self.expected.refusals.append(f"no answer to {purchase.key}")
                return
            time.sleep(0.01)

    def _leave_to_the_sweep(self) -> None:
        self._variant()
        seams.replace("chalicelib.messaging.relay:relay_groups", lambda _: lambda groups: None)

    def _let_die(self, message: dict[str, Any]) -> None:
        """Makes a dead letter of the message."""
        self._world.sqs.send_message(
            QueueUrl=self._world.queue_url(ORDERS.dead),
            MessageBody=message["Body"],
            MessageGroupId=message["Attributes"]["MessageGroupId"],
            MessageDeduplicationId=str(uuid4()),
        )
        delete(self._world.sqs, self._world.queue_url(ORDERS.name), [message])

    def _add_expired_records(self) -> None:
        self._world.sql(
            "INSERT INTO idempotency_keys (caller_id, route, key, fingerprint, status, headers, body, expires_at) "
            "SELECT gen_random_uuid(), 'POST /orders', 'old', '', 201, '{}', '', now() - interval '1 hour' "
            "FROM generate_series(1, 10)"
        )
