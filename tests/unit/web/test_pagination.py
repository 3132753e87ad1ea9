from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import Schema, ValidationError, fields

from chalicelib.errors import Invalid
from chalicelib.paging import Page, PageRequest, page_of
from chalicelib.web import pagination


class View(Schema):
    id = fields.Integer()


def test_a_list_is_asked_for_20_items_from_the_beginning_unless_it_is_told_otherwise() -> None:
    assert pagination.request_from(pagination.PageQuery().load({})) == PageRequest(20, None)


@pytest.mark.parametrize(
    "limit", ["0", "101", "-1", "1.0", "1e1", "", " 1", "1 ", "٣", "9" * 400, "0x10", "1_0", "NaN"]
)
def test_a_limit_is_plain_digits_from_1_to_100(limit: str) -> None:
    assert pagination.PageQuery().load({"limit": "100"})["limit"] == 100
    with pytest.raises(ValidationError):
        pagination.PageQuery().load({"limit": limit})


@given(st.lists(st.integers(-(2**63) + 1, 2**63 - 1) | st.text(st.characters(categories=["L", "N"])), min_size=1))
def test_a_cursor_gives_back_the_key_that_it_was_made_of(key: list[Any]) -> None:
    cursor = pagination.next_cursor(Page([], tuple(key)))

    assert pagination.request_from({"cursor": cursor, "limit": 1}).after == tuple(key)


@pytest.mark.parametrize(
    "key",
    [
        "null", "1", '"a"', "{}", "[null]", "[1.5]", "[true]", "[[1]]", "[{}]", "[NaN]", "[1e400]",
        f"[{2**63}]", f"[{-2**63}]", "[" + "9" * 5000 + "]", '["\\ud800"]', '["\\u0000"]', '["a\\nb"]', '["\\u202e"]',
        "[" * 100_000, "[1", "", "[1,]", "NaN",
    ],
)  # fmt: skip
def test_a_cursor_that_is_well_packed_but_not_ours_is_invalid(key: str) -> None:
    cursor = base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")

    with pytest.raises(Invalid) as refusal:
        pagination.request_from({"cursor": cursor, "limit": 1})

    assert [violation.pointer for violation in refusal.value.violations] == ["/cursor"]


@given(st.text(max_size=200))
def test_a_cursor_of_any_other_text_is_invalid(cursor: str) -> None:
    try:
        pagination.request_from({"cursor": cursor, "limit": 1})
    except Invalid:
        return
    assert isinstance(json.loads(base64.urlsafe_b64decode(cursor + "==")), list)


@pytest.mark.parametrize(
    "after", [(), (1,), (1, 2), ("a", "b"), (1, "not a uuid"), (1, 2, 3), (True, str(uuid4())), ("1", str(uuid4()))]
)
def test_a_cursor_of_another_list_is_invalid(after: tuple[Any, ...]) -> None:
    with pytest.raises(Invalid):
        PageRequest(1, after).key(int, UUID)


@pytest.mark.parametrize(
    "moment", ["", "now", "infinity", "2026-01-01", "2026-13-45T00:00Z", "2026-01-01 00:00 Foo/Bar", 7]
)
def test_a_moment_in_a_cursor_is_a_full_timestamp(moment: Any) -> None:
    with pytest.raises(Invalid):
        PageRequest(1, (moment,)).key(datetime)


def test_a_cursor_of_this_list_becomes_typed() -> None:
    known, moment = uuid4(), datetime(2026, 1, 2, 3, 4, 5, 6, UTC)

    assert PageRequest(1, (7, str(known), moment.isoformat())).key(int, UUID, datetime) == (7, known, moment)
    assert PageRequest(1).key(int, UUID) is None


def test_the_row_beyond_the_limit_says_only_that_there_is_a_next_page() -> None:
    assert page_of([1, 2, 3], 2, lambda item: (item,)) == Page([1, 2], (2,))
    assert page_of([1, 2], 2, lambda item: (item,)) == Page([1, 2], None)
    assert page_of([], 2, lambda item: (item,)) == Page([], None)


def test_the_last_page_says_that_it_is_the_last() -> None:
    envelope = pagination.envelope(Page([SimpleNamespace(id=1)], None), View)

    assert envelope == {"items": [{"id": 1}], "next_cursor": None}


def test_the_link_to_the_next_page_keeps_the_other_parameters() -> None:
    link = pagination.link("/api/products", {"q": ["a&b=ü"], "limit": ["2"], "cursor": ["old"]}, "new")

    target, relation = link.split("; ")
    assert relation == 'rel="next"'
    assert parse_qs(urlsplit(target.strip("<>")).query) == {"q": ["a&b=ü"], "limit": ["2"], "cursor": ["new"]}
