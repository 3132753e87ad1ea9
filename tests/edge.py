"""The network edge of everything that carries messages, as a small HTTP server: SQS, SNS, EventBridge and SES.

It takes what it is sent, remembers it, and fails when a test says so, in the words of the services themselves: entries
that a successful call has refused, calls that fail, and connections that break with or without effect.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4
from xml.sax.saxutils import escape

from tests.local_server import LocalServer, stopped_at_the_end

TOPIC = "arn:aws:sns:eu-central-1:000000000000:marketplace-local-order-events"
XML = 'xmlns="http://sns.amazonaws.com/doc/2010-03-31/"'


@dataclass(frozen=True)
class Sent:
    """One message, e-mail or push, as it was sent. `destination` is a queue, a topic's or endpoint's ARN, or a bus."""

    destination: str
    body: str
    fields: dict[str, Any] = field(default_factory=dict)

    @property
    def envelope(self) -> dict[str, Any]:
        """The body's JSON."""
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass(frozen=True)
class Refusal:
    """What an entry or a call is refused with. Without a status the connection breaks instead of an answer.

    `is_effective` when the work was done all the same.
    """

    code: str = ""
    status: int = 400
    sender_fault: bool = False
    is_effective: bool = False


BROKEN = Refusal(status=0)
"""The connection breaks before anything was done."""
LOST = Refusal(status=0, is_effective=True)
"""It was done, and the answer is lost."""
THROTTLED = Refusal("ThrottlingException", 400)
DOWN = Refusal("InternalError", 500)


class Edge(LocalServer):
    """The server. `refuses_entry` and `refuses_call` decide what fails; `accepted` is what arrived, in order."""

    def __init__(self) -> None:
        self.accepted: list[Sent] = []
        self.calls: list[list[Sent]] = []
        self.refuses_entry: Callable[[Sent], Refusal | None] = lambda _: None
        self.refuses_call: Callable[[list[Sent]], Refusal | None] = lambda _: None
        self._lock = threading.Lock()
        super().__init__(_handler(self))

    @property
    def settings(self) -> dict[str, str]:
        """The variables of a function that uses it."""
        return {"AWS_ENDPOINT_URL": self.url, "ORDER_EVENTS_TOPIC_ARN": TOPIC, "PARTIAL_BATCH": "true"}

    def bodies(self, destination: str) -> list[dict[str, Any]]:
        """The envelopes that arrived at `destination`, in order."""
        return [sent.envelope for sent in self.accepted if sent.destination == destination]

    def forget(self) -> None:
        """Forgets what arrived, and fails no more."""
        with self._lock:
            self.accepted, self.calls = [], []
        self.refuses_entry, self.refuses_call = (lambda _: None), (lambda _: None)

    def take(self, entries: list[Sent]) -> tuple[Refusal | None, list[Refusal | None]]:
        """What the call is refused with, or what each of its entries is."""
        calls, accepted = self.calls, self.accepted  # those of the test that it came in, however long it takes
        refusal = self.refuses_call(entries)
        verdicts = [self.refuses_entry(entry) for entry in entries]
        with self._lock:
            calls.append(entries)
            if refusal is None or refusal.is_effective:
                accepted += [entry for entry, one in zip(entries, verdicts, strict=True) if one is None]
        return refusal, verdicts


def running() -> AbstractContextManager[Edge]:
    """An edge that is stopped at the end."""
    return stopped_at_the_end(Edge)


def _handler(edge: Edge) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            action = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
            if action == "GetQueueUrl":
                name = json.loads(body)["QueueName"]
                return self._answer(200, json.dumps({"QueueUrl": f"{edge.url}/000000000000/{name}"}))
            protocol = _PROTOCOLS.get(action) or (_Email if self.path.startswith("/v2/email") else _topic_call(body))
            call = protocol(body)
            refusal, verdicts = edge.take(call.entries)
            if refusal is None:
                return self._answer(200, call.answer(verdicts))
            if not refusal.status:
                self.close_connection = True
                return self.connection.close()
            return self._answer(refusal.status, call.error(refusal), refusal.code)

        def _answer(self, status: int, body: str, code: str = "") -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body.encode())))
            if code:
                self.send_header("x-amzn-ErrorType", code)
            with suppress(BrokenPipeError, ConnectionResetError):  # who asked has given up
                self.end_headers()
                self.wfile.write(body.encode())

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


class _JsonCall:
    """A call of a service that speaks JSON."""

    def __init__(self, body: str) -> None:
        self.values = json.loads(body)

    def error(self, refusal: Refusal) -> str:
        return json.dumps({"__type": refusal.code, "message": "refused"})


class _SendMessageBatch(_JsonCall):
    @property
    def entries(self) -> list[Sent]:
        queue = self.values["QueueUrl"].rpartition("/")[2].removeprefix("marketplace-local-")
        return [Sent(queue, entry["MessageBody"], entry) for entry in self.values["Entries"]]

    def answer(self, verdicts: list[Refusal | None]) -> str:
        ids = [entry["Id"] for entry in self.values["Entries"]]
        pairs = list(zip(ids, verdicts, strict=True))
        done = [{"Id": i, "MessageId": str(uuid4()), "MD5OfMessageBody": "0" * 32} for i, one in pairs if one is None]
        failed = [{"Id": i, "Code": one.code, "SenderFault": one.sender_fault} for i, one in pairs if one is not None]
        return json.dumps({"Successful": done, "Failed": failed})


class _PutEvents(_JsonCall):
    @property
    def entries(self) -> list[Sent]:
        return [Sent("bus", entry["Detail"], entry) for entry in self.values["Entries"]]

    def answer(self, verdicts: list[Refusal | None]) -> str:
        entries = [
            {"EventId": str(uuid4())} if one is None else {"ErrorCode": one.code, "ErrorMessage": "refused"}
            for one in verdicts
        ]
        return json.dumps({"FailedEntryCount": sum("ErrorCode" in one for one in entries), "Entries": entries})


class _Email(_JsonCall):
    @property
    def entries(self) -> list[Sent]:
        return [Sent("email", json.dumps(self.values["Content"]["Simple"]), self.values)]

    def answer(self, verdicts: list[Refusal | None]) -> str:
        return json.dumps({"MessageId": str(uuid4())})


class _QueryCall:
    """A call of SNS: a form, answered in XML."""

    def __init__(self, body: str) -> None:
        self.values = dict(parse_qsl(body))

    def error(self, refusal: Refusal) -> str:
        return (
            f"<ErrorResponse {XML}><Error><Type>Sender</Type><Code>{refusal.code}</Code><Message>refused</Message>"
            "</Error><RequestId>1</RequestId></ErrorResponse>"
        )


class _Publish(_QueryCall):
    @property
    def entries(self) -> list[Sent]:
        return [Sent(self.values["TargetArn"], self.values["Message"], self.values)]

    def answer(self, verdicts: list[Refusal | None]) -> str:
        return (
            f"<PublishResponse {XML}><PublishResult><MessageId>1</MessageId></PublishResult>"
            "<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></PublishResponse>"
        )


class _CreateEndpoint(_QueryCall):
    @property
    def entries(self) -> list[Sent]:
        return [Sent(self.values["PlatformApplicationArn"], self.values["Token"], self.values)]


class _PublishBatch(_QueryCall):
    @property
    def _members(self) -> list[str]:
        names = {name.rpartition(".member.")[2].partition(".")[0] for name in self.values if ".member." in name}
        return [f"PublishBatchRequestEntries.member.{number}" for number in sorted(names, key=int)]

    @property
    def entries(self) -> list[Sent]:
        return [
            Sent("order-events", self.values[f"{member}.Message"], {"type": self._attribute(member)})
            for member in self._members
        ]

    def _attribute(self, member: str) -> str:
        return self.values[f"{member}.MessageAttributes.entry.1.Value.StringValue"]

    def answer(self, verdicts: list[Refusal | None]) -> str:
        done, failed = "", ""
        for member, one in zip(self._members, verdicts, strict=True):
            entry_id = f"<Id>{escape(self.values[f'{member}.Id'])}</Id>"
            if one is None:
                done += f"<member>{entry_id}<MessageId>1</MessageId></member>"
            else:
                fault = str(one.sender_fault).lower()
                failed += f"<member>{entry_id}<Code>{one.code}</Code><SenderFault>{fault}</SenderFault></member>"
        return (
            f"<PublishBatchResponse {XML}><PublishBatchResult><Successful>{done}</Successful><Failed>{failed}</Failed>"
            "</PublishBatchResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></PublishBatchResponse>"
        )


_PROTOCOLS: dict[str, Any] = {"SendMessageBatch": _SendMessageBatch, "PutEvents": _PutEvents}


def _topic_call(body: str) -> Any:
    action = dict(parse_qsl(body))["Action"]
    return {"PublishBatch": _PublishBatch, "Publish": _Publish, "CreatePlatformEndpoint": _CreateEndpoint}[action]
