"""How functions get into the private network of their stage, and are let in by what is there."""

from __future__ import annotations

import copy

from infra.bindings import declare_shared, functions, statements
from infra.chalice_app import Template
from infra.stages import APP, MIGRATE, Stage

PARAMETERS = {
    "PrivateSubnetIds": "network/private-subnet-ids",
    "FunctionsGroupId": "network/functions-security-group-id",
    "InternetGroupId": "network/internet-security-group-id",
    "ProxyEndpoint": "database/proxy-endpoint",
    "ProxyResourceId": "database/proxy-resource-id",
}
WITHOUT_PROXY = ("dev",)
DATABASE_USER = "marketplace_app"
CA_FILE = "/var/task/chalicelib/database/rds-ca-rsa2048-g1.pem"

# Functions that need Valkey without the database. Who needs the database may read its secret.
_CACHE_ALONE = ("rank_bestsellers",)
_SECRETS = ({"Ref": "DatabaseSecretArn"}, {"Ref": "DatabaseOwnerSecretArn"})

# What Lambda does on behalf of a function in a network. None of it can be limited to interfaces that are not there yet.
_INTERFACES = (
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
)


def join_network(template: Template, stage: Stage) -> Template:
    """`template` with whatever needs PostgreSQL or Valkey in the stage's private network. An emulator has none.

    Where the stage has a proxy, functions are let in by it as their roles, and read no password. `migrate`, which has
    the role of the owner, goes to the database itself, and so does everything where there is no proxy.
    """
    result = copy.deepcopy(template)
    if stage.is_emulated:
        return result
    for name, properties in functions(result, stage).items():
        allowed = statements(result, properties)
        reads_secret = any(each.get("Resource") in _SECRETS for each in allowed)
        if not reads_secret and name not in _CACHE_ALONE:
            continue
        properties["VpcConfig"] = _place(allowed)
        allowed += _interfaces(properties["FunctionName"])
        if name != MIGRATE:
            allowed.append(_use_cache(stage))
        if reads_secret:
            _let_in(name, properties, allowed, stage)
    return declare_shared(result, PARAMETERS, stage)


def _let_in(name: str, properties: Template, allowed: list[Template], stage: Stage) -> None:
    variables = properties["Environment"]["Variables"]
    if name == MIGRATE or stage.name in WITHOUT_PROXY:
        variables["DATABASE_CA_FILE"] = CA_FILE
        return
    del variables["DATABASE_SECRET_ARN"]
    variables |= {"DATABASE_HOST": {"Ref": "ProxyEndpoint"}, "DATABASE_USER": DATABASE_USER}
    allowed[:] = [each for each in allowed if each.get("Resource") not in _SECRETS]
    allowed.append(_connect())


def _place(allowed: list[Template]) -> Template:
    """Sockets are spoken to over the internet: no endpoint serves them, and one for APIs would hide all others."""
    groups = [{"Ref": "FunctionsGroupId"}]
    if any("execute-api:ManageConnections" in each["Action"] for each in allowed):
        groups.append({"Ref": "InternetGroupId"})
    return {"SubnetIds": {"Fn::Split": [",", {"Ref": "PrivateSubnetIds"}]}, "SecurityGroupIds": groups}


def _interfaces(function: str) -> list[Template]:
    """Lambda may manage interfaces, and the function's own code may not: calls from it carry the function's ARN.

    Denied with and without a qualifier, as a version or an alias may add one.

    https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
    """
    itself = {"Fn::Sub": f"arn:${{AWS::Partition}}:lambda:${{AWS::Region}}:${{AWS::AccountId}}:function:{function}"}
    return [
        {"Sid": "LetLambdaJoinNetwork", "Effect": "Allow", "Action": list(_INTERFACES), "Resource": "*"},
        {
            "Sid": "ButNotTheFunction",
            "Effect": "Deny",
            "Action": list(_INTERFACES),
            "Resource": "*",
            "Condition": {"ArnLike": {"lambda:SourceFunctionArn": [itself, {"Fn::Sub": f"{itself['Fn::Sub']}:*"}]}},
        },
    ]


def _use_cache(stage: Stage) -> Template:
    name = f"{APP}-{stage.name}"
    return {
        "Sid": "UseCache",
        "Effect": "Allow",
        "Action": ["elasticache:Connect"],
        "Resource": [
            {"Fn::Sub": f"arn:${{AWS::Partition}}:elasticache:${{AWS::Region}}:${{AWS::AccountId}}:{kind}:{name}"}
            for kind in ("serverlesscache", "user")
        ],
    }


def _connect() -> Template:
    user = f"${{ProxyResourceId}}/{DATABASE_USER}"
    return {
        "Sid": "ConnectToDatabase",
        "Effect": "Allow",
        "Action": ["rds-db:connect"],
        "Resource": {"Fn::Sub": f"arn:${{AWS::Partition}}:rds-db:${{AWS::Region}}:${{AWS::AccountId}}:dbuser:{user}"},
    }
