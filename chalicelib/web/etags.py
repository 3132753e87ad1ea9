"""Strong entity tags (RFC 9110, section 8.8) from a resource's version.

A tag is the version and a fingerprint of the view's fields, so that a release that shows other fields shows other tags.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Collection
from functools import cache

from marshmallow import Schema

from chalicelib.errors import Stale
from chalicelib.web.problems import Malformed, PreconditionRequired

_TAG = re.compile(r'(W/)?"([^"\x00-\x20\x7f]*)"')


def tag(version: int, view: type[Schema]) -> str:
    """The tag of a resource at `version`, shown through `view`."""
    return f'"{version}-{_fingerprint(view)}"'


def is_fresh(if_none_match: str | None, current: str) -> bool:
    """Whether the client's copy is the current one (weak comparison, as RFC 9110 asks for If-None-Match)."""
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or current in {f'"{opaque}"' for _, opaque in _TAG.findall(if_none_match)}


def expected_versions(if_match: str | None, view: type[Schema]) -> Collection[int] | None:
    """The versions that a change may be based on; None for `*`.

    Raises `PreconditionRequired` without the header, `Malformed` when it is not a list of tags, and `Stale` when no tag
    in it can be current (weak tags never are).
    """
    if if_match is None:
        raise PreconditionRequired("Send If-Match with the ETag of the version that you are changing.")
    if if_match.strip() == "*":
        return None
    tags = _TAG.findall(if_match)
    if not tags:
        raise Malformed('If-Match must be * or a list of ETags such as "3-1f2e".')
    suffix = f"-{_fingerprint(view)}"
    strong = [opaque.removesuffix(suffix) for weak, opaque in tags if not weak and opaque.endswith(suffix)]
    versions = [int(version) for version in strong if re.fullmatch(r"[0-9]{1,9}", version)]
    if not versions:
        raise Stale("The resource has changed since you read it.")
    return versions


@cache
def _fingerprint(view: type[Schema]) -> str:
    fields = ",".join([view.__name__, *view._declared_fields])
    return f"{zlib.crc32(fields.encode()):08x}"
