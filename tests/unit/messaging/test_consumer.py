"""Working through a batch: each message by itself, in the order of its group, and before the time is up."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any
from uuid import uuid4

import pytest
from chalice.app import SQSEvent

from chalicelib.messaging import consumer
from chalicelib.messaging.consumer import RESERVE_MILLISECONDS, BatchFailed, process
from chalicelib.messaging.envelope import Envelope
from chalicelib.observability import correlation_id
from tests.environment import configured
from tests.events import Context, failed, sqs_event
from tests.log_lines import LogLines

ALL = range(10)
SUBSETS = [set(chosen) for size in range(1, 11) for chosen in combinations(ALL, size)]


@pytest.fixture(autouse=True)
def _with_partial_batches(_default_settings: None) -> Any:
    with configured(PARTIAL_BATCH="true"):
        yield


class Effect:
    """Counts what it does; fails for the messages that are poison."""

    def __init__(self, poison: Sequence[int] = ()) -> None:
        self.done: list[int] = []
        self._poison = set(poison)

    def __call__(self, message: Envelope) -> bool:
        number = message.data["number"]
        if number in self._poison:
            raise ValueError("poison")
        self.done.append(number)
        return True


def test_each_subset_of_ten_poisoned_messages_fails_and_the_others_are_done_once() -> None:
    assert len(SUBSETS) == 1023
    for poison in SUBSETS:
        effect = Effect(poison)

        report = _processed("emails", [_body(number) for number in ALL], effect)

        assert failed(report) == {str(number) for number in poison}
        assert effect.done == sorted(set(ALL) - poison)


def test_each_subset_that_is_not_even_json_fails_and_the_others_are_done_once() -> None:
    for poison in SUBSETS:
        effect = Effect()

        report = _processed("emails", ["{" if number in poison else _body(number) for number in ALL], effect)

        assert failed(report) == {str(number) for number in poison}
        assert effect.done == sorted(set(ALL) - poison)


def test_each_subset_in_a_fifo_queue_holds_back_what_follows_it_in_its_group() -> None:
    groups = [f"group-{number % 3}" for number in ALL]
    for poison in SUBSETS:
        effect = Effect(poison)

        report = _processed("orders.fifo", [_body(number) for number in ALL], effect, groups)

        held = {number for number in ALL if any(one <= number and one % 3 == number % 3 for one in poison)}
        assert failed(report) == {str(number) for number in held}
        assert effect.done == sorted(set(ALL) - held)


def test_a_fifo_queue_of_one_group_stops_at_the_first_failure() -> None:
    effect = Effect([3])

    report = _processed("orders.fifo", [_body(number) for number in ALL], effect, ["one"] * 10)

    assert failed(report) == {str(number) for number in range(3, 10)}
    assert effect.done == [0, 1, 2]


@pytest.mark.parametrize("queue", ["emails", "orders.fifo"])
def test_a_batch_of_nothing_but_poison_is_reported_not_raised(queue: str) -> None:
    report = _processed(queue, [_body(number) for number in ALL], Effect(ALL), [str(number) for number in ALL])

    assert failed(report) == {str(number) for number in ALL}


def test_what_works_leaves_nothing_to_report() -> None:
    assert _processed("emails", [_body(0)], Effect()) == {"batchItemFailures": []}


@pytest.mark.parametrize("queue", ["emails", "orders.fifo"])
def test_where_reports_are_not_read_a_failure_brings_the_whole_batch_again(queue: str) -> None:
    with configured():
        with pytest.raises(BatchFailed, match="1 of 10"):
            _processed(queue, [_body(number) for number in ALL], Effect([9]), [str(number) for number in ALL])
        assert _processed(queue, [_body(0)], Effect(), ["a"]) == {"batchItemFailures": []}


@pytest.mark.parametrize("begun", range(11))
def test_what_there_is_no_time_for_is_not_begun_and_comes_again(begun: int) -> None:
    effect = Effect()
    remaining = [RESERVE_MILLISECONDS] * begun + [RESERVE_MILLISECONDS - 1]

    report = _processed("emails", [_body(number) for number in ALL], effect, context=Context(*remaining))

    assert effect.done == list(range(begun))
    assert failed(report) == {str(number) for number in range(begun, 10)}


def test_without_the_look_at_the_clock_everything_would_be_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumer, "_check_time", lambda _: None)
    effect = Effect()

    _processed("emails", [_body(number) for number in ALL], effect, context=Context(0))

    assert effect.done == list(ALL)


def test_a_message_that_cannot_be_read_is_a_failure_of_its_own(logs: LogLines) -> None:
    bodies = ["", "\x00", '"\ud800"', "null", "x" * 300_000, "[" * 50_000, _body(6)]
    effect = Effect()

    report = _processed("emails", bodies, effect)

    assert failed(report) == {str(number) for number in range(6)}
    assert effect.done == [6]
    failures = [record for record in logs.records if record["message"] == "message failed"]
    assert {record["error"] for record in failures} == {"Unreadable"}
    assert max(len(line) for line in logs.text.splitlines()) < 2_000


def test_a_log_line_says_which_message_failed_and_how_often_it_came(logs: LogLines) -> None:
    body = _body(0, correlation="request-12345")
    _processed("emails", [body], Effect([0]), receives=3)

    (record,) = [record for record in logs.records if record["message"] == "message failed"]
    assert record["level"] == "WARNING"
    assert record["correlation_id"] == "request-12345"
    assert record["event_id"] == json.loads(body)["id"]
    assert (record["message_id"], record["receive_count"]) == ("0", "3")
    assert (record["error"], record["reason"]) == ("ValueError", "poison")
    assert record["queue"] == "marketplace-local-emails"


def test_work_belongs_to_the_request_that_its_message_tells_of(logs: LogLines) -> None:
    seen: list[str] = []

    def work(_: Envelope) -> bool:
        seen.append(correlation_id.get())
        return True

    bodies = [_body(number, correlation=f"request-{number}0000") for number in range(3)]
    _processed("emails", bodies, work)

    assert seen == ["request-00000", "request-10000", "request-20000"]
    consumed = [record for record in logs.records if record["message"] == "message consumed"]
    assert [record["correlation_id"] for record in consumed] == seen


def test_a_repetition_is_told_from_the_first_time(logs: LogLines) -> None:
    answers = [True, False]

    _processed("emails", [_body(0), _body(1)], lambda _: answers.pop(0))

    consumed = [record for record in logs.records if record["message"] == "message consumed"]
    assert [record["repeated"] for record in consumed] == [False, True]


def _processed(
    queue: str,
    bodies: Sequence[str],
    work: Callable[[Envelope], bool],
    groups: Sequence[str] = (),
    *,
    context: Context | None = None,
    receives: int = 1,
) -> Any:
    groups = groups or (["one"] * len(bodies) if queue.endswith(".fifo") else ())
    return process(SQSEvent(sqs_event(queue, bodies, groups, receives), context or Context()), work)


def _body(number: int, correlation: str = "") -> str:
    message = {"id": str(uuid4()), "type": "test", "version": 1, "occurred_at": "", "correlation_id": correlation}
    return json.dumps(message | {"data": {"number": number}})
