"""`python -m chalicelib.jobs NAME`: runs one job to its end.

The exit status is 0 when the job is done, 1 when it failed, 2 for a name that there is no job of, and 143 when SIGTERM
or SIGINT asked it to stop before its end. Whatever the end, the next run of the job continues where this one was.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable

from chalicelib.jobs import catalogue_export, search_index
from chalicelib.jobs.stop import Stop
from chalicelib.observability import correlated, flush_metrics, logger

DONE, FAILED, STOPPED = 0, 1, 143

Job = Callable[[Stop], bool]

JOBS: dict[str, Job] = {"export-catalogue": catalogue_export.run, "index-search": search_index.run}
"""What each job is called. A job says whether it came to its end, and returns soon once it is told to stop."""


def main(arguments: list[str] | None = None) -> int:
    """Runs the job that `arguments` name; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m chalicelib.jobs", description="Runs one job to its end.")
    parser.add_argument("name", choices=sorted(JOBS))
    name = parser.parse_args(arguments).name
    stop = Stop()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop.ask)
    with correlated(None):
        return _run(name, stop)


def _run(name: str, stop: Stop) -> int:
    logger.append_keys(job=name)
    try:
        is_done = JOBS[name](stop)
    except Exception:  # noqa: BLE001 - whatever it is, the exit status tells of it
        logger.exception("job failed")
        return FAILED
    finally:
        flush_metrics()
    logger.info("job done" if is_done else "job stopped")
    return DONE if is_done else STOPPED


if __name__ == "__main__":
    sys.exit(main())
