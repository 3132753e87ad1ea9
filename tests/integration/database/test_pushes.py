"""Pushes: to each device that takes them, in the form of its platform, and to no device that is gone."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

import pytest

from chalicelib import database
from chalicelib.notifications import repository
from chalicelib.orders import events
from chalicelib.orders.models import Order
from tests.edge import DOWN, LOST, Edge, Refusal
from tests.events import failed
from tests.gateway import HttpApi
from tests.notifications import changed, of_providers, pushed, states, told
from tests.orders import confirmed
from tests.people import Person, enrolled
from tests.products import listed
from tests.services import Services

Device = tuple[UUID, str]


@pytest.fixture
def buyer(edge: Edge) -> Person:
    return enrolled()


@pytest.fixture
def order(buyer: Person) -> Order:
    return confirmed(buyer, {listed(enrolled()): 1})


def test_every_device_of_a_person_gets_one(edge: Edge, order: Order, buyer: Person) -> None:
    endpoints = {_device(buyer)[1], _device(buyer, "apns")[1]}

    body = told(events.CONFIRMED, order)
    for _ in range(2):
        assert failed(pushed(body, body)) == set()

    assert sorted(_pushed_to(edge)) == sorted(endpoints)


def test_a_push_is_written_for_each_platform(edge: Edge, order: Order, buyer: Person) -> None:
    _device(buyer)

    pushed(told(events.CONFIRMED, order))

    (sent,) = [sent for sent in edge.accepted if ":endpoint/" in sent.destination]
    assert sent.fields["MessageStructure"] == "json"
    message = json.loads(sent.body)
    alert = {"title": "Your order is confirmed", "body": "The sellers have been told and will ship it."}
    assert message["default"] == alert["title"]
    assert json.loads(message["GCM"]) == {
        "fcmV1Message": {"message": {"notification": alert, "data": {"order_id": str(order.id)}}}
    }
    for name in ("APNS", "APNS_SANDBOX"):
        assert json.loads(message[name]) == {"aps": {"alert": alert}, "order_id": str(order.id)}


def test_sellers_are_told_on_their_devices_too(edge: Edge) -> None:
    seller = enrolled()
    _, endpoint = _device(seller)

    pushed(told(events.CONFIRMED, confirmed(enrolled(), {listed(seller): 1})))

    assert _pushed_to(edge) == [endpoint]


@pytest.mark.parametrize("change", [{"notify_push": False}, {"disabled": True}])
def test_those_who_want_none_or_may_have_none_get_none(
    edge: Edge, order: Order, buyer: Person, services: Services, change: dict[str, Any]
) -> None:
    _device(buyer)
    changed(services, buyer, **change)

    assert failed(pushed(body := told(events.CONFIRMED, order))) == set()

    assert states(services, body) == []


def test_no_e_mail_is_no_reason_for_no_push(edge: Edge, order: Order, buyer: Person, services: Services) -> None:
    _device(buyer)
    changed(services, buyer, notify_email=False, email="")

    pushed(told(events.CONFIRMED, order))

    assert len(_pushed_to(edge)) == 1


def test_somebody_without_a_device_is_no_failure(edge: Edge, order: Order) -> None:
    assert failed(pushed(told(events.CONFIRMED, order))) == set()
    assert _pushed_to(edge) == []


@pytest.mark.parametrize("code", ["EndpointDisabled", "NotFound"])
def test_a_device_that_takes_nothing_any_more_gets_no_more_and_the_others_do(
    edge: Edge, buyer: Person, order: Order, services: Services, code: str
) -> None:
    (dead, gone), (alive, endpoint) = _device(buyer), _device(buyer)
    edge.refuses_call = lambda sent: Refusal(code) if sent[0].destination == gone else None

    assert failed(pushed(body := told(events.CONFIRMED, order))) == set()
    pushed(later := told(events.SHIPPED, order))

    assert sorted(state for _, state, _ in states(services, body)) == ["refused", "sent"]
    assert [state for _, state, _ in states(services, later)] == ["sent"]
    assert _pushed_to(edge) == [endpoint] * 2
    assert (_is_enabled(services, dead), _is_enabled(services, alive)) == (False, True)


@pytest.mark.parametrize(
    ("refusal", "state"),
    [
        (Refusal("ThrottledException", 400), "pending"),
        (Refusal("InvalidParameter", 400), "pending"),
        (DOWN, "uncertain"),
        (LOST, "uncertain"),
    ],
    ids=str,
)
def test_any_other_failure_leaves_the_device_as_it_is(
    edge: Edge, buyer: Person, order: Order, services: Services, *, refusal: Refusal, state: str
) -> None:
    device, _ = _device(buyer)
    edge.refuses_call = of_providers(refusal)

    assert failed(pushed(body := told(events.CONFIRMED, order))) == ({"0"} if state == "pending" else set())

    assert [found for _, found, _ in states(services, body)] == [state]
    assert _is_enabled(services, device)


def test_a_device_that_was_removed_meanwhile_gets_none(
    edge: Edge, buyer: Person, order: Order, services: Services
) -> None:
    device, _ = _device(buyer)
    edge.refuses_call = of_providers(Refusal("ThrottledException", 400))
    pushed(body := told(events.CONFIRMED, order))
    database.write(lambda: repository.remove_device(buyer.id, device))
    edge.refuses_call = lambda _: None

    assert failed(pushed(body)) == set()

    assert [(state, detail) for _, state, detail in states(services, body)] == [("refused", "the device is gone")]
    assert _pushed_to(edge) == []


def test_a_token_that_moved_to_somebody_else_tells_them_alone(edge: Edge, buyer: Person, order: Order) -> None:
    other = enrolled()
    _device(buyer, token="a-token")
    _device(other, token="a-token")

    pushed(told(events.CONFIRMED, order))

    assert _pushed_to(edge) == []


def test_a_disabled_device_that_registers_again_takes_pushes_again(
    edge: Edge, buyer: Person, order: Order, services: Services
) -> None:
    device, endpoint = _device(buyer)
    services.sql("UPDATE devices SET enabled = false WHERE id = :id", id=str(device))
    database.write(lambda: repository.put_device(buyer.id, device, "fcm", "token", endpoint))

    pushed(told(events.CONFIRMED, order))

    assert _pushed_to(edge) == [endpoint]


def test_a_token_that_its_platform_refuses_is_not_valid(
    api: HttpApi, edge: Edge, buyer: Person, services: Services
) -> None:
    edge.refuses_call = lambda _: Refusal("InvalidParameter", 400)

    answer = api.send("PUT", f"/me/devices/{uuid4()}", buyer, body={"platform": "fcm", "token": "invalid-token"})

    assert (answer.status, answer.pointers) == (422, ["/token"])
    assert services.sql("SELECT count(*) FROM devices WHERE user_id = :id", id=str(buyer.id)) == [[0]]


def _device(owner: Person, platform: str = "fcm", token: str = "") -> Device:
    """A device of `owner`, as it is after its registration."""
    device_id = uuid4()
    endpoint = f"arn:aws:sns:eu-central-1:000000000000:endpoint/{platform}/marketplace-local/{uuid4()}"
    token = token or str(uuid4())
    database.write(lambda: repository.put_device(owner.id, device_id, platform, token, endpoint))
    return device_id, endpoint


def _pushed_to(edge: Edge) -> list[str]:
    return [sent.destination for sent in edge.accepted if ":endpoint/" in sent.destination]


def _is_enabled(services: Services, device: UUID) -> bool:
    return bool(services.sql("SELECT enabled FROM devices WHERE id = :id", id=str(device))[0][0])
