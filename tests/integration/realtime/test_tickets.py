"""Tickets: who has one connects, once, soon, and from where it is allowed."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest

from chalicelib import table
from chalicelib.realtime import connections, tickets
from tests.environment import configured
from tests.gateway import HttpApi
from tests.listeners import Listeners
from tests.log_lines import LogLines
from tests.people import Person, enrolled
from tests.services import Aws
from tests.sockets import ORIGIN, connect, connected, is_known, new_id, ticket_of


def test_a_ticket_opens_one_connection_of_its_person(api: HttpApi, person: Person) -> None:
    issued = api.send("POST", "/realtime/tickets", person)
    connection_id = new_id()

    assert issued.status == 200
    assert issued.json()["expires_in"] == 30
    url = urlsplit(issued.json()["url"])
    assert (url.scheme, url.netloc, url.path) == ("wss", "realtime.marketplace.example", "/ws")
    assert parse_qs(url.query) == {"ticket": [issued.json()["ticket"]]}
    assert connect(issued.json()["ticket"], connection_id) == 200
    assert is_known(person.id, connection_id)
    assert connections.person_of(connection_id) == person.id


def test_a_ticket_is_good_once(person: Person) -> None:
    ticket = ticket_of(person.id)

    assert [connect(ticket) for _ in range(3)] == [200, 401, 401]
    assert len(connections.of_person(person.id)) == 1


def test_of_fifty_at_once_one_gets_in(person: Person) -> None:
    ticket, barrier = ticket_of(person.id), Barrier(50)

    def use(_: int) -> int:
        barrier.wait()
        return connect(ticket)

    with ThreadPoolExecutor(50) as threads:
        statuses = list(threads.map(use, range(50)))

    assert sorted(statuses) == [200] + [401] * 49
    assert len(connections.of_person(person.id)) == 1


def test_a_ticket_that_is_removed_without_a_condition_lets_in_who_comes_late(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tickets, "LIFETIME_SECONDS", -1)
    ticket = ticket_of(person.id)
    monkeypatch.setattr(tickets, "_take", lambda ticket: table.delete(tickets._partition(ticket), "ticket"))

    assert connect(ticket) == 200


def test_a_ticket_that_is_not_removed_lets_in_twice(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    ticket = ticket_of(person.id)
    monkeypatch.setattr(tickets, "_take", lambda ticket: table.get(tickets._partition(ticket), "ticket"))

    assert [connect(ticket), connect(ticket)] == [200, 200]


@pytest.mark.parametrize("age", [0, 1, 3600])
def test_a_ticket_that_has_expired_is_worth_nothing_though_it_is_still_stored(
    person: Person, monkeypatch: pytest.MonkeyPatch, age: int
) -> None:
    monkeypatch.setattr(tickets, "LIFETIME_SECONDS", -age)
    ticket = ticket_of(person.id)

    assert table.get(tickets._partition(ticket), "ticket") is not None
    assert connect(ticket) == 401
    assert connections.of_person(person.id) == []


def test_a_ticket_that_time_to_live_has_removed_is_worth_nothing(person: Person) -> None:
    ticket = ticket_of(person.id)
    table.delete(tickets._partition(ticket), "ticket")

    assert connect(ticket) == 401


@pytest.mark.parametrize(
    "ticket",
    [
        None, "", " ", "x", "A" * 43, "A" * 64, "A" * 65, "A" * 100_000, "\x00", "a\x00b", "\ud800", "\N{SNOWMAN}" * 64,
        "../ticket", "ticket#1", "' OR 1=1 --", "%00", "null",
    ],
    ids=lambda ticket: repr(ticket)[:20],
)  # fmt: skip
def test_what_is_no_ticket_opens_nothing(person: Person, ticket: str | None) -> None:
    assert connect(ticket) == 401


def test_nothing_but_the_ticket_opens(person: Person) -> None:
    ticket = ticket_of(person.id)

    assert connect(None, Ticket=ticket, token=ticket) == 401
    assert connect(tickets._partition(ticket).partition("#")[2]) == 401
    assert connect(ticket[:-1]) == 401
    assert connect(ticket.swapcase()) == 401
    assert connect(ticket) == 200


@pytest.mark.parametrize("origin", [None, ORIGIN, "https://shop.example", "http://localhost:3000"])
def test_allowed_origins_connect(socket_environment: dict[str, str], person: Person, origin: str | None) -> None:
    allowed = {"ALLOWED_ORIGINS": "https://shop.example,http://localhost:3000"}
    with configured(**socket_environment | allowed):
        assert connect(ticket_of(person.id), headers=_from(origin)) == 200


@pytest.mark.parametrize("name", ["Origin", "origin", "ORIGIN"])
@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example", "null", "", "http://realtime.marketplace.example", f"{ORIGIN}.evil.example",
        f"{ORIGIN}/", f"{ORIGIN}:444", "wss://realtime.marketplace.example", "https://shop.example.", "*",
    ],
)  # fmt: skip
def test_other_origins_do_not_and_keep_the_ticket(
    socket_environment: dict[str, str], person: Person, name: str, origin: str
) -> None:
    with configured(**socket_environment | {"ALLOWED_ORIGINS": "https://shop.example"}):
        ticket = ticket_of(person.id)

        assert connect(ticket, headers={name: origin}) == 403
        assert connections.of_person(person.id) == []
        assert connect(ticket) == 200


def test_without_the_check_any_origin_connects(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_check_origin", lambda headers: None)

    assert connect(ticket_of(person.id), headers=_from("https://evil.example")) == 200


def test_the_disabled_get_no_ticket(api: HttpApi, sockets: Listeners) -> None:
    refused = api.send("POST", "/realtime/tickets", enrolled(disabled=True))

    assert (refused.status, refused.problem) == (403, "forbidden")


def test_a_ticket_is_stored_as_its_digest_and_for_half_a_minute(api: HttpApi, aws: Aws, person: Person) -> None:
    ticket = api.send("POST", "/realtime/tickets", person).json()["ticket"]

    pages = aws.client("dynamodb").get_paginator("scan").paginate(TableName="marketplace-local")
    items = [item for page in pages for item in page["Items"]]
    assert ticket not in json.dumps(items)
    (stored,) = [item for item in items if item.get("person_id", {}).get("S") == str(person.id)]
    assert set(stored) == {"pk", "sk", "person_id", "expires_at"}
    assert 0 <= int(stored["expires_at"]["N"]) - table.expiry(0) <= 30
    assert len(ticket) >= 43


def test_no_ticket_is_like_another(person: Person) -> None:
    assert len({ticket_of(person.id) for _ in range(50)}) == 50


def test_a_ticket_is_in_no_log_line(api: HttpApi, person: Person, logs: LogLines) -> None:
    ticket = api.send("POST", "/realtime/tickets", person).json()["ticket"]
    for origin in ("https://evil.example", None, None):
        connect(ticket, headers=_from(origin))
    connect(made_up := f"made-up-{uuid4()}")

    messages = [record["message"] for record in logs.records]
    assert messages.count("connection refused") == 3
    assert messages.count("connected") == 1
    assert ticket not in logs.text
    assert made_up not in logs.text
    assert tickets._partition(ticket).partition("#")[2] not in logs.text


def test_there_is_an_end_to_the_connections_of_one_person(sockets: Listeners, person: Person) -> None:
    other = enrolled()
    for _ in range(19):
        connected(person.id)

    assert [connect(ticket_of(person.id)) for _ in range(3)] == [200, 429, 429]
    assert len(connections.of_person(person.id)) == connections.MOST_OF_ONE_PERSON == 20
    assert connect(ticket_of(other.id)) == 200


def test_connections_that_should_have_ended_do_not_count(person: Person) -> None:
    for _ in range(20):
        connected(person.id, seconds_ago=connections.LIFETIME_SECONDS)

    assert connect(ticket_of(person.id)) == 200
    assert len(connections.of_person(person.id)) == 1


@pytest.mark.parametrize(
    ("outage", "status"),
    [({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, 503), ({"TABLE_NAME": "not-there"}, 503)],
    ids=["nobody answers", "no such table"],
)
def test_an_outage_of_the_table_refuses(
    socket_environment: dict[str, str], api: HttpApi, person: Person, *, outage: dict[str, str], status: int
) -> None:
    with configured(**socket_environment | outage):
        assert connect("A" * 43) == status
        refused = api.send("POST", "/realtime/tickets", person)

    assert (refused.status, refused.problem) == (503, "unavailable")


def test_without_a_websocket_api_there_are_no_tickets(
    socket_environment: dict[str, str], api: HttpApi, person: Person
) -> None:
    with configured(**socket_environment | {"REALTIME_URL": ""}):
        refused = api.send("POST", "/realtime/tickets", person)

    assert (refused.status, refused.problem) == (503, "unavailable")
    assert refused.headers["retry-after"] == "60"


def _from(origin: str | None) -> dict[str, str]:
    return {} if origin is None else {"Origin": origin}
