"""IAM: what code that runs with a function's role can do in the account, tried out for every role."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local.stacks import CODE_BUCKET, PREFIX
from tests.integration.actors import Actor
from tests.integration.attempts import Attempt, on_functions_and_models, on_media, on_sockets, on_the_table
from tests.integration.functions import deployed, invoke, role_of
from tests.integration.orders import an_order, message
from tests.integration.policies import POLICIES
from tests.integration.queues import NAMES, Queue
from tests.stack import PASSWORD, Stack

DENIED = {"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation"}
QUEUES = (*NAMES, *NAMES.values(), "failed-events")
TOPICS = ("order-events", "mail-events", "alarms")
ARN = "arn:aws:{service}:eu-central-1:000000000000:{name}"
PROBE = """
import os
from functools import cache

import boto3
from botocore.exceptions import ClientError

GATEWAY = os.environ["AWS_ENDPOINT_URL"] + "/_aws/execute-api/marketplace-local-ws/ws"

@cache
def client(service):
    return boto3.client(service, endpoint_url=GATEWAY if service == "apigatewaymanagementapi" else None)

def handler(event, context):
    return {name: outcome(*attempt) for name, attempt in event.items()}

def outcome(service, method, arguments):
    try:
        getattr(client(service), method)(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "allowed"
"""


@pytest.fixture(scope="module")
def outcomes(stack: Stack, buyer: Actor) -> dict[str, dict[str, str]]:
    """By function: what code that runs with its role gets from AWS for each attempt."""
    attempts = _on_nothing_of_ours(stack, buyer) | _on_queues(stack, buyer) | _on_topics_and_the_bus()
    attempts |= on_the_table(stack) | on_media() | on_sockets() | on_functions_and_models(stack)
    return {function: _outcomes(stack, function, attempts) for function in POLICIES}


@pytest.mark.parametrize("function", sorted(POLICIES))
def test_function_can_do_in_aws_what_it_was_granted_and_nothing_else(
    outcomes: dict[str, dict[str, str]], function: str
) -> None:
    allowed = {name for name, outcome in outcomes[function].items() if outcome not in DENIED}

    assert allowed == {name for name in outcomes[function] if _is_granted(function, name)}
    assert len(outcomes[function]) > 110


def test_authorizer_and_sign_up_check_can_do_nothing_in_aws_but_log(outcomes: dict[str, dict[str, str]]) -> None:
    for function in ("admin_auth", "pre_sign_up"):
        assert set(outcomes[function].values()) <= DENIED


def _is_granted(function: str, name: str) -> bool:
    """Whether a policy statement has the action, and a resource that ends like the attempt's."""
    action, _, resource = name.partition(" on ")
    return any(
        action in statement["Action"] and f'{resource}"' in json.dumps(statement["Resource"])
        for statement in POLICIES[function]["Statement"]
    )


def _outcomes(stack: Stack, function: str, attempts: dict[str, Attempt]) -> dict[str, str]:
    for path in ("secret-arn", "owner-secret-arn"):
        arn = stack.stacks.parameter(f"database/{path}")
        resource = f"database/{path}}}}}"
        attempts = attempts | {
            f"secretsmanager:GetSecretValue on {resource}": ("secretsmanager", "get_secret_value", {"SecretId": arn})
        }
    with deployed(stack, "probe", PROBE, function):
        found, has_failed = invoke(stack, "probe", attempts)
    assert not has_failed, found
    return dict(found)


def _on_queues(stack: Stack, person: Actor) -> dict[str, Attempt]:
    """Each is harmless where it is allowed: a wrong argument, or a message that tells nobody anything."""
    nobody = message("order.shipped", an_order(person, {"id": "", "seller_id": "", "name": "", "price": {}}))
    attempts: dict[str, Attempt] = {}
    for name in QUEUES:
        queue = {"QueueUrl": Queue(stack, name).url}
        grouped = {"MessageGroupId": "probe", "DelaySeconds": 99_999} if name.endswith(".fifo") else {}
        handle = {"ReceiptHandle": "probe"}
        arguments: dict[str, tuple[str, dict[str, Any]]] = {
            "SendMessage": ("send_message", {"MessageBody": nobody} | grouped),
            "ReceiveMessage": ("receive_message", {"VisibilityTimeout": 0}),
            "DeleteMessage": ("delete_message", handle),
            "ChangeMessageVisibility": ("change_message_visibility", {"VisibilityTimeout": 0} | handle),
            "GetQueueAttributes": ("get_queue_attributes", {"AttributeNames": ["All"]}),
            "SetQueueAttributes": ("set_queue_attributes", {"Attributes": {"VisibilityTimeout": "x"}}),
        }
        for action, (method, more) in arguments.items():
            attempts[f"sqs:{action} on marketplace-${{Stage}}-{name}"] = ("sqs", method, queue | more)
        attempts[f"sqs:GetQueueUrl on marketplace-${{Stage}}-{name}"] = (
            "sqs", "get_queue_url", {"QueueName": PREFIX + name}
        )  # fmt: skip
    return attempts


def _on_topics_and_the_bus() -> dict[str, Attempt]:
    attempts: dict[str, Attempt] = {
        f"sns:Publish on marketplace-${{Stage}}-{name}": (
            "sns", "publish", {"TopicArn": ARN.format(service="sns", name=PREFIX + name), "Message": "{}"}
        ) for name in TOPICS
    }  # fmt: skip
    event = {"Source": "probe", "DetailType": "probe", "Detail": "{}"}
    for bus, named in {"marketplace-${Stage}": {"EventBusName": "marketplace-local"}, "default": {}}.items():
        attempts[f"events:PutEvents on event-bus/{bus}"] = ("events", "put_events", {"Entries": [event | named]})
    for platform in ("GCM", "APNS"):
        application = ARN.format(service="sns", name=f"app/{platform}/marketplace-local")
        endpoint = {"EndpointArn": application.replace(":app/", ":endpoint/") + "/probe"}
        for action, method, arguments in (
            (
                "CreatePlatformEndpoint",
                "create_platform_endpoint",
                {"PlatformApplicationArn": application, "Token": "probe"},
            ),
            ("DeletePlatformApplication", "delete_platform_application", {"PlatformApplicationArn": application}),
        ):
            attempts[f"sns:{action} on app/{platform}/marketplace-${{Stage}}"] = ("sns", method, arguments)
        for action, method, arguments in (
            ("Publish", "publish", {"TargetArn": endpoint["EndpointArn"], "Message": "probe"}),
            ("SetEndpointAttributes", "set_endpoint_attributes", endpoint | {"Attributes": {}}),
            ("DeleteEndpoint", "delete_endpoint", endpoint),
        ):
            attempts[f"sns:{action} on endpoint/{platform}/marketplace-${{Stage}}/*"] = ("sns", method, arguments)
    return attempts


def _on_nothing_of_ours(stack: Stack, person: Actor) -> dict[str, Attempt]:
    who, pool = {"UserPoolId": stack.pool_id, "Username": person.id}, {"UserPoolId": stack.pool_id}
    table = {"TableName": "marketplace-local"}
    role, policy = {"RoleName": role_of(stack, "pre_sign_up")}, "arn:aws:iam::aws:policy/AdministratorAccess"
    mail = {
        "FromEmailAddress": stack.stacks.parameter("mail/from"),
        "Destination": {"ToAddresses": ["probe@example.com"]},
        "Content": {"Simple": {"Subject": {"Data": "probe"}, "Body": {"Text": {"Data": "probe"}}}},
    }
    in_pool, in_table = "users/pool-arn}}", "table/marketplace-${Stage}"
    return {
        "secretsmanager:PutSecretValue on": (
            "secretsmanager", "put_secret_value", {"SecretId": "marketplace/local/database/app", "SecretString": "{}"}
        ),
        "secretsmanager:ListSecrets on": ("secretsmanager", "list_secrets", {}),
        "ssm:GetParameter on": ("ssm", "get_parameter", {"Name": "/marketplace/local/cache/url"}),
        f"cognito-idp:AdminGetUser on {in_pool}": ("cognito-idp", "admin_get_user", who),
        f"cognito-idp:AdminAddUserToGroup on {in_pool}": (
            "cognito-idp", "admin_add_user_to_group", who | {"GroupName": "users"}
        ),
        "cognito-idp:AdminSetUserPassword on": (
            "cognito-idp", "admin_set_user_password", who | {"Password": PASSWORD, "Permanent": True}
        ),
        "cognito-idp:ListUsers on": ("cognito-idp", "list_users", pool),
        f"dynamodb:DescribeTable on {in_table}": ("dynamodb", "describe_table", table),
        "s3:ListAllMyBuckets on": ("s3", "list_buckets", {}),
        "s3:ListBucket on": ("s3", "list_objects_v2", {"Bucket": CODE_BUCKET}),
        f"s3:PutObject on {CODE_BUCKET}": ("s3", "put_object", {"Bucket": CODE_BUCKET, "Key": "probe", "Body": "x"}),
        f"s3:GetObject on {CODE_BUCKET}": ("s3", "get_object", {"Bucket": CODE_BUCKET, "Key": "probe"}),
        "lambda:ListFunctions on": ("lambda", "list_functions", {}),
        "lambda:UpdateFunctionConfiguration on": (
            "lambda", "update_function_configuration", {"FunctionName": f"{PREFIX}pre_sign_up", "Description": "mine"}
        ),
        "sqs:CreateQueue on": ("sqs", "create_queue", {"QueueName": "probe"}),
        "sns:CreateTopic on": ("sns", "create_topic", {"Name": "probe"}),
        "sns:Subscribe on": ("sns", "subscribe", {
            "TopicArn": ARN.format(service="sns", name=f"{PREFIX}order-events"), "Protocol": "email",
            "Endpoint": "probe@example.com",
        }),
        "ses:SendEmail on mail/from}}": ("sesv2", "send_email", mail),
        "ses:PutSuppressedDestination on": (
            "sesv2", "put_suppressed_destination", {"EmailAddress": "probe@example.com", "Reason": "BOUNCE"}
        ),
        "iam:ListRoles on": ("iam", "list_roles", {}),
        "iam:PutRolePolicy on": ("iam", "put_role_policy", role | {"PolicyName": "more", "PolicyDocument": "{}"}),
        "iam:AttachRolePolicy on": ("iam", "attach_role_policy", role | {"PolicyArn": policy}),
        "cloudformation:DescribeStacks on": ("cloudformation", "describe_stacks", {}),
        "logs:CreateLogGroup on": ("logs", "create_log_group", {"logGroupName": "/probe"}),
        "logs:FilterLogEvents on": (
            "logs", "filter_log_events", {"logGroupName": f"/aws/lambda/{PREFIX}api_handler"}
        ),
        "kms:ListKeys on": ("kms", "list_keys", {}),
    }  # fmt: skip
