"""The whole system for tests that talk to it from outside, and people who use it.

`tests/stack.py` and `actors.py` say what they offer.
"""

from __future__ import annotations

import pytest

from tests.grants.modules import SOME_LEFT_OUT
from tests.integration.actors import admin, api, buyer, moderator, seller, visitor
from tests.integration.operators import ops
from tests.stack import stack, stack_process

__all__ = ["admin", "api", "buyer", "moderator", "ops", "seller", "stack", "stack_process", "visitor"]


def pytest_configure(config: pytest.Config) -> None:
    """Makes the marker known."""
    said = "after_everything(last=False): looks back at the whole run, so it runs at its end, or after all others there"
    config.addinivalue_line("markers", said)


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Remembers that not all tests run."""
    for item in items:
        item.config.stash[SOME_LEFT_OUT] = True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts what looks back at the whole run to its end."""

    def place(item: pytest.Item) -> int:
        marker = item.get_closest_marker("after_everything")
        return 0 if marker is None else 1 + marker.kwargs.get("last", False)

    items.sort(key=place)
