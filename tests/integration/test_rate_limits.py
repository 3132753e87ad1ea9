"""Rate limits over HTTP. The laptop's own are far away, so these tests give the function smaller ones."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from redis import Redis

from tests.integration.actors import Api, at_once, statuses
from tests.integration.functions import environment
from tests.integration.problems import kind_of
from tests.stack import Stack

PATIENCE = 30  # seconds


def test_answers_say_where_the_caller_stands(api: Api) -> None:
    person = api.person()
    person.http.get("/me").raise_for_status()

    first, second = person.http.get("/me"), person.list_product()

    assert first.headers["RateLimit-Policy"] == '"read";q=6000;w=60'
    assert second.headers["RateLimit-Policy"] == '"write";q=3000;w=60'
    assert re.fullmatch(r'"read";r=59\d\d;t=\d+', first.headers["RateLimit"])
    assert re.fullmatch(r'"write";r=29\d\d;t=\d+', second.headers["RateLimit"])


@pytest.fixture(scope="class")
def three_reads_and_two_writes(stack: Stack) -> Iterator[None]:
    """The limits of the class; what was counted against them is forgotten with them."""
    with limited(stack, "read=3/600,write=2/600"):
        yield


@pytest.mark.usefixtures("three_reads_and_two_writes")
class TestOfThreeReadsAndTwoWrites:
    """In ten minutes, so that a slow machine earns nothing back during a test."""

    def test_exactly_so_many_requests_are_admitted(self, api: Api) -> None:
        person = api.person()

        answers = [person.http.get("/me") for _ in range(5)]

        assert [answer.status_code for answer in answers] == [200] * 3 + [429] * 2
        assert [answer.headers["RateLimit"].split(";")[1] for answer in answers] == ["r=2", "r=1", "r=0", "r=0", "r=0"]

    def test_refused_caller_is_told_when_to_come_back(self, api: Api) -> None:
        person = api.person()

        refused = [person.http.get("/me") for _ in range(4)][-1]

        assert kind_of(refused, 429) == "rate-limited"
        assert 1 <= int(refused.headers["Retry-After"]) <= 200
        assert refused.headers["RateLimit-Policy"] == '"read";q=3;w=600'

    def test_requests_at_once_are_counted_exactly(self, api: Api) -> None:
        person = api.person()

        assert statuses(at_once(*[lambda: person.http.get("/me")] * 4)) == [200] * 3 + [429]

    def test_writes_are_counted_apart(self, api: Api) -> None:
        person = api.person()

        writes = [person.list_product().status_code for _ in range(3)]

        assert writes == [201, 201, 429]
        assert person.http.get("/me").status_code == 200

    def test_one_person_does_not_use_up_anothers(self, api: Api) -> None:
        first, second = api.person(), api.person()

        assert [first.http.get("/me").status_code for _ in range(4)][-1] == 429
        assert second.http.get("/me").status_code == 200
        assert api.again(first).http.get("/me").status_code == 429

    def test_anonymous_callers_are_counted_by_the_address_that_the_gateway_saw(self, visitor: httpx.Client) -> None:
        spoofed = [
            visitor.get("/health", headers={"X-Forwarded-For": f"192.0.2.{n}", "Forwarded": f"for=192.0.2.{n}"})
            for n in range(5)
        ]

        assert statuses(spoofed)[-1] == 429

    def test_refused_request_does_nothing(self, api: Api) -> None:
        person = api.person()
        listed = [person.list_product() for _ in range(3)]

        found = person.http.get("/me/products").json()["items"]

        assert statuses(listed) == [201, 201, 429]
        assert len(found) == 2


def test_limit_lets_the_caller_in_again(stack: Stack, api: Api) -> None:
    person = api.person()
    with limited(stack, "read=3/9,write=3/9"):
        for status in (200, 429, 200):
            deadline = time.monotonic() + PATIENCE
            while person.http.get("/me").status_code != status:
                assert time.monotonic() < deadline, f"never answered {status}"


@contextmanager
def limited(stack: Stack, limits: str) -> Iterator[None]:
    """The API has other limits. Counts are kept by the moment when they are used up, so they do not outlive these."""
    with environment(stack, "api_handler", RATE_LIMITS=limits), Redis.from_url(stack.cache_url) as cache:
        try:
            yield
        finally:
            for key in cache.scan_iter("rate:*"):
                cache.delete(key)
