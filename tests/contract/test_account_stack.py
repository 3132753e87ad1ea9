"""What an account needs once, before a stage is deployed to it."""

from __future__ import annotations

import pytest

from infra.build import PROJECT
from infra.verify.lint import lint
from tests.contract.lint import expanded

TEMPLATE = PROJECT / "infra" / "stacks" / "account.yaml"


def test_the_stack_is_clean_to_cfn_lint() -> None:
    assert lint(TEMPLATE) == []


def test_the_gateway_may_write_logs() -> None:
    resources = expanded(TEMPLATE)["Resources"]
    assert resources["GatewayAccount"]["Properties"] == {"CloudWatchRoleArn": {"Fn::GetAtt": ["GatewayLogRole", "Arn"]}}
    (policy,) = resources["GatewayLogRole"]["Properties"]["ManagedPolicyArns"]
    assert policy["Fn::Sub"].endswith(":iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs")


@pytest.mark.parametrize("name", ["GatewayLogRole", "GatewayAccount"])
def test_apis_of_other_stages_go_on_writing_logs_when_the_stack_is_deleted(name: str) -> None:
    assert expanded(TEMPLATE)["Resources"][name]["DeletionPolicy"] == "Retain"
