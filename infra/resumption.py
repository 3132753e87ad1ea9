"""Where an earlier deployment left a stack, and how a new one goes on from there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infra import cloudformation
from infra.cloudformation import SHELL, Progress, Stack
from infra.errors import Refused

NEVER_CREATED = {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED"}
"""States in which the first creation failed: nothing of use is in such a stack, and it can only be deleted."""


def settle(client: Any, name: str, progress: Progress, role: Mapping[str, str] | None = None) -> Stack | None:
    """The stack `name` once a change can start from where it is: waits, goes on, cleans up. None: it is not there.

    `role` is what requests say of the role that CloudFormation works with (`RoleARN`), if they do. Raises `Refused`
    with what to do where a person has to decide, `DeploymentFailed`.
    """
    while (stack := cloudformation.find(client, name)) is not None:
        match stack["StackStatus"]:
            case "UPDATE_ROLLBACK_FAILED":
                _continue_rollback(client, stack, progress, role or {})
            case "DELETE_FAILED":
                command = f"aws cloudformation delete-stack --stack-name {name}"
                raise Refused(f"{name} is half deleted. Find the reason in its events, then end it: {command}")
            case state if state in NEVER_CREATED:
                progress(f"{name} was never created: deleting what is left of it")
                _delete(client, stack, progress, role or {})
            case state if state != SHELL and state.endswith("_IN_PROGRESS"):
                progress(f"{name} is in {state}: waiting")
                seen = cloudformation.event_ids(client, stack["StackId"])
                cloudformation.settle(client, stack["StackId"], seen, progress)
            case _:
                return stack
    return None


def _continue_rollback(client: Any, stack: Stack, progress: Progress, role: Mapping[str, str]) -> None:
    name, stack_id = stack["StackName"], stack["StackId"]
    progress(f"{name}: going on with the rollback that failed")
    seen = cloudformation.event_ids(client, stack_id)
    client.continue_update_rollback(StackName=name, **role)
    state, failures = cloudformation.settle(client, stack_id, seen, progress)
    if state == "UPDATE_ROLLBACK_FAILED":
        command = f"aws cloudformation continue-update-rollback --stack-name {name} --resources-to-skip RESOURCE"
        advice = f"Mend the reason and deploy again, or leave the resource as it is: {command}"
        raise Refused("\n".join([f"{name} cannot go back to where it was.", *failures, advice]))


def _delete(client: Any, stack: Stack, progress: Progress, role: Mapping[str, str]) -> None:
    seen = cloudformation.event_ids(client, stack["StackId"])
    client.delete_stack(StackName=stack["StackName"], **role)
    cloudformation.watch(client, stack["StackId"], seen, progress)
