"""The table, and what the stacks write down for the application."""

from __future__ import annotations

from collections.abc import Mapping

from infra.terraform.translation import Nested, Properties, Table, Translation, block, choice, inline, tags

_KEYS: Table = {"HASH": "hash_key", "RANGE": "range_key"}


def _keyed(properties: Properties) -> Properties:
    """Keys by their kind, where CloudFormation has a list of them."""
    return {**properties, "KeySchema": {key["KeyType"]: key["AttributeName"] for key in properties["KeySchema"]}}


TYPES: Mapping[str, Translation] = {
    "AWS::DynamoDB::Table": Translation(
        "aws_dynamodb_table",
        ref="name",
        attributes={"Arn": "arn", "StreamArn": "stream_arn"},
        prepare=_keyed,
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
