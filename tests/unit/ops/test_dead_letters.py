"""What the function answers, as an operator reads it."""

from __future__ import annotations

import io
import json
from argparse import Namespace
from typing import Any

import pytest

from local.progress import Problem
from ops import account, dead_letters, options
from ops.account import Account

LETTER = {
    "message_id": "m-1",
    "event_id": "01a2044e-1c69-7634-9f79-d27742b740b2",
    "type": "order.placed",
    "correlation_id": "01a2044e-1c13-758e-8ad6-0ad79d8f6057",
    "sent_at": "2026-11-22T17:29:17.712000+00:00",
    "receive_count": 4,
    "redrive_count": 1,
    "body": '{"type": "order.placed"}',
}
OTHER = LETTER | {"message_id": "m-2", "type": "", "body": "\x1b[2Jno envelope [red]"}


class Stage:
    """An account whose function answers `answer` and remembers what it was asked."""

    def __init__(self, answer: Any, *, failed: bool = False) -> None:
        self.answer, self.failed = answer, failed
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def client(self, _service: str, **_: Any) -> Any:
        return self

    def get_caller_identity(self) -> dict[str, str]:
        return {"Arn": "arn:aws:iam::1:user/operator"}

    def invoke(self, FunctionName: str, Payload: str) -> dict[str, Any]:  # noqa: N803  boto3's names
        self.asked.append((FunctionName, json.loads(Payload)))
        content = {"Payload": io.BytesIO(json.dumps(self.answer).encode())}
        return content | ({"FunctionError": "Unhandled"} if self.failed else {})


def run(monkeypatch: pytest.MonkeyPatch, stage: Stage, *words: str) -> None:
    monkeypatch.setattr(account, "of", lambda arguments: Account(arguments.stage, stage))
    dead_letters.run(options.parser().parse_args(["--stage", "dev", "dead-letters", *words]))


def redrive(*redriven: dict[str, Any], parked: tuple[dict[str, Any], ...] = (), dry_run: bool = True) -> Stage:
    return Stage({"dry_run": dry_run, "redriven": redriven, "parked": parked, "remaining": 0})


def test_queues_are_listed_with_their_dead_letters(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    queue = {"name": "emails", "waiting": 7, "in_flight": 1, "delayed": 0, "oldest_seconds": 12, "dead": 3}

    run(monkeypatch, Stage({"queues": [queue, queue | {"name": "pushes", "oldest_seconds": None}]}), "list")

    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["emails", "7", "1", "0", "12", "s", "3"] in rows
    assert ["pushes", "7", "1", "0", "?", "3"] in rows


def test_a_redrive_asks_for_a_dry_run_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stage = redrive(LETTER)

    run(monkeypatch, stage, "redrive", "orders.fifo")

    ((function, question),) = stage.asked
    assert function == "marketplace-dev-dead_letters:live"
    assert question == {
        "action": "redrive",
        "operator": "arn:aws:iam::1:user/operator",
        "queue": "orders.fifo",
        "dry_run": True,
        "message_ids": None,
        "event_type": None,
        "limit": 100,
    }
    text = capsys.readouterr().out
    assert "1 dead letter would go back to orders.fifo\nnothing was done: repeat it with --execute\n" in text


def test_an_executed_redrive_asks_for_what_was_chosen(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stage = redrive(LETTER, parked=(OTHER,), dry_run=False)
    chosen = ("--message-id", "m-1", "--message-id", "m-2", "--event-type", "order.placed", "--limit", "5")

    run(monkeypatch, stage, "redrive", "orders.fifo", *chosen, "--execute")

    question = stage.asked[0][1]
    assert (question["dry_run"], question["limit"], question["event_type"]) == (False, 5, "order.placed")
    assert question["message_ids"] == ["m-1", "m-2"]
    text = capsys.readouterr().out
    assert "1 dead letter went back to orders.fifo\n1 dead letter went back three times already" in text
    assert "--execute" not in text


def test_an_empty_redrive_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    run(monkeypatch, redrive(), "redrive", "orders.fifo")

    assert capsys.readouterr().out == "no dead letters would go back to orders.fifo\n"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), ["m-1", "m-2"]),
        (("--message-id", "m-2"), ["m-2"]),
        (("--event-type", "order.placed"), ["m-1"]),
        (("--limit", "1"), ["m-1"]),
        (("--message-id", "m-3"), []),
    ],
)
def test_letters_are_shown_as_chosen(
    options: tuple[str, ...],
    expected: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run(monkeypatch, Stage({"messages": [LETTER, OTHER]}), "show", "orders.fifo", "--json", *options)

    assert [letter["message_id"] for letter in json.loads(capsys.readouterr().out)["messages"]] == expected


def test_a_letter_is_one_line_with_every_id_in_full(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, Stage({"messages": [LETTER]}), "show", "orders.fifo")

    (row,) = [line.split() for line in capsys.readouterr().out.splitlines() if "m-1" in line]
    assert row == [
        *("2026-11-22", "17:29:17", "m-1", "order.placed", LETTER["event_id"], LETTER["correlation_id"], "4", "1")
    ]


def test_bodies_are_shown_as_they_are_and_do_not_steer_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, Stage({"messages": [LETTER, OTHER]}), "show", "orders.fifo", "--body")

    text = capsys.readouterr().out
    assert '{\n  "type": "order.placed"\n}' in text
    assert r"\x1b[2Jno envelope [red]" in text
    assert "\x1b" not in text


def test_a_failure_is_the_functions_sentence_and_where_to_look(monkeypatch: pytest.MonkeyPatch) -> None:
    failure = {"errorMessage": "There is no such queue.", "errorType": "QueueNotFound", "stackTrace": ["File …"]}

    with pytest.raises(Problem) as problem:
        run(monkeypatch, Stage(failure, failed=True), "show", "nope")

    assert str(problem.value) == (
        "The function dead_letters failed: There is no such queue.\n"
        "The log group /aws/lambda/marketplace-dev-dead_letters holds more."
    )


@pytest.mark.parametrize("answer", [None, "", [], {"errorType": "Runtime.ExitError"}])
def test_a_failure_without_a_sentence_is_told(answer: Any) -> None:
    with pytest.raises(Problem, match="it does not say why"):
        dead_letters.ask(Account("dev", Stage(answer, failed=True)), "list")


def test_an_unanswered_call_is_not_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    attempts: dict[str, int] = {}

    class Session(Stage):
        def client(self, service: str, **settings: Any) -> Any:
            attempts[service] = settings["config"].retries["total_max_attempts"]
            return self

    dead_letters.ask(Account("dev", Session({"queues": []})), "list")

    assert attempts["lambda"] == 1
    assert Namespace(**attempts).sts > 1
