"""Administration over HTTP: the database, Cognito and the audit log agree about every person."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from tests.integration.actors import Actor, Api, at_once, path_of, statuses
from tests.integration.problems import kind_of, pointers
from tests.stack import Stack


def test_people_are_found_by_a_part_of_address_or_name_in_any_case(api: Api, admin: Actor) -> None:
    marker = uuid4().hex[:12]
    by_name, by_address = api.person(), api.person()
    by_address.http.get("/me").raise_for_status()
    by_name.http.patch("/me", json={"name": f"Zoë {marker} Müller"}, headers={"If-Match": "*"}).raise_for_status()

    local_part = by_address.email.partition("@")[0]

    assert ids(admin, q=marker.upper()) == [by_name.id]
    assert ids(admin, q=f"zoë {marker} MÜLLER") == [by_name.id]
    assert ids(admin, q=local_part[4:].upper()) == [by_address.id]


@pytest.mark.parametrize("wildcard", ["%", "_", "\\", "%%%", "' OR 1=1 --"])
def test_wildcards_in_a_search_are_text(admin: Actor, wildcard: str) -> None:
    assert ids(admin, q=f"{wildcard}{uuid4().hex}") == []


def test_people_are_paged_through_exactly_once_newest_first(api: Api, admin: Actor) -> None:
    marker = uuid4().hex[:12]
    people = [api.person() for _ in range(7)]
    for person in people:
        person.http.patch("/me", json={"name": marker}, headers={"If-Match": "*"}).raise_for_status()

    found = [page["items"] for page in admin.pages("/admin/users", q=marker, limit=3)]

    assert [len(page) for page in found] == [3, 3, 1]
    assert [item["id"] for page in found for item in page] == [person.id for person in people][::-1]


def test_promoted_person_is_staff_in_cognito_in_the_database_and_in_the_next_token(
    stack: Stack, api: Api, admin: Actor, seller: Actor
) -> None:
    person, product = known_person(api), seller.product()
    assert person.http.patch(path_of(product), json={"stock": 1}, headers={"If-Match": "*"}).status_code == 403

    changed = admin.http.patch(f"/admin/users/{person.id}", json={"role": "moderators"})

    assert (changed.json()["role"], changed.json()["roles"]) == ("moderators", ["users", "moderators"])
    assert in_cognito(stack, person) == ({"users", "moderators"}, True)
    promoted = api.again(person)
    assert promoted.http.get("/me").json()["roles"] == ["users", "moderators"]
    assert promoted.http.patch(path_of(product), json={"stock": 1}, headers={"If-Match": "*"}).status_code == 200


@pytest.mark.parametrize("role", ["admins", "moderators", "users"])
def test_every_role_can_be_given_and_taken(stack: Stack, api: Api, admin: Actor, role: str) -> None:
    person = known_person(api, "moderators")

    changed = admin.http.patch(f"/admin/users/{person.id}", json={"role": role})

    assert changed.json()["role"] == role
    assert in_cognito(stack, person) == ({"users", role}, True)
    assert in_database(stack, person) == (role, False)


def test_demoted_admins_old_token_administrates_no_more(api: Api, admin: Actor) -> None:
    demoted, somebody = known_person(api, "admins"), known_person(api)
    assert demoted.http.get("/admin/users").status_code == 200

    admin.http.patch(f"/admin/users/{demoted.id}", json={"role": "users"}).raise_for_status()

    for answer in (
        demoted.http.get("/admin/users"),
        demoted.http.get("/admin/audit"),
        demoted.http.get("/health/dependencies"),
        demoted.http.patch(f"/admin/users/{somebody.id}", json={"disabled": True}),
        demoted.http.patch(f"/admin/users/{demoted.id}", json={"role": "admins"}),
    ):
        assert kind_of(answer, 403) in {"forbidden", "own-account"}
    assert somebody.http.get("/me").status_code == 200
    assert api.again(demoted).http.get("/admin/users").status_code == 403


def test_disabled_person_neither_writes_nor_signs_in_until_enabled_again(stack: Stack, api: Api, admin: Actor) -> None:
    person = known_person(api)
    product = person.product()

    disabled = admin.http.patch(f"/admin/users/{person.id}", json={"disabled": True})

    assert disabled.json()["disabled"] is True
    assert (in_cognito(stack, person), in_database(stack, person)) == (({"users"}, False), ("users", True))
    for answer in (
        person.list_product(),
        person.http.patch(path_of(product), json={"stock": 1}, headers={"If-Match": "*"}),
        person.http.delete(path_of(product), headers={"If-Match": "*"}),
        person.http.patch("/me", json={"name": "Still here"}, headers={"If-Match": "*"}),
        person.http.get("/me"),
    ):
        assert kind_of(answer, 403) == "forbidden"
    with pytest.raises(ClientError, match="disabled"):
        sign_in(stack, person)

    enabled = admin.http.patch(f"/admin/users/{person.id}", json={"disabled": False})

    assert enabled.json()["disabled"] is False
    assert in_cognito(stack, person) == ({"users"}, True)
    assert api.again(person).list_product().status_code == 201


def test_disabling_ends_the_sessions_of_the_person(stack: Stack, api: Api, admin: Actor) -> None:
    person = known_person(api)
    refresh_token = sign_in(stack, person)["RefreshToken"]

    admin.http.patch(f"/admin/users/{person.id}", json={"disabled": True}).raise_for_status()
    admin.http.patch(f"/admin/users/{person.id}", json={"disabled": False}).raise_for_status()

    with pytest.raises(ClientError, match="NotAuthorizedException"):
        stack.client("cognito-idp").initiate_auth(
            ClientId=stack.client_id, AuthFlow="REFRESH_TOKEN_AUTH", AuthParameters={"REFRESH_TOKEN": refresh_token}
        )


def test_both_changes_at_once_are_one_deed(stack: Stack, api: Api, admin: Actor) -> None:
    person = known_person(api)

    changed = admin.http.patch(f"/admin/users/{person.id}", json={"role": "moderators", "disabled": True})

    assert (changed.json()["role"], changed.json()["disabled"]) == ("moderators", True)
    assert in_cognito(stack, person) == ({"users", "moderators"}, False)
    assert [entry["detail"] for entry in deeds(admin, person)] == [{"role": "moderators", "disabled": True}]


def test_audit_log_says_who_did_what_to_whom_and_in_which_request(api: Api, admin: Actor) -> None:
    person = known_person(api)
    correlation = {"X-Correlation-Id": f"audit-{uuid4().hex}"}
    admin.http.patch(f"/admin/users/{person.id}", json={"role": "moderators"}, headers=correlation).raise_for_status()
    admin.http.patch(f"/admin/users/{person.id}", json={"disabled": True}).raise_for_status()

    entries = deeds(admin, person)

    assert [entry["detail"] for entry in entries] == [{"disabled": True}, {"role": "moderators"}]
    assert {entry["actor_id"] for entry in entries} == {admin.id}
    assert {entry["action"] for entry in entries} == {"user.changed"}
    assert entries[1]["correlation_id"] == correlation["X-Correlation-Id"]
    assert entries[0]["at"] > entries[1]["at"]


def test_audit_log_is_paged_through_exactly_once_newest_first(api: Api, admin: Actor) -> None:
    person = known_person(api)
    for disabled in (True, False, True):
        admin.http.patch(f"/admin/users/{person.id}", json={"disabled": disabled}).raise_for_status()

    whole = [entry["id"] for page in admin.pages("/admin/audit", limit=100) for entry in page["items"]]
    found = [entry["id"] for page in admin.pages("/admin/audit", limit=2) for entry in page["items"]]

    assert found == whole == sorted(whole, reverse=True)


def test_refused_change_leaves_no_trace(api: Api, admin: Actor) -> None:
    person = known_person(api)

    answers = [
        admin.http.patch(f"/admin/users/{person.id}", json=body)
        for body in ({"role": "owner"}, {"role": None}, {"disabled": "yes"}, {"disabled": 1}, {"email": "x"}, {})
    ]

    assert [pointers(answer) for answer in answers] == [
        ["/role"], ["/role"], ["/disabled"], ["/disabled"], ["/email"], [""]
    ]  # fmt: skip
    assert deeds(admin, person) == []


@pytest.mark.parametrize("change", [{"role": "users"}, {"disabled": True}, {"role": "admins"}])
def test_admin_cannot_change_the_own_account(stack: Stack, api: Api, change: dict[str, Any]) -> None:
    myself = known_person(api, "admins")

    answer = myself.http.patch(f"/admin/users/{myself.id}", json=change)

    assert kind_of(answer, 409) == "own-account"
    assert in_cognito(stack, myself) == ({"users", "admins"}, True)
    assert in_database(stack, myself) == ("admins", False)


@pytest.mark.parametrize("change", [{"role": "users"}, {"disabled": True}])
def test_of_two_admins_who_remove_each_other_at_once_one_stays(stack: Stack, api: Api, change: dict[str, Any]) -> None:
    for _ in range(3):
        first, second = known_person(api, "admins"), known_person(api, "admins")

        answers = at_once(
            partial(first.http.patch, f"/admin/users/{second.id}", json=change),
            partial(second.http.patch, f"/admin/users/{first.id}", json=change),
        )

        assert statuses(answers) == [200, 403]
        assert sorted(in_database(stack, admin) == ("admins", False) for admin in (first, second)) == [False, True]
        assert sorted(in_cognito(stack, admin) == ({"users", "admins"}, True) for admin in (first, second)) == [
            False, True
        ]  # fmt: skip


def test_unknown_person_is_not_found(admin: Actor) -> None:
    assert kind_of(admin.http.patch(f"/admin/users/{uuid4()}", json={"disabled": True}), 404) == "user-not-found"
    assert kind_of(admin.http.patch("/admin/users/me", json={"disabled": True}), 404) == "not-found"


def test_opposite_changes_at_once_leave_cognito_and_database_in_agreement(stack: Stack, api: Api, admin: Actor) -> None:
    person = known_person(api)
    path = f"/admin/users/{person.id}"

    for _ in range(3):
        answers = at_once(
            *[lambda d=disabled: admin.http.patch(path, json={"disabled": d}) for disabled in (True, False) * 2]
        )
        assert statuses(answers) == [200] * 4
        enabled = in_cognito(stack, person)[1]
        assert in_database(stack, person) == ("users", not enabled)


def test_people_are_shown_to_admins_without_anything_secret(admin: Actor) -> None:
    person = admin.http.get("/admin/users", params={"limit": 1}).json()["items"][0]

    assert set(person) == {
        "id", "email", "name", "role", "roles", "disabled", "notifications", "created_at"
    }  # fmt: skip


def test_dependencies_are_shown_with_their_state(admin: Actor) -> None:
    shown = admin.http.get("/health/dependencies").json()

    assert shown["status"] == "ok"
    assert {name: dependency["state"] for name, dependency in shown["dependencies"].items()} == {
        "database": "up", "cache": "up", "queue": "up", "table": "up"
    }  # fmt: skip


def known_person(api: Api, role: str = "users") -> Actor:
    """A person who has used the API before."""
    person = api.person(role)
    person.http.get("/me").raise_for_status()
    return person


def ids(admin: Actor, **query: Any) -> list[str]:
    """The ids of the people that a search finds."""
    return [person["id"] for page in admin.pages("/admin/users", **query) for person in page["items"]]


def deeds(admin: Actor, person: Actor) -> list[dict[str, Any]]:
    """The audit log's newest entries about the person."""
    entries = admin.http.get("/admin/audit", params={"limit": 100}).json()["items"]
    return [entry for entry in entries if entry["subject"] == person.id]


def in_cognito(stack: Stack, person: Actor) -> tuple[set[str], bool]:
    """The person's groups, and whether they may sign in."""
    cognito = stack.client("cognito-idp")
    who = {"UserPoolId": stack.pool_id, "Username": person.id}
    groups = {group["GroupName"] for group in cognito.admin_list_groups_for_user(**who)["Groups"]}
    return groups, cognito.admin_get_user(**who)["Enabled"]


def in_database(stack: Stack, person: Actor) -> tuple[str, bool]:
    """The person's role, and whether they are disabled."""
    with stack.database() as database:
        ((role, disabled),) = database.run("SELECT role, disabled FROM users WHERE id = :id", id=person.id)
    return role, disabled


def sign_in(stack: Stack, person: Actor) -> dict[str, Any]:
    """The tokens that Cognito gives for the person's password."""
    answer = stack.client("cognito-idp").initiate_auth(
        ClientId=stack.client_id,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": person.email, "PASSWORD": person.password},
    )
    return dict(answer["AuthenticationResult"])
