"""What arrived in the bucket, read from either of the two shapes in which S3 tells it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus
from uuid import UUID

INCOMING = "incoming/"


@dataclass(frozen=True)
class Arrival:
    """An object that was stored under `incoming/`. What the event does not say is None."""

    bucket: str
    key: str
    version_id: str | None
    etag: str | None

    @property
    def upload_id(self) -> UUID | None:
        """The upload that the object is for; None when its key is not one that we choose."""
        name = self.key.removeprefix(INCOMING)
        try:
            upload_id = UUID(name)
        except ValueError:
            return None
        return upload_id if str(upload_id) == name else None


def arrivals(event: Mapping[str, Any], bucket: str) -> Iterator[Arrival]:
    """Every object under `incoming/` of `bucket` that `event` tells of.

    EventBridge's `Object Created` tells of one, with its key as it is; a notification of the bucket itself has
    `Records`, with keys that are encoded as in a form (https://docs.aws.amazon.com/AmazonS3/latest/userguide/).
    """
    for told in _told(event):
        if told.bucket == bucket and told.key.startswith(INCOMING):
            yield told


def _told(event: Mapping[str, Any]) -> Iterator[Arrival]:
    for record in event.get("Records", ()):
        stored, found = record["s3"]["bucket"]["name"], record["s3"]["object"]
        yield Arrival(stored, unquote_plus(found["key"]), found.get("versionId"), found.get("eTag"))
    if "detail" in event:
        stored, found = event["detail"]["bucket"]["name"], event["detail"]["object"]
        yield Arrival(stored, found["key"], found.get("version-id"), found.get("etag"))
