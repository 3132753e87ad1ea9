"""What a person reads while the system starts: one line a step, with the time since the start."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import suppress


class Problem(Exception):
    """Something a person can put right: what happened, and what to do about it."""

    def __init__(self, what: str, advice: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.what}\n{self.advice}" if self.advice else self.what


class Progress:
    """Lines of progress on standard output; safe to use from several threads.

    Every line is `elapsed  step  text`; the elapsed seconds count from the moment this object was made.
    """

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._lock = threading.Lock()
        self._colours = sys.stdout.isatty()

    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started

    def say(self, step: str, text: str) -> None:
        """One line about `step`."""
        self._write(f"{self._dim(f'{self.elapsed():6.1f} s')}  {step:<11} {text}")

    def block(self, text: str) -> None:
        """Several lines as they are."""
        self._write(text)

    def _write(self, text: str) -> None:
        # A terminal that was closed must not keep the system from being stopped in good order.
        with self._lock, suppress(OSError):
            print(text, flush=True)

    def _dim(self, text: str) -> str:
        return f"\x1b[2m{text}\x1b[0m" if self._colours else text
