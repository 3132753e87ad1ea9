"""What a built template grants to each function: one grant for each action on each resource."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from infra.bindings import functions
from infra.stages import Stage

Template = dict[str, Any]


@dataclass(frozen=True, order=True)
class Call:
    """What a function asked of AWS, and whether it was allowed."""

    function: str
    action: str
    resource: str
    is_allowed: bool = True

    def __str__(self) -> str:
        return f"{self.function}: {self.action} on {self.resource}"


@dataclass(frozen=True, order=True)
class Grant:
    """An action that a function may take on what its pattern fits, by the statement `sid` of its policy."""

    function: str
    sid: str
    action: str
    resource: str

    def covers(self, call: Call) -> bool:
        """Whether the call is one that this grants, as IAM reads it; conditions are IAM's own affair."""
        return (self.function, self.action) == (call.function, call.action) and bool(self._fits(call.resource))

    def __str__(self) -> str:
        return f"{self.function}: {self.sid}, {self.action} on {self.resource}"

    @cached_property
    def _fits(self) -> Callable[[str], object]:
        """Patterns of IAM have two wildcards, `*` and `?`."""
        pattern = re.escape(self.resource).replace(r"\*", ".*").replace(r"\?", ".")
        return re.compile(pattern, re.DOTALL).fullmatch


def grants(template: Template, stage: Stage, resolve: Callable[[str], str]) -> set[Grant]:
    """Every grant of the functions in `template`; `resolve` gives what a name in `${…}` stands for."""
    return {
        Grant(function, statement["Sid"], action, resource)
        for function, properties in functions(template, stage).items()
        for statement in _statements(template, properties)
        if statement["Effect"] == "Allow"
        for action in _listed(statement["Action"])
        for resource in _resources(statement["Resource"], resolve)
    }


def _statements(template: Template, function: Template) -> list[Template]:
    role = template["Resources"][function["Role"]["Fn::GetAtt"][0]]["Properties"]
    statements: list[Template] = role["Policies"][0]["PolicyDocument"]["Statement"]
    return statements


def _resources(value: Any, resolve: Callable[[str], str]) -> Iterator[str]:
    for resource in _listed(value):
        match resource:
            case {"Ref": str(name)}:
                yield resolve(name)
            case {"Fn::Sub": str(text)}:
                yield re.sub(r"\$\{([^}]+)\}", lambda found: resolve(found[1]), text)
            case str():
                yield resource
            case _:
                raise ValueError(f"a policy has a resource of a kind that is not known here: {resource}")


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
