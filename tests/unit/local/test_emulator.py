"""When the emulator is asked to write its state down."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from local import emulator
from local.home import Home, Ports, Settings
from local.ports import LOOPBACK
from local.processes import Command, Processes, wait_until

PROGRAM = """
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGTERM})
print("up", flush=True)
print(signal.sigwait({signal.SIGUSR1, signal.SIGTERM}).name, flush=True)
"""


class _Healthy(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    """A port on which somebody is healthy once it is served."""
    with HTTPServer((LOOPBACK, 0), _Healthy) as listening:
        yield listening


@pytest.mark.parametrize("has_read_its_state", [True, False])
def test_an_emulator_is_asked_once_it_answers_and_not_while_it_reads_its_state(
    tmp_path: Path, server: HTTPServer, *, has_read_its_state: bool
) -> None:
    home, log = Home(tmp_path), tmp_path / "log"
    processes = Processes(home)
    processes.start(emulator.NAME, Command([sys.executable, "-c", PROGRAM], log, dict(os.environ)))
    wait_until(lambda: log.read_text() == "up\n", lambda: processes.is_running(emulator.NAME), "It", log, patience=10)
    settings = Settings(ports=Ports(emulator=server.server_port))
    if has_read_its_state:
        Thread(target=server.handle_request, daemon=True).start()
    else:
        server.server_close()

    emulator.save_state(settings, processes)
    processes.stop(emulator.NAME)

    assert log.read_text().split() == ["up", "SIGUSR1" if has_read_its_state else "SIGTERM"]
