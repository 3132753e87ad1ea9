"""The alias `live` of each function: what everything calls, so that a release can be handed a part of the calls first.

SAM publishes a version when the fingerprint in `AutoPublishCodeSha256` changes, lets the alias stand for it, and leads
the events that a function declares through the alias. What calls functions by other means is led there here: both
APIs, the authorizer, the user pool, the workflow of refunds, and other functions. `migrate` has no alias: a release
calls the new one before anything else does. The laptop has none, where edited code runs at once.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from typing import Any

from infra.bindings import refers_to
from infra.chalice_app import Template
from infra.stages import APP, MIGRATE, Stage

# What is not part of a version, and may change without another one.
_OF_NO_VERSION = {
    *("AutoPublishAlias", "AutoPublishCodeSha256", "VersionDeletionPolicy", "DeploymentPreference"),
    *("ProvisionedConcurrencyConfig", "ReservedConcurrentExecutions", "Events", "EventInvokeConfig", "Tags"),
}


def add_aliases(template: Template, stage: Stage) -> Template:
    """`template` where each function but `migrate` has the stage's alias, and everything calls that. The laptop: as is.

    Of versions, the one that the alias stands for is kept, and the others deleted: all of an account's share 75 GB.
    Going back is deploying the earlier release.
    """
    result = copy.deepcopy(template)
    if not stage.alias:
        return result
    for function in aliased(result, stage).values():
        function |= {
            "AutoPublishAlias": stage.alias,
            "AutoPublishCodeSha256": fingerprint(function),
            "VersionDeletionPolicy": "Delete",
        }
    _lead_callers(result, stage)
    return result


def aliased(template: Template, stage: Stage) -> dict[str, Template]:
    """The properties of each function that has an alias, by logical id."""
    return {
        name: resource["Properties"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
        and resource["Properties"]["FunctionName"] != f"{APP}-{stage.name}-{MIGRATE}"
    }


def alias_of(logical_id: str, stage: Stage) -> dict[str, str]:
    """A reference to the ARN of a function's alias, which SAM gives its logical id."""
    return {"Ref": f"{logical_id}Alias{stage.alias}"}


def fingerprint(function: Mapping[str, Any], values: Mapping[str, str] | None = None) -> str:
    """What a version of `function` would be, as a digest: its properties, and the `values` of what they refer to.

    SAM's own digest sees neither: a parameter that has another value (the package's key, a setting of another stack)
    would reach the function, and never the alias.
    """
    properties = {name: value for name, value in function.items() if name not in _OF_NO_VERSION}
    text = json.dumps(properties, sort_keys=True)
    used = {name: value for name, value in (values or {}).items() if refers_to(text, name)}
    return sha256(json.dumps([text, used], sort_keys=True).encode()).hexdigest()


def renew_fingerprints(text: str, values: Mapping[str, str]) -> str:
    """A built template with the fingerprints that its functions have when its parameters have `values`."""
    template = json.loads(text)
    for resource in template["Resources"].values():
        if "AutoPublishCodeSha256" in (properties := resource.get("Properties", {})):
            properties["AutoPublishCodeSha256"] = fingerprint(properties, values)
    return json.dumps(template, indent=2) + "\n"


def _lead_callers(template: Template, stage: Stage) -> None:
    names = {properties["FunctionName"]: name for name, properties in aliased(template, stage).items()}
    lead: dict[str, Callable[[Template], None]] = {
        "AWS::Lambda::Permission": lambda properties: _permit(properties, names, stage),
        "AWS::ApiGatewayV2::Integration": lambda properties: _retarget(properties, "IntegrationUri", names, stage),
        "AWS::ApiGatewayV2::Authorizer": lambda properties: _retarget(properties, "AuthorizerUri", names, stage),
        "AWS::StepFunctions::StateMachine": lambda properties: _retarget(properties, "DefinitionString", names, stage),
        "AWS::IAM::Role": lambda properties: _let_call(properties, names, stage),
    }
    for resource in template["Resources"].values():
        if resource["Type"] in lead:
            lead[resource["Type"]](resource["Properties"])
    for function in aliased(template, stage).values():
        role = template["Resources"][function["Role"]["Fn::GetAtt"][0]]["Properties"]
        if any(_calls(role)):
            function["Environment"]["Variables"]["FUNCTION_ALIAS"] = stage.alias
            function["AutoPublishCodeSha256"] = fingerprint(function)


def _permit(properties: Template, names: Mapping[str, str], stage: Stage) -> None:
    function = properties["FunctionName"]["Ref"]
    if function in names.values():
        properties["FunctionName"] = alias_of(function, stage)


def _retarget(properties: Template, name: str, names: Mapping[str, str], stage: Stage) -> None:
    """Lead to aliases what refers to functions in one of the ways that Chalice and the other transforms do."""
    match properties.get(name):
        case {"Fn::GetAtt": [str(function), "Arn"]} if function in names.values():
            properties[name] = alias_of(function, stage)
        case {"Fn::Sub": [str(text), {"WebsocketHandler": {"Ref": str(function)}}]} if function in names.values():
            properties[name] = {"Fn::Sub": _by_arn(text, function, stage)}
        case {"Fn::Sub": str(text)}:
            properties[name] = {"Fn::Sub": _with_aliases(text, names, stage)}


def _by_arn(text: str, function: str, stage: Stage) -> str:
    """Chalice puts the ARN of a socket's function together from its name."""
    put_together = re.compile(r"arn:\$\{AWS::Partition\}:lambda:\S+:function:\$\{WebsocketHandler\}")
    return put_together.sub(f"${{{alias_of(function, stage)['Ref']}}}", text)


def _with_aliases(text: str, names: Mapping[str, str], stage: Stage) -> str:
    for function in names.values():
        text = text.replace(f"${{{function}.Arn}}", f"${{{alias_of(function, stage)['Ref']}}}")
    return text


def _let_call(role: Template, names: Mapping[str, str], stage: Stage) -> None:
    """Whoever may call a function by name or by reference may call its alias instead."""
    for statement in _calls(role):
        targets = statement["Resource"]
        led = [_callable(each, names, stage) for each in (targets if isinstance(targets, list) else [targets])]
        statement["Resource"] = led if isinstance(targets, list) else led[0]


def _callable(target: Template, names: Mapping[str, str], stage: Stage) -> Template:
    text = str(target["Fn::Sub"])
    if text.rpartition(":")[2] in names:
        return {"Fn::Sub": f"{text}:{stage.alias}"}
    return {"Fn::Sub": _with_aliases(text, names, stage)}


def _calls(role: Template) -> Iterator[Template]:
    return (
        statement
        for policy in role["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
        if "lambda:InvokeFunction" in statement["Action"]
    )
