"""`deploy`: a release of a stage, stack by stack, and the schema before the code that needs it."""

from __future__ import annotations

import argparse
from dataclasses import replace

from botocore.exceptions import ClientError
from rich.console import Console

from infra import artifacts, canary, catalogue, change_report, cloudformation, database, migration, resumption, stages
from infra.account import Account
from infra.approval import PROTECTED, Approval, ask
from infra.build import PACKAGE
from infra.catalogue import Definition
from infra.change_sets import ChangeSet
from infra.cloudformation import Stack
from infra.commands import plan
from infra.errors import DeploymentFailed, Refused
from infra.releases import Proposal, Release
from infra.stages import MIGRATE
from ops.terminal import console


def run(options: argparse.Namespace) -> int:
    """Deploy each stack in order, and print what the last one gives."""
    account = Account(options.profile, options.region)
    stage = stages.named(options.stage, emulated=account.is_emulated)
    definitions = plan.stacks(account, stage, options.stacks)
    release = plan.release(options, account, definitions, plan.bucket(options, account, making=True))
    release = replace(release, execution_role=plan.execution_role(account, stage))
    approval = Approval(stage, options.allow_replacement, says_yes=options.yes, ask=ask)
    deployment = Deployment(release, approval, console(), migrates=not options.no_migrations)
    for definition in definitions:
        deployment.deploy(definition)
    deployment.print_outputs(definitions[-1])
    return 0


class Deployment:
    """One release being carried out."""

    def __init__(self, release: Release, approval: Approval, screen: Console, *, migrates: bool) -> None:
        self._release = release
        self._approval = approval
        self._screen = screen
        self._migrates = migrates

    def deploy(self, definition: Definition) -> None:
        """Make one stack what the release says. The schema comes first wherever code is running that knows it.

        Raises `Refused`, `DeploymentFailed`, `Interrupted`; what was done before stays done, and a second try goes on.
        """
        name = definition.stack(self._release.stage.name)
        role = self._release.role(definition)
        stack = resumption.settle(self._release.client(definition), name, self._say, role)
        if not definition.is_built:
            self._apply(definition)
            self._protect(definition)
            if definition.name == catalogue.DATA:
                self._prepare_database()
            return
        artifacts.upload_code(self._release.account, self._release.bucket, self._release.built / PACKAGE)
        if stack is None or not _can_migrate_first(stack):
            self._apply(definition)
            self._migrate()
        else:
            self._look_ahead(definition)
            self._migrate_first(definition, stack)
            self._apply(definition)
        self._protect(definition)

    def print_outputs(self, definition: Definition) -> None:
        """What the stack of `definition` gives to those who use it."""
        stack = cloudformation.by_id(self._release.client(definition), definition.stack(self._release.stage.name))
        for key, value in cloudformation.outputs(stack).items():
            self._say(f"{key}: {value}")

    def _apply(self, definition: Definition) -> None:
        proposal = self._proposal(definition)
        change_set = self._release.change_set(proposal)
        note = "outputs change" if not (change_set.changes or change_set.changes_nothing) else ""
        self._screen.print(change_report.summary(proposal.name, change_set.changes, note))
        if change_set.changes_nothing:
            return
        self._check(definition, change_set)
        if notice := canary.waiting(change_set.changes, proposal.parameters):
            self._say(notice)
        try:
            self._release.execute(definition, change_set, self._say)
        except DeploymentFailed as failure:
            if not definition.is_built:
                raise
            raise DeploymentFailed(canary.explained(str(failure), proposal.template.text)) from None
        self._say(f"{proposal.name}: done")

    def _protect(self, definition: Definition) -> None:
        """Have CloudFormation refuse to delete the stack, if its stage is protected or all stages need it.

        Whoever may switch that on may switch it off, so GitHub's role may not: for it, this says what is to be done.
        """
        client, name = self._release.client(definition), definition.stack(self._release.stage.name)
        if not (definition.is_shared or self._release.stage.name in PROTECTED):
            return
        if cloudformation.by_id(client, name).get("EnableTerminationProtection"):
            return
        try:
            client.update_termination_protection(StackName=name, EnableTerminationProtection=True)
        except ClientError as error:
            if error.response["Error"]["Code"] != "AccessDenied":
                raise
            self._say(f"{name} may be deleted, and this role may not change that: deploy it once as an administrator")
        else:
            self._say(f"{name}: protected from deletion")

    def _look_ahead(self, definition: Definition) -> None:
        """Ask for leave while the schema is still what it was."""
        proposal = self._proposal(definition)
        change_set = self._release.change_set(proposal)
        if not change_set.changes_nothing:
            self._check(definition, change_set)
            self._release.discard(definition, change_set)

    def _migrate_first(self, definition: Definition, stack: Stack) -> None:
        """Hand `migrate` the new package, and nobody else, and call it: code that runs is as it was meanwhile."""
        if not self._migrates:
            return
        bucket = _parameters(stack)["CodeBucket"]
        key = artifacts.upload_code(self._release.account, bucket, self._release.built / PACKAGE)
        change_set = self._release.change_set_of_parameters(definition, stack, MigrateCodeKey=key)
        if not change_set.changes_nothing:
            self._check(definition, change_set)
            self._say(f"{stack['StackName']}: the new package for {MIGRATE} alone")
            self._release.execute(definition, change_set, self._say)
        self._migrate()

    def _migrate(self) -> None:
        if self._migrates:
            self._say(migration.run(self._release.account, self._release.stage))

    def _proposal(self, definition: Definition) -> Proposal:
        proposal = self._release.propose(definition)
        if proposal.missing:
            names = ", ".join(proposal.missing)
            raise Refused(f"{proposal.name} reads SSM parameters that nobody has written: {names}.")
        return proposal

    def _prepare_database(self) -> None:
        """The roles that `migrate` and the functions sign in as, until the first deployment got as far as those."""
        application = catalogue.named(catalogue.APPLICATION)
        name = application.stack(self._release.stage.name)
        if cloudformation.find(self._release.client(application), name) is None:
            database.prepare(self._release.account, self._release.stage, progress=self._say)

    def _check(self, definition: Definition, change_set: ChangeSet) -> None:
        try:
            self._approval.check(definition.stack(self._release.stage.name), change_set.changes)
        except Refused:
            for line in change_report.lines([change for change in change_set.changes if change.endangers]):
                self._screen.print(line)
            self._release.discard(definition, change_set)
            raise

    def _say(self, line: str) -> None:
        self._screen.print(line, markup=False)


def _can_migrate_first(stack: Stack) -> bool:
    """Whether the stack has functions, and `migrate` among them takes a package of its own."""
    return "MigrateCodeKey" in _parameters(stack)


def _parameters(stack: Stack) -> dict[str, str]:
    return {entry["ParameterKey"]: entry.get("ParameterValue", "") for entry in stack.get("Parameters", [])}
