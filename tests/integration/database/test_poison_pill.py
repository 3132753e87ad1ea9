"""A value that cannot be sent, or an answer that is not read to its end, must not reach the next request.

The driver's connection has no message boundaries of its own: what one request leaves unread, the next would take for
its answer.
"""

from __future__ import annotations

import random
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pg8000.dbapi
import pytest
from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import Engine
from sqlalchemy.pool import QueuePool

from chalicelib import config, database
from chalicelib.database.engine import engine, make_engine
from tests.environment import configured
from tests.gateway import HttpApi
from tests.people import enrolled
from tests.products import listed
from tests.services import Services


class Interruption(Exception):
    """Comes at any moment."""


class Unwritable:
    """Fails while it is being turned into text, as any object might."""

    def __str__(self) -> str:
        raise KeyError("cannot be written")


def _list_that_holds_itself() -> list[Any]:
    endless: list[Any] = []
    endless.append(endless)
    return endless


POISONS: dict[str, tuple[str, Any]] = {
    "lone surrogate": ("text", "a\ud800b"),
    "low surrogate": ("text", "\udfff"),
    "surrogate in a list": ("text[]", ["fine", "\ud800"]),
    "NUL": ("text", "a\x00b"),
    "NUL in JSON": ("jsonb", '"\\u0000"'),
    "NaN in JSON": ("jsonb", "NaN"),
    "no JSON": ("jsonb", "{"),
    "integer too large": ("int4", 2**31),
    "integer far too large": ("int8", 10**30),
    "number too large": ("numeric(4,2)", Decimal("1e9")),
    "no integer": ("int4", "x"),
    "infinite integer": ("int4", float("inf")),
    "no UUID": ("uuid", "not-a-uuid"),
    "no time": ("timestamptz", "yesterday's"),
    "year too large": ("timestamptz", "999999-01-01"),
    "no boolean": ("bool", "perhaps"),
    "unwritable object": ("text", Unwritable()),
    "unwritable in a list": ("text[]", ["a", Unwritable()]),
    "ragged list": ("int4[]", [[1], [2, 3]]),
    "recursive list": ("text[]", _list_that_holds_itself()),
}


@pytest.fixture
def one_connection(environment: dict[str, str]) -> Iterator[None]:
    """The API function as it is configured: every request uses the same connection."""
    with configured(**environment | {"DATABASE_POOL_SIZE": "1"}):
        yield


@pytest.mark.parametrize("name", POISONS)
def test_the_request_after_a_poisonous_one_gets_its_own_answer(one_connection: None, name: str) -> None:
    assert _echo("before") == "before"

    with pytest.raises(Exception) as failure:  # noqa: PT011  which one it is depends on the poison
        _send(*POISONS[name])

    assert not isinstance(failure.value, pg8000.dbapi.InterfaceError)
    assert _echo("after") == "after"
    assert engine().pool.checkedout() == 0  # type: ignore[attr-defined]


def test_five_hundred_mixes_of_good_and_poisonous_requests_mix_up_nothing(one_connection: None) -> None:
    chance = random.Random(6)
    names = [chance.choice(list(POISONS)) for _ in range(500)]

    for number, name in enumerate(names):
        with pytest.raises(Exception):  # noqa: B017, PT011  which one it is depends on the poison
            _send(*POISONS[name])
        for repetition in range(chance.randrange(1, 4)):
            marker = f"{number}-{repetition}-{name}"
            assert _echo(marker) == marker


def test_writes_between_poisonous_ones_are_stored(one_connection: None, services: Services) -> None:
    stored = []
    for name in ("lone surrogate", "unwritable object", "NUL", "surrogate in a list"):
        stored.append(str(enrolled().id))
        with pytest.raises(Exception):  # noqa: B017, PT011  which one it is depends on the poison
            database.write(lambda name=name: _execute(*POISONS[name]))  # type: ignore[misc]

    found = services.sql("SELECT id FROM users WHERE id = ANY(CAST(:ids AS uuid[]))", ids=stored)

    assert {str(row[0]) for row in found} == set(stored)


def test_an_interruption_in_the_middle_of_an_answer_is_not_the_next_requests_problem(one_connection: None) -> None:
    for _ in range(5):
        with pytest.raises(Interruption), _interrupted_after(0.02):
            database.read(lambda: database.connection().execute(text("SELECT 'theirs', pg_sleep(0.5)")))

        assert _echo("mine") == "mine"


def test_an_interruption_of_a_write_undoes_it(one_connection: None, services: Services) -> None:
    person_id = uuid4()

    def slow() -> None:
        from chalicelib.users import repository

        repository.add(person_id, "x@example.com", "users")
        database.connection().execute(text("SELECT pg_sleep(0.5)"))

    with pytest.raises(Interruption), _interrupted_after(0.05):
        database.write(slow)

    assert _echo("mine") == "mine"
    assert services.sql("SELECT count(*) FROM users WHERE id = :id", id=str(person_id)) == [[0]]


def test_an_answer_that_cannot_be_read_is_not_the_next_requests_problem(one_connection: None) -> None:
    """A year that Python has no date for, in the middle of several rows."""
    query = text("SELECT * FROM (VALUES (timestamptz '2026-01-01'), ('20000-01-01'), ('2026-01-01')) AS t")
    rows = database.read(lambda: [row[0] for row in database.connection().execute(query)])

    assert rows[0] == datetime(2026, 1, 1, tzinfo=UTC)
    assert _echo("mine") == "mine"


def test_requests_between_hostile_ones_are_answered_correctly_over_http(one_connection: None, api: HttpApi) -> None:
    seller = enrolled()
    products = [listed(seller, name=f"Number {n}") for n in range(10)]
    hostile = ['{"name":"\\ud800"}', '{"name":"\\u0000"}', '{"a":1e400}', '{"a":' + "9" * 30 + "}", '{"a":NaN}']

    for n, product_id in enumerate(products * 3):
        refused = api.send("PATCH", "/me", seller, headers={"if-match": "*"}, body=hostile[n % len(hostile)])
        assert 400 <= refused.status < 500
        assert api.get(f"/products/{product_id}").json()["name"] == f"Number {n % 10}"


# --- negative controls: without the two guards, the same requests do mix up -------------------------------------------


def test_the_stock_driver_does_mix_up_requests(services: Services) -> None:
    url = services.app.url().replace("postgresql:", "postgresql+pg8000:")
    stock = create_engine(url, poolclass=QueuePool, pool_size=1, max_overflow=0)

    answers = _answers_after_a_surrogate(stock)

    assert answers != ["0", "1", "2"]


def test_without_the_guard_an_interrupted_connection_is_used_again(one_connection: None) -> None:
    unguarded = make_engine(config.current().database)
    event.remove(unguarded, "handle_error", _guard())

    with pytest.raises(Interruption), _interrupted_after(0.05), unguarded.connect() as connection:
        connection.execute(text("SELECT CAST(:a AS text), pg_sleep(0.4)"), {"a": "theirs"})

    assert _answer(unguarded, "mine") != "mine"


def _answers_after_a_surrogate(used: Engine) -> list[str]:
    with pytest.raises(UnicodeEncodeError), used.connect() as connection:
        connection.execute(text("SELECT CAST(:a AS text)"), {"a": "\ud800"})
    answers = [_answer(used, str(n)) for n in range(3)]
    used.dispose()
    return answers


def _answer(used: Engine, marker: str) -> str:
    """What a request for `marker` gets, or the name of the error."""
    try:
        with used.connect() as connection:
            return str(connection.execute(text("SELECT CAST(:a AS text)"), {"a": marker}).first())[2:-3]
    except Exception as error:  # noqa: BLE001  whatever goes wrong is the point
        return type(error).__name__


def _guard() -> Callable[..., None]:
    from chalicelib.database.engine import distrust_connection

    return distrust_connection


def _echo(marker: str) -> str:
    statement = text("SELECT CAST(:marker AS text)")
    return str(database.read(lambda: database.connection().execute(statement, {"marker": marker}).scalar_one()))


def _send(kind: str, value: Any) -> None:
    database.read(lambda: _execute(kind, value))


def _execute(kind: str, value: Any) -> None:
    database.connection().execute(text(f"SELECT CAST(:value AS {kind})"), {"value": value})


@contextmanager
def _interrupted_after(seconds: float) -> Iterator[None]:
    """Raises `Interruption` from wherever the process then is, as a soft time-out does."""

    def interrupt(*_: object) -> None:
        raise Interruption

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
