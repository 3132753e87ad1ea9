"""Commands with actions, such as `jobs list` and `jobs start`: each does something and says what came of it."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ops import account, terminal
from ops.account import Account


@dataclass(frozen=True)
class Action:
    """`do` answers what `told` prints for people, and what scripts get as JSON."""

    do: Callable[[Account, Namespace], Mapping[str, Any]]
    told: Callable[[Mapping[str, Any], Namespace], None]


def run(actions: Mapping[str, Action], arguments: Namespace) -> None:
    """Do what `arguments.action` says, in the stage that the options choose."""
    action = actions[arguments.action]
    answer = action.do(account.of(arguments), arguments)
    if arguments.json:
        terminal.write_json(answer)
    else:
        action.told(answer, arguments)
