"""What the application signs for browsers: forms and links, without asking S3."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest

from chalicelib.uploads import bucket
from chalicelib.uploads.models import PUBLISHED, Upload
from tests.environment import configured

NAME = "marketplace-dev-media-123456789012"
REGIONS = ["eu-central-1", "us-east-1"]


@pytest.fixture(params=REGIONS)
def region(request: pytest.FixtureRequest) -> Iterator[str]:
    """A function of the stage `dev` in a region of AWS."""
    variables = {"AWS_REGION": request.param, "AWS_DEFAULT_REGION": request.param, "AWS_SESSION_TOKEN": "token"}
    with configured(STAGE="dev", MEDIA_BUCKET=NAME, **variables):
        yield request.param


def test_a_form_leads_to_the_buckets_own_region(region: str) -> None:
    url, fields = bucket.form(uuid4(), "image/png", 10)

    assert url == f"https://{NAME}.s3.{region}.amazonaws.com/"
    assert fields["x-amz-algorithm"] == "AWS4-HMAC-SHA256"
    assert f"/{region}/s3/" in fields["x-amz-credential"]


def test_a_form_admits_one_key_one_type_one_range_of_sizes_and_nothing_else(region: str) -> None:
    upload = uuid4()

    _, fields = bucket.form(upload, "image/png", 4711)

    policy = json.loads(base64.b64decode(fields["policy"]))
    assert _plain(policy["conditions"]) == {
        "bucket": NAME,
        "key": f"incoming/{upload}",
        "Content-Type": "image/png",
        "x-amz-server-side-encryption": "AES256",
        "content-length-range": [1, 4711],
    }
    assert set(fields) == {
        "key", "Content-Type", "x-amz-server-side-encryption", "policy", "x-amz-algorithm", "x-amz-credential",
        "x-amz-date", "x-amz-security-token", "x-amz-signature",
    }  # fmt: skip
    left = datetime.fromisoformat(policy["expiration"]) - datetime.now(UTC)
    assert timedelta(minutes=14) < left <= timedelta(minutes=15)


def test_a_link_saves_one_file_for_five_minutes(region: str) -> None:
    upload = _upload("image/webp")

    link = bucket.original_link(upload)

    parts, query = urlsplit(link.url), parse_qs(urlsplit(link.url).query)
    assert (parts.netloc, parts.path) == (f"{NAME}.s3.{region}.amazonaws.com", f"/originals/{upload.id}")
    assert query["X-Amz-Expires"] == ["300"] == [str(link.expires_in)]
    assert query["response-content-disposition"] == [f'attachment; filename="{upload.id}.webp"']
    assert query["response-content-type"] == ["image/webp"]
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]


def _plain(conditions: list[Any]) -> dict[str, Any]:
    """The conditions by what they are of; one that is there twice fails."""
    plain: dict[str, Any] = {}
    for condition in conditions:
        found = condition if isinstance(condition, dict) else {condition[0]: condition[1:]}
        for name, value in found.items():
            assert plain.setdefault(name, value) == value
    plain.pop("x-amz-algorithm"), plain.pop("x-amz-credential"), plain.pop("x-amz-date")
    plain.pop("x-amz-security-token")
    return plain


def _upload(content_type: str) -> Upload:
    now = datetime.now(UTC)
    return Upload(uuid4(), uuid4(), uuid4(), content_type, 1, "", PUBLISHED, "x", None, 1, 1, now, now)
