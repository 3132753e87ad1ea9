from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

import app
from tests.environment import configured
from tests.events import authorizer_event, http_api_event
from tests.gateway import admin_policy, allows
from tests.identity_provider import CLIENT_ID, IdentityProvider
from tests.people import Person

ADMIN = Person(groups=("users", "admins"))
ADMIN_ROUTES = [(route.method, route.path) for route in app.app.endpoints if route.audience.name == "ADMINS"]


@pytest.fixture(autouse=True)
def _trusting(provider: IdentityProvider) -> Iterator[None]:
    with configured(**provider.settings):
        yield


@pytest.mark.parametrize(("method", "route"), ADMIN_ROUTES)
def test_the_authorizer_lets_an_admin_call_each_admin_route(
    method: str, route: str, provider: IdentityProvider
) -> None:
    path = route.replace("{user_id}", str(uuid4()))

    policy = admin_policy(method, path, f"Bearer {provider.token(ADMIN)}")

    assert policy["context"] == {"sub": str(ADMIN.id), "groups": "admins,users"}
    assert policy["principalId"] == str(ADMIN.id)


@pytest.mark.parametrize("route", app.app.endpoints, ids=lambda route: f"{route.method} {route.path}")
def test_the_policy_of_an_admin_covers_admin_routes_and_nothing_else(route: Any, provider: IdentityProvider) -> None:
    event = authorizer_event("GET", "/admin/audit", f"Bearer {provider.token(ADMIN)}")
    policy = app.admin_auth(event, None)

    arn = event["methodArn"].replace("GET/admin/audit", route.method + route.path)

    assert allows(policy, arn) == (route.audience.name == "ADMINS")


@pytest.mark.parametrize("groups", [(), ("users",), ("users", "moderators"), ("Admins",), ("admin",), ("xadmins",)])
def test_the_policy_of_anybody_else_allows_nothing(groups: tuple[str, ...], provider: IdentityProvider) -> None:
    event = authorizer_event("GET", "/admin/audit", f"Bearer {provider.token(Person(groups=groups))}")

    policy = app.admin_auth(event, None)

    assert [statement["Resource"] for statement in policy["policyDocument"]["Statement"]] == [[]]
    assert policy["context"] == {}


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer ", "Basic YTpi", "Bearer a.b.c", "token", "\ud800"]
)
def test_without_a_valid_token_the_request_goes_on_as_nobodys_and_the_application_answers_401(
    authorization: str | None,
) -> None:
    policy = admin_policy("GET", "/admin/audit", authorization)

    assert policy["context"] == {}
    assert policy["principalId"] == "nobody"
    assert _answer("GET", "/admin/audit", {"lambda": policy["context"]})["statusCode"] == 401


def test_an_id_token_of_an_admin_is_nobodys(provider: IdentityProvider) -> None:
    assert admin_policy("GET", "/admin/audit", f"Bearer {provider.id_token(ADMIN)}")["context"] == {}


def test_the_authorizer_answers_a_token_event_of_a_rest_api(provider: IdentityProvider) -> None:
    event = {
        "type": "TOKEN",
        "authorizationToken": f"Bearer {provider.token(ADMIN)}",
        "methodArn": "arn:aws:execute-api:eu-central-1:000000000000:rest/api/GET/admin/audit",
    }

    assert allows(app.admin_auth(event, None), event["methodArn"])


CLAIMS = {"sub": str(uuid4()), "token_use": "access", "client_id": CLIENT_ID, "cognito:groups": "[users]"}


@pytest.mark.parametrize(
    "changes",
    [
        {"sub": None}, {"sub": ""}, {"sub": "not a uuid"}, {"sub": 1}, {"sub": ["a"]}, {"sub": {}},
        {"token_use": None}, {"token_use": "id"}, {"token_use": "refresh"}, {"token_use": "Access"},
        {"token_use": ["access"]}, {"client_id": None}, {"client_id": ""}, {"client_id": CLIENT_ID.upper()},
        {"client_id": None, "aud": CLIENT_ID}, {"cognito:groups": 5},
    ],
    ids=str,
)  # fmt: skip
def test_claims_that_the_gateway_let_through_are_checked_again(changes: dict[str, Any]) -> None:
    claims = {name: value for name, value in (CLAIMS | changes).items() if value is not None}

    answer = _answer("GET", "/me", {"jwt": {"claims": claims}})

    assert answer["statusCode"] == 401
    assert answer["headers"]["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("authorizer", [None, {}, {"jwt": {}}, {"jwt": {"claims": None}}, {"lambda": CLAIMS}])
def test_a_protected_route_without_claims_is_unauthenticated(authorizer: dict[str, Any] | None) -> None:
    assert _answer("GET", "/me", authorizer)["statusCode"] == 401


def test_without_a_configured_client_nobody_is_let_in(provider: IdentityProvider) -> None:
    with configured(**provider.settings | {"USER_POOL_CLIENT_ID": ""}):
        answer = _answer("GET", "/me", {"jwt": {"claims": CLAIMS | {"client_id": ""}}})

    assert answer["statusCode"] == 401


def test_claims_in_headers_are_only_headers() -> None:
    event = http_api_event(
        "GET", "/me", route="/me", headers={"x-user-id": CLAIMS["sub"], "claims": json.dumps(CLAIMS)}
    )

    assert app.app(event, None)["statusCode"] == 401


@pytest.mark.parametrize("groups", ["users", "moderators", "", "admins-not", "Admins"])
def test_an_admin_route_checks_the_group_that_the_authorizer_passed_on(groups: str) -> None:
    answer = _answer("GET", "/admin/audit", {"lambda": {"sub": CLAIMS["sub"], "groups": groups}})

    assert answer["statusCode"] == 403


@pytest.mark.parametrize("context", [{}, {"groups": "admins"}, {"sub": "", "groups": "admins"}, {"principalId": "x"}])
def test_an_admin_route_without_the_authorizers_word_is_unauthenticated(context: dict[str, str]) -> None:
    assert _answer("GET", "/admin/audit", {"lambda": context})["statusCode"] == 401


def test_claims_of_a_jwt_do_not_open_an_admin_route() -> None:
    claims = CLAIMS | {"cognito:groups": "[admins]", "groups": "admins"}

    assert _answer("GET", "/admin/audit", {"jwt": {"claims": claims}})["statusCode"] == 401


def test_chalice_local_verifies_tokens_itself_because_it_decodes_them_without(provider: IdentityProvider) -> None:
    with configured(**provider.settings, AWS_CHALICE_CLI_MODE="1"):
        forged = _answer("GET", "/me", {"jwt": {"claims": copy.copy(CLAIMS)}})

    assert forged["statusCode"] == 401


def _answer(method: str, path: str, authorizer: dict[str, Any] | None) -> dict[str, Any]:
    answer: dict[str, Any] = app.app(http_api_event(method, path, route=path, authorizer=authorizer), None)
    return answer
