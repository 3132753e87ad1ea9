"""Hostile files and good ones through the running system: forms, S3, its events, and what is published of them."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.integration.actors import Actor, Api, a_key
from tests.integration.hostile_files import CANARY, KEPT_OUT, PUBLISHED, REFUSED, SentFile, files, is_good
from tests.integration.waiting import until
from tests.pictures import TYPES, metadata_of
from tests.stack import Stack
from tests.uploads import Bucket

FILES = files()
AT_ONCE = 6

each_file = pytest.mark.parametrize("file", FILES, ids=[file.name for file in FILES])


@dataclass(frozen=True)
class Outcome:
    """What became of a file: the status with which S3 took or refused it, and what the API says of the upload."""

    taken: int
    upload: Mapping[str, Any]
    published: Mapping[str, httpx.Response]
    original: httpx.Response | None


@pytest.fixture(scope="module")
def sender(api: Api) -> Actor:
    return api.person()


@pytest.fixture(scope="module")
def outcomes(stack: Stack, sender: Actor) -> dict[str, Outcome]:
    """What became of each file, by its name; a few are on their way at the same time."""
    products = [sender.product(name=f"Product {number}").json()["id"] for number in range(AT_ONCE)]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        jobs = [
            threads.submit(_outcome, stack, sender, products[number % AT_ONCE], file)
            for number, file in enumerate(FILES)
        ]
        return {file.name: job.result() for file, job in zip(FILES, jobs, strict=True)}


@each_file
def test_each_file_ends_as_it_has_to(file: SentFile, outcomes: dict[str, Outcome]) -> None:
    outcome = outcomes[file.name]

    assert (outcome.taken in {200, 201, 204}) is (file.fate != KEPT_OUT)
    assert outcome.upload["status"] == {KEPT_OUT: "pending"}.get(file.fate, file.fate)
    assert bool(outcome.upload["reason"]) is (file.fate == REFUSED)
    assert CANARY.decode() not in str(outcome.upload)


@each_file
def test_nothing_is_published_but_pictures_that_were_made_anew(file: SentFile, outcomes: dict[str, Outcome]) -> None:
    published = outcomes[file.name].published

    assert len(published) == (2 if file.fate == PUBLISHED else 0)
    for picture in published.values():
        assert picture.status_code == 200
        assert picture.headers["Content-Type"] == "image/webp"
        assert metadata_of(picture.content, "WEBP") == set()
        assert CANARY not in picture.content
        assert file.content not in picture.content


@each_file
def test_the_file_itself_is_for_its_uploader_or_gone(
    file: SentFile, outcomes: dict[str, Outcome], stored: set[str]
) -> None:
    outcome = outcomes[file.name]

    keys = {key for key in stored if outcome.upload["id"] in key}
    if file.fate != PUBLISHED:
        assert keys == set()
        return
    base = f"media/{outcome.upload['product_id']}/{outcome.upload['id']}"
    assert keys == {f"{base}/320.webp", f"{base}/1280.webp", f"originals/{outcome.upload['id']}"}
    assert outcome.original is not None
    assert outcome.original.content == file.content
    assert outcome.original.headers["Content-Disposition"].startswith("attachment;")
    assert outcome.original.headers["Content-Type"] == TYPES[file.kind]


def test_there_are_enough_of_them() -> None:
    assert len({file.name for file in FILES}) == len(FILES)
    assert sum(not is_good(file) for file in FILES) >= 60
    assert all(file.fate == PUBLISHED for file in FILES if is_good(file))
    assert {file.fate for file in FILES if not is_good(file)} == {REFUSED, KEPT_OUT, PUBLISHED}


@pytest.fixture(scope="module")
def stored(stack: Stack, outcomes: dict[str, Outcome]) -> set[str]:
    """Every key of the bucket of which any version is left."""
    return Bucket(stack.client("s3"), stack.stacks.parameter("media/bucket-name")).keys()


def _outcome(stack: Stack, sender: Actor, product: str, file: SentFile) -> Outcome:
    wanted = {"product_id": product, "content_type": TYPES[file.kind], "bytes": file.declared or len(file.content)}
    started = sender.http.post("/uploads", json=wanted, headers=a_key())
    assert started.status_code == 201, started.text
    form = started.json()
    taken = httpx.post(form["url"], data=form["fields"], files={"file": (file.filename, file.content)}, timeout=60)
    path = f"/uploads/{form['id']}"
    if taken.is_success:
        until(lambda: sender.http.get(path).json()["status"] != "pending", pause=0.2)
    upload = sender.http.get(path).json()
    published = {
        name: httpx.get(stack.url + upload[name], timeout=60) for name in ("url", "thumbnail_url") if upload[name]
    }
    link = sender.http.get(f"{path}/original")
    original = httpx.get(link.json()["url"], timeout=60) if link.is_success else None
    return Outcome(taken.status_code, upload, published, original)
