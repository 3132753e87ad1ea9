"""Publishing when it dies at any step, and when files come twice, late, or in the place of others.

Each guard is taken away once, to show that the tests would notice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from chalicelib import database, products, uploads
from chalicelib.products import repository as products_repository
from chalicelib.uploads import bucket as media_bucket
from chalicelib.uploads import images, repository
from tests.interleaving import run_before
from tests.people import Person
from tests.pictures import encoded, gradient
from tests.services import Services
from tests.uploads import JPEG, Bucket, assert_published, publish, row, started, version

OTHER = encoded(gradient(60, 80), "JPEG", quality=90)
BROKEN = JPEG[:5000]

PUBLISHING = [
    (media_bucket, "_found"), (repository, "find"), (images, "developed"), (repository, "choose"),
    (media_bucket, "publish"), (media_bucket, "keep"), (repository, "publish"), (products, "show"),
    (media_bucket, "remove"),
]  # fmt: skip
REFUSING = [(media_bucket, "_found"), (images, "check_size"), (repository, "refuse"), (media_bucket, "remove")]


class Died(BaseException):
    """The end of the execution environment: nothing that follows is executed."""


def _points(steps: list[tuple[Any, str]]) -> list[Any]:
    return [
        pytest.param(owner, name, effective, id=f"{'after' if effective else 'before'} {name}")
        for owner, name in steps
        for effective in (False, True)
    ]


@pytest.mark.parametrize(("owner", "name", "effective"), _points(PUBLISHING))
def test_a_crash_at_any_step_is_made_good_by_the_next_event(
    bucket: Bucket, product: str, upload: UUID, services: Services, *, owner: Any, name: str, effective: bool
) -> None:
    event, before = bucket.arrive(upload, JPEG), version(services, product)

    _die_at(owner, name, effective, lambda: publish(event))
    publish(event, event)

    assert row(services, upload) == ["published", None, 1280, 960]
    assert_published(bucket, product, upload, JPEG)
    assert version(services, product) == before + 1


@pytest.mark.parametrize(("owner", "name", "effective"), _points(REFUSING))
def test_so_is_one_while_a_file_is_refused(
    bucket: Bucket, upload: UUID, services: Services, *, owner: Any, name: str, effective: bool
) -> None:
    event = bucket.arrive(upload, BROKEN)

    _die_at(owner, name, effective, lambda: publish(event))
    publish(event, event)

    assert row(services, upload) == ["refused", "The file is damaged.", None, None]
    assert bucket.keys_of(upload) == set()


@pytest.mark.parametrize("commit", [1, 2])
def test_so_is_one_right_after_a_commit(
    bucket: Bucket, product: str, upload: UUID, services: Services, commit: int
) -> None:
    event, before = bucket.arrive(upload, JPEG), version(services, product)
    commits: list[int] = []

    def write(work: Callable[[], Any]) -> Any:
        result = database.write(work)
        commits.append(1)
        if len(commits) == commit:
            raise Died
        return result

    with pytest.raises(Died):
        uploads.publish(event, database.read, write)
    publish(event)

    assert_published(bucket, product, upload, JPEG)
    assert version(services, product) == before + 1


def test_without_the_right_order_a_crash_would_lose_the_file(
    bucket: Bucket, upload: UUID, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is removed last: here it is removed as soon as it was read."""
    monkeypatch.setattr(media_bucket.Incoming, "read", _then_removed(media_bucket.Incoming.read))
    event = bucket.arrive(upload, JPEG)

    _die_at(media_bucket, "keep", False, lambda: publish(event))
    publish(event)

    assert row(services, upload)[0] == "pending"


def test_two_files_of_one_form_never_mix(bucket: Bucket, product: str, upload: UUID, services: Services) -> None:
    first, second = bucket.arrive(upload, JPEG), bucket.arrive(upload, OTHER)

    _die_between_renditions(lambda: publish(first))
    publish(second, first)

    assert_published(bucket, product, upload, JPEG)
    assert row(services, upload)[2:] == [1280, 960]


def test_without_a_choice_they_would(
    bucket: Bucket, product: str, upload: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository, "choose", lambda upload_id, etag: repository.find(upload_id))
    monkeypatch.setattr(repository, "publish", _of_any_file)
    first, second = bucket.arrive(upload, JPEG), bucket.arrive(upload, OTHER)
    _die_between_renditions(lambda: publish(first))
    run_before(monkeypatch, media_bucket, "keep", lambda: publish(first))

    publish(second)

    with pytest.raises(AssertionError):
        assert_published(bucket, product, upload, OTHER)
    with pytest.raises(AssertionError):
        assert_published(bucket, product, upload, JPEG)


@pytest.mark.parametrize(("file", "other"), [(JPEG, OTHER), (JPEG, BROKEN)])
def test_a_second_file_of_an_upload_that_has_ended_is_removed_and_changes_nothing(
    bucket: Bucket, product: str, upload: UUID, services: Services, *, file: bytes, other: bytes
) -> None:
    first, second = bucket.arrive(upload, file), bucket.arrive(upload, other)

    publish(first, second, second, first)

    assert_published(bucket, product, upload, file)


def test_a_refused_upload_stays_refused(bucket: Bucket, upload: UUID, services: Services) -> None:
    publish(bucket.arrive(upload, BROKEN), bucket.arrive(upload, JPEG))

    assert row(services, upload)[0] == "refused"
    assert bucket.keys_of(upload) == set()


def test_a_bad_file_does_not_end_an_upload_for_which_a_good_one_was_chosen(
    bucket: Bucket, product: str, upload: UUID
) -> None:
    first = bucket.arrive(upload, JPEG)
    _die_at(repository, "publish", False, lambda: publish(first))

    publish(bucket.arrive(upload, BROKEN), first)

    assert_published(bucket, product, upload, JPEG)


def test_events_in_the_wrong_order_publish_one_file_in_full(bucket: Bucket, product: str, upload: UUID) -> None:
    first, second = bucket.arrive(upload, JPEG), bucket.arrive(upload, OTHER)

    publish(second, first)

    assert_published(bucket, product, upload, OTHER)


def test_the_file_that_the_event_tells_of_is_taken_though_another_one_replaced_it(
    bucket: Bucket, product: str, upload: UUID
) -> None:
    event = bucket.arrive(upload, JPEG)
    replacement = bucket.arrive(upload, BROKEN)

    publish(event)

    assert bucket.keys(f"incoming/{upload}") == {f"incoming/{upload}"}
    publish(replacement)
    assert_published(bucket, product, upload, JPEG)


def test_an_event_without_a_version_is_of_no_other_file_than_its_own(
    bucket: Bucket, product: str, upload: UUID, services: Services
) -> None:
    event, replacement = bucket.arrive(upload, BROKEN), bucket.arrive(upload, JPEG)
    for told in (event, replacement):
        del told["detail"]["object"]["version-id"]

    publish(event)
    assert row(services, upload)[0] == "pending"
    publish(replacement)

    assert row(services, upload)[0] == "published"
    assert bucket.markers() == 0


def test_a_file_that_is_replaced_while_it_is_worked_on_is_published_all_the_same(
    bucket: Bucket, product: str, upload: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = bucket.arrive(upload, JPEG)
    replaced = run_before(monkeypatch, images, "developed", lambda: bucket.arrive(upload, BROKEN))

    publish(event)

    assert bucket.object(f"originals/{upload}")[0] == JPEG
    publish(replaced[0])
    assert_published(bucket, product, upload, JPEG)


def test_without_its_version_another_file_would_be_hidden(
    bucket: Bucket, upload: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media_bucket, "_version", lambda version_id: {})

    publish(bucket.arrive(upload, JPEG))

    assert bucket.markers() == 1
    bucket.empty()


def test_a_file_that_is_gone_is_done(bucket: Bucket, upload: UUID, services: Services) -> None:
    event = bucket.arrive(upload, JPEG)
    bucket.empty()

    publish(event)

    assert row(services, upload)[0] == "pending"


def test_without_its_condition_an_older_picture_would_replace_a_newer_one(
    bucket: Bucket, seller: Person, product: str, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    older, newer = started(seller, product, JPEG), started(seller, product, JPEG)
    publish(bucket.arrive(newer, JPEG))
    monkeypatch.setattr(products_repository, "or_", lambda *_: products_repository.true())

    publish(bucket.arrive(older, JPEG))

    ((shown,),) = services.sql("SELECT image->>'upload_id' FROM products WHERE id = :id", id=product)
    assert shown == str(older)


def _die_at(owner: Any, name: str, effective: bool, work: Callable[[], Any]) -> None:
    """Runs `work`, which ends before or after its first call of `owner.name` has had its effect."""
    original = getattr(owner, name)

    def dying(*arguments: Any, **named: Any) -> Any:
        if effective:
            original(*arguments, **named)
        raise Died

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, dying, raising=False)
        with pytest.raises(Died):
            work()


def _die_between_renditions(work: Callable[[], Any]) -> None:
    _die_at(media_bucket, "publish", True, work)


def _then_removed(read: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
    def read_and_remove(incoming: Any) -> bytes:
        content = read(incoming)
        media_bucket.remove(incoming)
        return content

    return read_and_remove


def _of_any_file(upload_id: UUID, _etag: str, width: int, height: int) -> Any:
    """`repository.publish` without its condition on the file."""
    found = repository.find(upload_id)
    statement = repository.update(repository.uploads).where(repository.uploads.c.id == upload_id)
    return found and repository._one(statement.values(status="published", width=width, height=height))
