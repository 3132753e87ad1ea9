"""The folder that holds everything the laptop system knows: data, settings, logs, what runs now."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from local.progress import Problem

CHECKOUT = Path(__file__).resolve().parent.parent


@dataclass
class Ports:
    """The TCP ports that were chosen; 0 before the first start."""

    front_door: int = 0
    postgresql: int = 0
    valkey: int = 0
    emulator: int = 0
    model: int = 0


@dataclass
class Settings:
    """What a home remembers between starts: its ports, and the secrets made for it once."""

    demo_password: str = field(default_factory=lambda: f"Demo-{secrets.token_hex(5)}-9")
    superuser_password: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    owner_password: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    app_password: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    emulator_secret: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    database_url: str = ""
    cache_url: str = ""
    model_url: str = ""
    model_name: str = ""
    embedding_model_id: str = ""
    records_calls: bool = False
    ports: Ports = field(default_factory=Ports)


class Home:
    """Paths under one folder, its settings, and the lock that lets one system run in it at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.logs = self.folder / "logs"
        self.build = self.folder / "build"
        self.postgresql = self.folder / "postgresql"
        self.valkey = self.folder / "valkey"
        self.emulator = self.folder / "emulator"
        self.calls = self.folder / "calls.jsonl"
        self.processes = self.folder / "processes.json"
        self._settings = self.folder / "settings.json"
        self._lock = self.folder / "lock"

    def settings(self) -> Settings:
        """The settings of this home, made up on first use and then kept in a file only its owner reads."""
        if not self._settings.exists():
            self.remember(Settings())
        kept = json.loads(self._settings.read_text())
        return Settings(**{**kept, "ports": Ports(**kept["ports"])})

    def remember(self, settings: Settings) -> None:
        """Keep `settings` for the next start."""
        write_privately(self._settings, asdict(settings))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the home for this process. Raises Problem, naming the holder, when another one has it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o711)  # others may pass, as PostgreSQL's user must, and see nothing
        self.logs.mkdir(exist_ok=True)
        with self._lock.open("a+") as lock:
            while not _acquire(lock.fileno(), fcntl.LOCK_EX):
                if holder := self.holder():
                    raise Problem(
                        f"Marketplace already runs in {self.folder} (process {holder}).",
                        "Use that one, stop it with `python -m local down`, or choose another folder with --home.",
                    )
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            yield

    def holder(self) -> int | None:
        """The process id of the system that runs in this home now; None when none does."""
        if not self._lock.exists():
            return None
        with self._lock.open() as lock:
            if _acquire(lock.fileno(), fcntl.LOCK_SH):
                return None
            return int(lock.read() or 0) or None


def write_privately(path: Path, content: dict[str, Any]) -> None:
    """Replace `path` in one step by `content` as JSON, readable by its owner only."""
    scratch = path.with_suffix(".new")
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch.touch(mode=0o600)
    scratch.write_text(json.dumps(content, indent=2))
    scratch.replace(path)


def _acquire(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
