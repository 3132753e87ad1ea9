"""Bad bodies over HTTP: each is refused with problem details, and good requests between them never notice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import pytest

import app
from chalicelib.web.endpoint import Endpoint
from chalicelib.web.identity import Audience
from local import openapi
from tests.integration.actors import Actor, Api, a_key, path_of
from tests.integration.corpus import BadBody, bad_bodies
from tests.integration.problems import defects
from tests.integration.routes import WRITES, name_of

THINGS: dict[str, Callable[[Api, Actor], str]] = {
    "product_id": lambda api, writer: str(writer.product().json()["id"]),
    "user_id": lambda api, writer: known(api).id,
    "device_id": lambda api, writer: str(uuid4()),
    "queue": lambda api, writer: "emails",
}
"""What the path parameters of a write name: something that the writer may change."""

SAMPLES: dict[str, Callable[[Api, Actor], dict[str, Any]]] = {
    "POST /uploads": lambda api, writer: {
        "product_id": writer.product().json()["id"],
        "content_type": "image/png",
        "bytes": 4711,
    },
    "POST /orders": lambda api, writer: {"lines": [{"product_id": api.person().product().json()["id"], "quantity": 1}]},
}
"""A body that the route accepts, where its own description cannot name one that it does."""

NEEDS_NOTHING = {"POST /admin/dead-letters/{queue}/redrive"}
"""Routes to whose body nothing belongs that has to be there."""

EVERY = 24
"""After so many bad bodies comes a good request."""


def described(route: Endpoint) -> dict[str, Any]:
    """The example of the route's own description, without what may be null: another bad value would be good there."""
    document = app.app.openapi()
    operation = document["paths"][route.path][route.method.lower()]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    return {name: value for name, value in openapi.example(document, schema).items() if value is not None}


def test_corpus_is_large_and_its_bodies_differ() -> None:
    bodies = [
        (route.path, route.method, body.content, str(body.headers))
        for route in WRITES
        for body in bad_bodies(described(route))
    ]

    assert len(set(bodies)) == len(bodies) >= 1000


@pytest.mark.parametrize("route", WRITES, ids=name_of)
def test_bad_bodies_are_refused_and_good_requests_between_them_succeed(api: Api, admin: Actor, route: Endpoint) -> None:
    writer = admin if route.audience is Audience.ADMINS else api.person()
    sample = SAMPLES[name_of(route)](api, writer) if name_of(route) in SAMPLES else described(route)
    write = writing(api, writer, route)
    is_unharmed = guarding(api, writer, route)

    def failures(body: BadBody) -> list[str]:
        answer = write(body)
        is_fitting = answer.status_code in body.fitting
        return [f"{body.name}: {answer.status_code}", *defects(answer)] if defects(answer) or not is_fitting else []

    with ThreadPoolExecutor(8) as threads:
        refused, good = [], []
        for batch in batches([body for body in bad_bodies(sample) if not is_good(route, body)]):
            refused.append(threads.map(failures, batch))
            good.append(threads.submit(is_unharmed))
        found = [each for batch in refused for each in batch]
        unharmed = [outcome.result() for outcome in good]

    assert [each for each in found if each] == []
    assert len(found) >= 200
    assert Counter(unharmed) == {True: len(unharmed)}
    assert is_unharmed()
    good_body = openapi.pretty(sample).encode()
    good_one = write(BadBody("none", good_body, {"Content-Type": "application/JSON; charset=UTF-8"}, frozenset()))
    assert good_one.status_code == route.status, good_one.text


def is_good(route: Endpoint, body: BadBody) -> bool:
    """Whether a body that is bad elsewhere is as it should be here."""
    return body.content == b"{}" and name_of(route) in NEEDS_NOTHING


def writing(api: Api, writer: Actor, route: Endpoint) -> Callable[[BadBody], httpx.Response]:
    """Sends a body to the route, with everything but the body in order."""
    path = route.path.format_map({name: make(api, writer) for name, make in THINGS.items() if name in route.path})
    client = api.client(writer.token)
    base = {"If-Match": "*"} if route.conditional else {}

    def write(body: BadBody) -> httpx.Response:
        key = a_key() if route.idempotent else {}
        return client.request(route.method, path, content=body.content, headers=base | key | body.headers)

    return write


def guarding(api: Api, writer: Actor, route: Endpoint) -> Callable[[], bool]:
    """Good requests, by somebody else and by the writer: whether each did exactly what it says."""
    somebody = api.person()
    profile, owned, ordered = writer.http.get("/me").json(), items(writer, "/me/products"), items(writer, "/orders")

    def is_unharmed() -> bool:
        listed = somebody.list_product(name=f"Good {uuid4().hex}")
        return (
            listed.status_code == 201
            and somebody.http.get(path_of(listed)).json() == listed.json()
            and somebody.http.get("/me").json()["id"] == somebody.id
            and writer.http.get("/me").json() == profile
            and items(writer, "/me/products") == owned
            and items(writer, "/orders") == ordered
        )

    return is_unharmed


def items(person: Actor, path: str) -> list[dict[str, Any]]:
    """The newest of a list of the person's own."""
    answer = person.http.get(path, params={"limit": 100})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


def known(api: Api) -> Actor:
    """Somebody whom the admins can change."""
    person = api.person()
    person.http.get("/me").raise_for_status()
    return person


def batches(bodies: list[BadBody]) -> Iterator[list[BadBody]]:
    """`bodies` in small portions."""
    for start in range(0, len(bodies), EVERY):
        yield bodies[start : start + EVERY]
