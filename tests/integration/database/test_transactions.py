"""Reads and writes as units of work: what is stored, what is undone, what is tried again."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from threading import Barrier, Thread
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from chalicelib import database
from chalicelib.errors import Conflict, Unavailable
from chalicelib.users import repository
from tests.environment import configured
from tests.gateway import HttpApi
from tests.people import Person, enrolled
from tests.products import new_product
from tests.proxies import Proxy, proxy_to
from tests.services import Services


@pytest.fixture
def wire(environment: dict[str, str], services: Services) -> Iterator[Proxy]:
    """A connection to PostgreSQL that a test can cut."""
    with proxy_to(services.app.host, services.app.port) as proxy:
        url = dataclasses.replace(services.app, port=proxy.port).url()
        with configured(**environment | {"DATABASE_URL": url, "DATABASE_POOL_SIZE": "1"}):
            yield proxy


def test_what_a_write_did_is_stored(environment: dict[str, str], services: Services) -> None:
    person = enrolled()

    assert _is_stored(services, person.id)


def test_a_write_that_raises_leaves_nothing(environment: dict[str, str], services: Services) -> None:
    person_id = uuid4()

    def fails() -> None:
        repository.add(person_id, "x@example.com", "users")
        assert repository.find(person_id) is not None
        raise LookupError

    with pytest.raises(LookupError):
        database.write(fails)
    assert not _is_stored(services, person_id)


def test_a_view_that_raises_leaves_nothing(api: HttpApi, services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    from chalicelib.products import service

    def fails(_: UUID) -> None:
        raise RuntimeError("after the row was written")

    monkeypatch.setattr(service, "_forget_after_commit", fails)
    seller, body = enrolled(), new_product()

    answer = api.send("POST", "/products", seller, headers={"idempotency-key": "k"}, body=body)

    assert (answer.status, answer.problem) == (500, "internal-error")
    assert services.sql("SELECT count(*) FROM products WHERE seller_id = :id", id=str(seller.id)) == [[0]]
    assert services.sql("SELECT count(*) FROM idempotency_keys WHERE caller_id = :id", id=str(seller.id)) == [[0]]


def test_nothing_is_committed_before_the_view_is_done(environment: dict[str, str], services: Services) -> None:
    person_id = uuid4()

    def look_from_outside() -> bool:
        repository.add(person_id, "x@example.com", "users")
        return _is_stored(services, person_id)

    assert database.write(look_from_outside) is False
    assert _is_stored(services, person_id)


def test_a_connection_is_there_only_inside_of_a_unit_of_work(environment: dict[str, str]) -> None:
    with pytest.raises(RuntimeError):
        database.connection()
    with pytest.raises(RuntimeError):
        database.after_commit(lambda: None)


def test_what_follows_a_commit_follows_only_a_commit(environment: dict[str, str]) -> None:
    done: list[str] = []

    def work(*, fails: bool) -> None:
        database.after_commit(lambda: done.append("after"))
        database.connection().execute(text("SELECT 1"))
        done.append("work")
        if fails:
            raise LookupError

    with pytest.raises(LookupError):
        database.write(lambda: work(fails=True))
    assert done == ["work"]
    database.write(lambda: work(fails=False))
    assert done == ["work", "work", "after"]


def test_a_read_begins_no_transaction(environment: dict[str, str]) -> None:
    first, second = database.read(lambda: [_scalar("SELECT transaction_timestamp()") for _ in range(2)])

    assert first < second


def test_a_write_is_one_transaction(environment: dict[str, str]) -> None:
    first, second = database.write(lambda: [_scalar("SELECT transaction_timestamp()") for _ in range(2)])

    assert first == second


def test_a_write_that_asks_nothing_of_the_database_takes_no_connection(wire: Proxy) -> None:
    assert database.write(lambda: 7) == 7
    assert database.read(lambda: 7) == 7
    assert wire.connections == 0


# --- lost connections -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/me", "/me/products", "/products"])
def test_a_connection_that_died_between_requests_is_replaced_unnoticed(
    wire: Proxy, api: HttpApi, services: Services, path: str
) -> None:
    person = enrolled()
    for _ in range(3):
        services.sql("SELECT pg_terminate_backend(:pid)", pid=_backend())

        assert api.get(path, person).status == 200

    assert wire.connections == 4


def test_a_change_on_a_connection_that_died_is_made_once(wire: Proxy, api: HttpApi, services: Services) -> None:
    person = enrolled()
    services.sql("SELECT pg_terminate_backend(:pid)", pid=_backend())

    answer = api.send("PATCH", "/me", person, headers={"if-match": "*"}, body={"name": "Changed"})

    assert answer.status == 200
    assert services.sql("SELECT name, version FROM users WHERE id = :id", id=str(person.id)) == [["Changed", 2]]


def test_a_connection_that_dies_within_a_write_starts_the_write_again(wire: Proxy, services: Services) -> None:
    person_id, runs = uuid4(), []

    def work() -> None:
        runs.append(_backend_here())
        repository.add(person_id, "x@example.com", "users")
        if len(runs) == 1:
            services.sql("SELECT pg_terminate_backend(:pid)", pid=runs[0])
        _scalar("SELECT 1")

    database.write(work)

    assert len(set(runs)) == 2
    assert _is_stored(services, person_id)


def test_a_commit_whose_answer_is_lost_is_unavailable_and_safe_to_repeat(
    wire: Proxy, api: HttpApi, services: Services
) -> None:
    seller, body, key = enrolled(), new_product(), {"idempotency-key": str(uuid4())}
    wire.cut_after = b"commit"

    lost = api.send("POST", "/products", seller, headers=key, body=body)
    wire.cut_after = None
    repeated = api.send("POST", "/products", seller, headers=key, body=body)

    assert (lost.status, lost.problem) == (503, "unavailable")
    assert int(lost.headers["retry-after"]) > 0
    assert repeated.status == 201
    assert services.sql("SELECT count(*) FROM products WHERE seller_id = :id", id=str(seller.id)) == [[1]]


def test_a_commit_whose_answer_is_lost_is_not_repeated_here(wire: Proxy, services: Services) -> None:
    person_id, runs = uuid4(), []

    def work() -> None:
        runs.append(1)
        repository.add(person_id, "x@example.com", "users")

    wire.cut_after = b"commit"
    with pytest.raises(Unavailable):
        database.write(work)

    assert len(runs) == 1
    assert _is_stored(services, person_id)


@pytest.mark.parametrize("path", ["/me", "/products"])
def test_a_database_that_is_gone_is_unavailable(wire: Proxy, api: HttpApi, path: str) -> None:
    person = enrolled()
    wire.close()

    answer = api.send("GET", path, person)

    assert (answer.status, answer.problem) == (503, "unavailable")
    assert int(answer.headers["retry-after"]) > 0


def test_a_database_that_is_gone_and_comes_back_is_used_again(
    environment: dict[str, str], services: Services, api: HttpApi
) -> None:
    person = enrolled()
    services.sql("ALTER ROLE marketplace_app NOLOGIN")
    services.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'marketplace_app'")
    try:
        refused = api.send("GET", "/me", person)
    finally:
        services.sql("ALTER ROLE marketplace_app LOGIN")

    assert refused.status == 503
    assert api.send("GET", "/me", person).status == 200


def test_a_request_that_finds_no_free_connection_is_told_to_come_back(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from chalicelib.database import engine

    monkeypatch.setattr(engine, "CONNECT_SECONDS", 0.05)
    with configured(**environment | {"DATABASE_POOL_SIZE": "1"}):
        taken = engine.engine().connect()
        with pytest.raises(Unavailable), taken:
            database.read(lambda: _scalar("SELECT 1"))


# --- lost races -------------------------------------------------------------------------------------------------------


def test_both_sides_of_a_deadlock_succeed(environment: dict[str, str], services: Services) -> None:
    services.sql("ALTER ROLE marketplace_app SET deadlock_timeout = '20ms'")
    services.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'marketplace_app'")
    one, other = enrolled(), enrolled()
    both_have_one = Barrier(2, timeout=10)
    runs: list[str] = []

    def rename(first: Person, second: Person, name: str) -> None:
        runs.append(name)
        repository.change(first.id, {"name": name})
        if runs.count(name) == 1:
            both_have_one.wait()
        repository.change(second.id, {"name": name})

    _together(
        lambda: database.write(lambda: rename(one, other, "a")), lambda: database.write(lambda: rename(other, one, "b"))
    )
    services.sql("ALTER ROLE marketplace_app RESET deadlock_timeout")

    assert sorted(runs) in (["a", "a", "b"], ["a", "b", "b"])
    rows = services.sql("SELECT name, version FROM users WHERE id IN (:a, :b)", a=str(one.id), b=str(other.id))
    assert rows[0] == rows[1]
    assert rows[0][1] == 3


@pytest.mark.parametrize("code", ["40001", "40P01"])
@pytest.mark.parametrize("run", [database.read, database.write])
def test_a_lost_race_is_run_three_times_at_most(
    environment: dict[str, str], code: str, run: Callable[[Callable[[], Any]], Any]
) -> None:
    assert _runs(run, code, losing=2) == (3, "done")
    assert _runs(run, code, losing=99) == (3, "Unavailable")


@pytest.mark.parametrize("code", ["23505", "57014", "42P01", "XX000"])
def test_any_other_answer_of_the_server_is_not_asked_for_again(environment: dict[str, str], code: str) -> None:
    assert _runs(database.write, code, losing=99)[0] == 1


def test_a_conflict_that_a_constraint_noticed_is_a_conflict(environment: dict[str, str]) -> None:
    person_id = uuid4()
    statement = text("INSERT INTO users (id, email) VALUES (:id, 'x@example.com')")
    database.write(lambda: database.connection().execute(statement, {"id": person_id}))

    with pytest.raises(Conflict):
        database.write(lambda: database.connection().execute(statement, {"id": person_id}))


def _runs(run: Callable[[Callable[[], Any]], Any], code: str, losing: int) -> tuple[int, str]:
    """How often work is run whose first `losing` runs fail with `code`, and how it ends."""
    runs = 0

    def work() -> str:
        nonlocal runs
        runs += 1
        if runs <= losing:
            database.connection().execute(text(f"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{code}'; END $$"))
        return "done"

    try:
        end = run(work)
    except Exception as error:  # noqa: BLE001  how it ends is what is asked
        end = type(error).__name__
    return runs, end


def _together(*works: Callable[[], object]) -> None:
    threads = [Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _backend() -> int:
    return database.read(_backend_here)


def _backend_here() -> int:
    return int(_scalar("SELECT pg_backend_pid()"))


def _scalar(statement: str) -> Any:
    return database.connection().execute(text(statement)).scalar_one()


def _is_stored(services: Services, person_id: UUID) -> bool:
    return bool(services.sql("SELECT EXISTS (SELECT FROM users WHERE id = :id)", id=str(person_id))[0][0])
