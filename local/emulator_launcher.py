"""Starts MiniStack and writes its state down on SIGUSR1. Runs in the emulator's own environment (`.venv-emulator`).

MiniStack writes its state when it is asked to end, and never before: after a hard kill all of it is gone but S3's
objects. The laptop system therefore asks for a snapshot when it is ready and now and then while nothing is deployed.
`_build_persistence_save_dict` is a private name of the exact version in `requirements-emulator.txt`.
"""

from __future__ import annotations

import signal

from ministack import app
from ministack.core.persistence import save_all


def save(*_: object) -> None:
    """Write the state of every service, each file in one step."""
    save_all(app._build_persistence_save_dict())


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, save)
    app.main()
