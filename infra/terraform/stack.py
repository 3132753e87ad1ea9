"""One stack of the root module: its template, and what the names in it mean."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from infra.errors import BuildError
from infra.terraform.expressions import ABSENT, Expression, Value
from infra.terraform.intrinsics import evaluate, holds
from infra.terraform.translation import Resource
from infra.terraform.types import translation

_PSEUDO_PARAMETERS = {
    "AWS::AccountId": Expression("local.account_id"),
    "AWS::NoValue": ABSENT,
    "AWS::Partition": Expression("local.partition"),
    "AWS::Region": Expression("local.region"),
    "AWS::URLSuffix": Expression("local.url_suffix"),
}
_UNDERSTOOD = {"Type", "Properties", "Condition", "DependsOn", "DeletionPolicy", "UpdateReplacePolicy"}
_UNDERSTOOD |= {"UpdatePolicy", "Metadata"}
_UPDATES = {"CodeDeployLambdaAliasUpdate"}
_KEPT = ("Retain", "RetainExceptOnCreate")


@dataclass(frozen=True)
class Stack:
    """A template with its loops written out and nothing left to SAM.

    `known` are parameters that have their value already. `title` is what CloudFormation calls the stack. With `region`
    it is there and nowhere else; with `condition`, an expression, it may be missing.
    """

    name: str
    title: str
    template: Mapping[str, Any]
    known: Mapping[str, Value] = field(default_factory=dict)
    region: str = ""
    condition: str = ""


class StackScope:
    """What the names in a stack's template mean. `dynamic` is asked what other stacks have stored.

    `variables` are those of a module, by stack and parameter.
    """

    def __init__(
        self, stack: Stack, variables: Mapping[tuple[str, str], str], dynamic: Callable[[str, Value], Value]
    ) -> None:
        self.stack = stack
        self.dynamic = dynamic
        self._variables = variables
        self.locals: dict[str, str] = {}
        self._resources: Mapping[str, Any] = stack.template["Resources"]
        self._parameters: Mapping[str, Any] = stack.template.get("Parameters", {})
        self.condition = cache(self._condition)

    def value(self, name: str) -> Value:
        """Of a parameter, a pseudo parameter or a resource, as `Ref` gives it."""
        if name in self.stack.known:
            return self.stack.known[name]
        if name == "AWS::StackName":
            return self.stack.title
        if name == "AWS::Region" and self.stack.region:
            return self.stack.region
        if name in _PSEUDO_PARAMETERS:
            return _PSEUDO_PARAMETERS[name]
        return self._parameter(name) if name in self._parameters else self.attribute(name, "")

    def attribute(self, name: str, attribute: str) -> Value:
        """Of a resource, as `Fn::GetAtt` gives it; without `attribute` as `Ref` does."""
        place = f"{self.stack.name}: {name}"
        if name not in self._resources:
            raise BuildError(f"{place} is referred to, and there is no such thing")
        kind = self._resources[name]["Type"]
        table = translation(kind, place)
        if attribute and attribute not in table.attributes:
            raise BuildError(f"{place} ({kind}): no translation to Terraform for the attribute {attribute}")
        return of(self.address(name), table.attributes[attribute] if attribute else table.ref)

    def entry(self, mapping: str, first: str, second: str) -> Value:
        """Of a mapping."""
        return self.stack.template["Mappings"][mapping][first][second]

    def names(self) -> list[str]:
        """The resources that there are or may be, in the template's order."""
        return [name for name in self._resources if self.existence(name) is not False]

    def existence(self, name: str) -> bool | str:
        """Whether there is a resource, or the expression that says so."""
        own = self._resources[name].get("Condition")
        held = self.condition(own) if own else True
        if held is True:
            return self.stack.condition or True
        return f"{self.stack.condition} && {held}" if held and self.stack.condition else held

    def address(self, name: str) -> str:
        """What Terraform calls a resource, the main one if it is several, with its place where there may be none."""
        return self.identity(name) + ("" if self.existence(name) is True else "[0]")

    def identity(self, name: str) -> str:
        """The same without a place."""
        table = translation(self.kind(name), f"{self.stack.name}: {name}")
        if table.stands_for:
            return self.identity(self.stood_for(name, table.stands_for))
        return f"{table.kind}.{self.label(name)}"

    def stood_for(self, name: str, property_name: str) -> str:
        """The resource that a property of another refers to."""
        return str(self._resources[name]["Properties"][property_name]["Ref"])

    def label(self, name: str) -> str:
        """The name of a resource in Terraform: the same stack and logical id always give the same."""
        return f"{self.stack.name}_{snake(name)}"

    def kind(self, name: str) -> str:
        """CloudFormation's type of a resource."""
        return str(self._resources[name]["Type"])

    def property(self, name: str, property_name: str) -> Value:
        """One property of a resource, evaluated."""
        return evaluate(self._resources[name].get("Properties", {}).get(property_name), self)

    def resource(self, name: str) -> Resource:
        """A resource with its intrinsics evaluated. Raises `BuildError` for what stands beside its properties."""
        declared = self._resources[name]
        if unknown := declared.keys() - _UNDERSTOOD or declared.get("UpdatePolicy", {}).keys() - _UPDATES:
            raise BuildError(f"{self.stack.name}: {name}: no translation to Terraform for {', '.join(sorted(unknown))}")
        properties = evaluate(declared.get("Properties", {}), self)
        policy = evaluate(declared.get("UpdatePolicy", {}), self)
        return Resource(self.stack.name, name, declared["Type"], properties, policy, self.stack.title)

    def is_kept(self, name: str) -> bool:
        """Whether CloudFormation leaves a resource when its stack is deleted."""
        return evaluate(self._resources[name].get("DeletionPolicy"), self) in _KEPT

    def waits_for(self, name: str) -> list[str]:
        """The logical ids that a resource names as what has to be there first."""
        named = self._resources[name].get("DependsOn", [])
        return [each for each in ([named] if isinstance(named, str) else named) if self.existence(each) is not False]

    def outputs(self) -> dict[str, Value]:
        """What the stack gives to those who use it."""
        return {
            name: evaluate(output["Value"], self)
            for name, output in self.stack.template.get("Outputs", {}).items()
            if "Condition" not in output or self.condition(output["Condition"]) is not False
        }

    def _parameter(self, name: str) -> Value:
        declared = self._parameters[name]
        if declared["Type"].startswith("AWS::SSM::Parameter::Value"):
            return self.dynamic("ssm", declared["Default"])
        return Expression(f"var.{self._variables[self.stack.name, name]}")

    def _condition(self, name: str) -> bool | str:
        held = holds(self.stack.template["Conditions"][name], self)
        if isinstance(held, bool):
            return held
        local = f"{self.stack.name}_{snake(name)}"
        self.locals[local] = held
        return f"local.{local}"


def snake(name: str) -> str:
    """`FailedEvents` as `failed_events`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def of(address: str, attribute: str) -> Expression:
    """An attribute of the resource at `address`, or an expression over `self.`, its attributes.

    `aws_kind.self.` in an expression is the resource of that kind that is made with it.
    """
    if "." not in attribute:
        return Expression(f"{address}.{attribute}")
    label = address.split(".", 1)[1]
    beside = re.sub(r"\b(\w*\.?aws_\w+)\.self\.", lambda found: f"{found[1]}.{label}.", attribute)
    return Expression(re.sub(r"(?<![.\w])self\.", f"{address}.", beside))
