"""The language model: Amazon Bedrock's Converse and ConverseStream, one attempt each.

A call's request and what was heard of its answer are plain values: what it used can be counted however it ended.
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from chalicelib import clients, config
from chalicelib.assistant.failures import ModelBusy, ModelFailed
from chalicelib.assistant.usage import Usage, estimated
from chalicelib.observability import count, logger

MAX_TOKENS = 1024
"""The longest answer to one call."""

STREAM_PATIENCE = (10, 5, 2)
PATIENCE = (20, 10, 5, 2)
"""Seconds for which the model may be silent: the most that fits into the time that is left."""

_BUSY = {"ModelNotReadyException", "ServiceUnavailableException", "serviceUnavailableException", "throttlingException"}
_UNCERTAIN_STATUSES = {408, 424}

Request = dict[str, Any]
Say = Callable[[str], None]


@dataclass
class ToolUse:
    """The model wants a tool: `given` is its input as JSON, which may be anything."""

    id: str
    name: str
    given: str = ""

    @property
    def arguments(self) -> Mapping[str, Any]:
        """The input, when it is a JSON object; else nothing."""
        try:
            loaded = json.loads(self.given or "{}")
        except ValueError:
            return {}
        return loaded if isinstance(loaded, dict) else {}


@dataclass
class Heard:
    """What has come of the answer to one call."""

    has_begun: bool = False
    text: str = ""
    tool_uses: dict[int, ToolUse] = field(default_factory=dict)
    stop_reason: str = ""
    told: Usage | None = None

    def usage(self, request: Request) -> Usage:
        """What the call used: as the model tells, else estimated; nothing when the model never began."""
        if self.told is not None or not self.has_begun:
            return self.told or Usage()
        written = self.text + "".join(use.given for use in self.tool_uses.values())
        return Usage(estimated(request["messages"]) + estimated(request["system"]), estimated(written))

    def content(self) -> list[dict[str, Any]]:
        """The answer as the model is shown it in the next call."""
        said = [{"text": self.text}] if self.text.strip() else []
        return said + [
            {"toolUse": {"toolUseId": use.id, "name": use.name, "input": dict(use.arguments)}}
            for use in self.tool_uses.values()
        ]


class Speak(Protocol):
    """Makes one call: `heard` takes what comes, `say` gets the text, and both keep what came before a failure.

    Raises `ModelBusy`, `ModelFailed`, and what `say` raises.
    """

    def __call__(self, request: Request, heard: Heard, say: Say, seconds: int) -> None: ...


def request_of(system: str, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]]) -> Request:
    """The call with these messages, under the guardrail when there is one."""
    settings = config.current().assistant
    request: Request = {
        "modelId": settings.model_id,
        "system": [{"text": system}],
        "messages": list(messages),
        "inferenceConfig": {"maxTokens": MAX_TOKENS},
        "toolConfig": {"tools": list(tools)},
    }
    if settings.guardrail_id:
        request["guardrailConfig"] = {
            "guardrailIdentifier": settings.guardrail_id,
            "guardrailVersion": settings.guardrail_version,
        }
    return request


def converse(request: Request, heard: Heard, say: Say, seconds: int) -> None:
    """The answer in one piece."""
    with _failures(heard):
        answer = _client(PATIENCE, seconds).converse(**request)
    heard.has_begun = True
    heard.stop_reason = answer["stopReason"]
    heard.told = _usage(answer.get("usage"))
    for index, block in enumerate(answer["output"]["message"]["content"]):
        if "text" in block:
            _hear_text(block["text"], heard, say)
        elif "toolUse" in block:
            use = block["toolUse"]
            heard.tool_uses[index] = ToolUse(use["toolUseId"], use["name"], json.dumps(use["input"]))


def stream(request: Request, heard: Heard, say: Say, seconds: int) -> None:
    """The answer as it is made. When `say` raises, the model is not listened to any longer."""
    with _failures(heard):
        events = _client(STREAM_PATIENCE, seconds).converse_stream(**request)["stream"]
        heard.has_begun = True
        try:
            for event in events:
                _hear(event, heard, say)
        finally:
            events.close()
    if not heard.stop_reason:
        raise _failed("ended early")


def _hear(event: Mapping[str, Any], heard: Heard, say: Say) -> None:
    match event:
        case {"contentBlockDelta": {"delta": {"text": text}}}:
            _hear_text(text, heard, say)
        case {"contentBlockStart": {"contentBlockIndex": index, "start": {"toolUse": use}}}:
            heard.tool_uses[index] = ToolUse(use["toolUseId"], use["name"])
        case {"contentBlockDelta": {"contentBlockIndex": index, "delta": {"toolUse": use}}}:
            heard.tool_uses[index].given += use["input"]
        case {"messageStop": {"stopReason": reason}}:
            heard.stop_reason = reason
        case {"metadata": {"usage": usage}}:
            heard.told = _usage(usage)


def _hear_text(text: str, heard: Heard, say: Say) -> None:
    """Text is data from outside: half a surrogate pair can neither be sent nor stored."""
    clean = text.encode(errors="replace").decode()
    heard.text += clean
    say(clean)


def _usage(told: Mapping[str, int] | None) -> Usage | None:
    return None if told is None else Usage(told["inputTokens"], told["outputTokens"])


def _client(patience: Sequence[int], seconds: int) -> Any:
    silence = next((each for each in patience if each <= seconds), 1)
    region = config.current().assistant.region
    return clients.client("bedrock-runtime", attempts=1, read_seconds=silence, region=region)


@contextmanager
def _failures(heard: Heard) -> Iterator[None]:
    """The model's failures by their names; notes when one may have cost something."""
    from botocore.eventstream import ParserError
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        ConnectTimeoutError,
        EndpointConnectionError,
        NoCredentialsError,
    )
    from urllib3.exceptions import HTTPError

    try:
        yield
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
        heard.has_begun |= status >= 500 or status in _UNCERTAIN_STATUSES
        code = str(error.response["Error"].get("Code"))
        if code in _BUSY or clients.is_throttling(error):
            count("ModelThrottled")
            raise ModelBusy("The assistant is busy; ask again in a moment.", retry_after=5) from None
        raise _failed(code) from None
    except (ConnectTimeoutError, EndpointConnectionError, NoCredentialsError) as error:
        raise _failed(type(error).__name__) from None
    except (BotoCoreError, HTTPError, ParserError, OSError) as error:
        heard.has_begun = True
        raise _failed(type(error).__name__) from None


def _failed(reason: str) -> ModelFailed:
    count("ModelFailures")
    logger.warning("model failed", extra={"reason": reason})
    return ModelFailed("The assistant cannot answer right now; ask again in a moment.", retry_after=5)
