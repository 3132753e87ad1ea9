"""Amazon Bedrock's side of the network as a small HTTP server: Converse, ConverseStream and Titan embeddings.

A test queues what each call of the model is answered with, and how the answer fails: before it, at any of its chunks,
or after it; in AWS's own words, by a broken connection, by bytes that are none of AWS's, or by silence.
"""

from __future__ import annotations

import json
import struct
import threading
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from zlib import crc32

from tests.local_server import LocalServer, stopped_at_the_end

TOLD = {"inputTokens": 200, "outputTokens": 60, "totalTokens": 260}

THROTTLED = (429, "ThrottlingException")
REFUSED = (400, "ValidationException")
DOWN = (500, "InternalServerException")


@dataclass(frozen=True)
class Script:
    """The answer to one call.

    `chunks` is its text in parts, then come `tools` (name and input). `fails_at` is how many chunks are sent before it
    fails as `failure` says: `"exception"`, `"throttled"`, `"broken"`, `"garbage"`, `"early end"` or `"silence"`.
    `status` refuses the call as a whole. `usage` None: the model does not tell. `pause` are seconds between chunks.
    """

    chunks: Sequence[str] = ("Good ", "day.")
    tools: Sequence[tuple[str, Any]] = ()
    stop_reason: str = ""
    usage: dict[str, int] | None = field(default_factory=lambda: dict(TOLD))
    fails_at: int | None = None
    failure: str = ""
    status: tuple[int, str] | None = None
    pause: float = 0

    @property
    def reason(self) -> str:
        return self.stop_reason or ("tool_use" if self.tools else "end_turn")


class Bedrock(LocalServer):
    """The server. `requests` are the calls that came, and `chunks_sent` how much of each answer was sent."""

    def __init__(self) -> None:
        self.scripts: list[Script] = []
        self.requests: list[dict[str, Any]] = []
        self.chunks_sent: list[int] = []
        self.is_hung_up_on = threading.Event()
        self.embeddings: dict[str, list[float]] = {}
        self.released = threading.Event()
        super().__init__(type("Handler", (_Handler,), {"bedrock": self}))

    @property
    def settings(self) -> dict[str, str]:
        """The variables of a function that uses it."""
        return {"AWS_ENDPOINT_URL_BEDROCK_RUNTIME": self.url}

    def will(self, *scripts: Script) -> None:
        """Answers the next calls so, and every other one with a short text."""
        self.released.set()
        self.scripts, self.requests, self.chunks_sent = list(scripts), [], []
        self.is_hung_up_on.clear()
        self.released = threading.Event()

    def stop(self) -> None:
        """Closes the server."""
        self.released.set()
        super().stop()

    def next_script(self, request: dict[str, Any]) -> Script:
        """What the call is answered with."""
        self.requests.append(request)
        self.chunks_sent.append(0)
        return self.scripts.pop(0) if self.scripts else Script()


def running() -> AbstractContextManager[Bedrock]:
    """A server that is stopped at the end."""
    return stopped_at_the_end(Bedrock)


def event(kind: str, payload: Any, headers: dict[str, str] | None = None) -> bytes:
    """A message of AWS's event stream.

    https://docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html describes the encoding.
    """
    named = headers or {":message-type": "event", ":event-type": kind, ":content-type": "application/json"}
    block = b"".join(
        struct.pack("!B", len(name)) + name.encode() + b"\x07" + struct.pack("!H", len(value)) + value.encode()
        for name, value in named.items()
    )
    body = json.dumps(payload).encode()
    prelude = struct.pack("!II", 16 + len(block) + len(body), len(block))
    message = prelude + struct.pack("!I", crc32(prelude)) + block + body
    return message + struct.pack("!I", crc32(message))


class _Handler(BaseHTTPRequestHandler):
    bedrock: Bedrock
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path.endswith("/invoke"):
            vector = self.bedrock.embeddings.get(request["inputText"])
            if vector is None:
                return self._json(400, {"message": "no such text"}, "ValidationException")
            return self._json(200, {"embedding": vector, "inputTextTokenCount": 3})
        script = self.bedrock.next_script(request)
        if script.status is not None:
            return self._json(script.status[0], {"message": "refused"}, script.status[1])
        try:
            (self._stream if self.path.endswith("/converse-stream") else self._converse)(script)
        except (BrokenPipeError, ConnectionResetError):
            self.bedrock.is_hung_up_on.set()
            self.close_connection = True

    def _converse(self, script: Script) -> None:
        if script.failure == "silence":
            self.bedrock.released.wait(30)
        if script.fails_at is not None:
            self.close_connection = True
            return
        content: list[Any] = [{"text": "".join(script.chunks)}] if script.chunks else []
        content += [
            {"toolUse": {"toolUseId": f"use-{number}", "name": name, "input": given}}
            for number, (name, given) in enumerate(script.tools)
        ]
        answer = {"output": {"message": {"role": "assistant", "content": content}}, "stopReason": script.reason}
        usage = {} if script.usage is None else {"usage": script.usage}
        self._json(200, answer | usage | {"metrics": {"latencyMs": 1}})

    def _stream(self, script: Script) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/vnd.amazon.eventstream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self._send(event("messageStart", {"role": "assistant"}))
        for number, chunk in enumerate(script.chunks):
            if number == script.fails_at:
                return self._fail(script.failure)
            self._send(event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": chunk}}))
            self.bedrock.chunks_sent[-1] += 1
            time.sleep(script.pause)
        self._send(event("contentBlockStop", {"contentBlockIndex": 0}))
        for index, (name, given) in enumerate(script.tools, start=1):
            start = {"toolUse": {"toolUseId": f"use-{index}", "name": name}}
            self._send(event("contentBlockStart", {"contentBlockIndex": index, "start": start}))
            text = given if isinstance(given, str) else json.dumps(given)
            for part in (text[:5], text[5:]):
                delta = {"contentBlockIndex": index, "delta": {"toolUse": {"input": part}}}
                self._send(event("contentBlockDelta", delta))
            self._send(event("contentBlockStop", {"contentBlockIndex": index}))
        if script.fails_at == len(script.chunks):
            return self._fail(script.failure)
        self._send(event("messageStop", {"stopReason": script.reason}))
        if script.fails_at is not None and script.fails_at > len(script.chunks):
            return self._fail(script.failure)
        if script.usage is not None:
            self._send(event("metadata", {"usage": script.usage, "metrics": {"latencyMs": 1}}))
        self._end()
        return None

    def _fail(self, failure: str) -> None:
        exception = {"exception": "modelStreamErrorException", "throttled": "throttlingException"}.get(failure)
        if exception is not None:
            headers = {":message-type": "exception", ":exception-type": exception}
            self._send(event("", {"message": "the model broke off"}, headers))
            return self._end()
        if failure == "garbage":
            self._send(b"\x00\x00\x00\x30" + b"no event stream" * 4)
            return self._end()
        if failure == "early end":
            return self._end()
        if failure == "silence":
            self.bedrock.released.wait(30)
        self.close_connection = True
        return None

    def _send(self, message: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(message), message))
        self.wfile.flush()

    def _end(self) -> None:
        self.wfile.write(b"0\r\n\r\n")

    def _json(self, status: int, content: Any, code: str = "") -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if code:
            self.send_header("x-amzn-ErrorType", code)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass
