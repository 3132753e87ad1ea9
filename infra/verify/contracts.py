"""Tests that say something of the infrastructure as a whole, run and told as checks."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator

from infra.build import PROJECT
from infra.verify.outcome import Outcome, State
from infra.verify.subjects import Subjects
from infra.verify.tools import run

HEAVY = "VERIFY_INFRA"
"""The environment variable without which tests that take minutes are skipped."""

_PYTEST = [sys.executable, "-m", "pytest", "--no-header", "-p", "no:cacheprovider"]
_ALL_PASSED = re.compile(r"=+ \d+ passed(, \d+ warnings?)? in .* =+")
_ENDED = re.compile(r"^\S+::(\w+) (PASSED|FAILED|ERROR|SKIPPED)")


def contract(*selection: str) -> Callable[[Subjects], Outcome]:
    """A check that passes when the contract tests of `selection` (arguments of pytest) do."""

    def check(_: Subjects) -> Outcome:
        ended = run([*_PYTEST, "--quiet", *selection])
        return _outcome(ended.returncode, ended.stdout.splitlines() or ended.stderr.splitlines())

    return check


def deployment(*selection: str) -> Callable[[Subjects], Outcome]:
    """The same of tests that make whole deployments, which are told one by one as they end."""

    def check(subjects: Subjects) -> Outcome:
        lines = []
        for line in _lines([*_PYTEST, "--verbose", *selection]):
            lines.append(line)
            if ended := _ENDED.match(line):
                subjects.say(f"{ended[1].removeprefix('test_').replace('_', ' ')}: {ended[2].lower()}")
        is_passed = bool(lines) and _ALL_PASSED.fullmatch(lines[-1]) is not None
        return _outcome(0 if is_passed else 1, lines)

    return check


def _lines(command: list[str]) -> Iterator[str]:
    """What a program says, as it says it."""
    environment = os.environ | {HEAVY: "1"}
    with subprocess.Popen(
        command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as running:
        yield from (line.rstrip() for line in running.stdout or ())


def _outcome(status: int, lines: list[str]) -> Outcome:
    last = lines[-1].strip("= ") if lines else ""
    if status:
        failed = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
        return Outcome(State.FAILED, last, failed or lines[-5:])
    return Outcome(State.PASSED, last.split(" in ")[0])
