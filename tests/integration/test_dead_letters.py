"""Messages that cannot be done: each ends as a dead letter by itself, and comes back once the cause is mended."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from itertools import combinations, cycle
from typing import Any
from uuid import uuid4

import pytest

from tests.integration.actors import Actor, Api
from tests.integration.functions import invoke, unheard
from tests.integration.log_groups import json_lines
from tests.integration.orders import an_order, message, status_of, store, stored
from tests.integration.problems import kind_of, pointers
from tests.integration.queues import CONSUMERS, NAMES, Queue
from tests.integration.waiting import until
from tests.stack import Stack

KINDS = {"orders.fifo": ("order.placed", "placed"), "emails": ("order.confirmed", "confirmed")}
"""What is sent to each queue, and the status of the order that it tells of."""
SUBSETS = [set(), set(range(10)), *({position} for position in range(10)), *map(set, combinations(range(0, 10, 3), 2))]
"""Which of the ten messages of a batch are poisoned."""


@dataclass
class Poisoned:
    """What was sent to one queue: each good message with the order it tells of, each bad one with its cause."""

    queue: str
    good: dict[str, dict[str, Any]] = field(default_factory=dict)
    bad: dict[str, str] = field(default_factory=dict)
    missing: dict[str, dict[str, Any]] = field(default_factory=dict)


@pytest.fixture(scope="module")
def product(api: Api) -> dict[str, Any]:
    return dict(api.person().product(stock=1000).json())


@pytest.fixture(scope="module")
def quick(stack: Stack) -> Iterator[None]:
    """What fails comes again after a second instead of a minute and a half."""
    with ExitStack() as held:
        for name in NAMES:
            held.enter_context(Queue(stack, name).held_for(1))
        yield
    for name in NAMES.values():
        Queue(stack, name).forget()


@pytest.fixture(scope="module")
def poisoned(stack: Stack, quick: None, buyer: Actor, product: dict[str, Any]) -> dict[str, Poisoned]:
    """Batches of ten in which each of many subsets is poisoned, sent to two queues and worked through.

    The first time, what fails comes again after longer than everything takes on a busy machine. Nobody counts what was
    sold: the emulator would start a process for each of the events at once.
    """
    buyer.http.get("/me").raise_for_status()
    sent = {name: Poisoned(name) for name in KINDS}
    with ExitStack() as held:
        held.enter_context(unheard(stack, "rank_bestsellers"))
        for name, batches in sent.items():
            held.enter_context(Queue(stack, name).held_for(10))
            send(stack, batches, Causes(buyer, product, batches))
        until(lambda: not any(left(stack, batches) & set(batches.good) for batches in sent.values()), 120, pause=0.2)
    until(lambda: not any(left(stack, batches) for batches in sent.values()), pause=0.2)
    return sent


class Causes:
    """Makes good messages for a queue, and messages that are bad for every reason in turn."""

    def __init__(self, buyer: Actor, product: dict[str, Any], batches: Poisoned) -> None:
        self._buyer, self._product, self._batches = buyer, product, batches
        self._kind, self._status = KINDS[batches.queue]
        self._reasons = cycle(("not JSON", "unknown version", "missing order", "wrong type", "wrong data"))

    def good(self) -> str:
        """A message that can be done."""
        order = an_order(self._buyer, self._product, status=self._status)
        body = message(self._kind, order)
        self._batches.good[body] = order
        return body

    def bad(self) -> str:
        """A message that cannot."""
        order = an_order(self._buyer, self._product, status=self._status)
        reason = next(self._reasons)
        if reason == "missing order" and self._kind != "order.placed":
            reason = "wrong data"
        body = {
            "not JSON": f"{{'id': {uuid4()}",
            "unknown version": message(self._kind, order, version=2),
            "missing order": message(self._kind, order),
            "wrong type": message("order.teleported", order),
            "wrong data": message(self._kind, order | {"lines": "none"}),
        }[reason]
        self._batches.bad[body] = reason
        if reason == "missing order":
            self._batches.missing[body] = order
        return body


@pytest.mark.parametrize("name", ["orders.fifo", "emails"])
def test_exactly_what_is_poisoned_is_dead_after_three_attempts(
    stack: Stack, poisoned: dict[str, Poisoned], name: str
) -> None:
    dead = [letter for letter in Queue(stack, NAMES[name]).messages() if letter.body in poisoned[name].bad]

    assert Counter(letter.body for letter in dead) == Counter(dict.fromkeys(poisoned[name].bad, 1))
    assert len(poisoned[name].bad) == sum(map(len, SUBSETS))
    assert len(set(poisoned[name].bad.values())) >= 4
    lines = json_lines(stack, CONSUMERS[name])
    attempts = Counter(line["message_id"] for line in lines if line.get("message") == "message failed")
    assert {attempts[letter.id] for letter in dead} == {3}
    sizes = [len(line.get("MessagesProcessed", [])) + len(line.get("MessagesFailed", [])) for line in lines]
    assert sizes.count(10) >= len(SUBSETS)


def test_every_good_order_between_them_was_confirmed_once(stack: Stack, poisoned: dict[str, Poisoned]) -> None:
    ids = [order["id"] for order in poisoned["orders.fifo"].good.values()]
    with stack.database() as database:
        found = database.run(
            "SELECT status, version, count(*) FILTER (WHERE type = 'order.confirmed' AND destination = 'bus') "
            "FROM orders JOIN outbox ON group_id = id WHERE id = ANY(CAST(:ids AS uuid[])) GROUP BY id",
            ids=ids,
        )

    assert len(ids) == 10 * len(SUBSETS) - sum(map(len, SUBSETS))
    assert Counter(map(tuple, found or [])) == Counter({("confirmed", 2, 1): len(ids)})


def test_every_good_message_between_them_was_told_once(
    stack: Stack, poisoned: dict[str, Poisoned], buyer: Actor
) -> None:
    told = Counter(
        next(line for line in email.text.splitlines() if line.startswith("Order "))
        for email in stack.emails(buyer.email)
    )

    assert {told[f"Order {order['id']}"] for order in poisoned["emails"].good.values()} == {1}
    assert not any(told[f"Order {json.loads(body)['data']['id']}"] for body in poisoned["emails"].bad if body[1] == '"')


def test_dead_letters_are_shown_and_stay(stack: Stack, poisoned: dict[str, Poisoned], admin: Actor) -> None:
    def shown() -> list[dict[str, Any]]:
        return [
            item for item in admin.http.get("/admin/dead-letters/emails").json()["items"]
            if item["body"] in poisoned["emails"].bad
        ]  # fmt: skip

    first, again = shown(), shown()

    assert {item["body"] for item in first} == set(poisoned["emails"].bad)
    assert [item["message_id"] for item in again] == [item["message_id"] for item in first]
    sent = [datetime.fromisoformat(item["sent_at"]) for item in first]
    assert sent == sorted(sent)
    assert {item["redrive_count"] for item in first} == {0}
    for item in first:
        envelope = {} if poisoned["emails"].bad[item["body"]] == "not JSON" else json.loads(item["body"])
        assert (item["event_id"], item["type"]) == (envelope.get("id", ""), envelope.get("type", ""))


def test_mended_messages_come_back_and_the_others_are_parked_after_three_times(
    stack: Stack, poisoned: dict[str, Poisoned], buyer: Actor, admin: Actor, product: dict[str, Any]
) -> None:
    batches, dead = poisoned["orders.fifo"], Queue(stack, NAMES["orders.fifo"])
    for order in batches.missing.values():
        stored(stack, buyer, product, order_id=order["id"])  # the cause is mended

    assert redriven_by_admin(admin, "orders.fifo", dry_run=True) == len(batches.bad)
    for redrive in (redriven_by_admin, redriven_by_operator, redriven_by_admin):
        before = {letter.body for letter in dead.messages()}
        assert redrive(admin if redrive is redriven_by_admin else stack, "orders.fifo") == len(before)
        until(lambda: not left(stack, batches), pause=0.2)
        assert {letter.body for letter in dead.messages()} == set(batches.bad) - set(batches.missing)

    assert {status_of(buyer, order) for order in batches.missing.values()} == {"confirmed"}
    assert {letter.attributes["redrive_count"] for letter in dead.messages()} == {"3"}
    answer = admin.http.post("/admin/dead-letters/orders.fifo/redrive", json={"dry_run": False}).json()
    assert answer["redriven"] == []
    assert {letter["body"] for letter in answer["parked"]} == set(batches.bad) - set(batches.missing)
    assert answer["remaining"] == len(answer["parked"])
    noted = [entry for entry in entries(admin) if entry["subject"] == "orders.fifo"]
    assert [entry["actor_id"] for entry in noted[:4]] == [admin.id, admin.id, None, admin.id]
    assert noted[2]["detail"]["operator"] == "somebody@laptop"


def test_redrive_takes_what_it_was_asked_for_and_no_more(stack: Stack, quick: None, admin: Actor, buyer: Actor) -> None:
    dead, nobody = Queue(stack, "pushes-dead"), {"id": "", "seller_id": "", "name": "", "price": {}}
    ids = dead.send(*[message(kind, an_order(buyer, nobody)) for kind in ("order.shipped", "order.expired") * 3])
    path = "/admin/dead-letters/pushes/redrive"

    def would(**wanted: Any) -> list[str]:
        answer = admin.http.post(path, json=wanted)
        assert answer.status_code == 200, answer.text
        return [letter["message_id"] for letter in answer.json()["redriven"]]

    assert set(would()) >= set(ids)
    assert would(message_ids=[ids[1], "unknown"]) == [ids[1]]
    assert set(would(event_type="order.expired")) & set(ids) == set(ids[1::2])
    assert len(would(limit=2)) == 2
    assert would(event_type="order.teleported", message_ids=ids) == []
    assert len(dead.messages()) >= len(ids)
    assert would(dry_run=False, message_ids=ids[:2]) == ids[:2]
    assert not {letter.id for letter in dead.messages()} & set(ids[:2])
    for wrong, pointer in (
        ({"limit": 0}, "/limit"), ({"limit": 101}, "/limit"), ({"message_ids": []}, "/message_ids"),
        ({"message_ids": ["x"] * 101}, "/message_ids"), ({"event_type": ""}, "/event_type"), ({"queue": "x"}, "/queue"),
        ({"event_type": "order\u202e"}, "/event_type"), ({"message_ids": ["a\x07"]}, "/message_ids/0"),
    ):  # fmt: skip
        assert pointers(admin.http.post(path, json=wrong)) == [pointer]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("queue", ["emails", "pushes"])
def test_dead_letter_of_each_queue_goes_back_by_admins_and_by_operators(
    stack: Stack, admin: Actor, api: Api, product: dict[str, Any], queue: str
) -> None:
    dead, person = Queue(stack, NAMES[queue]), api.person()
    person.http.get("/me").raise_for_status()
    by_admin, by_operator = dead.send(*[message("order.confirmed", an_order(person, product)) for _ in range(2)])
    asked = {"action": "redrive", "queue": queue, "dry_run": False, "operator": "somebody@laptop"}

    redrive = admin.http.post(
        f"/admin/dead-letters/{queue}/redrive", json={"dry_run": False, "message_ids": [by_admin]}
    ).json()
    redriven, has_failed = invoke(stack, "dead_letters", asked | {"message_ids": [by_operator]})

    assert not has_failed, redriven
    assert [letter["message_id"] for letter in redrive["redriven"]] == [by_admin]
    assert [letter["message_id"] for letter in redriven["redriven"]] == [by_operator]
    assert not {letter.id for letter in dead.messages()} & {by_admin, by_operator}


@pytest.mark.parametrize(
    "queue", ["nowhere", "emails-dead", "marketplace-local-emails", "failed-events", "ORDERS.FIFO"]
)
def test_other_queues_are_not_there(admin: Actor, queue: str) -> None:
    path = f"/admin/dead-letters/{queue}"

    assert kind_of(admin.http.get(path), 404) == "queue-not-found"
    assert kind_of(admin.http.post(f"{path}/redrive", json={}), 404) == "queue-not-found"


def test_staff_see_what_waits_and_what_is_dead(
    stack: Stack, quick: None, buyer: Actor, moderator: Actor, admin: Actor
) -> None:
    emails, body = Queue(stack, "emails"), message("order.shipped", {}, version=9)

    with emails.at_rest():
        before = state_of(moderator, "emails")
        emails.send(body, body)
        waiting = state_of(moderator, "emails")
    until(lambda: body not in {found.body for found in emails.messages()}, pause=0.2)
    after = state_of(admin, "emails")

    assert (waiting["waiting"], waiting["dead"]) == (before["waiting"] + 2, before["dead"])
    assert after["dead"] == before["dead"] + 2
    assert waiting["oldest_seconds"] is None or waiting["oldest_seconds"] >= 0
    assert kind_of(buyer.http.get("/admin/queues"), 403) == "forbidden"


def send(stack: Stack, batches: Poisoned, causes: Causes) -> None:
    """Sends a batch of ten for each of the subsets, all before the first is taken."""
    queue = Queue(stack, batches.queue)
    bodies = [causes.bad() if position in subset else causes.good() for subset in SUBSETS for position in range(10)]
    with stack.database() as database, queue.at_rest():
        store(database, list(batches.good.values()))
        queue.send(*bodies)


def left(stack: Stack, batches: Poisoned) -> set[str]:
    """What of the batches is still in the queue."""
    sent = batches.good.keys() | batches.bad.keys()
    return {found.body for found in Queue(stack, batches.queue).messages() if found.body in sent}


def redriven_by_admin(admin: Actor, queue: str, *, dry_run: bool = False) -> int:
    """How many dead letters an admin has sent back."""
    answer = admin.http.post(f"/admin/dead-letters/{queue}/redrive", json={"dry_run": dry_run})
    assert answer.status_code == 200, answer.text
    return len(answer.json()["redriven"])


def redriven_by_operator(stack: Stack, queue: str) -> int:
    """How many dead letters an operator has sent back."""
    asked = {"action": "redrive", "queue": queue, "dry_run": False, "operator": "somebody@laptop"}
    answer, has_failed = invoke(stack, "dead_letters", asked)
    assert not has_failed, answer
    return len(answer["redriven"])


def entries(admin: Actor) -> list[dict[str, Any]]:
    """The newest entries of the audit log about dead letters, newest first."""
    found = admin.http.get("/admin/audit", params={"limit": 100}).json()["items"]
    return [entry for entry in found if entry["action"] == "dead-letters.redriven"]


def state_of(person: Actor, queue: str) -> dict[str, Any]:
    """What staff see of a queue."""
    found = {each["name"]: each for each in person.http.get("/admin/queues").json()["queues"]}
    assert set(found) == set(NAMES)
    return dict(found[queue])
