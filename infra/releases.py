"""A release on its way into an account: what each stack is to become, and how that is carried out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from infra import artifacts, change_sets, cloudformation, parameters, templates
from infra.account import Account
from infra.build import PACKAGE, PROJECT, TEMPLATE
from infra.catalogue import Definition
from infra.change_sets import ChangeSet
from infra.cloudformation import Progress, Stack
from infra.errors import Interrupted, Refused
from infra.parameters import Given
from infra.stages import Stage
from infra.templates import Template

# A creation that failed leaves a shell, in which nothing is and which can only be deleted.
NEVER_CREATED = {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED"}
_SHELL = "REVIEW_IN_PROGRESS"


@dataclass(frozen=True)
class Proposal:
    """What a stack is to become. `missing`: SSM parameters that it reads and that nobody has written yet."""

    name: str
    stack: Stack | None
    template: Template
    parameters: list[dict[str, Any]]
    missing: list[str]

    @property
    def is_new(self) -> bool:
        """Whether the stack holds nothing yet."""
        return self.stack is None or self.stack["StackStatus"] in {*NEVER_CREATED, _SHELL}


@dataclass(frozen=True)
class Release:
    """One release of one stage. `built` is the folder of the build; `bucket` is empty where there is none yet."""

    account: Account
    stage: Stage
    built: Path
    bucket: str
    given: Given

    def propose(self, definition: Definition) -> Proposal:
        """What `definition`'s stack is to become. Raises `Refused` when a parameter is wrong or missing."""
        name = definition.stack(self.stage.name)
        template = templates.read(self._text(definition))
        stack = cloudformation.find(self._client, name)
        given = self.given.get(definition.name, {})
        requested = parameters.request(definition.name, template, given, self._own(definition, template), stack)
        reads = {*parameters.first_references(template, requested), *template.references(self.stage.name)}
        missing = parameters.unwritten(self.account.client("ssm"), reads)
        return Proposal(name, stack, template, requested, missing)

    def change_set(self, proposal: Proposal) -> ChangeSet:
        """CloudFormation's word on a proposal. Raises `Refused` when it does not take it."""
        body = {"TemplateBody": proposal.template.text}
        if proposal.template.size > cloudformation.LARGEST_BODY:
            url = artifacts.upload_template(self.account, self.bucket, proposal.template.text)
            body = {"TemplateURL": url}
        request = {**body, "Parameters": proposal.parameters}
        return change_sets.create(self._client, proposal.name, proposal.stack, request, self._tags)

    def change_set_of_parameters(self, stack: Stack, **values: str) -> ChangeSet:
        """What becomes of a stack when nothing but the values of these parameters changes."""
        request = {"UsePreviousTemplate": True, "Parameters": parameters.unchanged_but(stack, **values)}
        return change_sets.create(self._client, stack["StackName"], stack, request, self._tags)

    def execute(self, name: str, change_set: ChangeSet, progress: Progress) -> None:
        """Carry a change set out, and return when that is done. Raises `DeploymentFailed`, `Interrupted`."""
        seen = cloudformation.event_ids(self._client, change_set.stack_id)
        expected = {change.resource for change in change_set.changes}
        self._client.execute_change_set(ChangeSetName=change_set.id)
        try:
            cloudformation.watch(self._client, change_set.stack_id, seen, progress, expected)
        except KeyboardInterrupt:
            raise Interrupted(_how_to_go_on(name, self.stage.name)) from None

    def settle(self, name: str, progress: Progress) -> Stack | None:
        """The stack `name` once a change can start from where it is: waits, goes on, cleans up. None: not there.

        Raises `Refused` with what to do where a person has to decide, `DeploymentFailed`.
        """
        while (stack := cloudformation.find(self._client, name)) is not None:
            match stack["StackStatus"]:
                case "UPDATE_ROLLBACK_FAILED":
                    self._continue_rollback(stack, progress)
                case state if state in NEVER_CREATED:
                    progress(f"{name} was never created: deleting what is left of it")
                    self._delete(stack, progress)
                case "DELETE_FAILED":
                    command = f"aws cloudformation delete-stack --stack-name {name}"
                    raise Refused(f"{name} is half deleted. Find the reason in its events, then end it: {command}")
                case state if state != _SHELL and state.endswith("_IN_PROGRESS"):
                    progress(f"{name} is in {state}: waiting")
                    seen = cloudformation.event_ids(self._client, stack["StackId"])
                    cloudformation.settle(self._client, stack["StackId"], seen, progress)
                case _:
                    return stack
        return None

    @property
    def _client(self) -> Any:
        return self.account.client("cloudformation")

    @cached_property
    def _tags(self) -> Mapping[str, str]:
        configuration = json.loads((PROJECT / ".chalice" / "config.json").read_text())
        return {**configuration["tags"], "stage": self.stage.name}

    def _text(self, definition: Definition) -> str:
        return (self.built / TEMPLATE if definition.is_built else definition.template).read_text()

    def _own(self, definition: Definition, template: Template) -> Mapping[str, str]:
        """What the command itself knows of the parameters that a template has."""
        own = {"Stage": self.stage.name}
        if definition.is_built:
            key = artifacts.code_key(self.built / PACKAGE)
            own |= {"CodeBucket": self.bucket, "CodeKey": key, "MigrateCodeKey": key}
        return {name: value for name, value in own.items() if name in template.parameters}

    def _continue_rollback(self, stack: Stack, progress: Progress) -> None:
        name, stack_id = stack["StackName"], stack["StackId"]
        progress(f"{name}: going on with the rollback that failed")
        seen = cloudformation.event_ids(self._client, stack_id)
        self._client.continue_update_rollback(StackName=name)
        state, failures = cloudformation.settle(self._client, stack_id, seen, progress)
        if state == "UPDATE_ROLLBACK_FAILED":
            command = f"aws cloudformation continue-update-rollback --stack-name {name} --resources-to-skip RESOURCE"
            advice = f"Mend the reason and deploy again, or leave the resource as it is: {command}"
            raise Refused("\n".join([f"{name} cannot go back to where it was.", *failures, advice]))

    def _delete(self, stack: Stack, progress: Progress) -> None:
        seen = cloudformation.event_ids(self._client, stack["StackId"])
        self._client.delete_stack(StackName=stack["StackName"])
        cloudformation.watch(self._client, stack["StackId"], seen, progress)


def _how_to_go_on(name: str, stage: str) -> str:
    return (
        f"CloudFormation goes on with {name}. Look: python -m infra status --stage {stage}. Deploying again waits for "
        f"it and goes on from there.\nCancel an update: aws cloudformation cancel-update-stack --stack-name {name}"
    )
