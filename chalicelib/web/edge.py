"""Whether a request came through the edge, and who sent it there.

API Gateway's own addresses are open to everybody, while firewall and cache stand before CloudFront's. So CloudFront
sends a secret with every request, and where a stage has an edge nothing is answered without it. The secret holds
`value`, and while it is being changed `previous` as well.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any

from chalicelib import config, secrets
from chalicelib.errors import Forbidden

SECRET_HEADER = "x-origin-secret"  # noqa: S105  its name
VIEWER_HEADER = "x-viewer-address"

_HELD = ("value", "previous")


def check(headers: Mapping[str, str]) -> None:
    """Does nothing for a request that came through the edge, or where the stage has none.

    Raises `Forbidden` for every other request, and `Unavailable` when the secret cannot be read.
    """
    name = config.current().origin_secret
    if name and not _is_held(_lower(headers).get(SECRET_HEADER, ""), secrets.secret(name)):
        raise Forbidden("Requests come in through the public address only.")


def as_viewed(event: Mapping[str, Any]) -> dict[str, Any]:
    """`event` (of a REST API) with the address of whom the edge was asked by, where the stage has an edge.

    What API Gateway saw is the edge itself then. Raises what `check` raises.
    """
    headers = event.get("headers") or {}
    check(headers)
    viewer = _lower(headers).get(VIEWER_HEADER)
    if not config.current().origin_secret or not viewer:
        return dict(event)
    context = event["requestContext"]
    identity = {**(context.get("identity") or {}), "sourceIp": viewer}
    return {**event, "requestContext": {**context, "identity": identity}}


def _is_held(given: str, secret: Mapping[str, Any]) -> bool:
    held = [str(secret[name]).encode() for name in _HELD if secret.get(name)]
    return any(hmac.compare_digest(given.encode(errors="surrogatepass"), value) for value in held)


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
