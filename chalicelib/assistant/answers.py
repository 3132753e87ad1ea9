"""Answering over a WebSocket: what the function `answer_question` does.

Whatever happens, the client gets one frame that says how the answer ended, and nothing after it: `assistant.done` or
`assistant.failed`. It is sent before the turn is closed. When the function is killed before it, Lambda invokes it once
more: the retry never asks the model again, and tells the client that the answer was interrupted.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import Any
from uuid import UUID

from chalicelib import realtime, users
from chalicelib.assistant import model, service
from chalicelib.assistant.deltas import Deltas
from chalicelib.assistant.dialogue import Answer, Deadline, Dialogue
from chalicelib.assistant.failures import Interrupted, told_of
from chalicelib.assistant.reading import LookUp
from chalicelib.assistant.turns import Superseded, Turn
from chalicelib.caller import Caller
from chalicelib.errors import MarketplaceError, Unavailable
from chalicelib.observability import correlated, count, logger

SECONDS = 50
"""For a whole answer: the function has 60."""

LOOK_MILLISECONDS = 500
"""So often, at most, the turn is renewed and looked at for a wish to stop."""

STOPPED = "stopped"
NOTHING_SAID = "(The answer was stopped before it began.)"


class NotTold(Exception):
    """The client may not have heard how the answer ended."""


class Stopped(Exception):
    """The person has heard enough."""


def answer(event: Mapping[str, Any], look_up: LookUp) -> None:
    """Answers the question that `ask` handed over; invoked again, tells that nobody answers it any more.

    Raises `NotTold` when the client could not be told how it ended; Lambda tries again.
    """
    with correlated(event["correlation_id"]):
        turn = Turn(event["connection_id"], UUID(event["answer_id"]))
        try:
            if _is_first(turn):
                _answer(event, _Speech(turn), look_up)
            elif turn.take_over():
                count("AnswersInterrupted")
                _Speech(turn, is_first=False).fail(Interrupted("The answer was interrupted; please ask again."))
        except realtime.Gone:
            logger.info("nobody is there to hear the answer")
            _close(turn)
        except Superseded:
            logger.info("somebody else ends the answer")


def _is_first(turn: Turn) -> bool:
    """Whether nobody has begun to answer. Without the table the client is told so at once, which ends the answer."""
    try:
        return turn.hold()
    except Unavailable as error:
        _Speech(turn).fail(error)
        raise Superseded from None


def _answer(event: Mapping[str, Any], speech: _Speech, look_up: LookUp) -> None:
    """Answers, and says how it ended."""
    try:
        conversation_id, answered = _answered(event, speech, look_up)
    except (realtime.Gone, Superseded):
        raise
    except Exception as error:  # noqa: BLE001  whatever went wrong, the client hears of it
        if not isinstance(error, MarketplaceError):
            logger.exception("answer failed", extra={"error": type(error).__name__})
        speech.fail(error)
    else:
        speech.finish(conversation_id, answered)


def _answered(event: Mapping[str, Any], speech: _Speech, look_up: LookUp) -> tuple[UUID, Answer]:
    caller = Caller(UUID(event["person_id"]), frozenset(event["groups"]))
    asked_in = event["conversation_id"] and UUID(event["conversation_id"])
    deadline = Deadline(SECONDS)
    look_up(lambda: users.require_active(caller))
    conversation_id, history = service.resume(caller, asked_in)
    dialogue = Dialogue(caller, look_up, model.stream, deadline)

    def say(text: str) -> None:
        deadline.check()
        speech.say(text)

    try:
        answered = dialogue.run(event["message"], history, say)
    except Stopped:
        answered = dialogue.so_far(STOPPED)
    speech.flush()
    kept = answered if answered.text.strip() else Answer(NOTHING_SAID, (), answered.usage, STOPPED)
    service.remember(caller, conversation_id, event["message"], kept)
    return conversation_id, answered


class _Speech:
    """The frames of one answer. Who takes over from another does not know how many it had sent."""

    def __init__(self, turn: Turn, *, is_first: bool = True) -> None:
        self._turn = turn
        self._is_first = is_first
        self._deltas = Deltas(self._send_delta)
        self._looked_at = 0

    def say(self, text: str) -> None:
        """Sends text, now or with what follows. Raises `Stopped`, `Gone`, `Superseded` and `Unavailable`."""
        self._deltas.add(text)
        if _now() - self._looked_at >= LOOK_MILLISECONDS:
            self._looked_at = _now()
            if self._turn.renew():
                raise Stopped

    def flush(self) -> None:
        """Sends the rest of the text."""
        self._deltas.flush()

    def finish(self, conversation_id: UUID, answered: Answer) -> None:
        """Says that the answer is whole, or was stopped."""
        logger.info("question answered", extra={"frames": self._deltas.sequence, **asdict(answered.usage)})
        self._end(
            {
                "type": "assistant.done",
                "conversation_id": str(conversation_id),
                "usage": asdict(answered.usage),
                "sources": [str(source) for source in answered.sources],
                "stop_reason": answered.stop_reason,
            }
        )

    def fail(self, error: Exception) -> None:
        """Says why there is no answer, or no more of it than what was heard until then."""
        with suppress(Unavailable):
            self._deltas.flush()
        count("AnswersFailed")
        reason, detail = told_of(error)
        logger.info("answer failed", extra={"reason": reason})
        self._end({"type": "assistant.failed", "reason": reason, "detail": detail})

    def _send_delta(self, sequence: int, text: str) -> None:
        self._send({"type": "assistant.delta", "sequence": sequence, "text": text})

    def _end(self, frame: dict[str, Any]) -> None:
        """Sends the last frame, twice if need be, then closes the turn. Who has lost the turn sends nothing."""
        try:
            if not self._turn.hold():
                raise Superseded
        except Unavailable:
            logger.warning("turn not kept")
        last = {**frame, "sequence": self._deltas.sequence + 1 if self._is_first else None}
        try:
            self._send(last)
        except Unavailable:
            time.sleep(1)
            self._send_again(last)
        _close(self._turn)

    def _send_again(self, frame: dict[str, Any]) -> None:
        try:
            self._send(frame)
        except Unavailable as error:
            raise NotTold(str(error)) from None

    def _send(self, frame: dict[str, Any]) -> None:
        realtime.send(self._turn.connection_id, {**frame, "answer_id": str(self._turn.answer_id)})


def _close(turn: Turn) -> None:
    """A turn that cannot be closed ends by itself; the client was told."""
    try:
        turn.close()
    except Unavailable:
        logger.warning("turn not closed")


def _now() -> int:
    return time.monotonic_ns() // 1_000_000
