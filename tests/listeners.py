"""Clients at the other end of WebSockets, as API Gateway's management endpoint has them; and who is invoked by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import unquote

from tests.local_server import LocalServer, stopped_at_the_end


class Listeners(LocalServer):
    """The server. `frames` is what each connection got; `refuses` decides which sending fails, and how.

    A refusal is a status (410: gone), or 0 for a connection that breaks after the frame has arrived. `refuses_all_of`
    decides by the connection's id, whatever is asked about it.
    """

    def __init__(self) -> None:
        self.frames: dict[str, list[dict[str, Any]]] = {}
        self.sizes: list[int] = []
        self.invocations: list[dict[str, Any]] = []
        self.refuses: Callable[[dict[str, Any]], int | None] = lambda _: None
        self.refuses_all_of: Callable[[str], int | None] = lambda _: None
        self.invocations_fail = False
        super().__init__(_handler(self))

    @property
    def settings(self) -> dict[str, str]:
        """The variables of a function that uses it."""
        return {"REALTIME_ENDPOINT": self.url, "AWS_ENDPOINT_URL_LAMBDA": self.url}

    def forget(self) -> None:
        """Forgets what was sent, and refuses nothing any more."""
        self.frames, self.sizes, self.invocations, self.refuses = {}, [], [], lambda _: None
        self.refuses_all_of = lambda _: None
        self.invocations_fail = False

    def of(self, connection_id: str) -> list[dict[str, Any]]:
        """What the connection got, in order."""
        return self.frames.get(connection_id, [])


def running() -> AbstractContextManager[Listeners]:
    """A server that is stopped at the end."""
    return stopped_at_the_end(Listeners)


def _handler(listeners: Listeners) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if "/functions/" in self.path:
                listeners.invocations.append(json.loads(body))
                return self._answer(500 if listeners.invocations_fail else 202)
            frame = json.loads(body)
            status = listeners.refuses_all_of(self._connection_id) or listeners.refuses(frame)
            if not status:
                listeners.sizes.append(len(body))
                listeners.frames.setdefault(self._connection_id, []).append(frame)
            if status == 0:
                self.close_connection = True
                return None
            return self._answer(status or 200)

        def do_GET(self) -> None:
            self._answer(listeners.refuses_all_of(self._connection_id) or 200)

        @property
        def _connection_id(self) -> str:
            return unquote(self.path.rpartition("/")[2])

        def _answer(self, status: int) -> None:
            code = {
                400: "BadRequestException",
                410: "GoneException",
                429: "LimitExceededException",
                500: "ServiceException",
            }.get(status, "")
            body = b"" if status < 300 else json.dumps({"message": "refused"}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            if code:
                self.send_header("x-amzn-ErrorType", code)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler
