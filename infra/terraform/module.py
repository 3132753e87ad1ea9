"""A root module made of stacks: what passed between them as SSM parameters is a reference here."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property

from infra.errors import BuildError
from infra.terraform.expressions import Choice, Expression, Text, Value, argument, hcl
from infra.terraform.rendering import Json, body
from infra.terraform.shifts import requests
from infra.terraform.stack import Stack, StackScope, snake
from infra.terraform.translation import Block, Resource
from infra.terraform.types import translation
from infra.terraform.variables import declared, names, rules

# The kinds that are found by the ARN that another stack makes of their name.
_FOUND_BY_NAME = {"AWS::SQS::Queue": ("sqs", "QueueName"), "AWS::SNS::Topic": ("sns", "TopicName")}
_NAMED = re.compile(r"arn:[^:]+:(sqs|sns):[^:]*:[^:]*:([\w.-]+)")
_ROLE = re.compile(r"\baws_iam_role\.\w+")
_ROLE_POLICIES = ("aws_iam_role_policy", "aws_iam_role_policy_attachment")
EPHEMERAL = "ephemeral."
_EDGE_PROVIDER = "aws.us_east_1"


class Module:
    """Stacks in their order, as the files of a root module."""

    def __init__(self, stacks: Sequence[Stack]) -> None:
        self._stacks = stacks
        self._variables = names(stacks)
        self._scopes = {stack.name: StackScope(stack, self._variables, self._dynamic) for stack in stacks}
        self._data: dict[str, Json] = {}

    def scope(self, stack: str) -> StackScope:
        """What the names in a stack mean."""
        return self._scopes[stack]

    def files(self) -> dict[str, Json]:
        """What each file holds, by its name without `.tf.json`: one for each stack, and what they have together."""
        resources = {name: self._resources(scope) for name, scope in self._scopes.items()}
        _wait_for_policies(list(resources.values()))
        outputs = {
            f"{name}_{snake(key)}": value for name, scope in self._scopes.items() for key, value in _outputs(scope)
        }
        conditions = {name: text for scope in self._scopes.values() for name, text in scope.locals.items()}
        return {
            **{name: _sections(made) for name, made in resources.items()},
            "variables": {"variable": declared(self._stacks, self._variables)},
            "conditions": {"locals": {name: f"${{{text}}}" for name, text in sorted(conditions.items())}},
            "lookups": {"data": _sorted(self._data)},
            "outputs": {
                "output": {**{name: {"value": argument(value)} for name, value in outputs.items()}, **self._shifts()}
            },
        }

    def _shifts(self) -> Json:
        return requests(
            {
                scope.label(name): scope.resource(name)
                for scope in self._scopes.values()
                for name in scope.names()
                if scope.kind(name) == "AWS::Lambda::Alias"
            }
        )

    def _resources(self, scope: StackScope) -> Json:
        made: Json = {}
        for name in scope.names():
            resource = scope.resource(name)
            if translation(resource.type, resource.place).stands_for:
                continue
            existence = scope.existence(name)
            waits = [scope.identity(each) for each in scope.waits_for(name)]
            for block in translation(resource.type, resource.place).blocks(resource):
                label = "_".join(filter(None, (scope.label(name), block.suffix)))
                if label in made.setdefault(block.kind, {}):
                    raise BuildError(f"{resource.place}: there is a {block.kind}.{label} already")
                made[block.kind][label] = self._written(scope, resource, block, existence, waits)
        for name in scope.names():
            table = translation(scope.kind(name), f"{scope.stack.name}: {name}")
            if table.stands_for:
                kind, _, label = scope.identity(name).partition(".")
                made[kind][label].update(table.marks)
        for label, admitted in rules(scope):
            made.setdefault("terraform_data", {})[label] = admitted
        return made

    def _written(
        self, scope: StackScope, resource: Resource, block: Block, existence: bool | str, waits: list[str]
    ) -> Json:
        made = body(block.arguments, scope.address(resource.logical_id))
        head: Json = {"provider": _EDGE_PROVIDER} if scope.stack.region else {}
        counts = made.pop("count", None)
        if existence is not True:
            number = counts[2:-1] if counts else "1"
            head["count"] = f"${{{existence} ? {number} : 0}}"
        elif counts:
            head["count"] = counts
        lifecycle = dict(block.lifecycle)
        if scope.is_kept(resource.logical_id) and block.kind == translation(resource.type, resource.place).kind:
            lifecycle["prevent_destroy"] = True
        tail: Json = {"lifecycle": lifecycle} if lifecycle else {}
        if after := sorted({*waits, *self._named(scope, made)}):
            tail["depends_on"] = after
        return {**head, **made, **tail}

    def _named(self, scope: StackScope, made: Json) -> Iterator[str]:
        """What an earlier stack makes and this one names by its ARN: Terraform does not see what comes first."""
        for service, name in _NAMED.findall(json.dumps(made)):
            stack, identity = self._by_name.get((service, name), ("", ""))
            if stack and self._order[stack] < self._order[scope.stack.name]:
                yield identity

    @cached_property
    def _order(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self._scopes)}

    @cached_property
    def _by_name(self) -> dict[tuple[str, str], tuple[str, str]]:
        return {
            (service, scope.property(name, named)): (stack, scope.identity(name))
            for stack, scope in self._scopes.items()
            for name in scope.names()
            if scope.kind(name) in _FOUND_BY_NAME
            for service, named in (_FOUND_BY_NAME[scope.kind(name)],)
        }

    @cached_property
    def _stored(self) -> dict[str, tuple[StackScope, str]]:
        return {
            scope.property(name, "Name"): (scope, name)
            for scope in self._scopes.values()
            for name in scope.names()
            if scope.kind(name) == "AWS::SSM::Parameter"
        }

    def _dynamic(self, service: str, reference: Value) -> Value:
        if service == "ssm" and isinstance(reference, str):
            if reference not in self._stored:
                raise BuildError(f"no stack writes the SSM parameter {reference}")
            scope, name = self._stored[reference]
            return scope.property(name, "Value")
        if service == "secretsmanager":
            return self._secret(reference)
        raise BuildError(f"no translation to Terraform for {{{{resolve:{service}:{hcl(reference)}}}}}")

    def _secret(self, reference: Value) -> Value:
        """A field of a secret, by its name: `name:SecretString:field:stage:version`."""
        parts = reference.parts if isinstance(reference, Text) else (reference,)
        name, _, field, _, version = str(parts[0]).split(":")
        given = parts[1] if len(parts) > 1 else version
        scope, logical = next(
            (scope, each)
            for scope in self._scopes.values()
            for each in scope.names()
            if scope.kind(each) == "AWS::SecretsManager::Secret" and scope.property(each, "Name") == name
        )
        label, existence = scope.label(logical), scope.existence(logical)
        self._data.setdefault("aws_secretsmanager_secret_version", {})[label] = {
            **({} if existence is True else {"count": f"${{{existence} ? 1 : 0}}"}),
            "secret_id": argument(scope.attribute(logical, "")),
            "version_id": f'${{{hcl(given)} == "" ? null : {hcl(given)}}}',
            "depends_on": [f"aws_secretsmanager_secret_version.{label}"],
        }
        place = "" if existence is True else "[0]"
        address = f"data.aws_secretsmanager_secret_version.{label}{place}"
        return Expression(f'jsondecode({address}.secret_string)["{field}"]')


def _outputs(scope: StackScope) -> Iterator[tuple[str, Value]]:
    for name, value in scope.outputs().items():
        yield name, Choice(scope.stack.condition, value, None) if scope.stack.condition else value


def _wait_for_policies(stacks: Iterable[Json]) -> None:
    """Who has a role waits for its policies: CloudFormation makes a role with them, Terraform each on its own."""
    made = [
        (kind, label, block) for stack in stacks for kind, blocks in stack.items() for label, block in blocks.items()
    ]
    policies: dict[str, list[str]] = {}
    for kind, label, block in made:
        if kind in _ROLE_POLICIES:
            for role in _ROLE.findall(str(block["role"])):
                policies.setdefault(role, []).append(f"{kind}.{label}")
    for kind, _, block in made:
        if kind.startswith(("aws_iam_", "aws_ssm_")):
            continue
        roles = set(_ROLE.findall(json.dumps(block)))
        if waits := {policy for role in roles for policy in policies.get(role, [])}:
            block["depends_on"] = sorted({*block.get("depends_on", []), *waits})


def _sections(kinds: Mapping[str, Mapping[str, Json]]) -> Json:
    """Resources, and what exists only while Terraform works, which is a section of its own."""
    lasting = {kind: blocks for kind, blocks in kinds.items() if not kind.startswith(EPHEMERAL)}
    passing = {kind.removeprefix(EPHEMERAL): blocks for kind, blocks in kinds.items() if kind.startswith(EPHEMERAL)}
    return {"resource": _sorted(lasting), **({"ephemeral": _sorted(passing)} if passing else {})}


def _sorted(kinds: Mapping[str, Mapping[str, Json]]) -> Json:
    return {kind: dict(sorted(blocks.items())) for kind, blocks in sorted(kinds.items())}
