"""How a release reaches people in staging and prod: a tenth of the calls for five minutes, and all of them then.

CodeDeploy moves the aliases, which SAM sets up. An alarm on the errors of the new version alone stops a function's
release and takes it back, and so does the HTTP API's with an answer of 500 or more; CloudFormation then takes back
all of the release. What the old version still does wrong stops nothing, so that its correction can be released.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from infra import http_api
from infra.alarms import RUNBOOK, alarm
from infra.aliases import aliased
from infra.chalice_app import Template
from infra.changes import Change, Kind
from infra.stages import ALIAS, APP, Stage

SHIFT = "TrafficShift"
CANARY, AT_ONCE = "canary", "at-once"

_ALIAS = "AWS::Lambda::Alias"
_STAGES = ("staging", "prod")
_CONFIGURATION = "Canary10Percent5Minutes"
_ROLE, _API_ALARM, _IS_AT_ONCE = "CanaryRole", "HttpApiCanaryAlarm", "ShiftsAtOnce"
_HERE = "${AWS::Partition}:{}:${AWS::Region}:${AWS::AccountId}"
_FAILED = f"The version that is being released failed; the release is taken back. {RUNBOOK}#release-taken-back"
_API_FAILED = f"The HTTP API answered with 500 or more, which stops a release. {RUNBOOK}#release-taken-back"


def shift_traffic(template: Template, stage: Stage) -> Template:
    """`template` where calls move to a new version of a function by and by, in the stages that people use.

    The parameter `TrafficShift` moves all of them at once, without a look at alarms: for a correction while one is on.
    """
    result = copy.deepcopy(template)
    if stage.name not in _STAGES:
        return result
    resources = result["Resources"]
    present = aliased(result, stage)
    for name, function in present.items():
        alarms = [f"{name}CanaryAlarm", *([_API_ALARM] if name == http_api.HANDLER else [])]
        resources[alarms[0]] = _alarm_of(name, function, stage)
        function["DeploymentPreference"] = _preference(alarms)
    resources[_API_ALARM] = _quick(
        f"{APP}-{stage.name}-{http_api.STAGE_NAME}-canary", _API_FAILED, "AWS/ApiGateway", "5xx",
        {"ApiId": {"Ref": "HttpApi"}, "Stage": http_api.STAGE_NAME},
    )  # fmt: skip
    resources[_ROLE] = _role([function["FunctionName"] for function in present.values()], present, stage)
    result.setdefault("Parameters", {})[SHIFT] = {
        "Type": "String",
        "AllowedValues": [CANARY, AT_ONCE],
        "Default": CANARY,
        "Description": "Whether a tenth of the calls tries a release first, or all calls go to it at once.",
    }
    result.setdefault("Conditions", {})[_IS_AT_ONCE] = {"Fn::Equals": [{"Ref": SHIFT}, AT_ONCE]}
    return result


def _preference(alarms: list[str]) -> Template:
    return {
        "Type": {"Fn::If": [_IS_AT_ONCE, "AllAtOnce", _CONFIGURATION]},
        "Alarms": {"Fn::If": [_IS_AT_ONCE, [{"Ref": "AWS::NoValue"}], [{"Ref": name} for name in alarms]]},
        "Role": {"Fn::GetAtt": [_ROLE, "Arn"]},
    }


def _alarm_of(name: str, function: Template, stage: Stage) -> Template:
    """On the new version as the alias calls it; `Version` is SAM's word for the one that it publishes."""
    dimensions = {
        "FunctionName": {"Ref": name},
        "Resource": f"{function['FunctionName']}:{stage.alias}",
        "ExecutedVersion": {"Fn::GetAtt": [f"{name}.Version", "Version"]},
    }
    return _quick(f"{function['FunctionName']}-canary", _FAILED, "AWS/Lambda", "Errors", dimensions)


def _quick(name: str, means: str, namespace: str, metric: str, dimensions: dict[str, Any]) -> Template:
    """An alarm in time for five minutes, which tells CodeDeploy and nobody else: the same is told to people anyway."""
    made = alarm(name, means, namespace, metric, dimensions, Statistic="Sum", Period=60)
    del made["Properties"]["AlarmActions"], made["Properties"]["OKActions"]
    return made


def _role(names: list[str], functions: dict[str, Template], stage: Stage) -> Template:
    """What CodeDeploy does in these releases, and no more: AWS's own policy for it is for every function there is."""
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "codedeploy.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {
            "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}},
            "ArnLike": {"aws:SourceArn": _arn("codedeploy", f"deploymentgroup:{APP}-{stage.name}-*/*")},
        },
    }
    targets = [_arn("lambda", f"function:{name}{alias}") for name in names for alias in ("", f":{stage.alias}")]
    statements = [
        {
            "Sid": "MoveAliases",
            "Effect": "Allow",
            "Action": ["lambda:GetAlias", "lambda:GetProvisionedConcurrencyConfig", "lambda:UpdateAlias"],
            "Resource": targets,
        },
        {"Sid": "LookAtAlarms", "Effect": "Allow", "Action": ["cloudwatch:DescribeAlarms"], "Resource": "*"},
    ]
    tags = next(iter(functions.values()))["Tags"]
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
            "Policies": [{"PolicyName": "work", "PolicyDocument": {"Version": "2012-10-17", "Statement": statements}}],
            "Tags": [{"Key": name, "Value": value} for name, value in tags.items()],
        },
    }


def _arn(service: str, resource: str) -> dict[str, str]:
    return {"Fn::Sub": f"arn:{_HERE.replace('{}', service)}:{resource}"}


def waiting(changes: Sequence[Change], requested: Sequence[Mapping[str, Any]]) -> str:
    """What to tell of a change set that moves aliases step by step; empty for any other."""
    is_stepwise = {"ParameterKey": SHIFT, "ParameterValue": CANARY} in requested
    if not is_stepwise or not any(change.type == _ALIAS and change.kind != Kind.ADDED for change in changes):
        return ""
    return (
        "A tenth of the calls goes to the new version of each function for five minutes, and all of them then. "
        "Until that is over nothing more is told; an alarm takes the release back."
    )


def explained(failure: str, template: str) -> str:
    """What CloudFormation says of a release that ended, with the alarms and logs of the functions that ended it."""
    resources = json.loads(template)["Resources"]
    lines = [failure]
    for alias in dict.fromkeys(re.findall(rf"^(\w+)Alias{ALIAS} \({_ALIAS}\)", failure, re.MULTILINE)):
        alarms = [f"{alias}CanaryAlarm", *([_API_ALARM] if alias == http_api.HANDLER else [])]
        names = [resources[each]["Properties"]["AlarmName"] for each in alarms if each in resources]
        if names:
            function = resources[alias]["Properties"]["FunctionName"]
            lines.append(f"{function} was taken back. Its alarms: {', '.join(names)}. Its log: /aws/lambda/{function}")
    if len(lines) > 1:
        lines.append(f"The old version takes all calls. What to do: {RUNBOOK}#release-taken-back")
    return "\n".join(lines)
