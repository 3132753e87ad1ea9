"""One question and its answer: calls of the model, and of tools between them, within a budget and a time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from chalicelib.assistant import budget, prompt, tools
from chalicelib.assistant.conversations import Message
from chalicelib.assistant.failures import ModelFailed, OutOfTime
from chalicelib.assistant.model import MAX_TOKENS, Heard, Say, Speak, request_of
from chalicelib.assistant.reading import LookUp
from chalicelib.assistant.usage import Usage, estimated
from chalicelib.caller import Caller
from chalicelib.observability import count

TOOL_ROUNDS = 4
PARAGRAPH = "\n\n"


@dataclass(frozen=True)
class Answer:
    """What was replied, the products that it names, what it used, and why it ended there."""

    text: str
    sources: Sequence[UUID]
    usage: Usage
    stop_reason: str


class Deadline:
    """A moment some seconds from now."""

    def __init__(self, seconds: int) -> None:
        self._moment = time.monotonic() + seconds

    @property
    def seconds_left(self) -> int:
        """Whole seconds until then; never less than none."""
        return max(0, int(self._moment - time.monotonic()))

    def check(self) -> None:
        """Raises `OutOfTime` when it has come."""
        if time.monotonic() >= self._moment:
            raise OutOfTime("This took too long; ask something simpler, or ask again.")


class Dialogue:
    """The answer in the making; what there is of it can be taken at any moment."""

    def __init__(self, caller: Caller, look_up: LookUp, speak: Speak, deadline: Deadline) -> None:
        self._caller = caller
        self._tools = tools.Toolbox(caller, look_up)
        self._speak = speak
        self._deadline = deadline
        self._text = ""
        self._usage = Usage()

    def run(self, question: str, history: Sequence[Message], say: Say) -> Answer:
        """The answer, whose text `say` gets as it comes.

        Raises `BudgetSpent`, `ModelBusy`, `ModelFailed`, `OutOfTime`, `Unavailable`, and what `say` raises.
        """
        turns = prompt.opening(history, question, self._tools.products(question))
        for looked_up in range(TOOL_ROUNDS + 1):
            heard = self._call(turns, say)
            if not heard.tool_uses or looked_up == TOOL_ROUNDS:
                break
            results = [self._tools.use(wanted) for wanted in heard.tool_uses.values()]
            turns += [{"role": "assistant", "content": heard.content()}, {"role": "user", "content": results}]
            if looked_up == TOOL_ROUNDS - 1:
                results.append({"text": prompt.LAST_LOOK_UP})
        if not self._text.strip():
            raise ModelFailed("The assistant has no answer to this.")
        return self.so_far(heard.stop_reason)

    def so_far(self, stop_reason: str) -> Answer:
        """The answer as far as it has come."""
        return Answer(self._text, tools.named_in(self._text, self._tools.shown), self._usage, stop_reason)

    def _call(self, turns: prompt.Turns, say: Say) -> Heard:
        self._deadline.check()
        request = request_of(prompt.RULES, turns, tools.SPECIFICATIONS)
        reservation = budget.reserve(self._caller.id, estimated(request) + MAX_TOKENS)
        heard = Heard()
        try:
            self._speak(request, heard, self._saying(say), self._deadline.seconds_left)
        except ModelFailed:
            self._deadline.check()
            raise
        finally:
            used = heard.usage(request)
            self._usage += used
            budget.settle(reservation, used.total)
            count("ModelTokens", used.total)
        return heard

    def _saying(self, say: Say) -> Say:
        """What a call says goes to the answer, in a paragraph of its own."""
        is_first = True

        def add(text: str) -> None:
            nonlocal is_first
            if is_first and text and self._text:
                text = PARAGRAPH + text
            is_first = is_first and not text
            self._text += text
            say(text)

        return add
