"""Rules for the WebSocket API. Each returns what breaks it, so that a test can also feed it a broken template."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from infra.websocket_api import API, STAGE_NAME
from tests.contract.references import function_of, name_of
from tests.contract.template_checks import functions, of_type

Template = dict[str, Any]

LOGGED = {
    f"$context.{name}"
    for name in (
        "requestId", "requestTime", "eventType", "routeKey", "connectionId", "status", "error.message",
        "integration.status", "integration.latency", "integration.error", "identity.sourceIp",
    )
}  # fmt: skip
"""What may be written down about a message: nothing with a URL, whose query string holds the ticket, or a header."""

KNOW_THE_URL = {"APIHandler", "WebsocketConnect"}


def not_deploying_itself(app: Template) -> list[str]:
    """The stage `ws` follows every change of the API; a deployment is a copy of it as it once was."""
    faults = [f"{name} is a copy" for name in of_type(app, "AWS::ApiGatewayV2::Deployment")]
    (stage,) = _stages(app)
    if stage["StageName"] != STAGE_NAME or stage.get("AutoDeploy") is not True or "DeploymentId" in stage:
        faults.append("the stage does not follow its API")
    return faults


def writing_tickets_down(app: Template) -> list[str]:
    """Logs hold neither what came in the query string nor what was sent."""
    (stage,) = _stages(app)
    variables = set(json.loads(stage["AccessLogSettings"]["Format"]).values())
    faults = [f"the access log holds {variable}" for variable in sorted(variables - LOGGED)]
    settings = stage["DefaultRouteSettings"]
    if settings.get("LoggingLevel") != "OFF" or settings.get("DataTraceEnabled") is not False:
        faults.append("execution logs hold requests whole")
    return faults


def unmeasured(app: Template) -> list[str]:
    """The stage has metrics by route, and is throttled."""
    (stage,) = _stages(app)
    wanted = ("DetailedMetricsEnabled", "ThrottlingRateLimit", "ThrottlingBurstLimit")
    return [setting for setting in wanted if not stage["DefaultRouteSettings"].get(setting)]


def wrongly_addressed(app: Template) -> list[str]:
    """Who may manage connections knows the endpoint for it, who hands out URLs the URL, and nobody else either."""
    faults = []
    for name, function in functions(app).items():
        (policy,) = of_type(app, "AWS::IAM::Role")[name_of(function["Role"])]["Policies"]
        statements = policy["PolicyDocument"]["Statement"]
        needed = {
            "REALTIME_ENDPOINT": any("execute-api:ManageConnections" in each["Action"] for each in statements),
            "REALTIME_URL": name in KNOW_THE_URL,
        }
        told = function["Environment"]["Variables"].keys()
        faults += [f"{name}: {variable}" for variable, is_needed in needed.items() if (variable in told) != is_needed]
    return faults


def _stages(app: Template) -> Iterator[Template]:
    return (stage for stage in of_type(app, "AWS::ApiGatewayV2::Stage").values() if name_of(stage["ApiId"]) == API)


def _routes(app: Template) -> dict[str, str]:
    """The function behind each route key."""
    integrations = of_type(app, "AWS::ApiGatewayV2::Integration")
    return {
        route["RouteKey"]: _called(integrations[route["Target"]["Fn::Join"][1][1]["Ref"]]["IntegrationUri"]["Fn::Sub"])
        for route in of_type(app, "AWS::ApiGatewayV2::Route").values()
        if name_of(route["ApiId"]) == API
    }


def _called(uri: Any) -> str:
    """The function that Chalice's integration names, or the one whose alias stands there instead."""
    if isinstance(uri, list):
        return name_of(uri[1]["WebsocketHandler"])
    return function_of(uri.partition("functions/${")[2].partition("}")[0])
