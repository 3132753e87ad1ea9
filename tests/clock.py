"""Time that moves when a test says so."""

from __future__ import annotations

import time


class Clock:
    """Stands in for the module `time` in a module under test: `monkeypatch.setattr(module, "time", Clock())`."""

    def __init__(self) -> None:
        self._elapsed = 0.0

    def advance(self, seconds: float) -> None:
        """Lets so many seconds pass."""
        self._elapsed += seconds

    def time(self) -> float:
        """Seconds since 1970."""
        return time.time() + self._elapsed

    def monotonic(self) -> float:
        """Seconds since some moment."""
        return time.monotonic() + self._elapsed

    perf_counter = monotonic
    sleep = advance
