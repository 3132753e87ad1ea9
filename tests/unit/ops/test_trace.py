"""Where a trace begins to look, and what it prints."""

from __future__ import annotations

import json
from argparse import Namespace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.progress import Problem
from ops import trace
from ops.log_groups import Line
from tests.unit.ops.test_hops import CONFIRMED, ID, PLACED, log_line

NOW = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
MADE = datetime(2026, 11, 22, 17, 29, 17, 587_000, tzinfo=UTC)

LINES = [
    ("api_handler", log_line("event stored", "17:29:17.700", **PLACED, destinations=["orders.fifo"])),
    ("api_handler", log_line("event published", "17:29:17.720", **PLACED, destination="orders.fifo")),
    ("api_handler", log_line("request", "17:29:17.728", route="POST /orders", status=201, milliseconds=131.4)),
]
ARRIVED = ("fulfil_orders", log_line("message consumed", "17:29:18.000", **PLACED, milliseconds=40.0))


class Logs:
    """Log groups in which one more line is found at each look."""

    def __init__(self, *looks: list[Line]) -> None:
        self.looks = list(looks)

    def find(self, term: str, since: datetime) -> list[Line]:
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]


def printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *looks: list[Line], **options: Any
) -> str:
    monkeypatch.setattr(trace, "LogGroups", lambda account: Logs(*looks))
    monkeypatch.setattr(trace, "POLL_SECONDS", 0)
    arguments = {"correlation_id": ID, "since": None, "wait": 0.0, "json": False} | options
    trace.show(Namespace(stage="local"), Namespace(**arguments))
    return capsys.readouterr().out


def test_looks_back_to_shortly_before_the_time_in_the_id() -> None:
    assert trace.beginning(ID, None, NOW) == MADE - timedelta(minutes=5)


def test_looks_back_as_far_as_it_is_told() -> None:
    assert trace.beginning(ID, timedelta(days=2), NOW) == NOW - timedelta(days=2)


@pytest.mark.parametrize(
    "without_a_time",
    ["my-own-id", "2d941b93-4260-47ae-86df-d5afe50fe7c3", "ffffffff-ffff-7fff-bfff-ffffffffffff"],
)
def test_looks_back_an_hour_for_an_id_without_a_past_time(without_a_time: str) -> None:
    assert trace.beginning(without_a_time, None, NOW) == NOW - timedelta(hours=1)


def test_prints_one_line_a_hop_in_the_order_of_their_beginnings(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = printed(monkeypatch, capsys, [ARRIVED, *LINES])

    rows = [line.split() for line in text.splitlines() if "order" in line]
    assert [row[3] for row in rows] == ["request", "outbox", "queue", "consumer"]
    assert [row[1] for row in rows] == ["0", "103", "123", "363"]
    assert (rows[0][2], rows[0][-1], rows[3][2]) == ("api_handler", "131.4", "fulfil_orders")
    assert "not seen yet" not in text


def test_says_what_has_not_arrived(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert "not seen yet: order.placed in fulfil_orders" in printed(monkeypatch, capsys, LINES)


def test_waits_for_what_is_to_come_and_no_longer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    looks = [[], LINES[:1], LINES, [*LINES, ARRIVED], [*LINES, ARRIVED, ("late", log_line("one look too many"))]]

    text = printed(monkeypatch, capsys, *looks, wait=60.0)

    assert "order.placed done" in text
    assert "too many" not in text


def test_prints_everything_as_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    answer = json.loads(printed(monkeypatch, capsys, LINES, json=True))

    assert [hop["hop"] for hop in answer["hops"]] == ["request", "outbox", "queue"]
    assert answer["missing"] == ["order.placed in fulfil_orders"]


def test_what_a_line_holds_does_not_steer_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reason = {**CONFIRMED, "error": "X", "reason": "\x1b[2J[red]gone\u202e"}

    text = printed(monkeypatch, capsys, [("send_emails", log_line("message failed", **reason))])

    assert "\x1b" not in text
    assert "\u202e" not in text
    assert r"\x1b[2J[red]gone\u202e" in text


@pytest.mark.parametrize("wrong", ["", "short", 'x" || "12345', "a" * 65, "-12345678"])
def test_what_is_no_correlation_id_is_refused(
    wrong: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Problem, match="is no correlation id"):
        printed(monkeypatch, capsys, LINES, correlation_id=wrong)


def test_nothing_found_is_a_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Problem, match=f"No function of the stage local has logged {ID} since 22 Nov"):
        printed(monkeypatch, capsys, [])
