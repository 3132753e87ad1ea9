"""The chaos run: many orders while workers of every kind are killed at random, and messages come twice and shuffled."""

from __future__ import annotations

import signal
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from random import Random
from typing import Any, Protocol

from chalicelib.messaging.queues import QUEUES
from tests.faults import invocations, workers
from tests.faults.figures import progress
from tests.faults.shop import Expected, Purchase, Shop
from tests.faults.workers import Delivered, Died, Server, Worker
from tests.faults.world import World

API_WORKERS = 3
POLLING = (("orders.fifo", "fulfil_orders", 2), ("emails", "send_emails", 2), ("pushes", "send_pushes", 1))
REPEATED = 0.02
"""The share of buyers who repeat a request that was answered, because the answer was lost on its way."""
RETRY_SECONDS = 0.05
LOOK_SECONDS, TOLD_EVERY_SECONDS = 1, 4
PATIENCE_SECONDS = 60
"""So long may nothing happen before the run is given up."""

_PROGRESS = """
    SELECT (SELECT count(*) FROM orders WHERE status = 'placed'),
           (SELECT count(*) FROM outbox WHERE published_at IS NULL),
           (SELECT count(*) FROM orders WHERE status = 'confirmed'),
           (SELECT count(*) FROM notifications
            WHERE kind = 'order-confirmed' AND channel = 'email' AND finished_at IS NOT NULL)
"""


class Task(Protocol):
    """Something that an API worker is asked to do, again and again until it is done."""

    function: str

    @property
    def event(self) -> Any:
        """What the function is invoked with."""

    def answered(self, answer: Any) -> bool:
        """Notes the answer; False when it has to be asked again."""


@dataclass
class Redrive:
    """An operator sends the dead letters of a queue back."""

    queue: str
    function: str = "dead_letters"

    @property
    def event(self) -> Any:
        """The operator's command."""
        return invocations.redrive(self.queue)

    def answered(self, answer: Any) -> bool:
        """Whatever is left is seen at the next look."""
        return True


@dataclass
class Tally:
    """What happened in a run."""

    kills: Counter[str] = field(default_factory=Counter)
    messages: int = 0
    duplicates: int = 0
    repeated: int = 0
    redrives: int = 0
    replays: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    """Workers that ended by themselves: something was raised that they should have coped with."""
    is_settled: bool = False


class Chaos:
    """A run over `orders` orders with `kills` kills. `prepare` is done by each worker first."""

    def __init__(
        self, world: World, shop: Shop, randomness: Random, *, orders: int, kills: int,
        prepare: Callable[[], None] = lambda: None, patience: float = PATIENCE_SECONDS,
    ) -> None:  # fmt: skip
        self._world, self._randomness, self._prepare, self._patience = world, randomness, prepare, patience
        self._orders, self._kills = orders, kills
        self.expected: Expected = shop.opened(10)
        self.tally = Tally()
        self._waiting: deque[tuple[float, Task]] = deque((0.0, shop.purchase(self.expected)) for _ in range(orders))
        self._servers: dict[Server, Task | None] = {}
        self._others: dict[Worker, Callable[[], Worker]] = {}
        self._done = 0.0
        self._looked = self._moved = self._told = time.monotonic()
        self._seen: list[Any] = []

    def run(self) -> None:
        """Returns when everything is settled, or when nothing has happened for a long time."""
        for _ in range(API_WORKERS):
            self._serve()
        for start in self._pollers():
            self._employ(start)
        try:
            while not self.tally.is_settled and time.monotonic() - self._moved < self._patience:
                self._step()
        finally:
            for worker in [*self._servers, *self._others]:
                worker.kill()
                worker.join()

    def _step(self) -> None:
        self._hand_out()
        for channel in wait([worker.channel for worker in (*self._servers, *self._others)], timeout=0.02):
            self._hear(channel)  # type: ignore[arg-type]
        if sum(self.tally.kills.values()) < int(self._kills * self._done):
            self._kill_one()
        if time.monotonic() - self._looked > LOOK_SECONDS:
            self._look()

    def _hand_out(self) -> None:
        for server, task in list(self._servers.items()):
            if task is None and self._waiting and self._waiting[0][0] <= time.monotonic():
                _, given = self._waiting.popleft()
                self._servers[server] = given
                try:
                    server.ask(given.function, given.event)
                except Died:
                    self._replace(server)

    def _hear(self, channel: Connection) -> None:
        worker = next((each for each in (*self._servers, *self._others) if each.channel is channel), None)
        if isinstance(worker, Server):
            self._hear_answer(worker)
        elif worker is not None:
            self._hear_delivery(worker)

    def _hear_answer(self, server: Server) -> None:
        try:
            answer = server.hear()
        except Died:
            self._replace(server)
            return
        task, self._servers[server] = self._servers[server], None
        if task is None:
            return
        if not task.answered(answer):
            self._waiting.append((time.monotonic() + RETRY_SECONDS, task))
        elif isinstance(task, Purchase) and self._randomness.random() < REPEATED:
            self.tally.replays += 1
            self._waiting.append((0.0, task))

    def _hear_delivery(self, worker: Worker) -> None:
        try:
            delivered: Delivered = worker.channel.recv()
        except (EOFError, OSError):
            self._employ_anew(worker)
            return
        self.tally.messages += delivered.messages
        self.tally.duplicates += delivered.duplicates
        self.tally.repeated += delivered.repeated

    def _kill_one(self) -> None:
        busy = [server for server, task in self._servers.items() if task is not None]
        by_kind: dict[str, list[Worker]] = defaultdict(list)
        for each in [*(busy or self._servers), *self._others]:
            by_kind[each.kind].append(each)
        victim = self._randomness.choice(by_kind[self._randomness.choice(sorted(by_kind))])
        self.tally.kills[victim.kind] += 1
        victim.kill()
        if isinstance(victim, Server):
            self._replace(victim)
        else:
            self._employ_anew(victim)

    def _replace(self, server: Server) -> None:
        """A new API worker; what the old one was asked to do is asked again, as its client does."""
        task = self._servers.pop(server)
        self._bury(server)
        if task is not None:
            self._waiting.append((time.monotonic() + RETRY_SECONDS, task))
        self._serve()

    def _serve(self) -> None:
        self._servers[Server("api", self._prepare)] = None

    def _pollers(self) -> list[Callable[[], Worker]]:
        starts = [self._start("relay", workers.sweeping)]
        for queue, function, number in POLLING:
            work = workers.polling(self._world, queue, function, self._randomness.getrandbits(32))
            starts += [self._start(function, work)] * number
        return starts

    def _start(self, kind: str, work: workers.Work) -> Callable[[], Worker]:
        def prepared(channel: Connection) -> None:
            self._prepare()
            work(channel)

        return lambda: Worker(kind, prepared)

    def _employ(self, start: Callable[[], Worker]) -> None:
        self._others[start()] = start

    def _employ_anew(self, worker: Worker) -> None:
        start = self._others.pop(worker)
        self._bury(worker)
        self._employ(start)

    def _bury(self, worker: Worker) -> None:
        worker.kill()
        if worker.join() != -signal.SIGKILL:
            self.tally.failures[worker.kind] += 1

    def _look(self) -> None:
        """How far everything has come; an operator sends dead letters back."""
        self._looked = time.monotonic()
        [seen] = self._world.sql(_PROGRESS)
        if seen != self._seen:
            self._moved = self._looked
        self._seen = seen
        placed, unsent, confirmed, told = seen
        self._done = (len(self.expected.orders) + min(confirmed, told)) / (2 * self._orders)
        if self._looked - self._told > TOLD_EVERY_SECONDS:
            self._told = self._looked
            progress(
                f"{len(self.expected.orders)} acknowledged, {placed} not confirmed, {told} told, "
                f"{sum(self.tally.kills.values())} kills, {self.tally.repeated} repetitions noticed"
            )
        depths = [self._world.depth(queue.name) for queue in QUEUES]
        dead = [queue.name for queue in QUEUES if self._world.depth(queue.dead)]
        if dead and not any(isinstance(task, Redrive) for task in self._tasks()):
            self.tally.redrives += len(dead)
            self._waiting.extendleft((0.0, Redrive(queue)) for queue in dead)
        is_killing = sum(self.tally.kills.values()) < self._kills
        self.tally.is_settled = not (any((placed, unsent, *depths, *dead, *self._tasks())) or is_killing)

    def _tasks(self) -> list[Task]:
        return [task for task in self._servers.values() if task is not None] + [task for _, task in self._waiting]
