"""A TCP proxy that breaks connections at a chosen moment: requests or answers are cut off, or never arrive."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from selectors import EVENT_READ, DefaultSelector

from local.ports import LOOPBACK


@dataclass(frozen=True)
class Fault:
    """What happens to the `nth` thing that clients send from now on (0: to each of them), or to the answer to it.

    `how` is `cut`, which closes the connection, or `stall`, which keeps it open and passes nothing on any more.
    """

    nth: int
    what: str
    how: str

    def __str__(self) -> str:
        return f"{self.how} {self.what} {self.nth or 'always'}"


class Proxy:
    """Stands in front of a server. Nothing is served before `start()`, so that processes can be forked meanwhile."""

    def __init__(self, host: str, port: int) -> None:
        self._upstream = (host, port)
        self._listener = socket.create_server((LOOPBACK, 0))
        self.port: int = self._listener.getsockname()[1]
        self._fault: Fault | None = None
        self._open: set[socket.socket] = set()
        self.sent = 0
        self.hits = 0

    def start(self) -> None:
        """Begins to serve."""
        threading.Thread(target=self._accept, daemon=True).start()

    def arm(self, fault: Fault | None) -> None:
        """From now on `fault` happens; None heals the network."""
        self._fault, self.sent, self.hits = fault, 0, 0

    def cut_all(self) -> None:
        """Closes every connection, as a server does that restarts."""
        for each in list(self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError), socket.create_connection(self._upstream) as server:
            for each in (client, server):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open |= {client, server}
            try:
                self._pass_on(client, server)
            finally:
                self._open -= {client, server}

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        """Both ways until one end closes. What has been hit passes nothing on and waits for the client to go."""
        selector = DefaultSelector()
        selector.register(client, EVENT_READ, server)
        selector.register(server, EVENT_READ, client)
        is_hit = is_stalled = False
        while True:
            for key, _ in selector.select():
                data = key.fileobj.recv(65536)  # type: ignore[union-attr]
                if not data:
                    return
                if is_stalled:
                    continue
                is_request = key.fileobj is client
                is_hit = is_hit or (is_request and self._strikes())
                fault = self._fault
                if is_hit and fault is not None and is_request == (fault.what == "request"):
                    if fault.how == "cut":
                        return
                    is_stalled = True
                    continue
                key.data.sendall(data)

    def _strikes(self) -> bool:
        """Counts what a client sends; whether the fault happens to this."""
        self.sent += 1
        is_hit = self._fault is not None and self._fault.nth in {0, self.sent}
        self.hits += is_hit
        return is_hit
