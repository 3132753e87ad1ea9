"""A tenth of `make faults`. Each part runs in a process of its own: one that forks workers must have no threads.

The chaos run without outbox and inbox, a matter of chance, is in the full size only; `controls` shows the same at named
points.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.environment import ROOT
from tests.faults.crash_points import POINTS
from tests.faults.variants import CONTROLS

pytestmark = pytest.mark.timeout(900)


def test_killed_workers_and_repeated_messages_lose_and_double_nothing() -> None:
    figures = run("chaos")

    assert figures["chaos orders"]["value"] == 1000
    assert figures["chaos kills"]["value"] >= 20
    assert figures["chaos duplicates"]["swallowed"] > 0
    assert {figures[f"chaos {kind}"]["value"] for kind in ("lost", "doubled", "phantoms", "missing", "other")} == {0}


def test_a_death_at_any_named_point_loses_and_doubles_nothing() -> None:
    figures = run("crash-points")

    assert figures["crash points"] == {"value": len(POINTS), "hits_each": 2, "violations": 0}
    assert len(POINTS) >= 20


def test_broken_connections_cost_retries_and_nothing_else() -> None:
    figures = run("connections")

    assert figures["connection faults"]["value"] >= 40
    assert {
        figures[f"connections {kind}"]["value"] for kind in ("lost", "doubled", "phantoms", "missing", "other")
    } == {0}


def test_every_check_notices_when_its_precaution_is_missing() -> None:
    figures = run("controls")

    assert figures["controls"]["value"] > len(CONTROLS)


def run(part: str) -> dict[str, dict[str, Any]]:
    """The figures of a part, by name; the last of each name."""
    command = [sys.executable, "-m", "tests.faults", "--share", "0.1", part]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-5000:]
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {line.pop("figure"): line for line in lines}
