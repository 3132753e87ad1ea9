"""The benchmark runs handlers under the real runtime client, and compares each measure with the raw handler's."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench import figures, targets
from bench.figures import Figure
from bench.runtime_api import FunctionFailed
from bench.targets import Target

PYTHON = Path(sys.executable)


def test_a_handler_is_started_and_answers_under_the_runtime_client() -> None:
    raw = targets.raw()
    with raw.start(PYTHON) as environment:
        answer, elapsed = environment.invoke(raw.event)
    assert answer["statusCode"] == 200
    assert environment.init_ms > 0
    assert elapsed > 0


@pytest.mark.parametrize(
    ("source", "said"),
    [("raise ValueError('no settings')", "no settings"), ("def handler(event, context): return 1 / 0", "division")],
)
def test_a_handler_that_fails_is_told_in_its_own_words(tmp_path: Path, source: str, said: str) -> None:
    (tmp_path / "broken.py").write_text(source)
    with (
        pytest.raises(FunctionFailed, match=said),
        Target("broken", tmp_path, "broken.handler", {}).start(PYTHON) as it,
    ):
        it.invoke({})


def test_an_answer_other_than_200_is_no_measurement(tmp_path: Path) -> None:
    (tmp_path / "absent.py").write_text("def handler(event, context): return {'statusCode': 404, 'body': 'nowhere'}")
    with pytest.raises(FunctionFailed, match="absent answered 404: nowhere"):
        figures.measure([Target("absent", tmp_path, "absent.handler", {})], PYTHON, 1, 1, lambda _: None)


def test_each_figure_is_compared_with_the_first_target() -> None:
    raw = targets.raw()
    measured = figures.measure([raw], PYTHON, rounds=2, calls=3, progress=lambda _: None)
    assert [(figure.measure, figure.times_raw, figure.samples) for figure in measured] == [
        ("init", 1.0, 2),
        ("first", 1.0, 2),
        ("warm", 1.0, 6),
    ]


def test_the_table_has_a_line_for_each_target() -> None:
    rows = [
        Figure(name, measure, 12.5, 2.5, 7) for name in ("raw handler", "GET /health") for measure in figures.MEASURES
    ]
    header, *lines = figures.table(rows).splitlines()
    assert header.split() == ["milliseconds", "(times", "raw)", "init", "first", "warm"]
    assert [line.count("12.50 (2.50)") for line in lines] == [3, 3]
    assert figures.json_lines(rows).count("\n") == 5
