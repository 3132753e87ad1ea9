"""The private network: closed but for the paths that functions need, with endpoints for what they call."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.build import PROJECT
from infra.deployed import Template, deployed, refusals
from tests.contract import network_checks as checks

PATH = PROJECT / "infra" / "stacks" / "network.yaml"
STAGES = ("dev", "staging", "prod")
CALLED = {"secretsmanager", "sqs", "sns", "events", "email", "cognito-idp", "bedrock-runtime", "states"}
OF_TASKS = {"logs", "xray", "ecr.api", "ecr.dkr"}
WITHOUT_A_WAY_OUT = "Without interface endpoints, and with managed login, there has to be a NAT gateway"

Break = Callable[[dict[str, Any]], object]


@pytest.fixture
def prod() -> Template:
    """The stack as prod has it, for a test to break."""
    return deployed(PATH, Stage="prod")


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_has_three_zones_and_addresses_of_its_own(stage: str) -> None:
    template = deployed(PATH, Stage=stage)
    assert [checks.zones(template, kind) for kind in ("Private", "Data")] == [3, 3]
    assert checks.overlapping(template) == []
    others = [deployed(PATH, Stage=other)["Resources"]["Vpc"] for other in STAGES if other != stage]
    assert template["Resources"]["Vpc"]["Properties"]["CidrBlock"] not in str(others)


def test_overlapping_subnets_are_noticed(prod: Template) -> None:
    resources = prod["Resources"]
    resources["DataSubnetB"]["Properties"]["CidrBlock"] = resources["PrivateSubnetB"]["Properties"]["CidrBlock"]
    assert checks.overlapping(prod) == ["PrivateSubnetB and DataSubnetB"]


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("nat", ["stage", "none", "one", "each"])
def test_no_data_leaves_and_nobody_comes_in(stage: str, nat: str) -> None:
    assert checks.leaks(deployed(PATH, Stage=stage, Nat=nat)) == []


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        (
            lambda resources: resources["PrivateSubnetA"]["Properties"].update(MapPublicIpOnLaunch=True),
            "PrivateSubnetA gives out public addresses",
        ),
        (
            lambda resources: resources["PrivateRouteB"]["Properties"].update(RouteTableId={"Ref": "DataRoutes"}),
            "PrivateRouteB leads out of a subnet for data",
        ),
        (
            lambda resources: resources["PublicRoute"]["Properties"].update(RouteTableId={"Ref": "PrivateRoutesC"}),
            "PublicRoute leads from a private subnet straight to the internet",
        ),
    ],
)
def test_a_leak_is_noticed(prod: Template, broken: Break, fault: str) -> None:
    broken(prod["Resources"])
    assert checks.leaks(prod) == [fault]


@pytest.mark.parametrize(
    ("stage", "nat", "gateways"),
    [("dev", "stage", 0), ("staging", "stage", 1), ("prod", "stage", 3), ("dev", "one", 1), ("prod", "none", 0)],
)
def test_nat_gateways_are_those_of_the_stage_or_as_told(stage: str, nat: str, gateways: int) -> None:
    template = deployed(PATH, Stage=stage, Nat=nat)
    assert checks.nats(template) == gateways
    assert checks.zones(template, "Public") == gateways
    routed = [name for name in template["Resources"] if name.startswith("PrivateRoute") and len(name) == 13]
    assert len(routed) == (3 if gateways else 0)


def test_a_route_to_a_missing_gateway_is_noticed() -> None:
    template = deployed(PATH, Stage="staging")
    template["Resources"]["PrivateRouteC"]["Properties"]["NatGatewayId"] = {"Ref": "NatC"}
    with pytest.raises(KeyError):
        checks.nats(template)


@pytest.mark.parametrize(
    ("stage", "where", "expected"),
    [
        ("dev", "stage", dict.fromkeys(CALLED, 1)),
        ("staging", "stage", dict.fromkeys(CALLED | OF_TASKS, 3)),
        ("prod", "stage", dict.fromkeys(CALLED | OF_TASKS, 3)),
        ("prod", "one", dict.fromkeys(CALLED | OF_TASKS, 1)),
        ("dev", "none", {}),
    ],
)
def test_services_are_reached_inside_the_network(stage: str, where: str, expected: dict[str, int]) -> None:
    found = checks.endpoints(deployed(PATH, Stage=stage, EndpointZones=where))
    assert found == expected | {"s3": 0, "dynamodb": 0}


@pytest.mark.parametrize(
    ("stage", "nat", "admitted"),
    [("dev", "stage", False), ("prod", "none", False), ("dev", "one", True), ("staging", "stage", True)],
)
def test_a_network_without_endpoints_has_a_nat_gateway(stage: str, nat: str, admitted: bool) -> None:
    said = refusals(PATH, Stage=stage, Nat=nat, EndpointZones="none")
    assert said == ([] if admitted else [WITHOUT_A_WAY_OUT])
    assert (checks.nats(deployed(PATH, Stage=stage, Nat=nat, EndpointZones="none")) > 0) is admitted
    assert refusals(PATH, Stage=stage, Nat=nat) == []


def test_with_managed_login_cognito_is_reached_through_the_nat_gateway() -> None:
    template = deployed(PATH, Stage="prod", ManagedLogin="true")
    assert "cognito-idp" not in checks.endpoints(template)
    assert checks.wrong_paths(template) == ["may start ('FunctionsGroup', '0.0.0.0/0', 443, 443)"]
    assert refusals(PATH, Stage="prod", ManagedLogin="true") == []
    assert refusals(PATH, Stage="dev", ManagedLogin="true") == [WITHOUT_A_WAY_OUT]


def test_the_user_pool_has_no_managed_login_by_itself() -> None:
    services = PROJECT / "infra" / "stacks" / "services.yaml"
    for value in ("true", "false"):
        pool = deployed(services, Stage="prod", ManagedLogin=value)["Resources"]
        assert ("UserPoolDomain" in pool) is (value == "true")
    assert "UserPoolDomain" not in deployed(services, Stage="prod")["Resources"]
    assert "cognito-idp" in checks.endpoints(deployed(PATH, Stage="prod"))


@pytest.mark.parametrize("stage", STAGES)
def test_endpoints_serve_this_account_alone(stage: str) -> None:
    assert checks.open_endpoints(deployed(PATH, Stage=stage)) == []


@pytest.mark.parametrize(
    ("endpoint", "broken", "fault"),
    [
        ("EndpointOfsqs", lambda each: each.pop("SecurityGroupIds"), "EndpointOfsqs is not in the group of endpoints"),
        (
            "EndpointOfsqs",
            lambda each: each.update(PrivateDnsEnabled=False),
            "EndpointOfsqs is not found by the service's own name",
        ),
        (
            "EndpointOfsqs",
            lambda each: each["PolicyDocument"]["Statement"][0].pop("Condition"),
            "EndpointOfsqs serves other accounts",
        ),
        (
            "S3Endpoint",
            lambda each: each["PolicyDocument"]["Statement"][0].update(Resource="*"),
            "S3Endpoint leads to everything",
        ),
    ],
)
def test_an_open_endpoint_is_noticed(prod: Template, endpoint: str, broken: Break, fault: str) -> None:
    broken(prod["Resources"][endpoint]["Properties"])
    assert checks.open_endpoints(prod) == [fault]


def test_without_endpoints_functions_go_through_the_nat_gateway() -> None:
    template = deployed(PATH, Stage="dev", EndpointZones="none", Nat="one")
    assert checks.wrong_paths(template) == ["may start ('FunctionsGroup', '0.0.0.0/0', 443, 443)"]


@pytest.mark.parametrize("stage", STAGES)
def test_functions_reach_database_cache_and_endpoints_and_nothing_else(stage: str) -> None:
    assert checks.wrong_paths(deployed(PATH, Stage=stage)) == []


@pytest.mark.parametrize(
    ("broken", "faults"),
    [
        (
            lambda resources: resources["FunctionsGroup"]["Properties"]["SecurityGroupEgress"].pop(0),
            ["may not start ('FunctionsGroup', 'DatabaseGroup', 5432, 5432)"],
        ),
        (
            lambda resources: resources["CacheGroup"]["Properties"].pop("SecurityGroupEgress"),
            ["may start ('CacheGroup', '0.0.0.0/0', None, None)"],
        ),
        (
            lambda resources: resources.pop("EndpointsFromFunctions"),
            ["may not receive ('FunctionsGroup', 'EndpointsGroup', 443, 443)"],
        ),
        (
            lambda resources: resources["DatabaseGroup"]["Properties"].update(
                SecurityGroupIngress=[{"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "CidrIp": "0.0.0.0/0"}]
            ),
            ["may receive ('0.0.0.0/0', 'DatabaseGroup', 5432, 5432)"],
        ),
    ],
)
def test_a_wrong_path_is_noticed(prod: Template, broken: Break, faults: list[str]) -> None:
    broken(prod["Resources"])
    assert checks.wrong_paths(prod) == faults


def test_all_traffic_is_logged_for_a_time(prod: Template) -> None:
    assert checks.unlogged(prod) == []
    prod["Resources"]["FlowLog"]["Properties"]["TrafficType"] = "REJECT"
    del prod["Resources"]["FlowLogs"]["Properties"]["RetentionInDays"]
    assert checks.unlogged(prod) == ["Vpc", "FlowLogs"]


def test_everything_is_tagged(prod: Template) -> None:
    assert checks.untagged(prod) == []
    prod["Resources"]["NatA"]["Properties"]["Tags"].pop()
    assert checks.untagged(prod) == ["NatA"]


def test_flow_logs_are_written_by_the_flow_logs_of_this_account_alone(prod: Template) -> None:
    trust = prod["Resources"]["FlowLogsRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert [each["Condition"].keys() for each in trust] == [{"StringEquals", "ArnLike"}]


@pytest.mark.parametrize(
    ("parameter", "resource"),
    [
        ("network/vpc-id", "Vpc"),
        ("network/functions-security-group-id", "FunctionsGroup"),
        ("network/internet-security-group-id", "InternetGroup"),
        ("network/database-security-group-id", "DatabaseGroup"),
        ("network/cache-security-group-id", "CacheGroup"),
    ],
)
def test_other_stacks_find_what_they_need(prod: Template, parameter: str, resource: str) -> None:
    assert _shared(prod)[f"/marketplace/prod/{parameter}"] == {"Ref": resource}


def test_other_stacks_find_the_subnets(prod: Template) -> None:
    shared = _shared(prod)
    subnets = [{"Ref": f"PrivateSubnet{zone}"} for zone in "ABC"]
    assert shared["/marketplace/prod/network/private-subnet-ids"] == {"Fn::Join": [",", subnets]}
    for zone in "abc":
        assert shared[f"/marketplace/prod/network/data-subnet-{zone}"] == {"Ref": f"DataSubnet{zone.upper()}"}


def test_the_default_group_is_emptied_and_prefix_lists_are_found(settings: types.SimpleNamespace) -> None:
    settings.handle(_event("Create"))
    assert settings.revoked == [
        ("ingress", "sg-1", {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": "sg-1"}]}),
        ("egress", "sg-1", {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}),
    ]
    assert settings.answers == [("SUCCESS", {"S3": "pl-s3", "DynamoDb": "pl-dynamodb"}, "sg-1")]


def test_an_empty_default_group_is_left_as_it_is(settings: types.SimpleNamespace) -> None:
    settings.refusal = "InvalidPermission.NotFound"
    settings.handle(_event("Update"))
    assert settings.answers[0][0] == "SUCCESS"


def test_a_group_that_cannot_be_emptied_stops_the_deployment(settings: types.SimpleNamespace) -> None:
    settings.refusal = "UnauthorizedOperation"
    settings.handle(_event("Create"))
    assert settings.answers[0][0] == "FAILED"


def test_nothing_is_touched_when_the_network_goes(settings: types.SimpleNamespace) -> None:
    settings.handle(_event("Delete"))
    assert settings.revoked == []
    assert settings.answers == [("SUCCESS", {}, "sg-1")]


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> types.SimpleNamespace:
    """The function of the template, with an EC2 and a CloudFormation that write down what they are asked."""
    log = types.SimpleNamespace(revoked=[], answers=[], refusal="")

    def revoke(direction: str, **asked: Any) -> None:
        if log.refusal:
            raise ClientError({"Error": {"Code": log.refusal, "Message": ""}}, "RevokeSecurityGroup")
        log.revoked.append((direction, asked["GroupId"], *asked["IpPermissions"]))

    def prefix_lists(**asked: Any) -> dict[str, Any]:
        names = asked["Filters"][0]["Values"]
        return {"PrefixLists": [{"PrefixListName": n, "PrefixListId": f"pl-{n.rpartition('.')[2]}"} for n in names]}

    ec2 = types.SimpleNamespace(
        revoke_security_group_ingress=partial(revoke, "ingress"),
        revoke_security_group_egress=partial(revoke, "egress"),
        describe_managed_prefix_lists=prefix_lists,
    )
    answer = types.SimpleNamespace(
        SUCCESS="SUCCESS",
        FAILED="FAILED",
        send=lambda event, context, status, data, known_as, reason="": log.answers.append((status, data, known_as)),
    )
    monkeypatch.setitem(sys.modules, "cfnresponse", answer)
    monkeypatch.setattr("boto3.client", lambda service: ec2)
    scope: dict[str, Any] = {}
    exec(deployed(PATH, Stage="prod")["Resources"]["NetworkSettingsFunction"]["Properties"]["Code"]["ZipFile"], scope)  # noqa: S102
    log.handle = lambda event: scope["handle"](event, None)
    return log


def _event(kind: str) -> dict[str, Any]:
    return {"RequestType": kind, "ResourceProperties": {"GroupId": "sg-1", "Region": "eu-central-1"}}


def _shared(template: Template) -> dict[str, Any]:
    parameters = [each["Properties"] for each in template["Resources"].values() if "SSM" in each["Type"]]
    return {_name(each["Name"]["Fn::Sub"]).replace("${Stage}", "prod"): each["Value"] for each in parameters}


def _name(name: Any) -> str:
    """The text of a `Fn::Sub`, with variables of its own or without."""
    text, own = name if isinstance(name, list) else (name, {})
    for variable, value in own.items():
        text = text.replace(f"${{{variable}}}", value)
    return str(text)
