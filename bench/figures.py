"""Interleaved measurements, and how they are printed."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from bench.runtime_api import FunctionFailed
from bench.targets import Target

MEASURES = ("init", "first", "warm")


@dataclass(frozen=True)
class Figure:
    """The median of one measure of one target, in milliseconds.

    `times_raw` is how often the raw handler's it is: the median of the ratios within a round, so that a slow spell of
    the machine counts against both.
    """

    target: str
    measure: str
    median_ms: float
    times_raw: float
    samples: int


def measure(
    targets: Sequence[Target], python: Path, rounds: int, calls: int, progress: Callable[[str], object]
) -> list[Figure]:
    """Each target in turn, `rounds` times over; the first one is what the others are compared with.

    Raises `FunctionFailed` when one does not answer with 200.
    """
    seen: dict[tuple[str, str], list[list[float]]] = defaultdict(list)
    for number in range(rounds):
        progress(f"round {number + 1} of {rounds}")
        for target in targets:
            for name, samples in _once(target, python, calls).items():
                seen[target.name, name].append(samples)
    return [_figure(target, name, rounds_of, seen[targets[0].name, name]) for (target, name), rounds_of in seen.items()]


def table(figures: Sequence[Figure]) -> str:
    """One line a target: milliseconds, and in brackets the ratio to the first target."""
    by_target: dict[str, dict[str, Figure]] = defaultdict(dict)
    for figure in figures:
        by_target[figure.target][figure.measure] = figure
    lines = [f"{'milliseconds (times raw)':<26}" + "".join(f"{name:>20}" for name in MEASURES)]
    for target, row in by_target.items():
        cells = (f"{row[name].median_ms:.2f} ({row[name].times_raw:.2f})" for name in MEASURES)
        lines.append(f"{target:<26}" + "".join(f"{cell:>20}" for cell in cells))
    return "\n".join(lines)


def json_lines(figures: Sequence[Figure]) -> str:
    """One JSON object a figure."""
    return "\n".join(json.dumps(asdict(figure)) for figure in figures)


def _once(target: Target, python: Path, calls: int) -> dict[str, list[float]]:
    with target.start(python) as environment:
        answered = []
        for _ in range(calls + 1):
            answer, elapsed = environment.invoke(target.event)
            if answer["statusCode"] != 200:
                raise FunctionFailed(f"{target.name} answered {answer['statusCode']}: {answer['body']}")
            answered.append(elapsed)
        return {"init": [environment.init_ms], "first": answered[:1], "warm": answered[1:]}


def _figure(target: str, name: str, rounds: list[list[float]], raw: list[list[float]]) -> Figure:
    samples = [sample for one_round in rounds for sample in one_round]
    ratios = [median(ours) / median(theirs) for ours, theirs in zip(rounds, raw, strict=True)]
    return Figure(target, name, round(median(samples), 3), round(median(ratios), 2), len(samples))
