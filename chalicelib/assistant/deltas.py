"""Text that comes in small pieces, sent in frames: not more often than people see, not larger than a socket takes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator

APART_MILLISECONDS = 50
MOST_BYTES = 30 * 1024
"""Of a frame's text as JSON; a frame may have 32 KB in all."""

_LONGEST_ESCAPE = len(json.dumps("\U0001f600")) - 2


class Deltas:
    """Collects text and passes it to `send(sequence, text)`, numbered from 1 without gaps."""

    def __init__(self, send: Callable[[int, str], None]) -> None:
        self._send = send
        self._waiting = ""
        self._sent_at = -APART_MILLISECONDS
        self.sequence = 0

    def add(self, text: str) -> None:
        """Takes text; sends what waits when the last frame is long enough ago, or when it is much."""
        self._waiting += text
        if _now() - self._sent_at >= APART_MILLISECONDS or len(self._waiting) * _LONGEST_ESCAPE > MOST_BYTES:
            self.flush()

    def flush(self) -> None:
        """Sends all that waits."""
        waiting, self._waiting = self._waiting, ""
        for part in pieces(waiting):
            self.sequence += 1
            self._send(self.sequence, part)
            self._sent_at = _now()


def pieces(text: str) -> Iterator[str]:
    """`text` in as few parts as fit into a frame each, however their characters are written in JSON."""
    begin, size = 0, 0
    for place, character in enumerate(text):
        bytes_of_it = len(json.dumps(character)) - 2
        if size + bytes_of_it > MOST_BYTES:
            yield text[begin:place]
            begin, size = place, 0
        size += bytes_of_it
    if begin < len(text):
        yield text[begin:]


def _now() -> int:
    return time.monotonic_ns() // 1_000_000
