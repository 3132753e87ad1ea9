"""Several steps at the same time, and one answer: all are done, or the first that failed."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable


def parallel(*steps: Callable[[], None]) -> None:
    """Run `steps` in threads of their own until all are done. Raises the first error without waiting for the others.

    The threads never hold up the end of the program, so that Ctrl-C is obeyed at once.
    """
    outcomes: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()

    def attempt(step: Callable[[], None]) -> None:
        try:
            step()
        except BaseException as error:  # noqa: BLE001 - it is raised again in the thread that waits
            outcomes.put(error)
        else:
            outcomes.put(None)

    for step in steps:
        threading.Thread(target=attempt, args=(step,), daemon=True).start()
    for _ in steps:
        if (error := outcomes.get()) is not None:
            raise error
