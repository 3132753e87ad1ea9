"""The stacks that a root module is made of, from the templates that CloudFormation gets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from infra import catalogue
from infra.catalogue import Definition
from infra.deployed import read, unrolled
from infra.errors import BuildError
from infra.sam import sam_translated
from infra.stages import Stage
from infra.terraform.expressions import Expression, Value
from infra.terraform.module import Module
from infra.terraform.native import without_functions
from infra.terraform.stack import Stack

EDGE_IS_THERE = 'var.edge == "true"'
PACKAGE = "aws_s3_object.app_package"
# SAM fills in a region and a partition of its own where it is given none.
_LEFT_TO_TERRAFORM = {name: f"${{{name}}}" for name in ("AWS::Region", "AWS::Partition")}
_MADE_ELSEWHERE = {"Transform", "AWSTemplateFormatVersion", "Description", "Metadata"}
_READ = {"Parameters", "Mappings", "Conditions", "Rules", "Resources", "Outputs"}


def of_stage(stage: Stage, template: Path) -> Module:
    """The stacks of a stage with the app's from `template`. Raises `BuildError` for a part that is not understood."""
    app = sam_translated(json.loads(template.read_text()), **_LEFT_TO_TERRAFORM)
    stacks = [
        _stack(definition, stage.name, app if definition.is_built else unrolled(read(definition.template)))
        for definition in catalogue.chosen(stage.name)
    ]
    module = Module([stack for stack in stacks if stack.name != catalogue.EDGE])
    return Module([_joined(stack, module) for stack in stacks])


def shared() -> Module:
    """The stacks that an account has once for all stages."""
    definitions = [definition for definition in catalogue.STACKS if definition.is_shared]
    return Module([_stack(definition, "", unrolled(read(definition.template))) for definition in definitions])


def _stack(definition: Definition, stage: str, template: Mapping[str, Any]) -> Stack:
    if unknown := template.keys() - _READ - _MADE_ELSEWHERE:
        raise BuildError(f"{definition.name}: no translation to Terraform for {', '.join(sorted(unknown))}")
    return Stack(
        name=definition.name,
        title=definition.stack(stage),
        template=without_functions(template),
        known=_known(stage, template.get("Parameters", {})),
        region=definition.region,
        condition=EDGE_IS_THERE if definition.is_optional else "",
    )


def _known(stage: str, parameters: Mapping[str, Any]) -> dict[str, Value]:
    """The parameters that a build decides. `Stages` is looped over, and so is what it is by default."""
    package = Expression(f"{PACKAGE}.key")
    known = {
        "Stage": stage,
        "HomeRegion": Expression("local.region"),
        **dict.fromkeys(("CodeKey", "MigrateCodeKey"), package),
        "Stages": parameters.get("Stages", {}).get("Default", "").split(","),
    }
    return {name: value for name, value in known.items() if name in parameters}


def _joined(stack: Stack, module: Module) -> Stack:
    """The edge is told what stands behind it, which the command that deploys stacks reads from the app's outputs."""
    if stack.name != catalogue.EDGE:
        return stack
    outputs = module.scope(catalogue.APPLICATION).outputs()
    addresses = {"HttpApiId": outputs["ApiId"], "WebsocketApiId": outputs["WebsocketApiId"]}
    return replace(stack, known={**stack.known, **addresses})
