"""Leave to replace or remove what holds data, from the command line or from the person at the terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable

from infra.changes import Change
from infra.errors import Refused
from infra.stages import Stage

PROTECTED = {"staging", "prod"}


class Approval:
    """Remembers what was agreed to. `says_yes` is enough for a stage without protection, `allowed` names for any."""

    def __init__(self, stage: Stage, allowed: Collection[str], *, says_yes: bool, ask: Callable[[str], str]) -> None:
        self._stage = stage
        self._agreed = set(allowed)
        self._says_yes = says_yes
        self._ask = ask

    def check(self, stack: str, changes: Iterable[Change]) -> None:
        """Raises `Refused` unless all that endangers what a resource of `stack` holds is agreed to."""
        for change in changes:
            if change.endangers and change.resource not in self._agreed:
                self._decide(stack, change)
                self._agreed.add(change.resource)

    def _decide(self, stack: str, change: Change) -> None:
        what = f"{stack}: {change.resource} ({change.type}) is {change.kind}, and it holds {change.holds}."
        allow = f"--allow-replacement {change.resource}"
        if self._says_yes:
            if self._stage.name in PROTECTED:
                raise Refused(f"{what} Nothing was done to this stack. In {self._stage.name}, say so by name: {allow}")
            return
        answer = self._ask(f"{what} Type {change.resource} to go on: ")
        if answer.strip() != change.resource:
            raise Refused(f"{what} Nothing was done to this stack. To agree without being asked: {allow}")


def ask(question: str) -> str:
    """What the person at the terminal answers; nothing where there is no terminal."""
    if not sys.stdin.isatty():
        return ""
    try:
        return input(question)
    except EOFError:
        return ""
