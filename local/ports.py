"""TCP ports of this machine's loopback address."""

from __future__ import annotations

import socket
from contextlib import suppress

import psutil  # type: ignore[import-untyped]

from local.progress import Problem

LOOPBACK = "127.0.0.1"


def bind(port: int, what: str, option: str) -> socket.socket:
    """A socket bound to `port` of the loopback address (0: any free one), not listening yet.

    `what` and `option` name the service and the command-line option in the message when the port is busy.
    Raises Problem with the owner's process id when that is known.
    """
    # With its protocol named, asyncio turns Nagle's algorithm off on what it accepts: 40 ms less for each answer.
    held = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # A listener on every address of the machine does not keep us from binding, so it has to be looked for.
    is_busy = port != 0 and is_open(port)
    try:
        held.bind((LOOPBACK, port))
    except OSError:
        is_busy = True
    if is_busy:
        held.close()
        raise Problem(f"Port {port} is in use{_by_whom(port)}; {what} needs it.", _advice(option))
    return held


def reserve(wanted: int, remembered: int, what: str, option: str) -> socket.socket:
    """A socket bound to `wanted`, or when that is 0 to the remembered port if it is free, else to any free one.

    Raises Problem when `wanted` is a busy port.
    """
    if wanted == 0 and remembered:
        with suppress(Problem):
            return bind(remembered, what, option)
    return bind(wanted, what, option)


def is_open(port: int) -> bool:
    """Whether something on `port` accepts a connection."""
    try:
        socket.create_connection((LOOPBACK, port), timeout=1).close()
    except OSError:
        return False
    return True


def _by_whom(port: int) -> str:
    try:
        connections = psutil.net_connections("tcp")
    except psutil.Error:
        return ""
    owners = {c.pid for c in connections if c.status == psutil.CONN_LISTEN and c.laddr.port == port and c.pid}
    return "".join(f" by process {pid} ({_command(pid)})" for pid in sorted(owners))


def _command(pid: int) -> str:
    try:
        return " ".join(psutil.Process(pid).cmdline())[:80]
    except psutil.Error:
        return "its command cannot be read"


def _advice(option: str) -> str:
    return f"Stop that process, or choose another port with {option} PORT (0 picks a free one)."
