"""The API behind the emulator's gateway, and people with real accounts who use it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Barrier
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

import httpx
import pytest

from local.stacks import HTTP_API
from tests.integration.canaries import CANARY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.stack import Stack

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Actor:
    """Somebody with an account, and the client that sends their requests."""

    id: str
    email: str
    password: str
    token: str
    http: httpx.Client

    def list_product(self, **fields: Any) -> httpx.Response:
        """The answer to listing a product of theirs."""
        return self.http.post("/products", json=a_product(**fields), headers=a_key())

    def product(self, **fields: Any) -> httpx.Response:
        """A product of theirs as it was listed."""
        answer = self.list_product(**fields)
        assert answer.status_code == 201, answer.text
        return answer

    def pages(self, path: str, **query: Any) -> Iterator[dict[str, Any]]:
        """Every page of a list, from the first to the last."""
        yield from pages(self.http, path, **query)


class Api:
    """The API as clients reach it, directly at the gateway."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._clients: list[httpx.Client] = []
        self.url = f"{stack.emulator}/_aws/execute-api/{HTTP_API}/api"
        self.tokens: list[str] = []

    def client(self, token: str = "") -> httpx.Client:
        """A client that presents `token`, or nothing."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        client = httpx.Client(base_url=self.url, headers=headers, timeout=60)
        self._clients.append(client)
        return client

    def person(self, role: str = "users", *, name: str = "") -> Actor:
        """A new person, who signed up and in through Cognito and is in the group `role`."""
        person = self._stack.sign_up(an_address(), name or f"{CANARY} Person")
        if role != "users":
            self._stack.client("cognito-idp").admin_add_user_to_group(
                UserPoolId=self._stack.pool_id, Username=person.id, GroupName=role
            )
        return self.signed_in(person.id, person.email, person.password)

    def signed_in(self, subject: str, email: str, password: str) -> Actor:
        """The person with a token of now."""
        token = self._stack.people.access_token(email, password)
        self.tokens.append(token)
        return Actor(subject, email, password, token, self.client(token))

    def again(self, person: Actor) -> Actor:
        """The same person after signing in once more."""
        return self.signed_in(person.id, person.email, person.password)

    def close(self) -> None:
        """Closes every client."""
        for client in self._clients:
            client.close()


def an_address() -> str:
    """An e-mail address that nobody has."""
    return f"{CANARY}.{uuid4().hex[:12]}@example.com"


def a_product(**fields: Any) -> dict[str, Any]:
    """The body of a new product."""
    body: dict[str, Any] = {
        "sku": f"T-{uuid4().hex}",
        "name": f"{CANARY} thing",
        "description": f"Made for a test. {CANARY}",
        "price": {"amount": 1299, "currency": "EUR"},
        "stock": 5,
        "status": "active",
    }
    return body | fields


def a_key() -> dict[str, str]:
    """The header with a new idempotency key."""
    return {"Idempotency-Key": str(uuid4())}


def a_token() -> str:
    """The token of a device that nobody has."""
    return f"{CANARY}:{uuid4().hex}"


def path_of(product: httpx.Response) -> str:
    """The path of a product that was just listed or read."""
    return f"/products/{product.json()['id']}"


def if_match(answer: httpx.Response) -> dict[str, str]:
    """The header that bases a change on the version in `answer`."""
    return {"If-Match": answer.headers["ETag"]}


def pages(client: httpx.Client, path: str, **query: Any) -> Iterator[dict[str, Any]]:
    """Every page of a list, from the first to the last."""
    cursor = None
    while True:
        answer = client.get(path, params=query | ({} if cursor is None else {"cursor": cursor}))
        assert answer.status_code == 200, answer.text
        page = answer.json()
        yield page
        cursor = page["next_cursor"]
        if cursor is None:
            return


def at_once(*requests: Callable[[], Answer]) -> list[Answer]:
    """The answers to requests that are all sent at the same moment."""
    start = Barrier(len(requests))

    def send(request: Callable[[], Answer]) -> Answer:
        start.wait()
        return request()

    with ThreadPoolExecutor(len(requests)) as threads:
        return list(threads.map(send, requests))


def statuses(answers: Sequence[httpx.Response]) -> list[int]:
    """The statuses of `answers`, sorted."""
    return sorted(answer.status_code for answer in answers)


@pytest.fixture(scope="session")
def api(stack: Stack) -> Iterator[Api]:
    """The API of the running system."""
    api = Api(stack)
    yield api
    api.close()


@pytest.fixture(scope="session")
def visitor(api: Api) -> httpx.Client:
    """The client of somebody who has not signed in."""
    return api.client()


@pytest.fixture(scope="session")
def buyer(api: Api) -> Actor:
    """Somebody with an account and nothing more."""
    return api.person()


@pytest.fixture(scope="session")
def seller(api: Api) -> Actor:
    """Somebody who lists products."""
    return api.person()


@pytest.fixture(scope="session")
def moderator(api: Api) -> Actor:
    """Somebody who looks after other people's products."""
    return api.person("moderators")


@pytest.fixture(scope="session")
def admin(api: Api) -> Actor:
    """Somebody who runs the marketplace."""
    return api.person("admins")
