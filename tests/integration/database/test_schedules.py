"""What schedules do: small steps that may overlap and be repeated, and a line about what was done."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

import app
from chalicelib import database, observability
from chalicelib.schedules import retention
from tests.edge import Edge
from tests.environment import configured
from tests.events import Context, scheduled_event
from tests.interleaving import begun
from tests.log_lines import LogLines
from tests.people import Person
from tests.products import listed
from tests.services import Services

TABLES = ("idempotency_keys", "inbox", "outbox", "uploads")
EXPIRED = 2300
KEPT = 40


@pytest.fixture
def rows(edge: Edge, services: Services) -> Iterator[None]:
    """In each table so many rows that have expired, and so many that have not."""
    for table in TABLES:
        services.sql(f"DELETE FROM {table}")  # noqa: S608
    person = services.sql(f"INSERT INTO users (id, email) VALUES ('{uuid4()}', 'x') RETURNING id")[0][0]  # noqa: S608
    numbers = f"FROM generate_series(1, {EXPIRED + KEPT}) AS number"
    is_old = f"number <= {EXPIRED}"
    services.sql(
        "INSERT INTO idempotency_keys (caller_id, route, key, fingerprint, status, headers, body, expires_at)"
        f" SELECT :id, 'POST /x', number::text, '', 201, '{{}}', '',"
        f" now() + CASE WHEN {is_old} THEN interval '-1 second' ELSE interval '1 hour' END {numbers}",
        id=str(person),
    )
    services.sql(
        "INSERT INTO inbox (consumer, message_id, received_at) SELECT 'test', gen_random_uuid(),"
        f" now() - CASE WHEN {is_old} THEN interval '91 days' ELSE interval '89 days' END {numbers}"
    )
    services.sql(
        "INSERT INTO outbox (event_id, destination, group_id, type, body, correlation_id, published_at)"
        " SELECT gen_random_uuid(), 'bus', gen_random_uuid(), 't', '{}', '',"
        f" now() - CASE WHEN {is_old} THEN interval '15 days' ELSE interval '13 days' END {numbers}"
    )
    product = listed(Person(person))
    services.sql(
        "INSERT INTO uploads (id, product_id, uploader_id, content_type, bytes, correlation_id, created_at)"
        " SELECT gen_random_uuid(), :product, :id, 'image/png', 1, '',"
        f" now() - CASE WHEN {is_old} THEN interval '25 hours' ELSE interval '23 hours' END {numbers}",
        id=str(person),
        product=product,
    )
    yield
    for table in TABLES:
        services.sql(f"DELETE FROM {table}")  # noqa: S608


def test_what_has_expired_is_removed_and_nothing_else(rows: None, services: Services) -> None:
    app.purge_expired(scheduled_event(), Context())

    assert _counts(services) == [KEPT] * len(TABLES)


def test_two_runs_that_overlap_remove_each_row_once(rows: None, services: Services, logs: LogLines) -> None:
    runs = [begun(lambda: app.purge_expired(scheduled_event(), Context())) for _ in range(2)]
    for run in runs:
        run.result(timeout=60)

    assert _counts(services) == [KEPT] * len(TABLES)
    assert sum(_amounts(logs)) == EXPIRED * len(TABLES)


def test_a_run_passes_over_what_another_one_has_in_hand(rows: None, services: Services) -> None:
    def inside_another() -> tuple[int, int]:
        return retention.purge_some(), database.write(retention.purge_some)

    first, second = database.write(inside_another)

    assert first == second == len(TABLES) * retention.ROWS_AT_ONCE
    assert _counts(services) == [EXPIRED + KEPT - 2 * retention.ROWS_AT_ONCE] * len(TABLES)


def test_without_the_passing_over_a_run_waits_for_another_one(
    rows: None, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = [text(str(statement).replace("SKIP LOCKED", "")) for statement in retention._STATEMENTS]
    monkeypatch.setattr(retention, "_STATEMENTS", waiting)

    def inside_another() -> Any:
        retention.purge_some()
        return begun(lambda: database.write(retention.purge_some)).result(timeout=10)

    with pytest.raises(Exception, match="not available"):
        database.write(inside_another)


def test_a_repeated_run_removes_nothing(rows: None, services: Services, logs: LogLines) -> None:
    for _ in range(3):
        app.purge_expired(scheduled_event(), Context())

    assert _amounts(logs) == [EXPIRED * len(TABLES), 0, 0]
    assert _counts(services) == [KEPT] * len(TABLES)


def test_a_run_whose_time_is_up_leaves_the_rest_to_the_next(rows: None, services: Services) -> None:
    app.purge_expired(scheduled_event(), Context(60_000, 9_000))
    assert _counts(services) == [EXPIRED + KEPT - retention.ROWS_AT_ONCE] * len(TABLES)

    app.purge_expired(scheduled_event(), Context())
    assert _counts(services) == [KEPT] * len(TABLES)


def test_what_was_not_sent_is_kept_however_old_it_is(rows: None, services: Services) -> None:
    services.sql("UPDATE outbox SET published_at = NULL, created_at = now() - interval '1 year'")

    app.purge_expired(scheduled_event(), Context())

    assert services.sql("SELECT count(*) FROM outbox") == [[EXPIRED + KEPT]]


def test_an_upload_that_has_ended_is_kept_however_old_it_is(rows: None, services: Services) -> None:
    services.sql("UPDATE uploads SET status = 'refused', reason = 'x', created_at = now() - interval '1 year'")

    app.purge_expired(scheduled_event(), Context())

    assert services.sql("SELECT count(*) FROM uploads") == [[EXPIRED + KEPT]]


def test_a_step_that_fails_is_an_error_and_what_was_done_is_told(
    rows: None, logs: LogLines, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, steps = retention.purge_some, []

    def fails_at_the_second() -> int:
        steps.append(1)
        if len(steps) == 2:
            raise ZeroDivisionError
        return original()

    monkeypatch.setattr("chalicelib.schedules.purge_some", fails_at_the_second, raising=False)

    with pytest.raises(ZeroDivisionError):
        app.purge_expired(scheduled_event(), Context())

    assert _amounts(logs) == [len(TABLES) * retention.ROWS_AT_ONCE]


@pytest.mark.parametrize(
    ("run", "metrics"),
    [
        ("purge_expired", {"RowsPurged"}),
        ("expire_orders", {"OrdersExpired"}),
        ("relay_outbox", {"EventsRelayed", "EventsPending", "EventsParked", "OutboxAgeSeconds"}),
    ],
)
def test_each_run_writes_its_metrics(
    edge: Edge, edge_environment: dict[str, str], capsys: pytest.CaptureFixture[str], *, run: str, metrics: set[str]
) -> None:
    with configured(**edge_environment | {"POWERTOOLS_METRICS_DISABLED": "false"}):
        observability._metrics.cache_clear()
        getattr(app, run)(scheduled_event(), Context())
    observability._metrics.cache_clear()

    written = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    (line,) = written
    assert metrics <= set(line)
    assert {line["service"], line["stage"]} == {"marketplace", "local"}


def _counts(services: Services) -> list[int]:
    return [services.sql(f"SELECT count(*) FROM {table}")[0][0] for table in TABLES]  # noqa: S608


def _amounts(logs: LogLines) -> list[int]:
    return [record["amount"] for record in logs.records if record["message"] == "schedule done"]
