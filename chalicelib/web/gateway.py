"""The event of an HTTP API (payload format 2.0) in the shape that Chalice reads (REST API, format 1.0).

Formats: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs


def as_rest_event(event: Mapping[str, Any]) -> dict[str, Any]:
    """`event` as Chalice expects it; an event that is not of format 2.0 comes back as it is."""
    if event.get("version") != "2.0":
        return dict(event)
    context = event["requestContext"]
    http = context["http"]
    return dict(event) | {
        "multiValueQueryStringParameters": parse_qs(event.get("rawQueryString") or "", keep_blank_values=True) or None,
        "pathParameters": event.get("pathParameters"),
        "stageVariables": event.get("stageVariables"),
        "headers": event.get("headers") or {},
        "body": event.get("body"),
        "isBase64Encoded": event.get("isBase64Encoded", False),
        "requestContext": dict(context)
        | {
            "httpMethod": http["method"],
            "resourcePath": event["routeKey"].partition(" ")[2] or None,
            "path": _path(event),
            "identity": {"sourceIp": http.get("sourceIp", "")},
            "authorizer": _authorizer(context.get("authorizer") or {}),
        },
    }


def resource_of(path: str, patterns: list[str]) -> str | None:
    """The route pattern that `path` matches, for a path that came by the catch-all route."""
    for pattern in patterns:
        if re.fullmatch(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(pattern)), path):
            return pattern
    return None


def _path(event: Mapping[str, Any]) -> str:
    """The path as clients know it: below the stage's name, whether or not the gateway's event repeats it."""
    stage = event["requestContext"].get("stage", "$default")
    prefix = "" if stage == "$default" else f"/{stage}"
    path = str(event.get("rawPath", ""))
    return path if path == prefix or path.startswith(f"{prefix}/") else prefix + path


def _authorizer(authorizer: Mapping[str, Any]) -> dict[str, Any]:
    """A JWT authorizer's claims as a Cognito authorizer gives them, or what a Lambda authorizer passed on."""
    if "jwt" in authorizer:
        return {"claims": authorizer["jwt"].get("claims") or {}}
    return dict(authorizer.get("lambda") or {})
