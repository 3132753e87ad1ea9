"""An HTTP API (API Gateway v2) with verified tokens in the place of the REST API that Chalice describes."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

from infra.chalice_app import Template
from infra.errors import BuildError
from infra.stages import APP, Stage

HANDLER = "APIHandler"
STAGE_NAME = "api"
LONGEST_AUTHORIZATION = 60

_API = {"Ref": "HttpApi"}
_TOKEN = ["$request.header.Authorization"]
_EXPOSED_HEADERS = (
    "ETag", "Idempotent-Replayed", "Link", "Location", "RateLimit", "RateLimit-Policy", "Retry-After",
    "X-Correlation-Id",
)  # fmt: skip
_ACCEPTED_HEADERS = (
    "Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match", "X-Correlation-Id",
)  # fmt: skip
_ACCESS_LOG = {
    "requestId": "$context.requestId",
    "requestTime": "$context.requestTime",
    "route": "$context.routeKey",
    "path": "$context.path",
    "status": "$context.status",
    "bytes": "$context.responseLength",
    "latency": "$context.responseLatency",
    "integrationLatency": "$context.integrationLatency",
    "integrationError": "$context.integrationErrorMessage",
    "authorizerError": "$context.authorizer.error",
    "caller": "$context.authorizer.claims.sub",
    "address": "$context.identity.sourceIp",
}


def replace_rest_api(template: Template, stage: Stage) -> Template:
    """`template` with the same routes and authorizers on an HTTP API.

    Cognito authorizers become JWT authorizers, `@app.authorizer` functions become Lambda authorizers. Scopes stay
    behind: a REST API needs one to take access tokens at all; here the application answers 401 to every other kind.
    `$default` sends what no route matches to the application, without authorizer, for its 404 and 405 answers.
    """
    result = copy.deepcopy(template)
    resources = result["Resources"]
    swagger = resources.pop("RestAPI")["Properties"]["DefinitionBody"]
    definitions = swagger.get("securityDefinitions", {})
    del resources[f"{HANDLER}InvokePermission"]
    for name, definition in definitions.items():
        if _is_lambda(definition):
            del resources[f"{_function(definition)}InvokePermission"]
        resources.update(_authorizer(name, definition))
    resources.update(_api(resources[HANDLER], stage))
    for method, path, security in _operations(swagger):
        logical_id = _route_id(method, path)
        if logical_id in resources:
            raise BuildError(f"{method} {path} has the same logical id as another route: {logical_id}")
        resources[logical_id] = _route(f"{method} {path}", _authorization(security, definitions))
    resources["DefaultRoute"] = _route("$default", {"AuthorizationType": "NONE"})
    result["Outputs"] = _outputs()
    return result


def _api(handler: dict[str, Any], stage: Stage) -> Template:
    tags = {name: value for name, value in handler["Properties"]["Tags"].items() if name != "aws-chalice"}
    pinned = {"ms-custom-id": f"{APP}-{stage.name}-api"} if stage.is_emulated else {}
    properties: Template = {"Name": f"{APP}-{stage.name}-api", "ProtocolType": "HTTP", "Tags": tags | pinned}
    origins = handler["Properties"]["Environment"]["Variables"].get("ALLOWED_ORIGINS", "")
    if origins:
        properties["CorsConfiguration"] = _cors([origin.strip() for origin in origins.split(",")])
    return {
        "HttpApi": {"Type": "AWS::ApiGatewayV2::Api", "Properties": properties},
        "HttpApiStage": {"Type": "AWS::ApiGatewayV2::Stage", "Properties": _stage(stage, tags)},
        "HttpApiAccessLogs": {
            "Type": "AWS::Logs::LogGroup",
            "Properties": {
                "LogGroupName": f"/aws/vendedlogs/apigateway/{APP}-{stage.name}-api",
                "RetentionInDays": stage.log_retention,
                "Tags": [{"Key": name, "Value": value} for name, value in tags.items()],
            },
        },
        "HttpApiIdParameter": {
            "Type": "AWS::SSM::Parameter",
            "Properties": {"Name": stage.parameter("api/http-id"), "Type": "String", "Value": _API},
        },
        "HttpApiIntegration": {
            "Type": "AWS::ApiGatewayV2::Integration",
            "Properties": {
                "ApiId": _API,
                "IntegrationType": "AWS_PROXY",
                "IntegrationUri": {"Fn::GetAtt": [HANDLER, "Arn"]},
                "PayloadFormatVersion": "2.0",
                "TimeoutInMillis": 1000 * (handler["Properties"]["Timeout"] + 1),
            },
        },
        f"{HANDLER}InvokePermission": _permission(HANDLER, f"{STAGE_NAME}/*"),
    }


def _stage(stage: Stage, tags: dict[str, str]) -> Template:
    return {
        "ApiId": _API,
        "StageName": STAGE_NAME,
        "AutoDeploy": True,
        "AccessLogSettings": {
            "DestinationArn": {"Fn::GetAtt": ["HttpApiAccessLogs", "Arn"]},
            "Format": json.dumps(_ACCESS_LOG),
        },
        "DefaultRouteSettings": {
            "DetailedMetricsEnabled": True,
            "ThrottlingRateLimit": stage.throttle_rate,
            "ThrottlingBurstLimit": stage.throttle_burst,
        },
        "Tags": tags,
    }


def _cors(origins: list[str]) -> Template:
    return {
        "AllowOrigins": origins,
        "AllowMethods": ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
        "AllowHeaders": list(_ACCEPTED_HEADERS),
        "ExposeHeaders": list(_EXPOSED_HEADERS),
        "MaxAge": 600,
    }


def _authorizer(name: str, definition: Template) -> Template:
    logical_id = _authorizer_id(name)
    properties: Template = {"ApiId": _API, "Name": name, "IdentitySource": _TOKEN}
    if not _is_lambda(definition):
        properties |= {
            "AuthorizerType": "JWT",
            "JwtConfiguration": {"Issuer": {"Ref": "TokenIssuer"}, "Audience": [{"Ref": "UserPoolClientId"}]},
        }
        return {logical_id: {"Type": "AWS::ApiGatewayV2::Authorizer", "Properties": properties}}
    function = _function(definition)
    properties |= {
        "AuthorizerType": "REQUEST",
        "AuthorizerUri": definition["x-amazon-apigateway-authorizer"]["authorizerUri"],
        "AuthorizerPayloadFormatVersion": "1.0",
        "AuthorizerResultTtlInSeconds": _kept_seconds(name, definition),
    }
    return {
        logical_id: {"Type": "AWS::ApiGatewayV2::Authorizer", "Properties": properties},
        f"{function}InvokePermission": _permission(function, f"authorizers/${{{logical_id}}}"),
    }


def _kept_seconds(name: str, definition: Template) -> int:
    seconds = int(definition["x-amazon-apigateway-authorizer"].get("authorizerResultTtlInSeconds", 0))
    if seconds > LONGEST_AUTHORIZATION:
        raise BuildError(
            f"authorizer {name} keeps its answers for {seconds} seconds: {LONGEST_AUTHORIZATION} is the most, "
            "because somebody who lost a role keeps it that long"
        )
    return seconds


def _operations(swagger: Template) -> Iterator[tuple[str, str, list[Template]]]:
    for path, methods in swagger["paths"].items():
        for method, operation in methods.items():
            if operation["x-amazon-apigateway-integration"]["type"] == "aws_proxy":
                yield method.upper(), path, operation.get("security", [])


def _authorization(security: list[Template], definitions: Template) -> Template:
    if not security:
        return {"AuthorizationType": "NONE"}
    (name,) = security[0]
    return {
        "AuthorizationType": "CUSTOM" if _is_lambda(definitions[name]) else "JWT",
        "AuthorizerId": {"Ref": _authorizer_id(name)},
    }


def _route(key: str, authorization: Template) -> Template:
    target = {"Fn::Sub": "integrations/${HttpApiIntegration}"}
    properties = {"ApiId": _API, "RouteKey": key, "Target": target, **authorization}
    return {"Type": "AWS::ApiGatewayV2::Route", "Properties": properties}


def _permission(function: str, source: str) -> Template:
    api = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${HttpApi}"
    return {
        "Type": "AWS::Lambda::Permission",
        "Properties": {
            "FunctionName": {"Ref": function},
            "Action": "lambda:InvokeFunction",
            "Principal": "apigateway.amazonaws.com",
            "SourceArn": {"Fn::Sub": f"{api}/{source}"},
        },
    }


def _outputs() -> Template:
    return {
        "ApiId": {"Value": _API},
        "ApiUrl": {
            "Value": {"Fn::Sub": f"https://${{HttpApi}}.execute-api.${{AWS::Region}}.${{AWS::URLSuffix}}/{STAGE_NAME}"}
        },
    }


def _is_lambda(definition: Template) -> bool:
    kind = definition["x-amazon-apigateway-authtype"]
    if kind not in {"custom", "cognito_user_pools"}:
        raise BuildError(f"an HTTP API has no authorizer of type {kind}")
    return bool(kind == "custom")


def _function(definition: Template) -> str:
    uri = definition["x-amazon-apigateway-authorizer"]["authorizerUri"]["Fn::Sub"]
    found = re.search(r"\$\{(\w+)\.Arn\}", uri)
    if found is None:
        raise BuildError(f"no function of this app answers for the authorizer at {uri}")
    return found[1]


def _authorizer_id(name: str) -> str:
    return f"{_words(name)}Authorizer"


def _route_id(method: str, path: str) -> str:
    return f"{method.title()}{_words(re.sub(r'{', 'By ', path))}Route"


def _words(text: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in re.findall(r"[A-Za-z0-9]+", text))
