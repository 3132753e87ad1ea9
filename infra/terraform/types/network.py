"""Networks: subnets, routes, endpoints, security groups."""

from __future__ import annotations

import re
from collections.abc import Mapping

from infra.errors import BuildError
from infra.terraform.conditional import elements, under
from infra.terraform.expressions import Expression, Value
from infra.terraform.translation import (
    Argument,
    Block,
    Own,
    Resource,
    Table,
    Translation,
    apply,
    document,
    ignored,
    tags,
)

_RULE: Table = {
    "IpProtocol": "ip_protocol",
    "FromPort": "from_port",
    "ToPort": "to_port",
    "CidrIp": "cidr_ipv4",
    "Description": "description",
}
_OUTWARD: Table = {
    **_RULE,
    "DestinationSecurityGroupId": "referenced_security_group_id",
    "DestinationPrefixListId": "prefix_list_id",
}
_INWARD: Table = {
    **_RULE,
    "SourceSecurityGroupId": "referenced_security_group_id",
    "SourcePrefixListId": "prefix_list_id",
}


def _rules(resource: Resource, blocks: list[Block]) -> list[Block]:
    """Each rule is a resource of its own: those of one group can then name another that names it."""
    ways = {"SecurityGroupEgress": ("egress", _OUTWARD), "SecurityGroupIngress": ("ingress", _INWARD)}
    for name, (way, table) in ways.items():
        for number, (conditions, rule) in enumerate(elements(resource.properties.get(name, []))):
            arguments = {"security_group_id": Own("self.id"), **apply(table, rule, resource.place)}
            made = Block(f"aws_vpc_security_group_{way}_rule", arguments, suffix=f"{way}_{number}")
            blocks.append(under(conditions, made))
    return blocks


def _arn_of_group(name: Value) -> Value:
    if not isinstance(name, Expression):
        raise BuildError(f"a log group of the stack is wanted, and this is {name!r}")
    return Expression(re.sub(r"\.name$", ".arn", name.text))


TYPES: Mapping[str, Translation] = {
    "AWS::EC2::VPC": Translation(
        "aws_vpc",
        attributes={"CidrBlock": "cidr_block", "DefaultSecurityGroup": "default_security_group_id"},
        arguments={
            "CidrBlock": "cidr_block",
            "EnableDnsSupport": "enable_dns_support",
            "EnableDnsHostnames": "enable_dns_hostnames",
            "Tags": tags(),
        },
    ),
    "AWS::EC2::Subnet": Translation(
        "aws_subnet",
        arguments={
            "VpcId": "vpc_id",
            "AvailabilityZone": "availability_zone",
            "CidrBlock": "cidr_block",
            "MapPublicIpOnLaunch": "map_public_ip_on_launch",
            "Tags": tags(),
        },
    ),
    "AWS::EC2::RouteTable": Translation("aws_route_table", arguments={"VpcId": "vpc_id", "Tags": tags()}),
    "AWS::EC2::SubnetRouteTableAssociation": Translation(
        "aws_route_table_association", arguments={"SubnetId": "subnet_id", "RouteTableId": "route_table_id"}
    ),
    "AWS::EC2::Route": Translation(
        "aws_route",
        arguments={
            "RouteTableId": "route_table_id",
            "DestinationCidrBlock": "destination_cidr_block",
            "GatewayId": "gateway_id",
            "NatGatewayId": "nat_gateway_id",
        },
    ),
    "AWS::EC2::InternetGateway": Translation("aws_internet_gateway", arguments={"Tags": tags()}),
    "AWS::EC2::VPCGatewayAttachment": Translation(
        "aws_internet_gateway_attachment", arguments={"VpcId": "vpc_id", "InternetGatewayId": "internet_gateway_id"}
    ),
    "AWS::EC2::EIP": Translation(
        "aws_eip",
        ref="public_ip",
        attributes={"AllocationId": "allocation_id"},
        arguments={"Domain": "domain", "Tags": tags()},
    ),
    "AWS::EC2::NatGateway": Translation(
        "aws_nat_gateway",
        arguments={"SubnetId": "subnet_id", "AllocationId": "allocation_id", "Tags": tags()},
    ),
    "AWS::EC2::VPCEndpoint": Translation(
        "aws_vpc_endpoint",
        arguments={
            "VpcId": "vpc_id",
            "VpcEndpointType": "vpc_endpoint_type",
            "ServiceName": "service_name",
            "PrivateDnsEnabled": "private_dns_enabled",
            "RouteTableIds": "route_table_ids",
            "SubnetIds": "subnet_ids",
            "SecurityGroupIds": "security_group_ids",
            "PolicyDocument": document("policy"),
            "Tags": tags(),
        },
    ),
    "AWS::EC2::SecurityGroup": Translation(
        "aws_security_group",
        attributes={"GroupId": "id"},
        arguments={
            "GroupDescription": "description",
            "VpcId": "vpc_id",
            "SecurityGroupEgress": ignored("its rules are resources of their own"),
            "SecurityGroupIngress": ignored("its rules are resources of their own"),
            "Tags": tags(),
        },
        rewrite=_rules,
    ),
    "AWS::EC2::SecurityGroupEgress": Translation(
        "aws_vpc_security_group_egress_rule", arguments={**_OUTWARD, "GroupId": "security_group_id"}
    ),
    "AWS::EC2::SecurityGroupIngress": Translation(
        "aws_vpc_security_group_ingress_rule", arguments={**_INWARD, "GroupId": "security_group_id"}
    ),
    "AWS::EC2::FlowLog": Translation(
        "aws_flow_log",
        arguments={
            "ResourceType": ignored("the argument that names the network says so", "VPC"),
            "ResourceId": "vpc_id",
            "TrafficType": "traffic_type",
            "MaxAggregationInterval": "max_aggregation_interval",
            "LogDestinationType": "log_destination_type",
            "LogGroupName": Argument("log_destination", _arn_of_group),
            "DeliverLogsPermissionArn": "iam_role_arn",
            "Tags": tags(),
        },
    ),
    # A function does this for CloudFormation, which has no type for a network's default group. Terraform has one, that
    # takes all rules away, and the endpoints of S3 and DynamoDB know their prefix lists.
    "AWS::CloudFormation::CustomResource": Translation(
        "aws_default_security_group",
        attributes={
            "S3": "aws_vpc_endpoint.network_s3_endpoint.prefix_list_id",
            "DynamoDb": "aws_vpc_endpoint.network_dynamo_db_endpoint.prefix_list_id",
        },
        arguments={
            "ServiceTimeout": ignored("no function is needed"),
            "Region": ignored("it is the provider's"),
            "GroupId": Argument("vpc_id", lambda group: Expression(re.sub(r"\.\w+$", ".id", group.text))),
        },
    ),
}
