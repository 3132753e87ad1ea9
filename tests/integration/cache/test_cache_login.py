"""How functions are let in by Valkey: with nothing, with a password in the URL, or as their role, by IAM."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
import redis
from botocore.signers import RequestSigner

from chalicelib import cache, clients
from chalicelib.cache import MISS, Lifetime, RoleLogin
from infra.build import PROJECT
from infra.deployed import deployed
from tests.environment import configured
from tests.services import Services

USER = "marketplace-dev"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def valkey(services: Services) -> Iterator[redis.Redis]:
    """A client of the test's own; the user of the cache goes with the test."""
    with redis.Redis.from_url(services.cache_url) as client:
        yield client
        client.acl_deluser(USER)


@pytest.fixture
def as_role(services: Services, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The environment of a function on AWS: its URL names a user and no password. Returns the tokens it signed."""
    signed: list[str] = []
    sign = clients.login_token

    def note(*place: str, **asked: str) -> str:
        signed.append(sign(*place, **asked))
        return signed[-1]

    monkeypatch.setattr("chalicelib.clients.login_token", note)
    cache._breaker.reset()
    with configured(CACHE_URL=services.cache_url.replace("redis://", f"redis://{USER}@")):
        yield signed


@pytest.fixture
def admit(valkey: redis.Redis) -> Callable[[str], object]:
    """Makes the user that the stack `data` makes, with a token for its password."""
    path = PROJECT / "infra" / "stacks" / "data.yaml"
    rights = deployed(path, Stage="dev")["Resources"]["CacheUser"]["Properties"]["AccessString"].split()
    return lambda token: valkey.execute_command("ACL", "SETUSER", USER, "reset", *rights, f">{token}")


def _sign_at(moment: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: moment)


def test_a_role_is_let_in_by_its_token_and_does_all_that_a_cache_is_for(
    admit: Callable[[str], object], as_role: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _sign_at(NOW, monkeypatch)
    admit(RoleLogin(USER).get_credentials()[1])
    assert cache.get_or_load("login:key", lambda: "value", Lifetime(60, 120)) == "value"
    assert cache.get_or_load("login:key", lambda: "another", Lifetime(60, 120)) == "value"
    cache.invalidate("login:key")
    assert cache.get_or_load("login:key", lambda: "new", Lifetime(60, 120)) == "new"
    assert cache.attempt(lambda client: client.zincrby("login:set", 1, "a")) == 1
    assert cache.attempt(lambda client: client.ping()) is True


def test_a_role_may_do_nothing_dangerous(
    admit: Callable[[str], object], as_role: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _sign_at(NOW, monkeypatch)
    admit(RoleLogin(USER).get_credentials()[1])
    for dangerous in ("flushall", "keys *", "config get *", "acl list"):
        assert cache.attempt(lambda client, words=dangerous: client.execute_command(*words.split())) is MISS


def test_a_token_of_another_moment_is_refused_and_the_cache_is_none(
    admit: Callable[[str], object], as_role: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _sign_at(NOW, monkeypatch)
    admit("what another role has signed")
    assert cache.attempt(lambda client: client.ping()) is MISS


def test_without_credentials_of_its_own_a_function_has_no_cache(
    as_role: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("boto3.session.Session.get_credentials", lambda _: None)
    assert cache.attempt(lambda client: client.ping()) is MISS


def test_each_connection_signs_a_token_of_its_own(
    admit: Callable[[str], object], as_role: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _sign_at(NOW, monkeypatch)
    admit(RoleLogin(USER).get_credentials()[1])
    as_role.clear()
    cache.attempt(lambda client: client.ping())
    cache.attempt(lambda client: client.ping())
    cache.attempt(lambda client: client.connection_pool.disconnect())
    cache.attempt(lambda client: client.ping())
    assert len(as_role) == 2


def test_the_token_is_the_one_that_aws_describes(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The documentation signs with botocore's `RequestSigner`; both have to come to the same signature."""
    _sign_at(NOW, monkeypatch)
    session = boto3.session.Session()
    client: Any = session.client("elasticache")
    signer = RequestSigner(
        client.meta.service_model.service_id,
        session.region_name,
        "elasticache",
        "v4",
        session.get_credentials(),
        client.meta.events,
    )
    url = f"https://{USER}/?Action=connect&User={USER}&ResourceType=ServerlessCache"
    request = {"method": "GET", "url": url, "body": {}, "headers": {}, "context": {}}
    described = signer.generate_presigned_url(request, operation_name="connect", expires_in=900)
    token = RoleLogin(USER).get_credentials()[1]
    assert _parts(f"https://{token}") == _parts(described)
    assert "X-Amz-Signature" in _parts(f"https://{token}")[1]


@pytest.mark.parametrize(
    ("url", "address", "login"),
    [
        ("redis://host:1/0", "redis://host:1/0", None),
        ("rediss://user:word@host:1/0", "rediss://user:word@host:1/0", None),
        ("rediss://:word@host:1/0", "rediss://:word@host:1/0", None),
        ("rediss://user@host:1/0", "rediss://host:1/0", RoleLogin("user")),
    ],
)
def test_a_user_without_a_password_is_a_role(url: str, address: str, login: RoleLogin | None) -> None:
    assert cache._login(url) == (address, login)


def _parts(url: str) -> tuple[str, dict[str, list[str]]]:
    parts = urlsplit(url)
    return parts.netloc + parts.path, parse_qs(parts.query)
