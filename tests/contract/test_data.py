"""Database, cache, keys and secrets of a stage: private, encrypted, kept where data is real, cheap in dev."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from infra.build import PROJECT
from infra.deployed import Template, deployed, of_type
from tests.contract import data_checks as checks

PATH = PROJECT / "infra" / "stacks" / "data.yaml"
STAGES = ("dev", "staging", "prod")

Break = Callable[[dict[str, Any]], object]


@pytest.fixture
def prod() -> Template:
    """The stack as prod has it, for a test to break."""
    return deployed(PATH, Stage="prod")


def properties(template: Template, name: str) -> dict[str, Any]:
    """What a resource of `template` is set to."""
    found: dict[str, Any] = template["Resources"][name]["Properties"]
    return found


@pytest.mark.parametrize("stage", STAGES)
def test_everything_is_encrypted_with_the_key_of_its_class(stage: str) -> None:
    assert checks.unencrypted(deployed(PATH, Stage=stage)) == []


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("Database", "KmsKeyId"),
        ("DatabaseReader", "PerformanceInsightsKMSKeyId"),
        ("Cache", "KmsKeyId"),
        ("OwnerSecret", "KmsKeyId"),
    ],
)
def test_what_is_not_encrypted_is_noticed(prod: Template, name: str, setting: str) -> None:
    del properties(prod, name)[setting]
    assert checks.unencrypted(prod) == [name]


def test_a_database_without_encryption_is_noticed(prod: Template) -> None:
    properties(prod, "Database")["StorageEncrypted"] = False
    assert checks.unencrypted(prod) == ["Database"]


def test_keys_change_and_are_used_through_their_service_alone(prod: Template) -> None:
    assert checks.careless_keys(prod) == []


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        (lambda key: key.update(EnableKeyRotation=False), "rds: the key never changes"),
        (
            lambda key: key["KeyPolicy"]["Statement"][1].pop("Condition"),
            "rds: the key may be used past the service",
        ),
        (
            lambda key: key["KeyPolicy"]["Statement"][0].update(Action=["kms:*"]),
            "rds: the key may be used past the service",
        ),
        (lambda key: key["KeyPolicy"]["Statement"][1].update(Principal="*"), "rds: * may use the key"),
    ],
)
def test_a_careless_key_is_noticed(prod: Template, broken: Break, fault: str) -> None:
    broken(properties(prod, "KeyOfrds"))
    assert checks.careless_keys(prod) == [fault]


@pytest.mark.parametrize("stage", STAGES)
def test_the_database_is_private_backed_up_and_takes_tls_alone(stage: str) -> None:
    assert checks.insecure_database(deployed(PATH, Stage=stage)) == []


@pytest.mark.parametrize(
    ("name", "change", "fault"),
    [
        ("Database", {"BackupRetentionPeriod": 1}, "backups are kept for less than a week"),
        ("DatabaseSettings", {"Family": "aurora-postgresql16"}, "the settings are those of aurora-postgresql16"),
        ("Database", {"MasterUserPassword": "x"}, "the administrator's password is written down"),
        ("Database", {"EnableHttpEndpoint": False}, "EnableHttpEndpoint is False"),
        ("Database", {"EnableCloudwatchLogsExports": []}, "EnableCloudwatchLogsExports is []"),
        ("DatabaseWriter", {"PubliclyAccessible": True}, "DatabaseWriter has a public address"),
        ("DatabaseReader", {"DBInstanceClass": "db.r6g.large"}, "DatabaseReader does not scale"),
        (
            "DatabaseReader",
            {"AutoMinorVersionUpgrade": True},
            "DatabaseReader leaves the version with long-term support by itself",
        ),
    ],
)
def test_an_insecure_database_is_noticed(prod: Template, name: str, change: dict[str, Any], fault: str) -> None:
    properties(prod, name).update(change)
    assert checks.insecure_database(prod) == [fault]


@pytest.mark.parametrize(
    ("setting", "value", "fault"),
    [
        ("rds.force_ssl", "0", "rds.force_ssl is 0"),
        ("log_statement", "ddl", "log_statement is ddl"),
        ("log_parameter_max_length", "-1", "log_parameter_max_length is -1"),
        ("log_min_duration_statement", "-1", "slow statements are not logged"),
    ],
)
def test_a_careless_setting_is_noticed(prod: Template, setting: str, value: str, fault: str) -> None:
    properties(prod, "DatabaseSettings")["Parameters"][setting] = value
    assert checks.insecure_database(prod) == [fault]


@pytest.mark.parametrize(
    ("stage", "least", "most", "instances", "proxies"),
    [("dev", 0, 8, 1, 0), ("staging", 0.5, 32, 2, 1), ("prod", 0.5, 128, 2, 1)],
)
def test_the_stage_decides_the_size(stage: str, least: float, most: float, instances: int, proxies: int) -> None:
    template = deployed(PATH, Stage=stage)
    size = properties(template, "Database")["ServerlessV2ScalingConfiguration"]
    assert (size["MinCapacity"], size["MaxCapacity"]) == (least, most)
    assert ("SecondsUntilAutoPause" in size) is (least == 0)
    assert len(of_type(template, "AWS::RDS::DBInstance")) == instances
    assert len(of_type(template, "AWS::RDS::DBProxy")) == proxies


def test_the_proxy_takes_iam_and_tls_alone(prod: Template) -> None:
    assert checks.insecure_proxy(prod) == []


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        (lambda proxy: proxy.update(RequireTLS=False), "Proxy takes what is not encrypted"),
        (lambda proxy: proxy["Auth"][0].update(IAMAuth="DISABLED"), "Proxy lets in by [('SECRETS', 'DISABLED', "),
        (
            lambda proxy: proxy["Auth"][0].update(SecretArn={"Ref": "OwnerSecret"}),
            "Proxy lets in by [('SECRETS', 'REQU",
        ),
    ],
)
def test_an_insecure_proxy_is_noticed(prod: Template, broken: Break, fault: str) -> None:
    broken(properties(prod, "Proxy"))
    (found,) = checks.insecure_proxy(prod)
    assert found.startswith(fault)


def test_the_proxy_reads_the_secret_of_the_functions_alone(prod: Template) -> None:
    (policy,) = properties(prod, "ProxyRole")["Policies"]
    granted = {each["Action"][0]: each for each in policy["PolicyDocument"]["Statement"]}
    assert granted.keys() == {"secretsmanager:GetSecretValue", "kms:Decrypt"}
    assert granted["secretsmanager:GetSecretValue"]["Resource"] == {"Ref": "AppSecret"}
    assert granted["kms:Decrypt"]["Condition"]["StringEquals"]["kms:EncryptionContext:SecretARN"] == {
        "Ref": "AppSecret"
    }


@pytest.mark.parametrize("stage", STAGES)
def test_passwords_change_every_30_days(stage: str) -> None:
    assert checks.unrotated(deployed(PATH, Stage=stage)) == []


@pytest.mark.parametrize(
    "broken",
    [
        lambda resources: resources.pop("AppSecretRotation"),
        lambda resources: resources["AppSecretRotation"]["Properties"]["RotationRules"].update(
            AutomaticallyAfterDays=90
        ),
        lambda resources: resources["AppSecretRotation"]["Properties"].update(RotateImmediatelyOnUpdate=True),
    ],
)
def test_a_password_that_stays_is_noticed(prod: Template, broken: Break) -> None:
    broken(prod["Resources"])
    assert checks.unrotated(prod) == ["AppSecret"]


def test_no_password_is_written_down(prod: Template) -> None:
    assert checks.passwords(prod) == []
    properties(prod, "AppSecret")["SecretString"] = "x"
    properties(prod, "CacheUser")["AuthenticationMode"] = {"Type": "password", "Passwords": ["x"]}
    assert checks.passwords(prod) == ["AppSecret", "CacheUser"]


@pytest.mark.parametrize(("secret", "role"), [("AppSecret", "marketplace_app"), ("OwnerSecret", "marketplace_owner")])
def test_a_secret_has_the_shape_that_functions_read(prod: Template, secret: str, role: str) -> None:
    generated = properties(prod, secret)["GenerateSecretString"]
    shape = json.loads(generated["SecretStringTemplate"]["Fn::Sub"])
    assert shape | {generated["GenerateStringKey"]: "x"} == {
        "engine": "postgres",
        "host": "${Database.Endpoint.Address}",
        "port": 5432,
        "dbname": "marketplace",
        "username": role,
        "password": "x",
    }


@pytest.mark.parametrize("stage", STAGES)
def test_everything_is_in_the_subnets_for_data(stage: str) -> None:
    assert checks.misplaced(deployed(PATH, Stage=stage)) == []


@pytest.mark.parametrize(
    ("name", "setting"),
    [("Cache", "SecurityGroupIds"), ("Proxy", "VpcSubnetIds"), ("Database", "VpcSecurityGroupIds")],
)
def test_what_is_elsewhere_is_noticed(prod: Template, name: str, setting: str) -> None:
    properties(prod, name)[setting] = []
    assert checks.misplaced(prod) == [name]


def test_logs_are_kept_for_a_time(prod: Template) -> None:
    assert checks.kept_for_ever(prod) == []
    del prod["Resources"]["ProxyLogs"]
    assert checks.kept_for_ever(prod) == ["/aws/rds/proxy/marketplace-{}"]


def test_everything_is_tagged(prod: Template) -> None:
    assert checks.untagged(prod) == []
    properties(prod, "Cache")["Tags"].pop()
    assert checks.untagged(prod) == ["Cache"]


@pytest.mark.parametrize(
    ("parameter", "stage", "value"),
    [
        ("database/secret-arn", "prod", {"Ref": "AppSecret"}),
        ("database/owner-secret-arn", "prod", {"Ref": "OwnerSecret"}),
        ("database/host", "prod", {"Fn::GetAtt": ["Proxy", "Endpoint"]}),
        ("database/host", "dev", {"Fn::GetAtt": ["Database", "Endpoint.Address"]}),
        ("database/proxy-endpoint", "prod", {"Fn::GetAtt": ["Proxy", "Endpoint"]}),
        ("database/proxy-endpoint", "dev", "none"),
        ("database/proxy-resource-id", "dev", "none"),
        ("database/cluster-arn", "dev", {"Fn::GetAtt": ["Database", "DBClusterArn"]}),
        ("database/admin-secret-arn", "dev", {"Fn::GetAtt": ["Database", "MasterUserSecret.SecretArn"]}),
        ("keys/data-arn", "prod", {"Fn::GetAtt": ["KeyOfrds", "Arn"]}),
        ("keys/secrets-arn", "prod", {"Fn::GetAtt": ["KeyOfsecretsmanager", "Arn"]}),
    ],
)
def test_other_stacks_find_what_they_need(parameter: str, stage: str, value: Any) -> None:
    shared = of_type(deployed(PATH, Stage=stage), "AWS::SSM::Parameter").values()
    found = {each["Name"]["Fn::Sub"].removeprefix("/marketplace/${Stage}/"): each["Value"] for each in shared}
    assert found[parameter] == value


def test_the_cache_is_named_as_its_user_is(prod: Template) -> None:
    user, cache = properties(prod, "CacheUser"), properties(prod, "Cache")
    assert user["UserId"] == user["UserName"] == cache["ServerlessCacheName"] == {"Fn::Sub": "marketplace-${Stage}"}
    url = properties(prod, "CacheUrlParameter")["Value"]["Fn::Sub"]
    assert url == "rediss://marketplace-${Stage}@${Cache.Endpoint.Address}:${Cache.Endpoint.Port}/0"
