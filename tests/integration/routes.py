"""The routes of the application by their audience, so that a test of all of them covers the next one too."""

from __future__ import annotations

import app
from chalicelib.web.endpoint import Endpoint
from chalicelib.web.identity import Audience

ROUTES: list[Endpoint] = app.app.endpoints
OPEN = [route for route in ROUTES if route.audience is Audience.ANYONE]
VISITORS = [route for route in ROUTES if route.audience is Audience.VISITORS]
ADMINS = [route for route in ROUTES if route.audience is Audience.ADMINS]
PROTECTED = [route for route in ROUTES if route.audience in {Audience.SIGNED_IN, Audience.ADMINS}]
WRITES = [route for route in ROUTES if route.body is not None]


def name_of(route: Endpoint) -> str:
    """`PATCH /products/{product_id}`."""
    return f"{route.method} {route.path}"
