"""`python -m ops`: what a command does is the `run` function of its module."""

from __future__ import annotations

import importlib
import sys

from local.progress import Problem
from ops import options

COMMANDS = {"dead-letters": "ops.dead_letters", "jobs": "ops.jobs", "trace": "ops.trace"}


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Returns 1 after something that a person can put right, with a sentence on standard error."""
    chosen = options.parser().parse_args(arguments)
    try:
        status = importlib.import_module(COMMANDS[chosen.command]).run(chosen)
    except Problem as problem:
        print(problem, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return int(status or 0)


if __name__ == "__main__":
    sys.exit(main())
