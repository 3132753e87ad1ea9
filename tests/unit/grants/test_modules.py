"""Whether a run can tell that nobody uses a grant."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.grants.modules import SOME_LEFT_OUT, USING, is_whole


@pytest.mark.parametrize(
    ("modules", "arguments", "has_left_out", "expected"),
    [
        (USING, ["tests"], False, True),
        (("test_local.py", *USING), ["tests"], False, True),
        (USING[1:], ["tests"], False, False),
        (USING, ["tests"], True, False),
        (USING, ["tests/integration", "tests/integration/test_orders.py::test_this"], False, False),
    ],
)
def test_run_is_whole_with_every_test_that_uses_a_grant(
    modules: tuple[str, ...], arguments: list[str], has_left_out: bool, expected: bool
) -> None:
    assert is_whole(session(modules, arguments, has_left_out)) is expected


@pytest.mark.parametrize("module", USING)
def test_modules_are_there(module: str) -> None:
    assert (Path(__file__).parents[2] / "integration" / module).exists()


def session(modules: tuple[str, ...], arguments: list[str], has_left_out: bool) -> Any:
    """What pytest knows of a run."""
    stash = pytest.Stash()
    if has_left_out:
        stash[SOME_LEFT_OUT] = True
    items = [SimpleNamespace(path=Path("tests/integration") / module) for module in modules]
    return SimpleNamespace(items=items, config=SimpleNamespace(args=arguments, stash=stash))
