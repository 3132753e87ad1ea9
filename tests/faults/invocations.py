"""What Lambda hands to a function: events of the gateway, the queues and the schedules, and a context."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import app
from tests.environment import ROOT
from tests.events import http_api_event
from tests.faults.world import CLIENT_ID

_CONFIGURED = json.loads((ROOT / ".chalice" / "config.json").read_text())["lambda_functions"]


@dataclass(frozen=True)
class Context:
    """The context of an invocation that has all of its function's time left."""

    function: str
    aws_request_id = "00000000-0000-4000-8000-000000000000"

    def get_remaining_time_in_millis(self) -> int:
        """The function's timeout."""
        return int(_CONFIGURED[self.function]["lambda_timeout"]) * 1000


def invoke(function: str, event: Mapping[str, Any]) -> Any:
    """What the function answers; `app` is the API."""
    return getattr(app, function)(dict(event), Context("api_handler" if function == "app" else function))


def place_order(buyer: UUID, key: str, lines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The event of `POST /orders`."""
    headers = {"content-type": "application/json", "idempotency-key": key}
    return http_api_event(
        "POST", "/orders", route="/orders", headers=headers, body={"lines": list(lines)}, authorizer=_signed_in(buyer)
    )


def cancel_order(buyer: UUID, order_id: str) -> dict[str, Any]:
    """The event of `POST /orders/{order_id}/cancel`."""
    return http_api_event(
        "POST",
        f"/orders/{order_id}/cancel",
        route="/orders/{order_id}/cancel",
        parameters={"order_id": order_id},
        authorizer=_signed_in(buyer),
    )


def batch(queue: str, messages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The event of messages that `receive_message` gave."""
    return {"Records": [_record(queue, message) for message in messages]}


def tick() -> dict[str, Any]:
    """The event of a schedule."""
    return {
        "version": "0",
        "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "000000000000",
        "time": "2026-01-01T00:00:00Z",
        "region": "eu-central-1",
        "resources": ["arn:aws:events:eu-central-1:000000000000:rule/a-schedule"],
        "detail": {},
    }


def redrive(queue: str) -> dict[str, Any]:
    """The event by which an operator sends every dead letter of a queue back."""
    return {"action": "redrive", "operator": "faults", "queue": queue, "dry_run": False}


def _signed_in(person: UUID) -> dict[str, Any]:
    claims = {"sub": str(person), "client_id": CLIENT_ID, "token_use": "access", "cognito:groups": "[users]"}
    return {"jwt": {"claims": claims, "scopes": None}}


def _record(queue: str, message: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "messageAttributes": {
            name: {"dataType": value["DataType"], "stringValue": value["StringValue"]}
            for name, value in message.get("MessageAttributes", {}).items()
        },
        "md5OfBody": message.get("MD5OfBody", ""),
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:eu-central-1:000000000000:marketplace-local-{queue}",
        "awsRegion": "eu-central-1",
    }
