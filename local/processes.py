"""The processes of a running system: started apart from the terminal, written down, and surely stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from local.home import Home, write_privately
from local.progress import Problem


@dataclass(frozen=True)
class Command:
    """How to start one process. `log` receives both its outputs; `stop_with` is the signal that asks it to end."""

    arguments: Sequence[str | Path]
    log: Path
    environment: Mapping[str, str]
    directory: Path | None = None
    stop_with: signal.Signals = signal.SIGTERM


@dataclass(frozen=True)
class Record:
    """A started process, written down; `created` (seconds since 1970) tells it from a later one of the same id."""

    pid: int
    created: float
    stop_with: int


class Processes:
    """The started processes of one home by name. What is started here outlives nothing: `stop_all()` ends it.

    Records are kept in the home, so that the next start finds what a killed system left, and so that a test can stop
    and start a single service of a system that another process runs.
    """

    def __init__(self, home: Home) -> None:
        self._file = home.processes
        self._lock = threading.Lock()
        self._children: dict[int, subprocess.Popen[bytes]] = {}
        self._closed = False

    def start(self, name: str, command: Command) -> int:
        """Start `command` in a session of its own and return its process id. Refuses once `stop_all()` has begun."""
        with self._lock:
            if self._closed:
                raise Problem(f"{name} is not started: everything is being stopped.")
            with command.log.open("ab") as log:
                child = subprocess.Popen(
                    command.arguments,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=dict(command.environment),
                    cwd=command.directory,
                    start_new_session=True,
                )
            self._children[child.pid] = child
            record = Record(child.pid, psutil.Process(child.pid).create_time(), command.stop_with)
            self._write({**self._read(), name: record})
            return child.pid

    def run(self, name: str, command: Command, *, on_line: Callable[[str], None] = lambda _: None) -> None:
        """Run `command` to its end, passing on each line of its output.

        Raises Problem with the last lines when it fails.
        """
        begin = command.log.stat().st_size if command.log.exists() else 0
        child = self._children[self.start(name, command)]
        lines: list[str] = []
        with command.log.open(errors="replace") as log:
            log.seek(begin)
            is_over = False
            while not is_over:
                is_over = child.poll() is not None
                for line in log:
                    lines.append(line.rstrip())
                    on_line(lines[-1])
                time.sleep(0 if is_over else 0.02)
        self.stop(name)
        if child.returncode != 0:
            raise Problem(f"{name} failed (exit code {child.returncode}).\n{_quoted(lines)}", f"Log: {command.log}")

    def is_running(self, name: str) -> bool:
        """Whether the process that was started as `name` still lives."""
        record = self._read().get(name)
        return record is not None and self._find(record) is not None

    def running(self) -> dict[str, int]:
        """Process ids by name of all that live."""
        return {name: record.pid for name, record in self._read().items() if self._find(record)}

    def stop(self, name: str, patience: float = 8.0) -> None:
        """End `name` and every process of its group: politely, and after `patience` seconds by force."""
        record = self._read().get(name)
        if record is None:
            return
        if (process := self._find(record)) is not None:
            process.send_signal(record.stop_with)
            self._await_end(record, patience)
        if not self._is_another(record):
            _kill_group(record.pid)
        with self._lock:
            self._write({other: kept for other, kept in self._read().items() if other != name})

    def stop_all(self) -> None:
        """End everything that was ever started in this home, all at the same time; nothing can be started after."""
        with self._lock:
            self._closed = True
        stops = [threading.Thread(target=self.stop, args=(name,)) for name in self._read()]
        for stop in stops:
            stop.start()
        for stop in stops:
            stop.join()

    def _find(self, record: Record) -> psutil.Process | None:
        """The living process of `record`; None when it ended, even if its id belongs to another process by now."""
        if (child := self._children.get(record.pid)) is not None and child.poll() is not None:
            return None
        if not psutil.pid_exists(record.pid) or self._is_another(record):
            return None
        try:
            process = psutil.Process(record.pid)
            return None if process.status() == psutil.STATUS_ZOMBIE else process
        except psutil.NoSuchProcess:
            return None

    def _is_another(self, record: Record) -> bool:
        """Whether the id of `record` was given to a later process in the meantime."""
        try:
            created: float = psutil.Process(record.pid).create_time()
            return abs(created - record.created) > 1
        except psutil.NoSuchProcess:
            return False

    def _await_end(self, record: Record, patience: float) -> None:
        deadline = time.monotonic() + patience
        while self._find(record) is not None and time.monotonic() < deadline:
            time.sleep(0.01)

    def _read(self) -> dict[str, Record]:
        if not self._file.exists():
            return {}
        return {name: Record(**kept) for name, kept in json.loads(self._file.read_text()).items()}

    def _write(self, records: Mapping[str, Record]) -> None:
        write_privately(self._file, {name: asdict(record) for name, record in records.items()})


def wait_until(
    condition: Callable[[], bool], is_alive: Callable[[], bool], what: str, log: Path, *, patience: float
) -> None:
    """Return as soon as `condition()` holds. Raises Problem when the process is gone or `patience` seconds are over."""
    deadline = time.monotonic() + patience
    while not condition():
        if not is_alive():
            raise Problem(f"{what} ended while it was starting.\n{tail(log)}", f"Its whole log is {log}.")
        if time.monotonic() > deadline:
            raise Problem(f"{what} is not ready after {patience:.0f} s.\n{tail(log)}", f"Its whole log is {log}.")
        time.sleep(0.02)


def is_program(pid: int, name: str) -> bool:
    """Whether the process `pid` lives and runs the program called `name`."""
    try:
        process = psutil.Process(pid)
        return bool(process.name() == name and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def nobody_works_in(folder: Path) -> bool:
    """Whether no process has `folder` as its working directory."""
    return all(process.info["cwd"] != str(folder) for process in psutil.process_iter(["cwd"]))


def package_folder(package: str) -> Path:
    """Where an installed package keeps its files, found without importing it. Raises Problem when it is missing."""
    found = find_spec(package)
    if found is None or found.origin is None:
        raise Problem(f"The Python package {package} is not installed.", "Start with `make run`, which installs it.")
    return Path(found.origin).parent


def tail(log: Path, lines: int = 12) -> str:
    """The last lines of a log, indented for a message; empty when there is none."""
    if not log.exists():
        return ""
    return _quoted(log.read_text(errors="replace").splitlines(), lines)


def _quoted(lines: Sequence[str], last: int = 25) -> str:
    return "\n".join(f"  | {line}" for line in lines[-last:])


def _kill_group(group: int) -> None:
    """End what the leader of `group` may have left behind; a group without members is none."""
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
