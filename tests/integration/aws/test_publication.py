"""What becomes of files that arrive: each event in this process, over S3 and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import app
from tests.environment import configured
from tests.events import Context
from tests.gateway import HttpApi
from tests.people import Person, enrolled
from tests.pictures import encoded, gradient
from tests.products import listed
from tests.services import Aws
from tests.uploads import BUCKET, Bucket, started

JPEG = encoded(gradient(2000, 1500), "JPEG", quality=90)


@pytest.fixture(scope="module")
def bucket(environment: dict[str, str], aws: Aws) -> Iterator[Bucket]:
    made = Bucket(aws.client("s3"))
    made.create()
    with configured(**environment | {"MEDIA_BUCKET": BUCKET}):
        yield made


@pytest.fixture
def seller(bucket: Bucket) -> Person:
    return enrolled()


@pytest.fixture
def product(seller: Person) -> str:
    return listed(seller)


def test_a_picture_is_published_in_both_sizes(api: HttpApi, bucket: Bucket, seller: Person, product: str) -> None:
    upload = started(seller, product, JPEG)

    publish(bucket.arrive(str(upload), JPEG))

    shown = api.get(f"/uploads/{upload}", seller).json()
    url = f"/media/{product}/{upload}/"
    assert shown == {
        "id": str(upload), "product_id": product, "status": "published", "url": f"{url}1280.webp",
        "thumbnail_url": f"{url}320.webp", "width": 1280, "height": 960, "reason": None,
    }  # fmt: skip
    image = {name: shown[name] for name in ("url", "thumbnail_url", "width", "height")}
    assert api.get(f"/products/{product}").json()["image"] == image


def publish(event: dict[str, Any]) -> None:
    app.publish_upload(event, Context())
