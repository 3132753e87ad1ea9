"""Importing `app.py` is on the way of every function's first request: what it must not load is asserted here."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.activity import notification, stream_event
from tests.environment import run_python
from tests.events import bus_event, scheduled_event, sns_event, sqs_event
from tests.sockets import socket_event
from tests.uploads import created

BATCH = "aws_lambda_powertools.utilities.batch"
HEAVY = {
    "PIL", "alembic", "apispec", "aws_xray_sdk", BATCH, "boto3", "botocore.session", "jinja2", "jwt", "pg8000", "redis",
    "sqlalchemy",
}  # fmt: skip
DATABASE = {"pg8000", "sqlalchemy"}
BOTO = {"boto3", "botocore.session"}
ANY_ID = "01a203a3-0000-7000-8000-000000000000"
CONFIRMED = {
    "id": ANY_ID,
    "type": "order.confirmed",
    "version": 1,
    "occurred_at": "2026-01-31T12:00:00.000Z",
    "data": {
        "id": ANY_ID,
        "buyer_id": ANY_ID,
        "status": "confirmed",
        "version": 2,
        "total": {"amount": 0, "currency": "EUR"},
        "lines": [],
        "placed_at": "2026-01-31T12:00:00Z",
        "confirmed_at": "2026-01-31T12:00:00Z",
    },
}
PERSON = {"id": ANY_ID, "email": "person@example.com", "name": "", "version": 2, "created_at": "2026-01-31T12:00:00Z"}
CHANGED = CONFIRMED | {"type": "user.changed", "data": PERSON}
RECORDED = CONFIRMED | {"pk": f"person#{ANY_ID}", "sk": f"feed#{ANY_ID}", "kind": "activity", "correlation_id": ""}
BOUNCE = {"bounceType": "Permanent", "bouncedRecipients": [{"emailAddress": "person@example.com"}]}
STEP = {"refund_id": ANY_ID, "attempt": 1, "correlation_id": "test-refund"}
INVOCATIONS: dict[str, tuple[Any, set[str]]] = {
    "rank_bestsellers": (bus_event(json.dumps(CONFIRMED)), DATABASE | {"redis"}),
    "record_bounces": (sns_event({"eventType": "Bounce", "bounce": BOUNCE}), DATABASE),
    "fulfil_orders": (sqs_event("orders.fifo", [json.dumps(CONFIRMED)], ["group"]), DATABASE | {BATCH}),
    "send_emails": (sqs_event("emails", [json.dumps(CONFIRMED)]), DATABASE | {BATCH, "jinja2"}),
    "send_pushes": (sqs_event("pushes", [json.dumps(CONFIRMED)]), DATABASE | {BATCH}),
    "publish_upload": (
        created("marketplace-local-media", "incoming/x", "1", "0" * 32, 1),
        DATABASE | BOTO,
    ),
    "websocket_connect": (socket_event("CONNECT", "A1=", queryStringParameters={"ticket": "A" * 43}), BOTO),
    "websocket_disconnect": (socket_event("DISCONNECT", "A1="), BOTO),
    "websocket_message": (socket_event("MESSAGE", "A1=", body='{"action": "ping"}'), BOTO),
    "record_activity": (notification(json.dumps(CONFIRMED)), BOTO),
    "record_profiles": (bus_event(json.dumps(CHANGED)), BOTO),
    "push_activity": (stream_event(RECORDED), BOTO | {BATCH}),
    "sweep_connections": (scheduled_event(), BOTO),
    "relay_outbox": (scheduled_event(), DATABASE),
    "expire_orders": (scheduled_event(), DATABASE),
    "purge_expired": (scheduled_event(), DATABASE),
    "dead_letters": ({"action": "list"}, DATABASE | BOTO),
    "cancel_for_refund": (STEP, DATABASE),
    "return_money": (STEP, DATABASE),
    "give_up_refund": (STEP | {"error": {"Error": "Unavailable"}}, DATABASE),
}
"""What each function is invoked with, and what it may load for it; nothing it depends on can be reached."""
SIGN_UP = {"request": {"userAttributes": {"email": "person@example.com"}}, "response": {}}
REFUSED = {"request": {"userAttributes": {"email": "person@mailinator.com"}}, "response": {}}
NOWHERE = {
    "version": "2.0",
    "routeKey": "GET /nowhere",
    "rawPath": "/api/nowhere",
    "requestContext": {"stage": "api", "http": {"method": "GET", "path": "/api/nowhere"}},
}
ANONYMOUS = {
    "type": "REQUEST",
    "headers": {},
    "methodArn": "arn:aws:execute-api:eu-central-1:1:api/api/GET/admin/audit",
}


def test_a_registration_is_checked_without_anything_heavy() -> None:
    assert _loaded_by(f"import app; app.pre_sign_up({SIGN_UP!r}, None)") == set()


def test_a_registration_is_refused_without_anything_heavy() -> None:
    refusal = f"""
import app
try:
    app.pre_sign_up({REFUSED!r}, None)
except Exception as error:
    assert type(error).__name__ == "EmailNotAccepted", error
else:
    raise SystemExit("not refused")
"""
    assert _loaded_by(refusal) == set()


def test_the_admin_authorizer_loads_the_token_library_alone() -> None:
    assert _loaded_by(f"import app; app.admin_auth({ANONYMOUS!r}, None)") <= {"jwt"}


def test_an_unknown_path_is_answered_without_anything_heavy() -> None:
    assert _loaded_by(f"import app; assert app.app({NOWHERE!r}, None)['statusCode'] == 404") == set()


def test_the_api_function_loads_what_it_serves_while_it_starts() -> None:
    loaded = _loaded_by("import app", AWS_LAMBDA_FUNCTION_NAME="marketplace-dev-api_handler")

    assert {"sqlalchemy", "pg8000"} <= loaded
    assert not loaded - {"sqlalchemy", "pg8000"}


def test_every_other_function_starts_without_anything_heavy() -> None:
    assert _loaded_by("import app", AWS_LAMBDA_FUNCTION_NAME="marketplace-dev-post_confirmation") == set()


@pytest.mark.parametrize("name", INVOCATIONS)
def test_each_function_loads_what_it_needs_and_nothing_else(name: str) -> None:
    event, needed = INVOCATIONS[name]
    invocation = f"""
import app
from tests.events import Context
try:
    app.{name}({event!r}, Context(60_000))
except Exception as error:
    assert type(error).__name__ in {{"Unavailable", "BatchFailed"}}, error
"""
    nowhere = {
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_LAMBDA_FUNCTION_NAME": f"marketplace-dev-{name}",
        "CACHE_URL": "redis://127.0.0.1:9/0",
        "DATABASE_TLS": "disable",
        "REALTIME_ENDPOINT": "http://127.0.0.1:9/ws",
        "DATABASE_URL": "postgresql://nobody:secret@127.0.0.1:9/nowhere",
    }

    assert _loaded_by(invocation, **nowhere) == needed


def test_importing_the_application_loads_nothing_heavy() -> None:
    assert _loaded_by("import app") == set()


def test_what_the_api_does_with_uploads_loads_no_image_library() -> None:
    used = "from chalicelib import uploads; uploads.start, uploads.read, uploads.original"

    assert _loaded_by(f"import app; {used}", AWS_LAMBDA_FUNCTION_NAME="marketplace-dev-api_handler") == DATABASE


def test_the_check_itself_notices_a_heavy_import() -> None:
    assert _loaded_by("import app, chalicelib.database; chalicelib.database.read") >= {"sqlalchemy", "pg8000"}


def _loaded_by(code: str, **variables: str) -> set[str]:
    """The heavy packages in `sys.modules` of a fresh interpreter that ran `code`."""
    report = "\nimport sys, json; print(json.dumps(sorted(sys.modules)))"
    return HEAVY & set(json.loads(run_python(code + report, **variables).splitlines()[-1]))
