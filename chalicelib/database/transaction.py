"""Running work against the database: reads in autocommit, writes in one transaction that the edge commits.

Services and repositories ask for `connection()` and never commit. The connection is taken when the first statement
needs it, so a request that is served from the cache touches no database.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import TypeVar

from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from chalicelib.database import sqlstate
from chalicelib.database.engine import engine
from chalicelib.errors import Unavailable
from chalicelib.observability import count, logger

ATTEMPTS = 3
BACKOFF_SECONDS = 0.02

Result = TypeVar("Result")


class UnitOfWork:
    """One piece of work and its connection, taken lazily; what is to happen after the commit is kept with it."""

    def __init__(self, *, writes: bool) -> None:
        self._writes = writes
        self._connection: Connection | None = None
        self.committing = False
        self.after_commit: list[Callable[[], None]] = []

    @property
    def connection(self) -> Connection:
        """The connection, inside a transaction when the work writes."""
        if self._connection is None:
            self._connection = engine().connect()
            if self._writes:
                self._connection.connection.dbapi_connection.begin()  # type: ignore[union-attr]
        return self._connection

    def commit(self) -> None:
        """Makes the work durable; sends nothing when no statement was executed."""
        if self._connection is not None:
            self.committing = True
            self._connection.commit()

    def close(self) -> None:
        """Gives the connection back, undoing what was not committed."""
        if self._connection is not None:
            self._connection.close()


_current: ContextVar[UnitOfWork | None] = ContextVar("unit_of_work", default=None)


def connection() -> Connection:
    """The connection of the work at hand. Raises `RuntimeError` outside of `read` and `write`."""
    unit = _current.get()
    if unit is None:
        raise RuntimeError("database.connection() is only there inside database.read(...) or database.write(...)")
    return unit.connection


def after_commit(action: Callable[[], None]) -> None:
    """Runs `action` once the transaction at hand has committed; never when it has not."""
    unit = _current.get()
    if unit is None:
        raise RuntimeError("database.after_commit() is only there inside database.write(...)")
    unit.after_commit.append(action)


def read(work: Callable[[], Result]) -> Result:
    """The result of `work`, whose statements run in autocommit. A broken connection is replaced once, unnoticed.

    Raises `Unavailable` when the database is, `Conflict` or `Invalid` for what it refuses.
    """
    return _attempted(lambda: _run(work, writes=False))


def write(work: Callable[[], Result]) -> Result:
    """The result of `work`, committed. `work` may run again after a deadlock or a connection lost before the commit.

    Raises as `read` does. A connection lost during the commit is `Unavailable`: whether it happened is not known, and
    only an idempotent caller may try again.
    """
    return _attempted(lambda: _run(work, writes=True))


def _run(work: Callable[[], Result], *, writes: bool) -> Result:
    unit = UnitOfWork(writes=writes)
    token = _current.set(unit)
    try:
        result = work()
        unit.commit()
    except DBAPIError as error:
        if unit.committing:
            raise _CommitInDoubt(error) from error
        raise
    finally:
        _current.reset(token)
        unit.close()
    for action in unit.after_commit:
        action()
    return result


class _CommitInDoubt(Exception):
    """The answer to COMMIT never came, or was an error."""

    def __init__(self, error: DBAPIError) -> None:
        super().__init__(str(error.orig))
        self.orig = error.orig


def _attempted(run: Callable[[], Result]) -> Result:
    attempt = 0
    while True:
        attempt += 1
        try:
            return run()
        except PoolTimeout:
            raise Unavailable("The database is busy.", retry_after=1) from None
        except _CommitInDoubt as error:
            raise _translated(error.orig) from None
        except DBAPIError as error:
            if attempt >= _attempts_for(error):
                raise _translated(error.orig) from None
            count("DatabaseRetries")
            time.sleep(random.uniform(0, BACKOFF_SECONDS * attempt))  # noqa: S311


def _attempts_for(error: DBAPIError) -> int:
    """A lost race is run three times; a connection that went stale while it was held is replaced once."""
    if sqlstate.is_serialization_failure(error.orig):
        return ATTEMPTS
    return 2 if error.connection_invalidated else 1


def _translated(original: BaseException | None) -> Exception:
    """The error for the caller. The server's text can hold values, so it is told for defects of ours alone."""
    code = sqlstate.of(original)
    known = sqlstate.translated(original)
    logger.warning(
        "database error", extra={"sqlstate": code or "connection", "constraint": sqlstate.constraint(original)}
    )
    return known or RuntimeError(f"database error {code}: {sqlstate.message(original)}")
