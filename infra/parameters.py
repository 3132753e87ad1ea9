"""The parameters of a stack: given at the command line, known to the command, or remembered by CloudFormation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from infra.cloudformation import Stack
from infra.errors import Refused
from infra.templates import Template

Given = dict[str, dict[str, str | None]]
"""Values by stack and parameter; None stands for the template's default."""

_SHARED_VALUE = "AWS::SSM::Parameter::Value<"
_MOST_AT_ONCE = 10


def parse(arguments: Iterable[str]) -> Given:
    """What `--parameter services.MailFrom=a@b.example` gives; without `=…` the template's default again.

    Raises `Refused` for any other form.
    """
    given: Given = {}
    for argument in arguments:
        name, equals, value = argument.partition("=")
        stack, dot, parameter = name.partition(".")
        if not (stack and dot and parameter):
            raise Refused(f"--parameter {argument}: write it as services.MailFrom=orders@example.com.")
        given.setdefault(stack, {})[parameter] = value if equals else None
    return given


def request(
    name: str, template: Template, given: Mapping[str, str | None], own: Mapping[str, str], stack: Stack | None
) -> list[dict[str, Any]]:
    """The parameters of a request about the stack `name`, as it is now (None: not there yet).

    What was given goes before what the command knows (`own`); everything else keeps the value that it has. Raises
    `Refused` for a parameter that the template does not have, and one without any value.
    """
    if unknown := sorted(given.keys() - template.parameters.keys()):
        known = ", ".join(sorted(template.parameters)) or "none"
        raise Refused(f"The stack {name} has no parameter {unknown[0]}; it has {known}.")
    values = {**own, **given}
    remembered = {parameter["ParameterKey"] for parameter in (stack or {}).get("Parameters", [])}
    requested: list[dict[str, Any]] = []
    for parameter, declared in template.parameters.items():
        if (value := values.get(parameter)) is not None:
            requested.append({"ParameterKey": parameter, "ParameterValue": value})
        elif parameter in remembered and parameter not in values:
            requested.append({"ParameterKey": parameter, "UsePreviousValue": True})
        elif "Default" not in declared:
            raise Refused(f"The stack {name} needs --parameter {name}.{parameter}=…")
    return requested


def unchanged_but(stack: Stack, **values: str) -> list[dict[str, Any]]:
    """The parameters of a stack as they are, but for `values`."""
    kept = [parameter["ParameterKey"] for parameter in stack.get("Parameters", [])]
    return [
        {"ParameterKey": name, "ParameterValue": values[name]}
        if name in values
        else {"ParameterKey": name, "UsePreviousValue": True}
        for name in kept
    ]


def first_references(template: Template, requested: Sequence[Mapping[str, Any]]) -> list[str]:
    """The SSM parameters that a request names for the first time: those that are remembered were there."""
    given = {entry["ParameterKey"]: entry.get("ParameterValue") for entry in requested}
    return [
        str(given.get(parameter, declared.get("Default")))
        for parameter, declared in template.parameters.items()
        if str(declared["Type"]).startswith(_SHARED_VALUE) and not (parameter in given and given[parameter] is None)
    ]


def resolved(
    ssm: Any, template: Template, requested: Sequence[Mapping[str, Any]], stack: Stack | None
) -> dict[str, str]:
    """The value of each parameter once a request is carried out; those of SSM are read, if they are there.

    An emulator remembers the value of an SSM parameter in the place of its name, and that is taken as it is.
    """
    values = {name: str(declared.get("Default", "")) for name, declared in template.parameters.items()}
    values |= {each["ParameterKey"]: each.get("ParameterValue", "") for each in (stack or {}).get("Parameters", [])}
    values |= {each["ParameterKey"]: each["ParameterValue"] for each in requested if "ParameterValue" in each}
    shared = [name for name, each in template.parameters.items() if str(each["Type"]).startswith(_SHARED_VALUE)]
    written = _written(ssm, {values[name] for name in shared if values[name].startswith("/")})
    return values | {name: written.get(values[name], values[name]) for name in shared}


def unwritten(ssm: Any, names: Iterable[str]) -> list[str]:
    """Which of these SSM parameters nobody has written yet."""
    wanted = sorted(names)
    written = _written(ssm, wanted)
    return [name for name in wanted if name not in written]


def _written(ssm: Any, names: Iterable[str]) -> dict[str, str]:
    wanted = sorted(names)
    found: dict[str, str] = {}
    for start in range(0, len(wanted), _MOST_AT_ONCE):
        answer = ssm.get_parameters(Names=wanted[start : start + _MOST_AT_ONCE])
        found |= {each["Name"]: each["Value"] for each in answer["Parameters"]}
    return found
