"""Roles and what they may do."""

from __future__ import annotations

import re
from collections.abc import Mapping

from infra.terraform.conditional import elements, under
from infra.terraform.expressions import Value
from infra.terraform.translation import (
    Block,
    Own,
    Resource,
    Table,
    Translation,
    apply,
    document,
    ignored,
    tags,
)

_POLICY: Table = {"PolicyName": "name", "PolicyDocument": document("policy")}
_ROLE = Own("self.name")


def _with_policies(resource: Resource, blocks: list[Block]) -> list[Block]:
    """Each policy is a resource of its own, told apart by the policy's name."""
    attached = [
        under(conditions, Block("aws_iam_role_policy_attachment", {"role": _ROLE, "policy_arn": arn}, _tail(str(arn))))
        for conditions, arn in elements(resource.properties.get("ManagedPolicyArns", []))
    ]
    inline = [
        under(
            conditions,
            Block(
                "aws_iam_role_policy",
                {"role": _ROLE, **apply(_POLICY, policy, resource.place)},
                _label(policy["PolicyName"]),
            ),
        )
        for conditions, policy in elements(resource.properties.get("Policies", []))
    ]
    return [*blocks, *attached, *inline]


def _tail(arn: Value) -> str:
    """The name at the end of a policy's ARN, or of the reference to a policy."""
    return _label(re.findall(r"[\w-]+", re.sub(r"\.\w+\W*$", "", str(arn)))[-1])


def _label(name: str) -> str:
    return re.sub(r"\W+", "_", name).lower()


TYPES: Mapping[str, Translation] = {
    "AWS::IAM::Role": Translation(
        "aws_iam_role",
        ref="name",
        attributes={"Arn": "arn", "RoleId": "unique_id"},
        arguments={
            "RoleName": "name",
            "Description": "description",
            "AssumeRolePolicyDocument": document("assume_role_policy"),
            "MaxSessionDuration": "max_session_duration",
            "ManagedPolicyArns": ignored("each is attached by a resource of its own"),
            "Policies": ignored("each is a resource of its own"),
            "Tags": tags(),
        },
        rewrite=_with_policies,
    ),
}
