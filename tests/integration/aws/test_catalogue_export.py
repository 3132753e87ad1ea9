"""The export of the catalogue in this process, over PostgreSQL and S3."""

from __future__ import annotations

import gzip
import json
from datetime import date, timedelta
from itertools import count
from typing import Any

import pytest

from chalicelib.errors import Unavailable
from chalicelib.jobs import catalogue_export, exports
from chalicelib.jobs.stop import Stop
from tests.environment import configured
from tests.gateway import HttpApi
from tests.people import Person
from tests.products import listed
from tests.services import Services
from tests.uploads import Bucket

_days = (date(2026, 1, 1) + timedelta(days=number) for number in count())


@pytest.fixture
def day() -> date:
    """A day that nothing was exported on."""
    return next(_days)


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch, services: Services) -> None:
    """Parts of four products, and a catalogue of this test's own."""
    monkeypatch.setattr(catalogue_export, "PRODUCTS_OF_A_PAGE", 2)
    monkeypatch.setattr(catalogue_export, "PAGES_OF_A_PART", 2)
    services.sql("UPDATE products SET status = 'archived'")


def _manifest(bucket: Bucket, day: date) -> dict[str, Any]:
    content, _ = bucket.object(f"exports/catalogue/{day}/manifest.json")
    return dict(json.loads(content))


def _exported(bucket: Bucket, day: date) -> list[dict[str, Any]]:
    parts = [bucket.object(part["key"])[0] for part in _manifest(bucket, day)["parts"]]
    return [json.loads(line) for part in parts for line in gzip.decompress(part).splitlines()]


@pytest.mark.parametrize("amount", [1, 2, 3, 4, 5, 8, 9])
def test_every_public_product_is_exported_once_as_the_api_shows_it(
    api: HttpApi, bucket: Bucket, seller: Person, day: date, amount: int
) -> None:
    public = [listed(seller, name=f"Lämp {number}") for number in range(amount)]
    listed(seller, status="draft")

    assert catalogue_export.run(Stop(), day)

    exported = _exported(bucket, day)
    assert [product["id"] for product in exported] == public
    assert exported[0] == api.get(f"/products/{public[0]}").json()
    manifest = _manifest(bucket, day)
    assert (manifest["day"], manifest["is_complete"]) == (str(day), True)
    assert [part["products"] for part in manifest["parts"]] == [min(4, amount - at) for at in range(0, amount, 4)]


def test_an_empty_catalogue_has_no_parts(bucket: Bucket, day: date) -> None:
    assert catalogue_export.run(Stop(), day)
    assert _manifest(bucket, day) == {"day": str(day), "is_complete": True, "parts": []}


def test_a_complete_export_is_left_alone(bucket: Bucket, seller: Person, day: date) -> None:
    listed(seller)
    catalogue_export.run(Stop(), day)
    before = _manifest(bucket, day)
    listed(seller)

    assert catalogue_export.run(Stop(), day)
    assert _manifest(bucket, day) == before


def test_a_run_that_was_stopped_is_continued_where_it_was(
    bucket: Bucket, seller: Person, day: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    public = [listed(seller) for _ in range(9)]
    stop = Stop()
    kept = exports.store
    monkeypatch.setattr(exports, "store", lambda manifest: (kept(manifest), stop.ask()))
    assert not catalogue_export.run(stop, day)
    monkeypatch.setattr(exports, "store", kept)
    stopped = _manifest(bucket, day)
    assert (len(stopped["parts"]), stopped["is_complete"]) == (1, False)

    assert catalogue_export.run(Stop(), day)

    assert _manifest(bucket, day)["parts"][:1] == stopped["parts"]
    assert [product["id"] for product in _exported(bucket, day)] == public


def test_a_crash_between_a_part_and_its_manifest_leaves_nothing_twice(
    bucket: Bucket, seller: Person, day: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    public = [listed(seller) for _ in range(6)]

    def crash(_: Any) -> None:
        raise SystemError("killed")

    kept = exports.store
    monkeypatch.setattr(exports, "store", crash)
    with pytest.raises(SystemError):
        catalogue_export.run(Stop(), day)
    monkeypatch.setattr(exports, "store", kept)

    assert catalogue_export.run(Stop(), day)
    assert [product["id"] for product in _exported(bucket, day)] == public
    assert len(bucket.keys(f"exports/catalogue/{day}/")) == 3


def test_two_runs_at_once_leave_a_manifest_whose_parts_belong_together(
    bucket: Bucket, seller: Person, day: date
) -> None:
    listed(seller)
    mine = exports.read(day)
    catalogue_export.run(Stop(), day)
    public = sorted(listed(seller) for _ in range(2))

    exports.store(catalogue_export._continued(mine))

    assert [product["id"] for product in _exported(bucket, day)][1:] == public
    assert len(bucket.keys(f"exports/catalogue/{day}/")) == 3


def test_without_its_bucket_an_export_fails(bucket: Bucket, environment: dict[str, str], day: date) -> None:
    with configured(**environment | {"MEDIA_BUCKET": "marketplace-local-nowhere"}), pytest.raises(Unavailable):
        catalogue_export.run(Stop(), day)


def test_what_is_exported_is_encrypted_and_read_by_no_distribution(bucket: Bucket, seller: Person, day: date) -> None:
    listed(seller)
    catalogue_export.run(Stop(), day)
    for key in bucket.keys(f"exports/catalogue/{day}/"):
        assert bucket.object(key)[1]["ServerSideEncryption"] == "AES256"
