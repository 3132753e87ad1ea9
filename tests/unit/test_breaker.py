from __future__ import annotations

import pytest

from chalicelib import breaker
from chalicelib.breaker import Breaker
from tests.clock import Clock


@pytest.fixture(autouse=True)
def _at_the_tests_pace(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breaker, "time", clock)


def test_nothing_is_left_alone_before_a_failure() -> None:
    assert not Breaker(5).is_open


def test_a_failure_is_remembered_for_a_moment(clock: Clock) -> None:
    tripped = Breaker(5)
    tripped.trip()

    clock.advance(4.9)
    assert tripped.is_open
    clock.advance(0.2)
    assert not tripped.is_open


def test_a_failure_in_between_begins_the_moment_anew(clock: Clock) -> None:
    tripped = Breaker(5)
    tripped.trip()
    clock.advance(4)
    tripped.trip()

    clock.advance(4)

    assert tripped.is_open


def test_a_failure_can_be_forgotten() -> None:
    tripped = Breaker(5)
    tripped.trip()

    tripped.reset()

    assert not tripped.is_open
