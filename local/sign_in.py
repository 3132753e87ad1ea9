"""One click signs a demo person in: on the welcome page of this machine, and nowhere else."""

from __future__ import annotations

import asyncio
import ipaddress
import json
from collections.abc import Callable, Iterable
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from local import problem_details
from local.people import Person
from local.progress import Problem

PATH = "/demo/sign-in"
HOSTS = frozenset({"localhost", "127.0.0.1"})


class SignIn:
    """Answers `POST /demo/sign-in` with `{"email"}` by `{"access_token"}`; `access_token(email)` asks the user pool."""

    def __init__(self, people: Iterable[Person], access_token: Callable[[str], str]) -> None:
        self._emails = frozenset(person.email for person in people)
        self._access_token = access_token

    async def answer(self, request: Request) -> Response:
        """A token for the page that asks, or a problem: 403 for any other page, 404 for people it does not know."""
        if not _is_own_page(request):
            return _refusal(HTTPStatus.FORBIDDEN, "Only the welcome page on this machine signs people in.")
        email = _email(await request.body())
        if email not in self._emails:
            return _refusal(HTTPStatus.NOT_FOUND, "There is no such demo person.")
        try:
            token = await asyncio.to_thread(self._access_token, email)
        except Problem as problem:
            return _refusal(HTTPStatus.SERVICE_UNAVAILABLE, problem.what)
        return JSONResponse({"access_token": token}, headers=problem_details.HEADERS)


def _is_own_page(request: Request) -> bool:
    """Whether a page of this very origin asks, over the loopback address.

    A foreign name that was made to lead here is in `Host`, a foreign page in `Origin`, which no script can change.
    """
    viewer = ipaddress.ip_address(request.client.host) if request.client else None
    is_here = viewer is not None and viewer.is_loopback and request.url.hostname in HOSTS
    return is_here and request.headers.get("origin") == f"http://{request.headers.get('host')}"


def _email(body: bytes) -> str:
    """The address in the body; empty when there is none."""
    try:
        content = json.loads(body)
    except ValueError:
        return ""
    return str(content.get("email", "")) if isinstance(content, dict) else ""


def _refusal(status: HTTPStatus, detail: str) -> Response:
    return problem_details.problem(status, status.phrase, detail, PATH)
