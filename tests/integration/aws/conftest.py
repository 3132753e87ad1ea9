"""Tests of the application in this process, over AWS's side of the network."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest

from tests.environment import configured
from tests.in_process import api, edge, edge_environment, edge_server
from tests.people import Person, enrolled
from tests.products import listed
from tests.services import Aws
from tests.uploads import BUCKET, JPEG, Bucket, started

__all__ = ["api", "edge", "edge_environment", "edge_server"]


@pytest.fixture(scope="module")
def bucket(environment: dict[str, str], aws: Aws) -> Iterator[Bucket]:
    """The media bucket, empty, and an execution environment that uses it."""
    made = Bucket(aws.client("s3"))
    made.create()
    with configured(**environment | {"MEDIA_BUCKET": BUCKET}):
        yield made
    made.remove()


@pytest.fixture
def seller(bucket: Bucket) -> Person:
    """Somebody with an account."""
    return enrolled()


@pytest.fixture
def product(seller: Person) -> str:
    """The id of a product of the seller's."""
    return listed(seller)


@pytest.fixture
def upload(seller: Person, product: str) -> UUID:
    """An upload of a picture of the product that has been started."""
    return started(seller, product, JPEG)
