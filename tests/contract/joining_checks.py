"""Rules of how functions join the private network. Each returns what breaks it, so that a test can also break it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tests.contract.template_checks import Template, functions, statements

INTERFACES = {
    f"ec2:{action}NetworkInterface{plural}" for action, plural in (("Create", ""), ("Delete", ""), ("Describe", "s"))
} | {"ec2:DescribeSubnets", "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"}
# The endpoint by which the actions of a service are reached. None: Lambda itself, or the network, carries them.
ENDPOINTS = {
    "bedrock": "bedrock-runtime",
    "cognito-idp": "cognito-idp",
    "dynamodb": "dynamodb",
    "events": "events",
    "s3": "s3",
    "secretsmanager": "secretsmanager",
    "ses": "email",
    "sns": "sns",
    "sqs": "sqs",
    "ec2": None,
    "elasticache": None,
    "kms": None,
    "logs": None,
    "rds-db": None,
    "xray": None,
}


def outside(template: Template) -> set[str]:
    """The functions that are not in the network, by their names in app.py."""
    return {_name(each) for each in functions(template).values() if "VpcConfig" not in each}


def on_the_internet(template: Template) -> set[str]:
    """The functions of the network that may call what is not in it."""
    return {
        _name(each)
        for each in functions(template).values()
        if {"Ref": "InternetGroupId"} in each.get("VpcConfig", {}).get("SecurityGroupIds", [])
    }


def astray(template: Template) -> list[str]:
    """Functions elsewhere than in the private subnets, or without the group that database and cache admit."""
    subnets = {"Fn::Split": [",", {"Ref": "PrivateSubnetIds"}]}
    return [
        _name(each)
        for each in functions(template).values()
        if (place := each.get("VpcConfig"))
        and (place["SubnetIds"] != subnets or {"Ref": "FunctionsGroupId"} not in place["SecurityGroupIds"])
    ]


def unguarded(template: Template) -> list[str]:
    """Functions for which Lambda may not make interfaces, and those whose own code may."""
    faults = []
    for each in functions(template).values():
        if "VpcConfig" not in each:
            continue
        given = statements(template, each)
        allowed = {action for one in given if one["Effect"] == "Allow" for action in one["Action"]}
        denied = {action for one in given if _is_guard(one, each) for action in one["Action"]}
        if not allowed >= INTERFACES:
            faults.append(f"{_name(each)} cannot join")
        if not denied >= INTERFACES:
            faults.append(f"{_name(each)} may do so itself")
    return faults


def cut_off(template: Template, endpoints: Iterable[str]) -> list[str]:
    """What functions of the network call and cannot reach, given the services that have an endpoint there."""
    reached = set(endpoints)
    beyond = on_the_internet(template)
    return [
        f"{_name(each)} calls {service}"
        for each in functions(template).values()
        if "VpcConfig" in each and _name(each) not in beyond
        for service in sorted({action.partition(":")[0] for action in _actions(template, each)})
        if ENDPOINTS.get(service, service) is not None and ENDPOINTS.get(service, service) not in reached
    ]


def passwords_read(template: Template) -> set[str]:
    """The functions that may read a secret of the database."""
    return {_name(each) for each in functions(template).values() if _may_read(template, each)}


def let_in_as_their_role(template: Template) -> set[str]:
    """The functions that the proxy lets in: told where it is and as whom, and allowed to."""
    return {
        _name(each)
        for each in functions(template).values()
        if each["Environment"]["Variables"].get("DATABASE_HOST") == {"Ref": "ProxyEndpoint"}
        and each["Environment"]["Variables"].get("DATABASE_USER") == "marketplace_app"
        and "rds-db:connect" in _actions(template, each)
    }


def _actions(template: Template, function: dict[str, Any]) -> set[str]:
    return {
        action
        for statement in statements(template, function)
        if statement["Effect"] == "Allow"
        for action in statement["Action"]
    }


def _may_read(template: Template, function: dict[str, Any]) -> bool:
    secrets = ({"Ref": "DatabaseSecretArn"}, {"Ref": "DatabaseOwnerSecretArn"})
    return any(statement["Resource"] in secrets for statement in statements(template, function))


def _is_guard(statement: dict[str, Any], function: dict[str, Any]) -> bool:
    """Denied to the function's own code, whichever version of it runs."""
    sources = statement.get("Condition", {}).get("ArnLike", {}).get("lambda:SourceFunctionArn", [])
    own = f":function:{function['FunctionName']}"
    ends = {source["Fn::Sub"].rpartition("${AWS::AccountId}")[2] for source in sources}
    return statement["Effect"] == "Deny" and ends == {own, f"{own}:*"}


def _name(function: dict[str, Any]) -> str:
    return str(function["FunctionName"].split("-", 2)[2])
