"""Dead letters: looked at without being taken, sent back a few times at most, and never lost on the way."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from moto.sqs.models import SQSBackend, sqs_backends

import app
from chalicelib import database
from chalicelib.errors import NotFound
from chalicelib.messaging import inbox
from tests.environment import ALWAYS, configured
from tests.events import Context, failed, sqs_event
from tests.gateway import Answer, HttpApi
from tests.orders import events_of, placed, status_of
from tests.people import Person, enrolled
from tests.products import listed
from tests.services import MOTO_ACCOUNT, Aws, Services

redrive = importlib.import_module("chalicelib.messaging.redrive")  # the package has a use case of the same name


class DeadLetters:
    """The queues as a test sees them: past the application."""

    def __init__(self, aws: Aws) -> None:
        self._sqs = aws.client("sqs")
        self._url = aws.queue_url

    def put(self, queue: str, body: str, *, times: int = 0) -> str:
        """A new dead letter that has been sent back so many times; returns its id."""
        attributes: dict[str, Any] = {"type": {"DataType": "String", "StringValue": "order.confirmed"}}
        if times:
            attributes["redrive_count"] = {"DataType": "Number", "StringValue": str(times)}
        fifo = {"MessageGroupId": "group", "MessageDeduplicationId": str(uuid4())} if ".fifo" in queue else {}
        answer = self._sqs.send_message(
            QueueUrl=self._url(queue), MessageBody=body, MessageAttributes=attributes, **fifo
        )
        return str(answer["MessageId"])

    def count(self, queue: str) -> int:
        """How many messages can be received from `queue` now."""
        attributes = self._sqs.get_queue_attributes(
            QueueUrl=self._url(queue), AttributeNames=["ApproximateNumberOfMessages"]
        )
        return int(attributes["Attributes"]["ApproximateNumberOfMessages"])

    def taken(self, queue: str) -> list[dict[str, Any]]:
        """The messages of `queue`, which are gone then."""
        found: list[dict[str, Any]] = []
        while messages := self._sqs.receive_message(
            QueueUrl=self._url(queue),
            MaxNumberOfMessages=10,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        ).get("Messages", []):
            found += messages
            for message in messages:
                self._sqs.delete_message(QueueUrl=self._url(queue), ReceiptHandle=message["ReceiptHandle"])
        return found

    def empty(self) -> None:
        """Forgets every message."""
        for name in ("orders.fifo", "orders-dead.fifo", "emails", "emails-dead"):
            queue = sqs_backends[MOTO_ACCOUNT][ALWAYS["AWS_REGION"]].queues[f"marketplace-local-{name}"]
            queue._messages.clear()
            queue._pending_messages.clear()
            queue.pending_message_groups.clear()


@pytest.fixture
def dead(environment: dict[str, str], aws: Aws) -> Iterator[DeadLetters]:
    letters = DeadLetters(aws)
    letters.empty()
    yield letters
    letters.empty()


@pytest.fixture(scope="module")
def admin(environment: dict[str, str]) -> Person:
    return enrolled("admins")


# --- looking ----------------------------------------------------------------------------------------------------------


def test_dead_letters_are_shown_oldest_first_and_stay(api: HttpApi, admin: Person, dead: DeadLetters) -> None:
    bodies = [_body("order.confirmed"), "not an envelope", _body("order.shipped")]
    ids = [dead.put("emails-dead", body) for body in bodies]

    for _ in range(2):
        letters = api.get("/admin/dead-letters/emails", admin).json()["items"]

        assert [letter["message_id"] for letter in letters] == ids
        assert [letter["type"] for letter in letters] == ["order.confirmed", "", "order.shipped"]
        assert [letter["body"] for letter in letters] == bodies
        assert letters[0]["event_id"] == json.loads(bodies[0])["id"]
        assert letters[0]["correlation_id"] == "request-12345"
        assert letters[0]["sent_at"].endswith("Z")
        assert {letter["redrive_count"] for letter in letters} == {0}
        assert dead.count("emails-dead") == 3


def test_a_look_ends_at_a_hundred(api: HttpApi, admin: Person, dead: DeadLetters) -> None:
    for number in range(115):
        dead.put("emails-dead", str(number))

    assert len(api.get("/admin/dead-letters/emails", admin).json()["items"]) == 100
    assert dead.count("emails-dead") == 115


@pytest.mark.parametrize("queue", ["orders", "emails-dead", "marketplace-local-emails", "x", "%2e%2e", "failed-events"])
def test_there_are_no_other_queues(api: HttpApi, admin: Person, queue: str) -> None:
    for method, path in (("GET", ""), ("POST", "/redrive")):
        body = {} if method == "POST" else None
        answer = api.send(method, f"/admin/dead-letters/{queue}{path}", admin, body=body)
        assert (answer.status, answer.problem) == (404, "queue-not-found")


# --- sending back -----------------------------------------------------------------------------------------------------


def test_without_a_word_nothing_is_sent_back(
    api: HttpApi, admin: Person, dead: DeadLetters, services: Services
) -> None:
    message_id = dead.put("emails-dead", _body("order.confirmed"))
    entries = _audited(services)

    for body in ({}, {"dry_run": True}):
        answer = _redrive(api, admin, **body).json()
        assert (answer["dry_run"], answer["remaining"]) == (True, 1)
        assert [letter["message_id"] for letter in answer["redriven"]] == [message_id]

    assert (dead.count("emails-dead"), dead.count("emails")) == (1, 0)
    assert _audited(services) == entries


def test_what_is_sent_back_is_as_it_was_and_counted(api: HttpApi, admin: Person, dead: DeadLetters) -> None:
    body = _body("order.confirmed")
    dead.put("emails-dead", body)

    answer = _redrive(api, admin, dry_run=False).json()

    assert (answer["dry_run"], len(answer["redriven"]), answer["remaining"]) == (False, 1, 0)
    (message,) = dead.taken("emails")
    assert message["Body"] == body
    assert message["MessageAttributes"]["redrive_count"] == {"DataType": "Number", "StringValue": "1"}
    assert message["MessageAttributes"]["type"]["StringValue"] == "order.confirmed"
    assert dead.count("emails-dead") == 0


def test_chosen_messages_alone_are_sent_back(api: HttpApi, admin: Person, dead: DeadLetters) -> None:
    ids = [dead.put("emails-dead", _body(kind)) for kind in ("order.confirmed", "order.shipped", "order.shipped")]
    dead.put("emails-dead", "not an envelope")

    by_id = _redrive(api, admin, dry_run=False, message_ids=[ids[0], "unknown"]).json()
    by_type = _redrive(api, admin, dry_run=False, event_type="order.shipped", limit=1).json()

    assert [letter["message_id"] for letter in by_id["redriven"]] == [ids[0]]
    assert by_id["remaining"] == 3
    assert [letter["message_id"] for letter in by_type["redriven"]] == [ids[1]]
    assert by_type["remaining"] == 2
    assert (dead.count("emails-dead"), dead.count("emails")) == (2, 2)


def test_a_message_goes_back_three_times_and_then_stays(api: HttpApi, admin: Person, dead: DeadLetters) -> None:
    dead.put("emails-dead", _body("order.confirmed"))
    for times in (1, 2, 3):
        assert len(_redrive(api, admin, dry_run=False).json()["redriven"]) == 1
        (message,) = dead.taken("emails")
        assert message["MessageAttributes"]["redrive_count"]["StringValue"] == str(times)
        dead.put("emails-dead", message["Body"], times=times)

    answer = _redrive(api, admin, dry_run=False).json()

    assert (answer["redriven"], len(answer["parked"]), answer["remaining"]) == ([], 1, 1)
    assert answer["parked"][0]["redrive_count"] == 3
    assert (dead.count("emails-dead"), dead.count("emails")) == (1, 0)


def test_without_the_bound_a_message_would_go_back_for_ever(
    api: HttpApi, admin: Person, dead: DeadLetters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redrive, "MOST_REDRIVES", 99)
    dead.put("emails-dead", _body("order.confirmed"), times=3)

    assert len(_redrive(api, admin, dry_run=False).json()["redriven"]) == 1


def test_a_fifo_queue_keeps_the_group_and_takes_each_repetition(api: HttpApi, admin: Person, dead: DeadLetters) -> None:
    body = _body("order.placed")
    for times in (0, 1):
        dead.put("orders-dead.fifo", body, times=times)

        assert len(_redrive(api, admin, "orders.fifo", dry_run=False).json()["redriven"]) == 1

        (message,) = dead.taken("orders.fifo")
        assert message["Attributes"]["MessageGroupId"] == "group"
        assert message["Attributes"]["MessageDeduplicationId"] == f"{json.loads(body)['id']}:{times + 1}"


def test_what_the_queue_does_not_take_stays_where_it_is(
    api: HttpApi, admin: Person, dead: DeadLetters, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        dead.put("emails-dead", _body(f"kind-{number}"))
    original = SQSBackend.send_message_batch

    def refuses_the_second(self: Any, queue_name: str, entries: dict[str, Any]) -> Any:
        taken = {key: entry for key, entry in entries.items() if entry["Id"] != "1"}
        refused = {"Id": "1", "SenderFault": False, "Code": "InternalError"}
        return original(self, queue_name, taken)[0], [refused]

    monkeypatch.setattr(SQSBackend, "send_message_batch", refuses_the_second)

    answer = _redrive(api, admin, dry_run=False).json()

    assert [letter["type"] for letter in answer["redriven"]] == ["kind-0", "kind-2"]
    assert answer["remaining"] == 1
    assert (dead.count("emails-dead"), dead.count("emails")) == (1, 2)


def test_large_messages_are_sent_back_too(api: HttpApi, admin: Person, dead: DeadLetters) -> None:
    for _ in range(10):
        dead.put("emails-dead", json.dumps("x" * 130_000))

    assert len(_redrive(api, admin, dry_run=False).json()["redriven"]) == 10
    assert dead.count("emails") == 10


def test_a_crash_between_sending_and_deleting_doubles_a_message_and_the_inbox_swallows_it(
    api: HttpApi, admin: Person, dead: DeadLetters, services: Services
) -> None:
    order = placed(enrolled(), {listed(enrolled()): 1})
    dead.empty()
    dead.put("orders-dead.fifo", (body := events_of(services, order.id)[0]))
    original = redrive._call

    def dies(action: str, queue: str, **arguments: Any) -> Any:
        if action == "delete_message_batch":
            raise KeyboardInterrupt
        return original(action, queue, **arguments)

    with pytest.MonkeyPatch.context() as crash:
        crash.setattr(redrive, "_call", dies)
        with pytest.raises(KeyboardInterrupt):
            _redrive(api, admin, "orders.fifo", dry_run=False)

    (message,) = dead.taken("orders.fifo")
    assert message["Body"] == body
    for _ in range(2):
        batch = sqs_event("orders.fifo", [message["Body"]], [str(order.id)])
        assert failed(app.fulfil_orders(batch, Context())) == set()
    assert status_of(services, order.id) == "confirmed"
    assert len(events_of(services, order.id, "bus")) == 1


def test_while_the_queues_are_down_nothing_is_done(
    api: HttpApi, admin: Person, environment: dict[str, str], services: Services
) -> None:
    entries = _audited(services)

    with configured(**environment | {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}):
        answer = _redrive(api, admin, dry_run=False)

    assert (answer.status, answer.problem) == (503, "unavailable")
    assert _audited(services) == entries


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"dry_run": "no"}, ["/dry_run"]),
        ({"dry_run": 0}, ["/dry_run"]),
        ({"limit": 0}, ["/limit"]),
        ({"limit": 101}, ["/limit"]),
        ({"limit": "1"}, ["/limit"]),
        ({"message_ids": []}, ["/message_ids"]),
        ({"message_ids": ["x"] * 101}, ["/message_ids"]),
        ({"message_ids": [""]}, ["/message_ids/0"]),
        ({"event_type": ""}, ["/event_type"]),
        ({"force": True}, ["/force"]),
    ],
    ids=str,
)
def test_an_order_to_redrive_that_breaks_a_rule_is_told_where(
    api: HttpApi, admin: Person, body: dict[str, Any], pointers: list[str]
) -> None:
    answer = _redrive(api, admin, **body)

    assert (answer.status, answer.pointers) == (422, pointers)


# --- who did it -------------------------------------------------------------------------------------------------------


def test_what_an_admin_sent_back_is_in_the_audit_log(api: HttpApi, admin: Person, dead: DeadLetters) -> None:
    done = _redrive(api, admin, dry_run=False, event_type="order.shipped", limit=5)

    entry = api.get("/admin/audit", admin, query={"limit": 1}).json()["items"][0]
    assert (entry["action"], entry["subject"]) == ("dead-letters.redriven", "emails")
    assert entry["actor_id"] == str(admin.id)
    assert entry["detail"] == {"event_type": "order.shipped", "limit": 5}
    assert entry["correlation_id"] == done.headers["x-correlation-id"]


def test_operators_do_the_same_by_a_function_of_their_own(api: HttpApi, admin: Person, dead: DeadLetters) -> None:
    message_id = dead.put("emails-dead", _body("order.confirmed"))

    (emails,) = [queue for queue in _operator(action="list")["queues"] if queue["name"] == "emails"]
    (shown,) = _operator(action="show", queue="emails")["messages"]
    planned = _operator(action="redrive", queue="emails")
    done = _operator(action="redrive", queue="emails", dry_run=False, message_ids=[message_id])

    assert (emails["dead"], shown["message_id"]) == (1, message_id)
    assert (planned["dry_run"], len(planned["redriven"]), planned["remaining"]) == (True, 1, 1)
    assert (done["dry_run"], len(done["redriven"]), done["remaining"]) == (False, 1, 0)
    assert json.dumps(done)
    entry = api.get("/admin/audit", admin, query={"limit": 1}).json()["items"][0]
    assert entry["actor_id"] is None
    assert entry["detail"]["operator"] == "somebody@terminal"
    assert entry["detail"]["message_ids"] == [message_id]


@pytest.mark.parametrize(
    ("command", "error"), [({"action": "purge"}, ValueError), ({"action": "show", "queue": "x"}, NotFound)]
)
def test_operators_do_nothing_else(
    environment: dict[str, str], command: dict[str, str], error: type[Exception]
) -> None:
    with pytest.raises(error):
        app.dead_letters(command, Context())


# --- queues -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["moderators", "admins"])
def test_staff_see_how_much_waits_where(api: HttpApi, dead: DeadLetters, services: Services, role: str) -> None:
    services.sql("DELETE FROM inbox")
    for name in ("emails", "emails", "emails-dead"):
        dead.put(name, _body("order.confirmed"))

    states = api.get("/admin/queues", enrolled(role)).json()

    by_name = {state["name"]: state for state in states["queues"]}
    assert list(by_name) == ["orders.fifo", "emails", "pushes"]
    assert by_name["emails"] | {"oldest_seconds": None} == {
        "name": "emails", "waiting": 2, "in_flight": 0, "delayed": 0, "oldest_seconds": None, "dead": 1,
    }  # fmt: skip
    assert by_name["orders.fifo"]["oldest_seconds"] == 0
    assert set(states["outbox"]) == {"pending", "parked", "oldest_seconds"}


def test_the_age_of_a_queue_is_bounded_by_the_newest_message_that_was_done(
    api: HttpApi, admin: Person, dead: DeadLetters, services: Services
) -> None:
    from chalicelib.ids import new_id

    services.sql("DELETE FROM inbox")
    dead.put("emails", _body("order.confirmed"))
    assert _emails(api, admin)["oldest_seconds"] is None

    database.write(lambda: inbox.add("send_emails", new_id()))

    assert _emails(api, admin)["oldest_seconds"] in range(60)


def _emails(api: HttpApi, admin: Person) -> Any:
    states = api.get("/admin/queues", admin).json()["queues"]
    return next(state for state in states if state["name"] == "emails")


def _redrive(api: HttpApi, admin: Person, queue: str = "emails", **body: Any) -> Answer:
    return api.send("POST", f"/admin/dead-letters/{queue}/redrive", admin, body=body)


def _operator(**command: Any) -> Any:
    return app.dead_letters(command | {"operator": "somebody@terminal"}, Context())


def _body(kind: str) -> str:
    return json.dumps(
        {
            "id": str(uuid4()),
            "type": kind,
            "version": 1,
            "occurred_at": "2026-01-31T12:00:00.000Z",
            "correlation_id": "request-12345",
            "data": {},
        }
    )


def _audited(services: Services) -> int:
    return int(services.sql("SELECT count(*) FROM audit_log WHERE action = 'dead-letters.redriven'")[0][0])
