"""Errors as problem details (RFC 9457): the one table from what went wrong to what a client sees."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from chalicelib import errors
from chalicelib.observability import correlation_id, logger

CONTENT_TYPE = "application/problem+json"


class Malformed(errors.MarketplaceError):
    """The request cannot be read."""


class IdempotencyKeyMissing(Malformed):
    """The route takes writes only with an `Idempotency-Key`."""


class MethodNotAllowed(errors.MarketplaceError):
    """The path exists, the method does not."""

    def __init__(self, allowed: list[str]) -> None:
        super().__init__(f"This path answers {', '.join(allowed)}.")
        self.allowed = allowed


class TooLarge(errors.MarketplaceError):
    """The body is larger than the API takes."""


class UnsupportedMediaType(errors.MarketplaceError):
    """The body is not `application/json` in UTF-8."""


class RequestInFlight(errors.Conflict):
    """The first request with this idempotency key is still being processed."""

    retry_after = 1


class IdempotencyKeyReused(errors.Invalid):
    """The idempotency key was used with another request."""


class PreconditionRequired(errors.MarketplaceError):
    """A change must say which version of the resource it is based on."""


class RateLimited(errors.MarketplaceError):
    """The caller has sent too many requests."""

    def __init__(self, headers: dict[str, str]) -> None:
        super().__init__("Too many requests; wait before the next one.")
        self.headers = headers


STATUS: tuple[tuple[type[errors.MarketplaceError], int], ...] = (
    (Malformed, 400),
    (errors.Unauthenticated, 401),
    (errors.Forbidden, 403),
    (errors.NotFound, 404),
    (MethodNotAllowed, 405),
    (errors.Conflict, 409),
    (errors.Stale, 412),
    (TooLarge, 413),
    (UnsupportedMediaType, 415),
    (errors.Invalid, 422),
    (PreconditionRequired, 428),
    (RateLimited, 429),
    (errors.Exhausted, 429),
    (errors.Unavailable, 503),
)


def describe(error: Exception, instance: str) -> tuple[int, dict[str, str], str]:
    """Status, headers and body for `error` on the request path `instance`; an unknown error is logged and hidden."""
    status = status_of(error)
    if status == 500:
        logger.exception("unhandled error", extra={"error": type(error).__name__})
    name, detail = _told(error, status)
    body: dict[str, Any] = {
        "type": f"/problems/{name}",
        "title": name.replace("-", " ").capitalize(),
        "status": status,
        "detail": detail,
        "instance": instance,
        "correlation_id": correlation_id.get(),
    }
    if isinstance(error, errors.MarketplaceError) and error.violations:
        body["errors"] = [asdict(violation) for violation in error.violations]
    return status, {"Content-Type": CONTENT_TYPE} | _headers(error), json.dumps(body)


def status_of(error: Exception) -> int:
    """The HTTP status of `error`."""
    return next((status for kind, status in STATUS if isinstance(error, kind)), 500)


def _told(error: Exception, status: int) -> tuple[str, str]:
    """The name and the sentence that a client sees; nothing of a defect."""
    return errors.DEFECT if status == 500 else (errors.name_of(error), str(error))


def _headers(error: Exception) -> dict[str, str]:
    match error:
        case errors.Unauthenticated():
            return {"WWW-Authenticate": "Bearer"}
        case MethodNotAllowed(allowed=allowed):
            return {"Allow": ", ".join(allowed)}
        case RateLimited(headers=headers):
            return headers
        case (
            errors.Unavailable(retry_after=seconds)
            | errors.Exhausted(retry_after=seconds)
            | RequestInFlight(retry_after=seconds)
        ):
            return {"Retry-After": str(seconds)}
    return {}
