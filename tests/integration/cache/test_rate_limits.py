"""Rate limits against a real Valkey."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
import redis

from chalicelib.caller import Caller
from chalicelib.web import rate_limit
from chalicelib.web.problems import RateLimited
from tests.environment import configured
from tests.gateway import Answer, HttpApi
from tests.people import enrolled
from tests.services import Services


@pytest.fixture(autouse=True)
def _with_cache(environment: dict[str, str]) -> None:
    """Every test here runs in the environment of a function with a cache."""


@pytest.fixture
def valkey(services: Services) -> redis.Redis:
    return redis.Redis.from_url(services.cache_url)


def _limited(environment: dict[str, str], limits: str, **variables: str) -> Any:
    return configured(**environment | {"RATE_LIMITS": limits} | variables)


def _spend(caller: Caller, name: str = "read") -> bool:
    """Whether one more request of `caller` is let through."""
    try:
        rate_limit.spend(name, caller, "")
    except RateLimited:
        return False
    return True


def test_a_limit_is_met_exactly(environment: dict[str, str]) -> None:
    caller = Caller(uuid4())

    with _limited(environment, "read=7/3600,write=1/3600"):
        assert [_spend(caller) for _ in range(20)] == [True] * 7 + [False] * 13


def test_a_limit_is_met_exactly_by_many_at_once(environment: dict[str, str]) -> None:
    caller = Caller(uuid4())

    with _limited(environment, "read=25/3600,write=1/3600"), ThreadPoolExecutor(16) as threads:
        admitted = list(threads.map(lambda _: _spend(caller), range(200)))

    assert admitted.count(True) == 25


def test_a_limit_fills_up_again_bit_by_bit(environment: dict[str, str], valkey: redis.Redis) -> None:
    """A limit of 4 in 4 hours is one more an hour: the clock is Valkey's, so the entry is set back instead."""
    caller = Caller(uuid4())
    with _limited(environment, "read=4/14400,write=1/3600"):
        assert [_spend(caller) for _ in range(5)] == [True] * 4 + [False]

        (key,) = valkey.scan_iter(f"rate:read:{caller.id}")
        valkey.set(key, float(valkey.get(key)) - 3_600_000, px=14_400_000)

        assert [_spend(caller) for _ in range(2)] == [True, False]


def test_every_key_expires_within_its_window(environment: dict[str, str], valkey: redis.Redis) -> None:
    callers = [Caller(uuid4()) for _ in range(50)]
    with _limited(environment, "read=3/60,write=3/60"):
        for caller in callers * 4:
            _spend(caller)

    lifetimes = [valkey.pttl(f"rate:read:{caller.id}") for caller in callers]

    assert all(0 < lifetime <= 60_000 for lifetime in lifetimes)
    assert [key for key in valkey.scan_iter("rate:*") if valkey.pttl(key) == -1] == []


def test_every_class_and_every_caller_has_a_limit_of_their_own(environment: dict[str, str]) -> None:
    one, other = Caller(uuid4()), Caller(uuid4())

    with _limited(environment, "read=1/3600,write=1/3600"):
        assert [_spend(one), _spend(one), _spend(other)] == [True, False, True]
        assert [_spend(one, "write"), _spend(one, "write")] == [True, False]


def test_an_answer_says_what_is_left(environment: dict[str, str], api: HttpApi) -> None:
    person = enrolled()

    with _limited(environment, "read=3/60,write=1/60"):
        first, second = (api.get("/me", person) for _ in range(2))

    assert first.headers["ratelimit-policy"] == '"read";q=3;w=60'
    assert re.fullmatch(r'"read";r=2;t=\d+', first.headers["ratelimit"])
    assert re.fullmatch(r'"read";r=1;t=\d+', second.headers["ratelimit"])


def test_one_request_too_many_is_told_when_to_come_back(environment: dict[str, str], api: HttpApi) -> None:
    person = enrolled()

    with _limited(environment, "read=1/60,write=1/60"):
        api.get("/me", person)
        answer = api.send("GET", "/me", person)

    assert (answer.status, answer.problem) == (429, "rate-limited")
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert answer.headers["ratelimit"].startswith('"read";r=0;t=')


def test_refused_requests_count_as_well(environment: dict[str, str], api: HttpApi) -> None:
    person = enrolled()

    with _limited(environment, "read=9/60,write=2/60"):
        statuses = [api.send("POST", "/products", person, body={}).status for _ in range(3)]

    assert statuses == [422, 422, 429]


@pytest.mark.parametrize(
    "headers",
    [
        {"x-forwarded-for": "198.51.100.1"}, {"forwarded": "for=198.51.100.1"}, {"x-real-ip": "198.51.100.1"},
        {"true-client-ip": "198.51.100.1"}, {"cloudfront-viewer-address": "198.51.100.1:1"},
        {"x-client-ip": "198.51.100.1"}, {"x-user-id": "someone"}, {"authorization": "Bearer x"},
    ],
    ids=lambda headers: next(iter(headers)),
)  # fmt: skip
def test_a_header_does_not_make_an_anonymous_caller_somebody_else(
    environment: dict[str, str], api: HttpApi, headers: dict[str, str]
) -> None:
    address = f"2001:db8:{uuid4().hex[:4]}:{uuid4().hex[:4]}::1"

    with _limited(environment, "read=1/3600,write=1/3600"):
        assert _health(api, address).status == 200
        assert _health(api, address, **headers).status == 429


def test_an_anonymous_caller_is_one_in_all_addresses_of_a_network(environment: dict[str, str], api: HttpApi) -> None:
    network = f"2001:db8:{uuid4().hex[:4]}:{uuid4().hex[:4]}"

    with _limited(environment, "read=2/3600,write=1/3600"):
        statuses = [_health(api, f"{network}:{n:x}::{n:x}").status for n in range(4)]

    assert statuses == [200, 200, 429, 429]


def test_tokens_of_one_person_share_a_limit(environment: dict[str, str], api: HttpApi, provider: Any) -> None:
    person = enrolled()

    with _limited(environment, "read=2/3600,write=1/3600"):
        statuses = [api.send("GET", "/me", token=provider.token(person)).status for _ in range(3)]

    assert statuses == [200, 200, 429]


@pytest.mark.parametrize("url", ["", "redis://127.0.0.1:9/0"])
def test_without_a_cache_there_is_no_limit(environment: dict[str, str], api: HttpApi, url: str) -> None:
    person = enrolled()

    with _limited(environment, "read=1/3600,write=1/3600", CACHE_URL=url):
        answers = [api.get("/me", person) for _ in range(5)]

    assert all("ratelimit" not in answer.headers for answer in answers)


def test_an_entry_that_is_not_ours_locks_nobody_out_and_lets_nobody_else_in(
    environment: dict[str, str], valkey: redis.Redis
) -> None:
    nonsense, listed, somebody = (Caller(uuid4()) for _ in range(3))
    valkey.set(f"rate:read:{nonsense.id}", "nonsense", px=60_000)
    valkey.rpush(f"rate:read:{listed.id}", "x")
    valkey.pexpire(f"rate:read:{listed.id}", 60_000)

    with _limited(environment, "read=1/3600,write=1/3600"):
        assert _spend(nonsense)
        assert _spend(listed)
        assert [_spend(somebody) for _ in range(2)] == [True, False]


def test_somebody_unknown_is_limited_by_address_before_anything_else(environment: dict[str, str], api: HttpApi) -> None:
    address = f"2001:db8:{uuid4().hex[:4]}:{uuid4().hex[:4]}::1"

    with _limited(environment, "read=2/3600,write=1/3600"):
        answers = [api.send("GET", "/products", query={"limit": "0"}, address=address) for _ in range(3)]

    assert [answer.status for answer in answers] == [422, 422, 429]


def _health(api: HttpApi, address: str, **headers: str) -> Answer:
    return api.send("GET", "/health", address=address, headers=headers)
