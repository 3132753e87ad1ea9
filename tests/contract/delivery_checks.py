"""Rules for what deploys. Each returns what breaks it, so that a test can also feed it a broken template."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Any

from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from infra.deployed import of_type

Template = dict[str, Any]

LARGEST_POLICY = 6144
GITHUB = "token.actions.githubusercontent.com"

# What CloudFormation's resource types could do beside what these stacks ask of them, and why they do not ask.
NOT_ASKED_FOR = {
    "acm-pca:*": "no private certificates",
    "application-autoscaling:[!D]*": "on demand",
    "application-autoscaling:De[lr]*": "on demand",
    "apigateway:*agResource": "PUT on /tags is what API Gateway knows",
    "autoscaling:*": "no auto scaling groups",
    "billing:GetBillingViewData": "no views of bills",
    "cloudwatch:PutMetricData": "the type of the table counts its own calls",
    "cloudfront:*ConnectionGroup": "no tenants",
    "cloudfront:CreateDistributionWithTags": "CloudFormation's own name for CreateDistribution and TagResource",
    "cloudfront:GetVpcOrigin": "no origins in a network",
    "cloudfront:updateDistribution": "the domain of a user pool is not one of its own name",
    "codedeploy:RegisterOnPremisesInstance": "functions alone",
    "cloudfront:UpdateDistributionWithStagingConfig": "no staging distributions",
    "codewhisperer:*": "no logs of it",
    "autoloop:*": "no logs of it",
    "payments:*": "no logs of it",
    "workmail:*": "no logs of it",
    "dynamodb:*ssociateTableReplica": "replicas are of this account",
    "dynamodb:UpdateTableReplicaAutoScaling": "on demand",
    "dynamodb:*able*KinesisStreamingDestination": "no Kinesis",
    "dynamodb:UpdateKinesisStreamingDestination": "no Kinesis",
    "dynamodb:*ResourcePolicy": "no policy of its own",
    "dynamodb:UpdateContributorInsights": "no insights",
    "ec2:*Vpn*": "no VPN",
    "ec2:*Private*": "no private NAT",
    "ec2:*EncryptionControl*": "no encryption controls",
    "ec2:*CidrBlock": "one range of addresses",
    "ec2:*NatGatewayAddress": "one address",
    "ec2:AcceptAddressTransfer": "no addresses of others",
    "ec2:AssociateAddress": "addresses belong to NAT gateways",
    "ec2:DescribeAccountAttributes": "no classic network",
    "ec2:DescribeInstances": "no instances",
    "ec2:ModifyVpcTenancy": "no own hardware",
    "ec2:ReplaceRouteTableAssociation": "associations are made anew",
    "ec2:UpdateSecurityGroupRuleDescriptions*": "rules are made anew",
    "ecs:*AccountSetting*": "no settings of the account",
    "ecs:*CapacityProviders": "Fargate alone",
    "elasticache:ModifyReplicationGroup": "a serverless cache",
    "elasticfilesystem:*": "no file systems",
    "elasticloadbalancing:*": "no load balancers",
    "firehose:*": "no streams of logs",
    "iam:*Boundary": "roles have no boundary",
    "iam:DescribeOrganization": "no organisation",
    "iam:ListAttachedRolePolicies": "read with the role",
    "iam:ListRoles": "roles are named",
    "iam:UpdateRoleDescription": "UpdateRole does it",
    "kinesis:*": "no Kinesis",
    "kms:*ReEncrypt*": "nothing is encrypted anew",
    "kms:DisableKey": "keys are scheduled for deletion",
    "kms:EnableKey": "keys are never disabled",
    "kms:Encrypt": "services encrypt",
    "kms:GenerateDataKeyWithoutPlaintext": "services encrypt",
    "kms:ListAliases": "aliases are named",
    "kms:RetireGrant": "services end their grants",
    "kms:RevokeGrant": "services end their grants",
    "lambda:*CapacityProvider": "no capacity providers",
    "lambda:*CodeSigning*": "no signed code",
    "lambda:*RecursionConfig": "recursion is ended by default",
    "lambda:*ScalingConfig": "no capacity providers",
    "lambda:AssociateRuntimeAlias": "no runtime of its own",
    "lambda:GetLayerVersion": "no layers",
    "lambda:PutRuntimeManagementConfig": "the runtime is kept up to date by Lambda",
    "logs:*LogDelivery": "not this kind of delivery",
    "logs:AllowVendedLogDeliveryForResource": "the service's own permission",
    "logs:AssociateKmsKey": "AWS's own key",
    "logs:*DestinationPolicy": "nothing from other accounts",
    "logs:CreateLogStream": "making a group writes nothing in it",
    "logs:DescribeLogStreams": "making a group reads nothing in it",
    "logs:DeleteDataProtectionPolicy": "no data protection",
    "logs:PutDataProtectionPolicy": "no data protection",
    "logs:DeleteIndexPolicy": "no indexes",
    "logs:PutIndexPolicy": "no indexes",
    "logs:PutBearerTokenAuthentication": "no tokens",
    "logs:PutLogEvents": "making a group writes nothing in it",
    "logs:PutLogGroupDeletionProtection": "no protection",
    "logs:UpdateDeliveryConfiguration": "deliveries are made anew",
    "rds:*AutomatedBackups*": "no copies in other regions",
    "rds:*GlobalCluster*": "one region",
    "rds:*HttpEndpoint": "switched with the cluster",
    "rds:*RoleToDB*": "no roles of the database",
    "rds:*RoleFromDB*": "no roles of the database",
    "rds:*Replica": "no replicas of single instances",
    "rds:*Snapshot*": "going back in time is an operator's work",
    "rds:Restore*": "going back in time is an operator's work",
    "rds:DescribeDBParameterGroups": "none for instances",
    "rds:DescribeEvents": "nothing is restarted",
    "rds:RebootDBInstance": "nothing is restarted",
    "rds:ResetDBClusterParameterGroup": "parameters are named",
    "route53-recovery-control-config:*": "no routing controls",
    "s3files:*": "no file systems",
    "s3tables:*": "no tables in S3",
    "s3:*AnalyticsConfiguration": "no analytics",
    "s3:*Accelerat*": "no acceleration",
    "s3:*Abac": "no tags in policies",
    "s3:*Acl": "no access lists",
    "s3:*InventoryConfiguration": "no inventory",
    "s3:*IntelligentTieringConfiguration": "no archive tiers",
    "s3:*Logging": "no access logs of the bucket",
    "s3:*Metadata*": "no tables of metadata",
    "s3:*MetricsConfiguration": "no metrics of requests",
    "s3:*ObjectLock*": "no locks",
    "s3:*Object": "objects are left alone",
    "s3:getObject": "objects are left alone",
    "s3:GetObjectVersion": "a package is named by its content",
    "s3:REST.PUT.OBJECT": "objects are left alone",
    "s3:*Replication*": "no replication",
    "s3:*Website": "no web site",
    "s3:*agResource": "for other kinds of buckets",
    "s3:ListTagsForResource": "for other kinds of buckets",
    "s3:GetBucketTagging": "tags are written",
    "s3:DeleteBucketCors": "pages of ours post",
    "s3:DeleteBucketEncryption": "always encrypted",
    "s3:DeleteBucketLifecycle": "always tidied",
    "s3:ListBucket": "objects are left alone",
    "ses:*Dkim*": "an address, not a domain",
    "ses:*Feedback*": "bounces go to a topic",
    "ses:*MailFrom*": "an address, not a domain",
    "ses:DescribeConfigurationSet": "GetConfigurationSet does it",
    "ses:PutConfigurationSetArchivingOptions": "no archive",
    "ses:PutConfigurationSetSendingOptions": "sending is never stopped",
    "ses:PutConfigurationSetTrackingOptions": "nobody is tracked",
    "ses:PutConfigurationSetVdmOptions": "no dashboard",
    "shield:*ApplicationLayer*": "the firewall has its own rate rule",
    "sns:*DataProtectionPolicy": "no data protection",
    "vpc-lattice:*": "no service networks",
    "vpce:*": "endpoints of one region",
}
# What making these stacks takes beside the resource types' own permissions.
BESIDE = {
    "cloudformation:CreateChangeSet": "the functions that rotate secrets are a stack inside the stack",
    "cloudformation:CreateStack": "the same",
    "cloudformation:DeleteStack": "the same",
    "cloudformation:DescribeStacks": "the same",
    "cloudformation:UpdateStack": "the same",
    "cloudfront:AllowVendedLogDeliveryForResource": "CloudFront's part of delivering its logs",
    "lambda:InvokeFunction": "the custom resource that empties the default security group",
    "logs:CreateLogDelivery": "the firewall's logs",
    "logs:DeleteLogDelivery": "the firewall's logs",
    "s3:GetObject": "the package of the functions",
}
# Actions that are allowed on "*", and actions on what AWS names by itself.
NAMES_NOTHING = {
    "Look", "LookAtNetworks", "NamesOfPools", "NewKeysAndPasswords", "NewNames", "QueuesAndStreamsOfFunctions",
    "SavedQueries", "TaskDefinitions",
}  # fmt: skip


# Resources that AWS names by itself and that carry no tag, or that belong to all stages.
NOT_BY_STAGE = {
    "Releases": "how traffic is shifted is one of AWS's own ways; all else is the stage's",
    "Code": "a package is named by its content",
    "Firewalls": "AWS's own rules",
    "LogDeliveries": "a delivery is named by CloudWatch Logs",
    "Names": "zones, health checks and changes are named by Route 53",
    "RotationFunctions": "transforms are AWS's own",
}


def lacking(delivery: Template, types: Iterable[str]) -> list[str]:
    """Actions that making, changing and deleting resources of `types` takes and that CloudFormation may not do.

    Where a type names a group of actions (`Describe*`), one of them has to be allowed.
    """
    allowed = set(_allowed(delivery))
    wanted = {action for kind in types for action in _needed_by(kind)}
    missing = (action for action in wanted if not any(fnmatchcase(one, action) for one in allowed))
    return sorted(action for action in missing if not _is_left_out(action))


def beyond(delivery: Template, types: Iterable[str]) -> list[str]:
    """Actions that CloudFormation may do and that nothing of `types` takes."""
    wanted = {action for kind in types for action in _needed_by(kind)} | BESIDE.keys()
    return sorted(action for action in set(_allowed(delivery)) if not any(fnmatchcase(action, one) for one in wanted))


def open_statements(delivery: Template) -> list[str]:
    """Statements with a wildcard as action or as their only resource, but those whose actions name no resource."""
    return [
        statement["Sid"]
        for statement in statements(delivery)
        if "*" in str(statement["Action"])
        or (statement["Resource"] == "*" and statement["Sid"] not in NAMES_NOTHING)
        or "NotAction" in statement
        or "NotResource" in statement
    ]


def other_stages(delivery: Template, stage: str) -> list[str]:
    """Statements for `stage` whose resources are neither the stage's by name nor kept from other stages by tag."""
    return [
        f"{statement['Sid']}: {resource}"
        for statement in statements(delivery)
        if "aws:ResourceTag/stage" not in str(statement.get("Condition")) and statement["Sid"] not in NOT_BY_STAGE
        for resource in map(_text, _listed(statement["Resource"]))
        if statement["Sid"] not in NAMES_NOTHING
        and not re.search(rf"[-/]{stage}\b|aws-service-role|rds!cluster", resource)
    ]


def trusted(role: Template) -> list[tuple[str, str]]:
    """Who may take `role` from outside: audience and subject of GitHub's token, both exact."""
    found = []
    for statement in role["AssumeRolePolicyDocument"]["Statement"]:
        condition = statement.get("Condition", {})
        exact = condition.get("StringEquals", {})
        if statement["Action"] != "sts:AssumeRoleWithWebIdentity" or condition.keys() != {"StringEquals"}:
            found.append(("anybody", "anything"))
        else:
            found.append((exact.get(f"{GITHUB}:aud", ""), _text(exact.get(f"{GITHUB}:sub", ""))))
    return found


def statements(delivery: Template) -> list[Template]:
    """What CloudFormation may do, in one list."""
    policies = of_type(delivery, "AWS::IAM::ManagedPolicy").values()
    return [statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]]


def too_large(delivery: Template) -> list[str]:
    """Policies that IAM would refuse for their size, in which white space does not count."""
    names = {"${AWS::Partition}": "aws", "${AWS::AccountId}": "123456789012"}
    found = []
    for name, policy in of_type(delivery, "AWS::IAM::ManagedPolicy").items():
        text = json.dumps(_plain(policy["PolicyDocument"]), separators=(",", ":"))
        for placeholder, value in names.items():
            text = text.replace(placeholder, value)
        if len(text) > LARGEST_POLICY:
            found.append(f"{name}: {len(text)}")
    return found


def _needed_by(kind: str) -> Iterator[str]:
    handlers = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema.get("handlers", {})
    for purpose in ("create", "read", "update", "delete"):
        for permission in handlers.get(purpose, {}).get("permissions", []):
            service, _, action = permission.partition(":")
            yield f"{service.lower()}:{action}"


def _allowed(delivery: Template) -> Iterator[str]:
    return (action for statement in statements(delivery) for action in _listed(statement["Action"]))


def _is_left_out(action: str) -> bool:
    return any(fnmatchcase(action, pattern) for pattern in NOT_ASKED_FOR)


def _plain(value: Any) -> Any:
    match value:
        case {"Fn::Sub": str(text)}:
            return text
        case dict():
            return {name: _plain(each) for name, each in value.items()}
        case list():
            return [_plain(each) for each in value]
    return value


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _text(value: Any) -> str:
    return str(value["Fn::Sub"]) if isinstance(value, dict) and "Fn::Sub" in value else str(value)
