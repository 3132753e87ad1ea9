"""Rules for aliases and releases. Each returns what breaks it, so that a test can also feed it a broken template.

All take the app's stack as the SAM transform leaves it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from infra.stages import ALIAS
from tests.contract.references import name_of
from tests.contract.template_checks import of_type

Template = dict[str, Any]

CALLED_FROM_ELSEWHERE = {"DeadLetters", "PreSignUp", "PostConfirmation"}
"""`python -m ops dead-letters` calls the first, the user pool of the services stack the others."""

_FUNCTION, _ROLE = "AWS::Lambda::Function", "AWS::IAM::Role"
# What is about a function and does not call it.
_ABOUT = {"AWS::Lambda::Version", "AWS::Lambda::Alias", "AWS::Lambda::EventInvokeConfig", "AWS::CloudWatch::Alarm"}
_WITHOUT_ALIAS = "Migrate"
_SHIFTS_AT_ONCE = "ShiftsAtOnce"


def without_alias(template: Template) -> list[str]:
    """Every function but `migrate` has the alias, for a version of its own that goes when the next one comes."""
    aliases = {name_of(each["FunctionName"]): each for each in of_type(template, "AWS::Lambda::Alias").values()}
    faults = [f"{name} has no alias" for name in sorted(_functions(template) - {_WITHOUT_ALIAS} - aliases.keys())]
    for function, alias in aliases.items():
        version = template["Resources"].get(name_of(alias["FunctionVersion"]), {})
        if alias["Name"] != ALIAS or name_of(version.get("Properties", {}).get("FunctionName")) != function:
            faults.append(f"the alias of {function} is not for a version of it")
        elif version.get("DeletionPolicy") != "Delete":
            faults.append(f"versions of {function} are kept for ever")
    return faults


def bypassing(template: Template) -> list[str]:
    """Whatever refers to a function in order to call it refers to its alias: any resource of any type."""
    named = {each["FunctionName"]: name for name, each in of_type(template, _FUNCTION).items()}
    return [
        f"{name} calls {function} itself"
        for name, resource in template["Resources"].items()
        if resource["Type"] not in _ABOUT
        for function in sorted(_called_directly(resource, named) - {_WITHOUT_ALIAS, name})
    ]


def unused_aliases(template: Template) -> list[str]:
    """Every alias is called by something."""
    others = {*_ABOUT, "AWS::Lambda::Permission"}
    callers = json.dumps([_calling(each) for each in template["Resources"].values() if each["Type"] not in others])
    return [
        f"nothing calls {name}"
        for name, function in of_type(template, _FUNCTION).items()
        if name not in {*CALLED_FROM_ELSEWHERE, _WITHOUT_ALIAS}
        and not re.search(rf'"{name}Alias{ALIAS}"|\$\{{{name}Alias{ALIAS}\}}', callers)
        and f":function:{function['FunctionName']}:{ALIAS}" not in callers
    ]


def settings_of_nothing(template: Template) -> list[str]:
    """How often a call is repeated is said for the alias; for the function itself it would be for nothing."""
    settings = of_type(template, "AWS::Lambda::EventInvokeConfig")
    return [f"{name} is for {each['Qualifier']}" for name, each in settings.items() if each["Qualifier"] != ALIAS]


def all_at_once(template: Template) -> list[str]:
    """Every alias is moved in steps, by CodeDeploy with the stack's own role, and stopped by its function's alarm."""
    groups = of_type(template, "AWS::CodeDeploy::DeploymentGroup")
    faults = []
    for resource in template["Resources"].values():
        if resource["Type"] != "AWS::Lambda::Alias":
            continue
        function = name_of(resource["Properties"]["FunctionName"])
        update = resource.get("UpdatePolicy", {}).get("CodeDeployLambdaAliasUpdate", {})
        group = groups.get(name_of(update.get("DeploymentGroupName")))
        faults += [f"{function} {fault}" for fault in _faults(template, function, group)]
    return faults


def _faults(template: Template, function: str, group: Template | None) -> Iterator[str]:
    if group is None:
        yield "is released at once"
        return
    if "Canary10Percent5Minutes" not in str(group["DeploymentConfigName"]["Fn::If"][2]):
        yield "is released in another way"
    if not group["AutoRollbackConfiguration"]["Enabled"] or name_of(group["ServiceRoleArn"]) != "CanaryRole":
        yield "is not taken back"
    condition, _, alarms = group["AlarmConfiguration"]["Fn::If"]
    watched = [template["Resources"][name_of(each["Name"])]["Properties"] for each in alarms.get("Alarms", [])]
    if condition != _SHIFTS_AT_ONCE or not any(_sees_the_new_version(each, function) for each in watched):
        yield "is released unseen"
    if function == "APIHandler" and not any(each["MetricName"] == "5xx" for each in watched):
        yield "is released without a look at what the API answers"


def _sees_the_new_version(alarm: Template, function: str) -> bool:
    """Within the five minutes, and nothing but the new version."""
    dimensions = {each["Name"]: each["Value"] for each in alarm["Dimensions"]}
    return (
        alarm["MetricName"] == "Errors"
        and alarm["Period"] * alarm["EvaluationPeriods"] < 300
        and name_of(dimensions.get("FunctionName")) == function
        and str(dimensions.get("Resource")).endswith(f":{ALIAS}")
        and name_of(dimensions.get("ExecutedVersion")).startswith(f"{function}Version")
    )


def _functions(template: Template) -> set[str]:
    return set(of_type(template, _FUNCTION))


def _called_directly(resource: Template, named: dict[str, str]) -> set[str]:
    """The functions that a resource refers to: by logical id, or by the ARN that is put together from their name."""
    text = json.dumps(_calling(resource))
    referred = re.findall(r'"Ref": "(\w+)"|"Fn::GetAtt": \["(\w+)", "Arn"\]|\$\{(\w+)(?:\.Arn)?\}', text)
    by_name = re.findall(r":function:([\w-]+)(?![\w:-])", text)
    ids = {each for found in referred for each in found if each in named.values()}
    return ids | {named[name] for name in by_name if name in named}


def _calling(resource: Template) -> Any:
    """What of a resource leads to calls: of a role, what it may call."""
    if resource["Type"] != _ROLE:
        return resource.get("Properties", {})
    return [
        statement["Resource"]
        for policy in resource["Properties"].get("Policies", [])
        for statement in policy["PolicyDocument"]["Statement"]
        if "lambda:InvokeFunction" in statement["Action"]
    ]
