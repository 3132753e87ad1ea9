"""Commands of operators as processes, as a person starts them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from local.home import CHECKOUT
from tests.stack import Stack

Completed = subprocess.CompletedProcess[str]
Command = Callable[..., Completed]


def python(module: str, *arguments: str, **variables: str) -> Completed:
    """A command as a person starts it, with nothing in the environment but these variables."""
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=CHECKOUT,
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="session")
def ops(stack: Stack) -> Command:
    """`python -m ops` for the running system."""
    return lambda *arguments: python("ops", "--home", str(stack.home.folder), *arguments)


def answer_of(run: Completed) -> dict[str, Any]:
    """What a command printed for a script."""
    assert run.returncode == 0, run.stderr
    answer: dict[str, Any] = json.loads(run.stdout)
    return answer
