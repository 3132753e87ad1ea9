"""API Gateway's HTTP API in front of the application, in this process.

It finds routes, verifies signatures and asks the Lambda authorizer, and is lenient beyond that: a request without a
valid token is handed on without claims, so that what a test sees refused was refused by the application.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatchcase
from threading import Barrier
from typing import Any
from urllib.parse import unquote, urlencode

import jwt
from chalice.local import LocalChalice

import app
from chalicelib.web import gateway
from chalicelib.web.application import Marketplace
from chalicelib.web.endpoint import SECURITY_HEADERS, Endpoint
from chalicelib.web.identity import Audience
from tests import events
from tests.identity_provider import IdentityProvider
from tests.people import Person


@dataclass(frozen=True)
class Answer:
    """What a client gets; header names are in lower case."""

    status: int
    headers: dict[str, str]
    text: str

    def json(self) -> Any:
        """The body's JSON."""
        return json.loads(self.text)

    @property
    def problem(self) -> str:
        """The type of the problem that the body describes."""
        assert self.headers["content-type"] == "application/problem+json", self
        return str(self.json()["type"]).removeprefix("/problems/")

    @property
    def pointers(self) -> list[str]:
        """Where the input is invalid, sorted."""
        return sorted(error["pointer"] for error in self.json()["errors"])


class HttpApi:
    """Sends requests to the application, and checks on every answer what the contract promises for all of them."""

    def __init__(self, provider: IdentityProvider) -> None:
        self._provider = provider
        app.app.__class__ = _OneRequestPerThread

    def send(
        self,
        method: str,
        path: str,
        person: Person | None = None,
        *,
        query: Mapping[str, Any] | str = "",
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        token: str | None = None,
        address: str = events.ADDRESS,
    ) -> Answer:
        """The answer to a request of `person`, or of whom `token` names, or of nobody in particular."""
        given = {} if body is None else {"content-type": "application/json"}
        if token is None and person is not None:
            token = self._provider.token(person)
        if token is not None:
            given["authorization"] = f"Bearer {token}"
        route = next((known for known in app.app.endpoints if _matches(known, method, path)), None)
        try:
            authorizer = None if route is None else self._authorized(route, method, path, token)
        except RefusedByGateway as refusal:
            return refusal.answer
        event = events.http_api_event(
            method,
            path,
            route=None if route is None else route.path,
            query=query if isinstance(query, str) else urlencode(query),
            headers=given | dict(headers or {}),
            body=body,
            parameters=None if route is None else _path_parameters(route.path, path),
            authorizer=authorizer,
            address=address,
        )
        return _answer(app.app(event, None))

    def get(self, path: str, person: Person | None = None, **options: Any) -> Answer:
        """A GET that succeeds."""
        answer = self.send("GET", path, person, **options)
        assert answer.status == 200, answer
        return answer

    def pages(self, path: str, person: Person | None = None, **query: Any) -> Iterator[Answer]:
        """Every page of a list, from the first to the last."""
        while True:
            page = self.get(path, person, query=query)
            yield page
            query["cursor"] = page.json()["next_cursor"]
            if query["cursor"] is None:
                return

    def _authorized(self, route: Endpoint, method: str, path: str, token: str | None) -> dict[str, Any] | None:
        if route.audience is Audience.ADMINS:
            return {"lambda": admin_policy(method, path, token and f"Bearer {token}")["context"]}
        return self._claims(token) if route.audience is Audience.SIGNED_IN else None

    def _claims(self, token: str | None) -> dict[str, Any] | None:
        """What a JWT authorizer hands on: every value as text, a list in brackets."""
        try:
            claims = self._provider.verified(token or "")
        except jwt.PyJWTError:
            return None
        texts = {n: f"[{' '.join(v)}]" if isinstance(v, list) else str(v) for n, v in claims.items()}
        return {"jwt": {"claims": texts, "scopes": None}}


def at_once(*calls: Callable[[], Answer]) -> list[Answer]:
    """The answers to `calls`, which are all made at the same moment."""
    barrier = Barrier(len(calls))

    def make(call: Callable[[], Answer]) -> Answer:
        barrier.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(make, calls))


class RefusedByGateway(Exception):
    """The gateway itself refuses the call with 403, as the Lambda authorizer told it to."""

    answer = Answer(403, {}, '{"message":"Forbidden"}')


def admin_policy(method: str, path: str, authorization: str | None) -> dict[str, Any]:
    """The policy with which the admin authorizer allows the call. Raises `RefusedByGateway` when it does not."""
    event = events.authorizer_event(method, path, authorization)
    policy: dict[str, Any] = app.admin_auth(event, None)
    if not allows(policy, event["methodArn"]):
        raise RefusedByGateway
    return policy


def allows(policy: Mapping[str, Any], arn: str) -> bool:
    """Whether `policy` lets its principal call the method `arn`."""
    statements = policy["policyDocument"]["Statement"]
    return any(
        statement["Effect"] == "Allow" and any(fnmatchcase(arn, pattern) for pattern in statement["Resource"])
        for statement in statements
    )


def assert_keeps_the_contract(answer: Answer) -> None:
    """What the API promises for every answer of the application."""
    headers, is_success = answer.headers, answer.status < 400
    assert {name.lower(): headers.get(name.lower()) for name in SECURITY_HEADERS} == {
        name.lower(): value for name, value in SECURITY_HEADERS.items()
    }
    assert len(headers["x-correlation-id"]) >= 8
    assert headers["cache-control"] == "no-store" or is_success
    if not is_success:
        problem = answer.json()
        assert headers["content-type"] == "application/problem+json"
        assert problem["type"].startswith("/problems/")
        assert problem["status"] == answer.status
        assert problem["correlation_id"] == headers["x-correlation-id"]
        assert problem["title"]
        assert problem["detail"]
        assert problem["instance"].startswith("/")


class _OneRequestPerThread(LocalChalice, Marketplace):  # type: ignore[misc]
    """The application as `chalice local` makes it: a Lambda environment has one request at a time, this has threads."""


def _answer(response: dict[str, Any]) -> Answer:
    headers = {name.lower(): value for name, value in response["headers"].items()}
    answer = Answer(response["statusCode"], headers, response["body"])
    assert_keeps_the_contract(answer)
    return answer


def _matches(known: Endpoint, method: str, path: str) -> bool:
    return known.method == method and gateway.resource_of(path, [known.path]) is not None


def _path_parameters(pattern: str, path: str) -> dict[str, str]:
    pairs = zip(pattern.split("/"), path.split("/"), strict=True)
    return {name.strip("{}"): unquote(value) for name, value in pairs if name.startswith("{")}
