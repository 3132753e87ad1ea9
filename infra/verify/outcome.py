"""A check, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from infra.verify.subjects import Subjects


class State(StrEnum):
    """`NOT_RUN` is for a tool that this machine cannot get: it is told, and nothing is claimed."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_RUN = "not run"


@dataclass(frozen=True)
class Outcome:
    """How a check ended, in a line with its figures; `findings` are what has to be mended."""

    state: State
    line: str
    findings: Sequence[str] = ()


@dataclass(frozen=True)
class Check:
    """Something that is true of the infrastructure, and the way to find out."""

    name: str
    proves: str
    run: Callable[[Subjects], Outcome]


def judged(findings: Sequence[str], line: str) -> Outcome:
    """Passed without findings, failed with some."""
    return Outcome(State.FAILED if findings else State.PASSED, line, findings)
