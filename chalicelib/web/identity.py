"""Who may call a route, and who is calling.

A route declares its audience by its `authorizer`. The gateway has verified the token of a signed-in caller; here the
claims are checked once more and become a `Caller`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from typing import Any
from uuid import UUID

from chalice.app import AuthRequest, AuthResponse, AuthRoute, ChaliceAuthorizer, Request

from chalicelib import config
from chalicelib.caller import ADMINS, Caller
from chalicelib.errors import Forbidden, Unauthenticated
from chalicelib.observability import logger


class Audience(Enum):
    """Who a route is for."""

    ANYONE = "anyone"
    VISITORS = "anyone; a signed-in caller may see more"
    SIGNED_IN = "signed-in people"
    ADMINS = "admins"


class Authorizer(ChaliceAuthorizer):
    """Chalice's authorizer, for the HTTP API's events as well as the REST API's."""

    def _transform_event(self, event: dict[str, Any]) -> AuthRequest:
        headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
        token = event.get("authorizationToken") or headers.get("authorization") or ""
        return AuthRequest(event.get("type", "REQUEST"), token, event.get("methodArn") or event["routeArn"])


def admit_admins(request: AuthRequest, routes: Mapping[str, list[str]]) -> AuthResponse:
    """A policy that lets an admin call `routes` (path to methods) and everybody else who signed in call nothing (403).

    Without a valid token the request goes on as nobody's, and `identify` answers 401: a gateway can say so by itself
    only when the authorizer fails, which would count as its fault.
    """
    from chalicelib.web import tokens

    admitted: list[str | AuthRoute] = [
        AuthRoute(re.sub(r"\{\w+\}", "*", path), methods) for path, methods in routes.items()
    ]
    try:
        caller = _caller(tokens.verify(_bearer(request.token)))
    except Unauthenticated:
        return AuthResponse(routes=admitted, principal_id="nobody")
    if ADMINS not in caller.groups:
        logger.info("admin route refused", extra={"caller": str(caller.id)})
        return AuthResponse(routes=[], principal_id=str(caller.id))
    context = {"sub": str(caller.id), "groups": ",".join(sorted(caller.groups))}
    return AuthResponse(routes=admitted, principal_id=str(caller.id), context=context)


def identify(request: Request, audience: Audience) -> Caller | None:
    """The caller of `request`, None for an anonymous one where `audience` admits them.

    Raises `Unauthenticated` or `Forbidden` when the request is not from the audience.
    """
    match audience:
        case Audience.ANYONE:
            return None
        case Audience.VISITORS:
            return _verified_here(request) if "authorization" in request.headers else None
        case Audience.SIGNED_IN:
            return _signed_in(request)
        case Audience.ADMINS:
            return _admin(request)


def _signed_in(request: Request) -> Caller:
    from chalicelib.web import tokens

    if config.is_chalice_local():
        return _verified_here(request)
    claims = (request.context.get("authorizer") or {}).get("claims")
    if not claims:
        raise Unauthenticated("Sign in first.")
    tokens.check(claims)
    return _caller(claims)


def _admin(request: Request) -> Caller:
    context = request.context.get("authorizer") or {}
    if not context.get("sub"):
        raise Unauthenticated("Sign in first.")
    caller = Caller(UUID(context["sub"]), frozenset(context.get("groups", "").split(",")))
    if ADMINS not in caller.groups:
        raise Forbidden("This is for admins.")
    return caller


def _verified_here(request: Request) -> Caller:
    from chalicelib.web import tokens

    return _caller(tokens.verify(_bearer(request.headers.get("authorization", ""))))


def _bearer(header: str) -> str:
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("Send the access token as a bearer token.")
    return token


def _caller(claims: Mapping[str, Any]) -> Caller:
    try:
        return Caller(UUID(claims["sub"]), frozenset(_groups(claims.get("cognito:groups"))))
    except (KeyError, ValueError, AttributeError, TypeError):
        raise Unauthenticated("The access token names nobody.") from None


def _groups(claim: Any) -> list[str]:
    """A list in the token; API Gateway hands it on as the text `[admins users]`."""
    if isinstance(claim, str):
        return claim.strip("[]").replace(",", " ").split()
    return [str(group) for group in claim or []]
