"""What a change set does to each resource, and to which of them people would miss what is in it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

# Types whose resources hold what nobody can make again, or what others keep the name of.
STATEFUL = {
    "AWS::Cognito::UserPool": "people and their passwords",
    "AWS::DynamoDB::GlobalTable": "items",
    "AWS::DynamoDB::Table": "items",
    "AWS::ECR::Repository": "images",
    "AWS::ElastiCache::ReplicationGroup": "cached values and counters",
    "AWS::ElastiCache::ServerlessCache": "cached values and counters",
    "AWS::Events::Archive": "events",
    "AWS::KMS::Key": "the key to what it encrypted",
    "AWS::RDS::DBCluster": "the database",
    "AWS::RDS::DBInstance": "a server of the database",
    "AWS::S3::Bucket": "objects",
    "AWS::SecretsManager::Secret": "a secret",
    "AWS::SQS::Queue": "messages",
}

_KEPT = {"Retain", "RetainExceptOnCreate", "Snapshot", "ReplaceAndRetain", "ReplaceAndSnapshot"}


class Kind(StrEnum):
    """What becomes of a resource. One that is `FOLLOWING` refers to what changes and stays as it is.

    CloudFormation calls that conditional: it would be replaced if what it refers to had another name afterwards.
    """

    ADDED = "added"
    CHANGED = "changed"
    FOLLOWING = "following"
    PERHAPS_REPLACED = "perhaps replaced"
    REPLACED = "replaced"
    REMOVED = "removed"
    IMPORTED = "imported"


_DRASTIC_FIRST = (
    Kind.REMOVED, Kind.REPLACED, Kind.PERHAPS_REPLACED, Kind.CHANGED, Kind.IMPORTED, Kind.ADDED, Kind.FOLLOWING,
)  # fmt: skip


@dataclass(frozen=True)
class Detail:
    """One property (or attribute such as `Tags`) that changes; values as far as CloudFormation tells them.

    `cause` is the parameter or the other resource that it comes from; one that `is_direct` is in the template, too.
    """

    name: str
    replaces: bool = False
    before: str = ""
    after: str = ""
    cause: str = ""
    is_direct: bool = False


@dataclass(frozen=True)
class Change:
    """What becomes of one resource. `is_kept`: a removed or replaced one stays in the account, outside the stack."""

    resource: str
    type: str
    kind: Kind
    details: tuple[Detail, ...] = ()
    is_kept: bool = False

    @property
    def holds(self) -> str:
        """What is lost with the resource; empty when nothing is."""
        return STATEFUL.get(self.type, "")

    @property
    def endangers(self) -> bool:
        """Whether a resource that holds something is, or may be, replaced or removed."""
        return bool(self.holds) and self.kind in {Kind.REPLACED, Kind.PERHAPS_REPLACED, Kind.REMOVED}


def read(changes: Iterable[Mapping[str, Any]]) -> list[Change]:
    """The `Changes` of `DescribeChangeSet`, the most drastic first."""
    found = [_change(entry["ResourceChange"]) for entry in changes if entry.get("Type", "Resource") == "Resource"]
    found = _without_false_alarms(found)
    return sorted(found, key=lambda change: (_DRASTIC_FIRST.index(change.kind), change.resource))


def additions(resources: Mapping[str, str]) -> list[Change]:
    """Every resource of a template as added."""
    return [Change(name, kind, Kind.ADDED) for name, kind in sorted(resources.items())]


def _without_false_alarms(changes: list[Change]) -> list[Change]:
    """`changes` where what only refers to resources that keep their names is told as following them.

    What holds something is never taken for that.
    """
    while True:
        staying = {change.resource for change in changes if change.kind in {Kind.CHANGED, Kind.FOLLOWING}}
        told = [replace(each, kind=Kind.FOLLOWING) if _only_follows(each, staying) else each for each in changes]
        if told == changes:
            return told
        changes = told


def _only_follows(change: Change, staying: Collection[str]) -> bool:
    is_doubtful = change.kind == Kind.PERHAPS_REPLACED and bool(change.details) and not change.holds
    return is_doubtful and all(
        not detail.is_direct and detail.cause.partition(".")[0] in staying for detail in change.details
    )


def _change(change: Mapping[str, Any]) -> Change:
    return Change(
        change["LogicalResourceId"],
        change["ResourceType"],
        _kind(change),
        _details(change.get("Details", [])),
        change.get("PolicyAction", "") in _KEPT,
    )


def _kind(change: Mapping[str, Any]) -> Kind:
    match change["Action"], change.get("Replacement"):
        case "Add", _:
            return Kind.ADDED
        case "Remove", _:
            return Kind.REMOVED
        case "Import", _:
            return Kind.IMPORTED
        case _, "True":
            return Kind.REPLACED
        case ("Dynamic", _) | (_, "Conditional"):
            return Kind.PERHAPS_REPLACED
    return Kind.CHANGED


def _details(details: Sequence[Mapping[str, Any]]) -> tuple[Detail, ...]:
    """One for each property: CloudFormation names a property again for each thing that it depends on."""
    found: dict[str, Detail] = {}
    for entry in details:
        detail = _detail(entry)
        earlier = found.get(detail.name, detail)
        found[detail.name] = Detail(
            detail.name,
            earlier.replaces or detail.replaces,
            earlier.before or detail.before,
            earlier.after or detail.after,
            earlier.cause or detail.cause,
            earlier.is_direct or detail.is_direct,
        )
    return tuple(found.values())


def _detail(entry: Mapping[str, Any]) -> Detail:
    target = entry["Target"]
    name = target.get("Path", "").removeprefix("/Properties/").replace("/", ".") or target.get("Name", "")
    return Detail(
        name or target["Attribute"],
        target.get("RequiresRecreation", "Never") != "Never",
        target.get("BeforeValue", ""),
        target.get("AfterValue", ""),
        entry.get("CausingEntity", ""),
        "CausingEntity" not in entry,
    )
