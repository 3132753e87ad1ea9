"""People's own profiles, and the sign-up that makes them."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

import app
from tests.environment import configured
from tests.events import sign_up_event
from tests.gateway import HttpApi, at_once
from tests.people import Person, enrolled
from tests.services import Aws, Services

FIELDS = {"id", "email", "name", "roles", "notifications", "created_at"}


def test_a_profile_is_shown_to_its_owner(api: HttpApi) -> None:
    person = enrolled("moderators")

    answer = api.get("/me", person)

    assert set(answer.json()) == FIELDS
    assert answer.json()["id"] == str(person.id)
    assert answer.json()["email"] == person.email
    assert answer.json()["roles"] == ["users", "moderators"]
    assert answer.json()["created_at"].endswith("Z")
    assert answer.headers["cache-control"] == "no-store"


def test_a_profile_that_has_not_changed_is_not_sent_again(api: HttpApi) -> None:
    person = enrolled()
    tag = api.get("/me", person).headers["etag"]

    answer = api.send("GET", "/me", person, headers={"if-none-match": f'"other", {tag}'})

    assert (answer.status, answer.text, answer.headers["etag"]) == (304, "", tag)


def test_people_change_their_name_and_notifications(api: HttpApi) -> None:
    person = enrolled()
    before = api.get("/me", person)

    body = {"name": "  Ada Lovelace ", "notifications": {"push": False}}
    after = api.send("PATCH", "/me", person, headers={"if-match": before.headers["etag"]}, body=body)

    assert after.status == 200
    assert after.json() == before.json() | {"name": "Ada Lovelace", "notifications": {"email": True, "push": False}}
    assert after.headers["etag"] != before.headers["etag"]
    assert api.get("/me", person).text == after.text
    assert api.get("/me", person).headers["etag"] == after.headers["etag"]


def test_a_change_says_what_it_is_based_on(api: HttpApi) -> None:
    person = enrolled()
    stale = api.get("/me", person).headers["etag"]
    api.send("PATCH", "/me", person, headers={"if-match": stale}, body={"name": "First"})

    def change(**headers: str) -> Any:
        return api.send("PATCH", "/me", person, headers=headers, body={"name": "Second"})

    assert change().problem == "precondition-required"
    assert change().status == 428
    assert change(**{"if-match": stale}).problem == "stale"
    assert change(**{"if-match": stale}).status == 412
    assert change(**{"if-match": f"W/{stale}"}).status == 412
    assert change(**{"if-match": "nonsense"}).status == 400
    assert api.get("/me", person).json()["name"] == "First"
    assert change(**{"if-match": "*"}).status == 200


def test_of_two_changes_at_once_one_is_told_that_it_is_stale(api: HttpApi) -> None:
    person = enrolled()
    headers = {"if-match": api.get("/me", person).headers["etag"]}

    answers = at_once(
        *(lambda name=name: api.send("PATCH", "/me", person, headers=headers, body={"name": name}) for name in "AB")
    )

    assert sorted(answer.status for answer in answers) == [200, 412]
    winner = next(answer for answer in answers if answer.status == 200)
    assert api.get("/me", person).json()["name"] == winner.json()["name"]


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"name": "a\x01b"}, ["/name"]),
        ({"notifications": {"push": "yes", "sms": True}}, ["/notifications/push", "/notifications/sms"]),
        ({"email": "x@example.com"}, ["/email"]),
        ({"a/b~c": 1}, ["/a~1b~0c"]),
        ({"role": "admins", "id": 1}, ["/id", "/role"]),
        ({}, [""]),
        ([], [""]),
        ("text", [""]),
        (None, [""]),
    ],
    ids=str,
)
def test_invalid_input_is_told_where_it_is_wrong(api: HttpApi, body: Any, pointers: list[str]) -> None:
    text = "null" if body is None else body
    if body == "text":
        text = '"text"'

    answer = api.send("PATCH", "/me", enrolled(), headers={"if-match": "*"}, body=text)

    assert answer.status == 422
    assert answer.problem == "invalid"
    assert answer.pointers == pointers


def test_a_disabled_person_is_told_so(api: HttpApi) -> None:
    answer = api.send("GET", "/me", enrolled(disabled=True))

    assert (answer.status, answer.problem) == (403, "forbidden")


# --- sign-up and first use --------------------------------------------------------------------------------------------


def test_somebody_who_confirmed_has_the_default_group_and_a_profile(api: HttpApi, aws: Aws) -> None:
    person = aws.signed_up(f"{uuid4()}@example.com")
    event = sign_up_event("confirmed@example.com", str(person.id), "PostConfirmation_ConfirmSignUp")

    assert app.post_confirmation(event, None) == event

    assert aws.groups(person) == {"users"}
    assert api.get("/me", person).json()["email"] == "confirmed@example.com"


def test_a_confirmation_that_comes_twice_changes_nothing(api: HttpApi, aws: Aws) -> None:
    person = aws.signed_up(f"{uuid4()}@example.com")
    event = sign_up_event("confirmed@example.com", str(person.id), "PostConfirmation_ConfirmSignUp")
    app.post_confirmation(event, None)
    api.send("PATCH", "/me", person, headers={"if-match": "*"}, body={"name": "Changed since"})

    app.post_confirmation(event, None)

    assert api.get("/me", person).json()["name"] == "Changed since"


def test_a_confirmation_of_somebody_unknown_leaves_no_profile(services: Services, api: HttpApi) -> None:
    subject = str(uuid4())

    with pytest.raises(Exception, match="no such person"):
        app.post_confirmation(sign_up_event("x@example.com", subject, "PostConfirmation_ConfirmSignUp"), None)

    assert services.sql("SELECT count(*) FROM users WHERE id = :id", id=subject) == [[0]]


def test_a_profile_is_made_on_first_use_when_the_trigger_never_ran(api: HttpApi, aws: Aws) -> None:
    email = f"{uuid4()}@example.com"
    person = aws.signed_up(email)

    answer = api.get("/me", Person(person.id, groups=()))

    assert answer.json()["email"] == email
    assert answer.json()["roles"] == ["users"]
    assert aws.groups(person) == {"users"}


@pytest.mark.parametrize("role", ["moderators", "admins"])
def test_a_profile_made_on_first_use_has_the_role_of_the_group(api: HttpApi, aws: Aws, role: str) -> None:
    person = aws.signed_up(f"{uuid4()}@example.com", "users", role)

    assert api.get("/me", person).json()["roles"] == ["users", role]


def test_two_first_uses_at_once_make_one_profile(api: HttpApi, aws: Aws, services: Services) -> None:
    person = aws.signed_up(f"{uuid4()}@example.com", "users")

    answers = at_once(*[lambda: api.send("GET", "/me", person)] * 4)

    assert [answer.status for answer in answers] == [200] * 4
    assert services.sql("SELECT count(*) FROM users WHERE id = :id", id=str(person.id)) == [[1]]


def test_a_first_use_may_be_a_change(api: HttpApi, aws: Aws) -> None:
    person = aws.signed_up(f"{uuid4()}@example.com", "users")

    answer = api.send("PATCH", "/me", person, headers={"if-match": "*"}, body={"name": "New here"})

    assert answer.status == 200
    assert answer.json()["name"] == "New here"


def test_a_first_use_by_somebody_whom_cognito_does_not_know_is_refused(api: HttpApi) -> None:
    assert api.send("GET", "/me", Person()).status == 404


def test_a_first_use_while_cognito_is_down_is_told_to_come_back(api: HttpApi, environment: dict[str, str]) -> None:
    with configured(**environment | {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}):
        answer = api.send("GET", "/me", Person())

    assert (answer.status, answer.problem) == (503, "unavailable")
    assert int(answer.headers["retry-after"]) > 0


def test_the_token_of_somebody_known_is_enough_while_cognito_is_down(api: HttpApi, environment: dict[str, str]) -> None:
    person = enrolled()

    with configured(**environment | {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}):
        assert api.get("/me", person).json()["id"] == str(person.id)
