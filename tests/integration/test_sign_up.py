"""Sign-up through Cognito: throw-away addresses are refused, everybody else ends as a person with a profile."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from local.stacks import PREFIX
from tests.events import sign_up_event
from tests.integration.actors import Api, an_address, at_once, statuses
from tests.integration.canaries import CANARY
from tests.stack import PASSWORD, Stack

DISPOSABLE = (
    "mailinator.com",
    "MAILINATOR.com",
    "sub.mailinator.com",
    "mailinator.com.",
    "ｍailinator.com",  # noqa: RUF001  full-width m
    "mailinator。com",
    "guerrillamail.com",
)
NOT_AN_ADDRESS = ("plain", "x@localhost", "x@mailinator.com@example.com", f"{'x' * 320}@example.com")
HONEST_DOMAINS = ("honestmailinator.com", "mailinator.com.example.org", "EXAMPLE.org", "bücher.example")


@pytest.mark.parametrize("domain", DISPOSABLE)
def test_disposable_address_is_refused_however_it_is_written(stack: Stack, domain: str) -> None:
    email = f"{CANARY}.{uuid4().hex}@{domain}"

    with pytest.raises(ClientError) as refused:
        sign_up(stack, email)

    assert refused.value.response["Error"]["Code"] == "UserLambdaValidationException"
    assert people_called(stack, email) == []


@pytest.mark.parametrize("email", NOT_AN_ADDRESS)
def test_what_is_no_address_is_refused(stack: Stack, email: str) -> None:
    with pytest.raises(ClientError) as refused:
        sign_up(stack, email)

    assert refused.value.response["Error"]["Code"] in {"UserLambdaValidationException", "InvalidParameterException"}


@pytest.mark.parametrize("domain", HONEST_DOMAINS)
def test_domain_that_only_looks_like_a_disposable_one_is_accepted(stack: Stack, domain: str) -> None:
    email = f"{CANARY}.{uuid4().hex}+tag@{domain}"

    assert sign_up(stack, email)


def test_honest_address_ends_with_a_profile_and_the_default_group_even_if_no_trigger_told(
    stack: Stack, api: Api
) -> None:
    person = api.person()
    assert (groups(stack, person.id), rows(stack, person.id)) == (set(), [])  # the emulator calls no post_confirmation

    profile = person.http.get("/me").json()

    assert (profile["email"], profile["roles"]) == (person.email, ["users"])
    assert groups(stack, person.id) == {"users"}
    assert rows(stack, person.id) == [[person.email, "users", False]]


def test_first_requests_at_once_make_one_profile(stack: Stack, api: Api) -> None:
    person = api.person()

    answers = at_once(*[lambda: person.http.get("/me")] * 4)

    assert statuses(answers) == [200] * 4
    assert len({answer.content for answer in answers}) == 1
    assert len(rows(stack, person.id)) == 1


def test_first_request_may_be_a_write(stack: Stack, api: Api) -> None:
    person = api.person()

    assert person.list_product().status_code == 201
    assert groups(stack, person.id) == {"users"}
    assert len(rows(stack, person.id)) == 1


def test_confirmed_person_has_group_and_profile_before_their_first_request(stack: Stack) -> None:
    email = an_address()
    subject = sign_up(stack, email)
    event = sign_up_event(email, subject, "PostConfirmation_ConfirmSignUp")

    answer = invoke(stack, "post_confirmation", event)

    assert answer == event
    assert groups(stack, subject) == {"users"}
    assert rows(stack, subject) == [[email, "users", False]]


def test_confirmation_told_twice_and_at_once_changes_nothing_more(stack: Stack) -> None:
    email = an_address()
    subject = sign_up(stack, email)
    event = sign_up_event(email, subject, "PostConfirmation_ConfirmSignUp")
    invoke(stack, "post_confirmation", event)
    before = rows(stack, subject, "*")

    with ThreadPoolExecutor(3) as threads:
        answers = list(threads.map(lambda _: invoke(stack, "post_confirmation", event), range(3)))

    assert answers == [event] * 3
    assert rows(stack, subject, "*") == before
    assert groups(stack, subject) == {"users"}


def test_confirmation_does_not_take_a_role_away(stack: Stack, api: Api) -> None:
    person = api.person("moderators")
    assert person.http.get("/me").json()["roles"] == ["users", "moderators"]

    invoke(stack, "post_confirmation", sign_up_event(person.email, person.id, "PostConfirmation_ConfirmForgotPassword"))

    assert person.http.get("/me").json()["roles"] == ["users", "moderators"]


def test_pre_sign_up_gives_the_event_back_as_it_came(stack: Stack) -> None:
    event = sign_up_event(an_address())

    assert invoke(stack, "pre_sign_up", event) == event


def sign_up(stack: Stack, email: str) -> str:
    """The subject of the person who signed up through the Cognito API."""
    answer = stack.client("cognito-idp").sign_up(
        ClientId=stack.client_id,
        Username=email,
        Password=PASSWORD,
        UserAttributes=[{"Name": "email", "Value": email}],
    )
    return str(answer["UserSub"])


def invoke(stack: Stack, function: str, event: dict[str, Any]) -> Any:
    """What the function returns for `event`, as Cognito would get it."""
    answer = stack.client("lambda").invoke(FunctionName=PREFIX + function, Payload=json.dumps(event))
    payload = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, payload
    return payload


def groups(stack: Stack, subject: str) -> set[str]:
    """The person's Cognito groups."""
    answer = stack.client("cognito-idp").admin_list_groups_for_user(UserPoolId=stack.pool_id, Username=subject)
    return {group["GroupName"] for group in answer["Groups"]}


def rows(stack: Stack, subject: str, columns: str = "email, role, disabled") -> list[list[Any]]:
    """The person's rows in the database."""
    with stack.database() as database:
        return list(database.run(f"SELECT {columns} FROM users WHERE id = :id", id=subject) or [])  # noqa: S608


def people_called(stack: Stack, email: str) -> list[Any]:
    """The people in the user pool with the local part of `email`."""
    start = email.partition("@")[0]
    answer = stack.client("cognito-idp").list_users(UserPoolId=stack.pool_id, Filter=f'email ^= "{start}"')
    return list(answer["Users"])
