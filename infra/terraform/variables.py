"""A template's parameters as variables, and its rules as what has to hold before anything is changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from infra.errors import BuildError
from infra.terraform.expressions import argument, hcl
from infra.terraform.intrinsics import holds
from infra.terraform.rendering import Json
from infra.terraform.stack import Stack, StackScope, snake

_TYPES = {"String": "string", "Number": "number", "CommaDelimitedList": "list(string)"}
_DESCRIBING = {
    "Type",
    "Default",
    "Description",
    "NoEcho",
    "AllowedValues",
    "AllowedPattern",
    "MinValue",
    "MaxValue",
    "ConstraintDescription",
}
# Terraform's own arguments of a block that uses a module.
_RESERVED = {"count", "depends_on", "for_each", "lifecycle", "locals", "providers", "source", "version"}


def names(stacks: Sequence[Stack]) -> dict[tuple[str, str], str]:
    """What each parameter is called as a variable, by stack and parameter.

    Stacks with the same parameter share one. What is another thing in a later stack has that stack's name before it,
    and so has what Terraform keeps for itself.
    """
    first: dict[str, Any] = {}
    found: dict[tuple[str, str], str] = {}
    for stack in stacks:
        for name, parameter in stack.template.get("Parameters", {}).items():
            if name not in stack.known and not parameter["Type"].startswith("AWS::SSM::"):
                kind = {key: value for key, value in parameter.items() if key != "Description"}
                shared = first.setdefault(name, kind) == kind
                is_free = shared and snake(name) not in _RESERVED
                found[stack.name, name] = snake(name) if is_free else f"{stack.name}_{snake(name)}"
    return found


def declared(stacks: Sequence[Stack], called: Mapping[tuple[str, str], str]) -> dict[str, Json]:
    """The variables, by name; the first stack that has one describes it."""
    made: dict[str, Json] = {}
    parameters = {stack.name: stack.template.get("Parameters", {}) for stack in stacks}
    for (stack, parameter), name in called.items():
        if name not in made:
            made[name] = _variable(f"{stack}: the parameter {parameter}", name, parameters[stack][parameter])
    return dict(sorted(made.items()))


def rules(scope: StackScope) -> Iterator[tuple[str, Json]]:
    """What a template's rules admit, by label: resources that are nothing but a condition."""
    for name, rule in scope.stack.template.get("Rules", {}).items():
        applies = holds(rule.get("RuleCondition", {"Fn::And": []}), scope)
        conditions = [
            _rule(f"!({_text(applies)}) || ({_text(held)})", f"{assertion['AssertDescription'].rstrip('.')}.")
            for assertion in rule["Assertions"]
            if (held := holds(assertion["Assert"], scope)) is not True and applies is not False
        ]
        if conditions:
            count = {"count": f"${{{scope.stack.condition} ? 1 : 0}}"} if scope.stack.condition else {}
            yield scope.label(name), {**count, "lifecycle": {"precondition": conditions}}


def _variable(place: str, name: str, declared: Mapping[str, Any]) -> Json:
    if unknown := declared.keys() - _DESCRIBING or {declared["Type"]} - _TYPES.keys():
        raise BuildError(f"{place}: no translation to Terraform for {', '.join(sorted(unknown))}")
    made: Json = {"type": _TYPES[declared["Type"]]}
    if "Description" in declared:
        made["description"] = argument(declared["Description"])
    if "Default" in declared:
        default = declared["Default"]
        made["default"] = default.split(",") if declared["Type"] == "CommaDelimitedList" else default
    if declared.get("NoEcho"):
        made["sensitive"] = True
    if rules := list(_validation(f"var.{name}", declared)):
        made["validation"] = rules
    return made


def _validation(variable: str, declared: Mapping[str, Any]) -> Iterator[Json]:
    if "AllowedValues" in declared:
        values = ", ".join(declared["AllowedValues"])
        yield _rule(f"contains({hcl(declared['AllowedValues'])}, {variable})", f"One of {values} is wanted.")
    if "AllowedPattern" in declared:
        pattern = f"^(?:{declared['AllowedPattern']})$"
        yield _rule(f"can(regex({hcl(pattern)}, {variable}))", f"What matches {pattern} is wanted.")
    if "MinValue" in declared:
        yield _rule(f"{variable} >= {declared['MinValue']}", f"The least is {declared['MinValue']}.")
    if "MaxValue" in declared:
        yield _rule(f"{variable} <= {declared['MaxValue']}", f"The most is {declared['MaxValue']}.")


def _rule(condition: str, message: str) -> Json:
    return {"condition": f"${{{condition}}}", "error_message": argument(message)}


def _text(held: bool | str) -> str:
    return hcl(held) if isinstance(held, bool) else held
