"""What the application logs, for a test to read."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

from chalicelib.observability import logger


class LogLines:
    """What the application logs from now on, as text and as records."""

    def __init__(self) -> None:
        self._written = StringIO()
        self._stream = logger.registered_handler.setStream(self._written)

    @property
    def text(self) -> str:
        """Everything that was written."""
        return self._written.getvalue()

    @property
    def records(self) -> list[dict[str, Any]]:
        """One object a line."""
        return [json.loads(line) for line in self.text.splitlines()]

    def stop(self) -> None:
        """Gives the stream back."""
        logger.registered_handler.setStream(self._stream)
