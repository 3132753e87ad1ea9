"""Activity: what happened to a person's orders, each event once, whatever way and however often it came."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count, permutations
from random import Random
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import pytest
from botocore.exceptions import ClientError

import app
from chalicelib import clients, table
from chalicelib.activity import items, recorder
from chalicelib.errors import Unavailable
from chalicelib.messaging import relay
from chalicelib.messaging.envelope import Envelope, Unreadable, sealed
from chalicelib.orders import events
from chalicelib.users import events as user_events
from tests.activity import a_person, an_order, change, history, notification, registration, told
from tests.environment import configured
from tests.events import Context, scheduled_event
from tests.gateway import HttpApi
from tests.log_lines import LogLines
from tests.orders import confirmed, placed
from tests.people import Person, enrolled
from tests.products import listed
from tests.proxies import Proxy, proxy_to
from tests.services import Aws, Services

HISTORY = (events.PLACED, events.CONFIRMED, events.SHIPPED)


def record(*messages: Envelope | str) -> None:
    """The function gets one notification with these messages."""
    app.record_activity(notification(*messages), Context())


def activity(api: HttpApi, person: Person, limit: int = 200) -> dict[str, Any]:
    """What the person reads of their activity."""
    found: dict[str, Any] = api.get("/me/activity", person, query={"limit": limit}).json()
    return found


def stored(buyer_id: UUID) -> tuple[list[str], list[str]]:
    """The status of each order, and the ids of the events, that are stored of a buyer."""
    found = table.query(table.person(buyer_id), items.FEED)
    return (
        [item["status"] for item in found if item["kind"] == items.ORDER],
        sorted(item["id"] for item in found if item["kind"] == items.EVENT),
    )


def ids(messages: Sequence[Envelope]) -> list[str]:
    """The ids of events, sorted."""
    return sorted(str(message.id) for message in messages)


@pytest.fixture
def buyer(environment: dict[str, str]) -> Person:
    return enrolled()


# --- equal to the orders ----------------------------------------------------------------------------------------------


def test_after_200_events_in_any_order_the_activity_equals_the_orders(
    api: HttpApi, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "relay_soon", lambda _: None)
    randomness, buyers = Random(20), [enrolled() for _ in range(8)]
    bodies = _lived(api, services, randomness, buyers)
    deliveries = [*bodies, *randomness.sample(bodies, len(bodies) // 2)]
    randomness.shuffle(deliveries)
    batches = [deliveries[start : start + 2] for start in range(0, len(deliveries), 2)]

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda batch: record(*batch), batches))

    assert len(bodies) >= 200
    for person in buyers:
        _assert_equal(api, person, [json.loads(body) for body in bodies])


@pytest.mark.parametrize("arrival", list(permutations(range(3))), ids=str)
def test_the_last_version_stays_in_whatever_order_events_arrive(
    environment: dict[str, str], arrival: tuple[int, ...]
) -> None:
    order = history(an_order(buyer_id := uuid4()), HISTORY)

    for number in arrival:
        record(order[number], order[number])

    assert stored(buyer_id) == (["shipped"], ids(order))


def test_without_the_condition_on_the_version_an_old_event_wins(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    order = history(an_order(buyer_id := uuid4()), HISTORY)
    monkeypatch.setattr(recorder, "NEWER", "attribute_not_exists(pk) OR #version <> :version")

    for event in reversed(order):
        record(event)

    assert stored(buyer_id) == (["placed"], ids(order))


def test_a_repetition_is_not_stored_anew(environment: dict[str, str], logs: LogLines) -> None:
    event = told(an_order(), events.PLACED, 1)
    record(event)
    _mark(event)

    record(event, event)

    assert _is_marked(event)
    told_of = [record for record in logs.records if record["message"] == "activity recorded"]
    assert [each["repeated"] for each in told_of] == [False, True, True]


def test_without_the_condition_on_the_event_it_would_be(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    event = told(an_order(), events.PLACED, 1)
    record(event)
    _mark(event)
    monkeypatch.setattr(table, "ABSENT", "attribute_not_exists(pk) OR attribute_exists(pk)")

    record(event)

    assert not _is_marked(event)


def test_a_message_that_nobody_can_read_fails_after_the_others_are_recorded(environment: dict[str, str]) -> None:
    buyer_id = uuid4()
    first, last = (told(an_order(buyer_id), events.PLACED, 1) for _ in range(2))
    stranger = sealed(user_events.CHANGED, a_person())
    later_version = json.dumps(json.loads(first.to_json()) | {"version": 2, "id": str(uuid4())})

    for bad in ("not JSON", "{}", later_version, stranger):
        with pytest.raises(Unreadable):
            record(first, bad, last)

    assert stored(buyer_id)[1] == ids([first, last])


def test_an_outage_is_an_error_so_that_the_delivery_is_repeated(environment: dict[str, str]) -> None:
    event = told(an_order(buyer_id := uuid4()), events.PLACED, 1)

    with configured(**environment | {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}), pytest.raises(Unavailable):
        record(event)

    record(event)
    assert stored(buyer_id) == (["placed"], ids([event]))


def test_what_is_recorded_is_kept_for_90_days(environment: dict[str, str]) -> None:
    record(told(an_order(buyer_id := uuid4()), events.PLACED, 1))

    for item in table.query(table.person(buyer_id), items.FEED):
        assert 0 <= table.expiry(90 * 86_400) - item["expires_at"] < 60


# --- crashes and conflicts --------------------------------------------------------------------------------------------


class Crash(BaseException):
    """The function died."""


class Client:
    """A client of DynamoDB that dies before or after one of its calls, or is in the way of others' transactions."""

    def __init__(self, *, dies_before: int = 0, dies_after: int = 0, conflicts: int = 0) -> None:
        self._real, self._dies_before, self._dies_after = clients.client("dynamodb"), dies_before, dies_after
        self._conflicts, self.calls = conflicts, list[str]()

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**arguments: Any) -> Any:
            self.calls.append(operation)
            number = len(self.calls)
            if number == self._dies_before:
                raise Crash
            if number <= self._conflicts:
                raise _conflict(operation)
            try:
                return getattr(self._real, operation)(**arguments)
            finally:
                if number == self._dies_after:
                    raise Crash

        return call


@pytest.mark.parametrize("arrival", [(0, 1, 2), (2, 1, 0), (1, 2, 0)], ids=str)
@pytest.mark.parametrize("moment", ["dies_before", "dies_after"])
def test_a_death_at_any_call_is_made_good_by_the_repetition(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, moment: str, arrival: tuple[int, ...]
) -> None:
    for call in count(1):
        order, client = history(an_order(buyer_id := uuid4()), HISTORY), Client(**{moment: call})
        with monkeypatch.context() as crashing:
            crashing.setattr(table, "_client", lambda client=client: client)
            has_died = [_recorded_in_the_end(order[number]) for number in arrival]
        assert stored(buyer_id) == (["shipped"], ids(order))
        if not any(has_died):
            break
    assert call > len(HISTORY)


@pytest.mark.parametrize("conflicts", [1, 2, 3])
def test_a_transaction_that_another_one_is_in_the_way_of_is_tried_again(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, conflicts: int
) -> None:
    event, client = told(an_order(buyer_id := uuid4()), events.PLACED, 1), Client(conflicts=conflicts)
    with monkeypatch.context() as busy:
        busy.setattr(table, "_client", lambda: client)
        record(event)

    assert client.calls == ["transact_write_items"] * (conflicts + 1)
    assert stored(buyer_id) == (["placed"], ids([event]))


def test_a_conflict_that_does_not_end_is_an_error(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    event, client = told(an_order(buyer_id := uuid4()), events.PLACED, 1), Client(conflicts=4)
    with monkeypatch.context() as busy:
        busy.setattr(table, "_client", lambda: client)
        with pytest.raises(Unavailable):
            record(event)

    assert len(client.calls) == 4
    assert stored(buyer_id) == ([], [])


def test_a_single_item_that_a_transaction_is_in_the_way_of_is_tried_again(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    person, client = a_person(), Client(conflicts=3)
    with monkeypatch.context() as busy:
        busy.setattr(table, "_client", lambda: client)
        app.record_profiles(registration(person), Context())

    assert client.calls == ["put_item"] * 4
    assert table.get(table.person(person.id), "profile") is not None


# --- reading ----------------------------------------------------------------------------------------------------------


@contextmanager
def counted(environment: dict[str, str], services: Services, aws: Aws) -> Iterator[tuple[Proxy, Proxy]]:
    """The ways to DynamoDB and to PostgreSQL, on which round trips are counted."""
    moto = urlsplit(aws.endpoint)
    with (
        proxy_to(str(moto.hostname), int(moto.port or 0)) as to_table,
        proxy_to(services.app.host, services.app.port) as to_database,
    ):
        login = dataclasses.replace(services.app, port=to_database.port)
        variables = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{to_table.port}",
            "DATABASE_URL": login.url(),
            "DATABASE_POOL_SIZE": "1",
        }
        with configured(**environment | variables):
            yield to_table, to_database


@pytest.mark.parametrize("orders", [0, 1, 40])
def test_reading_is_one_call_of_the_table_and_none_of_the_database(
    api: HttpApi, environment: dict[str, str], services: Services, aws: Aws, *, orders: int
) -> None:
    profile = a_person()
    person = Person(profile.id)
    app.record_profiles(registration(profile), Context())
    for _ in range(orders):
        record(*history(an_order(person.id), HISTORY))

    with counted(environment, services, aws) as (to_table, to_database):
        found = activity(api, person)

    assert to_table.round_trips == 1
    assert to_database.round_trips == 0
    assert (len(found["orders"]), len(found["items"])) == (orders, orders * 3)


def test_without_a_summary_the_profile_is_read_once(
    api: HttpApi, environment: dict[str, str], services: Services, aws: Aws, buyer: Person
) -> None:
    with counted(environment, services, aws) as (to_table, to_database):
        found = activity(api, buyer)

    assert (found["profile"]["id"], found["profile"]["email"]) == (str(buyer.id), buyer.email)
    assert to_table.round_trips == 1
    assert to_database.connections == 1


def test_what_happened_is_told_newest_first_and_no_more_than_asked_for(api: HttpApi, buyer: Person) -> None:
    orders = [history(an_order(buyer.id, lines=2), HISTORY) for _ in range(4)]
    for order in orders:
        record(*order)

    found = activity(api, buyer)
    few = activity(api, buyer, limit=5)

    assert [item["id"] for item in found["items"]] == ids([event for order in orders for event in order])[::-1]
    assert [order["id"] for order in found["orders"]] == [order[0].data["id"] for order in orders][::-1]
    assert len(few["items"]) + len(few["orders"]) == 5
    assert few["items"] == found["items"][: len(few["items"])]
    assert few["profile"]["email"] == buyer.email
    newest = found["items"][0]
    assert set(newest) == {"id", "type", "occurred_at", "order"}
    assert newest["type"] == "order.shipped"
    assert newest["order"] == {name: orders[-1][-1].data[name] for name in ("id", "status", "total")}


def test_the_order_of_an_event_is_as_it_was_right_after_it(api: HttpApi, buyer: Person) -> None:
    record(*history(an_order(buyer.id), HISTORY))

    found = activity(api, buyer)

    assert [item["order"]["status"] for item in found["items"]] == ["shipped", "confirmed", "placed"]
    assert [order["status"] for order in found["orders"]] == ["shipped"]


@pytest.mark.parametrize("limit", ["0", "201", "-1", "x", "", "1e2"])
def test_a_limit_is_a_number_up_to_200(api: HttpApi, buyer: Person, limit: str) -> None:
    refused = api.send("GET", "/me/activity", buyer, query={"limit": limit})

    assert (refused.status, refused.pointers) == (422, ["/limit"])


def test_the_largest_orders_fit_into_an_answer(api: HttpApi, buyer: Person) -> None:
    name = "\N{TEAPOT}\N{GRINNING FACE}" * 100
    for _ in range(5):
        record(*history(an_order(buyer.id, lines=50, name=name), HISTORY))

    found = activity(api, buyer)

    assert found["profile"]["email"] == buyer.email
    assert len(found["orders"]) == 5
    assert len(found["items"]) == 15


def test_people_see_their_own_activity_alone(api: HttpApi, buyer: Person) -> None:
    other = enrolled()
    record(told(an_order(buyer.id), events.PLACED, 1))

    assert activity(api, other) | {"profile": {}} == {"profile": {}, "orders": [], "items": []}
    assert len(activity(api, buyer)["items"]) == 1
    assert activity(api, other)["profile"]["id"] == str(other.id)


def test_nothing_else_about_a_person_is_their_activity(api: HttpApi, buyer: Person) -> None:
    for sk in ("budget#2026-11-22", "connection#1", "conversation#1#2"):
        table.put({"pk": table.person(buyer.id), "sk": sk, "text": "x"})

    assert activity(api, buyer) | {"profile": {}} == {"profile": {}, "orders": [], "items": []}


# --- people -----------------------------------------------------------------------------------------------------------


def test_a_registration_and_changes_are_the_summary(api: HttpApi, environment: dict[str, str]) -> None:
    person = a_person(name="Ada")
    app.record_profiles(registration(person), Context())
    assert activity(api, Person(person.id))["profile"]["name"] == "Ada"

    app.record_profiles(change(dataclasses.replace(person, name="Ada L.", version=2)), Context())

    assert activity(api, Person(person.id))["profile"] == {
        "id": str(person.id),
        "email": person.email,
        "name": "Ada L.",
        "created_at": person.created_at.isoformat().replace("+00:00", "Z"),
    }


@pytest.mark.parametrize("arrival", list(permutations(range(3))), ids=str)
def test_the_newest_summary_stays_in_whatever_order_changes_arrive(
    environment: dict[str, str], arrival: tuple[int, ...]
) -> None:
    person = a_person()
    told_of = [registration(person)]
    told_of += [change(dataclasses.replace(person, name=f"Name {n}", version=n)) for n in (2, 3)]

    for number in (*arrival, *arrival):
        app.record_profiles(told_of[number], Context())

    found = table.get(table.person(person.id), "profile")
    assert found is not None
    assert (found["name"], found["version"]) == ("Name 3", 3)
    assert "expires_at" not in found


def test_without_the_condition_on_the_version_an_old_summary_wins(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    person = a_person()
    app.record_profiles(change(dataclasses.replace(person, name="New", version=2)), Context())
    monkeypatch.setattr(recorder, "NEWER", "attribute_not_exists(pk) OR #version <> :version")

    app.record_profiles(registration(person), Context())

    found = table.get(table.person(person.id), "profile")
    assert found is not None
    assert found["version"] == 1


def test_what_is_no_event_of_people_is_an_error(environment: dict[str, str]) -> None:
    order = told(an_order(), events.PLACED, 1)

    with pytest.raises(Unreadable):
        app.record_profiles(scheduled_event() | {"detail": json.loads(order.to_json())}, Context())


def test_an_admin_finds_somebody_by_their_address(api: HttpApi, environment: dict[str, str]) -> None:
    person = a_person(email=f"Ada.{uuid4().hex}@Example.com")
    app.record_profiles(registration(person), Context())
    record(told(an_order(person.id), events.PLACED, 1))

    for address in (person.email, person.email.lower(), person.email.upper()):
        found = api.get("/admin/activity", enrolled("admins"), query={"email": address}).json()
        assert found == activity(api, Person(person.id))
        assert len(found["items"]) == 1


@pytest.mark.parametrize("role", ["users", "moderators"])
def test_nobody_but_admins_finds_anybody(api: HttpApi, environment: dict[str, str], role: str) -> None:
    person = a_person()
    app.record_profiles(registration(person), Context())

    assert api.send("GET", "/admin/activity", enrolled(role), query={"email": person.email}).status == 403


def test_an_admin_who_is_none_any_more_finds_nobody(api: HttpApi, environment: dict[str, str]) -> None:
    person, demoted = a_person(), Person(enrolled().id, groups=("users", "admins"))
    app.record_profiles(registration(person), Context())

    refused = api.send("GET", "/admin/activity", demoted, query={"email": person.email})

    assert (refused.status, refused.problem) == (403, "forbidden")


def test_an_address_that_nobody_has_is_not_found(api: HttpApi, environment: dict[str, str]) -> None:
    refused = api.send("GET", "/admin/activity", enrolled("admins"), query={"email": f"{uuid4()}@example.com"})

    assert (refused.status, refused.problem) == (404, "person-not-found")


@pytest.mark.parametrize("query", [{}, {"email": ""}, {"email": "nobody"}, {"email": "a@example.com", "limit": "0"}])
def test_a_search_for_no_address_is_refused(api: HttpApi, environment: dict[str, str], query: dict[str, str]) -> None:
    assert api.send("GET", "/admin/activity", enrolled("admins"), query=query).status == 422


def test_who_is_in_the_index_and_not_yet_in_the_table_is_found(
    api: HttpApi, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    person = a_person()
    app.record_profiles(registration(person), Context())
    monkeypatch.setattr(table, "newest", lambda *_, **__: [])

    found = api.get("/admin/activity", enrolled("admins"), query={"email": person.email}).json()

    assert found["profile"]["id"] == str(person.id)


def test_an_account_that_is_made_on_first_use_tells_so_once(api: HttpApi, services: Services, aws: Aws) -> None:
    person = aws.signed_up(f"{uuid4()}@example.com")

    activity(api, person)
    activity(api, person)
    api.get("/me", person)

    told_of = services.sql("SELECT type, destination FROM outbox WHERE group_id = :id", id=str(person.id))
    assert told_of == [["user.registered", "bus"]]


def test_a_change_of_the_profile_is_told_and_recorded(api: HttpApi, services: Services, buyer: Person) -> None:
    changed = api.send("PATCH", "/me", buyer, headers={"if-match": "*"}, body={"name": "Somebody new"})
    assert changed.status == 200

    ((body,),) = services.sql("SELECT body FROM outbox WHERE group_id = :id", id=str(buyer.id))
    app.record_profiles(scheduled_event() | {"detail": json.loads(body)}, Context())

    assert json.loads(body)["type"] == "user.changed"
    assert activity(api, buyer)["profile"]["name"] == "Somebody new"


def test_nobodys_name_or_address_is_logged(environment: dict[str, str], logs: LogLines) -> None:
    person = a_person(name="Canary", email="canary@example.com")

    app.record_profiles(registration(person), Context())

    assert "profile recorded" in logs.text
    assert "anary" not in logs.text


# --- the parts of the tests -------------------------------------------------------------------------------------------


def _lived(api: HttpApi, services: Services, randomness: Random, buyers: Sequence[Person]) -> list[str]:
    """Orders of random buyers that came to random ends; returns what the topic is to be told of them."""
    seller = enrolled()
    products = [listed(seller, stock=100_000) for _ in range(6)]
    orders, told_of = list[str](), list[str]()
    while len(told_of) < 200:
        orders += [_order_of(api, randomness, buyers, seller, products=products) for _ in range(20)]
        app.expire_orders(scheduled_event(), Context())
        rows = services.sql(
            "SELECT body FROM outbox WHERE destination = 'order-events' AND group_id = ANY(CAST(:ids AS uuid[]))",
            ids=orders,
        )
        told_of = [row[0] for row in rows]
    return told_of


def _order_of(
    api: HttpApi, randomness: Random, buyers: Sequence[Person], seller: Person, *, products: Sequence[str]
) -> str:
    buyer = randomness.choice(buyers)
    wanted = {product: randomness.randint(1, 5) for product in randomness.sample(products, randomness.randint(1, 4))}
    end = randomness.choice(["placed", "confirmed", "shipped", "shipped", "cancelled", "cancelled at once"])
    order = placed(buyer, wanted) if end in {"placed", "cancelled at once"} else confirmed(buyer, wanted)
    if end == "shipped":
        assert api.send("POST", f"/sales/{order.id}/ship", seller).status == 200
    if end.startswith("cancelled"):
        assert api.send("POST", f"/orders/{order.id}/cancel", buyer).status == 200
    return str(order.id)


def _assert_equal(api: HttpApi, person: Person, told_of: Sequence[dict[str, Any]]) -> None:
    found = activity(api, person)
    expected = [order for page in api.pages("/orders", person, limit=100) for order in page.json()["items"]]
    for order in expected:
        for line in order["lines"]:
            line.pop("shipped_at")
    assert found["orders"] == expected
    mine = Counter(event["id"] for event in told_of if event["data"]["buyer_id"] == str(person.id))
    assert Counter(item["id"] for item in found["items"]) == mine
    assert set(mine.values()) == {1}
    assert len(expected) + len(mine) <= 200


def _recorded_in_the_end(event: Envelope) -> bool:
    """Delivers the event again if the function died over it; whether it did."""
    try:
        record(event)
    except Crash:
        record(event)
        return True
    return False


def _conflict(operation: str) -> ClientError:
    if operation != "transact_write_items":
        return ClientError({"Error": {"Code": "TransactionConflictException"}}, operation)
    reasons = [{"Code": "None"}, {"Code": "TransactionConflict"}]
    return ClientError(
        {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons},  # type: ignore[typeddict-unknown-key]
        operation,
    )


def _mark(event: Envelope) -> None:
    table.update(table.person(event.data["buyer_id"]), f"{items.FEED}{event.id}", "SET marked = :yes", yes=1)


def _is_marked(event: Envelope) -> bool:
    found = table.get(table.person(event.data["buyer_id"]), f"{items.FEED}{event.id}")
    return found is not None and "marked" in found
