"""One request for each route that succeeds when somebody it is for sends it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from chalicelib import database
from tests.activity import a_person, registration
from tests.events import Context
from tests.gateway import Answer, HttpApi
from tests.orders import confirmed
from tests.people import Person, enrolled
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
    """A request for `route` (`"PATCH /products/{product_id}"`); what it needs is `seller`'s.

    A product is active, an order confirmed, with `seller` as its buyer and its seller. Raises `KeyError` for a route
    that nobody has given an example yet.
    """
    method, path = route.split()
    for name, made in _IN_PATHS.items():
        if name in path:
            path = path.replace(name, made(seller, aws))
    options = _OF_SELLER[route](seller) if route in _OF_SELLER else _OPTIONS[route]()
    return Example(method, path, options)


def _somebody_else(aws: Aws) -> str:
    from chalicelib.users import repository

    person = aws.signed_up(f"{uuid4()}@example.com", "users")
    database.write(lambda: repository.add(person.id, f"{person.id}@example.com", "users"))
    return str(person.id)


def _device(owner: Person) -> str:
    from chalicelib import notifications

    device_id, registration = uuid4(), {"platform": "fcm", "token": str(uuid4())}
    database.write(lambda: notifications.register_device(owner.caller, device_id, registration))
    return str(device_id)


def _published(uploader: Person) -> str:
    """An upload of the person's, of which nothing is in the bucket: links and forms are signed without asking S3."""
    from chalicelib import uploads
    from chalicelib.uploads import repository

    wanted = {"product_id": UUID(listed(uploader)), "content_type": "image/png", "bytes": 1}
    upload_id = database.write(lambda: uploads.start(uploader.caller, wanted)).id
    database.write(lambda: repository.publish(upload_id, "0" * 32, 4, 3))
    return str(upload_id)


def _new_upload(seller: Person) -> dict[str, Any]:
    body = {"product_id": listed(seller), "content_type": "image/jpeg", "bytes": 1000}
    return {"headers": {"idempotency-key": str(uuid4())}, "body": body}


def _conversation(person: Person) -> str:
    from chalicelib.assistant import conversations

    conversation_id = uuid4()
    conversations.remember(person.id, conversation_id, conversations.Message("user", "Which lamp?"))
    return str(conversation_id)


def _new_order() -> dict[str, Any]:
    lines = [{"product_id": listed(enrolled()), "quantity": 1}]
    return {"headers": {"idempotency-key": str(uuid4())}, "body": {"lines": lines}}


def _refund(seller: Person) -> str:
    from chalicelib import refunds

    order, admin = confirmed(seller, {listed(seller): 1}), enrolled("admins")
    return str(database.write(lambda: refunds.request(admin.caller, order.id)).id)


_IN_PATHS: dict[str, Callable[[Person, Aws], str]] = {
    "{product_id}": lambda seller, aws: listed(seller),
    "{order_id}": lambda seller, aws: str(confirmed(seller, {listed(seller): 1}).id),
    "{user_id}": lambda seller, aws: _somebody_else(aws),
    "{device_id}": lambda seller, aws: _device(seller),
    "{upload_id}": lambda seller, aws: _published(seller),
    "{conversation_id}": lambda seller, aws: _conversation(seller),
    "{refund_id}": lambda seller, aws: _refund(seller),
    "{queue}": lambda seller, aws: "emails",
}


_OF_SELLER: dict[str, Callable[[Person], dict[str, Any]]] = {"POST /uploads": _new_upload}


def _somebody_recorded() -> str:
    import app

    person = a_person()
    app.record_profiles(registration(person), Context())
    return person.email


_OPTIONS: dict[str, Callable[[], dict[str, Any]]] = {
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
    "GET /bestsellers": dict,
    "GET /uploads/{upload_id}": dict,
    "GET /uploads/{upload_id}/original": dict,
    "POST /orders": _new_order,
    "GET /orders": dict,
    "GET /orders/{order_id}": dict,
    "POST /orders/{order_id}/cancel": dict,
    "POST /admin/orders/{order_id}/refund": dict,
    "GET /admin/refunds/{refund_id}": dict,
    "GET /sales": dict,
    "POST /sales/{order_id}/ship": dict,
    "PUT /me/devices/{device_id}": lambda: {"body": {"platform": "apns", "token": str(uuid4())}},
    "DELETE /me/devices/{device_id}": dict,
    "GET /me/activity": lambda: {"query": {"limit": 10}},
    "GET /admin/activity": lambda: {"query": {"email": _somebody_recorded()}},
    "POST /realtime/tickets": dict,
    "POST /assistant/messages": lambda: {"body": {"message": "Which lamp?"}},
    "GET /assistant/conversations/{conversation_id}": dict,
    "GET /admin/queues": dict,
    "GET /admin/dead-letters/{queue}": dict,
    "POST /admin/dead-letters/{queue}/redrive": lambda: {"body": {"event_type": "order.shipped"}},
}
