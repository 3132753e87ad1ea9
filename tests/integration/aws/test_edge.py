"""The edge's secret, read from Secrets Manager over HTTP, and requests with it and without."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

from chalicelib import secrets
from chalicelib.web import edge
from tests.environment import configured
from tests.gateway import HttpApi
from tests.identity_provider import IdentityProvider
from tests.services import Aws

OLD, NEW = "o" * 64, "n" * 64


@pytest.fixture
def secret(aws: Aws) -> Iterator[Callable[..., Any]]:
    """A stage behind an edge; called, it gives the secret another value."""
    manager = aws.client("secretsmanager")
    made = manager.create_secret(Name=f"marketplace/test/{uuid4()}", SecretString=json.dumps({"value": OLD}))
    with configured(**aws.settings, ORIGIN_SECRET_ARN=made["ARN"]):
        yield lambda **held: manager.put_secret_value(SecretId=made["ARN"], SecretString=json.dumps(held))


def status(provider: IdentityProvider, value: str) -> int:
    """How a request with this value of the secret is answered."""
    return HttpApi(provider).send("GET", "/health", headers={edge.SECRET_HEADER: value}).status


@pytest.mark.usefixtures("secret")
def test_the_stored_secret_opens(provider: IdentityProvider) -> None:
    assert [status(provider, value) for value in (OLD, NEW, "")] == [200, 403, 403]


def test_the_secret_changes_while_requests_are_served(
    provider: IdentityProvider, secret: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets, "FRESH_SECONDS", 0)
    statuses = [status(provider, OLD)]
    for held in ({"value": NEW, "previous": OLD}, {"value": NEW}):
        secret(**held)
        statuses += [status(provider, OLD), status(provider, NEW)]

    assert statuses == [200, 200, 200, 403, 200]
