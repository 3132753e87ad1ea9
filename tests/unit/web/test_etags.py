from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import Schema, fields

from chalicelib.errors import Stale
from chalicelib.web import etags
from chalicelib.web.problems import Malformed, PreconditionRequired


class View(Schema):
    id = fields.UUID()


class WiderView(Schema):
    id = fields.UUID()
    name = fields.String()


TAG = etags.tag(3, View)
OTHER_VERSION = etags.tag(4, View)
OTHER_RELEASE = etags.tag(3, WiderView)


def test_a_tag_is_quoted_strong_and_says_the_version() -> None:
    assert TAG.startswith('"3-')
    assert TAG.endswith('"')


def test_another_version_and_another_set_of_fields_have_other_tags() -> None:
    assert len({TAG, OTHER_VERSION, OTHER_RELEASE}) == 3


@pytest.mark.parametrize("header", [TAG, f"W/{TAG}", "*", " * ", f'"x", {TAG}', f"W/{OTHER_VERSION},{TAG}"])
def test_a_copy_with_the_current_tag_is_fresh(header: str) -> None:
    assert etags.is_fresh(header, TAG)


@pytest.mark.parametrize("header", [None, "", OTHER_VERSION, OTHER_RELEASE, "3", TAG.strip('"'), '"', "**", "W/"])
def test_any_other_copy_is_not_fresh(header: str | None) -> None:
    assert not etags.is_fresh(header, TAG)


def test_a_change_may_be_based_on_each_version_that_it_names() -> None:
    assert etags.expected_versions(TAG, View) == [3]
    assert etags.expected_versions(f"{OTHER_VERSION} , {TAG}", View) == [4, 3]
    assert etags.expected_versions(f'"unknown", {TAG}', View) == [3]


def test_an_asterisk_means_any_version() -> None:
    assert etags.expected_versions(" * ", View) is None


def test_a_change_without_a_precondition_is_told_to_have_one() -> None:
    with pytest.raises(PreconditionRequired):
        etags.expected_versions(None, View)


@pytest.mark.parametrize(
    "header",
    [
        f"W/{TAG}",
        OTHER_RELEASE,
        '""',
        '"3"',
        f'"-1{TAG[2:]}',
        f'"3.0{TAG[2:]}',
        f'"{"9" * 10}{TAG[2:]}',
        f'"٣{TAG[2:]}',
    ],
)
def test_a_tag_that_cannot_be_current_is_stale(header: str) -> None:
    with pytest.raises(Stale):
        etags.expected_versions(header, View)


@pytest.mark.parametrize("header", ["", "3", "W/", '"', "'3-x'", "**"])
def test_what_is_no_list_of_tags_is_malformed(header: str) -> None:
    with pytest.raises(Malformed):
        etags.expected_versions(header, View)


@given(st.text(st.characters(codec="latin-1"), max_size=60))
def test_no_header_makes_it_fail_in_another_way(header: str) -> None:
    etags.is_fresh(header, TAG)
    try:
        versions = etags.expected_versions(header, View)
    except (Stale, Malformed):
        return
    assert versions is None or all(version < 10**9 for version in versions)
