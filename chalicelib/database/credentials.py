"""How to be let in by PostgreSQL: a URL, a secret in Secrets Manager, or an IAM token."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from chalicelib import clients, config, secrets


@dataclass(frozen=True)
class Credentials:
    """One complete answer to "where, and as whom"."""

    host: str
    port: int
    database: str
    user: str
    password: str = field(repr=False)


def credentials(*, fresh: bool = False) -> Credentials:
    """What to connect with now; `fresh` after a refusal, so that a rotated secret is read again.

    Raises `config.ConfigurationError` when no way is configured and `Unavailable` when the secret cannot be read.
    """
    settings = config.current().database
    if settings.url:
        return _from_url(settings.url)
    if settings.secret:
        return _from_secret(settings.secret, fresh=fresh)
    if settings.host and settings.user:
        return _from_iam(settings)
    raise config.ConfigurationError("set DATABASE_SECRET_ARN, DATABASE_URL, or DATABASE_HOST and DATABASE_USER")


def _from_url(url: str) -> Credentials:
    parts = urlsplit(url)
    return Credentials(
        host=parts.hostname or "localhost",
        port=parts.port or 5432,
        database=unquote(parts.path.lstrip("/")) or "postgres",
        user=unquote(parts.username or "postgres"),
        password=unquote(parts.password or ""),
    )


def _from_secret(name: str, *, fresh: bool) -> Credentials:
    """The shape that RDS writes and rotates: host, port, dbname, username, password."""
    value = secrets.secret(name, fresh=fresh)
    try:
        return Credentials(
            host=value["host"],
            port=int(value["port"]),
            database=value["dbname"],
            user=value["username"],
            password=value["password"],
        )
    except (KeyError, ValueError):
        raise config.ConfigurationError("the database secret needs host, port, dbname, username and password") from None


def _from_iam(settings: config.Database) -> Credentials:
    """An IAM token is valid for 15 minutes and only needed to connect, so a new one is signed for each connection."""
    token = clients.login_token("rds-db", f"{settings.host}:{settings.port}", DBUser=settings.user)
    return Credentials(settings.host, settings.port, settings.name, settings.user, token)
