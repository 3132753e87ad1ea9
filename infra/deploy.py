"""CloudFormation, told to make a stack what its template says, without a look at what that changes.

For the laptop, whose stacks hold nothing that cannot be made again. `infra/releases.py` is careful.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from infra import cloudformation
from infra.account import Session
from infra.cloudformation import Progress
from infra.errors import DeploymentFailed

# CloudFormation leaves a stack whose first creation failed as a shell that can only be deleted.
_NEVER_CREATED = {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED", "REVIEW_IN_PROGRESS"}


def deploy_stack(
    session: Session,
    name: str,
    template_body: str,
    parameters: Mapping[str, str],
    *,
    progress: Progress,
    template_url: str | None = None,
) -> dict[str, str]:
    """Create the stack `name`, or update it, and return its outputs once it is complete.

    `progress` gets a line for each resource that is done. A template over 51,200 bytes has to be in S3: `template_url`
    is then sent in the place of the body. Raises `DeploymentFailed`.
    """
    client = session.client("cloudformation")
    request = {
        "StackName": name,
        "Capabilities": cloudformation.CAPABILITIES,
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        **({"TemplateURL": template_url} if template_url else {"TemplateBody": template_body}),
    }
    try:
        _start(client, request, progress)
    except ClientError as error:
        if "No updates are to be performed" not in str(error):
            raise DeploymentFailed(f"{name}: {error.response['Error']['Message']}") from error
    return cloudformation.outputs(cloudformation.by_id(client, name))


def _start(client: Any, request: dict[str, Any], progress: Progress) -> None:
    name = request["StackName"]
    stack = cloudformation.find(client, name)
    if stack and stack["StackStatus"] in _NEVER_CREATED:
        progress(f"{name} was never created: deleting what is left of it")
        stack_id, seen = stack["StackId"], cloudformation.event_ids(client, stack["StackId"])
        client.delete_stack(StackName=name)
        cloudformation.watch(client, stack_id, seen, progress)
        stack = None
    seen = cloudformation.event_ids(client, name) if stack else set()
    started = client.update_stack(**request) if stack else client.create_stack(**request)
    cloudformation.watch(client, started["StackId"], seen, progress)
