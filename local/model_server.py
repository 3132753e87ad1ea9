"""The laptop's model: a small server of OpenAI's shape, to which the embedded AWS hands on what Bedrock is asked.

    POST /v1/chat/completions   in one piece or streamed, with tools and usage
    POST /v1/embeddings
    POST /control               tests say what the next calls are answered with; DELETE forgets it
    GET  /control               what it was asked since

It recommends products that its prompt shows, and uses the assistant's tools when a question is about orders or asks it
to search. What tests queue by `/control` comes first, one entry a call:

    {"reply": "text", "tool_calls": [["name", {…}]], "usage": [input, output] or null, "status": 429,
     "fail_at": how many pieces are sent before the connection breaks, "stall_at": before it falls silent,
     "pause": seconds between pieces}
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from local import model_replies
from local.ports import LOOPBACK

PAUSE_SECONDS = 0.025
"""Between two pieces of a few words: about as fast as a hosted model."""

STALL_SECONDS = 120

_PIECE = re.compile(r"\S*\s*\S*\s*")
_MOST_REMEMBERED = 500


class Broken(Exception):
    """The script says that the connection breaks here."""


@dataclass
class Script:
    """The answer to one call."""

    reply: str = ""
    tool_calls: list[tuple[str, Any]] = field(default_factory=list)
    usage: list[int] | None = field(default_factory=list)
    status: int = 200
    fail_at: int | None = None
    stall_at: int | None = None
    pause: float = PAUSE_SECONDS

    @property
    def pieces(self) -> list[str]:
        """The text a few words at a time."""
        return [piece for piece in _PIECE.findall(self.reply) if piece]

    @property
    def calls(self) -> list[dict[str, Any]]:
        """The tools that it wants, in OpenAI's shape."""
        return [
            {
                "index": index,
                "id": f"call_{uuid4().hex[:20]}",
                "type": "function",
                "function": {"name": name, "arguments": given if isinstance(given, str) else json.dumps(given)},
            }
            for index, (name, given) in enumerate(self.tool_calls)
        ]

    @property
    def finish_reason(self) -> str:
        return "tool_calls" if self.tool_calls else "stop"


class Model:
    """What it was asked, and what it was told to say next."""

    def __init__(self) -> None:
        self._queue: list[Script] = []
        self._asked: list[dict[str, Any]] = []

    def application(self) -> Starlette:
        """The server."""
        return Starlette(
            routes=[
                Route("/v1/chat/completions", self._complete, methods=["POST"]),
                Route("/v1/embeddings", self._embed, methods=["POST"]),
                Route("/control", self._control, methods=["GET", "POST", "DELETE"]),
            ]
        )

    async def _complete(self, request: Request) -> Response:
        asked = await request.json()
        self._asked = [*self._asked, asked][-_MOST_REMEMBERED:]
        script = self._queue.pop(0) if self._queue else _by_itself(asked)
        if script.status != 200:
            error = {"message": "as it was told", "type": "error", "code": script.status}
            return JSONResponse({"error": error}, script.status)
        if not asked.get("stream"):
            return JSONResponse(await _whole(script, asked))
        return StreamingResponse(_streamed(script, asked), media_type="text/event-stream")

    async def _embed(self, request: Request) -> Response:
        asked = await request.json()
        texts = [asked["input"]] if isinstance(asked["input"], str) else asked["input"]
        vectors = [model_replies.embedding(text, int(asked.get("dimensions", 1024))) for text in texts]
        data = [{"object": "embedding", "index": index, "embedding": each} for index, each in enumerate(vectors)]
        used = sum(map(_tokens, texts))
        usage = {"prompt_tokens": used, "total_tokens": used}
        return JSONResponse({"object": "list", "model": asked.get("model"), "data": data, "usage": usage})

    async def _control(self, request: Request) -> Response:
        if request.method == "POST":
            self._queue += [Script(**script) for script in (await request.json())["scripts"]]
        elif request.method == "DELETE":
            self._queue, self._asked = [], []
        return JSONResponse({"queued": len(self._queue), "asked": self._asked})


def main() -> None:
    """Serves until it is told to end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    uvicorn.run(Model().application(), host=LOOPBACK, port=port, log_level="warning", timeout_graceful_shutdown=1)


def _by_itself(asked: dict[str, Any]) -> Script:
    tools = [tool["function"]["name"] for tool in asked.get("tools", [])]
    said = model_replies.reply(asked["messages"], tools)
    return Script(said.text, list(said.tool_calls))


async def _whole(script: Script, asked: dict[str, Any]) -> dict[str, Any]:
    if script.stall_at is not None:
        await asyncio.sleep(STALL_SECONDS)
    if script.fail_at is not None:
        raise Broken
    message: dict[str, Any] = {"role": "assistant", "content": script.reply or None}
    if script.tool_calls:
        message["tool_calls"] = script.calls
    choice = {"index": 0, "message": message, "finish_reason": script.finish_reason}
    return {**_envelope("chat.completion", asked), "choices": [choice], "usage": _usage(script, asked)}


async def _streamed(script: Script, asked: dict[str, Any]) -> AsyncIterator[str]:
    envelope = _envelope("chat.completion.chunk", asked)
    yield _chunk(envelope, {"role": "assistant", "content": ""})
    pieces = script.pieces
    for number, piece in enumerate([*pieces, None]):
        if number == script.stall_at:
            await asyncio.sleep(STALL_SECONDS)
        if number == script.fail_at:
            raise Broken
        if piece is not None:
            yield _chunk(envelope, {"content": piece})
            await asyncio.sleep(script.pause)
    for call in script.calls:
        yield _chunk(envelope, {"tool_calls": [{**call, "function": {**call["function"], "arguments": ""}}]})
        arguments = {"arguments": call["function"]["arguments"]}
        yield _chunk(envelope, {"tool_calls": [{"index": call["index"], "function": arguments}]})
    yield _chunk(envelope, {}, script.finish_reason)
    if (asked.get("stream_options") or {}).get("include_usage") and (usage := _usage(script, asked)):
        yield _event({**envelope, "choices": [], "usage": usage})
    yield "data: [DONE]\n\n"


def _envelope(kind: str, asked: dict[str, Any]) -> dict[str, Any]:
    return {"id": f"chatcmpl-{uuid4().hex}", "object": kind, "created": int(time.time()), "model": asked.get("model")}


def _chunk(envelope: dict[str, Any], delta: dict[str, Any], finish_reason: str | None = None) -> str:
    return _event({**envelope, "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]})


def _event(content: dict[str, Any]) -> str:
    return f"data: {json.dumps(content)}\n\n"


def _usage(script: Script, asked: dict[str, Any]) -> dict[str, int] | None:
    """As the script says; None says nothing; by itself four characters are a token."""
    if script.usage is None:
        return None
    read, written = script.usage or (_tokens(json.dumps(asked["messages"])), _tokens(script.reply))
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


def _tokens(text: str) -> int:
    return -(-len(text) // 4)


if __name__ == "__main__":
    main()
