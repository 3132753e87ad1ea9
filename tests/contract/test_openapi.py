"""The OpenAPI document says what the routes declare, is the one in `docs/`, and is valid.

`make openapi` writes `docs/openapi.json` anew.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

import app
from chalicelib.web import openapi
from chalicelib.web.identity import Audience
from tests.contract.boundaries import ROOT

COMMITTED = ROOT / "docs" / "openapi.json"
DOCUMENT: dict[str, Any] = json.loads(json.dumps(openapi.document(app.app.endpoints)))
ROUTES = {f"{route.method} {route.path}": route for route in app.app.endpoints}
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
}


def test_the_document_in_the_docs_is_the_one_that_is_generated() -> None:
    written = json.dumps(DOCUMENT, indent=2, ensure_ascii=False) + "\n"
    if os.environ.get("UPDATE_OPENAPI"):
        COMMITTED.write_text(written)

    assert COMMITTED.read_text() == written, "run `make openapi` and read the diff"


def test_the_document_is_valid_openapi_3_1() -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(DOCUMENT).iter_errors()] == []


def test_the_validator_notices_what_is_not_valid() -> None:
    broken = json.loads(json.dumps(DOCUMENT))
    broken["paths"]["/me"]["get"]["parameters"] = [{"name": "x", "in": "nowhere"}]

    assert list(OpenAPIV31SpecValidator(broken).iter_errors())


def test_every_route_is_described_and_nothing_else_is() -> None:
    assert set(OPERATIONS) == set(ROUTES)
    assert len({operation["operationId"] for operation in OPERATIONS.values()}) == len(OPERATIONS)


@pytest.mark.parametrize("name", ROUTES)
def test_an_operation_says_what_its_route_declares(name: str) -> None:
    route, operation = ROUTES[name], OPERATIONS[name]
    parameters = {(parameter["in"], parameter["name"]): parameter for parameter in operation["parameters"]}

    assert operation["summary"]
    assert operation["x-audience"] == route.audience.value
    assert ("requestBody" in operation) == (route.body is not None)
    assert (("header", "If-Match") in parameters) == route.conditional
    assert (("header", "Idempotency-Key") in parameters) == route.idempotent
    assert {key for key in parameters if key[0] == "path"} == {
        ("path", p) for p in re.findall(r"\{(\w+)\}", route.path)
    }
    query = set() if route.query is None else set(route.query._declared_fields)
    assert {key[1] for key in parameters if key[0] == "query"} == query


@pytest.mark.parametrize("name", ROUTES)
def test_an_operation_asks_for_a_token_where_its_route_does(name: str) -> None:
    expected = {
        Audience.ANYONE: None,
        Audience.VISITORS: [{}, {"access_token": []}],
        Audience.SIGNED_IN: [{"access_token": []}],
        Audience.ADMINS: [{"access_token": []}],
    }

    assert OPERATIONS[name].get("security") == expected[ROUTES[name].audience]


@pytest.mark.parametrize("name", ROUTES)
def test_an_operation_names_the_statuses_that_its_route_can_end_with(name: str) -> None:
    route, statuses = ROUTES[name], set(OPERATIONS[name]["responses"])

    assert {str(route.status), "429", "503"} <= statuses
    assert ("401" in statuses) == (route.audience is not Audience.ANYONE)
    assert ("404" in statuses) >= ("{" in route.path)
    if route.body is not None:
        assert {"400", "413", "415", "422"} <= statuses
    if route.conditional:
        assert {"412", "428"} <= statuses
    if route.idempotent:
        assert {"400", "409", "422"} <= statuses


def test_every_problem_is_problem_details() -> None:
    for name, operation in OPERATIONS.items():
        for status, response in operation["responses"].items():
            if status >= "400":
                assert list(_resolved(response)["content"]) == ["application/problem+json"], (name, status)


def test_money_is_an_integer_of_minor_units() -> None:
    amount = DOCUMENT["components"]["schemas"]["Money"]["properties"]["amount"]

    assert amount["type"] == "integer"
    assert amount["minimum"] == 0


def test_patterns_mean_the_same_in_every_language() -> None:
    """A JSON Schema pattern is an ECMA-262 one and matches anywhere unless it is anchored."""
    patterns = [node["pattern"] for node in _nodes(DOCUMENT) if isinstance(node.get("pattern"), str)]

    assert len(patterns) >= 2
    for pattern in patterns:
        assert pattern.startswith("^"), pattern
        assert pattern.endswith("$"), pattern
        assert not re.search(r"\\[AZz]|\(\?P", pattern), pattern


def test_what_is_read_only_or_unknown_is_not_part_of_a_body() -> None:
    for name in ("NewProduct", "ProductChange", "ProfileChange", "UserChange"):
        schema = DOCUMENT["components"]["schemas"][name]
        assert schema["additionalProperties"] is False
        assert not {"id", "seller_id", "version", "created_at", "updated_at"} & set(schema["properties"])


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _nodes(item)


def _resolved(node: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in node:
        return node
    target: Any = DOCUMENT
    for step in node["$ref"].removeprefix("#/").split("/"):
        target = target[step]
    return dict(target)
