"""Published pictures: where each is, in the media bucket and on the one origin."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

THUMBNAIL = 320
FULL = 1280
"""The longest side of each rendition in pixels, at most."""


@dataclass(frozen=True)
class Picture:
    """A published picture of a product; `width` and `height` are those of the large rendition."""

    product_id: UUID
    upload_id: UUID
    width: int
    height: int

    @property
    def url(self) -> str:
        """The path of the large rendition, which never changes."""
        return "/" + key(self.product_id, self.upload_id, FULL)

    @property
    def thumbnail_url(self) -> str:
        """The path of the small rendition."""
        return "/" + key(self.product_id, self.upload_id, THUMBNAIL)


def key(product_id: UUID, upload_id: UUID, size: int) -> str:
    """The object of the media bucket that holds a rendition."""
    return f"media/{product_id}/{upload_id}/{size}.webp"
