"""Where exports are kept: `exports/` of the media bucket, which no distribution and no link leads to.

A manifest a day names the parts that belong to it, and is also where a run continues. The key of a part has a digest of
its content: runs at the same time may store different parts, and each manifest is right about its own.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

from chalicelib import storage
from chalicelib.errors import Unavailable

FOLDER = "exports/catalogue"
READ_SECONDS = 30
UNAVAILABLE = "The export's bucket is not available right now."


@dataclass(frozen=True)
class Part:
    """One file of an export: gzipped JSON Lines. `last_id` is the product that it ends with."""

    key: str
    products: int
    bytes: int
    last_id: UUID


@dataclass(frozen=True)
class Manifest:
    """The export of a day (UTC): its parts in order, and whether there are all of them."""

    day: date
    parts: tuple[Part, ...] = ()
    is_complete: bool = False

    @property
    def key(self) -> str:
        """Where it is kept."""
        return f"{FOLDER}/{self.day.isoformat()}/manifest.json"

    @property
    def products(self) -> int:
        """How many products are in the parts."""
        return sum(part.products for part in self.parts)

    def with_part(self, part: Part) -> Manifest:
        """The manifest with another part."""
        return replace(self, parts=(*self.parts, part))

    def completed(self) -> Manifest:
        """The manifest, saying that these are all parts."""
        return replace(self, is_complete=True)


def read(day: date) -> Manifest:
    """The manifest of `day` as it is kept; an empty one when there is none. Raises `Unavailable`."""
    empty = Manifest(day)
    try:
        with storage.translated(UNAVAILABLE):
            kept = json.loads(_s3().get_object(Bucket=storage.bucket(), Key=empty.key)["Body"].read())
    except Unavailable as error:
        if storage.status_of_gone(error) is None:
            raise
        return empty
    parts = tuple(Part(**part | {"last_id": UUID(part["last_id"])}) for part in kept["parts"])
    return Manifest(day, parts, kept["is_complete"])


def store(manifest: Manifest) -> None:
    """Keeps the manifest in the place of the one before. Raises `Unavailable`."""
    parts = [vars(part) | {"last_id": str(part.last_id)} for part in manifest.parts]
    kept = {"day": manifest.day.isoformat(), "is_complete": manifest.is_complete, "parts": parts}
    _put(manifest.key, json.dumps(kept, indent=2).encode(), "application/json")


def store_part(manifest: Manifest, content: bytes, products: int, last_id: UUID) -> Part:
    """The part that follows those of `manifest`, stored. Raises `Unavailable`."""
    digest = hashlib.sha256(content).hexdigest()[:16]
    key = f"{FOLDER}/{manifest.day.isoformat()}/{len(manifest.parts) + 1:05}-{digest}.jsonl.gz"
    _put(key, content, "application/gzip")
    return Part(key, products, len(content), last_id)


def _put(key: str, content: bytes, content_type: str) -> None:
    with storage.translated(UNAVAILABLE):
        storage.put(_s3(), key, content, content_type)


def _s3() -> Any:
    return storage.client(READ_SECONDS)
