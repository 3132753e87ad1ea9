"""How the application is let in by PostgreSQL: URL, secret, IAM token, and TLS."""

from __future__ import annotations

import dataclasses
import json
import socket
import struct
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import boto3
import botocore.auth
import pytest
from sqlalchemy import text

from chalicelib import database
from chalicelib.config import ConfigurationError
from chalicelib.database.credentials import credentials
from chalicelib.errors import Unavailable
from local.postgresql import Login
from tests.environment import configured
from tests.gateway import HttpApi
from tests.people import enrolled
from tests.proxies import Listener, certificate_for, tls_in_front_of
from tests.services import Aws, Services

PLAIN = {"DATABASE_TLS": "disable"}


# --- a URL ------------------------------------------------------------------------------------------------------------


def test_a_url_says_everything() -> None:
    with configured(DATABASE_URL="postgresql://some%40one:p%2Fss%3Aw%25rd@db.example:6543/shop"):
        known = credentials()

    assert (known.host, known.port, known.database, known.user) == ("db.example", 6543, "shop", "some@one")
    assert known.password == "p/ss:w%rd"


def test_a_password_is_not_part_of_how_credentials_look() -> None:
    with configured(DATABASE_URL="postgresql://u:s3cret@h/d"):
        assert "s3cret" not in repr(credentials())


def test_without_any_way_to_connect_the_settings_are_wrong() -> None:
    with configured(DATABASE_HOST="h"), pytest.raises(ConfigurationError, match="DATABASE_SECRET_ARN"):
        credentials()


# --- a secret ---------------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Account:
    """A role of its own, whose password is in Secrets Manager."""

    services: Services
    secrets: Any
    login: Login
    name: str

    def rotate(self) -> None:
        """Gives the role a new password, as the rotation of a secret does, and ends its connections."""
        self.login = dataclasses.replace(self.login, password=uuid4().hex)
        self.secrets.put_secret_value(SecretId=self.name, SecretString=json.dumps(dataclasses.asdict(self.login)))
        self.services.sql(f"ALTER ROLE {self.login.username} PASSWORD '{self.login.password}'")
        self.services.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = :role", role=self.login.username
        )


@pytest.fixture
def account(services: Services, aws: Aws) -> Iterator[Account]:
    role = f"app_{uuid4().hex}"
    login = dataclasses.replace(services.app, username=role, password=uuid4().hex)
    services.sql(f"CREATE ROLE {role} LOGIN PASSWORD '{login.password}' IN ROLE marketplace_app")
    secrets = aws.client("secretsmanager")
    secrets.create_secret(Name=role, SecretString=json.dumps(dataclasses.asdict(login)))
    yield Account(services, secrets, login, role)
    services.sql(f"DROP ROLE {role}")


@pytest.fixture
def with_secret(environment: dict[str, str], account: Account) -> Iterator[None]:
    """The API function, which reads the account's password from Secrets Manager."""
    variables = {name: value for name, value in environment.items() if name != "DATABASE_URL"}
    with configured(**variables, DATABASE_SECRET_ARN=account.name):
        yield


def test_a_secret_is_in_the_shape_of_rds(with_secret: None, account: Account) -> None:
    assert credentials().user == account.login.username
    assert _user() == account.login.username


@pytest.mark.parametrize(
    "value", [{}, {"host": "h"}, {"host": "h", "port": "x", "dbname": "d", "username": "u", "password": "s3cret"}]
)
def test_a_secret_of_another_shape_is_a_wrong_setting(with_secret: None, account: Account, value: Any) -> None:
    account.secrets.put_secret_value(SecretId=account.name, SecretString=json.dumps(value))

    with pytest.raises(ConfigurationError) as refusal:
        credentials()
    assert "s3cret" not in str(refusal.value)


def test_after_a_rotation_the_next_request_reads_the_secret_again(with_secret: None, account: Account) -> None:
    assert _user() == account.login.username
    account.rotate()

    assert _user() == account.login.username


def test_a_password_that_is_wrong_for_good_is_asked_for_twice_and_unavailable(
    with_secret: None, account: Account, services: Services
) -> None:
    services.sql(f"ALTER ROLE {account.login.username} PASSWORD 'another'")
    begin = services.log.stat().st_size

    with pytest.raises(Unavailable):
        _user()

    refused = services.log.read_text()[begin:].count("password authentication failed")
    assert refused == 2


def test_rotating_the_secret_under_load_fails_no_request(with_secret: None, account: Account, api: HttpApi) -> None:
    person = enrolled()
    stop, failures, served = Event(), [], [0] * 4

    def ask(number: int) -> None:
        while not stop.is_set():
            answer = api.send("GET", "/me", person)
            if answer.status != 200:
                failures.append(answer)
            served[number] += 1

    threads = [Thread(target=ask, args=(number,)) for number in range(len(served))]
    for thread in threads:
        thread.start()
    for _ in range(10):
        account.rotate()
        _wait_until_each_has_grown(served, stop)
    stop.set()
    for thread in threads:
        thread.join()

    assert failures == []
    assert min(served) >= 10


def _wait_until_each_has_grown(counters: list[int], stop: Event) -> None:
    before = list(counters)
    for _ in range(2000):
        if all(now > then + 1 for now, then in zip(counters, before, strict=True)):
            return
        stop.wait(0.005)
    raise AssertionError("nobody is served any more")


# --- an IAM token -----------------------------------------------------------------------------------------------------


def test_every_connection_is_made_with_a_token_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    passwords: list[str] = []
    now = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

    def later() -> datetime:
        nonlocal now
        now += timedelta(minutes=10)
        return now

    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *_, **__: later())
    with Listener(_asks_for_a_password(passwords)) as server:
        host = {"DATABASE_HOST": "127.0.0.1", "DATABASE_PORT": str(server.port), "DATABASE_USER": "marketplace_app"}
        with configured(**PLAIN, **host):
            for _ in range(2):
                with pytest.raises(Unavailable):
                    _user()

    assert len(passwords) == len(set(passwords)) == 4
    for password in passwords:
        url = urlsplit(f"https://{password}")
        query = {name: value[0] for name, value in parse_qs(url.query).items()}
        assert (url.hostname, url.port, url.path) == ("127.0.0.1", server.port, "/")
        assert query["Action"] == "connect"
        assert query["DBUser"] == "marketplace_app"
        assert query["X-Amz-Algorithm"] == "AWS4-HMAC-SHA256"
        assert query["X-Amz-Expires"] == "900"
        assert "/eu-central-1/rds-db/aws4_request" in query["X-Amz-Credential"]
        assert len(query["X-Amz-Signature"]) == 64


def test_the_token_is_the_one_that_boto3_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *_, **__: datetime(2026, 11, 22, tzinfo=UTC))
    with configured(DATABASE_HOST="proxy.example", DATABASE_USER="marketplace_app"):
        signed = boto3.client("rds").generate_db_auth_token("proxy.example", 5432, "marketplace_app")
        ours, boto3s = (urlsplit(f"https://{token}") for token in (credentials().password, signed))
    assert (ours.netloc, ours.path) == (boto3s.netloc, boto3s.path)
    assert parse_qs(ours.query) == parse_qs(boto3s.query)


def test_without_credentials_of_its_own_a_function_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("boto3.session.Session.get_credentials", lambda _: None)
    with configured(DATABASE_HOST="proxy.example", DATABASE_USER="marketplace_app"), pytest.raises(Unavailable):
        credentials()


def _asks_for_a_password(passwords: list[str]) -> Callable[[socket.socket], None]:
    """A server that asks for a password in the clear, as RDS does for IAM, notes it, and refuses it."""

    def talk(client: socket.socket) -> None:
        client.recv(4096)
        client.sendall(b"R" + struct.pack("!ii", 8, 3))
        passwords.append(client.recv(8192)[5:-1].decode())
        refusal = b"SFATAL\0VFATAL\0C28P01\0Mrefused\0\0"
        client.sendall(b"E" + struct.pack("!i", len(refusal) + 4) + refusal)

    return talk


# --- TLS --------------------------------------------------------------------------------------------------------------


def test_over_tls_a_server_with_the_right_certificate_is_trusted(services: Services, tmp_path: Path) -> None:
    certificate = certificate_for("localhost", tmp_path / "right")

    with (
        tls_in_front_of(services.app.host, services.app.port, certificate) as server,
        _verifying(services, "localhost", server.port, certificate.authority),
    ):
        assert _user() == "marketplace_app"


@pytest.mark.parametrize("flaw", ["another authority", "another host", "no authority"])
def test_over_tls_a_server_with_another_certificate_is_refused(services: Services, tmp_path: Path, flaw: str) -> None:
    right = certificate_for("localhost", tmp_path / "right")
    authorities = {
        "another authority": certificate_for("localhost", tmp_path / "other").authority,
        "another host": right.authority,
        "no authority": "",
    }
    host = "127.0.0.1" if flaw == "another host" else "localhost"

    with (
        tls_in_front_of(services.app.host, services.app.port, right) as server,
        _verifying(services, host, server.port, authorities[flaw]),
        pytest.raises(Unavailable),
    ):
        _user()


def test_a_server_without_tls_is_refused(services: Services, tmp_path: Path) -> None:
    authority = certificate_for("localhost", tmp_path / "right").authority

    with _verifying(services, "localhost", services.app.port, authority), pytest.raises(Unavailable):
        _user()


@pytest.mark.parametrize("answer", [b"", b"S", b"\x00", b"E", b"SSL?"], ids=repr)
def test_a_server_that_breaks_off_the_greeting_is_unavailable(
    services: Services, tmp_path: Path, answer: bytes
) -> None:
    def talk(client: socket.socket) -> None:
        client.recv(8)
        client.sendall(answer)

    authority = certificate_for("localhost", tmp_path / "right").authority
    with (
        Listener(talk) as server,
        _verifying(services, "localhost", server.port, authority),
        pytest.raises(Unavailable),
    ):
        _user()


@pytest.mark.parametrize("answer", [b"", b"R", b"HTTP/1.1 400 Bad Request\r\n\r\n"], ids=repr)
def test_a_server_that_breaks_off_the_sign_in_is_unavailable(answer: bytes) -> None:
    def talk(client: socket.socket) -> None:
        client.recv(4096)
        client.sendall(answer)

    with (
        Listener(talk) as server,
        configured(**PLAIN, DATABASE_URL=f"postgresql://u:p@127.0.0.1:{server.port}/d"),
        pytest.raises(Unavailable),
    ):
        _user()


def _verifying(services: Services, host: str, port: int, authority: Path | str) -> Any:
    url = dataclasses.replace(services.app, host=host, port=port).url()
    return configured(DATABASE_URL=url, DATABASE_CA_FILE=str(authority))


def _user() -> str:
    return str(database.read(lambda: database.connection().execute(text("SELECT current_user")).scalar_one()))
