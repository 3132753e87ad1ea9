"""The whole system for tests that talk to it from outside; `tests/stack.py` says what it offers."""

from __future__ import annotations

from tests.stack import stack, stack_process

__all__ = ["stack", "stack_process"]
