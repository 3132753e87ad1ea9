"""Unit tests see none of the developer's own settings."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.environment import configured


@pytest.fixture(autouse=True)
def _default_settings() -> Iterator[None]:
    with configured():
        yield
