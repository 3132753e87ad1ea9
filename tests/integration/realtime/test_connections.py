"""Connections: remembered while they last, and forgotten whoever notices that they have ended."""

from __future__ import annotations

import time
from uuid import UUID, uuid4

import pytest

import app
from chalicelib import realtime, table
from chalicelib.errors import Unavailable
from chalicelib.realtime import connections, sweep
from chalicelib.realtime import sockets as sending
from tests.environment import configured
from tests.events import Context, scheduled_event
from tests.listeners import Listeners
from tests.log_lines import LogLines
from tests.people import Person, enrolled
from tests.sockets import connect, connected, disconnect, is_known, keys, new_id, ticket_of

FRAME = {"type": "order.shipped", "id": "1"}


# --- ends -------------------------------------------------------------------------------------------------------------


def test_a_connection_that_ends_is_forgotten(person: Person) -> None:
    ended, other = connected(person.id), connected(person.id)

    disconnect(ended)
    disconnect(ended)

    assert not is_known(person.id, ended)
    assert connections.person_of(ended) is None
    assert is_known(person.id, other)


def test_the_end_of_a_connection_that_nobody_knows_is_nothing(sockets: Listeners) -> None:
    disconnect(new_id())


def test_a_connection_is_stored_for_a_little_longer_than_it_can_last(person: Person) -> None:
    connection_id = new_id()
    connect(ticket_of(person.id), connection_id)

    for pk, sk in keys(person.id, connection_id):
        item = table.get(pk, sk)
        assert item is not None
        assert 2 * 3600 < item["expires_at"] - time.time() <= 2 * 3600 + 600


def test_a_connection_that_should_have_ended_is_nobodys(person: Person) -> None:
    old = connected(person.id, seconds_ago=connections.LIFETIME_SECONDS)

    assert connections.person_of(old) is None
    assert connections.of_person(person.id) == []


# --- sending ----------------------------------------------------------------------------------------------------------


def test_a_frame_reaches_every_connection_of_its_person_and_no_other(sockets: Listeners, person: Person) -> None:
    mine, other = [connected(person.id) for _ in range(3)], enrolled()
    theirs = connected(other.id)

    assert realtime.push(person.id, FRAME) == 3

    assert [sockets.of(each) for each in mine] == [[FRAME]] * 3
    assert sockets.of(theirs) == []


def test_a_frame_for_somebody_who_is_not_connected_goes_nowhere(sockets: Listeners) -> None:
    assert realtime.push(uuid4(), FRAME) == 0
    assert sockets.frames == {}


@pytest.mark.parametrize("status", [410, 400])
def test_who_is_gone_is_forgotten_and_the_others_are_served(sockets: Listeners, person: Person, status: int) -> None:
    gone, *there = (connected(person.id) for _ in range(3))
    sockets.refuses_all_of = lambda connection_id: status if connection_id == gone else None

    assert realtime.push(person.id, FRAME) == 2

    assert not is_known(person.id, gone)
    assert [sockets.of(each) for each in there] == [[FRAME]] * 2
    assert sorted(connections.of_person(person.id)) == sorted(there)


def test_without_the_removal_who_is_gone_stays(
    sockets: Listeners, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = connected(person.id)
    sockets.refuses_all_of = lambda _: 410
    monkeypatch.setattr(connections, "remove_gone", lambda *_: None)

    realtime.push(person.id, FRAME)

    assert is_known(person.id, gone)


def test_a_connection_that_is_only_just_opening_is_not_forgotten(sockets: Listeners, person: Person) -> None:
    opening, connection_id = connected(person.id, seconds_ago=0), connected(person.id)
    sockets.refuses_all_of = lambda _: 410

    assert realtime.push(person.id, FRAME) == 0
    app.sweep_connections(scheduled_event(), Context())

    assert is_known(person.id, opening)
    assert not is_known(person.id, connection_id)
    sockets.forget()
    assert realtime.push(person.id, FRAME) == 1


def test_half_of_a_connection_that_a_crash_left_is_forgotten(sockets: Listeners, person: Person) -> None:
    connection_id = connected(person.id)
    table.delete(f"connection#{connection_id}", "connection")
    sockets.refuses_all_of = lambda _: 410

    assert realtime.push(person.id, FRAME) == 0

    assert not is_known(person.id, connection_id)


@pytest.mark.parametrize("status", [429, 500])
def test_what_may_arrive_later_is_an_error_and_forgets_nobody(sockets: Listeners, person: Person, status: int) -> None:
    troubled, there = connected(person.id), connected(person.id)
    first = min(troubled, there)
    sockets.refuses_all_of = lambda connection_id: status if connection_id == first else None

    with pytest.raises(Unavailable):
        realtime.push(person.id, FRAME)

    assert is_known(person.id, troubled)
    assert is_known(person.id, there)
    assert [sockets.of(each) for each in sorted((troubled, there))] == [[], [FRAME]]


def test_a_frame_whose_answer_is_lost_is_not_sent_again(sockets: Listeners, person: Person) -> None:
    connection_id = connected(person.id)
    sockets.refuses = lambda _: 0

    with pytest.raises(Unavailable):
        realtime.push(person.id, FRAME)

    assert sockets.of(connection_id) == [FRAME]
    assert is_known(person.id, connection_id)


def test_a_silent_endpoint_is_an_error_soon_and_is_asked_once(
    socket_environment: dict[str, str], sockets: Listeners, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chalicelib import clients

    connection_id, asked = connected(person.id), list[str]()

    def silent(connection_id: str) -> None:
        asked.append(connection_id)
        time.sleep(2)

    monkeypatch.setattr(clients, "READ_SECONDS", 1)
    sockets.refuses_all_of = silent
    begin = time.monotonic()

    with configured(**socket_environment), pytest.raises(Unavailable):
        realtime.send(connection_id, FRAME)

    assert time.monotonic() - begin < 1.9
    assert asked == [connection_id]
    assert is_known(person.id, connection_id)


def test_nobody_listens_is_an_error(socket_environment: dict[str, str], person: Person) -> None:
    connection_id = connected(person.id)

    with configured(**socket_environment | {"REALTIME_ENDPOINT": "http://127.0.0.1:9"}), pytest.raises(Unavailable):
        realtime.send(connection_id, FRAME)

    assert is_known(person.id, connection_id)


def test_a_frame_that_is_too_large_is_not_sent(sockets: Listeners, person: Person) -> None:
    connection_id = connected(person.id)
    room = realtime.MAX_FRAME_BYTES - len(b'{"type":"x","text":""}') - 1

    realtime.send(connection_id, {"type": "x", "text": "a" * room})
    with pytest.raises(sending.FrameTooLarge):
        realtime.send(connection_id, {"type": "x", "text": "a" * (room + 1)})

    assert sockets.sizes == [realtime.MAX_FRAME_BYTES - 1]


# --- sweep ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def _nobody_else(sockets: Listeners) -> None:
    for item in table.indexed(connections.BY_ITSELF):
        connections.remove(item["gsi1sk"], item["person_id"])


@pytest.mark.usefixtures("_nobody_else")
def test_the_sweep_removes_whoever_is_gone_and_keeps_the_others(sockets: Listeners, logs: LogLines) -> None:
    people = [uuid4() for _ in range(20)]
    everybody = {connected(person_id): person_id for person_id in people for _ in range(5)}
    gone = {each for number, each in enumerate(sorted(everybody)) if number % 10 == 0}
    strange = {each for number, each in enumerate(sorted(everybody)) if number % 10 == 5}
    unclear = {each for number, each in enumerate(sorted(everybody)) if number % 10 == 7}
    sockets.refuses_all_of = lambda each: (
        410 if each in gone else 400 if each in strange else 429 if each in unclear else None
    )

    app.sweep_connections(scheduled_event(), Context())

    _assert_left(everybody, gone | strange)
    (told,) = [record for record in logs.records if record["message"] == "connections swept"]
    assert (told["looked_at"], told["removed"]) == (100, 20)


@pytest.mark.usefixtures("_nobody_else")
@pytest.mark.parametrize("start", ["0", "5", "a", "f", "Z", "z"])
def test_the_sweep_looks_at_everybody_once_wherever_it_begins(
    sockets: Listeners, monkeypatch: pytest.MonkeyPatch, start: str
) -> None:
    everybody = {connected(person_id): person_id for person_id in [uuid4()] for _ in range(19)}
    monkeypatch.setattr(sweep, "_PAGE", 4)
    monkeypatch.setattr(sweep, "_ALPHABET", start)
    looked_at = list[str]()
    sockets.refuses_all_of = looked_at.append

    app.sweep_connections(scheduled_event(), Context())

    assert sorted(looked_at) == sorted(everybody)


@pytest.mark.usefixtures("_nobody_else")
def test_the_sweep_removes_what_should_have_ended_without_asking(sockets: Listeners, person: Person) -> None:
    old = connected(person.id, seconds_ago=connections.LIFETIME_SECONDS)
    asked = list[str]()
    sockets.refuses_all_of = asked.append

    app.sweep_connections(scheduled_event(), Context())

    assert not is_known(person.id, old)
    assert asked == []


@pytest.mark.usefixtures("_nobody_else")
def test_the_sweep_finds_half_of_a_connection_that_a_crash_left(
    sockets: Listeners, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection_id = connected(person.id)
    with monkeypatch.context() as crashing:
        crashing.setattr(connections, "_forget", lambda *_: None)
        disconnect(connection_id)
    assert connections.of_person(person.id) == [connection_id]
    sockets.refuses_all_of = lambda _: 410

    app.sweep_connections(scheduled_event(), Context())

    assert not is_known(person.id, connection_id)


@pytest.mark.usefixtures("_nobody_else")
def test_a_sweep_ends_before_its_time_does(sockets: Listeners, person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    everybody = [connected(person.id) for _ in range(12)]
    monkeypatch.setattr(sweep, "_PAGE", 5)
    sockets.refuses_all_of = lambda _: 410

    app.sweep_connections(scheduled_event(), Context(60_000, 9_000))

    assert 7 <= sum(is_known(person.id, each) for each in everybody) < 12
    app.sweep_connections(scheduled_event(), Context())
    assert connections.of_person(person.id) == []


@pytest.mark.usefixtures("_nobody_else")
def test_the_sweep_removes_nobody_when_nothing_answers(
    socket_environment: dict[str, str], sockets: Listeners, person: Person
) -> None:
    connection_id = connected(person.id)

    with configured(**socket_environment | {"REALTIME_ENDPOINT": "http://127.0.0.1:9"}):
        app.sweep_connections(scheduled_event(), Context())

    assert is_known(person.id, connection_id)


def _assert_left(everybody: dict[str, UUID], removed: set[str]) -> None:
    left = {each for each, person_id in everybody.items() if is_known(person_id, each)}
    assert left == everybody.keys() - removed
    assert {item["gsi1sk"] for item in table.indexed(connections.BY_ITSELF)} == left
