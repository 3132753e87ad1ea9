"""Whatever happens to an answer over a socket, it ends with exactly one frame that says how, and is counted once."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib import config, orders, realtime, table
from chalicelib.assistant import conversations, deltas, model, turns
from chalicelib.assistant.budget import reserve
from chalicelib.errors import Unavailable
from tests.bedrock import DOWN, REFUSED, THROTTLED, TOLD, Bedrock, Script
from tests.integration.assistant.conftest import Conversing, answer
from tests.listeners import Listeners

CHUNKS = tuple(f"word{number} " for number in range(12))
FAILURES = ("exception", "throttled", "broken", "garbage", "early end")
SEARCH = Script(chunks=("Let me look. ",), tools=[("search_products", {"query": "lamp"})])
TOTAL = TOLD["inputTokens"] + TOLD["outputTokens"]


def test_an_answer_comes_in_pieces_and_is_done(person: Conversing, bedrock: Bedrock, lamp: str) -> None:
    bedrock.will(Script(chunks=("Take the ", "Walnut ", "reading ", "lamp", ".")))

    end = person.hear("Which lamp do you have?")

    assert person.text == "Take the Walnut reading lamp."
    assert end["type"] == "assistant.done"
    assert lamp in end["sources"]
    assert end["stop_reason"] == "end_turn"
    assert end["usage"] == {"input_tokens": 200, "output_tokens": 60}
    assert len(person.frames) == 6
    assert person.spent == TOTAL
    assert person.state == "ended"


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("index", range(len(CHUNKS) + 2))
def test_the_model_fails_at_a_chunk(person: Conversing, bedrock: Bedrock, index: int, failure: str) -> None:
    bedrock.will(Script(chunks=CHUNKS, fails_at=index, failure=failure))

    end = person.hear()

    if failure == "early end" and index > len(CHUNKS):  # all but the usage had come
        assert end["type"] == "assistant.done"
    else:
        assert end["type"] == "assistant.failed"
        assert end["reason"] == ("model-busy" if failure == "throttled" else "model-failed")
    assert person.text == "".join(CHUNKS[:index])
    assert len(bedrock.requests) == 1
    _is_estimated(person, bedrock, person.text)
    assert person.hear()["type"] == "assistant.done"


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("index", range(len(CHUNKS) + 1))
def test_the_model_fails_after_a_tool(
    person: Conversing, bedrock: Bedrock, lamp: str, index: int, failure: str
) -> None:
    bedrock.will(SEARCH, Script(chunks=CHUNKS, fails_at=index, failure=failure))

    end = person.hear()

    assert end["type"] == "assistant.failed"
    assert person.text.split("\n\n") == ["Let me look. ", *(["".join(CHUNKS[:index])] if index else [])]
    assert len(bedrock.requests) == 2
    _is_estimated(person, bedrock, "".join(CHUNKS[:index]), told=TOTAL)


def test_what_was_heard_before_a_failure_is_said(
    person: Conversing, bedrock: Bedrock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deltas, "APART_MILLISECONDS", 60_000)
    bedrock.will(Script(chunks=CHUNKS, fails_at=7, failure="broken"))

    person.hear()

    assert person.text == "".join(CHUNKS[:7])


@pytest.mark.parametrize(
    ("status", "reason"), [(THROTTLED, "model-busy"), (REFUSED, "model-failed"), (DOWN, "model-failed")]
)
def test_the_model_refuses_the_call(person: Conversing, bedrock: Bedrock, status: tuple[int, str], reason: str) -> None:
    bedrock.will(Script(status=status))

    assert person.hear()["reason"] == reason
    assert len(bedrock.requests) == 1
    assert (person.spent > 0) == (status == DOWN)  # what the model refused costs nothing


def test_the_model_refuses_the_second_call(person: Conversing, bedrock: Bedrock) -> None:
    bedrock.will(SEARCH, Script(status=THROTTLED))

    assert person.hear()["reason"] == "model-busy"
    assert person.spent == TOTAL


@pytest.mark.parametrize("script", [Script(fails_at=1, failure="silence"), Script(fails_at=0, failure="silence")])
def test_a_silent_model_is_waited_for_and_no_longer(
    person: Conversing, bedrock: Bedrock, monkeypatch: pytest.MonkeyPatch, script: Script
) -> None:
    monkeypatch.setattr(model, "STREAM_PATIENCE", (1,))
    bedrock.will(script)

    assert person.hear()["reason"] == "model-failed"


@pytest.mark.parametrize("gone_at", range(1, len(CHUNKS) + 1))
def test_nobody_is_there_any_more(person: Conversing, bedrock: Bedrock, listeners: Listeners, gone_at: int) -> None:
    bedrock.will(Script(chunks=CHUNKS, pause=0.1))
    listeners.refuses = lambda frame: 410 if frame["sequence"] >= gone_at else None

    answer(person.ask())

    assert len(person.frames) == gone_at - 1
    assert bedrock.chunks_sent[0] <= gone_at + 1
    assert person.state == "ended"
    assert 0 < person.spent <= TOTAL + 2000


def test_the_model_is_hung_up_on_when_nobody_listens(
    person: Conversing, bedrock: Bedrock, listeners: Listeners
) -> None:
    bedrock.will(Script(chunks=["x" * 2000] * 400, pause=0.005))
    listeners.refuses = lambda frame: 410 if frame["sequence"] >= 3 else None

    answer(person.ask())

    assert bedrock.is_hung_up_on.wait(5)
    assert bedrock.chunks_sent[0] < 50


@pytest.mark.parametrize("refused", range(1, 5))
def test_a_frame_that_is_refused_once_does_not_silence_the_end(
    person: Conversing, bedrock: Bedrock, listeners: Listeners, refused: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals = [429]
    listeners.refuses = lambda frame: refusals.pop() if frame["sequence"] == refused and refusals else None
    bedrock.will(Script(chunks=("a", "b", "c")))

    answer(person.ask())

    ends = [frame for frame in person.frames if frame["type"] != "assistant.delta"]
    assert len(ends) == 1
    assert ends[0]["type"] == ("assistant.done" if refused == 4 else "assistant.failed")


def test_who_cannot_be_told_is_told_by_the_retry(
    person: Conversing, bedrock: Bedrock, listeners: Listeners, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "LEASE_SECONDS", -1)
    listeners.refuses = lambda frame: None if frame["type"] == "assistant.delta" else 429
    question = person.ask()
    with pytest.raises(Exception, match="reached"):
        answer(question)
    listeners.refuses = lambda _: None

    answer(question)

    assert [frame.get("reason") for frame in person.frames] == [None, None, "interrupted"]
    assert len(bedrock.requests) == 1


def test_a_killed_function_leaves_the_end_to_its_retry(
    person: Conversing, bedrock: Bedrock, listeners: Listeners, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = _killed(person, bedrock, monkeypatch)

    answer(question)

    ends = [frame for frame in person.frames if frame["type"] != "assistant.delta"]
    assert [end["reason"] for end in ends] == ["interrupted"]
    assert len(bedrock.requests) == 1
    assert person.spent > 0
    assert person.hear()["type"] == "assistant.done"


def test_a_retry_of_an_answer_that_ended_says_nothing(person: Conversing, bedrock: Bedrock) -> None:
    question = person.ask()
    answer(question)

    answer(question)

    assert person.end["type"] == "assistant.done"
    assert len(bedrock.requests) == 1


def test_a_duplicate_waits_for_who_is_talking_and_says_nothing(person: Conversing, bedrock: Bedrock) -> None:
    from concurrent.futures import ThreadPoolExecutor

    bedrock.will(Script(chunks=CHUNKS, pause=0.05))
    question = person.ask()

    with ThreadPoolExecutor(3) as threads:
        for done in [threads.submit(answer, question) for _ in range(3)]:
            done.result()

    assert person.end["type"] == "assistant.done"
    assert len(bedrock.requests) == 1


def test_who_lost_the_turn_says_nothing_more(
    person: Conversing, bedrock: Bedrock, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = realtime.send

    def lose(connection_id: str, frame: dict[str, Any]) -> None:
        send(connection_id, frame)
        if frame["type"] == "assistant.delta" and frame["sequence"] == 2:
            table.update(f"connection#{connection_id}", "answer", "SET holder = :other", other="somebody else")

    monkeypatch.setattr("chalicelib.realtime.send", lose)
    bedrock.will(Script(chunks=CHUNKS))

    answer(person.ask())

    assert {frame["type"] for frame in person.frames} == {"assistant.delta"}


@pytest.mark.parametrize("calls_before", [1, 2])
def test_the_budget_ends_in_the_middle(person: Conversing, bedrock: Bedrock, calls_before: int) -> None:
    question = person.ask()
    limit = config.current().assistant.daily_tokens
    bedrock.will(*[_costing(SEARCH, limit // calls_before)] * calls_before, Script(chunks=CHUNKS))

    answer(question)

    assert person.end["reason"] == "budget-spent"
    assert len(bedrock.requests) == calls_before
    assert person.spent == (limit // calls_before) * calls_before


def test_a_spent_budget_asks_no_model(person: Conversing, bedrock: Bedrock) -> None:
    reserve(person.person.id, config.current().assistant.daily_tokens - 500)

    assert person.hear()["reason"] == "budget-spent"
    assert bedrock.requests == []


def test_an_unknown_conversation_is_said_to_be_unknown(person: Conversing, bedrock: Bedrock) -> None:
    assert person.hear(conversation_id="01a203a3-0000-7000-8000-000000000000")["reason"] == "conversation-not-found"
    assert bedrock.requests == []


def test_a_disabled_person_gets_no_answer(person: Conversing, bedrock: Bedrock) -> None:
    from tests.people import enrolled

    person.person = enrolled(disabled=True)

    assert person.hear()["reason"] == "forbidden"
    assert bedrock.requests == []


@pytest.mark.parametrize("broken", ["users.require_active", "products.relevant"])
def test_the_database_is_down(
    person: Conversing, bedrock: Bedrock, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    monkeypatch.setattr(f"chalicelib.{broken}", _down)

    assert person.hear()["reason"] == "unavailable"
    assert bedrock.requests == []


@pytest.mark.parametrize("error", [Unavailable("The database is not available right now."), RuntimeError("a defect")])
def test_a_tool_fails(person: Conversing, bedrock: Bedrock, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(orders, "of_buyer", fail)
    bedrock.will(Script(chunks=(), tools=[("list_own_orders", {})]), Script(chunks=("I cannot see them now.",)))

    end = person.hear("Where is my order?")

    if isinstance(error, Unavailable):
        assert end["type"] == "assistant.done"
        result = bedrock.requests[1]["messages"][-1]["content"][0]["toolResult"]
        assert result["status"] == "error"
    else:
        assert end["reason"] == "internal-error"
        assert "defect" not in end["detail"]


@pytest.mark.parametrize("step", ["hold", "remember"])
def test_the_table_is_down(person: Conversing, bedrock: Bedrock, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    question = person.ask()
    if step == "hold":
        monkeypatch.setattr(turns.Turn, "hold", _down)
    else:
        monkeypatch.setattr(conversations, "remember", _down)

    answer(question)

    assert person.end["reason"] == "unavailable"


@pytest.mark.parametrize(
    ("name", "given"),
    [("drop_tables", {}), ("search_products", {}), ("search_products", {"query": 7}), ("search_products", "not json"),
     ("search_products", {"query": "\x00"}), ("list_own_orders", [1])],
)  # fmt: skip
def test_a_tool_that_is_used_wrongly_says_so_to_the_model(
    person: Conversing, bedrock: Bedrock, name: str, given: Any
) -> None:
    bedrock.will(Script(chunks=(), tools=[(name, given)]), Script())

    assert person.hear()["type"] == "assistant.done"


def test_a_model_that_never_stops_looking_is_stopped(person: Conversing, bedrock: Bedrock) -> None:
    bedrock.will(*[SEARCH] * 9)

    end = person.hear()

    assert end["type"] == "assistant.done"
    assert end["stop_reason"] == "tool_use"
    assert len(bedrock.requests) == 5
    assert person.spent == 5 * TOTAL


def test_a_model_that_says_nothing_has_failed(person: Conversing, bedrock: Bedrock) -> None:
    bedrock.will(Script(chunks=("", " ")))

    assert person.hear()["reason"] == "model-failed"


def test_an_answer_that_takes_too_long_ends(
    person: Conversing, bedrock: Bedrock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.assistant.answers.SECONDS", 1)
    bedrock.will(Script(chunks=["word "] * 400, pause=0.05))

    assert person.hear()["reason"] == "out-of-time"
    assert bedrock.chunks_sent[0] < 60


def test_usage_that_the_model_does_not_tell_is_estimated(person: Conversing, bedrock: Bedrock) -> None:
    bedrock.will(Script(chunks=("x" * 400,), usage=None))

    end = person.hear()

    assert end["usage"]["output_tokens"] == 100
    assert end["usage"]["input_tokens"] > 50
    assert person.spent == sum(end["usage"].values())


def test_every_frame_is_small_enough(person: Conversing, bedrock: Bedrock, listeners: Listeners) -> None:
    bedrock.will(Script(chunks=("\U0001f600" * 20_000, '"\\\x01' * 20_000)))

    person.hear()

    assert person.text == "\U0001f600" * 20_000 + '"\\\x01' * 20_000
    assert max(listeners.sizes) < realtime.MAX_FRAME_BYTES


def _is_estimated(person: Conversing, bedrock: Bedrock, said: str, told: int = 0) -> None:
    """Counted once: what the model told, and about four characters a token of the call whose usage it never told."""
    request = bedrock.requests[-1]
    characters = len(str(request["messages"])) + len(str(request["system"])) + len(said)
    assert 0.5 * characters / 4 < person.spent - told < 1.5 * characters / 4 + 10


def _costing(script: Script, tokens: int) -> Script:
    from dataclasses import replace

    usage = {"inputTokens": tokens - 10, "outputTokens": 10, "totalTokens": tokens}
    return replace(script, usage=usage)


def _down(*_: Any) -> None:
    raise Unavailable("The database is not available right now.")


def _killed(person: Conversing, bedrock: Bedrock, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The question of an answer whose function was killed in the middle, and whose lease is over."""

    class Killed(BaseException):
        pass

    def kill(connection_id: str, frame: dict[str, Any]) -> None:
        send(connection_id, frame)
        if frame["sequence"] == 3:
            raise Killed

    send = realtime.send
    question = person.ask()
    bedrock.will(Script(chunks=CHUNKS))
    with monkeypatch.context() as dying:
        dying.setattr("chalicelib.realtime.send", kill)
        dying.setattr(turns, "LEASE_SECONDS", -1)
        with pytest.raises(Killed):
            answer(question)
    return question
