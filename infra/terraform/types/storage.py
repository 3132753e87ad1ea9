"""The table, and what the stacks write down for the application."""

from __future__ import annotations

from collections.abc import Mapping

from infra.terraform.translation import Nested, Properties, Table, Translation, block, choice, ignored, inline, tags

_KEYS: Table = {"HASH": "hash_key", "RANGE": "range_key"}


def _keyed(properties: Properties) -> Properties:
    """Keys by their kind, where CloudFormation has a list of them."""
    return {**properties, "KeySchema": {key["KeyType"]: key["AttributeName"] for key in properties["KeySchema"]}}


def _in_its_region(properties: Properties) -> Properties:
    """The first replica is the table itself, where CloudFormation has it as one among others."""
    first, *others = properties["Replicas"]
    own = {name: value for name, value in first.items() if name != "Region"}
    return {**_keyed(properties), **own, "Replicas": others}


TYPES: Mapping[str, Translation] = {
    "AWS::DynamoDB::GlobalTable": Translation(
        "aws_dynamodb_table",
        ref="name",
        attributes={"Arn": "arn", "StreamArn": "stream_arn"},
        prepare=_in_its_region,
        arguments={
            "TableName": "name",
            "DeletionProtectionEnabled": "deletion_protection_enabled",
            "BillingMode": "billing_mode",
            "AttributeDefinitions": block("attribute", {"AttributeName": "name", "AttributeType": "type"}),
            "KeySchema": inline(_KEYS),
            "GlobalSecondaryIndexes": Nested(
                "global_secondary_index",
                {
                    "IndexName": "name",
                    "KeySchema": inline(_KEYS),
                    "Projection": inline({"ProjectionType": "projection_type"}),
                },
                prepare=_keyed,
            ),
            "TimeToLiveSpecification": block("ttl", {"AttributeName": "attribute_name", "Enabled": "enabled"}),
            "StreamSpecification": inline({"StreamViewType": "stream_view_type"}),
            "PointInTimeRecoverySpecification": block(
                "point_in_time_recovery", {"PointInTimeRecoveryEnabled": "enabled"}
            ),
            "SSESpecification": block("server_side_encryption", {"SSEEnabled": "enabled"}),
            "Tags": tags(),
            "Replicas": block(
                "replica",
                {
                    "Region": "region_name",
                    "DeletionProtectionEnabled": "deletion_protection_enabled",
                    "PointInTimeRecoverySpecification": inline(
                        {"PointInTimeRecoveryEnabled": "point_in_time_recovery"}
                    ),
                    "Tags": ignored("the table's own, which it propagates"),
                },
                propagate_tags=True,
            ),
        },
        fixed={"stream_enabled": True},
    ),
    # Not a secret: `value` would hide each of them, and whatever is made of them, in plans.
    "AWS::SSM::Parameter": Translation(
        "aws_ssm_parameter",
        ref="name",
        arguments={
            "Name": "name",
            "Type": choice("type", String="String"),
            "Value": "insecure_value",
            "Description": "description",
            "Tags": tags(),
        },
    ),
}
