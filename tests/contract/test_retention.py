"""What holds data is kept, protected and encrypted where data is real, in every stack: also what is added later."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra.build import PROJECT
from infra.changes import STATEFUL
from infra.deployed import deployed
from tests.contract import retention_checks as checks
from tests.contract.conftest import Built

STACKS = sorted((PROJECT / "infra" / "stacks").glob("*.yaml"))
REAL = ("staging", "prod")
# With everything that a parameter can add.
MOST = {
    "ImageDigest": f"sha256:{'0' * 64}",
    "Edge": "true",
    "ManagedLogin": "true",
    "TableReplicaRegion": "eu-west-1",
}


def stack(path: Path, stage: str) -> dict[str, Any]:
    """The stack as a stage has it, for a test to break."""
    return deployed(path, Stage=stage, **MOST)


def holding(template: dict[str, Any]) -> list[str]:
    """The logical ids of what holds data."""
    return [name for name, resource in template["Resources"].items() if resource["Type"] in STATEFUL]


@pytest.mark.parametrize("stage", REAL)
@pytest.mark.parametrize("path", STACKS, ids=lambda path: path.stem)
def test_data_outlives_its_stack(path: Path, stage: str) -> None:
    template = stack(path, stage)
    assert checks.lost_with_the_stack(path.stem, template) == []
    assert checks.unencrypted(path.stem, template) == []
    assert checks.unprotected(path.stem, template) == []
    assert checks.neglected_replicas(path.stem, template) == []


@pytest.mark.parametrize("stage", ["dev", *REAL])
def test_the_app_holds_nothing(built: Callable[[str], Built], stage: str) -> None:
    assert holding(built(stage).template) == []


def test_dev_is_encrypted_and_goes_without_a_trace() -> None:
    for path in STACKS:
        template = stack(path, "dev")
        assert checks.unencrypted(path.stem, template) == []
        if path.stem not in {"account", "delivery"}:  # which serve all stages
            kept = {template["Resources"][name].get("DeletionPolicy", "Delete") for name in holding(template)}
            assert kept <= {"Delete"}, path.stem


@pytest.mark.parametrize("path", STACKS, ids=lambda path: path.stem)
def test_whatever_goes_with_its_stack_is_noticed(path: Path) -> None:
    template = stack(path, "prod")
    for name in holding(template):
        resource = template["Resources"][name]
        for policy, kept in checks.KEPT.items():
            was = resource.get(policy)
            resource[policy] = "Delete"
            known = f"{path.stem} {name}" in checks.EXPENDABLE
            expected = [] if known else [f"{path.stem} {name} has no {policy} {kept}"]
            assert checks.lost_with_the_stack(path.stem, template) == expected
            resource[policy] = was


def test_everything_on_the_list_of_what_may_go_is_there() -> None:
    there = {f"{path.stem} {name}" for path in STACKS for name in holding(stack(path, "prod"))}
    assert checks.EXPENDABLE.keys() <= there


@pytest.mark.parametrize(
    ("where", "name", "setting"),
    [
        ("services", "Table", "SSESpecification"),
        ("services", "MediaBucket", "BucketEncryption"),
        ("services", "Orders", "SqsManagedSseEnabled"),
        ("services", "OrderEvents", "KmsMasterKeyId"),
        ("edge", "Alarms", "KmsMasterKeyId"),
        ("jobs", "Repository", "EncryptionConfiguration"),
        ("jobs", "Failed", "SqsManagedSseEnabled"),
        ("delivery", "Artifacts", "BucketEncryption"),
        ("data", "Database", "StorageEncrypted"),
        ("data", "Cache", "KmsKeyId"),
    ],
)
def test_what_is_not_encrypted_is_noticed(where: str, name: str, setting: str) -> None:
    template = stack(PROJECT / "infra" / "stacks" / f"{where}.yaml", "prod")
    del template["Resources"][name]["Properties"][setting]
    assert checks.unencrypted(where, template) == [f"{where} {name} is not encrypted"]


def test_a_type_of_which_nothing_is_said_counts_as_not_encrypted() -> None:
    later = {"Resources": {"Later": {"Type": "AWS::ElastiCache::ReplicationGroup", "Properties": {}}}}
    assert checks.unencrypted("data", later) == ["data Later is not encrypted"]


@pytest.mark.parametrize(
    ("where", "name", "setting"),
    [
        ("services", "UserPool", "DeletionProtection"),
        ("data", "Database", "DeletionProtection"),
    ],
)
def test_what_a_mistake_may_delete_is_noticed(where: str, name: str, setting: str) -> None:
    template = stack(PROJECT / "infra" / "stacks" / f"{where}.yaml", "prod")
    del template["Resources"][name]["Properties"][setting]
    assert checks.unprotected(where, template) == [f"{where} {name} may be deleted"]


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize(
    ("setting", "fault"),
    [
        ("DeletionProtectionEnabled", "may be deleted"),
        ("PointInTimeRecoverySpecification", "cannot go back in time"),
        ("Tags", "has no tags"),
    ],
)
def test_a_replica_that_is_kept_less_well_is_noticed(setting: str, fault: str, number: int) -> None:
    template = stack(PROJECT / "infra" / "stacks" / "services.yaml", "prod")
    del template["Resources"]["Table"]["Properties"]["Replicas"][number][setting]
    assert checks.neglected_replicas("services", template) == [f"services Table: replica {number} {fault}"]
