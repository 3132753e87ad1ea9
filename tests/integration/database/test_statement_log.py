"""What PostgreSQL is asked during a run through the whole API: nothing that would pin a connection of RDS Proxy.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy-pinning.html
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from uuid import uuid4

import pytest
from sqlalchemy import text

import app
from chalicelib import database
from chalicelib.database.engine import engine
from tests.examples import example_of
from tests.gateway import HttpApi
from tests.people import enrolled
from tests.services import Aws, Services

PINNING = re.compile(
    r"""(?: statement | execute\ <unnamed> ) :\ \s* (?: SET | RESET | DISCARD | PREPARE | DEALLOCATE | LISTEN | UNLISTEN
        | DECLARE | LOCK | LOAD | CREATE\ (?:TEMP|TEMPORARY)\b ) \b
      | execute\ (?! <unnamed> )
      | pg_(?:try_)?advisory_lock
      | \bset_config\s*\(""",
    re.IGNORECASE | re.VERBOSE,
)


class StatementLog:
    """The statements that the application's role has sent since this was made."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._begin = services.log.stat().st_size

    def lines(self) -> list[str]:
        """What was logged up to now, a statement a line."""
        marker = str(uuid4())
        database.read(lambda: database.connection().execute(text(f"SELECT '{marker}'")))
        deadline = time.monotonic() + 10
        while marker not in (logged := self._services.log.read_text(errors="replace")[self._begin :]):
            assert time.monotonic() < deadline, "PostgreSQL logs nothing"
        return [line for line in logged.replace("\n\t", " ").splitlines() if "LOG:" in line]


@pytest.fixture
def log(environment: dict[str, str], services: Services) -> Iterator[StatementLog]:
    services.sql("ALTER ROLE marketplace_app SET log_statement = 'all'")
    engine().dispose()
    yield StatementLog(services)
    services.sql("ALTER ROLE marketplace_app RESET log_statement")
    engine().dispose()


def test_a_run_through_every_route_pins_nothing(log: StatementLog, api: HttpApi, aws: Aws) -> None:
    admin = enrolled("admins")

    for route in app.app.endpoints:
        answer = example_of(f"{route.method} {route.path}", admin, aws).send(api, person=admin)
        assert answer.status < 300, answer

    lines = log.lines()
    assert [line for line in lines if PINNING.search(line)] == []
    assert sum("INSERT INTO products" in line for line in lines) >= 1
    assert sum("UPDATE products SET" in line for line in lines) >= 2
    assert sum("pg_try_advisory_xact_lock" in line for line in lines) >= 2
    assert sum("INSERT INTO order_lines" in line for line in lines) >= 1
    assert sum("UPDATE outbox" in line and "published_at = now()" in line for line in lines) >= 3


def test_a_read_is_nothing_but_its_statement(log: StatementLog, api: HttpApi) -> None:
    person = enrolled()
    api.get("/me", person)
    before = len(log.lines())

    api.get("/me", person)

    (read, marker) = log.lines()[before:]
    assert "execute <unnamed>: SELECT users.id" in read
    assert "statement: SELECT '" in marker


@pytest.mark.parametrize(
    "statement",
    [
        "SET search_path = public",
        "set statement_timeout to 60000",
        "RESET ALL",
        "DISCARD ALL",
        "PREPARE one AS SELECT 1",
        "LISTEN news",
        "CREATE TEMP TABLE t (id int)",
        "SELECT pg_advisory_lock(1)",
        "SELECT pg_try_advisory_lock(1)",
        "SELECT set_config('a.b', 'c', false)",
    ],
)
def test_the_check_itself_notices_what_pins(log: StatementLog, statement: str) -> None:
    database.read(lambda: database.connection().execute(text(statement)))

    assert [line for line in log.lines() if PINNING.search(line)]


def test_the_check_itself_notices_a_level_of_isolation(log: StatementLog) -> None:
    with engine().connect().execution_options(isolation_level="SERIALIZABLE") as connection:
        connection.execute(text("SELECT 1"))

    assert [line for line in log.lines() if PINNING.search(line)]
