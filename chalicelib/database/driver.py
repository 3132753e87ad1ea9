"""pg8000 in one round trip a statement, and its SQLAlchemy dialect.

pg8000 waits for the server three times a statement (Parse, Describe, Bind), sends BEGIN and ROLLBACK on their own, and
encodes parameters when part of the statement is already on the wire: one that cannot be encoded leaves the connection a
response out of step. Here everything is encoded first and sent with a single Sync, BEGIN travels with the first
statement of a transaction, and no named statement is left behind, so there is nothing for RDS Proxy to pin.
Protocol: https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-EXT-QUERY
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import suppress
from struct import pack
from typing import Any

import pg8000
import pg8000.dbapi
from pg8000.converters import make_params
from pg8000.core import Context
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.pg8000 import PGDialect_pg8000

NULL = b"\x00"
SYNC = b"S" + pack("!i", 4)
DESCRIBE = b"D" + pack("!i", 6) + b"S" + NULL
EXECUTE = b"E" + pack("!i", 9) + NULL + pack("!i", 0)


class Cursor(pg8000.dbapi.Cursor):  # type: ignore[misc]
    """A cursor that takes PostgreSQL's own placeholders (`$1`), so that no statement is rewritten."""

    def execute(self, operation: str, args: Sequence[Any] = (), stream: Any = None) -> None:
        """Runs `operation`; without arguments it may hold several statements."""
        if self._c._sock is None:
            raise pg8000.dbapi.InterfaceError("connection is closed")
        context = self._c.execute_unnamed(operation, vals=args) if args else self._c.execute_simple(operation)
        self._context = context
        self._row_iter = None if context.rows is None else iter(context.rows)


class Connection(pg8000.dbapi.Connection):  # type: ignore[misc]
    """A connection in autocommit until `begin()` is called.

    Raises `pg8000.dbapi.InterfaceError` when the server cannot be reached within `connect_seconds` and
    `pg8000.dbapi.DatabaseError` when it refuses; a read that takes longer than `read_seconds` breaks the connection.
    """

    def __init__(self, host: str, port: int, *, connect_seconds: float, read_seconds: float, **kwargs: Any) -> None:
        self._begin_is_due = False
        try:
            super().__init__(host=host, port=port, sock=_open(host, port, connect_seconds), **kwargs)
        except OSError as error:
            raise pg8000.dbapi.InterfaceError("network error: no connection that can be trusted") from error
        self._usock.settimeout(read_seconds)
        self.autocommit = True

    def cursor(self) -> Cursor:
        """A new cursor."""
        return Cursor(self)

    def begin(self) -> None:
        """Starts a transaction; BEGIN is sent together with its first statement."""
        self._begin_is_due = True

    def commit(self) -> None:
        """Commits what was begun; sends nothing when nothing was."""
        self._end("commit")

    def rollback(self) -> None:
        """Undoes what was begun; sends nothing when nothing was."""
        self._end("rollback")

    def close(self) -> None:
        """Says goodbye and closes the socket; a server that is gone already is no error."""
        with suppress(pg8000.dbapi.InterfaceError):
            super().close()

    def execute_simple(self, statement: str) -> Context:
        """Runs `statement` by the simple protocol."""
        if self._begin_is_due:
            self._begin_is_due = False
            super().execute_simple("begin")
        return super().execute_simple(statement)

    def execute_unnamed(
        self, statement: str, vals: Sequence[Any] = (), oids: Sequence[int] = (), stream: Any = None
    ) -> Context:
        """Runs `statement` with `vals` in one round trip. Nothing is sent when a value cannot be encoded."""
        batch = self._parse(statement, oids) + DESCRIBE + self._bind(make_params(self.py_types, vals)) + EXECUTE + SYNC
        begins, self._begin_is_due = self._begin_is_due, False
        if begins:
            batch = _message(b"Q", b"begin" + NULL) + batch
        self._send(batch)
        if begins:
            self.handle_messages(Context("begin"))
        context = Context(statement)
        self.handle_messages(context)
        return context

    def handle_messages(self, context: Context) -> None:
        """Reads answers up to the server's ReadyForQuery. Raises `InterfaceError` when the connection breaks."""
        try:
            super().handle_messages(context)
        except OSError as error:
            raise pg8000.dbapi.InterfaceError("network error") from error

    def _send(self, data: bytes) -> None:
        try:
            self._usock.sendall(data)
        except OSError as error:
            raise pg8000.dbapi.InterfaceError("network error") from error

    def _end(self, statement: str) -> None:
        self._begin_is_due = False
        if self._in_transaction:
            super().execute_simple(statement)

    def _parse(self, statement: str, oids: Sequence[int]) -> bytes:
        types = b"".join(pack("!i", max(oid, 0)) for oid in oids)
        return _message(b"P", NULL + statement.encode() + NULL + pack("!H", len(oids)) + types)

    def _bind(self, values: Sequence[str | None]) -> bytes:
        encoded = b"".join(_parameter(value) for value in values)
        return _message(b"B", NULL + NULL + pack("!HH", 0, len(values)) + encoded + pack("!H", 0))


class Dialect(PGDialect_pg8000):
    """SQLAlchemy's pg8000 dialect on `Connection`; it asks the server nothing at its first connection."""

    supports_statement_cache = True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs | {"paramstyle": "numeric_dollar"})  # type: ignore[no-untyped-call]

    def _get_server_version_info(self, connection: Any) -> tuple[int, ...]:
        version = connection.connection.dbapi_connection.parameter_statuses["server_version"]
        return tuple(int(part) for part in version.split()[0].split(".") if part.isdecimal())

    def _get_default_schema_name(self, connection: Any) -> str:
        return "public"

    def get_default_isolation_level(self, dbapi_conn: Any) -> Any:
        """PostgreSQL's own default."""
        return "READ COMMITTED"

    def _set_backslash_escapes(self, connection: Any) -> None:
        self._backslash_escapes = False


registry.register("postgresql.roundtrip", __name__, "Dialect")


def _open(host: str, port: int, seconds: float) -> socket.socket:
    try:
        sock = socket.create_connection((host, port), timeout=seconds)
    except OSError as error:
        raise pg8000.dbapi.InterfaceError("network error: the server cannot be reached") from error
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def _message(code: bytes, payload: bytes) -> bytes:
    return code + pack("!i", len(payload) + 4) + payload


def _parameter(value: str | None) -> bytes:
    if value is None:
        return pack("!i", -1)
    data = value.encode()
    return pack("!i", len(data)) + data
