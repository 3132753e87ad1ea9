"""Builds the package in a process of its own: Chalice imports `app.py`, and a program can import it only once."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from infra import build, errors
from infra.stages import DEFAULT_REGION, LAPTOP
from local.home import CHECKOUT, Home
from local.processes import Command, Processes

_STEPS = {"build": build.build, "refresh": build.refresh}


def make(step: str, out: Path, home: Home, processes: Processes, say: Callable[[str], None]) -> None:
    """Run `build` or `refresh` (see `infra.build`) into the folder `out`. Raises Problem with what is wrong."""
    environment = {**os.environ, "AWS_DEFAULT_REGION": DEFAULT_REGION}
    arguments: list[str | Path] = [sys.executable, "-m", "local.package", step, out]
    command = Command(arguments, home.logs / "build.log", environment, directory=CHECKOUT)
    processes.run("build", command, on_line=say)


if __name__ == "__main__":
    try:
        _STEPS[sys.argv[1]](LAPTOP, Path(sys.argv[2]), progress=partial(print, flush=True))
    except errors.BuildError as error:
        sys.exit(str(error))
