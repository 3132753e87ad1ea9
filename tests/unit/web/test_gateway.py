from __future__ import annotations

import copy
from typing import Any

import pytest

from chalicelib.web.gateway import as_rest_event, resource_of
from tests.events import http_api_event, rest_event


def test_an_event_of_a_rest_api_stays_as_it_is() -> None:
    event = rest_event("GET", "/products", route="/products", query={"q": ["a", "b"]})
    before = copy.deepcopy(event)

    assert as_rest_event(event) == before
    assert event == before


def test_an_event_of_an_http_api_gets_the_method_and_the_route() -> None:
    event = http_api_event("PATCH", "/products/1", route="/products/{product_id}", parameters={"product_id": "1"})

    adapted = as_rest_event(event)

    assert adapted["requestContext"]["httpMethod"] == "PATCH"
    assert adapted["requestContext"]["resourcePath"] == "/products/{product_id}"
    assert adapted["requestContext"]["path"] == "/api/products/1"
    assert adapted["pathParameters"] == {"product_id": "1"}


@pytest.mark.parametrize(
    ("stage", "raw", "path"),
    [
        ("api", "/api/products", "/api/products"),
        ("api", "/products", "/api/products"),
        ("api", "/api", "/api"),
        ("api", "/apiary", "/api/apiary"),
        ("$default", "/products", "/products"),
    ],
)
def test_the_path_is_below_the_stage_whether_or_not_the_event_repeats_it(stage: str, raw: str, path: str) -> None:
    event = http_api_event("GET", "/products")
    event["requestContext"]["stage"] = stage

    assert as_rest_event(event | {"rawPath": raw})["requestContext"]["path"] == path


def test_the_catch_all_route_names_no_resource() -> None:
    assert as_rest_event(http_api_event("GET", "/nowhere"))["requestContext"]["resourcePath"] is None


@pytest.mark.parametrize(
    ("raw", "parsed"),
    [
        ("", None),
        ("q=a", {"q": ["a"]}),
        ("q=a&q=b", {"q": ["a", "b"]}),
        ("q=a%2Bb+c&x=", {"q": ["a+b c"], "x": [""]}),
        ("q=%E2%82%AC", {"q": ["€"]}),
        ("q=%ff", {"q": ["\N{REPLACEMENT CHARACTER}"]}),
        ("q=1,2;3", {"q": ["1,2;3"]}),
    ],
)
def test_the_query_string_is_parsed_here_because_the_gateway_joins_repeated_parameters(raw: str, parsed: Any) -> None:
    assert as_rest_event(http_api_event("GET", "/", query=raw))["multiValueQueryStringParameters"] == parsed


def test_the_source_address_is_what_the_gateway_saw() -> None:
    event = http_api_event("GET", "/", address="198.51.100.7", headers={"X-Forwarded-For": "203.0.113.9"})

    assert as_rest_event(event)["requestContext"]["identity"] == {"sourceIp": "198.51.100.7"}


def test_claims_of_a_jwt_authorizer_look_like_those_of_a_cognito_authorizer() -> None:
    event = http_api_event("GET", "/", authorizer={"jwt": {"claims": {"sub": "1"}, "scopes": None}})

    assert as_rest_event(event)["requestContext"]["authorizer"] == {"claims": {"sub": "1"}}


def test_the_context_of_a_lambda_authorizer_is_handed_on() -> None:
    event = http_api_event("GET", "/", authorizer={"lambda": {"sub": "1", "groups": "admins"}})

    assert as_rest_event(event)["requestContext"]["authorizer"] == {"sub": "1", "groups": "admins"}


@pytest.mark.parametrize("authorizer", [None, {}, {"lambda": None}, {"jwt": {"claims": None}}])
def test_a_request_without_authorization_has_no_claims(authorizer: dict[str, Any] | None) -> None:
    adapted = as_rest_event(http_api_event("GET", "/", authorizer=authorizer))

    assert not adapted["requestContext"]["authorizer"].get("claims")
    assert "sub" not in adapted["requestContext"]["authorizer"]


def test_what_the_gateway_leaves_out_is_filled_in() -> None:
    event = http_api_event("GET", "/")
    del event["headers"], event["isBase64Encoded"]

    adapted = as_rest_event(event)

    assert adapted["headers"] == {}
    assert adapted["body"] is None
    assert adapted["isBase64Encoded"] is False
    assert adapted["stageVariables"] is None


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("/products", "/products"),
        ("/products/1", "/products/{product_id}"),
        ("/products/", None),
        ("/products/1/2", None),
        ("/productsx", None),
        ("/a.json", "/a.json"),
        ("/axjson", None),
    ],
)
def test_a_path_belongs_to_at_most_one_pattern(path: str, pattern: str | None) -> None:
    assert resource_of(path, ["/products", "/products/{product_id}", "/a.json"]) == pattern
