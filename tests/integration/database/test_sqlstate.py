"""What becomes of PostgreSQL's errors, code by code, raised by the server itself."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from chalicelib import database
from chalicelib.database import sqlstate
from chalicelib.errors import Conflict, Invalid, Unavailable
from tests.log_lines import LogLines

OUTCOMES = {
    Conflict: "23503 23505 23P01",
    Invalid: "22001 22003 22007 22008 22021 22P02 22P03 22P05 23502 23514",
    Unavailable: (
        "08000 08003 08006 08P01 25P03 28000 28P01 40001 40P01 53000 53100 53200 53300 53400 55P03 57014 "
        "57P01 57P02 57P03 57P05"
    ),
    RuntimeError: "22012 22023 25006 26000 34000 42501 42601 42703 42883 42P01 0A000 54001 58030 P0001 XX000 XX001",
}
SECRET = "private.person@example.com"


@pytest.mark.parametrize(
    ("kind", "code"), [(kind, code) for kind, codes in OUTCOMES.items() for code in codes.split()], ids=str
)
def test_a_code_of_the_server_has_its_outcome(
    environment: dict[str, str], logs: LogLines, kind: type[Exception], code: str
) -> None:
    statement = f"DO $$ BEGIN RAISE EXCEPTION '{SECRET}' USING ERRCODE = '{code}', DETAIL = '{SECRET}'; END $$"

    with pytest.raises(kind) as failure:
        database.read(lambda: database.connection().execute(text(statement)))

    assert type(failure.value) is kind
    assert SECRET not in logs.text
    assert logs.records[-1]["sqlstate"] == code
    if kind is not RuntimeError:
        assert SECRET not in str(failure.value)


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("INSERT INTO products (id, seller_id) VALUES (gen_random_uuid(), gen_random_uuid())", Invalid),
        ("SELECT 'x'::uuid", Invalid),
        ("SELECT 'x'::timestamptz", Invalid),
        ("SELECT 99999999999::int", Invalid),
        ("SELECT E'\\\\u0000'::jsonb", Invalid),
        ("DELETE FROM missing", RuntimeError),
        ("CREATE TABLE mine (id int)", RuntimeError),
        ("DROP TABLE users", RuntimeError),
        ("TRUNCATE users", RuntimeError),
        ("SELECT pg_reload_conf()", RuntimeError),
    ],
)
def test_the_servers_own_errors_have_theirs(environment: dict[str, str], statement: str, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        database.write(lambda: database.connection().execute(text(statement)))


@pytest.mark.parametrize("code", ["08006", "57P01", "57P02", "57P03", "57P05"])
def test_after_a_code_that_says_goodbye_the_connection_is_not_used_again(code: str) -> None:
    assert sqlstate.is_disconnect(_error(code))


@pytest.mark.parametrize("code", ["23505", "40001", "57014", "53300", "22021"])
def test_after_any_other_code_it_is(code: str) -> None:
    assert not sqlstate.is_disconnect(_error(code))


@pytest.mark.parametrize(
    "error", [Exception(), Exception("network error"), Exception({}), Exception(("C", "23505")), None]
)
def test_an_error_without_a_code_is_a_broken_connection(error: Exception | None) -> None:
    assert sqlstate.of(error) == ""
    assert isinstance(sqlstate.translated(error), Unavailable)


def test_limits_of_time_are_set_on_the_role(environment: dict[str, str]) -> None:
    def shown(name: str) -> str:
        return str(database.read(lambda: database.connection().execute(text(f"SHOW {name}")).scalar_one()))

    assert shown("statement_timeout") == "5s"
    assert shown("lock_timeout") == "2s"
    assert shown("idle_in_transaction_session_timeout") == "10s"


def _error(code: str) -> Exception:
    return Exception({"C": code, "M": "message"})
