"""The REST API that Chalice describes becomes an HTTP API; what an HTTP API cannot do stops the build."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from infra import stages
from infra.errors import BuildError
from infra.http_api import replace_rest_api

AUTHORIZER = {
    "x-amazon-apigateway-authtype": "custom",
    "x-amazon-apigateway-authorizer": {"authorizerUri": {"Fn::Sub": "…/functions/${AdminAuth.Arn}/invocations"}},
}
POOL = {"x-amazon-apigateway-authtype": "cognito_user_pools", "x-amazon-apigateway-authorizer": {}}


def operation(*authorizers: str, kind: str = "aws_proxy") -> dict[str, Any]:
    """A method of the Swagger document, as far as it is read."""
    security = {"security": [{name: []} for name in authorizers]} if authorizers else {}
    return {"x-amazon-apigateway-integration": {"type": kind}, **security}


def rest_api(paths: dict[str, Any], origins: str = "", **definitions: Any) -> dict[str, Any]:
    """Chalice's template, as far as it is read."""
    handler = {"Tags": {"stage": "dev", "aws-chalice": "…"}, "Timeout": 28, "Environment": {"Variables": {}}}
    handler["Environment"]["Variables"]["ALLOWED_ORIGINS"] = origins
    document = {"paths": paths, "securityDefinitions": definitions}
    return {
        "Resources": {
            "RestAPI": {"Type": "AWS::Serverless::Api", "Properties": {"DefinitionBody": document}},
            "APIHandler": {"Type": "AWS::Serverless::Function", "Properties": handler},
            "APIHandlerInvokePermission": {"Type": "AWS::Lambda::Permission", "Properties": {}},
            "AdminAuthInvokePermission": {"Type": "AWS::Lambda::Permission", "Properties": {}},
        }
    }


def transformed(template: dict[str, Any]) -> dict[str, Any]:
    """The resources of `template` with an HTTP API."""
    before = copy.deepcopy(template)
    resources: dict[str, Any] = replace_rest_api(template, stages.named("dev"))["Resources"]
    assert template == before
    return resources


def test_each_method_of_a_path_is_a_route() -> None:
    resources = transformed(rest_api({"/a/{b_c}": {"get": operation(), "patch": operation()}}))
    assert resources["GetAByBCRoute"]["Properties"]["RouteKey"] == "GET /a/{b_c}"
    assert resources["PatchAByBCRoute"]["Properties"]["RouteKey"] == "PATCH /a/{b_c}"
    assert "RestAPI" not in resources


def test_each_kind_of_authorizer_is_kept() -> None:
    paths = {"/me": {"get": operation("signed_in")}, "/admin": {"get": operation("admin_auth")}}
    resources = transformed(rest_api(paths, signed_in=POOL, admin_auth=AUTHORIZER))
    assert resources["GetMeRoute"]["Properties"]["AuthorizationType"] == "JWT"
    assert resources["GetAdminRoute"]["Properties"]["AuthorizationType"] == "CUSTOM"
    source = resources["AdminAuthInvokePermission"]["Properties"]["SourceArn"]["Fn::Sub"]
    assert source.endswith("${HttpApi}/authorizers/${AdminAuthAuthorizer}")


def test_preflight_is_the_gateways() -> None:
    paths = {"/a": {"get": operation(), "options": operation(kind="mock")}}
    resources = transformed(rest_api(paths, origins="https://a.example, https://b.example"))
    assert "OptionsARoute" not in resources
    allowed = resources["HttpApi"]["Properties"]["CorsConfiguration"]["AllowOrigins"]
    assert allowed == ["https://a.example", "https://b.example"]


def test_an_authorization_that_outlives_a_minute_stops_the_build() -> None:
    long = copy.deepcopy(AUTHORIZER)
    long["x-amazon-apigateway-authorizer"]["authorizerResultTtlInSeconds"] = 300
    with pytest.raises(BuildError, match="admin_auth keeps its answers for 300 seconds"):
        transformed(rest_api({}, admin_auth=long))


def test_an_authorizer_that_an_http_api_does_not_have_stops_the_build() -> None:
    with pytest.raises(BuildError, match="awsSigv4"):
        transformed(rest_api({}, iam={"x-amazon-apigateway-authtype": "awsSigv4"}))


def test_two_routes_of_one_name_stop_the_build() -> None:
    with pytest.raises(BuildError, match="GET /a-b has the same logical id"):
        transformed(rest_api({"/a/b": {"get": operation()}, "/a-b": {"get": operation()}}))
