"""Whether a job was told to stop."""

from __future__ import annotations

from typing import Any

_UNLIMITED_MILLISECONDS = 24 * 3600 * 1000


class Stop:
    """What a job looks at between two steps. ECS sends SIGTERM, and kills 30 seconds later.

    It is also what a function's use cases know as their context: there is time until the job is told to stop.
    """

    def __init__(self) -> None:
        self.is_asked_for = False

    def ask(self, *_: Any) -> None:
        """Tells the job to stop; a signal's handler."""
        self.is_asked_for = True

    def get_remaining_time_in_millis(self) -> int:
        """As a Lambda context says it."""
        return 0 if self.is_asked_for else _UNLIMITED_MILLISECONDS
