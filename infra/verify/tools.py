"""Tools that are not of the development environment: where they come from, and how they are run."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from infra.build import PROJECT
from local.environments import Environment, ensure

CHECKOV = Environment(
    "checkov", PROJECT / ".venv-checkov", (PROJECT / "infra" / "verify" / "requirements-checkov.txt",)
)
_LONGEST = 600


def installed(environment: Environment, tool: str) -> Path:
    """The program `tool` of an environment, which is made at its first use, saying so."""
    ensure(environment)
    return environment.folder / "bin" / tool


def run(command: Sequence[str | Path], *, text: str = "", folder: Path = PROJECT) -> subprocess.CompletedProcess[str]:
    """Run `command` to its end with `text` as its input. Raises TimeoutExpired after ten minutes."""
    return subprocess.run(
        command, input=text, cwd=folder, capture_output=True, text=True, timeout=_LONGEST, check=False
    )
