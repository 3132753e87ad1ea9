"""Who may call what: one table for every route and every kind of caller. A route without a row fails."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import app
from tests.examples import example_of
from tests.gateway import HttpApi
from tests.identity_provider import IdentityProvider
from tests.people import Person, enrolled
from tests.services import Aws

CALLERS = (
    "nobody", "buyer", "seller", "moderator", "admin", "disabled", "disabled_admin", "demoted_admin",
    "id_token", "other_client", "no_subject", "forged",
)  # fmt: skip

_ANYONE = "200 200 200 200 200 200 200 200 200 200 200 200"
_VISITORS = "200 200 200 200 200 200 200 200 401 401 401 401"
_SIGNED_IN = "401 200 200 200 200 403 403 200 401 401 401 401"
_OWN = "401 200 200 200 200 200 200 200 401 401 401 401"
_ADMINS = "401 403 403 403 200 403 403 403 401 401 401 401"

#                              nob buy sel mod adm dis dia dea id  cli sub forged
EXPECTED = {
    "GET /health": _ANYONE,
    "GET /health/dependencies": _ADMINS,
    "GET /openapi.json": _ANYONE,
    "GET /me": _SIGNED_IN,
    "PATCH /me": _SIGNED_IN,
    "GET /admin/users": _ADMINS,
    "PATCH /admin/users/{user_id}": _ADMINS,
    "GET /admin/audit": _ADMINS,
    "GET /products": _ANYONE,
    "POST /products": "401 201 201 201 201 403 403 201 401 401 401 401",
    "GET /products/{product_id}": _VISITORS,
    "PATCH /products/{product_id}": "401 403 200 200 200 403 403 403 401 401 401 401",
    "DELETE /products/{product_id}": "401 403 204 204 204 403 403 403 401 401 401 401",
    "GET /me/products": _OWN,
    "GET /bestsellers": _ANYONE,
    "POST /uploads": "401 403 201 403 403 403 403 403 401 401 401 401",
    "GET /uploads/{upload_id}": "401 404 200 404 404 404 404 404 401 401 401 401",
    "GET /uploads/{upload_id}/original": "401 404 200 404 404 404 404 404 401 401 401 401",
    "POST /orders": "401 201 201 201 201 403 403 201 401 401 401 401",
    "GET /orders": _OWN,
    "GET /orders/{order_id}": "401 404 200 404 200 404 403 404 401 401 401 401",
    "POST /orders/{order_id}/cancel": "401 404 200 404 404 403 403 404 401 401 401 401",
    "POST /admin/orders/{order_id}/refund": "401 403 403 403 202 403 403 403 401 401 401 401",
    "GET /admin/refunds/{refund_id}": _ADMINS,
    "GET /sales": _OWN,
    "POST /sales/{order_id}/ship": "401 404 200 404 404 403 403 404 401 401 401 401",
    "PUT /me/devices/{device_id}": _SIGNED_IN,
    "DELETE /me/devices/{device_id}": "401 404 204 404 404 404 404 404 401 401 401 401",
    "GET /me/activity": _SIGNED_IN,
    "GET /admin/activity": _ADMINS,
    "POST /realtime/tickets": _SIGNED_IN,
    "POST /assistant/messages": _SIGNED_IN,
    "GET /assistant/conversations/{conversation_id}": "401 404 200 404 404 404 404 404 401 401 401 401",
    "GET /admin/queues": "401 403 403 200 200 403 403 403 401 401 401 401",
    "GET /admin/dead-letters/{queue}": _ADMINS,
    "POST /admin/dead-letters/{queue}/redrive": _ADMINS,
}

ROUTES = [f"{route.method} {route.path}" for route in app.app.endpoints]


@pytest.fixture(scope="module")
def seller(environment: dict[str, str]) -> Person:
    return enrolled()


@pytest.fixture(scope="module")
def tokens(environment: dict[str, str], provider: IdentityProvider, seller: Person) -> dict[str, str | None]:
    """The token that each kind of caller sends."""
    return {
        "nobody": None,
        "buyer": provider.token(enrolled()),
        "seller": provider.token(seller),
        "moderator": provider.token(enrolled("moderators")),
        "admin": provider.token(enrolled("admins")),
        "disabled": provider.token(enrolled(disabled=True)),
        "disabled_admin": provider.token(enrolled("admins", disabled=True)),
        "demoted_admin": provider.token(Person(enrolled().id, groups=("users", "admins"))),
        "id_token": provider.id_token(enrolled("admins")),
        "other_client": provider.token(enrolled("admins"), client_id="another-client"),
        "no_subject": provider.token(enrolled("admins"), sub=None),
        "forged": provider.token(enrolled("admins"))[:-8] + "AAAAAAAA",
    }


@pytest.mark.parametrize("route", ROUTES)
def test_each_caller_gets_what_the_table_says(
    route: str, api: HttpApi, aws: Aws, seller: Person, tokens: dict[str, str | None]
) -> None:
    def status_for(caller: str) -> str:
        return str(example_of(route, seller, aws).send(api, token=tokens[caller]).status)

    assert _by_caller(status_for) == dict(zip(CALLERS, EXPECTED[route].split(), strict=True))


def test_every_route_has_a_row_and_every_row_a_route() -> None:
    assert set(EXPECTED) == set(ROUTES)
    assert len(ROUTES) == len(set(ROUTES))


def _by_caller(status_for: Callable[[str], str]) -> dict[str, str]:
    return {caller: status_for(caller) for caller in CALLERS}
