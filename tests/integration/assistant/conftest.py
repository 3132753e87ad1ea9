"""The assistant in this process, over a real PostgreSQL; model, sockets and table are at the network's edge."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import pytest

import app
from chalicelib import assistant, clients, table
from chalicelib.assistant import deltas
from tests.bedrock import Bedrock
from tests.environment import configured
from tests.events import Context
from tests.in_process import api, listeners_server
from tests.listeners import Listeners
from tests.people import Person, enrolled
from tests.products import listed

__all__ = ["api", "listeners_server"]

TERMINAL = {"assistant.done", "assistant.failed"}


@dataclass
class Conversing:
    """A person at a socket, and what they hear there."""

    listeners: Listeners
    person: Person = field(default_factory=enrolled)
    connection_id: str = field(default_factory=lambda: f"{uuid4().hex[:15]}=")

    @property
    def frames(self) -> list[dict[str, Any]]:
        """What they got, in order."""
        return self.listeners.of(self.connection_id)

    @property
    def end(self) -> dict[str, Any]:
        """The one frame that says how the answer ended: the last, and numbered after all others without a gap."""
        ends = [frame for frame in self.frames if frame["type"] in TERMINAL]
        assert ends == self.frames[-1:], self.frames
        assert [frame["sequence"] for frame in self.frames] == list(range(1, len(self.frames) + 1))
        assert len({frame["answer_id"] for frame in self.frames}) == 1
        return ends[0]

    @property
    def text(self) -> str:
        """What was said."""
        return "".join(frame["text"] for frame in self.frames if frame["type"] == "assistant.delta")

    def ask(self, question: str = "Which lamp?", conversation_id: str | None = None) -> dict[str, Any]:
        """Asks over the socket; returns what the answering function is invoked with."""
        asked_in = None if conversation_id is None else UUID(conversation_id)
        assistant.ask(self.person.caller, self.connection_id, question, asked_in)
        return self.listeners.invocations[-1]

    def hear(self, question: str = "Which lamp?", conversation_id: str | None = None) -> dict[str, Any]:
        """Asks, and has the question answered; returns how that ended."""
        self.listeners.frames.pop(self.connection_id, None)
        answer(self.ask(question, conversation_id))
        return self.end

    @property
    def spent(self) -> int:
        """How many of the day's tokens are counted."""
        return sum(item["tokens"] for item in table.query(table.person(self.person.id), "budget#"))

    @property
    def state(self) -> str:
        """The state of the turn."""
        item = table.get(f"connection#{self.connection_id}", "answer")
        return "" if item is None else str(item["state"])


def answer(question: dict[str, Any]) -> None:
    """The function that answers, invoked by Lambda."""
    app.answer_question(question, Context())


@pytest.fixture(scope="module")
def assistant_environment(environment: dict[str, str], listeners_server: Listeners) -> Iterator[dict[str, str]]:
    """An execution environment with a model and sockets; every piece of text is a frame of its own."""
    variables = environment | listeners_server.settings
    with configured(**variables), pytest.MonkeyPatch.context() as hasty:
        hasty.setattr(deltas, "APART_MILLISECONDS", 0)
        yield variables
    clients.client.cache_clear()


@pytest.fixture
def bedrock(assistant_environment: dict[str, str], bedrock_server: Bedrock) -> Bedrock:
    """The model, which answers as the test says."""
    bedrock_server.will()
    return bedrock_server


@pytest.fixture
def listeners(assistant_environment: dict[str, str], listeners_server: Listeners) -> Listeners:
    """The other end of every socket."""
    listeners_server.forget()
    return listeners_server


@pytest.fixture
def person(bedrock: Bedrock, listeners: Listeners) -> Conversing:
    """Somebody with a profile, at a socket."""
    return Conversing(listeners)


@pytest.fixture(scope="module")
def lamp(assistant_environment: dict[str, str]) -> str:
    """The id of a product that fits questions about lamps better than any other."""
    return listed(enrolled(), name="Walnut reading lamp", description="A lamp, a lamp, a lamp.")
