"""What an account has once: policies, identity providers, settings."""

from __future__ import annotations

from collections.abc import Mapping

from infra.terraform.translation import Translation, document, tags

TYPES: Mapping[str, Translation] = {
    "AWS::IAM::ManagedPolicy": Translation(
        "aws_iam_policy",
        ref="arn",
        arguments={"ManagedPolicyName": "name", "Description": "description", "PolicyDocument": document("policy")},
    ),
    "AWS::IAM::OIDCProvider": Translation(
        "aws_iam_openid_connect_provider",
        ref="arn",
        attributes={"Arn": "arn"},
        arguments={"Url": "url", "ClientIdList": "client_id_list", "Tags": tags()},
    ),
    "AWS::ApiGateway::Account": Translation(
        "aws_api_gateway_account", arguments={"CloudWatchRoleArn": "cloudwatch_role_arn"}
    ),
}
