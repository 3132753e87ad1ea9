from __future__ import annotations

from uuid import uuid4

import pytest

from chalicelib.web.idempotency import claim
from chalicelib.web.problems import IdempotencyKeyMissing, Malformed
from tests.identifiers import ANY_ID

CALLER = uuid4()


@pytest.mark.parametrize("key", ["x", "a" * 255, ANY_ID, "!~", 'a"b\\c'])
def test_a_key_is_1_to_255_visible_characters(key: str) -> None:
    assert claim(CALLER, "POST /products", key, {}).key == key


@pytest.mark.parametrize("key", ["", " ", "a b", "a\n", "a" * 256, "ä", "a\x7f", "\x00", "a\tb"])
def test_any_other_key_is_malformed(key: str) -> None:
    with pytest.raises(Malformed):
        claim(CALLER, "POST /products", key, {})


def test_a_missing_key_is_asked_for() -> None:
    with pytest.raises(IdempotencyKeyMissing):
        claim(CALLER, "POST /products", None, {})


def test_the_same_value_makes_the_same_claim_however_it_is_written() -> None:
    one = claim(CALLER, "POST /products", "k", {"a": 1, "b": "é"})
    other = claim(CALLER, "POST /products", "k", {"b": "é", "a": 1})

    assert one == other
    assert one.lock == other.lock


def test_another_caller_route_key_or_body_makes_another_claim() -> None:
    claims = [
        claim(CALLER, "POST /products", "k", {"a": 1}),
        claim(uuid4(), "POST /products", "k", {"a": 1}),
        claim(CALLER, "POST /orders", "k", {"a": 1}),
        claim(CALLER, "POST /products", "l", {"a": 1}),
        claim(CALLER, "POST /products", "k", {"a": "1"}),
    ]

    assert len({(one.caller, one.route, one.key, one.fingerprint) for one in claims}) == 5
    assert len({one.lock for one in claims[:4]}) == 4


def test_the_lock_is_a_number_that_postgresql_takes() -> None:
    locks = [claim(CALLER, "POST /products", str(n), {}).lock for n in range(200)]

    assert all(-(2**63) <= lock < 2**63 for lock in locks)
    assert len(set(locks)) == 200
