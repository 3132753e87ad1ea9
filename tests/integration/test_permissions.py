"""IAM: every function runs with a role of its own that holds what it needs and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from local.home import CHECKOUT
from local.stacks import CODE_BUCKET, PREFIX
from tests.events import sign_up_event
from tests.integration.actors import Actor, Api, an_address
from tests.integration.functions import deployed, invoke, renew, role_of, without
from tests.integration.problems import kind_of
from tests.stack import PASSWORD, Stack

ENFORCED = ("secretsmanager:", "cognito-idp:", "dynamodb:")
POLICIES = {
    path.stem.removeprefix("policy-"): json.loads(path.read_text())
    for path in (CHECKOUT / ".chalice").glob("policy-*.json")
}
GRANTS = [
    (function, statement["Sid"], action)
    for function, policy in sorted(POLICIES.items())
    for statement in policy["Statement"]
    for action in statement["Action"]
    if action.startswith(ENFORCED)
]


@dataclass(frozen=True)
class World:
    """What a need can be shown with."""

    stack: Stack
    api: Api
    admin: Actor


@dataclass(frozen=True)
class Need:
    """Something that works as long as an action is granted: `prepare` before it is taken away, then `is_met`."""

    is_met: Callable[[World, Any], bool]
    prepare: Callable[[World], Any] = lambda world: None


def _catalogue_is_read(world: World, _: Any) -> bool:
    return _works(world.api.client().get("/products"))


def _newcomer(world: World) -> Actor:
    return world.api.person()


def _newcomer_gets_a_profile(_: World, person: Actor) -> bool:
    return _works(person.http.get("/me"))


def _member(role: str) -> Callable[[World], Actor]:
    def prepare(world: World) -> Actor:
        person = world.api.person(role)
        person.http.get("/me").raise_for_status()
        return person

    return prepare


def _disabled_member(world: World) -> Actor:
    person = _member("users")(world)
    world.admin.http.patch(f"/admin/users/{person.id}", json={"disabled": True}).raise_for_status()
    return person


def _is_changed(change: dict[str, Any]) -> Callable[[World, Actor], bool]:
    def is_met(world: World, person: Actor) -> bool:
        before = _as_stored(world, person)
        is_done = _works(world.admin.http.patch(f"/admin/users/{person.id}", json=change))
        assert _as_stored(world, person) == (before | change if is_done else before)
        return is_done

    return is_met


def _table_is_seen(world: World, _: Any) -> bool:
    answer = world.admin.http.get("/health/dependencies")
    if answer.status_code == 503:
        assert kind_of(answer, 503) == "dependency-down"
        assert answer.json()["detail"] == "Down: table."
    return answer.status_code == 200


def _confirmed(world: World) -> dict[str, Any]:
    email = an_address()
    attributes = [{"Name": "email", "Value": email}]
    cognito = world.stack.client("cognito-idp")
    answer = cognito.sign_up(
        ClientId=world.stack.client_id, Username=email, Password=PASSWORD, UserAttributes=attributes
    )
    return sign_up_event(email, answer["UserSub"], "PostConfirmation_ConfirmSignUp")


def _confirmation_is_noted(world: World, event: Any) -> bool:
    _, has_failed = invoke(world.stack, "post_confirmation", event)
    return not has_failed


def _schema_is_migrated(world: World, _: Any) -> bool:
    _, has_failed = invoke(world.stack, "migrate", {})
    return not has_failed


NEEDS = {
    ("api_handler", "secretsmanager:GetSecretValue"): Need(_catalogue_is_read),
    ("api_handler", "cognito-idp:AdminGetUser"): Need(_newcomer_gets_a_profile, _newcomer),
    ("api_handler", "cognito-idp:AdminAddUserToGroup"): Need(_is_changed({"role": "moderators"}), _member("users")),
    ("api_handler", "cognito-idp:AdminRemoveUserFromGroup"): Need(
        _is_changed({"role": "users"}), _member("moderators")
    ),
    ("api_handler", "cognito-idp:AdminEnableUser"): Need(_is_changed({"disabled": False}), _disabled_member),
    ("api_handler", "cognito-idp:AdminDisableUser"): Need(_is_changed({"disabled": True}), _member("users")),
    ("api_handler", "cognito-idp:AdminUserGlobalSignOut"): Need(_is_changed({"disabled": True}), _member("users")),
    ("api_handler", "dynamodb:DescribeTable"): Need(_table_is_seen),
    ("migrate", "secretsmanager:GetSecretValue"): Need(_schema_is_migrated),
    ("post_confirmation", "secretsmanager:GetSecretValue"): Need(_confirmation_is_noted, _confirmed),
    ("post_confirmation", "cognito-idp:AdminAddUserToGroup"): Need(_confirmation_is_noted, _confirmed),
}


@pytest.fixture
def world(stack: Stack, api: Api, admin: Actor) -> World:
    return World(stack, api, admin)


@pytest.mark.parametrize(("function", "sid", "action"), GRANTS)
def test_every_granted_action_is_needed_and_its_absence_is_survived(
    world: World, function: str, sid: str, action: str
) -> None:
    need = NEEDS[function, action]
    subject = need.prepare(world)

    with without(world.stack, function, sid, action):
        renew(world.stack, function)  # what was read before is forgotten, and connections are made anew
        was_met_without = need.is_met(world, subject)

    assert not was_met_without
    assert need.is_met(world, subject)


def test_every_function_has_a_role_of_its_own(stack: Stack) -> None:
    functions = [name.removeprefix(PREFIX) for name in stack.stacks.functions()]

    roles = {function: role_of(stack, function) for function in functions}

    assert set(functions) == set(POLICIES)
    assert len(set(roles.values())) == len(functions)


@pytest.fixture(scope="module")
def outcomes(stack: Stack, buyer: Actor) -> dict[str, dict[str, str]]:
    """By function: what code that runs with its role gets from AWS for each attempt."""
    return {function: _outcomes(stack, function, _attempts(stack, buyer)) for function in POLICIES}


@pytest.mark.parametrize("function", sorted(POLICIES))
def test_function_can_do_in_aws_what_it_was_granted_and_nothing_else(
    outcomes: dict[str, dict[str, str]], function: str
) -> None:
    granted = {action for named, _, action in GRANTS if named == function}

    allowed = {name for name, outcome in outcomes[function].items() if outcome not in DENIED}

    assert {ATTEMPTED[name] for name in allowed} <= granted
    assert "get the other role's database secret" not in allowed
    assert ("get the own database secret" in allowed) == ("secretsmanager:GetSecretValue" in granted)


def test_authorizer_and_sign_up_check_can_do_nothing_in_aws_but_log(outcomes: dict[str, dict[str, str]]) -> None:
    for function in ("admin_auth", "pre_sign_up"):
        assert set(outcomes[function].values()) <= DENIED
        assert len(outcomes[function]) > 20


DENIED = {"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation"}
ATTEMPTED = {
    "get the own database secret": "secretsmanager:GetSecretValue",
    "get the other role's database secret": "secretsmanager:GetSecretValue",
    "secretsmanager.put_secret_value": "secretsmanager:PutSecretValue",
    "secretsmanager.list_secrets": "secretsmanager:ListSecrets",
    "ssm.get_parameter": "ssm:GetParameter",
    "cognito-idp.admin_get_user": "cognito-idp:AdminGetUser",
    "cognito-idp.admin_add_user_to_group": "cognito-idp:AdminAddUserToGroup",
    "cognito-idp.admin_set_user_password": "cognito-idp:AdminSetUserPassword",
    "cognito-idp.list_users": "cognito-idp:ListUsers",
    "dynamodb.describe_table": "dynamodb:DescribeTable",
    "dynamodb.put_item": "dynamodb:PutItem",
    "dynamodb.get_item": "dynamodb:GetItem",
    "dynamodb.scan": "dynamodb:Scan",
    "s3.list_buckets": "s3:ListAllMyBuckets",
    "s3.list_objects_v2": "s3:ListBucket",
    "s3.put_object": "s3:PutObject",
    "lambda.invoke": "lambda:InvokeFunction",
    "lambda.list_functions": "lambda:ListFunctions",
    "lambda.update_function_configuration": "lambda:UpdateFunctionConfiguration",
    "events.put_events": "events:PutEvents",
    "sqs.create_queue": "sqs:CreateQueue",
    "sns.create_topic": "sns:CreateTopic",
    "iam.list_roles": "iam:ListRoles",
    "iam.put_role_policy": "iam:PutRolePolicy",
    "iam.attach_role_policy": "iam:AttachRolePolicy",
    "cloudformation.describe_stacks": "cloudformation:DescribeStacks",
    "logs.create_log_group": "logs:CreateLogGroup",
    "logs.filter_log_events": "logs:FilterLogEvents",
    "kms.list_keys": "kms:ListKeys",
}
PROBE = """
import boto3
from botocore.exceptions import ClientError

def handler(event, context):
    return {name: outcome(*attempt) for name, attempt in event.items()}

def outcome(service, method, arguments):
    try:
        getattr(boto3.client(service), method)(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "allowed"
"""


def _attempts(stack: Stack, person: Actor) -> dict[str, tuple[str, str, dict[str, Any]]]:
    who, pool = {"UserPoolId": stack.pool_id, "Username": person.id}, {"UserPoolId": stack.pool_id}
    table, item = {"TableName": "marketplace-local"}, {"pk": {"S": "probe"}, "sk": {"S": "probe"}}
    role, policy = {"RoleName": role_of(stack, "pre_sign_up")}, "arn:aws:iam::aws:policy/AdministratorAccess"
    arguments: dict[str, dict[str, Any]] = {
        "secretsmanager.put_secret_value": {"SecretId": "marketplace/local/database/app", "SecretString": "{}"},
        "ssm.get_parameter": {"Name": "/marketplace/local/cache/url"},
        "cognito-idp.admin_get_user": who,
        "cognito-idp.admin_add_user_to_group": who | {"GroupName": "users"},
        "cognito-idp.admin_set_user_password": who | {"Password": PASSWORD, "Permanent": True},
        "cognito-idp.list_users": pool,
        "dynamodb.describe_table": table,
        "dynamodb.put_item": table | {"Item": item},
        "dynamodb.get_item": table | {"Key": item},
        "dynamodb.scan": table,
        "s3.list_objects_v2": {"Bucket": CODE_BUCKET},
        "s3.put_object": {"Bucket": CODE_BUCKET, "Key": "probe", "Body": "x"},
        "lambda.invoke": {"FunctionName": f"{PREFIX}migrate"},
        "lambda.update_function_configuration": {"FunctionName": f"{PREFIX}pre_sign_up", "Description": "mine"},
        "events.put_events": {"Entries": [{"Source": "probe", "DetailType": "x", "Detail": "{}"}]},
        "sqs.create_queue": {"QueueName": "probe"},
        "sns.create_topic": {"Name": "probe"},
        "iam.put_role_policy": role | {"PolicyName": "more", "PolicyDocument": "{}"},
        "iam.attach_role_policy": role | {"PolicyArn": policy},
        "logs.create_log_group": {"logGroupName": "/probe"},
        "logs.filter_log_events": {"logGroupName": f"/aws/lambda/{PREFIX}api_handler"},
    }
    names = [name for name in ATTEMPTED if "." in name]
    return {name: (*name.split("."), arguments.get(name, {})) for name in names}  # type: ignore[misc]


def _outcomes(stack: Stack, function: str, attempts: dict[str, tuple[str, str, dict[str, Any]]]) -> dict[str, str]:
    own, other = ("owner-secret-arn", "secret-arn") if function == "migrate" else ("secret-arn", "owner-secret-arn")
    secrets = {"get the own database secret": own, "get the other role's database secret": other}
    for name, path in secrets.items():
        arn = stack.stacks.parameter(f"database/{path}")
        attempts = attempts | {name: ("secretsmanager", "get_secret_value", {"SecretId": arn})}
    with deployed(stack, "probe", PROBE, function):
        found, has_failed = invoke(stack, "probe", attempts)
    assert not has_failed, found
    return dict(found)


def _works(answer: httpx.Response) -> bool:
    if answer.status_code == 503:
        assert kind_of(answer, 503) == "unavailable"
        assert int(answer.headers["Retry-After"]) >= 1
        return False
    assert answer.status_code == 200, answer.text
    return True


def _as_stored(world: World, person: Actor) -> dict[str, Any]:
    with world.stack.database() as database:
        ((role, disabled),) = database.run("SELECT role, disabled FROM users WHERE id = :id", id=person.id)
    return {"role": role, "disabled": disabled}
