"""How the assistant reads the database: a unit of work at a time, and none while the model talks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

Result = TypeVar("Result")


class LookUp(Protocol):
    """`database.read` or `database.write`, handed in by who calls a use case: use cases open no unit of work."""

    def __call__(self, work: Callable[[], Result]) -> Result: ...
