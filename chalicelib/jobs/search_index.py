"""Makes the whole catalogue searchable by meaning: after an embedding model was chosen, or another one.

The full-text index needs no such thing: PostgreSQL keeps it with every change of a product.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chalicelib import assistant, database
from chalicelib.jobs.stop import Stop
from chalicelib.observability import logger


def run(stop: Stop) -> bool:
    """Learns every product whose meaning is not known or out of date; False when it was told to stop before the end.

    Each batch is committed, so that the next run continues after it. Nothing without an embedding model. Raises
    `Unavailable` when the model or the database is.
    """
    batches = 0

    def store(work: Callable[[], Any]) -> Any:
        nonlocal batches
        stored = database.write(work)
        batches += 1
        logger.info("batch indexed", extra={"batch": batches})
        return stored

    assistant.index(stop, database.read, store)
    return not stop.is_asked_for
