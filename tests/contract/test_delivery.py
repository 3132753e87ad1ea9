"""What deploys: GitHub's roles by environment, and what CloudFormation may do for a stage, no less and little more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra.artifacts import DELIVERY_PARAMETER
from infra.build import PROJECT
from infra.deployed import deployed, of_type
from tests.contract import delivery_checks as checks

Break = Callable[[dict[str, Any]], object]

STACKS = PROJECT / "infra" / "stacks"
TEMPLATE = STACKS / "delivery.yaml"
DEPLOYED = ("network", "data", "services", "jobs", "observability", "edge")
EVERYTHING = {
    "ImageDigest": f"sha256:{'0' * 64}",
    "Domain": "shop.example",
    "HostedZoneId": "Z0123456789",
    "ShieldAdvanced": "true",
    "Edge": "true",
    "ManagedLogin": "true",
    "AlarmEmail": "a@example.com",
}
# CloudFormation's own, and what only transforms and functions answer for.
NO_TYPE = {"AWS::CloudFormation::CustomResource"}


@pytest.fixture
def delivery() -> dict[str, Any]:
    """The stack, reduced to what is there for prod."""
    template = deployed(TEMPLATE)
    others = ("dev", "staging")
    kept = {name: each for name, each in template["Resources"].items() if not name.endswith(others)}
    return {**template, "Resources": kept}


@pytest.fixture(scope="module")
def types(translated: Callable[[str], dict[str, Any]]) -> set[str]:
    """The types of all resources of a stage, in any of its sizes."""
    found = {resource["Type"] for resource in translated("prod")["Resources"].values()}
    for name in DEPLOYED:
        for stage in ("dev", "prod"):
            found |= _types(STACKS / f"{name}.yaml", stage)
    return found - NO_TYPE


def _types(path: Path, stage: str) -> set[str]:
    return {resource["Type"] for resource in deployed(path, Stage=stage, **EVERYTHING)["Resources"].values()}


def role(delivery: dict[str, Any], name: str) -> dict[str, Any]:
    return delivery["Resources"][name]["Properties"]


@pytest.mark.parametrize("stage", ["dev", "staging", "prod"])
def test_a_stage_is_deployed_from_its_own_environment_alone(stage: str) -> None:
    template = deployed(TEMPLATE)
    (who,) = checks.trusted(role(template, f"DeployRole{stage}"))
    assert who == ("sts.amazonaws.com", f"repo:${{Repository}}:environment:{stage}")
    assert checks.trusted(role(template, "DiffRole")) == [("sts.amazonaws.com", "repo:${Repository}:environment:diff")]


def test_a_trust_that_is_not_exact_is_noticed(delivery: dict[str, Any]) -> None:
    (statement,) = role(delivery, "DeployRoleprod")["AssumeRolePolicyDocument"]["Statement"]
    statement["Condition"] = {"StringLike": {f"{checks.GITHUB}:sub": "repo:owner/*"}}
    assert checks.trusted(role(delivery, "DeployRoleprod")) == [("anybody", "anything")]


def test_github_itself_only_hands_over_and_cloudformation_works(delivery: dict[str, Any]) -> None:
    execution = role(delivery, "ExecutionRoleprod")
    (trust,) = execution["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "cloudformation.amazonaws.com"}
    assert "AdministratorAccess" not in str(delivery)
    for name in ("DeployRoleprod", "DiffRole"):
        (policy,) = role(delivery, name)["Policies"]
        services = {
            action.partition(":")[0]
            for statement in policy["PolicyDocument"]["Statement"]
            for action in checks._listed(statement["Action"])
        }
        assert services <= {"cloudformation", "iam", "lambda", "s3", "ssm"}


def test_whoever_looks_changes_nothing(delivery: dict[str, Any]) -> None:
    text = str(role(delivery, "DiffRole"))
    for action in ("ExecuteChangeSet", "CreateStack'", "UpdateStack", "DeleteStack", "PassRole", "InvokeFunction"):
        assert action not in text


def test_cloudformation_may_do_what_the_stacks_take(delivery: dict[str, Any], types: set[str]) -> None:
    assert checks.lacking(delivery, types) == []
    (queues,) = (each for each in checks.statements(delivery) if each["Sid"] == "Queues")
    queues["Action"].remove("sqs:CreateQueue")
    assert checks.lacking(delivery, types) == ["sqs:CreateQueue"]


def test_cloudformation_may_do_nothing_that_they_do_not_take(delivery: dict[str, Any], types: set[str]) -> None:
    assert checks.beyond(delivery, types) == []
    checks.statements(delivery)[0]["Action"].append("iam:CreateUser")
    assert checks.beyond(delivery, types) == ["iam:CreateUser"]


def test_no_action_is_a_wildcard_and_resources_are_named_where_they_have_names(delivery: dict[str, Any]) -> None:
    assert checks.open_statements(delivery) == []
    statement = checks.statements(delivery)[0]
    statement["Resource"] = "*"
    checks.statements(delivery)[1]["Action"] = ["lambda:*"]
    assert len(checks.open_statements(delivery)) == 2


def test_a_stage_is_out_of_reach_of_another(delivery: dict[str, Any]) -> None:
    assert checks.other_stages(delivery, "prod") == []
    (topics,) = (each for each in checks.statements(delivery) if each["Sid"] == "Topics")
    topics["Resource"] = [{"Fn::Sub": "arn:aws:sns:*:1:marketplace-dev-*"}]
    assert checks.other_stages(delivery, "prod") == ["Topics: arn:aws:sns:*:1:marketplace-dev-*"]


def test_policies_are_of_a_size_that_iam_takes(delivery: dict[str, Any]) -> None:
    assert checks.too_large(delivery) == []
    checks.statements(delivery)[0]["Action"] *= 20
    assert len(checks.too_large(delivery)) == 1


def test_artifacts_are_kept_closed_and_encrypted(delivery: dict[str, Any]) -> None:
    bucket = delivery["Resources"]["Artifacts"]
    properties = bucket["Properties"]
    assert bucket["UpdateReplacePolicy"] == "Retain"
    assert bucket["DeletionPolicy"] == "RetainExceptOnCreate"
    assert list(properties["PublicAccessBlockConfiguration"].values()) == [True] * 4
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert properties["BucketEncryption"]
    expiring = [
        rule.get("Prefix") for rule in properties["LifecycleConfiguration"]["Rules"] if "ExpirationInDays" in rule
    ]
    assert expiring == ["templates/"]
    (statement,) = delivery["Resources"]["ArtifactsPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_the_commands_find_the_bucket(delivery: dict[str, Any]) -> None:
    names = {str(each["Name"]) for each in of_type(delivery, "AWS::SSM::Parameter").values()}
    assert DELIVERY_PARAMETER in names


def test_githubs_provider_is_made_unless_it_is_there() -> None:
    assert of_type(deployed(TEMPLATE), "AWS::IAM::OIDCProvider")
    given = deployed(TEMPLATE, OidcProviderArn="arn:aws:iam::123456789012:oidc-provider/x")
    assert not of_type(given, "AWS::IAM::OIDCProvider")
