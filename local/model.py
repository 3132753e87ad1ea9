"""The language model behind the embedded AWS: the laptop's own, or the server that BEDROCK_PROXY_URL names."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path

from local.home import CHECKOUT, Home, Settings
from local.ports import LOOPBACK, is_open
from local.processes import Command, Processes, wait_until

NAME = "model"


def url(settings: Settings) -> str:
    """Where the model is: the part of its URL before `/v1/chat/completions`."""
    return settings.model_url or f"http://{LOOPBACK}:{settings.ports.model}"


def start(home: Home, settings: Settings, processes: Processes) -> None:
    """Start the laptop's model on its port. Returns when it answers."""
    port, log = settings.ports.model, home.logs / "model.log"
    arguments: list[str | Path] = [sys.executable, "-m", "local.model_server", "--port", str(port)]
    processes.start(NAME, Command(arguments, log, {"PATH": os.defpath, "LANG": "C.UTF-8"}, directory=CHECKOUT))
    wait_until(partial(is_open, port), partial(processes.is_running, NAME), "The model", log, patience=30)
