from __future__ import annotations

from typing import Any

import pytest
from marshmallow import Schema, ValidationError, fields, validates_schema

from chalicelib.errors import Invalid
from chalicelib.web import validation


class Line(Schema):
    quantity = fields.Integer(required=True)


class Wanted(Schema):
    name = fields.String(required=True)
    lines = fields.List(fields.Nested(Line))

    @validates_schema
    def _check(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("name") == "nothing":
            raise ValidationError("Nothing is not a name.")


def violations(data: Any) -> dict[str, str]:
    """What is wrong with `data`, by its pointer."""
    with pytest.raises(Invalid) as refusal:
        validation.loaded(Wanted, data)
    return {violation.pointer: violation.detail for violation in refusal.value.violations}


def test_what_is_valid_is_loaded() -> None:
    assert validation.loaded(Wanted, {"name": "a", "lines": [{"quantity": 1}]}) == {
        "name": "a",
        "lines": [{"quantity": 1}],
    }


@pytest.mark.parametrize("data", [None, [], "text", 17, True])
def test_what_is_no_object_is_refused_as_a_whole(data: Any) -> None:
    assert violations(data) == {"": "A JSON object is expected."}


def test_each_violation_has_a_pointer() -> None:
    found = violations({"lines": [{"quantity": 1}, {"quantity": "x"}, {}], "more": 1})

    assert found.keys() == {"/name", "/lines/1/quantity", "/lines/2/quantity", "/more"}


def test_names_are_escaped_and_cut_in_pointers() -> None:
    found = violations({"name": "a", "a/b~c": 1, "x" * 500: 1})

    assert found.keys() == {"/a~1b~0c", "/" + "x" * 64}


def test_a_violation_of_the_whole_has_the_pointer_of_the_whole() -> None:
    assert violations({"name": "nothing"}) == {"": "Nothing is not a name."}
