"""Events as AWS sends them to a function."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from chalicelib.messaging.destinations import SOURCES

ADDRESS = "192.0.2.1"
API_ID = "a1b2c3d4e5"
REQUEST_ID = "JKJaXmPLvHcESHA="


def http_api_event(
    method: str,
    path: str,
    *,
    route: str | None = None,
    query: str = "",
    headers: Mapping[str, str] | None = None,
    body: Any = None,
    parameters: Mapping[str, str] | None = None,
    authorizer: Mapping[str, Any] | None = None,
    address: str = ADDRESS,
) -> dict[str, Any]:
    """An event of an HTTP API (payload format 2.0); `route` is None where the catch-all took the request."""
    context: dict[str, Any] = {
        "accountId": "000000000000",
        "apiId": API_ID,
        "stage": "api",
        "requestId": REQUEST_ID,
        "routeKey": f"{method} {route}" if route else "$default",
        "http": {"method": method, "path": f"/api{path}", "protocol": "HTTP/1.1", "sourceIp": address},
    }
    if authorizer is not None:
        context["authorizer"] = authorizer
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": context["routeKey"],
        "rawPath": f"/api{path}",
        "rawQueryString": query,
        "headers": {name.lower(): value for name, value in (headers or {}).items()},
        "requestContext": context,
        "isBase64Encoded": False,
    }
    if parameters:
        event["pathParameters"] = dict(parameters)
    if body is not None:
        event["body"] = body if isinstance(body, str) else json.dumps(body)
    return event


def rest_event(
    method: str,
    path: str,
    *,
    route: str,
    query: Mapping[str, list[str]] | None = None,
    headers: Mapping[str, str] | None = None,
    body: str | None = None,
    parameters: Mapping[str, str] | None = None,
    authorizer: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """An event of a REST API (payload format 1.0)."""
    return {
        "resource": route,
        "path": path,
        "httpMethod": method,
        "headers": dict(headers or {}),
        "multiValueHeaders": {name: [value] for name, value in (headers or {}).items()},
        "queryStringParameters": {name: values[-1] for name, values in query.items()} if query else None,
        "multiValueQueryStringParameters": query,
        "pathParameters": parameters,
        "stageVariables": None,
        "requestContext": {
            "accountId": "000000000000",
            "apiId": API_ID,
            "stage": "api",
            "requestId": REQUEST_ID,
            "resourcePath": route,
            "httpMethod": method,
            "path": f"/api{path}",
            "identity": {"sourceIp": ADDRESS},
            "authorizer": dict(authorizer or {}),
        },
        "body": body,
        "isBase64Encoded": False,
    }


def authorizer_event(method: str, path: str, authorization: str | None) -> dict[str, Any]:
    """The event of a Lambda authorizer of an HTTP API (payload format 1.0)."""
    return {
        "version": "1.0",
        "type": "REQUEST",
        "methodArn": f"arn:aws:execute-api:eu-central-1:000000000000:{API_ID}/api/{method}{path}",
        "identitySource": authorization,
        "headers": {} if authorization is None else {"Authorization": authorization},
        "httpMethod": method,
        "path": path,
    }


def sign_up_event(email: str | None, subject: str = "", trigger: str = "PreSignUp_SignUp") -> dict[str, Any]:
    """The event of a Cognito trigger."""
    attributes = {} if email is None else {"email": email}
    return {
        "version": "1",
        "region": "eu-central-1",
        "userPoolId": "eu-central-1_MarketTst",
        "userName": subject,
        "callerContext": {"awsSdkVersion": "3", "clientId": "client"},
        "triggerSource": trigger,
        "request": {"userAttributes": attributes | ({"sub": subject} if subject else {})},
        "response": {"autoConfirmUser": False, "autoVerifyEmail": False, "autoVerifyPhone": False},
    }


class Context:
    """Lambda's context object. `remaining` is what it says each time it is asked; the last value stays."""

    aws_request_id = "4a2b1c3d-0000-4000-8000-000000000000"

    def __init__(self, *remaining: int) -> None:
        self._remaining = list(remaining or (60_000,))

    def get_remaining_time_in_millis(self) -> int:
        """The milliseconds that are left."""
        return self._remaining.pop(0) if len(self._remaining) > 1 else self._remaining[0]


def sqs_event(queue: str, bodies: Sequence[str], groups: Sequence[str] = (), receives: int = 1) -> dict[str, Any]:
    """A batch of messages; their ids are `"0"`, `"1"` and so on."""
    return {
        "Records": [
            {
                "messageId": str(number),
                "receiptHandle": str(uuid4()),
                "body": body,
                "attributes": {
                    "ApproximateReceiveCount": str(receives),
                    "SentTimestamp": "1545082649183",
                    "SenderId": "AIDAIENQZJOLO23YVJ4VO",
                    "ApproximateFirstReceiveTimestamp": "1545082649185",
                }
                | ({"MessageGroupId": groups[number]} if groups else {}),
                "messageAttributes": {},
                "md5OfBody": "",
                "eventSource": "aws:sqs",
                "eventSourceARN": f"arn:aws:sqs:eu-central-1:000000000000:marketplace-local-{queue}",
                "awsRegion": "eu-central-1",
            }
            for number, body in enumerate(bodies)
        ]
    }


def failed(report: Any) -> set[str]:
    """The ids of the messages that a consumer's report wants again."""
    return {failure["itemIdentifier"] for failure in report["batchItemFailures"]}


def sns_event(message: Any) -> dict[str, Any]:
    """A notification of a topic."""
    notification = {"MessageId": "1", "Subject": None, "Message": json.dumps(message), "MessageAttributes": {}}
    return {"Records": [{"EventSource": "aws:sns", "Sns": notification}]}


def bus_event(body: str) -> dict[str, Any]:
    """An event of the bus, with an envelope as its detail."""
    detail = json.loads(body)
    source = SOURCES[detail["type"].partition(".")[0]]
    return scheduled_event() | {"source": source, "detail-type": detail["type"], "detail": detail}


def scheduled_event() -> dict[str, Any]:
    """What a schedule sends."""
    return {
        "version": "0",
        "id": str(uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "000000000000",
        "time": "2026-01-31T12:00:00Z",
        "region": "eu-central-1",
        "resources": [],
        "detail": {},
    }
