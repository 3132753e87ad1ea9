"""What a template grants is read as IAM reads it."""

from __future__ import annotations

from typing import Any

import pytest

from infra import stages
from tests.grants.granted import Call, Grant, grants


@pytest.mark.parametrize(
    ("pattern", "resource", "is_covered"),
    [
        ("*", "arn:a", True),
        ("arn:a/*", "arn:a/b/c", True),
        ("arn:a/*", "arn:a", False),
        ("arn:a-??", "arn:a-bc", True),
        ("arn:a-??", "arn:a-bcd", False),
        ("arn:orders.fifo", "arn:orders-fifo", False),
        ("arn:Table", "arn:table", False),
    ],
)
def test_pattern_covers_what_it_fits_as_a_whole(pattern: str, resource: str, is_covered: bool) -> None:
    assert (
        Grant("api", "Sid", "sqs:SendMessage", pattern).covers(Call("api", "sqs:SendMessage", resource)) is is_covered
    )


def test_each_action_on_each_resource_is_a_grant_and_a_denial_is_none() -> None:
    statements = [
        statement("Some", ["a:Get", "a:Put"], [{"Fn::Sub": "arn:${Region}:one"}, {"Ref": "Other"}]),
        statement("All", "a:List", "*"),
        statement("Not", "a:Delete", "*") | {"Effect": "Deny"},
    ]

    found = grants(template(statements), stages.named("dev"), {"Region": "here", "Other": "arn:two"}.__getitem__)

    assert found == {
        Grant("worker", "Some", "a:Get", "arn:here:one"),
        Grant("worker", "Some", "a:Get", "arn:two"),
        Grant("worker", "Some", "a:Put", "arn:here:one"),
        Grant("worker", "Some", "a:Put", "arn:two"),
        Grant("worker", "All", "a:List", "*"),
    }


def test_resource_of_an_unknown_kind_is_refused() -> None:
    unknown = template([statement("Some", "a:Get", {"Fn::ImportValue": "x"})])

    with pytest.raises(ValueError, match="ImportValue"):
        grants(unknown, stages.named("dev"), str)


def statement(sid: str, actions: Any, resources: Any) -> dict[str, Any]:
    """A statement that allows something."""
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources}


def template(statements: list[dict[str, Any]]) -> dict[str, Any]:
    """A template of one function and its role."""
    function = {"FunctionName": "marketplace-dev-worker", "Role": {"Fn::GetAtt": ["Its", "Arn"]}}
    policies = [{"PolicyDocument": {"Statement": statements}}]
    return {
        "Resources": {
            "Worker": {"Type": "AWS::Serverless::Function", "Properties": function},
            "Its": {"Type": "AWS::IAM::Role", "Properties": {"Policies": policies}},
        }
    }
