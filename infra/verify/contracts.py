"""Contract tests that say something of the infrastructure as a whole, run and told as checks."""

from __future__ import annotations

import sys
from collections.abc import Callable

from infra.verify.outcome import Outcome, State
from infra.verify.subjects import Subjects
from infra.verify.tools import run

_PYTEST = [sys.executable, "-m", "pytest", "--quiet", "--no-header", "-p", "no:cacheprovider"]


def contract(*selection: str) -> Callable[[Subjects], Outcome]:
    """A check that passes when the contract tests of `selection` (arguments of pytest) do."""

    def check(_: Subjects) -> Outcome:
        ended = run([*_PYTEST, *selection])
        lines = ended.stdout.splitlines() or ended.stderr.splitlines() or [""]
        failed = [line for line in lines if line.startswith(("FAILED", "ERROR"))] or lines[-5:]
        if ended.returncode:
            return Outcome(State.FAILED, lines[-1], failed)
        return Outcome(State.PASSED, lines[-1].split(" in ")[0])

    return check
