"""What can be done with uploads over HTTP. `publication` is what happens to the files."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from chalicelib import observability, products, users
from chalicelib.caller import Caller
from chalicelib.errors import Conflict, NotFound
from chalicelib.ids import new_id
from chalicelib.uploads import bucket, repository
from chalicelib.uploads.models import PENDING, PUBLISHED, Form, Link, Upload


class UploadNotFound(NotFound):
    """There is no such upload, or it is somebody else's."""


class NotPublished(Conflict):
    """The file of an upload is kept once it has been published."""


def start(caller: Caller, wanted: Mapping[str, Any]) -> Form:
    """Lets the caller send one file for a product of theirs. Raises `ProductNotFound` and `NotYourProduct`."""
    seller = users.require_active(caller)
    products.own(seller, wanted["product_id"])
    upload_id, now = new_id(), datetime.now(UTC)
    url, fields = bucket.form(upload_id, wanted["content_type"], wanted["bytes"])
    known = {"id": upload_id, "uploader_id": seller.id, "correlation_id": observability.correlation_id.get()}
    repository.add({**known, "status": PENDING, **wanted})
    return Form(upload_id, url, fields, now + timedelta(seconds=bucket.FORM_SECONDS))


def read(caller: Caller, upload_id: UUID) -> Upload:
    """An upload of the caller. Raises `UploadNotFound`."""
    found = repository.find_of(caller.id, upload_id)
    if found is None:
        raise UploadNotFound("You have no such upload.")
    return found


def original(caller: Caller, upload_id: UUID) -> Link:
    """A link to the file that the caller sent, as it was. Raises `UploadNotFound` and `NotPublished`."""
    upload = read(caller, upload_id)
    if upload.status != PUBLISHED:
        raise NotPublished("The file is kept once the picture has been published.")
    return bucket.original_link(upload)
