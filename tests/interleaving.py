"""Competing work at exactly one moment: right before or right after a function of the application, once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest


def run_before(monkeypatch: pytest.MonkeyPatch, owner: object, name: str, competitor: Callable[[], Any]) -> list[Any]:
    """Runs `competitor` to its end before the first call of `owner.name`; returns a list that gets its result."""
    original, results = getattr(owner, name), []

    def patched(*arguments: Any, **named: Any) -> Any:
        if not results:
            results.append(None)
            results[0] = begun(competitor).result(timeout=30)
        return original(*arguments, **named)

    monkeypatch.setattr(owner, name, patched)
    return results


def begin_after(
    monkeypatch: pytest.MonkeyPatch, owner: object, name: str, competitor: Callable[[], Any], seconds: float = 0.2
) -> list[Future[Any]]:
    """Begins `competitor` after the first call of `owner.name` and gives it some time; it may have to wait for a lock.

    Returns a list that gets its future.
    """
    original, futures = getattr(owner, name), []

    def patched(*arguments: Any, **named: Any) -> Any:
        result = original(*arguments, **named)
        if not futures:
            futures.append(Future())
            futures[0] = begun(competitor)
            _waited(futures[0], seconds)
        return result

    monkeypatch.setattr(owner, name, patched)
    return futures


def begun(work: Callable[[], Any]) -> Future[Any]:
    """`work`, begun in a thread of its own."""
    threads = ThreadPoolExecutor(1)
    future = threads.submit(work)
    threads.shutdown(wait=False)
    return future


def _waited(future: Future[Any], seconds: float) -> None:
    try:
        future.exception(timeout=seconds)
    except TimeoutError:
        return
