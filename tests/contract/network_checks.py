"""Rules of the private network. Each returns what breaks it, so that a test can also feed it a broken template."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from infra.deployed import Template, of_type

ANYWHERE = ("0.0.0.0/0", "::/0")
# Where each group may begin a connection, and on which ports: all that is allowed, and nothing else is.
PATHS = {
    ("FunctionsGroup", "DatabaseGroup", 5432, 5432),
    ("FunctionsGroup", "CacheGroup", 6379, 6380),
    ("FunctionsGroup", "EndpointsGroup", 443, 443),
    ("FunctionsGroup", "S3", 443, 443),
    ("FunctionsGroup", "DynamoDb", 443, 443),
    ("InternetGroup", "0.0.0.0/0", 443, 443),
    ("DatabaseGroup", "DatabaseGroup", 5432, 5432),
}
_RECEIVED = {(source, target, *ports) for source, target, *ports in PATHS if target.endswith("Group")}
_UNTAGGED = (
    *("Route", "SubnetRouteTableAssociation", "VPCGatewayAttachment"),
    *("SecurityGroupIngress", "SecurityGroupEgress"),
)
TAGS = {"project", "stage", "owner", "cost-centre"}


def zones(template: Template, kind: str) -> int:
    """How many different zones have a subnet of a kind: `Private`, `Data` or `Public`."""
    subnets = of_type(template, "AWS::EC2::Subnet").items()
    return len({str(subnet["AvailabilityZone"]) for name, subnet in subnets if name.startswith(f"{kind}Subnet")})


def overlapping(template: Template) -> list[str]:
    """Two subnets that have the same addresses."""
    seen: dict[str, list[str]] = {}
    for name, subnet in of_type(template, "AWS::EC2::Subnet").items():
        seen.setdefault(str(subnet["CidrBlock"]), []).append(name)
    return [" and ".join(names) for names in seen.values() if len(names) > 1]


def leaks(template: Template) -> list[str]:
    """Ways by which data could leave, or somebody come in: public addresses, and routes out of subnets for data."""
    public = [
        f"{name} gives out public addresses"
        for name, subnet in of_type(template, "AWS::EC2::Subnet").items()
        if subnet.get("MapPublicIpOnLaunch") is not False
    ]
    data = _tables(template, "DataSubnet")
    routes = of_type(template, "AWS::EC2::Route").items()
    out = [f"{name} leads out of a subnet for data" for name, route in routes if route["RouteTableId"]["Ref"] in data]
    private = _tables(template, "PrivateSubnet")
    direct = [
        f"{name} leads from a private subnet straight to the internet"
        for name, route in routes
        if "GatewayId" in route and route["RouteTableId"]["Ref"] in private
    ]
    return public + out + direct


def nats(template: Template) -> int:
    """How many NAT gateways there are. Raises `KeyError` when a private subnet has a route to one that is not."""
    gateways = of_type(template, "AWS::EC2::NatGateway")
    for route in of_type(template, "AWS::EC2::Route").values():
        if "NatGatewayId" in route:
            gateways[route["NatGatewayId"]["Ref"]]
    return len(gateways)


def endpoints(template: Template) -> dict[str, int]:
    """In how many subnets (0: none, by routes alone) the endpoint of each service is."""
    found = of_type(template, "AWS::EC2::VPCEndpoint").values()
    return {each["ServiceName"]["Fn::Sub"].rpartition("}.")[2]: len(each.get("SubnetIds", [])) for each in found}


def open_endpoints(template: Template) -> list[str]:
    """Endpoints that everybody's roles may use, that are reached from elsewhere, or that are not asked by name."""
    return [fault for name, each in of_type(template, "AWS::EC2::VPCEndpoint").items() for fault in _faults(name, each)]


def wrong_paths(template: Template) -> list[str]:
    """What security groups allow and should not, and the other way round."""
    out, received = set(_outgoing(template)), set(_incoming(template))
    return [
        *(f"may start {path}" for path in sorted(out - PATHS, key=str)),
        *(f"may not start {path}" for path in sorted(PATHS - out, key=str)),
        *(f"may receive {path}" for path in sorted(received - _RECEIVED, key=str)),
        *(f"may not receive {path}" for path in sorted(_RECEIVED - received, key=str)),
    ]


def unlogged(template: Template) -> list[str]:
    """A network without flow logs of everything, and logs that are kept for ever."""
    flows = of_type(template, "AWS::EC2::FlowLog").values()
    networks = [name for name in of_type(template, "AWS::EC2::VPC") if not any(_records(flow, name) for flow in flows)]
    groups = of_type(template, "AWS::Logs::LogGroup").items()
    return networks + [name for name, group in groups if not group.get("RetentionInDays")]


def untagged(template: Template) -> list[str]:
    """Resources that no cost report can tell apart."""
    return [
        name
        for name, resource in template["Resources"].items()
        if _takes_tags(resource["Type"]) and not {tag["Key"] for tag in resource["Properties"].get("Tags", [])} >= TAGS
    ]


def _takes_tags(kind: str) -> bool:
    services = ("AWS::EC2::", "AWS::IAM::", "AWS::Logs::", "AWS::Lambda::")
    named = kind.rpartition("::")[2]
    return kind.startswith(services) and named not in _UNTAGGED


def _tables(template: Template, prefix: str) -> set[str]:
    associations = of_type(template, "AWS::EC2::SubnetRouteTableAssociation").values()
    return {each["RouteTableId"]["Ref"] for each in associations if each["SubnetId"]["Ref"].startswith(prefix)}


def _faults(name: str, endpoint: dict[str, Any]) -> Iterator[str]:
    is_gateway = endpoint["VpcEndpointType"] == "Gateway"
    if not is_gateway and endpoint.get("SecurityGroupIds") != [{"Ref": "EndpointsGroup"}]:
        yield f"{name} is not in the group of endpoints"
    if not is_gateway and endpoint.get("PrivateDnsEnabled") is not True:
        yield f"{name} is not found by the service's own name"
    for statement in endpoint.get("PolicyDocument", {}).get("Statement", []):
        if statement.get("Sid") == "LayersOfImages":
            continue
        if "aws:PrincipalAccount" not in statement.get("Condition", {}).get("StringEquals", {}):
            yield f"{name} serves other accounts"
        if is_gateway and "*" in (statement["Action"], statement["Resource"]):
            yield f"{name} leads to everything"


def _outgoing(template: Template) -> Iterator[tuple[Any, ...]]:
    for name, group in of_type(template, "AWS::EC2::SecurityGroup").items():
        for rule in group.get("SecurityGroupEgress", [{"IpProtocol": "-1", "CidrIp": ANYWHERE[0]}]):
            if rule.get("CidrIp") != "127.0.0.1/32":
                yield name, _peer(rule, "Destination"), rule.get("FromPort"), rule.get("ToPort")
    for rule in of_type(template, "AWS::EC2::SecurityGroupEgress").values():
        yield rule["GroupId"]["Ref"], _peer(rule, "Destination"), rule["FromPort"], rule["ToPort"]


def _incoming(template: Template) -> Iterator[tuple[Any, ...]]:
    for name, group in of_type(template, "AWS::EC2::SecurityGroup").items():
        for rule in group.get("SecurityGroupIngress", []):
            yield _peer(rule, "Source"), name, rule.get("FromPort"), rule.get("ToPort")
    for rule in of_type(template, "AWS::EC2::SecurityGroupIngress").values():
        yield _peer(rule, "Source"), rule["GroupId"]["Ref"], rule["FromPort"], rule["ToPort"]


def _peer(rule: dict[str, Any], side: str) -> str:
    match rule.get(f"{side}SecurityGroupId") or rule.get(f"{side}PrefixListId") or rule.get("CidrIp"):
        case {"Ref": str(name)}:
            return name
        case {"Fn::GetAtt": ["NetworkSettings", str(name)]}:
            return name
        case other:
            return str(other)


def _records(flow: dict[str, Any], network: str) -> bool:
    return bool(flow["ResourceId"] == {"Ref": network}) and flow["TrafficType"] == "ALL"
