"""What policy files leave open is filled in for a stage."""

from __future__ import annotations

from typing import Any

import pytest

from infra import stages
from infra.bindings import bind_policies
from infra.errors import BuildError

STAGE_OF_STACK = {"Stage": {"Fn::Select": [1, {"Fn::Split": ["-", {"Ref": "AWS::StackName"}]}]}}


def bound(text: str) -> Any:
    """What becomes of a resource that is written as `text`."""
    return bind_policies({"Resource": [{"Fn::Sub": [text, STAGE_OF_STACK]}]}, stages.named("dev"))["Resource"][0]


@pytest.mark.parametrize(
    ("text", "resource"),
    [
        ("arn:aws:s3:::marketplace-${Stage}", "arn:aws:s3:::marketplace-dev"),
        ("arn:${AWS::Partition}:s3:::marketplace-${Stage}", {"Fn::Sub": "arn:${AWS::Partition}:s3:::marketplace-dev"}),
        ("{{resolve:ssm:/marketplace/${Stage}/users/pool-arn}}", {"Ref": "UserPoolArn"}),
        ("identity/{{resolve:ssm:/marketplace/${Stage}/mail/from}}", {"Fn::Sub": "identity/${MailFrom}"}),
    ],
)
def test_stage_and_parameters_are_filled_in(text: str, resource: Any) -> None:
    assert bound(text) == resource


def test_a_parameter_that_no_stack_shares_stops_the_build() -> None:
    with pytest.raises(BuildError, match="/marketplace/dev/users/secret"):
        bound("{{resolve:ssm:/marketplace/${Stage}/users/secret}}")
