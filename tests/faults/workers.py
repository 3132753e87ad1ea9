"""Worker processes: execution environments that are forked from a warm one, so that a new one is there at once."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from random import Random
from typing import Any

from chalicelib import clients
from tests.faults import invocations, seams
from tests.faults.world import World, forget_connections

DUPLICATED = 0.05
"""The share of messages that are delivered twice."""
BATCH = 10
BATCHING_WINDOW_SECONDS = 0.8
SWEEP_SECONDS = 0.5

Work = Callable[[Connection], None]

_fork = get_context("fork")


class Worker:
    """A forked process that runs `work` until it ends, dies, or is killed. `kind` says what it is for."""

    _ours: list[Connection] = []  # noqa: RUF012  every worker closes what it inherits of the others

    def __init__(self, kind: str, work: Work) -> None:
        self.kind = kind
        self.channel, theirs = _fork.Pipe()
        Worker._ours.append(self.channel)
        self._process = _fork.Process(target=_run, args=(work, theirs), daemon=True)
        self._process.start()
        theirs.close()

    def kill(self) -> None:
        """Ends it as a crash does."""
        self._process.kill()

    def join(self) -> int | None:
        """Waits for its end; its exit code."""
        self._process.join()
        self.close()
        return self._process.exitcode

    def close(self) -> None:
        """Forgets it; a serving worker ends by that."""
        if self.channel in Worker._ours:
            Worker._ours.remove(self.channel)
            self.channel.close()


class Died(Exception):
    """The worker was gone before it answered."""


class Server(Worker):
    """A worker that invokes functions when it is asked to."""

    def __init__(self, kind: str = "api", prepare: Callable[[], None] = lambda: None) -> None:
        def work(channel: Connection) -> None:
            prepare()
            _serve(channel)

        super().__init__(kind, work)

    def ask(self, function: str, event: Any) -> None:
        """Has it invoke a function; `hear` tells what came of it. Raises `Died`."""
        try:
            self.channel.send((function, event))
        except OSError:
            raise Died from None

    def hear(self) -> Any:
        """What the function answered, or the exception as text. Raises `Died`."""
        try:
            return self.channel.recv()
        except (EOFError, OSError):
            raise Died from None

    def end(self) -> None:
        """Has nothing more to ask."""
        self.close()
        self.join()

    def call(self, function: str, event: Any) -> Any:
        """Invokes a function and waits. Raises `Died`."""
        self.ask(function, event)
        return self.hear()


@dataclass(frozen=True)
class Delivered:
    """What a polling worker did with one batch: how many were repetitions, and how many were known to be done."""

    messages: int
    duplicates: int
    repeated: int


def reply(channel: Connection, answer: Any) -> None:
    """Tells the one who asked."""
    channel.send(answer)


def polling(world: World, queue: str, function: str, seed: int) -> Work:
    """Work that has `function` work off a queue, as Lambda does it, but less orderly.

    Some messages are delivered twice; the batches of a standard queue are shuffled.
    """

    def work(channel: Connection) -> None:
        randomness = Random(f"{seed} {os.getpid()}")
        sqs = clients.client("sqs")
        repeated = _counted_repetitions()
        again: list[dict[str, Any]] = []
        while os.getppid() == parent:
            fresh = gather(sqs, url)
            if not (messages := fresh + again):
                continue
            if not queue.endswith(".fifo"):
                randomness.shuffle(messages)
            report = invocations.invoke(function, invocations.batch(queue, messages))
            failed = {failure["itemIdentifier"] for failure in report["batchItemFailures"]}
            delete(sqs, url, [message for message in fresh if message["MessageId"] not in failed])
            channel.send(Delivered(len(messages), len(again), len(repeated)))
            repeated.clear()
            again = [message for message in fresh if randomness.random() < DUPLICATED]

    parent, url = os.getpid(), world.queue_url(queue)
    return work


def gather(sqs: Any, url: str) -> list[dict[str, Any]]:
    """A batch, gathered for a moment when there are few messages."""
    found = receive(sqs, url, wait=1)
    if 0 < len(found) < BATCH:
        time.sleep(BATCHING_WINDOW_SECONDS)
        found += receive(sqs, url, at_most=BATCH - len(found))
    return found


def sweeping(channel: Connection) -> None:
    """Work that runs the relay's sweep over and over, overlapping with what the others send themselves."""
    parent = os.getppid()
    while os.getppid() == parent:
        invocations.invoke("relay_outbox", invocations.tick())
        channel.poll(SWEEP_SECONDS)


def receive(sqs: Any, url: str, *, wait: int = 0, at_most: int = BATCH, **more: Any) -> list[dict[str, Any]]:
    """Messages of a queue."""
    answer = sqs.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=at_most,
        WaitTimeSeconds=wait,
        MessageSystemAttributeNames=["All"],
        MessageAttributeNames=["All"],
        **more,
    )
    found: list[dict[str, Any]] = answer.get("Messages", [])
    return found


def delete(sqs: Any, url: str, messages: Sequence[dict[str, Any]]) -> None:
    """Takes messages that are done off their queue."""
    for start in range(0, len(messages), 10):
        entries = [
            {"Id": str(index), "ReceiptHandle": message["ReceiptHandle"]}
            for index, message in enumerate(messages[start : start + 10])
        ]
        sqs.delete_message_batch(QueueUrl=url, Entries=entries)


def _run(work: Work, channel: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for others in Worker._ours:
        others.close()
    forget_connections()
    work(channel)


def _serve(channel: Connection) -> None:
    while True:
        try:
            function, event = channel.recv()
        except EOFError:
            return
        try:
            answer = invocations.invoke(function, event)
        except Exception as error:  # noqa: BLE001  Lambda reports whatever a function raises
            answer = f"{type(error).__name__}: {error}"
        reply(channel, answer)


def _counted_repetitions() -> list[str]:
    """A list to which each message is added that the consumer had done before."""
    counted: list[str] = []

    def counting(count: Callable[..., None]) -> Callable[..., None]:
        def note(name: str, value: float = 1) -> None:
            if name == "MessagesRepeated":
                counted.append(name)
            count(name, value)

        return note

    seams.replace("chalicelib.messaging.consumer:count", counting)
    return counted
