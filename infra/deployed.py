"""What CloudFormation makes of a stack's template for given parameters: conditions decided, loops and maps resolved."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from cfnlint.decode import cfn_yaml

Template = dict[str, Any]
ABSENT = {"Ref": "AWS::NoValue"}


def deployed(path: Path, **parameters: str) -> Template:
    """The template at `path` as it is deployed with `parameters` over its defaults. Other references stay."""
    return decided(unrolled(read(path)), **parameters)


def read(path: Path) -> Template:
    """The template at `path` as it is written, in the long forms of intrinsics."""
    template: Template = json.loads(_text(path))
    return template


def refusals(path: Path, **parameters: str) -> list[str]:
    """What CloudFormation says to `parameters` that the rules of the template at `path` do not admit."""
    template = read(path)
    values = _values(template, parameters)
    return [
        assertion["AssertDescription"]
        for rule in template.get("Rules", {}).values()
        if _holds(rule["RuleCondition"], template, values)
        for assertion in rule["Assertions"]
        if not _holds(assertion["Assert"], template, values)
    ]


def unrolled(template: Template) -> Template:
    """`template` with each loop (`Fn::ForEach`) written out; one over a parameter goes over its default."""
    return {**template, "Resources": dict(_unrolled(template["Resources"], template.get("Parameters", {})))}


def decided(template: Template, **parameters: str) -> Template:
    """`template` without the resources that its conditions leave out, each `Fn::If` and `Fn::FindInMap` decided."""
    values = _values(template, parameters)
    resources = {
        name: _resolved(resource, template, values)
        for name, resource in template["Resources"].items()
        if "Condition" not in resource or _holds({"Condition": resource["Condition"]}, template, values)
    }
    return {**template, "Resources": resources}


def of_type(template: Template, kind: str) -> dict[str, Any]:
    """The properties of every resource of a type, by logical id."""
    resources = template["Resources"].items()
    return {name: resource.get("Properties", {}) for name, resource in resources if resource["Type"] == kind}


def _values(template: Template, parameters: Mapping[str, str]) -> dict[str, str]:
    declared = template.get("Parameters", {}).items()
    return {name: str(each["Default"]) for name, each in declared if "Default" in each} | dict(parameters)


@cache
def _text(path: Path) -> str:
    return json.dumps(cfn_yaml.load(str(path)))


def _unrolled(resources: Template, parameters: Template) -> Iterator[tuple[str, Any]]:
    for name, resource in resources.items():
        if not name.startswith("Fn::ForEach::"):
            yield name, resource
            continue
        variable, values, body = resource
        for value in values if isinstance(values, list) else parameters[values["Ref"]]["Default"].split(","):
            yield from _filled(body, variable, value).items()


def _filled(value: Any, variable: str, by: str) -> Any:
    """`value` with the loop's variable filled in; `&{…}` is what of it may stand in a logical id."""
    match value:
        case {"Ref": str(name)} if name == variable:
            return by
        case dict():
            inner = {_filled(name, variable, by): _filled(each, variable, by) for name, each in value.items()}
            named = inner.get("Fn::Sub")
            return named if isinstance(named, str) and "${" not in named else inner
        case list():
            return [_filled(each, variable, by) for each in value]
        case str():
            return value.replace(f"${{{variable}}}", by).replace(f"&{{{variable}}}", re.sub(r"\W|_", "", by))
    return value


def _holds(condition: Any, template: Template, values: Mapping[str, str]) -> bool:
    match condition:
        case {"Condition": str(name)}:
            return _holds(template["Conditions"][name], template, values)
        case {"Fn::Not": [inner]}:
            return not _holds(inner, template, values)
        case {"Fn::Or": list(inner)}:
            return any(_holds(each, template, values) for each in inner)
        case {"Fn::And": list(inner)}:
            return all(_holds(each, template, values) for each in inner)
        case {"Fn::Equals": [left, right]}:
            return bool(_resolved(left, template, values) == _resolved(right, template, values))
    raise ValueError(f"not a condition: {condition}")


def _resolved(value: Any, template: Template, values: Mapping[str, str]) -> Any:
    match value:
        case {"Ref": str(name)} if name in values:
            return values[name]
        case {"Fn::If": [str(name), then, otherwise]}:
            return _resolved(then if _holds({"Condition": name}, template, values) else otherwise, template, values)
        case {"Fn::FindInMap": [str(mapping), key, inner]}:
            row = template["Mappings"][mapping][_resolved(key, template, values)]
            return row[_resolved(inner, template, values)]
        case dict():
            resolved = {name: _resolved(each, template, values) for name, each in value.items()}
            return {name: each for name, each in resolved.items() if each != ABSENT}
        case list():
            return [each for each in (_resolved(each, template, values) for each in value) if each != ABSENT]
    return value
