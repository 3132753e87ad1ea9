"""Stacks as CloudFormation tells of them: what they are now, and what happens to them until it has ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from typing import Any

from botocore.exceptions import ClientError

from infra.errors import DeploymentFailed

# SAM is a macro, and a template may name the roles it makes.
CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]

LARGEST_BODY = 51_200
"""Bytes of a template in a request; CloudFormation takes a larger one from S3 only."""

SHELL = "REVIEW_IN_PROGRESS"
"""The state of a stack that was made to hold a change set, which nobody has carried out."""

SUCCEEDED = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "DELETE_COMPLETE"}

_FIRST_WAIT, _LONGEST_WAIT = 0.1, 3.0
_CANCELLED = ("Resource creation cancelled", "Resource update cancelled")

Progress = Callable[[str], object]
Stack = dict[str, Any]


def find(client: Any, name: str) -> Stack | None:
    """The stack called `name`, as `DescribeStacks` gives it, or None."""
    try:
        stack = by_id(client, name)
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise
    return None if stack["StackStatus"] == "DELETE_COMPLETE" else stack


def by_id(client: Any, stack: str) -> Stack:
    """The stack of that name or id; a deleted one is known by its id alone."""
    found: Stack = client.describe_stacks(StackName=stack)["Stacks"][0]
    return found


def outputs(stack: Stack) -> dict[str, str]:
    """The stack's outputs by key."""
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def resources(client: Any, stack: str) -> Iterator[dict[str, Any]]:
    """What the stack of that name or id holds, as `ListStackResources` gives it."""
    for page in client.get_paginator("list_stack_resources").paginate(StackName=stack):
        yield from page["StackResourceSummaries"]


def event_ids(client: Any, stack: str) -> set[str]:
    """What has happened to a stack so far, for `watch` to leave out."""
    return {event["EventId"] for event in _events(client, stack)}


def watch(
    client: Any, stack_id: str, seen: set[str], progress: Progress, expected: Collection[str] | None = None
) -> None:
    """Return when nothing is under way in a stack; `progress` gets a line for each resource that is done until then.

    With `expected`, updates of other resources are not told: an emulator goes through all of them each time. Raises
    `DeploymentFailed` when it ended in a state that was not aimed at.
    """
    status, failures = settle(client, stack_id, seen, progress, expected)
    if status not in SUCCEEDED:
        raise DeploymentFailed("\n".join([f"{stack_id} ended in {status}", *failures]))


def settle(
    client: Any, stack_id: str, seen: set[str], progress: Progress, expected: Collection[str] | None = None
) -> tuple[str, list[str]]:
    """As `watch`, for any end: the state, and each failure that was told on the way."""
    failures: list[str] = []
    wait = _FIRST_WAIT
    while True:
        status = str(by_id(client, stack_id)["StackStatus"])
        for event in _new_events(client, stack_id, seen):
            if _is_telling(event, expected):
                _report(event, failures, progress)
        if not status.endswith("_IN_PROGRESS"):
            return status, failures
        time.sleep(wait)
        wait = min(2 * wait, _LONGEST_WAIT)


def _is_telling(event: dict[str, Any], expected: Collection[str] | None) -> bool:
    is_update = event["ResourceStatus"] == "UPDATE_COMPLETE"
    return not is_update or expected is None or event["LogicalResourceId"] in expected


def _report(event: dict[str, Any], failures: list[str], progress: Progress) -> None:
    line = f"{event['LogicalResourceId']} ({event['ResourceType']})"
    status, reason = event["ResourceStatus"], event.get("ResourceStatusReason", "")
    if status.endswith("_FAILED"):
        if not reason.startswith(_CANCELLED):
            failures.append(f"{line}: {reason}")
        progress(f"{line}: {status}: {reason}")
    elif not status.endswith("_IN_PROGRESS"):
        progress(f"{line}: {status}")


def _new_events(client: Any, stack_id: str, seen: set[str]) -> list[dict[str, Any]]:
    fresh = [event for event in _events(client, stack_id) if event["EventId"] not in seen]
    seen.update(event["EventId"] for event in fresh)
    return fresh[::-1]


def _events(client: Any, stack: str) -> Iterator[dict[str, Any]]:
    """Newest first."""
    for page in client.get_paginator("describe_stack_events").paginate(StackName=stack):
        yield from page["StackEvents"]
