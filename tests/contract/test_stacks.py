"""What every stack that is written by hand keeps, whichever it is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from infra.build import PROJECT
from infra.deployed import deployed, of_type
from infra.verify.lint import lint
from tests.contract.wildcards import unexpected_wildcards

STACKS = sorted((PROJECT / "infra" / "stacks").glob("*.yaml"))
# With everything that a parameter can add.
PROD = {"Stage": "prod", "ImageDigest": f"sha256:{'0' * 64}"}
# Wildcards in roles that stacks define themselves, beside those that any role may have, each with its reason.
FROZEN = {
    r"GatewayLogRole: \* on arn:\S+:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs": (
        "AWS's own policy for a setting of the account"
    ),
    r"DatabaseMonitoringRole: \* on arn:\S+:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole": (
        "AWS's own policy for a log group of the account"
    ),
    r"NetworkSettingsRole: logs:CreateLogStream logs:PutLogEvents on \S+-network-settings:log-stream:\*": (
        "Lambda names a stream when an execution environment starts; the group is the function's own"
    ),
    r"NetworkSettingsRole: ec2:DescribeManagedPrefixLists on \*": "the action has no resource type",
    r"FlowLogsRole: logs:CreateLogStream logs:DescribeLogStreams logs:PutLogEvents on \S+/flow-logs:log-stream:\*": (
        "VPC names a stream for each network interface; the group is named"
    ),
    r"ExecutionRole: ecr:GetAuthorizationToken on \*": "the action has no resource type",
    r"ExecutionRole: logs:CreateLogStream logs:PutLogEvents on \S+:log-group:/marketplace/\S+/jobs:log-stream:\*": (
        "ECS names a stream for each task; the group is named"
    ),
    r"ExportCatalogueRole: s3:GetObject s3:PutObject on arn:\S+-media-\S+/exports/catalogue/\*": (
        "objects are named after days; bucket and folder are named"
    ),
    r"SchedulerRole: ecs:TagResource on arn:\S+:task/\S+/\*": (
        "ECS names a task when it is started; the cluster is named, and tags are given by RunTask only"
    ),
    r"D(eploy|iff)Role\w*: cloudformation:[\w: ]+ on arn:\S+:stack/marketplace-\S*/\*": (
        "CloudFormation gives a stack an id when it is made; the stage is named"
    ),
    r"D(eploy|iff)Role\w*: cloudformation:[\w: ]+ on arn:\S+:aws:transform/\*": "transforms are AWS's own",
    r"D(eploy|iff)Role\w*: ssm:\w+ ssm:\w+ on arn:\S+:parameter/marketplace/\S*\*": "what stacks tell each other",
    r"D(eploy|iff)Role\w*: s3:GetObject s3:PutObject on \$\{Artifacts.Arn\}/\w+/\*": "named by content",
    r"DeployRole\w+: lambda:InvokeFunction on arn:\S+:lambda:\*:\S+:function:marketplace-\w+-migrate": "in any region",
    r"ExecutionRole\w+: \* on \{'Ref': '\w+'\}": "policies of the stack itself: tests/contract/delivery_checks.py",
    r"FlowLogsRole: logs:DescribeLogGroups on arn:\S+:log-group:\*": "the action looks through all groups",
}


def beyond_the_list(template: dict[str, Any]) -> list[str]:
    """Every wildcard in a role of `template` that is neither on the list of all roles nor on that of the stacks."""
    return [
        found for found in unexpected_wildcards(template) if not any(re.fullmatch(known, found) for known in FROZEN)
    ]


@pytest.mark.parametrize("path", STACKS, ids=lambda path: path.stem)
def test_the_stack_is_clean_to_cfn_lint(path: Path) -> None:
    assert lint(path) == []


@pytest.mark.parametrize("path", STACKS, ids=lambda path: path.stem)
def test_no_role_has_a_wildcard_outside_the_frozen_list(path: Path) -> None:
    assert beyond_the_list(deployed(path, **PROD)) == []


def test_a_wildcard_in_a_role_is_noticed() -> None:
    template = deployed(PROJECT / "infra" / "stacks" / "network.yaml", Stage="prod")
    (policy,) = template["Resources"]["NetworkSettingsRole"]["Properties"]["Policies"]
    policy["PolicyDocument"]["Statement"][0]["Resource"] = "*"
    assert beyond_the_list(template) == [
        "NetworkSettingsRole: ec2:RevokeSecurityGroupEgress ec2:RevokeSecurityGroupIngress on *"
    ]


@pytest.mark.parametrize("known", FROZEN)
def test_every_wildcard_on_the_list_is_in_use(known: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(FROZEN, known)
    assert any(beyond_the_list(deployed(path, **PROD)) for path in STACKS)


@pytest.mark.parametrize("path", STACKS, ids=lambda path: path.stem)
def test_the_stack_says_what_it_holds(path: Path) -> None:
    assert deployed(path, Stage="prod")["Description"].startswith("marketplace: ")


def careless_functions(template: dict[str, Any]) -> list[str]:
    """Functions of a stack with a role that is not theirs alone, without a log group or tags; logs without an end."""
    groups = of_type(template, "AWS::Logs::LogGroup")
    faults = [f"{name} is kept for ever" for name, group in groups.items() if not group.get("RetentionInDays")]
    kept = [str(group.get("LogGroupName")) for group in groups.values()]
    functions = of_type(template, "AWS::Lambda::Function")
    roles = [str(function["Role"]) for function in functions.values()]
    for name, function in functions.items():
        if str(function["FunctionName"]).replace("marketplace-", "/aws/lambda/marketplace-") not in kept:
            faults.append(f"{name} has no log group")
        if roles.count(str(function["Role"])) > 1:
            faults.append(f"{name} shares its role")
        if not {"project", "stage", "owner", "cost-centre"} <= {tag["Key"] for tag in function.get("Tags", [])}:
            faults.append(f"{name} has no tags")
    return faults


@pytest.mark.parametrize("path", STACKS, ids=lambda path: path.stem)
def test_logs_end_and_functions_have_their_own(path: Path) -> None:
    for stage in ("dev", "staging", "prod"):
        assert careless_functions(deployed(path, **PROD | {"Stage": stage})) == []


def test_a_careless_function_of_a_stack_is_noticed() -> None:
    template = deployed(PROJECT / "infra" / "stacks" / "network.yaml", Stage="prod")
    resources = template["Resources"]
    del resources["FlowLogs"]["Properties"]["RetentionInDays"]
    resources["NetworkSettingsLogs"]["Properties"]["LogGroupName"] = "another"
    resources["Later"] = resources["NetworkSettingsFunction"]
    del resources["Later"]["Properties"]["Tags"]
    assert sorted(careless_functions(template)) == [
        "FlowLogs is kept for ever",
        *("Later has no log group", "Later has no tags", "Later shares its role"),
        *(f"NetworkSettingsFunction {fault}" for fault in ("has no log group", "has no tags", "shares its role")),
    ]
