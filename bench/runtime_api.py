"""A Lambda Runtime API for one execution environment, which measures the runtime client that talks to it.

Protocol: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import json
import queue
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

LOOPBACK = "127.0.0.1"
_PATIENCE = 60
_VERSION = "/2018-06-01/runtime"


class FunctionFailed(Exception):
    """The function did not start, or did not answer: the message is what it said of itself."""


@dataclass
class _Exchange:
    """What passes between the server's threads and the caller. Times are `time.perf_counter()` seconds."""

    asked: queue.Queue[float] = field(default_factory=queue.Queue)
    events: queue.Queue[bytes] = field(default_factory=queue.Queue)
    answers: queue.Queue[tuple[float, bytes]] = field(default_factory=queue.Queue)
    failures: queue.Queue[str] = field(default_factory=queue.Queue)
    sent_at: float = 0.0


class ExecutionEnvironment:
    """One process that runs a handler under the real runtime client, as a context manager.

    Entering it waits until the function is initialised: `init_ms` is the time from the start of the process until it
    asks for its first event. Raises `FunctionFailed`.
    """

    def __init__(self, command: Sequence[str], task_root: Path, environment: Mapping[str, str]) -> None:
        self._exchange = _Exchange()
        self._server = ThreadingHTTPServer((LOOPBACK, 0), _handler_of(self._exchange))
        self._server.daemon_threads = True
        self._command = command
        self._task_root = task_root
        self._environment = {**environment, "AWS_LAMBDA_RUNTIME_API": f"{LOOPBACK}:{self._server.server_port}"}
        self.init_ms = 0.0

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        started = time.perf_counter()
        self._process = subprocess.Popen(
            self._command,
            cwd=self._task_root,
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            self.init_ms = 1000 * (self._wait(self._exchange.asked) - started)
        except FunctionFailed:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def invoke(self, event: Mapping[str, Any]) -> tuple[Any, float]:
        """The function's answer, and the milliseconds from handing over the event until the answer came back.

        Raises `FunctionFailed`.
        """
        self._exchange.events.put(json.dumps(event).encode())
        answered, body = self._wait(self._exchange.answers)
        elapsed = 1000 * (answered - self._exchange.sent_at)
        self._wait(self._exchange.asked)
        return json.loads(body), elapsed

    def _wait(self, source: queue.Queue[Any]) -> Any:
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            try:
                return source.get(timeout=0.2)
            except queue.Empty:
                if not self._exchange.failures.empty():
                    raise FunctionFailed(self._exchange.failures.get()) from None
                if self._process.poll() is not None:
                    raise FunctionFailed(f"the function ended with status {self._process.returncode}") from None
        raise FunctionFailed(f"the function was silent for {_PATIENCE} seconds")

    def _stop(self) -> None:
        self._process.kill()
        self._process.wait()
        self._server.shutdown()
        self._server.server_close()


def _handler_of(exchange: _Exchange) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            exchange.asked.put(time.perf_counter())
            event = exchange.events.get()
            self.send_response(200)
            # The runtime client reads the type of the event unasked, and breaks where there is none.
            self.send_header("Content-Type", "application/json")
            self.send_header("Lambda-Runtime-Aws-Request-Id", "00000000-0000-4000-8000-000000000000")
            self.send_header("Lambda-Runtime-Deadline-Ms", str(int(1000 * (time.time() + _PATIENCE))))
            self.send_header(
                "Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-central-1:000000000000:function:f"
            )
            self._finish(event)
            exchange.sent_at = time.perf_counter()

        def do_POST(self) -> None:
            arrived = time.perf_counter()
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.path.startswith(f"{_VERSION}/invocation/") and self.path.endswith("/response"):
                exchange.answers.put((arrived, body))
            else:
                exchange.failures.put(body.decode())
            self.send_response(202)
            self._finish(b"")

        def log_message(self, *_: object) -> None:
            """Say nothing: the figures are printed at the end."""

        def _finish(self, body: bytes) -> None:
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler
