"""The wildcards that policies may hold, all of them, each with the reason it cannot be narrower."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Wildcard:
    """Actions that are allowed on a resource with a `*` in it. `resource` is a regular expression."""

    actions: frozenset[str]
    resource: str
    reason: str


FROZEN = (
    Wildcard(
        frozenset({"xray:PutTraceSegments", "xray:PutTelemetryRecords"}),
        r"\*",
        "X-Ray's writing actions have no resource type",
    ),
    Wildcard(
        frozenset(
            f"ec2:{action}"
            for action in (
                *("CreateNetworkInterface", "DescribeNetworkInterfaces", "DescribeSubnets", "DeleteNetworkInterface"),
                *("AssignPrivateIpAddresses", "UnassignPrivateIpAddresses"),
            )
        ),
        r"\*",
        "Lambda manages interfaces of a network with the role of each function; its code is denied the same",
    ),
    Wildcard(
        frozenset({"logs:CreateLogStream", "logs:PutLogEvents"}),
        r"arn:\S+:log-group:/aws/lambda/marketplace-\w+-\w+:log-stream:\*",
        "Lambda names a stream when an execution environment starts; the group is the function's own",
    ),
    Wildcard(
        frozenset(
            {
                *("logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery"),
                *("logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:DescribeResourcePolicies"),
                "logs:DescribeLogGroups",
            }
        ),
        r"\*",
        "the delivery of a state machine's logs is set up with its role; the actions have no resource type",
    ),
    Wildcard(
        frozenset({"cloudwatch:DescribeAlarms"}),
        r"\*",
        "CodeDeploy looks at the alarms of a release, and is told of those that a look through all of them finds",
    ),
    Wildcard(
        frozenset({"lambda:InvokeFunction"}),
        r"arn:\S+:\$\{HttpApi\}/api/\*",
        "one API calls one function for all of its routes; stage and API are named",
    ),
    Wildcard(
        frozenset({"sns:Publish", "sns:SetEndpointAttributes", "sns:DeleteEndpoint"}),
        r"arn:\S+:sns:\S+:endpoint/(GCM|APNS)/marketplace-\w+/\*",
        "SNS names an endpoint when a device is registered; the application that it belongs to is named",
    ),
    Wildcard(
        frozenset({"execute-api:ManageConnections"}),
        r"arn:\S+:execute-api:\S+:\$\{WebsocketAPI\}/ws/(GET|POST)/@connections/\*",
        "API Gateway names a connection when it is opened; API, stage and what is done to it are named",
    ),
    Wildcard(
        frozenset({"s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:DeleteObjectVersion"}),
        r"arn:\S+:s3:::marketplace-\w+-media-\$\{AWS::AccountId\}/(incoming|media|originals)/\*",
        "objects are named after uploads; bucket and folder are named",
    ),
)


def unexpected_wildcards(template: dict[str, Any]) -> list[str]:
    """Every `*` in an action, a resource or a source of `template` that is not on the frozen list."""
    return [
        f"{where}: {' '.join(sorted(actions))} on {resource}"
        for where, actions, resource in _grants(template)
        if _is_open(actions, resource) and not any(_covers(wildcard, actions, resource) for wildcard in FROZEN)
    ]


def _grants(template: dict[str, Any]) -> Iterator[tuple[str, frozenset[str], str]]:
    for name, resource in template["Resources"].items():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::IAM::Role":
            for policy in properties.get("Policies", []):
                for statement in policy["PolicyDocument"]["Statement"]:
                    for target in _listed(statement.get("Resource", statement.get("NotResource", "*"))):
                        yield name, _actions(statement), _text(target)
            for arn in properties.get("ManagedPolicyArns", []):
                yield name, frozenset({"*"}), _text(arn)
        elif resource["Type"] == "AWS::Lambda::Permission":
            yield name, frozenset({properties["Action"]}), _text(properties.get("SourceArn", "*"))


def _actions(statement: dict[str, Any]) -> frozenset[str]:
    return frozenset({"*"}) if "NotAction" in statement else frozenset(_listed(statement["Action"]))


def _is_open(actions: frozenset[str], resource: str) -> bool:
    return "*" in resource or "?" in resource or any("*" in action for action in actions)


def _covers(wildcard: Wildcard, actions: frozenset[str], resource: str) -> bool:
    return actions <= wildcard.actions and re.fullmatch(wildcard.resource, resource) is not None


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _text(value: Any) -> str:
    """The resource as it is written, whichever function of CloudFormation puts it together."""
    match value:
        case {"Fn::Sub": str(text)}:
            return text
        case {"Fn::Sub": [str(text), _]}:
            return text
        case _:
            return str(value)
