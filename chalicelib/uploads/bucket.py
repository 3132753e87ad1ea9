"""The media bucket: `incoming/` takes what people send, `media/` is published, `originals/` is for uploaders alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from chalicelib import media, storage
from chalicelib.errors import Unavailable
from chalicelib.observability import logger
from chalicelib.uploads.arrivals import INCOMING, Arrival
from chalicelib.uploads.models import Link, Upload

FORM_SECONDS = 15 * 60
LINK_SECONDS = 5 * 60
UNAVAILABLE = "Pictures are not available right now."

_FOR_EVER = "public, max-age=31536000, immutable"
_EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}


@dataclass(frozen=True)
class Incoming:
    """A file that arrived: exactly this version of its object. `version_id` is None in a bucket without versions."""

    key: str
    version_id: str | None
    etag: str
    size: int
    content: Any

    def read(self) -> bytes:
        """The bytes of the file. Raises `Unavailable`."""
        with storage.translated(UNAVAILABLE):
            return bytes(self.content.read())


def form(upload_id: UUID, content_type: str, size: int) -> tuple[str, dict[str, str]]:
    """The address and the fields with which a browser may send one file of at most `size` bytes, and nothing else."""
    fixed = {"Content-Type": content_type, "x-amz-server-side-encryption": storage.ENCRYPTION}
    conditions = [*({name: value} for name, value in fixed.items()), ["content-length-range", 1, size]]
    with storage.translated(UNAVAILABLE):
        signed = storage.client().generate_presigned_post(
            storage.bucket(),
            f"{INCOMING}{upload_id}",
            Fields=dict(fixed),
            Conditions=conditions,
            ExpiresIn=FORM_SECONDS,
        )
    return signed["url"], signed["fields"]


@contextmanager
def opened(arrival: Arrival) -> Iterator[Incoming | None]:
    """The file that `arrival` tells of; None when it is gone or was replaced since. Raises `Unavailable`."""
    found = _found(arrival)
    try:
        yield found
    finally:
        if found is not None:
            found.content.close()


def publish(upload: Upload, size: int, rendition: bytes) -> None:
    """Publishes a rendition; again changes nothing."""
    _put(media.key(upload.product_id, upload.id, size), rendition, "image/webp", CacheControl=_FOR_EVER)


def keep(upload: Upload, original: bytes) -> None:
    """Keeps the file as it was sent, for its uploader; again changes nothing."""
    _put(_original(upload), original, upload.content_type)


def remove(incoming: Incoming) -> None:
    """Removes the file that arrived, and no other one; again changes nothing."""
    with storage.translated(UNAVAILABLE):
        storage.client().delete_object(Bucket=storage.bucket(), Key=incoming.key, **_version(incoming.version_id))


def original_link(upload: Upload) -> Link:
    """A link to the file as it was sent, which a browser saves and does not show."""
    name = f"{upload.id}.{_EXTENSIONS[upload.content_type]}"
    parameters = {
        "Bucket": storage.bucket(),
        "Key": _original(upload),
        "ResponseContentDisposition": f'attachment; filename="{name}"',
        "ResponseContentType": upload.content_type,
    }
    with storage.translated(UNAVAILABLE):
        url = storage.client().generate_presigned_url("get_object", Params=parameters, ExpiresIn=LINK_SECONDS)
    return Link(url, LINK_SECONDS)


def _found(arrival: Arrival) -> Incoming | None:
    condition = {"IfMatch": arrival.etag} if arrival.etag else {}
    try:
        with storage.translated(UNAVAILABLE):
            answer = storage.client().get_object(
                Bucket=arrival.bucket, Key=arrival.key, **_version(arrival.version_id), **condition
            )
    except Unavailable as error:
        if (status := storage.status_of_gone(error)) is None:
            raise
        logger.info("object gone", extra={"status": status})
        return None
    return Incoming(
        arrival.key, answer.get("VersionId"), answer["ETag"].strip('"'), answer["ContentLength"], answer["Body"]
    )


def _put(key: str, content: bytes, content_type: str, **more: str) -> None:
    with storage.translated(UNAVAILABLE):
        storage.put(storage.client(), key, content, content_type, **more)


def _original(upload: Upload) -> str:
    return f"originals/{upload.id}"


def _version(version_id: str | None) -> dict[str, str]:
    return {} if version_id is None else {"VersionId": version_id}
