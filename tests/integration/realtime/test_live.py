"""Fan-out: what has just been recorded reaches every open socket of its person, and what fails comes again."""

from __future__ import annotations

import json
import threading
from typing import Any
from uuid import UUID, uuid4

import pytest

import app
from chalicelib import realtime, table
from chalicelib.activity import items, live
from chalicelib.orders import events
from chalicelib.realtime.sockets import AT_ONCE
from tests.activity import an_order, history, stream_event, told
from tests.events import Context, failed
from tests.listeners import Listeners
from tests.log_lines import LogLines
from tests.people import Person
from tests.sockets import connected, is_known

LONGEST_NAME = "\N{TEAPOT}\N{GRINNING FACE}" * 100


def recorded(person: Person, **order: Any) -> table.Item:
    """The item of a new event of the person's."""
    return items.of_event(told(an_order(person.id, **order), events.PLACED, 1))


def push(*found: table.Item, context: Context | None = None, event_name: str = "INSERT") -> set[str]:
    """The sequence numbers from which the stream is to go on, after a batch of these items."""
    return failed(app.push_activity(stream_event(*found, event_name=event_name), context or Context()))


def ids_of(sockets: Listeners, connection_id: str) -> list[str]:
    """The ids of the frames that a connection got."""
    return [frame["id"] for frame in sockets.of(connection_id)]


def test_an_event_is_a_frame_on_every_socket_of_its_person(sockets: Listeners, person: Person, logs: LogLines) -> None:
    mine, theirs = [connected(person.id), connected(person.id)], connected(uuid4())
    order = an_order(person.id)
    first, second = history(order, [events.PLACED, events.CONFIRMED])

    assert push(items.of_event(first), items.of_event(second)) == set()

    for each in mine:
        frames = sockets.of(each)
        assert [frame["type"] for frame in frames] == ["order.placed", "order.confirmed"]
        assert frames[0] == {
            "type": "order.placed",
            "id": str(first.id),
            "occurred_at": first.occurred_at,
            "data": json.loads(first.to_json())["data"],
        }
    assert sockets.of(theirs) == []
    told_of = [record for record in logs.records if record["message"] == "event pushed"]
    assert [(each["event_id"], each["connections"]) for each in told_of] == [(str(first.id), 2), (str(second.id), 2)]


def test_the_frame_belongs_to_the_request_that_began_it_all(sockets: Listeners, person: Person, logs: LogLines) -> None:
    push(recorded(person) | {"correlation_id": "request-12345"})

    (told_of,) = [record for record in logs.records if record["message"] == "event pushed"]
    assert told_of["correlation_id"] == "request-12345"


@pytest.mark.parametrize("event_name", ["MODIFY", "REMOVE"])
def test_what_is_changed_or_removed_is_no_news(sockets: Listeners, person: Person, event_name: str) -> None:
    connection_id = connected(person.id)

    assert push(recorded(person), event_name=event_name) == set()

    assert sockets.of(connection_id) == []


def test_items_of_other_kinds_are_no_news(sockets: Listeners, person: Person) -> None:
    connection_id = connected(person.id)
    event = told(an_order(person.id), events.PLACED, 1)
    others: list[table.Item] = [
        items.of_order(event),
        {"pk": table.person(person.id), "sk": "profile", "kind": "profile", "name": "Ada"},
        {"pk": table.person(person.id), "sk": "connection#1", "expires_at": 1},
        {"pk": table.person(person.id), "sk": "budget#2026-11-22", "tokens": 17},
        {"pk": table.person(person.id), "sk": "conversation#1", "role": "user", "text": "kind activity"},
        {"pk": "ticket#1", "sk": "ticket", "person_id": str(person.id)},
    ]

    assert push(*others) == set()

    assert sockets.frames == {}
    assert push(items.of_event(event)) == set()
    assert len(sockets.of(connection_id)) == 1


def test_the_largest_order_fits_into_one_frame_without_its_lines(sockets: Listeners, person: Person) -> None:
    connection_id = connected(person.id)
    large = recorded(person, lines=50, name=LONGEST_NAME)

    assert push(large) == set()

    (frame,) = sockets.of(connection_id)
    assert sockets.sizes[-1] < realtime.MAX_FRAME_BYTES
    assert frame["data"]["lines_omitted"] is True
    assert frame["data"] == {k: v for k, v in large["data"].items() if k != "lines"} | {"lines_omitted": True}


def test_a_frame_of_just_under_32_kb_has_its_lines(sockets: Listeners, person: Person) -> None:
    connection_id, room = connected(person.id), realtime.MAX_FRAME_BYTES
    item = recorded(person, name="")
    line = item["data"]["lines"][0]
    line["name"] = "a" * (room - len(json.dumps(live.frame(item), separators=(",", ":"))) - 1)
    larger = recorded(person, name=line["name"] + "a")

    assert push(item, larger) == set()

    with_lines, without = sockets.of(connection_id)
    assert len(with_lines["data"]["lines"][0]["name"]) > 30_000
    assert "lines_omitted" not in with_lines["data"]
    assert without["data"]["lines_omitted"] is True
    assert max(sockets.sizes) == room - 1


def test_without_that_the_largest_order_would_not_be_sent(
    sockets: Listeners, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected(person.id)
    monkeypatch.setattr(realtime, "fits", lambda _: True)

    assert push(recorded(person, lines=50, name=LONGEST_NAME)) == {"0"}


@pytest.mark.parametrize("status", [429, 500])
def test_a_record_that_fails_is_reported_and_the_others_are_served(
    sockets: Listeners, status: int, logs: LogLines
) -> None:
    people = [Person() for _ in range(5)]
    connection_of = {person.id: connected(person.id) for person in people}
    batch = [recorded(person) for person in people]
    troubled = connection_of[people[2].id]
    sockets.refuses_all_of = lambda each: status if each == troubled else None

    assert push(*batch) == {"2"}

    for person, item in zip(people, batch, strict=True):
        expected = [] if connection_of[person.id] == troubled else [item["id"]]
        assert ids_of(sockets, connection_of[person.id]) == expected
    sockets.refuses_all_of = lambda _: None
    assert push(*batch[2:]) == set()
    assert ids_of(sockets, troubled) == [batch[2]["id"]]


def test_one_socket_of_several_that_fails_costs_the_others_nothing(sockets: Listeners, person: Person) -> None:
    mine = sorted(connected(person.id) for _ in range(3))
    sockets.refuses_all_of = lambda each: 500 if each == mine[0] else None
    item = recorded(person)

    assert push(item) == {"0"}

    assert [ids_of(sockets, each) for each in mine] == [[], [item["id"]], [item["id"]]]


def test_silent_sockets_are_waited_for_together(sockets: Listeners, person: Person) -> None:
    mine = [connected(person.id) for _ in range(AT_ONCE)]
    all_asked = threading.Barrier(AT_ONCE, timeout=2)
    sockets.refuses_all_of = lambda _: None if all_asked.wait() < AT_ONCE else 500
    item = recorded(person)

    assert push(item) == set()

    assert [ids_of(sockets, each) for each in mine] == [[item["id"]]] * AT_ONCE


def test_who_is_gone_makes_no_record_fail(sockets: Listeners, person: Person) -> None:
    gone, there = connected(person.id), connected(person.id)
    sockets.refuses_all_of = lambda each: 410 if each == gone else None
    item = recorded(person)

    assert push(item, recorded(person)) == set()

    assert not is_known(person.id, gone)
    assert len(ids_of(sockets, there)) == 2


@pytest.mark.parametrize("without", ["id", "type", "data", "occurred_at", "correlation_id"])
def test_an_item_that_nobody_can_read_holds_no_other_up(sockets: Listeners, person: Person, without: str) -> None:
    connection_id = connected(person.id)
    bad, good = recorded(person), recorded(person)
    del bad[without]

    assert push(good, bad, recorded(person)) == {"1"}

    assert ids_of(sockets, connection_id)[0] == good["id"]
    assert len(ids_of(sockets, connection_id)) == 2


def test_an_item_of_nobody_holds_no_other_up(sockets: Listeners, person: Person) -> None:
    connection_id = connected(person.id)

    assert push(recorded(person) | {"pk": "person#nobody"}, recorded(person)) == {"0"}

    assert len(sockets.of(connection_id)) == 1


def test_no_record_is_begun_when_the_time_is_nearly_up(sockets: Listeners, person: Person) -> None:
    connection_id = connected(person.id)
    batch = [recorded(person) for _ in range(4)]

    report = push(*batch, context=Context(30_000, 5_000, 4_999))

    assert report == {"2", "3"}
    assert ids_of(sockets, connection_id) == [item["id"] for item in batch[:2]]


def test_without_looking_at_the_time_all_would_be_begun(
    sockets: Listeners, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "RESERVE_MILLISECONDS", 0)

    assert push(recorded(person), recorded(person), context=Context(30_000, 1)) == set()


def test_a_whole_batch_that_fails_is_reported_not_raised(sockets: Listeners) -> None:
    people = [uuid4() for _ in range(3)]
    for person_id in people:
        connected(person_id)
    sockets.refuses_all_of = lambda _: 500

    assert push(*(recorded(Person(id=UUID(str(each)))) for each in people)) == {"0", "1", "2"}


def test_a_batch_that_is_repeated_sends_the_same_ids(sockets: Listeners, person: Person) -> None:
    connection_id, batch = connected(person.id), [recorded(person) for _ in range(3)]

    push(*batch)
    push(*batch)

    assert ids_of(sockets, connection_id) == [item["id"] for item in batch] * 2
