"""What a root module has to be: whole in itself, and the same system as CloudFormation's stacks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from infra import catalogue
from infra.build import TEMPLATE
from infra.deployed import Template, read, unrolled
from infra.sam import sam_translated
from infra.terraform.native import without_functions
from tests.contract.terraform_graphs import (
    CloudFormation,
    Module,
    Terraform,
    blocks,
    differences,
    sections,
)

# With everything that a parameter can add.
GIVEN = {
    "Edge": "true",
    "Domain": "shop.example.com",
    "HostedZoneId": "Z123",
    "AlarmEmail": "team@example.com",
    "ImageDigest": f"sha256:{'0' * 64}",
    "ManagedLogin": "true",
    "Nat": "each",
    "Repository": "owner/name",
    "TableReplicaRegion": "eu-west-1",
}
# What `deploy` gives to CloudFormation, and what the module refers to in its place.
_REFERRED = {
    "CodeBucket": "<code>",
    "CodeKey": "<app_package>",
    "MigrateCodeKey": "<app_package>",
    "HomeRegion": "<region>",
    "HttpApiId": "<app_http_api>",
    "WebsocketApiId": "<app_websocket_api>",
}
# Differences that are meant: of these types, what matches the pattern. Each has its reason.
EXPLAINED = {
    # The provider takes one tag to filter by: two would be alternatives.
    "AWS::Budgets::Budget": r"EQUALS|SNS|UnblendedCost|marketplace|project|stage|dev|prod|TagKeyValue|user:stage\$\w+",
    # The specification has a null for whatever it could have beside.
    "AWS::CE::AnomalyMonitor": r"\{.*\"Tags\": ?\{\"Key\": ?\"stage\".*",
    # A record for each name, and a wait until the certificate is there.
    "AWS::CertificateManager::Certificate": r"shop\.example\.com|60|true",
    # Terraform has a resource for what CloudFormation calls a function for, which asks for a region and a time.
    "AWS::CloudFormation::CustomResource": r"60|<region>",
    "AWS::EC2::SecurityGroup": r"<network_(network_settings|s3_endpoint|dynamo_db_endpoint)>",
    # CloudFormation makes up a name.
    "AWS::CodeDeploy::Application": r"marketplace-\w+-app-\w+",
    "AWS::CodeDeploy::DeploymentGroup": r"marketplace-\w+-app-\w+",
    # The secret is read by name; ports and methods are CloudFront's defaults, which the provider wants said.
    "AWS::CloudFront::Distribution": r"|X-Origin-Secret(=<computed>)?|\{\{resolve:.*|GET|HEAD|443|80|none",
    # The provider cannot tag these.
    "AWS::CloudFront::Function": r"(project|stage)=\w+",
    # Second factors are a list there, a block here; the provider wants the lengths of attributes said.
    "AWS::Cognito::UserPool": r"SOFTWARE_TOKEN_MFA|0|2048|true",
    # Keys have arguments of their own; a stream is on when it has a view there. The replica in the table's own region
    # is the table, and the others get its tags from it.
    "AWS::DynamoDB::GlobalTable": r"HASH|RANGE|true|<region>|(project|stage)=\w+",
    # The group is told by its ARN there.
    "AWS::EC2::FlowLog": r"VPC|<(arn of )?network_flow_logs>",
    # Of the zones that are there.
    "AWS::EC2::Subnet": r"<available>",
    # The same container with other spellings of its keys.
    "AWS::ECS::TaskDefinition": r"\[\{\"command\".*",
    # `publish`, and the format of logs that is the default there.
    "AWS::Lambda::Function": r"Text|true",
    # The function of an alias, and the alias: one reference there.
    "AWS::Lambda::Permission": r"<(arn of )?app_\w+_aliaslive>",
    "AWS::Lambda::EventInvokeConfig": r"<(arn of )?app_\w+_aliaslive>|live",
    "AWS::Logs::ResourcePolicy": r"\{\"Statement\".*",
    # A last snapshot is taken, and called.
    "AWS::RDS::DBCluster": r"true|false|marketplace-\w+-final",
    "AWS::RDS::DBProxyTargetGroup": r"default",
    "AWS::Route53::RecordSet": r"false",
    # A rule of the bucket for every object has an empty prefix.
    "AWS::S3::Bucket": r"",
    "AWS::Scheduler::Schedule": r"DISABLED|false",
    # The rotating function is AWS's own application.
    "AWS::SecretsManager::RotationSchedule": r"PostgreSQLSingleUser|CAPABILITY_\w+|arn:aws:serverlessrepo:.*|"
    r"https://secretsmanager\..*|marketplace-\w+-rotate-\w+",
    # What is made up is an ephemeral resource, which is not part of the comparison.
    "AWS::SecretsManager::Secret": r"true|\d+|<data_database>|marketplace\w*|password|postgres|value",
}
_INTRINSIC = re.compile(r"\{\{resolve:|\$\{(AWS::|[A-Z]\w+\.?\w*\})|\"(Ref|Fn::\w+|Condition)\": ?\"")
_REFERENCE = re.compile(
    r"(?<![\w.\"$-])((?:data\.|ephemeral\.)?(?:aws_\w+|terraform_data))\.(\w+)(\[0\])?|\b(var|local)\.(\w+)"
)


def read_module(folder: Path) -> Module:
    """Every file of a module, by its name without endings."""
    return {path.name.partition(".")[0]: json.loads(path.read_text()) for path in sorted(folder.glob("*.tf.json"))}


def stacks(stage: str, folder: Path) -> dict[str, Template]:
    """The stage's stacks as CloudFormation gets them, the app's from a build; loops written out, SAM translated."""
    pseudo = {name: f"${{{name}}}" for name in ("AWS::Region", "AWS::Partition")}
    app = sam_translated(json.loads((folder / TEMPLATE).read_text()), **pseudo)
    return {
        each.name: without_functions(app if each.is_built else unrolled(read(each.template)))
        for each in catalogue.chosen(stage)
    }


def shared_stacks() -> dict[str, Template]:
    """Those that an account has once."""
    return {each.name: unrolled(read(each.template)) for each in catalogue.STACKS if each.is_shared}


def unequal(wanted: Mapping[str, Template], module: Module, stage: str = "") -> list[str]:
    """Each difference between the stacks and the module that is not explained, with the resource's name."""
    cloudformation = CloudFormation(wanted, {**GIVEN, **_REFERRED, "Stage": stage})
    types, nodes = cloudformation.types(), cloudformation.nodes()
    variables = {_snake(name): value for name, value in GIVEN.items()}
    made = Terraform(module, {**variables, "code_bucket": "<code>", "region": "<region>"}, set(nodes)).nodes()
    found = [f"{name} is not in the module" for name in nodes if name not in made and nodes[name].settings]
    found += [f"{name} is in the module alone" for name in made if name not in nodes and name != "app_package"]
    for name in nodes.keys() & made.keys():
        missing, strange = differences(nodes[name], made[name])
        found += [f"{name}: {each!r} is missing" for each in missing if not _is_explained(types[name], each)]
        found += [
            f"{name}: {each!r} is not CloudFormation's" for each in strange if not _is_explained(types[name], each)
        ]
    return sorted(found)


def unresolved(module: Module) -> list[str]:
    """References to what there is not, to one of several without its place, and to a place of one that is alone."""
    there = {
        **{(kind, name): body for kind, name, body in blocks(module, "resource")},
        **{(f"data.{kind}", name): body for kind, name, body in blocks(module, "data")},
        **{(f"ephemeral.{kind}", name): body for kind, name, body in blocks(module, "ephemeral")},
    }
    values = {f"var.{name}" for name, _ in sections(module, "variable")}
    values |= {f"local.{name}" for name, _ in sections(module, "locals")}
    found = set()
    for expression in _expressions(module):
        for kind, name, place, value, value_name in _REFERENCE.findall(expression):
            if value:
                found |= {f"{value}.{value_name}"} - values
            elif (kind, name) not in there:
                found.add(f"{kind}.{name}")
            elif bool(place) != ("count" in there[kind, name]) and f"{kind}.{name}" != expression:
                found.add(f"{kind}.{name}{place}")
    return sorted(found)


def untranslated(module: Module) -> list[str]:
    """What is left of CloudFormation's own functions, with the resource in which it stands."""
    found = []
    for section in ("resource", "data", "ephemeral"):
        for kind, name, body in blocks(module, section):
            if left := _INTRINSIC.search(json.dumps(body).replace('\\"', '"')):
                found.append(f"{kind}.{name}: {left[0]}")
    return found


def circles(module: Module) -> list[str]:
    """Resources that wait for each other."""
    after = {
        f"{kind}.{name}": {
            f"{each[0]}.{each[1]}" for text in _expressions(body) for each in _REFERENCE.findall(text) if each[0]
        }
        for kind, name, body in blocks(module, "resource")
    }
    done: set[str] = set()
    while ready := {
        name for name, earlier in after.items() if name not in done and not (earlier & after.keys()) - done
    }:
        done |= ready
    return sorted(after.keys() - done)


def _is_explained(kind: str, difference: str) -> bool:
    return kind in EXPLAINED and re.fullmatch(EXPLAINED[kind], difference, re.DOTALL) is not None


def _expressions(value: Any, name: str = "") -> Iterator[str]:
    match value:
        case dict():
            for key, each in value.items():
                yield from _expressions(each, key)
        case list():
            for each in value:
                yield from _expressions(each, name)
        case str() if name == "depends_on":
            yield value
        case str():
            yield from re.findall(r"(?<!\$)\$\{(.*)\}", value, re.DOTALL)


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
