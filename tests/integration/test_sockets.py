"""Sockets of the running system, through the front door: tickets, messages, and a crowd of which some die."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest
from websockets.asyncio.client import ClientConnection as ListeningConnection
from websockets.asyncio.client import connect as listen
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from chalicelib.ids import new_id
from tests.activity import notification
from tests.events import scheduled_event
from tests.integration.actors import Actor, Api
from tests.integration.functions import invoke
from tests.integration.orders import confirmed, message
from tests.integration.waiting import until
from tests.stack import Running, Stack

TABLE = "marketplace-local"
MAX_FRAME_BYTES = 32 * 1024
REFUSED = 403
"""The emulator's gateway says so whatever the function answered; API Gateway hands the function's status on."""


def ticket_of(person: Actor) -> str:
    """The URL, ticket and all, at which the person may connect once."""
    answer = person.http.post("/realtime/tickets")
    assert answer.status_code == 200, answer.text
    return str(answer.json()["url"])


@contextmanager
def opened(person: Actor, **options: Any) -> Iterator[ClientConnection]:
    """A socket of the person."""
    with connect(ticket_of(person), open_timeout=60, **options) as connection:
        yield connection


def refusal(url: str, **options: Any) -> int:
    """The status with which a connection is refused."""
    try:
        with connect(url, open_timeout=60, **options):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


def received(connection: ClientConnection, number: int = 1, patience: float = 60) -> list[dict[str, Any]]:
    """So many frames, in the order in which they come."""
    return [json.loads(connection.recv(timeout=patience)) for _ in range(number)]


def is_silent(connection: ClientConnection, seconds: float = 2) -> bool:
    """Whether no frame comes for a while."""
    try:
        connection.recv(timeout=seconds)
    except TimeoutError:
        return True
    return False


def connections_of(stack: Stack, person: Actor) -> int:
    """How many connections of the person are in the table."""
    answer = stack.client("dynamodb").query(
        TableName=TABLE,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :sk)",
        ExpressionAttributeValues={":pk": {"S": f"person#{person.id}"}, ":sk": {"S": "connection#"}},
        ConsistentRead=True,
    )
    return int(answer["Count"])


@pytest.fixture
def person(api: Api) -> Actor:
    """Somebody who has no socket open."""
    return api.person()


# --- tickets ----------------------------------------------------------------------------------------------------------


def test_a_ticket_leads_to_the_front_door_and_is_good_once(stack: Stack, person: Actor) -> None:
    url = ticket_of(person)
    port = stack.settings.ports.front_door

    assert url.startswith(f"ws://localhost:{port}/ws?ticket=")
    with connect(url, open_timeout=60) as connection:
        connection.send('{"action": "ping"}')
        assert received(connection) == [{"type": "pong"}]
        assert refusal(url) == REFUSED
        assert connections_of(stack, person) == 1
    until(lambda: connections_of(stack, person) == 0)
    assert refusal(url) == REFUSED


def test_of_fifty_at_once_one_gets_in(stack: Stack, person: Actor) -> None:
    url, start, end = ticket_of(person), Barrier(50), Barrier(50)

    def use(_: int) -> int:
        start.wait()
        with suppress(InvalidStatus), connect(url, open_timeout=120):
            end.wait(120)
            return 101
        end.wait(120)
        return REFUSED

    with ThreadPoolExecutor(50) as threads:
        assert sorted(threads.map(use, range(50))) == [101] + [REFUSED] * 49


@pytest.mark.parametrize("ticket", ["", "A" * 43, "x" * 5000, "%00", "a%00b", "%ED%A0%80", "ticket%23x"])
def test_what_is_no_ticket_opens_nothing(stack: Stack, ticket: str) -> None:
    assert refusal(f"ws://localhost:{stack.settings.ports.front_door}/ws?ticket={ticket}") == REFUSED


def test_no_ticket_at_all_opens_nothing(stack: Stack) -> None:
    assert refusal(f"ws://localhost:{stack.settings.ports.front_door}/ws") == REFUSED


def test_a_ticket_that_has_expired_is_worth_nothing_though_it_is_still_there(stack: Stack, person: Actor) -> None:
    url = ticket_of(person)
    digest = sha256(url.partition("ticket=")[2].encode()).hexdigest()
    stack.client("dynamodb").update_item(
        TableName=TABLE,
        Key={"pk": {"S": f"ticket#{digest}"}, "sk": {"S": "ticket"}},
        UpdateExpression="SET expires_at = expires_at - :ago",
        ConditionExpression="attribute_exists(pk)",
        ExpressionAttributeValues={":ago": {"N": "31"}},
    )

    assert refusal(url) == REFUSED


def test_origins_that_are_not_ours_open_nothing(stack: Stack, person: Actor) -> None:
    port, url = stack.settings.ports.front_door, ticket_of(person)

    for origin in ("https://evil.example", "null", f"http://localhost:{port + 1}", f"https://localhost:{port}"):
        assert refusal(url, origin=origin) == REFUSED
    with connect(url, open_timeout=60, origin=f"http://localhost:{port}"):
        assert connections_of(stack, person) == 1


def test_the_disabled_get_no_ticket(person: Actor, admin: Actor) -> None:
    assert person.http.get("/me").status_code == 200
    assert admin.http.patch(f"/admin/users/{person.id}", json={"disabled": True}).status_code == 200

    assert person.http.post("/realtime/tickets").status_code == 403


def test_no_log_holds_a_ticket(stack: Stack, stack_process: Running, person: Actor) -> None:
    url = ticket_of(person)
    with connect(url, open_timeout=60):
        assert refusal(url) == REFUSED
    ticket = url.partition("ticket=")[2]

    for file in (stack_process.home / "logs").iterdir():
        assert ticket not in file.read_text(errors="replace"), file
    for function in ("api_handler", "websocket_connect", "websocket_disconnect", "websocket_message"):
        assert not [line for line in stack.log_lines(function) if ticket in line]


# --- messages ---------------------------------------------------------------------------------------------------------

HOSTILE: dict[str, str | bytes] = {
    "not JSON": "ping",
    "empty": "",
    "binary": b"\x89PNG\r\n\x1a\n\x00\xff",
    "NUL": "\x00",
    "a lone surrogate": '{"action": "ask", "message": "\\ud800"}',
    "deep": "[" * 5000 + "]" * 5000,
    "a huge number": f'{{"action": {"9" * 10_000}}}',
    "a list": '["ping"]',
    "an unknown action": '{"action": "shutdown"}',
    "a wrong type": '{"action": 1}',
    "100 KB": json.dumps({"action": "ask", "message": "a" * 100_000}),
    "thousands of unknown members": json.dumps({"action": "ping"} | {f"member {n}": n for n in range(3000)}),
}


@pytest.fixture(scope="module")
def talking(api: Api) -> Iterator[ClientConnection]:
    """One socket through which everything hostile is sent."""
    with opened(api.person()) as connection:
        yield connection


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_message_gets_one_small_error_and_the_socket_lives_on(talking: ClientConnection, name: str) -> None:
    talking.send(HOSTILE[name])

    frame = talking.recv(timeout=60)
    assert len(frame.encode() if isinstance(frame, str) else frame) < MAX_FRAME_BYTES
    told = json.loads(frame)
    assert told["type"] == "error"
    assert 400 <= told["problem"]["status"] < 500
    talking.send('{"action": "ping"}')
    assert received(talking) == [{"type": "pong"}]


# --- events -----------------------------------------------------------------------------------------------------------


def test_what_happens_to_an_order_reaches_every_socket_of_its_buyer_once(
    person: Actor, seller: Actor, buyer: Actor
) -> None:
    product = seller.product(stock=5).json()
    with opened(person) as first, opened(person) as second, opened(buyer) as theirs, opened(seller) as of_seller:
        placed = confirmed(person, product)
        frames = [received(each, 2) for each in (first, second)]
        assert all(is_silent(each) for each in (first, second, theirs, of_seller))

    assert sorted(frame["id"] for frame in frames[0]) == sorted(frame["id"] for frame in frames[1])
    assert {frame["type"] for frame in frames[0]} == {"order.placed", "order.confirmed"}
    activity = person.http.get("/me/activity").json()
    assert {item["id"]: item["type"] for item in activity["items"]} == {f["id"]: f["type"] for f in frames[0]}
    for frame in frames[0]:
        assert frame["data"]["id"] == placed["id"]
        assert frame["data"]["total"] == placed["total"]
        assert frame["occurred_at"].endswith("Z")


# --- many -------------------------------------------------------------------------------------------------------------

PEOPLE = 25
SOCKETS_OF_EACH = 20
ROUNDS, EVENTS_IN_A_ROUND = 4, 2
CONNECTING_AT_ONCE = 8
EVENTS_IN_A_CALL = 25
"""The topic would make a call, and the emulator start a process, for each of them."""


@dataclass
class Listener:
    """One socket of somebody, and the ids of the events it got."""

    person: Actor
    connection: ListeningConnection
    ids: Counter[str] = field(default_factory=Counter)

    async def read(self) -> None:
        """Notes every frame until the socket ends."""
        with suppress(ConnectionClosed):
            async for frame in self.connection:
                self.ids[json.loads(frame)["id"]] += 1


class Crowd:
    """Hundreds of sockets, and what their people are told."""

    def __init__(self, stack: Stack, people: Sequence[Actor]) -> None:
        self._stack, self._people = stack, list(people)
        self.listeners: list[Listener] = []
        self.told: dict[str, list[str]] = defaultdict(list)
        self._tasks: list[asyncio.Task[None]] = []

    async def gather(self, sockets_of_each: int) -> None:
        """Everybody connects so many times, some at once."""
        room = asyncio.Semaphore(CONNECTING_AT_ONCE)

        async def join(person: Actor) -> None:
            async with room:
                url = await asyncio.to_thread(ticket_of, person)
                connection = await listen(url, open_timeout=120, ping_interval=None, close_timeout=5)
            self.listeners.append(Listener(person, connection))
            self._tasks.append(asyncio.create_task(self.listeners[-1].read()))

        await asyncio.gather(*(join(person) for person in self._people * sockets_of_each))

    async def tell(self, events: int) -> None:
        """Everybody's order has so many events more."""
        await asyncio.to_thread(self._publish, events)

    async def heard(self, listeners: Sequence[Listener], patience: float = 150) -> None:
        """Returns when these have got everything they are to get."""
        async with asyncio.timeout(patience):
            while any(len(each.ids) < len(self.told[each.person.id]) for each in listeners):
                await asyncio.sleep(0.1)

    async def end(self) -> None:
        """Closes whatever is still open."""
        await asyncio.gather(*(each.connection.close() for each in self.listeners), return_exceptions=True)
        await asyncio.gather(*self._tasks)

    def _publish(self, events: int) -> None:
        bodies = []
        for person in self._people * events:
            self.told[person.id].append(event_id := str(new_id()))
            bodies.append(message("order.placed", _order_of(person), id=event_id))
        for start in range(0, len(bodies), EVENTS_IN_A_CALL):
            told = notification(*bodies[start : start + EVENTS_IN_A_CALL])
            assert invoke(self._stack, "record_activity", told) == (None, False)


@pytest.mark.timeout(600)
def test_of_hundreds_of_sockets_the_healthy_ones_get_everything_once_and_the_dead_are_forgotten(
    stack: Stack, api: Api
) -> None:
    with ThreadPoolExecutor(4) as threads:
        people = list(threads.map(lambda _: api.person(), range(PEOPLE)))

    asyncio.run(_lived_through(stack, Crowd(stack, people), people))


async def _lived_through(stack: Stack, crowd: Crowd, people: Sequence[Actor]) -> None:
    await crowd.gather(SOCKETS_OF_EACH)
    assert len(crowd.listeners) == PEOPLE * SOCKETS_OF_EACH == 500
    dying, leaving = crowd.listeners[0::10], crowd.listeners[5::10]
    healthy = [each for each in crowd.listeners if each not in dying and each not in leaving]
    for person in people:
        _remember_nobody(stack, person)
    try:
        await crowd.tell(EVENTS_IN_A_ROUND)
        for each in dying:
            each.connection.transport.abort()
        telling = asyncio.create_task(crowd.tell(EVENTS_IN_A_ROUND))
        await asyncio.gather(*(each.connection.close() for each in leaving), telling)
        for _ in range(ROUNDS - 2):
            await crowd.tell(EVENTS_IN_A_ROUND)
        await crowd.heard(healthy)
        await _swept(stack, healthy, people)
        await crowd.tell(1)
        await crowd.heard(healthy)
        await asyncio.sleep(3)
    finally:
        await crowd.end()
    for each in healthy:
        assert each.ids == Counter(crowd.told[each.person.id])


async def _swept(stack: Stack, healthy: Sequence[Listener], people: Sequence[Actor]) -> None:
    """Returns when exactly the connections of the healthy are in the table."""
    expected, deadline = Counter(each.person.id for each in healthy), time.monotonic() + 90
    while True:
        _, failed = await asyncio.to_thread(invoke, stack, "sweep_connections", scheduled_event())
        assert not failed
        found = Counter({person.id: await asyncio.to_thread(connections_of, stack, person) for person in people})
        by_themselves = await asyncio.to_thread(_by_themselves, stack, people)
        assert found >= expected
        if found == by_themselves == expected:
            return
        assert time.monotonic() < deadline, (found - expected, by_themselves - expected, expected - by_themselves)
        await asyncio.sleep(5)


def _by_themselves(stack: Stack, people: Sequence[Actor]) -> Counter[str]:
    """How many connections of each person the index of all connections has."""
    pages = (
        stack.client("dynamodb")
        .get_paginator("query")
        .paginate(
            TableName=TABLE,
            IndexName="gsi1",
            KeyConditionExpression="gsi1pk = :pk",
            ExpressionAttributeValues={":pk": {"S": "connections"}},
        )
    )
    ours = {person.id for person in people}
    owners = [item["person_id"]["S"] for page in pages for item in page["Items"]]
    return Counter(owner for owner in owners if owner in ours)


def _remember_nobody(stack: Stack, person: Actor) -> None:
    """A connection in the table whose socket never existed, opened an hour ago."""
    connection_id, expires_at = f"{uuid4().hex[:15]}=", {"N": str(int(time.time()) + 3600)}
    by_itself = {"gsi1pk": {"S": "connections"}, "gsi1sk": {"S": connection_id}}
    for pk, sk, more in (
        (f"connection#{connection_id}", "connection", {}),
        (f"person#{person.id}", f"connection#{connection_id}", by_itself),
    ):
        item = {"pk": {"S": pk}, "sk": {"S": sk}, "person_id": {"S": person.id}, "expires_at": expires_at, **more}
        stack.client("dynamodb").put_item(TableName=TABLE, Item=item)


def _order_of(person: Actor) -> dict[str, Any]:
    money = {"amount": 1299, "currency": "EUR"}
    line = {"product_id": str(new_id()), "seller_id": str(new_id()), "name": "A thing", "quantity": 1}
    return {
        "id": str(new_id()),
        "buyer_id": person.id,
        "status": "placed",
        "version": 1,
        "total": money,
        "lines": [line | {"unit_price": money, "line_total": money}],
        "placed_at": "2026-01-31T12:00:00Z",
        "confirmed_at": None,
    }
