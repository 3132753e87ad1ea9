"""The services stack as it is written: kept and protected where data is real, and as closed as it can be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cfnlint.decode import cfn_yaml

from infra.bindings import PARAMETERS
from infra.build import PROJECT
from tests.contract.lint import expanded, lint

TEMPLATE = PROJECT / "infra" / "stacks" / "services.yaml"
QUEUES = ("Orders", "OrdersDead", "Emails", "EmailsDead", "Pushes", "PushesDead", "FailedEvents")
STATEFUL = ("UserPool", "Table", "MediaBucket", *QUEUES)


@pytest.fixture
def template() -> dict[str, Any]:
    """The stack, its short intrinsics spelled out."""
    return cfn_yaml.load(str(TEMPLATE))


def test_the_stack_is_clean_to_cfn_lint() -> None:
    assert lint(TEMPLATE) == []


def test_cfn_lint_finds_a_broken_stack(tmp_path: Path) -> None:
    broken = tmp_path / "services.yaml"
    broken.write_text(TEMPLATE.read_text().replace("BillingMode: PAY_PER_REQUEST", "BillingMode: FREE"))
    assert any("FREE" in finding for finding in lint(broken))


@pytest.mark.parametrize("name", STATEFUL)
def test_data_outlives_the_stack_outside_development(template: dict[str, Any], name: str) -> None:
    resource, stages = template["Resources"][name], template["Mappings"]["Stages"]
    assert resource["DeletionPolicy"] == {"Fn::FindInMap": ["Stages", {"Ref": "Stage"}, "OnDeletion"]}
    assert resource["UpdateReplacePolicy"] == {"Fn::FindInMap": ["Stages", {"Ref": "Stage"}, "OnReplacement"]}
    for stage in ("staging", "prod"):
        assert stages[stage] == {"OnDeletion": "RetainExceptOnCreate", "OnReplacement": "Retain"}


def test_people_and_table_are_protected_from_deletion(template: dict[str, Any]) -> None:
    resources = template["Resources"]
    assert resources["UserPool"]["Properties"]["DeletionProtection"]["Fn::If"] == ["IsProtected", "ACTIVE", "INACTIVE"]
    assert resources["Table"]["Properties"]["DeletionProtectionEnabled"]["Fn::If"] == ["IsProtected", True, False]


def test_the_client_hides_who_exists_and_keeps_no_secret(template: dict[str, Any]) -> None:
    client = template["Resources"]["UserPoolClient"]["Properties"]
    assert client["GenerateSecret"] is False
    assert client["PreventUserExistenceErrors"] == "ENABLED"
    assert client["EnableTokenRevocation"] is True


def test_people_write_no_attribute_that_says_who_they_are_to_us(template: dict[str, Any]) -> None:
    assert set(template["Resources"]["UserPoolClient"]["Properties"]["WriteAttributes"]) == {"email", "name"}


def test_media_is_never_public(template: dict[str, Any]) -> None:
    bucket = template["Resources"]["MediaBucket"]["Properties"]
    assert list(bucket["PublicAccessBlockConfiguration"].values()) == [True] * 4
    (statement,) = template["Resources"]["MediaBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_mail_that_comes_back_is_told(template: dict[str, Any]) -> None:
    resources = template["Resources"]
    destination = resources["MailEventDestination"]["Properties"]
    assert destination["ConfigurationSetName"] == {"Ref": "MailConfigurationSet"}
    assert destination["EventDestination"]["MatchingEventTypes"] == ["BOUNCE", "COMPLAINT"]
    assert destination["EventDestination"]["SnsDestination"] == {"TopicARN": {"Ref": "MailEvents"}}
    assert resources["MailIdentity"]["Properties"]["EmailIdentity"] == {"Ref": "MailFrom"}


def test_the_stack_writes_what_the_app_reads_from_it() -> None:
    written = {
        resource["Properties"]["Name"]["Fn::Sub"].removeprefix("/marketplace/${Stage}/")
        for resource in expanded(TEMPLATE)["Resources"].values()
        if resource["Type"] == "AWS::SSM::Parameter"
    }
    from_the_data_stack = {"database/secret-arn", "database/owner-secret-arn", "cache/url"}
    assert written == set(PARAMETERS.values()) - from_the_data_stack
