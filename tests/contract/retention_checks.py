"""Rules for what holds data, in whichever stack. Each returns what breaks it, so that a test can also break a stack.

Which types hold something is what `python -m infra deploy` asks about before it replaces them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from infra.changes import STATEFUL

Template = dict[str, Any]

KEPT = {"DeletionPolicy": "RetainExceptOnCreate", "UpdateReplacePolicy": "Retain"}
# What may go with its stack although its type holds something.
EXPENDABLE = {
    "data Cache": "everything in it is in the database, or is over within minutes",
    "services TopicKey": "it encrypts messages on their way; no topic keeps one",
    "edge AlarmsKey": "it encrypts alarms on their way",
}
_ALWAYS = "AWS encrypts every one of them"
ENCRYPTED: dict[str, str | Callable[[Template], object]] = {
    "AWS::Cognito::UserPool": _ALWAYS,
    "AWS::DynamoDB::GlobalTable": lambda table: table.get("SSESpecification", {}).get("SSEEnabled"),
    "AWS::DynamoDB::Table": lambda table: table.get("SSESpecification", {}).get("SSEEnabled"),
    "AWS::ECR::Repository": lambda images: images.get("EncryptionConfiguration"),
    "AWS::ElastiCache::ServerlessCache": lambda cache: cache.get("KmsKeyId"),
    "AWS::KMS::Key": _ALWAYS,
    "AWS::RDS::DBCluster": lambda cluster: cluster.get("StorageEncrypted") and cluster.get("KmsKeyId"),
    "AWS::RDS::DBInstance": lambda server: server.get("DBClusterIdentifier"),  # its storage is the cluster's
    "AWS::S3::Bucket": lambda bucket: bucket.get("BucketEncryption"),
    "AWS::SecretsManager::Secret": _ALWAYS,
    "AWS::SNS::Topic": lambda topic: topic.get("KmsMasterKeyId"),
    "AWS::SQS::Queue": lambda queue: queue.get("SqsManagedSseEnabled") is True or queue.get("KmsMasterKeyId"),
}
"""How each type is encrypted, or why nothing has to be said."""


REPLICA: dict[str, Callable[[Template], object]] = {
    "may be deleted": lambda replica: replica.get("DeletionProtectionEnabled") is True,
    "cannot go back in time": lambda replica: (
        replica.get("PointInTimeRecoverySpecification", {}).get("PointInTimeRecoveryEnabled") is True
    ),
    "has no tags": lambda replica: {"project", "stage"} <= {tag["Key"] for tag in replica.get("Tags", [])},
}
"""What holds for a copy of a table in any region, by what is wrong where it does not."""


def lost_with_the_stack(stack: str, template: Template) -> list[str]:
    """What holds data and goes when its stack goes, or when it is replaced."""
    return [
        f"{stack} {name} has no {policy} {kept}"
        for name, resource in template["Resources"].items()
        if resource["Type"] in STATEFUL and f"{stack} {name}" not in EXPENDABLE
        for policy, kept in KEPT.items()
        if resource.get(policy) not in {kept, "Retain"}
    ]


def unencrypted(stack: str, template: Template) -> list[str]:
    """What keeps data or messages as they are, or is of a type of which nobody has said how it is encrypted."""
    return [
        f"{stack} {name} is not encrypted"
        for name, resource in template["Resources"].items()
        if resource["Type"] in STATEFUL.keys() | ENCRYPTED.keys()
        and not _is_encrypted(resource["Type"], resource.get("Properties", {}))
    ]


def unprotected(stack: str, template: Template) -> list[str]:
    """What a mistake may delete although AWS can be told to refuse that."""
    protections = {
        "AWS::Cognito::UserPool": ("DeletionProtection", "ACTIVE"),
        "AWS::DynamoDB::Table": ("DeletionProtectionEnabled", True),
        "AWS::RDS::DBCluster": ("DeletionProtection", True),
    }
    return [
        f"{stack} {name} may be deleted"
        for name, resource in template["Resources"].items()
        if (protection := protections.get(resource["Type"]))
        and resource["Properties"].get(protection[0]) != protection[1]
    ]


def neglected_replicas(stack: str, template: Template) -> list[str]:
    """What is not said of a table's replica: each is protected, saved and tagged by itself, also the first one."""
    return [
        f"{stack} {name}: replica {number} {fault}"
        for name, resource in template["Resources"].items()
        for number, replica in enumerate(resource.get("Properties", {}).get("Replicas", []))
        for fault, is_kept in REPLICA.items()
        if not is_kept(replica)
    ]


def _is_encrypted(kind: str, properties: Template) -> bool:
    how = ENCRYPTED.get(kind)
    return isinstance(how, str) or (how is not None and bool(how(properties)))
