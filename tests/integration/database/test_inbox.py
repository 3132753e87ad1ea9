"""The inbox: a message's effect and the note that it is done are one transaction."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import pytest
from chalice.app import SQSEvent
from sqlalchemy import text

from chalicelib import database
from chalicelib.messaging import consumer, inbox
from chalicelib.messaging.envelope import Envelope, opened
from chalicelib.users import repository
from tests.edge import Edge
from tests.events import Context, failed, sqs_event
from tests.services import Services


@pytest.fixture
def message(edge: Edge) -> str:
    values = {"id": str(uuid4()), "type": "test", "version": 1, "occurred_at": "", "correlation_id": "", "data": {}}
    return json.dumps(values)


class Effect:
    """Stores somebody new each time."""

    def __init__(self, *, fails: int = 0) -> None:
        self.stored: list[UUID] = []
        self._fails = fails

    def __call__(self, _: Envelope) -> None:
        self.stored.append(uuid4())
        repository.add(self.stored[-1], "x@example.com", "users")
        if len(self.stored) <= self._fails:
            raise LookupError


def test_a_message_takes_effect_once_however_often_it_comes(message: str, services: Services) -> None:
    effect = Effect()

    for _ in range(3):
        assert failed(_consumed(effect, message, message)) == set()

    assert len(effect.stored) == 1
    assert _people(services, effect) == 1
    assert _is_noted(services, message)


def test_an_effect_that_fails_leaves_neither_itself_nor_the_note(message: str, services: Services) -> None:
    effect = Effect(fails=2)

    for _ in range(2):
        assert failed(_consumed(effect, message)) == {"0"}
        assert not _is_noted(services, message)
    assert failed(_consumed(effect, message)) == set()

    assert (len(effect.stored), _people(services, effect)) == (3, 1)
    assert _is_noted(services, message)


def test_a_connection_that_dies_within_the_effect_costs_nothing(message: str, services: Services) -> None:
    effect, killed = Effect(), []

    def dies_at_first(envelope: Envelope) -> None:
        effect(envelope)
        if not killed:
            killed.append(database.connection().execute(text("SELECT pg_backend_pid()")).scalar_one())
            services.sql("SELECT pg_terminate_backend(:pid)", pid=killed[0])
        database.connection().execute(text("SELECT 1"))

    assert failed(_consumed(dies_at_first, message)) == set()

    assert (len(effect.stored), _people(services, effect)) == (2, 1)


def test_many_who_have_the_same_message_at_once_do_it_once(message: str, services: Services) -> None:
    effect = Effect()

    with ThreadPoolExecutor(8) as threads:
        reports = list(threads.map(lambda _: _consumed(effect, message), range(8)))

    assert [failed(report) for report in reports] == [set()] * 8
    assert _people(services, effect) == 1


def test_each_consumer_does_a_message_once(message: str, services: Services) -> None:
    event_id = opened(message).id

    first = database.write(lambda: (inbox.add("one", event_id), inbox.add("other", event_id)))
    again = database.write(
        lambda: (inbox.add("one", event_id), inbox.has("one", event_id), inbox.has("third", event_id))
    )

    assert first == (True, True)
    assert again == (False, True, False)


def test_without_the_inbox_an_effect_is_doubled(
    message: str, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "add", lambda *_: True)
    effect = Effect()

    _consumed(effect, message, message)

    assert _people(services, effect) == 2


def _consumed(effect: Callable[[Envelope], None], *bodies: str) -> Any:
    return consumer.consume(SQSEvent(sqs_event("emails", bodies), Context()), "test", effect)


def _people(services: Services, effect: Effect) -> int:
    ids = [str(one) for one in effect.stored]
    return int(services.sql("SELECT count(*) FROM users WHERE id = ANY(CAST(:ids AS uuid[]))", ids=ids)[0][0])


def _is_noted(services: Services, message: str) -> bool:
    found = services.sql("SELECT consumer FROM inbox WHERE message_id = :id", id=str(opened(message).id))
    return bool(found == [["test"]])
