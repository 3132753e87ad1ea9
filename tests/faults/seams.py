"""Changing a function of the application from outside, in one worker process: to crash there, or to break a promise."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from typing import Any

KILLED = 137
"""What a shell says of a process that was killed."""

Wrapper = Callable[[Callable[..., Any]], Callable[..., Any]]


def replace(seam: str, wrapper: Wrapper) -> None:
    """Replaces the function at `seam` (`module:name` or `module:Class.name`) by what `wrapper` makes of it."""
    module, _, path = seam.partition(":")
    owner: Any = import_module(module)
    *classes, name = path.split(".")
    for each in classes:
        owner = getattr(owner, each)
    setattr(owner, name, wrapper(getattr(owner, name)))


def crash_before(seam: str, call: int = 1) -> None:
    """This process dies when the function is called for the `call`-th time, before it has done anything."""
    replace(seam, lambda function: _dying(function, call, is_after=False))


def crash_after(seam: str, call: int = 1) -> None:
    """This process dies when the function has returned for the `call`-th time."""
    replace(seam, lambda function: _dying(function, call, is_after=True))


def _dying(function: Callable[..., Any], call: int, *, is_after: bool) -> Callable[..., Any]:
    calls = 0

    @wraps(function)
    def counted(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call and not is_after:
            os._exit(KILLED)
        result = function(*arguments, **named)
        if calls == call:
            os._exit(KILLED)
        return result

    return counted
