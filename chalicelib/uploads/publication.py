"""Publishing what people sent: each file is taken apart, made anew from its pixels, or refused.

S3 tells of a file at least once, in no order, and a form can be sent more than once. So every step may be repeated, a
crash may follow any of them, and the first file that is found good is the only one that an upload is published from.
Slow work is between transactions: the edge hands in what runs a piece of work in one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from chalicelib import config, products
from chalicelib.observability import correlated, count, logger
from chalicelib.uploads import bucket, repository
from chalicelib.uploads.arrivals import Arrival, arrivals
from chalicelib.uploads.bucket import Incoming
from chalicelib.uploads.models import PENDING, Upload

if TYPE_CHECKING:
    from chalicelib.uploads.images import Development

Result = TypeVar("Result")


class Run(Protocol):
    """Runs work against the database: reads in autocommit, or writes in one transaction that it commits."""

    def __call__(self, work: Callable[[], Result]) -> Result:
        """The result of `work`."""


def publish(event: Mapping[str, Any], read: Run, write: Run) -> None:
    """Publishes or refuses every file that `event` of S3 tells of; again changes nothing.

    `read` and `write` are those of `database`. Raises what the last file failed with in passing, after the others were
    done, so that the event comes again.
    """
    failure: Exception | None = None
    for arrival in arrivals(event, config.current().media_bucket):
        try:
            _settle(arrival, read, write)
        except Exception as error:  # noqa: BLE001  one file must not hold up the others
            logger.warning("upload not settled", extra={"reason": type(error).__name__})
            failure = error
    if failure is not None:
        raise failure


def _settle(arrival: Arrival, read: Run, write: Run) -> None:
    with bucket.opened(arrival) as incoming:
        if incoming is None:
            return
        upload = read(partial(_upload_of, arrival))
        if upload is not None and upload.status == PENDING:
            with correlated(upload.correlation_id):
                _judge(upload, incoming, write)
        bucket.remove(incoming)


def _upload_of(arrival: Arrival) -> Upload | None:
    return None if arrival.upload_id is None else repository.find(arrival.upload_id)


def _judge(upload: Upload, incoming: Incoming, write: Run) -> None:
    """Publishes or refuses the file, unless another one was chosen for the upload."""
    from chalicelib.uploads import images

    try:
        images.check_size(incoming.size, upload.bytes)
        original = incoming.read()
        picture = images.developed(original, upload.content_type)
    except images.NotAccepted as refusal:
        if write(partial(repository.refuse, upload.id, incoming.etag, str(refusal))) is not None:
            _told("refused", upload)
        return
    if write(partial(repository.choose, upload.id, incoming.etag)) is None:
        return
    for size, rendition in picture.renditions.items():
        bucket.publish(upload, size, rendition)
    bucket.keep(upload, original)
    if write(partial(_publish, upload, incoming.etag, picture)) is not None:
        _told("published", upload)


def _publish(upload: Upload, etag: str, picture: Development) -> Upload | None:
    published = repository.publish(upload.id, etag, picture.width, picture.height)
    if published is not None and published.picture is not None:
        products.show(published.picture)
    return published


def _told(outcome: str, upload: Upload) -> None:
    count(f"Uploads{outcome.title()}")
    logger.info(f"upload {outcome}", extra={"upload_id": str(upload.id), "product_id": str(upload.product_id)})
