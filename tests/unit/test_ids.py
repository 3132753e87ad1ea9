from __future__ import annotations

from chalicelib.ids import new_id


def test_ids_are_uuid_version_7_unique_and_in_order_of_time() -> None:
    made = [new_id() for _ in range(1000)]

    assert {one.version for one in made} == {7}
    assert len(set(made)) == 1000
    assert made == sorted(made)
