"""The WebSocket API that Chalice describes, as it is run: named, pinned, throttled, logged, and known to its functions.

Chalice's logical ids stay, because policy files refer to the API by them also where stock Chalice packages it.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

from infra.bindings import functions
from infra.chalice_app import Template
from infra.stages import APP, Stage

API, STAGE = "WebsocketAPI", "WebsocketAPIStage"
STAGE_NAME = "ws"

# The functions that tell clients where sockets are, or hold a browser's origin against it.
_KNOW_THE_ADDRESS = ("api_handler", "websocket_connect")
_MANAGE = "execute-api:ManageConnections"

_REF = {"Ref": API}
_LOGS = "WebsocketAPIAccessLogs"
_HANDLERS = {
    "$connect": "WebsocketConnect",
    "$default": "WebsocketMessage",
    "$disconnect": "WebsocketDisconnect",
}
# Nothing of the query string, in which the ticket is.
_ACCESS_LOG = {
    "requestId": "$context.requestId",
    "requestTime": "$context.requestTime",
    "event": "$context.eventType",
    "route": "$context.routeKey",
    "connection": "$context.connectionId",
    "status": "$context.status",
    "error": "$context.error.message",
    "integrationStatus": "$context.integration.status",
    "integrationLatency": "$context.integration.latency",
    "integrationError": "$context.integration.error",
    "address": "$context.identity.sourceIp",
}
_ADDRESSES = {
    "REALTIME_ENDPOINT": ("RealtimeEndpoint", "https"),
    "REALTIME_URL": ("RealtimeUrl", "wss"),
}


def complete_websocket_api(template: Template, stage: Stage) -> Template:
    """`template` with Chalice's WebSocket API in a stage that follows every change of it. Without one, as it was.

    Chalice's own deployment is made once and for all: a route that is added later would not be in it.
    """
    result = copy.deepcopy(template)
    resources = result["Resources"]
    if API not in resources:
        return result
    tags = _tags(resources)
    pinned = {"ms-custom-id": f"{APP}-{stage.name}-{STAGE_NAME}"} if stage.is_emulated else {}
    resources[API]["Properties"] |= {"Name": f"{APP}-{stage.name}-{STAGE_NAME}", "Tags": tags | pinned}
    del resources["WebsocketAPIDeployment"]
    resources[STAGE] = {"Type": "AWS::ApiGatewayV2::Stage", "Properties": _stage(stage, tags)}
    resources[f"{API}IdParameter"] = {
        "Type": "AWS::SSM::Parameter",
        "Properties": {"Name": stage.parameter("api/websocket-id"), "Type": "String", "Value": _REF},
    }
    resources[_LOGS] = _log_group(stage, tags)
    for key, handler in _handlers(resources):
        resources[f"{handler}InvokePermission"]["Properties"]["SourceArn"] = _route_arn(key)
    result["Outputs"] |= {"WebsocketApiId": {"Value": _REF}, "WebsocketUrl": {"Value": _own_address("wss")}}
    return result


def bind_addresses(template: Template, stage: Stage) -> Template:
    """`template` where those who need it know where sockets are: clients' URL, and the endpoint to push through.

    Whoever may manage connections gets the endpoint. Both are the API's own, unless a parameter names another, such as
    the one origin that stands before everything.
    """
    result = copy.deepcopy(template)
    if API not in result["Resources"]:
        return result
    for parameter, _ in _ADDRESSES.values():
        result.setdefault("Parameters", {})[parameter] = {"Type": "String", "Default": ""}
        result.setdefault("Conditions", {})[f"Has{parameter}"] = {"Fn::Not": [{"Fn::Equals": [{"Ref": parameter}, ""]}]}
    for name, function in functions(result, stage).items():
        for variable in _needed(name, function, result["Resources"]):
            function["Environment"]["Variables"][variable] = _address(*_ADDRESSES[variable])
    return result


def _stage(stage: Stage, tags: dict[str, str]) -> Template:
    return {
        "ApiId": _REF,
        "StageName": STAGE_NAME,
        "AutoDeploy": True,
        "AccessLogSettings": {"DestinationArn": {"Fn::GetAtt": [_LOGS, "Arn"]}, "Format": json.dumps(_ACCESS_LOG)},
        "DefaultRouteSettings": {
            "DetailedMetricsEnabled": True,
            "ThrottlingRateLimit": stage.throttle_rate,
            "ThrottlingBurstLimit": stage.throttle_burst,
            # Execution logs hold requests whole, with their query strings.
            "LoggingLevel": "OFF",
            "DataTraceEnabled": False,
        },
        "Tags": tags,
    }


def _log_group(stage: Stage, tags: dict[str, str]) -> Template:
    return {
        "Type": "AWS::Logs::LogGroup",
        "Properties": {
            "LogGroupName": f"/aws/vendedlogs/apigateway/{APP}-{stage.name}-{STAGE_NAME}",
            "RetentionInDays": stage.log_retention,
            "Tags": [{"Key": name, "Value": value} for name, value in tags.items()],
        },
    }


def _handlers(resources: Template) -> Iterator[tuple[str, str]]:
    return ((key, handler) for key, handler in _HANDLERS.items() if handler in resources)


def _tags(resources: Template) -> dict[str, str]:
    _, handler = next(_handlers(resources))
    tags: dict[str, str] = resources[handler]["Properties"]["Tags"]
    return {name: value for name, value in tags.items() if name != "aws-chalice"}


def _route_arn(key: str) -> Template:
    api = f"arn:${{AWS::Partition}}:execute-api:${{AWS::Region}}:${{AWS::AccountId}}:${{{API}}}"
    return {"Fn::Sub": f"{api}/{STAGE_NAME}/{key}"}


def _needed(name: str, function: Template, resources: Template) -> Iterator[str]:
    if name in _KNOW_THE_ADDRESS:
        yield "REALTIME_URL"
    policies = resources[function["Role"]["Fn::GetAtt"][0]]["Properties"]["Policies"]
    if any(_MANAGE in each["Action"] for policy in policies for each in policy["PolicyDocument"]["Statement"]):
        yield "REALTIME_ENDPOINT"


def _address(parameter: str, scheme: str) -> Template:
    return {"Fn::If": [f"Has{parameter}", {"Ref": parameter}, _own_address(scheme)]}


def _own_address(scheme: str) -> dict[str, Any]:
    host = f"${{{API}}}.execute-api.${{AWS::Region}}.${{AWS::URLSuffix}}"
    return {"Fn::Sub": f"{scheme}://{host}/{STAGE_NAME}"}
