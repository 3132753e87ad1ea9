"""What each action that a policy grants is needed for: something that works as long as the action is granted."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx

from tests.events import scheduled_event, sign_up_event, sqs_event
from tests.integration.actors import Actor, Api, a_token, an_address
from tests.integration.functions import invoke
from tests.integration.orders import an_order, events_of, leave_unsent, message, stored
from tests.integration.problems import kind_of
from tests.integration.queues import Queue
from tests.integration.waiting import until
from tests.stack import PASSWORD, Stack


@dataclass(frozen=True)
class World:
    """What a need can be shown with."""

    stack: Stack
    api: Api
    admin: Actor
    buyer: Actor
    product: dict[str, Any]


@dataclass(frozen=True)
class Need:
    """Something that works as long as an action is granted: `prepare` before it is taken away, then `is_met`."""

    is_met: Callable[[World, Any], bool]
    prepare: Callable[[World], Any] = lambda world: None


def works(answer: httpx.Response) -> bool:
    """Whether the answer is good; if not, it says that something is unavailable."""
    if answer.status_code == 503:
        assert kind_of(answer, 503) == "unavailable"
        assert int(answer.headers["Retry-After"]) >= 1
        return False
    assert answer.is_success, answer.text
    return True


# --- people -----------------------------------------------------------------------------------------------------------


def _catalogue_is_read(world: World, _: Any) -> bool:
    return works(world.api.client().get("/products"))


def _newcomer(world: World) -> Actor:
    return world.api.person()


def _newcomer_gets_a_profile(_: World, person: Actor) -> bool:
    return works(person.http.get("/me"))


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
        is_done = works(world.admin.http.patch(f"/admin/users/{person.id}", json=change))
        assert _as_stored(world, person) == (before | change if is_done else before)
        return is_done

    return is_met


def _as_stored(world: World, person: Actor) -> dict[str, Any]:
    with world.stack.database() as database:
        ((role, disabled),) = database.run("SELECT role, disabled FROM users WHERE id = :id", id=person.id)
    return {"role": role, "disabled": disabled}


def _table_is_seen(world: World, _: Any) -> bool:
    answer = world.admin.http.get("/health/dependencies")
    if answer.status_code == 503:
        assert kind_of(answer, 503) == "dependency-down"
        assert answer.json()["detail"] == "Down: table."
    return answer.status_code == 200


def a_confirmation(world: World) -> dict[str, Any]:
    """Cognito's event about somebody who has just confirmed their address."""
    email = an_address()
    attributes = [{"Name": "email", "Value": email}]
    cognito = world.stack.client("cognito-idp")
    answer = cognito.sign_up(
        ClientId=world.stack.client_id, Username=email, Password=PASSWORD, UserAttributes=attributes
    )
    return sign_up_event(email, answer["UserSub"], "PostConfirmation_ConfirmSignUp")


def _confirmation_is_noted(world: World, event: Any) -> bool:
    return _succeeds(world, "post_confirmation", event)


def _schema_is_migrated(world: World, _: Any) -> bool:
    return _succeeds(world, "migrate", {})


# --- orders -----------------------------------------------------------------------------------------------------------


def _is_sent_at_once_when(happens: Callable[[World], str], destination: str) -> Need:
    """What `happens` to an order, whose id it returns, is told to `destination` right after its commit."""

    def is_met(world: World, _: Any) -> bool:
        order_id = happens(world)
        until(lambda: _attempted(world, order_id, destination))
        error = _attempted(world, order_id, destination)["error"]
        assert not error or any(word in error for word in ("Access", "Authorization")), error
        return not error

    return Need(is_met)


def _attempted(world: World, order_id: str, destination: str) -> dict[str, Any]:
    """The event that was sent to `destination`, or could not be; empty before either."""
    (event,) = [row for row in events_of(world.stack, order_id) if row["destination"] == destination]
    return event if event["is_published"] or event["error"] else {}


def _placing(world: World) -> str:
    lines = [{"product_id": world.product["id"], "quantity": 1}]
    answer = world.buyer.http.post("/orders", json={"lines": lines}, headers={"Idempotency-Key": str(uuid4())})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def _cancelling(world: World) -> str:
    order = stored(world.stack, world.buyer, world.product, "confirmed")
    assert world.buyer.http.post(f"/orders/{order['id']}/cancel").status_code == 200
    return str(order["id"])


def _confirming(world: World) -> str:
    order = stored(world.stack, world.buyer, world.product)
    assert _consumes(world, "fulfil_orders", "orders.fifo", message("order.placed", order))
    return str(order["id"])


def _expiring(world: World) -> str:
    order = stored(world.stack, world.buyer, world.product, minutes=16)
    assert _succeeds(world, "expire_orders", scheduled_event())
    return str(order["id"])


def _sweeping(destination: str) -> Callable[[World], str]:
    def sweep(world: World) -> str:
        order = stored(world.stack, world.buyer, world.product)
        leave_unsent(world.stack, message("order.placed", order), destination, order["id"])
        assert _succeeds(world, "relay_outbox", scheduled_event())
        return str(order["id"])

    return sweep


def _orders_are_confirmed(world: World, _: Any) -> bool:
    order = stored(world.stack, world.buyer, world.product)
    return _consumes(world, "fulfil_orders", "orders.fifo", message("order.placed", order))


def _schedule_succeeds(function: str) -> Need:
    return Need(lambda world, _: _succeeds(world, function, scheduled_event()))


# --- refunds ----------------------------------------------------------------------------------------------------------


def _refund(world: World, status: str) -> tuple[str, dict[str, Any]]:
    """An order that is found, and what a step of its refund is called with."""
    order, refund_id = stored(world.stack, world.buyer, world.product, status), str(uuid4())
    with world.stack.database() as database:
        database.run(
            "INSERT INTO refunds (id, order_id, amount, currency, status, requested_by)"
            " VALUES (:id, :order_id, 1, 'EUR', 'pending', :requested_by)",
            id=refund_id, order_id=order["id"], requested_by=world.buyer.id,
        )  # fmt: skip
    return order["id"], {"refund_id": refund_id, "attempt": 1, "correlation_id": f"test-{refund_id}"}


def _step(function: str, status: str) -> Callable[[World], str]:
    def take(world: World) -> str:
        order_id, asked = _refund(world, status)
        assert _succeeds(world, function, asked)
        return order_id

    return take


def _step_succeeds(function: str, status: str) -> Need:
    return Need(lambda world, _: _succeeds(world, function, _refund(world, status)[1]))


def _refund_is_started(world: World, _: Any) -> bool:
    order = stored(world.stack, world.buyer, world.product, "confirmed")
    return works(world.admin.http.post(f"/admin/orders/{order['id']}/refund"))


# --- notifications ----------------------------------------------------------------------------------------------------


def _people_are_told(function: str, queue: str) -> Need:
    def prepare(world: World) -> Any:
        person = world.api.person()
        for platform in ("fcm", "apns"):
            device = {"platform": platform, "token": a_token()}
            person.http.put(f"/me/devices/{uuid4()}", json=device).raise_for_status()
        return person

    def is_met(world: World, person: Actor) -> bool:
        return _consumes(world, function, queue, message("order.confirmed", an_order(person, world.product)))

    return Need(is_met, prepare)


def _bounces_are_recorded(world: World, _: Any) -> bool:
    complaint = {"eventType": "Complaint", "complaint": {"complainedRecipients": [{"emailAddress": an_address()}]}}
    told = {"Subject": None, "Message": json.dumps(complaint), "MessageAttributes": {}}
    return _succeeds(world, "record_bounces", {"Records": [{"Sns": told}]})


def _device_is_registered(world: World, _: Any) -> bool:
    device = {"platform": "apns", "token": a_token()}
    return works(world.buyer.http.put(f"/me/devices/{uuid4()}", json=device))


def _device(world: World) -> str:
    path = f"/me/devices/{uuid4()}"
    world.buyer.http.put(path, json={"platform": "fcm", "token": a_token()}).raise_for_status()
    return path


def _device_is_removed(world: World, path: str) -> bool:
    return works(world.buyer.http.delete(path))


# --- dead letters -----------------------------------------------------------------------------------------------------


def _dead_letter(world: World) -> str:
    """The id of a new dead letter of the pushes, which nobody misses."""
    (message_id,) = Queue(world.stack, "pushes-dead").send(
        message("order.cancelled", an_order(world.buyer, world.product))
    )
    return message_id


def _queues_are_seen(world: World, _: Any) -> bool:
    return works(world.admin.http.get("/admin/queues"))


def _dead_letters_are_seen(world: World, _: Any) -> bool:
    _dead_letter(world)
    return works(world.admin.http.get("/admin/dead-letters/pushes"))


def _dead_letters_go_back(world: World, _: Any) -> bool:
    redrive = {"dry_run": False, "message_ids": [_dead_letter(world)]}
    return works(world.admin.http.post("/admin/dead-letters/pushes/redrive", json=redrive))


def _operators_are_served(action: str, **more: Any) -> Need:
    def is_met(world: World, _: Any) -> bool:
        asked = {"action": action, "queue": "pushes", "operator": "test", "message_ids": [_dead_letter(world)]}
        return _succeeds(world, "dead_letters", asked | more)

    return Need(is_met)


def _succeeds(world: World, function: str, event: Any) -> bool:
    return not invoke(world.stack, function, event)[1]


def _consumes(world: World, function: str, queue: str, body: str) -> bool:
    report, has_failed = invoke(world.stack, function, sqs_event(queue, [body], groups=["1"]))
    assert not has_failed, report
    return not report["batchItemFailures"]


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
    ("api_handler", "states:StartExecution"): Need(_refund_is_started),
    ("api_handler", "sqs:GetQueueUrl"): Need(_queues_are_seen),
    ("api_handler", "sqs:GetQueueAttributes"): Need(_queues_are_seen),
    ("api_handler", "sqs:ReceiveMessage"): Need(_dead_letters_are_seen),
    ("api_handler", "sqs:DeleteMessage"): Need(_dead_letters_go_back),
    ("api_handler", "sqs:ChangeMessageVisibility"): Need(_dead_letters_are_seen),
    ("api_handler", "sqs:SendMessage"): _is_sent_at_once_when(_placing, "orders.fifo"),
    ("api_handler", "sns:Publish"): _is_sent_at_once_when(_cancelling, "order-events"),
    ("api_handler", "events:PutEvents"): _is_sent_at_once_when(_cancelling, "bus"),
    ("api_handler", "sns:CreatePlatformEndpoint"): Need(_device_is_registered),
    ("api_handler", "sns:SetEndpointAttributes"): Need(_device_is_registered),
    ("api_handler", "sns:DeleteEndpoint"): Need(_device_is_removed, _device),
    ("cancel_for_refund", "secretsmanager:GetSecretValue"): _step_succeeds("cancel_for_refund", "confirmed"),
    ("cancel_for_refund", "sns:Publish"): _is_sent_at_once_when(
        _step("cancel_for_refund", "confirmed"), "order-events"
    ),
    ("cancel_for_refund", "events:PutEvents"): _is_sent_at_once_when(_step("cancel_for_refund", "confirmed"), "bus"),
    ("dead_letters", "secretsmanager:GetSecretValue"): _operators_are_served("redrive", dry_run=False),
    ("dead_letters", "sqs:GetQueueUrl"): _operators_are_served("list"),
    ("dead_letters", "sqs:GetQueueAttributes"): _operators_are_served("list"),
    ("dead_letters", "sqs:SendMessage"): _operators_are_served("redrive", dry_run=False),
    ("dead_letters", "sqs:ReceiveMessage"): _operators_are_served("show"),
    ("dead_letters", "sqs:DeleteMessage"): _operators_are_served("redrive", dry_run=False),
    ("dead_letters", "sqs:ChangeMessageVisibility"): _operators_are_served("show"),
    ("expire_orders", "secretsmanager:GetSecretValue"): _schedule_succeeds("expire_orders"),
    ("expire_orders", "sns:Publish"): _is_sent_at_once_when(_expiring, "order-events"),
    ("expire_orders", "events:PutEvents"): _is_sent_at_once_when(_expiring, "bus"),
    ("fulfil_orders", "secretsmanager:GetSecretValue"): Need(_orders_are_confirmed),
    ("fulfil_orders", "sns:Publish"): _is_sent_at_once_when(_confirming, "order-events"),
    ("fulfil_orders", "events:PutEvents"): _is_sent_at_once_when(_confirming, "bus"),
    ("give_up_refund", "secretsmanager:GetSecretValue"): _step_succeeds("give_up_refund", "cancelled"),
    ("migrate", "secretsmanager:GetSecretValue"): Need(_schema_is_migrated),
    ("post_confirmation", "secretsmanager:GetSecretValue"): Need(_confirmation_is_noted, a_confirmation),
    ("post_confirmation", "cognito-idp:AdminAddUserToGroup"): Need(_confirmation_is_noted, a_confirmation),
    ("purge_expired", "secretsmanager:GetSecretValue"): _schedule_succeeds("purge_expired"),
    ("record_bounces", "secretsmanager:GetSecretValue"): Need(_bounces_are_recorded),
    ("relay_outbox", "secretsmanager:GetSecretValue"): _schedule_succeeds("relay_outbox"),
    ("relay_outbox", "sqs:GetQueueUrl"): _is_sent_at_once_when(_sweeping("orders.fifo"), "orders.fifo"),
    ("relay_outbox", "sqs:SendMessage"): _is_sent_at_once_when(_sweeping("orders.fifo"), "orders.fifo"),
    ("relay_outbox", "sns:Publish"): _is_sent_at_once_when(_sweeping("order-events"), "order-events"),
    ("relay_outbox", "events:PutEvents"): _is_sent_at_once_when(_sweeping("bus"), "bus"),
    ("return_money", "secretsmanager:GetSecretValue"): _step_succeeds("return_money", "cancelled"),
    ("return_money", "sns:Publish"): _is_sent_at_once_when(_step("return_money", "cancelled"), "order-events"),
    ("return_money", "events:PutEvents"): _is_sent_at_once_when(_step("return_money", "cancelled"), "bus"),
    ("send_emails", "secretsmanager:GetSecretValue"): _people_are_told("send_emails", "emails"),
    ("send_emails", "ses:SendEmail"): _people_are_told("send_emails", "emails"),
    ("send_pushes", "secretsmanager:GetSecretValue"): _people_are_told("send_pushes", "pushes"),
    ("send_pushes", "sns:Publish"): _people_are_told("send_pushes", "pushes"),
}
"""By function and action: what shows that the function needs it."""
