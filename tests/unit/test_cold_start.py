"""Importing `app.py` is on the way of every function's first request: what it must not load is asserted here."""

from __future__ import annotations

import json

from tests.environment import run_python

HEAVY = {"alembic", "apispec", "aws_xray_sdk", "boto3", "botocore.session", "jwt", "pg8000", "redis", "sqlalchemy"}
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


def test_the_check_itself_notices_a_heavy_import() -> None:
    assert _loaded_by("import app, chalicelib.database; chalicelib.database.read") >= {"sqlalchemy", "pg8000"}


def _loaded_by(code: str, **variables: str) -> set[str]:
    """The heavy packages in `sys.modules` of a fresh interpreter that ran `code`."""
    report = "\nimport sys, json; print(json.dumps(sorted(sys.modules)))"
    return HEAVY & set(json.loads(run_python(code + report, **variables).splitlines()[-1]))
