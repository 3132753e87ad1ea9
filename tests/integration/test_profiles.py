"""Profiles over HTTP: what people see and change about themselves."""

from __future__ import annotations

from functools import partial

import httpx
import pytest

from tests.integration.actors import Actor, Api, at_once, if_match, statuses
from tests.integration.problems import is_uuid, kind_of, pointers


def test_profile_shows_the_person_who_asks(api: Api) -> None:
    person = api.person(name="Ada")

    profile = person.http.get("/me").json()

    assert profile | {"created_at": ""} == {
        "id": person.id,
        "email": person.email,
        "name": "",
        "roles": ["users"],
        "notifications": {"email": True, "push": True},
        "created_at": "",
    }
    assert is_uuid(profile["id"])
    assert profile["created_at"].endswith("Z")


def test_profile_at_the_version_known_is_not_sent_again(buyer: Actor) -> None:
    first = buyer.http.get("/me")

    again = buyer.http.get("/me", headers={"If-None-Match": first.headers["ETag"]})

    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]


def test_change_of_one_preference_leaves_the_other(api: Api) -> None:
    person = api.person()
    before = person.http.get("/me")

    changed = person.http.patch("/me", json={"notifications": {"push": False}}, headers=if_match(before))

    assert changed.status_code == 200
    assert changed.json() == before.json() | {"notifications": {"email": True, "push": False}}
    assert changed.headers["ETag"] != before.headers["ETag"]
    assert person.http.get("/me").json() == changed.json()


def test_change_needs_the_version_it_is_based_on(buyer: Actor) -> None:
    answer = buyer.http.patch("/me", json={"name": "Bea"})

    assert kind_of(answer, 428) == "precondition-required"


def test_change_based_on_an_old_version_is_refused(api: Api) -> None:
    person = api.person()
    old = person.http.get("/me")
    person.http.patch("/me", json={"name": "New"}, headers=if_match(old)).raise_for_status()

    answer = person.http.patch("/me", json={"name": "Lost update"}, headers=if_match(old))

    assert kind_of(answer, 412) == "stale"
    assert person.http.get("/me").json()["name"] == "New"


def test_weak_tag_is_no_base_for_a_change(buyer: Actor) -> None:
    tag = buyer.http.get("/me").headers["ETag"]

    answer = buyer.http.patch("/me", json={"name": "Bea"}, headers={"If-Match": f"W/{tag}"})

    assert kind_of(answer, 412) == "stale"


@pytest.mark.parametrize("tag", ["", "1", '"1', "1-20c653fd", "W/1"])
def test_malformed_if_match_is_a_bad_request(buyer: Actor, tag: str) -> None:
    answer = buyer.http.patch("/me", json={"name": "Bea"}, headers={"If-Match": tag})

    assert answer.status_code in {400, 428}
    assert kind_of(answer, answer.status_code) in {"malformed", "precondition-required"}


def test_of_two_changes_of_the_same_version_at_once_one_wins(api: Api) -> None:
    person = api.person()
    tag = if_match(person.http.get("/me"))
    rounds = []

    for _ in range(5):
        change = partial(person.http.patch, "/me", headers=tag)
        answers = at_once(*[partial(change, json={"name": name}) for name in ("One", "Two")])
        rounds.append(statuses(answers))
        winner = next(answer for answer in answers if answer.status_code == 200)
        assert person.http.get("/me").json() == winner.json()
        tag = if_match(winner)

    assert rounds == [[200, 412]] * 5


@pytest.mark.parametrize(
    "field", ["id", "email", "role", "roles", "disabled", "version", "created_at", "email_verified"]
)
def test_fields_that_are_not_the_persons_to_change_are_refused(buyer: Actor, field: str) -> None:
    before = buyer.http.get("/me")

    answer = buyer.http.patch("/me", json={"name": "Bea", field: "admins"}, headers=if_match(before))

    assert pointers(answer) == [f"/{field}"]
    assert buyer.http.get("/me").json() == before.json()


def test_empty_change_is_refused(buyer: Actor) -> None:
    answer = buyer.http.patch("/me", json={}, headers={"If-Match": "*"})

    assert pointers(answer) == [""]


def test_name_is_kept_in_composed_form_and_trimmed(api: Api) -> None:
    person = api.person()

    changed = person.http.patch("/me", json={"name": "  Zoe\u0308  "}, headers={"If-Match": "*"})

    assert changed.json()["name"] == "Zoë"


def test_nobody_has_no_profile(visitor: httpx.Client) -> None:
    assert visitor.get("/me").status_code == 401
