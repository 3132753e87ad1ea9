"""Registering devices with SNS, over HTTP: whose they are, and what SNS knows of them."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.environment import configured
from tests.gateway import Answer, HttpApi
from tests.people import Person, enrolled
from tests.services import Aws, Services


@pytest.fixture
def person(environment: dict[str, str]) -> Person:
    return enrolled()


def test_a_device_is_registered_and_known_to_sns(api: HttpApi, person: Person, aws: Aws, services: Services) -> None:
    device, token = uuid4(), str(uuid4())

    answer = _register(api, person, device, token=token)

    shown = answer.json()
    assert answer.status == 200
    assert set(shown) == {"id", "platform", "enabled", "updated_at"}
    assert (shown["id"], shown["platform"], shown["enabled"]) == (str(device), "fcm", True)
    assert token not in answer.text
    endpoint = _endpoint(services, person, device)
    assert ":endpoint/GCM/marketplace-local/" in endpoint
    assert _attributes(aws, endpoint) == {"Enabled": "true", "Token": token}


def test_the_same_registration_again_changes_nothing(api: HttpApi, person: Person, services: Services) -> None:
    device, token = uuid4(), str(uuid4())
    _register(api, person, device, token=token)
    endpoint = _endpoint(services, person, device)

    assert _register(api, person, device, token=token).status == 200

    assert _endpoint(services, person, device) == endpoint
    assert _count(services, person) == 1


def test_a_device_that_sns_had_disabled_is_enabled(api: HttpApi, person: Person, aws: Aws, services: Services) -> None:
    device, token = uuid4(), str(uuid4())
    _register(api, person, device, token=token)
    endpoint = _endpoint(services, person, device)
    aws.client("sns").set_endpoint_attributes(EndpointArn=endpoint, Attributes={"Enabled": "false"})
    services.sql("UPDATE devices SET enabled = false WHERE user_id = :id", id=str(person.id))

    assert _register(api, person, device, token=token).json()["enabled"] is True

    assert _attributes(aws, endpoint)["Enabled"] == "true"


def test_a_token_belongs_to_who_registered_it_last(api: HttpApi, person: Person, services: Services) -> None:
    device, token, other = uuid4(), str(uuid4()), enrolled()
    _register(api, person, device, token=token)

    assert _register(api, other, device, token=token).status == 200

    assert (_count(services, person), _count(services, other)) == (0, 1)


def test_a_token_of_another_platform_is_another_token(api: HttpApi, person: Person, services: Services) -> None:
    token = str(uuid4())
    _register(api, person, uuid4(), token=token)

    assert _register(api, person, uuid4(), platform="apns", token=token).status == 200

    assert _count(services, person) == 2


def test_a_device_is_removed_here_and_there(api: HttpApi, person: Person, aws: Aws, services: Services) -> None:
    device = uuid4()
    _register(api, person, device)
    endpoint = _endpoint(services, person, device)

    answer = api.send("DELETE", f"/me/devices/{device}", person)

    assert (answer.status, answer.text) == (204, "")
    assert _count(services, person) == 0
    sns = aws.client("sns")
    with pytest.raises(sns.exceptions.NotFoundException):
        sns.get_endpoint_attributes(EndpointArn=endpoint)
    again = api.send("DELETE", f"/me/devices/{device}", person)
    assert (again.status, again.problem) == (404, "device-not-found")


def test_somebody_elses_device_is_not_there(api: HttpApi, person: Person, services: Services) -> None:
    device = uuid4()
    _register(api, person, device)

    assert api.send("DELETE", f"/me/devices/{device}", enrolled()).status == 404

    assert _count(services, person) == 1


def test_the_same_id_of_somebody_else_is_another_device(api: HttpApi, person: Person, services: Services) -> None:
    device, other = uuid4(), enrolled()
    _register(api, person, device)

    _register(api, other, device)

    assert (_count(services, person), _count(services, other)) == (1, 1)


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["/platform", "/token"]),
        ({"platform": "wns", "token": "12345678"}, ["/platform"]),
        ({"platform": "fcm", "token": "short"}, ["/token"]),
        ({"platform": "fcm", "token": "with space"}, ["/token"]),
        ({"platform": "fcm", "token": "newline\n8"}, ["/token"]),
        ({"platform": "fcm", "token": "12345678\n"}, ["/token"]),
        ({"platform": "fcm", "token": "x" * 2049}, ["/token"]),
        ({"platform": "fcm", "token": "12345678", "endpoint": "arn:"}, ["/endpoint"]),
    ],
    ids=str,
)
def test_a_registration_that_breaks_a_rule_is_told_where(
    api: HttpApi, person: Person, body: dict[str, Any], pointers: list[str]
) -> None:
    answer = api.send("PUT", f"/me/devices/{uuid4()}", person, body=body)

    assert (answer.status, answer.pointers) == (422, pointers)


@pytest.mark.parametrize("given", ["none", ""])
def test_a_platform_that_is_not_set_up_is_told_so(
    api: HttpApi, person: Person, environment: dict[str, str], given: str
) -> None:
    with configured(**environment | {"PUSH_APNS_ARN": given}):
        answer = _register(api, person, uuid4(), platform="apns")

    assert (answer.status, answer.pointers) == (422, ["/platform"])


def test_while_sns_is_down_nothing_is_registered(
    api: HttpApi, person: Person, environment: dict[str, str], services: Services
) -> None:
    with configured(**environment | {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}):
        answer = _register(api, person, uuid4())

    assert (answer.status, answer.problem) == (503, "unavailable")
    assert _count(services, person) == 0


def test_while_sns_is_down_a_device_is_not_half_removed(
    api: HttpApi, person: Person, environment: dict[str, str], services: Services
) -> None:
    device = uuid4()
    _register(api, person, device)

    with configured(**environment | {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}):
        assert api.send("DELETE", f"/me/devices/{device}", person).status == 503

    assert _count(services, person) == 1
    assert api.send("DELETE", f"/me/devices/{device}", person).status == 204


def _register(api: HttpApi, person: Person, device: UUID, platform: str = "fcm", token: str = "") -> Answer:
    body = {"platform": platform, "token": token or str(uuid4())}
    return api.send("PUT", f"/me/devices/{device}", person, body=body)


def _endpoint(services: Services, person: Person, device: UUID) -> str:
    rows = services.sql(
        "SELECT endpoint FROM devices WHERE user_id = :user AND id = :id", user=str(person.id), id=str(device)
    )
    return str(rows[0][0])


def _attributes(aws: Aws, endpoint: str) -> dict[str, str]:
    return dict(aws.client("sns").get_endpoint_attributes(EndpointArn=endpoint)["Attributes"])


def _count(services: Services, person: Person) -> int:
    return int(services.sql("SELECT count(*) FROM devices WHERE user_id = :id", id=str(person.id))[0][0])
