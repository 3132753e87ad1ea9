"""What CloudFormation needs a function of its own for, and Terraform has a resource for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from infra.errors import BuildError

CUSTOM = "AWS::CloudFormation::CustomResource"


def without_functions(template: Mapping[str, Any]) -> dict[str, Any]:
    """`template` without the functions behind its custom resources, their roles and log groups."""
    resources = template["Resources"]
    custom = {name for name, resource in resources.items() if resource["Type"] == CUSTOM}
    behind = {each for name in custom for each in _behind(resources[name], resources)}
    kept = {
        name: _alone(resource) if name in custom else resource
        for name, resource in resources.items()
        if name not in behind
    }
    return {**template, "Resources": kept}


def _behind(custom: Mapping[str, Any], resources: Mapping[str, Any]) -> Iterable[str]:
    function = _referred(custom["Properties"]["ServiceToken"])
    named = custom.get("DependsOn", [])
    yield from (function, _referred(resources[function]["Properties"]["Role"]))
    yield from [named] if isinstance(named, str) else named


def _alone(custom: Mapping[str, Any]) -> dict[str, Any]:
    properties = {name: value for name, value in custom["Properties"].items() if name != "ServiceToken"}
    return {"Type": custom["Type"], "Properties": properties}


def _referred(value: Any) -> str:
    match value:
        case {"Fn::GetAtt": [str(name), "Arn"]}:
            return name
    raise BuildError(f"the ARN of something in the same stack is wanted, and this is {value}")
