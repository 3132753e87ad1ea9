"""What `diff` and `deploy` have in common: the account, the stacks that are meant, and the release for them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from infra import artifacts, catalogue, cloudformation, manifest, parameters, stages
from infra.account import Account
from infra.build import MANIFEST, build
from infra.catalogue import Definition
from infra.cloudformation import Progress
from infra.errors import Refused
from infra.releases import Release
from infra.stages import APP, LAPTOP, Stage


def stacks(account: Account, stage: Stage, names: str) -> list[Definition]:
    """The stacks of a comma-separated list, or all of the stage's: optional ones once they are there.

    Where the account's own stack is missing, that comes first. Raises `Refused` as `catalogue.chosen` does, and for the
    laptop's stage.
    """
    if stage.name == LAPTOP:
        raise Refused("The stage local is the laptop's: `make run` deploys it.")
    named = [name.strip() for name in names.split(",") if name.strip()]
    chosen = catalogue.chosen(stage.name, named, emulated=account.is_emulated)
    if named or account.is_emulated:
        return chosen
    needed = catalogue.named("account")
    first = [] if _is_deployed(account, needed, stage) else [needed]
    return [*first, *(each for each in chosen if not each.is_optional or _is_deployed(account, each, stage))]


def release(options: argparse.Namespace, account: Account, definitions: Sequence[Definition], bucket: str) -> Release:
    """The release of the project as it is, or of the build that `--build` names. Raises `Refused`, `BuildError`."""
    given = parameters.parse(options.parameter)
    if others := sorted(given.keys() - {definition.name for definition in definitions}):
        raise Refused(f"--parameter {others[0]}.…: the stack {others[0]} is not among those that are meant.")
    stage = stages.named(options.stage, emulated=account.is_emulated)
    built = options.build or Path("build") / stage.name
    if any(definition.is_built for definition in definitions):
        _make(options, stage, built, print)
    return Release(account, stage, built, bucket, given)


def bucket(options: argparse.Namespace, account: Account, *, making: bool) -> str:
    """The bucket for code and templates; without `making` it is empty where there is none yet. Raises `Refused`."""
    find = artifacts.ensure_bucket if making else artifacts.find_bucket
    return find(account, stages.named(options.stage), options.bucket)


def execution_role(account: Account, stage: Stage) -> str:
    """The role that the delivery stack has for CloudFormation to work with in a stage; empty without that stack."""
    client = account.client("ssm")
    try:
        name = f"/{APP}/delivery/{stage.name}/execution-role-arn"
        return str(client.get_parameter(Name=name)["Parameter"]["Value"])
    except client.exceptions.ParameterNotFound:
        return ""


def _make(options: argparse.Namespace, stage: Stage, built: Path, progress: Progress) -> None:
    if options.build is None:
        build(stage.name, built, emulated=stage.is_emulated, progress=progress)
    else:
        _check(built, stage)


def _check(built: Path, stage: Stage) -> None:
    if not (built / MANIFEST).exists():
        raise Refused(f"There is no build in {built}: make one with `python -m infra build --out {built}`.")
    made = manifest.read(built / MANIFEST)
    if made["stage"] != stage.name:
        raise Refused(f"The build in {built} is of the stage {made['stage']}.")
    if made["is_emulated"] != stage.is_emulated:
        raise Refused(f"The build in {built} is for {'an emulator' if made['is_emulated'] else 'AWS'}.")


def _is_deployed(account: Account, definition: Definition, stage: Stage) -> bool:
    client = account.client("cloudformation", definition.region)
    return cloudformation.find(client, definition.stack(stage.name)) is not None
