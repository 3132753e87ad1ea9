"""Messages of clients: whatever they send, they get one small frame, and the connection lives on."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib import assistant, realtime
from chalicelib.caller import Caller
from chalicelib.errors import Conflict
from chalicelib.realtime import messages
from chalicelib.web import rate_limit
from tests.environment import configured
from tests.listeners import Listeners
from tests.log_lines import LogLines
from tests.people import Person
from tests.sockets import connected, disconnect, new_id, send, socket_event

PING = json.dumps({"action": "ping"})
DEEP = "[" * 5000 + "]" * 5000
HOSTILE: dict[str, str | None] = {
    "nothing": None,
    "empty": "",
    "blank": " ",
    "not JSON": "ping",
    "half of JSON": '{"action": "ping"',
    "two values": PING + PING,
    "binary": "\x89PNG\r\n\x1a\n\x00\x00\xff\xfe",
    "NUL": "\x00",
    "NUL inside": '{"action": "pi\x00ng"}',
    "an escaped NUL": '{"action": "ask", "message": "\\u0000"}',
    "a lone surrogate": "\ud800",
    "a lone surrogate inside": '{"action": "ask", "message": "\ud800"}',
    "an escaped lone surrogate": '{"action": "ask", "message": "\\ud800"}',
    "an action with a lone surrogate": '{"action": "\\udfff"}',
    "deep lists": DEEP,
    "deep objects": '{"a":' * 5000 + "1" + "}" * 5000,
    "a deep message": f'{{"action": "ask", "message": {DEEP}}}',
    "a huge integer": f'{{"action": {"9" * 10_000}}}',
    "a huge number": '{"action": 1e999999}',
    "not a number": '{"action": NaN}',
    "a list": "[]",
    "a text": '"ping"',
    "a number": "17",
    "null": "null",
    "true": "true",
    "no action": "{}",
    "an action that is no text": '{"action": ["ping"]}',
    "an action that is an object": '{"action": {"ping": 1}}',
    "an unknown action": '{"action": "shutdown"}',
    "an action of Python's": '{"action": "__class__"}',
    "an action in capitals": '{"action": "PING"}',
    "an action twice": '{"action": "ping", "action": "ping"}',
    "a very long action": json.dumps({"action": "p" * 100_000}),
    "100 KB": json.dumps({"action": "ask", "message": "a" * 100_000}),
    "100 KB of snow": json.dumps({"action": "ask", "message": "\N{SNOWMAN}" * 30_000}, ensure_ascii=False),
    "thousands of unknown members": json.dumps({"action": "ping"} | {f"member {n}" * 5: n for n in range(3000)}),
    "long names of unknown members": json.dumps({"action": "ping"} | {f"{n}" + "~/" * 2000: n for n in range(20)}),
    "a question that is no text": '{"action": "ask", "message": 17}',
    "a question of nothing": '{"action": "ask", "message": ""}',
    "no question": '{"action": "ask"}',
    "a conversation that is none": '{"action": "ask", "message": "a", "conversation_id": "../1"}',
    "somebody else": '{"action": "ask", "message": "a", "person_id": "01a203a3-0000-7000-8000-000000000000"}',
}  # fmt: skip


@pytest.fixture
def connection_id(person: Person) -> str:
    return connected(person.id)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What the assistant was asked and told, instead of answering."""
    calls: list[tuple[Any, ...]] = []
    monkeypatch.setattr(assistant, "ask", lambda *given: calls.append(given), raising=False)
    monkeypatch.setattr(assistant, "stop", lambda *given: calls.append(given), raising=False)
    return calls


def test_a_ping_is_answered(sockets: Listeners, connection_id: str) -> None:
    send(connection_id, PING)

    assert sockets.of(connection_id) == [{"type": "pong"}]


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_message_gets_one_small_error(
    sockets: Listeners, connection_id: str, asked: list[tuple[Any, ...]], name: str
) -> None:
    assert send(connection_id, HOSTILE[name]) == {"statusCode": 200}

    (frame,) = sockets.of(connection_id)
    _assert_problem(frame)
    assert sockets.sizes[-1] < realtime.MAX_FRAME_BYTES
    assert asked == []
    send(connection_id, PING)
    assert sockets.of(connection_id)[1:] == [{"type": "pong"}]


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
_messages = st.dictionaries(
    st.sampled_from(["action", "message", "conversation_id", "x"]),
    st.sampled_from(["ping", "ask", "stop"]) | _values,
    max_size=4,
)


@settings(max_examples=150)
@given(body=st.text(max_size=100) | _values.map(json.dumps) | _messages.map(json.dumps))
def test_whatever_is_sent_there_is_one_frame_or_one_question(sockets: Listeners, connection_id: str, body: str) -> None:
    sockets.forget()
    calls: list[Any] = []

    messages.receive(
        socket_event("MESSAGE", connection_id, body=body),
        ask=lambda *given: calls.append(given),
        stop=lambda *given: calls.append(given),
    )

    frames = sockets.of(connection_id)
    assert len(frames) + len(calls) == 1
    for frame in frames:
        assert frame == {"type": "pong"} or _assert_problem(frame)


def test_violations_are_told_with_their_place_and_not_without_end(sockets: Listeners, connection_id: str) -> None:
    send(connection_id, '{"action": "ask", "message": 17, "person_id": "x"}')
    send(connection_id, HOSTILE["thousands of unknown members"])

    some, many = (frame["problem"]["errors"] for frame in sockets.of(connection_id))
    assert sorted(error["pointer"] for error in some) == ["/message", "/person_id"]
    assert len(many) == messages.MOST_VIOLATIONS


def test_without_an_end_to_violations_the_frame_would_be_too_large(
    sockets: Listeners, connection_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chalicelib.realtime.sockets import FrameTooLarge

    monkeypatch.setattr(messages, "MOST_VIOLATIONS", 10_000)

    with pytest.raises(FrameTooLarge):
        send(connection_id, HOSTILE["thousands of unknown members"])


def test_a_question_is_asked_for_the_person_at_the_other_end(
    sockets: Listeners, connection_id: str, person: Person, asked: list[tuple[Any, ...]]
) -> None:
    conversation = uuid4()
    send(connection_id, '{"action": "ask", "message": "  Which lamp?  "}')
    send(connection_id, json.dumps({"action": "ask", "message": "And\\nwhy?", "conversation_id": str(conversation)}))
    send(connection_id, '{"action": "stop"}')

    assert asked == [
        (Caller(person.id), connection_id, "Which lamp?", None),
        (Caller(person.id), connection_id, "And\\nwhy?", UUID(str(conversation))),
        (connection_id,),
    ]
    assert sockets.of(connection_id) == []


def test_who_is_not_known_asks_nothing(
    sockets: Listeners, person: Person, connection_id: str, asked: list[tuple[Any, ...]]
) -> None:
    disconnect(connection_id)
    unknown = new_id()
    for each in (connection_id, unknown):
        send(each, '{"action": "ask", "message": "a"}')

    assert asked == []
    for each in (connection_id, unknown):
        (frame,) = sockets.of(each)
        assert (frame["problem"]["status"], frame["problem"]["type"]) == (401, "/problems/unauthenticated")


def test_questions_count_as_writes(
    socket_environment: dict[str, str], sockets: Listeners, person: Person, asked: list[tuple[Any, ...]]
) -> None:
    with configured(**socket_environment | {"RATE_LIMITS": "read=100/60,write=2/60"}):
        connection_id = connected(person.id)
        for _ in range(4):
            send(connection_id, '{"action": "ask", "message": "a"}')

    assert len(asked) == 2
    assert [frame["problem"]["status"] for frame in sockets.of(connection_id)] == [429, 429]


def test_a_problem_of_the_assistant_is_told(
    sockets: Listeners, connection_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: Any) -> None:
        raise Conflict("An answer is under way.")

    monkeypatch.setattr(assistant, "ask", refuses, raising=False)
    send(connection_id, '{"action": "ask", "message": "a"}')

    (frame,) = sockets.of(connection_id)
    assert (frame["problem"]["status"], frame["problem"]["detail"]) == (409, "An answer is under way.")


def test_a_defect_is_told_without_its_inside(
    sockets: Listeners, connection_id: str, monkeypatch: pytest.MonkeyPatch, logs: LogLines
) -> None:
    monkeypatch.setattr(rate_limit, "spend", lambda *_: 1 / 0)

    send(connection_id, '{"action": "ask", "message": "secret"}')

    (frame,) = sockets.of(connection_id)
    assert frame["problem"]["status"] == 500
    assert "division" not in json.dumps(frame)
    assert "ZeroDivisionError" in logs.text
    assert "secret" not in logs.text


@pytest.mark.parametrize("status", [410, 429, 500])
@pytest.mark.parametrize("body", [PING, "x"])
def test_a_reply_that_does_not_arrive_is_no_failure(
    sockets: Listeners, connection_id: str, status: int, body: str
) -> None:
    sockets.refuses_all_of = lambda _: status

    assert send(connection_id, body) == {"statusCode": 200}


def test_messages_are_in_no_log_line(sockets: Listeners, connection_id: str, logs: LogLines) -> None:
    for body in ('{"action": "canary-1"}', '{"canary-2": 1}', "canary-3", '{"action": "ping", "canary-4": "canary-5"}'):
        send(connection_id, body)

    assert "canary" not in logs.text


def _assert_problem(frame: dict[str, Any]) -> bool:
    assert set(frame) == {"type", "problem"}
    assert frame["type"] == "error"
    problem = frame["problem"]
    assert 400 <= problem["status"] < 500, problem
    assert {"type", "title", "status", "detail", "instance"} <= set(problem)
    assert problem["instance"] == "/ws"
    return True
