"""Uploads in tests: the bucket, files that arrive there, and the events that tell of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus
from uuid import UUID

import app
from chalicelib import database, uploads
from chalicelib.uploads import images
from tests.events import Context, scheduled_event
from tests.people import Person
from tests.pictures import encoded, gradient
from tests.services import Services

JPEG = encoded(gradient(1400, 1050), "JPEG", quality=90)
BUCKET = "marketplace-local-media-000000000000"


class Bucket:
    """The media bucket behind a boto3 client."""

    def __init__(self, client: Any, name: str = BUCKET) -> None:
        self._client = client
        self.name = name

    def create(self) -> None:
        """Makes it, with versions."""
        self._client.create_bucket(
            Bucket=self.name, CreateBucketConfiguration={"LocationConstraint": self._client.meta.region_name}
        )
        self._client.put_bucket_versioning(Bucket=self.name, VersioningConfiguration={"Status": "Enabled"})

    def empty(self) -> None:
        """Removes every version of everything."""
        pages = self._client.get_paginator("list_object_versions").paginate(Bucket=self.name)
        for page in pages:
            for version in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                self._client.delete_object(Bucket=self.name, Key=version["Key"], VersionId=version["VersionId"])

    def remove(self) -> None:
        """Removes the bucket and all that is in it."""
        self.empty()
        self._client.delete_bucket(Bucket=self.name)

    def arrive(self, key: str | UUID, file: bytes, content_type: str = "image/jpeg") -> dict[str, Any]:
        """Stores `file` under `incoming/{key}`; returns EventBridge's event of it."""
        stored = self._client.put_object(Bucket=self.name, Key=f"incoming/{key}", Body=file, ContentType=content_type)
        return created(self.name, f"incoming/{key}", stored.get("VersionId"), stored["ETag"].strip('"'), len(file))

    def keys(self, prefix: str = "") -> set[str]:
        """The keys that there is any version of below `prefix`."""
        pages = self._client.get_paginator("list_object_versions").paginate(Bucket=self.name, Prefix=prefix)
        return {version["Key"] for page in pages for version in page.get("Versions", [])}

    def keys_of(self, upload: UUID) -> set[str]:
        """The keys of an upload that there is any version of."""
        return {key for key in self.keys() if str(upload) in key}

    def markers(self) -> int:
        """How many delete markers there are: versions that were hidden instead of removed."""
        pages = self._client.get_paginator("list_object_versions").paginate(Bucket=self.name)
        return sum(len(page.get("DeleteMarkers", [])) for page in pages)

    def object(self, key: str) -> tuple[bytes, Mapping[str, Any]]:
        """The object's content, and what S3 says of it."""
        answer = self._client.get_object(Bucket=self.name, Key=key)
        return answer["Body"].read(), answer


def created(bucket: str, key: str, version: str | None, etag: str, size: int) -> dict[str, Any]:
    """EventBridge's event of an object that was stored; `version` is None where the bucket has none."""
    stored = {"key": key, "etag": etag, "size": size, "sequencer": "0062E99A88DC407460"}
    if version is not None:
        stored["version-id"] = version
    detail = {"version": "0", "bucket": {"name": bucket}, "object": stored, "reason": "POST Object"}
    return scheduled_event() | {"source": "aws.s3", "detail-type": "Object Created", "detail": detail}


def notification(*events: Mapping[str, Any]) -> dict[str, Any]:
    """What the bucket itself would send: the same objects as records of one event, with encoded keys."""
    return {"Records": [_record(event["detail"]) for event in events]}


def started(seller: Person, product_id: str, file: bytes, content_type: str = "image/jpeg") -> UUID:
    """The id of an upload that `seller` has started for `file`."""
    wanted = {"product_id": UUID(product_id), "content_type": content_type, "bytes": max(len(file), 1)}
    return database.write(lambda: uploads.start(seller.caller, wanted)).id


def publish(*events: Mapping[str, Any]) -> None:
    """Invokes `publish_upload` with each event."""
    for event in events:
        app.publish_upload(event, Context())


def assert_published(bucket: Bucket, product: str, upload: UUID, file: bytes) -> None:
    """The picture in `file`, and nothing else, is there of the upload."""
    media, made = f"media/{product}/{upload}", images.developed(file, "image/jpeg")
    assert bucket.keys_of(upload) == {f"{media}/1280.webp", f"{media}/320.webp", f"originals/{upload}"}
    assert bucket.object(f"originals/{upload}")[0] == file
    assert {size: bucket.object(f"{media}/{size}.webp")[0] for size in made.renditions} == made.renditions
    assert bucket.markers() == 0


def row(services: Services, upload: UUID) -> list[Any]:
    """Status, reason, width and height of an upload."""
    (found,) = services.sql("SELECT status, reason, width, height FROM uploads WHERE id = :id", id=str(upload))
    return list(found)


def version(services: Services, product: str) -> int:
    """How often a product has changed."""
    return int(services.sql("SELECT version FROM products WHERE id = :id", id=product)[0][0])


def _record(detail: Mapping[str, Any]) -> dict[str, Any]:
    told = detail["object"]
    stored = {"key": quote_plus(told["key"]), "eTag": told["etag"], "size": told["size"]}
    if "version-id" in told:
        stored["versionId"] = told["version-id"]
    return {
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Post",
        "s3": {"bucket": {"name": detail["bucket"]["name"]}, "object": stored},
    }
