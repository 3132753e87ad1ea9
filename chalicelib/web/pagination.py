"""The `limit` and `cursor` of a list on the way in, `next_cursor` and `Link` on the way out (RFC 8288)."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any
from urllib.parse import urlencode

from marshmallow import Schema, fields, validate

from chalicelib.errors import Invalid, Violation
from chalicelib.fields import QueryInteger
from chalicelib.paging import DEFAULT_LIMIT, MAX_LIMIT, Key, Page, PageRequest


class PageQuery(Schema):
    """The query parameters of every list."""

    limit = QueryInteger(minimum=1, maximum=MAX_LIMIT, load_default=DEFAULT_LIMIT)
    cursor = fields.String(load_default=None, validate=validate.Length(max=1024))


def request_from(query: dict[str, Any]) -> PageRequest:
    """The page that the validated `query` asks for; takes `limit` and `cursor` out of it. Raises `Invalid`."""
    cursor = query.pop("cursor")
    return PageRequest(query.pop("limit"), None if cursor is None else _decode(cursor))


def envelope(page: Page[Any], view: type[Schema]) -> dict[str, Any]:
    """`{"items": […], "next_cursor": …}`."""
    return {"items": view(many=True).dump(page.items), "next_cursor": next_cursor(page)}


def next_cursor(page: Page[Any]) -> str | None:
    """The opaque form of the key after which the next page begins."""
    if page.next_key is None:
        return None
    return base64.urlsafe_b64encode(json.dumps(page.next_key).encode()).decode().rstrip("=")


def link(path: str, query: dict[str, list[str]], cursor: str) -> str:
    """The `Link` header to the next page of the list at `path`."""
    parameters = query | {"cursor": [cursor]}
    return f'<{path}?{urlencode(parameters, doseq=True)}>; rel="next"'


def _decode(cursor: str) -> Key:
    try:
        key = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        key = None
    if isinstance(key, list) and all(type(part) in {str, int} and _is_sound(part) for part in key):
        return tuple(key)
    raise Invalid("The cursor is not one of ours.", [Violation("/cursor", "Use a next_cursor as it was given.")])


def _is_sound(part: str | int) -> bool:
    if isinstance(part, int):
        return abs(part) < 2**63
    return part.isprintable()
