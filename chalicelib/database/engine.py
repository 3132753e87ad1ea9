"""The engine: one held connection per execution environment, made on first use, thrown away when in doubt."""

from __future__ import annotations

import ssl
from functools import lru_cache
from typing import Any

import pg8000.dbapi
from sqlalchemy import create_engine, event
from sqlalchemy.engine import Engine, ExceptionContext
from sqlalchemy.pool import QueuePool

from chalicelib import config
from chalicelib.database import driver, sqlstate
from chalicelib.database.credentials import Credentials, credentials
from chalicelib.observability import count

CONNECT_SECONDS = 2.0
READ_SECONDS = 8.0
"""Longer than the role's `statement_timeout`, so that the server gives up first and says why."""


@lru_cache(maxsize=1)
def engine() -> Engine:
    """The engine of this process. Making it opens no connection."""
    return make_engine(config.current().database)


def make_engine(settings: config.Database) -> Engine:
    """A new engine for `settings`: no pre-ping and no reset statements, since a broken connection is noticed in use."""
    made = create_engine(
        "postgresql+roundtrip://",
        creator=_connect,
        poolclass=QueuePool,
        pool_size=settings.pool_size,
        max_overflow=0,
        pool_timeout=CONNECT_SECONDS,
        hide_parameters=True,
    )
    event.listen(made, "handle_error", distrust_connection)
    return made


def distrust_connection(context: ExceptionContext) -> None:
    """Discards the connection after any error that is not the server's own answer to the statement.

    An exception that the driver did not expect (an unencodable parameter, a signal, a time-out in mid-answer) may leave
    unread answers on the wire, and the next user of the connection would read them as their own.
    """
    original = context.original_exception
    answered = isinstance(original, pg8000.dbapi.DatabaseError) and not sqlstate.is_disconnect(original)
    if answered:
        return
    if isinstance(original, pg8000.dbapi.Error):
        context.is_disconnect = True
    elif context.connection is not None:
        context.connection.invalidate(original)


def _connect() -> Any:
    """A new connection; a refused password is read again once, as it may have been rotated meanwhile."""
    try:
        return _open(credentials())
    except pg8000.dbapi.DatabaseError as error:
        if sqlstate.of(error) not in sqlstate.BAD_CREDENTIALS:
            raise
    count("DatabaseCredentialsRefreshed")
    return _open(credentials(fresh=True))


def _open(known: Credentials) -> driver.Connection:
    return driver.Connection(
        known.host,
        known.port,
        connect_seconds=CONNECT_SECONDS,
        read_seconds=READ_SECONDS,
        database=known.database,
        user=known.user,
        password=known.password,
        ssl_context=_tls(),
        application_name=config.function_name() or "marketplace",
    )


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext | bool:
    """Certificate and host name are verified, against the regional RDS bundle where one is configured."""
    settings = config.current().database
    return ssl.create_default_context(cafile=settings.ca_file or None) if settings.tls else False
