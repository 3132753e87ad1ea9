"""Changing what the deployed functions are given, for the length of a test."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from local.stacks import PREFIX

if TYPE_CHECKING:
    from tests.stack import Stack

Policy = dict[str, Any]


@contextmanager
def environment(stack: Stack, function: str, **variables: str) -> Iterator[None]:
    """`function` runs with other environment variables, in new execution environments."""
    before = stack.stacks.variables(PREFIX + function)
    _configure(stack, function, before | variables)
    try:
        yield
    finally:
        _configure(stack, function, before)


@contextmanager
def without(stack: Stack, function: str, sid: str, action: str) -> Iterator[None]:
    """The role of `function` lacks `action` of its statement `sid`, or the statement if it holds nothing else."""
    iam, role = stack.client("iam"), role_of(stack, function)
    (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    policy = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    lesser = policy | {"Statement": list(_less(policy["Statement"], sid, action))}
    assert lesser != policy
    iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(lesser))
    try:
        yield
    finally:
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(policy))


def role_of(stack: Stack, function: str) -> str:
    """The name of the role that `function` runs with."""
    configuration = stack.client("lambda").get_function_configuration(FunctionName=PREFIX + function)
    return str(configuration["Role"].rpartition("/")[2])


def renew(stack: Stack, function: str) -> None:
    """Ends the execution environments of `function`: the next invocation starts from nothing."""
    _configure(stack, function, stack.stacks.variables(PREFIX + function))


def invoke(stack: Stack, function: str, event: Any) -> tuple[Any, bool]:
    """What the function returned, and whether it failed."""
    answer = stack.client("lambda").invoke(FunctionName=PREFIX + function, Payload=json.dumps(event))
    return json.loads(answer["Payload"].read()), "FunctionError" in answer


@contextmanager
def deployed(stack: Stack, name: str, source: str, role: str) -> Iterator[None]:
    """A function `name` of one module, `probe.py`, that runs with the role of another function."""
    functions = stack.client("lambda")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as package:
        package.writestr("probe.py", source)
    arn = functions.get_function_configuration(FunctionName=PREFIX + role)["Role"]
    functions.create_function(
        FunctionName=PREFIX + name,
        Runtime="python3.11",
        Handler="probe.handler",
        Role=arn,
        Code={"ZipFile": archive.getvalue()},
        Timeout=30,
    )
    try:
        yield
    finally:
        functions.delete_function(FunctionName=PREFIX + name)


@contextmanager
def unheard(stack: Stack, function: str, bus: str = "marketplace-local") -> Iterator[None]:
    """The event bus calls `function` for nothing; events of AWS itself are on the bus `default`."""
    events, rule = stack.client("events"), {"Name": PREFIX + function, "EventBusName": bus}
    events.disable_rule(**rule)
    try:
        yield
    finally:
        events.enable_rule(**rule)


def _less(statements: list[Policy], sid: str, action: str) -> Iterator[Policy]:
    for statement in statements:
        actions = [kept for kept in statement["Action"] if statement["Sid"] != sid or kept != action]
        if actions:
            yield statement | {"Action": actions}


def _configure(stack: Stack, function: str, variables: dict[str, str]) -> None:
    stack.client("lambda").update_function_configuration(
        FunctionName=PREFIX + function, Environment={"Variables": variables}
    )
