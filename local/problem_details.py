"""The front door's own errors, in the form that the API's errors have (RFC 9457)."""

from __future__ import annotations

from starlette.responses import JSONResponse

HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def problem(status: int, title: str, detail: str, instance: str) -> JSONResponse:
    """A problem details response about the request path `instance`, not to be cached."""
    content = {"type": "about:blank", "title": title, "status": status, "detail": detail, "instance": instance}
    return JSONResponse(content, status, HEADERS, media_type="application/problem+json")
