"""`destroy`: everything of a stage that nobody depends on, gone."""

from __future__ import annotations

import argparse
from typing import Any

from rich.console import Console

from infra import artifacts, catalogue, cloudformation, stages
from infra.account import Account
from infra.approval import PROTECTED, ask
from infra.catalogue import Definition
from infra.commands import plan
from infra.errors import Interrupted, Refused
from infra.stages import APP, LAPTOP, Stage
from ops.terminal import console

_KEPT = {"Retain", "RetainExceptOnCreate"}
_SKIPPED = ": DELETE_SKIPPED"


def run(options: argparse.Namespace) -> int:
    """Delete the stacks of a stage, the last one first, and say what is left. Raises `Refused`, `DeploymentFailed`."""
    _refuse_protected(options.stage)
    account = Account(options.profile, options.region)
    stage = stages.named(options.stage, emulated=account.is_emulated)
    _ask(stage, account, options.confirm)
    screen = console()
    left: list[str] = []
    for definition in reversed([each for each in catalogue.STACKS if not each.is_shared]):
        left += _destroy(account, definition, stage, screen)
    _remove_code(account, stage, screen)
    for what in [*left, *_parameters(account, stage)]:
        screen.print(f"left in the account: {what}", markup=False)
    screen.print(f"{stage.name} is gone")
    return 0


def _refuse_protected(stage: str) -> None:
    if stage in PROTECTED:
        raise Refused(f"{stage} is protected: its stacks are deleted by hand, one by one, by whoever answers for it.")
    if stage == LAPTOP:
        raise Refused("The stage local is the laptop's: `make clean` forgets it.")


def _ask(stage: Stage, account: Account, confirmed: str) -> None:
    question = f"Everything of {stage.name} in account {account.id}, {account.region} is deleted. Type {stage.name}: "
    if (confirmed or ask(question)).strip() != stage.name:
        raise Refused(f"Nothing was deleted: the stage's name has to be typed, or given as --confirm {stage.name}.")


def _destroy(account: Account, definition: Definition, stage: Stage, screen: Console) -> list[str]:
    """Delete one stack, and return what it leaves behind."""
    client, name = account.client("cloudformation", definition.region), definition.stack(stage.name)
    lines: list[str] = []

    def tell(line: str) -> None:
        lines.append(line)
        screen.print(line, markup=False)

    stack = cloudformation.find(client, name)
    if stack is None:
        return []
    tell(f"{name}: deleting")
    stack_id, seen = stack["StackId"], cloudformation.event_ids(client, stack["StackId"])
    cloudformation.settle(client, stack_id, seen, tell)
    for bucket in _buckets_to_empty(client, stack_id):
        tell(f"{bucket}: {artifacts.empty(account.client('s3'), bucket)} versions of objects removed")
    role = plan.execution_role(account, stage)
    client.delete_stack(StackName=name, **({"RoleARN": role} if role else {}))
    try:
        cloudformation.watch(client, stack_id, seen, tell)
    except KeyboardInterrupt:
        raise Interrupted(f"CloudFormation goes on deleting {name}; nothing stops that. Destroy again later.") from None
    tell(f"{name}: gone")
    return [line.removesuffix(_SKIPPED) for line in lines if line.endswith(_SKIPPED)]


def _buckets_to_empty(client: Any, stack_id: str) -> list[str]:
    """The buckets that go with the stack: S3 deletes empty ones only."""
    template = client.get_template(StackName=stack_id, TemplateStage="Processed")["TemplateBody"]
    declared = template.get("Resources", {}) if isinstance(template, dict) else {}
    return [
        resource["PhysicalResourceId"]
        for resource in cloudformation.resources(client, stack_id)
        if resource["ResourceType"] == "AWS::S3::Bucket"
        and resource["ResourceStatus"] != "DELETE_COMPLETE"
        and declared.get(resource["LogicalResourceId"], {}).get("DeletionPolicy") not in _KEPT
    ]


def _remove_code(account: Account, stage: Stage, screen: Console) -> None:
    """The bucket that `deploy` made for the stage."""
    name = artifacts.conventional_name(account, stage)
    if artifacts.find_bucket(account, stage) == name:
        artifacts.empty(account.client("s3"), name)
        account.client("s3").delete_bucket(Bucket=name)
        screen.print(f"{name}: gone")


def _parameters(account: Account, stage: Stage) -> list[str]:
    """The SSM parameters of the stage that no stack wrote."""
    pages = account.client("ssm").get_paginator("get_parameters_by_path")
    path = f"/{APP}/{stage.name}/"
    found = [each["Name"] for page in pages.paginate(Path=path, Recursive=True) for each in page["Parameters"]]
    return [f"the SSM parameter {name}" for name in found]
