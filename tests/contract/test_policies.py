"""One role per function with exact statements: what each function may do, and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra import stages, stock
from infra.bindings import PARAMETERS
from infra.build import PROJECT
from tests.contract.conftest import Built
from tests.contract.wildcards import FROZEN, unexpected_wildcards

SETTINGS = PROJECT / ".chalice"
EVERY_FUNCTION = {"logs:CreateLogStream", "logs:PutLogEvents", "xray:PutTraceSegments", "xray:PutTelemetryRecords"}
READ_DATABASE_SECRET = READ_ORIGIN_SECRET = {"secretsmanager:GetSecretValue"}
JOIN_NETWORK = {
    *("ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"),
    *("ec2:DeleteNetworkInterface", "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"),
}
CACHE_ALONE, ORIGIN_ALONE = {"rank_bestsellers"}, {"websocket_connect"}
PUBLISH_EVENTS = {"sns:Publish", "events:PutEvents"}
WORK_OFF_A_QUEUE = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}
HANDLE_DEAD_LETTERS = WORK_OFF_A_QUEUE | {"sqs:GetQueueUrl", "sqs:ChangeMessageVisibility", "sqs:SendMessage"}
READ_STREAM = {f"dynamodb:{action}" for action in ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")}
TALK = "execute-api:ManageConnections"
MAY = {
    "api_handler": READ_DATABASE_SECRET
    | PUBLISH_EVENTS
    | HANDLE_DEAD_LETTERS
    | {
        "dynamodb:DescribeTable",
        "dynamodb:Query",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "s3:PutObject",
        "s3:GetObject",
        "bedrock:InvokeModel",
        "bedrock:ApplyGuardrail",
        "states:StartExecution",
        "cognito-idp:AdminGetUser",
        "cognito-idp:AdminAddUserToGroup",
        "cognito-idp:AdminRemoveUserFromGroup",
        "cognito-idp:AdminEnableUser",
        "cognito-idp:AdminDisableUser",
        "cognito-idp:AdminUserGlobalSignOut",
        "sns:CreatePlatformEndpoint",
        "sns:SetEndpointAttributes",
        "sns:DeleteEndpoint",
    },
    "admin_auth": set(),
    "pre_sign_up": set(),
    "post_confirmation": READ_DATABASE_SECRET | {"cognito-idp:AdminAddUserToGroup", "events:PutEvents"},
    "fulfil_orders": READ_DATABASE_SECRET | WORK_OFF_A_QUEUE | PUBLISH_EVENTS,
    "send_emails": READ_DATABASE_SECRET | WORK_OFF_A_QUEUE | {"ses:SendEmail"},
    "send_pushes": READ_DATABASE_SECRET | WORK_OFF_A_QUEUE | {"sns:Publish"},
    "rank_bestsellers": {"sqs:SendMessage"},
    "record_bounces": READ_DATABASE_SECRET | {"sqs:SendMessage"},
    "publish_upload": READ_DATABASE_SECRET
    | {"s3:GetObjectVersion", "s3:DeleteObjectVersion", "s3:PutObject", "sqs:SendMessage"},
    "record_activity": {"dynamodb:PutItem", "sqs:SendMessage"},
    "record_profiles": {"dynamodb:PutItem", "sqs:SendMessage"},
    "push_activity": READ_STREAM | {"dynamodb:Query", "dynamodb:DeleteItem", TALK, "sqs:SendMessage"},
    "websocket_connect": READ_ORIGIN_SECRET | {"dynamodb:DeleteItem", "dynamodb:Query", "dynamodb:PutItem"},
    "websocket_message": {
        *("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"),
        *(TALK, "lambda:InvokeFunction"),
    },
    "websocket_disconnect": {"dynamodb:DeleteItem"},
    "answer_question": READ_DATABASE_SECRET
    | {
        *("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:Query"),
        *("bedrock:InvokeModelWithResponseStream", "bedrock:ApplyGuardrail", "bedrock:InvokeModel"),
        *(TALK, "sqs:SendMessage"),
    },
    "index_products": READ_DATABASE_SECRET | {"bedrock:InvokeModel"},
    "sweep_connections": {"dynamodb:Query", "dynamodb:DeleteItem", TALK},
    "relay_outbox": READ_DATABASE_SECRET | PUBLISH_EVENTS | {"sqs:GetQueueUrl", "sqs:SendMessage"},
    "expire_orders": READ_DATABASE_SECRET | PUBLISH_EVENTS,
    "purge_expired": READ_DATABASE_SECRET,
    "cancel_for_refund": READ_DATABASE_SECRET | PUBLISH_EVENTS,
    "return_money": READ_DATABASE_SECRET | PUBLISH_EVENTS,
    "give_up_refund": READ_DATABASE_SECRET,
    "dead_letters": READ_DATABASE_SECRET | HANDLE_DEAD_LETTERS,
    "migrate": READ_DATABASE_SECRET,
}


def may_in_the_network(function: str) -> set[str]:
    """What a function does in the private network of prod, where a proxy lets it in without a password."""
    needs = MAY[function]
    if function == "migrate":
        return needs | JOIN_NETWORK | {"kms:Decrypt"}
    if function in CACHE_ALONE:
        return needs | JOIN_NETWORK | {"elasticache:Connect"}
    if function in ORIGIN_ALONE:
        return needs | {"kms:Decrypt"}
    if not needs >= READ_DATABASE_SECRET:
        return needs
    kept = READ_ORIGIN_SECRET | {"kms:Decrypt"} if function == "api_handler" else set()
    return needs - READ_DATABASE_SECRET | kept | JOIN_NETWORK | {"elasticache:Connect", "rds-db:connect"}


def statements(template: dict[str, Any], function: str) -> list[dict[str, Any]]:
    """The statements of the role that `function` has in a built template."""
    named = f"marketplace-prod-{function}"
    resources = template["Resources"].values()
    (properties,) = (r["Properties"] for r in resources if r.get("Properties", {}).get("FunctionName") == named)
    (policy,) = template["Resources"][properties["Role"]["Fn::GetAtt"][0]]["Properties"]["Policies"]
    return policy["PolicyDocument"]["Statement"]


@pytest.mark.parametrize("stage", stages.STAGE_NAMES)
def test_no_wildcard_is_outside_the_frozen_list(built: Callable[[str], Built], stage: str) -> None:
    assert unexpected_wildcards(built(stage).template) == []


@pytest.mark.parametrize(
    "statement",
    [
        {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::bucket"},
        {
            "Effect": "Allow",
            "Action": ["dynamodb:GetItem"],
            "Resource": {"Fn::Sub": "arn:${AWS::Partition}:dynamodb:*"},
        },
        {"Effect": "Allow", "Action": ["xray:PutTraceSegments", "xray:GetTraceSummaries"], "Resource": "*"},
        {"Effect": "Allow", "Action": ["logs:PutLogEvents"], "Resource": "arn:aws:logs:eu-central-1:1:log-group:*"},
        {"Effect": "Allow", "NotAction": ["iam:CreateUser"], "Resource": "arn:aws:s3:::bucket"},
        {"Effect": "Allow", "Action": ["secretsmanager:GetSecretValue"], "Resource": "arn:aws:x:y:z:secret:app-??????"},
    ],
)
def test_a_wildcard_outside_the_list_is_noticed(prod: Built, statement: dict[str, Any]) -> None:
    template = prod.template
    statements(template, "admin_auth").append(statement)
    assert len(unexpected_wildcards(template)) == 1


def test_every_frozen_wildcard_is_in_use(prod: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    for wildcard in FROZEN:
        others = tuple(other for other in FROZEN if other is not wildcard)
        monkeypatch.setattr("tests.contract.wildcards.FROZEN", others)
        assert unexpected_wildcards(prod.template), wildcard.reason


@pytest.mark.parametrize("function", MAY)
def test_a_function_may_do_what_it_does_and_nothing_else(prod: Built, function: str) -> None:
    allowed = [statement for statement in statements(prod.template, function) if statement["Effect"] == "Allow"]
    actions = [action for statement in allowed for action in statement["Action"]]
    assert set(actions) == EVERY_FUNCTION | may_in_the_network(function)


@pytest.mark.parametrize("function", MAY)
def test_no_grant_says_again_what_another_one_says(prod: Built, function: str) -> None:
    granted = [
        (action, json.dumps(resource))
        for statement in statements(prod.template, function)
        if statement["Effect"] == "Allow"
        for action in statement["Action"]
        for resource in _listed(statement["Resource"])
    ]
    assert len(granted) == len(set(granted))


def test_a_model_is_asked_through_its_profile_alone(prod: Built) -> None:
    (direct,) = (each for each in statements(prod.template, "api_handler") if each["Sid"] == "AskModelOfProfile")
    profile = "arn:${AWS::Partition}:bedrock:${AWS::Region}:${AWS::AccountId}:inference-profile/${AssistantModelId}"
    assert direct["Condition"] == {"StringEquals": {"bedrock:InferenceProfileArn": {"Fn::Sub": profile}}}
    models = {resource["Fn::Sub"].removeprefix("arn:${AWS::Partition}:bedrock:") for resource in direct["Resource"]}
    assert all(re.fullmatch(r"eu-\w+-\d::foundation-model/\$\{AssistantFoundationModelId\}", model) for model in models)


def test_the_functions_are_those_of_the_app(prod: Built) -> None:
    functions = {function["name"].removeprefix("marketplace-prod-") for function in prod.manifest["functions"]}
    assert functions == MAY.keys()


def test_every_policy_file_belongs_to_a_function() -> None:
    files = {path.name.removeprefix("policy-").removesuffix(".json") for path in SETTINGS.glob("policy-*.json")}
    configured = json.loads((SETTINGS / "config.json").read_text())
    assert files == configured["lambda_functions"].keys() == MAY.keys()
    assert configured["autogen_policy"] is False


@pytest.mark.parametrize("function", MAY)
def test_a_function_writes_to_its_own_log_group(prod: Built, function: str) -> None:
    (resource,) = (s["Resource"]["Fn::Sub"] for s in statements(prod.template, function) if s["Sid"] == "WriteOwnLogs")
    assert resource.endswith(f":log-group:/aws/lambda/marketplace-prod-{function}:log-stream:*")


def test_the_built_policies_name_the_stage_and_its_parameters(prod: Built) -> None:
    (resource,) = (s["Resource"] for s in statements(prod.template, "migrate") if s["Sid"] == "ReadOwnDatabaseSecret")
    assert resource == {"Ref": "DatabaseOwnerSecretArn"}
    assert "AWS::StackName" not in json.dumps(prod.template)
    assert "{{resolve" not in json.dumps(prod.template)


@pytest.mark.parametrize("path", sorted(SETTINGS.glob("policy-*.json")), ids=lambda path: path.stem)
def test_a_policy_resolves_to_iams_own_language(path: Path) -> None:
    stage = stages.named("dev")
    account = {
        "${AWS::Partition}": "aws",
        "${AWS::Region}": "eu-central-1",
        "${AWS::AccountId}": "123456789012",
        "${WebsocketAPI}/ws/": "abcdefgh12/api/",
    }
    values = {stage.parameter(suffix): f"arn:aws:made-up:::{suffix}" for suffix in PARAMETERS.values()}
    policy = stock.resolve_policy(json.loads(path.read_text()), stage, account, values)
    assert "Fn::" not in json.dumps(policy)
    assert "${" not in json.dumps(policy)
    for statement in policy["Statement"]:
        for resource in _listed(statement["Resource"]):
            assert isinstance(resource, str)
            assert "$" not in resource
            assert "{" not in resource


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
