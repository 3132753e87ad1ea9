"""Secrets, read from Secrets Manager over HTTP: how long a value is kept, and what happens when it cannot be read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from aws_lambda_powertools.utilities.parameters import base

from chalicelib import clients, secrets
from chalicelib.errors import Unavailable
from tests.clock import Clock
from tests.environment import configured
from tests.log_lines import LogLines
from tests.services import Aws


@dataclass
class Stored:
    """A secret in Secrets Manager."""

    name: str
    manager: Any

    def becomes(self, value: object) -> None:
        """Stores another value, as JSON unless it is a text."""
        text = value if isinstance(value, str) else json.dumps(value)
        self.manager.put_secret_value(SecretId=self.name, SecretString=text)


@pytest.fixture
def stored(aws: Aws) -> Iterator[Stored]:
    manager = aws.client("secretsmanager")
    secret = Stored(f"test/{uuid4()}", manager)
    manager.create_secret(Name=secret.name, SecretString='{"password": "first"}')
    with configured(**aws.settings):
        yield secret


@pytest.fixture(autouse=True)
def _without_network_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """An endpoint that refuses is asked once."""
    monkeypatch.setattr(clients, "ATTEMPTS", 1)


def test_a_secret_is_a_json_object(stored: Stored) -> None:
    assert secrets.secret(stored.name) == {"password": "first"}


def test_a_value_is_kept_for_five_minutes(stored: Stored, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    _follow(clock, monkeypatch)
    secrets.secret(stored.name)
    stored.becomes({"password": "second"})

    assert secrets.secret(stored.name) == {"password": "first"}
    clock.advance(secrets.FRESH_SECONDS - 5)
    assert secrets.secret(stored.name) == {"password": "first"}
    clock.advance(10)
    assert secrets.secret(stored.name) == {"password": "second"}


def test_a_value_that_was_refused_is_read_again_at_once(stored: Stored) -> None:
    secrets.secret(stored.name)
    stored.becomes({"password": "second"})

    assert secrets.secret(stored.name, fresh=True) == {"password": "second"}
    assert secrets.secret(stored.name) == {"password": "second"}


def test_while_the_service_is_down_the_last_good_value_goes_on_for_a_day(
    stored: Stored, clock: Clock, monkeypatch: pytest.MonkeyPatch, logs: LogLines
) -> None:
    _follow(clock, monkeypatch)
    secrets.secret(stored.name)
    _service_goes_down(monkeypatch)

    clock.advance(secrets.FRESH_SECONDS + 1)
    assert secrets.secret(stored.name) == {"password": "first"}
    assert secrets.secret(stored.name, fresh=True) == {"password": "first"}
    assert "first" not in logs.text
    clock.advance(secrets.LAST_GOOD_SECONDS)
    with pytest.raises(Unavailable):
        secrets.secret(stored.name)


def test_a_secret_that_was_never_read_is_unavailable_while_the_service_is_down(
    stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    _service_goes_down(monkeypatch)

    with pytest.raises(Unavailable) as outage:
        secrets.secret(stored.name)
    assert outage.value.retry_after > 0


def test_a_secret_that_does_not_exist_is_unavailable(stored: Stored) -> None:
    with pytest.raises(Unavailable):
        secrets.secret("missing")


@pytest.mark.parametrize("value", ["s3cret", "{", "[]", '"s3cret"', "1", "null", ""])
def test_a_secret_that_is_no_object_is_unavailable_and_not_told(stored: Stored, value: str, logs: LogLines) -> None:
    stored.becomes(value or "{]")

    with pytest.raises(Unavailable) as refusal:
        secrets.secret(stored.name)

    assert "s3cret" not in str(refusal.value)
    assert "s3cret" not in logs.text


def test_what_a_caller_does_to_a_value_stays_with_the_caller(stored: Stored, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets.secret(stored.name)
    _service_goes_down(monkeypatch)
    secrets.secret(stored.name, fresh=True)["password"] = "changed"

    assert secrets.secret(stored.name, fresh=True) == {"password": "first"}


def _follow(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the clock of the cache and that of its owner be the test's."""

    class Moments(base.datetime):  # type: ignore[misc, name-defined]
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return base.datetime.fromtimestamp(clock.time(), tz)

    monkeypatch.setattr(secrets, "time", clock)
    monkeypatch.setattr(base, "datetime", Moments)


def _service_goes_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    clients.client.cache_clear()
    clients._session.cache_clear()
    secrets._provider.cache_clear()
