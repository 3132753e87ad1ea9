"""Jobs as processes: what they are called, and how they end."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from chalicelib.jobs import __main__ as jobs
from chalicelib.jobs.stop import Stop
from tests.log_lines import LogLines


@pytest.fixture(autouse=True)
def _restored_signals() -> Any:
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


def _named(monkeypatch: pytest.MonkeyPatch, job: jobs.Job) -> None:
    monkeypatch.setitem(jobs.JOBS, "index-search", job)


def test_a_job_that_came_to_its_end_is_a_success(monkeypatch: pytest.MonkeyPatch) -> None:
    _named(monkeypatch, lambda stop: not stop.is_asked_for)
    assert jobs.main(["index-search"]) == 0


def test_a_failed_job_says_so_and_is_logged(monkeypatch: pytest.MonkeyPatch, logs: LogLines) -> None:
    def fail(stop: Stop) -> bool:
        raise RuntimeError("the reason")

    _named(monkeypatch, fail)
    assert jobs.main(["index-search"]) == 1
    assert any(line["message"] == "job failed" and line["job"] == "index-search" for line in logs.records)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_a_job_between_two_steps(monkeypatch: pytest.MonkeyPatch, number: signal.Signals) -> None:
    def step_by_step(stop: Stop) -> bool:
        steps = 0
        while not stop.is_asked_for and steps < 3:
            steps += 1
            signal.raise_signal(number)
        assert steps == 1
        return not stop.is_asked_for

    _named(monkeypatch, step_by_step)
    assert jobs.main(["index-search"]) == 143


@pytest.mark.parametrize("arguments", [[], ["no-such-job"]])
def test_another_name_is_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        jobs.main(arguments)
    assert refused.value.code == 2


def test_what_is_told_to_stop_has_no_time_left() -> None:
    stop = Stop()
    assert stop.get_remaining_time_in_millis() > 15 * 60 * 1000
    stop.ask(signal.SIGTERM, None)
    assert stop.get_remaining_time_in_millis() == 0
