"""The one bucket: objects put and asked for, with what goes wrong told in one way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from chalicelib import clients, config
from chalicelib.errors import Unavailable

ENCRYPTION = "AES256"

_GONE = {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED}
"""S3 says 403 for what is not there to those who may not list; 412 when the object is another one by now."""


def bucket() -> str:
    """The bucket's name."""
    return config.current().media_bucket


def client(read_seconds: int = clients.READ_SECONDS) -> Any:
    """The client of S3."""
    return clients.client("s3", read_seconds=read_seconds)


def put(s3: Any, key: str, content: bytes, content_type: str, **more: str) -> None:
    """Stores an encrypted object in the place of what is there."""
    s3.put_object(
        Bucket=bucket(), Key=key, Body=content, ContentType=content_type, ServerSideEncryption=ENCRYPTION, **more
    )


@contextmanager
def translated(message: str) -> Iterator[None]:
    """Raises `Unavailable` with this message for whatever S3 or the way to it raises."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise Unavailable(message) from error


def status_of_gone(error: Unavailable) -> int | None:
    """The status with which S3 said that an object is gone or was replaced; None when it said something else."""
    from botocore.exceptions import ClientError

    if not isinstance(error.__cause__, ClientError):
        return None
    status = int(error.__cause__.response["ResponseMetadata"].get("HTTPStatusCode", 0))
    return status if status in _GONE else None
