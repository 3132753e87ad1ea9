"""What becomes of files that arrive: each event in this process, over S3 and PostgreSQL."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import pytest

from chalicelib import database, uploads
from chalicelib.errors import Unavailable
from chalicelib.uploads import bucket as media_bucket
from chalicelib.uploads import images
from tests.environment import ALWAYS, configured, run_python
from tests.gateway import HttpApi
from tests.identifiers import ANY_ID
from tests.log_lines import LogLines
from tests.people import Person
from tests.services import Aws, Services
from tests.uploads import BUCKET, JPEG, Bucket, assert_published, created, notification, publish, row, started, version

BROKEN = JPEG[:5000]


def test_a_picture_is_published_in_both_sizes(api: HttpApi, bucket: Bucket, seller: Person, product: str) -> None:
    upload = started(seller, product, JPEG)
    assert api.get(f"/products/{product}").json()["image"] is None

    publish(bucket.arrive(upload, JPEG))

    shown = api.get(f"/uploads/{upload}", seller).json()
    url = f"/media/{product}/{upload}/"
    assert shown == {
        "id": str(upload), "product_id": product, "status": "published", "url": f"{url}1280.webp",
        "thumbnail_url": f"{url}320.webp", "width": 1280, "height": 960, "reason": None,
    }  # fmt: skip
    image = {name: shown[name] for name in ("url", "thumbnail_url", "width", "height")}
    assert api.get(f"/products/{product}").json()["image"] == image
    assert_published(bucket, product, upload, JPEG)
    _, stored = bucket.object(f"media/{product}/{upload}/1280.webp")
    assert (stored["ContentType"], stored["ServerSideEncryption"]) == ("image/webp", "AES256")
    assert stored["CacheControl"] == "public, max-age=31536000, immutable"


def test_a_file_that_is_refused_is_removed_and_its_sender_told_why(
    api: HttpApi, bucket: Bucket, seller: Person, product: str, upload: UUID
) -> None:
    publish(bucket.arrive(upload, BROKEN))

    shown = api.get(f"/uploads/{upload}", seller).json()
    assert (shown["status"], shown["reason"], shown["url"]) == ("refused", "The file is damaged.", None)
    assert bucket.keys_of(upload) == set()
    assert api.get(f"/products/{product}").json()["image"] is None


def test_a_file_that_is_larger_than_its_form_admits_is_not_even_read(
    bucket: Bucket, upload: UUID, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media_bucket.Incoming, "read", _never)

    publish(bucket.arrive(upload, JPEG + b"\0"))

    assert row(services, upload)[:2] == ["refused", "The file is larger than was said."]
    assert bucket.keys_of(upload) == set()


@pytest.mark.parametrize("key", [ANY_ID, "x", "../x", "a/b", "é +%2f", "x" * 900])
@pytest.mark.parametrize("shape", [dict, notification])
def test_what_nobody_asked_for_is_removed(bucket: Bucket, key: str, shape: Any) -> None:
    publish(shape(bucket.arrive(key, JPEG)))

    assert f"incoming/{key}" not in bucket.keys("incoming/")
    assert bucket.markers() == 0


def test_a_file_for_an_upload_that_was_purged_is_removed(bucket: Bucket, upload: UUID, services: Services) -> None:
    services.sql("DELETE FROM uploads WHERE id = :id", id=str(upload))

    publish(bucket.arrive(upload, JPEG))

    assert bucket.keys_of(upload) == set()


def test_other_places_are_left_alone(bucket: Bucket, aws: Aws, upload: UUID) -> None:
    another = Bucket(aws.client("s3"), "another-bucket")
    another.create()
    events = [another.arrive(upload, JPEG), created(BUCKET, f"originals/{upload}", None, "x", 1)]

    publish(*events)

    assert another.keys() == {f"incoming/{upload}"}
    another.remove()


def test_every_record_of_a_notification_is_worked_through(
    bucket: Bucket, seller: Person, product: str, services: Services
) -> None:
    uploads_ = [started(seller, product, JPEG) for _ in range(3)]
    events = [bucket.arrive(upload, file) for upload, file in zip(uploads_, (JPEG, BROKEN, JPEG), strict=True)]

    publish(notification(*events))

    assert [row(services, upload)[0] for upload in uploads_] == ["published", "refused", "published"]


def test_one_file_that_fails_does_not_hold_up_the_others_and_comes_again(
    bucket: Bucket, seller: Person, product: str, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = started(seller, product, JPEG), started(seller, product, JPEG)
    event = notification(bucket.arrive(first, JPEG), bucket.arrive(second, JPEG))
    monkeypatch.setattr(media_bucket, "keep", _failing_once(media_bucket.keep))
    with pytest.raises(Unavailable):
        publish(event)
    assert [row(services, upload)[0] for upload in (first, second)] == ["pending", "published"]

    publish(event)

    assert row(services, first)[0] == "published"


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "DATABASE_URL"])
def test_while_something_is_down_the_event_fails_and_nothing_is_lost(
    bucket: Bucket, product: str, upload: UUID, environment: dict[str, str], services: Services, *, variable: str
) -> None:
    event = bucket.arrive(upload, JPEG)
    nowhere = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "DATABASE_URL": "postgresql://x:y@127.0.0.1:9/z"}
    with (
        configured(**environment | {"MEDIA_BUCKET": BUCKET, variable: nowhere[variable]}),
        pytest.raises(Unavailable),
    ):
        publish(event)
    assert row(services, upload)[0] == "pending"

    publish(event)

    assert_published(bucket, product, upload, JPEG)


def test_a_product_that_was_read_before_shows_its_picture_after(
    api: HttpApi, bucket: Bucket, product: str, upload: UUID
) -> None:
    before = api.get(f"/products/{product}")

    publish(bucket.arrive(upload, JPEG))

    after = api.get(f"/products/{product}")
    assert str(upload) in after.json()["image"]["url"]
    assert before.headers["etag"] != after.headers["etag"]


def test_the_upload_that_was_started_last_is_shown_whatever_arrives_last(
    api: HttpApi, bucket: Bucket, seller: Person, product: str
) -> None:
    first, second, third = (started(seller, product, JPEG) for _ in range(3))

    for upload in (second, third, first):
        publish(bucket.arrive(upload, JPEG))

    assert str(third) in api.get(f"/products/{product}").json()["image"]["url"]


def test_log_lines_belong_to_the_request_that_started_the_upload(
    api: HttpApi, bucket: Bucket, seller: Person, product: str, logs: LogLines
) -> None:
    answer = api.send(
        "POST", "/uploads", seller,
        body={"product_id": product, "content_type": "image/jpeg", "bytes": len(JPEG)},
        headers={"idempotency-key": str(uuid4()), "x-correlation-id": "the-first-request"},
    )  # fmt: skip

    publish(bucket.arrive(answer.json()["id"], JPEG))

    (line,) = [line for line in logs.records if line["message"] == "upload published"]
    assert line["correlation_id"] == "the-first-request"


def test_no_transaction_is_open_while_pictures_are_made_or_moved(
    bucket: Bucket, upload: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_now: list[str] = []
    seen: list[list[str]] = []

    def run(how: Any) -> Any:
        def opened(work: Any) -> Any:
            open_now.append("transaction")
            try:
                return how(work)
            finally:
                open_now.pop()

        return opened

    def watched(original: Any) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            seen.append(list(open_now))
            return original(*arguments, **options)

        return call

    monkeypatch.setattr(images, "developed", watched(images.developed))
    for name in ("_found", "publish", "keep", "remove"):
        monkeypatch.setattr(media_bucket, name, watched(getattr(media_bucket, name)))

    uploads.publish(bucket.arrive(upload, JPEG), run(database.read), run(database.write))

    assert seen == [[]] * 6


def test_the_same_event_many_times_at_once_publishes_once(
    bucket: Bucket, product: str, upload: UUID, services: Services
) -> None:
    event, before = bucket.arrive(upload, JPEG), version(services, product)

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(publish, [event] * 6))

    assert_published(bucket, product, upload, JPEG)
    assert version(services, product) == before + 1


def test_publishing_loads_what_it_needs_and_nothing_else(
    bucket: Bucket, upload: UUID, environment: dict[str, str], services: Services
) -> None:
    event = bucket.arrive(upload, JPEG)
    publishing = f"""
import app, json, sys
from tests.events import Context
app.publish_upload({event!r}, Context())
print(json.dumps(list(sys.modules)))
"""

    printed = run_python(publishing, **ALWAYS | environment | {"MEDIA_BUCKET": BUCKET})

    loaded = set(json.loads(printed.splitlines()[-1]))
    assert row(services, upload)[0] == "published"
    assert {"PIL", "boto3", "redis", "sqlalchemy"} <= loaded
    assert not {"alembic", "apispec", "aws_xray_sdk", "jinja2", "jwt"} & loaded


def _failing_once(original: Any) -> Any:
    failures = [Unavailable("S3 is down.")]

    def call(*arguments: Any) -> Any:
        if failures:
            raise failures.pop()
        return original(*arguments)

    return call


def _never(*_: Any) -> Any:
    raise AssertionError("it was read")
