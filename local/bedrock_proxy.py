"""Bedrock's calls of a model handed on as they are on AWS: streams piece by piece, and failures as failures.

MiniStack asks the server behind MINISTACK_BEDROCK_PROXY_URL for whole answers, also where a stream is wanted, and makes
up an answer where that server fails. Runs in the emulator's process; `emulator_launcher.py` puts it in.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import unquote, urlsplit

from ministack.core.responses import StreamingResponse
from ministack.services import bedrock_runtime as bedrock

MODEL_NAME = os.environ.get("BEDROCK_PROXY_MODEL", "")
"""What the server calls its model, where it does not take any name."""

_ERRORS = {
    400: ("ValidationException", 400),
    401: ("AccessDeniedException", 403),
    403: ("AccessDeniedException", 403),
    404: ("ResourceNotFoundException", 404),
    429: ("ThrottlingException", 429),
    503: ("ServiceUnavailableException", 503),
}
_STOP_REASONS = {"length": "max_tokens", "content_filter": "content_filtered"}


class UpstreamFailed(Exception):
    """The server did not answer as it should; `code` and `status` are Bedrock's for this."""

    def __init__(self, code: str, status: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


def mend() -> None:
    """Puts all of it into the emulator."""
    handle, converse, invoke = bedrock.handle_request, bedrock._converse, bedrock._invoke_model

    async def handle_request(method: str, path: str, headers: Any, body: bytes, query: Any) -> Any:
        found = bedrock._CONVERSE_STREAM_RE.match(path)
        if method == "POST" and found and bedrock._PROXY_URL:
            return await asyncio.to_thread(_refusing(_converse_stream), unquote(found[1]), headers, body)
        return await handle(method, path, headers, body, query)

    bedrock.handle_request = handle_request
    bedrock._converse = _refusing(converse)
    bedrock._invoke_model = _refusing(_embedding_or(invoke))
    bedrock._proxy_openai_chat_message = _whole_message


def _refusing(work: Callable[..., Any]) -> Callable[..., Any]:
    """`work`, where a failure of the server becomes the error that Bedrock answers with."""

    def refuse(*given: Any) -> Any:
        try:
            return work(*given)
        except UpstreamFailed as failure:
            return bedrock._error(failure.code, str(failure), failure.status)

    return refuse


def _whole_message(
    model_id: str, messages: Any, system: Any, inference: Any, tools: Any = None
) -> tuple[Any, tuple[int, int] | None]:
    """The assistant's message in OpenAI's shape, and tokens read and written."""
    if not bedrock._PROXY_URL:
        return None, None
    request = {"messages": messages, "system": system, "inferenceConfig": inference, "toolConfig": tools}
    answer = _Upstream("/v1/chat/completions", _payload(model_id, request)).json()
    try:
        usage = answer.get("usage") or {}
        counts = (usage["prompt_tokens"], usage["completion_tokens"]) if "prompt_tokens" in usage else None
        return answer["choices"][0]["message"], counts
    except (KeyError, IndexError, TypeError, AttributeError):
        raise UpstreamFailed("ModelErrorException", 424, "The model's answer is malformed.") from None


def _embedding_or(invoke: Callable[..., Any]) -> Callable[..., Any]:
    """InvokeModel, where Titan's embeddings come from the server, too."""

    def embed(model_id: str, headers: Any, body: bytes) -> Any:
        if "titan-embed" not in model_id or not bedrock._PROXY_URL:
            return invoke(model_id, headers, body)
        asked = json.loads(body)
        payload = {"model": MODEL_NAME or model_id, "input": asked["inputText"]}
        answer = _Upstream("/v1/embeddings", payload | _known(dimensions=asked.get("dimensions"))).json()
        vector = answer["data"][0]["embedding"]
        told = {"embedding": vector, "inputTextTokenCount": answer.get("usage", {}).get("prompt_tokens", 0)}
        return 200, {"Content-Type": "application/json"}, json.dumps(told).encode()

    return embed


def _converse_stream(model_id: str, headers: Any, body: bytes) -> Any:
    request = json.loads(body or b"{}")
    model_id, _, error = bedrock._normalize_model_id(model_id)
    if error := error or bedrock._validate_converse_request(request):
        return error
    if request.get("guardrailConfig"):  # a guardrail reads the whole answer before anything of it is shown
        return bedrock._converse_stream(model_id, headers, body)
    streamed = {"stream": True, "stream_options": {"include_usage": True}}
    upstream = _Upstream("/v1/chat/completions", _payload(model_id, request) | streamed)
    answer_headers = {
        "Content-Type": "application/vnd.amazon.eventstream",
        "x-amzn-bedrock-content-type": "application/json",
    }
    return 200, answer_headers, StreamingResponse(_Sending(upstream, request).run)


def _payload(model_id: str, request: dict[str, Any]) -> dict[str, Any]:
    """A Converse request in OpenAI's shape."""
    tools, choice = bedrock._openai_tools(request.get("toolConfig"))
    inference = request.get("inferenceConfig") or {}
    return {
        "model": MODEL_NAME or model_id,
        "messages": bedrock._openai_messages(request.get("messages", []), request.get("system", [])),
        "stream": False,
        **_known(
            tools=tools or None,
            tool_choice=choice if tools else None,
            max_tokens=inference.get("maxTokens"),
            temperature=inference.get("temperature"),
            top_p=inference.get("topP"),
            stop=inference.get("stopSequences"),
        ),
    }


def _known(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


class _Upstream:
    """One call of the server. Raises `UpstreamFailed`."""

    def __init__(self, path: str, payload: dict[str, Any]) -> None:
        url = urlsplit(bedrock._PROXY_URL + path)
        kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
        connection = kind(url.netloc, timeout=bedrock._PROXY_TIMEOUT_S)
        try:
            connection.connect()
            self._socket = connection.sock
            connection.request("POST", url.path, json.dumps(payload), {"Content-Type": "application/json"})
            self._response = connection.getresponse()
        except TimeoutError:
            raise UpstreamFailed("ModelTimeoutException", 408, "The model did not answer in time.") from None
        except (OSError, http.client.HTTPException) as error:
            raise UpstreamFailed("ServiceUnavailableException", 503, f"The model is not there: {error}") from None
        if self._response.status != 200:
            words = self._response.read(2000).decode(errors="replace")
            code, status = _ERRORS.get(self._response.status, ("ModelErrorException", 424))
            raise UpstreamFailed(code, status, f"The model answered {self._response.status}: {words}")

    def json(self) -> Any:
        """The whole answer."""
        try:
            return json.loads(self._response.read())
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise UpstreamFailed("ModelErrorException", 424, f"The model broke off: {error}") from None

    def chunks(self) -> Iterator[dict[str, Any]]:
        """The answer's chunks. Raises `UpstreamFailed` when it breaks off."""
        try:
            for line in self._response:
                data = line.decode().removeprefix("data:").strip() if line.startswith(b"data:") else ""
                if data and data != "[DONE]":
                    yield json.loads(data)
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise UpstreamFailed("modelStreamErrorException", 424, f"The model broke off: {error}") from None

    def hang_up(self) -> None:
        """Ends the call at once, whoever waits for it."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)


class _Sending:
    """Passes a stream on: a thread reads, the event loop sends, and when nobody listens the server is hung up on."""

    def __init__(self, upstream: _Upstream, request: dict[str, Any]) -> None:
        self._upstream = upstream
        self._translation = _Translation(request)
        self._messages: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def run(self, send: Any, receive: Any) -> None:
        """Sends all of it as the body of the response."""
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._read, args=(loop,), daemon=True).start()
        listening = asyncio.create_task(self._until_nobody_listens(receive))
        try:
            while (message := await self._messages.get()) is not None:
                await send({"type": "http.response.body", "body": message, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            listening.cancel()
            self._upstream.hang_up()

    async def _until_nobody_listens(self, receive: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._upstream.hang_up()

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        with suppress(RuntimeError):  # the emulator is ending
            for message in self._translation.of(self._upstream.chunks()):
                loop.call_soon_threadsafe(self._messages.put_nowait, message)
            loop.call_soon_threadsafe(self._messages.put_nowait, None)


class _Translation:
    """OpenAI's chunks as ConverseStream's events: text is block 0, each tool call a block after it."""

    def __init__(self, request: dict[str, Any]) -> None:
        self._request = request
        self._open: int | None = None
        self._has_tools = False
        self._text = ""
        self._finish_reason = ""
        self._usage: dict[str, Any] = {}

    def of(self, chunks: Iterator[dict[str, Any]]) -> Iterator[bytes]:
        """The events, encoded; when the answer breaks off, they end with the exception that says so."""
        yield bedrock._es_event("messageStart", {"role": "assistant"})
        failure = None
        try:
            for chunk in chunks:
                yield from self._of_chunk(chunk)
        except UpstreamFailed as raised:
            failure = raised
        if failure or not self._finish_reason:
            yield _exception(str(failure or "The model broke off."))
            return
        yield from self._close()
        stopped = "tool_use" if self._has_tools else _STOP_REASONS.get(self._finish_reason, "end_turn")
        yield bedrock._es_event("messageStop", {"stopReason": stopped})
        yield bedrock._es_event("metadata", {"usage": self._used(), "metrics": {"latencyMs": 1}})

    def _of_chunk(self, chunk: dict[str, Any]) -> Iterator[bytes]:
        if "error" in chunk:
            raise UpstreamFailed("modelStreamErrorException", 424, str(chunk["error"]))
        self._usage = chunk.get("usage") or self._usage
        for choice in chunk.get("choices", [])[:1]:
            delta = choice.get("delta") or {}
            if text := delta.get("content"):
                self._text += text
                yield from self._in_block(0, {})
                yield _delta(0, {"text": text})
            for call in delta.get("tool_calls") or []:
                yield from self._of_call(call)
            self._finish_reason = choice.get("finish_reason") or self._finish_reason

    def _of_call(self, call: dict[str, Any]) -> Iterator[bytes]:
        index, function = call.get("index", 0) + 1, call.get("function") or {}
        self._has_tools = True
        use = {"toolUseId": call.get("id") or f"tooluse_{index}", "name": function.get("name", "")}
        yield from self._in_block(index, {"start": {"toolUse": use}})
        if given := function.get("arguments"):
            yield _delta(index, {"toolUse": {"input": given}})

    def _in_block(self, index: int, start: dict[str, Any]) -> Iterator[bytes]:
        """Opens block `index` where another one, or none, is open."""
        if self._open == index:
            return
        yield from self._close()
        self._open = index
        if start:
            yield bedrock._es_event("contentBlockStart", {"contentBlockIndex": index, **start})

    def _close(self) -> Iterator[bytes]:
        if self._open is not None:
            yield bedrock._es_event("contentBlockStop", {"contentBlockIndex": self._open})
        self._open = None

    def _used(self) -> dict[str, int]:
        """What the server tells, else the emulator's own estimate."""
        asked = bedrock._system_text(self._request.get("system")) + bedrock._messages_text(self._request["messages"])
        read = self._usage.get("prompt_tokens") or bedrock._estimate_tokens(asked)
        written = self._usage.get("completion_tokens") or bedrock._estimate_tokens(self._text)
        return {"inputTokens": read, "outputTokens": written, "totalTokens": read + written}


def _delta(index: int, delta: dict[str, Any]) -> bytes:
    return bytes(bedrock._es_event("contentBlockDelta", {"contentBlockIndex": index, "delta": delta}))


def _exception(message: str) -> bytes:
    named = {
        ":message-type": "exception",
        ":exception-type": "modelStreamErrorException",
        ":content-type": "application/json",
    }
    return bytes(bedrock._es_encode_message(named, json.dumps({"message": message}).encode()))
