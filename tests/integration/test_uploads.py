"""Uploads over HTTP, S3 and its events: what a form admits, who sees what, and which picture a product shows."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.integration.actors import Actor, a_key, if_match, path_of
from tests.integration.functions import invoke, unheard
from tests.integration.problems import kind_of
from tests.integration.waiting import until
from tests.pictures import encoded, gradient
from tests.stack import Stack
from tests.uploads import Bucket, created, notification

Form = dict[str, Any]

JPEG = encoded(gradient(800, 600), "JPEG")
OTHER = encoded(gradient(600, 800), "JPEG")
WANTED = {"content_type": "image/jpeg", "bytes": len(JPEG) + 1000}


@pytest.fixture(scope="module")
def bucket(stack: Stack) -> Bucket:
    return Bucket(stack.client("s3"), stack.stacks.parameter("media/bucket-name"))


@pytest.fixture
def product(seller: Actor) -> str:
    return str(seller.product().json()["id"])


@pytest.fixture
def form(seller: Actor, product: str) -> Form:
    return start(seller, product)


def test_a_picture_that_is_sent_is_shown_with_its_product(stack: Stack, seller: Actor, product: str) -> None:
    before = seller.http.get(f"/products/{product}")
    form = start(seller, product)

    assert send(form).status_code == 204

    upload = ended(seller, form)
    assert upload["status"] == "published"
    until(lambda: seller.http.get(f"/products/{product}").json()["image"])
    after = seller.http.get(f"/products/{product}")
    image = {name: upload[name] for name in ("url", "thumbnail_url", "width", "height")}
    assert (before.json()["image"], after.json()["image"]) == (None, image)
    assert (image["width"], image["height"]) == (800, 600)
    assert before.headers["ETag"] != after.headers["ETag"]
    until(lambda: stack.http.get(f"/products/{product}").json()["image"] == image)  # once the cache has let go of it
    (listed,) = [one for one in seller.http.get("/me/products").json()["items"] if one["id"] == product]
    assert listed["image"] == image


def test_a_published_picture_is_kept_for_ever_and_never_taken_for_something_else(
    stack: Stack, seller: Actor, form: Form
) -> None:
    send(form)
    url = stack.url + ended(seller, form)["url"]

    answer = httpx.get(url, timeout=60)

    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer.headers["Content-Type"] == "image/webp"
    assert httpx.get(url, headers={"If-None-Match": answer.headers["ETag"]}, timeout=60).status_code == 304


@pytest.mark.parametrize("path", ["incoming/{}", "originals/{}", "media/../originals/{}", "media/%2e%2e/originals/{}"])
def test_the_front_door_leads_to_published_pictures_alone(stack: Stack, seller: Actor, form: Form, path: str) -> None:
    send(form)
    ended(seller, form)

    assert httpx.get(f"{stack.url}/media/{path.format(form['id'])}", timeout=60).status_code == 404
    assert httpx.get(f"{form['url']}/{path.format(form['id'])}", timeout=60).status_code in {403, 404}


def test_the_file_itself_is_for_its_uploader_and_is_saved_not_shown(
    stack: Stack, seller: Actor, moderator: Actor, admin: Actor, form: Form
) -> None:
    path = f"/uploads/{form['id']}/original"
    assert kind_of(seller.http.get(path), 409) == "not-published"
    send(form)
    ended(seller, form)

    link = seller.http.get(path).json()

    answer = httpx.get(link["url"], timeout=60)
    assert link["expires_in"] == 300
    assert "X-Amz-Expires=300" in link["url"]
    assert answer.content == JPEG
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{form["id"]}.jpg"'
    assert {kind_of(other.http.get(path), 404) for other in (moderator, admin)} == {"upload-not-found"}
    assert httpx.get(link["url"].replace(form["id"], str(uuid4())), timeout=60).status_code == 403
    assert httpx.get(link["url"].partition("?")[0], timeout=60).status_code == 403


@pytest.mark.parametrize("path", ["/uploads/{}", "/uploads/{}/original"])
def test_an_upload_is_there_for_its_uploader_alone(
    seller: Actor, buyer: Actor, moderator: Actor, admin: Actor, visitor: httpx.Client, *, form: Form, path: str
) -> None:
    path = path.format(form["id"])

    for other in (buyer, moderator, admin):
        assert kind_of(other.http.get(path), 404) == "upload-not-found"
    assert visitor.get(path).status_code == 401
    assert kind_of(seller.http.get(path.replace(form["id"], str(uuid4()))), 404) == "upload-not-found"


def test_only_the_seller_sends_pictures_of_a_product(
    buyer: Actor, moderator: Actor, admin: Actor, product: str
) -> None:
    for other in (buyer, moderator, admin):
        answer = other.http.post("/uploads", json=WANTED | {"product_id": product}, headers=a_key())
        assert kind_of(answer, 403) == "not-your-product"


def test_a_product_that_is_not_seen_is_not_there(seller: Actor, buyer: Actor) -> None:
    draft = seller.product(status="draft").json()["id"]

    for product in (draft, str(uuid4())):
        answer = buyer.http.post("/uploads", json=WANTED | {"product_id": product}, headers=a_key())
        assert kind_of(answer, 404) == "product-not-found"
    assert start(seller, draft)["id"]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"content_type": "image/gif"}, "/content_type"), ({"content_type": "image/svg+xml"}, "/content_type"),
        ({"content_type": "image/jpeg; x"}, "/content_type"), ({"bytes": 0}, "/bytes"), ({"bytes": -1}, "/bytes"),
        ({"bytes": 10 * 1024 * 1024 + 1}, "/bytes"), ({"bytes": "5"}, "/bytes"), ({"key": "media/x"}, "/key"),
        ({"product_id": "../x"}, "/product_id"),
    ],
)  # fmt: skip
def test_what_may_not_be_sent_is_told_where(seller: Actor, product: str, change: Form, pointer: str) -> None:
    answer = seller.http.post("/uploads", json=WANTED | {"product_id": product} | change, headers=a_key())

    assert kind_of(answer, 422) == "invalid"
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_the_same_key_brings_the_same_form(seller: Actor, product: str) -> None:
    key = a_key()
    first, again = (seller.http.post("/uploads", json=WANTED | {"product_id": product}, headers=key) for _ in range(2))

    assert first.content == again.content
    assert again.headers["Idempotent-Replayed"] == "true"
    assert first.headers["Location"].endswith(f"/uploads/{first.json()['id']}")


def _with(**changes: str) -> Callable[[Form], Form]:
    return lambda form: form | {"fields": form["fields"] | changes}


def _without(name: str) -> Callable[[Form], Form]:
    return lambda form: form | {"fields": {key: value for key, value in form["fields"].items() if key != name}}


def _to_another_bucket(form: Form) -> Form:
    return form | {"url": form["url"] + "-other"}


def _expired(form: Form) -> Form:
    """The form with a policy that ended, under the old signature."""
    return _with_policy(form, lambda policy: policy | {"expiration": "2020-01-01T00:00:00Z"})


def _of_any_size(form: Form) -> Form:
    return _with_policy(form, lambda policy: policy | {"conditions": policy["conditions"][:-1]})


def _with_policy(form: Form, change: Callable[[Form], Form]) -> Form:
    policy = change(json.loads(base64.b64decode(form["fields"]["policy"])))
    return _with(policy=base64.b64encode(json.dumps(policy).encode()).decode())(form)


TAMPERED: Mapping[str, Callable[[Form], Form]] = {
    "another upload's key": _with(key=f"incoming/{uuid4()}"),
    "a published key": _with(key="media/x/y/1280.webp"),
    "a key with the file's name": _with(key="incoming/${filename}"),
    "a key above": _with(key="incoming/../media/x"),
    "another type": _with(**{"Content-Type": "text/html"}),
    "no type": _without("Content-Type"),
    "no encryption": _without("x-amz-server-side-encryption"),
    "other encryption": _with(**{"x-amz-server-side-encryption": "aws:kms"}),
    "an access list": _with(acl="public-read"),
    "metadata": _with(**{"x-amz-meta-x": "y"}),
    "a redirect": _with(success_action_redirect="http://127.0.0.1/"),
    "a content encoding": _with(**{"Content-Encoding": "gzip"}),
    "tags": _with(tagging="<Tagging/>"),
    "a policy that has ended": _expired,
    "a policy without a size": _of_any_size,
    "another signature": _with(**{"x-amz-signature": "0" * 64}),
    "no signature": _without("x-amz-signature"),
    "no policy": _without("policy"),
    "another person's credential": _with(**{"x-amz-credential": "AKIDEXAMPLE/20260101/eu-central-1/s3/aws4_request"}),
    "no token": _without("x-amz-security-token"),
    "another bucket": _to_another_bucket,
}


@pytest.mark.parametrize("tamper", TAMPERED.values(), ids=TAMPERED.keys())
def test_a_form_that_was_changed_is_refused_by_s3(
    seller: Actor, form: Form, bucket: Bucket, tamper: Callable[[Form], Form]
) -> None:
    before = bucket.keys()

    answer = send(tamper(form))

    assert 400 <= answer.status_code < 500
    assert bucket.keys() - before == set()
    assert seller.http.get(f"/uploads/{form['id']}").json()["status"] == "pending"


def test_a_form_takes_no_more_than_was_declared_and_no_less_than_something(seller: Actor, form: Form) -> None:
    room = WANTED["bytes"] - len(JPEG)

    assert send(form, JPEG + b"\0" * (room + 1)).status_code == 400
    assert send(form, b"").status_code == 400
    assert send(form, JPEG + b"\0" * room).status_code == 204
    assert ended(seller, form)["status"] == "published"


def test_a_form_that_has_expired_is_refused_by_s3(stack: Stack, bucket: Bucket) -> None:
    signed = stack.client("s3").generate_presigned_post(bucket.name, f"incoming/{uuid4()}", ExpiresIn=-1)

    answer = send({"url": signed["url"], "fields": signed["fields"]})

    assert answer.status_code == 403
    assert "expired" in answer.text.lower()


def test_the_first_good_file_of_a_form_counts(seller: Actor, form: Form, bucket: Bucket) -> None:
    send(form)
    published = ended(seller, form)

    assert send(form, OTHER).status_code == 204

    until(lambda: not any(form["id"] in key for key in bucket.keys("incoming/")))
    assert seller.http.get(f"/uploads/{form['id']}").json() == published
    assert (published["width"], published["height"]) == (800, 600)
    assert bucket.object(f"originals/{form['id']}")[0] == JPEG


def test_the_picture_whose_upload_was_started_last_is_shown(seller: Actor, product: str) -> None:
    older, newer = start(seller, product), start(seller, product)
    for form in (newer, older):
        send(form)
        assert ended(seller, form)["status"] == "published"

    until(lambda: newer["id"] in str(seller.http.get(f"/products/{product}").json()["image"]))


def test_a_change_from_before_the_picture_is_stale(seller: Actor) -> None:
    product = seller.product()
    form = start(seller, product.json()["id"])
    send(form)
    ended(seller, form)

    answer = seller.http.patch(path_of(product), json={"stock": 1}, headers=if_match(product))

    assert kind_of(answer, 412) == "stale"


def test_an_event_that_comes_again_or_late_changes_nothing(
    stack: Stack, seller: Actor, form: Form, bucket: Bucket
) -> None:
    sent = send(form)
    published = ended(seller, form)
    product = seller.http.get(f"/products/{published['product_id']}")
    event = told(bucket, form, sent)

    assert [invoke(stack, "publish_upload", event)[1] for _ in range(2)] == [False, False]

    assert seller.http.get(f"/uploads/{form['id']}").json() == published
    assert seller.http.get(f"/products/{published['product_id']}").headers["ETag"] == product.headers["ETag"]


def test_a_notification_of_the_bucket_itself_is_understood_with_all_of_its_records(
    stack: Stack, seller: Actor, product: str, bucket: Bucket
) -> None:
    forms = [start(seller, product) for _ in range(3)]
    with unheard(stack, "publish_upload", "default"):
        sent = [send(form) for form in forms]
        events = [told(bucket, form, answer) for form, answer in zip(forms, sent, strict=True)]
        assert {seller.http.get(f"/uploads/{form['id']}").json()["status"] for form in forms} == {"pending"}

        assert not invoke(stack, "publish_upload", notification(*events))[1]

    assert {seller.http.get(f"/uploads/{form['id']}").json()["status"] for form in forms} == {"published"}


def test_what_nobody_asked_for_is_removed(stack: Stack, bucket: Bucket) -> None:
    keys = {f"incoming/{key}" for key in (str(uuid4()), f"{uuid4()} +%2f", f"a/b/{uuid4()}", f"../{uuid4()}")}
    for key in keys:
        stack.client("s3").put_object(Bucket=bucket.name, Key=key, Body=JPEG, ServerSideEncryption="AES256")

    until(lambda: not keys & bucket.keys("incoming/"))
    assert bucket.markers() == 0


def start(seller: Actor, product: str) -> Form:
    """The form for a picture of the product."""
    answer = seller.http.post("/uploads", json=WANTED | {"product_id": product}, headers=a_key())
    assert answer.status_code == 201, answer.text
    form: Form = answer.json()
    return form


def send(form: Form, file: bytes = JPEG) -> httpx.Response:
    """S3's answer to the form with the file."""
    return httpx.post(form["url"], data=form["fields"], files={"file": ("picture.jpg", file)}, timeout=30)


def told(bucket: Bucket, form: Form, sent: httpx.Response) -> dict[str, Any]:
    """The event of a file that S3 has taken."""
    version, etag = sent.headers["x-amz-version-id"], sent.headers["ETag"].strip('"')
    return created(bucket.name, form["fields"]["key"], version, etag, len(JPEG))


def ended(seller: Actor, form: Form) -> dict[str, Any]:
    """The upload once it has ended."""
    path = f"/uploads/{form['id']}"
    until(lambda: seller.http.get(path).json()["status"] != "pending")
    upload: dict[str, Any] = seller.http.get(path).json()
    return upload
