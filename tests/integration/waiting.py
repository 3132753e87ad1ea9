"""Waiting for what happens by itself."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 90  # seconds


def until(condition: Callable[[], object], patience: float = PATIENCE, pause: float = 0.05) -> None:
    """Returns when `condition` holds."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(pause)
