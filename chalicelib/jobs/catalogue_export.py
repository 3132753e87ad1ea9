"""Exports the public catalogue: a day's products as gzipped JSON Lines, for partners and for analysis.

A product's line is what `GET /products/{id}` answers. Products come in the order of their ids, in parts of bounded
size; each is as it was when its page was read.
"""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from functools import partial
from typing import Any
from uuid import UUID

from chalicelib import database, products
from chalicelib.jobs import exports
from chalicelib.jobs.exports import Manifest
from chalicelib.jobs.stop import Stop
from chalicelib.observability import count, logger
from chalicelib.products.schemas import ProductView

PRODUCTS_OF_A_PAGE = 500
PAGES_OF_A_PART = 20


def run(stop: Stop, day: date | None = None) -> bool:
    """Completes the export of `day` (today, UTC); False when it was told to stop before the end.

    What an earlier run of the day has stored stays, and a complete export is left alone. Raises `Unavailable`.
    """
    manifest = exports.read(day or datetime.now(UTC).date())
    while not (manifest.is_complete or stop.is_asked_for):
        manifest = _continued(manifest)
        exports.store(manifest)
        logger.info("export continued", extra={"parts": len(manifest.parts), "products": manifest.products})
    return manifest.is_complete


def _continued(manifest: Manifest) -> Manifest:
    """The manifest with the next part, once that is stored; complete when no more products follow."""
    last_id = manifest.parts[-1].last_id if manifest.parts else None
    content, amount = io.BytesIO(), 0
    # Neither a name nor a time in the file's header: the same products make the same file.
    with gzip.GzipFile(fileobj=content, mode="wb", filename="", mtime=0) as lines:
        for page in _pages(last_id):
            lines.writelines(_line(product) for product in page)
            amount, last_id = amount + len(page), page[-1].id
    if amount and last_id is not None:
        manifest = manifest.with_part(exports.store_part(manifest, content.getvalue(), amount, last_id))
        count("ProductsExported", amount)
    return manifest if amount == PRODUCTS_OF_A_PAGE * PAGES_OF_A_PART else manifest.completed()


def _pages(after: UUID | None) -> Iterator[Sequence[Any]]:
    """The products of a part, read page by page as they are written."""
    for _ in range(PAGES_OF_A_PART):
        page = database.read(partial(products.public_after, after, PRODUCTS_OF_A_PAGE))
        if page:
            yield page
        if len(page) < PRODUCTS_OF_A_PAGE:
            return
        after = page[-1].id


def _line(product: Any) -> bytes:
    return json.dumps(ProductView().dump(product), ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
