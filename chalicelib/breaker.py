"""A circuit breaker: after a failure a dependency that can be done without is left alone for a moment."""

from __future__ import annotations

import time


class Breaker:
    """Remembers a failure for `seconds`."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._open_until = 0.0

    @property
    def is_open(self) -> bool:
        """Whether the dependency is to be left alone now."""
        return time.monotonic() < self._open_until

    def trip(self) -> None:
        """Notes a failure."""
        self._open_until = time.monotonic() + self._seconds

    def reset(self) -> None:
        """Forgets it."""
        self._open_until = 0.0
