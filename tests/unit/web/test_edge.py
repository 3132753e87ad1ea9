"""Behind an edge, nothing is answered that did not come through it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib import secrets
from chalicelib.errors import Unavailable
from chalicelib.web import edge
from tests import sockets
from tests.environment import configured
from tests.events import ADDRESS, http_api_event, rest_event
from tests.gateway import HttpApi
from tests.identity_provider import IdentityProvider

ARN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:marketplace/dev/edge/origin-AbCdEf"
NEW, OLD = "n" * 64, "o" * 64
VIEWER = "198.51.100.7"
WRONG = ["", NEW[:-1], NEW + "n", "n", "\u00fc", "\udce4"]


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What Secrets Manager holds."""
    held = {"value": NEW}
    monkeypatch.setattr(secrets, "secret", lambda name: held if name == ARN else {})
    return held


@pytest.fixture
def behind(secret: dict[str, str]) -> Iterator[None]:
    """A stage with an edge."""
    with configured(ORIGIN_SECRET_ARN=ARN):
        yield


@pytest.fixture
def api(provider: IdentityProvider) -> HttpApi:
    """Without anything behind the application."""
    return HttpApi(provider)


@pytest.mark.usefixtures("behind")
@pytest.mark.parametrize("path", ["/health", "/products", "/nowhere", "/me"])
def test_a_request_around_the_edge_is_refused_whatever_it_asks_for(api: HttpApi, path: str) -> None:
    answer = api.send("GET", path)

    assert (answer.status, answer.problem) == (403, "forbidden")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["instance"] == f"/api{path}"


@pytest.mark.usefixtures("behind")
@pytest.mark.parametrize("value", WRONG)
def test_a_request_with_another_secret_is_refused(api: HttpApi, value: str) -> None:
    assert api.send("GET", "/health", headers={edge.SECRET_HEADER: value}).status == 403


@pytest.mark.usefixtures("behind")
def test_a_request_through_the_edge_is_answered(api: HttpApi) -> None:
    assert api.send("GET", "/health", headers={edge.SECRET_HEADER: NEW}).status == 200


def test_a_stage_without_an_edge_asks_for_nothing(api: HttpApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(secrets, "secret")

    assert api.send("GET", "/health").status == 200


@pytest.mark.usefixtures("behind")
def test_both_secrets_are_good_while_one_follows_the_other(api: HttpApi, secret: dict[str, str]) -> None:
    secret["previous"] = OLD
    both = [api.send("GET", "/health", headers={edge.SECRET_HEADER: value}).status for value in (NEW, OLD)]
    secret["previous"] = ""
    after = [api.send("GET", "/health", headers={edge.SECRET_HEADER: value}).status for value in (NEW, OLD, "")]

    assert both == [200, 200]
    assert after == [200, 403, 403]


@pytest.mark.usefixtures("behind")
def test_nobody_is_let_in_while_the_secret_cannot_be_read(api: HttpApi, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(name: str) -> Any:
        raise Unavailable("A secret could not be read.", retry_after=5)

    monkeypatch.setattr(secrets, "secret", fails)

    answer = api.send("GET", "/health", headers={edge.SECRET_HEADER: NEW})

    assert (answer.status, answer.headers["retry-after"]) == (503, "5")


@pytest.mark.usefixtures("behind")
@pytest.mark.parametrize(
    "event",
    [
        {**http_api_event("GET", "/health", route="/health"), "requestContext": {"identity": {"sourceIp": ADDRESS}}},
        rest_event("GET", "/health", route="/health"),
    ],
)
def test_the_caller_is_who_asked_the_edge(event: dict[str, Any]) -> None:
    event["headers"] = {"X-Origin-Secret": NEW, "X-Viewer-Address": VIEWER}
    before = copy.deepcopy(event)

    assert edge.as_viewed(event)["requestContext"]["identity"]["sourceIp"] == VIEWER
    assert event == before


def test_a_header_does_not_say_who_the_caller_is_where_there_is_no_edge() -> None:
    event = rest_event("GET", "/health", route="/health", headers={edge.VIEWER_HEADER: VIEWER})

    assert edge.as_viewed(event)["requestContext"]["identity"]["sourceIp"] == ADDRESS


@pytest.mark.usefixtures("behind")
@pytest.mark.parametrize("value", WRONG)
def test_a_socket_is_not_opened_around_the_edge(value: str) -> None:
    assert sockets.connect("A" * 43, headers={"X-Origin-Secret": value} if value else None) == 403


@pytest.mark.usefixtures("behind")
def test_a_socket_through_the_edge_gets_as_far_as_its_ticket() -> None:
    assert sockets.connect(None, headers={"X-Origin-Secret": NEW}) == 401
