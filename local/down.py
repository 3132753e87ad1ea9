"""`down`: stops a system from outside."""

from __future__ import annotations

import os
import signal
import time
from argparse import Namespace
from contextlib import suppress

from local.home import Home
from local.progress import Problem

PATIENCE = 20.0


def run(home: Home, _arguments: Namespace) -> None:
    """Ask the system that runs in `home` to stop, and return when it has."""
    if (holder := home.holder()) is None:
        print(f"Nothing runs in {home.folder}.")
        return
    with suppress(ProcessLookupError):
        os.kill(holder, signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE
    while home.holder() is not None:
        if time.monotonic() > deadline:
            raise Problem(f"Process {holder} still runs.", f"End it with `kill -9 {holder}`; the next start tidies up.")
        time.sleep(0.05)
    print(f"Stopped (process {holder}).")
