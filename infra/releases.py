"""A release on its way into an account: what each stack is to become, and how that is carried out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra import aliases, artifacts, canary, catalogue, change_sets, cloudformation, parameters, templates
from infra.account import Account
from infra.build import PACKAGE, PROJECT, TEMPLATE
from infra.catalogue import Definition
from infra.change_sets import ChangeSet
from infra.cloudformation import SHELL, Progress, Stack
from infra.errors import Interrupted
from infra.parameters import Given
from infra.resumption import NEVER_CREATED
from infra.stages import Stage
from infra.templates import Template


@dataclass(frozen=True)
class Proposal:
    """What a stack is to become. `missing`: SSM parameters that it reads and that nobody has written yet."""

    definition: Definition
    name: str
    stack: Stack | None
    template: Template
    parameters: list[dict[str, Any]]
    missing: list[str]

    @property
    def is_new(self) -> bool:
        """Whether the stack holds nothing yet."""
        return self.stack is None or self.stack["StackStatus"] in {*NEVER_CREATED, SHELL}


@dataclass(frozen=True)
class Release:
    """One release of one stage. `built` is the folder of the build; `bucket` is empty where there is none yet.

    CloudFormation works with `execution_role` in the stage's own stacks; without one as whoever asks it.
    """

    account: Account
    stage: Stage
    built: Path
    bucket: str
    given: Given
    execution_role: str = ""

    def propose(self, definition: Definition) -> Proposal:
        """What `definition`'s stack is to become. Raises `Refused` when a parameter is wrong or missing."""
        name = definition.stack(self.stage.name)
        template = templates.read(self._text(definition))
        stack = cloudformation.find(self.client(definition), name)
        given = self.given.get(definition.name, {})
        requested = parameters.request(definition.name, template, given, self._own(definition, template), stack)
        reads = {*parameters.first_references(template, requested), *template.references(self.stage.name)}
        missing = parameters.unwritten(self.account.client("ssm", definition.region), reads)
        if definition.is_built:
            template = self._with_fingerprints(template, requested, stack)
        return Proposal(definition, name, stack, template, requested, missing)

    def change_set(self, proposal: Proposal) -> ChangeSet:
        """CloudFormation's word on a proposal. Raises `Refused` when it does not take it."""
        body = {"TemplateBody": proposal.template.text}
        if proposal.template.size > cloudformation.LARGEST_BODY:
            url = artifacts.upload_template(self.account, self.bucket, proposal.template.text)
            body = {"TemplateURL": url}
        request = {**body, "Parameters": proposal.parameters, **self.role(proposal.definition)}
        client = self.client(proposal.definition)
        return change_sets.create(client, proposal.name, proposal.stack, request, self._tags(proposal.definition))

    def discard(self, definition: Definition, change_set: ChangeSet) -> None:
        """Forget a change set of `definition`'s stack."""
        change_sets.discard(self.client(definition), change_set)

    def change_set_of_parameters(self, definition: Definition, stack: Stack, **values: str) -> ChangeSet:
        """What becomes of `definition`'s stack when nothing but the values of these parameters changes."""
        changed = parameters.unchanged_but(stack, **values)
        request = {"UsePreviousTemplate": True, "Parameters": changed, **self.role(definition)}
        return change_sets.create(self.client(definition), stack["StackName"], stack, request, self._tags(definition))

    def execute(self, definition: Definition, change_set: ChangeSet, progress: Progress) -> None:
        """Carry a change set out, and return when that is done. Raises `DeploymentFailed`, `Interrupted`."""
        client = self.client(definition)
        seen = cloudformation.event_ids(client, change_set.stack_id)
        expected = {change.resource for change in change_set.changes}
        client.execute_change_set(ChangeSetName=change_set.id)
        try:
            cloudformation.watch(client, change_set.stack_id, seen, progress, expected)
        except KeyboardInterrupt:
            raise Interrupted(_how_to_go_on(definition.stack(self.stage.name), self.stage.name)) from None

    def role(self, definition: Definition) -> Mapping[str, str]:
        """What a request about `definition`'s stack says of the role to work with."""
        is_own = bool(self.execution_role) and not definition.is_shared
        return {"RoleARN": self.execution_role} if is_own else {}

    def client(self, definition: Definition) -> Any:
        """CloudFormation where `definition`'s stack is."""
        return self.account.client("cloudformation", definition.region)

    def _tags(self, definition: Definition) -> Mapping[str, str]:
        """What each resource of a stack is found by in the account's costs."""
        tags: dict[str, str] = json.loads((PROJECT / ".chalice" / "config.json").read_text())["tags"]
        return tags if definition.is_shared else {**tags, "stage": self.stage.name}

    def _addresses(self) -> Mapping[str, str]:
        """What stands behind the edge, which SSM parameters of this region do not reach."""
        application = catalogue.named(catalogue.APPLICATION)
        stack = cloudformation.find(self.client(application), application.stack(self.stage.name))
        found = cloudformation.outputs(stack) if stack else {}
        names = {"ApiId": "HttpApiId", "WebsocketApiId": "WebsocketApiId"}
        return {parameter: found[output] for output, parameter in names.items() if output in found}

    def _with_fingerprints(
        self, template: Template, requested: Sequence[Mapping[str, Any]], stack: Stack | None
    ) -> Template:
        """`template` whose functions get a new version when a value that they are told of is another one."""
        client = self.account.client("ssm")
        values = parameters.resolved(client, template, requested, stack)
        return templates.read(aliases.renew_fingerprints(template.text, values))

    def _text(self, definition: Definition) -> str:
        return (self.built / TEMPLATE if definition.is_built else definition.template).read_text()

    def _own(self, definition: Definition, template: Template) -> Mapping[str, str]:
        """What the command itself knows of the parameters that a template has."""
        own = {"Stage": self.stage.name, "HomeRegion": self.account.region}
        if definition.name == catalogue.EDGE:
            own |= self._addresses()
        if definition.is_built:
            key = artifacts.code_key(self.built / PACKAGE)
            # How a release is shifted is for that release alone: nothing of an earlier one is remembered.
            own |= {"CodeBucket": self.bucket, "CodeKey": key, "MigrateCodeKey": key, canary.SHIFT: canary.CANARY}
        return {name: value for name, value in own.items() if name in template.parameters}


def _how_to_go_on(name: str, stage: str) -> str:
    return (
        f"CloudFormation goes on with {name}. Look: python -m infra status --stage {stage}. Deploying again waits for "
        f"it and goes on from there.\nCancel an update: aws cloudformation cancel-update-stack --stack-name {name}"
    )
