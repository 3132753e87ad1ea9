"""A small HTTP server on the loopback address, for what stands at the network's edge in tests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TypeVar


class LocalServer:
    """Serves with `handler` on a free port from the moment it is made."""

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        """Closes the server."""
        self._server.shutdown()
        self._server.server_close()


Server = TypeVar("Server", bound=LocalServer)


@contextmanager
def stopped_at_the_end(make: Callable[[], Server]) -> Iterator[Server]:
    """What `make` makes, for the length of a block."""
    server = make()
    try:
        yield server
    finally:
        server.stop()
