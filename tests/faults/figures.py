"""What a run says: progress on standard error, and at the end one JSON line a figure on standard output."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

_started = time.monotonic()
_figures: list[str] = []
_output = 1


def claim_output() -> None:
    """Keeps standard output for the figures: what the application prints, its metrics, goes nowhere."""
    global _output  # noqa: PLW0603  there is one standard output
    _output = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def progress(text: str) -> None:
    """Tells somebody who waits what is going on."""
    sys.stderr.write(f"{time.monotonic() - _started:6.1f} s  {text}\n")
    sys.stderr.flush()


def figure(name: str, value: float, **more: Any) -> None:
    """Notes one figure."""
    _figures.append(json.dumps({"figure": name, "value": value, **more}))


def write() -> None:
    """Writes every figure that was noted."""
    with os.fdopen(_output, "w") as output:
        output.writelines(f"{line}\n" for line in _figures)
