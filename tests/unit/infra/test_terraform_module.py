"""What is held against a Terraform module, each by a small one that breaks one rule."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from infra.verify.terraform_module import expressions, findings, read

RULE = {"name": [True, "string"]}
SCHEMA = {
    "aws_queue": {
        "arguments": {
            "name": [True, "string"],
            "delay": [False, "number"],
            "is_open": [False, "bool"],
            "subnets": [False, "[string]"],
            "tags": [False, "{string}"],
            "limits": [False, "block", {"most": [True, "number"]}],
            "rule": [False, "[block]", RULE],
            "point": [False, "object", RULE],
        },
        "attributes": ["arn", "queueUrl"],
    },
    "data.aws_zone": {"arguments": {}, "attributes": ["zoneId"]},
}
GOOD: dict[str, Any] = {
    "name": "q-${var.stage}",
    "delay": 5,
    "is_open": True,
    "subnets": ["a", "${local.b}"],
    "tags": {"a": "b"},
    "limits": {"most": "5"},
    "rule": [{"name": "a"}, {"name": "b"}],
    "point": {"name": "x"},
    "count": '${var.stage == "dev" ? 1 : 0}',
    "depends_on": ["data.aws_zone.here"],
    "lifecycle": {"prevent_destroy": True},
}


def module(folder: Path, changes: dict[str, Any], output: str = "none") -> list[str]:
    body = {name: value for name, value in {**GOOD, **changes}.items() if value is not ...}
    content = {
        "variable": {"stage": {"type": "string"}},
        "locals": {"b": "b"},
        "data": {"aws_zone": {"here": {}}},
        "resource": {"aws_queue": {"one": {"name": "one"}, "tested": body}},
        "output": {"shown": {"value": output}},
    }
    (folder / "queues.tf.json").write_text(json.dumps(content))
    return findings(read(folder), SCHEMA)


def test_a_sound_module_has_no_findings(tmp_path: Path) -> None:
    assert module(tmp_path, {}, "${aws_queue.tested[0].queue_url} $${aws_queue.no.arn} ${data.aws_zone.here.id}") == []


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"colour": "red"}, ".colour: unknown argument"),
        ({"name": ...}, ".name: required argument is missing"),
        ({"name": None}, ".name: required argument is missing"),
        ({"delay": "soon"}, ".delay: number is wanted"),
        ({"is_open": "yes"}, ".is_open: bool is wanted"),
        ({"name": ["a"]}, ".name: string is wanted"),
        ({"subnets": "a"}, ".subnets: a list is wanted"),
        ({"subnets": [["a"]]}, ".subnets[0]: string is wanted"),
        ({"tags": [{"key": "a"}]}, ".tags: a map is wanted"),
        ({"limits": "${local.b}"}, ".limits: a block is wanted, which no expression can stand for"),
        ({"limits": [{"most": 1}, {"most": 2}]}, ".limits: one block is wanted, not 2"),
        ({"limits": {}}, ".limits.most: required argument is missing"),
        ({"rule": [{"name": "a", "colour": 1}]}, ".rule.colour: unknown argument"),
        ({"point": [{"name": "a"}]}, ".point: object is wanted"),
        ({"dynamic": {"rule": {"for_each": [], "content": {"no": 1}}}, "rule": ...}, ".rule.no: unknown argument"),
        ({"name": "${var.colour}"}, ": var.colour is not declared"),
        ({"name": "${local.colour}"}, ": local.colour is not declared"),
        ({"name": "${aws_queue.two.arn}"}, ": aws_queue.two is not declared"),
        ({"depends_on": ["aws_queue.two"]}, ": aws_queue.two is not declared"),
        ({"name": "${aws_queue.one.colour}"}, ": aws_queue.one.colour: unknown attribute"),
        ({"name": "${aws_queue.one[0].arn}"}, ": aws_queue.one[0].arn: there is only one"),
        ({"name": "${aws_queue.tested.arn}"}, ": aws_queue.tested.arn: an index is missing"),
        ({"tags": {"a": "${jsonencode({a = aws_queue.two.arn})}"}}, ": aws_queue.two is not declared"),
    ],
)
def test_a_broken_module_is_told_by_file_and_address(tmp_path: Path, changes: dict[str, Any], finding: str) -> None:
    assert f"queues.tf.json: aws_queue.tested{finding}" in module(tmp_path, changes)


def test_outputs_are_held_to_the_module_too(tmp_path: Path) -> None:
    assert module(tmp_path, {}, "${aws_queue.two.arn}") == ["queues.tf.json: output: aws_queue.two is not declared"]


def test_an_unknown_type_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.tf.json").write_text(json.dumps({"resource": {"aws_lake": {"big": {}}}}))
    assert findings(read(tmp_path), SCHEMA) == ["a.tf.json: aws_lake.big: the provider has no such type"]


def test_expressions_may_hold_braces() -> None:
    assert list(expressions("a ${f({x = {}})} $${no} ${b}")) == ["f({x = {}})", "b"]
