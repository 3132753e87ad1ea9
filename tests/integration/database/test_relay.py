"""The relay: everything stored is sent, each to its destination once, and in order."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text

import app
from chalicelib import database
from chalicelib.messaging import relay
from tests.edge import DOWN, Edge, Refusal
from tests.events import Context, scheduled_event
from tests.log_lines import LogLines
from tests.outbox import assert_in_order, due_now, ids, stored, waiting
from tests.services import Services

pytestmark = pytest.mark.usefixtures("empty_outbox")


def test_what_a_crash_left_is_sent_by_the_sweep(edge: Edge, services: Services, logs: LogLines) -> None:
    groups = stored(services, events=40, groups=10)

    app.relay_outbox(scheduled_event(), Context())

    assert len(edge.accepted) == 120
    assert_in_order(edge, groups)
    assert waiting(services) == 0
    (swept,) = [record for record in logs.records if record["message"] == "outbox swept"]
    assert (swept["sent"], swept["pending"]) == (120, 0)


def test_ten_are_sent_in_a_call(edge: Edge, services: Services) -> None:
    stored(services, events=20, groups=20, to=("bus",))

    app.relay_outbox(scheduled_event(), Context())

    assert [len(call) for call in edge.calls] == [10, 10]


def test_a_call_stays_below_what_a_service_takes(edge: Edge, services: Services) -> None:
    stored(services, events=4, groups=4, to=("order-events",), padding=90_000)

    app.relay_outbox(scheduled_event(), Context())

    assert [len(call) for call in edge.calls] == [2, 2]


def test_relays_at_once_send_two_thousand_events_once_each_and_in_order(edge: Edge, services: Services) -> None:
    groups = stored(services, events=667, groups=60)

    sent = _sweep_at_once(4)

    assert sent == len(edge.accepted) == 2001
    assert_in_order(edge, groups)
    assert waiting(services) == 0


def test_without_the_lock_relays_at_once_send_events_twice(
    edge: Edge, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "_CLAIM_DUE", _claim_without("FOR UPDATE SKIP LOCKED"))
    groups = stored(services, events=100, groups=100)

    _sweep_at_once(4)

    with pytest.raises(AssertionError):
        assert_in_order(edge, groups)


def test_without_the_look_at_earlier_ones_the_order_is_lost(
    edge: Edge, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    statement = str(relay._CLAIM_DUE)
    start, end = statement.index("AND NOT EXISTS"), statement.index("ORDER BY")
    monkeypatch.setattr(relay, "_CLAIM_DUE", text(statement[:start] + statement[end:]))
    groups = stored(services, events=20, groups=2, to=("bus",))
    edge.refuses_entry = _once_in(3, Refusal("InternalFailure"))

    _sweep_until_all_is_sent(services)

    with pytest.raises(AssertionError):
        assert_in_order(edge, groups)


def test_order_is_kept_whatever_fails_in_between(edge: Edge, services: Services) -> None:
    groups = stored(services, events=60, groups=6)
    edge.refuses_entry = _once_in(4, Refusal("InternalFailure"))
    edge.refuses_call = _once_in(9, DOWN)

    _sweep_until_all_is_sent(services)

    assert Counter(sent.envelope["id"] for sent in edge.accepted) == dict.fromkeys(ids(groups), 3)
    assert_in_order(edge, groups)


def test_a_claim_passes_over_what_another_one_holds(edge: Edge, services: Services) -> None:
    stored(services, events=relay.CLAIMED_AT_ONCE + 5, groups=100, to=("bus",))

    def while_held() -> tuple[set[int], set[int]]:
        return _claimed(), database.write(_claimed)

    held, free = database.write(while_held)

    assert (len(held), len(free)) == (relay.CLAIMED_AT_ONCE, 5)
    assert not held & free


def test_a_claim_that_died_gives_its_events_back(edge: Edge, services: Services) -> None:
    stored(services, events=3, groups=3, to=("bus",))

    def dies() -> None:
        _claimed()
        raise LookupError

    with pytest.raises(LookupError):
        database.write(dies)

    assert len(database.write(_claimed)) == 3


def _claimed() -> set[int]:
    rows = database.connection().execute(relay._CLAIM_DUE, {"limit": relay.CLAIMED_AT_ONCE}).all()
    return {row.position for row in rows}


def _claim_without(guard: str) -> Any:
    statement = str(relay._CLAIM_DUE)
    assert guard in statement
    return text(statement.replace(guard, ""))


def _sweep_at_once(relays: int) -> int:
    with ThreadPoolExecutor(relays) as threads:
        return sum(threads.map(lambda _: relay.relay_due(Context()), range(relays)))


def _sweep_until_all_is_sent(services: Services) -> None:
    for _ in range(200):
        if not waiting(services):
            return
        app.relay_outbox(scheduled_event(), Context())
        due_now(services)
    raise AssertionError("not everything is sent")


def _once_in(times: int, refusal: Refusal) -> Callable[[Any], Refusal | None]:
    chance = random.Random(3)
    return lambda _: refusal if chance.randrange(times) == 0 else None
