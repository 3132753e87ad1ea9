"""The services stack as it is written: as closed as it can be."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cfnlint.decode import cfn_yaml

from chalicelib import config
from infra.bindings import PARAMETERS
from infra.build import PROJECT
from infra.deployed import deployed, of_type, refusals
from infra.verify.lint import lint
from tests.contract import media_checks
from tests.contract.lint import expanded

Break = Callable[[dict[str, Any]], object]

TEMPLATE = PROJECT / "infra" / "stacks" / "services.yaml"
TABLE = "AWS::DynamoDB::GlobalTable"


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


def test_the_client_hides_who_exists_and_keeps_no_secret(template: dict[str, Any]) -> None:
    client = template["Resources"]["UserPoolClient"]["Properties"]
    assert client["GenerateSecret"] is False
    assert client["PreventUserExistenceErrors"] == "ENABLED"
    assert client["EnableTokenRevocation"] is True


def test_people_write_no_attribute_that_says_who_they_are_to_us(template: dict[str, Any]) -> None:
    assert set(template["Resources"]["UserPoolClient"]["Properties"]["WriteAttributes"]) == {"email", "name"}


def test_media_is_never_public(template: dict[str, Any]) -> None:
    assert media_checks.open_to_the_world(template) == []
    statements = template["Resources"]["MediaBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    statements.append({"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"})
    del statements[2]["Fn::If"][1]["Condition"]["ArnLike"]
    template["Resources"]["MediaBucket"]["Properties"]["PublicAccessBlockConfiguration"]["BlockPublicAcls"] = False
    del statements[0]["Condition"]
    assert media_checks.open_to_the_world(template) == [
        "public access is not blocked",
        "takes what is not encrypted on its way",
        "admits {'Service': 'cloudfront.amazonaws.com'}",
        "admits *",
    ]


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        (lambda bucket: bucket.pop("NotificationConfiguration"), "nobody hears of uploads"),
        (lambda bucket: bucket.pop("CorsConfiguration"), "browsers may not post"),
        (lambda bucket: bucket["CorsConfiguration"]["CorsRules"][0].update(AllowedOrigins=["*"]), "any page may post"),
        (lambda bucket: bucket["CorsConfiguration"]["CorsRules"][0].update(AllowedMethods=["PUT"]), "browsers may put"),
    ],
)
def test_pages_of_ours_post_uploads_and_functions_hear_of_them(
    template: dict[str, Any], broken: Break, fault: str
) -> None:
    assert media_checks.deaf(template) == []
    broken(template["Resources"]["MediaBucket"]["Properties"])
    assert media_checks.deaf(template) == [fault]


def test_an_upload_says_that_it_is_encrypted(template: dict[str, Any]) -> None:
    assert media_checks.takes_plain_uploads(template) is False
    template["Resources"]["MediaBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"].pop(1)
    assert media_checks.takes_plain_uploads(template) is True


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        (
            lambda rules: rules["remove-unchecked-uploads"].update(ExpirationInDays=30),
            "keeps uploads that nobody checked",
        ),
        (lambda rules: rules["remove-unchecked-uploads"].pop("NoncurrentVersionExpiration"), "keeps refused uploads"),
        (lambda rules: rules["store-media-cheaper"].update(Transitions=[]), "media/ is never stored cheaper"),
        (
            lambda rules: rules["store-originals-cheaper"].update(Status="Disabled"),
            "originals/ is never stored cheaper",
        ),
        (lambda rules: rules["remove-old-exports"].pop("ExpirationInDays"), "keeps exports"),
        (lambda rules: rules["remove-old-versions"].pop("NoncurrentVersionExpiration"), "keeps old versions"),
        (lambda rules: rules["remove-abandoned-uploads"].clear(), "keeps parts of files"),
    ],
)
def test_media_is_removed_or_stored_cheaper_in_time(
    template: dict[str, Any], broken: Callable[[dict[str, Any]], object], fault: str
) -> None:
    assert media_checks.costly(template) == []
    rules = template["Resources"]["MediaBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    broken({rule["Id"]: rule for rule in rules})
    assert media_checks.costly(template) == [fault]


def test_the_edges_secret_is_there_with_the_edge_alone_and_in_the_edges_region(template: dict[str, Any]) -> None:
    secret = template["Resources"]["OriginSecret"]
    assert template["Parameters"]["Edge"]["Default"] == "false"
    assert secret["Condition"] == "HasEdge"
    assert secret["Properties"]["GenerateSecretString"]["PasswordLength"] == 64
    assert secret["Properties"]["ReplicaRegions"]["Fn::If"][1] == [{"Region": "us-east-1"}]
    arn, none = template["Resources"]["OriginSecretArnParameter"]["Properties"]["Value"]["Fn::If"][1:]
    assert arn == {"Ref": "OriginSecret"}
    assert config.read({"ORIGIN_SECRET_ARN": none["Fn::Sub"]}).origin_secret == ""


def test_the_table_has_a_replica_in_the_region_that_is_named() -> None:
    here = {"Stage": "prod", "AWS::Region": "eu-central-1"}
    (alone,) = of_type(deployed(TEMPLATE, **here), TABLE).values()
    (copied,) = of_type(deployed(TEMPLATE, **here, TableReplicaRegion="eu-west-1"), TABLE).values()
    (own,) = alone["Replicas"]
    assert own["Region"] == "eu-central-1"
    other = own | {"Region": "eu-west-1"}  # Terraform takes the tags of both from the first one
    assert copied == alone | {"Replicas": [own, other]}


@pytest.mark.parametrize(("region", "said"), [("none", 0), ("eu-west-1", 0), ("eu-central-1", 1)])
def test_a_replica_is_in_another_region(region: str, said: int) -> None:
    where = {"AWS::Region": "eu-central-1", "TableReplicaRegion": region}
    assert len(refusals(TEMPLATE, Stage="prod", **where)) == said


@pytest.mark.parametrize("region", ["none", "eu-west-1", "ap-southeast-4", "us-gov-east-1", "us-isob-east-1"])
def test_regions_are_named_as_aws_does(template: dict[str, Any], region: str) -> None:
    pattern = template["Parameters"]["TableReplicaRegion"]["AllowedPattern"]
    assert re.fullmatch(pattern, region)
    assert not any(re.fullmatch(pattern, wrong) for wrong in (region.upper(), f"{region} ", f"{region}a", "", "eu"))


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
