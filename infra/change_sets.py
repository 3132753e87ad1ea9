"""Change sets: CloudFormation's own word on what it would do, before it does it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from botocore.exceptions import ClientError

from infra import changes, cloudformation
from infra.changes import Change
from infra.cloudformation import CAPABILITIES, SHELL, Stack
from infra.errors import Refused

_NOTHING = ("didn't contain changes", "No updates are to be performed")
_UNFINISHED = {"CREATE_PENDING", "CREATE_IN_PROGRESS"}
_FIRST_WAIT, _LONGEST_WAIT = 0.1, 3.0


@dataclass(frozen=True)
class ChangeSet:
    """One change set. One that changes nothing is not kept; one without `changes` may still change outputs."""

    id: str
    stack_id: str
    changes: list[Change]
    changes_nothing: bool = False


def create(
    client: Any, name: str, stack: Stack | None, request: Mapping[str, Any], tags: Mapping[str, str]
) -> ChangeSet:
    """Ask what `request` (template and parameters) does to the stack `name`, as it is now.

    Raises `Refused` with CloudFormation's reason when the request is wrong.
    """
    is_new = stack is None or stack["StackStatus"] == SHELL
    try:
        made = client.create_change_set(
            StackName=name,
            ChangeSetName=f"release-{uuid4().hex}",
            ChangeSetType="CREATE" if is_new else "UPDATE",
            Capabilities=CAPABILITIES,
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
            **request,
        )
    except ClientError as error:
        raise Refused(f"{name}: {error.response['Error']['Message']}") from error
    return _read(client, name, made["Id"], made["StackId"])


def discard(client: Any, change_set: ChangeSet) -> None:
    """Forget a change set, and the shell of a stack that was made for it.

    Whoever may only ask leaves the shell. It holds nothing, and a deployment begins in it.
    """
    client.delete_change_set(ChangeSetName=change_set.id)
    if cloudformation.by_id(client, change_set.stack_id)["StackStatus"] != SHELL:
        return
    try:
        client.delete_stack(StackName=change_set.stack_id)
    except ClientError as error:
        if error.response["Error"]["Code"] != "AccessDenied":
            raise


def _read(client: Any, name: str, change_set: str, stack_id: str) -> ChangeSet:
    described = _settled(client, change_set)
    reason = described.get("StatusReason", "")
    if described["Status"] != "FAILED":
        return ChangeSet(change_set, stack_id, changes.read(_every_change(client, change_set)))
    failed = ChangeSet(change_set, stack_id, [], changes_nothing=True)
    discard(client, failed)
    if not any(sentence in reason for sentence in _NOTHING):
        raise Refused(f"{name}: {reason}")
    return failed


def _settled(client: Any, change_set: str) -> Mapping[str, Any]:
    wait = _FIRST_WAIT
    while True:
        described: Mapping[str, Any] = client.describe_change_set(ChangeSetName=change_set)
        if described["Status"] not in _UNFINISHED:
            return described
        time.sleep(wait)
        wait = min(2 * wait, _LONGEST_WAIT)


def _every_change(client: Any, change_set: str) -> Sequence[Mapping[str, Any]]:
    pages = client.get_paginator("describe_change_set").paginate(ChangeSetName=change_set, IncludePropertyValues=True)
    return [change for page in pages for change in page["Changes"]]
