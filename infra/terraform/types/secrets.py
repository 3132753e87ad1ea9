"""Keys, secrets and their rotation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from infra.errors import BuildError
from infra.terraform.expressions import Expression, Text, Value, hcl
from infra.terraform.translation import (
    Block,
    Own,
    Resource,
    Translation,
    block,
    document,
    ignored,
    tags,
)

# What `HostedRotationLambda` makes for CloudFormation: AWS's own functions, from its repository of applications.
_ROTATIONS = {"PostgreSQLSingleUser": "SecretsManagerRDSPostgreSQLRotationSingleUser"}
_APPLICATION = "aws_serverlessapplicationrepository_cloudformation_stack"
_REPOSITORY = "arn:aws:serverlessrepo:us-east-1:297356227824:applications"
_PASSWORD = {
    "PasswordLength": "password_length",
    "ExcludePunctuation": "exclude_punctuation",
    "ExcludeCharacters": "exclude_characters",
}


def _generated(resource: Resource, blocks: list[Block]) -> list[Block]:
    """A password that is made once, and is in no state: it exists while Terraform applies, and is written only."""
    wanted = resource.properties.get("GenerateSecretString")
    if wanted is None:
        raise BuildError(f"{resource.place}: no translation to Terraform for a secret that is not generated")
    if unknown := wanted.keys() - _PASSWORD.keys() - {"SecretStringTemplate", "GenerateStringKey"}:
        raise BuildError(f"{resource.place}: no translation to Terraform for the property {', '.join(sorted(unknown))}")
    password = {_PASSWORD[name]: value for name, value in wanted.items() if name in _PASSWORD}
    made = Own("ephemeral.aws_secretsmanager_random_password.self.random_password")
    key, template = hcl(wanted["GenerateStringKey"]), hcl(wanted["SecretStringTemplate"])
    text = Own(f"jsonencode(merge(jsondecode({template}), {{{key} = {made.text}}}))")
    version = {"secret_id": Own("self.arn"), "secret_string_wo": text, "secret_string_wo_version": 1}
    return [
        *blocks,
        Block("ephemeral.aws_secretsmanager_random_password", password),
        Block("aws_secretsmanager_secret_version", version),
    ]


def _rotation(resource: Resource, blocks: list[Block]) -> list[Block]:
    wanted = resource.properties["HostedRotationLambda"]
    names = {
        "RotationLambdaName": "functionName",
        "KmsKeyArn": "kmsKeyArn",
        "ExcludeCharacters": "excludeCharacters",
        "VpcSubnetIds": "vpcSubnetIds",
        "VpcSecurityGroupIds": "vpcSecurityGroupIds",
    }
    if unknown := wanted.keys() - names.keys() - {"RotationType"}:
        raise BuildError(f"{resource.place}: no translation to Terraform for the property {', '.join(sorted(unknown))}")
    endpoint = Text(("https://secretsmanager.", Expression("local.region"), ".", Expression("local.url_suffix")))
    parameters: dict[str, Value] = {name: wanted[key] for key, name in names.items() if key in wanted}
    function = Block(
        _APPLICATION,
        {
            "application_id": f"{_REPOSITORY}/{_ROTATIONS[wanted['RotationType']]}",
            "name": wanted["RotationLambdaName"],
            "capabilities": ["CAPABILITY_IAM", "CAPABILITY_RESOURCE_POLICY"],
            "parameters": {**parameters, "endpoint": endpoint},
        },
    )
    arn = {"rotation_lambda_arn": Own(f"{_APPLICATION}.self.outputs.RotationLambdaARN")}
    return [replace(blocks[0], arguments={**blocks[0].arguments, **arn}), function]


TYPES: Mapping[str, Translation] = {
    "AWS::KMS::Key": Translation(
        "aws_kms_key",
        ref="key_id",
        attributes={"Arn": "arn", "KeyId": "key_id"},
        arguments={
            "Description": "description",
            "EnableKeyRotation": "enable_key_rotation",
            "PendingWindowInDays": "deletion_window_in_days",
            "KeyPolicy": document("policy"),
            "Tags": tags(),
        },
    ),
    "AWS::KMS::Alias": Translation(
        "aws_kms_alias", ref="name", arguments={"AliasName": "name", "TargetKeyId": "target_key_id"}
    ),
    "AWS::SecretsManager::Secret": Translation(
        "aws_secretsmanager_secret",
        ref="arn",
        arguments={
            "Name": "name",
            "Description": "description",
            "KmsKeyId": "kms_key_id",
            "GenerateSecretString": ignored("it is a version of its own"),
            "ReplicaRegions": block("replica", {"Region": "region"}),
            "Tags": tags(),
        },
        rewrite=_generated,
    ),
    "AWS::SecretsManager::RotationSchedule": Translation(
        "aws_secretsmanager_secret_rotation",
        arguments={
            "SecretId": "secret_id",
            "RotateImmediatelyOnUpdate": "rotate_immediately",
            "RotationRules": block("rotation_rules", {"AutomaticallyAfterDays": "automatically_after_days"}),
            "HostedRotationLambda": ignored("it is an application of its own"),
        },
        rewrite=_rotation,
    ),
}
