"""What admins do: find people, change their roles, lock them out; and the log of it."""

from __future__ import annotations

from uuid import uuid4

import pytest

from chalicelib.users import directory
from tests.environment import configured
from tests.gateway import Answer, HttpApi
from tests.identifiers import ANY_ID
from tests.people import Person, enrolled
from tests.services import Aws, Services


@pytest.fixture
def admin(environment: dict[str, str]) -> Person:
    return enrolled("admins")


@pytest.fixture
def somebody(environment: dict[str, str], aws: Aws, api: HttpApi) -> Person:
    """Somebody in the user pool who has been here before."""
    person = aws.signed_up(f"{uuid4()}@example.com", "users")
    api.get("/me", person)
    return person


def test_people_are_found_by_a_part_of_their_address_or_name(api: HttpApi, admin: Person) -> None:
    wanted, other = enrolled(), enrolled()
    api.send("PATCH", "/me", wanted, headers={"if-match": "*"}, body={"name": f"Zoë 100% {wanted.id}"})

    def found(q: str) -> set[str]:
        return {item["id"] for item in api.get("/admin/users", admin, query={"q": q}).json()["items"]}

    assert found(str(wanted.id)[:18].upper()) == {str(wanted.id)}
    assert found(f"zoë 100% {wanted.id}") == {str(wanted.id)}
    assert found(f"100_ {wanted.id}") == set()
    assert str(other.id) not in found("Zoë")


def test_people_are_listed_newest_first_page_by_page(api: HttpApi, admin: Person) -> None:
    newest = [str(enrolled().id) for _ in range(5)][::-1]

    pages = api.pages("/admin/users", admin, limit=2)
    listed = [item["id"] for _, page in zip(range(3), pages, strict=False) for item in page.json()["items"]]

    assert listed[:5] == newest


@pytest.mark.parametrize(
    "key",
    [
        ["x", "x"], ["2026-01-01", "x"], ["", ANY_ID], ["yesterday's", ANY_ID], [1, ANY_ID],
        ["2026-13-45", ANY_ID], ["99999999-01-01", ANY_ID], ["2026-01-01 00:00 Foo/Bar", ANY_ID],
        ["infinity", ANY_ID], ["epoch", ANY_ID], ["2026-01-01 25:00", ANY_ID], [ANY_ID],
    ],
    ids=str,
)  # fmt: skip
def test_a_cursor_that_was_tampered_with_is_invalid_at_worst(api: HttpApi, admin: Person, key: list[object]) -> None:
    from chalicelib.paging import Page
    from chalicelib.web.pagination import next_cursor

    answer = api.send("GET", "/admin/users", admin, query={"cursor": next_cursor(Page([], tuple(key)))})

    assert answer.status in {200, 422}


def test_a_role_is_the_same_in_cognito_and_here(api: HttpApi, admin: Person, somebody: Person, aws: Aws) -> None:
    for role, groups in (
        ("moderators", {"users", "moderators"}),
        ("admins", {"users", "admins"}),
        ("users", {"users"}),
    ):
        answer = _administer(api, admin, somebody, role=role)

        assert answer.status == 200
        assert answer.json()["role"] == role
        assert aws.groups(somebody) == groups
        assert set(api.get("/me", somebody).json()["roles"]) == groups


def test_somebody_who_is_locked_out_stays_out_until_let_in(
    api: HttpApi, admin: Person, somebody: Person, aws: Aws
) -> None:
    assert _administer(api, admin, somebody, disabled=True).json()["disabled"] is True
    assert not aws.is_enabled(somebody)
    assert api.send("GET", "/me", somebody).status == 403

    assert _administer(api, admin, somebody, disabled=False).json()["disabled"] is False
    assert aws.is_enabled(somebody)
    assert api.send("GET", "/me", somebody).status == 200


def test_admins_do_not_change_their_own_account(api: HttpApi, admin: Person) -> None:
    answer = _administer(api, admin, admin, role="users")

    assert (answer.status, answer.problem) == (409, "own-account")


def test_somebody_unknown_is_not_found(api: HttpApi, admin: Person) -> None:
    answer = _administer(api, admin, Person(), role="users")

    assert (answer.status, answer.problem) == (404, "user-not-found")
    assert api.send("PATCH", "/admin/users/not-an-id", admin, body={"role": "users"}).status == 404


def test_a_change_that_cognito_does_not_take_is_not_made_here_either(
    api: HttpApi, admin: Person, somebody: Person, environment: dict[str, str], services: Services
) -> None:
    with configured(**environment | {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}):
        answer = _administer(api, admin, somebody, role="moderators")

    assert (answer.status, answer.problem) == (503, "unavailable")
    assert api.get("/me", somebody).json()["roles"] == ["users"]
    assert services.sql("SELECT count(*) FROM audit_log WHERE subject = :id", id=str(somebody.id)) == [[0]]


def test_a_change_of_somebody_whom_cognito_has_lost_is_not_made(api: HttpApi, admin: Person) -> None:
    lost = enrolled()

    assert _administer(api, admin, lost, role="admins").status == 404
    assert api.get("/me", lost).json()["roles"] == ["users"]


def test_what_cognito_took_is_taken_back_when_the_rest_fails(
    api: HttpApi, admin: Person, somebody: Person, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = directory.set_disabled
    calls: list[bool] = []

    def fails_at_first(user_id: object, *, disabled: bool) -> None:
        calls.append(disabled)
        if len(calls) == 1:
            raise directory.Unavailable("down")
        original(somebody.id, disabled=disabled)

    monkeypatch.setattr(directory, "set_disabled", fails_at_first)

    assert _administer(api, admin, somebody, role="admins").status == 503
    assert aws.groups(somebody) == {"users"}
    assert api.get("/me", somebody).json()["roles"] == ["users"]


def test_what_admins_did_is_in_the_log_with_the_correlation_id(api: HttpApi, admin: Person, somebody: Person) -> None:
    changed = _administer(api, admin, somebody, role="moderators")

    entry = api.get("/admin/audit", admin, query={"limit": 1}).json()["items"][0]

    assert entry["actor_id"] == str(admin.id)
    assert entry["action"] == "user.changed"
    assert entry["subject"] == str(somebody.id)
    assert entry["detail"] == {"role": "moderators"}
    assert entry["correlation_id"] == changed.headers["x-correlation-id"]
    assert entry["at"].endswith("Z")


def test_the_log_is_read_page_by_page(api: HttpApi, admin: Person, somebody: Person) -> None:
    for role in ("moderators", "admins", "users"):
        _administer(api, admin, somebody, role=role)

    pages = list(api.pages("/admin/audit", admin, limit=2))
    entries = [entry for page in pages for entry in page.json()["items"]]

    assert [entry["detail"]["role"] for entry in entries[:3]] == ["users", "admins", "moderators"]
    assert len({entry["id"] for entry in entries}) == len(entries)
    assert 'rel="next"' in pages[0].headers["link"]
    assert "link" not in pages[-1].headers


def test_dependencies_are_told_one_by_one(api: HttpApi, admin: Person) -> None:
    found = api.get("/health/dependencies", admin).json()

    assert found["status"] == "ok"
    assert {name: one["state"] for name, one in found["dependencies"].items()} == {
        "database": "up", "cache": "up", "queue": "up", "table": "up",
    }  # fmt: skip


@pytest.mark.parametrize(("url", "state"), [("", "absent"), ("redis://127.0.0.1:9/0", "down")])
def test_the_service_is_well_without_the_cache(
    api: HttpApi, admin: Person, environment: dict[str, str], url: str, state: str
) -> None:
    with configured(**environment | {"CACHE_URL": url}):
        answer = api.get("/health/dependencies", admin)

    assert answer.json()["status"] == "ok"
    assert answer.json()["dependencies"]["cache"]["state"] == state


@pytest.mark.parametrize("outage", [{"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, {"TABLE_NAME": "missing"}], ids=str)
def test_the_service_is_unavailable_without_the_table(
    api: HttpApi, admin: Person, environment: dict[str, str], outage: dict[str, str]
) -> None:
    with configured(**environment | outage):
        answer = api.send("GET", "/health/dependencies", admin)

    assert (answer.status, answer.problem) == (503, "dependency-down")
    assert "table" in answer.json()["detail"]


def _administer(api: HttpApi, admin: Person, person: Person, **changes: object) -> Answer:
    return api.send("PATCH", f"/admin/users/{person.id}", admin, body=changes)
