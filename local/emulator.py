"""The embedded AWS: MiniStack in an environment of its own, with IAM enforced, on the loopback address."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
from contextlib import suppress
from functools import partial
from pathlib import Path

from local import aws, model
from local.home import CHECKOUT, Home, Settings
from local.ports import LOOPBACK
from local.processes import Command, Processes, wait_until
from local.progress import Problem

NAME = "emulator"
PYTHON = CHECKOUT / ".venv-emulator" / "bin" / "python"


def start(home: Home, settings: Settings, processes: Processes) -> None:
    """Start the emulator on its port, with the state of the last start. Returns when it answers."""
    if not PYTHON.exists():
        raise Problem(f"The emulator's environment {PYTHON.parent.parent} is missing.", "Make it: `make environments`.")
    log, port = home.logs / "emulator.log", settings.ports.emulator
    _prepare_folders(home)
    # Isolated: neither the folder of the launcher nor the developer's own packages come into its module path.
    arguments: list[str | Path] = [PYTHON, "-I", Path(__file__).with_name("emulator_launcher.py")]
    processes.start(NAME, Command(arguments, log, _environment(home, settings), directory=home.emulator))
    wait_until(partial(answers, port), partial(processes.is_running, NAME), "The emulator", log, patience=60)


def answers(port: int) -> bool:
    """Whether an emulator on `port` says that it is healthy."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=2)
    try:
        connection.request("GET", "/_ministack/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def save_state(settings: Settings, processes: Processes) -> None:
    """Ask the emulator to write its state down, so that a hard kill loses only what comes after.

    One that is still starting is left alone: it would write nothing over what it has not read yet.
    """
    pid = processes.running().get(NAME)
    if pid is not None and answers(settings.ports.emulator):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGUSR1)


def forget(home: Home) -> None:
    """Remove all state of an emulator that does not run."""
    shutil.rmtree(home.emulator, ignore_errors=True)


def _prepare_folders(home: Home) -> None:
    """Clear the scratch folder, and objects without the state that belongs to them (after a hard kill early on)."""
    if not (home.emulator / "state" / "cloudformation.json").exists():
        forget(home)
    home.emulator.mkdir(mode=0o700, exist_ok=True)
    shutil.rmtree(home.emulator / "scratch", ignore_errors=True)
    (home.emulator / "scratch").mkdir()


def _environment(home: Home, settings: Settings) -> dict[str, str]:
    """The emulator's environment, of which its functions see all but the credentials: therefore only what it needs."""
    return {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "HOME": str(home.emulator),
        "TMPDIR": str(home.emulator / "scratch"),
        "GATEWAY_PORT": str(settings.ports.emulator),
        "BIND_HOST": LOOPBACK,
        "AUTH": "true",
        "AWS_ACCESS_KEY_ID": aws.ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": settings.emulator_secret,
        "MINISTACK_ACCOUNT_ID": aws.ACCOUNT,
        "MINISTACK_REGION": aws.REGION,
        "PERSIST_STATE": "1",
        "STATE_DIR": str(home.emulator / "state"),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(home.emulator / "s3"),
        "LAMBDA_EXECUTOR": "local",
        "MINISTACK_BEDROCK_PROXY_URL": model.url(settings),
        "BEDROCK_PROXY_MODEL": settings.model_name,
        "SFN_WAIT_SCALE": "0.1",  # nobody sits through the pauses between a workflow's attempts
        "RECORD_CALLS": str(home.calls) if settings.records_calls else "",
        # These two would listen on every address of the machine.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
    }
