"""The stacks as a graph, once as CloudFormation deploys them and once as the root module says: the two have to be one.

A node is one of CloudFormation's resources with its settings: the values in its properties, among them what it refers
to, by its ARN or otherwise. The module's resources are put together by their name. Names of properties and arguments
are not compared, because they differ; `make verify-infra` asks the provider about arguments. JSON documents such as
policies are compared whole.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from infra import catalogue
from infra.deployed import Template, decided
from tests.contract.terraform_language import COMPUTED, Document, Reader, Reference, shown

Module = dict[str, dict[str, Any]]
_PSEUDO = {
    "AWS::AccountId": "<account>",
    "AWS::Partition": "<partition>",
    "AWS::URLSuffix": "<suffix>",
}
_COMPUTING = {"Fn::Cidr", "Fn::GetAZs", "Fn::Select", "Fn::Base64"}
# What `Ref` gives for these is an ARN.
_KNOWN_BY_ARN = {
    "AWS::CertificateManager::Certificate",
    "AWS::ECS::TaskDefinition",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::OIDCProvider",
    "AWS::Lambda::Alias",
    "AWS::SNS::Topic",
    "AWS::SecretsManager::Secret",
    "AWS::StepFunctions::StateMachine",
}
_VERSION = "AWS::Lambda::Version"
_META = {"count", "provider", "depends_on", "lifecycle"}
_PAIR = 2
_MAPS = {"Parameters", *("Tags", "tags"), "UserPoolTags", *("Variables", "variables"), *("Dimensions", "dimensions")}
_RESOLVED = re.compile(r"\{\{resolve:ssm:([^}]+)\}\}")


@dataclass
class Node:
    """What is set for one resource: single values, documents in JSON, and every object that may be one."""

    settings: Counter[str] = field(default_factory=Counter)
    documents: Counter[str] = field(default_factory=Counter)
    parts: Counter[str] = field(default_factory=Counter)

    def add(self, value: Any, within: str = "") -> None:
        """Count a value and all that is in it."""
        structure = _parsed(value)
        if structure is not None:
            self.documents[_canonical(structure)] += 1
            value = structure
        if isinstance(value, Mapping):
            self.settings.update(self._pairs(value, within))
        elif isinstance(value, list):
            for each in value:
                self.add(each, within)
        elif value is not None and COMPUTED not in _text(value):
            self.settings[_text(value)] += 1

    def _pairs(self, value: Mapping[str, Any], within: str) -> Iterator[str]:
        """What is a name and its value on one side, and an entry of a map on the other."""
        match value:
            case {"Key": name, "Value": inner} | {"Name": name, "Value": inner} | {"name": name, "value": inner} if (
                len(value) == _PAIR
            ):
                yield f"{_text(name)}={_text(inner)}"
                return
        is_map = within in _MAPS and not any(isinstance(each, (dict, list)) for each in value.values())
        if is_map:
            yield from (f"{name}={_text(each)}" for name, each in value.items())
            return
        self.parts[_canonical(value)] += 1
        for name, each in value.items():
            self.add(each, name)


class CloudFormation:
    """The nodes of stacks as they are deployed with `values` of parameters: conditions decided, SSM parameters read."""

    def __init__(self, stacks: Mapping[str, Template], values: Mapping[str, Any]) -> None:
        self._stacks = {name: deployed_with(template, values) for name, template in stacks.items()}
        self._values = values
        self._functions = {
            "Ref": self._referred,
            "Fn::GetAtt": self._attribute,
            "Fn::Join": self._joined,
            "Fn::Split": self._split,
            "Fn::Sub": self._sub,
        }
        self._stored: dict[str, tuple[str, Any]] = {}
        for stack, template in self._stacks.items():
            for resource in template["Resources"].values():
                if resource["Type"] == "AWS::SSM::Parameter":
                    name = _text(self._value(resource["Properties"]["Name"], stack))
                    self._stored[name] = (stack, resource["Properties"]["Value"])

    def nodes(self) -> dict[str, Node]:
        """By the name that each has in Terraform."""
        made: dict[str, Node] = {}
        for stack, template in self._stacks.items():
            for name, resource in template["Resources"].items():
                if resource["Type"] == _VERSION:
                    continue
                node = made.setdefault(label(stack, name), Node())
                node.add(self._value(resource.get("Properties", {}), stack))
        return made

    def types(self) -> dict[str, str]:
        """The type of each, by the same names."""
        return {
            label(stack, name): resource["Type"]
            for stack, template in self._stacks.items()
            for name, resource in template["Resources"].items()
        }

    def _label(self, name: str, stack: str, *, is_arn: bool) -> str:
        """Of a resource, or of its ARN; what a function's version is, its function is in Terraform."""
        resource = self._stacks[stack]["Resources"].get(name, {})
        if resource.get("Type") == _VERSION:
            name = resource["Properties"]["FunctionName"]["Ref"]
        return _symbol(label(stack, name), is_arn=is_arn)

    def _value(self, value: Any, stack: str) -> Any:
        match value:
            case dict() if len(value) == 1 and (function := next(iter(value))) in self._functions:
                return self._functions[function](value[function], stack)
            case dict() if _COMPUTING & value.keys():
                return COMPUTED
            case dict():
                return {name: self._value(each, stack) for name, each in value.items()}
            case list():
                return [self._value(each, stack) for each in value]
            case str():
                return self._read(value)
        return value

    def _attribute(self, body: Any, stack: str) -> str:
        name, attribute = body if isinstance(body, list) else body.split(".", 1)
        return self._label(name, stack, is_arn=attribute.lower().endswith("arn"))

    def _joined(self, body: Any, stack: str) -> str:
        return str(body[0]).join(_text(self._value(part, stack)) for part in body[1])

    def _split(self, body: Any, stack: str) -> list[str]:
        return _text(self._value(body[1], stack)).split(body[0])

    def _sub(self, body: Any, stack: str) -> str:
        text, variables = (body, {}) if isinstance(body, str) else body
        return self._substituted(text, variables, stack)

    def _referred(self, name: str, stack: str) -> Any:
        parameter = self._stacks[stack].get("Parameters", {}).get(name)
        if parameter is None:
            region = {"AWS::Region": catalogue.named(stack).region or "<region>"}
            return {**_PSEUDO, **region}.get(name) or self._of_resource(name, stack)
        if parameter["Type"].startswith("AWS::SSM"):
            return self._parameter(parameter["Path"])
        return self._values.get(name, parameter.get("Default", COMPUTED))

    def _of_resource(self, name: str, stack: str) -> str:
        kind = self._stacks[stack]["Resources"].get(name, {}).get("Type")
        return self._label(name, stack, is_arn=kind in _KNOWN_BY_ARN)

    def _parameter(self, path: str) -> Any:
        stack, value = self._stored[path]
        return self._value(value, stack)

    def _read(self, text: str) -> str:
        return _RESOLVED.sub(lambda found: _text(self._parameter(found[1])), text)

    def _substituted(self, text: str, variables: Mapping[str, Any], stack: str) -> str:
        def put(found: re.Match[str]) -> str:
            name = found[1]
            if name.startswith("!"):
                return f"${{{name[1:]}}}"
            resource, _, attribute = name.partition(".")
            inner = {"Fn::GetAtt": [resource, attribute]} if attribute else {"Ref": resource}
            value = variables.get(name, inner)
            return _text(self._value(value, stack))

        return self._read(re.sub(r"\$\{([^}]+)\}", put, text))


class Terraform:
    """The nodes of a root module under given values of its variables; `labels` are the names to put resources under."""

    def __init__(self, module: Module, variables: Mapping[str, Any], labels: set[str]) -> None:
        defaults = {name: each["default"] for name, each in sections(module, "variable") if "default" in each}
        conditions = dict(sections(module, "locals"))
        self._reader = Reader({**defaults, **variables}, conditions)
        self._module = module
        self._labels = labels

    def nodes(self) -> dict[str, Node]:
        """By the name of what they are made of."""
        made: dict[str, Node] = {}
        for _, name, body in blocks(self._module, "resource"):
            if self._reader.value(body.get("count", 1)) == 0:
                continue
            own = self._label(name)
            for argument, value in self._arguments(body):
                made.setdefault(own, Node()).add(self._symbolic(value, own), argument)
        return made

    def _arguments(self, body: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        for name, value in body.items():
            if name == "dynamic":
                for block, conditional in value.items():
                    for each in conditional if isinstance(conditional, list) else [conditional]:
                        if self._reader.value(each["for_each"]):
                            yield from self._arguments({block: each["content"]})
            elif isinstance(value, dict) and "dynamic" in value:
                yield name, dict(self._arguments(value))
            elif name not in _META:
                yield name, self._reader.value(value)

    def _symbolic(self, value: Any, own: str) -> Any:
        """References by the name of what they refer to; one to the node itself says only what belongs together."""
        match value:
            case Reference():
                return None if self._label(value.name) == own else self._symbol(value.name, value.attribute)
            case Document(content):
                return json.dumps(self._symbolic(content, ""))
            case dict():
                return {name: self._symbolic(each, own) for name, each in value.items()}
            case list():
                return [self._symbolic(each, own) for each in value]
            case str():
                return re.sub(r"<(?:data\.)?aws_\w+\.(\w+)\.(\w*)>", lambda each: self._symbol(*each.groups()), value)
        return value

    def _symbol(self, name: str, attribute: str) -> str:
        return _symbol(self._label(name), is_arn=attribute.endswith("arn"))

    def _label(self, name: str) -> str:
        words = name.split("_")
        shorter = ("_".join(words[:count]) for count in range(len(words), 0, -1))
        return next((each for each in shorter if each in self._labels), name)


def deployed_with(template: Template, values: Mapping[str, Any]) -> Template:
    """`template` with its conditions decided; what it reads from SSM stays a reference."""
    declared = template.get("Parameters", {})
    parameters = {name: _read_later(each) for name, each in declared.items()}
    own = {name: value for name, value in values.items() if name in declared or name.startswith("AWS::")}
    return decided({**template, "Parameters": parameters}, **own)


def _read_later(parameter: Mapping[str, Any]) -> dict[str, Any]:
    if not parameter["Type"].startswith("AWS::SSM"):
        return dict(parameter)
    return {"Type": parameter["Type"], "Path": parameter["Default"]}


def differences(wanted: Node, made: Node) -> tuple[list[str], list[str]]:
    """What CloudFormation has and Terraform has not, and the other way round."""
    strange = [document for document in made.documents if document not in wanted.documents | wanted.parts]
    return _less(wanted.settings, made.settings), [*_less(made.settings, wanted.settings), *strange]


def blocks(module: Module, section: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Kind, name and body of each resource, data source or ephemeral resource."""
    for content in module.values():
        for kind, named in content.get(section, {}).items():
            for name, body in named.items():
                yield kind, name, body


def sections(module: Module, section: str) -> Iterator[tuple[str, Any]]:
    """Name and body of each variable, local or output."""
    for content in module.values():
        yield from content.get(section, {}).items()


def label(stack: str, name: str) -> str:
    """What a resource is called in Terraform."""
    return f"{stack}_{re.sub(r'(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])', '_', name).lower()}"


def _symbol(name: str, *, is_arn: bool) -> str:
    return f"<arn of {name}>" if is_arn else f"<{name}>"


def _less(first: Counter[str], second: Counter[str]) -> list[str]:
    return sorted((first - second).elements())


def _parsed(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return None
    return None


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=_text)


def _text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    # The ARN of a log group ends like this for CloudFormation, and does not for Terraform.
    return re.sub(r"(?<=>):\*$", "", shown(value))
