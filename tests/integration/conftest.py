"""The whole system for tests that talk to it from outside, and people who use it.

`tests/stack.py` and `actors.py` say what they offer.
"""

from __future__ import annotations

import pytest

from tests.integration.actors import admin, api, buyer, moderator, seller, visitor
from tests.stack import stack, stack_process

__all__ = ["admin", "api", "buyer", "moderator", "seller", "stack", "stack_process", "visitor"]


def pytest_configure(config: pytest.Config) -> None:
    """Makes the marker known."""
    config.addinivalue_line("markers", "after_everything: looks back at the whole run, so it runs last")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts what looks back at the whole run to its end."""
    items.sort(key=lambda item: item.get_closest_marker("after_everything") is not None)
