"""What is personal does not reach a log line or an error, whatever goes wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import StatementError

import app
from chalicelib import database
from tests.environment import configured
from tests.events import sign_up_event
from tests.examples import example_of
from tests.gateway import HttpApi
from tests.identity_provider import IdentityProvider
from tests.log_lines import LogLines
from tests.people import Person, enrolled
from tests.products import listed, new_product
from tests.services import Aws, Services

CANARY = "canary-5d8f1c"


@pytest.fixture
def person(environment: dict[str, str]) -> Person:
    return enrolled("admins")


def test_a_run_through_every_route_logs_nobodys_address_token_or_text(
    api: HttpApi, aws: Aws, person: Person, provider: IdentityProvider, logs: LogLines
) -> None:
    token = provider.token(person)
    api.send("PATCH", "/me", token=token, headers={"if-match": "*"}, body={"name": CANARY})
    api.send("POST", "/products", token=token, headers={"idempotency-key": CANARY}, body=new_product(name=CANARY))

    for route in app.app.endpoints:
        example_of(f"{route.method} {route.path}", person, aws).send(api, token=token)

    _assert_clean(logs, token, person.email)
    assert len([one for one in logs.records if one["message"] == "request"]) == len(app.app.endpoints) + 2


def test_a_refused_request_logs_nothing_of_it(
    api: HttpApi, person: Person, provider: IdentityProvider, logs: LogLines
) -> None:
    token = provider.token(person)
    for body in (
        f'{{"name":"{CANARY}\\ud800"}}',
        f'{{"{CANARY}":1}}',
        f'{{"name":{CANARY}',
        new_product(name=CANARY, x=1),
    ):
        assert api.send("POST", "/products", token=token, headers={"idempotency-key": CANARY}, body=body).status >= 400
    api.send("GET", "/products", query={"q": CANARY, CANARY: "1"})
    api.send("GET", f"/products/{CANARY}")
    api.send("GET", f"/{CANARY}", token=token)
    api.send("GET", "/me", token=token[:-5])

    _assert_clean(logs, token, token[:-5])


def test_an_error_of_the_database_does_not_say_what_was_sent(person: Person, logs: LogLines) -> None:
    statement = text("INSERT INTO users (id, email, name) VALUES (:id, :email, :name)")
    values = {"id": person.id, "email": person.email, "name": CANARY}

    with pytest.raises(Exception) as failure:  # noqa: PT011  which one it is does not matter
        database.write(lambda: database.connection().execute(statement, values))

    _assert_clean(logs, person.email)
    assert CANARY not in repr(failure.value)
    assert person.email not in str(failure.value)


def test_a_defect_is_logged_with_its_kind_and_place_and_without_the_request(
    api: HttpApi, person: Person, provider: IdentityProvider, services: Services, logs: LogLines
) -> None:
    token = provider.token(person)
    with _table_gone(services, "products"):
        answers = [
            api.send(
                "POST", "/products", token=token, headers={"idempotency-key": CANARY}, body=new_product(name=CANARY)
            ),
            api.send("GET", "/products", query={"q": CANARY}),
        ]

    for answer in answers:
        assert (answer.status, answer.problem) == (500, "internal-error")
        assert "products" not in answer.json()["detail"]
        assert "SELECT" not in answer.text
    defects = [record for record in logs.records if record["message"] == "unhandled error"]
    assert [record["level"] for record in defects] == ["ERROR", "ERROR"]
    assert all("42P01" in record["exception"] for record in defects)
    _assert_clean(logs, token)


def test_a_value_that_cannot_be_sent_is_not_in_the_log(api: HttpApi, person: Person, logs: LogLines) -> None:
    def fails() -> Any:
        return database.connection().execute(text("SELECT CAST(:a AS text)"), {"a": f"{CANARY}\ud800"})

    with pytest.raises(UnicodeEncodeError):
        database.read(fails)

    assert CANARY not in logs.text


def test_a_statement_that_was_not_even_sent_does_not_say_what_it_held(environment: dict[str, str]) -> None:
    statement = text("SELECT CAST(:one AS text), CAST(:other AS text)")

    with pytest.raises(StatementError, match="other") as failure:
        database.read(lambda: database.connection().execute(statement, {"one": CANARY}))

    assert CANARY not in str(failure.value)


def test_a_registration_is_refused_and_confirmed_without_a_word_about_who(
    aws: Aws, environment: Any, logs: LogLines
) -> None:
    person = aws.signed_up(f"{uuid4()}@example.com")
    email = f"{CANARY}@example.com"
    app.post_confirmation(sign_up_event(email, str(person.id), "PostConfirmation_ConfirmSignUp"), None)
    with pytest.raises(Exception, match="address that you will keep"):
        app.pre_sign_up(sign_up_event(f"{CANARY}@mailinator.com"), None)

    _assert_clean(logs, email)


@pytest.mark.parametrize(
    "outage",
    [
        {"DATABASE_URL": f"postgresql://{CANARY}:{CANARY}@127.0.0.1:9/{CANARY}"},
        {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"},
        {"CACHE_URL": f"redis://:{CANARY}@127.0.0.1:9/0"},
        {"JWKS_URL": f"http://127.0.0.1:9/{CANARY}"},
        {"RATE_LIMITS": CANARY},
    ],
    ids=lambda outage: next(iter(outage)),
)
def test_an_outage_is_logged_without_secrets(
    environment: dict[str, str], provider: IdentityProvider, logs: LogLines, outage: dict[str, str]
) -> None:
    person = Person()
    token = provider.token(person)
    product_id = listed(enrolled())

    with configured(**environment | outage):
        api = HttpApi(provider)
        api.send("GET", "/me", token=token)
        api.send("GET", f"/products/{product_id}", token=token)

    assert logs.records
    _assert_clean(logs, token, person.email)


def test_log_lines_are_objects_of_one_line_with_the_correlation_id_of_the_answer(
    api: HttpApi, person: Person, logs: LogLines
) -> None:
    answer = api.get("/me", person)

    (record,) = logs.records
    assert record["correlation_id"] == answer.headers["x-correlation-id"]
    assert record["route"] == "GET /me"
    assert record["status"] == 200
    assert set(record) <= {
        "level", "location", "message", "timestamp", "service", "correlation_id", "route", "status", "milliseconds",
        "xray_trace_id",
    }  # fmt: skip


def _assert_clean(logs: LogLines, *secrets: str) -> None:
    for secret in (CANARY, *secrets):
        assert secret not in logs.text
        assert json.dumps(secret)[1:-1] not in logs.text


@contextmanager
def _table_gone(services: Services, table: str) -> Iterator[None]:
    services.sql(f"ALTER TABLE {table} RENAME TO {table}_gone")
    try:
        yield
    finally:
        services.sql(f"ALTER TABLE {table}_gone RENAME TO {table}")
