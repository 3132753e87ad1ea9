"""Rules of database, cache, keys and secrets. Each returns what breaks it, so that a test can also break the stack."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from infra.deployed import Template, of_type

TAGS = {"project", "stage", "owner", "cost-centre"}
SERVICES = ("rds", "elasticache", "secretsmanager")
_TAGGED = (
    *("AWS::KMS::Key", "AWS::RDS::DBCluster", "AWS::RDS::DBInstance", "AWS::SecretsManager::Secret"),
    *("AWS::ElastiCache::ServerlessCache", "AWS::RDS::DBProxy", "AWS::IAM::Role", "AWS::Logs::LogGroup"),
)


def unencrypted(template: Template) -> list[str]:
    """What is stored without the key of its class."""
    keys = {
        "AWS::RDS::DBCluster": ("KmsKeyId", "rds"),
        "AWS::RDS::DBInstance": ("PerformanceInsightsKMSKeyId", "rds"),
        "AWS::ElastiCache::ServerlessCache": ("KmsKeyId", "elasticache"),
        "AWS::SecretsManager::Secret": ("KmsKeyId", "secretsmanager"),
    }
    return [
        name
        for kind, (setting, service) in keys.items()
        for name, each in of_type(template, kind).items()
        if each.get(setting) != {"Fn::GetAtt": [f"KeyOf{service}", "Arn"]}
        or each.get("StorageEncrypted", True) is not True
    ]


def careless_keys(template: Template) -> list[str]:
    """Keys that never change, that others than this account use, or that are used past the service they are for."""
    return [fault for service in SERVICES for fault in _faults_of_key(template, service)]


def insecure_database(template: Template) -> list[str]:
    """What the database lacks of its protection: its address, TLS, backups, logs."""
    return [*_faults_of_cluster(template), *_faults_of_instances(template), *_faults_of_settings(template)]


def insecure_proxy(template: Template) -> list[str]:
    """Proxies that take a password or what is not encrypted, or another secret than that of the functions."""
    faults = []
    for name, proxy in of_type(template, "AWS::RDS::DBProxy").items():
        auth = [(each["AuthScheme"], each["IAMAuth"], each["SecretArn"]) for each in proxy["Auth"]]
        if proxy["RequireTLS"] is not True:
            faults.append(f"{name} takes what is not encrypted")
        if auth != [("SECRETS", "REQUIRED", {"Ref": "AppSecret"})]:
            faults.append(f"{name} lets in by {auth}")
    return faults


def unrotated(template: Template) -> list[str]:
    """Secrets whose password is older than 30 days, or that are rotated before their role exists."""
    schedules = of_type(template, "AWS::SecretsManager::RotationSchedule").values()
    rotated = {
        each["SecretId"]["Ref"]
        for each in schedules
        if each["RotationRules"]["AutomaticallyAfterDays"] <= 30 and each["RotateImmediatelyOnUpdate"] is False
    }
    return sorted(of_type(template, "AWS::SecretsManager::Secret").keys() - rotated)


def passwords(template: Template) -> list[str]:
    """Secrets whose password is in the template, and roles of Valkey that have one."""
    secrets = of_type(template, "AWS::SecretsManager::Secret").items()
    users = of_type(template, "AWS::ElastiCache::User").items()
    written = [name for name, each in secrets if "SecretString" in each or "password" in _text(each)]
    return written + [name for name, each in users if each.get("AuthenticationMode") != {"Type": "iam"}]


def misplaced(template: Template) -> list[str]:
    """What is not in the subnets for data, or not in the group that functions may reach."""
    subnets = [{"Fn::Sub": f"{{{{resolve:ssm:/marketplace/${{Stage}}/network/data-subnet-{zone}}}}}"} for zone in "abc"]
    homes = {
        "AWS::RDS::DBSubnetGroup": ("SubnetIds", None, ""),
        "AWS::RDS::DBProxy": ("VpcSubnetIds", "VpcSecurityGroupIds", "database"),
        "AWS::ElastiCache::ServerlessCache": ("SubnetIds", "SecurityGroupIds", "cache"),
        "AWS::RDS::DBCluster": (None, "VpcSecurityGroupIds", "database"),
    }
    return [
        name
        for kind, (places, groups, group) in homes.items()
        for name, each in of_type(template, kind).items()
        if (places and _subbed(each.get(places, [])) != _subbed(subnets))
        or (groups and [f"network/{group}-security-group-id" in str(one) for one in each.get(groups, [])] != [True])
    ]


def kept_for_ever(template: Template) -> list[str]:
    """Logs that RDS would make by itself, and keep."""
    wanted = {f"/aws/rds/cluster/marketplace-{{}}/{log}" for log in ("postgresql",)}
    wanted |= {"/aws/rds/proxy/marketplace-{}" for _ in of_type(template, "AWS::RDS::DBProxy")}
    groups = of_type(template, "AWS::Logs::LogGroup").values()
    there = {
        each["LogGroupName"]["Fn::Sub"].replace("${Stage}", "{}") for each in groups if each.get("RetentionInDays")
    }
    return sorted(wanted - there)


def untagged(template: Template) -> list[str]:
    """Resources that no cost report can tell apart."""
    return [
        name
        for kind in _TAGGED
        for name, each in of_type(template, kind).items()
        if not {tag["Key"] for tag in each.get("Tags", [])} >= TAGS
    ]


def _faults_of_key(template: Template, service: str) -> Iterator[str]:
    key = of_type(template, "AWS::KMS::Key").get(f"KeyOf{service}", {})
    if key.get("EnableKeyRotation") is not True:
        yield f"{service}: the key never changes"
    for statement in key.get("KeyPolicy", {}).get("Statement", []):
        condition = statement.get("Condition", {}).get("StringEquals", {})
        uses = any(action.startswith(("kms:Decrypt", "kms:GenerateDataKey", "kms:*")) for action in statement["Action"])
        if not str(statement["Principal"]).endswith(":root'}}"):
            yield f"{service}: {statement['Principal']} may use the key"
        if uses and condition.get("kms:ViaService") != {"Fn::Sub": f"{service}.${{AWS::Region}}.amazonaws.com"}:
            yield f"{service}: the key may be used past the service"


def _faults_of_cluster(template: Template) -> Iterator[str]:
    (cluster,) = of_type(template, "AWS::RDS::DBCluster").values()
    wanted = {
        "ManageMasterUserPassword": True,
        "EnableIAMDatabaseAuthentication": True,
        "EnableHttpEndpoint": True,
        "CopyTagsToSnapshot": True,
        "EnableCloudwatchLogsExports": ["postgresql"],
        "DBClusterParameterGroupName": {"Ref": "DatabaseSettings"},
    }
    yield from (f"{setting} is {cluster.get(setting)}" for setting in wanted if cluster.get(setting) != wanted[setting])
    family = template["Resources"]["DatabaseSettings"]["Properties"]["Family"]
    if family != f"aurora-postgresql{str(cluster['EngineVersion']).partition('.')[0]}":
        yield f"the settings are those of {family}"
    if "MasterUserPassword" in cluster:
        yield "the administrator's password is written down"
    if cluster.get("BackupRetentionPeriod", 1) < 7:
        yield "backups are kept for less than a week"


def _faults_of_instances(template: Template) -> Iterator[str]:
    for name, each in of_type(template, "AWS::RDS::DBInstance").items():
        if each.get("PubliclyAccessible") is not False:
            yield f"{name} has a public address"
        if each.get("DBInstanceClass") != "db.serverless":
            yield f"{name} does not scale"
        if each.get("AutoMinorVersionUpgrade") is not False:
            yield f"{name} leaves the version with long-term support by itself"


def _faults_of_settings(template: Template) -> Iterator[str]:
    settings = template["Resources"]["DatabaseSettings"]["Properties"]["Parameters"]
    wanted = {
        "rds.force_ssl": "1",
        "rds.accepted_password_auth_method": "scram",
        "log_statement": "none",
        "log_parameter_max_length": "0",
    }
    yield from (f"{name} is {settings.get(name)}" for name in wanted if settings.get(name) != wanted[name])
    if not 0 < int(settings.get("log_min_duration_statement", "-1")) <= 1000:
        yield "slow statements are not logged"


def _text(secret: dict[str, Any]) -> str:
    return str(secret.get("GenerateSecretString", {}).get("SecretStringTemplate", ""))


def _subbed(values: list[Any]) -> list[str]:
    return [each.get("Fn::Sub", each) if isinstance(each, dict) else each for each in values]
