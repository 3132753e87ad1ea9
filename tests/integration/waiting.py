"""Waiting for what happens by itself."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 90  # seconds
LONGEST_PAUSE = 0.3  # seconds


def until(condition: Callable[[], object], patience: float = PATIENCE, pause: float = 0.05) -> None:
    """Returns when `condition` holds. It asks ever less often: each question takes time from those who are at work."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(pause)
        pause = max(pause, min(1.3 * pause, LONGEST_PAUSE))
