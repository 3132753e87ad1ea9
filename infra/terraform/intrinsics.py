"""CloudFormation's intrinsic functions: computed as far as a build knows, and in Terraform's language beyond that."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from infra.errors import BuildError
from infra.terraform.expressions import ABSENT, Choice, Document, Expression, Text, Value, hcl, is_literal, joined

# `${!Literal}`, `${Name}` and `${Name.Attribute}`, and `{{resolve:service:what}}` in which names may stand.
_PLACE = re.compile(r"\$\{!([^}]*)\}|\$\{([^}]+)\}|\{\{resolve:(\w+):((?:\$\{[^}]+\}|[^}])+)\}\}")


class Scope(Protocol):
    """What the names in one template mean. Each method raises `BuildError` for a name that there is not."""

    def value(self, name: str) -> Value:
        """Of a parameter, a pseudo parameter or a resource, as `Ref` gives it."""

    def attribute(self, name: str, attribute: str) -> Value:
        """Of a resource, as `Fn::GetAtt` gives it."""

    def entry(self, mapping: str, first: str, second: str) -> Value:
        """Of a mapping."""

    def condition(self, name: str) -> bool | str:
        """Whether it holds, or the expression that says so."""

    def dynamic(self, service: str, reference: Value) -> Value:
        """What `{{resolve:service:reference}}` stands for."""


def evaluate(node: Any, scope: Scope) -> Value:
    """`node` of a template without intrinsics: literal as far as the build knows, else what Terraform computes."""
    match node:
        case {"Ref": str(name), **rest} if not rest:
            return scope.value(name)
        case dict() if len(node) == 1 and (name := next(iter(node))) in _FUNCTIONS:
            return _FUNCTIONS[name](node[name], scope)
        case dict():
            for name in node:
                if name.startswith("Fn::"):
                    raise BuildError(f"no translation to Terraform for {name}")
            evaluated = {name: evaluate(each, scope) for name, each in node.items()}
            return {name: each for name, each in evaluated.items() if each is not ABSENT}
        case list():
            return [each for each in (evaluate(inner, scope) for inner in node) if each is not ABSENT]
        case str() if "{{resolve:" in node:
            return substituted(node.replace("${", "${!"), scope, {})
    return node


def holds(node: Any, scope: Scope) -> bool | str:
    """Whether a condition holds, or the expression in Terraform's language that says so."""
    match node:
        case {"Condition": str(name)}:
            return scope.condition(name)
        case {"Fn::Not": [inner]}:
            held = holds(inner, scope)
            return not held if isinstance(held, bool) else f"!({held})"
        case {"Fn::And": list(inner)}:
            return _combined(inner, scope, neutral=True, operator="&&")
        case {"Fn::Or": list(inner)}:
            return _combined(inner, scope, neutral=False, operator="||")
        case {"Fn::Equals": [left, right]}:
            first, second = evaluate(left, scope), evaluate(right, scope)
            if is_literal(first) and is_literal(second):
                return str(first) == str(second)
            return f"{hcl(first)} == {hcl(second)}"
    raise BuildError(f"no translation to Terraform for the condition {node}")


def substituted(text: str, scope: Scope, variables: Mapping[str, Value]) -> Value:
    """`text` as `Fn::Sub` gives it."""
    parts: list[Value] = []
    end = 0
    for found in _PLACE.finditer(text):
        parts += [text[end : found.start()], _in_place(found, scope, variables)]
        end = found.end()
    return joined([*parts, text[end:]])


def _in_place(found: re.Match[str], scope: Scope, variables: Mapping[str, Value]) -> Value:
    literal, name, service, reference = found.groups()
    if literal is not None:
        return f"${{{literal}}}"
    if service is not None:
        return scope.dynamic(service, substituted(reference, scope, variables))
    if name in variables:
        return variables[name]
    resource, _, attribute = name.partition(".")
    return scope.attribute(resource, attribute) if attribute else scope.value(resource)


def _combined(inner: list[Any], scope: Scope, *, neutral: bool, operator: str) -> bool | str:
    held = [each for each in (holds(one, scope) for one in inner) if each is not neutral]
    if any(each is (not neutral) for each in held):
        return not neutral
    texts = [f"({each})" if len(held) > 1 else str(each) for each in held]
    return f" {operator} ".join(texts) if texts else neutral


def _sub(body: Any, scope: Scope) -> Value:
    text, variables = (body, {}) if isinstance(body, str) else body
    return substituted(text, scope, {name: evaluate(each, scope) for name, each in variables.items()})


def _get_att(body: Any, scope: Scope) -> Value:
    resource, attribute = body.split(".", 1) if isinstance(body, str) else body
    return scope.attribute(resource, str(evaluate(attribute, scope)))


def _if(body: Any, scope: Scope) -> Value:
    name, then, otherwise = body
    held = scope.condition(name)
    if isinstance(held, bool):
        return evaluate(then if held else otherwise, scope)
    return Choice(held, evaluate(then, scope), evaluate(otherwise, scope))


def _find_in_map(body: Any, scope: Scope) -> Value:
    mapping, first, second = (evaluate(each, scope) for each in body)
    return scope.entry(mapping, str(first), str(second))


def _join(body: Any, scope: Scope) -> Value:
    delimiter, parts = body[0], evaluate(body[1], scope)
    if not isinstance(parts, list) or any(isinstance(each, Choice) for each in parts):
        return Expression(f"join({hcl(delimiter)}, {hcl(parts)})")
    between = [delimiter] * len(parts)
    return joined([each for pair in zip(parts, between, strict=True) for each in pair][:-1])


def _split(body: Any, scope: Scope) -> Value:
    delimiter, text = body[0], evaluate(body[1], scope)
    if isinstance(text, str):
        return text.split(delimiter)
    if isinstance(text, Text) and _only_between(delimiter, text.parts):
        # A list that was joined to be stored, from one stack to another: what stands between is a value each.
        return [part for part in text.parts if part != delimiter]
    return Expression(f"split({hcl(delimiter)}, {hcl(text)})")


def _only_between(delimiter: str, parts: tuple[Value, ...]) -> bool:
    between = [part for part in parts if isinstance(part, str)]
    return set(between) == {delimiter} and len(parts) == 2 * len(between) + 1


def _select(body: Any, scope: Scope) -> Value:
    number, values = int(evaluate(body[0], scope)), evaluate(body[1], scope)
    return values[number] if isinstance(values, list) else Expression(f"{hcl(values)}[{number}]")


def _cidr(body: Any, scope: Scope) -> Value:
    block, count, bits = (evaluate(each, scope) for each in body)
    length = f'tonumber(split("/", {hcl(block)})[1])'
    return Expression(f"[for each in range({count}) : cidrsubnet({hcl(block)}, 32 - {bits} - {length}, each)]")


def _zones(_region: Any, _scope: Scope) -> Value:
    return Expression("data.aws_availability_zones.available.names")


def _base64(body: Any, scope: Scope) -> Value:
    return Expression(f"base64encode({hcl(evaluate(body, scope))})")


def _json_string(body: Any, scope: Scope) -> Value:
    return Document(evaluate(body, scope))


def _length(body: Any, scope: Scope) -> Value:
    values = evaluate(body, scope)
    return len(values) if isinstance(values, list) else Expression(f"length({hcl(values)})")


_FUNCTIONS: Mapping[str, Callable[[Any, Scope], Value]] = {
    "Fn::Base64": _base64,
    "Fn::Cidr": _cidr,
    "Fn::FindInMap": _find_in_map,
    "Fn::GetAZs": _zones,
    "Fn::GetAtt": _get_att,
    "Fn::If": _if,
    "Fn::Join": _join,
    "Fn::Length": _length,
    "Fn::Select": _select,
    "Fn::Split": _split,
    "Fn::Sub": _sub,
    "Fn::ToJsonString": _json_string,
}
