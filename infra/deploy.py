"""CloudFormation, told to make a stack what its template says, and watched while it does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

from botocore.exceptions import ClientError

from infra import packager
from infra.stages import APP

# SAM is a macro, and a template may name the roles it makes.
_CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]

# CloudFormation leaves a stack whose first creation failed as a shell that can only be deleted.
_NEVER_CREATED = {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED", "REVIEW_IN_PROGRESS"}
_SUCCEEDED = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "DELETE_COMPLETE"}
_FIRST_WAIT, _LONGEST_WAIT = 0.1, 3.0


class Session(Protocol):
    """What is needed of a boto3 session."""

    def client(self, service_name: str) -> Any:
        """A client of one AWS service."""


class DeploymentFailed(Exception):
    """CloudFormation gave up: the message holds each failed resource with the reason it gave."""


def deploy_stack(
    session: Session,
    name: str,
    template_body: str,
    parameters: Mapping[str, str],
    *,
    progress: Callable[[str], object],
    template_url: str | None = None,
) -> dict[str, str]:
    """Create the stack `name`, or update it, and return its outputs once it is complete.

    `progress` gets a line for each resource that is done. A template over 51,200 bytes has to be in S3: `template_url`
    is then sent in the place of the body. Raises `DeploymentFailed`.
    """
    client = session.client("cloudformation")
    request = {
        "StackName": name,
        "Capabilities": _CAPABILITIES,
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        **({"TemplateURL": template_url} if template_url else {"TemplateBody": template_body}),
    }
    try:
        _start(client, request, progress)
    except ClientError as error:
        if "No updates are to be performed" not in str(error):
            raise DeploymentFailed(f"{name}: {error.response['Error']['Message']}") from error
    return _outputs(client, name)


def upload_code(session: Session, bucket: str, package: Path) -> str:
    """Put `package` into `bucket` under a key made of its content, unless it is there, and return the key."""
    client = session.client("s3")
    key = f"{APP}/{packager.sha256(package)}.zip"
    if client.list_objects_v2(Bucket=bucket, Prefix=key).get("KeyCount", 0) == 0:
        with package.open("rb") as body:
            client.put_object(Bucket=bucket, Key=key, Body=body)
    return key


def upload_template(session: Session, bucket: str, template: str) -> str:
    """Put `template` into `bucket` under a key made of its content, and return its address for `template_url`."""
    client = session.client("s3")
    key = f"templates/{sha256(template.encode()).hexdigest()}"
    client.put_object(Bucket=bucket, Key=key, Body=template.encode())
    return f"{client.meta.endpoint_url}/{bucket}/{key}"


def _start(client: Any, request: dict[str, Any], progress: Callable[[str], object]) -> None:
    name = request["StackName"]
    stack = _stack(client, name)
    if stack and stack["StackStatus"] in _NEVER_CREATED:
        progress(f"{name} was never created: deleting what is left of it")
        stack_id, seen = stack["StackId"], _event_ids(client, stack["StackId"])
        client.delete_stack(StackName=name)
        _watch(client, stack_id, seen, progress)
        stack = None
    seen = _event_ids(client, name) if stack else set()
    started = client.update_stack(**request) if stack else client.create_stack(**request)
    _watch(client, started["StackId"], seen, progress)


def _watch(client: Any, stack_id: str, seen: set[str], progress: Callable[[str], object]) -> None:
    failures: list[str] = []
    wait = _FIRST_WAIT
    while True:
        status = _stack_by_id(client, stack_id)["StackStatus"]
        for event in _new_events(client, stack_id, seen):
            _report(event, failures, progress)
        if not status.endswith("_IN_PROGRESS"):
            break
        time.sleep(wait)
        wait = min(2 * wait, _LONGEST_WAIT)
    if status not in _SUCCEEDED:
        raise DeploymentFailed("\n".join([f"{stack_id} ended in {status}", *failures]))


def _report(event: dict[str, Any], failures: list[str], progress: Callable[[str], object]) -> None:
    line = f"{event['LogicalResourceId']} ({event['ResourceType']})"
    status, reason = event["ResourceStatus"], event.get("ResourceStatusReason", "")
    if status.endswith("_FAILED"):
        failures.append(f"{line}: {reason}")
        progress(f"{line}: {status}: {reason}")
    elif not status.endswith("_IN_PROGRESS"):
        progress(f"{line}: {status}")


def _new_events(client: Any, stack_id: str, seen: set[str]) -> list[dict[str, Any]]:
    fresh = [event for event in _events(client, stack_id) if event["EventId"] not in seen]
    seen.update(event["EventId"] for event in fresh)
    return fresh[::-1]


def _event_ids(client: Any, stack: str) -> set[str]:
    return {event["EventId"] for event in _events(client, stack)}


def _events(client: Any, stack: str) -> Iterator[dict[str, Any]]:
    """Newest first."""
    for page in client.get_paginator("describe_stack_events").paginate(StackName=stack):
        yield from page["StackEvents"]


def _stack(client: Any, name: str) -> dict[str, Any] | None:
    try:
        return _stack_by_id(client, name)
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise


def _stack_by_id(client: Any, stack: str) -> dict[str, Any]:
    found: dict[str, Any] = client.describe_stacks(StackName=stack)["Stacks"][0]
    return found


def _outputs(client: Any, name: str) -> dict[str, str]:
    return {output["OutputKey"]: output["OutputValue"] for output in _stack_by_id(client, name).get("Outputs", [])}
