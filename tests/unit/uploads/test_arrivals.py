"""What arrived, read from both shapes of S3's events."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.uploads.arrivals import Arrival, arrivals
from tests.uploads import created, notification

BUCKET = "the-bucket"


@given(st.text(min_size=1, max_size=40))
def test_both_shapes_tell_the_same_of_any_key(name: str) -> None:
    key = f"incoming/{name}"
    event = created(BUCKET, key, "v1", "e1", 7)

    expected = [Arrival(BUCKET, key, "v1", "e1")]
    assert list(arrivals(event, BUCKET)) == expected
    assert list(arrivals(notification(event), BUCKET)) == expected


def test_every_record_counts() -> None:
    events = [created(BUCKET, f"incoming/{number}", None, str(number), 7) for number in range(3)]

    assert [arrival.etag for arrival in arrivals(notification(*events), BUCKET)] == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("bucket", "key"),
    [
        ("another", "incoming/1"),
        (BUCKET, "media/1"),
        (BUCKET, "originals/1"),
        (BUCKET, "incoming"),
        (BUCKET, "x/incoming/1"),
    ],
)
def test_what_is_elsewhere_is_left_alone(bucket: str, key: str) -> None:
    event = created(bucket, key, "v1", "e1", 7)

    assert not list(arrivals(event, BUCKET))
    assert not list(arrivals(notification(event), BUCKET))


@pytest.mark.parametrize("event", [{}, {"Records": []}, {"Service": "Amazon S3", "Event": "s3:TestEvent"}])
def test_an_event_without_objects_tells_of_none(event: dict[str, Any]) -> None:
    assert not list(arrivals(event, BUCKET))


def test_a_key_of_ours_names_its_upload() -> None:
    upload = uuid4()

    assert _arrival(f"incoming/{upload}").upload_id == upload


@given(st.uuids())
def test_no_other_spelling_of_an_id_does(upload: UUID) -> None:
    for name in (
        str(upload).upper() + " ",
        upload.hex,
        f"{{{upload}}}",
        f"urn:uuid:{upload}",
        f"../{upload}",
        f"{upload}/",
    ):
        assert _arrival(f"incoming/{name}").upload_id is None


@given(st.text(max_size=60))
def test_any_other_key_names_none(name: str) -> None:
    arrival = _arrival(f"incoming/{name}")

    assert arrival.upload_id is None or str(arrival.upload_id) == name


def _arrival(key: str) -> Arrival:
    return Arrival(BUCKET, key, None, None)
