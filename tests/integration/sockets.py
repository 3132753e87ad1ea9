"""A person's WebSocket to the running system, opened with a ticket as a browser would."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from websockets.sync.client import ClientConnection, connect

from tests.integration.actors import Actor

if TYPE_CHECKING:
    from tests.stack import Stack

PATIENCE = 60
TERMINAL = {"assistant.done", "assistant.failed"}


@dataclass(frozen=True)
class Socket:
    """An open socket."""

    connection: ClientConnection

    def send(self, **message: Any) -> None:
        """Sends a message."""
        self.connection.send(json.dumps(message))

    def receive(self, *kinds: str, patience: float = PATIENCE) -> dict[str, Any]:
        """The next frame, or the next of `kinds`."""
        while True:
            frame: dict[str, Any] = json.loads(self.connection.recv(timeout=patience))
            if not kinds or frame["type"] in kinds:
                return frame

    def answer(self) -> list[dict[str, Any]]:
        """The frames of an answer up to the one that ends it; errors end it as well."""
        frames = [self.receive("assistant.delta", "error", *TERMINAL)]
        while frames[-1]["type"] == "assistant.delta":
            frames.append(self.receive("assistant.delta", "error", *TERMINAL))
        return frames

    def ask(self, message: str, **more: Any) -> list[dict[str, Any]]:
        """The frames of the answer to a question."""
        self.send(action="ask", message=message, **more)
        return self.answer()

    def is_silent(self, seconds: float = 1) -> bool:
        """Whether nothing of an answer comes for a while."""
        try:
            self.receive("assistant.delta", *TERMINAL, patience=seconds)
        except TimeoutError:
            return True
        return False


@contextmanager
def socket_of(stack: Stack, person: Actor) -> Iterator[Socket]:
    """A socket of `person`, directly at the gateway."""
    ticket = person.http.post("/realtime/tickets").raise_for_status().json()["ticket"]
    gateway = stack.emulator.replace("http://", "ws://")
    with connect(f"{gateway}/_aws/execute-api/marketplace-local-ws/ws?ticket={ticket}", open_timeout=30) as connection:
        yield Socket(connection)


def text_of(frames: list[dict[str, Any]]) -> str:
    """What was said."""
    return "".join(frame["text"] for frame in frames if frame["type"] == "assistant.delta")
