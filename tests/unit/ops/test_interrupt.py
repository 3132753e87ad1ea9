"""Ctrl-C ends a command at once, whatever it waits for."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys

import pytest

from local.home import CHECKOUT


@pytest.mark.parametrize(
    "command", [("dead-letters", "list"), ("jobs", "list"), ("trace", "some-request", "--wait", "60")]
)
def test_a_command_that_waits_for_an_answer_is_interrupted(command: tuple[str, ...]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        environment = {
            "PATH": os.defpath,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{silent.getsockname()[1]}",
        }
        asking = subprocess.Popen(
            [sys.executable, "-m", "ops", "--stage", "dev", *command],
            cwd=CHECKOUT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        with asking, silent.accept()[0]:
            asking.send_signal(signal.SIGINT)
            output, _ = asking.communicate(timeout=30)

    assert (asking.returncode, output) == (130, b"")
