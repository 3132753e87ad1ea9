"""The two virtual environments, made with nothing but Python and made again only when what they hold changes.

    python3 -m local.environments [development] [emulator]

This module runs before anything is installed: it uses the standard library alone.
"""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
import sys
import threading
import time
import venv
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
OLDEST = (3, 11)


@dataclass(frozen=True)
class Environment:
    """A virtual environment and the pinned requirements that it holds."""

    name: str
    folder: Path
    requirements: tuple[Path, ...]

    @property
    def stamp(self) -> Path:
        """The file that says what was installed; written last, so that an interrupted installation has none."""
        return self.folder / "installed"

    def wanted(self) -> str:
        """What the stamp says when nothing has changed: requirements, interpreter, place."""
        digest = hashlib.sha256()
        for path in self.requirements:
            digest.update(path.read_bytes())
        return f"{digest.hexdigest()} {sys.version_info[:3]} {sys.base_prefix} {self.folder}\n"


ENVIRONMENTS = {
    made.name: made
    for made in (
        Environment(
            "development", CHECKOUT / ".venv", (CHECKOUT / "requirements.txt", CHECKOUT / "requirements-dev.txt")
        ),
        Environment("emulator", CHECKOUT / ".venv-emulator", (CHECKOUT / "local" / "requirements-emulator.txt",)),
    )
}


def main(names: list[str]) -> int:
    """Make the named environments, or all, at the same time. Returns 1 after a failure that was explained."""
    if sys.version_info < OLDEST:
        print(f"Python {OLDEST[0]}.{OLDEST[1]} or newer is needed; this is {sys.version.split()[0]}.", file=sys.stderr)
        return 1
    failures: list[str] = []
    threads = [threading.Thread(target=_attempt, args=(ENVIRONMENTS[n], failures)) for n in names or ENVIRONMENTS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0


def ensure(environment: Environment) -> None:
    """Make `environment` unless it is there as wanted. Raises CalledProcessError or OSError when that fails."""
    if _is_current(environment):
        return
    # Two commands at the same time: the second waits for the first, and then finds everything done.
    with environment.requirements[0].open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _is_current(environment):
            _make(environment)


def _attempt(environment: Environment, failures: list[str]) -> None:
    try:
        ensure(environment)
    except (subprocess.CalledProcessError, OSError) as error:
        failures.append(
            f"The {environment.name} environment was not made: {error}\n{_words(error)}Check the network and run the "
            "command again. On Debian and Ubuntu `apt install python3-venv` may be missing."
        )


def _is_current(environment: Environment) -> bool:
    return environment.stamp.exists() and environment.stamp.read_text() == environment.wanted()


def _make(environment: Environment) -> None:
    began = time.monotonic()
    print(
        f"Making the {environment.name} environment in {environment.folder.name} (once, about a minute) ...", flush=True
    )
    venv.EnvBuilder(clear=True, with_pip=True, symlinks=True).create(environment.folder)
    install: list[str | Path] = [
        environment.folder / "bin" / "python",
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]
    for path in environment.requirements:
        install += ["--requirement", path]
    _run(install, environment.name, began)
    environment.stamp.write_text(environment.wanted())
    print(f"The {environment.name} environment is ready after {time.monotonic() - began:.0f} s.", flush=True)


def _run(command: list[str | Path], name: str, began: float) -> None:
    """Run `command`, saying now and then that it still runs. Raises CalledProcessError with its output."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        reader = threading.Thread(target=_say_it_runs, args=(process, name, began), daemon=True)
        reader.start()
        output = process.stdout.read() if process.stdout else ""
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, "pip install", output)


def _say_it_runs(process: subprocess.Popen[str], name: str, began: float) -> None:
    while process.poll() is None:
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            print(f"... still installing the {name} environment ({time.monotonic() - began:.0f} s)", flush=True)


def _words(error: Exception) -> str:
    output = error.output if isinstance(error, subprocess.CalledProcessError) else ""
    return "".join(f"  | {line}\n" for line in (output or "").splitlines()[-8:])


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
