"""The sign-in of the welcome page: for that page alone, and for demo people alone."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from local.people import Person
from local.progress import Problem
from local.sign_in import PATH, SignIn

ORIGIN = "http://localhost:8000"
ANN = Person("ann@example.com", "Ann")


def access_token(email: str) -> str:
    if email != ANN.email:
        raise AssertionError("nobody else is asked for")
    return "a token"


def asked(
    email: Any = ANN.email,
    *,
    headers: dict[str, str] | None = None,
    url: str = ORIGIN,
    viewer: str = "127.0.0.1",
    **parts: Any,
) -> httpx.Response:
    async def send() -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url=url) as client:
            sent = {"json": {"email": email}, **parts}
            return await client.post(PATH, headers={"Origin": ORIGIN} if headers is None else headers, **sent)

    route = Route(PATH, SignIn([ANN], parts.pop("access_token", access_token)).answer, methods=["POST"])
    transport = httpx.ASGITransport(Starlette(routes=[route]), client=(viewer, 1))
    return asyncio.run(send())


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_own_page_gets_a_token_that_is_not_kept(host: str) -> None:
    answer = asked(url=f"http://{host}:8000", headers={"Origin": f"http://{host}:8000"})

    assert answer.status_code == 200
    assert answer.json() == {"access_token": "a token"}
    assert answer.headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "null"},
        {"Origin": "http://localhost:3000"},
        {"Origin": "https://localhost:8000"},
        {"Origin": "http://localhost:8000.example.com"},
        {"Origin": "http://127.0.0.1:8000"},
        {"Origin": "http://rebound.example.com:8000", "Host": "rebound.example.com:8000"},
        {"Origin": "http://localhost.example.com", "Host": "localhost.example.com"},
        {"Origin": ORIGIN, "Host": "rebound.example.com:8000"},
    ],
)
def test_other_pages_are_refused(headers: dict[str, str]) -> None:
    answer = asked(headers=headers)

    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"
    assert "token" not in answer.text


def test_other_machines_are_refused() -> None:
    assert asked(viewer="192.0.2.7").status_code == 403


@pytest.mark.parametrize("email", ["stranger@example.com", "ANN@example.com", "", None, ["ann@example.com"]])
def test_strangers_are_not_found(email: Any) -> None:
    assert asked(email).status_code == 404


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b"{"])
def test_body_that_names_nobody_is_not_found(content: bytes) -> None:
    assert asked(json=None, content=content).status_code == 404


def test_user_pool_that_refuses_is_a_problem() -> None:
    def refused(email: str) -> str:
        raise Problem(f"{email} cannot sign in.")

    answer = asked(access_token=refused)

    assert answer.status_code == 503
    assert answer.json()["detail"] == "ann@example.com cannot sign in."
