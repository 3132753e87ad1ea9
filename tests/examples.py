"""One request for each route that succeeds when somebody it is for sends it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from tests.gateway import Answer, HttpApi
from tests.people import Person
from tests.products import listed, new_product
from tests.services import Aws

ANY_VERSION = {"if-match": "*"}


@dataclass(frozen=True)
class Example:
    """What to send to a route."""

    method: str
    path: str
    options: dict[str, Any] = field(default_factory=dict)

    def send(self, api: HttpApi, **options: Any) -> Answer:
        """The answer when `options` say who sends it."""
        return api.send(self.method, self.path, **self.options, **options)


def example_of(route: str, seller: Person, aws: Aws) -> Example:
    """A request for `route` (`"PATCH /products/{product_id}"`); a product that it needs is `seller`'s, and active.

    Raises `KeyError` for a route that nobody has given an example yet.
    """
    method, path = route.split()
    if "{product_id}" in path:
        path = path.replace("{product_id}", listed(seller))
    if "{user_id}" in path:
        path = path.replace("{user_id}", str(_somebody_else(aws).id))
    return Example(method, path, _OPTIONS[route]())


def _somebody_else(aws: Aws) -> Person:
    from chalicelib import database
    from chalicelib.users import repository

    person = aws.signed_up(f"{uuid4()}@example.com", "users")
    database.write(lambda: repository.add(person.id, f"{person.id}@example.com", "users"))
    return person


_OPTIONS = {
    "GET /health": dict,
    "GET /health/dependencies": dict,
    "GET /openapi.json": dict,
    "GET /me": dict,
    "PATCH /me": lambda: {"headers": ANY_VERSION, "body": {"name": "New name"}},
    "GET /admin/users": lambda: {"query": {"q": "example.com", "limit": 1}},
    "PATCH /admin/users/{user_id}": lambda: {"body": {"role": "moderators"}},
    "GET /admin/audit": dict,
    "GET /products": lambda: {"query": {"q": "keyboard", "limit": 1}},
    "POST /products": lambda: {"headers": {"idempotency-key": str(uuid4())}, "body": new_product()},
    "GET /products/{product_id}": dict,
    "PATCH /products/{product_id}": lambda: {"headers": ANY_VERSION, "body": {"stock": 4}},
    "DELETE /products/{product_id}": lambda: {"headers": ANY_VERSION},
    "GET /me/products": dict,
}
