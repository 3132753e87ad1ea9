"""What a client gets, before it becomes a response of Chalice or a record of an idempotency key."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """Status, headers and body text."""

    status: int
    headers: dict[str, str]
    body: str
